"""Cost: every way of taking a sum apart comes to the sum, and what has no price is never nothing."""

from __future__ import annotations

import msgspec
import pytest

from holdfast import units
from holdfast.core.fork import fork
from holdfast.events import ChildClosed, ModelAnsweredLate, Noted
from holdfast.models.scripted import call
from holdfast.models.scripted import say as spoken
from holdfast.views.cost import WORDS, by_agent, cost_of, is_done, total
from holdfast.views.projection import project
from holdfast.views.spending import Money, ratio, say, shared
from holdfast.views.trace import trace
from tests.core.story import DEAR, Story, desk, order, refund

LOOK, PAY = call("get_order", order="A-1"), call("refund", order="A-1", cents=400)
LOOSE = {"limits": {"usd": None, "repeats": 50, "steps": 100}}


def turn(run: Story, *wanted, cost, value=None) -> Story:
    run.asks_for(*wanted, cost=cost)
    run.settle_down()
    for _ in wanted if value is not None else ():
        run.returns(value)
    if value is None:
        run.settle_down()
    return run


def paid(*costs, won: bool = True) -> Story:
    run = Story(desk(order(), refund(), **LOOSE))
    for n, cost in enumerate(costs):
        turn(run, LOOK, cost=cost, value={"n": n})
    if won:
        turn(run, call("done", status="ok"), cost=0)
    return run


# ----------------------------------------------------------------------------------------------------------- one run


def test_a_run_costs_what_its_answers_cost():
    cost = cost_of(paid(7, 5).entries)
    assert (cost.money, cost.outcome) == (Money(12), "done")
    assert [(one.name, one.money.nusd, one.times) for one in cost.models] == [("first", 12, 3)]
    assert [(one.name, one.money.nusd, one.times) for one in cost.tools] == [("done", 0, 1), ("get_order", 12, 2)]
    assert (cost.input, cost.output) == (30, 15)


def test_an_answer_is_shared_among_its_calls_to_the_nano_dollar():
    run = Story(desk(order(), order("get_stock"), **LOOSE))
    turn(run, LOOK, call("get_stock", order="A-1"), call("get_order", order="A-2"), cost=11, value={"n": 1})
    cost = cost_of(run.entries)
    assert {one.name: one.money.nusd for one in cost.tools} == {"get_order": 7, "get_stock": 4}


def test_words_are_paid_for_too():
    run = Story(desk(order(), conversation=True, **LOOSE))
    run.asks_for(spoken("hello"), cost=3)
    assert [(one.name, one.money.nusd) for one in cost_of(run.entries).tools] == [(WORDS, 3)]


def test_an_answer_without_a_price_makes_every_sum_it_enters_unknown():
    cost = cost_of(paid(7, None).entries)
    assert (cost.money.total, cost.money.least, cost.money.unknown) == (None, 7, 1)
    assert cost.models[0].money.total is None
    assert {one.name: one.money.total for one in cost.tools} == {"done": 0, "get_order": None}
    together = total([cost, cost_of(paid(5).entries)])
    assert (together.per_run, together.per_success, together.money.least) == (None, None, 12)
    assert project(together, 10).nusd is None
    assert (say(cost.money), say(Money(unknown=1)), say(Money())) == (
        f"unknown (at least {units.say_usd(7)}, 1 answer has no price)",
        "unknown",
        "0.00",
    )


def test_an_attempt_that_gave_nothing_is_a_retry_with_what_stays_charged():
    run = Story(desk(order(), limits={"usd": "1.00"}), prices={"first": DEAR})
    run.then("ModelAsked")
    run.fails("timeout", "unknown")
    held = run.entries[-1].event.unsettled
    first = run.entries[-1].event.ask
    assert held > 0
    cost = cost_of(run.entries)
    assert (cost.money, cost.retries.money, cost.retries.times) == (Money(0, held), Money(0, held), 1)
    run.append(ModelAnsweredLate(first, 9))
    late = cost_of(run.entries)
    assert (late.money, late.retries.money, late.models[0].money) == (Money(9), Money(9), Money(9))


def test_attempts_at_a_tool_after_the_first_are_retries():
    run = Story(desk(order(), **LOOSE))
    run.asks_for(LOOK, cost=1)
    run.settle_down()
    run.breaks("not_done", took=5)
    run.settle_down()
    run.after("1m").settle_down()
    run.returns({"paid": 5}, took=3)
    cost = cost_of(run.entries)
    assert (cost.retries.times, cost.retries.took, cost.retries.money) == (1, 5, Money())
    assert [(one.name, one.times, one.took) for one in cost.tools] == [("get_order", 1, 8)]


def test_a_repeat_is_what_was_paid_to_call_again_for_the_same():
    run = Story(desk(order(), refund(), **LOOSE))
    for cost in (5, 6, 7):
        turn(run, LOOK, cost=cost, value={"paid": 400})
    again = cost_of(run.entries).repeats
    assert (again.times, again.money) == (2, Money(13))
    turn(run, PAY, cost=1, value={"id": "re_1"})
    turn(run, LOOK, cost=8, value={"paid": 400})
    assert cost_of(run.entries).repeats.money == Money(13), "after an effect it is a new question"


def test_a_child_is_told_and_not_added():
    run = paid(7)
    entry = msgspec.structs.replace(run.entries[-1], seq=len(run.entries) + 1)
    told = msgspec.structs.replace(entry, event=ChildClosed(3, "r_child", "done", {"usd": 90}))
    silent = msgspec.structs.replace(
        entry, seq=entry.seq + 1, event=ChildClosed(3, "r_other", "failed", {"usd": 4, "unpriced": 2})
    )
    cost = cost_of([*run.entries, told, silent])
    assert [(one.run, one.outcome, one.nusd) for one in cost.children] == [
        ("r_child", "done", 90),
        ("r_other", "failed", None),
    ]
    assert cost.money == Money(7)
    assert cost.with_children == Money(101, 0, 2)


# ------------------------------------------------------------------------------------------------------------ people


def reviewed(after: str = "2m", **terms) -> Story:
    run = Story(desk((refund(), {"review": [{"because": "people decide"}]}), **LOOSE, **terms))
    run.asks_for(PAY, cost=100)
    run.settle_down()
    run.after(after)
    run.person("approve")
    run.settle_down()
    return run


WORTH = {"worth": {"reviewer_minute": "0.80"}}


def test_minutes_are_valued_as_the_contract_says():
    people = cost_of(reviewed(**WORTH).entries).people
    assert (people.verdicts, people.waited, people.worked) == (1, 2 * units.MINUTE, 2 * units.MINUTE)
    assert people.value == units.nusd("1.60")


def test_a_wait_counts_only_so_far_as_work():
    entries = reviewed("3h", **WORTH).entries
    assert cost_of(entries).people.value == 5 * units.nusd("0.80")
    assert cost_of(entries, most=units.MINUTE).people.value == units.nusd("0.80")


def test_minutes_that_nobody_values_are_unknown_and_not_nothing():
    cost = cost_of(reviewed().entries)
    assert (cost.people.rate, cost.people.value) == (None, None)
    together = total([cost], lambda one: True)
    assert (together.value, together.per_success, together.per_success_with_people) == (None, 100, None)
    assert cost_of(paid(7).entries).people.value == 0


# --------------------------------------------------------------------------------------------------------- many runs


def test_a_success_costs_what_the_failures_cost_too():
    costs = [cost_of(paid(*amounts).entries) for amounts in ((10,), (20,), (30, 1))]
    together = total(costs, lambda one: one.money.nusd != 20)
    assert (together.runs, together.won, together.money, together.lost.money) == (3, 2, Money(61), Money(20))
    assert (together.per_run, together.per_success) == (20, 31)
    assert total(costs, lambda one: False).per_success is None
    assert total([]).per_run is None


def test_waste_counts_nothing_twice():
    run = Story(desk(order(), **LOOSE))
    for cost in (5, 6):
        turn(run, LOOK, cost=cost, value={"paid": 400})
    turn(run, call("done", status="ok"), cost=1)
    cost = cost_of(run.entries)
    assert is_done(cost)
    assert (total([cost]).waste, total([cost], lambda one: False).waste) == (Money(6), Money(12))


def test_runs_stand_under_their_outcomes():
    done, open_ = cost_of(paid(10).entries), cost_of(paid(20, won=False).entries)
    assert [(one.name, one.money.nusd, one.times) for one in total([done, open_, done]).outcomes] == [
        ("done", 20, 2),
        ("open", 20, 1),
    ]


def test_every_way_of_taking_a_day_apart_comes_to_the_same(desk):
    costs = [cost_of(entries) for entries in desk.values()]
    for cost, entries in zip(costs, desk.values(), strict=True):
        totals = trace(entries).totals
        assert cost.money == Money(totals.nusd, totals.unsettled + totals.reserved, totals.unpriced)
        assert sum(one.money.least for one in cost.models) == cost.money.least
        assert sum(one.money.nusd for one in cost.tools) + cost.retries.money.nusd == cost.money.nusd
    together = total(costs)
    for shares in (together.models, together.outcomes):
        assert sum(one.money.least for one in shares) == together.money.least
    assert sum(one.times for one in together.outcomes) == len(costs)
    assert together.waste.least <= together.money.least


def test_money_is_shared_exactly():
    assert [one.nusd for one in shared(Money(11), 3)] == [4, 4, 3]
    assert [one.total for one in shared(Money(4, 0, 1), 2)] == [None, None]
    assert [ratio(amount, 4) for amount in (0, 1, 2, 3, 5, 6, 10)] == [0, 0, 1, 1, 1, 2, 3]


# ------------------------------------------------------------------------------------------------------- projections


def spread(*amounts):
    return total([cost_of(paid(amount).entries) for amount in amounts])


def test_a_projection_is_the_mean_times_the_runs():
    assert project(spread(10, 20), 100) == msgspec.structs.replace(
        project(spread(10, 20), 100), nusd=1500, low=None, high=None
    )
    assert project(total([]), 100).nusd is None


def test_thirty_runs_are_enough_for_a_range():
    alike = project(spread(*[50] * 30), 10)
    assert (alike.nusd, alike.low, alike.high) == (500, 500, 500)
    apart = project(spread(*[0, 1000] * 15), 100)
    assert apart.nusd == 50_000
    width = 1.96 * 100 * 500 / 29**0.5  # the mean's standard error, of the sample's spread, a hundred times
    assert apart.high - apart.nusd == pytest.approx(width, rel=0.01)
    assert apart.nusd - apart.low == apart.high - apart.nusd


def test_a_projection_says_what_people_cost_on_top():
    assert project(total([cost_of(reviewed(**WORTH).entries)]), 10).people == 10 * units.nusd("1.60")
    assert project(total([cost_of(reviewed().entries)]), 10).people is None


# --------------------------------------------------------------------------------------- parts of many runs, and forks


def test_runs_that_are_not_over_are_no_waste_but_their_repeats_are():
    lost = paid(20, won=False)
    lost.cancels()
    lost.settle_down()
    going = Story(desk(order(), **LOOSE))
    for cost in (5, 6):
        turn(going, LOOK, cost=cost, value={"paid": 400})
    together = total([cost_of(run.entries) for run in (paid(10), lost, going)])
    assert (together.won, together.lost.times, together.lost.money) == (1, 1, Money(20))
    assert (together.under_way.times, together.under_way.money) == (1, Money(11))
    assert (together.repeats.times, together.repeats.money, together.waste) == (1, Money(6), Money(26))
    assert [one.name for one in together.outcomes] == ["cancelled", "open", "done"]


def test_what_children_told_stands_beside_the_sum():
    run = paid(7)
    entry = msgspec.structs.replace(run.entries[-1], seq=len(run.entries) + 1)
    told = msgspec.structs.replace(entry, event=ChildClosed(3, "r_child", "done", {"usd": 90}))
    together = total([cost_of([*run.entries, told])])
    assert (together.children.times, together.children.money, together.money) == (1, Money(90), Money(7))


def test_agents_apart_come_to_the_same_together():
    one = cost_of(paid(10).entries)
    other = msgspec.structs.replace(cost_of(paid(20, won=False).entries), agent="other")
    apart = by_agent([one, other, one])
    assert list(apart) == ["desk", "other"]  # alike in money: the one with more runs is first
    assert [(each.runs, each.won, each.money.nusd) for each in apart.values()] == [(2, 2, 20), (1, 0, 20)]


def test_what_a_fork_inherited_is_paid_by_the_run_it_was_forked_from():
    run = Story(desk(order(), refund(), **LOOSE))
    for cost in (5, 6):
        turn(run, LOOK, cost=cost, value={"paid": 400})
    run.then("ModelAsked")
    begun = [*fork(run.entries, "r_2", by="lea", at=run.at)]
    other = run.copy()
    other.name, other.entries, other.stored, other._state, other.flying = "r_2", [], [], None, set()
    for entry in begun:
        other.append(entry.event, cause=entry.cause, actor=entry.actor)
    inherited = cost_of(other.entries)
    assert (inherited.money, inherited.inherited, inherited.repeats.times) == (Money(), Money(11), 0)
    assert (inherited.models, inherited.tools, inherited.input) == ((), (), 0)
    turn(other, LOOK, cost=9, value={"paid": 400})
    own = cost_of(other.entries)
    assert (own.money, own.inherited, own.input) == (Money(9), Money(11), 10)
    assert [(one.name, one.money.nusd, one.times) for one in own.tools] == [("get_order", 9, 1)]
    assert sum(one.money.nusd for one in own.models) == 9
    assert own.repeats.money == Money(9), "the same had been read before"


def test_a_run_that_somebody_found_bad_is_no_success():
    run, about = paid(10), paid(10)
    run.append(Noted("lea", "bad"))
    about.append(Noted("lea", "bad", evidence=(2,)))  # of one entry of it
    found = cost_of(run.entries)
    assert (found.bad, is_done(found), is_done(cost_of(about.entries))) == (True, False, True)
    assert total([found]).lost.money == Money(10)
    run.append(Noted("rita", "good"))
    assert is_done(cost_of(run.entries))
