"""`holdfast drill`: an agent on its cases while things go wrong and workers die, and what that does to effects."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer
from msgspec import Struct

from holdfast.cli import agents, out
from holdfast.cli.options import AsJson, Work
from holdfast.errors import InputError, UsageError

if TYPE_CHECKING:
    from holdfast.evals.drills.faults import Plan
    from holdfast.evals.drills.killing import Order as Processes
    from holdfast.evals.trials.trial import Suite

JOURNAL: Final = "sqlite:///.holdfast/drill.db"
"""Apart from the journal of real runs."""

CODES: Final = {"holds": 0, "does not hold": 1, "too few": 2}
TELLINGS: Final = 10


class Order(Struct, frozen=True, kw_only=True):
    """What is to be drilled, and how."""

    agent: str
    standard: bool
    processes: int
    plan: Path | None
    kinds: tuple[str, ...]
    trials: int
    seed: int | None
    probability: float | None
    model: str
    cases: Path | None
    inputs: Path | None
    concurrency: int
    journal: str
    as_json: bool


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def drill(  # noqa: PLR0917 - a command's arguments and options
        agent: Annotated[str, typer.Argument(metavar="AGENT", help="Its folder, or package.module:name.")],
        standard: Annotated[
            bool, typer.Option("--standard", help="Kill a worker before, during and after each effect too.")
        ] = False,
        kill_processes: Annotated[
            int | None,
            typer.Option("--kill-processes", metavar="N", min=1, max=100_000, help="Kill worker processes so often."),
        ] = None,
        plan: Annotated[
            Path | None, typer.Option("--plan", metavar="FILE", help="What is to go wrong, as YAML.")
        ] = None,
        kind: Annotated[
            list[str] | None, typer.Option("--kind", metavar="KIND", help="Faults of this kind only; may be repeated.")
        ] = None,
        trials: Annotated[int, typer.Option("--trials", metavar="N", min=1, help="Of each case and kind.")] = 1,
        seed: Annotated[int | None, typer.Option("--seed", help="What strikes where; the plan's, or 0.")] = None,
        probability: Annotated[
            float | None, typer.Option("--probability", metavar="P", help="Of each call that may be struck; 0.5.")
        ] = None,
        model: Annotated[str, typer.Option(help="Instead of the contract's models: provider:model, or standin.")] = "",
        cases: Annotated[
            Path | None,
            typer.Option("--cases", metavar="PATH", help="A case or a folder of cases; cases/ of the agent."),
        ] = None,
        inputs: Annotated[
            Path | None,
            typer.Option("--inputs", metavar="FILE", help="JSON Lines instead of cases, as of run --batch."),
        ] = None,
        concurrency: Annotated[int, typer.Option(min=1, max=1000, help="Trials at a time.")] = 32,
        journal: Annotated[str, typer.Option("--journal", metavar="URL", help="Where the trials are kept.")] = JOURNAL,
        as_json: AsJson = False,
    ) -> Work:
        """Let things go wrong, and say what came twice or was lost: 0 nothing, 1 something, 2 too few faults landed to say."""
        if plan is not None and (kind or probability is not None):
            raise UsageError("a plan says itself what goes wrong", hint="leave out --kind and --probability, or --plan")
        if cases is not None and inputs is not None:
            raise UsageError("give --cases or --inputs, not both")
        if probability is not None and not 0 < probability <= 1:
            raise UsageError(f"--probability lies above 0 and is at most 1; this is {probability}")
        order = Order(
            agent=agent, standard=standard, processes=kill_processes or 0, plan=plan, kinds=tuple(kind or ()), trials=trials, seed=seed,
            probability=probability, model=model, cases=cases, inputs=inputs, concurrency=concurrency, journal=journal,
            as_json=as_json,
        )  # fmt: skip
        return partial(_drill, order)


def _drill(order: Order) -> int:
    from holdfast.evals.drills.drill import Wish, drill

    loaded = agents.load_agent(order.agent, order.model)
    suite, plan = _suite(order, loaded), _plan(order)
    if loaded.notice:
        out.note(loaded.notice)
    wish = Wish(
        plan=plan, trials=order.trials, kills=order.standard, processes=_processes(order, loaded), seed=order.seed or 0,
        concurrency=order.concurrency,
    )  # fmt: skip
    with _watched() as tell:
        found = asyncio.run(drill(order.journal, suite, wish, model=loaded.models or None, tell=tell))
    if order.as_json:
        out.give({"verdict": found.verdict, "landed": found.landed, **msgspec.to_builtins(found)})
    else:
        from holdfast.cli.drill_text import text

        out.show(*text(found, order.journal))
    return CODES[found.verdict]


def _suite(order: Order, loaded: agents.Loaded) -> Suite:
    from holdfast.evals.drills.inputs import cases_of
    from holdfast.evals.grading import graders
    from holdfast.evals.trials.suite import suite_of, world_of
    from holdfast.evals.trials.trial import Suite

    if order.inputs is None:
        return suite_of(loaded.folder, loaded.agent, cases=order.cases)
    world = world_of(loaded.folder)
    if world is None:
        raise InputError(
            f"{order.agent} has no world to drill in",
            hint="define `world` in world.py beside the contract, or give --cases with recorded answers; docs/drill.md",
        )
    try:
        lines = order.inputs.read_bytes().splitlines()
    except OSError as error:
        raise InputError(f"{order.inputs} cannot be read: {error.strerror}") from None
    cases = cases_of(lines, str(order.inputs))
    return Suite(loaded.agent.name, loaded.agent, tuple(cases), graders.GRADERS, world)


def _processes(order: Order, loaded: agents.Loaded) -> Processes | None:
    if not order.processes:
        return None
    from holdfast.cli.drill_worker import PROGRAM
    from holdfast.evals.drills.killing import Order as Processes

    return Processes(
        kills=order.processes, program=PROGRAM, agent=loaded.where, model=order.model, journal=order.journal
    )  # fmt: skip


def _plan(order: Order) -> Plan | None:
    """What is to go wrong beside deaths; nothing, where only the deaths of processes were asked for."""
    from holdfast.evals.drills import faults

    if order.processes and not (order.standard or order.plan or order.kinds or order.probability is not None):
        return None
    if order.plan is None:
        chance = 0.5 if order.probability is None else order.probability
        return faults.standard(order.kinds, seed=order.seed or 0, probability=chance)
    plan = faults.load(order.plan)
    return plan if order.seed is None else plan.model_copy(update={"seed": order.seed})


@contextmanager
def _watched() -> Iterator[Callable[[int, int], None]]:
    """Show how far it is: a bar for who watches a terminal, a few plain lines for a log."""
    if not sys.stderr.isatty():
        told = -1

        def line(done: int, of: int) -> None:
            nonlocal told
            if (tenth := done * TELLINGS // max(of, 1)) != told:
                told = tenth
                out.note(f"{done:,} of {of:,} trials")

        yield line
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(bar_width=30), MofNCompleteColumn(), TextColumn("trials"), TimeRemainingColumn())
    with Progress(*columns, console=out.console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, of: progress.update(task, completed=done, total=of)
