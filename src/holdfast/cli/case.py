"""`holdfast case`: a case from a run, for the suite beside the agent; and which failures have one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from msgspec import Struct

from holdfast.cli import out, reading
from holdfast.cli.options import DEFAULT, AgentPath, AsJson, Journal, RunName, Work, pairs
from holdfast.cli.viewing import Viewer, named
from holdfast.errors import InputError, UsageError, UserError
from holdfast.events import Entry
from holdfast.journal.port import Row
from holdfast.views import words

if TYPE_CHECKING:
    from holdfast.evals.cases.from_run import Drawn

CASES: Final = "cases"
"""The folder of an agent that holds its cases."""


class Wish(Struct, frozen=True, kw_only=True):
    """What case is wanted."""

    run: str
    expect: Mapping[str, str]
    name: str
    place: str
    agent: str
    as_is: bool
    finding: str
    keep_personal: bool
    journal: str
    as_json: bool
    looks: Viewer


class Made(Struct, frozen=True, kw_only=True):
    """What was written, and what has to be known of it."""

    case: str
    run: str
    path: str
    finding: str
    replaced: int
    judged: bool
    open: dict[str, str]
    lacking: tuple[str, ...]
    remarks: tuple[str, ...]


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def case(  # noqa: PLR0917 - a command's arguments and options
        run: RunName,
        expect: Annotated[
            list[str] | None,
            typer.Option("--expect", metavar="KEY=VALUE", help="What should have come of it: outcome=declined, output.paid=0, effects={}."),
        ] = None,
        as_is: Annotated[bool, typer.Option("--as-is", help="What came of it is what is expected.")] = False,
        name: Annotated[str, typer.Option("--name", metavar="N", help="What the case is called.")] = "",
        finding: Annotated[
            str, typer.Option("--finding", metavar="KEY", help="Which failure it stands for; else the earliest exact one.")
        ] = "",
        place: Annotated[
            str, typer.Option("--out", metavar="FILE", help="Where it is written; - for stdout; else AGENT/cases/NAME.yaml.")
        ] = "",
        agent: AgentPath = "",
        keep_personal: Annotated[
            bool, typer.Option("--keep-personal", help="Keep what is about somebody as it is; else it is replaced.")
        ] = False,
        by: Annotated[str, typer.Option("--as", metavar="NAME", help="Who makes it.")] = "",
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:  # fmt: skip
        """Make a case of a run: what it was asked and told, and what should have come of it."""
        wish = Wish(
            run=run, expect=pairs(expect, "--expect"), name=name, place=place, agent=agent, as_is=as_is, finding=finding,
            keep_personal=keep_personal, journal=journal, as_json=as_json, looks=Viewer("case", named(by)),
        )  # fmt: skip
        return partial(_case, wish)


def _case(wish: Wish) -> int:
    from holdfast.evals.cases.from_run import drawn, written

    row, entries = asyncio.run(_entries(wish))
    made = drawn(
        entries,
        name=wish.name,
        expect=wish.expect,
        as_is=wish.as_is,
        finding=wish.finding,
        keep_personal=wish.keep_personal,
    )
    path = _path(wish, row, made.case.name)
    text = written(made)
    if path is None:
        print(text, end="")
    else:
        _write(path, text)
    _report(wish, made, path)
    return 0 if made.judged and not made.lacking else 2


async def _entries(wish: Wish) -> tuple[Row, list[Entry]]:
    """The entries of the run, all of them: of a part nobody can tell what was left out. Raises NotAllowed."""
    async with reading.looking(wish.journal) as journal:
        row = await reading.find_row(journal, wish.run)
        await wish.looks.whole(journal, [row.run], "a case is made of all of a run")
        entries = await wish.looks.entries(journal, row.run)
    await wish.looks.record(wish.journal)
    return row, entries


def _path(wish: Wish, row: Row, name: str) -> Path | None:
    """Where the case is written; None for stdout. Raises UsageError where that is not known."""
    if wish.place == "-":
        return None
    if wish.place:
        return Path(wish.place)
    folder = folder_of(wish.agent or row.tags.get("agent_path", ""))
    if folder is None:
        raise UsageError(
            "it is not known where the agent of this run is", run=row.run, hint="--agent PATH, or --out FILE"
        )
    return folder / CASES / f"{name}.yaml"


def _write(path: Path, text: str) -> None:
    """Write a file that is not there yet. Raises InputError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise InputError(
            f"{path} is there already", hint="--name gives the case another name, --out another place"
        ) from None
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}", hint="--out FILE") from None


def _report(wish: Wish, made: Drawn, path: Path | None) -> None:
    origin = made.case.origin
    done = Made(
        case=made.case.name, run=origin.run if origin is not None else "", path=str(path or ""), replaced=made.replaced,
        finding=origin.finding if origin is not None else "", judged=made.judged, open=made.open, lacking=made.lacking,
        remarks=made.remarks,
    )  # fmt: skip
    if wish.as_json and path is not None:
        out.give(done)
        return
    if path is None:
        for line in _lines(done):
            out.note(line)
        return
    from rich.padding import Padding

    # Printed as it is: a path is not broken over lines.
    print(f"{path}: written" + (f"; stands for {done.finding}" if done.finding else ""))
    parts = [Padding(line.strip(), (0, 0, 0, 2 if line.startswith(" ") else 0)) for line in _lines(done)]
    if parts:
        out.show(*parts)


def _lines(done: Made) -> Iterator[str]:
    """What has to be known of a case, a line each."""
    if done.replaced:
        what = words.count(done.replaced, "value")
        yield f"{what} about somebody replaced by placeholders; names in free text are not recognised: read it once"
    yield from (f"  {what}" for what in (*done.remarks, *done.lacking))
    yield from (f"  {key}: {what}" for key, what in done.open.items())
    if not done.judged:
        yield "nobody said what should have come of it, so it judges next to nothing: fill in `expect`, or give --expect"
    elif done.lacking:
        yield "it cannot pass as it stands: fill in `fixtures`"


# ------------------------------------------------------------------------------------------------- what cases stand for


def folder_of(agent: str) -> Path | None:
    """The folder of an agent; None where it is no folder, or gone."""
    path = Path(agent)
    if agent and path.is_file():
        path = path.parent
    return path if agent and path.is_dir() else None


def covered(places: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """(agent, its folder) → what the cases there stand for, by agent. One that cannot be read is said to who watches."""
    found: dict[str, set[str]] = {}
    for agent, place in sorted(set(places)):
        folder = folder_of(place)
        if folder is None or not (folder / CASES).is_dir():
            continue
        from holdfast.evals.cases.case import load_all

        try:
            cases = load_all(folder / CASES)
        except UserError as error:
            out.note(f"the cases of {agent} count for none: {error}")
            continue
        stand = {one.origin.finding for one in cases if one.origin is not None and one.origin.finding}
        found.setdefault(agent, set()).update(stand)
    return found
