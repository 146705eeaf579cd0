"""An incident made for each trial, and an empty board. `state: {inc-201: [leak, 5]}`: incident → fault and seed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from holdfast.evals.cases.world import Effect, World
from holdfast.events import Json

from .archive import Archive, Board
from .make_logs import files


@asynccontextmanager
async def world(state: Json) -> AsyncIterator[World]:
    """The files of the incidents that a case names, and what was pinned since."""
    made = {incident: files(fault, seed) for incident, (fault, seed) in (state or {}).items()}
    archive, board = Archive(incidents=made), Board()
    yield World(
        resources=(archive, board),
        effects=lambda: [Effect("pin", {name: one[name] for name in ("file", "line", "text")}) for one in board.all()],
    )
