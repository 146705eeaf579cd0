"""What runs share, as the readings tell it: waits and what they were for, what was taken, who looks into what, and stops."""

from __future__ import annotations

import pytest

from holdfast import units
from holdfast.cli.entry_text import line
from holdfast.cli.row import Brief
from holdfast.cli.trace_rows import rows, word
from holdfast.cli.trace_text import lines
from holdfast.codec import value_of
from holdfast.core import desk as people
from holdfast.core.state import Stop
from holdfast.events import (
    CallStarted,
    ContractPublished,
    Entry,
    Held,
    Inline,
    Label,
    Paused,
    PlaceAwaited,
    PlaceTaken,
    Resumed,
    SwitchedOff,
    SwitchedOn,
)
from holdfast.models.scripted import call
from holdfast.views.access import CONTROL, decisions
from holdfast.views.backtest import Terms, backtest
from holdfast.views.contract_words import in_words
from holdfast.views.decided import said
from holdfast.views.family import family_of
from holdfast.views.held_then import NOTHING, RECORDED
from holdfast.views.oversight import oversight
from holdfast.views.readiness import Reader
from holdfast.views.trace import trace
from holdfast.views.visible import visible
from holdfast.views.waterfall import waterfall
from holdfast.views.why import why
from tests.core.story import Story, desk, order, refund

PAY = call("refund", order="A-1", cents=400)
DAILY = {"per": "args.order", "window": "1d", "sum": "args.cents", "at_most": 1000}
WAITS = "2 calls of refund are under way, of 2 at a time (tools.refund.at_once)"
TOOK = "took 400 of 1000 (600 used by other runs) within 1d: tools.refund.across"


def waiting() -> Story:
    """A run that waited 12 s for another one, and whose payment waits for a place."""
    run = Story(desk(order(), (refund(), {"across": DAILY, "at_once": 2}), one_at_a_time="input.order"))
    run.elsewhere["turn"] = Held(1, "r_9")
    run.settle_down()
    run.after("12s").elsewhere["turn"] = Held()
    run.settle_down()
    run.answers(PAY)
    run.elsewhere.update(across=Held(600, "r_9"), at_once=Held(2, "r_7"))
    run.settle_down()
    return run


def paid() -> Story:
    run = waiting()
    run.after("7s").elsewhere["at_once"] = Held(1)
    run.settle_down()
    run.after("1s").returns({"id": "re"}, took=units.SECOND)
    run.settle_down()
    return run


def shown(run: Story, *, full: bool = False, now: int = 0) -> str:
    return "\n".join(lines(family_of(trace(run.entries), {}), width=200, colour=False, full=full, now=now))


def told(run: Story) -> str:
    """All sentences of `why`."""
    found = why(run.entries)
    mine = [
        *found.asked,
        *found.besides,
        *found.ended,
        *(one for each in found.accounts for one in (*each.course, *each.needed)),
    ]
    return "\n".join(one.text for one in mine)


# ------------------------------------------------------------------------------------------------------------- waiting


def test_a_wait_says_for_what_while_it_goes_on_and_how_long_when_it_is_over():
    run = waiting()
    seen = trace(run.entries)
    assert word(seen) == "waiting"
    assert [one.clause for one in seen.awaits] == ["tools.refund.at_once"]
    assert "  waits for a place" in shown(run)
    assert f"waits: {WAITS}" in shown(run)
    assert f"refund waits: {WAITS}, for 3.0s so far" in shown(run, now=run.at + 3 * units.SECOND)
    assert "waited 12.0s for run r_9, which is about the same thing (one_at_a_time)" in shown(run)
    assert f'It is not over. The call refund(cents=400, order="A-1") waits: {WAITS}.' in told(run)
    over = trace(paid().entries)
    assert not over.awaits
    assert [(one.took, one.ended) for one in over.calls[6].waited] == [(7 * units.SECOND, 9)]
    assert f"waited 7.0s: {WAITS}" in shown(paid())


def test_waiting_is_no_work():
    run = paid()
    seen = trace(run.entries)
    assert seen.totals.work == units.SECOND
    assert "1.0s of work" in told(run)
    assert "It waited 19.0s for what other runs held, which is no work." in told(run)
    fall = waterfall(seen)
    assert [span.kind for seq in (2, 8) for span in fall.spans["r_1", seq]] == ["wait", "wait"]
    assert fall.told() == "12.0s waiting for the run r_9, 7.0s waiting for a place at refund"


def test_what_waits_at_once_is_counted_once():
    run = Story(desk((order(), {"at_once": 1})))
    run.elsewhere["at_once"] = Held(1)
    run.asks_for(call("get_order", order="A-1"), call("get_order", order="A-2"))
    run.settle_down()
    run.after("5s").elsewhere["at_once"] = Held()
    run.settle_down()
    run.returns({})
    run.settle_down()
    run.returns({})
    run.settle_down()
    assert "It waited 5.0s for what" in told(run)


def test_waits_end_with_the_run():
    run = waiting()
    run.after("3s").cancels("rita")
    run.settle_down()
    seen = trace(run.entries)
    assert seen.end is not None
    assert not seen.awaits
    assert seen.calls[6].waited[0].took == 3 * units.SECOND


@pytest.mark.parametrize("terms", [
    {"rate": {"calls": 3, "per": "1m"}}, {"breaker": {"failures": 3, "within": "1m"}}, {"at_once": 3},
])  # fmt: skip
def test_every_clause_has_its_words(terms):
    run = Story(desk((order(), terms)))
    run.elsewhere[next(iter(terms))] = Held(3, "r_9")
    run.asks_for(call("get_order", order="A-1"))
    run.settle_down()
    assert f"(tools.get_order.{next(iter(terms))})" in shown(run)
    assert family_of(trace(run.entries), {}).stands("here").endswith("has to be free here") or "fail less" in shown(run)
    run.after("9s").elsewhere.clear()
    run.settle_down()
    run.returns({})
    run.settle_down()
    assert f": tools.get_order.{next(iter(terms))}" in shown(run, full=True)
    assert " took " not in shown(run).replace(" took 0", "")


# -------------------------------------------------------------------------------------------------------- what is taken


def test_what_was_taken_is_said_with_what_others_had():
    run = paid()
    assert TOOK in shown(run)
    assert f"It {TOOK}." in told(run)
    assert "took a place, of 2 at a time" not in shown(run)
    assert "took a place, of 2 at a time (1 used by other runs): tools.refund.at_once" in shown(run, full=True)


def test_a_refusal_says_what_would_have_been_needed_and_what_it_was_counted_with():
    run = Story(desk((refund(), {"across": DAILY | {"because": "never much"}})))
    run.elsewhere["across"] = Held(601)
    run.asks_for(PAY)
    run.settle_down()
    (account,) = why(run.entries).accounts
    (clause,) = account.clauses
    assert clause.asks == "at most 1,000 of args.cents per args.order within 1d, over all runs"
    assert [(saw.name, saw.value) for saw in clause.saw] == [("args.cents", 400), ("args.order", "A-1")]
    assert account.needed[0].text.startswith(
        "Room under what all runs together may do, or a smaller amount: never much: 601 of 1,000"
    )


def test_one_that_a_person_let_pass_says_so():
    run = Story(desk((refund(), {"across": DAILY | {"else": "review", "by": "finance"}})))
    run.elsewhere["across"] = Held(900)
    run.asks_for(PAY)
    run.settle_down()
    run.person("approve", by="fred", roles=["finance"])
    run.settle_down()
    assert "took 400 over the limit, which a person let pass (900 used by other runs) within 1d" in shown(run)


# ---------------------------------------------------------------------------------------------- who looks into a question


def reviewed() -> tuple[Story, int]:
    run = Story(desk((refund(), {"review": [{"because": "people decide", "by": "care"}]})))
    run.asks_for(PAY)
    run.settle_down()
    return run, run.question().seq


def test_a_claim_stands_with_its_question_until_somebody_else_has_it_or_decides():
    run, asked = reviewed()
    run.append(people.claim(run.state, asked, "alice", run.at), actor="cli:alice")
    since = units.say_at(run.at)
    assert f"alice (by assertion) looks into it since {since}" in shown(run)
    assert f"alice (by assertion) looks into it since {since}." in told(run)
    run.after("2m")
    run.append(people.claim(run.state, asked, "bob", run.at, over=True), actor="bob")
    assert "alice (by assertion) looked into it for 2m" in shown(run)
    assert f"bob looks into it since {units.say_at(run.at)}" in shown(run)
    run.after("1m")
    run.append(people.release(run.state, asked, "bob"), actor="bob")
    assert "bob looked into it for 1m" in shown(run)
    assert "looks into it" not in told(run)
    run.append(people.claim(run.state, asked, "alice", run.at), actor="alice")
    run.person("approve", by="alice", roles=["care"])
    run.settle_down()
    assert shown(run).count("alice") == 2, "that she approved says that she looked into it"
    assert "looks into it" not in shown(run)


def test_asking_back_is_no_answer_and_no_denial():
    run, asked = reviewed()
    run.append(people.ask_back(run.state, asked, "is it hers?", "bob", run.at, "requester"), actor="bob")
    run.append(people.ask_back(run.state, asked, "why 400?", "bob", run.at, "agent"), actor="bob")
    run.settle_down()
    assert "bob asked the requester before deciding: is it hers?" in shown(run)
    assert "bob asked the agent before deciding: why 400?" in shown(run)
    assert "  asked back" in shown(run)
    assert "bob asked the agent before deciding, after 0ms: “why 400?”." in told(run)
    assert "An answer to what was asked, and the call proposed again." in told(run)
    facts = Reader().read(run.entries)
    found = oversight([facts])
    assert (found.asked_back, found.answered, found.denials) == (2, 0, 0)


# --------------------------------------------------------------------------------------------------------------- stops


def test_a_stop_of_many_runs_and_a_pause_of_one_are_told_apart():
    run = Story(desk(order()))
    run.asks_for(call("get_order", order="A-1"))
    run.settle_down()
    run.after("1s").returns({}, took=units.SECOND)
    run.stopped = Stop(7, "olga", "prices are wrong")
    run.settle_down()
    assert trace(run.entries).halted == "olga stopped it: prices are wrong (control entry 7)"
    assert word(trace(run.entries)) == "waiting"
    assert (
        "It is not over: olga stopped it: prices are wrong (control entry 7), and it goes on when that is over."
        in told(run)
    )
    assert "olga stopped it: prices are wrong (control entry 7): holdfast show control" in shown(run)
    run.pauses()
    run.after("5m").stopped = None
    run.settle_down()
    seen = trace(run.entries)
    assert (seen.halted, seen.paused) == ("", True)
    assert "went on: the stop is over (control entry 7)" in shown(run)
    run.after("5m").resumes()
    run.settle_down()
    assert waterfall(trace(run.entries)).told() == "10m while it was stopped"


def test_a_stopped_tool_is_no_wait_for_other_runs():
    run = Story(desk(refund()))
    run.stopped_tools = {"refund": Stop(7, "olga", "wrong account")}
    run.asks_for(PAY)
    run.settle_down()
    assert "  stopped for now" in shown(run)
    assert "waits: olga stopped refund: wrong account (control entry 7)" in shown(run)
    assert family_of(trace(run.entries), {}).stands("there") == "a stop has to be over there"
    run.after("5m").stopped_tools = {}
    run.settle_down()
    run.returns({"id": "re"})
    run.settle_down()
    assert "for what other runs held" not in told(run)
    assert waterfall(trace(run.entries)).told() == "5m while it was stopped"


def control(*events) -> list[Entry]:
    return [Entry(CONTROL, seq, seq, 0, "cli:olga", event) for seq, event in enumerate(events, 1)]


def test_decisions_for_many_runs_are_decisions_and_a_run_that_is_found_stopped_has_none_of_its_own():
    entries = control(
        SwitchedOff("all", "olga", "", "prices are wrong"), SwitchedOn("all", "olga"), SwitchedOff("tool", "olga", "refund"),
        ContractPublished("desk", Inline({}), "0123456789abcdef", "lea", 10, "fewer reviews"),
    )  # fmt: skip
    assert [(act.by, act.what, act.runs, act.asserted) for act in decisions(entries)] == [
        ("olga", "stopped everything", (), True), ("olga", "let everything go on", (), True),
        ("olga", "stopped the tool refund", (), True),
        ("lea", "accepted contract 0123456789ab for 10 % of the new runs of desk", (), True),
    ]  # fmt: skip
    assert [line(entry) for entry in entries][:3] == [
        "olga stopped everything: prices are wrong", "olga let everything go on", "olga stopped the tool refund",
    ]  # fmt: skip
    run = Story(desk(order()))
    run.settle_down()
    run.stopped = Stop(1, "olga")
    run.settle_down()
    run.stopped = None
    run.settle_down()
    assert list(decisions(run.entries)) == []
    facts = [Reader().read(run.entries)] * 3
    found = oversight(facts, entries)
    assert (found.stops, found.published) == (1, 1), "one stop of three runs is one stop"


def test_who_claims_releases_and_asks_back_is_in_the_account_of_decisions():
    run, asked = reviewed()
    run.append(people.claim(run.state, asked, "alice", run.at), actor="alice")
    run.append(people.release(run.state, asked, "alice"), actor="alice")
    run.append(people.ask_back(run.state, asked, "anna@example.com?", "bob", run.at, "agent"), actor="bob")
    assert [(act.by, act.what) for act in decisions(run.entries)] == [
        ("alice", "claimed question 6"), ("alice", "released question 6"), ("bob", "asked the agent back about question 6"),
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------------------------ one entry


def test_an_entry_says_by_itself_what_it_is():
    run = paid()
    found = [line(entry) for entry in run.entries]
    assert found[1:3] == [
        "waits for run r_9, which is about the same thing (one_at_a_time)",
        "it is its turn (one_at_a_time)",
    ]
    assert found[7] == f"call 6 waits: {WAITS}"
    assert found[8] == f"call 6 started, attempt 1; {TOOK}"


def test_decisions_to_wait_are_told_in_words():
    assert [said(event) for event in (
        PlaceAwaited("tools.pay.rate", "n", "pay was called 3 times", 7), PlaceTaken(()), Paused("olga", "wrong", 7), Resumed("w1", stop=7),
    )] == [
        "call 7 waits: pay was called 3 times (tools.pay.rate)", "it is the turn of this run",
        "the stop of olga (control entry 7) is found to hold the run: wrong", "the run goes on: the stop is over (control entry 7)",
    ]  # fmt: skip


def test_every_row_of_a_trace_stands_at_an_entry_that_is_there():
    for run in (waiting(), paid()):
        family = family_of(trace(run.entries), {})
        assert {row.seq for row in rows(family, Brief(full=True))} <= set(range(len(run.entries) + 1))


# --------------------------------------------------------------------------------------------------- what may be shown


def test_who_may_not_see_the_values_does_not_see_what_they_were_counted_with():
    run = Story(desk(order(), (refund(), {"across": DAILY, "at_once": 2})))
    run.asks_for(call("get_order", order="A-1"))
    run.settle_down()
    run.returns({"paid": 500}, label=Label(trusted=True, classes=("contact",)))
    run.elsewhere.update(across=Held(600, "r_9"), at_once=Held(2, "r_7"))
    run.asks_for(PAY)
    run.settle_down()
    run.elsewhere["at_once"] = Held()
    run.settle_down()
    entries, glass = visible(run.entries, frozenset({"plain"}))
    (awaited,) = [entry.event for entry in entries if isinstance(entry.event, PlaceAwaited)]
    assert awaited.name.startswith("⟨contact:")
    assert awaited.why == "2 calls of refund are under way, of 2 at a time"
    (began,) = [entry.event for entry in entries if isinstance(entry.event, CallStarted) and entry.event.shares]
    assert {(one.name[0], one.amount, one.used) for one in began.shares} == {("⟨", 0, 0)}
    assert [one.clause for one in began.shares] == ["tools.refund.across", "tools.refund.at_once"]
    assert glass is not None
    assert glass.classes == {"contact"}
    assert "400" not in "\n".join(lines(family_of(trace(entries), {}), width=200, colour=False, full=True))
    every, _ = visible(run.entries, frozenset({"plain", "contact"}))
    assert every == run.entries


# ------------------------------------------------------------------------------------------------------------ contracts


def test_a_contract_says_in_words_what_all_runs_share():
    made = desk((refund(), {
        "across": DAILY | {"else": "review"}, "rate": {"calls": 3, "per": "1m"}, "at_once": 2, "breaker": {"failures": 3, "within": "2m"},
    }), one_at_a_time="input.order")  # fmt: skip
    found = in_words(made.contract)
    assert found.turn == "of runs with the same input.order one goes on at a time, and the others wait for it"
    assert [(one.kind, one.text) for one in found.tools[0].terms] == [
        ("across", "at most 1,000 of args.cents per args.order within 1d, over all runs, else a person is asked (anybody)"),
        ("rate", "at most 3 calls in any 1m, over all runs; a further one waits"),
        ("at once", "at most 2 under way at a time, over all runs; a further one waits"),
        ("breaker", "after 3 failures within 2m, over all runs, calls wait until one of them is older"),
    ]  # fmt: skip


def under(across=None):
    return Terms(desk(order(), (refund(), {"across": DAILY | across, "at_once": 2} if across else {}),
                      one_at_a_time="input.order").contract)  # fmt: skip


@pytest.mark.parametrize(("across", "newly", "how"), [
    ({"at_most": 999}, 1, RECORDED), ({"at_most": 1000}, 0, RECORDED), ({"window": "7d", "at_most": 999}, 1, RECORDED),
    ({"per": "input.order", "at_most": 400}, 0, NOTHING), ({"per": "input.order", "at_most": 399}, 1, NOTHING), (None, 0, RECORDED),
])  # fmt: skip
def test_a_backtest_takes_what_others_held_as_it_was_recorded_and_counts_what_it_does_not_know(across, newly, how):
    found = backtest(paid().entries, under({"at_most": 1000}), under(across))
    assert len(found.newly("refused")) == newly
    assert how in found.others


def test_a_backtest_knows_what_the_run_itself_did_before():
    """A clause that is new counts this run's own calls; of a call that did nothing, nothing."""
    run = Story(desk(refund()))
    run.settle_down()
    for cents, kept in ((400, True), (100, False), (200, True)):
        run.answers(call("refund", order="A-1", cents=cents))
        run.settle_down()
        if kept:
            run.returns({"id": "re"})
        else:
            run.breaks("refused")
        run.settle_down()
    first = Terms(desk(refund()).contract)
    for top, refused in ((599, [200]), (600, [])):
        found = backtest(run.entries, first, Terms(desk((refund(), {"across": DAILY | {"at_most": top}})).contract))
        calls = [value_of(run.entries[one.seq - 1].event.args)["cents"] for one in found.newly("refused")]
        assert calls == refused
