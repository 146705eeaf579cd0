"""Runs with children and teams are decided alike again, with the code and without it; and can be judged under other contracts."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from holdfast import Agent, Runner, call, done, script, tool
from holdfast.contract import Contract
from holdfast.core.fold import fold_all
from holdfast.events import CallJudged, ChildOpened
from holdfast.journal.memory import MemoryJournal
from holdfast.journal.port import Where
from holdfast.models.scripted import script_by
from holdfast.tool import CallKey, Unknown
from holdfast.views.backtest import Terms, backtest
from holdfast.views.circumstances import doubtful_of, moment_of
from holdfast.views.replay import Replay, batches
from tests import kin


def trees() -> dict[str, tuple[Any, kin.Tree]]:
    """Name → (the agent, its tree)."""
    claims, team = kin.claims(), kin.incident()
    dear = kin.claims(limits={"usd": "0.004"}, surprises={"limit": "stop"})
    dies = kin.team_models() | {"script:network": script()}
    stubborn = kin.incident(limits={"usd": "0.50"}, rounds=2)
    return {
        "done": (claims, kin.played(claims, kin.models())),
        "waits": (claims, kin.played(claims, kin.models(140_000))),
        "approved": (claims, kin.played(claims, kin.models(140_000), then=kin.approve)),
        "too dear": (dear, kin.played(dear, kin.models())),
        "team": (team, kin.played(team, kin.team_models(), "why?")),
        "a peer dies": (stubborn, kin.played(stubborn, dies, "why?")),
    }


@pytest.fixture(scope="module")
def played() -> dict[str, tuple[Any, kin.Tree]]:
    return trees()


@pytest.mark.parametrize("code", [True, False], ids=["with code", "without"])
@pytest.mark.parametrize("name", ["done", "waits", "approved", "too dear", "team", "a peer dies"])
def test_every_run_of_a_tree_comes_out_the_same(played, name, code):
    agent, tree = played[name]
    again = Replay([agent] if code else [])
    for run, entries in tree.items():
        found = again.of(entries, tree.secret)
        assert (found.divergence, found.undecided) == (None, {}), run
        assert found.same == found.batches
        assert bool(found.assumed) is (not code and found.batches > 1), (
            "the code of those it may call comes with an agent"
        )


def test_what_a_child_may_use_is_decided_again_and_a_difference_is_named(played):
    agent, tree = played["done"]
    entries = list(tree[tree.root])
    at = next(at for at, entry in enumerate(entries) if isinstance(entry.event, ChildOpened))
    more = msgspec.structs.replace(entries[at].event, carved={**entries[at].event.carved, "usd": 1})
    entries[at] = msgspec.structs.replace(entries[at], event=more)
    found = Replay([agent]).of(entries, tree.secret).divergence
    assert (found.seq, found.fields[0].field) == (at + 1, "carved")
    assert f"the run {more.child} is opened for call {more.call}" in found.stands


# ---------------------------------------------------------------------------------------------------- doubts elsewhere


def doubting() -> tuple[Agent[Any, Any], kin.Tree]:
    """Two children are to pay the same; nobody knows whether the first did, and the second is kept from it."""
    known: list[asyncio.Event] = []

    @tool.read(timeout=60)
    async def look(claim: str) -> str:
        """Takes its time."""
        await known[0].wait()
        return claim

    @tool.write(timeout=5)
    def pay(claim: str, *, key: CallKey) -> str:
        """Nobody can tell."""
        raise Unknown("the line went dead")

    def turns(text: str) -> list[Any]:
        claim = text.split('"claim":"')[1][:1]
        first = [] if claim == "A" else [call("look", claim=claim)]
        return [*first, call("pay", claim=claim), done(claim=claim)]

    child = Agent(
        name="teller", task="Pay.", takes=kin.Claim, gives=kin.Claim, tools=[look, pay], models=["script:teller"]
    )
    boss = Agent(
        name="boss", task="Have it paid.", takes=kin.Claim, gives=kin.Claim, tools=[child], models=["script:boss"]
    )  # fmt: skip
    said = {
        "script:boss": script([call("teller", claim="A"), call("teller", claim="B")], done(claim="A")),
        "script:teller": script_by(turns),
    }

    async def whole() -> kin.Tree:
        known.append(asyncio.Event())
        async with asyncio.timeout(60), Runner.open(MemoryJournal(), model=said) as runner:
            run = await runner.start(boss, kin.Claim(claim="C"))
            while not any(row.doubts for row in await runner.find(Where(limit=10))):
                await asyncio.sleep(0)
            known[0].set()
            await run.result()
            return await kin.tree_of(runner, run.name)

    return boss, asyncio.run(whole())


@pytest.fixture(scope="module")
def doubted() -> tuple[Agent[Any, Any], kin.Tree]:
    return doubting()


def refused(tree: kin.Tree) -> tuple[list[Any], int]:
    """(the entries of the run that was kept from paying, which entry says so)."""
    for entries in tree.values():
        for entry in entries:
            if isinstance(entry.event, CallJudged) and [one.rule for one in entry.event.rules] == ["unresolved"]:
                return entries, entry.seq
    raise AssertionError("nobody was refused")


@pytest.mark.parametrize("code", [True, False])
def test_what_another_run_of_the_tree_was_in_doubt_about_follows_from_the_refusal(doubted, code):
    boss, tree = doubted
    refused(tree)
    again = Replay([boss] if code else [])
    assert [again.of(entries, tree.secret).divergence for entries in tree.values()] == [None] * 3


def test_a_doubt_of_its_own_is_nobody_elses(doubted):
    _, tree = doubted
    entries, seq = refused(tree)
    batch = next(batch for batch in batches(entries) if any(one.seq == seq for one in batch))
    state = fold_all(entries[: batch[0].seq - 1])
    assert moment_of(state, batch, b"", None).doubtful == {"pay"}
    asked = next(iter(fold_all(entries[:seq]).calls.values()))
    earlier = msgspec.structs.replace(asked, seq=1, tool="pay", status="doubt")
    assert doubtful_of(msgspec.structs.replace(state, calls={1: earlier}), batch) == frozenset()


# ------------------------------------------------------------------------------------------------------------ backtest


def test_other_terms_for_a_child_are_tried_on_recorded_runs(played):
    agent, tree = played["done"]
    stricter = {"review": [{"because": "somebody has to know", "by": "desk"}]}
    other = Contract.parse(
        {
            **agent.contract.data,
            "tools": {**agent.contract.data["tools"], "assessor": agent.contract.data["tools"]["assessor"] | stricter},
        },
        "stricter",
    )
    found = backtest(tree[tree.root], Terms(agent.contract), Terms(other))
    assert [(one.tool, one.change) for one in found.differing] == [("assessor", "reviewed")]
    assert (found.calls, found.later, found.unread, found.unjudged) == (1, 2, {}, {})


def test_under_its_own_contract_every_run_of_a_tree_goes_as_it_went(played, doubted):
    for agent, tree in [*played.values(), doubted]:
        contracts = {one.name: one.contract for one in agent.family}
        for entries in tree.values():
            terms = Terms(contracts[entries[0].event.agent])
            found = backtest(entries, terms, terms)
            assert (found.stopped, found.differing, found.unread, found.own) == (0, [], {}, 1)
