"""What is weighed: read from a contract and the command line, and refused where it weighs nothing."""

from __future__ import annotations

import pytest

from holdfast import Agent
from holdfast.errors import InputError, UsageError
from holdfast.evals.compare.stakes import MINUTES, Stakes, parse, stakes_of


def contract(**worth):
    return Agent(name="desk", task="Do it.", takes=str, gives=int, tools=[], models=["m"], worth=worth).contract


def test_a_contract_says_it_and_what_is_given_goes_before():
    found = stakes_of(contract(success="4.00", failure="-25.00", reviewer_minute="0.80"))
    assert (found.success, found.failure, found.reviewer_minute) == (4.0, -25.0, 0.8)
    assert (found.swing, found.question_minutes, found.source) == (29.0, MINUTES, "the contract of desk")
    assert found.of_people(2.5) == pytest.approx(2.5 * MINUTES * 0.8)
    other = stakes_of(contract(success="4.00", reviewer_minute="1.00"), parse("success=1, question_minutes=5"))
    assert (other.success, other.failure, other.question_minutes) == (1.0, 0.0, 5.0)
    assert other.source == "--worth and the contract of desk"
    assert stakes_of(contract(), {"success": 1.0}).source == "--worth"


@pytest.mark.parametrize("given", [{}, {"failure": 1.0, "success": 2.0}, {"success": -1.0}, {"success": 1.0, "reviewer_minute": -1.0},
                                   {"success": float("inf")}])  # fmt: skip
def test_what_weighs_nothing_is_refused(given):
    with pytest.raises(InputError, match="worth"):
        stakes_of(contract(), given)


@pytest.mark.parametrize("text", ["success", "success=much", "price=4", "success=1;failure=2"])
def test_what_is_no_worth_is_refused(text):
    with pytest.raises(UsageError, match="--worth"):
        parse(text)


def test_nothing_given_is_nothing():
    assert parse("") == {}
    assert Stakes(success=1.0).checked().swing == 1.0
