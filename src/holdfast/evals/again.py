"""A run's input once more, under today's contract: reads answered from its record, writes recorded and not done.

    found = await again(runner, agent, run, by="ana")
    found.entries      of the new run, up to where it ended, or to what nobody in the record answers
    found.unmatched    calls that the record holds no answer to

The new run is in the same journal, in the mode `simulate`, with the tag `again`. What the requester and reviewers said then
they say again where they are asked; where nobody then was asked that, the run waits, and is cancelled once it was looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from holdfast.agent import Agent
from holdfast.codec import value_of
from holdfast.contract import Contract
from holdfast.dialogue import Attached
from holdfast.errors import ContractError, InputError, UsageError
from holdfast.evals.cases.answers import answers
from holdfast.evals.cases.case import Case, Fixtures
from holdfast.evals.cases.fixtures import LIVE, Unserved, recorded_world
from holdfast.evals.cases.from_run import case_of
from holdfast.evals.cases.persons import reply
from holdfast.evals.trials.tree import below
from holdfast.evals.trials.trial import PLAYER, ROUNDS, TrialRunner
from holdfast.events import BodiesErased, CallFailed, Entry, RunOpened
from holdfast.shell import bodies
from holdfast.views.backtest import Terms, Tested, backtest
from holdfast.views.trace import trace

TAG: Final = "again"
"""The tag of a run that was made from another one's input: that run's name."""

BY: Final = "again_by"
"""The tag that says who wanted it: the run itself is opened by whom the other was, since rules may look at that."""

Unmatched = Literal["error", "live"]
"""What becomes of a read that the record does not answer: the agent is told that there is none; or it is really made."""

_NOT_KEPT: Final = frozenset({"eval", "case", "trial", "family", "drill", PLAYER, TAG, BY})
"""Tags that say what a run was part of, and not whose it is."""


class Again(Struct, frozen=True):
    """What was run again, and what came of it."""

    run: str
    """The new run."""
    origin: tuple[Entry, ...]
    entries: tuple[Entry, ...]
    unmatched: tuple[str, ...]
    tested: Tested | None
    """The recorded calls judged under both contracts; None where the one of then cannot be read any more."""


async def again(
    runner: TrialRunner, agent: Agent[Any, Any], run: str, *, by: str, unmatched: Unmatched = "error"
) -> Again:  # fmt: skip
    """Run the input of `run` once more. The runner's `live` are the real resources, for reads that are really made.

    Raises InputError where nothing is left of the run to answer from, or its input is none that the agent takes today;
    UsageError for a run of another agent, or one that takes back another.
    """
    origin = await bodies.entries(runner.journal, run, durable=True)
    opened = _opened(origin, agent, run)
    parts = [origin, *(part.entries for part in await below(runner, run, origin))]
    case = _case(parts)
    async with AsyncExitStack() as stack:
        assert case.fixtures is not None
        live = (runner.live or ()) if unmatched == "live" else None
        world = await stack.enter_async_context(recorded_world(case.fixtures, live))
        made = await runner.start(
            agent, value_of(opened.input), by=opened.by, on_behalf_of=opened.on_behalf_of, tenant=opened.tenant,
            tags=_tags(opened.tags, run, by), mode="simulate",
            attachments=[msgspec.convert(value_of(body), Attached) for body in opened.attachments],
        )  # fmt: skip
        runner.worlds[made.name] = world
        try:
            await _to_the_end(runner, case, made.name)
            entries = await bodies.entries(runner.journal, made.name)
            told = [*entries, *(entry for part in await below(runner, made.name, entries) for entry in part.entries)]
            await _closed(runner, made.name, by)
        finally:
            del runner.worlds[made.name]
    return Again(made.name, tuple(origin), tuple(entries), tuple(_unserved(told)), _tested(origin, agent))


def _opened(origin: Sequence[Entry], agent: Agent[Any, Any], run: str) -> RunOpened:
    opened = origin[0].event if origin else None
    if not isinstance(opened, RunOpened):
        raise UsageError("that is no run of an agent", run=run, hint="holdfast show lists the runs there are")
    if opened.undoes:
        raise UsageError(f"it takes back run {opened.undoes}, and no model decided in it", run=run)
    if opened.agent != agent.name:
        raise UsageError(f"it is a run of {opened.agent}, and this is {agent.name}", run=run, hint="name its agent")
    erased = next((entry.seq for entry in origin if isinstance(entry.event, BodiesErased)), 0)
    if erased:
        raise InputError("it was erased, and nothing of it can be run again", run=run, seq=erased)
    return opened


def _case(parts: Sequence[Sequence[Entry]]) -> Case:
    """What the record has to say: the answers of tools and of people, in the run and in those below it."""
    cases = [case_of(entries, keep_personal=True) for entries in parts]
    calls = [one for entries in parts for one in answers(trace(entries)).calls]
    people = [one for case in cases for one in case.people]
    fixtures = Fixtures(calls=calls, unmatched=LIVE)  # whether anything is read live, whoever opens the world says
    return cases[0].model_copy(update={"fixtures": fixtures, "people": people})


def _tags(then: Mapping[str, str], run: str, by: str) -> dict[str, str]:
    return {**{name: value for name, value in then.items() if name not in _NOT_KEPT}, TAG: run, BY: by}


async def _to_the_end(runner: TrialRunner, case: Case, run: str) -> None:
    messages = iter(case.messages)
    state, _ = await runner.attend(run)
    for _ in range(ROUNDS):
        if state.closed is not None or not await reply(runner, case, state, messages):
            return
        state, _ = await runner.attend(run)


async def _closed(runner: TrialRunner, run: str, by: str) -> None:
    """Leave nothing behind that would wait for somebody: it was run to be looked at."""
    if (await runner.state(run)).closed is None:
        await runner.cancel(run, by=by, because="it was run again to be looked at, and waited for somebody")
        await runner.attend(run)


def _unserved(entries: Sequence[Entry]) -> Iterator[str]:
    """The calls that no recorded answer fitted, as one writes them down."""
    told = (entry.event.message for entry in entries if isinstance(entry.event, CallFailed))
    yield from dict.fromkeys(text.partition(f"{Unserved.MARK} ")[2] for text in told if text.startswith(Unserved.MARK))


def _tested(origin: Sequence[Entry], agent: Agent[Any, Any]) -> Tested | None:
    try:
        before = Contract.parse(trace(origin).contract)
    except ContractError:
        return None
    return backtest(origin, Terms(before, agent.predicates), Terms(agent.contract, agent.predicates))
