"""`holdfast erase`: destroy what was recorded about somebody, for good; the chain goes on verifying."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from typing import Annotated

import typer
from msgspec import Struct

from holdfast import codec
from holdfast.cli import out, reading
from holdfast.cli.operate import actor
from holdfast.cli.options import DEFAULT, AsJson, Journal, Work
from holdfast.errors import UsageError
from holdfast.events import RunOpened
from holdfast.journal import walk
from holdfast.journal.port import Journal as Store
from holdfast.journal.port import Row
from holdfast.shell.runner import Runner
from holdfast.views import words


class Wish(Struct, frozen=True, kw_only=True):
    """What `erase` is to do."""

    runs: tuple[str, ...]
    subject: str
    basis: str
    by: str
    yes: bool
    journal: str
    as_json: bool


class Gone(Struct, frozen=True):
    """One run, and how many bodies of it were destroyed."""

    run: str
    bodies: int


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def erase(
        runs: Annotated[list[str] | None, typer.Argument(metavar="[RUN]…", help="Closed runs.")] = None,
        subject: Annotated[str, typer.Option(metavar="ID", help="Every run that was on behalf of this one.")] = "",
        because: Annotated[str, typer.Option(help="On what basis; it is recorded.")] = "",
        by: Annotated[str, typer.Option("--as", "--by", metavar="NAME", help="Who erases.")] = "",
        yes: Annotated[bool, typer.Option("--yes", help="Do it, without asking.")] = False,
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Destroy every text of runs, and the keys of their digests, for good. What happened when stays."""
        wish = Wish(
            runs=tuple(runs or ()), subject=subject, basis=because, by=by or out.me(), yes=yes, journal=journal, as_json=as_json
        )  # fmt: skip
        return partial(_erase, wish)


def _erase(wish: Wish) -> int:
    if bool(wish.runs) == bool(wish.subject):
        raise UsageError("say which runs, or whose", hint="holdfast erase RUN…, or holdfast erase --subject ID")
    if not wish.basis:
        raise UsageError("it is recorded on what basis something is erased", hint="--because TEXT")
    gone = asyncio.run(_erased(wish))
    if wish.as_json:
        out.give(gone or [])
    elif gone is not None:
        print(
            f"{words.count(sum(one.bodies for one in gone), 'body', 'bodies')} of {words.count(len(gone), 'run')} destroyed"
        )
        print("what happened when still stands, and verifies; copies made before are not reached")
    return 0


async def _erased(wish: Wish) -> list[Gone] | None:
    """What was erased; None where nobody agreed to it. Nothing is, where one of the runs is open."""
    async with reading.speaking(wish.journal) as runner:
        rows = [await reading.find_row(runner.journal, name) for name in wish.runs]
        rows = rows or await _about(runner.journal, wish.subject)
        still = [row.run for row in rows if row.status != "closed"]
        if still:
            raise UsageError(
                f"{words.count(len(still), 'run')} of them {'is' if len(still) == 1 else 'are'} open: {', '.join(still[:5])}",
                hint=f"holdfast cancel {still[0]}; nothing was erased",
            )
        if not wish.yes and not (rows and _agreed(rows)):
            print(f"nothing was erased; to do it: --yes ({words.count(len(rows), 'run')})", file=sys.stderr)
            return None
        return [await _gone(runner, row, wish) for row in rows]


async def _gone(runner: Runner, row: Row, wish: Wish) -> Gone:
    return Gone(row.run, await runner.erase(row.run, by=actor(wish.by), basis=wish.basis))


def _agreed(rows: list[Row]) -> bool:
    if not sys.stdin.isatty():
        return False
    print("\n".join(f"{row.run}  {row.agent}  {row.outcome}" for row in rows[:20]))
    return typer.confirm(f"Destroy every text of {words.count(len(rows), 'run')}, for good?")


async def _about(journal: Store, subject: str) -> list[Row]:
    """The runs that were on behalf of somebody: read off their first entries, since no index names people."""
    found: list[Row] = []
    async for row in walk.rows(journal):
        lines = await journal.read(row.run)
        opened = codec.decode(lines[0][0]).event if lines else None
        if isinstance(opened, RunOpened) and opened.on_behalf_of == subject:
            found.append(row)
    return found
