"""A wharf: an agent with one tool of each kind, honest ones and ones that are not, over a world that tells what really happened."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import asynccontextmanager
from typing import Any

from pydantic import BaseModel

from holdfast import Agent, call, done, tool
from holdfast.evals.cases.case import parse
from holdfast.evals.cases.world import Effect, World
from holdfast.evals.grading.graders import GRADERS
from holdfast.evals.trials.trial import Suite
from holdfast.models.scripted import script_by
from holdfast.tool import Absent, CallKey, Found, NotDone, Retry


class Receipt(BaseModel):
    id: str


class Order(BaseModel):
    order: str
    cents: int
    note: str
    parts: list[str]


class Wharf:
    """The other side: it remembers every effect, and when."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.acts: list[tuple[str, str, str, float]] = []

    def act(self, name: str, order: str, key: str = "") -> Receipt:
        held = [at for at, one in enumerate(self.acts) if key and one[2] == key]
        if not held:
            self.acts.append((name, order, key, time.monotonic()))
        return Receipt(id=f"{name}-{held[0] if held else len(self.acts) - 1}")

    def find(self, name: str, order: str, age: float = 0.0) -> Found[Receipt] | Absent:
        for at, (tool_, item, _, when) in enumerate(self.acts):
            if (tool_, item) == (name, order) and time.monotonic() - when >= age:
                return Found(f"{name}-{at}", Receipt(id=f"{name}-{at}"))
        return Absent()


@tool.read(timeout=5, retry=Retry(times=2, wait=0.01))
def get_order(order: str, *, wharf: Wharf) -> Order:
    """What is known of one order."""
    return Order(order=order, cents=1290, note="Ring twice, please.", parts=["crate", "rope"])


@tool.read(timeout=5)
def peek(order: str, *, wharf: Wharf) -> Receipt:
    """A write that is declared as a read."""
    return wharf.act("peek", order)


@tool.write(timeout=5, effect_id="id", retry=Retry(times=2, wait=0.01))
def charge(order: str, *, wharf: Wharf, key: CallKey) -> Receipt:
    """Honours its key."""
    return wharf.act("charge", order, key)


@tool.write(timeout=5, effect_id="id")
async def ignores(order: str, *, wharf: Wharf, key: CallKey) -> Receipt:
    """Takes a key, and ignores it."""
    return wharf.act("ignores", order)


def find_ship(order: str, *, wharf: Wharf) -> Found[Receipt] | Absent:
    return wharf.find("ship", order)


@tool.write(timeout=5, lookup=find_ship, effect_id="id", retry=Retry(times=1, wait=0.01))
def ship(order: str, *, wharf: Wharf) -> Receipt:
    """Can be looked up."""
    return wharf.act("ship", order)


def find_early(order: str, *, wharf: Wharf) -> Found[Receipt] | Absent:
    return wharf.find("early", order, age=3600)


@tool.write(timeout=5, lookup=find_early, effect_id="id", retry=Retry(times=1, wait=0.01))
def early(order: str, *, wharf: Wharf) -> Receipt:
    """Its look-up says absent long before that can be told."""
    return wharf.act("early", order)


def find_anyway(order: str, *, wharf: Wharf) -> Found[Receipt] | Absent:
    return Found("anyway-0", Receipt(id="anyway-0"))


@tool.write(timeout=5, lookup=find_anyway, effect_id="id")
def anyway(order: str, *, wharf: Wharf) -> Receipt:
    """Its look-up finds what is not there."""
    return wharf.act("anyway", order)


@tool.write(timeout=5)
def mail(order: str, *, wharf: Wharf) -> Receipt:
    """Neither key nor look-up."""
    return wharf.act("mail", order)


@tool.write(timeout=5)
def twice(order: str, *, wharf: Wharf) -> Receipt:
    """Does it twice at once."""
    wharf.act("twice", order)
    return wharf.act("twice", order)


@tool.write(timeout=5)
def unseen(order: str, *, wharf: Wharf) -> Receipt:
    """Nothing of it shows over there."""
    return Receipt(id="u")


@tool.write(timeout=5, effect_id="id")
async def slow(order: str, *, wharf: Wharf, key: CallKey) -> Receipt:
    """Waits before and after its effect, and honours its key."""
    await asyncio.sleep(0)
    receipt = wharf.act("slow", order, key)
    await asyncio.sleep(0.001)
    return receipt


@tool.write(timeout=5, effect_id="id")
async def half(order: str, *, wharf: Wharf, key: CallKey) -> Receipt:
    """Honours its key for what it does at last, and not for what it does first."""
    wharf.act("half", order)
    await asyncio.sleep(0)
    return Receipt(id="half")


@tool.write(timeout=5, lookup=find_early, effect_id="id")
def both(order: str, *, wharf: Wharf, key: CallKey) -> Receipt:
    """Honours its key, and its look-up does not find what is there."""
    return wharf.act("both", order, key)


@tool.write(timeout=5, lookup=find_anyway, effect_id="id")
def all_found(order: str, *, wharf: Wharf, key: CallKey) -> Receipt:
    """Honours its key, and its look-up finds what is not there."""
    return wharf.act("all_found", order, key)


@tool.write(timeout=5)
def denies(order: str, *, wharf: Wharf) -> Receipt:
    """Does it, and says that it did not."""
    wharf.act("denies", order)
    raise NotDone("nothing happened")


TOOLS = (
    denies,
    both,
    all_found,
    slow,
    half,
    get_order,
    peek,
    charge,
    ignores,
    ship,
    early,
    anyway,
    mail,
    twice,
    unseen,
)


def agent(*names: str, **terms: Any) -> Agent[str, int]:
    given = {one.name: one for one in TOOLS}
    return Agent(
        name="wharf", task="Carry out one order.", takes=str, gives=int, models=["script:wharf"],
        tools={given[name]: terms.get(name, {}) for name in ("get_order", *names)}, limits=terms.get("limits", {}),
    )  # fmt: skip


def _turns(text: str) -> list[Any]:
    found = re.search(r"[a-z_]+(\+[a-z_]+)*:\d+", text)
    assert found, text
    order = found.group()
    names = order.partition(":")[0].split("+")
    return [call("get_order", order=order), *(call(name, order=order) for name in names), done(len(names))]


model = script_by(_turns)


@asynccontextmanager
async def world(state: Any) -> Any:
    wharf = Wharf(str(state))
    yield World((wharf,), lambda: [Effect(name, {"order": order}) for name, order, _, _ in wharf.acts])


def case(name: str, what: str, **more: Any) -> Any:
    return parse({"name": name, "input": what, "state": {}, "expect": {}} | more, name)


def suite(*names: str, cases: int = 1, make: Any = world, **terms: Any) -> Suite:
    """One order a case, for all of these tools."""
    made = tuple(case(f"c{n}", f"{'+'.join(names)}:{n}", **terms.pop("more", {})) for n in range(cases))
    return Suite("wharf", agent(*names, **terms), made, GRADERS, make)
