"""Who wants to be told of commits, each in the thread of the event loop it asked from."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping

from holdfast.journal.port import Listener


class Listeners:
    """The listeners of one journal. May be asked from any thread; calls a listener in its own loop's thread only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: tuple[tuple[asyncio.AbstractEventLoop, Listener], ...] = ()

    def __bool__(self) -> bool:
        return bool(self._all)

    def add(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` from now on; the answer stops that. Needs a running event loop."""
        entry = (asyncio.get_running_loop(), listener)
        with self._lock:
            self._all += (entry,)

        def stop() -> None:
            with self._lock:
                self._all = tuple(one for one in self._all if one is not entry)

        return stop

    def loops(self) -> set[asyncio.AbstractEventLoop]:
        """Give the event loops that somebody listens in."""
        return {loop for loop, _ in self._all}

    def drop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Forget everybody who listened in a loop that is closed."""
        with self._lock:
            self._all = tuple(one for one in self._all if one[0] is not loop)

    def tell(self, loop: asyncio.AbstractEventLoop, heads: Mapping[str, int]) -> None:
        """Tell everybody who listens in `loop` of the heads of runs. To be called in that loop's thread."""
        calls = ((listener, run, head) for at, listener in self._all if at is loop for run, head in heads.items())
        _tell(loop, calls)


def _tell(loop: asyncio.AbstractEventLoop, calls: Iterator[tuple[Listener, str, int]]) -> None:
    """Make the calls; where one raises, the loop reports it and the others are made all the same."""
    finished = False
    try:
        for listener, run, head in calls:
            listener(run, head)
        finished = True
    finally:
        if not finished:
            loop.call_soon(_tell, loop, calls)
