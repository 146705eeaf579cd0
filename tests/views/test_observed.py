"""observed: what there is to watch in a run, in the order in which runs were closed."""

from __future__ import annotations

import msgspec
import pytest

from holdfast.core.fork import fork
from holdfast.events import Noted
from holdfast.models.scripted import call
from holdfast.views.observed import in_order, like, observe
from tests.core.story import Story, desk, order, refund

LOOSE = {"limits": {"usd": None, "repeats": 50, "steps": 100}}
LOOK, PAY = call("get_order", order="A-1"), call("refund", order="A-1", cents=400)


def story(**opened) -> Story:
    return Story(desk(order(), refund(), **LOOSE), **opened)


def done(*wanted, cost=5, **opened) -> Story:
    run = story(**opened)
    for one in wanted:
        run.asks_for(one, cost=cost, took=1000)
        run.settle_down()
        run.returns({"paid": 400}, took=30)
    run.asks_for(call("done", status="ok"), cost=cost, took=5)
    run.settle_down()
    return run


def test_a_run_that_is_over():
    run = done(LOOK, LOOK)
    seen = observe(run.entries)
    assert (seen.run, seen.won, seen.nusd, seen.aside) == ("r_1", True, 15, "")
    assert seen.tools == {"get_order": 2, "done": 1}
    assert seen.arguments == {"get_order.order": {"text of 1 to 9": 2}, "done.status": {"ok": 1}}
    assert seen.closed == run.entries[-1].at
    assert seen.took == 2 * 1030 + 5


def test_time_is_of_models_and_tools_and_not_of_waiting():
    run = done(LOOK)
    later = [msgspec.structs.replace(entry, at=entry.at + 10**12 * (entry.seq > 3)) for entry in run.entries]
    assert observe(later).took == observe(run.entries).took


def test_success_is_that_of_cost():
    run = done(LOOK)
    run.append(Noted(finding="bad", by="lea"))
    assert observe(run.entries).won is False


def test_what_has_no_price_is_unknown():
    assert observe(done(LOOK, cost=None).entries).nusd is None


def test_runs_that_are_no_production_are_set_aside():
    still = story()
    still.asks_for(LOOK, cost=1)
    assert observe(still.entries).aside == "not over yet"
    assert observe(done(LOOK, mode="simulate").entries).aside == "a simulation"
    assert observe(done(LOOK, undoes="r_0").entries).aside == "an undo"
    run = done(LOOK)
    begun = [*fork(run.entries[:-1], "r_2", by="lea", at=run.at)]
    assert observe(begun).aside == "a fork"


def test_order_is_that_of_closing():
    first, second = observe(done(LOOK, name="r_b").entries), observe(done(LOOK, name="r_a").entries)
    sooner = msgspec.structs.replace(first, closed=1)
    aside = msgspec.structs.replace(first, aside="a fork")
    assert [one.run for one in in_order([second, aside, sooner])] == ["r_b", "r_a"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "nothing"),
        (True, "true"),
        (0, "0"),
        (7, "1 to 9"),
        (10, "10 to 99"),
        (99_999, "10000 to 99999"),
        (0.25, "below 1"),
        (-120, "-100 to -999"),
        (float(10**40), "1000000000000000 to 9999999999999999"),
        ("late", "late"),
        ("O-1042", "text of 1 to 9"),
        ("", "text of 0"),
        ("Lea Roth, 12 High Street", "text of 10 to 99"),
        ([1, 2, 3], "list of 3"),
        ([0] * 30, "list of 10 to 99"),
        ({"a": 1}, "fields"),
    ],
)
def test_values_are_told_by_what_they_are_like(value, said):
    assert like(value) == said
