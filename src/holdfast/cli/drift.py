"""`holdfast drift`: whether what an agent's runs come to is no longer what it was, and since which run."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer
from msgspec import Struct

from holdfast.cli import out, reading
from holdfast.cli.many import Fields, moment, read_all
from holdfast.cli.options import DEFAULT, AsJson, Journal, Work, pairs
from holdfast.errors import UsageError
from holdfast.views.observed import in_order, observe

BASELINE: Final = 100
"""Runs of the baseline where nobody says how many."""

CHANGED: Final = 1
TOO_FEW: Final = 2


class Asked(Struct, frozen=True, kw_only=True):
    """What is wanted."""

    journal: str
    agent: str
    where: dict[str, str]
    baseline: int
    since: str
    """The runs closed before then are the baseline; empty: the first `baseline`."""
    expect: float | None
    drop: float
    false_alarm: int
    as_json: bool


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def drift(  # noqa: PLR0917 - a command's arguments and options
        agent: Annotated[str, typer.Argument(metavar="[AGENT]", help="Its name, its folder, or module:name.")] = "",
        where: Fields = None,
        baseline: Annotated[
            int | None,
            typer.Option(
                "--baseline", metavar="N", help=f"The first N runs are the baseline, 20 at least; {BASELINE}."
            ),
        ] = None,
        since: Annotated[
            str, typer.Option("--since", metavar="WHEN", help="The runs closed before then are: 7d, 2026-11-01.")
        ] = "",
        expect: Annotated[
            float | None,
            typer.Option("--expect", metavar="RATE", help="The success rate that is promised; else the baseline's."),
        ] = None,
        drop: Annotated[float, typer.Option("--drop", metavar="D", help="The fall of it to notice soonest.")] = 0.2,
        false_alarm: Annotated[
            int,
            typer.Option(
                "--false-alarm", metavar="N", min=100, help="One in N runs, on average, while nothing changes."
            ),
        ] = 1000,
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Say whether success, cost, time, tools or arguments changed: 0 no alarm, 1 alarm, 2 too few runs to say."""
        if baseline is not None and since:
            raise UsageError("give --baseline or --since, not both")
        for name, value in (("--expect", expect), ("--drop", drop)):
            if value is not None and not 0 < value < 1:
                raise UsageError(f"{name} lies between 0 and 1; this is {value}")
        wanted = pairs(where, "--where")
        if agent and "agent" in wanted:
            raise UsageError("the agent is named twice", hint="leave out --where agent=…")
        asked = Asked(
            journal=journal, agent=agent, where=wanted, baseline=BASELINE if baseline is None else baseline, since=since,
            expect=expect, drop=drop, false_alarm=false_alarm, as_json=as_json,
        )  # fmt: skip
        return partial(_drift, asked)


def _drift(asked: Asked) -> int:
    from holdfast.evals.drift import LEAST, Plan, drift

    if asked.baseline < LEAST:
        raise UsageError(f"--baseline {asked.baseline} is too small to compare with", hint=f"{LEAST} runs at least")
    wanted = dict(asked.where)
    if asked.agent:
        wanted["agent"] = _name(asked.agent)
    first = asyncio.run(_moment(asked.journal, asked.since))
    runs = read_all(asked.journal, wanted, "", observe)
    kept = in_order(runs)
    agents = sorted({one.agent for one in kept})
    if len(agents) > 1:
        raise UsageError(f"these are runs of {len(agents)} agents", hint=f"name one: {', '.join(agents)}")
    baseline = sum(one.closed < first for one in kept) if asked.since else asked.baseline
    plan = Plan(baseline=baseline, run_length=asked.false_alarm, drop=asked.drop, expect=asked.expect)
    found = drift(kept, plan)
    aside: dict[str, int] = dict(sorted(Counter(one.aside for one in runs if one.aside).items()))
    code = CHANGED if found.changed else 0 if found.enough else TOO_FEW
    if asked.as_json:
        out.give({"verdict": ("no alarm", "alarm", "too few runs")[code], "aside": aside, "drift": found})
        return code
    if not runs:
        print("no runs" + (" like that" if wanted else " yet"))
        return code
    from holdfast.cli.drift_text import text

    out.show(*text(found, aside))
    return code


async def _moment(url: str, since: str) -> int:
    """The moment that is meant, by the journal's clock; 0 for none."""
    async with reading.looking(url) as journal:
        return moment(since, journal.now()) if since else 0


def _name(agent: str) -> str:
    """The name that runs of an agent bear."""
    if ":" in agent or Path(agent).is_dir():
        from holdfast.cli.agents import load_folder

        return load_folder(agent).agent.name
    return agent
