"""A sender in a process of its own, with small pages and requests, so that there is much to be killed in."""

from __future__ import annotations

import asyncio
from pathlib import Path

from holdfast.journal.open import open_journal
from holdfast.otel.collector import Otlp
from holdfast.otel.position import Position
from holdfast.otel.sender import Sender


def main(journal: str, url: str) -> None:
    """Send everything, and end."""
    asyncio.run(_send(Path(journal), url))


async def _send(path: Path, url: str) -> None:
    journal, otlp = open_journal(f"sqlite:///{path}", readonly=True), Otlp(url)
    try:
        await Sender(journal, otlp, Position(path, otlp.url, otlp.name), tell=print, page=40, batch=6).once()
    finally:
        otlp.close()
        await journal.close()
