"""`python -m tests.golden.make`: write the golden journals of this version, before it is released.

`kiosk` is a day of an agent with a rule of every kind; `clerk` are lives of the simulator, with crashes, lost answers, doubts
and meddling people, chosen so that every kind of entry that it can make is in them. Both come out the same whenever the same
code makes them. Once a version is released its files are never made again: what is wrong with one then is wrong with holdfast.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from holdfast import codec
from holdfast.core.fold import fold_all
from holdfast.events import AnyEvent, Unknown
from holdfast.shell import bodies
from holdfast.testing.sim.schedule import draw
from holdfast.testing.sim.stage import Stage
from holdfast.version import VERSION
from holdfast.views.cost import cost_of
from holdfast.views.replay import Replay
from tests.golden import kiosk, store
from tests.golden.store import Golden

SEEDS = range(300)
MOST = 80_000
"""Bytes of the simulator's runs that are kept, about."""


def told(golden: Golden) -> dict[str, Any]:
    """What is known of a run, as every later version has to find it."""
    state = fold_all(golden.entries)
    again = Replay().of(golden.entries, golden.secret)
    assert again.divergence is None, again.divergence
    return {
        "entries": len(golden.entries), "closed": state.closed.outcome if state.closed else None, "steps": state.spent.steps,
        "charged": state.spent.charged, "paid": cost_of(golden.entries).money.total, "effects": sum(map(len, state.effects.values())),
        "unresolved": list(state.unresolved), "decided": again.batches, "undecided": again.undecided,
    }  # fmt: skip


async def _kiosk() -> tuple[list[Golden], dict[str, bytes]]:
    journal, names = await kiosk.day()
    runs = [Golden(name, await journal.secret(name), {}, await journal.read(name)) for name in names]
    refs = {ref for golden in runs for ref in _refs(golden)}
    found = {ref: await journal.blob(ref) for ref in refs}
    return runs, {ref: data for ref, data in found.items() if data is not None}


def _clerk() -> tuple[list[Golden], dict[str, bytes]]:
    """Lives chosen one after another: the one that shows most of what those before it do not, for its size."""
    lives = [life for seed in SEEDS for life in _lives(seed)]
    runs, blobs, known, size = list[Golden](), dict[str, bytes](), set[str](), 0
    while size < MOST:
        best = max(lives, key=lambda life: (_news(life.kinds, known) / life.size, life.golden.run))
        if not best.kinds - known:
            break
        known |= best.kinds
        size += best.size
        runs.append(best.golden)
        blobs |= best.blobs
    return runs, blobs


def _news(kinds: set[str], known: set[str]) -> int:
    """How much there is to see that was not seen; a kind of entry that was not seen at all counts for ten."""
    seen = {kind.partition(" ")[0] for kind in known}
    return len(kinds - known) + 10 * len({kind.partition(" ")[0] for kind in kinds} - seen)


class Life(Struct):
    """A run of the simulator that may be kept."""

    golden: Golden
    blobs: dict[str, bytes]
    kinds: set[str]
    size: int


def _lives(seed: int) -> Iterator[Life]:
    stage = Stage(draw(seed))
    history = stage.play()
    for name, entries in history.runs.items():
        golden = Golden(name, history.secrets.get(name), {}, history.lines[name])
        every = stage.store.tables.blobs
        blobs = {ref: data for ref in _refs(golden) if (data := every.get(ref)) is not None}
        kinds = {kind for entry in entries for kind in _kinds(entry.event)}
        yield Life(golden, blobs, kinds, sum(len(data) for data, _ in golden.lines) + sum(map(len, blobs.values())))


def _refs(golden: Golden) -> set[str]:
    return {ref for data, digest in golden.lines for ref in bodies.refs(codec.decode(data, b"", digest))}


def _kinds(event: AnyEvent | Unknown) -> Iterator[str]:
    """What an entry shows: its kind, with what it says in a word."""
    words = (
        getattr(event, name, "")
        for name in ("verdict", "about", "why", "error", "answer", "outcome", "limit", "complete")
    )
    yield " ".join([type(event).__name__, *(word for word in words if isinstance(word, str) and len(word) < 12)])


def main() -> None:
    """Write both files, and what they are made of to the list of released ones."""
    made = {"kiosk": asyncio.run(_kiosk()), "clerk": _clerk()}
    released = json.loads(store.RELEASED.read_text()) if store.RELEASED.exists() else {}
    for title, (runs, blobs) in made.items():
        path = store.HERE / VERSION / f"{title}.jsonl"
        store.dump(path, runs, blobs)
        for golden, again in zip(runs, store.load(path), strict=True):
            golden.told = told(again)
        store.dump(path, runs, blobs)
        released[store.name(path)] = store.digest(path)
        print(f"{path}: {len(runs)} runs, {path.stat().st_size:,} bytes")
    store.RELEASED.write_text(json.dumps(dict(sorted(released.items())), indent=1) + "\n")


if __name__ == "__main__":
    main()
