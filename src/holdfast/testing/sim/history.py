"""What the history checker gets to see: what the journal says, and what the world says. Nothing of the runtime's own mind."""

from __future__ import annotations

import traceback
from collections.abc import Coroutine, Mapping
from typing import Any

from msgspec import Struct

from holdfast import codec
from holdfast.agent import Agent
from holdfast.codec import GENESIS
from holdfast.errors import Bug
from holdfast.events import Entry, Hold, RunClosed, RunOpened
from holdfast.shell import bodies
from holdfast.shell.cipher import Cipher
from holdfast.testing.sim.store import Store
from holdfast.testing.sim.world import Effect, Heard, Visit, World


class Violation(Struct, frozen=True):
    """One thing that must never happen, and did."""

    rule: str
    """In a word or two; the checks say which rule of the semantics each stands for."""
    run: str
    what: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.what} ({self.run})"


class Promise(Struct, frozen=True):
    """Something that somebody outside was told has happened."""

    at: int
    run: str
    token: str
    """A text that its entry holds and no other."""
    durable: bool
    """Whether that entry was durable when it was told."""


class History(Struct):
    """Everything that is known when it is over."""

    runs: dict[str, list[Entry]]
    lines: dict[str, list[tuple[bytes, bytes]]]
    ledger: list[Effect]
    visits: list[Visit]
    heard: list[Heard]
    shown: dict[tuple[str, int], bytes]
    promises: list[Promise]
    secrets: Mapping[str, bytes | None]
    agent: Agent[object, object]
    lives: Mapping[str, str] = {}
    """Worker → process."""
    ends: Mapping[str, int] = {}
    """Process → when it ended, at the latest with everything."""
    disturbed: frozenset[str] = frozenset()
    """Processes whose journal failed, or that were stopped."""
    restored: bool = False
    bills: list[tuple[int, str, int]] = []
    powerless: bool = False
    """The power was lost, and with it what was committed and not durable."""
    rows: dict[str, tuple[int, str]] = {}
    """Run → (seq, status) of its index row."""
    holds: dict[str, tuple[Hold, ...]] = {}
    """Run → what it holds of what runs share, as its index row says."""
    feed: list[tuple[str, int]] = []
    """(run, seq) of every entry, in the order in which they got in."""

    def effects_of(self, run: str, call: int) -> list[Effect]:
        """What was done for one call."""
        return [effect for effect in self.ledger if (effect.run, effect.call) == (run, call)]


def history(
    store: Store,
    world: World,
    agent: Agent[object, object],
    promises: list[Promise],
    known: dict[bytes, Entry],
) -> History:
    """Read everything out of the store and the world."""
    tables = store.tables
    return History(
        runs={run: read(lines, tables.blobs, known, secret_of(lines, tables.secrets)) for run, lines in tables.lines.items()},
        lines={run: list(lines) for run, lines in tables.lines.items()},
        ledger=list(world.ledger), visits=list(world.visits), heard=list(world.heard), bills=list(world.bills),
        shown=dict(store.shown), promises=promises, secrets=dict(tables.secrets), agent=agent,
        restored=store.epoch > 1, powerless=store.outages > 0,
        rows={run: (row.seq, row.status) for run, row in tables.rows.items()},
        holds={run: row.holds for run, row in tables.rows.items()}, feed=[(line.run, line.seq) for line in tables.feed],
    )  # fmt: skip


def read(
    lines: list[tuple[bytes, bytes]], blobs: Mapping[str, bytes | None], known: dict[bytes, Entry] | None = None,
    secret: bytes | None = None,
) -> list[Entry]:  # fmt: skip
    """The entries in stored lines, bodies loaded. known: those read before, by digest; what is read is added to them.

    secret: of the run's tree, for the bodies of a run about somebody.
    """
    out, prev, known = list[Entry](), GENESIS, {} if known is None else known
    cipher = Cipher(secret)

    async def fetch(ref: str) -> bytes | None:
        data = blobs.get(ref)
        return None if data is None else cipher.opened(ref, data)

    for data, digest in lines:
        entry = known.get(digest)
        if entry is None:
            entry = known[digest] = _at_once(bodies.load(codec.decode(data, prev, digest), fetch))
        out.append(entry)
        prev = digest
    return out


def secret_of(lines: list[tuple[bytes, bytes]], secrets: Mapping[str, bytes | None]) -> bytes | None:
    """The secret of the tree that a run belongs to, as its first line says."""
    if not lines:
        return None
    entry = codec.decode(lines[0][0])
    return secrets.get((entry.event.tree if isinstance(entry.event, RunOpened) else "") or entry.run)


def _at_once(coroutine: Coroutine[Any, Any, Entry]) -> Entry:
    """What a coroutine gives that has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        entry: Entry = done.value
        return entry
    raise Bug("a body was waited for")


def broke(where: str, error: Exception) -> Violation:
    """An exception that came out of the runtime, or out of the retelling of a journal that makes no sense."""
    frames = traceback.extract_tb(error.__traceback__)
    last = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "nowhere"
    return Violation("broke", where, f"{type(error).__name__}: {error} at {last}")


def request_number(key: str) -> int:
    """Which request a request key is for."""
    return int(key.split()[1])


def opened(entries: list[Entry]) -> RunOpened:
    """The first event of a run."""
    event = entries[0].event
    assert isinstance(event, RunOpened)
    return event


def own_entries(entries: list[Entry]) -> list[Entry]:
    """The entries of a run without those that a fork began with: they are another run's, and looked at there."""
    origin = opened(entries).forked_from
    if origin is None:
        return entries
    at = origin.call
    while at < len(entries) and entries[at].cause == origin.call:
        at += 1
    return entries[at:]


def closed(entries: list[Entry]) -> RunClosed | None:
    """How a run ended."""
    return next((entry.event for entry in entries if isinstance(entry.event, RunClosed)), None)
