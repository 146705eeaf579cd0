"""Figures that are not to come out equal: at most so many attacks, at least so many tasks done."""

from __future__ import annotations

import msgspec

from real.figures import Figure, Sheet

NO_BOUND = "a report; nothing to compare it with"


def at_most(sheet: Sheet, figure: str, value: int, bound: int | None, note: str = "") -> Figure:
    """A figure that must not be above a bound; without a bound it is a report."""
    return _bounded(sheet, figure, value, bound, f"at most {bound}", note, ok=bound is not None and value <= bound)


def at_least(sheet: Sheet, figure: str, value: int, bound: int | None, note: str = "") -> Figure:
    """A figure that must not be below a bound; without a bound it is a report."""
    return _bounded(sheet, figure, value, bound, f"at least {bound}", note, ok=bound is not None and value >= bound)


def _bounded(sheet: Sheet, figure: str, value: int, bound: int | None, expected: str, note: str, *, ok: bool) -> Figure:
    if bound is None:
        return sheet.without(figure, value, f"{note}; {NO_BOUND}" if note else NO_BOUND)
    return msgspec.structs.replace(sheet.compare(figure, value, expected, note), ok=ok)
