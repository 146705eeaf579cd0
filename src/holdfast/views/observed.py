"""Observed: what there is to watch in runs that are over, one after the other, in the order in which they were closed.

    for one in in_order(map(observe, runs)): one.won, one.nusd, one.took, one.tools, one.arguments

Of arguments it says what they were like and not what they were: of which order of magnitude a number, how long a text. Only
a text that looks like a word of a fixed list stands for itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from holdfast.events import Entry, Json
from holdfast.views.cost import cost_of, is_done
from holdfast.views.record import Trace
from holdfast.views.trace import trace

Aside: TypeAlias = Literal["", "not over yet", "a fork", "an undo", "a simulation"]
"""Why a run is none of those that are watched."""

_WORD: Final = re.compile(r"[A-Za-z][A-Za-z_-]{0,23}")


class Observed(Struct, frozen=True, kw_only=True):
    """One run, as far as it is watched."""

    run: str
    agent: str
    contract: str
    """Digest of the contract in force at its end."""
    closed: int
    """When it was closed; when its last entry was written, while it is open."""
    won: bool
    """Whether it was a success, as `holdfast cost` counts them."""
    nusd: int | None
    """What it cost, with the runs that it opened; None where something in it has no price."""
    took: int
    """µs of models and tools. Not how long it was open: that is how long people let it wait."""
    tools: dict[str, int]
    """Tool → calls that the model asked for; ends of the run too."""
    arguments: dict[str, dict[str, int]]
    """`tool.argument` → what it was like → times."""
    aside: Aside = ""


def observe(entries: Sequence[Entry]) -> Observed:
    """What there is to watch in a run. Raises UsageError for what is no run."""
    seen = trace(entries)
    cost = cost_of(entries, seen)
    tools: Counter[str] = Counter()
    arguments: dict[str, Counter[str]] = {}
    for call in seen.calls.values():
        if call.serves:
            continue  # the machine's own, made for another call
        tools[call.tool] += 1
        if isinstance(call.args.value, dict):
            for name, value in call.args.value.items():
                arguments.setdefault(f"{call.tool}.{name}", Counter())[like(value)] += 1
    return Observed(
        run=seen.run,
        agent=seen.agent,
        contract=seen.contract_digest,
        closed=seen.end.at if seen.end is not None else seen.at,
        won=is_done(cost),
        nusd=cost.with_children.total,
        took=cost.work,
        tools=dict(tools),
        arguments={name: dict(kinds) for name, kinds in arguments.items()},
        aside=_aside(seen),
    )


def _aside(seen: Trace) -> Aside:
    if seen.undoes:
        return "an undo"
    if seen.forked_from:
        return "a fork"
    if seen.mode == "simulate":
        return "a simulation"
    return "" if seen.end is not None else "not over yet"


def in_order(runs: Iterable[Observed]) -> tuple[Observed, ...]:
    """Runs that are over, in the order in which they were closed; without forks, undos and simulations."""
    return tuple(sorted((one for one in runs if not one.aside), key=lambda one: (one.closed, one.run)))


def like(value: Json) -> str:
    """What a value is like: `late`, `10 to 99`, `-1 to -9`, `text of 10 to 99`, `list of 3`, `true`, `nothing`."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"-{_size(-value, '-')}" if value < 0 else _size(value)
        case str() if _WORD.fullmatch(value):
            return value
        case str():
            return f"text of {_size(len(value))}"
        case list() | tuple():
            return f"list of {len(value) if len(value) < 10 else _size(len(value))}"
        case _:
            return "fields"


def _size(value: float, sign: str = "") -> str:
    if value == 0:
        return "0"
    if value < 1:
        return "below 1"
    low = 10 ** min(len(str(int(value))) - 1, 15)
    return f"{low} to {sign}{10 * low - 1}"
