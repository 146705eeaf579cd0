"""From the writing thread to whoever waits: answers and news, with one call into each event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from holdfast.errors import HoldfastError
from holdfast.journal.listeners import Listeners

Future: TypeAlias = "asyncio.Future[object]"
Answer: TypeAlias = object
"""What somebody waits for, or the HoldfastError to raise there instead."""


def deliver(
    answered: Sequence[tuple[Future, Answer]],
    listeners: Listeners,
    heads: Mapping[str, int],
    here: asyncio.AbstractEventLoop | None = None,
) -> None:
    """Hand over answers, and tell listeners of heads. Each call into a loop wakes it, so each loop gets one.

    here: the loop that this is called from, if it is; it need not be woken.
    """
    loops: dict[asyncio.AbstractEventLoop, list[tuple[Future, Answer]]] = {}
    for future, answer in answered:
        loops.setdefault(future.get_loop(), []).append((future, answer))
    if heads:
        for loop in listeners.loops():
            loops.setdefault(loop, [])
    for loop, mine in loops.items():
        if loop is here:
            _arrive(loop, mine, listeners, heads)
            continue
        try:
            loop.call_soon_threadsafe(_arrive, loop, mine, listeners, heads)
        except RuntimeError:  # the loop is closed: nobody waits there any more
            listeners.drop(loop)


def _arrive(
    loop: asyncio.AbstractEventLoop,
    answered: Sequence[tuple[Future, Answer]],
    listeners: Listeners,
    heads: Mapping[str, int],
) -> None:
    for future, answer in answered:
        if future.done():
            continue  # cancelled by whoever waited
        if isinstance(answer, HoldfastError):
            future.set_exception(answer)
        else:
            future.set_result(answer)
    if heads:
        listeners.tell(loop, heads)
