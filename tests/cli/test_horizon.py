"""`holdfast horizon`: a file of rows in; a table, JSON or a picture out."""

from __future__ import annotations

import json
import sys

import msgspec
import pytest

from tests.evals.curves import row, rows


@pytest.fixture
def file(place):
    def write(given, name="rows.jsonl"):
        (place / name).write_bytes(b"\n".join(msgspec.json.encode(one) for one in given) + b"\n")
        return name

    return write


def test_the_table_says_horizons_buckets_and_what_to_mind(holdfast, file):
    found = holdfast("horizon", file(rows(families=30, messy=-0.3)), "--draws", 50)
    assert (found.code, found.err) == (0, "")
    assert max(len(line) for line in found.out.splitlines()) <= 100
    for words in (
        "50 %",
        "80 %",
        "95 times in 100",
        "16 to 64 min",
        "messiness",
        "one factor more",
        "timed for 90",
        "50 draws",
    ):
        assert words in found.out
    assert "before you believe it" not in found.out


def test_json_has_everything_and_no_infinity(holdfast, file):
    name = file([row(f"t{at}", float(2**at), 1.0) for at in range(6)])
    found = holdfast("horizon", name, "--json", "--draws", 20, "--seed", 3)
    assert found.code == 0
    said = json.loads(found.out, parse_constant=lambda name: pytest.fail(name))
    assert said["horizons"][0]["place"] == {"where": "beyond", "minutes": None}
    assert (said["draws"]["seed"], said["draws"]["made"], said["slope"]) == (3, 20, None)
    assert said["findings"]


def test_a_horizon_beyond_the_longest_task_has_no_number(holdfast, file):
    found = holdfast("horizon", file(rows(families=30, high=4.0, half=200.0)), "--draws", 50)
    assert "beyond the longest task" in found.out
    assert found.code == 0


def test_success_that_rises_is_told_and_no_crash(holdfast, file):
    found = holdfast("horizon", file(rows(families=30, slope=0.5)), "--draws", 50)
    assert found.code == 0
    assert "none: success does not fall with length" in found.out
    assert "before you believe it" in found.out


def test_pictures_are_drawn_beside_the_table(holdfast, file, place):
    found = holdfast("horizon", file(rows()), "--draws", 10, "--svg", "a.svg", "--png", "b.png", "--json")
    assert found.code == 0
    assert found.err == "the curve is drawn in a.svg\nthe curve is drawn in b.png\n"
    assert found.json["tasks"] == 60
    assert (place / "a.svg").read_text().startswith("<?xml")
    assert (place / "b.png").read_bytes()[:4] == b"\x89PNG"


def test_a_picture_that_cannot_be_written_is_explained(holdfast, file):
    found = holdfast("horizon", file(rows()), "--draws", 10, "--svg", "nowhere/a.svg")
    assert found.code == 64
    assert "nowhere/a.svg cannot be written: No such file" in found.err


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        (("nowhere.jsonl",), 3, "cannot be read"),
        (("rows.jsonl", "--agent", "x"), 3, "no rows of the agent x"),
        (("rows.jsonl", "--draws", "0"), 64, "--draws"),
        (("empty.jsonl",), 3, "no rows"),
        ((), 64, "ROWS"),
    ],
)
def test_what_is_wrong_is_told(holdfast, file, args, code, text):
    file(rows(families=2))
    file([], "empty.jsonl")
    found = holdfast("horizon", *args)
    assert found.code == code
    assert text in found.err


@pytest.mark.parametrize("package", ["numpy", "matplotlib"])
def test_a_package_that_is_missing_is_named(holdfast, file, monkeypatch, package):
    for name in [
        name
        for name in sys.modules
        if name.startswith("holdfast.evals.horizon") or name == "holdfast.evals.stats.logistic"
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    found = holdfast("horizon", file(rows(families=2)), "--draws", 5, "--svg", "a.svg")
    assert found.code == 4
    assert f"needs the package {package}" in found.err
    assert "holdfast[evals]" in found.err


def test_outcomes_that_are_all_alike_and_messiness_without_a_curve_are_told(holdfast, file):
    given = [row(f"t{at}", 0.5 * 2**at, 0.0, messy={"novel situation": 1.0}) for at in range(9)]
    found = holdfast("horizon", file(given), "--draws", 10)
    assert found.code == 0
    for words in ("0 min", "not known", "there is no curve", "no regression", "under 1 min", "novel situation (100 %)"):
        assert words in found.out
