"""Child runs as the core decides about them: when they open, what they may use, and what their answers are."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.agent import Agent
from holdfast.core.children import LOOK, name_of
from holdfast.errors import Bug, ContractError, NotAllowed
from holdfast.events import ChildOpened, Label, LimitReached, RunClosed
from holdfast.models.scripted import call, done
from tests.core.story import DEAR, Story, desk, order, refund

OUTPUT = {"type": "object", "properties": {"total": {"type": "integer"}}, "required": ["total"]}


def helper(**terms: Any) -> Agent[Any, Any]:
    given = {"takes": {"type": "object"}, "gives": OUTPUT, "models": ["first"]} | terms
    return Agent(name="helper", task="Add things up.", tools=[order()], **given)


def story(terms: Any = None, child: Any = None, **more: Any) -> Story:
    """A run that may call a helper."""
    made = desk(((child or helper()).as_tool(), terms or {}), **more)
    return Story(made, prices={"first": DEAR})


def asked(run: Story, times: int = 1) -> list[ChildOpened]:
    """The helper is asked so often in one turn; what was opened."""
    run.asks_for(*[call("helper", order=f"A-{at}") for at in range(times)])
    run.settle_down()
    return [entry.event for entry in run.entries if isinstance(entry.event, ChildOpened)]


def test_a_child_is_opened_under_a_name_that_follows_from_its_parent_and_waited_for():
    run = story()
    (opened,) = asked(run)
    assert opened.child == name_of(run.name, opened.call) == name_of("r_1", opened.call)
    assert run.world() == ["tend helper"]
    stands = run.stands()
    assert (stands.status, stands.waits_for) == ("waiting", "child")
    assert stands.due is not None
    assert stands.due <= run.at + LOOK
    run.after("1d")
    run.then()
    run.closes({"total": 4})
    run.then("ModelAsked")
    assert '{"total":4}' in run.told()


def test_money_is_shared_evenly_among_the_calls_of_a_turn_and_given_back():
    run = story(limits={"usd": "0.10"})
    first, second = asked(run, 2)
    left = 100_000_000 - run.state.spent.alone
    assert first.carved["usd"] == left // 2
    assert second.carved["usd"] in (left - left // 2, left // 2)
    assert run.state.spent.charged <= 100_000_000
    run.closes({"total": 1}, first.call, used={"usd": 7})
    run.closes({"total": 1}, second.call, used={"usd": 8})
    assert run.state.spent.below == 15
    assert run.state.spent.carved == 0
    assert run.state.spent.charged == run.state.spent.alone + 15


def test_what_the_terms_name_is_carved_whole_and_a_child_waits_for_it():
    run = story({"limits": {"usd": "0.04"}}, limits={"usd": "0.10"})
    asked(run, 3)
    opened = [entry.event for entry in run.entries if isinstance(entry.event, ChildOpened)]
    assert [one.carved["usd"] for one in opened] == [40_000_000] * 2
    run.then()
    run.closes({"total": 1}, opened[0].call, used={"usd": 1})
    run.then("ChildOpened")


def test_a_child_that_cannot_have_what_it_needs_reaches_the_limit():
    run = story({"limits": {"usd": "0.20"}}, limits={"usd": "0.10"})
    asked(run)
    assert run.last(LimitReached).limit == "usd"


def test_retries_are_carved_as_far_as_there_are_any():
    run = story({"limits": {"retries": 3}}, limits={"retries": 4})
    assert [one.carved["retries"] for one in asked(run, 3)] == [3, 1, 0]
    assert run.state.spent.retried == 4


def test_no_child_outlives_its_parents_wall_nor_works_longer():
    run = story(limits={"wall": "1h", "work": "1m"})
    (opened,) = asked(run)
    assert opened.carved["wall"] <= 3_600_000_000
    assert opened.carved["work"] <= 60_000_000


def test_the_number_of_children_is_bounded():
    run = story(limits={"children": 2})
    assert len(asked(run, 3)) == 2
    assert run.last(LimitReached).limit == "children"


def test_a_childs_own_ceiling_is_its_carve_and_is_not_raised_by_anybody():
    run = Story(desk(order(), limits={"steps": 9}), carved={"steps": 1})
    run.asks_for(call("get_order", order="A-1"))
    run.then("CallAsked get_order", "CallJudged allow", "CallStarted 1")
    run.returns({})
    run.then("LimitReached steps", "RunClosed stopped")
    assert "1 of 1" in run.last(RunClosed).reason
    from holdfast.core import desk as people

    open_run = Story(desk(order()), carved={"usd": 5})
    with pytest.raises(NotAllowed, match="parent"):
        people.grant(open_run.state, "usd", 10, "bob")


def test_a_run_that_ends_cancels_its_children_and_closes_after_them():
    run = story()
    (opened,) = asked(run)
    run.cancels()
    run.then()
    assert run.world() == ["cancel helper"]
    with pytest.raises(Bug, match="is open"):
        run.append(RunClosed("cancelled", "too early"))
    run.closes(None, opened.call, "cancelled")
    run.then("RunClosed cancelled")


def test_the_news_of_a_close_counts_once():
    run = story()
    (opened,) = asked(run)
    assert run.fact(_closed(opened)) is not None
    assert run.fact(_closed(opened)) is None


def _closed(opened: ChildOpened) -> Any:
    from holdfast.events import ChildClosed

    return ChildClosed(opened.call, opened.child, "stopped", why="it had enough")


def test_a_child_that_was_asked_for_before_the_requester_wrote_is_not_opened():
    run = story({"review": [{"because": "ask first"}]})
    run.asks_for(call("helper", order="A-1"))
    run.then("CallAsked helper", "CallJudged review tools.helper.review[0]", "PersonAsked review")
    run.says("leave it")
    run.then("QuestionWithdrawn overtaken", "CallJudged refuse overtaken", "ModelAsked")


def test_a_child_may_be_needed_as_evidence_and_counts_as_a_call():
    child = helper()
    made = desk(
        (child.as_tool(), {"at_most": 1}),
        (refund(), {"needs": {"helper": {}}, "must": [{"that": "args.cents <= seen.helper.total", "because": "no more than the total"}]}),
    )  # fmt: skip
    run = Story(made, prices={"first": DEAR})
    run.asks_for(call("refund", order="A-1", cents=3))
    run.then("CallAsked refund", "CallJudged refuse tools.refund.needs.helper", "ModelAsked")
    run.answers(call("helper", order="A-1"))
    run.then("CallAsked helper", "CallJudged allow", "ChildOpened")
    run.closes({"total": 5})
    run.asks_for(call("refund", order="A-1", cents=9), call("helper", order="A-2"))
    run.then(
        "CallAsked refund", "CallAsked helper", "CallJudged refuse tools.refund.must[0]",
        "CallJudged refuse tools.helper.at_most", "ModelAsked",
    )  # fmt: skip
    run.answers(call("refund", order="A-1", cents=5))
    run.then("CallAsked refund", "CallJudged allow", "CallStarted 1")


@pytest.mark.parametrize("outcome", ["done", "declined"])
def test_what_reached_a_childs_model_has_reached_ours(outcome):
    run = story()
    (opened,) = asked(run)
    run.closes({"total": 4}, opened.call, outcome, label=Label(trusted=False, classes=("health",)))
    run.then("ModelAsked")
    assert run.state.label == Label(trusted=False, classes=("health",))


AGREE = {"agree": {"about": "args.order", "on": "output.total"}}


@pytest.mark.parametrize(
    ("surprise", "follows"),
    [
        ("tell", ["Contradiction", "ModelAsked"]), ("review", ["Contradiction", "PersonAsked surprise"]),
        ("stop", ["Contradiction", "RunClosed stopped"]),
    ],
)  # fmt: skip
def test_two_children_that_say_different_things_about_one_are_never_silently_resolved(surprise, follows):
    run = story(AGREE, surprises={"contradiction": surprise})
    (first,) = asked(run)
    run.closes({"total": 4}, first.call)
    run.asks_for(call("helper", order="A-0"))
    run.settle_down()
    run.closes({"total": 5})
    run.then(*follows)
    if surprise == "tell":
        assert any("different things about A-0: 4 and 5" in text for text in run.told())


def test_done_waits_for_a_person_where_children_contradict_each_other():
    run = story(AGREE)
    run.asks_for(call("helper", order="A-0"), call("helper", order="A-0"), done(status="ok"))
    run.settle_down()
    calls = [entry.event.call for entry in run.entries if isinstance(entry.event, ChildOpened)]
    run.closes({"total": 4}, calls[0])
    run.closes({"total": 5}, calls[1])
    run.then("Contradiction", "PersonAsked surprise")
    run.person("tell")
    run.then("RunClosed done")


def test_an_agent_is_no_tool_of_itself_and_its_contract_stands_in_its_parents():
    child = helper()
    parent = desk(child)
    assert parent.contract.tools["helper"].agent == child.contract.data
    assert parent.contract.digest != desk(helper(instructions="more")).contract.digest
    assert [one.name for one in parent.family] == ["desk", "helper"]
    with pytest.raises(ContractError, match="two tools are called helper"):
        desk(child, helper())


def test_other_models_answer_for_the_whole_family():
    other = desk(helper()).answered_by(["second"])
    assert [one.contract.models for one in other.family] == [["second"], ["second"]]
    named = desk(helper()).answered_by(lambda agent: [f"script:{agent.name}"])
    assert [one.contract.models for one in named.family] == [["script:desk"], ["script:helper"]]
    assert named.bound.child("helper").models == ["script:helper"]


def test_an_input_that_is_no_object_is_the_argument_input():
    child = helper(takes={"type": "string"}).as_tool("ask_helper")
    assert child.takes.schema["properties"]["input"] == {"type": "string"}
    assert child.input_of({"input": "hello"}) == "hello"
    assert child.name == "ask_helper"
