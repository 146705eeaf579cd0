"""An inbox: it opens runs and leaves them to others."""

from __future__ import annotations

from collections.abc import Iterable

from holdfast import Runner
from tests.processes.shop import SHOPS, standin
from tests.processes.yard import Yard


async def open_only(yard: Yard, orders: Iterable[str], shop: str = "shop") -> None:
    """Open orders, durably, and do nothing about them."""
    async with Runner.open(yard.url, model=standin, drives=False) as inbox:
        for order in orders:
            await inbox.start(SHOPS[shop], order, key=order, by="svc:inbox")
