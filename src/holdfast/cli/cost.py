"""`holdfast cost`: what runs were paid for, what a success cost, what was for nothing, and what more of them would cost."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated, Literal, TypeAlias

import typer
from msgspec import Struct

from holdfast.cli import out, reading
from holdfast.cli.many import Fields, Since, read_all
from holdfast.cli.options import DEFAULT, AsJson, Journal, Work, pairs
from holdfast.errors import UsageError
from holdfast.views.cost import Total, by_agent, cost_of, total
from holdfast.views.projection import ENOUGH, Projection, project

Per: TypeAlias = Literal["outcome", "tool", "model", "agent"]


class Asked(Struct, frozen=True, kw_only=True):
    """What is wanted of the runs together."""

    journal: str
    where: dict[str, str]
    since: str
    per: Per | None
    runs: int | None
    """To project to."""
    monthly: bool
    as_json: bool


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def cost(
        run: Annotated[str, typer.Argument(metavar="[RUN]", help="A run, its key, or its first letters.")] = "",
        where: Fields = None,
        since: Since = "",
        per: Annotated[Per | None, typer.Option("--per", help="Only this table, with each one's cost.")] = None,
        a_month: Annotated[
            int | None, typer.Option("--a-month", metavar="N", min=1, help="What N runs a month would cost.")
        ] = None,
        runs: Annotated[int | None, typer.Option("--runs", metavar="N", min=1, help="What N runs would cost.")] = None,
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Say what runs cost, and a success; or the bill of one run."""
        if a_month is not None and runs is not None:
            raise UsageError("give --a-month or --runs, not both")
        if run:
            if where or since or per or a_month or runs:
                raise UsageError("a run has one bill", hint="leave out the run, or the other options")
            return partial(_one, journal, run, as_json)
        asked = Asked(
            journal=journal, where=pairs(where, "--where"), since=since, per=per, runs=a_month or runs,
            monthly=a_month is not None, as_json=as_json,
        )  # fmt: skip
        return partial(_many, asked)


def _one(url: str, name: str, as_json: bool) -> int:
    found = cost_of(asyncio.run(reading.entries_of(url, name)))
    if as_json:
        out.give(found)
        return 0
    from holdfast.cli.cost_text import bill

    out.show(*bill(found))
    return 0


def _many(asked: Asked) -> int:
    costs = read_all(asked.journal, asked.where, asked.since, cost_of)
    together, agents = total(costs), by_agent(costs)
    ahead = project(together, asked.runs) if asked.runs is not None else None
    if asked.as_json:
        out.give(_json(together, agents, ahead))
        return 0
    if not costs:
        print("no runs" + (" like that" if asked.where or asked.since else " yet"))
        return 0
    from holdfast.cli.cost_text import overview, per_table, projection

    parts = per_table(together, agents, asked.per) if asked.per is not None else overview(together, agents)
    if ahead is not None:
        parts += projection(together, ahead, monthly=asked.monthly)
    out.show(*parts)
    return 0


def _json(together: Total, agents: dict[str, Total], ahead: Projection | None) -> dict[str, object]:
    """All amounts in nano-dollars; null where nobody knows."""
    found: dict[str, object] = {
        "total": together,
        "paid": together.money.total,
        "paid_with_children": together.whole.total,
        "per_run": together.per_run,
        "per_success": together.per_success,
        "per_success_with_people": together.per_success_with_people,
        "waste": together.waste,
        "agents": {
            name: {"total": one, "per_run": one.per_run, "per_success": one.per_success} for name, one in agents.items()
        },
    }
    if ahead is not None:
        found |= {"projection": ahead, "why_no_range": why_no_range(together, ahead)}
    return found


def why_no_range(seen: Total, ahead: Projection) -> str:
    """Why a projection has no range, or is none; empty where it has one."""
    if not seen.runs:
        return "there are no runs to go by"
    if ahead.nusd is None:
        many = seen.money.unknown
        return f"the price of {many:,} of their answers is not known" if many > 1 else "one answer has no price"
    return f"that takes {ENOUGH} runs to go by, and there are {seen.runs:,}" if ahead.low is None else ""
