"""Counterfactual replay: a recorded run, forked before it decided, several times in each arm; and what the forks came to.

    tried = await attempt(runner, entries, decision, k=5)      of one run
    found = verdict([tried, …], decision)                      RIGHT_REASON, WRONG_REASON or INCONCLUSIVE

Forks are runs of the same journal. Their prefix is the recorded one, their reads are answered by the record as the arm has
it, their writes are recorded and never carried out, and their model is asked anew. Each has a note that says of which
decision and which arm it is, and its request key makes the same fork the same run: what was forked before costs nothing again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from holdfast.core import fork
from holdfast.core.state import State
from holdfast.evals.cases.case import Case, Person
from holdfast.evals.cases.fixtures import Unserved, recorded_world
from holdfast.evals.cases.from_run import case_of
from holdfast.evals.cases.persons import reply
from holdfast.evals.reason.arms import Arm, Kind, Plan, plan
from holdfast.evals.reason.came import BY, UNDECIDED, Came, came, whole
from holdfast.evals.reason.decision import Decision
from holdfast.evals.reason.required import Evidence
from holdfast.evals.stats.reasons import Counted, Reasons, Verdict, judge
from holdfast.evals.trials.outside import outside
from holdfast.evals.trials.rightly import REASON
from holdfast.evals.trials.trial import ROUNDS, TrialRunner
from holdfast.events import CallFailed, Entry, Json, Noted, PersonAnswered, PersonAsked, Said
from holdfast.models.scripted import Script
from holdfast.shell import bodies
from holdfast.views import record, words
from holdfast.views.trace import trace

NOTE = "counterfactual"
"""The finding under which a fork says which arm it is of."""


class Fork(Struct, frozen=True, kw_only=True):
    """One fork, and what it came to."""

    run: str
    kind: Kind
    arm: str
    number: int
    came: str
    """In a few words."""
    sort: str
    """`same` as the run; `expected`; `safe`; `other`; empty where it cannot be counted."""
    trouble: str = ""
    """Why it cannot be counted."""
    nusd: int = 0


class Tried(Struct, frozen=True, kw_only=True):
    """All forks of one run."""

    plan: Plan
    forks: tuple[Fork, ...]
    scripted: bool
    """A scripted stand-in answered, and no model."""


class Found(Struct, frozen=True, kw_only=True):
    """What the forks of some runs of one decision say together."""

    verdict: Verdict
    because: tuple[str, ...]
    """Sentences."""
    figures: Reasons
    runs: tuple[str, ...]
    missing: tuple[Evidence, ...]
    """Required evidence that did not hold in some run."""


async def attempt(
    runner: TrialRunner, entries: Sequence[Entry], decision: Decision, *, k: int = 5, concurrency: int = 8,
    seen: Callable[[Fork], None] | None = None,
) -> Tried:  # fmt: skip
    """Fork a run k times in each arm. seen: told of each fork.

    Raises InputError where nothing was decided in the run, or a tool could not have given what an arm puts there; UsageError
    where it cannot be forked.
    """
    made = plan(entries, decision)
    case, said = case_of(entries, keep_personal=True), tuple(_said(entries))
    at_once = asyncio.Semaphore(concurrency)

    async def one(arm: Arm, number: int) -> Fork:
        async with at_once:
            found = await _Play(runner, made, decision, arm, number, case, said).play()
        if seen is not None:
            seen(found)
        return found

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(arm, number)) for number in range(1, k + 1) for arm in made.arms]
    except ExceptionGroup as several:
        raise several.exceptions[0] from None
    forks = tuple(task.result() for task in tasks)
    return Tried(plan=made, forks=forks, scripted=scripted(runner, entries))


def scripted(runner: TrialRunner, entries: Sequence[Entry]) -> bool:
    """Whether a script answers in the forks of a run, and no model."""
    contract = trace(entries).contract
    names = contract.get("models", []) if isinstance(contract, dict) else []
    return any(name.startswith("script:") or isinstance(runner.model(name), Script) for name in names)


class _Play:
    """One fork of one arm, driven until it is known what it comes to."""

    def __init__(
        self, runner: TrialRunner, made: Plan, decision: Decision, arm: Arm, number: int, case: Case, said: Sequence[tuple[int, Json]]
    ) -> None:  # fmt: skip
        self._runner, self._plan, self._decision, self._arm, self._number = runner, made, decision, arm, number
        tell = Person(about="surprise", verdict="tell")
        people = [tell, *case.people] if arm.kind == "withhold" else [*case.people, tell]
        self._case = case.model_copy(update={"people": people})
        self._messages = iter([text for seq, text in said if seq > arm.at])

    async def play(self) -> Fork:
        arm, runner = self._arm, self._runner
        key = f"why:{self._plan.run}:{self._decision.name}:{self._decision.digest}:{arm.kind}:{arm.name}:{self._number}"
        forked = await runner.fork(self._plan.run, arm.at, by=BY, edit=arm.edits, key=key)
        async with recorded_world(arm.fixtures) as world:
            runner.worlds[forked.name] = world
            try:
                state = await self._driven(forked.name)
            finally:
                del runner.worlds[forked.name]
        entries = await bodies.entries(runner.journal, forked.name)
        found = self._fork(state, entries)
        if not any(isinstance(entry.event, Noted) and entry.event.finding == NOTE for entry in entries):
            what = found.sort or f"not counted: {found.trouble}"
            note = f"{self._decision.name}, {arm.kind}, {arm.name}: {arm.what}: {found.came} ({what})"
            await runner.put(forked.name, lambda _: Noted(BY, NOTE, None, note), actor=BY)
        return found

    async def _driven(self, run: str) -> State:
        """Drive a fork until it is closed or waits for what nobody said in the run; then nothing more is to come of it."""
        state, _ = await self._runner.attend(run)
        for _ in range(ROUNDS):
            if state.closed is not None or not await self._answered(state):
                break
            state, _ = await self._runner.attend(run)
        if state.closed is None:
            await self._runner.cancel(run, by=BY, because="it is known what it comes to")
            await self._runner.attend(run)
        return state

    async def _answered(self, state: State) -> bool:
        if state.cancel is not None:
            return False
        if state.replied:
            text = next(self._messages, None)
            if text is None:
                return False
            await self._runner.say(state.run, text, by=self._case.by)
            return True
        return await reply(self._runner, self._case, state, self._messages)

    def _fork(self, state: State, entries: Sequence[Entry]) -> Fork:
        arm, begun = self._arm, fork.begun(entries)
        found = came(entries, self._decision, after=begun)
        trouble = self._trouble(state, entries, found, begun)
        return Fork(
            run=state.run, kind=arm.kind, arm=arm.name, number=self._number, came=found.text, trouble=trouble,
            sort="" if trouble else self._sort(entries, found, begun), nusd=fork.own(state).charged,
        )  # fmt: skip

    def _sort(self, entries: Sequence[Entry], found: Came, begun: int) -> str:
        arm = self._arm
        if arm.kind == "flip" and found.is_as(arm.expected):
            return "expected"
        if found.same(self._plan.decided):
            return "same"
        again = arm.lands and found.word in UNDECIDED and self._asked(entries, arm.lands, begun) > 1
        return "safe" if found.word in self._decision.safe or ("retry" in self._decision.safe and again) else "other"

    def _asked(self, entries: Sequence[Entry], tool: str, begun: int, before: int = 1 << 62) -> int:
        calls = trace(whole(entries)).calls.values()
        return sum(one.tool == tool and begun < one.seq < before and not one.serves for one in calls)

    def _trouble(self, state: State, entries: Sequence[Entry], found: Came, begun: int) -> str:
        """Why a fork cannot be counted: the record has no answer, the model gave none, or nothing was otherwise in it."""
        decided = found.seq if found.word not in UNDECIDED else 1 << 62
        for entry in entries[begun:]:
            event = entry.event
            if isinstance(event, CallFailed) and Unserved.MARK in event.message and entry.seq < decided:
                return event.message
        if found.word == "failed" and (why := outside(state, entries)):
            return why
        if self._arm.lands and not self._asked(entries, self._arm.lands, begun, decided):
            return f"it did not ask for {self._arm.lands}, so nothing was otherwise"
        return ""


def _said(entries: Sequence[Entry]) -> Iterator[tuple[int, Json]]:
    """What the requester said in a run, and where."""
    words = {one.seq: one.text.value for one in trace(entries).items if isinstance(one, record.Said)}
    asked: dict[int, str] = {}
    for entry in entries:
        event = entry.event
        if isinstance(event, PersonAsked):
            asked[entry.seq] = event.role
        elif isinstance(event, PersonAnswered) and asked.get(event.question) == "requester":
            yield entry.seq, event.text
        elif isinstance(event, Said) and not event.ends:
            yield entry.seq, words.get(entry.seq)


# ---------------------------------------------------------------------------------------------------- what they say


def verdict(tried: Sequence[Tried], decision: Decision) -> Found:
    """What the forks of some runs say together.

    Where a field that is to be changed had not been read in any of them, no fork is needed: no value of it could have changed
    anything. Required evidence that was lacking in some run keeps it from RIGHT_REASON.
    """
    figures = judge(counted(tried))
    missing = tuple(one for each in tried for one in each.plan.evidence if not one.holds)
    ours = [each.plan for each in tried if each.plan.passed is not False]
    unread = sorted(set.intersection(*(set(one.unread) for one in ours))) if ours else []
    said, because = figures.verdict, figures.lacking
    if figures.insensitive:
        because = tuple(f"with {name} it does not decide as that demands" for name in figures.insensitive)
    elif unread:
        said = "WRONG_REASON"
        because = tuple(f"it decided without {one}, so no value of it could have changed anything" for one in unread)
    elif said == "RIGHT_REASON" and missing:
        said, because = "INCONCLUSIVE", ("evidence that it has to rest on was lacking",)
    runs = tuple(each.plan.run for each in tried)
    return Found(verdict=said, because=because, figures=figures, runs=runs, missing=missing)


async def noted(runner: TrialRunner, tried: Tried, decision: Decision, together: Found) -> None:
    """Note in a run what its forks say of it; where these alone do not decide it, what those of all the runs say together.

    Whoever reads the run finds it there: `eval` and `report` count its success as corrupt where the reason was a wrong one. What
    stands there already, in the same words, is not said again.
    """
    found, of = verdict([tried], decision), ""
    if found.verdict == "INCONCLUSIVE" and len(together.runs) > 1:
        found, of = together, f", by {len(together.runs)} runs together"
    score: float | None = {"RIGHT_REASON": 1.0, "WRONG_REASON": 0.0}.get(found.verdict)
    script = ", and a script answered" if tried.scripted else ""
    note = f"{decision.name}: {found.verdict}, in {words.count(len(tried.forks), 'fork')}{of}{script}" + "".join(
        f"; {line}" for line in found.because
    )
    seqs = (tried.plan.decided.seq,) if tried.plan.decided.seq else ()
    entries = await bodies.entries(runner.journal, tried.plan.run)
    mine = [one.event for one in entries if isinstance(one.event, Noted) and one.event.finding == REASON]
    last = next((one.note for one in reversed(mine) if one.note.partition(":")[0] == decision.name), "")
    if last != note:
        await runner.put(tried.plan.run, lambda _: Noted(BY, REASON, score, note, seqs), actor=BY)


def counted(tried: Sequence[Tried]) -> Counted:
    """The forks that can be counted, arm by arm and run by run."""

    def count(kind: Kind, wanted: Callable[[Fork], bool], arm: str = "") -> dict[str, tuple[int, int]]:
        found = {}
        for each in tried:
            mine = [one for one in each.forks if one.kind == kind and not one.trouble and arm in ("", one.arm)]
            if mine:
                found[each.plan.run] = sum(map(wanted, mine)), len(mine)
        return found

    names = dict.fromkeys(arm.name for each in tried for arm in each.plan.arms if arm.kind == "flip")
    return Counted(
        control=count("control", _changed),
        flips={name: count("flip", lambda one: one.sort == "expected", name) for name in names},
        withheld=count("withhold", lambda one: one.sort == "safe"),
        placebo=count("placebo", _changed),
        failed=frozenset(each.plan.run for each in tried if each.plan.passed is False),
    )


def _changed(one: Fork) -> bool:
    return one.sort != "same"
