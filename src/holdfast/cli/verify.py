"""`holdfast verify`: whether a journal, or an export of one, holds what was written to it, and what was signed."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct

from holdfast.cli import audited, out, reading
from holdfast.cli.audited import Anchors, Pubs
from holdfast.cli.options import DEFAULT, AsJson, Journal, Work
from holdfast.cli.verify_report import Report, counting, report_of
from holdfast.errors import JournalError, UsageError
from holdfast.shell.body_check import BodyCheck
from holdfast.shell.export import PARQUET
from holdfast.shell.export import reading as opened_export
from holdfast.shell.proofs import copies, verify_export, verify_journal
from holdfast.views.checkpoint import AUDIT

FOUND = 1
"""The exit code where something is not what was written."""

EXPORTS = ("export.jsonl", "export.parquet")
"""What an export is called in its folder."""


class Asked(Struct, frozen=True, kw_only=True):
    """How a journal is to be checked."""

    full: bool
    since: int
    pubs: list[str]
    anchors: list[str]

    @property
    def feed(self) -> bool:
        """Whether it is to be checked along the feed, and not run by run."""
        return self.full or bool(self.since or self.pubs or self.anchors)


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def verify(  # noqa: PLR0917 - a command's arguments and options
        what: Annotated[str, typer.Argument(metavar="[RUN|EXPORT]", help="One run, or an export; else all runs.")] = "",
        full: Annotated[
            bool, typer.Option("--full", help="Along the whole feed, as is done anyway where there are checkpoints.")
        ] = False,
        since: Annotated[
            int, typer.Option("--since", metavar="N", min=0, help="Only what came after checkpoint N.")
        ] = 0,
        pub: Pubs = None,
        anchor: Anchors = None,
        decisions: Annotated[
            bool, typer.Option("--decisions", help="Decide every recorded run anew, and say where that gives another.")
        ] = False,
        agent: Annotated[
            list[str] | None,
            typer.Option("--agent", metavar="AGENT", help="With --decisions: code to decide with; may be repeated."),
        ] = None,
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Prove that the journal holds what was written to it: every entry, every body, every checkpoint."""
        asked = Asked(full=full, since=since, pubs=pub or [], anchors=anchor or [])
        if full and since:
            raise UsageError("give --full or --since, not both")
        if decisions:
            if full or since:
                raise UsageError("--decisions goes with neither --full nor --since", hint="check one after the other")
            return partial(_decisions, journal, as_json, what, agent or [])
        if what and (full or since):
            raise UsageError(
                f"--{'full' if full else 'since'} is about a whole journal", hint="leave out the run or the file"
            )
        return partial(_verify, journal, what, asked, as_json)


def _decisions(url: str, as_json: bool, run: str, code: list[str]) -> int:
    from holdfast.cli import decisions

    return decisions.check(url, as_json, run, code)


def _verify(url: str, what: str, asked: Asked, as_json: bool) -> int:
    began = time.monotonic()
    report = asyncio.run(_export(_export_at(what), asked) if _is_export(what) else _journal(url, what, asked))
    report.took = round((time.monotonic() - began) * 1e6)
    if as_json:
        out.give(report)
    else:
        from holdfast.cli.verify_text import notes, text

        print("\n".join(text(report)))
        for line in notes(report):
            out.note(line)
    return FOUND if report.damaged else 0


def _is_export(what: str) -> bool:
    return bool(what) and (what.endswith((".jsonl", PARQUET)) or Path(what).exists())


def _export_at(what: str) -> Path:
    """The file of an export. Raises JournalError for a folder that holds none."""
    path = Path(what)
    if not path.is_dir():
        return path
    for name in EXPORTS:
        if (path / name).exists():
            return path / name
    raise JournalError(f"there is no export in {path}", hint=f"it would be called {' or '.join(EXPORTS)}")


async def _export(path: Path, asked: Asked) -> Report:
    held = await copies(audited.anchors(asked.anchors))
    keys = audited.public_keys(asked.pubs)
    with opened_export(path) as (header, seals, entries):
        verdict = verify_export(header, seals, entries, keys, held)
        return report_of(verdict, keys, held, export=str(path), part=header.part)


async def _journal(url: str, run: str, asked: Asked) -> Report:
    async with reading.looking(url) as journal:
        if run or not (asked.feed or await journal.row(AUDIT) is not None):
            from holdfast.cli.verify_runs import by_run

            return await by_run(journal, run)
        keys, anchors = audited.public_keys(asked.pubs), audited.anchors(asked.anchors)
        bodies = BodyCheck(journal)
        verdict = await verify_journal(
            journal, keys, anchors, since=asked.since, bodies=bodies, heard=counting("entries")
        )
        return report_of(verdict, keys, [one.name for one in anchors], bodies=bodies)
