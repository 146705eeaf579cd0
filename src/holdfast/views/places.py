"""What runs share, in words: for what one waited, and what it took.

    said(waited)            waited 12s for the run r_9, which is about the same thing (one_at_a_time)
    taken(share, at)        took 400 of 1000 (600 used by other runs) within 1d: tools.refund.across

All of it is made of the entries of the one run that is read: what others held stands in them as it was seen then.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from holdfast import units
from holdfast.events import PlaceAwaited, Share

STOP: Final = "stop"
"""The clause of what waits because somebody stopped it."""
TURN: Final = "one_at_a_time"


class Waited(Struct, frozen=True, omit_defaults=True):
    """Something waited for what other runs held, or until a stop was over."""

    seq: int
    at: int
    clause: str
    why: str
    call: int = 0
    """The call that waited; 0: the run."""
    holder: str = ""
    """The run that had held it the longest."""
    used: int = 0
    """What other runs held of it then."""
    stop: int = 0
    """The entry of the control stream that stopped it."""
    ended: int = 0
    """The entry with which the waiting was over; 0 while it goes on."""
    until: int = 0
    """When that was."""

    @property
    def took(self) -> int:
        """µs that it lasted; 0 while it goes on."""
        return max(self.until - self.at, 0)


def of(seq: int, at: int, event: PlaceAwaited) -> Waited:
    """The beginning of a wait."""
    _, _, place = event.name.partition(":")
    stop = int(place) if event.clause == STOP and place.isdigit() else 0
    return Waited(seq, at, event.clause, event.why, event.call, event.holder, event.used, stop)


def said(one: Waited) -> str:
    """A wait as a clause without its full stop."""
    verb = f"waited {units.say_duration(one.took)}" if one.ended else "waits"
    if one.clause == TURN:
        return f"{verb} for {_whom(one)}, which is about the same thing ({TURN})"
    place = f"control entry {one.stop}" if one.stop else one.clause
    return f"{verb}: {one.why} ({place})" if one.why else f"{verb} ({place})"


def _whom(one: Waited) -> str:
    return f"run {one.holder}" if one.holder else "another run"


def on(one: Waited) -> str:
    """On what it waits, in a word or two: what a picture of its time is to name."""
    if one.clause == TURN:
        return f"the run {one.holder}" if one.holder else "another run"
    _, _, rest = one.clause.partition(".")
    tool, _, kind = rest.rpartition(".")
    return {"at_once": f"a place at {tool}", "rate": f"the rate of {tool}", "breaker": f"{tool} to fail less"}.get(
        kind, one.clause
    )


def fate(waited: Iterable[Waited]) -> str:
    """How something stands that waits, in a word or two; empty where it does not."""
    last = next((one for one in reversed(list(waited)) if not one.ended), None)
    if last is None:
        return ""
    return "stopped for now" if last.clause == STOP else "waits for a place"


def taken(share: Share, at: int, *, full: bool = True) -> str:
    """What an attempt that began at `at` took; empty for what is not told. full: also what says nothing of an amount."""
    kind = share.clause.rpartition(".")[2]
    within = f" within {units.say_duration(share.until - at)}" if share.until > at else ""
    others = f"{share.used} used by other runs"
    if kind == "across" and share.amount:
        if not share.top:
            return f"took {share.amount} over the limit, which a person let pass ({others}){within}: {share.clause}"
        return f"took {share.amount} of {share.top} ({others}){within}: {share.clause}"
    if not full or not share.top:
        return ""
    match kind:
        case "at_once":
            return f"took a place, of {share.top} at a time ({others}): {share.clause}"
        case "rate":
            return f"took {share.amount} of {share.top} calls ({others}){within}: {share.clause}"
        case "breaker":
            return f"{share.used} failures of other runs{within}, and {share.top + 1} hold it back: {share.clause}"
    return ""


def total(waited: Iterable[Waited]) -> int:
    """µs that were waited in all for what other runs held; what was waited at once counts once."""
    spans = sorted((one.at, one.until) for one in waited if one.ended and one.clause != STOP)
    most, end = 0, 0
    for first, last in spans:
        most += max(last - max(first, end), 0)
        end = max(end, last)
    return most
