"""`holdfast diff`: how two contracts differ, and what the second would have said of the calls that were recorded."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from msgspec import Struct

from holdfast.agent import Agent, Predicate
from holdfast.cli import agents, out, reading
from holdfast.cli.many import Fields, Since, read_all
from holdfast.cli.options import DEFAULT, AsJson, Journal, Viewer, Work, pairs
from holdfast.cli.viewing import Viewer as Looks
from holdfast.cli.viewing import selection
from holdfast.contract import Contract
from holdfast.core.fold import fold_all
from holdfast.errors import UsageError
from holdfast.events import Entry
from holdfast.journal import walk
from holdfast.journal.port import Journal as Store
from holdfast.views.backtest import CHANGES, Judged, Terms, Tested, backtest, causes, together
from holdfast.views.contract_diff import Change, differences
from holdfast.views.review_load import load_of
from holdfast.views.visible import Glass, visible

replace = msgspec.structs.replace

PAGE: Final = 200
SHORTEST: Final = 6
"""Characters of a contract's digest that name it."""


_OBJECT: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
"""package.module:name; a request key may have a colon too."""


class Side(Struct, frozen=True):
    """A contract to compare, and what is known of its code."""

    where: str
    contract: Contract
    predicates: dict[str, Predicate] = {}


class Compared(Struct, frozen=True, kw_only=True):
    """What there is to say of two contracts."""

    one: Side
    other: Side
    changes: tuple[Change, ...]
    tested: Tested | None = None


_SIDE = "An agent's folder, a contract file in one, package.module:name, a run, or a contract's digest."


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def diff(
        one: Annotated[str, typer.Argument(metavar="A", help=_SIDE)],
        other: Annotated[str, typer.Argument(metavar="B", help="The same.")],
        backtest: Annotated[
            bool, typer.Option("--backtest", help="Judge every recorded call of A's agent under both.")
        ] = False,
        since: Since = "",
        where: Fields = None,
        name: Viewer = "",
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Say how two contracts differ; and which recorded calls the second would refuse, review or allow."""
        if (since or where) and not backtest:
            raise UsageError("--since and --where choose the runs of a backtest", hint="add --backtest")
        runs = (pairs(where, "--where"), since) if backtest else None
        looks = Looks("diff --backtest", name, selection=selection(*runs) if runs is not None else "")
        return partial(_diff, looks, journal, one, other, runs, as_json)


def _diff(looks: Looks, url: str, one: str, other: str, runs: tuple[dict[str, str], str] | None, as_json: bool) -> int:
    first, second = _sides(url, one, other)
    tested = None
    if runs is not None:
        tested = _tested(looks, url, first, second, *runs)
    found = Compared(one=first, other=second, changes=differences(first.contract, second.contract), tested=tested)
    if as_json:
        out.give(_object(found))
        return 0
    from holdfast.cli.diff_text import text

    out.show(*text(found))
    return 0


def _tested(looks: Looks, url: str, one: Side, other: Side, where: dict[str, str], since: str) -> Tested:
    """Every recorded call of the first one's agent under both. Predicates of either side serve the other, if they are the same."""
    first = Terms(one.contract, {**other.predicates, **one.predicates})
    second = Terms(other.contract, {**one.predicates, **other.predicates})
    wanted = {"agent": one.contract.name, **where}
    found = together(
        read_all(url, wanted, since, lambda entries: as_shown(backtest(entries, first, second), entries, looks))
    )
    asyncio.run(looks.record(url))
    return found


def as_shown(tested: Tested, entries: list[Entry], looks: Looks) -> Tested:
    """What came of a run, as it is shown to who looks: reasons that the machine composed may hold what was read."""
    if entries:
        looks.runs[entries[0].run] = None
    _, glass = visible(entries, looks.sees)
    if glass is not None:
        tested.differing = [
            replace(call, before=_hidden(call.before, glass), after=_hidden(call.after, glass))
            for call in tested.differing
        ]
        looks.noticed(glass)
    return tested


def _hidden(judged: Judged, glass: Glass) -> Judged:
    return replace(judged, rules=tuple([replace(fired, because=glass.text(fired.because)) for fired in judged.rules]))


# -------------------------------------------------------------------------------------------- what is to be compared


def _sides(url: str, *names: str) -> list[Side]:
    """What is meant by each name; the journal is opened only where one is none of a file's."""
    found = [_from_files(name) for name in names]
    if all(side is not None for side in found):
        return [side for side in found if side is not None]

    async def look() -> list[Side]:
        async with reading.looking(url) as journal:
            return [
                side if side is not None else await _from_journal(journal, name)
                for name, side in zip(names, found, strict=True)
            ]

    return asyncio.run(look())


def _from_files(name: str) -> Side | None:
    if not (Path(name).exists() or _OBJECT.fullmatch(name)):
        return None
    agent: Agent[object, object] = agents.load_folder(name).agent
    return Side(name, agent.contract, dict(agent.predicates))


async def _from_journal(journal: Store, name: str) -> Side:
    """The contract a run stands under, or the one with this digest. Raises UsageError where there is neither."""
    run = await _run_under(journal, name) if len(name) >= SHORTEST else ""
    try:
        run = run or (await reading.find_row(journal, name)).run
    except UsageError as error:
        raise UsageError(
            f"{name} is no agent's folder, no contract file, no run and no contract in {journal.url}", hint=error.hint
        ) from None
    state = fold_all(await reading.entries(journal, run))
    return Side(name, Contract.parse(state.contract, f"the contract of run {run}"))


async def _run_under(journal: Store, digest: str) -> str:
    """A run under the contract whose digest begins like that; empty for none. Raises UsageError where it may be several."""
    found: dict[str, str] = {}
    async for row in walk.rows(journal):
        if row.contract and (row.contract.startswith(digest) or digest.startswith(row.contract)):
            found.setdefault(row.contract, row.run)
    if len(found) > 1:
        raise UsageError(f"several contracts begin with {digest}", hint=f"give more of it: {', '.join(found)}")
    return next(iter(found.values()), "")


# ------------------------------------------------------------------------------------------------------------- JSON


def _object(found: Compared) -> dict[str, object]:
    said: dict[str, object] = {
        key: {"where": side.where, "agent": side.contract.name, "contract": side.contract.digest}
        for key, side in (("a", found.one), ("b", found.other))
    }
    said["changes"] = found.changes
    if found.tested is not None:
        newly = {change: found.tested.newly(change) for change in CHANGES}
        said["backtest"] = found.tested
        said["newly"] = {
            change: {"calls": len(calls), "by_rule": causes(calls, change)} for change, calls in newly.items()
        }
        said["reviews"] = load_of(found.tested)
    return said
