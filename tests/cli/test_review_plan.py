"""Calls of one answer, shown and decided as one plan: each bound on its own, and said of each what became of it."""

from __future__ import annotations

import pytest

from tests.cli.bills import CONTRACT
from tests.cli.plans import write_pair


@pytest.fixture
def pair(holdfast, place):
    """A run with two payments of one answer that wait for the boss."""
    return holdfast("run", write_pair(place), '{"bill": "5000"}', "--json").json["run"]


def questions(holdfast):
    return [row["question"] for row in holdfast("review", "--json").json]


def test_a_plan_is_shown_in_asked_order_with_numbers(holdfast, pair):
    text = holdfast("review", "show", pair).out
    first, second = questions(holdfast)
    lead = text.index("One plan of 2 calls, done in this order; 2 of them wait for review:")
    assert lead < text.index(f'1. pay: 50.00 (5,000 cents), bill "5000"  waits for a person, question {first}')
    assert text.index("1. pay: 50.00") < text.index(
        f'2. pay: 60.00 (6,000 cents), bill "6000"  waits for a person, question {second}'
    )
    assert text.count("One plan of 2 calls") == 1
    assert "after number 1" in text
    alone = holdfast("review", "show", pair, second).out
    assert ("2. Pay: 60.00" in alone, "1. Pay: 50.00" in alone, "1. pay: 50.00" in alone) == (True, False, True)


def test_a_plan_is_approved_each_call_by_its_own_entry(holdfast, pair):
    before = holdfast("show", pair, "--json").json["seq"]
    found = holdfast("review", "approve", pair, "--plan", "--as", "bo", "--role", "boss", "--json")
    assert (found.code, found.json["by"], found.json["refused"]) == (0, "bo", [])
    assert [(one["number"], one["entry"]) for one in found.json["recorded"]] == [(1, before + 1), (2, before + 2)]
    seen = holdfast("show", pair, "--json").json["questions"].values()
    assert [[voice["by"] for voice in one["voices"]] for one in seen] == [["bo"], ["bo"]]
    assert holdfast("resume", pair, "--json").json["output"] == {"paid": 6000}


def test_a_plan_that_is_approved_in_part_says_what_was_not_and_why(holdfast, pair):
    first = questions(holdfast)[0]
    holdfast("review", "approve", pair, first, "--as", "bo")
    found = holdfast("review", "approve", pair, "--plan", "--as", "bo")
    assert found.code == 1
    assert f'{pair}: 2. pay: 60.00 (6,000 cents), bill "6000": approved, entry ' in found.out
    assert f'{pair}: 1. pay: 50.00 (5,000 cents), bill "5000": not approved: bo has approved this already' in found.out


def test_a_plan_is_denied_with_one_reason(holdfast, pair):
    found = holdfast("review", "deny", pair, "--plan", "--as", "bo", "--text", "ask them again")
    assert (found.code, found.out.count(": denied, entry ")) == (0, 2)
    assert holdfast("review", "--json").json == []
    assert holdfast("show", pair).out.count("bo (by assertion) denied: ask them again") == 2
    assert holdfast("resume", pair, "--json").json["output"] == {"paid": 0}


def test_nobody_barred_decides_any_of_a_plan(holdfast, pair):
    before = holdfast("show", pair, "--json").json["seq"]
    found = holdfast("review", "approve", pair, "--plan", "--as", "ana", "--json")
    assert (found.code, found.json["recorded"], len(found.json["refused"])) == (1, [], 2)
    assert all("ana opened, spoke or amended" in one["why"] for one in found.json["refused"])
    assert holdfast("show", pair, "--json").json["seq"] == before


def test_one_of_several_is_to_be_named_or_the_plan(holdfast, pair):
    found = holdfast("review", "approve", pair, "--as", "bo")
    assert (found.code, "or all of a plan: --plan" in found.err) == (64, True)
    assert holdfast("review", "take", pair, "--plan", "--as", "bo").code == 64


def test_a_call_of_another_role_is_told_apart(holdfast, place):
    contract = CONTRACT.replace(
        "      - {{when: args.cents > 1000,", "      - {{when: args.cents > 5500, by: chief, because: more than 55}}\n      - {{when: args.cents <= 5500 \\&\\& args.cents > 1000,".replace("\\&\\&", "&&"),
    )  # fmt: skip
    run = holdfast("run", write_pair(place, contract=contract), '{"bill": "5000"}', "--json").json["run"]
    found = holdfast("review", "approve", run, "--plan", "--as", "bo", "--role", "boss")
    assert found.code == 1
    assert "1. pay: 50.00" in found.out
    assert "not approved: this is for chief; bo acts as boss" in found.out


def test_no_plan_where_nothing_is_reviewed(holdfast, payer):
    run = holdfast("run", payer, '{"bill": "700"}', "--json").json["run"]
    found = holdfast("review", "approve", run, "--plan", "--as", "bo")
    assert (found.code, "no open question can be answered so" in found.err) == (64, True)
