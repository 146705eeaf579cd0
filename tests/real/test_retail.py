"""The shop's tools: against every recorded run, where the recordings are at hand, and on a made-up shop."""

from __future__ import annotations

import copy
import json
from functools import partial

import pytest

from real.packs import Pack, data_folder, find
from real.replay import Difference, Replay, play_gold, replay
from real.retail import TOOLS, Db, ToolError, as_db, invoke, state_digest
from real.shops import Shops


@pytest.fixture(scope="module")
def pack() -> Pack:
    data = data_folder()
    packs = find(data, "tau_retail*") if data else []
    if not packs:
        pytest.skip("no recordings: set HOLDFAST_DATA to a folder that holds the pack tau_retail")
    return packs[0]


def fresh(pack: Pack) -> Db:
    state = pack.db()
    if state is None:
        pytest.skip(f"{pack.folder} has no db.json.gz: nothing to replay on")
    return as_db(state)


@pytest.fixture(scope="module")
def shops(pack: Pack) -> Shops:
    return Shops(dict(fresh(pack)))


def test_the_initial_state_is_the_recorded_one(pack: Pack) -> None:
    assert state_digest(fresh(pack)) == (pack.expected_all() or {})["initial_db_sha256"]


def test_every_recorded_answer_and_every_final_state_comes_out_the_same(pack: Pack, shops: Shops) -> None:
    for stem in pack.sets():
        figures, labels = pack.expected(stem), pack.labels(stem)
        assert figures is not None
        assert labels is not None
        done: list[Replay] = []
        differences: list[Difference] = []
        wrong_states: list[str] = []
        for run in pack.runs(stem):
            db = shops.fresh()
            played = replay(run, partial(invoke, db))
            done.append(played)
            differences += played.differences
            if shops.digest(db) != labels[run.run_id].final_db_sha256:
                wrong_states.append(run.run_id)
        assert differences == []
        assert wrong_states == []
        assert len(done) == len(labels) == figures["runs"]
        calls, injected, malformed = (figures[key] for key in ("tool_calls", "injected_503", "malformed_arguments"))
        assert isinstance(calls, int)
        assert sum(played.injected for played in done) == injected
        assert sum(played.malformed for played in done) == malformed
        left_out = sum(played.injected + played.malformed + played.unanswered for played in done)
        assert sum(played.compared for played in done) == calls - left_out


def test_the_gold_actions_of_every_task_lead_to_its_gold_state(pack: Pack, shops: Shops) -> None:
    effects, tasks = pack.effects(), pack.tasks()
    if effects is None or tasks is None:
        pytest.skip(f"{pack.folder} has no effects.json or no tasks.jsonl")
    gold = {label.task_id: label.gold_db_sha256 for stem in pack.sets() for label in (pack.labels(stem) or {}).values()}
    wrong = []
    for task in tasks:
        db = shops.fresh()
        play_gold(task.actions, effects, partial(invoke, db))
        if task.task_id in gold and shops.digest(db) != gold[task.task_id]:
            wrong.append(task.task_id)
    assert wrong == []


def test_the_pack_names_the_tools_we_have_with_the_arguments_we_take(pack: Pack) -> None:
    tools, effects = pack.tools(), pack.effects()
    assert tools is not None
    assert effects is not None
    assert {tool.name for tool in tools} == TOOLS.keys() == effects.keys()
    for tool in tools:
        properties = tool.parameters["properties"]
        assert isinstance(properties, dict)
        taken = TOOLS[tool.name].__code__
        assert set(taken.co_varnames[1 : taken.co_argcount]) == properties.keys()


# --- a made-up shop


@pytest.fixture
def db() -> Db:
    """Ann has a card and a gift card of 20; a cup costs 10; others are dearer, cheaper or sold out."""
    cup = {"name": "Cup", "product_id": "P1", "item_id": "1", "price": 10.0, "options": {"size": "S"}}
    pot = {"name": "Pot", "product_id": "P2", "item_id": "9", "price": 30.1, "options": {"size": "S"}}
    home = {key: key for key in ("address1", "address2", "city", "country", "state", "zip")}

    def order(order_id: str, status: str, method: str = "card", *items: dict[str, object]) -> dict[str, object]:
        held = [copy.deepcopy(item) for item in items or (cup, pot)]
        return {
            "order_id": order_id,
            "user_id": "ann",
            "address": dict(home),
            "items": held,
            "fulfillments": [],
            "status": status,
            "payment_history": [{"transaction_type": "payment", "amount": 15.05, "payment_method_id": method}],
        }

    def cup_like(item_id: str, price: float, *, available: bool = True) -> dict[str, object]:
        return {"item_id": item_id, "options": {"size": item_id}, "available": available, "price": price}

    cups = [cup_like("1", 10.0), cup_like("2", 12.1), cup_like("3", 7.7), cup_like("4", 99.0)]
    cups.append(cup_like("5", 10.0, available=False))
    orders = [
        order("#P", "pending"),
        order("#G", "pending", "gift"),
        order("#D", "delivered"),
        order("#T", "delivered", "card", cup, cup),
        order("#X", "processed"),
    ]
    return as_db(
        {
            "orders": {str(entry["order_id"]): entry for entry in orders},
            "products": {
                "P1": {"name": "Cup", "product_id": "P1", "variants": {str(v["item_id"]): v for v in cups}},
                "P2": {"name": "Pot", "product_id": "P2", "variants": {"9": cup_like("9", 30.1)}},
            },
            "users": {
                "ann": {
                    "name": {"first_name": "Ann", "last_name": "Lee"},
                    "address": dict(home),
                    "email": "ann@example.com",
                    "payment_methods": {
                        "card": {"source": "credit_card", "id": "card"},
                        "purse": {"source": "paypal", "id": "purse"},
                        "gift": {"source": "gift_card", "balance": 20, "id": "gift"},
                    },
                    "orders": [str(entry["order_id"]) for entry in orders],
                }
            },
        }
    )


ELSEWHERE = dict.fromkeys(("address1", "address2", "city", "state", "country", "zip"), "x")


def swap(order_id: str, old: list[str], new: list[str], method: str = "card") -> dict[str, object]:
    return {"order_id": order_id, "item_ids": old, "new_item_ids": new, "payment_method_id": method}


def give_back(order_id: str, items: list[str], method: str = "card") -> dict[str, object]:
    return {"order_id": order_id, "item_ids": items, "payment_method_id": method}


REFUSED: list[tuple[str, dict[str, object], str]] = [
    ("find_user_id_by_email", {"email": "bob@example.com"}, "user not found"),
    ("find_user_id_by_name_zip", {"first_name": "Ann", "last_name": "Lee", "zip": "1"}, "user not found"),
    ("get_user_details", {"user_id": "bob"}, "user not found"),
    ("get_order_details", {"order_id": "P"}, "order not found"),
    ("get_product_details", {"product_id": "1"}, "product not found"),
    ("modify_user_address", {"user_id": "bob", **ELSEWHERE}, "user not found"),
    ("cancel_pending_order", {"order_id": "#0", "reason": "no longer needed"}, "order not found"),
    (
        "cancel_pending_order",
        {"order_id": "#X", "reason": "no longer needed"},
        "non-pending order cannot be cancelled",
    ),
    (
        "cancel_pending_order",
        {"order_id": "#P", "reason": "too dear"},
        "reason should be either 'no longer needed' or 'ordered by mistake'",
    ),
    (
        "modify_pending_order_address",
        {"order_id": "#D", **ELSEWHERE},
        "non-pending order cannot be modified",
    ),
    (
        "modify_pending_order_payment",
        {"order_id": "#X", "payment_method_id": "gift"},
        "non-pending order cannot be modified",
    ),
    (
        "modify_pending_order_payment",
        {"order_id": "#P", "payment_method_id": "theirs"},
        "payment method not found",
    ),
    (
        "modify_pending_order_payment",
        {"order_id": "#P", "payment_method_id": "card"},
        "payment method should be different from the original payment method",
    ),
    ("modify_pending_order_items", swap("#X", ["1"], ["2"]), "non-pending order cannot be modified"),
    ("modify_pending_order_items", swap("#P", ["7"], ["2"]), "item 7 not found"),
    ("modify_pending_order_items", swap("#P", ["1", "1"], ["2", "2"]), "item 1 not found"),
    (
        "modify_pending_order_items",
        swap("#P", ["1"], []),
        "the number of items to be exchanged should match",
    ),
    ("modify_pending_order_items", swap("#P", ["1"], ["5"]), "new item 5 not found or available"),
    ("modify_pending_order_items", swap("#P", ["1"], ["9"]), "new item 9 not found or available"),
    ("modify_pending_order_items", swap("#P", ["1"], ["2"], "theirs"), "payment method not found"),
    (
        "modify_pending_order_items",
        swap("#P", ["1"], ["4"], "gift"),
        "not enough balance in payment method gift",
    ),
    (
        "exchange_delivered_order_items",
        swap("#P", ["1"], ["2"]),
        "non-delivered order cannot be exchanged",
    ),
    ("exchange_delivered_order_items", swap("#D", ["1"], ["5"]), "new item 5 not found or available"),
    ("exchange_delivered_order_items", swap("#D", ["1"], ["2"], "theirs"), "payment method not found"),
    (
        "exchange_delivered_order_items",
        swap("#D", ["1"], ["4"], "gift"),
        "not enough balance in payment method gift",
    ),
    ("return_delivered_order_items", give_back("#P", ["1"]), "non-delivered order cannot be returned"),
    ("return_delivered_order_items", give_back("#D", ["7"]), "item 7 not found"),
    ("return_delivered_order_items", give_back("#D", ["1"], "theirs"), "payment method not found"),
    (
        "return_delivered_order_items",
        give_back("#D", ["1"], "purse"),
        "payment method should be either the original payment method or a gift card",
    ),
    ("calculate", {"expression": "2 + two"}, "expression can only contain numbers, operators"),
    ("tidy_up", {}, "tool tidy_up not found"),
    ("get_order_details", {}, "argument order_id is missing"),
    ("get_order_details", {"order_id": "#P", "now": True}, "argument now is not known"),
    ("get_order_details", {"order_id": 1}, "argument order_id should be a string"),
    ("get_order_details", {"order_id": ["#P"]}, "argument order_id should be a string"),
    (
        "return_delivered_order_items",
        {**give_back("#D", []), "item_ids": "1"},
        "argument item_ids should be a list of strings",
    ),
]


@pytest.mark.parametrize(("name", "arguments", "sentence"), REFUSED)
def test_a_refusal_says_why_and_changes_nothing(db: Db, name: str, arguments: dict[str, object], sentence: str) -> None:
    before = state_digest(db)
    assert invoke(db, name, arguments).startswith(f"Error: {sentence}")
    assert state_digest(db) == before


def test_a_tool_called_by_itself_raises_what_it_refuses(db: Db) -> None:
    with pytest.raises(ToolError, match=r"^order not found$"):
        TOOLS["get_order_details"](db, order_id="#0")


def test_a_gift_card_too_small_for_the_whole_order_cannot_take_it_over(db: Db) -> None:
    db["users"]["ann"]["payment_methods"]["gift"]["balance"] = 15
    answer = invoke(db, "modify_pending_order_payment", {"order_id": "#P", "payment_method_id": "gift"})
    assert answer == "Error: not enough balance in payment method gift"


def test_reading(db: Db) -> None:
    before = state_digest(db)
    assert invoke(db, "find_user_id_by_email", {"email": "ANN@example.com"}) == "ann"
    named = {"first_name": "ann", "last_name": "LEE", "zip": "zip"}
    assert invoke(db, "find_user_id_by_name_zip", named) == "ann"
    assert json.loads(invoke(db, "get_user_details", {"user_id": "ann"})) == db["users"]["ann"]
    assert json.loads(invoke(db, "get_order_details", {"order_id": "#P"})) == db["orders"]["#P"]
    assert json.loads(invoke(db, "get_product_details", {"product_id": "P1"})) == db["products"]["P1"]
    assert invoke(db, "list_all_product_types", {}) == '{"Cup": "P1", "Pot": "P2"}'
    assert invoke(db, "calculate", {"expression": "(1 + 2) * 20"}) == "60.0"
    assert invoke(db, "think", {"thought": "hm"}) == ""
    assert invoke(db, "transfer_to_human_agents", {"summary": "hm"}) == "Transfer successful"
    assert state_digest(db) == before


def test_a_cancelled_order_goes_back_to_the_gift_card_that_paid(db: Db) -> None:
    answer = invoke(db, "cancel_pending_order", {"order_id": "#G", "reason": "ordered by mistake"})
    order = db["orders"]["#G"]
    assert json.loads(answer) == order
    assert (order["status"], order["cancel_reason"]) == ("cancelled", "ordered by mistake")
    assert order["payment_history"][1:] == [
        {"transaction_type": "refund", "amount": 15.05, "payment_method_id": "gift"}
    ]
    assert balance(db) == 35.05


def test_a_payment_changed_and_then_cancelled_is_given_back_once(db: Db) -> None:
    invoke(db, "modify_pending_order_payment", {"order_id": "#P", "payment_method_id": "gift"})
    assert balance(db) == 4.95
    invoke(db, "modify_pending_order_payment", {"order_id": "#P", "payment_method_id": "purse"})
    assert balance(db) == 20
    invoke(db, "cancel_pending_order", {"order_id": "#P", "reason": "no longer needed"})
    moves = [(e["transaction_type"], e["payment_method_id"]) for e in db["orders"]["#P"]["payment_history"]]
    assert moves == [
        ("payment", "card"),
        ("payment", "gift"),
        ("refund", "card"),
        ("payment", "purse"),
        ("refund", "gift"),
        ("refund", "purse"),
    ]


def test_items_are_changed_once_and_the_difference_is_paid(db: Db) -> None:
    answer = json.loads(invoke(db, "modify_pending_order_items", swap("#P", ["1"], ["2"], "gift")))
    assert answer["status"] == "pending (item modified)"
    assert answer["items"][0] == {
        "name": "Cup",
        "product_id": "P1",
        "item_id": "2",
        "price": 12.1,
        "options": {"size": "2"},
    }
    assert answer["payment_history"][1] == {
        "transaction_type": "payment",
        "amount": 12.1 - 10.0,
        "payment_method_id": "gift",
    }
    assert balance(db) == 17.9
    again = invoke(db, "modify_pending_order_items", swap("#P", ["2"], ["1"]))
    assert again == "Error: non-pending order cannot be modified"


def test_a_cheaper_item_is_refunded(db: Db) -> None:
    invoke(db, "modify_pending_order_items", swap("#P", ["1"], ["3"], "gift"))
    assert db["orders"]["#P"]["payment_history"][1]["transaction_type"] == "refund"
    assert balance(db) == 22.3


def test_an_exchange_is_only_asked_for_and_its_lists_are_sorted(db: Db) -> None:
    items = copy.deepcopy(db["orders"]["#T"]["items"])
    answer = json.loads(invoke(db, "exchange_delivered_order_items", swap("#T", ["1", "1"], ["3", "2"], "gift")))
    assert answer["items"] == items
    assert answer["status"] == "exchange requested"
    assert answer["exchange_items"] == ["1", "1"]
    assert answer["exchange_new_items"] == ["2", "3"]
    assert answer["exchange_price_difference"] == -0.2
    assert balance(db) == 20


def test_a_return_is_only_asked_for_and_may_go_to_a_gift_card(db: Db) -> None:
    answer = json.loads(invoke(db, "return_delivered_order_items", give_back("#D", ["9", "1"], "gift")))
    assert answer["status"] == "return requested"
    assert answer["return_items"] == ["1", "9"]
    assert answer["return_payment_method_id"] == "gift"
    assert balance(db) == 20


def test_addresses_have_their_keys_in_the_recorded_order(db: Db) -> None:
    backwards: dict[str, object] = dict(reversed(ELSEWHERE.items()))
    invoke(db, "modify_user_address", {**backwards, "user_id": "ann"})
    invoke(db, "modify_pending_order_address", {**backwards, "order_id": "#P"})
    assert list(db["users"]["ann"]["address"]) == list(ELSEWHERE)
    assert list(db["orders"]["#P"]["address"]) == list(ELSEWHERE)
    assert db["orders"]["#G"]["address"]["city"] == "city"


def test_a_state_of_another_shop_is_refused() -> None:
    with pytest.raises(ValueError, match="orders, products missing"):
        as_db({"users": {}})


def balance(db: Db) -> float:
    return db["users"]["ann"]["payment_methods"]["gift"]["balance"]
