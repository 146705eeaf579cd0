"""`holdfast why`: what a run did and why, in sentences that name the entries they rest on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Annotated

import msgspec
import typer

from holdfast.cli import out, relatives
from holdfast.cli.many import Fields
from holdfast.cli.options import DEFAULT, AgentPath, AsJson, Journal, Viewer, Work, pairs
from holdfast.cli.viewing import Viewer as Looks
from holdfast.cli.viewing import by_entry
from holdfast.errors import UsageError
from holdfast.views.why import Why
from holdfast.views.why import why as why_of


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def why(  # noqa: PLR0917 - a command's arguments and options
        given: Annotated[
            list[str] | None,
            typer.Argument(
                metavar="RUN [SEQ]", help="A run, or enough of its name's beginning; only the call of this entry."
            ),
        ] = None,
        tool: Annotated[str, typer.Option("--tool", metavar="NAME", help="Only the calls of this tool.")] = "",
        full: Annotated[bool, typer.Option("--full", help="Say also what held.")] = False,
        counterfactual: Annotated[
            str,
            typer.Option(
                "--counterfactual", metavar="DECISION", help="Whether runs decided that for the right reason."
            ),
        ] = "",
        k: Annotated[int, typer.Option("--k", min=1, max=1000, help="Forks in each arm of a counterfactual.")] = 5,
        where: Fields = None,
        agent: AgentPath = "",
        name: Viewer = "",
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Say in sentences what a run did, and why."""
        if counterfactual:
            from holdfast.cli import counterfactual as forks

            asked = forks.Asked(
                runs=tuple(given or ()), where=pairs(where, "--where"), decision=counterfactual, k=k, agent=agent, journal=journal,
                as_json=as_json, looks=Looks("why", name),
            )  # fmt: skip
            if bool(asked.runs) == bool(asked.where):
                raise UsageError(
                    "name runs, or say with --where which", hint="holdfast why RUN --counterfactual DECISION"
                )
            return partial(forks.counterfactual, asked)
        run, seq = _named(given or ())
        return partial(_why, Looks("why", name), journal, run, seq, tool, full, as_json)


def _named(given: Sequence[str]) -> tuple[str, int | None]:
    """A run, and perhaps one of its entries. Raises UsageError."""
    match list(given):
        case []:
            raise UsageError("Missing argument 'RUN'", hint="holdfast why RUN [SEQ]")
        case [run]:
            return run, None
        case [run, seq] if seq.isdecimal():
            return run, int(seq)
        case [_, other]:
            raise UsageError(
                f"{other!r} is no entry", hint="holdfast why RUN SEQ; several runs only with --counterfactual"
            )
    raise UsageError("name a run, and at most one of its entries", hint="holdfast why RUN [SEQ]")


def _why(looks: Looks, url: str, run: str, seq: int | None, tool: str, full: bool, as_json: bool) -> int:
    tree = asyncio.run(relatives.family_of(looks, url, run))
    read = tree.entries[tree.family.seen.run]
    found = why_of(read, tree.entries)
    only = seq is not None or bool(tool)
    if only:
        found = _narrowed(found, seq, tool)
    if as_json:
        out.give({**msgspec.to_builtins(found, str_keys=True), "labels": by_entry(read)})
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
            f"{what} belongs to no call that wrote, was put to another agent, was refused or was reviewed",
            run=found.run,
            hint=f"such calls: {have}",
        )
    return msgspec.structs.replace(found, accounts=tuple(kept))


def entries(account: object) -> set[int]:
    """The entries an account speaks of."""
    plain = msgspec.to_builtins(account)
    spoken = {plain["call"]}
    for part in ("clauses", "course", "needed"):
        spoken |= {seq for one in plain.get(part, ()) if not one.get("run") for seq in one.get("entries", ())}
    return spoken
