"""A deadline around what runs in the current task.

When the time is up the task is cancelled. What does not end by that within a moment is given up: whoever waits is told so
at once, and what comes of it after all comes late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

GRACE: Final = 0.5
"""Seconds a cancelled attempt has to end before it counts as still alive."""


class TimeUp(Exception):
    """The time was up. ended: what ran is over by that. told: whoever waits was told already that it is not."""

    def __init__(self, *, ended: bool, told: bool = False) -> None:
        super().__init__("the time was up")
        self.ended = ended
        self.told = told


class Deadline:
    """For the length of a `with`: raises TimeUp where the task ended because its time was up.

    seconds: until then. given_up: called once, where the task goes on in spite of being cancelled.
    """

    __slots__ = ("_cancels", "_given_up", "_seconds", "_task", "_timer", "_told", "_up")

    def __init__(self, seconds: float, given_up: Callable[[], None]) -> None:
        self._seconds = seconds
        self._given_up = given_up
        self._up = self._told = False

    def __enter__(self) -> None:
        task: asyncio.Task[Any] | None = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancels = task.cancelling()
        self._timer = task.get_loop().call_later(self._seconds, self._passed)

    def _passed(self) -> None:
        self._up = True
        self._task.cancel()
        self._timer = self._task.get_loop().call_later(GRACE, self._give_up)

    def _give_up(self) -> None:
        self._told = True
        self._given_up()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._timer.cancel()
        if self._up and self._task.uncancel() <= self._cancels and kind is asyncio.CancelledError:
            raise TimeUp(ended=True, told=self._told) from error
