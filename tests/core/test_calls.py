"""Calls of a turn: admitted in asked order, reads side by side, writes one at a time, each judged again at its start."""

from __future__ import annotations

import pytest

from holdfast import units
from holdfast.core.late import fit
from holdfast.events import CallAsked, CallJudged, CallReturned, CallStarted, PersonAsked, Wanted
from holdfast.models.scripted import call, done
from holdfast.tool import Retry
from tests.core.story import START, Story, desk, order, refund

LOOK = call("get_order", order="A-1")
PAY = call("refund", order="A-1", cents=4)
SEND = call("send", order="A-1")
READ = ("CallAsked get_order", "CallJudged allow", "CallStarted 1")
WRITE = ("CallAsked refund", "CallJudged allow", "CallStarted 1")


# ------------------------------------------------------------------------------------------------------- admission


def test_reads_of_a_turn_run_side_by_side_and_their_results_stand_in_asked_order():
    """SEMANTICS rule 26."""
    run = Story(desk(order(), order("get_policy")))
    run.asks_for(LOOK, call("get_policy", order="A-1"), LOOK)
    run.then(
        "CallAsked get_order", "CallAsked get_policy", "CallAsked get_order", *["CallJudged allow", "CallStarted 1"] * 3
    )
    assert run.world() == ["run get_order", "run get_policy", "run get_order"]
    first, policy, second = run.state.turn
    run.returns({"nr": 3}, second)
    run.returns({"nr": 2}, policy)
    run.then()
    run.returns({"nr": 1}, first)
    run.then("ModelAsked")
    assert run.told()[-3:] == ['{"nr":1}', '{"nr":2}', '{"nr":3}']


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (Wanted("c", "get_order", '{"order": "A-1"'), "no JSON"), (Wanted("c", "get_order", "[1]"), "do not fit"),
        (Wanted("c", "get_order", '{"order": 1}'), "do not fit"), (Wanted("c", "get_order", "{}"), "do not fit"),
        (Wanted("c", "get_order", '{"order": "A-1", "more": 1}'), "do not fit"), (Wanted("c", "get_ordr", "{}"), "no tool called get_ordr"),
        (Wanted("c", "get_order", "[" * 5000), "no JSON"), (Wanted("c", "get_order", ""), "do not fit"),
        (Wanted("c", "ask", "{}"), "do not fit"), (Wanted("c", "more", '{"result": 1}'), "do not fit"),
    ],
)  # fmt: skip
def test_a_call_that_cannot_be_carried_out_is_answered_with_what_is_wrong(wanted, problem):
    run = Story(desk(order()))
    run.asks_for(wanted)
    run.then(f"CallAsked {wanted.tool}", "CallJudged refuse arguments", "ModelAsked")
    assert problem in run.last(CallAsked).problem
    assert problem in run.told()[-1]
    assert run.told()[-1].startswith("refused: ")


def test_a_builtin_that_shows_more_is_run_like_a_read():
    run = Story(desk(order()))
    run.asks_for(call("more", result="9", start=0))
    run.then("CallAsked more", "CallJudged allow", "CallStarted 1")
    assert run.last(CallAsked).effect == "builtin"
    assert run.world() == ["run more"]
    run.returns("the rest")
    run.then("ModelAsked")
    assert run.told()[-1] == "the rest"


# ------------------------------------------------------------------------------------------------- order of writes


def two_writes(**terms) -> Story:
    run = Story(desk(order(), refund(), refund("send"), **terms))
    run.asks_for(PAY, SEND)
    run.then("CallAsked refund", "CallAsked send", "CallJudged allow", "CallStarted 1", "CallJudged allow")
    return run


def test_writes_of_a_turn_start_one_at_a_time_in_asked_order():
    """SEMANTICS rule 27."""
    run = two_writes()
    assert run.world() == ["run refund"]
    run.returns({"id": "re"})
    run.then("CallStarted 1")
    assert run.world() == ["run send"]


@pytest.mark.parametrize(
    ("error", "follows"),
    [
        ("refused", ["CallJudged refuse refused", "CallJudged refuse order", "ModelAsked"]),
        ("not_done", ["CallJudged refuse surprises.exhausted", "CallJudged refuse order", "ModelAsked"]),
    ],
)
def test_after_a_write_that_did_not_succeed_the_rest_is_answered_not_started(error, follows):
    run = two_writes(surprises={"exhausted": "tell"})
    run.breaks(error)
    run.then(*follows)
    assert "not started: refund, asked for before it, did not succeed" in run.told()[-1]
    assert run.last(CallStarted).call == 4, "which is the refund"


def test_after_a_write_in_doubt_the_rest_is_answered_not_started():
    run = two_writes()
    run.breaks("timeout", "unknown")
    run.then("DoubtRaised", "PersonAsked doubt", "CallJudged refuse order")


def test_a_write_that_was_refused_holds_up_the_rest_too():
    run = Story(desk((refund(), {"must": [{"that": "args.cents < 3", "because": "no more than two"}]}), refund("send")))
    run.asks_for(PAY, SEND)
    run.then(
        "CallAsked refund",
        "CallAsked send",
        "CallJudged refuse tools.refund.must[0]",
        "CallJudged refuse order",
        "ModelAsked",
    )


def test_reads_of_the_turn_go_on_whatever_becomes_of_its_writes():
    run = Story(desk(order(), refund()))
    run.asks_for(PAY, LOOK)
    run.then(
        "CallAsked refund",
        "CallAsked get_order",
        "CallJudged allow",
        "CallStarted 1",
        "CallJudged allow",
        "CallStarted 1",
    )
    run.breaks("refused", "not_done", "refund")
    run.then("CallJudged refuse refused")
    run.returns({"paid": 5}, "get_order")
    run.then("ModelAsked")


def test_a_write_waits_for_a_person_who_decides_about_an_earlier_one():
    run = Story(desk((refund(), {"review": [{"because": "people decide"}]}), refund("send")))
    run.asks_for(PAY, SEND)
    run.then(
        "CallAsked refund",
        "CallAsked send",
        "CallJudged review tools.refund.review[0]",
        "PersonAsked review",
        "CallJudged allow",
    )
    run.then()
    run.person("deny", text="not today")
    run.then("CallJudged refuse order", "ModelAsked")
    assert run.told()[-2] == "rita denied this: not today"


# ---------------------------------------------------------------------------------------------- messages meanwhile


def test_a_message_overtakes_a_write_that_was_proposed_before_it():
    """SEMANTICS rule 29, history 10; reads go on."""
    run = Story(desk(order(), refund()))
    run.then("ModelAsked")
    run.says("leave it, I found the parcel")
    run.answers(LOOK, PAY)
    run.then(
        "CallAsked get_order", "CallAsked refund", "CallJudged refuse overtaken", "CallJudged allow", "CallStarted 1"
    )
    run.returns({"paid": 5})
    run.then("ModelAsked")
    assert run.told()[-1] == "leave it, I found the parcel"


def test_a_message_overtakes_a_write_that_is_cleared_and_waits_its_turn():
    run = two_writes()
    run.says("do not send it")
    run.then("CallJudged refuse overtaken")
    run.returns({"id": "re"})
    run.then("ModelAsked")


def test_a_message_overtakes_a_write_that_waits_to_be_tried_again():
    run = Story(desk(refund(times=2)))
    run.asks_for(PAY)
    run.then(*WRITE)
    run.breaks("not_done")
    run.says("leave it")
    run.then("CallJudged refuse overtaken", "ModelAsked")


def test_a_running_write_is_not_touched_by_a_message():
    """SEMANTICS rule 25, history 3: the tool returns while `Said` lands."""
    run = Story(desk(refund()))
    run.asks_for(PAY)
    run.then(*WRITE)
    run.says("leave it")
    run.then()
    run.returns({"id": "re"})
    run.then("ModelAsked")
    assert run.told()[-2:] == ['{"id":"re"}', "leave it"]
    assert run.state.effects["refund"][:] == [{"id": "re"}]


# ----------------------------------------------------------------------------------------------------- trying again


@pytest.mark.parametrize("error", ["not_done", "timeout", "connection", "unknown"])
def test_what_may_pass_is_tried_again_after_a_wait_that_grows(error):
    run = Story(desk(order(retry=Retry(times=2, wait=0.5, factor=3))))
    run.asks_for(LOOK)
    run.then(*READ)
    for attempt, wait in ((2, "500ms"), (3, "1500ms")):
        run.breaks(error)
        run.then()
        assert run.stands().due == run.at + units.duration(wait)
        run.after(wait)
        run.at -= 1
        run.then()
        run.at += 1
        run.then(f"CallStarted {attempt}")
    run.breaks(error)
    run.then("CallJudged review surprises.exhausted", "PersonAsked surprise")


@pytest.mark.parametrize("error", ["raised", "refused", "result", "size"])
def test_what_would_be_the_same_again_is_not_tried_again(error):
    run = Story(desk(order()))
    run.asks_for(LOOK)
    run.then(*READ)
    run.breaks(error, message="there is no such order")
    run.then(f"CallJudged refuse {error}", "ModelAsked")
    assert "there is no such order" in run.told()[-1]


def test_a_tool_may_say_when_to_come_again():
    run = Story(desk(order()))
    run.asks_for(LOOK)
    run.then(*READ)
    run.breaks("not_done", retry_at=START + 20 * units.SECOND)
    run.then()
    assert run.stands().due == START + 20 * units.SECOND
    run.after("20s").then("CallStarted 2")


def test_a_write_is_not_tried_again_unless_its_tool_says_so():
    run = Story(desk(refund(), surprises={"exhausted": "tell"}))
    run.asks_for(PAY)
    run.then(*WRITE)
    run.breaks("not_done")
    run.then("CallJudged refuse surprises.exhausted", "ModelAsked")
    assert "given up after 1 attempt" in run.told()[-1]


def test_a_write_that_is_tried_again_is_judged_again():
    """SEMANTICS rule 27: by the contract as it is then, on evidence as fresh as the contract wants it."""
    terms = {"needs": {"get_order": {}}, "fresh": "1m"}
    run = Story(desk(order(), (refund(times=1), terms)))
    run.asks_for(LOOK)
    run.then(*READ)
    run.returns({"paid": 5})
    run.asks_for(PAY)
    run.then(*WRITE)
    run.breaks("not_done")
    other = run.copy()
    run.after("2m").then(*READ)
    run.returns({"paid": 5})
    run.then("CallStarted 2")
    other.adopts(
        desk(order(), (refund(times=1), terms | {"must": [{"that": "args.cents < 3", "because": "less now"}]}))
    )
    other.after("30s").then("CallJudged refuse tools.refund.must[0]", "ModelAsked")


def test_an_attempt_of_a_read_that_was_lost_runs_again_and_is_no_retry():
    run = Story(desk(order(retry=Retry(times=0))))
    run.asks_for(LOOK)
    run.then(*READ)
    for attempt in (2, 3):
        run.taken_over().then("CallFailed lost", f"CallStarted {attempt}")
    run.returns({"paid": 5})
    run.then("ModelAsked")
    assert run.state.spent.retries == 0


@pytest.mark.parametrize(
    ("wish", "follows"),
    [
        ("review", ["CallJudged review surprises.exhausted", "PersonAsked surprise"]),
        ("tell", ["CallJudged refuse surprises.exhausted", "ModelAsked"]),
        ("stop", ["CallJudged refuse surprises.exhausted", "RunClosed stopped"]),
    ],
)
def test_what_follows_when_tries_are_used_up_is_the_contracts_to_say(wish, follows):
    run = Story(desk(refund(), surprises={"exhausted": wish}))
    run.asks_for(PAY)
    run.then(*WRITE)
    run.breaks("not_done", message="the bank is closed")
    run.then(*follows)
    if wish == "stop":
        assert "the bank is closed" in run.state.closed.reason


@pytest.mark.parametrize(
    ("verdict", "follows"),
    [("retry", ["CallStarted 2"]), ("tell", ["ModelAsked"]), ("take", ["CallJudged refuse closing", "RunClosed escalated"]),
     ("stop", ["CallJudged refuse closing", "RunClosed stopped"])],
)  # fmt: skip
def test_a_person_says_what_follows_where_tries_are_used_up(verdict, follows):
    run = Story(desk(refund()))
    run.asks_for(PAY)
    run.then(*WRITE)
    run.breaks("not_done", message="the bank is closed")
    run.then("CallJudged review surprises.exhausted", "PersonAsked surprise")
    assert "the bank is closed" in run.last(PersonAsked).text
    run.then()
    run.person(verdict)
    run.then(*follows)


# ------------------------------------------------------------------------------------------------------------ pages


def test_a_result_with_a_cursor_is_fetched_page_by_page_each_a_call_of_its_own():
    run = Story(desk(order("list_orders", pages=5), (refund(), {"needs": {"list_orders": {}}})))
    run.asks_for(call("list_orders", order="A"))
    run.then("CallAsked list_orders", "CallJudged allow", "CallStarted 1")
    run.returns([1], complete="partial", cursor="p2", missing="more pages")
    for page, cursor in (("p2", "p3"), ("p3", "")):
        run.then("CallAsked list_orders", "CallJudged allow", "CallStarted 1")
        asked = run.last(CallAsked)
        assert (asked.cursor, asked.serves) == (page, run.state.turn[0])
        run.returns(
            [int(page[1])],
            complete="partial" if cursor else "complete",
            cursor=cursor,
            missing="more" if cursor else "",
        )
    run.then("ModelAsked")
    assert run.told()[-1] == "[1,2,3]"
    run.answers(PAY)
    run.then(*WRITE)


def test_pages_are_fetched_up_to_the_bound_of_the_tool_and_the_rest_is_said_to_be_missing():
    run = Story(desk(order(pages=2)))
    run.asks_for(LOOK)
    run.then(*READ)
    run.returns([1], complete="partial", cursor="p2")
    run.then(*READ)
    run.returns([2], complete="partial", cursor="p3", missing="page 3 and on")
    run.then("ModelAsked")
    assert run.told()[-1].startswith("[1,2]\n[this is not complete: page 3 and on")


def test_a_page_that_fails_leaves_the_result_partial():
    run = Story(desk(order(retry=Retry(times=0))))
    run.asks_for(LOOK)
    run.then(*READ)
    run.returns([1], complete="partial", cursor="p2", missing="the rest")
    run.then(*READ)
    run.breaks("raised")
    run.then("CallJudged refuse raised", "ModelAsked")
    assert run.told()[-1] == "[1]\n[this is not complete: the rest]"


def test_a_partial_result_without_a_cursor_is_told_as_what_it_is():
    run = Story(desk(order(), (refund(), {"needs": {"get_order": {}}})))
    run.asks_for(LOOK)
    run.then(*READ)
    run.returns([1], complete="partial", missing="orders before 2020")
    run.then("ModelAsked")
    assert run.told()[-1] == "[1]\n[this is not complete: orders before 2020]"
    run.answers(PAY)
    run.then("CallAsked refund", "CallJudged refuse tools.refund.needs.get_order", "ModelAsked")


@pytest.mark.parametrize(
    ("wish", "follows"),
    [("tell", ["ModelAsked"]), ("review", ["PersonAsked surprise"]), ("stop", ["RunClosed stopped"])],
)
@pytest.mark.parametrize("cursor", ["", "p2"])
def test_what_follows_on_a_partial_result_is_the_contracts_to_say(wish, follows, cursor):
    run = Story(desk(order(pages=1), surprises={"partial": wish}))
    run.asks_for(LOOK)
    run.then(*READ)
    run.returns([1], complete="partial", missing="the rest", cursor=cursor)
    run.then(*follows)
    if wish == "review":
        assert "the rest" in run.last(PersonAsked).text
        run.person("tell")
        run.then("ModelAsked")


def test_two_partial_results_are_put_before_a_person_each():
    run = Story(desk(order(), surprises={"partial": "review"}))
    run.asks_for(LOOK, call("get_order", order="A-2"))
    run.then("CallAsked get_order", "CallAsked get_order", *["CallJudged allow", "CallStarted 1"] * 2)
    for seq in run.state.turn:
        run.returns([1], seq, complete="partial", missing="the rest")
    run.then("PersonAsked surprise", "PersonAsked surprise")


# ------------------------------------------------------------------------------------------------ simulate, supervise


def test_in_simulate_mode_a_write_counts_as_done_and_says_that_it_was_not():
    run = Story(
        desk(
            refund(), done={"must": [{"that": "total(effects.refund, 'cents') == 4", "because": "say what was paid"}]}
        ),
        mode="simulate",
    )
    run.asks_for(PAY)
    run.then(*WRITE)
    run.fact(CallReturned(run.call().seq, 1, run.entries[0].event.input, complete="simulated"))
    run.flying.clear()
    run.then("ModelAsked")
    assert "simulated" in run.told()[-1]
    run.answers(done(status="ok"))
    run.then("CallAsked done", "CallJudged allow", "RunClosed done")


def test_a_write_that_was_only_recorded_and_is_lost_starts_again_and_puts_nothing_before_a_person():
    run = Story(desk(refund()), mode="simulate")
    run.asks_for(PAY)
    run.then(*WRITE)
    late = CallReturned(run.call().seq, 1, run.entries[0].event.input, complete="simulated")
    run.taken_over().then("CallFailed lost", "CallStarted 2")
    assert fit(run.state, late) is None
    run.fact(CallReturned(run.call().seq, 2, run.entries[0].event.input, complete="simulated"))
    run.flying.clear()
    run.then("ModelAsked")


def test_in_supervise_mode_every_write_is_reviewed_and_reads_are_not():
    run = Story(desk(order(), refund()), mode="supervise")
    run.asks_for(LOOK, PAY)
    run.then(
        "CallAsked get_order",
        "CallAsked refund",
        "CallJudged allow",
        "CallStarted 1",
        "CallJudged review mode",
        "PersonAsked review",
    )
    run.person("approve")
    run.then("QuestionWithdrawn decided", "CallJudged allow", "CallStarted 1")
    assert run.last(CallJudged).version == 1


def test_a_held_write_is_let_go_when_an_earlier_one_did_not_succeed():
    run = Story(desk(refund(), (refund("send"), {"review": [{"because": "people decide"}]})))
    run.asks_for(PAY, SEND)
    run.settle_down()
    assert run.call("send").status == "held"
    run.breaks("refused")
    run.then("CallJudged refuse refused", "QuestionWithdrawn void", "CallJudged refuse order", "ModelAsked")


def test_a_write_is_not_judged_beside_an_unresolved_one_of_its_tool():
    """SEMANTICS rule 21."""
    review = {"review": [{"because": "b", "when": "args.cents > 5"}], "amendable": ["cents"]}
    run = Story(desk((refund(keyed=True), review)))
    run.asks_for(PAY, call("refund", order="A-1", cents=9))
    run.settle_down()
    run.breaks("timeout", "unknown")
    run.amends(cents=3)
    run.then("QuestionWithdrawn void", "CallJudged refuse unresolved")


def test_a_run_that_grows_too_long_stops_asking_before_its_book_is_full(monkeypatch):
    from holdfast.core import decide

    monkeypatch.setattr(decide, "MAX_ENTRIES", 5)
    run = Story(desk(order()))
    run.asks_for(LOOK)
    run.then(*READ)
    run.returns({})
    event = run.then("LimitReached steps", "PersonAsked limit steps")
    assert "a run may have 5 entries" in event.text
