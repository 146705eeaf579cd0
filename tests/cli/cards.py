"""An agent that reads a phone number of the class `contact`, and then repeats it wherever an agent can."""

from __future__ import annotations

from pathlib import Path

from tests.cli.bills import write_agent

CANARY = "+44-7700-900461"

CONTRACT = """\
name: {name}
task: Bring one card up to date.
takes: Wish
gives: Made
models: [anthropic:claude-sonnet-4-5-20250929]
tools:
  find:
  breaks:
  change:
    review:
      - {{when: args.cents > 1000, by: boss, because: big sums need a person}}
      - {{when: size(args.phone) > 400, because: nothing is that long}}
    must:
      - {{that: args.cents < 90000, because: never that much}}
    from: {{phone: [input.kind]}}
    amendable: [cents]
  falls:
limits: {{steps: 8, usd: "0.10"}}
"""

TOOLS = f'''\
"""Cards."""

from contextlib import asynccontextmanager

from pydantic import BaseModel

from holdfast import tool
from holdfast.tool import CallKey

CANARY = "{CANARY}"


class Wish(BaseModel):
    kind: str


class Made(BaseModel):
    sentence: str
    cents: int


class Card(BaseModel):
    name: str
    phone: str
    cents: int = 0


class Desk:
    pass


@tool.read(timeout=5, trust="trusted", classes=("contact",))
def find(name: str, *, desk: Desk) -> Card:
    """The card of somebody, by name."""
    return Card(name=name, phone=CANARY)


@tool.read(timeout=5, trust="trusted", classes=("contact",))
def breaks(name: str, *, desk: Desk) -> Card:
    """The card of somebody, from where it never comes."""
    raise ValueError(f"no card for {{name}} at {{CANARY}}")


async def change_back(found: Card, *, desk: Desk, key: CallKey) -> Card:
    """Put a card back."""
    return found


@tool.write(timeout=5, undo=change_back)
def change(phone: str, cents: int, *, desk: Desk, key: CallKey) -> Card:
    """Put a number and a sum on a card, once."""
    return Card(name="x", phone=phone, cents=cents)


@tool.write(timeout=5)
def falls(phone: str, *, desk: Desk) -> Card:
    """Put a number on a card, and fail at it."""
    raise RuntimeError(f"gave up on {{phone}}")


@asynccontextmanager
async def resources(settings):
    yield Desk()
'''

STANDIN = f'''\
"""Repeats what it was told not to."""

import json

from holdfast.models.scripted import call, decline, done, script_by

CANARY = "{CANARY}"


def turns(first):
    kind = json.loads(first)["kind"]
    start = [call("find", name="Ann")]
    end = done(sentence=f"her number is {{CANARY}}", cents=300)
    if kind in ("whole", "amended"):
        return [*start, call("find", name=CANARY), call("change", phone=CANARY, cents=5000), end]
    if kind == "waits":
        return [*start, call("change", phone=CANARY, cents=6000), end]
    if kind == "declined":
        return [*start, decline(f"nobody answers at {{CANARY}}")]
    if kind in ("asks", "ended"):
        return [*start, call("ask", question=f"is {{CANARY}} right?", of="boss"), end]
    if kind == "refused":
        return [*start, call("change", phone=CANARY, cents=95000), call("nothing", it=CANARY), end]
    if kind == "breaks":
        return [call("breaks", name="Ann"), done(sentence="no card", cents=0)]
    return [*start, call("falls", phone=CANARY), end]


standin = script_by(turns)
'''

KINDS = ("whole", "amended", "waits", "declined", "asks", "ended", "refused", "breaks", "doubt")


def write_cards(folder: Path, name: str = "cards") -> Path:
    return write_agent(folder, name, contract=CONTRACT, tools=TOOLS, standin=STANDIN)
