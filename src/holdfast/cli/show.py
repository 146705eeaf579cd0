"""`holdfast show`: the list of runs, or the trace of one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Annotated, Final

import msgspec
import typer

from holdfast.cli import out, reading
from holdfast.cli.options import DEFAULT, AsJson, Journal, Work, pairs
from holdfast.errors import UsageError
from holdfast.events import OUTCOMES
from holdfast.journal.port import Row, Where

PAGE: Final = 200

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


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def show(
        run: Annotated[str, typer.Argument(metavar="[RUN]", help="A run, its key, or its first letters.")] = "",
        where: Annotated[
            list[str] | None,
            typer.Option("--where", metavar="FIELD=VALUE", help=f"Of the list: {', '.join(FIELDS)}, tags.NAME."),
        ] = None,
        limit: Annotated[int, typer.Option(min=1, help="Rows of the list.")] = 50,
        follow: Annotated[
            bool, typer.Option("--follow", help="Show entries as they come, until the run is closed.")
        ] = False,
        full: Annotated[bool, typer.Option("--full", help="Shorten nothing.")] = False,
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Show the runs, newest first; or what happened in one."""
        if not run:
            return partial(_list, journal, pairs(where, "--where"), limit, as_json)
        if follow:
            from holdfast.cli import follow as following

            return partial(following.follow, journal, run, as_json)
        return partial(_one, journal, run, full, as_json)


def _list(url: str, wanted: dict[str, str], limit: int, as_json: bool) -> int:
    rows, now = asyncio.run(_rows(url, wanted, limit))
    if as_json:
        out.give(rows)
        return 0
    if not rows:
        print("no runs" + (" like that" if wanted else " yet"))
        return 0
    from holdfast.cli.list_text import table

    out.show(table(rows, now))
    if len(rows) == limit:
        out.note(f"the newest {limit}; --limit shows more")
    return 0


async def _rows(url: str, wanted: dict[str, str], limit: int) -> tuple[list[Row], int]:
    """The newest rows that fit, and what time it is. Raises UsageError for a field no row has."""
    strange = [field for field in wanted if field not in FIELDS and not field.startswith("tags.")]
    if strange:
        raise UsageError(f"runs have no field {strange[0]}", hint=f"one of {', '.join(FIELDS)}, tags.NAME")
    found: list[Row] = []
    async with reading.looking(url) as journal:
        where = _where(wanted)
        while len(found) < limit:
            page = await journal.find(where)
            found += [row for row in page if _fits(row, wanted)]
            if len(page) < PAGE:
                break
            where = msgspec.structs.replace(where, before=(page[-1].opened, page[-1].run))
        return found[:limit], journal.now()


def _where(wanted: dict[str, str]) -> Where:
    """The part of the question that the store answers itself."""
    outcome = wanted.get("outcome") or (wanted.get("status") if wanted.get("status") in OUTCOMES else None)
    return Where(
        agent=wanted.get("agent", ""), key=wanted.get("key", ""), waits_for=wanted.get("waits_for", ""), limit=PAGE,
        outcome=outcome if outcome in OUTCOMES else None,
    )  # fmt: skip


def _fits(row: Row, wanted: dict[str, str]) -> bool:
    return all(
        (FIELDS[field](row) if field in FIELDS else row.tags.get(field.removeprefix("tags."), "")) == value
        for field, value in wanted.items()
    )


def _one(url: str, name: str, full: bool, as_json: bool) -> int:
    from holdfast.views.trace import trace

    seen = trace(asyncio.run(reading.entries_of(url, name)))
    if as_json:
        out.give(seen)
        return 0
    from holdfast.cli.trace_text import text

    out.show(*text(seen, full=full))
    return 0
