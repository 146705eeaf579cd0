"""Our own tools behind recorded conversations: as recorded, failing, and over shops that share what nobody changed."""

from __future__ import annotations

import copy
import gzip
import json

import pytest

from real.faults import check_faults
from real.figures import Figure
from real.live import check_live
from real.packs import INJECTED_FAULT, Pack
from real.retail import as_db, invoke, state_digest
from real.shops import Shops
from tests.real.conftest import MakePack, calls, digest_of, says, shop_state, tells, user

GONE = json.dumps({"order_id": "#1", "reason": "no longer needed"})
NOT_THERE = "Error: user not found"


def shown(user_id: str) -> str:
    return json.dumps(shop_state()["users"][user_id])


def cancelled() -> tuple[str, str]:
    """What cancelling order #1 answers, and the digest of the state it leaves."""
    db = as_db(shop_state())
    return invoke(db, "cancel_pending_order", json.loads(GONE)), state_digest(db)


def runs() -> list[list[dict[str, object]]]:
    """One that reads, one that cancels; each meets a fault at its first read, and reads again."""
    read = calls(("1", "get_user_details", '{"user_id": "ann"}'))
    return [
        [user("a"), read, tells("1", INJECTED_FAULT), read, tells("1", shown("ann")), says("b"), user("c")],
        [
            user("a"),
            calls(("1", "get_user_details", '{"user_id": "eve"}')),
            tells("1", NOT_THERE),
            calls(("1", "think", '{"thought": "hm"}'), ("2", "get_user_details", "{")),
            tells("1", ""),
            tells("2", "Error: no JSON"),
            calls(("1", "get_user_details", '{"user_id": "bob"}')),
            tells("1", INJECTED_FAULT),
            calls(("1", "cancel_pending_order", GONE)),
            tells("1", cancelled()[0]),
        ],
    ]


@pytest.fixture
def pack(make_pack: MakePack) -> Pack:
    digests = [digest_of(shop_state()), cancelled()[1]]
    return make_pack(*runs(), name="tau_retail_toy", state=shop_state(), digests=digests, malformed_arguments=1)


def by_name(figures: list[Figure]) -> dict[str, object]:
    assert [figure for figure in figures if figure.ok is False] == []
    return {figure.figure: figure.value for figure in figures}


def test_live_results_and_states_are_the_recorded_ones(pack: Pack) -> None:
    assert by_name([*check_live(pack)]) == {
        "initial state": digest_of(shop_state()),
        "tool results equal": 4,
        "final states equal": 2,
    }


def test_faults_are_met_by_the_machine_and_writes_are_left_alone(pack: Pack) -> None:
    assert by_name([*check_faults(pack)]) == {
        "faults injected": 2,
        "faults that reached the model": 0,
        "writes retried unasked": 0,
        "attempts": 8,
        "tool results equal": 4,
        "final states equal": 2,
        "failing writes told to the model": 1,
        "failing writes retried unasked": 0,
        "states untouched by failing writes": 2,
    }


def test_a_fault_in_a_write_is_told_and_not_repeated(make_pack: MakePack) -> None:
    recorded = [user("a"), calls(("1", "cancel_pending_order", GONE)), tells("1", INJECTED_FAULT), says("b"), user("c")]
    pack = make_pack(recorded, name="tau_retail_toy", state=shop_state(), digests=[digest_of(shop_state())])
    values = by_name([*check_faults(pack), *check_live(pack)])
    assert values["faults injected"] == values["faults that reached the model"] == 1
    assert (values["writes retried unasked"], values["attempts"], values["final states equal"]) == (0, 1, 1)


def test_what_came_out_otherwise_is_off(make_pack: MakePack) -> None:
    first, second = runs()
    second[-1]["content"] = "{}"
    digests = [digest_of(shop_state()), "0" * 64]
    pack = make_pack(first, second, name="tau_retail_toy", state=shop_state(), digests=digests, malformed_arguments=1)
    off = {figure.figure: figure.value for figure in (*check_live(pack), *check_faults(pack)) if figure.ok is False}
    assert off == {"tool results equal": 3, "final states equal": 1}


def test_a_pack_without_a_state_or_with_tools_of_others_is_skipped(make_pack: MakePack) -> None:
    bare = make_pack(*runs(), name="tau_bare", state=shop_state(), without=("db.json.gz",))
    for check in (check_live, check_faults):
        (figure,) = check(bare)
        assert (figure.ok, figure.note) == (None, "tau_bare has no db.json.gz")
    toys = make_pack([user("a")], name="tau_toys")
    (toys.folder / "db.json.gz").write_bytes(gzip.compress(b"{}"))
    for check in (check_live, check_faults):
        (figure,) = check(toys)
        assert "tools we have none of our own for: look, put" in figure.note


def test_a_set_without_faults_is_skipped(make_pack: MakePack) -> None:
    (figure,) = check_faults(make_pack([user("a"), says("b")], name="tau_retail_toy", state=shop_state()))
    assert (figure.ok, figure.note) == (None, "no fault was injected into one")


def test_labels_without_states_give_a_figure_that_is_neither_right_nor_wrong(make_pack: MakePack) -> None:
    figures = [*check_live(make_pack(*runs(), name="tau_retail_toy", state=shop_state()))]
    assert [(f.figure, f.ok, f.note) for f in figures if f.figure.startswith("final")] == [
        ("final states equal", None, "the labels have no final states")
    ]


# --- shops


def test_a_shop_is_its_own_and_digests_as_any_state_does() -> None:
    shops = Shops(shop_state())
    one, two = shops.fresh(), shops.fresh()
    assert shops.digest(one) == digest_of(shop_state())
    invoke(one, "cancel_pending_order", json.loads(GONE))
    assert shops.digest(one) == state_digest(one) == cancelled()[1]
    assert shops.digest(two) == digest_of(shop_state())
    one["orders"]["#9"] = copy.deepcopy(one["orders"]["#1"])
    del one["users"]["bob"]
    assert shops.digest(one) == state_digest(one) != cancelled()[1]


def test_a_shop_is_made_again_from_what_was_changed() -> None:
    shops = Shops(shop_state())
    shop = shops.fresh()
    assert shops.changed(shop) == {"orders": {}, "products": {}, "users": {}}
    invoke(shop, "cancel_pending_order", json.loads(GONE))
    changed = shops.changed(shop)
    assert {name: list(records) for name, records in changed.items()} == {
        "orders": ["#1"],
        "products": [],
        "users": ["ann"],
    }
    assert shops.digest(shops.fresh(json.loads(json.dumps(changed)))) == cancelled()[1]


def test_a_record_is_copied_however_it_is_got_at_by_its_key() -> None:
    state = shop_state()
    shop = Shops(state).fresh()
    assert shop["orders"].get("#7") is None
    found = shop["orders"].get("#1")
    assert found is not None
    assert found is shop["orders"]["#1"]
    assert found is not state["orders"]["#1"]
