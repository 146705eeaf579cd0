"""What a reliability curve is made from: one row an attempt, with how long a person needs for its task, and how one knows.

A row says nothing of where it comes from: a file, the runs of a suite, somebody's published table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Final

from msgspec import Struct, field

from holdfast.errors import InputError

FACTORS: Final = (
    "real-life source",
    "resource limited",
    "not easily resettable",
    "irreversible mistakes",
    "dynamic environment",
    "difficult counterfactuals",
    "not purely automatic scoring",
    "scoring not explicit",
    "suboptimal behaviour exploited",
    "no verification provided",
    "real-time coordination",
    "self-modification",
    "self-improvement",
    "information seeking",
    "novel situation",
    "implicit generalisability",
)
"""METR's sixteen factors of messiness (arXiv 2503.14499): what tasks of the world have and tasks of benchmarks lack."""

UNKNOWN: Final = "unknown"
"""The provenance of minutes of which nobody says where they come from."""


class Row(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One attempt at a task."""

    task: str
    human_minutes: float
    """How long somebody who knows the trade needs for the task. All rows of a task say the same."""
    minutes_from: str
    """How that is known: `timed`, `ticket`, `estimate`, `unknown`, or words of your own."""
    score: float
    """0 a failure, 1 a success; between them so much of one."""
    family: str = ""
    """Tasks that resemble each other, and so fail together; the task itself where none is given."""
    weight: float | None = None
    """How much the row counts. In all rows or in none: then 1 / (runs of its task · √tasks of its family)."""
    messy: Mapping[str, float] | None = None
    """Factor → 0 to 1, the mean of what raters say; what is not named is 0. None: nobody has rated the task."""
    agent: str = ""
    run: str = ""
    """The run it was, for those who want to look; no two rows need differ in it."""


class Task(Struct, frozen=True, kw_only=True):
    """A task with all its attempts."""

    name: str
    family: str
    minutes: float
    minutes_from: str
    scores: tuple[float, ...]
    weights: tuple[float, ...]
    """Of each attempt, as given or by the rule."""
    messy: Mapping[str, float] | None = field(default=None)

    @property
    def mean(self) -> float:
        """The share of success among its attempts, by their weights."""
        whole = sum(self.weights)
        return sum(s * w for s, w in zip(self.scores, self.weights, strict=True)) / whole if whole else 0.0

    @property
    def weight(self) -> float:
        """What its attempts weigh together."""
        return sum(self.weights)


def tasks(rows: Iterable[Row]) -> tuple[Task, ...]:
    """Rows by task, in an order that does not depend on theirs. Raises InputError for rows that cannot be or disagree."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        _check(row)
        found.setdefault(row.task, []).append(row)
    if not found:
        raise InputError("there are no rows", hint="one row an attempt at a task")
    given = {row.weight is None for group in found.values() for row in group}
    if len(given) > 1:
        raise InputError("some rows have a weight and some have none", hint="give all of them one, or none")
    sizes: dict[str, int] = {}
    for group in found.values():
        sizes[_family(group[0])] = sizes.get(_family(group[0]), 0) + 1
    made = [_task(group, sizes[_family(group[0])]) for group in found.values()]
    if not sum(task.weight for task in made):
        raise InputError("all weights are 0")
    return tuple(sorted(made, key=lambda task: (task.family, task.name)))


def _family(row: Row) -> str:
    return row.family or row.task


def _check(row: Row) -> None:
    who = f"task {row.task!r}"
    if not row.task:
        raise InputError("a row names no task")
    if not (isfinite(row.human_minutes) and row.human_minutes > 0):
        raise InputError(f"{who}: human_minutes is more than 0; this is {row.human_minutes:g}")
    if not row.minutes_from:
        raise InputError(
            f"{who}: minutes_from does not say how the minutes are known",
            hint="timed, ticket, estimate, words of your own, or unknown",
        )
    if not 0 <= row.score <= 1:
        raise InputError(f"{who}: a score lies between 0 and 1; this is {row.score:g}")
    if row.weight is not None and not (isfinite(row.weight) and row.weight >= 0):
        raise InputError(f"{who}: a weight is not negative; this is {row.weight:g}")
    for factor, value in (row.messy or {}).items():
        if factor not in FACTORS:
            raise InputError(f"{who}: there is no factor {factor!r}", hint=f"there are {', '.join(FACTORS)}")
        if not 0 <= value <= 1:
            raise InputError(f"{who}: {factor} lies between 0 and 1; this is {value:g}")


def _task(group: list[Row], siblings: int) -> Task:
    first = group[0]
    for row in group[1:]:
        for name in ("family", "human_minutes", "minutes_from", "messy"):
            if getattr(row, name) != getattr(first, name):
                raise InputError(
                    f"task {first.task!r}: its rows disagree on {name}: {getattr(first, name)!r} and {getattr(row, name)!r}",
                    hint="what belongs to a task is the same in all of its rows",
                )
    by_rule = 1 / (len(group) * siblings**0.5)
    pairs = sorted((row.score, by_rule if row.weight is None else row.weight) for row in group)
    return Task(
        name=first.task,
        family=_family(first),
        minutes=first.human_minutes,
        minutes_from=first.minutes_from,
        scores=tuple(score for score, _ in pairs),
        weights=tuple(weight for _, weight in pairs),
        messy=first.messy,
    )
