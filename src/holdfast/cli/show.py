"""`holdfast show`: the list of runs, or the trace of one."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from holdfast.cli import out, reading, relatives, switch
from holdfast.cli.many import FIELDS, chosen
from holdfast.cli.options import DEFAULT, AsJson, Journal, Viewer, Work, pairs
from holdfast.cli.viewing import Viewer as Looks
from holdfast.cli.viewing import explicit, selection
from holdfast.journal.port import Row
from holdfast.views.access import ACCESS, CONTROL
from holdfast.views.carried import labels
from holdfast.views.checkpoint import AUDIT
from holdfast.views.family import Family
from holdfast.views.labelled import labelled


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def show(
        run: Annotated[str, typer.Argument(metavar="[RUN]", help="A run, its key, or its first letters.")] = "",
        *,
        where: Annotated[
            list[str] | None,
            typer.Option("--where", metavar="FIELD=VALUE", help=f"Of the list: {', '.join(FIELDS)}, tags.NAME."),
        ] = None,
        text: Annotated[
            str, typer.Option("--text", metavar="WORDS", help="Only runs that speak of it, and where they do.")
        ] = "",
        limit: Annotated[int, typer.Option(min=1, help="Rows of the list.")] = 50,
        follow: Annotated[
            bool, typer.Option("--follow", help="Show entries as they come, until the run is closed.")
        ] = False,
        full: Annotated[bool, typer.Option("--full", help="Shorten nothing.")] = False,
        html: Annotated[
            Path | None, typer.Option("--html", metavar="FILE", help="Write the trace as one page; - is stdout.")
        ] = None,
        name: Viewer = "",
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Show the runs, newest first; or what happened in one."""
        if text:
            from holdfast.cli.search import search

            wanted = pairs(where, "--where") | ({"run": run} if run else {})
            looks = Looks("show --text", name, selection=selection(wanted))
            return partial(search, looks, journal, text, partial(chosen, wanted=wanted), limit, as_json)
        if not run:
            return partial(_list, Looks("show", name), journal, pairs(where, "--where"), limit, as_json)
        if run == AUDIT:
            from holdfast.cli import checkpoint_text

            return partial(checkpoint_text.shown, journal, limit, as_json)
        if run == CONTROL:
            from holdfast.cli import control_text

            return partial(control_text.shown, journal, limit, as_json)
        if run == ACCESS:
            from holdfast.cli import access

            return partial(access.shown, journal, access.Asked(limit=limit, as_json=as_json))
        if follow:
            from holdfast.cli import follow as following

            return partial(following.follow, Looks("show --follow", name), journal, run, as_json)
        return partial(_one, Looks("show --html" if html else "show", name), journal, run, full, html, as_json)


def _list(looks: Looks, url: str, wanted: dict[str, str], limit: int, as_json: bool) -> int:
    # A run that another one opened is shown with that one, unless runs of some kind are asked for.
    rows, below, stops, now = asyncio.run(
        _rows(url, wanted if wanted or as_json else {"parent": ""}, limit, below=not as_json)
    )
    if as_json:
        rows = [looks.row(row) for row in rows]
        looks.recorded(url)
        out.give(rows)
        return 0
    for one in stops:
        print(switch.line(one, now))
    if not rows:
        print("no runs" + (" like that" if wanted else " yet"))
        return 0
    from holdfast.cli.list_text import table

    out.show(table(rows, now, below))
    if len(rows) == limit:
        out.note(f"the newest {limit}; --limit shows more")
    return 0


async def _rows(
    url: str, wanted: dict[str, str], limit: int, *, below: bool
) -> tuple[list[Row], dict[str, relatives.Below], list[switch.Stopped], int]:
    """The newest rows that fit, what is below them, what is stopped, and what time it is.

    Raises UsageError for a field no row has.
    """
    found: list[Row] = []
    async with reading.looking(url) as journal:
        async for row in chosen(journal, wanted, size=limit):
            found.append(row)
            if len(found) == limit:
                break
        stops = await switch.in_force(journal) if below else []
        return found, await relatives.below(journal, found) if below else {}, stops, journal.now()


def _one(looks: Looks, url: str, name: str, full: bool, html: Path | None, as_json: bool) -> int:
    found = asyncio.run(relatives.family_of(looks, url, name))
    if html is not None:
        from holdfast.cli.trace_page import page

        out.page(html, page(found.family, found.entries))
        return 0
    if as_json:
        out.give(explicit(_plain(found)))
        return 0
    from holdfast.cli.trace_text import lines

    place = out.console()
    colour = place.is_terminal and not place.no_color
    print("\n".join(lines(found.family, width=place.width, colour=colour, full=full, now=found.now)))
    return 0


def _plain(read: relatives.Found, family: Family | None = None) -> dict[str, Any]:
    """A trace as JSON, each body with its label; the runs it opened stand in `children`, by the call each answers."""
    family = family or read.family
    seen = labelled(family.seen, labels(read.entries[family.seen.run]))
    found: dict[str, Any] = msgspec.to_builtins(seen, str_keys=True)
    if family.children:
        found["children"] = {str(call): _plain(read, child) for call, child in family.children.items()}
    return found
