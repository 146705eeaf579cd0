"""What a contract says of what all runs share, in words: amounts, rates, places, failures, turns.

The clauses are read as a contract holds them in a journal too, so these take plain values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast import units
from holdfast.contract import Across, Breaker, Grant, Rate


def across(one: Across) -> str:
    """How much all runs together may do, and what follows for a call that would pass it."""
    asked = f"a person is asked ({one.by or 'anybody'})" if one.otherwise == "review" else "refused"
    return f"{amount(one.model_dump())}, else {asked}"


def amount(given: Mapping[str, Any]) -> str:
    """`at most 50,000 of args.cents per input.customer_id within 1d, over all runs`."""
    counted, per, window = given.get("sum", "1"), given.get("per", '"all"'), given.get("window", 0)
    what = "calls" if counted == "1" else f"of {counted}"
    each = "" if per == '"all"' else f" per {per}"
    length = units.say_duration(window if isinstance(window, int) else units.duration(str(window)))
    return f"at most {given.get('at_most', 0):,} {what}{each} within {length}, over all runs"


def rate(one: Rate) -> str:
    """How often it may be called."""
    return f"at most {one.calls} calls in any {units.say_duration(one.per)}, over all runs; a further one waits"


def at_once(many: int) -> str:
    """How many calls of it may be under way."""
    return f"at most {many} under way at a time, over all runs; a further one waits"


def breaker(one: Breaker) -> str:
    """After how many failures it is left alone."""
    within = units.say_duration(one.within)
    return f"after {one.failures} failures within {within}, over all runs, calls wait until one of them is older"


def turn(about: str) -> str:
    """Of which runs one goes on at a time; empty where all do."""
    return f"of runs with the same {about} one goes on at a time, and the others wait for it" if about else ""


def of_all_runs(grant: Grant) -> tuple[tuple[str, str], ...]:
    """(key, what it says) of each clause of a tool about what all runs share."""
    found = (
        ("across", across(grant.across) if grant.across is not None else ""),
        ("rate", rate(grant.rate) if grant.rate is not None else ""),
        ("at once", at_once(grant.at_once) if grant.at_once is not None else ""),
        ("breaker", breaker(grant.breaker) if grant.breaker is not None else ""),
    )
    return tuple(one for one in found if one[1])
