"""When a worker process is killed, and what it had under way then.

A moment is drawn before the worker is born, so chance decides it and nothing that happens later. What the worker does is
counted in a file in its memory, which the system keeps when the process is gone: whoever killed it can read there what it
had begun and never ended.
"""

from __future__ import annotations

import mmap
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Final, Literal, TypeAlias, get_args

from msgspec import Struct

Thing: TypeAlias = Literal["model", "tool", "append"]
"""What a worker can have under way: a call of a model, of a tool or its look-up, an append to the journal."""

THINGS: Final[tuple[Thing, ...]] = get_args(Thing)

LATEST: Final[dict[Thing, int]] = {"model": 12, "tool": 12, "append": 40}
"""Which one of its kind a moment is tied to, at most."""

LAG: Final = 3_000
"""µs that a moment may lie after what it is tied to; in half of all moments it does not."""

LIFE: Final = 200_000
"""µs after its birth at which a worker is killed by the clock alone, at most."""

_BYTES: Final = 8


class Moment(Struct, frozen=True):
    """The nth time that something begins or ends, and so many µs later; or only so many µs after the birth."""

    thing: Thing | None
    ended: bool = False
    """At its end: it is done, and nobody was told."""
    nth: int = 1
    lag: int = 0


def draw(seed: int, kill: int) -> Moment:
    """The moment of one kill: one in ten by the clock, the others tied to something. One seed gives the same moments."""
    chance = Random(f"{seed}:{kill}")  # noqa: S311 - a moment, and nobody's secret
    if chance.random() < 0.1:
        return Moment(None, lag=chance.randint(0, LIFE))
    thing = chance.choice(THINGS)
    lag = chance.randint(1, LAG) if chance.random() < 0.5 else 0
    return Moment(thing, chance.random() < 0.5, chance.randint(1, LATEST[thing]), lag)


class Tally:
    """How many of each thing a worker began and ended, in a file that outlives it."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(2 * _BYTES * len(THINGS)))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)

    def add(self, thing: Thing, *, ended: bool) -> int:
        """Count one more; how many of these there are now."""
        at = _BYTES * (2 * THINGS.index(thing) + ended)
        count = int.from_bytes(self._map[at : at + _BYTES]) + 1
        self._map[at : at + _BYTES] = count.to_bytes(_BYTES)
        return count

    def under_way(self) -> dict[Thing, int]:
        """What was begun and did not end."""
        counts = [int.from_bytes(self._map[at : at + _BYTES]) for at in range(0, len(self._map), _BYTES)]
        return {thing: counts[2 * at] - counts[2 * at + 1] for at, thing in enumerate(THINGS)}

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()


class Doom:
    """Counts what a worker does, and ends its process at the moment that was drawn. moment: None: it lives."""

    def __init__(self, tally: Tally, moment: Moment | None) -> None:
        self._tally = tally
        self._moment = moment
        self._lock = threading.Lock()
        self._seen: Counter[tuple[Thing, bool]] = Counter()

    def born(self) -> None:
        """The worker begins to work."""
        if self._moment is not None and self._moment.thing is None:
            self._comes(self._moment.lag)

    @contextmanager
    def under(self, thing: Thing) -> Iterator[None]:
        """Something is under way for the length of a `with`."""
        self.begins(thing)
        try:
            yield
        finally:
            self.ends(thing)

    def begins(self, thing: Thing) -> None:
        """Something is about to begin."""
        with self._lock:
            self._tally.add(thing, ended=False)
            self._reach(thing, ended=False)

    def ends(self, thing: Thing) -> None:
        """Something ended, and nobody was told yet: a death here is one while it was under way."""
        with self._lock:
            self._reach(thing, ended=True)
            self._tally.add(thing, ended=True)

    def _reach(self, thing: Thing, *, ended: bool) -> None:
        self._seen[thing, ended] += 1
        moment = self._moment
        if moment is not None and (moment.thing, moment.ended, moment.nth) == (thing, ended, self._seen[thing, ended]):
            self._comes(moment.lag)

    def _comes(self, lag: int) -> None:
        if not lag:
            kill()
        timer = threading.Timer(lag / 1e6, kill)
        timer.daemon = True
        timer.start()


def kill() -> None:
    """SIGKILL to this very process: nothing of it runs any more, no handler, no `finally`."""
    os.kill(os.getpid(), signal.SIGKILL)
