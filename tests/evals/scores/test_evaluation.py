"""An evaluation from the first null agent to the verdict: what is played, when it stops, what is not played twice."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import pytest

from holdfast import Agent, tool
from holdfast.evals.cases.case import parse
from holdfast.evals.cases.world import Effect, World
from holdfast.evals.grading import graders
from holdfast.evals.scores.evaluation import Evaluation
from holdfast.evals.scores.gates import families
from holdfast.evals.scores.scorecard import Scorecard, as_baseline, planned
from holdfast.evals.trials.cache import Cache
from holdfast.evals.trials.code_digest import code_digest
from holdfast.evals.trials.trial import Player, Suite, TrialRunner, playing
from holdfast.journal.open import open_journal
from holdfast.journal.port import Where
from holdfast.models.scripted import call, decline, done, script, script_by
from holdfast.shell.folder import load
from tests.cli.bills import write_agent


class Till:
    def __init__(self) -> None:
        self.payments: list[dict[str, Any]] = []


@tool.write(timeout=5)
def pay(order: str, cents: int, *, till: Till) -> str:
    """Pay back."""
    till.payments.append({"order": order, "cents": cents})
    return "paid"


@asynccontextmanager
async def world(state):
    till = Till()
    yield World((till,), lambda: [Effect("pay", one) for one in till.payments])


AGENT: Agent[Any, Any] = Agent(name="desk", task="Pay.", takes=str, gives=str, tools=[pay], models=["m"])
GOOD = script_by(lambda text: [call("pay", order=text, cents=50), done("paid")])
BAD = script(decline("no"))


def case(name: str, **more: Any) -> Any:
    expect = {"outcome": "done", "effects": {"pay": [{"order": name, "cents": 50}]}}
    return parse({"name": name, "input": name, "state": {}, "expect": expect, **more}, name)


def suite(many: int, *more: Any) -> Suite:
    return Suite("desk", AGENT, (*(case(f"c{number}") for number in range(many)), *more), graders.GRADERS, world)


def evaluate(
    what: Suite, model: Any, trials: int = 2, journal: str = "memory:", **more: Any
) -> tuple[Scorecard, Evaluation]:
    plans = {name: more.pop(name) for name in ("require", "margin") if name in more}
    plan = planned(what, trials, 3, baseline=more.get("baseline"), **plans)
    evaluation = Evaluation(journal, what, plan, models={"m": model}, **more)
    return asyncio.run(evaluation.run()), evaluation


def test_null_agents_play_first_and_what_they_pass_does_not_count():
    weak = case("weak", expect={"outcome": "declined"})
    told: list[str] = []
    what = suite(2, weak)
    evaluation = Evaluation("memory:", what, planned(what, 3, 0), models={"m": GOOD})
    card = asyncio.run(evaluation.run(lambda trial, null: told.append(null)))
    assert card.verdict == "pass"
    assert {one.name: one.uninformative for one in card.cases} == {"c0": (), "c1": (), "weak": ("always-refuse",)}
    assert {one.name: (one.passed, one.failed) for one in card.cases}["weak"] == (0, 3)
    assert len(told) == evaluation.total
    assert told[-9:] == [""] * 9
    assert all(told[:-9])
    without = Evaluation("memory:", what, planned(what, 3, 0), models={"m": GOOD}, nulls=False)
    assert asyncio.run(without.run()).verdict == "fail"
    assert without.total == 9


def test_a_required_rate_stops_when_it_is_shown():
    for model, verdict in ((GOOD, "pass"), (BAD, "fail")):
        card, _ = evaluate(suite(60), model, require=0.8, nulls=False, concurrency=4)
        assert card.verdict == verdict
        assert card.stopped_early
        assert card.played < 2 * 60
        assert card.rulings[0].decided_after <= card.played / 2 + 4
    short, _ = evaluate(suite(5), GOOD, require=0.8, nulls=False)
    assert (short.verdict, short.stopped_early) == ("inconclusive", False)


def test_a_comparison_plays_every_case():
    good, played = evaluate(suite(40), GOOD, nulls=False)
    base = as_baseline(good, played.suite.cases, played.trials)
    worse, _ = evaluate(suite(40), BAD, nulls=False, baseline=base, require=0.5)
    assert (worse.verdict, worse.played) == ("fail", 80)
    assert {one.kind: one.verdict for one in worse.rulings} == {"required": "fail", "baseline": "fail"}
    assert worse.beside.difference.point == -1


def test_trials_of_the_same_agent_and_case_are_read_off_and_others_played(tmp_path):
    journal = f"sqlite:///{tmp_path}/eval.db"
    first, _ = evaluate(suite(2), GOOD, journal=journal)
    again, _ = evaluate(suite(2), BAD, journal=journal)
    assert [one.runs for one in again.cases] == [one.runs for one in first.cases], "what was played stays"
    other, _ = evaluate(suite(2), BAD, journal=journal, label="other")
    assert {one.failed for one in other.cases} == {2}
    changed = suite(1, case("c1", about="changed"))
    mixed, _ = evaluate(changed, BAD, journal=journal)
    assert [(one.passed, one.failed) for one in mixed.cases] == [(2, 0), (0, 2)], "a changed case is another one"


def slow(text: str) -> Any:
    """Pays, and leaves the others time to do something between."""
    return [call("pay", order=text, cents=50), done("paid")]


class Slowly:
    """A model that takes a moment, so that many trials are under way at once."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self._inner = script_by(slow)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def answer(self, request: Any) -> Any:
        self.asked.append((request.run, request.step))
        await asyncio.sleep(0.01)
        return await self._inner.answer(request)


async def rows_of(url: str) -> list[Any]:
    journal = open_journal(url)
    try:
        return list(await journal.find(Where(limit=10_000)))
    finally:
        await journal.close()


@pytest.mark.parametrize("nulls", [False, True])
def test_two_at_once_on_one_journal_share_their_trials_and_cancel_none(tmp_path, nulls):
    url = f"sqlite:///{tmp_path}/eval.db"
    what, models = suite(4), [Slowly(), Slowly(), Slowly()]
    plan = planned(what, 6, 3)
    several = [Evaluation(url, what, plan, models={"m": model}, nulls=nulls, concurrency=8) for model in models]

    async def at_once() -> list[Scorecard]:
        return list(await asyncio.gather(*(one.run() for one in several)))

    cards = asyncio.run(at_once())
    assert {one.verdict for one in cards} == {"pass"}
    runs = [[case.runs for case in one.cases] for one in cards]
    assert runs[0] == runs[1] == runs[2]
    rows = asyncio.run(rows_of(url))
    assert "cancelled" not in {row.outcome for row in rows}
    own = [row for row in rows if ":null:" not in row.key]
    assert len(own) == 4 * 6, "each trial is played once"
    assert len({row.key for row in rows}) == len(rows)
    asked = [one for model in models for one in model.asked]
    assert len(asked) == len(set(asked)) == 4 * 6 * 2, "and by one of them alone"


def test_a_trial_whose_player_died_is_played_by_whoever_waits_for_it(tmp_path):
    url = f"sqlite:///{tmp_path}/eval.db"

    async def story() -> tuple[str, list[Any]]:
        what = suite(1)
        died = open_journal(url)
        async with TrialRunner.open(died, agents=[AGENT], model=GOOD, drives=False) as runner:
            player = Player(runner, what)
            run = await runner.start(AGENT, "c0", key=player.key(what.cases[0], 1), tags=player.tags(what.cases[0], 1))
            async with playing(url, what, model=GOOD) as other:
                waits = asyncio.create_task(other.one(what.cases[0], 1))
                done, _ = await asyncio.wait({waits}, timeout=0.3)
                assert not done, "somebody who lives plays it"
                await died.close()
                trial = await asyncio.wait_for(waits, 30)
                return run.name, [trial]

    run, (trial,) = asyncio.run(story())
    assert trial.passed
    assert trial.run != run


def test_a_cache_answers_each_trial_as_it_was_answered(tmp_path):
    cache = Cache(tmp_path / "a.jsonl")
    asked: list[str] = []

    def counting(text: str) -> Any:
        def first(request: Any) -> Any:
            asked.append(request.run)
            return call("pay", order=text, cents=50)

        return [first, done("paid")]

    first, _ = evaluate(suite(3), script_by(counting), cache=cache)
    again, _ = evaluate(suite(3), script_by(counting), cache=cache)
    assert (first.cached, again.cached, len(asked)) == (0, 12, 6)
    assert {one.name: one.passed for one in again.cases} == dict.fromkeys(["c0", "c1", "c2"], 2)
    assert {run for one in first.cases for run in one.runs}.isdisjoint(run for one in again.cases for run in one.runs)
    evaluate(suite(3), script_by(counting), trials=3, cache=cache)
    assert len(asked) == 9, "only the third trial of each case is new"
    cache.close()


def test_other_code_is_another_agent(tmp_path):
    place = write_agent(tmp_path)
    folder = load(str(place))
    first = code_digest(folder, folder.agent)
    (place / "cases").mkdir(exist_ok=True)
    (place / "cases" / "new.yaml").write_text("case: 1\n")
    (place / "notes.md").write_text("later\n")
    (place / ".holdfast").mkdir()
    (place / ".holdfast" / "x.json").write_text("{}")
    assert code_digest(folder, folder.agent) == first
    (place / "tools.py").write_text((place / "tools.py").read_text() + "# other\n")
    assert code_digest(folder, folder.agent) != first


def test_the_gate_looks_in_the_order_of_play():
    assert [name for family in families(suite(9).cases, 2, 3) for name in family] != [f"c{n}" for n in range(9)]
