"""The state of the retail shop as its recordings hold it, and the digest by which states are compared."""

from __future__ import annotations

import hashlib
import json
from typing import Literal, NotRequired, TypedDict, cast


class Address(TypedDict):
    """Where a user lives or an order goes."""

    address1: str
    address2: str
    city: str
    state: str
    country: str
    zip: str


class Name(TypedDict):
    """A user's name."""

    first_name: str
    last_name: str


class PaymentMethod(TypedDict):
    """A gift card, a credit card or a PayPal account; only a gift card has a balance."""

    source: str
    id: str
    balance: NotRequired[float]
    brand: NotRequired[str]
    last_four: NotRequired[str]


class User(TypedDict):
    """A customer's profile."""

    name: Name
    address: Address
    email: str
    payment_methods: dict[str, PaymentMethod]
    orders: list[str]


class Variant(TypedDict):
    """One article of a product."""

    item_id: str
    options: dict[str, str]
    available: bool
    price: float


class Product(TypedDict):
    """A kind of article with its variants by item id."""

    name: str
    product_id: str
    variants: dict[str, Variant]


class Item(TypedDict):
    """A position of an order, at the price it was bought for."""

    name: str
    product_id: str
    item_id: str
    price: float
    options: dict[str, str]


class Payment(TypedDict):
    """Money that went one way or the other; the amount is never negative."""

    transaction_type: Literal["payment", "refund"]
    amount: float
    payment_method_id: str


class Order(TypedDict):
    """An order; the keys that may be missing appear with the request they belong to."""

    order_id: str
    user_id: str
    address: Address
    items: list[Item]
    fulfillments: list[dict[str, list[str]]]
    status: str
    payment_history: list[Payment]
    cancel_reason: NotRequired[str]
    return_items: NotRequired[list[str]]
    return_payment_method_id: NotRequired[str]
    exchange_items: NotRequired[list[str]]
    exchange_new_items: NotRequired[list[str]]
    exchange_payment_method_id: NotRequired[str]
    exchange_price_difference: NotRequired[float]


class Db(TypedDict):
    """The whole state of the shop."""

    orders: dict[str, Order]
    products: dict[str, Product]
    users: dict[str, User]


def as_db(state: dict[str, object]) -> Db:
    """Take a pack's state as this shop's; it is the same object, so the caller sees what a tool changes."""
    missing = {"orders", "products", "users"} - state.keys()
    if missing:
        raise ValueError(f"not a retail state: {', '.join(sorted(missing))} missing")
    return cast("Db", state)


def state_digest(db: Db) -> str:
    """Digest a state so that two can be compared, whatever the order of their keys."""
    text = json.dumps(db, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
