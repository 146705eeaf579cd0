"""A folder and an empty notebook for each trial. `state: {without: [FILE, …]}` takes documents out of the folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from holdfast.evals.cases.world import Effect, World
from holdfast.events import Json

from .library import DOCUMENTS, Library, Notebook


@asynccontextmanager
async def world(state: Json) -> AsyncIterator[World]:
    """The example's own documents, and what was cited since."""
    library = Library.of(DOCUMENTS, without=frozenset((state or {}).get("without", ())))
    notebook = Notebook()
    yield World(resources=(library, notebook), effects=lambda: [Effect("cite", asked(one)) for one in notebook.all()])


def asked(citation: dict[str, str]) -> dict[str, Json]:
    """What a citation was asked for with."""
    return {name: citation[name] for name in ("document", "quote", "claim")}
