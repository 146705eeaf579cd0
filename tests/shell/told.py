"""Performing one attempt in a test, as a driver would: in a task of its own, listening to what is told."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec.structs import replace

from holdfast.core.pending import Pending
from holdfast.shell.perform import Attempt, Performer


async def stubborn(release: asyncio.Event) -> int:
    """Goes on however often it is cancelled, until it is released."""
    while not release.is_set():
        try:
            await release.wait()
        except asyncio.CancelledError:
            continue
    return 7


async def perform(performer: Performer, request: Pending, attempt: Attempt) -> Any:
    """The first fact about an attempt; one that comes later goes to the attempt's own `tell`."""
    first: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def tell(fact: Any) -> None:
        if first.done():
            attempt.tell(fact)
        else:
            first.set_result(fact)

    task = asyncio.ensure_future(performer.perform(request, replace(attempt, tell=tell)))
    try:
        await asyncio.wait({task, first}, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not first.done():
        if task.cancelled():
            return performer.cancelled(request, attempt)
        task.result()
    return await first
