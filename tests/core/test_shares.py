"""What runs share: turns, places, rates, amounts over all runs, failures; and stops."""

from __future__ import annotations

import pytest

from holdfast import units
from holdfast.codec import value_of
from holdfast.core import shares
from holdfast.core.decide import decide
from holdfast.core.pending import outlook_of
from holdfast.core.state import Stop
from holdfast.errors import ContractError
from holdfast.events import CallJudged, CallStarted, Held, Hold, PlaceAwaited, RunOpened
from holdfast.models.scripted import call
from tests.core.story import START, Story, desk, order, refund

PAY = call("refund", order="A-1", cents=400)
LOOK = call("get_order", order="A-1")
DAILY = {"per": "args.order", "window": "1d", "sum": "args.cents", "at_most": 1000}
BEGINS = ("CallAsked refund", "CallJudged allow", "CallStarted 1")


def paying(terms, *tools, wanted=PAY, mode="live", **options) -> Story:
    run = Story(desk((refund(**options), terms), *tools), mode=mode)
    run.asks_for(wanted)
    return run


def held(run: Story) -> list[tuple[str, int, int]]:
    """(kind, amount, until when, from now) of what a run holds."""
    return [
        (one.name.partition(":")[0], one.amount, one.until and one.until - run.at)
        for one in shares.held(run.state, run.at)
    ]


# ------------------------------------------------------------------------------------------- an amount over all runs


def test_an_amount_is_taken_as_a_write_starts_and_counts_for_the_window():
    run = paying({"across": DAILY})
    run.elsewhere["across"] = Held(600, "r_9")
    started = run.then(*BEGINS)
    (share,) = started.shares
    assert (share.clause, share.amount, share.top, share.used) == ("tools.refund.across", 400, 1000, 600)
    assert held(run) == [("across", 400, units.DAY)]
    run.returns({"id": "re"})
    run.settle_down()
    assert held(run) == [("across", 400, units.DAY)]
    run.after("1d")
    run.settle_down()
    run.answers(call("decline", reason="no"))
    run.settle_down()
    assert run.state.closed
    assert not held(run)


def test_what_would_pass_it_is_refused_with_the_figures():
    run = paying({"across": DAILY | {"because": "not more than 10.00 an order"}})
    run.elsewhere["across"] = Held(601)
    run.then("CallAsked refund", "CallJudged refuse tools.refund.across", "ModelAsked")
    assert run.told()[-1] == "refused: not more than 10.00 an order: 601 of 1,000 are used within 1d, and this is 400"
    assert not held(run)


def test_a_person_may_let_it_pass_and_the_approval_says_so():
    """SEMANTICS rule 32: an approval given before it would have passed the limit is not one for passing it."""
    rules = {
        "review": [{"because": "people decide", "by": "care"}],
        "across": DAILY | {"else": "review", "by": "finance"},
    }
    run = paying(rules)
    run.then("CallAsked refund", "CallJudged review tools.refund.review[0]", "PersonAsked review care")
    run.elsewhere["across"] = Held(900)
    assert run.state.closed is None
    run.person("approve", roles=["care"])
    run.then("QuestionWithdrawn decided", "CallJudged allow", "CallJudged review tools.refund.across tools.refund.review[0]",
             "PersonAsked review finance")  # fmt: skip
    assert "900 of 1,000" in run.last(CallJudged).rules[0].because
    run.person("approve", by="fred", roles=["finance"])
    run.then("QuestionWithdrawn decided", "PersonAsked review care")
    run.person("approve", roles=["care"])
    run.elsewhere["across"] = Held(950)
    started = run.then("QuestionWithdrawn decided", "CallJudged allow", "CallStarted 1")
    (share,) = started.shares
    assert (share.amount, share.top, share.used) == (400, 0, 950)
    assert held(run) == [("across", 400, units.DAY)]


def test_a_write_that_did_nothing_gives_its_amount_back():
    run = paying({"across": DAILY})
    run.then(*BEGINS)
    run.breaks("refused")
    run.then("CallJudged refuse refused", "ModelAsked")
    assert not held(run)


@pytest.mark.parametrize(("verdict", "left"), [("happened", 1), ("did_not", 0), ("stop", 1)])
def test_a_write_in_doubt_keeps_its_amount_until_a_person_says_that_it_did_not_happen(verdict, left):
    run = paying({"across": DAILY, "at_once": 1})
    run.then(*BEGINS)
    assert [kind for kind, *_ in held(run)] == ["across", "at_once"]
    run.breaks("timeout", "unknown")
    run.then("DoubtRaised", "PersonAsked doubt")
    assert [kind for kind, *_ in held(run)] == ["across"]
    run.settles(verdict)
    assert len(held(run)) == left


def test_a_further_attempt_of_the_same_call_takes_its_amount_once():
    run = paying({"across": DAILY}, keyed=True, times=2)
    run.then(*BEGINS)
    run.breaks("timeout", "unknown")
    run.after("1m").then("CallStarted 2")
    assert held(run) == [("across", 400, units.DAY)]


def test_two_writes_of_one_run_count_together():
    run = paying({"across": DAILY}, wanted=call("refund", order="A-1", cents=700))
    run.then(*BEGINS)
    run.returns({"id": "re"})
    run.asks_for(call("refund", order="A-1", cents=400))
    run.then("CallAsked refund", "CallJudged refuse tools.refund.across", "ModelAsked")


@pytest.mark.parametrize(
    "wrong", ["args.cents - 1000", "args.cents * 1000000000000000", '"much"', "args.nothing", "1.5"]
)
def test_an_amount_that_cannot_be_said_refuses(wrong):
    run = paying({"across": DAILY | {"sum": wrong}}) if wrong != "args.nothing" else None
    if run is None:
        with pytest.raises(ContractError, match="refund has no argument nothing"):
            paying({"across": DAILY | {"sum": wrong}})
        return
    run.then("CallAsked refund", "CallJudged refuse tools.refund.across", "ModelAsked")


def test_nothing_is_counted_of_what_is_not_carried_out_nor_over_the_border_of_a_world_apart():
    run = paying({"across": DAILY, "at_once": 1}, mode="simulate")
    run.elsewhere = {"across": Held(9999), "at_once": Held(1)}
    run.then(*BEGINS)
    assert not held(run)
    names = []
    for apart in ("", "trial 1"):
        run = Story(desk((refund(), {"across": DAILY})), apart=apart)
        run.asks_for(PAY)
        names += [share.name for share in run.then(*BEGINS).shares]
    assert len(set(names)) == 2


def test_what_other_runs_hold_is_looked_up_before_anything_is_judged():
    run = paying({"across": DAILY})
    moment = run.moment
    told = [type(event).__name__ for event in decide(run.bound, run.state, moment)]
    assert told == ["CallAsked"]
    run.append(decide(run.bound, run.state, moment)[0], cause=run.state.seq, actor=run.worker)
    assert not decide(run.bound, run.state, moment)
    assert outlook_of(run.bound, run.state, moment).due == 0, "whoever finds it like this goes on at once"
    run.then("CallJudged allow", "CallStarted 1")


# ------------------------------------------------------------------------------------------------ places and rates


def test_a_call_waits_for_a_place_and_says_so_once():
    run = paying({"at_once": 2})
    run.elsewhere["at_once"] = Held(2, "r_9")
    awaited = run.then(
        "CallAsked refund", "CallJudged allow", "PlaceAwaited 2 calls of refund are under way, of 2 at a time"
    )
    assert (awaited.clause, awaited.holder, awaited.call) == ("tools.refund.at_once", "r_9", run.call("refund").seq)
    assert (run.stands().status, run.stands().waits_for) == ("waiting", "place")
    assert run.stands().due == run.at + shares.SOONEST
    run.after("1h").then()
    assert run.stands().due == run.at + shares.LATEST
    assert shares.wants(run.state) == awaited.name
    run.elsewhere["at_once"] = Held(1)
    run.then("CallStarted 1")
    assert not run.state.awaits
    assert not shares.wants(run.state)
    assert held(run) == [("at_once", 1, 0)]
    run.returns({"id": "re"})
    assert not held(run)


def test_reads_of_one_run_share_the_places_too():
    run = Story(desk((order(), {"at_once": 1})))
    run.asks_for(LOOK, call("get_order", order="A-2"))
    run.then(
        "CallAsked get_order", "CallAsked get_order", "CallJudged allow", "CallStarted 1", "CallJudged allow",
        "PlaceAwaited 1 calls of get_order are under way, of 1 at a time",
    )  # fmt: skip
    run.returns({}, run.state.turn[0])
    run.then("CallStarted 1")


def test_a_rate_is_a_window_that_moves():
    run = Story(desk((order(), {"rate": {"calls": 3, "per": "1m"}})))
    run.asks_for(LOOK)
    run.elsewhere["rate"] = Held(3, "r_9", START + 20 * units.SECOND)
    run.then(
        "CallAsked get_order", "CallJudged allow", "PlaceAwaited get_order was called 3 times in the last while, of 3"
    )
    assert run.stands().due == START + min(20 * units.SECOND, shares.SOONEST)
    run.after("20s")
    run.elsewhere["rate"] = Held(2)
    run.then("CallStarted 1")
    assert held(run) == [("rate", 1, units.MINUTE)]
    run.returns({})
    assert held(run) == [("rate", 1, units.MINUTE)]
    run.after("1m")
    run.settle_down()
    assert not held(run)
    [ended] = shares.held(run.state, run.at - units.SECOND)
    assert (ended.amount, ended.until) == (1, run.at)


def test_a_write_of_an_unknown_outcome_waits_for_a_place_before_it_is_repeated():
    run = paying({"rate": {"calls": 1, "per": "1h"}}, keyed=True, times=2)
    run.then(*BEGINS)
    run.breaks("timeout", "unknown")
    run.after("1m").then("PlaceAwaited refund was called 1 times in the last while, of 1")
    run.after("1h").then("CallStarted 2")


def test_a_breaker_counts_failures_of_all_runs_and_holds_calls_back_until_they_are_older():
    terms = {"breaker": {"failures": 2, "within": "30s"}}
    run = Story(desk((order(), terms)))
    run.asks_for(LOOK)
    started = run.then("CallAsked get_order", "CallJudged allow", "CallStarted 1")
    assert [(share.amount, share.top) for share in started.shares] == [(0, 1)]
    assert not held(run)
    run.breaks("timeout", "not_done")
    assert held(run) == [("breaker", 1, 30 * units.SECOND)]
    run.elsewhere["breaker"] = Held(1)
    run.after("5s").then("PlaceAwaited get_order failed 2 times in the last while")
    run.after("25s").then("CallStarted 2")
    run.breaks("refused", "not_done")
    assert not held(run)


# ------------------------------------------------------------------------------------------------------------- turns


def test_a_run_waits_for_its_turn_and_gives_it_up_when_it_ends():
    run = Story(desk(order(), one_at_a_time="input.order"))
    run.elsewhere["turn"] = Held(1, "r_9")
    awaited = run.then("PlaceAwaited it is the turn of run r_9, which is about the same thing")
    assert (awaited.holder, awaited.call, awaited.clause) == ("r_9", 0, "one_at_a_time")
    assert run.stands().waits_for == "place"
    run.elsewhere["turn"] = Held()
    run.then("PlaceTaken", "ModelAsked")
    assert held(run) == [("turn", 1, 0)]
    run.answers(call("decline", reason="no"))
    run.settle_down()
    assert run.state.closed
    assert not held(run)


def test_runs_about_the_same_thing_share_a_turn_and_others_do_not():
    agent = desk(order(), one_at_a_time="input.order")

    def name(given) -> str:
        run = Story(agent, given)
        (only,) = shares.names(run.bound, run.state)
        return only

    assert name({"order": "A"}) == name({"order": "A", "more": 1})
    assert name({"order": "A"}) != name({"order": "B"})
    assert name({"other": 1}) == name({"other": 2}), "of which nobody can say what they are about"


def test_a_run_that_waits_for_its_turn_can_be_cancelled():
    run = Story(desk(order(), one_at_a_time="input.order"))
    run.elsewhere["turn"] = Held(1, "r_9")
    run.settle_down()
    run.cancels()
    run.then("RunClosed cancelled")
    assert not shares.wants(run.state)


# ------------------------------------------------------------------------------------------------------------- stops


def test_nothing_new_starts_over_a_stop_and_what_runs_is_recorded():
    run = Story(desk(order(), refund()))
    run.asks_for(LOOK, PAY)
    run.settle_down()
    run.stopped = Stop(7, "olga", "prices are wrong")
    run.then("Paused prices are wrong")
    run.returns({}, "get_order")
    run.returns({"id": "re"}, "refund")
    run.then()
    assert (run.stands().waits_for, shares.wants(run.state)) == ("stop", "stop:7")
    run.stopped = Stop(9, "otto")
    run.then("Paused")
    assert shares.wants(run.state) == "stop:9"
    run.stopped = None
    run.then("Resumed", "ModelAsked")
    assert not run.state.rests


def test_a_stop_and_a_persons_pause_do_not_lift_each_other():
    run = Story(desk(order()))
    run.settle_down()
    run.pauses()
    run.answers(LOOK)
    run.stopped = Stop(7, "olga")
    run.then("Paused")
    run.stopped = None
    run.then("Resumed")
    assert run.state.paused
    run.resumes()
    run.then("CallAsked get_order", "CallJudged allow", "CallStarted 1")


def test_a_stopped_tool_waits_and_the_others_go_on():
    run = Story(desk(order(), refund()))
    run.stopped_tools = {"refund": Stop(7, "olga", "wrong account")}
    run.asks_for(LOOK, PAY)
    run.then(
        "CallAsked get_order", "CallAsked refund", "CallJudged allow", "CallStarted 1", "CallJudged allow",
        "PlaceAwaited olga stopped refund: wrong account",
    )  # fmt: skip
    run.returns({})
    run.then()
    assert run.stands().waits_for == "stop"
    run.stopped_tools = {}
    run.then("CallStarted 1")


# ---------------------------------------------------------------------------------------------------------- the names


def test_no_name_says_what_it_names():
    run = Story(desk((refund(), {"across": DAILY}), one_at_a_time="input.order"), {"order": "anna@example.com"})
    run.settle_down()
    run.answers(call("refund", order="anna@example.com", cents=4))
    run.settle_down()
    stored = b"".join(data for data, _ in run.stored if b"PlaceTaken" in data or b"CallStarted" in data)
    assert stored
    assert b"anna" not in stored


def test_a_closed_run_keeps_what_counts_in_its_window_only():
    run = Story(desk((refund(), {"across": DAILY, "rate": {"calls": 9, "per": "1h"}}), one_at_a_time="input.order"))
    run.settle_down()
    run.answers(PAY)
    run.settle_down()
    run.returns({"id": "re"})
    run.settle_down()
    run.answers(call("decline", reason="done"))
    run.settle_down()
    assert run.state.closed
    assert sorted(kind for kind, *_ in held(run)) == ["across", "rate"]
    assert all(isinstance(one, Hold) for one in shares.held(run.state, run.at))


def test_words_of_an_event_are_as_written():
    run = Story(desk(order(), one_at_a_time="input.order"))
    run.elsewhere["turn"] = Held(1, "r_9")
    run.settle_down()
    assert run.last(PlaceAwaited).holder == "r_9"
    assert value_of(run.last(RunOpened).input) == {"order": "A-1"}
    assert not [one for one in run.entries if isinstance(one.event, CallStarted)]
