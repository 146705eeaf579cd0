"""`length`: success against gold calls, on a made-up pack and on the recorded one."""

from __future__ import annotations

import gzip
import json

import pytest

from holdfast.evals.stats.logistic import Curve, fit
from real.__main__ import CHECKS
from real.length import check_length, find_lengths, fitted, gold_calls
from real.packs import Pack, data_folder

CALLS = {"user_task_0": 1, "user_task_1": 2, "user_task_2": 4, "user_task_3": 8}
WON = {"user_task_0": 1, "user_task_1": 0, "user_task_2": 1, "user_task_3": 0}


def task(name, calls, kind="user", version="v1"):
    made = [{"function": "f", "args": {}}] * calls
    return json.dumps({"suite": "shop", "version": version, "kind": kind, "id": name, "calls": made})


@pytest.fixture
def pack(tmp_path):
    def make(**changes):
        folder = tmp_path / "agentdojo"
        (folder / "shop").mkdir(parents=True)
        lines = [task(name, calls) for name, calls in CALLS.items()]
        lines += [task("user_task_0", 7, version="v2"), task("injection_task_0", 3, kind="injection")]
        (folder / "shop" / "tasks.jsonl").write_text("\n".join(lines) + "\n")
        rows = ["model,attack,suite,user_task,injection_task,utility,attack_succeeded,error"]
        rows += [f"m,none,shop,{name},none,{won},1,0" for name, won in WON.items()]
        rows += ["m,none,shop,injection_task_0,none,1,1,0", "m,direct,shop,user_task_3,injection_task_0,1,0,0"]
        rows += ["other,none,elsewhere,user_task_0,none,1,1,0", "new,none,shop,user_task_0,none,1,1,0"]
        (folder / "outcomes.csv.gz").write_bytes(gzip.compress("\n".join(rows).encode()))
        told = fitted(fit([0, 1, 2, 3], [1, 0, 1, 0], ridge=0), [1, 0, 1, 0])
        expected = {"gold_calls": {"shop": CALLS}, "fits": {"m": {**told, **changes}}}
        (folder / "length_fit_expected.json").write_text(json.dumps(expected))
        return Pack(folder)

    return make


def figures(pack):
    return {one.figure: one for one in check_length(pack)}


def test_only_user_tasks_without_an_attack_are_fitted(pack):
    made = pack()
    found = figures(made)
    assert found["fit of m"].ok is True
    assert found["fit of m"].value["n"] == 4
    assert found["gold calls of shop, 4 tasks"].ok is True
    assert found["fit of new"].ok is None
    assert "fit of other" not in found
    assert find_lengths(made.folder.parent, "agentdojo*") == [made]


@pytest.mark.parametrize(
    ("changes", "ok"),
    [
        ({"slope": -0.9}, False),
        ({"success": 3}, False),
        ({"p50_gold_calls": 99.0}, False),
        ({"p50_gold_calls": 2.8285}, True),  # 2.8284 within a ten-thousandth of itself
        ({"p50_gold_calls": None}, False),
    ],
)
def test_what_is_off_is_found(pack, changes, ok):
    found = figures(pack(**changes))["fit of m"]
    assert found.ok is ok
    assert ("nearly flat" in found.note) == (ok or changes == {"p50_gold_calls": 99.0})


def test_a_curve_that_does_not_fall_has_no_length():
    assert fitted(Curve(-0.5, 0.1), [1.0, 0.0])["p50_gold_calls"] is None


def test_what_is_missing_is_said(pack):
    made = pack()
    (made.folder / "outcomes.csv.gz").unlink()
    assert figures(made)["skipped"].note == "no outcomes.csv.gz in it"
    (made.folder / "shop" / "tasks.jsonl").unlink()
    assert "shop/tasks.jsonl" in figures(made)["skipped"].note
    (made.folder / "length_fit_expected.json").unlink()
    assert "length_fit_expected.json" in figures(made)["skipped"].note


def test_gold_calls_are_those_of_the_first_version():
    content = "\n".join([task("a", 2), task("a", 5, version="v1.2.2"), task("b", 0)]).encode()
    assert gold_calls(content) == {"a": 2, "b": 0}


def test_the_recorded_models_come_to_their_packs_fits():
    data = data_folder()
    packs = find_lengths(data, CHECKS["length"][0]) if data else []
    if not packs:
        pytest.skip("no outcomes: set HOLDFAST_DATA to the folder that has agentdojo")
    found = [one for pack in packs for one in check_length(pack)]
    assert [one for one in found if one.ok is False] == []
    assert sum(one.figure.startswith("fit of") and one.ok is True for one in found) >= 24
