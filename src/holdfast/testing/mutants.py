"""Seeded mistakes in the runtime. The simulator has to find every one: it is tested by them.

Each is a small change to one function, made for as long as a schedule plays and undone before its history is checked. What a
mistake breaks is said by the number of its rule in the semantics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from holdfast.codec import keyed
from holdfast.core import calls, decide, ending, fold, fold_calls, fold_people, late, limits, output, policy
from holdfast.core.state import CallState
from holdfast.events import CallReturnedLate, CallStarted, ProposalAmended, RunClosed
from holdfast.journal.port import Appended, Committed, Moved
from holdfast.shell import book, driver, perform
from holdfast.testing.sim.store import Connection

replace = msgspec.structs.replace

Patch: TypeAlias = tuple[Any, Any, Any]
"""(module, class or table; name or key; what stands there instead)."""


class Mutant(Struct, frozen=True):
    """One mistake."""

    name: str
    rules: str
    what: str
    patches: Callable[[], Sequence[Patch]]

    @contextmanager
    def made(self) -> Iterator[None]:
        """The mistake is there, for the length of a `with`."""
        kept: list[Patch] = []
        try:
            for where, name, instead in self.patches():
                kept.append((where, name, where[name] if isinstance(where, dict) else where.__dict__[name]))
                _put(where, name, instead)
            yield
        finally:
            for where, name, before in reversed(kept):
                _put(where, name, before)


def _put(where: Any, name: Any, value: Any) -> None:
    if isinstance(where, dict):
        where[name] = value
    else:
        setattr(where, name, value)


# ------------------------------------------------------------------------------------------- disk, commits, conflicts


def _no_sync() -> Sequence[Patch]:
    return [(book, "_promised", lambda event, state: False)]


def _act_before_commit() -> Sequence[Patch]:
    original = driver.Driver._step

    async def step(self: Any, state: Any, moment: Any, facts: Any) -> Appended:
        append, clock = self.book.append, self.world.performer.clock()

        async def hasty(written: Any, stands: Any) -> Any:
            before = self.book.state, self.book.head
            self.book.state, self.book.head = written.state, written.head
            self._launch(moment, clock)
            self.book.state, self.book.head = before
            return await append(written, stands)

        self.book.append = hasty
        try:
            return await original(self, state, moment, facts)
        finally:
            del self.book.append

    return [(driver.Driver, "_step", step)]


def _conflict_ignored() -> Sequence[Patch]:
    original = book.Book.append

    async def append(self: Any, written: Any, outlook: Any, **more: Any) -> Any:
        answer = await original(self, written, outlook, **more)
        if isinstance(answer, Moved) and self.state is not None:
            self.state, self.head = written.state, written.head
            return Committed(0)
        return answer

    return [(book.Book, "append", append)]


def _fact_dropped() -> Sequence[Patch]:
    original = driver.Driver._step

    async def step(self: Any, state: Any, moment: Any, facts: Any) -> Appended:
        answer = await original(self, state, moment, facts)
        if not isinstance(answer, Committed):
            facts.clear()
        return answer

    return [(driver.Driver, "_step", step)]


def _performed_twice() -> Sequence[Patch]:
    original = driver.Driver._launch

    def launch(self: Any, moment: Any, boot: float) -> None:
        waiting, self._facts = self._facts, []
        original(self, moment, boot)
        self._facts = [*waiting, *self._facts]

    return [(driver.Driver, "_launch", launch)]


def _deaf() -> Sequence[Patch]:
    return [(driver.Driver, "notify", lambda self, seq: None), (book.Book, "refresh", _once(book.Book.refresh))]


def _once(refresh: Callable[[Any], Any]) -> Callable[[Any], Any]:
    async def stale(self: Any) -> Any:
        return await refresh(self) if self.state is None or not self.expecting else self.state

    return stale


# ----------------------------------------------------------------------------------------------- leases and clocks


def _late_worker() -> Sequence[Patch]:
    original = perform.Performer.perform

    async def performed(self: Any, request: Any, attempt: Any) -> Any:
        if self.clock() >= attempt.ends:
            attempt = replace(attempt, ends=self.clock() + 8.0)
        return await original(self, request, attempt)

    return [(perform.Performer, "perform", performed)]


def _own_clock() -> Sequence[Patch]:
    return [(Connection, "now", lambda self: self._process.wall())]


def _lease_cut_short() -> Sequence[Patch]:
    original = decide._is_lost

    def is_lost(start: int, worker: str, until: int, moment: Any) -> bool:
        return original(start, worker, until - 5_000_000, moment)

    return [(decide, "_is_lost", is_lost)]


# ------------------------------------------------------------------------------------------------- attempts, keys


def _key_per_attempt() -> Sequence[Patch]:
    original = calls._start

    def start(bound: Any, state: Any, moment: Any, call: CallState) -> Any:
        event = original(bound, state, moment, call)
        assert isinstance(event, CallStarted)
        return replace(event, key=keyed(moment.secret, "call", event.key, str(event.attempt))) if event.key else event

    return [(calls, "_start", start)]


def _blind_retry() -> Sequence[Patch]:
    original = calls._recover

    def recover(bound: Any, state: Any, moment: Any, call: CallState) -> Any:
        if (
            call.effect == "write"
            and not call.key
            and not call.handle
            and call.attempt < 3
            and not calls.ending_soon(state)
        ):
            return [calls._start(bound, state, moment, call)]
        return original(bound, state, moment, call)

    return [(calls, "_recover", recover)]


def _unknown_made_failed() -> Sequence[Patch]:
    original = calls._recover

    def recover(bound: Any, state: Any, moment: Any, call: CallState) -> Any:
        if call.failures > 1 and not call.handle:
            return [calls.refuse(call.seq, "surprises.exhausted", "given up", call.version)]
        return original(bound, state, moment, call)

    return [(calls, "_recover", recover)]


def _absence_believed() -> Sequence[Patch]:
    original = calls.settle_doubts

    def settle(bound: Any, state: Any, moment: Any, waiting: Any) -> Any:
        return original(bound, state, moment, [replace(call, ended=True) for call in waiting])

    return [(calls, "settle_doubts", settle)]


def _no_settling() -> Sequence[Patch]:
    return [(calls, "look_at", lambda bound, call: call.look_at)]


def _old_look_up() -> Sequence[Patch]:
    original = late.fit

    def fit(state: Any, fact: Any) -> Any:
        known = state.calls.get(getattr(fact, "call", 0))
        looked = type(fact).__name__ == "CallLookedUp"
        if looked and state.closed is None and known is not None and known.status in ("unsure", "doubt"):
            return replace(fact, attempt=known.attempt, ended=True)
        return original(state, fact)

    return [(late, "fit", fit), (driver, "fit", fit)]


def _somebody_elses_effect() -> Sequence[Patch]:
    return [(late, "_as_its_own", lambda state, found, call: found)]


def _contradiction_unseen() -> Sequence[Patch]:
    original = fold_calls.late

    def folded(state: Any, entry: Any, event: Any) -> Any:
        return original(replace(state, settled={}), entry, event)

    return [(fold._FOLDS, CallReturnedLate, folded)]


# --------------------------------------------------------------------------------------- turns, messages, endings


def _overtaken_starts() -> Sequence[Patch]:
    return [(decide, "DISTURBANCES", tuple(rule for rule in decide.DISTURBANCES if rule is not calls.overtaken))]


def _side_by_side() -> Sequence[Patch]:
    return [(calls, "_earlier", lambda state, call: [])]


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


# ------------------------------------------------------------------------------------------------- people, limits


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
    from holdfast.core import desk

    original = desk.question

    def question(state: Any, *rest: Any) -> Any:
        return original(replace(state, speakers=frozenset()), *rest)

    return [(desk, "question", question)]


def _too_late_approval() -> Sequence[Patch]:
    from holdfast.core import desk

    original = desk.question

    def question(state: Any, seq: int, by: str, at: int, *rest: Any) -> Any:
        return original(state, seq, by, 0, *rest)

    return [(desk, "question", question)]


def _reservation_not_charged() -> Sequence[Patch]:
    original = limits.quote

    def quote(bound: Any, state: Any, model: str, moment: Any) -> Any:
        quoted = original(bound, state, model, moment)
        return replace(quoted, nusd=0) if isinstance(quoted, limits.Quote) else quoted

    return [(limits, "quote", quote)]


def _uncounted() -> Sequence[Patch]:
    original = policy._Judge._counts

    def counts(self: Any) -> Any:
        return (fired for fired in original(self) if "at_most" not in fired.rule)

    return [(policy._Judge, "_counts", counts)]


MUTANTS: Final[tuple[Mutant, ...]] = (
    Mutant("no_sync", "1, 2", "nothing waits for the disk", _no_sync),
    Mutant("act_before_commit", "1, 15", "what was queued is performed before it is committed", _act_before_commit),
    Mutant("conflict_ignored", "5, 15", "a batch that lost its place counts as appended", _conflict_ignored),
    Mutant("fact_dropped", "5", "a fact whose append met a newer entry is thrown away", _fact_dropped),
    Mutant(
        "performed_twice", "15", "an attempt whose answer waits to be appended is performed again", _performed_twice
    ),
    Mutant("deaf", "5, 8", "a driver does not read what others append", _deaf),
    Mutant("late_worker", "11, 15", "a worker that wakes after its lease acts all the same", _late_worker),
    Mutant("own_clock", "9", "a worker goes by its own clock, not by the journal's", _own_clock),
    Mutant("lease_cut_short", "10, 15", "others' leases end five seconds early", _lease_cut_short),
    Mutant("key_per_attempt", "17", "every attempt has another key", _key_per_attempt),
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
    Mutant("closed_over_a_write", "35", "a run closes while a write is running", _closed_over_a_write),
    Mutant("unresolved_forgotten", "35", "the end does not list what nobody could settle", _unresolved_forgotten),
    Mutant("cut_answer_admitted", "26", "calls of an answer that was cut off are carried out", _cut_answer_admitted),
    Mutant("epoch_ignored", "7", "after a restore the run goes on as if nothing had been lost", _epoch_ignored),
    Mutant(
        "approval_for_any_version", "32, 33", "an approval counts for arguments nobody saw", _approval_for_any_version
    ),
    Mutant("own_approval", "33", "whoever asked for it may approve it", _own_approval),
    Mutant("too_late_approval", "10, 32", "an approval counts after its time", _too_late_approval),
    Mutant(
        "reservation_not_charged",
        "30",
        "nothing is held back for an answer that is under way",
        _reservation_not_charged,
    ),
    Mutant("uncounted", "26", "calls are not counted against `at_most`", _uncounted),
)

BY_NAME: Final = {mutant.name: mutant for mutant in MUTANTS}
