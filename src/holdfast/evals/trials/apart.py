"""A journal in which each run has effects of its own, whatever they are called.

An effect belongs to one run of a journal: a look-up that finds the effect of another run found nothing. That holds where runs
share a world. Trials do not: each has a throw-away world, which counts its effects from one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any, cast

from msgspec.structs import replace

from holdfast.journal.port import Append, Appended, Journal


class _Apart:
    def __init__(self, store: Journal) -> None:
        self._store = store
        # looked up once: a run asks its journal for the time more often than for anything else
        self.now, self.epoch, self.read, self.alive = store.now, store.epoch, store.read, store.alive

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def append(self, batch: Append) -> Awaitable[Appended]:
        """Queue a batch, its effects named after its run."""
        if batch.claims or batch.needs:
            batch = replace(batch, claims=_named(batch.run, batch.claims), needs=_named(batch.run, batch.needs))
        return self._store.append(batch)


def _named(run: str, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{run}:{name}" for name in names)


def apart(store: Journal) -> Journal:
    """A store as the runs of trials have it."""
    return cast("Journal", _Apart(store))
