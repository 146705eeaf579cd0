"""Two agents for one task, as folders: one guesses, and is cheap; one looks first, and is dearer and more often right.

A case is a bill `easy-700` or `hard-700`: of a hard one the guess is wrong. What is paid shows in the world's own account.
"""

from __future__ import annotations

from pathlib import Path

from ruamel.yaml import YAML

CONTRACT = """\
name: {name}
task: Pay one bill.
takes: Bill
gives: Receipt
models: [anthropic:claude-sonnet-4-5-20250929]
tools:
  look_up:
  pay:
    review:
      - {when: args.cents > 1000, by: boss, because: big sums need a person}
limits: {steps: 8, usd: "1.00"}
worth: {success: "4.00", failure: "-25.00", reviewer_minute: "0.80"}
"""

TOOLS = '''\
"""Bills."""

from pydantic import BaseModel

from holdfast import tool
from holdfast.tool import CallKey, Retry


class Bill(BaseModel):
    bill: str


class Receipt(BaseModel):
    paid: int


class Found(BaseModel):
    bill: str
    cents: int


class Desk:
    def __init__(self):
        self.paid = {}


@tool.read(timeout=5, retry=Retry(times=2, wait=0.01))
def look_up(bill: str, *, desk: Desk) -> Found:
    """How much one bill is, by its name."""
    return Found(bill=bill, cents=int(bill.split("-")[1]))


@tool.write(timeout=5, retry=Retry(times=2, wait=0.01))
def pay(bill: str, cents: int, *, desk: Desk, key: CallKey) -> Found:
    """Pay one bill, once."""
    desk.paid[key] = cents
    return Found(bill=bill, cents=cents)
'''

WORLD = '''\
"""A desk for each trial, and what was paid at it."""

from contextlib import asynccontextmanager

from holdfast.evals.cases.world import Effect, World

from .tools import Desk


@asynccontextmanager
async def world(state):
    desk = Desk()
    with open("played.txt", "a") as file:
        file.write("played\\n")
    yield World((desk,), lambda: [Effect("pay", {"cents": cents}) for cents in desk.paid.values()])
'''

GUESSES = '''\
"""Pays what the bill's name says, where it is an easy one."""

import json

from holdfast.events import Price
from holdfast.models.scripted import call, done, script_by


def turns(first):
    bill = json.loads(first)["bill"]
    kind, cents = bill.split("-")
    cents = int(cents) if kind == "easy" else 1
    return [call("pay", bill=bill, cents=cents), done(paid=cents)]


standin = script_by(turns, price=Price(3_000_000, 15_000_000))
'''

LOOKS = GUESSES.replace('cents = int(cents) if kind == "easy" else 1', "cents = int(cents)").replace(
    'return [call("pay"', 'return [*[call("look_up", bill=bill)] * 3, call("pay"'
)


def write(
    place: Path, name: str, standin: str, *, world: str = WORLD, tools: str = TOOLS, contract: str = CONTRACT
) -> Path:
    """An agent's folder."""
    folder = place / name
    folder.mkdir(parents=True)
    texts = {
        "contract.yaml": contract.replace("{name}", name),
        "tools.py": tools,
        "standin.py": standin,
        "world.py": world,
    }
    for file, text in texts.items():
        if text:
            (folder / file).write_text(text)
    return folder


def cases(folder: Path, easy: int = 8, hard: int = 8, **more: object) -> Path:
    """Cases beside an agent."""
    (folder / "cases").mkdir(exist_ok=True)
    for number in range(easy + hard):
        bill = f"{'easy' if number < easy else 'hard'}-{100 + number}"
        expect = {"outcome": "done", "effects": {"pay": [{"cents": 100 + number}]}}
        given = {"case": 1, "name": bill, "input": {"bill": bill}, "state": {}, "expect": expect, **more}
        with (folder / "cases" / f"{bill}.yaml").open("w") as file:
            YAML().dump(given, file)
    return folder


def both(place: Path, easy: int = 8, hard: int = 8) -> tuple[Path, Path]:
    """(the one that guesses, with the suite; the one that looks)."""
    return cases(write(place, "guesses", GUESSES), easy, hard), write(place, "looks", LOOKS)


def borrower(place: Path) -> Path:
    """The one that looks, with tools of its own that want a desk of its own, and no world."""
    return write(place, "borrows", LOOKS, world="")
