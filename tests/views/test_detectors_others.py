"""Detectors of agents that work for one another: 15, 16, 22, each on a run it is for, and on its named false positive."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import Agent, call, done, script, tool
from holdfast.events import Label, RoundClosed
from holdfast.models.scripted import call as wants
from holdfast.views.detectors import detect
from holdfast.views.failures import read
from tests import kin
from tests.core.story import DEAR, Story, desk, refund
from tests.core.test_children import AGREE, helper


def found(run: Story | list[Any], number: int, below: Any = None) -> list[Any]:
    entries = run.entries if isinstance(run, Story) else run
    return [finding for finding in detect(entries, below=below) if finding.number == number]


def story(terms: Any = None, *more: Any, **fields: Any) -> Story:
    """A run that may call a helper."""
    return Story(desk((helper().as_tool(), terms or {}), *more, **fields), prices={"first": DEAR})


def asks(run: Story, *orders: str) -> list[int]:
    """The helper is asked in one turn; the calls."""
    before = set(run.state.calls)
    run.asks_for(*[wants("helper", order=one) for one in orders])
    run.settle_down()
    return [one.seq for one in run.state.calls.values() if one.seq not in before and one.effect == "child"]


def answers(run: Story, value: Any, of: int, outcome: Any = "done", **more: Any) -> None:
    run.closes(value, of, outcome, label=Label(trusted=True), **more)


def ends(run: Story) -> Story:
    run.asks_for(wants("done", status="ok"))
    run.settle_down()
    return run


# ------------------------------------------------------------------------------------------------------ 15, contradictory


@pytest.mark.parametrize(("surprise", "settles"), [("tell", False), ("review", True)])
def test_answers_that_cannot_both_be_right_are_found_where_they_are_recorded(surprise, settles):
    run = story(AGREE, surprises={"contradiction": surprise})
    first, second = asks(run, "A-1", "A-1")
    answers(run, {"total": 4}, first)
    assert found(run, 15) == []
    answers(run, {"total": 5}, second)
    run.settle_down()
    (finding,) = found(run, 15)
    assert (finding.grade, finding.tool, finding.seqs[:2]) == ("E", "helper", (first, second))
    assert "different things about A-1: 4 and 5; nobody said which is right" in finding.sentence
    if settles:
        run.person("tell")
        assert "; a person was asked" in found(run, 15)[0].sentence


def test_what_differs_because_it_is_about_something_else_is_no_contradiction():
    """The named false positive: a fact that changes is about another day, where `agree` says so."""
    run = story({"agree": {"about": "args.order + args.day", "on": "output.total"}})
    run.asks_for(wants("helper", order="A-1", day="mon"), wants("helper", order="A-1", day="tue"))
    run.settle_down()
    for at, one in enumerate([seq for seq, one in run.state.calls.items() if one.effect == "child"]):
        answers(run, {"total": at}, one)
    run.settle_down()
    assert found(run, 15) == []


# ---------------------------------------------------------------------------------------------------------- 16, duplicates


def test_the_same_given_to_two_children_at_once_is_found():
    run = story()
    first, second = asks(run, "A-1", "A-1")
    (finding,) = found(run, 16)
    assert (finding.grade, finding.seqs) == ("E", (first, second))
    assert "twice, before either had answered" in finding.sentence


def test_other_work_and_a_cross_check_are_no_duplicates():
    """The named false positive: a quorum that is declared, by `agree`."""
    apart, checked = story(), story(AGREE)
    asks(apart, "A-1", "A-2")
    asks(checked, "A-1", "A-1")
    assert found(apart, 16) == found(checked, 16) == []


def looker(name: str) -> Agent[Any, Any]:
    @tool.read(timeout=5)
    def look(claim: str) -> str:
        """Look a claim up."""
        return claim

    return Agent(name=name, task="Look.", takes=kin.Claim, gives=kin.Claim, tools=[look], models=[f"script:{name}"])


def looked(claims: dict[str, str], terms: Any = None) -> kin.Tree:
    """Children that each look a claim up."""
    agents = {name: looker(name) for name in claims}
    boss = Agent(
        name="boss", task="Have it looked up.", takes=kin.Claim, gives=kin.Claim, models=["script:boss"],
        tools={one: terms or {} for one in agents.values()},
    )  # fmt: skip
    said = {
        f"script:{name}": script(call("look", claim=claim), done(claim=claim)) for name, claim in claims.items()
    } | {"script:boss": script([call(name, claim="C") for name in claims], done(claim="C"))}
    return kin.played(boss, said)


def test_the_same_call_in_two_children_is_found_where_they_are_at_hand():
    tree = looked({"legal": "C-1", "finance": "C-1", "press": "C-2"})
    (finding,) = found(tree[tree.root], 16, tree)
    assert 'look(claim="C-1") was made in 2 runs of legal and finance' in finding.sentence
    assert finding.tool == "look"
    assert found(tree[tree.root], 16) == [], "their entries are not there"
    assert [one.number for one in read(tree[tree.root], below=tree).findings] == [16]


def test_other_calls_in_children_and_those_of_a_cross_check_are_none():
    apart = looked({"legal": "C-1", "finance": "C-2"})
    checked = looked({"legal": "C-1", "finance": "C-1"}, {"agree": {"about": "args.claim", "on": "output.claim"}})
    for tree in (apart, checked):
        assert found(tree[tree.root], 16, tree) == []


def team(**more: Any) -> list[Any]:
    tree = kin.played(kin.incident(), kin.team_models(**more), "why?")
    assert any(isinstance(entry.event, RoundClosed) for entry in tree[tree.root])
    return tree[tree.root]


def test_a_peer_that_posts_what_another_had_is_found_and_one_that_repeats_itself_is_not():
    same = kin.speaks(kin.posts("The  disk is FULL", position="disk"))
    (finding,) = found(team(**{"script:network": same}), 16)
    assert "posted what network had" in finding.sentence
    assert finding.tool == "database"
    alone = kin.speaks(kin.posts("the link flaps", position="a"), kin.posts("the link flaps", position="b"))
    assert found(team(**{"script:network": alone}), 16) == []


# ------------------------------------------------------------------------------------------------------ 22, handing over


def test_an_agent_that_is_asked_the_same_again_after_its_answer_is_found():
    run = story()
    (first,) = asks(run, "A-1")
    answers(run, {"total": 4}, first)
    asks(run, "A-1")
    (finding,) = found(run, 22)
    assert finding.grade == "S"
    assert "asked for again, after it had been answered" in finding.sentence


def test_asking_again_after_a_clarification_or_a_failure_is_none():
    """The named false positive: a round of clarification, in which somebody outside said something new."""
    clarified, failed = story(), story()
    (first,) = asks(clarified, "A-1")
    answers(clarified, {"total": 4}, first)
    clarified.says("with the tax, please")
    asks(clarified, "A-1")
    (first,) = asks(failed, "A-1")
    answers(failed, None, first, "failed")
    asks(failed, "A-1")
    assert found(clarified, 22) == found(failed, 22) == []


def test_a_peer_that_goes_to_and_fro_is_found_and_one_that_changes_its_mind_is_not():
    fro = kin.speaks(*[kin.posts(f"n{at}", position=one) for at, one in enumerate(("link", "disk", "Link"))])
    others = {
        "script:database": kin.speaks(*[kin.posts(f"d{at}", position=f"d{at}") for at in range(3)]),
        "script:deploys": kin.speaks(*[kin.posts(f"p{at}", position=f"p{at}") for at in range(3)]),
    }
    (finding,) = found(team(**others, **{"script:network": fro}), 22)
    assert (finding.tool, "held “link”, then “disk”, then the first again" in finding.sentence) == ("network", True)
    assert found(team(**others), 22) == []


def test_an_answer_that_nobody_reads_is_found():
    run = story(AGREE, surprises={"contradiction": "tell"})
    run.asks_for(wants("helper", order="A-1"), done(status="ok"))
    run.settle_down()
    (only,) = [seq for seq, one in run.state.calls.items() if one.effect == "child"]
    answers(run, {"total": 4}, only)
    run.settle_down()
    assert run.state.closed is not None
    (finding,) = found(run, 22)
    assert "before anybody had read what helper" in finding.sentence
    heard = story()
    (one,) = asks(heard, "A-1")
    answers(heard, {"total": 4}, one)
    assert found(ends(heard), 22) == []


def test_a_run_that_was_stopped_lost_no_answer_of_its_own_doing():
    run = story()
    (one,) = asks(run, "A-1")
    run.cancels()
    run.settle_down()
    answers(run, {"total": 4}, one)
    run.settle_down()
    assert found(run, 22) == []


# ---------------------------------------------------------------------- what the others of the taxonomy say of such runs


def test_what_a_child_has_done_may_be_claimed():
    """5: done by a run of the same tree is no claim of what was not done."""
    said = kin.models() | {"script:claims": script(
        call("assessor", claim="C-1042"), call("payer", claim="C-1042", cents=5),
        done(paid=5, because="the claim has been paid"), price=kin.PRICE,
    )}  # fmt: skip
    tree = kin.played(kin.claims(), said)
    assert found(tree[tree.root], 5) == found(tree[tree.root], 5, tree) == []


def test_what_no_child_has_done_is_still_found_where_they_are_at_hand():
    said = kin.models() | {
        "script:claims": script(
            call("assessor", claim="C-1042"), done(paid=5, because="the claim has been paid"), price=kin.PRICE
        )
    }
    tree = kin.played(kin.claims(), said)
    assert [one.name for one in found(tree[tree.root], 5, tree)] == ["claimed but not done"]


def test_a_child_that_failed_and_was_passed_over_is_an_ignored_error_and_one_that_declined_is_not():
    for outcome, many in (("failed", 1), ("declined", 0)):
        run = story(None, refund())
        (one,) = asks(run, "A-1")
        answers(run, None, one, outcome)
        assert len(found(ends(run), 3)) == many, outcome


def test_no_finding_in_trees_that_went_well():
    for agent, said, given in (
        (kin.claims(), kin.models(), None),
        (kin.incident(), kin.team_models(), "why?"),
    ):
        tree = kin.played(agent, said, given)
        for entries in tree.values():
            assert detect(entries, below=tree) == ()
