"""Backtest: every recorded call is judged once more, under each of two contracts, by the policy that `decide` asks.

    tests = [backtest(entries, one, other) for entries in runs]
    found = together(tests)

A call is judged at the state its run had just before the call was first judged: what had been read, spent, said and done by
then, as recorded. That holds up to the first call of a run of which either contract says something else than was said then:
what the model, the tools and the people would have done after it cannot be known. So calls up to and including that one count;
those after it are judged as if the run had gone on as recorded, and are counted apart (`later`), in no share.

What other runs held of a limit over many runs (`across`) stands in the entries of this run as far as a contract asked for it:
then it is taken as it was recorded. Where it was not, because the clause is new or counts otherwise, it is not known, and taken
as nothing; both are counted (`others`). What a contract lets wait (`rate`, `at_once`, `breaker`, `one_at_a_time`) is no
verdict, and differs in nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from holdfast.agent import Predicate
from holdfast.codec import value_of
from holdfast.contract import Contract, Review
from holdfast.core import policy
from holdfast.core.fold import fold
from holdfast.core.state import CallState, Moment, State
from holdfast.errors import Bug
from holdfast.events import CallJudged, Entry, Fired, Json, ModelAsked, OutputRejected, RunClosed, Verdict
from holdfast.views.as_recorded import NO_OUTPUT, RecordedBound, Told, Undecidable
from holdfast.views.circumstances import doubtful_of, gone_from
from holdfast.views.held_then import HeldThen

BESIDE: Final = frozenset({"order", "overtaken", "closing", "expired", "fork"})
"""Rules by which the machine answers a call before any contract is asked."""

Change: TypeAlias = Literal["refused", "reviewed", "allowed"]
CHANGES: Final[tuple[Change, ...]] = ("refused", "reviewed", "allowed")
_NEWLY: Final[Mapping[Verdict, Change]] = {"refuse": "refused", "review": "reviewed", "allow": "allowed"}

EXAMPLES: Final = 3
"""Calls that are named for each rule."""


class Terms(Struct, frozen=True):
    """A contract to judge under, with the predicates that are at hand."""

    contract: Contract
    predicates: Mapping[str, Predicate] = {}


class Judged(Struct, frozen=True, omit_defaults=True):
    """What one contract says of a call."""

    verdict: Verdict
    rules: tuple[Fired, ...] = ()
    """Those that gave the verdict."""
    asked: dict[str, int] = {}
    """Role → people of it that have to say yes; an empty one: anybody."""


class Call(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A recorded call on which two contracts do not agree."""

    run: str
    seq: int
    tool: str
    before: Judged
    after: Judged
    later: bool = False
    """It stands after the first call of its run that would have gone otherwise."""

    @property
    def change(self) -> Change | None:
        """What it newly is; None where only who is asked differs."""
        return _NEWLY[self.after.verdict] if self.after.verdict != self.before.verdict else None


class Load(Struct, omit_defaults=True):
    """Questions to people that a contract makes."""

    calls: int = 0
    """Calls that go before somebody."""
    by_role: dict[str, int] = {}
    """Role → times that somebody of it has to decide."""


class Tested(Struct, kw_only=True, omit_defaults=True):
    """One run, or many, judged under two contracts."""

    runs: int = 0
    own: int = 0
    """Runs that were opened under the first of the two."""
    calls: int = 0
    """Calls that count: up to the first of their run that would have gone otherwise."""
    later: int = 0
    """Calls after it."""
    beside: int = 0
    """Calls that the machine answered before any contract was asked; they are judged under none."""
    unjudged: dict[str, int] = {}
    """Why calls could not be judged → how many."""
    unread: dict[str, int] = {}
    """Why runs, or the rest of them, could not be read → how many."""
    others: dict[str, int] = {}
    """How what other runs held was taken → calls of which a contract asked for it."""
    limits: dict[str, int] = {}
    """Limit → runs that would have been over that of the second contract, and not over that of the first."""
    stopped: int = 0
    """Runs in which something would have gone otherwise."""
    by_tool: dict[str, int] = {}
    """Tool → calls of it that count."""
    verdicts: tuple[dict[str, int], dict[str, int]] = ({}, {})
    """Verdict → calls that count, under the first and under the second contract."""
    loads: tuple[Load, Load] = (Load(), Load())
    """Reviews in the calls that count."""
    loads_later: tuple[Load, Load] = (Load(), Load())
    """Reviews in the calls after those, had the runs gone on as recorded."""
    differing: list[Call] = []
    first: int = 0
    last: int = 0
    """When the first and the last of the runs was opened."""

    def newly(self, change: Change) -> list[Call]:
        """The calls that count and are newly refused, reviewed or allowed."""
        return [call for call in self.differing if call.change == change and not call.later]


def backtest(entries: Sequence[Entry], one: Terms, other: Terms) -> Tested:
    """Judge every call of a run under both contracts. entries: all of them, bodies loaded."""
    return _Testing(entries, one, other).result()


class _Testing:
    """One run, being judged under two contracts."""

    def __init__(self, entries: Sequence[Entry], one: Terms, other: Terms) -> None:
        self.entries = entries
        self.terms = (one, other)
        self.told = Told(entries)
        self.gone = gone_from(entries)
        self.held = HeldThen(entries)
        self.bounds: tuple[RecordedBound, ...] = ()
        self.alike: frozenset[str] = frozenset()
        """Tools of which both contracts say the same whatever happens."""
        self.found = nothing()
        self.found.runs = 1
        self.outputs: set[int] = set()
        """Calls of `done` that were judged."""
        self.otherwise = False
        """Whether something went otherwise already."""

    def result(self) -> Tested:
        """What came of it."""
        state: State | None = None
        for entry in self.entries:
            if state is not None:
                self._look(state, entry)
                self.held.take(state, entry)
            try:
                state = fold(state, entry)
            except Bug as error:
                _count(self.found.unread, f"they do not fold: {error.what}")
                break
            if state.seq == 1:
                self._begin(state)
            if state.strange:
                _count(self.found.unread, "they hold an entry of a kind that this version does not know")
                break
            if isinstance(entry.event, ModelAsked):
                self._limits(state)
        self.found.stopped = int(self.otherwise)
        return self.found

    def _begin(self, state: State) -> None:
        versions = state.opened.versions
        self.bounds = tuple(
            RecordedBound(terms.contract, self.told, {}, versions, terms.predicates) for terms in self.terms
        )
        self.alike = frozenset(_alike(*self.terms))
        self.found.own = int(state.contract_digest == self.terms[0].contract.digest)
        self.found.first = self.found.last = state.opened_at

    def _look(self, state: State, entry: Entry) -> None:
        """Judge what the next entry says was judged."""
        origin = state.opened.forked_from
        if origin is not None and (entry.seq <= origin.call or entry.cause == origin.call):
            return  # another run's call, which is counted there
        event = entry.event
        call = state.calls.get(getattr(event, "call", 0))
        match event:
            case CallJudged() if call is not None and call.status == "asked" and call.version == 1:
                self._call(state, entry, call, event)
            case CallJudged(verdict="review") if call is not None and call.tool == "done":
                self._output(state, entry, call, "review", call.args)
            case OutputRejected(why=why) if call is not None and not why.startswith(NO_OUTPUT):
                self._output(state, entry, call, "refuse", call.args)
            case RunClosed(outcome="done", output=output) if output is not None:
                done = next((one for one in state.turn_calls if one.tool == "done" and one.status == "cleared"), None)
                if done is not None:
                    self._output(state, entry, done, "allow", value_of(output))

    def _call(self, state: State, entry: Entry, call: CallState, event: CallJudged) -> None:
        if call.serves or call.effect == "builtin":
            return
        if event.rules and all(fired.rule in BESIDE for fired in event.rules):
            self.found.beside += 1
            return
        moment = Moment(at=entry.at, worker=entry.actor, secret=b"", doubtful=doubtful_of(state, [entry]))
        held = {bound: self.held.by_others(bound, state, call, entry.at) for bound in self.bounds}
        for how in {how for _, how in held.values() if how}:
            _count(self.found.others, how)
        self._weigh(
            entry, call, event.verdict, lambda bound: _judge(bound, state, call, replace(moment, held=held[bound][0]))
        )

    def _output(self, state: State, entry: Entry, call: CallState, verdict: Verdict, value: Json) -> None:
        """`done` is a call too: what its output has to prove is the contract's."""
        if call.seq in self.outputs:
            return
        self.outputs.add(call.seq)
        one, other = (terms.contract for terms in self.terms)
        if one.gives != other.gives:
            _count(self.found.unjudged, "the output has another shape in one of the contracts")
            return
        self._weigh(entry, call, verdict, lambda bound: _judge_output(bound, state, value))

    def _weigh(self, entry: Entry, call: CallState, then: Verdict, judge: Callable[[RecordedBound], Judged]) -> None:
        """Count one call, as each contract judges it."""
        found = self.found
        if entry.seq >= self.gone:
            _count(found.unjudged, "what they rest on was erased")
            return
        try:
            before = judge(self.bounds[0])
            after = before if call.tool in self.alike else judge(self.bounds[1])
        except Undecidable as missing:
            _count(found.unjudged, str(missing))
            return
        later = self.otherwise
        for load, said in zip(found.loads_later if later else found.loads, (before, after), strict=True):
            if said.verdict == "review":
                load.calls += 1
                for role, people in said.asked.items():
                    _count(load.by_role, role, people)
        if later:
            found.later += 1
        else:
            found.calls += 1
            _count(found.by_tool, call.tool)
            for verdicts, said in zip(found.verdicts, (before, after), strict=True):
                _count(verdicts, said.verdict)
        if before.verdict != after.verdict or before.asked != after.asked:
            found.differing.append(
                Call(run=entry.run, seq=call.seq, tool=call.tool, before=before, after=after, later=later)
            )
        same = before.verdict == after.verdict == then and before.asked == after.asked
        self.otherwise = self.otherwise or not same

    def _limits(self, state: State) -> None:
        """Ceilings that the run is over by now and that would have stopped it, under one of the contracts only."""
        over = [set(_over(terms.contract, state)) for terms in self.terms]
        if over[0] == over[1] or self.otherwise:
            return
        for name in sorted(over[1] - over[0]):
            _count(self.found.limits, name)
        self.otherwise = True


def _alike(one: Terms, other: Terms) -> Iterator[str]:
    """Tools on the same terms, where nothing else that a judgement looks at differs either."""
    mine, theirs = one.contract, other.contract
    if (set(mine.tools), mine.limits.repeats) != (set(theirs.tools), theirs.limits.repeats):
        return
    if (mine.predicates, one.predicates) != (theirs.predicates, other.predicates):
        return
    for name, grant in mine.tools.items():
        if grant == theirs.tools[name]:
            yield name


def _judge(bound: RecordedBound, state: State, call: CallState, moment: Moment) -> Judged:
    if call.tool not in bound.contract.tools:
        return Judged("refuse", (Fired("tools", "refuse", f"{call.tool} is not among the tools"),))
    said = policy.judge(bound, state, call, moment)
    asked = _asked(said.reviews) if said.verdict == "review" else {}
    return Judged(said.verdict, tuple(fired for fired in said.rules if fired.verdict == said.verdict), asked)


def _judge_output(bound: RecordedBound, state: State, value: Json) -> Judged:
    problems = policy.output_problems(bound, state, value)
    if problems:
        return Judged("refuse", tuple(problems))
    review = policy.output_review(bound, state, value)
    if review is None:
        return Judged("allow")
    return Judged("review", (Fired("done.review", "review", review.because, review.secret),), _asked([review]))


def _asked(reviews: Iterable[Review]) -> dict[str, int]:
    """Role → people of it that have to say yes, as `policy.unmet_review` asks them one after another."""
    found: dict[str, int] = {}
    for review in reviews:
        found[review.by] = max(found.get(review.by, 0), review.people)
    if len(found) > 1:
        found.pop("", None)
    return found


def _over(contract: Contract, state: State) -> Iterator[str]:
    limits, spent = contract.limits, state.spent
    used = {"steps": spent.steps, "usd": spent.charged, "work": spent.work, "retries": spent.retries}
    for name, amount in used.items():
        top = getattr(limits, name)
        if top is not None and amount > top + state.grants.get(name, 0):
            yield name


def _count(counts: dict[str, int], what: str, many: int = 1) -> None:
    counts[what] = counts.get(what, 0) + many


# ------------------------------------------------------------------------------------------------------ many runs


def nothing() -> Tested:
    """Of no runs."""
    return Tested(
        unjudged={}, unread={}, others={}, limits={}, by_tool={}, verdicts=({}, {}), differing=[],
        loads=(Load(by_role={}), Load(by_role={})), loads_later=(Load(by_role={}), Load(by_role={})),
    )  # fmt: skip


def together(tests: Iterable[Tested]) -> Tested:
    """Many runs as one."""
    found = nothing()
    for one in tests:
        for name in ("runs", "own", "calls", "later", "beside", "stopped"):
            setattr(found, name, getattr(found, name) + getattr(one, name))
        for name in ("unjudged", "unread", "others", "limits", "by_tool"):
            add(getattr(found, name), getattr(one, name))
        for mine, its in zip(found.verdicts, one.verdicts, strict=True):
            add(mine, its)
        for load, its_load in zip((*found.loads, *found.loads_later), (*one.loads, *one.loads_later), strict=True):
            load.calls += its_load.calls
            add(load.by_role, its_load.by_role)
        found.differing += one.differing
        found.first = min(found.first or one.first, one.first)
        found.last = max(found.last, one.last)
    return found


def add(counts: dict[str, int], more: Mapping[str, int]) -> None:
    """Add counts to others."""
    for what, many in more.items():
        _count(counts, what, many)


class Cause(Struct, frozen=True):
    """A rule of one tool, and the calls it makes the difference for."""

    tool: str
    rule: str
    because: str
    calls: int
    examples: tuple[Call, ...]


def causes(calls: Sequence[Call], change: Change) -> tuple[Cause, ...]:
    """By tool and rule, what makes these calls newly what they are; a call that several rules concern counts for each.

    Of calls newly allowed it is the rules of the first contract, which do not hold them back any more.
    """
    found: dict[tuple[str, str, str], list[Call]] = {}
    for call in calls:
        rules = (call.before if change == "allowed" else call.after).rules
        for fired in rules:
            found.setdefault((call.tool, fired.rule, _general(fired)), []).append(call)
    every = [Cause(*key, len(hit), tuple(hit[:EXAMPLES])) for key, hit in found.items()]
    return tuple(sorted(every, key=lambda cause: (-cause.calls, cause.tool, cause.rule)))


def _general(fired: Fired) -> str:
    """What a rule says of every call; what it says of one call alone, with its values in it, stands in the examples."""
    own = (".needs.", ".from.")
    return fired.because.partition(" (cannot be answered")[0] if not any(part in fired.rule for part in own) else ""
