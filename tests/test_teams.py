"""A team: closed rounds, why they end, a peer that dies, and a writer who must cite."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from pydantic import BaseModel

from holdfast import Agent, Declined, Done, Runner, Stopped, call, decline, done, fail, script
from holdfast.errors import ContractError, SettingsError
from holdfast.events import ChildClosed, OutputRejected, Price, RoundClosed, RunOpened
from holdfast.journal.memory import MemoryJournal
from holdfast.journal.port import Where
from holdfast.models import open_model
from holdfast.models.scripted import script_by
from holdfast.teams import Brief, Posts, Round, team


class Memo(BaseModel):
    text: str
    cites: list[str]


def peer(name: str, **terms: Any) -> Agent[Any, Any]:
    return Agent(
        name=name, task=f"Look at it as {name} does.", takes=Round, gives=Posts, tools=[], models=[f"script:{name}"],
        **{"limits": {"usd": None}, **terms},
    )  # fmt: skip


def author(**terms: Any) -> Agent[Any, Any]:
    return Agent(
        name="author", task="Write it down.", takes=Brief, gives=Memo, tools=[], models=["script:author"],
        **{"limits": {"usd": None}, **terms},
    )  # fmt: skip


def made(peers: Any = None, writer: Any = None, **terms: Any) -> Agent[Any, Any]:
    return team(
        name="incident", task="Say what broke.", takes=str, gives=Memo, peers=peers or [peer("net"), peer("db"), peer("ops")],
        writer=writer or author(), **{"limits": {"usd": None}, **terms},
    )  # fmt: skip


def posts(*texts: str, position: str = "") -> Any:
    return done(position=position, posts=[{"kind": "claim", "about": "cause", "text": text} for text in texts])


def speaks(*rounds: Any) -> Any:
    """What a peer gives in each round."""
    return script_by(lambda text: [rounds[min(json.loads(text)["round"], len(rounds)) - 1]])


def writes(cites: Any = None) -> Any:
    def turns(text: str) -> list[Any]:
        given = json.loads(text)
        ids = [post["id"] for post in given["board"]]
        return [done(text=given["ended"], cites=ids[-2:] if cites is None else cites(given))]

    return script_by(turns)


def played(agent: Agent[Any, Any], said: dict[str, Any], **options: Any) -> tuple[Any, list[Any], list[Any]]:
    """(the result, the events of the team's run, the inputs of its children)."""

    async def whole() -> Any:
        async with asyncio.timeout(30), Runner.open(MemoryJournal(), model=said, **options) as runner:
            run = await runner.start(agent, "why is it down?")
            found = await run.result()
            below = await runner.find(Where(parent=run.name, limit=200))
            opened = [(await runner.entries(row.run))[0].event for row in reversed(below)]
            return found, [entry.event for entry in await run.entries()], opened

    return asyncio.run(whole())


def rounds_of(events: list[Any]) -> list[RoundClosed]:
    return [event for event in events if isinstance(event, RoundClosed)]


def test_rounds_are_closed_by_an_entry_and_read_from_it():
    said = {
        "script:net": speaks(posts("the link flaps", position="net"), posts("it was the disk", position="disk")),
        "script:db": speaks(posts("the disk is full", position="disk"), posts("it filled at noon", position="disk")),
        "script:ops": speaks(
            posts("a deploy at noon", position="deploy"), posts("the deploy logs too much", position="disk")
        ),
        "script:author": writes(),
    }
    found, events, opened = played(made(), said)
    assert isinstance(found, Done)
    assert found.output.text == "all who answered agree"
    assert found.output.cites == ["2.db.1", "2.ops.1"]
    closed = rounds_of(events)
    assert [[name for name, _ in one.posts] for one in closed] == [
        ["1.net.1", "1.db.1", "1.ops.1"],
        ["2.net.1", "2.db.1", "2.ops.1"],
    ]
    for _, seq in closed[0].posts:
        assert isinstance(events[seq - 1], ChildClosed)
    inputs = [one.input.value for one in opened if isinstance(one, RunOpened) and one.agent != "author"]
    assert [given["board"] for given in inputs if given["round"] == 1] == [[], [], []]
    second = [given["board"] for given in inputs if given["round"] == 2]
    assert second[0] == second[1] == second[2]
    assert [post["id"] for post in second[0]] == ["1.net.1", "1.db.1", "1.ops.1"]


@pytest.mark.parametrize(
    ("net", "db", "why", "held"),
    [
        ([posts("a", position="x")], [posts("b", position="x")], "all who answered agree", 1),
        ([posts("a", position="x")], [posts("b", position="y")], "nobody had anything new to say", 2),
        (
            [posts("a", position="x"), posts("c", position="y"), posts("d", position="x")],
            [posts("b", position="z"), posts("e", position="z"), posts("f", position="z")], "net goes back and forth", 3,
        ),
        (
            [posts(f"a{n}", position=f"x{n}") for n in range(9)], [posts(f"b{n}", position=f"y{n}") for n in range(9)],
            "all 4 rounds were held", 4,
        ),
        ([posts("a", position="x"), decline("no")], [posts("b", position="y"), decline("no")], "no peer answered any more", 2),
    ],
)  # fmt: skip
def test_why_rounds_end(net, db, why, held):
    said = {"script:net": speaks(*net), "script:db": speaks(*db), "script:author": writes()}
    found, events, _ = played(made([peer("net"), peer("db")], rounds=4), said)
    assert isinstance(found, Done)
    assert why in found.output.text
    assert len(rounds_of(events)) == held


def test_what_another_said_before_is_marked_and_is_not_new():
    said = {
        "script:net": speaks(posts("The disk is FULL.", position="x")),
        "script:db": speaks(posts("the disk is full", position="y")), "script:author": writes(),
    }  # fmt: skip
    _, _, opened = played(made([peer("net"), peer("db")]), said)
    board = next(one.input.value["board"] for one in opened if one.agent == "author")
    assert [post["repeats"] for post in board if post["round"] == 1] == ["", "1.net.1"]


def test_a_peer_that_dies_stops_nobody_and_is_not_asked_again():
    said = {
        "script:net": script(fail("auth", "no key")),
        "script:db": speaks(posts("full", position="x"), posts("since noon", position="y")),
        "script:ops": speaks(posts("deploy", position="z"), posts("logs", position="y")), "script:author": writes(),
    }  # fmt: skip
    found, events, opened = played(made(), said)
    assert isinstance(found, Done)
    assert sorted(one.agent for one in opened) == ["author", "db", "db", "net", "ops", "ops"]
    assert [len(one.posts) for one in rounds_of(events)] == [2, 2]


@pytest.mark.parametrize(
    ("cites", "problem"), [([], "must cite the posts"), (["1.net.9"], "cites 1.net.9, which nobody posted")]
)
def test_a_memo_that_cites_nothing_or_what_nobody_posted_is_sent_back_and_then_refused(cites, problem):
    said = {
        "script:net": speaks(posts("a", position="x")), "script:db": speaks(posts("b", position="x")),
        "script:author": writes(lambda given: ["1.net.1"] if given["problem"] else cites),
    }  # fmt: skip
    found, events, opened = played(made([peer("net"), peer("db")]), said)
    assert isinstance(found, Done)
    assert found.output.cites == ["1.net.1"]
    assert problem in next(event.why for event in events if isinstance(event, OutputRejected))
    assert [problem in one.input.value["problem"] for one in opened if one.agent == "author"] == [False, True]
    said["script:author"] = writes(lambda given: cites)
    assert isinstance(played(made([peer("net"), peer("db")]), said)[0], Declined | Stopped)


def test_what_is_kept_for_the_writer_is_not_spent_on_rounds():
    price = Price(input=10_000_000, output=10_000_000)
    talk = {"limits": {"usd": "0.05", "output": 64}}
    agent = made(
        {peer("net", **talk): {"limits": {"usd": "0.05"}}, peer("db", **talk): {"limits": {"usd": "0.05"}}},
        author(limits={"usd": "0.15", "output": 64}), writes={"limits": {"usd": "0.15"}}, limits={"usd": "0.215"}, rounds=9,
    )  # fmt: skip

    def dear(model: Any) -> Any:
        model._price = price
        return model

    said = {
        "script:net": dear(speaks(*[posts(f"a{n}", position=f"x{n}") for n in range(9)])),
        "script:db": dear(speaks(*[posts(f"b{n}", position=f"y{n}") for n in range(9)])), "script:author": dear(writes()),
    }  # fmt: skip
    found, events, _ = played(agent, said)
    assert isinstance(found, Done), found
    assert found.output.text == "no peer answered any more"
    assert 1 < len(rounds_of(events)) < 9
    assert float(found.usd) <= 0.215


def test_nothing_to_write_down_is_declined():
    said = {"script:net": script(decline("no")), "script:db": script(decline("no")), "script:author": writes()}
    found, _, _ = played(made([peer("net"), peer("db")]), said)
    assert isinstance(found, Declined)
    assert "no peer answered" in found.why


def test_a_long_memo_is_read_to_its_end():
    long = "x" * 30_000
    said = {
        "script:net": speaks(posts("a", position="x")), "script:db": speaks(posts("b", position="x")),
        "script:author": script_by(lambda _: [done(text=long, cites=["1.net.1"])]),
    }  # fmt: skip
    found, _, _ = played(made([peer("net"), peer("db")]), said)
    assert isinstance(found, Done)
    assert found.output.text == long


@pytest.mark.parametrize(
    ("peers", "writer", "said"),
    [
        ([peer("net")], author(), "1 peer"),
        ([peer("net"), author()], author(), "author does not take round"),
        ([peer("net"), peer("db")], peer("ops"), "ops does not take ended"),
    ],
)
def test_who_does_not_fit_into_a_team_is_named(peers, writer, said):
    with pytest.raises(ContractError, match=said):
        made(peers, writer)


def test_the_order_of_rounds_is_a_model_by_its_name():
    assert made(rounds=2).contract.models == ["holdfast:team:2:author:net+db+ops"]
    with pytest.raises(SettingsError, match="no order of rounds"):
        open_model("holdfast:team:soon")


def test_what_peers_post_is_untrusted_to_others_and_to_the_team():
    board = Round.model_json_schema()["properties"]["board"]
    assert board["x-untrusted"]
    assert call("x") is not None
