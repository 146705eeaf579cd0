"""A throw-away ERP for each trial of a case or a drill. `state: {flaky: true}` leaves in what goes wrong there by itself.

Where worker processes are killed, the ERP lives in a file of the folder `place`, and who comes next finds it as it was left.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from holdfast.evals.cases.world import Effect, World
from holdfast.events import Json

from .erp import Erp
from .inbox import FOLDER, Inbox


@asynccontextmanager
async def world(state: Json, place: Path | None = None) -> AsyncIterator[World]:
    """An ERP in memory, or in a file of `place`, the day's inbox, and what was changed in it since the first morning."""
    erp = Erp.in_memory(flaky=bool((state or {}).get("flaky")))
    if place is not None:
        erp.keep(place / "erp.db")
        erp.close()
        erp = Erp(place / "erp.db")
    try:
        yield World(resources=(erp, Inbox(FOLDER)), effects=lambda: _effects(erp))
    finally:
        erp.close()


def _effects(erp: Erp) -> Sequence[Effect]:
    paid = erp.all("SELECT vendor_id, invoice_no, cents, iban FROM payments WHERE key IS NOT NULL ORDER BY payment_no")
    asked = erp.all("SELECT vendor_id, body AS text FROM letters ORDER BY letter_no")
    filed = erp.all("SELECT invoice_no, until FROM filed WHERE taken_by IS NULL ORDER BY filed_no")
    return (
        *(Effect("pay_invoice", dict(row)) for row in paid),
        *(Effect("ask_vendor", dict(row)) for row in asked),
        *(Effect("file_for_later", dict(row)) for row in filed),
    )
