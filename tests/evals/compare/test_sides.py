"""Sides out of folders: whose cases and whose world, what has to fit, and how each is called."""

from __future__ import annotations

import pytest

from holdfast.errors import InputError, UsageError
from holdfast.evals.compare.sides import LETTERS, Entrant, check, sides_of
from holdfast.shell.folder import load
from tests.evals import payers


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def entrants(*folders):
    return [Entrant(str(folder), found := load(str(folder)), found.agent) for folder in folders]


def test_the_first_owns_the_suite_and_lends_its_world(place):
    guesses, _ = payers.both(place, 2, 1)
    one, other = sides_of(entrants(guesses, payers.borrower(place)))
    assert [case.name for case in one.suite.cases] == ["easy-100", "easy-101", "hard-102"]
    assert other.suite.cases == one.suite.cases
    assert one.suite.world is other.suite.world is not None
    assert (one.borrows, other.borrows) == (False, True)
    assert (one.letter, other.letter, one.name, other.name) == ("A", "B", "guesses", "borrows")
    assert one.code != other.code


def test_a_suite_may_be_anybody_s(place):
    guesses, _ = payers.both(place, 2, 1)
    borrows = payers.borrower(place)
    elsewhere = payers.cases(payers.write(place, "owner", payers.GUESSES), 1, 0)
    for suite in (elsewhere, elsewhere / "cases", elsewhere / "cases" / "easy-100.yaml"):
        one, other = sides_of(entrants(guesses, borrows), suite)
        assert [case.name for case in one.suite.cases] == ["easy-100"]
        assert one.code != sides_of(entrants(guesses, borrows))[0].code
        assert one.suite.world is not other.suite.world is not None  # its own, and that of the suite's owner
    one, _ = sides_of(entrants(guesses, borrows), only=["hard-102"])
    assert [case.name for case in one.suite.cases] == ["hard-102"]


@pytest.mark.parametrize("names", [("desk", "desk"), ("desk", "payers/desk")])
def test_agents_of_one_name_are_told_apart(place, names):
    places = [
        payers.cases(payers.write(place / f"at{at}", name, payers.GUESSES), 1, 0) for at, name in enumerate(names)
    ]
    for folder in places:
        text = (folder / "contract.yaml").read_text()
        (folder / "contract.yaml").write_text(text.replace(text.splitlines()[0], "name: desk"))
    sides = sides_of(entrants(*places))
    assert len({side.name for side in sides}) == 2
    assert [side.name for side in sides_of(entrants(places[0], places[0]))] == ["desk 1", "desk 2"]


def test_too_few_and_too_many_are_none(place):
    guesses, _ = payers.both(place, 1, 0)
    for many in (1, len(LETTERS) + 1):
        with pytest.raises(UsageError, match="cannot be compared"):
            sides_of(entrants(*[guesses] * many))


def refused(match, *folders, **more):
    with pytest.raises(InputError, match=match):
        sides_of(entrants(*folders), **more)


def test_what_does_not_fit_is_named(place):
    guesses, looks = payers.both(place, 1, 1)
    refused("no suite at", guesses, looks, suite=place / "nowhere")
    refused("no case is called nobody", guesses, looks, only=["nobody"])
    refused("there is no case", looks, guesses)
    tools = payers.TOOLS.replace("    bill: str\n\n\nclass Receipt", "    bill: str\n    when: str\n\n\nclass Receipt")
    other = payers.write(place, "other", payers.LOOKS, tools=tools)
    refused("case easy-100 is no input of other: when", guesses, other)
    calls = {"unmatched": "live-read", "calls": [{"tool": "look_up", "gives": {"bill": "x", "cents": 1}}]}
    live = payers.cases(payers.write(place, "live", payers.GUESSES), 1, 0, fixtures=calls, state=None)
    path = live / "cases" / "easy-100.yaml"
    path.write_text(path.read_text().replace("state:\n", ""))
    refused("case easy-100 reads live", live, looks)
    named = payers.write(
        place, "named", payers.LOOKS, tools=payers.TOOLS.replace("def pay(", "def settle("),
        contract=payers.CONTRACT.replace("  pay:", "  settle:"),
    )  # fmt: skip
    refused("named has no tool called pay", guesses, named)


def test_what_is_said_of_calls_holds_for_those_of_agents_below_and_a_name_nobody_has_is_refused(place):
    from holdfast import Agent
    from holdfast.evals.cases.case import parse
    from holdfast.evals.compare.sides import Side
    from holdfast.evals.trials.trial import Suite
    from tests.evals.compare.test_play import orchestrator

    def of(expect):
        case = parse({"name": "one", "input": "please", "state": {}, "expect": expect}, "here")
        who: Agent = orchestrator()
        return [Side("B", who.name, Suite(who.name, who, (case,), ()))]

    for expect in ({"never": ["pay"]}, {"evidence": {"pay": ["look"]}}, {"at_most": {"pay": 1}}):
        check(of({"outcome": "done", **expect}))
    with pytest.raises(InputError, match="has no tool called pya"):
        check(of({"outcome": "done", "never": ["pya"]}))
