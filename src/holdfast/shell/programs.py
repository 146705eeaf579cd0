"""Programs of a run, executed as far as their answers go."""

from __future__ import annotations

from typing import Any

from holdfast.agent import Bound
from holdfast.codec import canonical, keyed
from holdfast.core.ending import DIVERGED
from holdfast.core.programs import answer_of, made_by
from holdfast.core.state import CallState, State
from holdfast.errors import ContractError, SettingsError
from holdfast.events import AnyEvent, CallFailed, CallReturned, Inline, ProgramCalled
from holdfast.labels import TRUSTED, meet
from holdfast.program import ProgramTool

INTERPRETER = "pydantic-monty"


async def execute(bound: Bound, state: State, call: CallState, secret: bytes, cache: Any) -> AnyEvent:
    """Execute the program of a call from its start, or from where `cache` has it, up to its next call or its end.

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
        outcome = await programs.step(written, recorded, programs.Limits(), cache)
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
