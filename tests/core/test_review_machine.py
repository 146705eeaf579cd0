"""The review machine: every way through it, at random, against the rules told once more; and mistakes that are found.

What a walk looks for is in `review_model`. That it can fail is shown by small mistakes made in the core, one at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from holdfast import units
from holdfast.core import attempts, calls, decide, desk, fold, fold_calls, fold_people, policy, shares
from holdfast.core.state import MOVES
from holdfast.errors import Bug, NotAllowed
from holdfast.events import CallStarted, ContractAdopted, PersonAnswered, ProposalAmended, Resumed
from holdfast.models.scripted import call, done
from holdfast.shell.people import People
from holdfast.testing.sim.mistake import Mutant, Patch, everywhere
from tests.core.review_walk import SAID, Walk, refusing_lines
from tests.core.story import Story, order, refund
from tests.core.story import desk as made
from tests.core.walk import observed

replace = msgspec.structs.replace

STEPS, WALKS = 80, 250

REACHED = {
    ("asked", "CallJudged allow"), ("asked", "CallJudged review"), ("asked", "CallJudged refuse"), ("held", "CallJudged allow"),
    ("held", "CallJudged refuse"), ("held", "PersonAnswered approve"), ("held", "PersonAnswered deny"), ("held", "PersonAnswered answer"),
    ("held", "PersonAnswered retry"), ("held", "PersonAnswered tell"), ("held", "AskedBack"), ("held", "ProposalAmended"),
    ("cleared", "CallJudged refuse"), ("cleared", "CallJudged review"), ("cleared", "CallStarted"), ("failed", "CallJudged refuse"),
    ("failed", "CallJudged review"), ("failed", "CallStarted"), ("failed", "Resumed"), ("unsure", "CallStarted"),
    ("unsure", "DoubtRaised"), ("doubt", "CallSettled happened"), ("doubt", "CallSettled did_not"), ("doubt", "CallSettled stop"),
    ("doubt", "CallSettled retry"), ("running", "CallReturned"), ("running", "CallFailed not_done"), ("running", "CallFailed unknown"),
    ("unsure", "CallJudged refuse"),
}  # fmt: skip
"""What a call that people decide about can go through; the rest is of look-ups, late answers, children and programs."""

NOT_HERE = {"CallLookedUp", "CallReturnedLate", "ChildOpened", "ChildClosed", "ProgramCalled"}


def test_whatever_people_do_in_whatever_order_the_rules_hold(monkeypatch):
    """SEMANTICS rules 9, 10, 27, 29, 32, 33 and 34. And every refusal, every reason and every move is met on the way."""
    refused, lines, moves = Counter[str](), set[int](), set[tuple[str, str]]()

    def walks() -> None:
        for seed in range(WALKS):
            Walk(seed, refused, lines).go(STEPS)

    observed(walks, moves, monkeypatch)
    assert set(refused) == set(SAID.values()), "every reason there is to refuse is met"
    assert not refusing_lines() - lines, "every line of the desk that refuses is met"
    assert moves & COMMON == COMMON, f"every move that a review makes is met: {COMMON - moves}"


SELDOM = {
    ("doubt", "CallSettled retry"), ("failed", "Resumed"), ("unsure", "CallJudged refuse"), ("failed", "CallJudged refuse"),
    ("failed", "CallStarted"),
}  # fmt: skip
COMMON = REACHED - SELDOM


def test_what_is_to_be_reached_is_in_the_table_and_what_is_left_out_has_its_reason():
    assert set(MOVES) >= REACHED
    left = {pair for pair in set(MOVES) - REACHED if pair[1].partition(" ")[0] not in NOT_HERE}
    assert left == {("running", "CallReturned started"), ("unsure", "CallJudged review")}, (
        "long work; reads are not reviewed here"
    )


@pytest.mark.long
def test_and_over_many_more_walks(monkeypatch):
    moves = set[tuple[str, str]]()
    observed(lambda: [Walk(seed).go(STEPS) for seed in range(WALKS, 20 * WALKS)], moves, monkeypatch)
    assert moves & REACHED == REACHED, f"not reached: {REACHED - moves}"


# ------------------------------------------------------------------------------------------------ what walks have found

RULE = {"because": "people decide"}
PAY = call("refund", order="A-1", cents=400)


def held(*rules: Any, tools: Sequence[Any] = (), mode: str = "live", **terms: Any) -> Story:
    run = Story(made((refund(), {"review": list(rules), "amendable": ["cents", "order"], **terms}), *tools), mode=mode)
    run.asks_for(PAY)
    run.settle_down()
    return run


def test_a_rule_for_anybody_is_kept_beside_one_for_a_role():
    """Two people and one of finance are two people, one of them of finance."""
    run = held(RULE | {"people": 2}, RULE | {"by": "finance"})
    run.person("approve", by="fay", roles=["finance"])
    assert run.then("QuestionWithdrawn decided", "PersonAsked review").people == 2
    run.person("approve", by="rita", roles=[])
    run.then("QuestionWithdrawn decided", "CallJudged allow", "CallStarted 1")


@pytest.mark.parametrize(("more", "mode"), [([RULE], "live"), ([], "supervise")])
def test_a_rule_without_an_end_takes_no_end_away(more, mode):
    run = held(RULE | {"within": "1h"}, *more, mode=mode)
    assert run.question().asked.until == run.at + units.HOUR


def test_whoever_approved_too_long_ago_may_approve_again():
    run = Story(made(refund("send"), (refund(), {"review": [RULE | {"within": "1h"}]})))
    run.asks_for(call("send", order="A-1"), PAY)
    run.settle_down()
    run.person("approve")
    run.settle_down()
    run.after("2h").returns({"id": "s"})
    run.then("CallJudged review tools.refund.review[0]", "PersonAsked review")
    run.person("approve")
    run.then("QuestionWithdrawn decided", "CallJudged allow", "CallStarted 1")


def test_an_amendment_of_what_another_contract_showed_is_no_approval():
    """SEMANTICS rule 32."""
    run = held(RULE)
    run.adopts(made((refund(), {"review": [RULE], "amendable": ["cents"]}), instructions="Carefully."))
    run.amends(cents=4)
    run.then("QuestionWithdrawn void", "CallJudged review tools.refund.review[0]", "PersonAsked review")


def test_an_amendment_by_a_stand_in_for_anybody_is_none_for_what_a_restore_lost():
    run = held(RULE | {"within": "1h", "then": "ask: legal"})
    run.epoch += 1
    run.settle_down()
    run.after("1h").settle_down()
    run.amends(cents=4, by="lea")
    run.then("QuestionWithdrawn void", "CallJudged review tools.refund.review[0] epoch", "PersonAsked review")


def test_an_output_that_another_contract_showed_is_shown_again():
    """SEMANTICS rule 32: under the new one, and to whom that names."""
    run = Story(made(order(), done={"review": RULE}))
    run.asks_for(done(status="ok"))
    run.settle_down()
    run.adopts(made(order(), done={"review": RULE | {"by": "finance"}}))
    with pytest.raises(NotAllowed, match="has changed since this was shown"):
        run.person("approve")
    run.then(
        "QuestionWithdrawn void", "CallJudged allow", "CallJudged review done.review", "PersonAsked output finance"
    )
    run.person("approve", roles=["finance"])
    run.then("QuestionWithdrawn decided", "CallJudged allow", "RunClosed done")


def test_a_review_by_a_role_called_requester_is_for_nobody_without_it():
    run = held(RULE | {"by": "requester"})
    with pytest.raises(NotAllowed, match="this is for requester"):
        run.person("approve", roles=[])


@pytest.mark.parametrize("act", ["approve", "amend"])
def test_what_was_decided_in_time_is_no_expiry_however_late_the_run_is_driven(act):
    """SEMANTICS rule 10."""
    run = held(RULE | {"within": "1h"})
    run.at = run.question().asked.until - 1
    run.amends(cents=4) if act == "amend" else run.person("approve")
    run.after("1h").settle_down()
    assert run.call().status != "answered"
    assert [entry.event.why for entry in run.entries if hasattr(entry.event, "why")][-1] != "expired"


def test_nor_does_an_output_that_was_edited_in_time_stop_the_run():
    run = Story(made(order(), done={"review": RULE | {"within": "1h"}}))
    run.asks_for(done(status="ok"))
    run.settle_down()
    run.after("59m").amends(status="fine")
    run.after("1h").settle_down()
    assert run.state.closed is None


def test_an_amender_who_was_not_told_that_a_limit_is_passed_did_not_approve_of_passing_it():
    """SEMANTICS rule 32."""
    run = held(RULE, across={"window": "1d", "sum": "args.cents", "at_most": 1000, "else": "review"})
    run.amends(cents=4000)
    run.settle_down()
    assert run.world() == []


def test_nor_of_evidence_that_was_not_shown():
    run = Story(
        made(
            order(),
            (refund(), {"review": [RULE], "needs": {"get_order": {"order": "args.order"}}, "amendable": ["order"]}),
        )
    )
    for which in ("A-1", "A-2"):
        run.asks_for(call("get_order", order=which))
        run.settle_down()
        run.returns({"paid": which})
    run.asks_for(PAY)
    run.settle_down()
    run.amends(order="A-2")
    run.settle_down()
    assert run.world() == []


def test_what_the_machine_read_again_was_not_shown_to_the_model():
    """SEMANTICS rule 28."""
    run = Story(made(order(), (refund(), {"needs": {"get_order": {"order": "args.order"}}, "fresh": "10m"})))
    run.asks_for(call("get_order", order="A-1"))
    run.settle_down()
    run.returns({"paid": 5})
    run.asks_for(PAY)
    run.after("11m").settle_down()
    if run.world() == []:
        raise AssertionError("it is read again")
    run.returns({"paid": 0})
    run.then("CallJudged refuse fresh", "ModelAsked")
    run.answers(PAY)
    run.settle_down()
    assert run.world() != ["run refund"]


# ---------------------------------------------------------------------------------------------------------- mistakes


def _folds(kind: type, change: Callable[[Any, Any, Any, Any], Any]) -> Callable[[], Sequence[Patch]]:
    """A fold whose changes are changed: change(state, entry, event, changes)."""

    def patches() -> Sequence[Patch]:
        original = fold._FOLDS[kind]
        return [
            (fold._FOLDS, kind, lambda state, entry, event: change(state, entry, event, original(state, entry, event)))
        ]

    return patches


def _desk(name: str, change: Callable[..., Any]) -> Callable[[], Sequence[Patch]]:
    """A function of the desk that is called otherwise: change(original, *arguments)."""

    def patches() -> Sequence[Patch]:
        original = getattr(desk, name)
        return [(desk, name, lambda *given, **more: change(original, *given, **more))]

    return patches


def _policy(name: str, change: Callable[..., Any]) -> Callable[[], Sequence[Patch]]:
    def patches() -> Sequence[Patch]:
        original = getattr(policy, name)
        return everywhere(original, lambda *given, **more: change(original, *given, **more))

    return patches


def _bound_to_less(**fields: Any) -> Callable[[], Sequence[Patch]]:
    """Approvals do not bind some of what was shown."""
    return _policy(
        "binding", lambda of, state, call, judged, moment: of(replace(state, **fields), call, judged, moment)
    )


def _over(rule: Any) -> Callable[[], Sequence[Patch]]:
    return lambda: [(decide, "OVER", tuple(one for one in decide.OVER if one.__name__ != rule))]


def _both(*parts: Callable[[], Sequence[Patch]]) -> Callable[[], Sequence[Patch]]:
    return lambda: [patch for part in parts for patch in part()]


def _with_call(changes: Any, call: Any, **fields: Any) -> Any:
    return changes | {"calls": {**changes["calls"], call: replace(changes["calls"][call], **fields)}}


def _of_call(state: Any, event: Any) -> int:
    return int(state.questions[event.question].asked.call)


def _kept_votes(state: Any, entry: Any, event: Any, changes: Any) -> Any:
    old = tuple(replace(vote, digest="") for vote in state.calls[event.call].votes)
    return _with_call(changes, event.call, votes=(*old, *changes["calls"][event.call].votes))


def _anyone(of: Any, state: Any, seq: int, by: str, at: int, roles: Any = None, **more: Any) -> Any:
    return of(state, seq, by, at, None, **more)


def _many(of: Any, call: Any, digest: str, people: int, at: int, role: str = "") -> bool:
    return (
        sum(
            vote.digest in ("", digest) and role in ("", vote.role) and (not vote.until or at < vote.until)
            for vote in call.votes
        )
        >= people
    )


def _forgetting(of: Any, state: Any, *rest: Any, **more: Any) -> Any:
    return of(replace(state, calls={seq: replace(one, votes=()) for seq, one in state.calls.items()}), *rest, **more)


def _unmet_beside(of: Any, call: Any, reviews: Any, digest: str, at: int) -> Any:
    named = [review for review in reviews if review.by]
    return of(call, named or reviews, digest, at)


def _amended_by_nobody(state: Any, entry: Any, event: Any, changes: Any) -> Any:
    return changes | {"speakers": state.speakers}


def _told_everything(state: Any, entry: Any, event: Any, changes: Any) -> Any:
    asked = state.questions[event.question].asked
    voice = fold_people.Vote(event.by, "", asked.until, asked.stands_for or asked.role)
    return _with_call(changes, event.call, votes=(voice,))


def _same_reading() -> Sequence[Patch]:
    original = fold_calls._reread

    def reread(state: Any, entry: Any, call: Any) -> Any:
        known = state.calls[call.serves]
        changes = original(state, entry, call)
        if "calls" in changes:
            changes["calls"] = {**changes["calls"], known.seq: known}
        return changes

    return [(fold_calls, "_reread", reread)]


def _not_overtaken() -> Sequence[Patch]:
    rules = tuple(rule for rule in decide.DISTURBANCES if rule is not calls.overtaken)
    return [(decide, "DISTURBANCES", rules)]


def _heeds_no_stop() -> Sequence[Patch]:
    original = shares.begin

    def begin(bound: Any, state: Any, moment: Any, call: Any) -> Any:
        return original(bound, state, replace(moment, stopped_tools={}), call)

    return [(shares, "begin", begin)]


def _nobody_above() -> Sequence[Patch]:
    async def stands_apart(self: Any, run: str, by: str) -> None:
        return None

    return [(People, "_stands_apart", stands_apart)]


def _one_name() -> Sequence[Patch]:
    return [(People, "_names", lambda self, by: {by})]


def _not_judged_at_start() -> Sequence[Patch]:
    return [(attempts, "begin_write", attempts.start)]


def _expires_early() -> Sequence[Patch]:
    original = decide._expired

    def expired(bound: Any, state: Any, moment: Any) -> Any:
        return original(bound, state, replace(moment, at=moment.at + 1))

    return [(decide, "OVER", tuple(expired if one is original else one for one in decide.OVER))]


def _asks_nobody_else() -> Sequence[Patch]:
    original = decide._expired

    def expired(bound: Any, state: Any, moment: Any) -> Any:
        quiet = {seq: replace(one, asked=replace(one.asked, then="deny")) for seq, one in state.questions.items()}
        return original(bound, replace(state, questions=quiet), moment)

    return [(decide, "OVER", tuple(expired if one is original else one for one in decide.OVER))]


def _vote_for_ever(of: Any, call: Any, *rest: Any) -> Any:
    return of(replace(call, votes=tuple(replace(vote, until=0) for vote in call.votes)), *rest)


def _deny_is_kept(state: Any, entry: Any, event: Any, changes: Any) -> Any:
    if event.verdict != "deny":
        return changes
    return {"questions": {seq: one for seq, one in state.questions.items() if seq != event.question},
            "calls": {**state.calls, _of_call(state, event): replace(state.calls[_of_call(state, event)], status="cleared", votes=tuple(
                fold_people.Vote(name, "", 0, role) for name in "abc" for role in ("", "finance", "legal", "chief")))}}  # fmt: skip


def _merged(of: Any, bound: Any, state: Any, seq: int, changes: Any, *rest: Any, **more: Any) -> Any:
    asked = state.questions[seq].asked if seq in state.questions else None
    if asked is None or asked.call not in state.calls or state.calls[asked.call].status != "asked":
        return of(bound, state, seq, changes, *rest, **more)
    call = state.calls[asked.call]
    shown = {**state.calls, call.seq: replace(call, status="held", version=asked.version)}
    event = of(bound, replace(state, calls=shown), seq, changes, *rest, **more)
    return replace(event, version=call.version + 1)


def _merged_and_folded() -> Sequence[Patch]:
    original = fold_people.move

    def lenient(run: str, seq: int, status: Any, entry: str) -> Any:
        return "asked" if entry == "ProposalAmended" else original(run, seq, status, entry)

    return [*_desk("amend", _merged)(), (fold_people, "move", lenient)]


MISTAKES = (
    Mutant("votes_survive_an_amendment", "33", "voices for other arguments count", _folds(ProposalAmended, _kept_votes)),
    Mutant("expiry_is_too_late", "10", "an answer counts at its very end", _desk(
        "question", lambda of, state, seq, by, at, *rest, **more: of(state, seq, by, at - 1, *rest, **more))),
    Mutant("expiry_is_too_early", "10", "a question ends 1 µs before its time", _expires_early),
    Mutant("never_expires", "10", "a question stays open past its end", _over("_expired")),
    Mutant("nobody_else_is_asked", "32", "no next role is asked", _asks_nobody_else),
    Mutant("votes_never_end", "32", "an approval counts after its expiry", _policy("approved", _vote_for_ever)),
    Mutant("nobody_above", "33", "who opened the run above may approve", _nobody_above),
    Mutant("one_name", "33", "who opened it may approve by another name", _one_name),
    Mutant("claim_ignored", "32", "a claim holds nobody off", _desk(
        "question", lambda of, *given, **more: of(*given, **{**more, "over": True}))),
    Mutant("role_not_checked", "32", "anybody decides for any role", _desk("question", _anyone)),
    Mutant("own_approval", "33", "who opened or spoke may approve", _desk(
        "question", lambda of, state, *rest, **more: of(replace(state, speakers=frozenset()), *rest, **more))),
    Mutant("amender_may_approve", "33", "an amender decides further", _folds(ProposalAmended, _amended_by_nobody)),
    Mutant("contract_not_bound", "32", "an approval is for any contract", _bound_to_less(contract_digest="")),
    Mutant("adoption_voids_nothing", "32", "voices outlive a contract", _both(_bound_to_less(contract_digest=""), _folds(
        ContractAdopted, lambda state, entry, event, changes: changes | {"calls": state.calls}))),
    Mutant("restore_not_bound", "7, 32", "an approval from before a restore counts", _bound_to_less(epoch=0)),
    Mutant("heard_not_bound", "29, 32", "a write starts over a message", _both(_bound_to_less(said=0), _not_overtaken)),
    Mutant("evidence_not_bound", "34", "other evidence than was shown will do", _both(_same_reading, _policy(
        "binding", lambda of, state, call, judged, moment: of(state, call, replace(judged, evidence=()), moment)))),
    Mutant("across_not_bound", "32", "an approval is for passing a limit too", _policy(
        "binding", lambda of, state, call, judged, moment: of(state, call, replace(judged, shares=()), moment))),
    Mutant("one_voice_twice", "33", "one person is two", _both(_desk("answer", _forgetting), _policy("approved", _many))),
    Mutant("any_one_will_do", "32", "two people are one", _policy(
        "approved", lambda of, call, digest, people, *rest: of(call, digest, 1, *rest))),
    Mutant("unnamed_rule_forgotten", "C3", "a rule of anybody falls away beside a named one", _policy("unmet_review", _unmet_beside)),
    Mutant("longest_time", "32", "of two rules the one that leaves more time counts", lambda: [
        (policy, "_time", lambda review: -(review.within or 0))]),
    Mutant("used_twice", "32", "an approval is used for a second start", _folds(CallStarted, lambda state, entry, event, changes:
        _with_call(changes, event.call, votes=state.calls[event.call].votes))),
    Mutant("deny_is_no_end", "33", "a call that was denied starts", _folds(PersonAnswered, _deny_is_kept)),
    Mutant("anything_is_amendable", "33", "what the contract fixes is changed", lambda: [
        (desk, "amendable_of", lambda state, call: ["cents", "order"])]),
    Mutant("amendments_add_up", "33", "a change is laid over one that was not shown", _merged_and_folded),
    Mutant("amender_was_told", "7, 32", "an amender's voice is for what they were not shown", _folds(ProposalAmended, _told_everything)),
    Mutant("not_judged_again", "27, 32", "a write starts as it was judged before", _not_judged_at_start),
    Mutant("stale_is_decided", "32", "a page from before a change is decided", _desk("_as_shown", lambda of, *given: None)),
    Mutant("stop_ignored", "35", "a stopped tool is used", _heeds_no_stop),
    Mutant("pause_ignored", "35", "a paused run goes on", _folds(decide.Paused, lambda state, entry, event, changes: {})),
    Mutant("calendar_ignored", "32", "time runs at night", lambda: [
        (attempts, "stands_until", lambda state, role, at, within: at + within if within else 0)]),
    Mutant("expired_voice_blocks", "32", "who approved too early may not approve again", _desk("answer", lambda of, state, seq, verdict, by, at, *rest:
        of(replace(state, calls={seq: replace(one, votes=tuple(replace(vote, until=0) for vote in one.votes))
            for seq, one in state.calls.items()}), seq, verdict, by, at, *rest))),
    Mutant("restore_voids_nothing", "7", "voices outlive a restore", _both(_bound_to_less(epoch=0), _folds(
        Resumed, lambda state, entry, event, changes: changes | {"calls": state.calls} if event.epoch else changes))),
)  # fmt: skip

SOON = {
    "votes_survive_an_amendment",
    "expiry_is_too_late",
    "claim_ignored",
    "role_not_checked",
    "nobody_above",
    "any_one_will_do",
}
SEEDS = 600
"""Walks in which each mistake has to show."""


def caught_at(mistake: Mutant) -> int | None:
    """The first walk that finds a mistake."""
    with mistake.made():
        for seed in range(SEEDS):
            try:
                Walk(seed).go(STEPS)
            except (AssertionError, Bug):
                return seed
    return None


def test_each_mistake_has_a_name_of_its_own_and_is_undone():
    assert len({one.name for one in MISTAKES}) == len(MISTAKES)
    before = dict(vars(desk)), dict(vars(policy)), dict(fold._FOLDS), decide.OVER
    for one in MISTAKES:
        with one.made():
            pass
    assert before == (dict(vars(desk)), dict(vars(policy)), dict(fold._FOLDS), decide.OVER)


@pytest.mark.parametrize("mistake", [one for one in MISTAKES if one.name in SOON], ids=lambda one: one.name)
def test_a_mistake_is_found(mistake):
    assert caught_at(mistake) is not None, mistake.what


@pytest.mark.long
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: one.name)
def test_every_mistake_is_found(mistake):
    assert caught_at(mistake) is not None, mistake.what
