"""Feedback: what was noted, and what follows from reviewers' acts, in one list."""

from __future__ import annotations

import pytest

from holdfast.errors import InputError, UsageError
from holdfast.events import BodiesErased, Inline, Noted, ProposalAmended
from holdfast.models.scripted import call
from holdfast.shell.noting import correctable, noted
from holdfast.views.feedback import Change, changes, notes, sentences
from holdfast.views.record import Content
from holdfast.views.trace import trace
from tests.core.story import Story, desk, order, refund

PAY = call("refund", order="A-1", cents=400)


def held(people: int = 1) -> Story:
    terms = {"review": [{"because": "people decide", "people": people}], "amendable": ["cents"]}
    run = Story(desk(order(), (refund(), terms)))
    run.asks_for(PAY)
    run.settle_down()
    return run


def done(run: Story, status: str = "paid") -> Story:
    if run.world() != ["ask"]:
        run.settle_down()
    run.answers(call("done", status=status))
    run.settle_down()
    return run


def plain() -> Story:
    run = Story(desk(order(), refund()))
    run.asks_for(PAY)
    run.settle_down()
    run.returns({"id": "re_1"})
    return done(run)


def told(run: Story) -> list[str]:
    return [one.text for one in sentences(notes(run.entries), trace(run.entries))]


# ---------------------------------------------------------------------------------------- what follows by itself


def test_an_amendment_is_a_correction_that_nobody_had_to_write_down():
    run = held()
    run.amends(cents=40)
    (note,) = notes(run.entries)
    assert (note.kind, note.by, note.tool, note.derived) == ("correction", "rita", "refund", True)
    assert note.changes == (Change("cents", 400, 40),)
    assert note.correction == {"order": "A-1", "cents": 40}
    assert run.entries[note.seq - 1].event.by == "rita"
    assert isinstance(run.entries[note.seq - 1].event, ProposalAmended)
    assert told(run) == ["rita corrected the call of refund: cents should be 40, not 400."]


def test_two_amendments_are_two_corrections_each_of_what_stood_before_it():
    run = held(people=2)
    run.amends(cents=40)
    run.settle_down()
    run.amends(by="ines", cents=30)
    assert [note.changes for note in notes(run.entries)] == [(Change("cents", 400, 40),), (Change("cents", 40, 30),)]


def test_a_denial_is_a_bad_note_with_its_reason():
    run = held()
    run.person("deny", text="not this customer")
    (note,) = notes(run.entries)
    assert (note.kind, note.text, note.tool, note.derived) == ("bad", "not this customer", "refund", True)
    assert told(run) == ['rita denied refund(cents=400, order="A-1"): not this customer.']


def test_an_approval_says_nothing():
    run = held()
    run.person("approve")
    assert notes(run.entries) == ()


def test_an_edited_output_is_a_correction_of_the_output():
    run = Story(desk(order(), done={"review": {"because": "somebody reads it first"}}))
    run.asks_for(call("done", status="payd"))
    run.settle_down()
    run.amends(status="paid")
    (note,) = notes(run.entries)
    assert (note.kind, note.tool, note.changes) == ("correction", "done", (Change("status", "payd", "paid"),))
    assert told(run) == ['rita corrected the output: status should be "paid", not "payd".']


# ------------------------------------------------------------------------------------------------------ what was noted


def test_notes_stand_in_the_order_they_were_made_beside_what_follows_by_itself():
    run = held()
    run.person("deny", text="no")
    for event in (
        Noted("lea", "good", 0.5, "kind words"),
        Noted("svc:tone", "too curt", evidence=(1,)),
        Noted("lea", "note", note="hm"),
    ):
        run.append(event)
    assert [(note.kind, note.by, note.derived) for note in notes(run.entries)] == [
        ("bad", "rita", True), ("good", "lea", False), ("finding", "svc:tone", False), ("note", "lea", False),
    ]  # fmt: skip
    assert told(run)[1:] == [
        "lea found the run good (0.5): kind words.", "svc:tone found too curt in entry 1.", "lea said of the run: hm.",
    ]  # fmt: skip


def test_a_note_about_any_entry_of_a_call_is_about_the_call():
    run = plain()
    seen = trace(run.entries)
    refunded = next(one for one in seen.calls.values() if one.tool == "refund")
    for seq in (refunded.seq, refunded.answered, refunded.tried[0].seq, refunded.judged[0].seq):
        run.append(noted(run.entries, "bad", by="lea", seq=seq))
    assert [note.tool for note in notes(run.entries)] == ["refund"] * 4


# ------------------------------------------------------------------------------------------------- making one, checked


def test_a_correction_of_the_output_is_whole_and_checked_by_the_contract():
    run = plain()
    made = noted(run.entries, "note", by="lea", correct={"status": "not paid"})
    assert (made.correction, made.evidence) == (Inline({"status": "not paid"}), (run.entries[-1].seq,))
    run.append(made)
    (note,) = notes(run.entries)
    assert (note.kind, note.changes) == ("correction", (Change("status", "paid", "not paid"),))
    with pytest.raises(InputError, match="status"):
        noted(run.entries, "note", by="lea", correct={"status": 5})
    with pytest.raises(InputError, match="the output has no mood"):
        noted(run.entries, "note", by="lea", correct={"mood": "good"})


def of_the_call(run: Story) -> int:
    return next(seq for seq, one in trace(run.entries).calls.items() if one.tool == "refund")


def test_a_correction_of_a_call_is_checked_by_the_tool_where_it_is_at_hand():
    run = plain()
    seq, tools = of_the_call(run), run.agent.tools
    made = noted(run.entries, "bad", by="lea", seq=seq, correct={"cents": 40}, tools=tools)
    assert (made.finding, made.correction, made.evidence) == ("bad", Inline({"order": "A-1", "cents": 40}), (seq,))
    for wrong in ({"cents": "many"}, {"mood": "good"}):
        with pytest.raises(InputError, match="refund could not have been called so"):
            noted(run.entries, "bad", by="lea", seq=seq, correct=wrong, tools=tools)


@pytest.mark.parametrize("wrong", [{"cents": "many"}, {"cents": True}, {"order": 5}, {"mood": "good"}])
def test_without_the_tool_a_correction_has_the_names_and_kinds_that_were_given(wrong):
    run = plain()
    assert noted(run.entries, "bad", by="lea", seq=of_the_call(run), correct={"cents": 40}).correction
    with pytest.raises(InputError):
        noted(run.entries, "bad", by="lea", seq=of_the_call(run), correct=wrong)


def test_paths_lead_into_lists_and_objects():
    gives = {"type": "object", "properties": {"lines": {"type": "array", "items": {"type": "object"}}}}
    run = Story(desk(order(), gives=gives))
    run.asks_for(call("done", lines=[{"sku": "a"}, {"sku": "b"}]))
    run.settle_down()
    made = noted(run.entries, "note", by="lea", correct={"lines[1].sku": "c"})
    assert made.correction == Inline({"lines": [{"sku": "a"}, {"sku": "c"}]})
    assert correctable(trace(run.entries), 0) == {"lines": [{"sku": "a"}, {"sku": "b"}]}
    for nowhere in ("lines[2].sku", "rows[0]", "lines.sku", "lines[x]"):
        with pytest.raises(InputError, match="nothing at"):
            noted(run.entries, "note", by="lea", correct={nowhere: "c"})


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"finding": ""}, "says nothing"),
        ({"finding": "note"}, "says nothing"),
        ({"by": ""}, "nobody is named"),
        ({"seq": 99}, "there is no entry 99"),
        ({"score": float("nan")}, "no score"),
        ({"seq": 1, "correct": {"status": "x"}}, "belongs to no call"),
    ],
)
def test_what_makes_no_note_is_refused(more, why):
    given = {"finding": "good", "by": "lea"} | more
    with pytest.raises(UsageError, match=why):
        noted(plain().entries, given.pop("finding"), **given)


def test_an_output_that_is_not_there_cannot_be_corrected():
    with pytest.raises(UsageError, match="no output"):
        noted(held().entries, "note", by="lea", correct={"status": "x"})


def test_what_is_erased_stays_so_and_hurts_no_reading():
    run = plain()
    run.append(Noted("lea", "note", correction=Inline({"status": "x"}), evidence=(run.entries[-1].seq,)))
    run.append(BodiesErased("lea", "asked for"))
    assert changes(Content(None, erased=True), Content({"a": 1})) == (Change("a", None, 1),)
    assert [note.kind for note in notes(run.entries)] == ["correction"]
