"""Cost: what a run was paid for, to whom, and what of it was for nothing.

    one = cost_of(entries)                  a run: by model, by tool, its retries, repeats, children and reviewers
    all = total(costs, won)                 many runs: by outcome, model and tool; cost per success; waste

All in whole nano-dollars, as the journal has them. What nobody priced stays unknown in every sum it enters. A child's cost
is its own run's: it stands in the parent as a field, and is not added to what the parent paid. Of many runs every one counts
once, and those that no other one of them opened are the ones that succeed or do not: their children worked for them. What a
fork inherited was paid by the run it was forked from, and is counted there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from holdfast import units
from holdfast.core import fork
from holdfast.events import ChildClosed, Entry, ModelAnsweredLate, ModelFailed, Noted, Outcome
from holdfast.views.cost_trees import Child, Tree, fates, trees
from holdfast.views.detectors.finding import Case, key, outcome
from holdfast.views.record import Asked, Call, Trace, Turn
from holdfast.views.spending import Money, add, ratio, shared
from holdfast.views.totals import Totals
from holdfast.views.trace import trace

WORDS = ""
"""The tool under which stands what was paid for answers that called none."""

MOST = 5 * units.MINUTE
"""µs that a verdict is taken to have cost the person who gave it, at most: a journal has how long somebody was waited
for, and not how long he worked."""


class Share(Struct, frozen=True):
    """What went to one model, tool or outcome."""

    name: str
    money: Money
    times: int = 0
    """Answers of a model, calls of a tool, runs of an outcome."""
    took: int = 0
    """µs of the attempts."""


class People(Struct, frozen=True):
    """What people's verdicts took."""

    verdicts: int = 0
    waited: int = 0
    """µs from each question to its verdict: the most that somebody can have worked."""
    worked: int = 0
    """µs taken to be worked: the same with a bound on each."""
    rate: int | None = None
    """nusd that the contract values a minute at; None where it says nothing."""

    @property
    def value(self) -> int | None:
        """nusd of the time worked; None where nobody says what a minute is worth, though some were spent."""
        if not self.verdicts:
            return 0
        return None if self.rate is None else ratio(self.worked * self.rate, units.MINUTE)


class Cost(Struct, frozen=True, kw_only=True):
    """What one run cost."""

    run: str
    agent: str
    contract: str
    at: int
    parent: str = ""
    """The run that opened it."""
    outcome: Outcome | None = None
    money: Money = Money()
    models: tuple[Share, ...] = ()
    tools: tuple[Share, ...] = ()
    """By tool called: the answers that called it, each shared equally among its calls."""
    retries: Share = Share("retries", Money())
    """Attempts at a model that gave nothing, with what was charged for them, and attempts at tools after the first."""
    repeats: Share = Share("repeats", Money())
    """Calls that had been made before with the same result and no effect between: their shares of the answers."""
    people: People = People()
    children: tuple[Child, ...] = ()
    input: int = 0
    output: int = 0
    """Tokens."""
    bad: bool = False
    """Whether the last that somebody noted of the whole run, good or bad, is bad."""
    inherited: Money = Money()
    """Of a fork: what the run it was forked from had paid by then; not part of `money`."""

    @property
    def work(self) -> int:
        """µs of models and tools."""
        return sum(one.took for one in (*self.models, *self.tools))

    @property
    def with_children(self) -> Money:
        """What it was paid for, and the children that ended, with theirs."""
        return self.money + add(child.money for child in self.children)


def cost_of(entries: Sequence[Entry], seen: Trace | None = None, *, most: int = MOST) -> Cost:
    """What a run cost; most: µs that one verdict counts for at most. Raises UsageError for what is no run."""
    case = Case(entries, seen)
    seen, totals, begun = case.seen, case.seen.totals, fork.begun(entries)
    before = trace(entries[:begun]).totals if begun else Totals()
    again = _repeated(case)
    tools: dict[str, list[tuple[Money, Call | None]]] = {}
    parts = _parts(case, begun)
    for part, call in parts:
        tools.setdefault(call.tool if call is not None else WORDS, []).append((part, call))
    wasted = [
        (part, call) for part, call in parts if call is not None and call.seq in again
    ]  # only own calls have a part
    return Cost(
        run=seen.run,
        agent=seen.agent,
        contract=seen.contract_digest,
        at=seen.opened,
        parent=seen.parent,
        outcome=seen.end.outcome if seen.end is not None else None,
        money=Money(
            totals.nusd - before.nusd,
            totals.unsettled + totals.reserved - before.unsettled,
            totals.unpriced - before.unpriced,
        ),
        models=_models(case, begun),
        tools=tuple(
            Share(name, add(part for part, _ in found), len(found), sum(_took(call) for _, call in found))
            for name, found in sorted(tools.items())
        ),
        retries=_retries(case, begun),
        repeats=Share("repeats", add(part for part, _ in wasted), len(wasted), sum(_took(call) for _, call in wasted)),
        people=_people(seen, most, begun),
        children=_children(entries[begun:], seen),
        input=totals.input - before.input,
        output=totals.output - before.output,
        bad=_noted(entries[begun:]) == "bad",
        inherited=Money(before.nusd, before.unsettled, before.unpriced),
    )


def _parts(case: Case, begun: int) -> list[tuple[Money, Call | None]]:
    """What each call's share of its answer is; an answer without calls is one part, and a call the machine made costs none."""
    own = {seq: call for seq, call in case.seen.calls.items() if seq > begun}
    found: list[tuple[Money, Call | None]] = [(Money(), call) for call in own.values() if call.serves]
    for turn in case.turns:
        calls: list[Call | None] = [own[seq] for seq in turn.calls if seq in own]
        if 0 < turn.answered <= begun:
            found += [(Money(), call) for call in calls]
        elif turn.answered:
            found += zip(shared(_paid(turn), len(calls) or 1), calls or [None], strict=True)
    return found


def _paid(turn: Turn) -> Money:
    """What the answer of a turn cost."""
    return Money(turn.cost or 0, 0, int(turn.cost is None))


def _took(call: Call | None) -> int:
    return sum(attempt.took for attempt in call.tried) if call is not None else 0


def _models(case: Case, begun: int) -> tuple[Share, ...]:
    found: dict[str, list[tuple[Money, int]]] = {}
    for turn in case.turns:
        for one in turn.asked:
            if one.seq <= begun:
                continue
            amount = _paid(turn) if one.state == "answered" else _unanswered(case, one)
            found.setdefault(one.model, []).append((amount, one.took))
    return tuple(
        Share(name, add(amount for amount, _ in made), len(made), sum(took for _, took in made))
        for name, made in sorted(found.items())
    )


def _unanswered(case: Case, one: Asked) -> Money:
    """What an attempt at a model is charged that gave nothing, or nothing yet; a late word of its cost settles that."""
    if one.state == "running" and case.seen.end is None:
        return Money(0, one.reserved)
    if not one.late or one.unsettled:
        return Money(0, one.unsettled)
    owed = one.reserved if one.state == "running" else 0
    told = 0
    for entry in case.entries:
        match entry.event:
            case ModelFailed(ask=one.seq, unsettled=unsettled):
                owed = unsettled
            case ModelAnsweredLate(ask=one.seq, cost=cost) if owed and cost is not None:
                told, owed = cost, 0
    return Money(told)


def _retries(case: Case, begun: int) -> Share:
    failed = [one for turn in case.turns for one in turn.asked if one.state == "failed" and one.seq > begun]
    tried = [attempt for call in case.seen.calls.values() for attempt in call.tried[:-1]]
    again = [attempt for attempt in tried if attempt.seq > begun]
    took = sum(one.took for one in failed) + sum(attempt.took for attempt in again)
    return Share("retries", add(_unanswered(case, one) for one in failed), len(failed) + len(again), took)


def _repeated(case: Case) -> set[int]:
    """The calls that had been made before, with the same result and no effect between."""
    again = set()
    for stretch in case.stretches:
        known: set[tuple[bytes, bytes]] = set()
        for call in stretch:
            name, came = key(call), outcome(call)
            if name is not None and came is not None:
                if (name, came) in known:
                    again.add(call.seq)
                known.add((name, came))
    return again


def _people(seen: Trace, most: int, begun: int) -> People:
    asked = [one for one in seen.questions.values() if one.role != "requester" and one.seq > begun]
    waits = [voice.at - one.at for one in asked for voice in one.voices]
    return People(len(waits), sum(waits), sum(min(wait, most) for wait in waits), _rate(seen)) if waits else People()


def _rate(seen: Trace) -> int | None:
    worth = seen.contract.get("worth", {}) if isinstance(seen.contract, dict) else {}
    try:
        rate = units.nusd(worth.get("reviewer_minute", "0"))
    except ValueError:
        return None
    return rate or None  # a contract that says nothing has "0" there, and nobody's minute is worth nothing


def _noted(entries: Sequence[Entry]) -> str:
    said = [entry.event for entry in entries if isinstance(entry.event, Noted)]
    return next((one.finding for one in reversed(said) if one.finding in ("good", "bad") and not one.evidence), "")


def _children(entries: Sequence[Entry], seen: Trace) -> tuple[Child, ...]:
    found = [entry.event for entry in entries if isinstance(entry.event, ChildClosed)]
    return tuple([_child(seen, end) for end in found])


def _child(seen: Trace, end: ChildClosed) -> Child:
    """What was used and was nothing is not in what was told."""
    paid, unpriced = end.used.get("usd", 0), end.used.get("unpriced", 0)
    call = seen.calls.get(end.call)
    one = call.delegated if call is not None else None
    return Child(
        end.child, one.agent if one is not None else "", end.call, end.outcome, None if unpriced else paid, unpriced, paid
    )  # fmt: skip


# -------------------------------------------------------------------------------------------------------- many runs


class Total(Struct, frozen=True, kw_only=True):
    """What many runs cost."""

    runs: int
    """Those that none of the others opened."""
    won: int
    """Runs that were a success, of these."""
    below: int
    """Runs that others of them opened, or runs that these opened."""
    money: Money
    """Of all of them, each once."""
    outcomes: tuple[Share, ...]
    models: tuple[Share, ...]
    tools: tuple[Share, ...]
    lost: Share
    """Waste: all of the runs that are over and were no success."""
    retries: Share
    """Waste: retries within runs that were a success, or still may be."""
    repeats: Share
    """Waste: repeats within runs that were a success, or still may be."""
    under_way: Share
    """Runs that are not over, with what they cost so far; no waste yet."""
    children: Share
    """Runs that calls of these opened and that are not among them, with what their ends told; not in `money`."""
    work: int
    """µs of models and tools."""
    input: int
    output: int
    """Tokens."""
    people: People
    """Of all; a rate only where all that had verdicts have the same."""
    value: int | None
    """nusd of people's time; None where a contract does not value it."""
    squares: int = 0
    """Sum of the squares of what each run cost with its children, for what is said of others like them."""

    @property
    def waste(self) -> Money:
        """What was paid for nothing; nothing in it counts twice."""
        return self.lost.money + self.retries.money + self.repeats.money

    @property
    def whole(self) -> Money:
        """With the children that are not among them, as their ends told."""
        return self.money + self.children.money

    @property
    def per_run(self) -> int | None:
        """nusd with children, models only; None where something has no price, or there are no runs."""
        return None if self.whole.total is None or not self.runs else ratio(self.whole.total, self.runs)

    @property
    def per_success(self) -> int | None:
        """nusd of all runs and their children, failed ones too, for each success, models only; None where unknown or none."""
        return None if self.whole.total is None or not self.won else ratio(self.whole.total, self.won)

    @property
    def per_success_with_people(self) -> int | None:
        """The same with people's time; None where that has no value either."""
        if self.whole.total is None or self.value is None or not self.won:
            return None
        return ratio(self.whole.total + self.value, self.won)


def is_done(cost: Cost) -> bool:
    """What counts as a success: the run ended as done or, within its contract, declined, and nobody noted that it was bad."""
    return cost.outcome in ("done", "declined") and not cost.bad


def total(costs: Iterable[Cost], won: Callable[[Cost], bool] = is_done) -> Total:
    """Runs together; won: which were a success."""
    costs = list(costs)
    all_ = trees(costs)
    came = [fates(tree, won) for tree in all_]
    hoped, bad = ([cost for one in came for cost in one[place]] for place in (1, 2))
    other = [cost for one in came for cost in (*one[0], *one[1])]
    values = [cost.people.value for cost in costs]
    rates = {cost.people.rate for cost in costs if cost.people.verdicts}
    return Total(
        runs=len(all_),
        won=sum(won(tree.root) for tree in all_),
        below=len(costs) - len(all_),
        money=add(cost.money for cost in costs),
        outcomes=_together(_came(tree) for tree in all_),
        models=_together(share for cost in costs for share in cost.models),
        tools=_together(share for cost in costs for share in cost.tools),
        lost=_one("lost", (Share("", cost.money, 1, cost.work) for cost in bad)),
        retries=_one("retries", (cost.retries for cost in other)),
        repeats=_one("repeats", (cost.repeats for cost in other)),
        under_way=_one("under way", (Share("", cost.money, 1, cost.work) for cost in hoped)),
        children=Share("children", add(tree.told for tree in all_), sum(tree.outside for tree in all_)),
        work=sum(cost.work for cost in costs),
        input=sum(cost.input for cost in costs),
        output=sum(cost.output for cost in costs),
        people=People(
            sum(cost.people.verdicts for cost in costs),
            sum(cost.people.waited for cost in costs),
            sum(cost.people.worked for cost in costs),
            rates.pop() if len(rates) == 1 else None,
        ),
        value=None if None in values else sum(value for value in values if value is not None),
        squares=sum(tree.money.least**2 for tree in all_),
    )


def _came(tree: Tree) -> Share:
    """A run with what is here of those below it, under its own outcome."""
    paid, work = add(cost.money for cost in tree.every), sum(cost.work for cost in tree.every)
    return Share(tree.root.outcome or "open", paid, 1, work)


def _one(name: str, shares: Iterable[Share]) -> Share:
    """Shares as one."""
    some = list(shares)
    return Share(name, add(one.money for one in some), sum(one.times for one in some), sum(one.took for one in some))


def _together(shares: Iterable[Share]) -> tuple[Share, ...]:
    """Shares of the same name as one, the dearest first; of those that cost alike, what was most."""
    found: dict[str, list[Share]] = {}
    for share in shares:
        found.setdefault(share.name, []).append(share)
    made = [_one(name, some) for name, some in found.items()]
    return tuple(sorted(made, key=lambda share: (-share.money.least, -share.times, share.name)))


def by_agent(costs: Iterable[Cost], won: Callable[[Cost], bool] = is_done) -> dict[str, Total]:
    """Agent → its runs together, the dearest first. What their children cost is in what one run of it costs."""
    found: dict[str, list[Cost]] = {}
    for cost in costs:
        found.setdefault(cost.agent, []).append(cost)
    made = {agent: total(some, won) for agent, some in found.items()}
    return dict(sorted(made.items(), key=lambda item: (-item[1].money.least, -item[1].runs, item[0])))
