"""Mistakes about endings, people and limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from holdfast.core import decide, desk, ending, fold, fold_people, limits, output, policy
from holdfast.core.state import CallState
from holdfast.events import CancelAsked, ModelFailed, Paused, ProposalAmended, RunClosed
from holdfast.testing.sim.mistake import Mutant, Patch

replace = msgspec.structs.replace


def _closed_over_a_write() -> Sequence[Patch]:
    original = ending.end

    def end(bound: Any, state: Any, moment: Any) -> Any:
        events = original(bound, state, moment)
        why = ending.why(bound, state)
        waits = any(call.effect == "write" and call.status == "running" for call in state.calls.values())
        return [RunClosed(why.outcome, why.reason)] if why is not None and not events and waits else events

    return [(ending, "end", end)]


def _unresolved_forgotten() -> Sequence[Patch]:
    original = ending.end

    def end(bound: Any, state: Any, moment: Any) -> Any:
        return [
            replace(event, unresolved=()) if isinstance(event, RunClosed) else event
            for event in original(bound, state, moment)
        ]

    return [(ending, "end", end)]


def _cut_answer_admitted() -> Sequence[Patch]:
    return [(output, "_UNFINISHED", {})]


def _epoch_ignored() -> Sequence[Patch]:
    return [(decide, "OVER", tuple(rule for rule in decide.OVER if rule is not decide._new_epoch))]


def _approval_for_any_version() -> Sequence[Patch]:
    original = fold_people.amended

    def amended(state: Any, entry: Any, event: Any) -> Any:
        changes = original(state, entry, event)
        call = changes["calls"][event.call]
        votes = (*state.calls[event.call].votes, *call.votes)
        return changes | {"calls": {**changes["calls"], event.call: replace(call, votes=votes)}}

    def approved(call: CallState, digest: str, people: int, at: int, role: str = "") -> bool:
        return len({vote.by for vote in call.votes}) >= people

    return [(fold._FOLDS, ProposalAmended, amended), (policy, "approved", approved)]


def _own_approval() -> Sequence[Patch]:
    original = desk.question

    def question(state: Any, *rest: Any) -> Any:
        return original(replace(state, speakers=frozenset()), *rest)

    return [(desk, "question", question)]


def _too_late_approval() -> Sequence[Patch]:
    original = desk.question

    def question(state: Any, seq: int, by: str, at: int, *rest: Any) -> Any:
        return original(state, seq, by, 0, *rest)

    return [(desk, "question", question)]


def _reservation_not_charged() -> Sequence[Patch]:
    original = limits.quote

    def quote(*about: Any) -> Any:
        quoted = original(*about)
        return replace(quoted, nusd=0) if isinstance(quoted, limits.Quote) else quoted

    return [(limits, "quote", quote)]


def _uncounted() -> Sequence[Patch]:
    original = policy._Judge._counts

    def counts(self: Any) -> Any:
        return (fired for fired in original(self) if "at_most" not in fired.rule)

    return [(policy._Judge, "_counts", counts)]


def _one_voice_twice() -> Sequence[Patch]:
    original = desk.answer

    def answer(state: Any, *rest: Any, **more: Any) -> Any:
        forgotten = {seq: replace(call, votes=()) for seq, call in state.calls.items()}
        return original(replace(state, calls=forgotten), *rest, **more)

    def approved(call: CallState, digest: str, people: int, at: int, role: str = "") -> bool:
        return sum(vote.digest in ("", digest) and role in ("", vote.role) for vote in call.votes) >= people

    return [(desk, "answer", answer), (policy, "approved", approved)]


def _cancel_unheard() -> Sequence[Patch]:
    return [(fold._FOLDS, CancelAsked, lambda state, entry, event: {})]


def _paused_goes_on() -> Sequence[Patch]:
    return [(fold._FOLDS, Paused, lambda state, entry, event: {})]


def _closed_unheard() -> Sequence[Patch]:
    def conclude(bound: Any, state: Any, moment: Any) -> Any:
        return output.conclude(bound, replace(state, said=state.heard), moment)

    return [(decide, "TURN", tuple(conclude if rule is output.conclude else rule for rule in decide.TURN))]


def _lost_request_forgotten() -> Sequence[Patch]:
    original = decide._lost

    def lost(bound: Any, state: Any, moment: Any) -> Any:
        return [
            replace(event, unsettled=0) if isinstance(event, ModelFailed) else event
            for event in original(bound, state, moment)
        ]

    return [(decide, "OVER", tuple(lost if rule is original else rule for rule in decide.OVER))]


def _no_ceiling() -> Sequence[Patch]:
    return [(limits, "reached", lambda *_, **__: None)]


PEOPLE: Final = (
    Mutant("closed_over_a_write", "35", "a run closes while a write is running", _closed_over_a_write),
    Mutant("unresolved_forgotten", "35", "the end does not list what nobody could settle", _unresolved_forgotten),
    Mutant("closed_unheard", "29", "a run closes over a message that nobody heard", _closed_unheard),
    Mutant("cancel_unheard", "35", "a run that is cancelled goes on", _cancel_unheard),
    Mutant("paused_goes_on", "35", "a run that is paused goes on", _paused_goes_on),
    Mutant("cut_answer_admitted", "26", "calls of an answer that was cut off are carried out", _cut_answer_admitted),
    Mutant("epoch_ignored", "7", "after a restore the run goes on as if nothing had been lost", _epoch_ignored),
    Mutant(
        "approval_for_any_version", "32, 33", "an approval counts for arguments nobody saw", _approval_for_any_version
    ),
    Mutant("one_voice_twice", "33", "one person's two approvals count as two people's", _one_voice_twice),
    Mutant("own_approval", "33", "whoever asked for it may approve it", _own_approval),
    Mutant("too_late_approval", "10, 32", "an approval counts after its time", _too_late_approval),
    Mutant(
        "reservation_not_charged",
        "30",
        "nothing is held back for an answer that is under way",
        _reservation_not_charged,
    ),
    Mutant("lost_request_forgotten", "30", "a request that was lost costs nothing", _lost_request_forgotten),
    Mutant("uncounted", "26", "calls are not counted against `at_most`", _uncounted),
    Mutant("no_ceiling", "26, 30", "steps and retries have no end", _no_ceiling),
)
