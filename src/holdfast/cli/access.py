"""`holdfast access`: who was shown what runs hold, who took it away in a file, and who decided what, in the order it happened."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated

import typer
from msgspec import Struct

from holdfast.cli import out, reading
from holdfast.cli.many import moment
from holdfast.cli.options import DEFAULT, AsJson, Journal, Work
from holdfast.journal import walk
from holdfast.journal.port import Where
from holdfast.shell import bodies
from holdfast.views.access import ACCESS, BESIDE, CONTROL, Act, about, decisions, in_order, viewings


class Asked(Struct, frozen=True, kw_only=True):
    """What is wanted."""

    run: str = ""
    by: str = ""
    since: str = ""
    limit: int = 50
    as_json: bool = False


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def access(
        run: Annotated[str, typer.Argument(metavar="[RUN]", help="Only what was about this run.")] = "",
        by: Annotated[str, typer.Option("--by", metavar="NAME", help="Only what this person did.")] = "",
        since: Annotated[
            str, typer.Option("--since", metavar="WHEN", help="Only what was done since then: 7d, 12h, 2026-11-01.")
        ] = "",
        limit: Annotated[int, typer.Option(min=1, help="The newest so many, of what is shown.")] = 50,
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Say who was shown what, who took it away, and who decided what; names and places, and nothing of what was said."""
        return partial(shown, journal, Asked(run=run, by=by, since=since, limit=limit, as_json=as_json))


def shown(url: str, asked: Asked) -> int:
    """Print who did what; the exit code."""
    found, logged = asyncio.run(_acts(url, asked))
    if asked.as_json:
        out.give({"acts": found, "viewings_recorded": logged})
        return 0
    from holdfast.cli.access_text import table

    if found:
        out.show(table(found[-asked.limit :]))
    else:
        print("nobody did anything" + (" like that" if asked.run or asked.by or asked.since else " yet"))
    if len(found) > asked.limit:
        out.note(f"the newest {asked.limit} of {len(found):,}; --limit shows more")
    if not logged:
        out.note("no viewing was ever recorded here: [access] log = true in holdfast.toml has them recorded")
    return 0


async def _acts(url: str, asked: Asked) -> tuple[tuple[Act, ...], bool]:
    """What people did, in order; and whether any viewing was recorded at all."""
    async with reading.looking(url) as journal:
        run = (await reading.find_row(journal, asked.run)).run if asked.run not in ("", ACCESS) else ""
        first = moment(asked.since, journal.now()) if asked.since else 0
        seen = [*viewings(await bodies.entries(journal, ACCESS, durable=True))]
        acts = [act for act in seen if not run or about(act, run)]
        if run:
            acts += decisions(await reading.entries(journal, run))
        else:
            async for row in walk.rows(journal, Where()):
                if (row.run not in BESIDE or row.run == CONTROL) and row.at >= first:
                    acts += decisions(await reading.entries(journal, row.run))
    kept = [act for act in acts if act.at >= first and asked.by in ("", act.by)]
    return in_order(kept), bool(seen)
