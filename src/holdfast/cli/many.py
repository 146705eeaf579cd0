"""Reading many runs: each that fits is read and reduced to what is wanted of it before the next one is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, TypeAlias, TypeVar

import typer

from holdfast import units
from holdfast.cli import reading, relatives
from holdfast.cli.viewing import Viewer
from holdfast.errors import UsageError
from holdfast.events import OUTCOMES, Entry, RunOpened
from holdfast.journal import walk
from holdfast.journal.port import Journal, Row, Where
from holdfast.views.access import BESIDE

T = TypeVar("T")

FIELDS: Final[dict[str, Callable[[Row], str]]] = {
    "run": lambda row: row.run,
    "agent": lambda row: row.agent,
    "status": lambda row: row.outcome or row.status,
    "outcome": lambda row: row.outcome or "",
    "waits_for": lambda row: row.waits_for,
    "key": lambda row: row.key,
    "by": lambda row: row.by,
    "mode": lambda row: row.mode,
    "parent": lambda row: row.parent,
    "contract": lambda row: row.contract,
    "attention": lambda row: "yes" if row.attention else "no",
    "questions": lambda row: "yes" if row.questions else "no",
}
"""What `--where` can ask about, besides `tags.<name>`."""

ANSWERED: Final = frozenset({"agent", "outcome", "key", "waits_for", "parent"})
"""Of these, what the store answers itself: a page holds no rows that do not fit."""

Fields: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="FIELD=VALUE", help=f"Only runs like that: {', '.join(FIELDS)}, tags.NAME."),
]
Since: TypeAlias = Annotated[
    str,
    typer.Option("--since", metavar="WHEN", help="Only runs opened since then: 7d, 12h, 2026-11-01, 2026-11-01T08:00."),
]


def read_all(
    url: str, wanted: Mapping[str, str], since: str, make: Callable[[list[Entry]], T], looks: Viewer | None = None
) -> list[T]:
    """What `make` gives of each run that fits, the newest first. Raises UsageError for a field no run has, or no moment.

    Forks that `why --counterfactual` made to ask something of another run are nobody's runs, and left out.

    looks: who is shown what comes of it; `make` gets what they may see, and that they look is recorded. None: it says nothing of
    what anybody said or was given, and gets everything.
    """

    def shown(entries: list[Entry], _: Mapping[str, Sequence[Entry]]) -> T:
        return make(looks.shown(entries) if looks is not None else entries)

    found = asyncio.run(_read(url, wanted, since, shown, deep=False))
    if looks is not None:
        asyncio.run(looks.record(url))
    return found


def read_trees(
    url: str, wanted: Mapping[str, str], since: str, make: Callable[[list[Entry], Mapping[str, Sequence[Entry]]], T]
) -> list[T]:
    """The same, of each run with the entries of those below it, by their names. The runs below are runs themselves, too."""
    return asyncio.run(_read(url, wanted, since, make, deep=True))


async def _read(
    url: str, wanted: Mapping[str, str], since: str, make: Callable[[list[Entry], Mapping[str, Sequence[Entry]]], T], *, deep: bool
) -> list[T]:  # fmt: skip
    async with reading.looking(url) as journal:
        return [
            make(entries, await relatives.entries_below(journal, entries) if deep else {})
            async for row in chosen(journal, wanted, since)
            if (entries := await reading.entries(journal, row.run))  # none yet where nothing is on the disk
            and not _asks_why(entries[0])
        ]


def _asks_why(first: Entry) -> bool:
    from holdfast.evals.reason.came import BY

    return isinstance(first.event, RunOpened) and first.event.forked_by[-1:] == (BY,)


async def chosen(
    journal: Journal, wanted: Mapping[str, str], since: str = "", *, size: int = walk.PAGE
) -> AsyncIterator[Row]:
    """The rows of the runs that fit, the newest first. size: how many are wanted at first.

    Raises UsageError for a field no run has, or no moment.
    """
    strange = [field for field in wanted if field not in FIELDS and not field.startswith("tags.")]
    if strange:
        raise UsageError(f"runs have no field {strange[0]}", hint=f"one of {', '.join(FIELDS)}, tags.NAME")
    first = moment(since, journal.now()) if since else 0
    if "run" in wanted:
        row = await reading.find_row(journal, wanted["run"])
        if row.opened >= first and _fits(row, {**wanted, "run": row.run}):
            yield row
        return
    async for row in walk.rows(journal, _where(wanted), size if set(wanted) <= ANSWERED else walk.PAGE):
        if row.opened < first:
            return
        if row.run not in BESIDE and _fits(row, wanted):
            yield row


def _where(wanted: Mapping[str, str]) -> Where:
    """The part of the question that the store answers itself."""
    outcome = wanted.get("outcome") or (wanted.get("status") if wanted.get("status") in OUTCOMES else None)
    return Where(
        agent=wanted.get("agent", ""), key=wanted.get("key", ""), waits_for=wanted.get("waits_for", ""),
        outcome=outcome if outcome in OUTCOMES else None, parent=wanted.get("parent"),
    )  # fmt: skip


def _fits(row: Row, wanted: Mapping[str, str]) -> bool:
    return all(
        (FIELDS[field](row) if field in FIELDS else row.tags.get(field.removeprefix("tags."), "")) == value
        for field, value in wanted.items()
    )


def moment(text: str, now: int) -> int:
    """A moment in µs since 1970, written as so long ago, or as a date and a time, UTC unless it says otherwise.

    Raises UsageError.
    """
    try:
        return now - units.duration(text)
    except ValueError:
        pass
    try:
        said = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no moment", hint="like 7d, 12h, 2026-11-01 or 2026-11-01T08:00") from None
    return int((said if said.tzinfo else said.replace(tzinfo=UTC)).timestamp() * units.SECOND)
