"""Effects: expected ⊆ actual ⊆ expected and what is permitted beside it, each actual one counted once."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.evals.grading.effects import SHOWN, assigned, effects
from tests.evals.ended import LOOK, OK, agent, ended, pay, play, whys

PAID = ("refund", {"order": "A-1", "cents": 1290})
MAIL = ("mail", {"text": "hello"})


def run(*turns):
    return play(agent(), *turns, OK)


def test_it_is_silent_where_nothing_is_asked_and_where_all_is_well():
    told = run(LOOK, pay())
    assert whys(effects, ended(told, PAID)) == []
    assert whys(effects, ended(told, PAID, effects={"refund": [{"order": "A-1", "cents": 1290}]})) == []
    assert whys(effects, ended(told, PAID, MAIL, effects={"refund": [{}]}, also=["mail"])) == []
    assert whys(effects, ended(told, PAID, PAID, effects={"refund": [{}]}, also=["refund"])) == []
    assert whys(effects, ended(run(LOOK), effects={})) == []


def test_what_had_to_happen_and_did_not_is_told_with_the_nearest_that_did():
    told = run(LOOK, pay(500))
    found = ended(
        told, ("refund", {"order": "A-1", "cents": 500}), effects={"refund": [{"order": "A-1", "cents": 1290}]}
    )
    assert whys(effects, found) == [
        'refund(order="A-1", cents=1290) had to happen and did not: of the nearest that did, cents is 500, and 1290 was expected',
        'refund(cents=500, order="A-1") happened, and nothing expects it',
    ]
    (none,) = whys(effects, ended(told, effects={"refund": [{}]}))
    assert none == "refund() had to happen and did not: there was no effect of refund"


def test_one_effect_cannot_be_claimed_twice():
    found = ended(run(pay()), PAID, effects={"refund": [{"order": "A-1"}, {"cents": 1290}]})
    assert whys(effects, found) == [
        "refund(cents=1290) had to happen and did not: 1 effect of refund happened, and none is left for it"
    ]


def test_an_assignment_is_found_where_the_first_choice_would_not_leave_one():
    other = ("refund", {"order": "B-2", "cents": 1290})
    wanted = [{"cents": 1290}, {"order": "A-1"}]
    assert whys(effects, ended(run(pay()), PAID, other, effects={"refund": wanted})) == []


def test_what_stands_outside_the_frame_is_told_and_cut_where_it_is_much():
    (why,) = whys(effects, ended(run(pay()), PAID, effects={}))
    assert why == 'refund(cents=1290, order="A-1") happened, and nothing expects it'
    many = whys(effects, ended(run(pay()), *[PAID] * (SHOWN + 3), effects={"refund": [{}]}))
    assert len(many) == SHOWN + 1
    assert many[-1] == "2 further effects of refund happened, and nothing expects them"


def test_a_miss_points_at_the_call_that_did_it():
    told = run(pay(5), pay(7))
    asked = [entry.seq for entry in told.entries if getattr(entry.event, "tool", "") == "refund"]
    five, seven = (("refund", {"order": "A-1", "cents": cents}) for cents in (5, 7))
    (miss,) = effects(ended(told, five, seven, effects={"refund": [{"cents": 5}]}))
    assert miss.seqs == (asked[1],)


@st.composite
def graphs(draw):
    """Expected ones, each with the actual ones it may have."""
    actual = draw(st.integers(0, 5))
    return [
        sorted(draw(st.sets(st.integers(0, actual - 1)))) if actual else [] for _ in range(draw(st.integers(0, 5)))
    ], actual


def brute(choices, taken=frozenset()):
    """How many of the expected ones can have an actual one of their own, at best: every choice is tried."""
    if not choices:
        return 0
    without = brute(choices[1:], taken)
    return max([without, *(1 + brute(choices[1:], taken | {at}) for at in choices[0] if at not in taken)])


@settings(deadline=None)
@given(graphs())
def test_the_assignment_is_one_and_none_is_larger(graph):
    choices, _ = graph
    found = assigned(choices)
    assert len(set(found.values())) == len(found)
    assert all(at in choices[one] for at, one in found.items())
    assert len(found) == brute(choices)


VALUES = st.fixed_dictionaries({}, optional={"a": st.integers(0, 1), "b": st.integers(0, 1)})


@settings(deadline=None)
@given(
    st.lists(VALUES, max_size=4),
    st.lists(st.fixed_dictionaries({"a": st.integers(0, 1), "b": st.integers(0, 1)}), max_size=4),
)
def test_a_case_passes_exactly_where_some_pairing_serves_all(wanted, actual):
    told = run()
    fit = [{at for at, one in enumerate(actual) if want.items() <= one.items()} for want in wanted]
    some = any(
        all(at in fit[n] for n, at in enumerate(order)) for order in permutations(range(len(actual)), len(wanted))
    )
    happened = [("refund", args) for args in actual]
    covered = list(effects(ended(told, *happened, effects={"refund": wanted}, also=["refund"])))
    exact = list(effects(ended(told, *happened, effects={"refund": wanted})))
    assert (not covered) == some
    assert (not exact) == (some and len(wanted) == len(actual))


def test_a_thousand_alike_are_told_apart_soon():
    found = assigned([list(range(600))] * 600)
    assert len(found) == 600
