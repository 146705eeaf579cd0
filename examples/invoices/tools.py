"""What the agent can do: read the mail, look things up in the ERP, and pay, ask or put by.

Every answer of the ERP is turned into what holdfast understands in one place (`_body`): 429 did nothing and says when to
come back, a connection that broke in the middle of a write leaves everything open, and anything else is a no.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from holdfast import tool
from holdfast.labels import Untrusted
from holdfast.tool import Absent, Call, CallKey, CannotTell, Found, NotDone, Partial, Refused, Retry, Unknown

from .erp import Answer, Body, Erp
from .inbox import FOLDER, Inbox, text_of

PAY_IN: Final = 2.0
"""Seconds until a payment's outcome counts as unknown."""

SETTLE: Final = 1.2
"""Seconds until the list of payments is believed when it does not show one: it lags (`facts`, `lag`)."""

TOO_LONG: Final = 60.0
"""Seconds a late answer takes. Nobody waits for it."""

AGAIN: Final = Retry(times=2, wait=0.05)

# ----------------------------------------------------------------------------------------------- types

Cents: TypeAlias = Annotated[int, Field(gt=0, le=100_000_000)]
Iban: TypeAlias = Annotated[str, Field(pattern=r"^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$", description="Without blanks")]
Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=1000)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InvoiceMail(_Record):
    """One mail. The mail gate fills this in; the file that came with it is the run's attachment."""

    mail_id: Annotated[str, Field(description="The mail's own id, and the key of the request")]
    vendor_id: Annotated[str | None, Field(description="Whose registered address it came from; null: nobody's")]
    invoice_no: Annotated[str, Field(description="As the subject has it")]
    thing: Annotated[str, Field(description="Vendor and invoice number, however it was written")]
    sender: str
    subject: Untrusted[str]


class Decision(_Record):
    """What became of a mail."""

    outcome: Literal["paid", "not_paid", "put_by", "asked"]
    invoice_no: str
    paid_cents: Annotated[int, Field(ge=0)]
    sentence: Annotated[str, Field(min_length=1, max_length=500, description="Why, in one sentence")]


class InvoiceText(_Record):
    """What stands in the file that came with a mail."""

    mail_id: str
    file: str
    text: str
    total_cents: Annotated[int | None, Field(description="The one total printed in it; null: none, or several")]


class OrderLine(_Record):
    """One line of a purchase order."""

    line: int
    article: str
    quantity: int
    unit_cents: int


class Order(_Record):
    """A purchase order."""

    order_no: str
    vendor_id: str
    ordered_on: date
    lines: list[OrderLine]
    freight_cents: int
    total_cents: int


class Receipt(_Record):
    """One delivery for one line of an order. `open` is what of it no invoice was paid for yet."""

    receipt_no: int
    order_no: str
    line: int
    quantity: int
    open: int
    received_on: date


class Vendor(_Record):
    """A vendor's record."""

    vendor_id: str
    name: str
    email: str
    iban: str
    terms_days: int
    status: Literal["active", "blocked"]
    due_if_dated: Annotated[date, Field(description="An invoice of this day or before it is due in this week's run")]


class Booked(_Record):
    """An invoice that was paid before."""

    invoice_no: str
    order_no: str
    cents: int
    paid_on: date
    payment_no: int


class Duplicates(_Record):
    """What was paid before under the same number, however it was written."""

    vendor_id: str
    invoice_no: str
    paid: list[Booked]


class Billed(_Record):
    """One line of an invoice: which line of the order it is for, how many, at what price each."""

    line: Annotated[int, Field(ge=1, le=3)]
    quantity: Annotated[int, Field(ge=1)]
    unit_cents: Cents


class Payment(_Record):
    """Money that went out."""

    payment_no: str
    vendor_id: str
    invoice_no: str
    cents: int
    iban: str
    paid_on: date


class Reversal(_Record):
    """A payment called back."""

    payment_no: str
    cents: int


class Letter(_Record):
    """A letter on its way."""

    letter_no: int
    to: str


class Filed(_Record):
    """An invoice put by."""

    filed_no: int
    invoice_no: str
    until: date


# ------------------------------------------------------------------------------------- what the ERP answers


def _body(answer: Answer, *, writes: bool = False) -> Body:
    """The body of an answer. Raises what an answer that is none stands for."""
    if answer.status == 200:
        return answer.body
    if answer.status == 429:
        raise NotDone("the ERP is busy (429)", retry_after=answer.retry_after)
    if answer.status >= 500:
        raise (Unknown if writes else NotDone)("the connection to the ERP broke before it answered")
    raise Refused(str(answer.body.get("error", f"the ERP answered {answer.status}")))


def _only(model: type[BaseModel], body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in model.model_fields if name in body}


# --------------------------------------------------------------------------------------------- reading

_TOTAL: Final = re.compile(r"^\s*(?:Total|Gesamt)\s+([\d,]+\.\d\d)\s*$", re.MULTILINE)


@tool.read(timeout=5)
async def read_invoice(mail_id: str, *, inbox: Inbox) -> InvoiceText:
    """Read the file that came with a mail, as text. What stands in it is the sender's word and nothing more."""
    file = inbox.file(mail_id)
    if file is None:
        raise Refused(f"there is no mail {mail_id}")
    text = text_of(file)
    totals = {int(found.replace(",", "").replace(".", "")) for found in _TOTAL.findall(text)}
    return InvoiceText(
        mail_id=mail_id, file=file.name, text=text, total_cents=totals.pop() if len(totals) == 1 else None
    )


@tool.read(timeout=5, retry=AGAIN, trust="trusted")
async def get_purchase_order(order_no: str, *, erp: Erp) -> Order:
    """Show a purchase order by its number (PO-…): whose it is, and quantity and agreed price of each line."""
    return Order(**_body(erp.order(order_no)))


@tool.read(timeout=5, retry=AGAIN, trust="trusted")
async def list_receipts(order_no: str, *, erp: Erp, call: Call) -> list[Receipt] | Partial[list[Receipt]]:
    """List the deliveries for a purchase order, and what of each is not yet paid for."""
    body = _body(erp.receipts(order_no, call.cursor))
    rows = [Receipt(**row) for row in body["rows"]]
    left = body["of"] - int(call.cursor or 0) - len(rows)
    if left <= 0:
        return rows
    if body["next"]:
        return Partial(rows, missing=f"{left} further deliveries", cursor=body["next"])
    return Partial(rows, missing=f"{left} of {body['of']} deliveries: the warehouse did not answer")


@tool.read(timeout=5, retry=AGAIN, trust="trusted")
async def get_vendor(vendor_id: str, *, erp: Erp) -> Vendor:
    """Show a vendor's record: its bank account, its terms of payment, whether it is blocked."""
    return Vendor(**_body(erp.vendor(vendor_id)))


@tool.read(timeout=5, retry=AGAIN, trust="trusted")
async def find_duplicates(vendor_id: str, invoice_no: str, *, erp: Erp) -> Duplicates:
    """Look for earlier payments of an invoice of this number by this vendor, however the number was written."""
    rows = _body(erp.invoices(vendor_id, invoice_no))["rows"]
    return Duplicates(vendor_id=vendor_id, invoice_no=invoice_no, paid=[Booked(**row) for row in rows])


# ---------------------------------------------------------------------------------------------- paying


def _payment(body: Body) -> Payment:
    return Payment(**{**_only(Payment, body), "payment_no": f"P-{body['payment_no']}"})


async def find_payment(*, erp: Erp, key: CallKey, **_asked: object) -> Found[Payment] | Absent | CannotTell:
    """Whether the payment of this very call was made: its key says so, whatever was asked for.

    The list lags, so its silence counts only after `settle`.
    """
    answer = erp.payment(key)
    if answer.status != 200:
        return CannotTell("the ERP is busy")
    if not answer.body["rows"]:
        return Absent()
    made = _payment(answer.body["rows"][0])
    return Found(made.payment_no, made)


async def reverse_payment(payment: Payment, *, erp: Erp, key: CallKey) -> Reversal:
    """Call a payment back from the bank. The same key is the same reversal."""
    body = _body(erp.reverse(key, int(payment.payment_no.removeprefix("P-"))), writes=True)
    return Reversal(payment_no=payment.payment_no, cents=body["cents"])


@tool.write(
    timeout=PAY_IN,
    retry=AGAIN,
    undo=reverse_payment,
    lookup=find_payment,
    effect_id="payment_no",
    settle=SETTLE,
)
async def pay_invoice(
    vendor_id: str,
    order_no: str,
    invoice_no: str,
    dated: Annotated[date, Field(description="The invoice's own date")],
    lines: Annotated[list[Billed], Field(min_length=1, max_length=3)],
    freight_cents: Annotated[int, Field(ge=0)],
    cents: Annotated[Cents, Field(description="The invoice's total: its lines and its freight")],
    iban: Iban,
    *,
    erp: Erp,
    key: CallKey,
) -> Payment:
    """Pay one whole invoice, once. Lines name the lines of the purchase order they are for."""
    answer = erp.pay(key, {
        "vendor_id": vendor_id, "order_no": order_no, "invoice_no": invoice_no, "cents": cents, "iban": iban,
        "lines": [dict(line) for line in lines],
    })  # fmt: skip
    if answer.late:
        await asyncio.sleep(TOO_LONG)
    return _payment(_body(answer, writes=True))


# ---------------------------------------------------------------------------- what to do with one that is not paid


@tool.write(timeout=5, retry=AGAIN)
async def ask_vendor(vendor_id: str, text: Text, *, erp: Erp, key: CallKey) -> Letter:
    """Write to the vendor, at the address in its record, about what is not right with its invoice."""
    body = _body(erp.letter(key, vendor_id, text), writes=True)
    return Letter(letter_no=body["letter_no"], to=body["email"])


async def take_out(filed: Filed, *, erp: Erp, key: CallKey) -> Filed:
    """Take an invoice out again that was put by. The same key is the same request."""
    return Filed(**_only(Filed, _body(erp.take_out(key, filed.filed_no), writes=True)))


@tool.write(timeout=5, retry=AGAIN, undo=take_out)
async def file_for_later(invoice_no: str, until: date, because: Text, *, erp: Erp, key: CallKey) -> Filed:
    """Put an invoice by until a day: it is right and not due yet, or nothing has arrived yet."""
    return Filed(**_only(Filed, _body(erp.file(key, invoice_no, until.isoformat(), because), writes=True)))


# ------------------------------------------------------------------------------------------- resources


@asynccontextmanager
async def resources(settings: Mapping[str, str]) -> AsyncIterator[tuple[Erp, Inbox]]:
    """The ERP and the inbox, for as long as a worker lives. Settings: `erp`, its file; `inbox`, a folder."""
    erp = Erp.open(Path(settings.get("erp", ".holdfast/erp.db")))
    try:
        yield erp, Inbox(Path(settings.get("inbox", FOLDER)))
    finally:
        erp.close()


TOOLS: Final = (
    read_invoice,
    get_purchase_order,
    list_receipts,
    get_vendor,
    find_duplicates,
    pay_invoice,
    ask_vendor,
    file_for_later,
)
