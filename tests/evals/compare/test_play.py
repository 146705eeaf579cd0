"""Playing: in pairs and in turns, the same faults for all, one journal, and what runs below a run belongs to it."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import BaseModel

from holdfast import Agent, tool
from holdfast.errors import InputError, UsageError
from holdfast.evals.cases.case import parse
from holdfast.evals.cases.world import Effect, World
from holdfast.evals.compare.comparison import Comparison, Wish
from holdfast.evals.compare.play import label_of, match, order_of_pairs
from holdfast.evals.compare.sides import Side, fitted
from holdfast.evals.compare.stakes import Stakes
from holdfast.evals.compare.verdict import DOES_NOT, EARNS
from holdfast.evals.drills.faults import parse as plan_of
from holdfast.evals.grading.graders import GRADERS
from holdfast.evals.trials.tree import runs_of
from holdfast.evals.trials.trial import Suite
from holdfast.events import Noted, Price, RunOpened
from holdfast.journal.port import Where
from holdfast.models.scripted import call, done, fail, script, script_by
from holdfast.tool import CallKey, Retry

STAKES = Stakes(success=4.0, failure=-25.0, reviewer_minute=0.8)
PRICE = Price(3_000_000, 15_000_000)


class Paid(BaseModel):
    cents: int


class Till:
    """A till that pays, one for each trial."""

    def __init__(self) -> None:
        self.paid: dict[str, int] = {}


@tool.read(timeout=5, retry=Retry(times=2, wait=0.01))
async def look(order: str, *, till: Till) -> int:
    """What one order cost."""
    return 50


@tool.write(timeout=5, retry=Retry(times=2, wait=0.01))
async def pay(order: str, cents: int, *, till: Till, key: CallKey) -> str:
    """Pay back."""
    till.paid[key] = cents
    return "paid"


@asynccontextmanager
async def world(state: Any) -> Any:
    till = Till()
    yield World((till,), lambda: [Effect("pay", {"cents": cents}) for cents in till.paid.values()])


def agent(name: str, *tools: Any, **terms: Any) -> Agent[Any, Any]:
    return Agent(
        name=name, task="Pay one order back.", takes=str, gives=Paid, tools=tools or (look, pay), models=[f"script:{name}"],
        limits={"usd": "1.00", "retries": 8}, **terms,
    )  # fmt: skip


EXPECT = {"outcome": "done", "effects": {"pay": [{"cents": 50}]}}


def cases(many: int, **more: Any) -> tuple[Any, ...]:
    given = {"input": "please", "state": {}, "expect": EXPECT} | more
    return tuple(parse({"name": f"c{at}", **given, "input": f"{given['input']} {at}"}, "here") for at in range(many))


def side(letter: str, who: Agent[Any, Any], model: Any, played: tuple[Any, ...], **more: Any) -> Side:
    return Side(letter, who.name, Suite(who.name, who, played, GRADERS, world), model, **more)


RIGHT = script(call("look", order="O"), call("pay", order="O", cents=50), done(cents=50), price=PRICE)
WRONG = script(call("pay", order="O", cents=7), done(cents=7), price=PRICE)


def half(first: str) -> list[Any]:
    cents = 50 if int(first.rsplit(maxsplit=1)[-1].rstrip('"')) % 2 else 7
    return [call("pay", order="O", cents=cents), done(cents=cents)]


def two(many: int = 8, **more: Any) -> list[Side]:
    played = cases(many, **more)
    return [
        side("A", agent("simple"), script_by(half, price=PRICE), played),
        side("B", agent("careful", look, pay), RIGHT, played),
    ]


def run(sides: list[Side], journal: str = "memory:", **wish: Any) -> tuple[Comparison, Any]:
    comparison = Comparison(journal, sides, Wish(**({"stakes": STAKES, "trials": 2} | wish)))
    return comparison, asyncio.run(comparison.run())


# ------------------------------------------------------------------------------------------------------------------ order


@pytest.mark.parametrize("sides", [2, 3])
def test_every_case_and_trial_is_a_pair_and_each_side_is_first_as_often(sides):
    played = cases(7)
    order = order_of_pairs(played, 6, 5, sides)
    assert Counter((case.name, number) for case, number, _ in order) == {
        (one.name, k): 1 for one in played for k in range(1, 7)
    }
    assert all(sorted(each) == list(range(sides)) for *_, each in order)
    first = Counter(each[0] for *_, each in order)
    assert max(first.values()) - min(first.values()) <= 1
    assert order == order_of_pairs(played, 6, 5, sides) != order_of_pairs(played, 6, 6, sides)


def test_sides_are_played_in_turns():
    seen: list[str] = []
    comparison = Comparison("memory:", two(6), Wish(stakes=STAKES, trials=3, concurrency=1))
    asyncio.run(comparison.run(lambda one: seen.append(f"{one.side} {one.trial.case} {one.trial.number}")))
    pairs = [(one.split(" ", 1), other.split(" ", 1)) for one, other in zip(seen[::2], seen[1::2], strict=True)]
    assert all(one[1] == other[1] and {one[0], other[0]} == {"A", "B"} for one, other in pairs)
    assert {one[0] for one, _ in pairs} == {"A", "B"}


# --------------------------------------------------------------------------------------------------------------- a verdict


def test_dearer_and_more_often_right_earns_it_and_the_same_trials_say_no_where_a_success_is_worth_little(tmp_path):
    journal = f"sqlite:///{tmp_path}/compare.db"
    comparison, found = run(two(12), journal)
    one, other = found.sides
    assert (found.verdict, one.passed, other.passed) == (EARNS, 12, 24)
    assert other.usd_run.point > one.usd_run.point > 0
    assert (one.graders, one.failures, one.runs) == ({"effects": 12}, {"ungrounded argument": 12}, 1.0)
    again, flipped = run(two(12), journal, stakes=Stakes(success=0.0001))
    assert flipped.verdict == DOES_NOT
    assert {one.trial.run for one in comparison.trials} == {one.trial.run for one in again.trials}


def test_an_agent_beside_itself_is_two_sides():
    who = agent("simple")
    _, found = run([side(letter, who, RIGHT, cases(4)) for letter in "AB"])
    assert [one.passed for one in found.sides] == [8, 8]
    assert found.pairs[0].net.point == 0


def test_two_agents_of_one_name_are_two_agents():
    other = agent("simple", look, pay, instructions="Be careful.")
    played = cases(4)
    _, found = run([side("A", agent("simple"), WRONG, played), side("B", other, RIGHT, played)])
    assert [one.passed for one in found.sides] == [0, 8]


def test_trials_are_those_of_who_is_compared_and_how():
    sides = two(2)
    plan = plan_of({"faults": [{"kind": "rate-limited"}]}, "here")
    labels = [
        label_of(sides, 0, None), label_of(sides, 1, None), label_of(sides, 0, plan), label_of(sides[::-1], 0, None),
        label_of([sides[0], side("B", agent("careful"), RIGHT, cases(2), code="other")], 0, None), label_of(sides, 0, None, "again"),
    ]  # fmt: skip
    assert len(set(labels)) == len(labels)


def test_what_cannot_be_compared_is_said():
    with pytest.raises(UsageError, match="two sides"):
        Comparison("memory:", two()[:1], Wish(stakes=STAKES))
    with pytest.raises(UsageError, match="same cases"):
        Comparison("memory:", [two(2)[0], two(3)[1]], Wish(stakes=STAKES))
    with pytest.raises(UsageError, match="margin"):
        Comparison("memory:", two(), Wish(stakes=STAKES, margin=-1.0))
    with pytest.raises(UsageError, match="at least one trial"):
        run(two(2), trials=0)
    with pytest.raises(UsageError, match="nothing to play"):
        run(two(2), concurrency=0)


# ------------------------------------------------------------------------------------------------------------------ faults


def test_the_same_faults_strike_both_sides_at_the_same_calls(tmp_path):
    plan = plan_of(
        {"seed": 3, "faults": [
            {"kind": "timeout-after-commit", "on": {"tool": "pay"}, "probability": 0.5},
            {"kind": "model-overloaded", "on": {"step": 1}, "probability": 0.4},
            {"kind": "request-twice", "probability": 0.3},
        ]}, "here",
    )  # fmt: skip
    played = cases(10)
    both = [side("A", agent("simple"), RIGHT, played), side("B", agent("careful", look, pay), RIGHT, played)]
    comparison = Comparison(f"sqlite:///{tmp_path}/c.db", both, Wish(stakes=STAKES, trials=2, faults=plan))

    async def struck() -> tuple[Any, dict[str, list[Any]]]:
        found, landed = await comparison.run(), {"A": [], "B": []}
        label = label_of(both, 0, plan)
        async with match(comparison.journal, both, label=label, faults=plan) as played_:
            for one in comparison.trials:
                entries = (await runs_of(played_.players[one.side].runner, one.trial.run))[0]
                kinds = [entry.event.finding for entry in entries if isinstance(entry.event, Noted)]
                landed[one.side].append((one.trial.case, one.trial.number, sorted(kinds)))
        return found, landed

    found, landed = asyncio.run(struck())
    assert sorted(landed["A"]) == sorted(landed["B"])
    assert {kind for *_, kinds in landed["A"] for kind in kinds} >= {
        "fault timeout-after-commit",
        "fault model-overloaded",
        "trial",
    }
    assert found.sides[0].passed == found.sides[1].passed > 10
    assert found.sides[0].landed == found.sides[1].landed == sum(len(kinds) - 1 for *_, kinds in landed["A"])


def test_a_model_that_a_fault_silences_failed_and_one_that_is_silent_could_not_be_made():
    plan = plan_of({"faults": [{"kind": "model-overloaded", "probability": 1}]}, "here")
    _, found = run(two(4), faults=plan)
    assert [(one.failed, one.broken) for one in found.sides] == [(8, 0), (8, 0)]
    silent = script(*[fail("auth", "no key")] * 20)
    played = cases(4)
    _, found = run([side("A", agent("simple"), silent, played), side("B", agent("careful"), RIGHT, played)])
    assert [(one.failed, one.broken) for one in found.sides] == [(0, 8), (0, 0)]


# ------------------------------------------------------------------------------------------------------- runs below a run


def orchestrator(**terms: Any) -> Agent[Any, Any]:
    return agent("orchestrator", agent("worker"), **terms)


WORKS = script(call("look", order="O"), call("pay", order="O", cents=50), done(cents=50), price=PRICE)
LEADS = script(call("worker", input="pay it"), done(cents=50), price=PRICE)


def team(played: tuple[Any, ...], worker: Any = None) -> Side:
    models = {"script:orchestrator": LEADS, "script:worker": worker or WORKS}
    return side("B", orchestrator(), models, played)


def test_runs_that_a_run_opens_meet_its_world_and_count_to_it():
    played = cases(6)
    sides = [side("A", agent("simple"), RIGHT, played), team(played)]
    _, found = run(sides)
    one, other = found.sides
    assert (one.passed, other.passed) == (12, 12)
    assert (one.runs, other.runs) == (1.0, 2.0)
    assert other.usd_run.point > one.usd_run.point
    assert other.input_tokens > one.input_tokens

    async def whole() -> None:
        async with match("memory:", sides, label="again") as played_:
            trial = await played_._one(sides[1], played[0], 1)
            runner = played_.players["B"].runner
            runs = await runs_of(runner, trial.trial.run)
            assert [run[0].event.agent for run in runs if isinstance(run[0].event, RunOpened)] == [
                "orchestrator",
                "worker",
            ]
            state = await runner.state(trial.trial.run)
            assert trial.nusd == state.spent.charged  # the tree's, as the run itself has it
            assert not runner.worlds

    asyncio.run(whole())


def test_people_answer_what_a_run_below_asks_and_it_is_a_question_of_the_trial():
    review = {look: {}, pay: {"review": [{"when": "args.cents > 10", "by": "boss", "because": "much"}]}}
    worker = Agent(
        name="worker", task="Pay one order back.", takes=str, gives=Paid, tools=review, models=["script:worker"],
        limits={"usd": "0.50"},
    )  # fmt: skip
    played = cases(3, people=[{"about": "review", "verdict": "approve"}])
    models = {"script:orchestrator": LEADS, "script:worker": WORKS}
    sides = [side("A", agent("simple"), RIGHT, played), side("B", agent("orchestrator", worker), models, played)]
    _, found = run(sides)
    assert [one.passed for one in found.sides] == [6, 6]
    assert (found.sides[0].questions.point, found.sides[1].questions.point) == (0, 1)
    assert found.pairs[0].net.point < -1.5  # two minutes of a person


def test_faults_strike_runs_below_too():
    plan = plan_of({"faults": [{"kind": "timeout-after-commit", "on": {"tool": "pay"}, "probability": 1}]}, "here")
    played = cases(3)
    _, found = run([side("A", agent("simple"), RIGHT, played), team(played)], faults=plan)
    assert [one.landed > 0 for one in found.sides] == [True, True]


# ---------------------------------------------------------------------------------------------------------------- worlds


class Other:
    """What no world here has."""


def test_a_tool_that_wants_what_the_world_has_not_is_the_owner_s_by_name_or_an_error():
    @tool.write(timeout=5, name="pay")
    async def own(order: str, cents: int, *, other: Other, key: CallKey) -> str:
        """Pay back, with a till of its own."""
        return "never called"

    played = cases(2)
    sides = [
        side("A", agent("simple"), RIGHT, played),
        side("B", agent("careful", look, own), RIGHT, played, borrows=True),
    ]
    _, found = run(sides)
    assert [one.passed for one in found.sides] == [4, 4]

    @tool.write(timeout=5)
    async def send(order: str, *, other: Other) -> str:
        """Write to them."""
        return "sent"

    unknown = side("B", agent("careful", look, pay, send), RIGHT, played, borrows=True)
    with pytest.raises(InputError, match="careful: send wants a Other"):
        asyncio.run(fitted(unknown, sides[0]))


def test_a_world_that_breaks_is_named_before_anything_is_played():
    @asynccontextmanager
    async def broken(state: Any) -> Any:
        raise KeyError("orders")
        yield World()

    played = cases(2)
    who = agent("simple")
    sides = [Side(letter, "x", Suite("x", who, played, GRADERS, broken), RIGHT) for letter in "AB"]
    with pytest.raises(InputError, match="cannot be made: KeyError"):
        run(sides)


def test_one_journal_holds_all_and_each_run_says_whose_trial_it_is():
    sides = two(2)

    async def rows() -> list[Any]:
        async with match("memory:", sides, label="x") as played:
            assert [one async for one in played.play(1, 0)]
            return await played.players["A"].runner.find(Where())

    found = asyncio.run(rows())
    assert Counter(row.agent for row in found) == {"simple": 2, "careful": 2}
    assert all(row.tags["case"] in ("c0", "c1") and row.tags["trial"] == "1" for row in found)
