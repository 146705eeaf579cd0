"""What must hold between the journal and the world: no effect twice, none lost, none unseen, nothing told too early."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from holdfast.codec import value_of
from holdfast.core.fold import fold
from holdfast.core.state import State
from holdfast.errors import HoldfastError
from holdfast.events import (
    CallAsked,
    CallFailed,
    CallLookedUp,
    CallReturned,
    CallReturnedLate,
    CallSettled,
    CallStarted,
    Contradiction,
    Entry,
    ModelAnswered,
    ModelAnsweredLate,
    ModelAsked,
    ModelFailed,
    PersonAsked,
    RunClosed,
)
from holdfast.testing.sim.history import History, Violation, opened, own_entries, request_number
from holdfast.testing.sim.world import Heard

Plan = Mapping[str, Mapping[tuple[str, str], int]]
"""Run → (tool, item) → how often it was wanted."""


def check_twice(history: History, wanted: Plan) -> Iterator[Violation]:
    """No effect twice: not for one call, and not for one wish by way of several calls."""
    if not history.restored:
        for (run, call), count in Counter((effect.run, effect.call) for effect in history.ledger).items():
            if count > 1:
                yield Violation("twice", run, f"call {call} had its effect {count} times")
    for (run, tool, item), count in Counter(
        (effect.run, effect.tool, effect.item) for effect in history.ledger
    ).items():
        if history.restored and run not in history.runs:
            continue  # the request itself was lost: nobody can know of it any more
        if count > wanted.get(run, {}).get((tool, item), 0) and not _excused(history, run, tool, item):
            yield Violation("twice", run, f"{tool} of {item} was done {count} times")


def _excused(history: History, run: str, tool: str, item: str) -> bool:
    """Whether a person said of an effect that it did not happen: then doing it again is what they asked for.

    Where the machine could know better, because the answer came after all, a contradiction must stand in the journal.
    """
    entries = history.runs.get(run, [])
    denied = {
        entry.event.call
        for entry in entries
        if isinstance(entry.event, CallSettled) and entry.event.verdict == "did_not"
    }
    mine = [effect for effect in history.ledger if (effect.run, effect.tool, effect.item) == (run, tool, item)]
    wrongly = [effect for effect in mine if effect.call in denied]
    if not wrongly:
        return False
    answered = {
        entry.event.call
        for entry in entries
        if isinstance(entry.event, CallReturnedLate) and entry.event.result is not None
    }
    known = [effect for effect in wrongly if effect.call in answered]
    return not known or any(isinstance(entry.event, Contradiction) for entry in entries)


CONCLUSIVE: Final = (CallReturned, CallLookedUp, CallReturnedLate)


def _done(entries: list[Entry], call: int) -> bool:
    """Whether the journal says that a call was carried out."""
    for entry in entries:
        event = entry.event
        if isinstance(event, CallReturned) and event.call == call and event.complete != "started":
            return True
        if isinstance(event, CallLookedUp) and event.call == call and event.answer == "found":
            return True
        if isinstance(event, CallReturnedLate) and event.call == call and event.result is not None:
            return True
        if isinstance(event, CallSettled) and event.call == call and event.verdict == "happened":
            return True
    return False


def _before_people(entries: list[Entry], call: int) -> bool:
    """Whether a call stands, or stood, before a person."""
    for entry in entries:
        event = entry.event
        if isinstance(event, PersonAsked) and event.call == call and event.about == "doubt":
            return True
        if isinstance(event, CallSettled) and event.call == call:
            return True
        if isinstance(event, RunClosed) and call in event.unresolved:
            return True
    return False


def check_lost(history: History) -> Iterator[Violation]:
    """None lost: every effect is recorded as done, or its call is before a person. (After a restore: see `restored` in the entries.)."""
    for effect in history.ledger:
        entries = history.runs.get(effect.run)
        if history.restored:
            return
        if entries is None:
            yield Violation("lost", effect.run, f"{effect.id} was done for a run that is not in the journal")
        elif not _done(entries, effect.call) and not _before_people(entries, effect.call):
            yield Violation(
                "lost",
                effect.run,
                f"call {effect.call} ({effect.tool} {effect.item}) was done, and the journal does not say so",
            )


def check_phantoms(history: History) -> Iterator[Violation]:
    """What the journal says was done was done, and its effect is this call's own."""
    if history.restored:
        return
    owners = {effect.id: effect for effect in history.ledger}
    for run, all_entries in history.runs.items():
        entries = own_entries(all_entries)
        ruled = _ruled(history, run, entries)
        shown = {seq for entry in entries if isinstance(entry.event, Contradiction) for seq in entry.event.seqs}
        for entry in entries:
            event = entry.event
            if not isinstance(event, CONCLUSIVE) or not event.effect_id:
                continue
            owner = owners.get(event.effect_id)
            if owner is None:
                yield Violation("phantom", run, f"entry {entry.seq} names {event.effect_id}, which never happened")
            elif (owner.run, owner.call) != (run, event.call) and not (
                (owner.run == run and (owner.tool, owner.item) in ruled) or entry.seq in shown
            ):
                yield Violation(
                    "confused", run, f"entry {entry.seq} gives call {event.call} the effect of call {owner.call}"
                )
        yield from _claimed(history, run, entries)


def _ruled(history: History, run: str, entries: list[Entry]) -> set[tuple[str, str]]:
    """The (tool, item) of effects that a person ruled on: where they erred, the next look-up finds theirs."""
    calls = {entry.event.call for entry in entries if isinstance(entry.event, CallSettled)}
    return {(effect.tool, effect.item) for effect in history.ledger if effect.run == run and effect.call in calls}


def _claimed(history: History, run: str, entries: list[Entry]) -> Iterator[Violation]:
    writes = {entry.seq for entry in entries if isinstance(entry.event, CallAsked) and entry.event.effect == "write"}
    for entry in entries:
        event = entry.event
        if isinstance(event, CallReturned) and event.call in writes and event.complete == "complete":
            value = value_of(event.result)
            if value and not history.effects_of(run, event.call):
                yield Violation("phantom", run, f"call {event.call} is recorded as done, and never was")


def check_acts(history: History) -> Iterator[Violation]:
    """Append, then act: whoever acts has won the start, it is committed, of a write durable, and its time is not up (rules 1, 2, 15)."""
    for visit in history.visits:
        if visit.tool.startswith("find_") or (history.restored and visit.run not in history.runs):
            continue
        start = next(
            (
                entry for entry in history.runs.get(visit.run, [])
                if isinstance(entry.event, CallStarted) and (entry.event.call, entry.event.attempt) == (visit.call, visit.attempt)
                and history.lives.get(entry.event.worker) == visit.process
            ),
            None,
        )  # fmt: skip
        where = f"{visit.tool} for call {visit.call}, attempt {visit.attempt}, in {visit.process}"
        if start is None:
            if visit.effect == "write" and not history.restored:
                yield Violation("unrecorded act", visit.run, f"{where}: the journal knows of no such start")
            continue
        event = start.event
        assert isinstance(event, CallStarted)
        if visit.committed < start.seq:
            yield Violation("act before commit", visit.run, where)
        if visit.effect == "write" and visit.durable < start.seq:
            yield Violation("act before durable", visit.run, where)
        if visit.at > event.until:
            yield Violation("act after its time", visit.run, f"{where}: {visit.at - event.until} µs late")
        if visit.at < start.at:
            yield Violation("act before its time", visit.run, f"{where}: the clock of its entry is ahead")


def check_facts(history: History) -> Iterator[Violation]:
    """A fact is never dropped: what a tool was told stands in the journal, unless its process died soon after (rule 5)."""
    if history.restored:
        return
    recorded = {
        (run, event.call, event.attempt) for run, entries in history.runs.items() for entry in entries
        if isinstance(event := entry.event, CallReturned | CallFailed | CallReturnedLate) and getattr(event, "error", "") != "lost"
    }  # fmt: skip
    for heard in history.heard:
        end = history.ends.get(heard.process, 0)
        if (
            heard.process in history.disturbed
            or end < heard.at + SOON
            or (heard.effect == "read" and _over(history, heard))
        ):
            continue
        if (
            history.runs.get(heard.run)
            and (heard.run, heard.call, heard.attempt) not in recorded
            and not _asked_after(history, heard)
        ):
            yield Violation(
                "fact dropped",
                heard.run,
                f"{heard.process} knew what became of attempt {heard.attempt} of call {heard.call}",
            )


def _over(history: History, heard: Heard) -> bool:
    """Whether its run was closed by then: what only reads is abandoned when a run closes (rule 35)."""
    entries = history.runs.get(heard.run, [])
    return any(isinstance(entry.event, RunClosed) and entry.at <= heard.at for entry in entries)


def _asked_after(history: History, heard: Heard) -> bool:
    """Whether it was a look-up, which may say nothing new."""
    return any(
        visit.tool.startswith("find_")
        and (visit.run, visit.call, visit.process) == (heard.run, heard.call, heard.process)
        for visit in history.visits
    )


SOON: Final = 20_000_000
"""µs in which a fact gets into the journal."""


def check_answers(history: History) -> Iterator[Violation]:
    """An answer is that of the attempt it names (rule 16)."""
    heard = {(one.run, one.call, one.attempt) for one in history.heard}
    for run, all_entries in history.runs.items():
        entries = own_entries(all_entries)
        own = {entry.seq for entry in entries if isinstance(entry.event, CallAsked) and entry.event.effect == "builtin"}
        for entry in entries:
            event = entry.event
            if not isinstance(event, CallReturned) or event.call in own or history.restored:
                continue
            if (run, event.call, event.attempt) not in heard:
                what = f"entry {entry.seq}: attempt {event.attempt} of call {event.call} never got that answer"
                yield Violation("answer of another attempt", run, what)


def check_leases(history: History) -> Iterator[Violation]:
    """An attempt whose worker still lives is not proven over (rules 15, 22)."""
    for run, all_entries in history.runs.items():
        entries = own_entries(all_entries)
        workers = {
            (entry.event.call, entry.event.attempt): entry.event.worker
            for entry in entries
            if isinstance(entry.event, CallStarted)
        }
        for entry in entries:
            event = entry.event
            if not isinstance(event, CallFailed) or event.error != "lost" or not event.ended:
                continue
            worker = workers.get((event.call, event.attempt), "")
            if worker != event.by and history.ends.get(history.lives.get(worker, ""), 0) > entry.at:
                yield Violation("buried alive", run, f"entry {entry.seq}: {worker} was at work on call {event.call}")


def check_requests(history: History) -> Iterator[Violation]:
    """One request, one run (rule 20)."""
    keys = [opened(entries).key for entries in history.runs.values() if opened(entries).forked_from is None]
    for number, count in Counter(map(request_number, keys)).items():
        if count > 1:
            yield Violation("request twice", "", f"request {number} opened {count} runs")


def check_promises(history: History) -> Iterator[Violation]:
    """Nothing told outside before it is durable, and nothing durable ever lost (rules 1, 2)."""
    for promise in history.promises:
        if not promise.durable:
            yield Violation("told too early", promise.run, promise.token)
    for (run, seq), digest in history.shown.items():
        lines = history.lines.get(run, [])
        if seq > len(lines) or lines[seq - 1][1] != digest:
            yield Violation("durable entry lost", run, f"entry {seq}")


def check_money(history: History) -> Iterator[Violation]:
    """What models were paid is charged: answers that were lost stay charged at their worst case (rule 30).

    A loss of power may take the requests with it that were in flight: that much is not promised.
    """
    if history.restored or history.powerless:
        return
    for run, entries in history.runs.items():
        billed = sum(cost for _, billed_run, cost in history.bills if billed_run == run)
        charged = _charged(own_entries(entries))
        if billed > charged:
            yield Violation("money", run, f"models were paid {billed} nusd, and {charged} are charged")


def _charged(entries: list[Entry]) -> int:
    """What counts against a ceiling: what was told, what may be owed, what is held for an answer under way."""
    held: dict[int, int] = {}
    told = 0
    for entry in entries:
        match entry.event:
            case ModelAsked(reserved=reserved):
                held[entry.seq] = reserved
            case ModelAnswered(ask=ask, cost=cost):
                held.pop(ask, None)
                told += cost or 0
            case ModelFailed(ask=ask, unsettled=unsettled):
                held[ask] = unsettled
            case ModelAnsweredLate(ask=ask, cost=cost) if cost is not None:
                held.pop(ask, None)
                told += cost
    return told + sum(held.values())


def check_legal(history: History, states: dict[str, list[State]]) -> Iterator[Violation]:
    """Every entry is legal: the core folds it. And the index row says how the run stands (rule 8).

    states: where the state after each entry is put, by run.
    """
    for run, entries in history.runs.items():
        state: State | None = None
        states[run] = []
        try:
            for entry in entries:
                state = fold(state, entry)
                states[run].append(state)
        except HoldfastError as error:
            yield Violation("illegal", run, str(error))
        seq, status = history.rows.get(run, (0, ""))
        if seq != len(entries):
            yield Violation("row", run, f"the index row is as of {seq} of {len(entries)}")
        elif state is not None and (status == "closed") != (state.closed is not None):
            yield Violation("row", run, f"the index row says {status}")


def check_ended(history: History) -> Iterator[Violation]:
    """Once faults stop and people answer, every run ends."""
    for run, entries in history.runs.items():
        if not any(isinstance(entry.event, RunClosed) for entry in entries):
            last = entries[-1]
            yield Violation("never ends", run, f"entry {last.seq}, a {type(last.event).__name__}, is its last")
