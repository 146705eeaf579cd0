"""The refund desk's tools: what it can read in the shop, and the two things it can do there.

Two writes, on purpose of two kinds. `issue_refund` takes an idempotency key and can be looked up and undone,
so after a crash or a lost answer the machine itself finds out. `send_message` can do none of this: where its
answer is lost, nobody can tell whether the customer has the mail, and a person is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from sqlite3 import Row
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from holdfast import tool
from holdfast.labels import Untrusted
from holdfast.tool import Absent, Call, CallKey, CannotTell, Found, NotDone, Partial, Refused, Retry, Unknown

from .shop import Shop

PAGE: Final = 3
"""Orders on one page of `find_orders`."""

READ_IN: Final = 0.5
REFUND_IN: Final = 2.0
"""Timeouts, in seconds, of the two tools that are slow at times: small, so that nobody waits long."""

TOO_LONG: Final = 60.0
"""Seconds a slow answer takes. Nobody waits for it: the timeout ends it."""

# ----------------------------------------------------------------------------------------------- types

Reason: TypeAlias = Literal["cancelled", "not_arrived", "late", "returned", "damaged", "charged_twice"]
Cents: TypeAlias = Annotated[int, Field(gt=0, le=1_000_000)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RefundRequest(_Record):
    """One mail of a customer. `customer_id` is from the login; `order_id` from the form, if it had one."""

    ticket: str
    customer_id: str
    order_id: str | None = None
    message: Untrusted[str]


class Decision(_Record):
    """What became of a request."""

    verdict: Literal["refunded", "not_refunded"]
    order_id: str | None
    refunded_cents: Annotated[int, Field(ge=0)]
    sentence: Annotated[str, Field(min_length=1, max_length=500, description="Why, in one sentence")]


class OrderLine(_Record):
    """One order, in a list."""

    order_id: str
    placed_on: date
    status: str
    first_item: str


class OrderList(_Record):
    """Orders of one customer, newest first."""

    customer_id: str
    orders: list[OrderLine]
    of: Annotated[int, Field(description="How many orders the customer has in all")]


class Item(_Record):
    """One piece of an order."""

    name: str
    cents: int
    final_sale: bool


class Order(_Record):
    """One order. The amounts paid are None where the payment side gave no answer."""

    order_id: str
    customer_id: str
    status: Literal["placed", "shipped", "delivered", "returned", "cancelled"]
    placed_on: date
    promised_on: date
    delivered_on: date | None
    returned_on: date | None
    days_late: Annotated[int, Field(description="Days over the promised date until delivery, or until today")]
    days_kept: Annotated[int | None, Field(description="Days between delivery and return")]
    items: list[Item]
    items_cents: int
    returnable_cents: Annotated[int, Field(description="Price of the items that are not final sale")]
    total_cents: Annotated[int, Field(description="Items and delivery")]
    payment: Literal["captured", "pending", "unknown"]
    paid_cents: int | None
    refunded_cents: int | None
    note: Annotated[str, Field(description="What the customer typed at the checkout")]


class Payment(_Record):
    """One payment of an order."""

    payment_id: str
    method: str
    state: str
    cents: int
    captured_on: date | None


class Payments(_Record):
    """All payments of one order."""

    order_id: str
    payments: list[Payment]


class Policy(_Record):
    """The shop's refund policy as of today."""

    today: date
    return_days: int
    late_after_days: int
    late_percent: int
    lost_after_days: int
    clauses: list[str]


class Refund(_Record):
    """Money paid back."""

    refund_id: str
    order_id: str
    cents: int
    reason: str
    made_on: date


class Reversal(_Record):
    """A refund taken back."""

    refund_id: str
    cents: int


class Sent(_Record):
    """A message on its way to the customer."""

    message_id: int
    customer_id: str


# --------------------------------------------------------------------------------------------- reading


@tool.read(timeout=5, trust="trusted")
async def find_orders(customer_id: str, *, shop: Shop, call: Call) -> OrderList | Partial[OrderList]:
    """List a customer's orders, newest first. For mails without a usable order number."""
    fault = shop.fault("find_orders", customer_id)
    rows = shop.all(
        "SELECT o.order_id, placed_on, status, name AS first_item FROM orders o"
        " JOIN items i ON i.order_id = o.order_id AND position = 1"
        " WHERE customer_id = ? ORDER BY placed_on DESC, o.order_id DESC",
        customer_id,
    )
    lines = [OrderLine(**dict(row)) for row in rows]
    if fault == "half":
        recent = [line for line in lines if line.placed_on >= date(2025, 1, 1)]
        return Partial(
            OrderList(customer_id=customer_id, orders=recent, of=len(lines)),
            missing="the archive with the orders placed before 2025 did not answer",
        )
    start = int(call.cursor or 0)
    page = OrderList(customer_id=customer_id, orders=lines[start : start + PAGE], of=len(lines))
    rest = len(lines) - start - PAGE
    return Partial(page, missing=f"{rest} older orders", cursor=str(start + PAGE)) if rest > 0 else page


@tool.read(timeout=5, retry=Retry(times=2, wait=0.1))
async def get_order(order_id: str, *, shop: Shop) -> Order | Partial[Order]:
    """Show one order by its number: whose it is, items, dates, what was paid, what was paid back."""
    fault = shop.fault("get_order", order_id)
    if fault == "unavailable":
        raise NotDone("the order service answered 503", retry_after=0.1)
    row = shop.first("SELECT * FROM orders WHERE order_id = ?", order_id)
    if row is None:
        raise Refused(f"there is no order {order_id}")
    order = _order(shop, row)
    if fault == "half":
        unpaid = order.model_copy(update={"payment": "unknown", "paid_cents": None, "refunded_cents": None})
        return Partial(unpaid, missing="what was paid and paid back: the payment side did not answer")
    return order


@tool.read(timeout=READ_IN, retry=Retry(times=2, wait=0.1), trust="trusted")
async def get_payment(order_id: str, *, shop: Shop) -> Payments:
    """Show every payment of one order. For mails that say too much was charged."""
    if shop.fault("get_payment", order_id) == "slow":
        await asyncio.sleep(TOO_LONG)
    rows = shop.all("SELECT * FROM payments WHERE order_id = ? ORDER BY payment_id", order_id)
    if not rows:
        raise Refused(f"there is no order {order_id}")
    payments = [Payment(**{name: row[name] for name in Payment.model_fields}) for row in rows]
    return Payments(order_id=order_id, payments=payments)


@tool.read(timeout=5, trust="trusted")
async def get_policy(*, shop: Shop) -> Policy:
    """Show the refund policy: its days and percentages, and its clauses in words."""
    values = {row["name"]: row["value"] for row in shop.all("SELECT name, value FROM policy")}
    clauses = [row["text"] for row in shop.all("SELECT text FROM clauses ORDER BY position")]
    return Policy(**values, clauses=clauses)


def _order(shop: Shop, row: Row) -> Order:
    order_id = row["order_id"]
    items = [
        Item(name=item["name"], cents=item["cents"], final_sale=bool(item["final_sale"]))
        for item in shop.all("SELECT * FROM items WHERE order_id = ? ORDER BY position", order_id)
    ]
    goods = sum(item.cents for item in items)
    paid = _paid(shop, order_id)
    return Order(
        order_id=order_id,
        customer_id=row["customer_id"],
        status=row["status"],
        placed_on=row["placed_on"],
        promised_on=row["promised_on"],
        delivered_on=row["delivered_on"],
        returned_on=row["returned_on"],
        days_late=_days_late(row, _today(shop)),
        days_kept=_days(row["delivered_on"], row["returned_on"]) if row["returned_on"] else None,
        items=items,
        items_cents=goods,
        returnable_cents=sum(item.cents for item in items if not item.final_sale),
        total_cents=goods + row["shipping_cents"],
        payment="captured" if paid else "pending",
        paid_cents=paid,
        refunded_cents=_refunded(shop, order_id),
        note=row["note"],
    )


def _days(start: str, end: str) -> int:
    return (date.fromisoformat(end) - date.fromisoformat(start)).days


def _days_late(row: Row, today: str) -> int:
    if row["status"] in {"placed", "cancelled"}:
        return 0
    return max(0, _days(row["promised_on"], row["delivered_on"] or today))


def _today(shop: Shop) -> str:
    row = shop.first("SELECT value FROM policy WHERE name = 'today'")
    assert row is not None, "shop.sql sets the day"
    return str(row["value"])


def _paid(shop: Shop, order_id: str) -> int:
    captured = "SELECT total(cents) FROM payments WHERE order_id = ? AND state = 'captured'"
    return shop.number(captured, order_id)


def _refunded(shop: Shop, order_id: str) -> int:
    standing = "SELECT total(cents) FROM refunds WHERE order_id = ? AND reversed_by IS NULL"
    return shop.number(standing, order_id)


# ----------------------------------------------------------------------------------------- paying back


def _refund(row: Row) -> Refund:
    return Refund(
        refund_id=f"re-{row['refund_id']}",
        order_id=row["order_id"],
        cents=row["cents"],
        reason=row["reason"],
        made_on=row["made_on"],
    )


def _pay_back(shop: Shop, order_id: str, cents: int, reason: str, key: str) -> Refund:
    """What a payment provider does: one key, one refund; never more than was taken."""
    with shop.writing():
        held = shop.first("SELECT * FROM refunds WHERE key = ?", key)
        if held is not None:
            if (held["order_id"], held["cents"], held["reason"]) != (order_id, cents, reason):
                raise Refused("this key was used for another refund")
            return _refund(held)
        left = _paid(shop, order_id) - _refunded(shop, order_id)
        if cents > left:
            raise Refused(f"only {left} cents of this order can still be paid back")
        made = shop.first(
            "INSERT INTO refunds (order_id, cents, reason, made_on, key) VALUES (?, ?, ?, ?, ?) RETURNING *",
            order_id, cents, reason, _today(shop), key,
        )  # fmt: skip
    assert made is not None, "INSERT … RETURNING gives its row"
    return _refund(made)


async def find_refund(
    order_id: str, cents: int, reason: Reason, *, shop: Shop, key: CallKey
) -> Found[Refund] | Absent | CannotTell:
    """Whether the refund of this very call was made: the payment side remembers its key."""
    if shop.fault("find_refund", order_id) == "silent":
        return CannotTell("the payment side did not answer")
    row = shop.first("SELECT * FROM refunds WHERE key = ?", key)
    if row is None:
        return Absent()
    refund = _refund(row)
    return Found(refund.refund_id, refund)


async def reverse_refund(refund: Refund, *, shop: Shop, key: CallKey) -> Reversal:
    """Take a refund back. The same key is the same reversal."""
    number = int(refund.refund_id.removeprefix("re-"))
    with shop.writing():
        take = "UPDATE refunds SET reversed_by = ? WHERE refund_id = ? AND reversed_by IS NULL"
        shop.all(take, key, number)
        row = shop.first("SELECT cents, reversed_by FROM refunds WHERE refund_id = ?", number)
    if row is None:
        raise Refused(f"there is no refund {refund.refund_id}")
    if row["reversed_by"] != key:
        raise Refused(f"refund {refund.refund_id} was taken back before")
    return Reversal(refund_id=refund.refund_id, cents=row["cents"])


@tool.write(
    timeout=REFUND_IN,
    retry=Retry(times=2, wait=0.1),
    undo=reverse_refund,
    lookup=find_refund,
    effect_id="refund_id",
    settle=0.2,
)
async def issue_refund(order_id: str, cents: Cents, reason: Reason, *, shop: Shop, key: CallKey) -> Refund:
    """Pay money of one order back to where it came from. `reason` is the clause of the policy it rests on."""
    fault = shop.fault("issue_refund", order_id)
    if fault == "unavailable":
        raise NotDone("the payment side answered 503 before it took the request", retry_after=0.1)
    refund = _pay_back(shop, order_id, cents, reason, key)
    if fault == "lost":
        raise Unknown("the connection broke before the payment side answered")
    if fault == "late":
        await asyncio.sleep(TOO_LONG)
    return refund


# --------------------------------------------------------------------------------------------- telling


@tool.write(timeout=5)
async def send_message(
    customer_id: str,
    text: Annotated[str, Field(min_length=1, max_length=2000)],
    refund_cents: Annotated[int, Field(ge=0, description="The cents the text says were paid back")],
    *,
    shop: Shop,
) -> Sent:
    """Send the customer the one mail that answers the request. It cannot be taken back."""
    with shop.writing():
        if shop.first("SELECT 1 FROM customers WHERE customer_id = ?", customer_id) is None:
            raise Refused(f"there is no customer {customer_id}")
        insert = "INSERT INTO messages (customer_id, body) VALUES (?, ?) RETURNING message_id"
        row = shop.first(insert, customer_id, text)
    assert row is not None, "INSERT … RETURNING gives its row"
    if shop.fault("send_message", customer_id) == "lost":
        raise Unknown("the mail server took the mail and the connection broke before it said so")
    return Sent(message_id=row["message_id"], customer_id=customer_id)


# ------------------------------------------------------------------------------------------- resources


@asynccontextmanager
async def resources(settings: Mapping[str, str]) -> AsyncIterator[Shop]:
    """The shop, for as long as a worker lives. Setting `shop`: its file; it is made where there is none."""
    shop = Shop.open(Path(settings.get("shop", ".holdfast/shop.db")))
    try:
        yield shop
    finally:
        shop.close()


TOOLS: Final = (find_orders, get_order, get_payment, get_policy, issue_refund, send_message)
