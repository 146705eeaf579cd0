"""The sixteen tools of the retail shop, written from their schemas and from what the recorded ones answered.

A tool works on the state `Db` and answers a text: JSON, a bare id, or nothing. What it cannot do it refuses
with `ToolError`, before it has changed anything; `invoke` turns that into what the model gets, `Error: ...`.

What a tool does to the world (read, write, irreversible, hand-off) is not said here but in the pack's
`effects.json`.

Sentences come from recordings. Where none shows a refusal, the policy or the schema says that there must be
one, and its sentence follows the nearest recorded one, the airline's where it has the case. Those places are
marked "unrecorded". Unrecorded too is the order of two checks where no recorded call fails both.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final, get_type_hints

import msgspec

from real.arithmetic import ExpressionError, evaluate
from real.retail_state import (
    Address,
    Db,
    Item,
    Order,
    Payment,
    PaymentMethod,
    User,
    Variant,
    as_db,
    state_digest,
)

__all__ = ["TOOLS", "Db", "ToolError", "as_db", "invoke", "state_digest"]


# `zip` hides a builtin in a few signatures, each marked A002: it is the schema's word, called by keyword.


class ToolError(Exception):
    """A tool refuses; its text is what follows `Error: ` in the answer."""


_PENDING: Final = "pending"
_DELIVERED: Final = "delivered"
_REASONS: Final = ("no longer needed", "ordered by mistake")


# --- reading


def find_user_id_by_email(db: Db, email: str) -> str:
    """Find the user with this address; upper and lower case are the same in it (unrecorded)."""
    wanted = email.casefold()
    for user_id, user in db["users"].items():
        if user["email"].casefold() == wanted:
            return user_id
    raise ToolError("user not found")


def find_user_id_by_name_zip(db: Db, first_name: str, last_name: str, zip: str) -> str:  # noqa: A002
    """Find the user with this name and zip code; case does not matter in a name (unrecorded)."""
    wanted = (first_name.casefold(), last_name.casefold(), zip)
    for user_id, user in db["users"].items():
        name = user["name"]
        if (name["first_name"].casefold(), name["last_name"].casefold(), user["address"]["zip"]) == wanted:
            return user_id
    raise ToolError("user not found")


def get_order_details(db: Db, order_id: str) -> str:
    """Show an order as it now is."""
    return json.dumps(_order(db, order_id))


def get_product_details(db: Db, product_id: str) -> str:
    """Show a product with all its variants."""
    if product_id not in db["products"]:
        raise ToolError("product not found")  # unrecorded
    return json.dumps(db["products"][product_id])


def get_user_details(db: Db, user_id: str) -> str:
    """Show a user's profile as it now is."""
    return json.dumps(_user(db, user_id))


def list_all_product_types(db: Db) -> str:
    """Show every product's id by its name, sorted by name."""
    return json.dumps({product["name"]: key for key, product in db["products"].items()}, sort_keys=True)


# --- neither reading nor writing


def calculate(db: Db, expression: str) -> str:
    """Work out a sum to the cent, always as a decimal number: the airline's recordings have `60.0`."""
    try:
        return str(round(evaluate(expression), 2))
    except ExpressionError as refused:
        raise ToolError(str(refused)) from None  # unrecorded


def think(db: Db, thought: str) -> str:
    """Answer nothing: the thought is in the call, and that is all there is to it."""
    return ""


def transfer_to_human_agents(db: Db, summary: str) -> str:
    """Hand the user over to a person; the summary is in the call."""
    return "Transfer successful"


# --- pending orders


def cancel_pending_order(db: Db, order_id: str, reason: str) -> str:
    """Cancel an order and refund what was paid: to a gift card at once, else later and outside this state."""
    order = _order(db, order_id)
    if order["status"] != _PENDING:
        raise ToolError("non-pending order cannot be cancelled")
    if reason not in _REASONS:  # unrecorded
        raise ToolError(f"reason should be either '{_REASONS[0]}' or '{_REASONS[1]}'")
    paid = _paid(order)
    _refund(db, order, paid["amount"], paid["payment_method_id"])
    order["status"] = "cancelled"
    order["cancel_reason"] = reason
    return json.dumps(order)


def modify_pending_order_address(
    db: Db,
    order_id: str,
    address1: str,
    address2: str,
    city: str,
    state: str,
    country: str,
    zip: str,  # noqa: A002
) -> str:
    """Send a pending order elsewhere."""
    order = _order(db, order_id)
    if order["status"] != _PENDING:
        raise ToolError("non-pending order cannot be modified")
    order["address"] = _address(address1, address2, city, state, country, zip)
    return json.dumps(order)


def modify_pending_order_payment(db: Db, order_id: str, payment_method_id: str) -> str:
    """Pay a pending order in another way: the new method pays the whole, the old one gets it back."""
    order = _order(db, order_id)
    if order["status"] != _PENDING:
        raise ToolError("non-pending order cannot be modified")
    method = _method(db, order, payment_method_id)
    paid = _paid(order)
    if paid["payment_method_id"] == payment_method_id:  # unrecorded
        raise ToolError("payment method should be different from the original payment method")
    _check_balance(method, paid["amount"])
    _pay(order, method, paid["amount"])
    _refund(db, order, paid["amount"], paid["payment_method_id"])
    return json.dumps(order)


def modify_pending_order_items(
    db: Db, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str
) -> str:
    """Change articles of a pending order for others of the same product, and settle the difference at once.

    The difference is not rounded in the history (recorded); a gift card's balance is.
    """
    order = _order(db, order_id)
    if order["status"] != _PENDING:
        raise ToolError("non-pending order cannot be modified")
    swaps, difference = _swaps(db, order, item_ids, new_item_ids)
    method = _method(db, order, payment_method_id)
    _check_balance(method, difference)
    if difference > 0:
        _pay(order, method, difference)
    else:
        _refund(db, order, abs(difference), payment_method_id)
    for item, variant in swaps:
        item["item_id"] = variant["item_id"]
        item["price"] = variant["price"]
        item["options"] = dict(variant["options"])
    order["status"] = "pending (item modified)"
    return json.dumps(order)


def modify_user_address(
    db: Db,
    user_id: str,
    address1: str,
    address2: str,
    city: str,
    state: str,
    country: str,
    zip: str,  # noqa: A002
) -> str:
    """Change where a user lives; orders keep the address they have."""
    user = _user(db, user_id)
    user["address"] = _address(address1, address2, city, state, country, zip)
    return json.dumps(user)


# --- delivered orders


def return_delivered_order_items(db: Db, order_id: str, item_ids: list[str], payment_method_id: str) -> str:
    """Ask for articles of a delivered order to be taken back; no money moves before they arrive."""
    order = _order(db, order_id)
    if order["status"] != _DELIVERED:
        raise ToolError("non-delivered order cannot be returned")
    method = _method(db, order, payment_method_id)
    if method["source"] != "gift_card" and payment_method_id != _paid(order)["payment_method_id"]:
        raise ToolError("payment method should be either the original payment method or a gift card")
    _picked(order, item_ids)
    order["status"] = "return requested"
    order["return_items"] = sorted(item_ids)
    order["return_payment_method_id"] = payment_method_id
    return json.dumps(order)


def exchange_delivered_order_items(
    db: Db, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str
) -> str:
    """Ask for articles of a delivered order to be exchanged; items and money stay as they are for now.

    The two lists are sorted each on its own (recorded), so their positions no longer belong together.
    """
    order = _order(db, order_id)
    if order["status"] != _DELIVERED:
        raise ToolError("non-delivered order cannot be exchanged")
    _, difference = _swaps(db, order, item_ids, new_item_ids)
    _check_balance(_method(db, order, payment_method_id), difference)
    order["status"] = "exchange requested"
    order["exchange_items"] = sorted(item_ids)
    order["exchange_new_items"] = sorted(new_item_ids)
    order["exchange_payment_method_id"] = payment_method_id
    order["exchange_price_difference"] = round(difference, 2)
    return json.dumps(order)


# --- what the tools share


def _order(db: Db, order_id: str) -> Order:
    if order_id not in db["orders"]:
        raise ToolError("order not found")
    return db["orders"][order_id]


def _user(db: Db, user_id: str) -> User:
    if user_id not in db["users"]:
        raise ToolError("user not found")
    return db["users"][user_id]


def _method(db: Db, order: Order, payment_method_id: str) -> PaymentMethod:
    """Find a payment method of the user the order belongs to, and of nobody else."""
    methods = _user(db, order["user_id"])["payment_methods"]
    if payment_method_id not in methods:
        raise ToolError("payment method not found")  # recorded in the airline only
    return methods[payment_method_id]


def _paid(order: Order) -> Payment:
    """Find the payment that stands: a change of method appends the new payment, then the old one's refund."""
    payments = [entry for entry in order["payment_history"] if entry["transaction_type"] == "payment"]
    return payments[-1]


def _check_balance(method: PaymentMethod, amount: float) -> None:
    """Refuse a gift card that is short; what a credit card or an account holds, the shop does not know.

    That an exchange is refused too is seen in a gold state; the sentence is recorded in the airline only.
    """
    if method["source"] == "gift_card" and method.get("balance", 0) < amount:
        raise ToolError(f"not enough balance in payment method {method['id']}")


def _pay(order: Order, method: PaymentMethod, amount: float) -> None:
    entry = Payment(transaction_type="payment", amount=amount, payment_method_id=method["id"])
    order["payment_history"].append(entry)
    if method["source"] == "gift_card":
        method["balance"] = round(method.get("balance", 0) - amount, 2)


def _refund(db: Db, order: Order, amount: float, payment_method_id: str) -> None:
    """Book a refund; a gift card has it at once, if the user still has the card."""
    entry = Payment(transaction_type="refund", amount=amount, payment_method_id=payment_method_id)
    order["payment_history"].append(entry)
    method = _user(db, order["user_id"])["payment_methods"].get(payment_method_id)
    if method is not None and method["source"] == "gift_card":
        method["balance"] = round(method.get("balance", 0) + amount, 2)


def _picked(order: Order, item_ids: list[str]) -> list[Item]:
    """Find the positions meant by a list of ids: an id given twice means two positions."""
    left = list(order["items"])
    picked: list[Item] = []
    for item_id in item_ids:
        item = next((item for item in left if item["item_id"] == item_id), None)
        if item is None:
            raise ToolError(f"item {item_id} not found")  # unrecorded
        # By identity: two positions of the same article are equal, and each may be taken once.
        left = [other for other in left if other is not item]
        picked.append(item)
    return picked


def _swaps(
    db: Db, order: Order, item_ids: list[str], new_item_ids: list[str]
) -> tuple[list[tuple[Item, Variant]], float]:
    """Pair each position with the variant to take its place, and sum up what they cost more than before.

    A variant may take its own place, as long as it is available (recorded).
    """
    items = _picked(order, item_ids)
    if len(items) != len(new_item_ids):
        raise ToolError("the number of items to be exchanged should match")
    swaps: list[tuple[Item, Variant]] = []
    difference = 0.0
    for item, new_id in zip(items, new_item_ids, strict=True):
        product = db["products"].get(item["product_id"])
        variant = product["variants"].get(new_id) if product is not None else None
        if variant is None or not variant["available"]:
            raise ToolError(f"new item {new_id} not found or available")
        swaps.append((item, variant))
        difference += variant["price"] - item["price"]
    return swaps, difference


def _address(address1: str, address2: str, city: str, state: str, country: str, zip: str) -> Address:  # noqa: A002
    """Make an address with its keys in the recorded order."""
    return Address(address1=address1, address2=address2, city=city, state=state, country=country, zip=zip)


TOOLS: Final[dict[str, Callable[..., str]]] = {
    tool.__name__: tool
    for tool in (
        calculate,
        cancel_pending_order,
        exchange_delivered_order_items,
        find_user_id_by_email,
        find_user_id_by_name_zip,
        get_order_details,
        get_product_details,
        get_user_details,
        list_all_product_types,
        modify_pending_order_address,
        modify_pending_order_items,
        modify_pending_order_payment,
        modify_user_address,
        return_delivered_order_items,
        think,
        transfer_to_human_agents,
    )
}
"""Each tool by its name in the schema; called with the state, then the schema's arguments by keyword."""


def invoke(db: Db, name: str, arguments: Mapping[str, object]) -> str:
    """Answer a call as the model sees it: what the tool says, or `Error: ...` when it refuses or misfits."""
    try:
        fitting = _fitting(name, arguments)
        return TOOLS[name](db, **fitting)
    except ToolError as refused:
        return f"Error: {refused}"


def _fitting(name: str, arguments: Mapping[str, object]) -> Mapping[str, object]:
    """Pass the arguments if they are just the tool's and of its types; else refuse (unrecorded)."""
    if name not in TOOLS:
        raise ToolError(f"tool {name} not found")
    wanted = _parameters(name)
    missing = [key for key in wanted if key not in arguments]
    if missing:
        raise ToolError(f"argument {missing[0]} is missing")
    for key, value in arguments.items():
        if key not in wanted:
            raise ToolError(f"argument {key} is not known")
        try:
            msgspec.convert(value, wanted[key])
        except msgspec.ValidationError:
            kind = "a string" if wanted[key] is str else "a list of strings"
            raise ToolError(f"argument {key} should be {kind}") from None
    return arguments


@cache
def _parameters(name: str) -> dict[str, type]:
    """Read a tool's parameters and their types from its signature, so that they are written once."""
    return {key: kind for key, kind in get_type_hints(TOOLS[name]).items() if key not in {"db", "return"}}
