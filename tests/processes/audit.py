"""The audit: what the journal says against what the other side's ledger says. It is told nothing by anybody else.

Everything that is wrong comes out as a sentence. What "done" means to the journal: an answer, a look-up that found it, an
answer that came late, or a person's word.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from holdfast.agent import Agent
from holdfast.core.fold import fold
from holdfast.core.state import State
from holdfast.events import (
    CallAsked,
    CallFailed,
    CallLookedUp,
    CallReturned,
    CallReturnedLate,
    CallSettled,
    CallStarted,
    DoubtRaised,
    Entry,
    PersonAsked,
    QuestionWithdrawn,
    RunClosed,
    RunOpened,
)
from holdfast.testing.sim.check_decisions import check_decisions
from holdfast.testing.sim.check_entries import check_tale
from tests.processes.ledger import Act
from tests.processes.shop import SHOPS, wanted

Runs = Mapping[str, list[Entry]]
KEYED = ("charge", "refund")


class Story:
    """One run: its writes, and what the journal says of each."""

    def __init__(self, run: str, entries: list[Entry]) -> None:
        self.run = run
        first = entries[0].event
        assert isinstance(first, RunOpened)
        self.order, self.agent = first.key, SHOPS[first.agent]
        self.tool: dict[int, str] = {}
        self.events: dict[int, list[tuple[Entry, Any]]] = defaultdict(list)
        self.open: dict[int, PersonAsked] = {}
        self.closed: RunClosed | None = None
        for entry in entries:
            self._take(entry)

    def _take(self, entry: Entry) -> None:
        match event := entry.event:
            case CallAsked(effect="write"):
                self.tool[entry.seq] = event.tool
            case RunClosed():
                self.closed = event
            case QuestionWithdrawn():
                self.open.pop(event.question, None)
            case PersonAsked():
                self.open[entry.seq] = event
            case CallSettled():
                self.open = {seq: asked for seq, asked in self.open.items() if asked.call != event.call}
        call = getattr(entry.event, "call", 0)
        if call in self.tool:
            self.events[call].append((entry, entry.event))

    def starts(self, call: int) -> list[tuple[Entry, CallStarted]]:
        """Its attempts."""
        return [(entry, event) for entry, event in self.events[call] if isinstance(event, CallStarted)]

    def names(self, call: int) -> list[str]:
        """By what name each entry that calls it done calls it; empty where it names nothing."""
        return [getattr(event, "effect_id", "") for _, event in self.events[call] if _says_done(event)]

    def before_people(self, call: int) -> bool:
        """Whether it was put before a person as being in doubt, at any time."""
        kinds = {type(event) for _, event in self.events[call]}
        asked = any(isinstance(event, PersonAsked) and event.about == "doubt" for _, event in self.events[call])
        return DoubtRaised in kinds and asked


def _says_done(event: object) -> bool:
    match event:
        case CallReturned(complete="complete") | CallLookedUp(answer="found") | CallSettled(verdict="happened"):
            return True
        case CallReturnedLate(result=result):
            return result is not None
    return False


def stories(runs: Runs) -> list[Story]:
    """All runs, retold."""
    return [Story(run, entries) for run, entries in runs.items()]


def audit(
    runs: Runs, acts: list[Act], secrets: Mapping[str, bytes | None], *, mistaken: frozenset[str] = frozenset()
) -> list[str]:
    """Everything that is wrong while nobody works. mistaken: orders of which a person said what was not so."""
    told = stories(runs)
    wrong = [*_twice(told, acts), *_visits(told, acts), *_unseen(told, acts), *_phantoms(told, acts, mistaken)]
    for story in told:
        wrong += [f"{story.run}: {what}" for what in (*_attempts(story), *_standing(story))]
        wrong += _rules(story.run, runs[story.run], story.agent, secrets)
    return wrong


def _twice(told: list[Story], acts: list[Act]) -> Iterator[str]:
    """No effect twice: not under one key, not for one call, not for one wish by way of two calls, and none unwished."""
    done = [act for act in acts if act.what == "done"]
    for (run, call), count in Counter((act.run, act.call) for act in done).items():
        if count > 1:
            yield f"{run}: call {call} had its effect {count} times"
    wishes = Counter(wish for story in told for wish in wanted(story.order))
    for (tool, item), count in Counter((act.tool, act.item) for act in done).items():
        if count > wishes[tool, item]:
            yield f"{tool} of {item} was done {count} times, and wanted {wishes[tool, item]} times"


def _visits(told: list[Story], acts: list[Act]) -> Iterator[str]:
    """Whoever acts has won the start, and acts once upon it."""
    of = {story.run: story for story in told}
    for place, count in Counter((act.run, act.call, act.attempt) for act in acts).items():
        if count > 1:
            yield f"{place[0]}: attempt {place[2]} of call {place[1]} arrived {count} times"
    for act in acts:
        where = f"{act.run}: {act.tool} for call {act.call}, attempt {act.attempt}, by process {act.pid}"
        if act.run not in of:
            yield f"{where}: there is no such run"
            continue
        start = next((one for one in of[act.run].starts(act.call) if one[1].attempt == act.attempt), None)
        if start is None or not start[1].worker.startswith(f"w_{act.pid}_"):
            yield f"{where}: it did not win this start"
        elif act.at < start[0].at:
            yield f"{where}: it acted before its start"
        elif act.key != start[1].key:
            yield f"{where}: its key is not the one in the journal"


def _unseen(told: list[Story], acts: list[Act]) -> Iterator[str]:
    """None lost: every effect is known to the journal, or was put before a person."""
    of = {story.run: story for story in told}
    for act in acts:
        story = of.get(act.run)
        if act.what == "done" and story is not None and not story.names(act.call) and not story.before_people(act.call):
            yield f"{act.run}: {act.id} of {act.item} was done for call {act.call}, and the journal does not know of it"


def _phantoms(told: list[Story], acts: list[Act], mistaken: frozenset[str]) -> Iterator[str]:
    """What the journal says was done was done, once, and it was this call's own."""
    done = {(act.run, act.call): act for act in acts if act.what == "done"}
    for story in told:
        for call, tool in story.tool.items():
            own = done.get((story.run, call))
            for name in story.names(call):
                if own is None and story.order in mistaken:
                    continue
                if own is None or own.tool != tool:
                    yield f"{story.run}: call {call} ({tool}) is recorded as done, and was not"
                elif name and name != own.id:
                    yield f"{story.run}: call {call} is recorded as {name}, and was {own.id}"


def _attempts(story: Story) -> Iterator[str]:
    """A second attempt only under the same key, or after absence that counts, or of what surely did nothing."""
    for call, tool in story.tool.items():
        starts = story.starts(call)
        keys = {start.key for _, start in starts}
        numbered = [start.attempt for _, start in starts] == [*range(1, len(starts) + 1)]
        if len(keys) > 1 or not numbered or any((tool in KEYED) != bool(key) for key in keys):
            yield f"call {call} ({tool}) started as {[(start.attempt, start.key) for _, start in starts]}"
        late = Counter(event.attempt for _, event in story.events[call] if isinstance(event, CallReturnedLate))
        if any(count > 1 for count in late.values()):
            yield f"call {call} ({tool}) has several late answers of one attempt: {dict(late)}"
        if tool in KEYED:
            continue
        for (before, _), (after, start) in pairwise(starts):
            between = [event for entry, event in story.events[call] if before.seq < entry.seq < after.seq]
            if not any(_proves_nothing_happened(event) for event in between):
                yield f"call {call} ({tool}) started blindly as attempt {start.attempt}"


def _proves_nothing_happened(event: object) -> bool:
    match event:
        case (
            CallLookedUp(answer="absent", ended=True) | CallFailed(fate="not_done") | CallReturnedLate(fate="not_done")
        ):
            return True
    return False


def _standing(story: Story) -> Iterator[str]:
    """While nobody works, a run is closed or somebody was asked."""
    if story.closed is None and not story.open:
        yield "it is not closed, and waits for no person"
    if story.closed is not None and story.closed.outcome == "failed":
        yield f"it failed: {story.closed.reason}"


def _rules(
    run: str, entries: list[Entry], agent: Agent[Any, Any], secrets: Mapping[str, bytes | None]
) -> Iterator[str]:
    """The rules that the simulator holds its runs to, and each decision decided again."""
    states: list[State] = []
    for entry in entries:
        states.append(fold(states[-1] if states else None, entry))
    for violation in (*check_tale(run, entries, agent), *check_decisions(run, entries, states, agent, secrets)):
        yield str(violation)


def lacking(runs: Runs, acts: list[Act]) -> list[str]:
    """Of runs that are over and in which nothing was ever in doubt: what was wanted and was not done."""
    done = {(act.tool, act.item) for act in acts if act.what == "done"}
    wrong = []
    for story in stories(runs):
        doubted = any(story.before_people(call) for call in story.tool)
        if story.closed is None:
            wrong.append(f"{story.run}: it is not over")
        elif not doubted and (missing := [wish for wish in wanted(story.order) if wish not in done]):
            wrong.append(f"{story.run}: it ended as {story.closed.outcome}, and lacks {missing}")
    return wrong


def cut_short(runs: Runs) -> Counter[str]:
    """Attempts that were lost, by tool: where kills met something."""
    return Counter(
        story.tool[call] for story in stories(runs) for call, events in story.events.items() for _, event in events
        if isinstance(event, CallFailed) and event.error == "lost"
    )  # fmt: skip
