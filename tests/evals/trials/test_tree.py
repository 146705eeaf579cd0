"""Trials of agents that open runs of others: graders see the whole tree, people answer wherever they are asked."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import BaseModel

from holdfast import Agent, tool
from holdfast.evals.cases.case import parse
from holdfast.evals.cases.world import Effect, World
from holdfast.evals.drills.drill import Wish, drill
from holdfast.evals.drills.faults import standard
from holdfast.evals.grading.graders import GRADERS
from holdfast.evals.trials.trial import Suite, playing
from holdfast.events import Price
from holdfast.models.scripted import Script, ask, call, done, script, script_by
from holdfast.tool import CallKey


class Order(BaseModel):
    order: str


class Till:
    def __init__(self) -> None:
        self.paid: dict[str, dict[str, Any]] = {}
        self.mailed: list[str] = []


@tool.read(timeout=5)
async def look(order: str, *, till: Till) -> int:
    """What was paid."""
    return 50


@tool.write(timeout=5)
async def pay(order: str, cents: int, *, till: Till, key: CallKey) -> str:
    """Pay back."""
    till.paid.setdefault(key, {"order": order, "cents": cents})
    return "paid"


@tool.write(timeout=5)
async def mail(order: str, *, till: Till) -> str:
    """Write to whoever ordered. It has no key, so a lost answer leaves a doubt."""
    till.mailed.append(order)
    return "sent"


@asynccontextmanager
async def world(state):
    till = Till()
    yield World(
        (till,),
        lambda: [
            *(Effect("pay", one) for one in till.paid.values()),
            *(Effect("mail", {"order": one}) for one in till.mailed),
        ],
    )


def orchestrator() -> Agent[Order, Order]:
    """One who finds out, and one who pays; big sums need a person."""
    finder = Agent(name="finder", task="Find out.", takes=Order, gives=Order, tools=[look], models=["script:finder"])
    review = {"review": [{"when": "args.cents > 100", "by": "finance", "because": "much"}]}
    payer = Agent(
        name="payer", task="Pay.", takes=Order, gives=Order, tools={pay: review, mail: {}}, models=["script:payer"]
    )
    return Agent(
        name="boss", task="Have it paid.", takes=Order, gives=Order, tools=[finder, payer], models=["script:boss"]
    )


def ordered(request_text: str) -> str:
    return request_text.split('"order":"')[1].split('"', maxsplit=1)[0]


PRICE = Price(1_000_000, 1_000_000)


PAYS = (call("pay", order="O-1", cents=50), call("mail", order="O-1"), done(order="O-1"))
FINDS = (call("look", order="O-1"), done(order="O-1"))
BOTH = (call("finder", order="O-1"), call("payer", order="O-1"), done(order="O-1"))


def models(payer: Any = PAYS, finder: Any = FINDS, boss: Any = BOTH) -> dict[str, Script]:
    return {
        f"script:{name}": script(*turns, price=PRICE)
        for name, turns in (("boss", boss), ("finder", finder), ("payer", payer))
    }


def suite(people: Any = (), messages: Any = (), **expect: Any) -> Suite:
    given = {"name": "one", "input": {"order": "O-1"}, "state": {}, "people": list(people), "messages": list(messages)}
    agent = orchestrator()
    return Suite("tree", agent, (parse({**given, "expect": expect}, "one"),), GRADERS, world)


def trial(what: Suite, said: dict[str, Script] | None = None) -> Any:
    async def story() -> Any:
        async with playing("memory:", what, model=said or models()) as player:
            (one,) = [one async for one in player.play(1)]
            again = await player.one(what.cases[0], 1)  # read off its note
            return one, again

    one, again = asyncio.run(asyncio.wait_for(story(), 20))
    assert (one.nusd, one.steps, one.reviews, one.passed) == (again.nusd, again.steps, again.reviews, again.passed)
    return one


def whys(one: Any) -> list[str]:
    return [f"{miss.grader}: {miss.why}" for miss in one.misses]


# ------------------------------------------------------------------------------------------------------- graders


def test_calls_of_runs_below_count_for_what_a_case_says_of_calls():
    one = trial(
        suite(
            outcome="done", effects={"pay": [{"cents": 50}], "mail": [{}]}, before=[("look", "pay"), ("pay", "mail")],
            at_most={"pay": 1}, never=["ask"], evidence={"pay": ["look"]},
            that=["size(effects.pay) == 1"],
        )
    )  # fmt: skip
    assert whys(one) == []
    assert one.passed


@pytest.mark.parametrize(
    ("expect", "why"),
    [
        ({"never": ["look"]}, "never: look was asked for once, and must not be"),
        ({"before": [("mail", "pay")]}, "before: pay was started in entry"),
        ({"before": [("pay", "look")]}, "and pay was answered only after that, in entry"),
        ({"at_most": {"mail": 0}}, "at_most: mail was started once, and may be not at all"),
        ({"approved": ["pay"]}, "(payer), and nobody had been asked"),
        ({"that": ["size(effects.pay) == 2"]}, "that: `size(effects.pay) == 2` does not hold"),
        ({"steps": 7}, "steps: it took 8 steps"),
        ({"usd": "0.0000001"}, "usd: it cost"),
    ],
)
def test_what_is_wrong_in_a_run_below_is_named_with_the_run(expect, why):
    one = trial(suite(**expect))
    assert why in " ".join(whys(one))
    assert all(miss.seqs for miss in one.misses)


def test_what_a_run_read_only_after_the_payment_is_no_evidence_for_it():
    late = (call("payer", order="O-1"), call("finder", order="O-1"), done(order="O-1"))
    one = trial(suite(evidence={"pay": ["look"]}), models(boss=late))
    assert "and look was never called" in " ".join(whys(one))


def test_runs_side_by_side_tell_each_other_nothing():
    both = ([call("finder", order="O-1"), call("payer", order="O-1")], done(order="O-1"))
    assert whys(trial(suite(evidence={"pay": ["look"]}), models(boss=both)))


# -------------------------------------------------------------------------------------------------------- people

MUCH = (call("pay", order="O-1", cents=500), call("mail", order="O-1"), done(order="O-1"))


def test_a_person_of_a_case_answers_in_a_run_below():
    person = {"about": "review", "tool": "pay", "role": "finance"}
    one = trial(
        suite([person], outcome="done", effects={"pay": [{"cents": 500}]}, also=["mail"], approved=["pay"]),
        models(MUCH),
    )
    assert whys(one) == []
    assert one.reviews == 1


def test_nobody_to_answer_below_leaves_it_waiting_and_what_it_holds_back_is_not_charged():
    one = trial(suite(outcome="waiting", effects={}), models(MUCH))
    assert one.passed
    done_with = trial(suite(outcome="done"))
    assert 0 < one.nusd < done_with.nusd, "what an open run below may still use was not used"
    assert one.steps == 5


def test_the_requester_of_a_case_answers_what_a_run_below_asks():
    asks = (ask("which?"), call("look", order="O-1"), done(order="O-1"))
    one = trial(suite(messages=["the first"], outcome="done", before=[("ask", "look")]), models(finder=asks))
    assert whys(one) == []


def test_a_person_of_so_many_answers_gives_them_in_the_whole_tree():
    twice = (
        call("finder", order="O-1"), call("payer", order="O-1"), call("payer", order="O-2"), done(order="O-1"),
    )  # fmt: skip

    def pays(text: str) -> list[Any]:
        return [call("pay", order=ordered(text), cents=500), done(order="O-1")]

    said = models(boss=twice) | {"script:payer": script_by(pays)}
    person = {"about": "review", "tool": "pay", "times": 1}
    assert trial(suite([person], outcome="waiting", effects={"pay": [{"order": "O-1"}]}), said).passed


# -------------------------------------------------------------------------------------------------------- drills


def drilled(what: Suite, *kinds: str, kills: bool = False) -> Any:
    wish = Wish(plan=standard(kinds, probability=0.9), trials=4, kills=kills)
    return asyncio.run(asyncio.wait_for(drill("memory:", what, wish, model=models()), 60))


PEOPLE = [{"about": "doubt", "verdict": "happened"}]
"""What they say in the case; in a drill they look."""


def test_effects_of_runs_below_are_accounted_for_whoever_dies():
    found = drilled(suite(PEOPLE, outcome="done"), "timeout-after-commit", "answer-twice", "request-twice", kills=True)
    assert found.clean_wrong == ()
    assert {(row.kind, row.doubled, row.lost, row.overrun) for row in found.rows if row.doubled or row.lost} == set()
    assert {row.kind for row in found.rows if row.landed} >= {"killed-before", "killed-during", "killed-after"}
    assert {one.tool: one.verdict for one in found.tools} == {"pay": "safe", "mail": "needs a person"}


def test_people_rule_on_a_doubt_by_the_worlds_own_account():
    found = drilled(suite(PEOPLE, outcome="done", effects={"mail": [{}]}, also=["pay"]), "timeout-before-commit")
    (row,) = found.rows
    assert row.landed
    assert (row.doubled, row.lost) == (0, 0)


def test_an_effect_that_came_by_two_runs_with_one_task_is_a_double_and_by_two_tasks_is_none():
    from holdfast.evals.drills.audit import Audit, repeated

    one = ("pay", "digest")
    clean = Audit(effects=(one,), tasks=("a",))
    assert repeated(Audit(effects=(one, one), tasks=("a", "a")), clean) == ["pay"]
    assert repeated(Audit(effects=(one, one), tasks=("a", "b")), clean) == []
