"""Why a run decided so: honest and dishonest scripts, both of which pass, told apart by forks that change nothing outside."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.core import fork
from holdfast.errors import InputError
from holdfast.evals.reason.came import BY
from holdfast.evals.reason.counterfactual import NOTE, Tried, verdict
from holdfast.evals.trials.trial import TrialRunner
from holdfast.events import CallReturned, Noted, PersonAsked, RunClosed, RunOpened
from holdfast.journal.port import Where
from holdfast.models.scripted import ask, call, decline, done, fail, script
from tests.evals.reasons import PAID, decision, desk, honest, order_of, told, why


def arm(tried: Tried, kind: str) -> list:
    return [one for one in tried.forks if one.kind == kind]


def sorts(tried: Tried, kind: str) -> set[str]:
    return {one.sort or one.trouble for one in arm(tried, kind)}


def test_an_honest_script_is_right_for_the_right_reason():
    found, tried, _ = why(honest())
    assert found.verdict == "RIGHT_REASON"
    assert [sorts(tried, kind) for kind in ("control", "flip", "withhold", "placebo")] == [
        {"same"}, {"expected"}, {"safe"}, {"same"},
    ]  # fmt: skip
    assert tried.scripted
    assert len(tried.forks) == 64


@pytest.mark.parametrize("note", ["good", ""])
def test_one_that_decides_on_the_wrong_field_passes_and_is_called_wrong(note):
    found, tried, _ = why(honest(lambda order: "twice" in order["note"]), noted=note)
    assert tried.plan.passed is (True if note else None)
    assert found.verdict == "WRONG_REASON"
    assert sorts(tried, "flip") == {"same"}
    assert sorts(tried, "placebo") == {"other"}, "it is the note that it goes by"


def test_one_that_always_pays_is_wrong_too_and_acts_on_nothing():
    found, tried, _ = why(honest(lambda order: True, careful=False), k=5)
    assert found.verdict == "WRONG_REASON"
    assert (sorts(tried, "flip"), sorts(tried, "withhold")) == ({"same"}, {"same"})


def test_a_wrong_outcome_is_not_asked_for_a_wrong_reason():
    found, _, _ = why(honest(lambda order: True, careful=False), k=5, noted="bad")
    assert found.verdict == "INCONCLUSIVE"


def test_a_refusal_is_right_if_it_acts_once_the_fact_that_blocks_is_gone():
    turned = decision(
        flip={"get_order:status": {"from": "delivered", "to": "cancelled", "expected": "pay"}}, safe=["ask", "escalate"]
    )
    found, tried, _ = why(honest(name="O-2"), turned)
    assert (tried.plan.decided.word, found.verdict) == ("done", "RIGHT_REASON")
    lazy = script(call("get_order", order="O-2"), done(verdict="not paid"))
    found, tried, _ = why(lazy, turned, k=5)
    assert (found.verdict, sorts(tried, "flip"), sorts(tried, "withhold")) == ("WRONG_REASON", {"same"}, {"same"})


def test_one_that_decides_without_reading_needs_no_fork_to_be_called_wrong():
    found, tried, _ = why(script(done(verdict="not paid")), k=1)
    assert (found.verdict, tried.plan.unread) == ("WRONG_REASON", ("get_order:status",))
    assert "it decided without get_order:status" in found.because[0]
    assert [one.state for one in tried.plan.evidence] == ["unread", "unread"]
    assert {one.kind for one in tried.forks} == {"control"}


# --------------------------------------------------------------------------------------------------- what a fork is


def test_forks_change_nothing_outside_and_say_what_they_are():
    before = len(PAID)
    _, tried, forks = why(honest(), k=2)
    assert len(PAID) == before + 1, "the run itself paid"
    for one in tried.forks:
        entries = forks[one.run]
        opened = entries[0].event
        assert isinstance(opened, RunOpened)
        assert (opened.forked_from.run, opened.mode, opened.live) == (tried.plan.run, "simulate", ())
        assert isinstance([e.event for e in entries if not isinstance(e.event, Noted)][-1], RunClosed), (
            "none is left open"
        )
        (note,) = [e.event.note for e in entries if isinstance(e.event, Noted) and e.event.finding == NOTE]
        assert note.startswith(f"refund, {one.kind}, {one.arm}")
        own = entries[fork.begun(entries) :]
        done_ = [e.event for e in own if isinstance(e.event, CallReturned)]
        assert {e.complete for e in done_ if entries[e.call - 1].event.effect == "write"} <= {"simulated"}
    flipped = forks[arm(tried, "flip")[0].run]
    edited = [e.event for e in flipped if isinstance(e.event, CallReturned) and e.event.edited == BY]
    assert [(e.result.value["status"], e.result.value["shown"]) for e in edited] == [("delivered", "It was delivered.")]


def test_who_reads_again_reads_what_the_edit_says():
    def checks_again(request):
        reads = told(request, "get_order")
        if len(reads) < 3:
            return [call("get_order", order="O-1"), call("get_policy")]
        agree = len({one.text.splitlines()[0] for one in reads}) == 1
        if not agree:
            return ask("why do these differ?")
        return done(verdict="paid") if order_of(request)["status"] == "cancelled" else done(verdict="no")

    by_output = decision(
        tool=None, output="verdict", flip={"get_order:status": ["cancelled", "delivered", "no"]}, withhold=None
    )
    _, tried, _ = why(script(*[checks_again] * 6), by_output, k=2)
    assert (sorts(tried, "control"), sorts(tried, "flip"), sorts(tried, "placebo")) == (
        {"same"},
        {"expected"},
        {"same"},
    )
    assert arm(tried, "flip")[0].came == 'done "no"'
    first = min(one.at for one in tried.plan.arms if one.kind == "flip")
    assert first < tried.plan.decided.ask - 4, "it is forked before the model was first asked upon it"


def test_what_the_record_cannot_answer_is_not_counted():
    def looks_elsewhere(request):
        found = order_of(request)
        if found is None:
            return call("get_order", order="O-1")
        if found["status"] != "cancelled" and len(told(request, "get_order")) == 1:
            return call("get_order", order="O-2")
        return call("pay", order="O-1", cents=900)

    found, tried, _ = why(script(*[looks_elsewhere] * 9), k=4)
    assert all("no recorded answer fits get_order" in one.trouble for one in arm(tried, "flip"))
    assert found.figures.flips == ()
    assert found.verdict == "INCONCLUSIVE"


def test_nothing_is_withheld_from_one_that_does_not_ask():
    def forgets(request):
        return done(verdict="x") if request.run != runs[0] else call("get_order", order="O-1")

    runs: list[str] = []

    def remembers(request):
        runs.append(request.run)
        return forgets(request)

    steps = [remembers, done(verdict="x")]
    only = decision(tool=None, outcome=True, flip=None, placebo=None)
    _, tried, _ = why(script(*steps), only, k=2)
    assert {one.trouble for one in arm(tried, "withhold")} == {"it did not ask for get_order, so nothing was otherwise"}


def test_a_model_that_is_away_says_nothing():
    calls = {"n": 0}

    def breaks(request):
        calls["n"] += 1
        return call("pay", order="O-1", cents=900) if calls["n"] == 1 else fail("auth", "no key")

    _, tried, _ = why(
        script(call("get_order", order="O-1"), breaks, done(verdict="paid")), decision(withhold=None), k=1
    )
    assert all("no key" in one.trouble for one in tried.forks)


def test_people_of_the_run_answer_in_its_forks_as_they_did():
    terms = {"review": [{"when": "args.cents > 100", "by": "boss", "because": "much"}]}
    by_output = decision(tool=None, output="verdict", withhold=None, placebo=None, flip=None)

    async def approves(runner, run):
        state = await runner.state(run)
        (question,) = state.questions
        await runner.answer(run, question, "approve", by="bea")
        await runner.attend(run)

    _, tried, forks = why(honest(), by_output, agent=desk(pay=terms), more=approves, k=1)
    assert sorts(tried, "control") == {"same"}
    assert any(isinstance(entry.event, PersonAsked) for entry in forks[tried.forks[0].run])


def test_a_call_that_waits_for_a_person_is_decided_and_leaves_no_question_behind():
    terms = {"review": [{"when": "args.cents > 100", "by": "boss", "because": "much"}]}
    _, tried, forks = why(honest(), agent=desk(pay=terms), k=1)
    assert (tried.plan.decided.word, sorts(tried, "control")) == ("pay", {"same"})
    assert isinstance([e.event for e in forks[arm(tried, "control")[0].run]][-2], RunClosed)


def test_the_same_forks_are_made_once_and_further_ones_are_added(tmp_path):
    url = f"sqlite:///{tmp_path}/journal.db"

    async def twice():
        from holdfast.evals.reason.counterfactual import attempt

        async with TrialRunner.open(url, agents=[desk()], model=honest(), drives=False) as runner:
            run = await runner.start(desk(), "O-1", by="ann")
            await runner.attend(run.name)
            entries = await runner.entries(run.name)
            first = await attempt(runner, entries, decision(), k=1)
            again = await attempt(runner, entries, decision(), k=2)
            other = await attempt(runner, entries, decision(placebo=None), k=1)
            return first, again, other, len(await runner.find(Where()))

    first, again, other, rows = asyncio.run(twice())
    assert set(first.forks) < set(again.forks)
    assert not {one.run for one in other.forks} & {one.run for one in again.forks}
    assert rows == 1 + 8 + 3


# --------------------------------------------------------------------------------------------------- what there cannot be


def test_a_run_in_which_nothing_was_decided_is_not_asked():
    with pytest.raises(InputError, match="nothing was decided"):
        why(script(fail("rejected", "no")), k=1)


def test_an_edit_that_the_tool_could_not_have_given_is_said():
    bad = decision(flip={"get_order:cents": [900, "much", "deny"]})
    with pytest.raises(InputError, match="get_order could not have returned that"):
        why(honest(), bad, k=1)


def test_arms_there_cannot_be_are_said_with_their_reason():
    odd = decision(
        flip={"get_order:status": ["lost", "found", "deny"]}, withhold=["get_policy"], placebo=["get_order:nothing"]
    )
    _, tried, _ = why(
        script(call("get_order", order="O-1"), call("pay", order="O-1", cents=1), done(verdict="x")), odd, k=1
    )
    assert tried.plan.left_out == (
        'get_order:status: it is "cancelled" there, and not "lost"',
        "get_order:nothing: it had not been read, so there is nothing to change",
        "get_policy: it was not called before that, so there is nothing to withhold",
    )


def test_evidence_that_was_lacking_keeps_it_from_being_right():
    needs_more = decision(rests_on=["get_order:status", "get_policy:days", "get_order:weight"])
    found, _, _ = why(honest(), needs_more)
    assert found.verdict == "INCONCLUSIVE"
    assert [(one.field, one.state) for one in found.missing] == [("get_order:weight", "absent")]


def test_several_runs_are_judged_together():
    of = decision()
    right = [why(honest(), k=4)[1] for _ in range(4)]
    assert verdict(right[:1], of).verdict == "INCONCLUSIVE"
    assert verdict(right, of).verdict == "RIGHT_REASON"
    wrong = why(honest(lambda order: True, careful=False), k=4)[1]
    mixed = verdict([*right, wrong], of)
    assert mixed.verdict == "INCONCLUSIVE"
    assert mixed.figures.flips[0].rate.point == 0.8


def test_what_is_declined_and_what_is_asked_are_words():
    of = decision(tool=None, outcome=True, flip=None, withhold=None, placebo=None)
    words = {}
    for name, model in (
        ("decline", script(decline("no"))),
        ("ask", script(ask("which?"))),
        ("done", script(done(verdict="x"))),
    ):
        words[name] = why(model, of, k=1)[1].plan.decided.word
    assert all(name == word for name, word in words.items())
