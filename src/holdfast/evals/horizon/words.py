"""Lengths of human time, and what is said of horizons, in words. Terminal and picture say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.evals.horizon.buckets import Bucket
    from holdfast.evals.horizon.curve import Place, Reliability


def length(minutes: float) -> str:
    """Minutes as one says them: `45 s`, `5.7 min`, `54 min`, `1 h 31 min`, `16 h`."""
    if minutes <= 0:
        return "0 min"
    if minutes < 0.995:
        return f"{minutes * 60:.2g} s" if minutes * 60 < 9.5 else f"{minutes * 60:.0f} s"
    if minutes < 9.95:
        return f"{minutes:.1f}".removesuffix(".0") + " min"
    whole = round(minutes)
    if whole < 60:
        return f"{whole} min"
    hours, rest = divmod(whole, 60)
    return f"{hours:,} h" if not rest or hours >= 10 else f"{hours} h {rest} min"


def place(found: Place, whole: Reliability) -> str:
    """A horizon: its length, or why there is none."""
    if found.where == "at":
        return length(found.minutes or 0.0)
    if found.where == "beyond":
        return f"beyond the longest task, {length(whole.longest)}"
    if found.where == "below":
        return f"below the shortest task, {length(whole.shortest)}"
    return "none: success does not fall with length"


def interval(low: Place | None, high: Place | None, whole: Reliability) -> str:
    """Between which lengths a horizon lies; empty where that is not known."""
    if low is None or high is None:
        return ""
    if low.where == high.where != "at":
        return place(low, whole)
    begin = length(low.minutes or 0.0) if low.where == "at" else f"below {length(whole.shortest)}"
    end = length(high.minutes or 0.0) if high.where == "at" else f"beyond {length(whole.longest)}"
    return f"{begin} to {end}"


def lengths(one: Bucket) -> str:
    """The lengths of a bucket, in minutes as METR names them: `under 1 min`, `64 to 256 min`, `960 min and more`."""
    if one.low is None:
        return f"under {one.high:g} min"
    return f"{one.low:g} min and more" if one.high is None else f"{one.low:g} to {one.high:g} min"


def percent(part: float) -> str:
    """A part of 1 in whole percent; never 0 % or 100 % for what is not."""
    if 0 < part < 0.005:
        return "<1 %"
    return ">99 %" if 0.995 <= part < 1 else f"{100 * part:.0f} %"
