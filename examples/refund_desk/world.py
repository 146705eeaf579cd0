"""A throw-away shop for each trial of a case or a drill. `state: {faults: true}` leaves in what goes wrong there by itself.

Where worker processes are killed, the shop lives in a file of the folder `place`, and who comes next finds it as it was left.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from holdfast.evals.cases.world import Effect, World
from holdfast.events import Json

from .shop import Shop


@asynccontextmanager
async def world(state: Json, place: Path | None = None) -> AsyncIterator[World]:
    """A shop in memory, or in a file of `place`, and what was paid and sent there since its first morning."""
    shop = Shop.in_memory(faults=bool((state or {}).get("faults")))
    before = shop.number("SELECT count(*) FROM refunds"), shop.number("SELECT count(*) FROM messages")
    if place is not None:
        shop.keep(place / "shop.db")
        shop.close()
        shop = Shop(place / "shop.db")
    try:
        yield World(resources=(shop,), effects=lambda: _effects(shop, *before))
    finally:
        shop.close()


def _effects(shop: Shop, refunds: int, messages: int) -> Sequence[Effect]:
    paid = shop.all("SELECT order_id, cents, reason FROM refunds ORDER BY refund_id LIMIT -1 OFFSET ?", refunds)
    sent = shop.all("SELECT customer_id, body AS text FROM messages ORDER BY message_id LIMIT -1 OFFSET ?", messages)
    return (
        *(Effect("issue_refund", dict(row)) for row in paid),
        *(Effect("send_message", dict(row)) for row in sent),
    )
