"""`holdfast why`: what a run did and why, in sentences that name the entries they rest on."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated

import msgspec
import typer

from holdfast.cli import out, reading
from holdfast.cli.options import DEFAULT, AsJson, Journal, RunName, Work
from holdfast.errors import UsageError
from holdfast.views.why import Why
from holdfast.views.why import why as why_of


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def why(
        run: RunName,
        seq: Annotated[int | None, typer.Argument(metavar="[SEQ]", help="Only the call of this entry.")] = None,
        tool: Annotated[str, typer.Option("--tool", metavar="NAME", help="Only the calls of this tool.")] = "",
        full: Annotated[bool, typer.Option("--full", help="Say also what held.")] = False,
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Say in sentences what a run did, and why."""
        return partial(_why, journal, run, seq, tool, full, as_json)


def _why(url: str, run: str, seq: int | None, tool: str, full: bool, as_json: bool) -> int:
    found = why_of(asyncio.run(reading.entries_of(url, run)))
    only = seq is not None or bool(tool)
    if only:
        found = _narrowed(found, seq, tool)
    if as_json:
        out.give(found)
        return 0
    from holdfast.cli.why_text import text

    out.show(*text(found, full=full or seq is not None, only=only))
    return 0


def _narrowed(found: Why, seq: int | None, tool: str) -> Why:
    """The account of one call, or of one tool's calls. Raises UsageError where there is none."""
    kept = [one for one in found.accounts if (not tool or one.tool == tool) and (seq is None or seq in entries(one))]
    if not kept:
        what = f"entry {seq}" if seq is not None else f"the tool {tool}"
        have = ", ".join(f"{one.call} ({one.tool})" for one in found.accounts) or "none"
        raise UsageError(
            f"{what} belongs to no call that wrote, was refused or was reviewed",
            run=found.run,
            hint=f"such calls: {have}",
        )
    return msgspec.structs.replace(found, accounts=tuple(kept))


def entries(account: object) -> set[int]:
    """The entries an account speaks of."""
    plain = msgspec.to_builtins(account)
    spoken = {plain["call"]}
    for part in ("clauses", "course", "needed"):
        spoken |= {seq for one in plain.get(part, ()) for seq in one.get("entries", ())}
    return spoken
