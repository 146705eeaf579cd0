"""Programs of a run, executed as far as their answers go."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final

from holdfast.agent import Bound
from holdfast.codec import canonical, keyed
from holdfast.core.fold_calls import DIVERGED
from holdfast.core.programs import answer_of, made_by
from holdfast.core.state import CallState, State
from holdfast.errors import ContractError, SettingsError
from holdfast.events import AnyEvent, CallFailed, CallReturned, Inline, ProgramCalled
from holdfast.labels import TRUSTED, meet
from holdfast.programs import ProgramTool

if TYPE_CHECKING:
    from holdfast.sandbox.programs import Outcome, Program, Recorded

INTERPRETER: Final = "pydantic-monty"


class Interpreters:
    """What executes the programs of one process: opened with the first of them."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._workers: Any = None
        self._cache: Any = None
        """Where programs stood, so that nothing is executed twice."""

    async def close(self) -> None:
        """End what was opened."""
        self._workers = None
        await self._stack.aclose()

    async def step(self, written: Program, recorded: Sequence[Recorded]) -> Outcome:
        """See `sandbox.programs.step`."""
        from holdfast.sandbox import programs

        async with self._opening:
            if self._workers is None:
                self._cache = programs.MemoryCache()
                self._workers = await self._stack.enter_async_context(programs.Workers())
        return await programs.step(written, recorded, programs.Limits(), self._cache, workers=self._workers)


async def execute(bound: Bound, state: State, call: CallState, secret: bytes, interpreters: Interpreters) -> AnyEvent:
    """Execute the program of a call up to its next call or its end.

    It performs nothing: what comes of it is one fact about the attempt, without the time it took.
    """
    from holdfast.sandbox import programs  # the interpreter is an extra, and starts slowly

    def broke(error: str, message: str) -> CallFailed:
        return CallFailed(call.seq, call.attempt, error, "not_done", message[:2000])

    tool = bound.tools.get(call.tool)
    if not isinstance(tool, ProgramTool):
        return broke("raised", "what runs programs is not here")
    made = made_by(state, call)
    recorded = [
        programs.Recorded(programs.Called(one.ordinal, one.tool, one.args or {}), programs.Answer(*answer_of(one)))
        for one in made
    ]
    try:
        known = call.interpreter.partition(" ")[2]
        written = programs.Program(
            code=str(call.args.get("code", "")), seed=call.seq, now=call.first_started, interpreter=known,
            tools=tuple(
                programs.Offered(name=name, parameters=one.takes.schema) for name, one in tool.offered(bound.tools).items()
            ),
        )  # fmt: skip
        outcome = await interpreters.step(written, recorded)
    except (ContractError, SettingsError) as error:
        return broke("raised", str(error))
    match outcome:
        case programs.Paused(called):
            return ProgramCalled(
                call.seq,
                call.attempt,
                called.ordinal,
                called.tool,
                Inline(called.args),
                f"{INTERPRETER} {programs.version()}",
            )
        case programs.Finished(value, printed):
            label = TRUSTED
            for one in made:
                label = meet(label, one.label) if one.ok or one.effect == "child" else label
            result = {"value": value, "printed": printed}
            digest = keyed(secret, "result", canonical(result))
            return CallReturned(call.seq, call.attempt, Inline(result), digest, label=label)
        case programs.Diverged(ordinal, expected, got):
            there = (
                f"{got.tool} instead of {expected.tool}" if got and expected else "it called something else, or ended"
            )
            return broke(DIVERGED, f"its call {ordinal} was another one ({there})")
        case programs.Broke(kind, message, line, printed):
            where = f", line {line}" if line else ""
            said = f"\nIt had printed:\n{printed[-1000:]}" if printed else ""
            return broke("raised", f"{kind}{where}: {message}{said}")
    raise AssertionError(outcome)
