"""A run told in a few words, as entries."""

from __future__ import annotations

from holdfast.codec import GENESIS, chain, decode, encode
from holdfast.events import (
    CallAsked,
    CallJudged,
    CallReturned,
    CallStarted,
    Entry,
    Inline,
    ModelAnswered,
    ModelAsked,
    RunClosed,
    RunOpened,
    Usage,
    Wanted,
)
from holdfast.journal.port import Append, Row

CONTRACT = {
    "task": "Pay bills.", "instructions": "PLANTED-instructions", "models": ["anthropic:claude-x"], "gives": {"type": "object"},
    "tools": {"pay": {}, "look": {}},
}  # fmt: skip

OPENED = RunOpened(
    "payer", Inline(CONTRACT), "c0ffee", Inline("PLANTED-input"), "svc:inbox", tags={"team": "eu"}, tenant="acme"
)
ASKED = ModelAsked(1, 1, "anthropic:claude-x", "w_1", 0, add=((1, 0),), max_output=512)
ANSWERED = ModelAnswered(
    2, Inline("PLANTED-text"), (Wanted("call_1", "pay", '{"to": "PLANTED-args"}'),), "calls", Usage(100, 7, 40), 1_500_000, "claude-x-1",
    took=2_000_000,
)  # fmt: skip
PAY = CallAsked(3, 0, "pay", "call_1", Inline({"to": "PLANTED-args"}), "d", "write")
RETURNED = CallReturned(4, 1, Inline({"id": "PLANTED-result"}), effect_id="pay-9", took=500_000)
STORY = (OPENED, ASKED, ANSWERED, PAY, CallJudged(4, "allow"), CallStarted(4, 1, "w_1", 0, "key"), RETURNED)
DONE = RunClosed("done", "PLANTED-reason", Inline("PLANTED-output"))


def run(*events, name="r_1", step=1_000_000):
    """These as the entries of a run, a second between each and the next, chained."""
    entries, head = [], GENESIS
    for seq, event in enumerate(events, 1):
        data = encode(Entry(name, seq, seq * step, 0, "w_1", event))
        digest = chain(head, data)
        entries.append(decode(data, head, digest))
        head = digest
    return entries


def batch(entries, after=0, *, upto=None):
    """Entries of a run after one, as they are appended."""
    part = entries[after:upto]
    closed = isinstance(part[-1].event, RunClosed)
    row = Row(
        run=part[0].run,
        seq=part[-1].seq,
        agent="payer",
        status="closed" if closed else "working",
        opened=1,
        at=part[-1].at,
    )
    lines = [(encode(entry), entry.digest) for entry in part]
    return Append(run=part[0].run, expected=after, lines=lines, row=row, durable=True)
