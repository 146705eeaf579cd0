"""Children and rounds in the readings of entries: calls that they answer, families, waterfalls, why, cost, labels and search."""

from __future__ import annotations

import msgspec
import pytest

from holdfast import done as ends
from holdfast import script, units
from holdfast.core.fold import fold
from holdfast.events import ChildClosed, Contradiction, Inline, Label, RunOpened
from holdfast.labels import join
from holdfast.models.scripted import call
from holdfast.views.carried import Carried, labels
from holdfast.views.cost import cost_of, is_done, total
from holdfast.views.cost_trees import trees
from holdfast.views.family import Family, family_of, fate
from holdfast.views.projection import project
from holdfast.views.record import Happening
from holdfast.views.search import places, sought
from holdfast.views.spending import Money
from holdfast.views.trace import trace
from holdfast.views.undo import elsewhere, plan
from holdfast.views.visible import visible
from holdfast.views.waterfall import waterfall
from holdfast.views.why import why
from tests import kin
from tests.core.story import DEAR, Story, desk
from tests.core.test_children import helper


@pytest.fixture(scope="module")
def done() -> kin.Tree:
    return kin.played(kin.claims(), kin.models())


@pytest.fixture(scope="module")
def waiting() -> kin.Tree:
    return kin.played(kin.claims(), kin.models(140_000))


def family(tree: kin.Tree) -> Family:
    return family_of(trace(tree[tree.root]), {run: trace(entries) for run, entries in tree.items()})


def story(**fields) -> tuple[Story, int]:
    """A run whose helper was opened, and its call."""
    run = Story(desk((helper().as_tool(), {}), **fields), prices={"first": DEAR})
    run.asks_for(call("helper", order="A-1"))
    run.settle_down()
    return run, next(seq for seq, one in run.state.calls.items() if one.effect == "child")


# ---------------------------------------------------------------------------------------------------------- the trace


def test_a_call_that_a_child_answered_is_an_answered_call(done):
    seen = trace(done[done.root])
    one = seen.calls[4]
    assert (one.stage, one.ending, one.ok, one.result.value["cents"]) == ("answered", "returned", True, 84_000)
    assert (one.delegated.agent, one.delegated.outcome, one.child) == ("assessor", "done", done.of("assessor")[0].run)
    assert one.delegated.took == seen.when(one.delegated.ended) - seen.when(one.delegated.seq) > 0
    assert not [item for item in seen.items if isinstance(item, Happening)], "the calls say it all"


@pytest.mark.parametrize("outcome", ["declined", "stopped", "failed", "escalated", "cancelled"])
def test_a_child_that_ended_otherwise_answered_with_its_end(outcome):
    run, one = story()
    assert trace(run.entries).calls[one].stage == "running"
    run.closes(None, one, outcome)
    seen = trace(run.entries).calls[one]
    assert (seen.stage, seen.ending, seen.ok) == ("answered", "ended", False)
    assert seen.told == run.state.calls[one].said == f"helper ended as {outcome}: it {outcome}"
    account = next(account for account in why(run.entries).accounts if account.call == one)
    assert account.fate == outcome
    assert account.needed[0].text.startswith(f"Another end of the run {seen.child}")


def test_what_a_trace_knows_of_children_is_what_the_core_knows(done, waiting):
    for tree in (done, waiting):
        state = None
        for count, entry in enumerate(tree[tree.root], 1):
            state, seen = fold(state, entry), trace(tree[tree.root][:count])
            spent, totals = state.spent, seen.totals
            assert (totals.opened, totals.below, totals.carved) == (spent.opened, spent.below, spent.carved)
            assert totals.charged == spent.alone
            for known in () if state.closed is not None else state.calls.values():
                assert (known.status, known.child) == (seen.calls[known.seq].stage, seen.calls[known.seq].child)


def test_a_family_knows_for_whom_it_waits_however_deep(waiting):
    found = family(waiting)
    one = next(one for one in found.seen.calls.values() if one.tool == "payer")
    child = waiting.of("payer")[0].run
    assert fate(found, one) == f"waits for the run {child} (finance has to decide there)"
    assert found.stands("here") == f"finance has to decide in {child}"
    alone = Family(found.seen, {}, (child,))
    assert fate(alone, one) == f"waits for the run {child}"
    assert not alone.whole
    above = Family(found.seen, {one.seq: found})
    assert above.waits(one) == f"finance has to decide in {child}", "the child of a child"


def test_what_a_family_used_is_the_sum_of_its_runs(done):
    whole = family(done)
    each = [trace(entries).totals for entries in done.values()]
    assert whole.totals.charged == sum(one.charged for one in each) == each[0].charged + each[0].below
    assert whole.totals.steps == 10
    assert whole.whole


def test_the_bar_of_a_child_is_as_long_as_it_and_no_work_of_its_parent(done):
    seen = trace(done[done.root])
    below = [trace(entries) for run, entries in done.items() if run != done.root]
    (span,) = waterfall(seen, below).spans[done.root, 4]
    assert (span.kind, span.end - span.begin) == ("child", seen.calls[4].delegated.took)


def test_a_long_wait_below_is_cut_out_and_named():
    """Of the child where that is read, else as a wait for the child."""
    run, one = story()
    run.after("3h")
    run.closes({"total": 1}, one)
    run.settle_down()
    (gap,) = waterfall(trace(run.entries)).gaps
    assert (
        gap.why == f"the run {run.state.calls[one].child if run.state.calls else trace(run.entries).calls[one].child}"
    )
    assert gap.long > 2 * units.MINUTE * 60


def test_a_round_is_told_with_who_stands_where():
    tree = kin.played(kin.incident(), kin.team_models(), "why?")
    told = [item.text for item in trace(tree[tree.root]).items if isinstance(item, Happening)]
    assert told == [
        "round 1 closed with 3 posts; positions: network: “link”, database: “disk”, deploys: “deploy”",
        "round 2 closed with 3 posts; positions: network: “disk”, database: “disk”, deploys: “disk”",
    ]


# ---------------------------------------------------------------------------------------------------------- and others


def test_why_without_the_children_says_what_the_run_was_told(done):
    alone, whole = why(done[done.root]), why(done[done.root], done)
    assert [one.tool for one in alone.accounts] == [one.tool for one in whole.accounts] == ["assessor", "payer"]
    runs = {sentence.run for account in whole.accounts for sentence in account.course} - {""}
    assert runs == {done.of("assessor")[0].run, done.of("payer")[0].run}
    assert not any(sentence.run for account in alone.accounts for sentence in account.course)


def test_a_child_that_did_much_is_told_in_part_and_where_the_rest_stands():
    many = script([call("photos", claim=f"C-{at}") for at in range(9)], ends(claim="C", cents=1, why="x"))
    tree = kin.played(kin.claims(), kin.models() | {"script:assessor": many})
    course = why(tree[tree.root], tree).accounts[0].course
    assert course[-1].text == f"And 3 more things: holdfast why {tree.of('assessor')[0].run}"


def test_money_of_trees_is_counted_once_whatever_part_of_them_is_read(done):
    costs = {cost.agent: cost for cost in map(cost_of, done.values())}
    whole = sum(cost.money.nusd for cost in costs.values())
    for some in (
        list(costs),
        ["claims"],
        ["claims", "weather"],
        ["claims", "assessor"],
        ["weather", "claims", "payer"],
    ):
        found = total([costs[name] for name in some])
        assert found.whole == Money(whole), some
        assert (found.per_success, found.won) == (
            (whole, 1) if "weather" not in some or "assessor" in some else (whole // 2, 2)
        )
    assert total(costs.values()).children.times == 0
    assert total([costs["claims"]]).children == total([costs["claims"]]).children
    assert [tree.root.agent for tree in trees(list(costs.values()))] == ["claims"]
    assert project(total(costs.values()), 10).nusd == 10 * whole


def test_a_child_is_for_nothing_where_its_root_was(done):
    costs = [cost_of(entries) for entries in done.values()]
    bad = total(costs, lambda cost: is_done(cost) and cost.agent != "claims")
    assert (bad.lost.money, bad.lost.times, bad.won) == (bad.money, 4, 0)
    one = total(costs, lambda cost: is_done(cost) and cost.agent != "assessor")
    lost = sum(cost.money.nusd for cost in costs if cost.agent in ("assessor", "weather"))
    assert (one.lost.money.nusd, one.won, [share.name for share in one.outcomes]) == (lost, 1, ["done"])
    assert one.outcomes[0].money == one.money


def test_answers_without_a_price_stay_unknown_upwards():
    run, one = story()
    run.closes({"total": 1}, one, used={"usd": 5, "unpriced": 2})
    cost = cost_of(run.entries)
    assert (cost.children[0].nusd, cost.with_children.unknown, total([cost]).per_run) == (None, 3, None)


def test_an_undo_names_what_children_wrote_and_is_silent_of_those_that_wrote_nothing(done):
    tools = {one.name: one.tools for one in kin.claims().family}
    found = elsewhere([entries for run, entries in done.items() if run != done.root], tools)
    assert [(one.agent, one.writes, one.ready, one.undone) for one in found] == [("payer", 1, 1, 0)]
    assert found[0].parent == done.root
    assert [one.ready for one in elsewhere(list(done.values()), {})] == [0], "its code is not here"
    assert plan(done[done.root], {}).steps == ()


# ------------------------------------------------------------------------------------------------ labels, and what is hidden


def secretive() -> tuple[Story, int]:
    """A run that was told of a child which had read about somebody's health."""
    run, one = story()
    run.closes({"total": 4}, one, label=Label(classes=("health",)))
    run.settle_down()
    return run, one


def test_what_a_child_gave_has_the_label_of_what_it_had_read_and_the_run_has_it_from_then_on():
    run, _ = secretive()
    told = labels(run.entries)
    at = next(at for at, entry in enumerate(run.entries) if isinstance(entry.event, ChildClosed))
    assert told[at] == Label(classes=("health",))
    assert (told[at - 1].classes, told[-1].classes) == ((), ("health",))
    assert run.state.label == join([told[at], Label(trusted=True)])


def test_a_child_of_which_only_the_end_is_known_carries_its_label_too():
    run, one = story()
    run.closes(None, one, "failed", label=Label(classes=("health",)))
    assert labels(run.entries)[-1].classes == ("health",)
    carried = Carried()
    for entry in run.entries:
        carried.take(entry)
    assert carried.everything.classes == ("health",)


def test_whoever_does_not_see_a_class_does_not_see_what_a_child_said_of_it():
    run, _ = secretive()
    shown, glass = visible(run.entries, frozenset({"plain"}))
    closed = next(entry.event for entry in shown if isinstance(entry.event, ChildClosed))
    assert isinstance(closed.result, Inline)
    assert str(closed.result.value).startswith("⟨health:")
    assert "4" not in str(closed.result.value).replace("health", "")
    assert glass.classes == {"health"}


def test_nor_what_two_children_disagree_about_nor_the_question_about_it():
    run = Story(
        desk((helper().as_tool(), {"agree": {"about": "args.order", "on": "output.total"}})), prices={"first": DEAR}
    )
    run.asks_for(call("helper", order="A-1"), call("helper", order="A-1"))
    run.settle_down()
    for at, one in enumerate([seq for seq, one in run.state.calls.items() if one.effect == "child"]):
        run.closes({"total": f"diagnosis {at}"}, one, label=Label(classes=("health",)))
    run.settle_down()
    assert any(isinstance(entry.event, Contradiction) for entry in run.entries)
    shown, _ = visible(run.entries, frozenset({"plain"}))
    assert "diagnosis" not in str([entry.event for entry in shown])
    assert "Two agents contradict each other: ⟨health:" in str([entry.event for entry in shown])


def test_why_a_child_failed_can_be_searched_for(done):
    run, one = story()
    run.closes(None, one, "failed", why="the greenhouse burnt down")
    (found,) = places(run.entries[-1], sought("greenhouse burnt"))
    assert (found.what, found.match) == ("answer", "greenhouse")
    (other,) = [place for entry in done[done.root] for place in places(entry, sought('"dents steel"'))]
    assert done[done.root][other.seq - 1].event.__class__ is ChildClosed


def test_a_run_says_whose_call_it_answers_and_under_which_limits(done):
    seen = trace(done.of("payer"))
    opened = done.of("payer")[0].event
    assert isinstance(opened, RunOpened)
    assert (seen.parent, seen.parent_call, seen.carved) == (done.root, 10, opened.carved)
    assert msgspec.to_builtins(seen)["parent_call"] == 10
