"""An event loop with a time of its own: one simulated process runs in each.

Nobody waits here. A loop says when its next timer is due, and whoever owns the time (`room.Room`) jumps there. What asyncio
asks of a loop is there, except sockets, signals and subprocesses: code that wants those has left the simulation.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from holdfast.errors import Bug

T = TypeVar("T")

MAX_BURST = 20_000
"""Callbacks that may follow one another at one moment: more is a loop that never comes to rest."""


class Handle:
    """A callback that waits for its turn."""

    __slots__ = ("_args", "_callback", "_context", "_over", "_when")

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context | None,
        when: float = 0.0,
    ) -> None:
        self._callback = callback
        self._args = args
        self._context = context or contextvars.copy_context()
        self._when = when
        self._over = False

    def cancel(self) -> None:
        """Never call it."""
        self._over = True

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self._over

    def when(self) -> float:
        """When it is to be called, on the loop's clock."""
        return self._when

    def run(self) -> None:
        """Call it."""
        if not self._over:
            self._context.run(self._callback, *self._args)


class VirtualLoop(asyncio.AbstractEventLoop):
    """The event loop of one simulated process. `clock` gives seconds; `strand` runs a function beside the loop, as a thread would."""

    def __init__(
        self,
        clock: Callable[[], float],
        strand: Callable[[Callable[[], object], asyncio.Future[Any]], None],
        said: Callable[[dict[str, Any]], None],
    ) -> None:
        self._clock = clock
        self._strand = strand
        self._said = said
        self._ready: deque[Handle] = deque()
        self._timers: list[tuple[float, int, Handle]] = []
        self._numbers = itertools.count()
        self.tasks: list[asyncio.Task[Any]] = []
        """Every task there ever was: what became of each is looked at in the end."""
        self.halted = False
        """True: nothing is called any more, as in a process that was killed."""

    # ---- what asyncio asks

    def time(self) -> float:
        """Seconds."""
        return self._clock()

    def call_soon(  # type: ignore[override]  # our handles are no asyncio.Handle, and nobody looks
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> Handle:
        """Call in the next turn."""
        handle = Handle(callback, args, context)
        self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]  # strands never run at the same time as their loop

    def call_at(  # type: ignore[override]  # the same
        self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> Handle:
        """Call at a moment."""
        handle = Handle(callback, args, context, when)
        heapq.heappush(self._timers, (when, next(self._numbers), handle))
        return handle

    def call_later(  # type: ignore[override]  # the same
        self, delay: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> Handle:
        """Call after some seconds."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def create_future(self) -> asyncio.Future[Any]:
        """Make a future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Coroutine[Any, Any, T], *, name: str | None = None, context: contextvars.Context | None = None
    ) -> asyncio.Task[T]:
        """Make a task of this loop."""
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self.tasks.append(task)
        return task

    def run_in_executor(self, executor: object, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """Run a function beside the loop. As with a thread, cancelling the future does not stop what has begun."""
        future: asyncio.Future[T] = self.create_future()
        self._strand(lambda: func(*args), future)
        return future

    def get_debug(self) -> bool:
        """Never."""
        return False

    def is_running(self) -> bool:
        """Whether a callback of this loop is being called."""
        return asyncio._get_running_loop() is self

    def is_closed(self) -> bool:
        """Never: a dead process's loop is not closed, it is just never called again."""
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what went wrong where nobody was listening."""
        self._said(context)

    # ---- what the owner of the time asks

    def is_ready(self) -> bool:
        """Whether something is to be done now."""
        return bool(self._ready)

    def due(self) -> float | None:
        """When its next timer is due."""
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def ring(self, now: float) -> None:
        """Make ready what is due."""
        while (due := self.due()) is not None and due <= now + 1e-9:
            self._ready.append(heapq.heappop(self._timers)[2])

    def burst(self) -> None:
        """Do all there is to be done now. Raises Bug if that never ends."""
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            for _ in range(MAX_BURST):
                if not self._ready or self.halted:
                    return
                handle = self._ready.popleft()
                try:
                    handle.run()
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:  # noqa: BLE001 - as every loop does: a callback's error is told, not raised
                    self.call_exception_handler({"message": "a callback raised", "exception": error})
            raise Bug("a simulated process never comes to rest")
        finally:
            asyncio._set_running_loop(before)
