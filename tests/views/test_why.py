"""Why: each decision with its clause, its evidence, the origin of its arguments, and what would have been needed."""

from __future__ import annotations

import msgspec
import pytest

from holdfast.codec import canonical
from holdfast.events import CallJudged, Entry, Fired, RunClosed
from holdfast.views import words
from holdfast.views.account import condition
from holdfast.views.needed import needed
from holdfast.views.trace import trace
from holdfast.views.why import why


def account(desk, key, tool, at=0):
    return [one for one in why(desk[key]).accounts if one.tool == tool][at]


def texts(sentences):
    return " ".join(sentence.text for sentence in sentences)


def test_refused_refund_names_clause_condition_and_what_it_saw(desk):
    refused = account(desk, "mail:0021", "issue_refund")
    clause = refused.clauses[0]
    assert (refused.fate, clause.rule) == ("refused", "tools.issue_refund.must[2]")
    assert clause.because == "never more than is left of what was paid"
    assert clause.asks == "args.cents <= seen.get_order.paid_cents - seen.get_order.refunded_cents"
    assert [(saw.name, saw.value) for saw in clause.saw] == [
        ("args.cents", 8000), ("seen.get_order.paid_cents", 8000), ("seen.get_order.refunded_cents", 3000),
    ]  # fmt: skip
    assert "never more than is left" in texts(refused.needed)


def test_every_entry_a_story_names_exists(desk):
    for key, entries in desk.items():
        plain = canonical(msgspec.to_builtins(why(entries)))
        named = {seq for one in _named(msgspec.json.decode(plain)) for seq in one}
        assert named <= {entry.seq for entry in entries}, key


def _named(value):
    if isinstance(value, dict):
        if "entries" in value:
            yield value["entries"]
        for item in value.values():
            yield from _named(item)
    elif isinstance(value, list):
        for item in value:
            yield from _named(item)


def test_arguments_say_where_they_came_from(desk):
    refund = account(desk, "mail:0002", "issue_refund")
    origins = {argument.name: argument.text for argument in refund.arguments}
    assert origins["order_id"] == "the request"
    assert origins["cents"] == "the result of get_order, which anyone may have written"
    message = account(desk, "mail:0002", "send_message")
    assert {argument.name: argument.origin for argument in message.arguments}["text"] == "model"


def test_amended_argument_came_from_the_person_and_its_rule_saw_the_old_value(desk):
    refund = account(desk, "mail:0018", "issue_refund")
    cents = next(argument for argument in refund.arguments if argument.name == "cents")
    assert (cents.value, cents.text) == (4000, "fin, in the review")
    assert [saw.value for saw in refund.clauses[0].saw] == [25900]
    assert "fin changed cents from 25900 to 4000." in texts(refund.course)


def test_review_says_who_decided_and_denial_what_was_needed(desk):
    denied = account(desk, "mail:0017", "issue_refund")
    assert denied.clauses[0].because == "refunds above 100.00 need a person"
    assert "It was put before finance" in texts(denied.course)
    assert "fin denied it after " in texts(denied.course)
    assert "“not this one”." in texts(denied.course)
    assert texts(denied.needed) == "A reviewer's approval."
    assert "care approved it after " in texts(account(desk, "mail:0020", "issue_refund").course)


def test_evidence_shows_the_fields_that_the_rules_read(desk):
    refund = account(desk, "mail:0002", "issue_refund")
    order = next(one for one in refund.evidence if one.text.startswith("get_order"))
    assert 'status = "cancelled"' in order.text
    assert "note" not in order.text
    assert len(refund.held) == 11


def test_lost_answer_is_told_with_its_second_attempt(desk):
    course = texts(account(desk, "mail:0046", "issue_refund").course)
    assert "Attempt 1 failed without a clear answer (“the connection broke before the payment side answered”)" in course
    assert "nobody can tell whether it took effect" in course
    assert "Attempt 2 succeeded under the same key" in course


def test_settled_doubt_is_told(desk):
    sent = account(desk, "mail:0049", "send_message")
    assert (sent.fate, sent.ok) == ("happened", True)
    assert "ops settled it: it happened" in texts(sent.course)


def test_false_claim_is_told_with_what_the_condition_saw(desk):
    story = texts(why(desk["mail:0054"]).besides)
    assert "could not stand: the decision must say what was really paid back" in story
    assert "output.refunded_cents was 1980, effects.issue_refund was []" in story


def test_ending_says_outcome_proof_and_cost(desk):
    done = texts(why(desk["mail:0002"]).ended)
    assert "It ended as done" in done
    assert "“the decision must say what was really paid back”" in done
    assert "It took" in done
    assert "USD" in done
    assert "It ended as stopped: the output could not be accepted" in texts(why(desk["mail:0055"]).ended)
    assert "It ended as cancelled: lea cancelled it: spam." in texts(why(desk["mail:0033"]).ended)


def test_open_run_says_on_whom_it_waits(desk):
    assert "It is not over. It waits for a person" in texts(why(desk["mail:0024"]).ended)


def test_messages_and_limits_are_told(desk):
    assert "c:019 said: leave it, I found the parcel!" in texts(why(desk["mail:0019"]).besides)
    told = texts(why(desk["mail:0059"]).besides)
    assert "The limit of steps was reached, 14 of 14." in told
    assert "boss granted 3 more of steps" in told


def test_reads_that_simply_worked_need_no_account(desk):
    found = why(desk["mail:0002"])
    assert [one.tool for one in found.accounts] == ["issue_refund", "send_message"]
    assert len(found.read) == 3
    assert "anyone may have written" in found.read[-1].text


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("overtaken", "Deciding again, with what was said meanwhile read."),
        ("tools.issue_refund.needs.get_order", "The evidence, read first: because."),
        ("tools.issue_refund.from.order_id", "A value of order_id out of input.order_id."),
        ("tools.issue_refund.from.cents", "A value from a permitted source: because."),
        ("tools.issue_refund.must[0]", "That the condition holds: because."),
        ("tools.issue_refund.at_most", "Another run: because."),
        ("tools.issue_refund.accepts", "A run that had not read such data: because."),
        ("tools.issue_refund.review[0]", "A condition that can be answered: because."),
        ("something.else", "That this were otherwise: because."),
    ],
)
def test_what_would_have_been_needed_follows_from_the_rule(desk, rule, text):
    entries = [entry for entry in desk["mail:0017"] if entry.seq < 15]
    last = entries[-1]
    judged = CallJudged(14, "refuse", (Fired(rule, "refuse", "because"),))
    seen = trace([*entries, Entry(last.run, 15, last.at, 14, "w", judged)])
    assert texts(needed(seen, seen.calls[14])) == text


def test_waiting_call_says_whose_decision_it_needs(desk):
    until = next(at for at, entry in enumerate(desk["mail:0038"]) if type(entry.event).__name__ == "PersonAsked")
    seen = trace(desk["mail:0038"][: until + 1])
    call = next(call for call in seen.calls.values() if call.stage == "held")
    assert "The decision of a person with the role finance" in texts(needed(seen, call))


def test_condition_is_found_by_its_path(desk):
    seen = trace(desk["mail:0001"])
    assert condition(seen, "tools.issue_refund.review[0]") == "args.cents > 10000"
    assert condition(seen, "done.must[0]").startswith("output.refunded_cents ==")
    assert condition(seen, "overtaken") == ""
    assert condition(seen, "tools.issue_refund.must[99]") == ""


def test_reason_kept_from_the_agent_is_marked(desk):
    entries = [entry for entry in desk["mail:0017"] if entry.seq < 15]
    judged = CallJudged(14, "refuse", (Fired("tools.issue_refund.must[0]", "refuse", "watchlist", secret=True),))
    refused = why([*entries, Entry(entries[-1].run, 15, entries[-1].at, 14, "w", judged)]).accounts[0]
    assert refused.clauses[0].secret


def test_unresolved_write_is_named_at_the_end(desk):
    entries = [entry for entry in desk["mail:0049"] if entry.seq <= 25]
    last = entries[-1]
    closed = RunClosed("cancelled", "lea cancelled it", unresolved=(20,))
    ended = texts(why([*entries, Entry(last.run, 26, last.at, 25, "w", closed)]).ended)
    assert "Nobody could tell whether send_message(" in ended


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("input", "the request"),
        ("untrusted:1", "a part of the request that anyone may have written"),
        ("said:7", "what the requester said"),
        ("person:lea", "lea, in the review"),
        ("trusted:9999", "an attachment"),
        ("elsewhere", "elsewhere"),
    ],
)
def test_origin_is_said_in_words(desk, name, text):
    assert words.origin(trace(desk["mail:0001"]), name)[0] == text


def test_counts_and_lists_are_said_as_people_say_them():
    assert (words.count(1, "entry", "entries"), words.count(2000, "entry", "entries")) == ("1 entry", "2,000 entries")
    assert (words.listed([]), words.listed(["a"]), words.listed(["a", "b", "c"])) == ("", "a", "a, b and c")
    assert words.shortened("x" * 50, 10) == "x" * 10 + "… (+40 characters)"
