"""`holdfast export`: the journal, or some of its runs, in a file that others can check without holdfast."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer

from holdfast.cli import out, reading
from holdfast.cli.many import Fields, Since, chosen
from holdfast.cli.options import DEFAULT, AsJson, Journal, Viewer, Work, pairs
from holdfast.cli.viewing import Viewer as Looks
from holdfast.cli.viewing import selection
from holdfast.errors import JournalError, UsageError
from holdfast.journal import walk
from holdfast.shell.export import PARQUET, Written, export_part
from holdfast.shell.export import export as export_whole
from holdfast.views import words
from holdfast.views.access import BESIDE

SINCE: Final = "an export is byte for byte what was written"


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def export(
        to: Annotated[str, typer.Option("--to", metavar="PATH", help="A file, or a folder to put export.jsonl into.")],
        where: Fields = None,
        since: Since = "",
        parquet: Annotated[bool, typer.Option("--parquet", help="Parquet, and not lines of JSON.")] = False,
        name: Viewer = "",
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Write all entries with their checkpoints; or some runs, each with the proof that it stands under the last one."""
        wanted = pairs(where, "--where")
        looks = Looks("export", name, selection=selection(wanted, since))
        return partial(_export, looks, journal, _file(to, parquet), wanted, since, as_json)


def _file(to: str, parquet: bool) -> Path:
    """The file to write. Raises UsageError for a name that says something else than `--parquet`."""
    path = Path(to)
    if to.endswith("/") or path.is_dir():
        return path / f"export{PARQUET if parquet else '.jsonl'}"
    if parquet and path.suffix != PARQUET:
        raise UsageError(f"--parquet writes a file whose name ends in {PARQUET}, and {to} does not")
    return path


def _export(looks: Looks, url: str, path: Path, wanted: dict[str, str], since: str, as_json: bool) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JournalError(f"the folder {path.parent} cannot be made: {error.strerror}") from None
    part = bool(wanted or since)
    done = asyncio.run(_written(looks, url, path, wanted, since) if part else _whole(looks, url, path))
    if as_json:
        out.give(done)
        return 0
    what = f"{words.count(done.runs, 'run')}, " if part else ""
    print(
        f"{what}{words.count(done.entries, 'entry', 'entries')} and {words.count(done.checkpoints, 'checkpoint')} are in {done.path}"
    )
    for line in _missing(done, part):
        print(line)
    return 0


def _missing(done: Written, part: bool) -> list[str]:
    """What an export cannot prove."""
    if not done.checkpoints:
        return ["nothing of it is signed: whoever gets it has to believe you (holdfast checkpoint takes a checkpoint)"]
    if part and done.unproven:
        return [f"{words.count(done.unproven, 'run is', 'runs are')} under no checkpoint yet, and not proven"]
    return []


async def _whole(looks: Looks, url: str, path: Path) -> Written:
    async with reading.looking(url) as journal:
        if looks.sees is not None or looks.logs:
            await looks.whole(journal, [run async for run in walk.names(journal) if run not in BESIDE], SINCE)
            await looks.record(url)
        return await export_whole(journal, path)


async def _written(looks: Looks, url: str, path: Path, wanted: dict[str, str], since: str) -> Written:
    async with reading.looking(url) as journal:
        runs = frozenset([row.run async for row in chosen(journal, wanted, since)])
        if not runs:
            raise UsageError("no runs like that", hint="holdfast show --where lists them")
        await looks.whole(journal, sorted(runs), SINCE)
        await looks.record(url)
        return await export_part(journal, path, runs)
