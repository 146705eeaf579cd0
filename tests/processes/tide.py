"""What became of a pier: its own account, and the journal, each looked at alone."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from holdfast.codec import value_of
from holdfast.events import (
    CallAsked,
    CallFailed,
    CallJudged,
    CallReturned,
    CallStarted,
    Entry,
    PlaceAwaited,
    PlaceTaken,
    RunClosed,
    RunOpened,
)
from tests.processes.pier import AT_ONCE, MOST, RATE, Line

SECOND = 1_000_000

Span = tuple[int, int]


def most_at_once(spans: Iterable[Span]) -> int:
    """How many of these were under way at the same moment, at most; one that ends as another begins is over."""
    moves = sorted([(end, -1) for _, end in spans] + [(begin, 1) for begin, _ in spans])
    now = most = 0
    for _, move in moves:
        now += move
        most = max(most, now)
    return most


def most_within(times: Sequence[int], length: int) -> int:
    """How many of these lie in one window of that length, its end left out, at most."""
    times = sorted(times)
    return max((n + 1 - bisect_right(times, at - length) for n, at in enumerate(times)), default=0)


# ------------------------------------------------------------------------------------------------------- the account


def _spans(lines: Iterable[Line], key: str) -> dict[tuple[str, int], Span]:
    """From the first begin to the last end; what a killed process left without one ends with the next attempt at it."""
    spans: dict[tuple[str, int], Span] = {}
    for line in lines:
        place = (line.run, line.call if key == "call" else 0)
        begin, _ = spans.get(place, (line.at, line.at))
        spans[place] = begin, line.at
    return spans


def account(lines: Sequence[Line]) -> list[str]:
    """Everything that is wrong with the account of a pier: two at one subject, too many cranes, too much paid."""
    wrong: list[str] = []
    subjects: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        subjects[line.subject].append(line)
    for subject, own in subjects.items():
        if (most := most_at_once(_spans(own, "run").values())) > 1:
            wrong.append(f"{most} runs were at work on {subject} at the same time")
    lifts = [line for line in lines if line.tool == "lift"]
    if (most := most_at_once(_spans(lifts, "call").values())) > AT_ONCE:
        wrong.append(f"{most} lifts at once")
    for customer, cents in paid(lines).items():
        if cents > MOST:
            wrong.append(f"{customer} was paid {cents}")
    return wrong


def paid(lines: Iterable[Line]) -> Counter[str]:
    """Cents by customer; the same key again is the same payment."""
    done = {line.key: line for line in lines if line.what == "paid"}
    out = Counter[str]()
    for line in done.values():
        out[line.customer] += line.cents
    return out


# ------------------------------------------------------------------------------------------------------- the journal


class Course(NamedTuple):
    """A run, as its entries tell it."""

    subject: str
    turn: Span
    """When it had its turn."""
    turn_placed: Span
    starts: dict[int, list[int]]
    """Call → when its attempts began."""
    placed: dict[int, Span]
    """Call → where in the feed its first attempt began, and its last answer came."""
    tools: dict[int, str]
    paid: Counter[str]
    """What its payments hold, by customer."""
    unsure: Counter[str]
    """What those of them hold of which nobody knows whether they happened."""
    waits: list[tuple[str, int, int]]
    """(clause, since when, until when)."""
    lost: int
    refused: int
    """Payments that would have passed the amount."""


class _Teller:
    """What was seen of a run so far. places: where in the feed its entries stand."""

    def __init__(self, places: Mapping[int, int]) -> None:
        self.places = places
        self.subject = ""
        self.taken = self.closed = (0, 0)
        self.unresolved: tuple[int, ...] = ()
        self.lost = self.refused = 0
        self.starts: dict[int, list[int]] = defaultdict(list)
        self.placed: dict[int, Span] = {}
        self.asked: dict[int, CallAsked] = {}
        self.paid: dict[int, tuple[str, int]] = {}
        self.waiting: dict[int, tuple[str, int]] = {}
        self.waits: list[tuple[str, int, int]] = []

    def run(self, entry: Entry) -> None:
        """What is about the run as a whole."""
        match entry.event:
            case RunOpened(input=given):
                self.subject = value_of(given)["subject"]  # type: ignore[index,call-overload]
            case PlaceAwaited(clause=clause, call=place):
                self.waiting[place] = clause, entry.at
            case PlaceTaken():
                self.taken = entry.at, self.places[entry.seq]
                self._went_on(0, entry.at)
            case RunClosed(unresolved=calls):
                self.closed, self.unresolved = (entry.at, self.places[entry.seq]), calls
            case _:
                self.call(entry)

    def call(self, entry: Entry) -> None:
        """What is about a call."""
        match entry.event:
            case CallAsked() as event:
                self.asked[entry.seq] = event
            case CallStarted() as event:
                self._started(entry, event)
            case CallReturned(call=call) | CallFailed(call=call):
                if call in self.placed:
                    self.placed[call] = self.placed[call][0], self.places[entry.seq]
                self.lost += getattr(entry.event, "error", "") == "lost"
            case CallJudged(call=call, verdict="refuse", rules=rules):
                self.paid.pop(call, None)
                self.refused += any(rule.rule == "tools.pay.across" for rule in rules)

    def _started(self, entry: Entry, event: CallStarted) -> None:
        self.starts[event.call].append(entry.at)
        self.placed.setdefault(event.call, (self.places[entry.seq], self.places[entry.seq]))
        self._went_on(event.call, entry.at)
        args = value_of(self.asked[event.call].args)
        for share in event.shares:
            if share.clause.endswith(".across"):
                self.paid[event.call] = args["customer"], share.amount  # type: ignore[index,call-overload,assignment]

    def _went_on(self, place: int, at: int) -> None:
        if place in self.waiting:
            self.waits.append((*self.waiting.pop(place), at))


def course(entries: Sequence[Entry], places: Mapping[int, int]) -> Course:
    """Retell a run. places: where in the feed its entries stand; what is decided at one moment may get in at another."""
    told = _Teller(places)
    for entry in entries:
        told.run(entry)
    sums, unsure = Counter[str](), Counter[str]()
    for call, (customer, cents) in told.paid.items():
        sums[customer] += cents
        if call in told.unresolved:
            unsure[customer] += cents
    (taken, first), (closed, last) = told.taken, told.closed
    tools = {seq: event.tool for seq, event in told.asked.items()}
    return Course(
        told.subject, (taken, closed), (first, last), dict(told.starts), told.placed, tools, sums, unsure, told.waits,
        told.lost, told.refused,
    )  # fmt: skip


def journalled(courses: Mapping[str, Course]) -> list[str]:
    """Everything that is wrong with the journal of a pier: with the order of its entries, and for a rate with their times."""
    wrong = list[str]()
    subjects: dict[str, list[Span]] = defaultdict(list)
    lifts, weighings, sums = list[Span](), list[int](), defaultdict[str, int](int)
    for one in courses.values():
        subjects[one.subject].append(one.turn_placed)
        for call, starts in one.starts.items():
            if one.tools[call] == "lift":
                lifts.append(one.placed[call])
            elif one.tools[call] == "weigh":
                weighings += starts
        for customer, cents in one.paid.items():
            sums[customer] += cents
    wrong += [f"two turns of {subject} at once" for subject, own in subjects.items() if most_at_once(own) > 1]
    if (most := most_at_once(lifts)) > AT_ONCE:
        wrong.append(f"{most} lifts at once")
    if (most := most_within(weighings, SECOND)) > RATE:
        wrong.append(f"{most} weighings in a second")
    return wrong + [f"{customer} holds {cents}" for customer, cents in sums.items() if cents > MOST]


def handovers(courses: Iterable[Course]) -> list[int]:
    """µs from when a turn was let go, or was first waited for, to when the next had it; where somebody waited."""
    subjects: dict[str, list[Course]] = defaultdict(list)
    for one in courses:
        subjects[one.subject].append(one)
    out: list[int] = []
    for own in subjects.values():
        for before, after in pairwise(sorted(own, key=lambda one: one.turn_placed)):
            since = next((since for clause, since, _ in after.waits if clause == "one_at_a_time"), None)
            if since is not None:
                out.append(max(after.turn[0] - max(before.turn[1], since), 0))
    return out


def at(values: Iterable[int], part: float) -> float:
    """The value below which that part of all lies, in seconds."""
    found = sorted(values)
    return found[min(int(len(found) * part), len(found) - 1)] / 1e6 if found else 0.0
