"""A small shop: an agent with a scripted model, and one tool of each kind over the other side's ledger.

An order is a text: what is to be done, its number and, where its worker is to be held up, at which point:
`all:7`, `ship:3:about`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from pydantic import BaseModel

from holdfast import Agent, call, done, tool
from holdfast.models.scripted import Turn, script_by
from holdfast.tool import Absent, Call, CallKey, Found
from tests.processes.gate import OPEN, Gate
from tests.processes.ledger import Ledger

SETTLE = 0.1
"""Seconds until the other side shows what it did."""


class Receipt(BaseModel):
    id: str


class FarSide:
    """The other side as a tool reaches it: what is asked for arrives, unless its worker ends on the way."""

    def __init__(self, ledger: Ledger, gate: Gate = OPEN) -> None:
        self.ledger = ledger
        self.gate = gate

    def act(self, name: str, item: str, at: Call, key: str = "") -> Receipt:
        """Have one effect, held up on the way there or back where that is wanted."""
        order = item.partition("/")[0]
        self.gate.reach("about", order, name, at.run, at.seq)
        receipt = Receipt(id=self.ledger.act(name, item, key, at.run, at.seq, at.attempt))
        self.gate.reach("did", order, name, at.run, at.seq)
        return receipt


def make(name: str, timeout: float) -> Agent[str, int]:
    """The shop's agent under a name, with tools of this timeout in seconds."""

    @tool.read(timeout=timeout)
    async def get_order(order: str, *, far: FarSide) -> dict[str, str]:
        """Everything that is known of one order."""
        return {"order": order, "parcel": far.ledger.find("ship", f"{order}/1")}

    @tool.write(timeout=timeout, effect_id="id")
    def charge(order: str, part: int, *, far: FarSide, at: Call, key: CallKey) -> Receipt:
        """Take the money for one part of an order."""
        return far.act("charge", f"{order}/{part}", at, key)

    def find_parcel(order: str, part: int, *, far: FarSide) -> Found[Receipt] | Absent:
        found = far.ledger.find("ship", f"{order}/{part}")
        return Found(found, Receipt(id=found)) if found else Absent()

    @tool.write(timeout=timeout, lookup=find_parcel, effect_id="id", settle=SETTLE)
    def ship(order: str, part: int, *, far: FarSide, at: Call) -> Receipt:
        """Send one part of an order."""
        return far.act("ship", f"{order}/{part}", at)

    @tool.write(timeout=timeout)
    def mail(order: str, part: int, *, far: FarSide, at: Call) -> Receipt:
        """Write one letter about an order."""
        return far.act("mail", f"{order}/{part}", at)

    @tool.write(timeout=timeout, effect_id="id")
    async def refund(order: str, part: int, *, far: FarSide, at: Call, key: CallKey) -> Receipt:
        """Give back the money for one part of an order, once a person agrees."""
        return far.act("refund", f"{order}/{part}", at, key)

    reviewed = {"review": [{"because": "people decide about money that goes out"}]}
    return Agent(
        name=name, task="Carry out one order.", takes=str, gives=int, models=["script:shop"],
        tools={get_order: {}, charge: {}, ship: {}, mail: {}, refund: reviewed},
    )  # fmt: skip


def plan(order: str) -> list[list[tuple[str, int]]]:
    """The writes that an order wants, turn by turn: (tool, part)."""
    kind, number = order.split(":")[:2]
    if kind == "both":
        return [[("charge", 1), ("refund", 1)]]
    if kind != "all":
        return [[(kind, 1)], [("refund", 9)]]
    plans = [
        [[("charge", 1)], [("ship", 1), ("charge", 2)], [("refund", 1)]],
        [[("ship", 1), ("mail", 1), ("charge", 1)], [("ship", 2)]],
        [[("refund", 1)], [("charge", 1), ("charge", 2)], [("mail", 1)]],
        [[("ship", 1), ("ship", 2)], [("charge", 1), ("refund", 1)]],
    ]
    return plans[int(number) % len(plans)]


def wanted(order: str) -> list[tuple[str, str]]:
    """The effects that an order wants: (tool, item)."""
    return [(name, f"{order}/{part}") for turn in plan(order) for name, part in turn]


def _turns(text: str) -> list[Turn]:
    found = re.search(r"[a-z]+:\d+(:[a-z]+)?", text)
    assert found, text
    order = found.group()
    writes = [[call(name, order=order, part=part) for name, part in turn] for turn in plan(order)]
    return [call("get_order", order=order), *writes, done(len(writes))]


standin = script_by(_turns)

SHOPS = {one.name: one for one in (make("shop", 30), make("hasty", 2))}
"""By name: a patient shop, and one whose attempts have little time."""

shop = SHOPS["shop"]


@asynccontextmanager
async def resources(settings: Mapping[str, str]) -> AsyncIterator[Any]:
    """What the tools want, for the command line: `ledger` names the other side's file."""
    yield FarSide(Ledger(settings["ledger"]))
