"""The agent that is simulated: its tools, its contracts, and a stand-in model that follows the plan it is given.

One tool of every kind there is: a read, a read in pages, a write with a key, one that can be looked up, one with both, a bare
one, one that runs in a thread and cannot be stopped, and long work that is begun and asked after.

The model is told a plan in its input and carries it out turn by turn. What it is told has failed it proposes again, twice:
that is how a second effect comes about when the first one's fate was told wrongly.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct
from pydantic import BaseModel

from holdfast import codec, tool
from holdfast.agent import Agent
from holdfast.dialogue import Answer, Answered, Request, Result, Told, cost_of
from holdfast.events import Fate, Finish, Json, Price, Usage, Wanted
from holdfast.models.port import ModelError
from holdfast.testing.sim.room import SECOND, Process
from holdfast.testing.sim.world import SETTLE, Shop, World, receipt
from holdfast.tool import Absent, Call, CallKey, CannotTell, Found, Partial, Pending, Retry, Started


class Receipt(BaseModel):
    """What a write gives."""

    id: str
    item: str
    cents: int


class Reading(BaseModel):
    """What a read gives."""

    item: str
    revision: int


Told_: Any = Found[Receipt] | Absent | CannotTell | Pending


@tool.read(timeout=5, retry=Retry(2, wait=0.5))
async def look(item: str, *, shop: Shop, call: Call) -> Reading:
    """How a thing stands."""
    world = shop.world
    if world.chooses(world.weather.changes):
        world.revisions[item] = world.revisions.get(item, 0) + 1
    reading = {"item": item, "revision": world.revisions.get(item, 0)}
    return await shop.ask(shop.enter("look", "read", call), lambda: reading)  # type: ignore[no-any-return]


@tool.read(timeout=5, retry=Retry(1, wait=0.5))
async def browse(item: str, *, shop: Shop, call: Call) -> list[str] | Partial[list[str]]:
    """All there is about a thing, in pages."""
    page = int(call.cursor or "0")
    found = await shop.ask(shop.enter("browse", "read", call), lambda: [f"{item}.{page}"])
    return Partial(found, "more pages", cursor=str(page + 1)) if page < 2 else found


@tool.write(timeout=8, retry=Retry(1, wait=1), key_life="30s")
async def pay(item: str, cents: int, *, shop: Shop, call: Call, key: CallKey) -> Receipt:
    """Pay for a thing; the bank honours keys for a while."""
    visit = shop.enter("pay", "write", call)
    return await shop.ask(visit, lambda: receipt(shop.world.effect(visit, item, cents, key)))  # type: ignore[no-any-return]


async def _found(name: str, item: str, shop: Shop, call: Call) -> Any:
    world = shop.world
    if world.chooses(world.weather.lookups):
        return CannotTell("the line is bad")
    visit = shop.enter(name, "read", call)
    return await shop.ask(visit, lambda: world.look_up(name.removeprefix("find_"), item, call.handle))


async def find_ship(item: str, *, shop: Shop, call: Call) -> Any:
    """Whether a thing was sent."""
    return await _found("find_ship", item, shop, call)


async def find_post(item: str, *, shop: Shop, call: Call) -> Any:
    """Whether a thing was put up."""
    return await _found("find_post", item, shop, call)


async def find_order(item: str, *, shop: Shop, call: Call) -> Any:
    """What became of an order."""
    return await _found("find_order", item, shop, call)


async def find_book(item: str, cents: int, *, shop: Shop, call: Call) -> Any:
    """Whether a thing was booked."""
    return await _found("find_book", item, shop, call)


@tool.write(timeout=8, retry=Retry(2, wait=1), lookup=find_ship, effect_id="id", settle=SETTLE)
async def ship(item: str, *, shop: Shop, call: Call) -> Receipt:
    """Send a thing."""
    visit = shop.enter("ship", "write", call)
    return await shop.ask(visit, lambda: receipt(shop.world.effect(visit, item, 0)))  # type: ignore[no-any-return]


@tool.write(timeout=6, retry=Retry(1, wait=1))
async def mail(item: str, *, shop: Shop, call: Call) -> Receipt:
    """Write to somebody: cannot be looked up, has no key."""
    visit = shop.enter("mail", "write", call)
    return await shop.ask(visit, lambda: receipt(shop.world.effect(visit, item, 0)))  # type: ignore[no-any-return]


@tool.write(timeout=8, retry=Retry(2, wait=1), lookup=find_post, effect_id="id", settle=SETTLE)
def post(item: str, *, shop: Shop, call: Call) -> Receipt:
    """Put a thing up; runs in a thread."""
    visit = shop.enter("post", "write", call)
    return shop.ask_waiting(visit, lambda: receipt(shop.world.effect(visit, item, 0)))  # type: ignore[no-any-return]


@tool.write(timeout=8, retry=Retry(1, wait=1), lookup=find_order, effect_id="id", settle=SETTLE)
async def order(item: str, *, shop: Shop, call: Call) -> Receipt | Started:
    """Have a thing made, which takes its time."""
    visit = shop.enter("order", "write", call)
    handle = await shop.ask(visit, lambda: shop.world.begin_order(visit, item))
    return Started(handle, poll=3.0) if isinstance(handle, str) else handle


@tool.write(timeout=8, retry=Retry(1, wait=1), lookup=find_book, effect_id="id", settle=SETTLE, key_life="30s")
async def book(item: str, cents: int, *, shop: Shop, call: Call, key: CallKey) -> Receipt:
    """Book a thing: has a key and can be looked up."""
    visit = shop.enter("book", "write", call)
    return await shop.ask(visit, lambda: receipt(shop.world.effect(visit, item, cents, key)))  # type: ignore[no-any-return]


READS: Final = (look, browse)
WRITES: Final = (pay, ship, mail, post, order, book)
KEYED: Final = frozenset({"pay", "book"})
LOOKED_UP: Final = frozenset({"ship", "post", "order", "book"})
BARE: Final = frozenset({"mail"})


SHARED: Final[dict[Any, dict[str, Json]]] = {
    look: {"rate": {"calls": 2, "per": "6s"}},
    pay: {"across": {"per": "args.item != ''", "window": "1h", "sum": "args.cents", "at_most": 1500}, "at_once": 1},
    book: {"rate": {"calls": 2, "per": "10s"}, "at_once": 1},
    ship: {"at_once": 1},
    mail: {"across": {"window": "1h", "at_most": 3}, "at_once": 1},
    post: {"breaker": {"failures": 2, "within": "20s"}},
}
"""What is added to the terms of tools where runs share limits."""


class Terms(Struct, frozen=True):
    """What differs from one contract to the next."""

    reviewed: bool = True
    """Payments above 300 go to a person."""
    people: int = 1
    within: str = "10m"
    then: str = "deny"
    needs: bool = True
    """Shipping wants a fresh reading."""
    fresh: str = "20s"
    at_most: int = 2
    """Posts in a run."""
    usd: str = "1.00"
    retries: int = 8
    steps: int = 30
    exhausted: str = "tell"
    partial: str = "tell"
    unknown: str = "review"
    limit: str = "review"
    conversation: bool = False
    output: bool = False
    """The output is put before a person."""
    shared: bool = False
    """Runs share limits: a turn, places, a rate, an amount."""


@lru_cache(maxsize=8)
def clerk(terms: Terms) -> Agent[Any, Any]:
    """An agent under these terms."""
    people: dict[str, Json] = {
        "because": "much money", "when": "args.cents > 300", "by": "finance", "people": terms.people, "within": terms.within,
        "then": terms.then,
    }  # fmt: skip
    grants: dict[Any, Any] = {
        look: {}, browse: {}, mail: {}, order: {}, book: {},
        pay: {"review": [people] if terms.reviewed else [], "amendable": ["cents"],
              "must": [{"that": "args.cents <= 1000", "because": "never more than that"}]},
        ship: {"needs": {"look": {"item": "args.item"}}, "fresh": terms.fresh} if terms.needs else {},
        post: {"at_most": terms.at_most},
    }  # fmt: skip
    if terms.shared:
        for one, clauses in SHARED.items():
            grants[one] = grants[one] | clauses
    return Agent(
        name="clerk", task="Carry out the plan.", takes={"type": "object", "properties": {"plan": {"type": "array"}}},
        gives={"type": "object", "properties": {"finished": {"type": "integer"}}, "required": ["finished"]},
        tools=grants, models=["sim:one", "sim:two"], conversation=terms.conversation,
        one_at_a_time="size(input.plan)" if terms.shared else "",
        done={"review": {"because": "look it over", "by": "finance", "within": "20m"}} if terms.output else {},
        limits={"usd": terms.usd, "retries": terms.retries, "steps": terms.steps, "work": "30m", "wall": "40m"},
        surprises={"exhausted": terms.exhausted, "partial": terms.partial, "unknown": terms.unknown, "limit": terms.limit},
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------------- the model

PRICE: Final = Price(1_000_000, 5_000_000)
TRIES: Final = 3
"""How often the model proposes one thing of its plan."""

FAILURES: Final[tuple[tuple[str, Fate], ...]] = (
    ("rate_limited", "not_done"), ("overloaded", "not_done"), ("timeout", "unknown"), ("server", "unknown"), ("connection", "not_done"),
    ("garbage", "unknown"),
)  # fmt: skip


class PlanModel:
    """Answers with the next turn of the plan that stands in the input."""

    def __init__(self, world: World, process: Process) -> None:
        self._world = world
        self._process = process

    def price(self) -> Price | None:
        """What a token costs."""
        return PRICE

    def quote(self, run: str, step: int) -> int | None:
        """Tokens and price tell."""
        return None

    async def answer(self, request: Request) -> Answer:
        """Answer once, or fail as models do."""
        world = self._world
        trouble = world.chooses(world.weather.models)
        kind = world.chance.choice(("error", "hang", "cut", "words", "nonsense", "late")) if trouble else ""
        if not self._process.point("model asked"):
            kind = "hang"
        if kind == "hang":
            await self._process.loop.create_future()
        future = self._process.loop.create_future()
        wait = world.short() if kind != "late" else world.chance.randint(1, 200) * SECOND
        world.room.after(wait, lambda: self._answered(request, future, failed=kind == "error"))
        await future
        if kind == "error":
            error, fate = world.chance.choice(FAILURES)
            raise ModelError(error, "as models do", fate=fate, retry_after=world.chance.choice((None, 1.0, 5.0)))
        return self._answer(request, kind)

    def _answered(self, request: Request, future: asyncio.Future[None], *, failed: bool) -> None:
        """The provider has answered, and wants its money."""
        if not failed:
            self._world.bills.append((self._world.room.now, request.run, cost_of(_usage(request), PRICE)))
        if self._process.point("model answered"):
            self._process.deliver(future, None)

    def _answer(self, request: Request, kind: str) -> Answer:
        calls, finish = next_turn(request), "calls"
        match kind:
            case "cut":
                finish = "length"
            case "words":
                return _said(request, "I am thinking.", (), "stop")
            case "nonsense":
                calls = (Wanted("x1", "pay", '{"item": 7'), Wanted("x2", "burn", "{}"))
        return _said(request, "", calls, finish)  # type: ignore[arg-type]  # one of its words


def _said(request: Request, text: str, calls: tuple[Wanted, ...], finish: Finish) -> Answer:
    return Answer(text, calls, finish, _usage(request), None, request.model)


def _usage(request: Request) -> Usage:
    return Usage(50 * len(request.segments), min(100, request.max_output))


def next_turn(request: Request) -> tuple[Wanted, ...]:
    """What the plan wants next, as far as the results that were told say."""
    plan = _plan(request)
    tried: dict[str, int] = {}
    done: set[str] = set()
    for segment in request.segments:
        if isinstance(segment, Answered):
            for want in segment.calls:
                entry = want.id.partition("_")[0]
                tried[entry] = tried.get(entry, 0) + 1
        elif isinstance(segment, Result) and not segment.failed:
            done.add(segment.id.partition("_")[0])
    dropped = " ".join(
        segment.text for segment in request.segments if isinstance(segment, Told) and segment.source == "said"
    )
    number = 0
    for turn in plan:
        wanted = []
        for name, item, cents in turn:
            entry, number = f"e{number}", number + 1
            if entry not in done and tried.get(entry, 0) < TRIES and f"leave {item}" not in dropped:
                wanted.append(_want(f"{entry}_{tried.get(entry, 0)}", name, item, cents))
        if wanted:
            return tuple(wanted)
    return (Wanted(f"end_{tried.get('end', 0)}", "done", codec.canonical({"finished": len(done)}).decode()),)


def _plan(request: Request) -> list[list[tuple[str, str, int]]]:
    text = next(segment.text for segment in request.segments if isinstance(segment, Told) and segment.source == "input")
    plan: list[list[tuple[str, str, int]]] = codec.parse(text)["plan"]
    return plan


def _want(name: str, called: str, item: str, cents: int) -> Wanted:
    args: dict[str, Json] = {"item": item}
    if called in ("pay", "book"):
        args["cents"] = cents
    if called == "ask":
        args = {"question": f"shall I do {item}?"}
    return Wanted(name, called, codec.canonical(args).decode())
