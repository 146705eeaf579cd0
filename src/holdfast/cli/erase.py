"""`holdfast erase`: destroy what was recorded, about somebody or long ago, for good; the chain goes on verifying."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from typing import Annotated

import typer
from msgspec import Struct

from holdfast import units
from holdfast.cli import out, reading
from holdfast.cli.operate import actor
from holdfast.cli.options import DEFAULT, AsJson, Journal, Work
from holdfast.errors import UsageError
from holdfast.journal.port import Journal as Store
from holdfast.shell import erasure
from holdfast.shell.erasure import Part, Plan
from holdfast.views import words


class Wish(Struct, frozen=True, kw_only=True):
    """What `erase` is to do."""

    runs: tuple[str, ...]
    subject: str
    older_than: str
    agent: str
    shorter: str
    basis: str
    by: str
    yes: bool
    journal: str
    as_json: bool


class Report(Struct, frozen=True, kw_only=True):
    """What was erased, or is to be."""

    erased: bool
    """False: this is what would be."""
    basis: str
    trees: int
    """Whose secrets go, or went."""
    bodies: int
    entries: int
    """That stay, with their digests."""
    runs: tuple[Part, ...]
    left: dict[str, int]
    """Why runs are left as they are → how many."""


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def erase(  # noqa: PLR0917 - a command's arguments and options
        runs: Annotated[list[str] | None, typer.Argument(metavar="[RUN]…", help="Closed runs.")] = None,
        subject: Annotated[str, typer.Option(metavar="ID", help="Every run that was on behalf of this one.")] = "",
        older_than: Annotated[
            str, typer.Option(metavar="AGE", help="Runs that ended longer ago, like 400d; not those before people.")
        ] = "",
        agent: Annotated[str, typer.Option(metavar="NAME", help="With --older-than: runs of this agent only.")] = "",
        shorter_because: Annotated[
            str, typer.Option(metavar="TEXT", help="Why less than 180 days is enough; it is recorded.")
        ] = "",
        because: Annotated[str, typer.Option(help="On what basis; it is recorded.")] = "",
        by: Annotated[str, typer.Option("--as", "--by", metavar="NAME", help="Who erases.")] = "",
        yes: Annotated[bool, typer.Option("--yes", help="Do it, without asking; else the plan is shown.")] = False,
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Show what would go, and destroy it for good: texts of runs, and the keys they are encrypted with. What happened when stays."""
        wish = Wish(
            runs=tuple(runs or ()), subject=subject, older_than=older_than, agent=agent, shorter=shorter_because, basis=because,
            by=by or out.me(), yes=yes, journal=journal, as_json=as_json,
        )  # fmt: skip
        return partial(_erase, wish)


def _erase(wish: Wish) -> int:
    if (bool(wish.runs), bool(wish.subject), bool(wish.older_than)).count(True) != 1:
        raise UsageError(
            "say which runs, or whose, or how old",
            hint="holdfast erase RUN…, or --subject ID, or --older-than 400d",
        )
    if not wish.older_than and (wish.agent or wish.shorter):
        raise UsageError(
            "--agent and --shorter-because say something of --older-than", hint="add --older-than, or leave them out"
        )
    report = asyncio.run(_planned_and_done(wish, _basis(wish)))
    if wish.as_json:
        out.give(report)
    elif report.erased or not report.runs:
        from holdfast.cli.erase_text import done, nothing

        out.show(*(done(report) if report.erased else nothing(report)))
    return 0


def _basis(wish: Wish) -> str:
    """On what basis something is erased, as it is recorded."""
    if not wish.older_than:
        if not wish.basis:
            raise UsageError("it is recorded on what basis something is erased", hint="--because TEXT")
        return wish.basis
    parts = [f"it ended more than {wish.older_than} ago"]
    if wish.shorter:
        parts.append(f"shorter than {units.say_duration(erasure.LEAST)} because {wish.shorter}")
    return "; ".join([*parts, wish.basis] if wish.basis else parts)


async def _planned_and_done(wish: Wish, basis: str) -> Report:
    """What was erased, or would be where nobody agreed to it. Nothing is, where one of the runs is open."""
    async with reading.speaking(wish.journal) as runner:
        plan = await _plan(runner.journal, wish)
        if plan.open:
            still = plan.open
            raise UsageError(
                f"{words.count(len(still), 'run')} of them {'is' if len(still) == 1 else 'are'} open: {', '.join(still[:5])}",
                hint=f"holdfast cancel {still[0]}; nothing was erased",
            )
        agreed = bool(plan.parts) and _is_wanted(wish, plan, basis)
        count = await runner.erase_all(plan, by=actor(wish.by), basis=basis) if agreed else plan.bodies
        return _report(plan, basis, count, erased=agreed)


async def _plan(journal: Store, wish: Wish) -> Plan:
    if wish.subject:
        return await erasure.about(journal, wish.subject)
    if wish.runs:
        return await erasure.of_runs(journal, [(await reading.find_row(journal, name)).run for name in wish.runs])
    try:
        age = units.duration(wish.older_than)
    except ValueError as error:
        raise UsageError(f"--older-than {wish.older_than!r} is no age: {error}", hint="write it like 400d") from None
    return await erasure.older(journal, age, agent=wish.agent, because=wish.shorter)


def _report(plan: Plan, basis: str, count: int, *, erased: bool) -> Report:
    return Report(
        erased=erased, basis=basis, trees=len(plan.trees), bodies=count, entries=sum(part.entries for part in plan.parts),
        runs=plan.parts, left=plan.left,
    )  # fmt: skip


def _is_wanted(wish: Wish, plan: Plan, basis: str) -> bool:
    """Show the plan; whether it is to be carried out."""
    if wish.as_json:
        return wish.yes
    from holdfast.cli.erase_text import text

    out.show(*text(_report(plan, basis, plan.bodies, erased=False)))
    if wish.yes:
        return True
    if sys.stdin.isatty() and sys.stdout.isatty():
        return typer.confirm(f"Destroy this of {words.count(len(plan.parts), 'run')}, for good?")
    out.note("nothing was erased; to do it, say the same with --yes")
    return False
