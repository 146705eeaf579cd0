"""Run trees to read: a damage claim that two agents work on, one of which asks a third; and a team of three."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from pydantic import BaseModel

from holdfast import Agent, Runner, call, done, script, tool
from holdfast.events import Entry, Price
from holdfast.journal.memory import MemoryJournal
from holdfast.journal.port import Where
from holdfast.models.scripted import script_by
from holdfast.teams import Brief, Posts, Round, team
from holdfast.tool import CallKey, NotDone

PRICE = Price(input=3_000_000, output=15_000_000)
"""Of every model here."""


class Claim(BaseModel):
    claim: str


class Place(BaseModel):
    town: str


class Sky(BaseModel):
    hail_mm: int


class Damage(BaseModel):
    claim: str
    cents: int
    why: str


class Payment(BaseModel):
    claim: str
    cents: int


class Paid(BaseModel):
    receipt: str


class Ruling(BaseModel):
    paid: int
    because: str


@tool.read(timeout=5, trust="trusted")
def photos(claim: str) -> dict[str, Any]:
    """What the photos of a claim show."""
    return {"town": "Ulm", "dents": 14}


@tool.read(timeout=5)
def station(town: str) -> dict[str, Any]:
    """What the weather station of a town measured."""
    return {"town": town, "hail_mm": 31}


async def take_back(paid: Paid, *, key: CallKey) -> Paid:
    """Have the money of a claim back."""
    return paid


@tool.write(timeout=5, undo=take_back)
def pay(claim: str, cents: int, *, key: CallKey) -> Paid:
    """Pay a claim, once."""
    return Paid(receipt=f"re_{claim[-4:]}")


@tool.write(timeout=5)
def broken(claim: str, cents: int, *, key: CallKey) -> Paid:
    """Surely pays nothing."""
    raise NotDone("the bank is closed")


REVIEW = {"review": [{"when": "args.cents > 100000", "by": "finance", "because": "big sums need a person"}]}


def weather(**more: Any) -> Agent[Any, Any]:
    return Agent(
        name="weather", task="Say how much hail fell.", takes=Place, gives=Sky, tools=[station], models=["script:weather"], **more
    )  # fmt: skip


def assessor(name: str = "assessor", **more: Any) -> Agent[Any, Any]:
    return Agent(
        name=name, task="Say what a damage comes to.", takes=Claim, gives=Damage,
        tools={photos: {}, weather(): {"limits": {"usd": "0.02"}}}, models=[f"script:{name}"], **more,
    )  # fmt: skip


def payer(**more: Any) -> Agent[Any, Any]:
    return Agent(
        name="payer", task="Pay one claim.", takes=Payment, gives=Paid, tools={pay: REVIEW}, models=["script:payer"], **more
    )  # fmt: skip


def claims(assess: Any = None, **more: Any) -> Agent[Any, Any]:
    fields: dict[str, Any] = {"limits": {"usd": "0.50"}} | more
    return Agent(
        name="claims", task="Settle one claim for damage.", takes=Claim, gives=Ruling,
        tools={assessor(): assess or {}, payer(): {"limits": {"usd": "0.05"}, "at_most": 1}}, models=["script:claims"], **fields,
    )  # fmt: skip


def _pays(cents: int) -> list[Any]:
    return [
        call("assessor", claim="C-1042"), call("payer", claim="C-1042", cents=cents),
        done(paid=cents, because="14 dents, and 31 mm of hail fell that day"),
    ]  # fmt: skip


def _assesses(text: str) -> list[Any]:
    claim = json.loads(text)["claim"]
    return [
        call("photos", claim=claim), call("weather", town="Ulm"),
        done(claim=claim, cents=84_000, why="hail of 31 mm dents steel"),
    ]  # fmt: skip


def _pays_out(text: str) -> list[Any]:
    given = json.loads(text)
    return [call("pay", **given), done(receipt=f"re_{given['claim'][-4:]}")]


def models(cents: int = 84_000, **more: Any) -> dict[str, Any]:
    """What everybody says: the claim is assessed, and so much is paid."""
    return {
        "script:claims": script(*_pays(cents), price=PRICE), "script:assessor": script_by(_assesses, price=PRICE),
        "script:weather": script(call("station", town="Ulm"), done(hail_mm=31), price=PRICE),
        "script:payer": script_by(_pays_out, price=PRICE),
    } | more  # fmt: skip


# ------------------------------------------------------------------------------------------------------------- a team


class Memo(BaseModel):
    text: str
    cites: list[str]


PEERS = ("network", "database", "deploys")


def peer(name: str) -> Agent[Any, Any]:
    return Agent(
        name=name, task=f"Look at an incident as {name} does.", takes=Round, gives=Posts, tools=[], models=[f"script:{name}"]
    )  # fmt: skip


def incident(**more: Any) -> Agent[Any, Any]:
    author = Agent(
        name="author", task="Write down what broke.", takes=Brief, gives=Memo, tools=[], models=["script:author"]
    )
    return team(
        name="incident", task="Say what broke.", takes=str, gives=Memo, peers=[peer(name) for name in PEERS], writer=author, **more
    )  # fmt: skip


def posts(*texts: str, position: str = "", about: str = "cause") -> Any:
    return done(position=position, posts=[{"kind": "claim", "about": about, "text": text} for text in texts])


def speaks(*rounds: Any) -> Any:
    """What a peer gives in each round."""
    return script_by(lambda text: [rounds[min(json.loads(text)["round"], len(rounds)) - 1]], price=PRICE)


def writes() -> Any:
    def turns(text: str) -> list[Any]:
        given = json.loads(text)
        return [done(text="A deploy at noon filled the disk.", cites=[post["id"] for post in given["board"]][-2:])]

    return script_by(turns, price=PRICE)


def team_models(**more: Any) -> dict[str, Any]:
    """Three peers who agree in the second round."""
    return {
        "script:network": speaks(posts("the link to the store flaps", position="link"), posts("the link is fine", position="disk")),
        "script:database": speaks(posts("the disk is full", position="disk"), posts("it filled at noon", position="disk")),
        "script:deploys": speaks(
            posts("a deploy at noon", position="deploy"), posts("the deploy logs every request", position="disk")
        ),
        "script:author": writes(),
    } | more  # fmt: skip


# ------------------------------------------------------------------------------------------------------------ playing


class Tree(dict[str, list[Entry]]):
    """Run → entries: of one run and of all below it, the root first."""

    root: str = ""
    secret: bytes | None = None

    def of(self, agent: str, at: int = 0) -> list[Entry]:
        """The entries of a run of an agent, by its name; at: which, in the order they were opened."""
        found = [entries for entries in self.values() if getattr(entries[0].event, "agent", "") == agent]
        return found[at]


async def tree_of(runner: Runner, root: str) -> Tree:
    """A run with everything below it."""
    found, todo = Tree(), [root]
    while todo:
        run = todo.pop(0)
        found[run] = await runner.entries(run)
        todo += [row.run for row in reversed(await runner.find(Where(parent=run, limit=200)))]
    found.root = root
    found.secret = await runner.journal.secret(root)
    return found


def played(
    agent: Agent[Any, Any], said: dict[str, Any], given: Any = None, journal: Any = None, then: Any = None, **options: Any
) -> Tree:  # fmt: skip
    """Drive an agent to where it ends or waits; the tree. then: what people do, with the runner and the run."""
    opening = {name: options.pop(name) for name in ("by", "key", "on_behalf_of", "tags") if name in options}

    async def whole() -> Tree:
        store = journal or MemoryJournal()
        async with asyncio.timeout(60), Runner.open(store, model=said, **options) as runner:
            run = await runner.start(agent, Claim(claim="C-1042") if given is None else given, **opening)
            await run.result()
            if then is not None:
                await then(runner, run)
            return await tree_of(runner, run.name)

    return asyncio.run(whole())


async def approve(runner: Runner, run: Any) -> None:
    """Finance lets the payment of a child through."""
    for row in await runner.find(Where(questions=True)):
        question = next(iter((await runner.state(row.run)).questions))
        await runner.answer(row.run, question, "approve", by="bob", roles=["finance"])
    await run.result()
