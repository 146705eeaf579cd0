"""An event loop with a time of its own: one simulated process runs in each.

Nobody waits here. Whoever owns the time (`room.Room`) keeps the timers of all loops in one order and jumps to the next. What
asyncio asks of a loop is there, except sockets, signals and subprocesses: code that wants those has left the simulation.
"""

from __future__ import annotations

import asyncio
from asyncio import _get_running_loop, _set_running_loop
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor
from contextvars import Context, copy_context
from functools import partial
from typing import Any, Final, TypeVar, TypeVarTuple

from holdfast.errors import Bug

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

MAX_BURST: Final = 20_000
"""Callbacks that may follow one another at one moment: more is a loop that never comes to rest."""


class Handle:
    """A callback that waits for its turn."""

    __slots__ = ("args", "callback", "context", "over", "when_due")

    def __init__(
        self, callback: Callable[..., object], args: tuple[Any, ...], context: Context | None, when: float = 0.0
    ) -> None:
        self.callback = callback
        self.args = args
        self.context = context or copy_context()
        self.when_due = when
        self.over = False

    def cancel(self) -> None:
        """Never call it."""
        self.over = True

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self.over

    def when(self) -> float:
        """When it is to be called, on the loop's clock."""
        return self.when_due


class VirtualLoop(asyncio.AbstractEventLoop):
    """The event loop of one simulated process.

    clock: gives seconds. timer: takes a callback that is due at a moment. strand: runs a function beside the loop, as a thread
    would. said: hears of errors that nobody was listening for.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        timer: Callable[[float, Handle], None],
        strand: Callable[[Callable[[], object], asyncio.Future[Any]], None],
        said: Callable[[dict[str, Any]], None],
    ) -> None:
        self._clock = clock
        self._timer = timer
        self._strand = strand
        self._said = said
        self.ready: deque[Handle] = deque()
        """What is to be called now."""
        self.tasks: list[asyncio.Task[Any]] = []
        """Every task there ever was: what became of each is looked at in the end."""
        self.halted = False
        """True: nothing is called any more, as in a process that was killed."""

    # ---- what asyncio asks

    def time(self) -> float:
        """Seconds."""
        return self._clock()

    def call_soon(  # type: ignore[override]  # our handles are no asyncio.Handle, and nobody looks
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Handle:
        """Call in the next turn."""
        handle = Handle(callback, args, context)
        self.ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]  # strands never run at the same time as their loop

    def call_at(  # type: ignore[override]  # the same
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Handle:
        """Call at a moment."""
        handle = Handle(callback, args, context, when)
        self._timer(when, handle)
        return handle

    def call_later(  # type: ignore[override]  # the same
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Handle:
        """Call after some seconds."""
        return self.call_at(self._clock() + delay, callback, *args, context=context)

    def create_future(self) -> asyncio.Future[Any]:
        """Make a future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[T]:
        """Make a task of this loop."""
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self.tasks.append(task)
        return task

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Run a function beside the loop. As with a thread, cancelling the future does not stop what has begun."""
        future: asyncio.Future[T] = self.create_future()
        self._strand(partial(func, *args), future)
        return future

    def get_debug(self) -> bool:
        """Never."""
        return False

    def is_running(self) -> bool:
        """Whether a callback of this loop is being called."""
        return _get_running_loop() is self

    def is_closed(self) -> bool:
        """Never: a dead process's loop is not closed, it is just never called again."""
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what went wrong where nobody was listening."""
        self._said(context)

    # ---- what the owner of the time asks

    def burst(self) -> None:
        """Do all there is to be done now. Raises Bug if that never ends."""
        before, ready = _get_running_loop(), self.ready
        _set_running_loop(self)
        try:
            for _ in range(MAX_BURST):
                if not ready or self.halted:
                    return
                handle = ready.popleft()
                if handle.over:
                    continue
                try:
                    handle.context.run(handle.callback, *handle.args)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:  # noqa: BLE001 - as every loop does: a callback's error is told, not raised
                    self.call_exception_handler({"message": "a callback raised", "exception": error})
            raise Bug("a simulated process never comes to rest")
        finally:
            _set_running_loop(before)
