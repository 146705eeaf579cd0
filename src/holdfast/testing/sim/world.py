"""The fake world: other systems that do what they are asked, slowly, twice, not at all, or without saying so.

Its ledger is what really happened. The history checker compares the journal with it; nothing in holdfast ever sees it. Each
effect carries the call it was made for, which a real system would not know: only the checker reads that.

What a far side may do to a request: refuse it, not get it, get it late, do it and say so, do it and stay silent, do it and
answer with an error. A request that was sent is carried out `REACH` after it was sent at the latest, and what was carried out
can be looked up `LAG` later at the latest: so a tool whose `settle` is the sum of both tells the truth about itself.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct

from holdfast.events import Json
from holdfast.testing.sim.room import SECOND, Process, Room
from holdfast.testing.sim.store import Store
from holdfast.tool import Absent, Call, CannotTell, Found, NotDone, Pending, Refused, Unknown

REACH: Final = 4 * SECOND
LONGEST: Final = 40 * SECOND
LAG: Final = 2 * SECOND
SETTLE: Final = 7.0
"""Seconds: more than both."""

KEY_LIFE: Final = 30 * SECOND
"""How long the far side remembers a key, from when it first saw it."""

Fate: TypeAlias = Literal[
    "done", "slow", "refused", "not done", "never arrived", "silent", "error before", "error after", "odd", "lost reply"
]
UNHAPPY: Final[tuple[Fate, ...]] = (
    "slow", "refused", "not done", "never arrived", "silent", "error before", "error after", "odd", "lost reply",
)  # fmt: skip
CARRIED_OUT: Final = frozenset({"done", "slow", "silent", "error after", "odd", "lost reply"})


class Effect(Struct, frozen=True):
    """Something that happened."""

    at: int
    id: str
    tool: str
    item: str
    cents: int
    key: str
    run: str
    call: int
    attempt: int
    process: str


class Visit(Struct, frozen=True):
    """A tool's function was entered: from here on something may happen."""

    at: int
    tool: str
    effect: Literal["read", "write"]
    run: str
    call: int
    attempt: int
    process: str
    committed: int
    """Head of the run in the store."""
    durable: int


class Heard(Struct, frozen=True):
    """A tool's function was told what became of its request: from here on its process knows."""

    at: int
    effect: Literal["read", "write"]
    run: str
    call: int
    attempt: int
    process: str


class Weather(Struct, frozen=True):
    """How unkind the world is."""

    writes: float = 0.0
    """Chance that a write meets one of the unhappy fates."""
    reads: float = 0.0
    lookups: float = 0.0
    models: float = 0.0
    stubborn: float = 0.0
    """Chance that a tool goes on when it is cancelled."""
    late: float = 0.0
    """Chance that a write is carried out, and its tool hears of it only after its time, and goes on waiting."""
    changes: float = 0.0
    """Chance that what is read has changed since it was last read."""
    pace: float = 1.0


CALM: Final = Weather()


class Order(Struct):
    """Long work that was begun."""

    effect: Effect
    done_at: int
    fails: bool


class World:
    """The other systems, and the ledger of what they did."""

    def __init__(self, room: Room, store: Store, weather: Weather = CALM) -> None:
        self.room = room
        self.store = store
        self.weather = weather
        self.chance = random.Random(room.chance.getrandbits(64))
        self.ledger: list[Effect] = []
        self.visits: list[Visit] = []
        self.heard: list[Heard] = []
        self._keys: dict[str, tuple[int, Effect]] = {}
        self._seen_from: dict[str, int] = {}
        self.bills: list[tuple[int, str, int]] = []
        """What models were paid: (when, run, nusd), whether or not their answers were heard."""
        self.orders: dict[str, Order] = {}
        self.revisions: dict[str, int] = {}
        self.under_way = 0
        """Requests, orders and answers that are still on their way."""

    def calm(self) -> None:
        """Be kind from now on."""
        self.weather = CALM

    def chooses(self, likely: float) -> bool:
        """Whether something of this likelihood happens."""
        return likely > 0 and self.chance.random() < likely

    def fate(self, effect: str) -> Fate:
        """What becomes of a request."""
        if not self.chooses(self.weather.writes if effect == "write" else self.weather.reads):
            return "done"
        return self.chance.choice(UNHAPPY)

    def short(self) -> int:
        """How long a thing takes that goes well."""
        return round(self.chance.randint(1_000, 400_000) * self.weather.pace)

    # ---- effects

    def effect(self, visit: Visit, item: str, cents: int, key: str = "") -> Effect:
        """Carry something out; the same key again is the same effect, as long as it is remembered."""
        known = self._keys.get(key) if key else None
        if known is not None and self.room.now < known[0] + KEY_LIFE:
            return known[1]
        made = Effect(
            self.room.now, f"f{len(self.ledger) + 1}", visit.tool, item, cents, key, visit.run, visit.call, visit.attempt,
            visit.process,
        )  # fmt: skip
        self.ledger.append(made)
        self._seen_from[made.id] = self.room.now + self.chance.randint(0, LAG)
        if key:
            self._keys[key] = (self.room.now, made)
        return made

    def begin_order(self, visit: Visit, item: str) -> str:
        """Accept long work."""
        handle = f"o{len(self.orders) + 1}"
        fails = self.chooses(self.weather.writes / 3)
        planned = Effect(0, "", visit.tool, item, 0, "", visit.run, visit.call, visit.attempt, visit.process)
        order = Order(planned, self.room.now + self.chance.randint(1, 40) * SECOND, fails)
        self.orders[handle] = order
        self._seen_from[handle] = self.room.now + self.chance.randint(0, LAG)
        if not fails:
            self.under_way += 1
            self.room.at(order.done_at, lambda: self._fulfil(handle, visit))
        return handle

    def _fulfil(self, handle: str, visit: Visit) -> None:
        self.under_way -= 1
        made = self.effect(visit, self.orders[handle].effect.item, 0)
        self.orders[handle].effect = made
        self._seen_from[made.id] = self.room.now

    def seen(self, tool: str, item: str) -> list[Effect]:
        """Effects as somebody who looks them up now would find them."""
        now = self.room.now
        return [e for e in self.ledger if e.tool == tool and e.item == item and self._seen_from[e.id] <= now]

    def look_up(self, tool: str, item: str, handle: str) -> Found[Json] | Absent | CannotTell | Pending:
        """What the far side says about a thing, honestly."""
        found = self.seen(tool, item)
        if handle:
            found = [effect for effect in found if effect.id == self.orders[handle].effect.id]
        if found:
            picked = self.chance.choice(found)
            return Found(picked.id, receipt(picked))
        for name, order in self.orders.items():
            mine = name == handle if handle else order.effect.tool == tool and order.effect.item == item
            if mine and self._seen_from[name] <= self.room.now and not (order.fails and self.room.now >= order.done_at):
                return Pending("it is being made", poll=3.0)
        return Absent()

    def truth(self, run: str, call: int) -> Effect | None:
        """What a person who goes and looks finds out about a call."""
        return next((effect for effect in self.ledger if (effect.run, effect.call) == (run, call)), None)

    def is_being_made(self, run: str, call: int) -> bool:
        """Whether a person who asks is told that it is still being made."""
        mine = (order for order in self.orders.values() if (order.effect.run, order.effect.call) == (run, call))
        return any(not order.effect.id and not (order.fails and self.room.now >= order.done_at) for order in mine)


def receipt(effect: Effect) -> Json:
    """What a far side answers."""
    return {"id": effect.id, "item": effect.item, "cents": effect.cents}


class Shop:
    """One process's way to the world: the resource its tools are given."""

    def __init__(self, world: World, process: Process) -> None:
        self.world = world
        self.process = process

    def enter(self, tool: str, effect: Literal["read", "write"], call: Call) -> Visit:
        """Say that a tool's function has begun. To be called first thing in it."""
        store = self.world.store
        visit = Visit(
            self.world.room.now, tool, effect, call.run, call.seq, call.attempt, str(self.process)[1:-1],
            store.committed_head(call.run), store.durable_head(call.run),
        )  # fmt: skip
        if self.process.alive:
            self.world.visits.append(visit)
        return visit

    async def ask(self, visit: Visit, act: Callable[[], object]) -> Any:
        """Have something done over there, from an async tool."""
        world = self.world
        fate, stubborn = world.fate(visit.effect), world.chooses(world.weather.stubborn)
        if visit.effect == "write" and world.chooses(world.weather.late):
            fate, stubborn = "lost reply", True
        future: asyncio.Future[Any] = self.process.loop.create_future()
        if self.process.point(f"{visit.tool} sent"):
            self._send(visit.tool, fate, act, lambda reply: self.process.deliver(future, reply))
        try:
            reply = await self._answer(future, stubborn=stubborn)
        except Exception:
            self._heard(visit)
            raise
        self._heard(visit)
        return reply

    async def _answer(self, future: asyncio.Future[Any], *, stubborn: bool) -> Any:
        try:
            return await (asyncio.shield(future) if stubborn else future)
        except asyncio.CancelledError:
            if not stubborn:
                raise
            return await future

    def _heard(self, visit: Visit) -> None:
        if self.process.alive:
            heard = Heard(self.world.room.now, visit.effect, visit.run, visit.call, visit.attempt, visit.process)
            self.world.heard.append(heard)

    def ask_waiting(self, visit: Visit, act: Callable[[], object]) -> Any:
        """Have something done over there, from a tool that runs in a thread."""
        box: list[object] = []
        if self.process.point(f"{visit.tool} sent"):
            self._send(visit.tool, self.world.fate(visit.effect), act, box.append)
        for _ in range(200):
            if box:
                break
            self.process.strand_waits(300_000)
        self._heard(visit)
        reply = box[0] if box else TimeoutError("nothing was heard for a minute")
        if isinstance(reply, BaseException):
            raise reply
        return reply

    def _send(self, tool: str, fate: Fate, act: Callable[[], object], back: Callable[[object], None]) -> None:
        world = self.world
        world.under_way += 1
        longest = LONGEST if tool == "mail" else REACH  # nobody looks it up: nothing says how late it may come
        reach = world.short() if fate != "slow" else world.chance.randint(0, longest)
        world.room.after(min(reach, longest), lambda: self._arrived(fate, act, back))

    def _arrived(self, fate: Fate, act: Callable[[], object], back: Callable[[object], None]) -> None:
        world = self.world
        reply: object = _ERRORS[fate]() if fate in _ERRORS else None
        if fate in CARRIED_OUT:
            done = act()
            reply = reply if fate in _ERRORS else {"odd": True} if fate == "odd" else done
        self.process.point(f"world: {fate}")
        if fate in ("never arrived", "silent"):
            world.under_way -= 1
            return
        late = world.short() if fate != "lost reply" else world.chance.randint(1, 30) * SECOND
        world.room.after(late, lambda: self._back(reply, back))

    def _back(self, reply: object, back: Callable[[object], None]) -> None:
        self.world.under_way -= 1
        if self.process.point("reply"):
            back(reply)


_ERRORS: Final[dict[str, Callable[[], Exception]]] = {
    "refused": lambda: Refused("we do not do that"),
    "not done": lambda: NotDone("come back later", retry_after=0.5),
    "error before": lambda: RuntimeError("the request was garbled"),
    "error after": lambda: Unknown("it broke while answering"),
}
