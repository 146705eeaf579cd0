"""An agent that pays bills, as a user writes one, for what tests of agents are made with."""

from __future__ import annotations

from pydantic import BaseModel

from holdfast import Agent, tool
from holdfast.tool import CallKey, NotDone, Retry, Unknown


class Receipt(BaseModel):
    paid: int


class Bank:
    """The other system: what was paid, and how it fails."""

    def __init__(self, *, refuses=0, silent=False):
        self.paid: dict[str, int] = {}
        self.refuses = refuses
        self.silent = silent


@tool.read(timeout=5, trust="trusted")
def look_up(bill: str, *, bank: Bank) -> dict[str, int]:
    """How much one bill is, by its name."""
    return {"cents": int(bill)}


@tool.write(timeout=5, retry=Retry(times=3, wait=60))
def pay(bill: str, cents: int, *, bank: Bank, key: CallKey) -> Receipt:
    """Pay one bill, once."""
    if bank.refuses:
        bank.refuses -= 1
        raise NotDone("the bank is closed")
    bank.paid[key] = cents
    if bank.silent:
        bank.silent = False
        raise Unknown("no answer")
    return Receipt(paid=cents)


@tool.write(timeout=5)
def announce(text: str, *, bank: Bank) -> bool:
    """Tell everybody something, without a key."""
    raise Unknown("no answer")


TERMS = {
    look_up: {},
    pay: {
        "needs": {"look_up": {"bill": "args.bill"}},
        "must": [{"that": "args.cents <= seen.look_up.cents", "because": "never more than the bill says"}],
        "review": [{"when": "args.cents > 1000", "by": "boss", "within": "4h", "because": "big sums need a person"}],
        "amendable": ["cents"],
    },
    announce: {},
}

payer = Agent(
    name="payer", task="Pay one bill.", takes=str, gives=Receipt, tools=TERMS, models=["script:payer"], limits={"usd": "0.10"}
)  # fmt: skip
