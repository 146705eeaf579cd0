"""What must hold of what runs share: retold in the order of the feed, from entries and index rows alone.

A part is taken by the entry that says so, and is free from the first entry that could let it go; so nothing here is counted
that the contract does not count.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from holdfast.contract import Grant
from holdfast.events import (
    CallAsked,
    CallFailed,
    CallJudged,
    CallLookedUp,
    CallReturned,
    CallReturnedLate,
    CallSettled,
    CallStarted,
    DoubtRaised,
    Entry,
    Hold,
    PlaceTaken,
    RunClosed,
)
from holdfast.testing.sim.history import History, Violation, own_entries

Place = tuple[str, int]


def check_shares(history: History) -> Iterator[Violation]:
    """One turn, so many at once, so many in a time; and each row says what its run holds, no more and no less.

    Nothing is said of a journal that was restored: what was lost of it did happen.
    """
    contract = history.agent.contract
    grants = {name: grant for name, grant in contract.tools.items() if grant.at_once or grant.rate or grant.across}
    if history.restored or not (grants or contract.one_at_a_time):
        return
    entries = {run: {entry.seq: entry for entry in own_entries(own)} for run, own in history.runs.items()}
    tools = {
        (run, seq): entry.event.tool
        for run, own in entries.items() for seq, entry in own.items() if isinstance(entry.event, CallAsked)
    }  # fmt: skip
    sharing = _Sharing(grants, tools)
    for run, seq in history.feed:
        entry = entries.get(run, {}).get(seq)
        if entry is not None:
            yield from sharing.tell(run, entry)
    yield from sharing.rates()
    for run, own in history.runs.items():
        yield from _row(run, own_entries(own), history.holds.get(run, ()))


class _Sharing:
    """Who has what, entry by entry."""

    def __init__(self, grants: Mapping[str, Grant], tools: Mapping[Place, str]) -> None:
        self._grants, self._tools = grants, tools
        self._turns: dict[str, set[str]] = defaultdict(set)
        self._under_way: dict[str, set[Place]] = defaultdict(set)
        self._starts: dict[str, list[int]] = defaultdict(list)

    def tell(self, run: str, entry: Entry) -> Iterator[Violation]:
        event = entry.event
        match event:
            case PlaceTaken(shares=shares):
                for share in shares:
                    yield from self._turn(run, entry.seq, self._turns[share.name])
            case CallStarted(call=call):
                yield from self._start(run, entry, self._tools[run, call])
            case RunClosed():
                for runs in self._turns.values():
                    runs.discard(run)
                for places in self._under_way.values():
                    places -= {place for place in places if place[0] == run}
            case _ if _lets_go(entry):
                for places in self._under_way.values():
                    places.discard((run, getattr(event, "call", 0)))

    def _turn(self, run: str, seq: int, runs: set[str]) -> Iterator[Violation]:
        runs.add(run)
        if len(runs) > 1:
            yield Violation("two turns", run, f"entry {seq}: it is the turn of {sorted(runs)}")

    def _start(self, run: str, entry: Entry, tool: str) -> Iterator[Violation]:
        assert isinstance(entry.event, CallStarted)
        places = self._under_way[tool]
        places.add((run, entry.event.call))
        self._starts[tool].append(entry.at)
        most = self._grants[tool].at_once if tool in self._grants else None
        if most is not None and len(places) > most:
            yield Violation("too many at once", run, f"entry {entry.seq}: {sorted(places)} of {tool}")

    def rates(self) -> Iterator[Violation]:
        for tool, grant in self._grants.items():
            if grant.rate is not None and _most_within(self._starts[tool], grant.rate.per) > grant.rate.calls:
                yield Violation(
                    "rate", "", f"{tool} began more than {grant.rate.calls} times within {grant.rate.per} µs"
                )


def _lets_go(entry: Entry) -> bool:
    """Whether a call is surely no longer under way, or nobody waits for it any more."""
    match entry.event:
        case CallFailed(fate=fate):
            return fate == "not_done"
        case CallLookedUp(answer=answer):
            return answer in ("found", "absent")
        case CallJudged(verdict=verdict):
            return verdict == "refuse"
    return isinstance(entry.event, CallReturned | CallReturnedLate | CallSettled | DoubtRaised)


def _most_within(times: list[int], length: int) -> int:
    times = sorted(times)
    return max((n + 1 - bisect_right(times, at - length) for n, at in enumerate(times)), default=0)


def _row(run: str, entries: list[Entry], holds: Sequence[Hold]) -> Iterator[Violation]:
    """A closed run holds nothing but what counts in a window: the amounts of what was done, or may have been."""
    if not entries or not any(isinstance(entry.event, RunClosed) for entry in entries):
        return
    for hold in holds:
        if not hold.until:
            yield Violation("held for ever", run, f"it is closed, and holds {hold.amount} of {hold.name}")
    amounts: dict[int, int] = {}
    unsure, done = set[int](), set[int]()
    for entry in entries:
        match entry.event:
            case CallStarted(call=call, shares=shares):
                amounts[call] = sum(
                    one.amount for one in shares if one.clause.endswith(".across") and one.until > entries[-1].at
                )
            case CallFailed(call=call, fate="unknown") | CallReturnedLate(call=call):
                unsure.add(call)
            case CallReturned(call=call, complete="complete"):
                done.add(call)
    held = sum(hold.amount for hold in holds if hold.name.startswith("across:"))
    surely = sum(amount for call, amount in amounts.items() if call in done)
    most = sum(amount for call, amount in amounts.items() if call in done | unsure)
    if not surely <= held <= most:
        yield Violation("amount", run, f"it holds {held}; {surely} was done, and at most {most} may have been")
