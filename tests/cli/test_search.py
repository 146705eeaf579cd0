"""show --text: rows with the place that matches, newest first, bounded, and honest about what was not searched."""

from __future__ import annotations

import json

import pytest

from tests.cli.damage import flip


@pytest.fixture
def runs(holdfast, payer):
    """Three runs: paid, declined, waiting."""
    return {
        number: holdfast("run", payer, json.dumps({"bill": number}), "--key", f"bill {number}", "--json").json["run"]
        for number in ("700", "0", "5000")
    }


def test_rows_name_run_entry_and_place_newest_first(holdfast, runs):
    found = holdfast("show", "--text", "bill")
    rows = found.out.splitlines()
    assert rows[0].startswith(f"{runs['5000']} [1]   asked: ")
    assert list(dict.fromkeys(row.split()[0] for row in rows)) == [runs["5000"], runs["0"], runs["700"]]
    assert f"{runs['700']} [4]   look_up(…): " in found.out
    assert "searched 3 runs with " in found.err
    assert ": all" in found.err
    assert max(map(len, rows)) <= 100


def test_results_and_reasons_are_found(holdfast, runs):
    assert "look_up →: " in holdfast("show", "--text", "cents 5000").out
    found = holdfast("show", "--text", '"big sums"')
    assert f"{runs['5000']} " in found.out
    assert "judged: big sums need a person" in found.out


def test_json_has_the_places_and_what_was_searched(holdfast, runs):
    found = holdfast("show", "--text", "700", "--json").json
    assert [hit["run"] for hit in found["hits"]] == [runs["700"]]
    assert found["hits"][0]["places"][0]["match"] == "700"
    assert (found["searched"]["runs"], found["searched"]["all"], found["searched"]["erased"]) == (3, True, 0)


def test_search_stops_at_enough_and_says_so(holdfast, runs):
    found = holdfast("show", "--text", "bill", "--limit", 1)
    assert {row.split()[0] for row in found.out.splitlines()} == {runs["5000"]}
    assert "searched 1 run " in found.err
    assert "--limit goes on" in found.err


def test_search_can_be_narrowed_to_rows_and_to_one_run(holdfast, runs):
    assert runs["0"] not in holdfast("show", "--text", "bill", "--where", "status=done").out
    found = holdfast("show", "bill 0", "--text", "bill")
    assert {row.split()[0] for row in found.out.splitlines()} == {runs["0"]}
    assert holdfast("show", "--text", "bill", "--where", "colour=red").code == 64


def test_nothing_found_says_so_and_nothing_asked_is_64(holdfast, runs):
    assert holdfast("show", "--text", "zebra").out == "no run speaks of it\n"
    assert holdfast("show", "--text", '""').code == 64


def test_damaged_run_is_named_and_the_others_are_searched(holdfast, runs, place):
    flip(place, runs["0"], 4)
    found = holdfast("show", "--text", "bill")
    assert f"not searched, because they are damaged: {runs['0']}" in found.err
    assert runs["700"] in found.out
