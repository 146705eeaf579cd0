"""Replay: what is the same is said to be, what differs is named, and what cannot be decided again is counted with its reason."""

from __future__ import annotations

import msgspec
import pytest

from holdfast import tool, units
from holdfast.cli.agents import load_folder
from holdfast.core import decide as deciding
from holdfast.core import limits, policy
from holdfast.core.fold import fold_all
from holdfast.core.fork import fork
from holdfast.core.state import Moment
from holdfast.events import (
    BodiesErased,
    CallJudged,
    CallStarted,
    Checkpointed,
    Entry,
    Erased,
    Inline,
    ModelAsked,
    OutputRejected,
    RunOpened,
    Unknown,
)
from holdfast.models.scripted import call, done
from holdfast.testing.sim.play import play
from holdfast.views import replay
from holdfast.views.decided import said
from holdfast.views.replay import Replay, batches
from tests.core.judged import LOOK, NEEDS
from tests.core.story import DEAR, SECRET, Story, desk, order, refund
from tests.golden import store

PAY = call("refund", order="A-1", cents=400)
REVIEW = {"review": [{"when": "args.cents > 300", "by": "finance", "because": "big sums need a person"}]}


def again(run, *, code=True, secret=SECRET, entries=None):
    return Replay([run.agent] if code else []).of(entries or run.entries, secret)


def paid(terms=None, **more):
    """A run that reads, writes and ends."""
    run = Story(desk(order(), (refund(**more), NEEDS | (terms or {}))))
    run.asks_for(LOOK)
    run.settle_down()
    run.returns({"paid": 500})
    run.asks_for(PAY)
    run.settle_down()
    return run


def ended(run):
    run.returns({"id": "re_1"})
    run.asks_for(done(status="paid"))
    run.settle_down()
    return run


def edited(entries, seq, **changes):
    """The same entries, one of them changed."""
    return [
        msgspec.structs.replace(one, event=msgspec.structs.replace(one.event, **changes)) if one.seq == seq else one
        for one in entries
    ]


# --------------------------------------------------------------------------------------------------- what is the same


@pytest.mark.parametrize("code", [True, False])
def test_honest_run_comes_out_the_same_with_the_code_and_without(code):
    run = ended(paid(keyed=True))
    found = again(run, code=code)
    assert (found.divergence, found.undecided, found.same) == (None, {}, found.batches)
    assert found.batches == 6
    assert bool(found.assumed) is not code


@pytest.mark.parametrize("code", [True, False])
def test_day_at_the_desk_comes_out_the_same(request, code):
    day = request.getfixturevalue("desk")
    agents = [load_folder("examples/refund_desk").agent] if code else []
    for key, entries in day.items():
        found = Replay(agents).of(entries, None)
        assert found.divergence is None, (key, found.divergence)


@pytest.mark.parametrize("seed", range(3, 60, 8))
def test_simulated_lives_come_out_the_same_from_the_journal_alone(seed):
    history = play(seed, decisions=False).history
    for run, entries in history.runs.items():
        found = Replay().of(entries, history.secrets[run])
        assert found.divergence is None
        assert set(found.undecided) <= {replay.WEIGHT}


def test_facts_are_in_no_batch():
    run = ended(paid())
    every = [entry.seq for batch in batches(run.entries) for entry in batch]
    facts = {entry.seq for entry in run.entries} - set(every)
    assert facts == {entry.seq for entry in run.entries if not entry.cause}


# --------------------------------------------------------------------------------------------------- what is otherwise


def test_changed_policy_is_found_in_each_run_it_concerns_and_named(monkeypatch):
    """The threshold of a review, as if the code read another one out of the same contract."""
    runs = store.load(next(path for path in store.files() if path.name == "kiosk.jsonl"))
    judge, words = policy.judge, "big sums need two people"

    def lenient(bound, state, call_, moment):
        found = judge(bound, state, call_, moment)
        kept = tuple(one for one in found.reviews if one.because != words)
        rules = tuple(one for one in found.rules if one.because != words)
        verdict = max((one.verdict for one in rules), key=["allow", "review", "refuse"].index, default="allow")
        return msgspec.structs.replace(found, reviews=kept, rules=rules, verdict=verdict)

    assert all(Replay().of(one.entries, one.secret).divergence is None for one in runs)
    monkeypatch.setattr(policy, "judge", lenient)
    wrong = {one.run: found for one in runs if (found := Replay().of(one.entries, one.secret).divergence)}
    concerned = {
        one.run: entry.seq for one in reversed(runs) for entry in reversed(one.entries)
        if isinstance(entry.event, CallJudged) and any(fired.because == words for fired in entry.event.rules)
    }  # fmt: skip
    assert {run: one.seq for run, one in wrong.items()} == concerned
    assert len(concerned) > 2
    assert all(words in one.stands and words not in one.now for one in wrong.values())
    assert {one.now.split(" ", 2)[2] for one in wrong.values()} >= {"is allowed"}


def test_changed_verdict_is_found_at_its_entry():
    run = ended(paid())
    call_, seq = next((one.event.call, one.seq) for one in run.entries[8:] if isinstance(one.event, CallJudged))
    for code in (True, False):
        found = again(run, code=code, entries=edited(run.entries, seq, verdict="review"))
        assert (found.divergence.run, found.divergence.seq) == ("r_1", seq)
        assert found.divergence.stands == f"call {call_} goes before a person"
        assert found.divergence.now == f"call {call_} is allowed"
        assert [one.field for one in found.divergence.fields] == ["verdict"]
        assert found.same + 1 + found.after == found.batches


def test_only_the_first_divergence_is_told_and_what_follows_is_counted(monkeypatch):
    run = ended(paid())
    monkeypatch.setattr(deciding, "ASK_TIMEOUT", 60 * units.SECOND)
    found = again(run)
    assert (found.divergence.seq, found.same, found.after) == (2, 0, found.batches - 1)
    assert found.divergence.stands == found.divergence.now == "first is asked for step 1, attempt 1"
    (field,) = found.divergence.fields
    assert field.field == "until"
    assert field.stands != field.now


def test_decision_that_would_not_be_made_any_more_and_one_more_are_both_found():
    run = ended(paid())
    last = run.entries[-1]
    more = Entry(last.run, last.seq + 1, last.at, last.cause, last.actor, OutputRejected(last.cause, "no"))
    found = again(run, entries=[*run.entries, more])
    assert (found.divergence.seq, found.divergence.now) == (last.seq + 1, "nothing")
    short = again(run, entries=run.entries[:-1])
    assert (short.divergence.seq, short.divergence.stands) == (last.seq, "nothing")
    assert short.divergence.now == "the run ends as done: the task was finished"


def test_entry_that_the_fold_does_not_accept_any_more_is_a_divergence():
    run = ended(paid())
    seq = next(entry.seq for entry in run.entries if type(entry.event).__name__ == "CallReturned")
    found = again(run, entries=edited(run.entries, seq, call=3))
    assert found.divergence.seq == seq
    assert "not accepted: there is no open call 3" in found.divergence.now


def test_batch_that_was_decided_at_another_entry_is_found():
    run = ended(paid())
    late = list(batches(run.entries))[2][0].cause
    entries = [msgspec.structs.replace(one, cause=1) if one.cause == late else one for one in run.entries]
    assert "decided at entry 1" in again(run, entries=entries).divergence.stands


@pytest.mark.parametrize("text", ["given up after 3 attempts", "given up after 2 attempts"])
def test_what_is_guessed_of_a_tool_hides_no_other_difference(text):
    """How often it is tried again stands in code that is not here; what is said when it is given up does not."""
    run = Story(desk(order(), (refund(times=1), {}), surprises={"exhausted": "tell"}))
    run.asks_for(PAY)
    run.settle_down()
    for _ in range(2):
        run.breaks("not_done")
        run.after("10s").settle_down()
    entry = next(one for one in reversed(run.entries) if isinstance(one.event, CallJudged))
    assert entry.event.rules[0].rule == "surprises.exhausted"
    rules = (msgspec.structs.replace(entry.event.rules[0], because=text),)
    found = again(run, code=False, entries=edited(run.entries, entry.seq, rules=rules))
    assert (found.divergence is None) is (rules == entry.event.rules)
    assert not found.undecided


# ------------------------------------------------------------------------------------------- what cannot be decided again


def test_python_predicate_is_needed_and_is_called_only_if_it_is_the_same_one():
    def cheap(names):
        return names["args"]["cents"] < 500

    run = Story(desk((refund(), {"must": [{"check": "cheap", "because": "cheap only"}]}), predicates=[cheap]))
    run.asks_for(PAY)
    run.settle_down()
    assert again(run).undecided == {}
    assert again(run, code=False).undecided == {"the predicate cheap is Python code, which is not here": 1}
    run.agent.predicates["cheap"] = lambda names: True
    assert again(run).undecided == {"the predicate cheap is another one than then": 1}


def test_tool_whose_signature_changed_is_taken_as_it_was_recorded():
    run = ended(paid())

    def other(order: str, cents: int = 0, reason: str = "") -> dict:
        """The same tool, with one more argument."""
        raise NotImplementedError

    agent = desk(order(), (tool.write(timeout=20, name="refund")(other), NEEDS))
    found = Replay([agent]).of(run.entries, SECRET)
    assert (found.divergence, found.undecided) == (None, {})
    assert found.assumed[replay.CODE]


def test_without_the_secret_digests_are_not_compared_and_approvals_are_undecided():
    run = paid(REVIEW, keyed=True)
    run.person("approve", by="fin")
    run.settle_down()
    ended(run)
    assert again(run).undecided == {}
    found = again(run, secret=None)
    assert (found.divergence, found.undecided) == (None, {replay.KEYED: 1})
    assert found.assumed[replay.DIGESTS] > 2
    seq = next(one.seq for one in run.entries if isinstance(one.event, CallStarted) and one.event.key)
    assert again(run, entries=edited(run.entries, seq, key="0" * 32)).divergence.seq == seq
    assert (
        again(run, secret=None, entries=edited(run.entries, seq, key="")).divergence is None
    )  # it rests on an approval
    plain = ended(paid(keyed=True))
    seq = next(one.seq for one in plain.entries if isinstance(one.event, CallStarted) and one.event.key)
    assert again(plain, secret=None, entries=edited(plain.entries, seq, key="")).divergence.seq == seq


def test_what_rests_on_erased_bodies_is_counted_and_what_came_before_is_decided():
    run = ended(paid())
    seq = next(one.seq for one in run.entries if type(one.event).__name__ == "CallReturned")
    entries = edited(run.entries, seq, result=Erased("b1", 9))
    entries.append(Entry("r_1", len(entries) + 1, run.at, 0, "dpo", BodiesErased("dpo", "asked", ("b1",))))
    found = again(run, entries=entries, secret=None)
    assert found.divergence is None
    assert (found.same, found.undecided) == (2, {replay.ERASED: 4})
    aside = [msgspec.structs.replace(one, aside="b1") if one.seq == 3 else one for one in entries]
    assert again(run, entries=aside, secret=None).undecided == {replay.ERASED: 5}


def test_entry_of_an_unknown_kind_ends_what_can_be_decided():
    run = ended(paid())
    strange = msgspec.structs.replace(run.entries[6], event=Unknown("Sung", b"{}"), cause=0)
    found = again(run, entries=[*run.entries[:6], strange, *run.entries[7:]])
    assert found.divergence is None
    assert found.undecided == {replay.UNKNOWN: found.batches - 2}
    newer = edited(run.entries, 1, versions={"fold": "99"})
    assert again(run, entries=newer).undecided == {replay.UNKNOWN: again(run).batches}


def test_what_a_fork_inherited_is_another_runs():
    run = ended(paid())
    begun = list(fork(run.entries[:9], "r_2", by="ann", at=run.at))
    found = Replay([run.agent]).of(begun, SECRET)
    assert found.divergence is None
    assert found.undecided == {replay.INHERITED: found.batches}
    state = fold_all(begun)
    moment = Moment(at=run.at, worker="w2", secret=SECRET)
    for event in deciding.decide(run.bound, state, moment):
        begun.append(Entry("r_2", len(begun) + 1, run.at, state.seq, "w2", event))
    assert Replay([run.agent]).of(begun, SECRET).same == 1


def test_audit_run_holds_no_decisions_of_an_agent():
    entry = Entry("audit", 1, 1, 0, "auditor", Checkpointed("note", b""))
    assert Replay().of([entry], None).undecided == {replay.AUDIT: 1}
    assert Replay().of([], None).batches == 0


def test_limit_of_money_needs_the_weight_of_what_the_code_says():
    run = Story(desk(order(), limits={"usd": "0.0019"}), prices={"first": DEAR})
    run.settle_down()
    assert type(run.entries[1].event).__name__ == "LimitReached"
    assert again(run).undecided == {}
    assert again(run, code=False).undecided == {replay.WEIGHT: 1}


def test_reservation_that_a_model_told_itself_is_taken_from_the_entry():
    run = Story(desk(order(), limits={"usd": "0.01"}))
    run.quotes = {"first": 4_000_000}
    run.asks_for(LOOK, cost=4_000_000)
    run.settle_down()
    run.returns({"paid": 5})
    run.asks_for(LOOK, cost=4_000_000)
    run.settle_down()
    run.returns({"paid": 5})
    run.settle_down()
    assert run.last(ModelAsked).reserved == 4_000_000
    assert run.last(limits.LimitReached).why == "the next answer would pass it"
    found = again(run)
    assert (found.divergence, found.undecided) == (None, {})
    priced = edited(run.entries, 1, prices={"first": DEAR})
    assert again(run, entries=edited(priced, 2, reserved=3_999_999)).divergence.fields


def test_reservation_by_price_is_compared():
    run = Story(desk(order()), prices={"first": DEAR})
    run.asks_for(LOOK)
    seq, event = next((one.seq, one.event) for one in run.entries if isinstance(one.event, ModelAsked))
    changed = edited(run.entries, seq, reserved=event.reserved + 1)
    assert [one.field for one in again(run, entries=changed).divergence.fields] == ["reserved"]
    assert again(run, code=False, entries=changed).divergence is None  # what the tools weigh is not known


def test_every_decision_has_words():
    seen = set()
    for seed in range(0, 40, 5):
        for entries in play(seed, decisions=False).history.runs.values():
            for batch in batches(entries):
                for entry in batch:
                    seen.add(type(entry.event).__name__)
                    assert said(entry.event) != type(entry.event).__name__
    assert len(seen) > 9
    assert said(None) == "nothing"


def test_run_that_begins_otherwise_is_no_run():
    entry = Entry("r_1", 1, 1, 0, "w", OutputRejected(1, "no"))
    assert "a run begins with RunOpened" in Replay().of([entry], None).divergence.now
    opened = RunOpened("a", Inline({}), "d", Inline(None), "x")
    broken = [Entry("r_1", 1, 1, 0, "x", opened), Entry("r_1", 2, 1, 1, "w", OutputRejected(1, "no"))]
    assert "it breaks" in Replay().of(broken, None).divergence.now
