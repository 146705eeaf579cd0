"""Killing: when it falls, what a shop in a file keeps, and that nothing shows of it afterwards."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

import real.kill
from real.kill import Kill, check_kill, schedule
from real.packs import data_folder, find
from real.retail import state_digest
from real.shop_file import ShopFile
from real.shops import Shops
from tests.real.conftest import MakePack, calls, digest_of, says, shop_state, tells, user
from tests.real.test_live import GONE, cancelled, shown


def nothing(name: str) -> None:
    """A step that nobody waits for."""


@pytest.fixture
def file(tmp_path: Path) -> ShopFile:
    return ShopFile(tmp_path / "shop.db", Shops(shop_state()))


def test_a_write_that_comes_again_with_its_key_is_answered_and_not_done(file: ShopFile) -> None:
    answers = [file.write("r", 7, "key", "cancel_pending_order", json.loads(GONE), nothing) for _ in range(2)]
    assert answers == [cancelled()[0]] * 2
    assert (file.writes(), file.again()) == ((1, 0), 1)
    assert state_digest(file.shop("r")) == cancelled()[1]
    assert state_digest(file.shop("other")) == digest_of(shop_state())


def test_a_write_done_twice_is_in_the_ledger_twice(file: ShopFile) -> None:
    for key in ("one", "two"):
        file.write("r", 7, key, "cancel_pending_order", json.loads(GONE), nothing)
    file.write("r", 8, "three", "cancel_pending_order", json.loads(GONE), nothing)
    assert file.writes() == (3, 1)


def test_a_write_cut_short_before_it_is_kept_was_not_done(file: ShopFile, tmp_path: Path) -> None:
    def dies(name: str) -> None:
        assert name.startswith(real.kill.WRITE)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        file.write("r", 7, "key", "cancel_pending_order", json.loads(GONE), dies)
    file.close()
    again = ShopFile(tmp_path / "shop.db", Shops(shop_state()))
    assert again.writes() == (0, 0)
    assert state_digest(again.shop("r")) == digest_of(shop_state())


def test_kills_can_be_drawn_again_and_leave_something_to_the_last() -> None:
    drawn = schedule(3_000, 25, "one")
    assert drawn == schedule(3_000, 25, "one") != schedule(3_000, 25, "two")
    assert len(drawn) == 25
    assert min(kill.after for kill in drawn) > 0
    assert sum(kill.after + kill.patience for kill in drawn) < 3_000
    assert {kill.in_write for kill in drawn} == {bool(kill.late) for kill in drawn} == {True, False}
    assert len(schedule(8, 25, "one")) == 3


def test_a_kill_may_wait_for_a_write_but_not_for_ever() -> None:
    kill = Kill(after=3, in_write=True, patience=2, late=0.0)
    steps = [(2, "a write is kept"), (3, "a tool begins"), (4, "a write is kept"), (5, "a tool begins")]
    assert [kill.hits(*step) for step in steps] == [False, False, True, True]
    assert Kill(after=3, in_write=False, patience=2, late=0.0).hits(3, "a tool begins")


def test_runs_whose_processes_are_killed_come_to_the_same(make_pack: MakePack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(real.kill, "KILLS", 4)
    other = GONE.replace("#1", "#2")
    # What is read beside a write is nothing that it changes: read again after a kill, that would be another result.
    recorded = [
        user("a"),
        calls(("1", "get_user_details", '{"user_id": "bob"}'), ("2", "cancel_pending_order", GONE)),
        tells("1", shown("bob")),
        tells("2", "{}"),
        says("b"),
        user("c"),
        calls(("1", "cancel_pending_order", other), ("2", "cancel_pending_order", other)),
        tells("1", "{}"),
        tells("2", "{}"),
    ]
    pack = make_pack(recorded, recorded, recorded[:6], name="tau_retail_toy", state=shop_state())
    figures = {figure.figure: figure for figure in check_kill(pack)}
    assert {name: figure.value for name, figure in figures.items()} == {
        "kills": 4,
        "journals equal to undisturbed ones": 3,
        "chains that hold": 3,
        "writes done": 7,
        "writes repeated": 0,
        "final states equal": None,
    }
    assert "seed" in figures["kills"].note
    assert "cut short" in figures["kills"].note


def test_a_shop_that_forgets_its_keys_is_found_out(file: ShopFile, tmp_path: Path) -> None:
    file.write("r", 7, "key", "cancel_pending_order", json.loads(GONE), nothing)
    with sqlite3.connect(tmp_path / "shop.db") as other:
        other.execute("DELETE FROM results")
    file.write("r", 7, "key", "cancel_pending_order", json.loads(GONE), nothing)
    assert file.writes() == (2, 1)


def test_a_pack_without_tools_of_ours_is_skipped(make_pack: MakePack) -> None:
    (figure,) = check_kill(make_pack([user("a")]))
    assert figure.ok is None


@pytest.mark.long
def test_the_recorded_runs_survive_kills() -> None:
    data = data_folder()
    packs = find(data, "tau_*") if data else []
    if not packs:
        pytest.skip("no recordings: set HOLDFAST_DATA to a folder of packs")
    assert [figure for pack in packs for figure in check_kill(pack) if figure.ok is False] == []
