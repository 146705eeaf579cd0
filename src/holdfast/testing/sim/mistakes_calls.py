"""Mistakes about attempts, keys, evidence and the calls of a turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from holdfast.codec import canonical, keyed
from holdfast.core import attempts, calls, decide, fold, fold_calls, late, policy, recovery
from holdfast.core.state import CallState
from holdfast.events import CallReturned, CallReturnedLate, CallStarted
from holdfast.testing.sim.mistake import Mutant, Patch, everywhere

replace = msgspec.structs.replace


def _with(event: Any, key: Callable[[str, CallStarted], str]) -> Any:
    """A start of a keyed write under another key; any other event as it is."""
    if not isinstance(event, CallStarted) or not event.key:
        return event
    return replace(event, key=key(event.key, event))


def _key_per_attempt() -> Sequence[Patch]:
    original = attempts.start

    def start(bound: Any, state: Any, moment: Any, call: CallState) -> Any:
        return [_with(event, lambda key, event: keyed(moment.secret, "call", key, str(event.attempt)))
                for event in original(bound, state, moment, call)]  # fmt: skip

    return [(attempts, "start", start)]


def _blind_retry() -> Sequence[Patch]:
    original = recovery._recover

    def recover(bound: Any, state: Any, moment: Any, call: CallState) -> Any:
        if (
            call.effect == "write"
            and not call.key
            and not call.handle
            and call.attempt < 3
            and not recovery.ending_soon(state)
        ):
            return attempts.start(bound, state, moment, call)
        return original(bound, state, moment, call)

    return [(recovery, "_recover", recover)]


def _unknown_made_failed() -> Sequence[Patch]:
    original = recovery._recover

    def recover(bound: Any, state: Any, moment: Any, call: CallState) -> Any:
        if call.failures > 1 and not call.handle:
            return [attempts.refuse(call.seq, "surprises.exhausted", "given up", call.version)]
        return original(bound, state, moment, call)

    return [(recovery, "_recover", recover)]


def _absence_believed() -> Sequence[Patch]:
    original = recovery.settle_doubts

    def settle(bound: Any, state: Any, moment: Any, waiting: Any) -> Any:
        return original(bound, state, moment, [replace(call, ended=True) for call in waiting])

    return [(recovery, "settle_doubts", settle)]


def _no_settling() -> Sequence[Patch]:
    return [(recovery, "look_at", lambda bound, call: call.look_at)]


def _old_look_up() -> Sequence[Patch]:
    original = late.fit

    def fit(state: Any, fact: Any) -> Any:
        known = state.calls.get(getattr(fact, "call", 0))
        looked = type(fact).__name__ == "CallLookedUp"
        if looked and state.closed is None and known is not None and known.status in ("unsure", "doubt"):
            return replace(fact, attempt=known.attempt, ended=True)
        return original(state, fact)

    return everywhere(original, fit)


def _somebody_elses_effect() -> Sequence[Patch]:
    return [(late, "_as_its_own", lambda state, found, call: found)]


def _contradiction_unseen() -> Sequence[Patch]:
    original = fold_calls.late

    def folded(state: Any, entry: Any, event: Any) -> Any:
        return original(replace(state, settled={}), entry, event)

    return [(fold._FOLDS, CallReturnedLate, folded)]


def _overtaken_starts() -> Sequence[Patch]:
    return [(decide, "DISTURBANCES", tuple(rule for rule in decide.DISTURBANCES if rule is not calls.overtaken))]


def _side_by_side() -> Sequence[Patch]:
    return [(calls, "_earlier", lambda state, call: [])]


def _key_for_ever() -> Sequence[Patch]:
    return [(attempts, "is_honoured", lambda call, tool, moment: bool(call.key))]


def _key_of_the_arguments() -> Sequence[Patch]:
    original = attempts.start

    def start(bound: Any, state: Any, moment: Any, call: CallState) -> Any:
        same = keyed(moment.secret, "call", call.tool, canonical(call.args))
        return [_with(event, lambda key, event: same) for event in original(bound, state, moment, call)]

    return [(attempts, "start", start)]


def _rest_started() -> Sequence[Patch]:
    return [(calls, "_earlier_failed", lambda state, call: None)]


def _late_answer_wins() -> Sequence[Patch]:
    original = late.fit

    def fit(state: Any, fact: Any) -> Any:
        known = state.calls.get(getattr(fact, "call", 0))
        if isinstance(fact, CallReturned) and state.closed is None and known is not None and known.status == "running":
            return replace(fact, attempt=known.attempt)
        return original(state, fact)

    return everywhere(original, fit)


def _stale_evidence() -> Sequence[Patch]:
    return [(policy._Judge, "_stale", lambda self: ())]


def _changed_unseen() -> Sequence[Patch]:
    original = fold_calls._reread

    def reread(state: Any, entry: Any, call: CallState) -> Any:
        changes = original(state, entry, call)
        return {name: value for name, value in changes.items() if name != "calls"}

    return [(fold_calls, "_reread", reread)]


CALLS: Final = (
    Mutant("key_per_attempt", "17", "every attempt has another key", _key_per_attempt),
    Mutant("key_for_ever", "18", "a key is counted on after the other system has forgotten it", _key_for_ever),
    Mutant("key_of_the_arguments", "17", "two calls that ask for the same have one key", _key_of_the_arguments),
    Mutant("blind_retry", "21", "a write of unknown outcome is simply tried again", _blind_retry),
    Mutant(
        "unknown_made_failed", "21", "a write of unknown outcome counts as failed after two tries", _unknown_made_failed
    ),
    Mutant(
        "absence_believed",
        "22",
        "what is not found counts as not done, although the attempt may be alive",
        _absence_believed,
    ),
    Mutant("no_settling", "22", "the other system is asked at once, before it has settled", _no_settling),
    Mutant("old_look_up", "16, 22", "what was found out about one attempt counts for the next", _old_look_up),
    Mutant(
        "late_answer_wins",
        "16",
        "an answer to a superseded attempt counts as that of the running one",
        _late_answer_wins,
    ),
    Mutant(
        "somebody_elses_effect",
        "22",
        "an effect that is found counts, whichever call it belongs to",
        _somebody_elses_effect,
    ),
    Mutant(
        "contradiction_unseen",
        "23",
        "an answer that contradicts a person's ruling is only filed",
        _contradiction_unseen,
    ),
    Mutant("overtaken_starts", "29", "a write starts although the requester has written since", _overtaken_starts),
    Mutant("side_by_side", "27", "writes of one turn start all at once", _side_by_side),
    Mutant(
        "rest_started",
        "27",
        "after a write that did not succeed the rest of its turn starts all the same",
        _rest_started,
    ),
    Mutant("stale_evidence", "34", "evidence never grows old", _stale_evidence),
    Mutant("changed_unseen", "34", "evidence that was read again and differs changes nothing", _changed_unseen),
)
