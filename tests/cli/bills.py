"""A small agent that pays bills, made to be bent: what a test changes is a text."""

from __future__ import annotations

from pathlib import Path

CONTRACT = """\
name: {name}
task: Pay one bill.
takes: Bill
gives: Receipt
models: [anthropic:claude-sonnet-4-5-20250929]
tools:
  look_up:
  pay:
    needs: {{look_up: {{bill: args.bill}}}}
    must:
      - {{that: args.cents <= seen.look_up.cents, because: never more than the bill says}}
    review:
      - {{when: args.cents > 1000, by: boss, because: big sums need a person}}
    amendable: [cents]
limits: {{steps: 6, usd: "0.10"}}
"""

TOOLS = '''\
"""Bills."""

from contextlib import asynccontextmanager

from pydantic import BaseModel

from holdfast import tool
from holdfast.tool import CallKey


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


@tool.read(timeout=5, trust="trusted")
def look_up(bill: str, *, desk: Desk) -> Found:
    """How much one bill is, by its name."""
    return Found(bill=bill, cents=int(bill))


@tool.write(timeout=5)
def pay(bill: str, cents: int, *, desk: Desk, key: CallKey) -> Found:
    """Pay one bill, once."""
    desk.paid[key] = cents
    return Found(bill=bill, cents=cents)


@asynccontextmanager
async def resources(settings):
    yield Desk()
'''

STANDIN = '''\
"""Pays what it is told to."""

import json

from holdfast.dialogue import Result, Told
from holdfast.models.scripted import call, decline, done, script_by


def turns(first):
    bill = json.loads(first)["bill"]
    if bill == "0":
        return [decline("nothing is owed")]

    def finish(request):
        last = [part for part in request.segments if isinstance(part, Result)][-1]
        return done(paid=0 if last.failed else json.loads(last.text.splitlines()[0])["cents"])

    return [call("look_up", bill=bill), call("pay", bill=bill, cents=int(bill)), finish]


standin = script_by(turns)
'''


def write_agent(folder: Path, name="payer", contract=CONTRACT, tools=TOOLS, standin=STANDIN) -> Path:
    place = folder / name
    place.mkdir(parents=True)
    (place / "contract.yaml").write_text(contract.replace("{name}", name).replace("{{", "{").replace("}}", "}"))
    (place / "tools.py").write_text(tools)
    if standin:
        (place / "standin.py").write_text(standin)
    return place
