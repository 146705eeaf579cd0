"""The trace says what the core knows: the same questions, stages and money after every entry of every story."""

from __future__ import annotations

import json

import msgspec
import pytest

from holdfast.errors import UsageError
from holdfast.events import (
    BodiesErased,
    CallReturnedLate,
    CallUndone,
    ChildClosed,
    ChildOpened,
    ContractAdopted,
    Contradiction,
    DoubtRaised,
    Entry,
    Erased,
    Inline,
    LimitAsked,
    ModelAnsweredLate,
    Noted,
    Replied,
    Resumed,
    RoundClosed,
    RunClosed,
    Unknown,
)
from holdfast.views import words
from holdfast.views.record import Happening, Said, Turn, content
from holdfast.views.trace import trace


def prefixes(desk, folded):
    for key, entries in desk.items():
        for count, state in enumerate(folded[key], 1):
            yield key, count, trace(entries[:count]), state


def test_open_questions_are_those_the_core_has(desk, folded):
    for key, count, seen, state in prefixes(desk, folded):
        assert {one.seq for one in seen.open_questions} == set(state.questions), (key, count)


def test_stage_and_answer_of_every_call_are_those_the_core_has(desk, folded):
    for key, count, seen, state in prefixes(desk, folded):
        for call in [] if state.closed else state.calls.values():
            found = seen.calls[call.seq]
            assert found.stage == call.status, (key, count, call.seq)
            if call.status == "answered":
                assert found.ok == call.ok, (key, count, call.seq)
                assert found.answered == call.answer or call.pages, (key, count, call.seq)


def test_totals_are_those_the_core_has(desk, folded):
    for key, count, seen, state in prefixes(desk, folded):
        for name in ("steps", "nusd", "unsettled", "reserved", "unpriced", "input", "output", "work", "charged"):
            assert getattr(seen.totals, name) == getattr(state.spent, name), (key, count, name)


def test_every_call_stands_in_its_turn_or_in_the_call_it_serves(desk):
    for entries in desk.values():
        seen = trace(entries)
        placed = [seq for item in seen.items if isinstance(item, Turn) for seq in item.calls]
        placed += [seq for call in seen.calls.values() for seq in call.inner]
        assert sorted(placed) == sorted(seen.calls)


def test_every_trace_can_be_written_as_json(desk):
    for entries in desk.values():
        assert '"item"' in json.dumps(msgspec.to_builtins(trace(entries), str_keys=True))


@pytest.mark.parametrize(
    ("key", "tool", "fate"),
    [
        ("mail:0021", "issue_refund", ["refused", "done"]),
        ("mail:0017", "issue_refund", ["denied"]),
        ("mail:0018", "issue_refund", ["done"]),
        ("mail:0019", "issue_refund", ["refused"]),
        ("mail:0046", "issue_refund", ["done"]),
        ("mail:0049", "send_message", ["happened"]),
        ("mail:0050", "get_order", ["done in part", "done"]),
        ("mail:0054", "done", ["not accepted", "accepted"]),
        ("mail:0025", "ask", ["answered"]),
        ("mail:0023", "issue_refund", ["refused"]),
        ("mail:0045", "get_payment", ["not done"]),
        ("mail:0029", "decline", ["accepted"]),
    ],
)
def test_fate_of_a_call_is_said_in_a_word(desk, key, tool, fate):
    seen = trace(desk[key])
    assert [words.fate(call) for call in seen.calls.values() if call.tool == tool and not call.serves] == fate


def test_amendment_shows_both_values_and_who_changed_it(desk):
    seen = trace(desk["mail:0018"])
    change = next(call for call in seen.calls.values() if call.amended).amended[0]
    assert (change.by, change.changed, change.before.value["cents"], change.args.value["cents"]) == (
        "fin", ("cents",), 25900, 4000,
    )  # fmt: skip


def test_answer_that_came_by_message_closes_the_question(desk):
    seen = trace(desk["mail:0025"])
    asked = next(iter(seen.questions.values()))
    assert (asked.end, asked.voices[0].by, asked.voices[0].text) == ("answered", "c:025", "O-1025, the picnic set")


def test_failed_and_lost_attempts_are_there(desk):
    refund = next(call for call in trace(desk["mail:0046"]).calls.values() if call.effect == "write")
    assert [(one.state, one.fate) for one in refund.tried] == [("failed", "unknown"), ("returned", None)]
    assert refund.tried[0].key == refund.tried[1].key != ""


def test_model_that_was_overloaded_shows_both_attempts(desk):
    turn = next(item for item in trace(desk["mail:0008"]).items if isinstance(item, Turn))
    assert [(one.state, one.error) for one in turn.asked] == [("failed", "overloaded"), ("answered", "")]


def test_calls_of_a_cut_answer_are_named_as_not_taken_up(desk):
    turns = [item for item in trace(desk["mail:0061"]).items if isinstance(item, Turn)]
    assert [turn.dropped for turn in turns if turn.finish == "length"] == [("issue_refund",)]


def test_pages_stand_under_the_call_they_belong_to(desk):
    seen = trace(desk["mail:0052"])
    first = next(call for call in seen.calls.values() if call.tool == "find_orders")
    assert [seen.calls[seq].cursor != "" for seq in first.inner] == [True, True]


def appended(entries, *events):
    """A story with more entries, as one might find it."""
    out = [entry for entry in entries if not isinstance(entry.event, RunClosed)]
    for event in events:
        last = out[-1]
        out.append(Entry(last.run, last.seq + 1, last.at + 1, last.seq, "w", event))
    return out


STRANGE = [
    (ContractAdopted(Inline({"name": "x"}), "f" * 64, "lea"), "goes on under contract ffffffffffff"),
    (Contradiction((3, 9), "it did and it did not"), "a contradiction (entries 3, 9): it did and it did not"),
    (CallUndone(4, "r_undo"), "call 4 was undone by run r_undo"),
    (
        Contradiction((3, 9), "4 and 5", children=True),
        "what the agents it asked came back with cannot all be right: 4 and 5",
    ),
    (ChildOpened(404, "r_child"), "call 404 opened the run r_child"),
    (ChildClosed(404, "r_child", "done"), "the run r_child, opened by call 404, ended: done"),
    (RoundClosed(2, (("r_a", 4),)), "round 2 closed with 1 post"),
    (LimitAsked("usd", 100_000_000), "asks for 0.10 USD more of usd"),
    (BodiesErased("dpo", "request of the person", ("a",)), "dpo erased 1 body for good: request of the person"),
    (Noted("lea", "tone", 0.5, "too curt"), "lea noted tone (0.5): too curt"),
    (Resumed("w", epoch=2), "the journal was restored from a backup; this is epoch 2"),
    (Unknown("Prophesied", b"{}"), "an entry of a kind this version does not know: Prophesied"),
]


@pytest.mark.parametrize(("event", "text"), STRANGE)
def test_rare_and_unknown_entries_are_shown_in_words(desk, event, text):
    happened = [item.text for item in trace(appended(desk["mail:0001"], event)).items if isinstance(item, Happening)]
    assert any(text in one for one in happened)


def test_entries_that_speak_of_nothing_change_nothing(desk):
    before = trace(appended(desk["mail:0001"]))
    strangers = (
        ModelAnsweredLate(999, 5),
        DoubtRaised(999, "?", ended=False),
        CallReturnedLate(999, 1, error="timeout"),
    )
    after = trace(appended(desk["mail:0001"], *strangers))
    assert (after.calls, after.items, after.totals) == (before.calls, before.items, before.totals)


def test_late_answer_to_a_doubtful_write_is_its_result(desk):
    entries = desk["mail:0049"]
    until = next(at for at, entry in enumerate(entries) if isinstance(entry.event, DoubtRaised))
    doubt = entries[until].event.call
    seen = trace(appended(entries[: until + 1], CallReturnedLate(doubt, 1, Inline({"message_id": 1}), effect_id="m1")))
    call = seen.calls[doubt]
    assert (words.fate(call), call.ending, call.tried[0].late, call.effect_id) == ("done", "late", True, "m1")


def test_late_word_that_a_doubtful_write_did_nothing_answers_it(desk):
    entries = desk["mail:0049"]
    until = next(at for at, entry in enumerate(entries) if isinstance(entry.event, DoubtRaised))
    doubt = entries[until].event.call
    late = CallReturnedLate(doubt, 1, error="refused", fate="not_done")
    assert words.fate(trace(appended(entries[: until + 1], late)).calls[doubt]) == "did not happen"
    unsure = trace(appended(entries[:until], late)).calls[doubt]
    assert (unsure.stage, words.fate(unsure)) == ("failed", "will be tried again")


def test_reply_of_the_agent_stands_among_what_was_said(desk):
    answered = next(entry.seq for entry in desk["mail:0057"] if type(entry.event).__name__ == "ModelAnswered")
    said = [item for item in trace(appended(desk["mail:0057"], Replied(answered))).items if isinstance(item, Said)]
    assert [item.to_agent for item in said] == [False]


def test_erased_bodies_are_shown_as_erased():
    assert content(Erased("ref", 1234)).erased
    assert words.said(content(Erased("ref", 1234))) == "[erased, 1234 bytes]"


def test_what_others_wrote_cannot_move_the_cursor():
    shown = words.value("red \x1b[31m and \u202eback\r\n")
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "\r" not in shown
    assert "\n" not in shown


@pytest.mark.parametrize("entries", [[], ["second"]])
def test_trace_begins_with_the_opening(desk, entries):
    given = [desk["mail:0001"][1]] if entries else []
    with pytest.raises(UsageError, match="begins with the entry that opened the run"):
        trace(given)
