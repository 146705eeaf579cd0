"""`holdfast run AGENT --again RUN`: a run's input once more, answered from its record; and what came out differently.

0 it ended as before, 1 it did not.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from holdfast.agent import Agent
from holdfast.cli import agents, environment, out, reading
from holdfast.cli.run import Order
from holdfast.errors import ContractError, UsageError
from holdfast.events import Entry
from holdfast.journal.port import Row
from holdfast.models.port import Model
from holdfast.views.again import Compared, compared
from holdfast.views.visible import References

if TYPE_CHECKING:
    from typing import Any

    from holdfast.evals.trials.trial import TrialRunner

RECORDED: Final = "recorded"
"""The name of the model that is the record itself."""

AS_BEFORE, OTHERWISE = 0, 1


def run(order: Order) -> int:
    """Run it again, and show what came out differently."""
    began = time.monotonic()
    row, entries = asyncio.run(_read(order))
    agent, models, notice = _answering(order, row, entries)
    if notice:
        out.note(notice)
    found = asyncio.run(_compared(order, agent, models, row))
    took = round((time.monotonic() - began) * 1e6)
    if order.as_json:
        out.give({"as_before": found.as_before, "compared": found})
    else:
        from holdfast.cli.again_text import text

        out.show(*text(found, took))
        print(f"next: holdfast why {found.again}")
    return AS_BEFORE if found.as_before else OTHERWISE


async def _read(order: Order) -> tuple[Row, list[Entry]]:
    """The run that is meant, whole: of a part nobody could answer again. Raises NotAllowed and UsageError."""
    async with reading.looking(order.journal) as journal:
        row = await reading.find_row(journal, order.again)
        await order.looks.whole(journal, [row.run], "a run is run again whole")
        return row, await reading.entries(journal, row.run)


def _answering(order: Order, row: Row, entries: list[Entry]) -> tuple[agents.Loaded, dict[str, Model], str]:
    """Today's agent, the models that are at hand, and what whoever watches has to know about what answers."""
    if order.model != RECORDED:
        loaded = agents.load_agent(order.agent, order.model)
        return _is_its(loaded, row), loaded.models, loaded.notice
    from holdfast.evals.answered_again import recorded_model

    folder = agents.load_folder(order.agent)
    name = f"{RECORDED}:{row.run}"
    loaded = agents.Loaded(order.agent, folder, folder.agent.answered_by([name]))
    _is_its(loaded, row)
    return (
        loaded,
        {name: recorded_model(entries, folder.agent)},
        f"the recorded answers of {row.run} answer, and no model",
    )


def _is_its(loaded: agents.Loaded, row: Row) -> agents.Loaded:
    if loaded.agent.name != row.agent:
        raise UsageError(
            f"{loaded.where} is {loaded.agent.name}, and the run is one of {row.agent}", run=row.run,
            hint="name the agent of that run",
        )  # fmt: skip
    return loaded


async def _compared(order: Order, loaded: agents.Loaded, models: dict[str, Model], row: Row) -> Compared:
    from holdfast.evals.again import again

    async with _opened(order, loaded, models) as runner:
        made = await again(runner, loaded.agent, row.run, by=order.by, unmatched=order.unmatched)
        shared = References()
        one, other = (order.looks.shown(list(entries), shared) for entries in (made.origin, made.entries))
        await order.looks.record(order.journal, runner.journal)
        return compared(one, other, tested=made.tested, unmatched=made.unmatched)


@asynccontextmanager
async def _opened(order: Order, loaded: agents.Loaded, models: dict[str, Model]) -> AsyncIterator[TrialRunner]:
    """A runner for it. What tools want is opened only where something may be really read."""
    from holdfast.evals.trials.trial import TrialRunner

    agent: Agent[Any, Any] = loaded.agent
    given = TrialRunner.open(
        order.journal,
        agents=[agent],
        mode="simulate",
        model=models or None,
        drives=False,
        secrets=environment.credentials(),
    )
    if order.unmatched == "error":
        async with given as runner:
            assert isinstance(runner, TrialRunner)
            yield runner
        return
    async with agents.provided([loaded], order.settings) as resources, given as runner:
        assert isinstance(runner, TrialRunner)
        missing = agents.unprovided(agent, resources)
        if missing:
            raise ContractError("\n  ".join(["tools want what nobody provides:", *missing]), hint=agents.PROVIDE)
        runner.live = resources
        yield runner
