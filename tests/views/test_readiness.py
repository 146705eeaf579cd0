"""What runs say of how ready an agent is: what people were asked and did, what was stopped, and nothing of what anybody said."""

from __future__ import annotations

import json

import msgspec
import pytest

from holdfast import units
from holdfast.codec import value_of
from holdfast.contract import Contract
from holdfast.events import CancelAsked, ModelAsked, Paused, PersonAnswered, Resumed, RunOpened
from holdfast.views.contract_words import in_words
from holdfast.views.cost import cost_of, total
from holdfast.views.oversight import QUICK, together
from holdfast.views.readiness import Reader

replace = msgspec.structs.replace


@pytest.fixture(scope="module")
def read(desk):
    reader = Reader()
    return {key: reader.read(entries) for key, entries in desk.items()}


def with_event(entries, seq, **changes):
    return [replace(one, event=replace(one.event, **changes)) if one.seq == seq else one for one in entries]


def opened_as(entries, **changes):
    return Reader().read(with_event(entries, 1, **changes), found=False)


def test_what_people_did_in_a_day_is_counted(read):
    found = together(list(read.values()))
    seen = found.oversight
    assert (seen.denials, seen.reasoned, seen.amendments, seen.approvals) == (1, 1, 1, 1)
    assert (seen.settled, seen.granted, seen.stops, seen.cancels) == (1, 1, 1, 1)
    assert seen.taken == 1
    assert seen.overrides == 1 + 1 + 1 + 1 + 1
    assert seen.agreement == pytest.approx(1 / 3)
    assert seen.started_after == 0
    assert 0 <= seen.median <= seen.p90 < QUICK
    assert seen.quick == 1
    assert found.doubts == 1


def test_figures_are_those_of_the_readings_they_come_from(read, desk):
    found = together(list(read.values()))
    assert found.cost == total(cost_of(entries) for entries in desk.values())
    assert found.runs == len(desk) == sum(found.outcomes.values())
    assert found.entries == sum(map(len, desk.values()))
    assert found.unattended == sum(one.outcome is not None and not one.attended for one in read.values()) > 40
    assert {one.name: one.effect for one in found.tools}["issue_refund"] == "write"
    assert found.judged["refuse"] == sum(one.judged.get("refuse", 0) for one in read.values()) > 0
    assert sum(one.runs for one in found.contracts) == found.runs


def test_a_run_that_people_were_asked_about_is_not_unattended(read):
    assert read["mail:0018"].attended
    assert not read["mail:0001"].attended


def test_nothing_that_anybody_said_or_was_given_is_in_it(read, desk):
    text = json.dumps(msgspec.to_builtins(together(list(read.values())), str_keys=True))
    text += json.dumps(msgspec.to_builtins(list(read.values()), str_keys=True))
    for word in ("not this one", "spam", "fraud", "picnic", "decide without it", "c:031", "O-1025"):
        assert word not in text, word
    assert "not this one" in str(desk["mail:0017"])


def test_an_approval_is_as_quick_as_the_entries_say_and_a_service_is_no_person(desk):
    entries = desk["mail:0020"]
    answer = next(one for one in entries if isinstance(one.event, PersonAnswered))
    asked = entries[answer.event.question - 1]
    slow = [replace(one, at=one.at + 2 * units.HOUR) if one.seq >= answer.seq else one for one in entries]
    late = together([Reader().read(slow)]).oversight
    assert late.median == late.p90 == answer.at + 2 * units.HOUR - asked.at
    assert late.quick == 0
    robot = together([Reader().read(with_event(entries, answer.seq, by="svc:bot"))]).oversight
    assert (robot.approvals, robot.services, robot.answered, robot.median) == (0, 1, 0, None)
    typed = [replace(one, actor="cli:care") if one.seq == answer.seq else one for one in entries]
    assert together([Reader().read(typed)]).oversight.asserted == 1


def test_what_begins_after_a_stop_is_counted_until_the_run_may_go_on(desk):
    entries = desk["mail:0052"]
    stop = next(one.seq for one in entries if isinstance(one.event, Paused))
    assert isinstance(entries[stop].event, Resumed)
    assert [(one.kind, one.started) for one in Reader().read(entries).stops] == [("stop", 0)]
    asked = next(one for one in entries if isinstance(one.event, ModelAsked))
    inserted = [
        *entries[:stop],
        replace(asked, seq=stop + 1),
        *(replace(one, seq=one.seq + 1) for one in entries[stop:]),
    ]
    seen = Reader().read(inserted[: stop + 1], found=False)
    assert [(one.kind, one.started) for one in seen.stops] == [("stop", 1)]


def test_a_cancel_says_how_long_it_took_to_the_end(desk):
    entries = desk["mail:0033"]
    asked = next(one for one in entries if isinstance(one.event, CancelAsked))
    (stop,) = Reader().read(entries).stops
    assert (stop.kind, stop.took) == ("cancel", entries[-1].at - asked.at)
    (still,) = Reader().read(entries[: asked.seq], found=False).stops
    assert still.took == -1


@pytest.mark.parametrize(
    ("changes", "aside"),
    [
        ({"tags": {"eval": "desk", "case": "a", "trial": "1"}}, "a trial"), ({"tags": {"drill": "clean"}}, "a trial"),
        ({"key": "why:r_1:refund:ab:control:control:1"}, "a counterfactual"), ({"undoes": "r_1"}, "an undo"),
        ({"mode": "simulate"}, "a simulation"), ({}, ""),
    ],
)  # fmt: skip
def test_what_is_none_of_production_is_counted_apart(desk, changes, aside):
    one = opened_as(desk["mail:0001"], **changes)
    assert one.aside == aside
    found = together([one])
    assert (found.runs, found.aside) == ((0, {aside: 1}) if aside else (1, {}))


def test_a_contract_is_told_in_words(desk):
    opened = desk["mail:0001"][0].event
    assert isinstance(opened, RunOpened)
    contract = Contract.parse(value_of(opened.contract))
    told = in_words(contract)
    assert told.digest == opened.contract_digest
    terms = {one.name: [(term.kind, term.text) for term in one.terms] for one in told.tools}
    assert terms["get_order"] == []
    refund = dict(terms["issue_refund"][:1])
    assert (
        refund["evidence"] == "only after get_order was read in full with order_id = args.order_id, no older than 10m"
    )
    kinds = [kind for kind, _ in terms["issue_refund"]]
    assert kinds.count("rule") == len(contract.tools["issue_refund"].must)
    assert kinds.count("review") == 2
    assert ("amendable", "a reviewer may change cents, and nothing else") in terms["issue_refund"]
    assert dict(told.limits)["money"] == "0.20 USD"
    assert dict(told.limits)["time in all"] == "3d"
    assert len(told.done) == 2
