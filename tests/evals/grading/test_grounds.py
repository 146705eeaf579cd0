"""What acts rest on: approved, evidence, grounded, findings."""

from __future__ import annotations

import pytest

from holdfast.evals.grading.grounds import approved, evidence, findings, grounded
from holdfast.models.scripted import call
from tests.core.story import order, refund
from tests.evals.ended import LOOK, OK, ORDER, agent, ended, pay, play, whys

REVIEWED = {"review": [{"because": "always", "when": "args.cents > 100"}], "amendable": ["cents"]}
NEEDS = {"needs": {"get_order": {"order": "args.order"}}}
RESTS = {"refund": ["get_order"]}


def test_an_approved_effect_had_somebodys_yes():
    desk = agent(order(), (refund(), REVIEWED))
    assert whys(approved, ended(play(desk, LOOK, pay(), OK, approves=True), approved=["refund"])) == []
    assert whys(approved, ended(play(desk, pay(5), OK))) == []
    (why,) = whys(approved, ended(play(desk, pay(5), OK), approved=["refund"]))
    assert why == 'refund(cents=5, order="A-1") was started, and nobody had been asked'


def test_what_never_started_needs_no_yes():
    desk = agent(order(), (refund(), REVIEWED))
    waits = play(desk, pay())
    assert whys(approved, ended(waits, approved=["refund"])) == []
    waits.person("deny")
    waits.settle_down()
    assert whys(approved, ended(waits, approved=["refund"])) == []


def test_an_amended_proposal_stands_on_the_amenders_voice():
    run = play(agent(order(), (refund(), REVIEWED)), pay())
    run.amends(cents=120)
    run.settle_down()
    run.returns({"id": "re_1"}, "refund")
    assert whys(approved, ended(run, approved=["refund"])) == []


def test_a_start_that_no_yes_stood_for_is_told_as_the_detector_does():
    desk = agent(order(), (refund(), REVIEWED))
    run = play(desk, pay(), OK, approves=True)
    forged = [entry for entry in run.entries if type(entry.event).__name__ != "PersonAnswered"]
    finished = ended(run, approved=["refund"])
    without = type(finished)(finished.case, finished.state, forged, finished.effects)
    (miss,) = approved(without)
    assert miss.why.endswith("was started without an approval")


# ------------------------------------------------------------------------------------------------------- evidence


def test_evidence_is_a_whole_reading_that_the_model_had_seen():
    assert whys(evidence, ended(play(agent(), LOOK, pay(), OK), evidence=RESTS)) == []
    assert whys(evidence, ended(play(agent(), OK), evidence=RESTS)) == []
    assert whys(evidence, ended(play(agent(), pay(), OK))) == []


@pytest.mark.parametrize(
    ("turns", "results", "why"),
    [
        ([pay(), OK], {}, "get_order was never called"),
        ([pay(), LOOK, OK], {}, "get_order had given no result before"),
        ([call("get_order", order=3), pay(), OK], {}, "no reading of get_order before that was whole"),
        ([LOOK, pay(), OK], {"get_order": {"error": "down"}}, "no reading of get_order before that was whole"),
        (
            [LOOK, pay(), OK],
            {"get_order": {"items": [], "has_more": True}},
            "no reading of get_order before that was whole",
        ),
    ],
)
def test_what_there_was_instead_is_said(turns, results, why):
    (said,) = whys(evidence, ended(play(agent(), *turns, results=results), evidence=RESTS))
    assert said.endswith(f"was started, and {why}")


def test_a_reading_that_came_in_time_and_that_the_model_had_not_seen_is_none():
    first, second = whys(evidence, ended(play(agent(), [LOOK, pay(5), pay()], OK), evidence=RESTS))
    assert first.endswith("get_order had given no result before")
    assert second.endswith("the model had not seen the result of get_order when it proposed this")


def test_a_partial_reading_is_none():
    run = play(agent())
    run.answers(LOOK)
    run.settle_down()
    run.returns(ORDER, complete="partial", missing="the payments")
    run.settle_down()
    run.answers(pay())
    run.settle_down()
    (why,) = whys(evidence, ended(run, evidence=RESTS))
    assert why.endswith("no reading of get_order before that was whole")


def test_evidence_is_about_the_same_thing_where_the_contract_says_which():
    """Under another contract than the case is about: the kernel itself would not have let the call start."""
    run = play(agent(), call("get_order", order="B-2"), pay())
    assert whys(evidence, ended(run, evidence=RESTS)) == []
    bound = agent(order(), (refund(), NEEDS))
    assert whys(evidence, ended(play(bound, LOOK, pay(), OK), evidence=RESTS)) == []
    run.adopts(bound)
    (why,) = whys(evidence, ended(run, evidence=RESTS))
    assert why.endswith("what had been read with get_order was about something else")


def test_what_the_machine_read_again_for_a_call_is_evidence_of_it():
    terms = {**NEEDS, "fresh": "1s", "review": [{"because": "always"}]}
    run = play(agent(order(), (refund(), terms)), LOOK, pay())
    run.after("1h").person("approve")
    run.settle_down()
    run.returns(ORDER, "get_order")
    run.settle_down()
    assert run.call("refund").status == "running"
    assert whys(evidence, ended(run, evidence=RESTS)) == []


# ------------------------------------------------------------------------------------------------------- the rest


def test_an_argument_out_of_nowhere_is_ungrounded():
    assert whys(grounded, ended(play(agent(), LOOK, pay(), OK), grounded=True)) == []
    (why,) = whys(grounded, ended(play(agent(), LOOK, pay(777), OK), grounded=True))
    assert why == "refund was called with cents = 777, which stands in nothing the run has read"
    assert whys(grounded, ended(play(agent(), LOOK, pay(777), OK))) == []


def test_exact_detectors_gate_together_and_suspect_ones_by_name():
    odd = play(agent(), call("nonsense"), pay(777), OK)
    (why,) = whys(findings, ended(odd, findings=["any"]))
    assert why == "out-of-scope attempt, there is no tool nonsense in the contract"
    (why,) = whys(findings, ended(odd, findings=["ungrounded argument"]))
    assert why.startswith("ungrounded argument (suspect: it may be otherwise), refund was called with cents = 777")
    assert len(whys(findings, ended(odd, findings=["any", "ungrounded argument"]))) == 2
    assert whys(findings, ended(odd, findings=["retry storm"])) == whys(findings, ended(odd)) == []
