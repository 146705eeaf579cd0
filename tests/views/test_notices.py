"""What people outside are told of a run: when, under which name, and what never leaves the journal."""

from __future__ import annotations

import json

import pytest

from holdfast import ask, call, units
from holdfast.codec import canonical
from holdfast.core import desk as people
from holdfast.core.decide import contradicted
from holdfast.core.fork import fork
from holdfast.events import BodiesErased, CallAsked, Entry, Notified, Parent, RunClosed
from holdfast.views.notices import (
    LEAST,
    Standing,
    causes,
    lead_of,
    may_send,
    message,
    name,
    notices,
    sentence,
    standings,
    still_says,
    take,
    warned_from,
)
from tests.core.story import Story, desk, order, refund

RULE = {"because": "people decide", "by": "finance", "within": "4h"}
HOUR, MINUTE = units.HOUR, units.MINUTE
CANARY = "swordfish"


def reviewed(*rules, **opened):
    """A run that waits for finance to decide about a refund."""
    run = Story(desk((refund(), {"review": list(rules or [RULE])})), by="opener", **opened)
    run.asks_for(call("refund", order=CANARY, cents=400)).settle_down()
    return run


def told(run, lead=None):
    return notices(run.entries, run.at, lead)


def kinds(run, lead=None):
    return [one.kind for one in told(run, lead).notices]


def only(run):
    (one,) = told(run).notices
    return one


# ---------------------------------------------------------------------------------------------------------- questions


def test_a_question_is_told_with_whom_about_what_and_until_when():
    run = reviewed()
    one = only(run)
    asked = run.question()
    assert one.id == name("r_1", asked.seq, "asked") == f"r_1.{asked.seq}.asked"
    assert (one.kind, one.role, one.about, one.tool, one.people) == ("asked", "finance", "review", "refund", 1)
    assert (one.until, one.then, one.at) == (run.at + 4 * HOUR, "deny", run.at)
    assert "people decide" in one.words
    assert CANARY in one.words
    assert sentence(one) == f"finance is asked to decide about refund in desk, run r_1, until {units.say_at(one.until)}"


def asked_back(run, text, to="requester"):
    run.append(people.ask_back(run.state, run.question().seq, text, "rita", run.at, to), actor="rita")
    return run.entries[-1].seq


def test_the_requester_is_told_when_a_reviewer_asks_them_until_they_have_said_something():
    run = reviewed()
    seq = asked_back(run, "which bill is it?")
    review, back = told(run).notices
    assert (review.kind, review.role) == ("asked", "finance")
    assert (back.id, back.kind, back.role, back.about) == (f"r_1.{seq}.asked", "asked", "requester", "question")
    assert (back.words, back.until) == ("which bill is it?", run.question().asked.until)
    assert "requester is asked" in sentence(back)
    again = asked_back(run, "and [redacted:key]?")
    assert [one.words for one in told(run).notices if one.seq == again] == [""]
    run.says("the second one")
    assert not [one for one in told(run).notices if one.role == "requester"]


def test_what_a_reviewer_asks_the_agent_is_told_to_nobody():
    run = reviewed()
    asked_back(run, "why?", to="agent")
    assert told(run).notices == ()


def test_what_was_answered_is_not_told():
    run = reviewed()
    run.person("approve")
    run.settle_down()
    assert told(run) == type(told(run))()


def test_a_question_ends_soon_in_the_last_quarter_of_its_time():
    run = reviewed()
    asked = run.question()
    assert told(run).again == asked.at + 3 * HOUR
    run.after("179m")
    assert kinds(run) == ["asked"]
    run.after("1m")
    assert kinds(run) == ["asked", "ending"]
    ending = told(run).notices[1]
    assert (ending.id, ending.at, ending.until) == (f"r_1.{asked.seq}.ending", asked.at + 3 * HOUR, asked.asked.until)
    run.after("1h")
    assert told(run).notices == (), "its time is up, so nobody is asked to hurry"


@pytest.mark.parametrize(
    ("within", "lead", "warns"),
    [
        ("4h", None, 3 * HOUR), ("30m", None, 20 * MINUTE), ("12m", None, 2 * MINUTE), ("10m", None, None), ("5m", None, None),
        ("4h", 30 * MINUTE, 210 * MINUTE), ("4h", 5 * HOUR, None), ("4h", 0, None),
    ],
)  # fmt: skip
def test_the_lead_is_a_quarter_ten_minutes_at_least_or_as_it_is_said(within, lead, warns):
    run = reviewed({**RULE, "within": within})
    asked = run.question()
    run.at = asked.asked.until - 1
    assert ("ending" in kinds(run, lead)) == (warns is not None)
    if warns is not None:
        assert lead_of(asked.at, asked.asked.until, lead) == asked.asked.until - asked.at - warns
        run.at = asked.at + warns - 1
        assert "ending" not in kinds(run, lead)
        assert told(run, lead).again == asked.at + warns


def test_a_row_says_when_nothing_can_end_soon_yet():
    """Whatever the questions of a run are, none of them warns before this."""
    run = reviewed()
    asked = run.question()
    due = run.stands().due
    assert due == asked.asked.until
    for opened in (asked.at, asked.at - HOUR):
        assert warned_from(opened, due) <= asked.at + 3 * HOUR
    assert warned_from(asked.at, due, 5 * MINUTE) == due - 5 * MINUTE
    assert warned_from(asked.at, None) == 0
    assert lead_of(0, 1) == LEAST


def test_who_approved_already_is_not_hurried():
    run = reviewed()
    run.person("approve")
    run.after("200m")
    assert [one.kind for one in told(run).notices if one.kind == "ending"] == []


def test_one_of_two_approvals_is_not_enough():
    run = reviewed({**RULE, "people": 2})
    run.person("approve")
    run.after("200m")
    assert kinds(run) == ["asked", "ending"]
    assert only_kind(run, "ending").people == 2


def only_kind(run, kind):
    (one,) = [one for one in told(run).notices if one.kind == kind]
    return one


@pytest.mark.parametrize(("then", "followed"), [("deny", "refused"), ("ask: legal", "asked legal")])
def test_an_expired_question_is_told_with_what_followed(then, followed):
    run = reviewed({**RULE, "then": then})
    run.after("4h")
    run.settle_down()
    one = only_kind(run, "expired")
    assert (one.role, one.tool, one.followed) == ("finance", "refund", followed)
    assert kinds(run) == (["expired"] if then == "deny" else ["expired", "asked"])
    run.after("30d")
    assert "expired" in kinds(run), "it stays so, and is told whenever somebody can be told"


def test_a_question_to_the_requester_names_the_role():
    run = Story(desk(), by="opener")
    run.asks_for(ask("Which order?")).settle_down()
    one = only(run)
    assert (one.role, one.about, one.words) == ("requester", "question", "Which order?")
    assert sentence(one) == "requester is asked something in desk, run r_1"


def test_a_limit_that_waits_for_a_person_is_told():
    run = Story(desk(order(), limits={"steps": 1}, surprises={"limit": "review"}), by="opener")
    run.asks_for(call("get_order", order="A-1")).settle_down()
    run.returns({"id": 1})
    run.settle_down()
    one = only(run)
    assert (one.kind, one.about) == ("limit", "limit")
    assert "the limit of steps is reached" in one.words
    run.grants("steps", 5)
    assert told(run).notices == ()


# -------------------------------------------------------------------------------------------------- doubts, and the end


def doubtful(**terms):
    run = Story(desk(refund(), **terms), by="opener")
    run.asks_for(call("refund", order=CANARY, cents=400)).settle_down()
    run.breaks("unknown", "unknown", message=f"gateway said {CANARY}")
    run.settle_down()
    return run


def test_a_write_in_doubt_is_told_once_and_in_our_words():
    run = doubtful()
    one = only(run)
    assert (one.kind, one.tool, one.words) == ("doubt", "refund", "")
    assert CANARY not in canonical(message(one)).decode(), "nobody has said of which class a tool's message is"
    run.settles("happened")
    assert "doubt" not in kinds(run)


def test_a_run_that_ended_with_something_unresolved_is_told_until_that_is_settled():
    run = doubtful()
    run.cancels()
    run.settle_down()
    one = only(run)
    assert (one.kind, one.outcome, one.tools) == ("attention", "cancelled", ("refund",))
    assert isinstance(run.entries[one.seq - 1].event, RunClosed)
    assert "needs a person" in sentence(one)
    run.settles("did_not", run.call().seq)
    assert told(run).notices == ()


def test_a_contradiction_after_the_end_is_told_of_its_own():
    run = doubtful()
    run.settles("did_not")
    run.settle_down()
    run.answers(call("done", status="ok"))
    run.settle_down()
    assert run.state.closed is not None
    assert told(run).notices == ()
    seq = next(entry.seq for entry in run.entries if isinstance(entry.event, CallAsked))
    run.returns_late({"id": "re_1"}, seq)
    run.settle_down()
    for event in contradicted(run.state):
        run.append(event)
    one = only(run)
    assert (one.kind, one.tools) == ("attention", ("refund",))


def test_only_such_entries_are_causes():
    run = doubtful()
    found = [type(entry.event).__name__ for entry in run.entries if causes(entry.event)]
    assert found == ["DoubtRaised"], "the question about the doubt is the doubt"
    assert not causes(RunClosed("done", "fine"))


# ------------------------------------------------------------------------------------------ what never leaves the journal

BARE = {"id", "kind", "run", "seq", "agent", "at", "role", "until", "text"}


@pytest.mark.parametrize(
    "opened",
    [{"on_behalf_of": "c:551"}, {"parent": Parent("r_0", 7)}, {"undoes": "r_9"}],
    ids=lambda one: next(iter(one)),
)
def test_of_a_run_about_somebody_nothing_is_told_but_where_somebody_is_wanted(opened):
    run = reviewed(**opened)
    run.after("200m")
    for one in told(run).notices:
        sent = message(one)
        assert set(sent) <= BARE
        assert not [word for word in (CANARY, "people decide", "refund", "c:551", "opener") if word in json.dumps(sent)]
        assert sent["role"] == "finance"
    run.after("1h")
    run.settle_down()
    assert set(message(only_kind(run, "expired"))) <= BARE


def test_of_an_erased_run_no_word_is_told():
    run = doubtful()
    run.cancels()
    run.settle_down()
    run.append(BodiesErased("eve", "asked to", ()))
    assert set(message(only(run))) <= BARE


def test_words_that_carry_a_class_stay():
    run = Story(desk(order(classes=("contact",)), (refund(), {"review": [RULE]})), by="opener")
    run.asks_for(call("get_order", order="A-1")).settle_down()
    run.returns({"phone": CANARY})
    run.settle_down()
    run.answers(call("refund", order=CANARY, cents=1))
    run.settle_down()
    one = only(run)
    assert (one.tool, one.words) == ("refund", "")
    assert CANARY not in json.dumps(message(one))


def test_a_secret_rule_keeps_the_words_of_its_question():
    run = reviewed({**RULE, "secret": True})
    one = only(run)
    assert (one.role, one.words) == ("finance", "")


def test_what_a_secret_was_taken_out_of_is_not_told():
    run = reviewed({**RULE, "because": "is [redacted:card] theirs?"})
    assert (only(run).tool, only(run).words) == ("refund", "")


def test_nobody_is_named():
    run = reviewed({**RULE, "people": 2})
    run.person("approve", by="rita")
    assert "rita" not in json.dumps(message(only(run)))


def test_words_are_cut_and_hold_no_control_characters():
    run = Story(desk(), by="opener")
    run.asks_for(ask("\x1b[31m" + "a" * 900)).settle_down()
    one = only(run)
    assert "\x1b" not in one.words
    assert len(one.words) < 600


def test_what_a_fork_has_from_another_run_was_told_of_that_one():
    run = reviewed({**RULE, "then": "ask: legal"})
    run.after("4h")
    run.settle_down()
    assert kinds(run) == ["expired", "asked"]
    begun = fork(run.entries, "r_2", by="fay", at=run.at)
    assert any(causes(entry.event) for entry in begun)
    assert notices(begun, run.at).notices == ()


def test_a_trial_is_nobodys_business():
    run = reviewed(apart="trial")
    assert told(run).notices == ()


# ------------------------------------------------------------------------------------------------ what became of notices


def entries_of(*events, by="w_1"):
    return [Entry("notify", seq, seq * 10, 0, by, event) for seq, event in enumerate(events, 1)]


def said(state, **more):
    return Notified("r_1.4.asked", state, **more)


def test_the_last_entry_says_what_became_of_a_notice_and_told_is_final():
    found = standings(entries_of(Notified("", "read"), said("sending"), said("told"), said("failed")))
    assert {key: one.said.state for key, one in found.items()} == {"r_1.4.asked": "told"}
    take(found, entries_of(said("told", attempt=2))[0])
    assert found["r_1.4.asked"].said.attempt == 2


@pytest.mark.parametrize(
    ("standing", "now", "gone", "may"),
    [
        (None, 0, False, True),
        (said("sending", until=50), 49, False, False), (said("sending", until=50), 50, False, True),
        (said("sending", until=50), 0, True, True),
        (said("failed", until=50), 49, True, False), (said("failed", until=50), 50, False, True),
        (said("told"), 99, True, False), (said("given_up"), 99, True, False),
    ],
)  # fmt: skip
def test_who_may_send(standing, now, gone, may):
    known = Standing(1, 0, "w_2", standing) if standing is not None else None
    assert may_send(known, now, lambda by: gone) is may


def test_what_is_read_past_or_over_needs_not_be_known_any_more():
    assert still_says(Standing(1, 0, "w", said("told", place=7)), 6, 0)
    assert not still_says(Standing(1, 0, "w", said("told", place=7)), 7, 0)
    assert still_says(Standing(1, 0, "w", said("told", ends=50)), 7, 49)
    assert not still_says(Standing(1, 0, "w", said("told", ends=50)), 7, 50)
