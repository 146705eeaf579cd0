"""Programs: a model writes a small one, and it calls the tools of a contract.

    outcome = await step(program, recorded, limits)

A program is never left standing while somebody thinks about one of its calls. `step` executes it from its start, gives each call
the answer that is recorded for it, and ends at the first call without one, which it does not perform. Whoever performs it adds
the answer to the record and takes the next step, in this process or another, tomorrow or after a crash. So the truth about a
program is (code, seed, frozen clock, inputs, recorded answers), and `step` is a function of these. A call that differs from the
recorded one is `Diverged`, and nothing after it is looked at. A cache only spares what was executed already.

Time is the exception: whether a limit of time is reached depends on the machine. A caller writes down that it was, like an answer.

The interpreter is pydantic-monty, which knows no files, no network, no processes and no other modules than its own few. It runs in
a worker process that is used for one step (`programs_worker`).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import islice
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from holdfast.errors import SettingsError
from holdfast.sandbox.programs_cache import Cache, MemoryCache, Place, keys, seal, unseal
from holdfast.sandbox.programs_execution import CannotResume, Execution, trips
from holdfast.sandbox.programs_prelude import CHECKED, prelude, stubs
from holdfast.sandbox.programs_terms import (
    Answer,
    Broke,
    Called,
    Diverged,
    Finished,
    Limits,
    Offered,
    Outcome,
    Paused,
    Program,
    Recorded,
    Stop,
    judge,
)
from holdfast.sandbox.programs_worker import Handle, Launcher, Wall, Workers, version
from holdfast.units import SECOND, say_duration

if TYPE_CHECKING:
    from pydantic_monty import MontySession, OSPolicy, ResourceLimits

__all__ = [
    "Answer", "Broke", "Cache", "Called", "Diverged", "Finished", "Launcher", "Limits", "MemoryCache", "Offered", "Outcome",
    "Paused", "Problem", "Program", "Recorded", "Stop", "Wall", "Workers", "check", "step", "version",
]  # fmt: skip

DEFAULT: Final = Limits()
EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


async def step(
    program: Program,
    recorded: Sequence[Recorded] = (),
    limits: Limits = DEFAULT,
    cache: Cache | None = None,
    *,
    workers: Workers | None = None,
) -> Outcome:
    """What comes of a program, given the answers to the calls that it made so far, in the order of the calls.

    Nothing is performed. With `cache`, what was executed before is not executed again; the outcome is the same. Without `workers`,
    one is started for this step alone.

    Raises ContractError for tools that a program cannot have, UsageError for limits and records that are none, SettingsError where
    pydantic-monty is not installed, does not start, or is not the version of `program.interpreter`.
    """
    judge(program, recorded, limits)
    if program.interpreter not in ("", version()):
        raise SettingsError(
            f"a program was begun in pydantic-monty {program.interpreter}, and here is {version()}",
            hint=f'pip install "pydantic-monty=={program.interpreter}"',
        )
    if len(program.code.encode(errors="replace")) > limits.code:
        return Broke("syntax", f"it is longer than {limits.code:,} bytes", 0, "")
    async with AsyncExitStack() as stack:
        workers = workers or await _one(stack)
        if cache is None:
            return (await _execute(workers, program, recorded, limits, None, keep=False))[0]
        names = keys(version(), program, recorded, limits)
        outcome, place = await _resumed(workers, program, recorded, limits, cache, names) or await _execute(
            workers, program, recorded, limits, None, keep=True
        )
        if place is not None:
            await cache.put(names[-1], seal(names[-1], place))
        return outcome


async def _one(stack: AsyncExitStack) -> Workers:
    """A worker for one step alone."""
    return await stack.enter_async_context(Workers(at_once=1))


async def _resumed(
    workers: Workers, program: Program, recorded: Sequence[Recorded], limits: Limits, cache: Cache, names: list[str]
) -> tuple[Outcome, Place | None] | None:
    """The outcome from the last place that the cache has; None where it has none that can be gone on from."""
    for name in reversed(names):
        data = await cache.get(name)
        place = unseal(name, data) if data is not None else None
        if place is None:
            continue
        try:
            outcome, further = await _execute(workers, program, recorded, limits, place, keep=True)
        except CannotResume:
            return None
        # A worker that dies over a dump may have died of the dump.
        died = isinstance(outcome, Broke) and outcome.kind == "crash"
        return None if died else (outcome, further if name != names[-1] else None)
    return None


async def _execute(
    workers: Workers,
    program: Program,
    recorded: Sequence[Recorded],
    limits: Limits,
    place: Place | None,
    *,
    keep: bool,
) -> tuple[Outcome, Place | None]:
    execution = Execution(program, recorded, limits, keep=keep)

    def work(session: MontySession, handle: Handle) -> Outcome:
        if place is not None:
            return execution.resume(session, handle.kill, place)
        _begin(session, program)
        return execution.run(session, handle.kill)

    try:
        outcome = await workers.use(work, _bounds(limits), _policy(program), wall=limits.wall / SECOND)
    except TimeoutError:
        outcome = Broke("time", f"a step took more than {say_duration(limits.wall)}", 0, execution.printed)
    return outcome, execution.place


def _begin(session: MontySession, program: Program) -> None:
    """Give a fresh worker what stands before a program."""
    from pydantic_monty import MontyCrashedError

    try:
        session.feed_run(prelude(program))
    except MontyCrashedError as error:
        raise SettingsError(f"a worker of pydantic-monty died before it had begun: {error}") from None


def _bounds(limits: Limits) -> ResourceLimits:
    return {
        "max_turn_duration_secs": limits.stretch / SECOND,
        "max_memory": limits.memory,
        "max_recursion_depth": limits.recursion,
        "max_suspensions": trips(limits) + 100,  # ours is met first
    }


def _policy(program: Program) -> OSPolicy:
    return {
        "datetime": EPOCH + dt.timedelta(microseconds=program.now),
        "timezone": "utc",
        "sleep": "zero",
        "process_time": "zero",
        "random_start": {"seed": program.seed},
    }


# ------------------------------------------------------------------------------------------ before anything runs


class Problem(Struct, frozen=True):
    """Something that a type checker finds wrong with a program."""

    line: int
    column: int
    """Both from 1; 0: none in particular."""
    rule: str
    message: str


MANY: Final = 50
"""Problems that are told."""


async def check(program: Program, limits: Limits = DEFAULT, *, workers: Workers | None = None) -> tuple[Problem, ...]:
    """What is wrong with a program, found without executing any of it: syntax, unknown names, arguments that do not fit.

    No problems is no promise. Raises as `step` does.
    """
    judge(program, (), limits)
    if len(program.code.encode(errors="replace")) > limits.code:
        return (Problem(0, 0, "syntax", f"it is longer than {limits.code:,} bytes"),)

    def work(session: MontySession, _handle: Handle) -> tuple[Problem, ...]:
        return _found(session, program)

    async with AsyncExitStack() as stack:
        workers = workers or await _one(stack)
        try:
            return await workers.use(
                work, _bounds(limits), _policy(program), wall=limits.wall / SECOND, stubs=stubs(program)
            )
        except TimeoutError:
            return (Problem(0, 0, "time", f"checking took more than {say_duration(limits.wall)}"),)


def _found(session: MontySession, program: Program) -> tuple[Problem, ...]:
    from pydantic_monty import (
        FunctionSnapshot,
        MontyCrashedError,
        MontyRuntimeError,
        MontySyntaxError,
        MontyTypingError,
    )

    try:
        # The checker looks at all of it before the first line is executed, and the first line stops there.
        snapshot = session.feed_start(f"{CHECKED}()\n{program.code}", inputs=program.inputs)
        while isinstance(snapshot, FunctionSnapshot) and snapshot.is_os_function:
            snapshot = snapshot.resume_not_handled()
    except MontyTypingError as error:
        found = (one for one in json.loads(error.display()) if one["severity"] == "error")
        return tuple(_problem(one) for one in islice(found, MANY))
    except (MontySyntaxError, MontyRuntimeError) as error:
        frames = error.traceback()
        return (Problem(frames[-1].line - 1 if frames else 0, 0, "syntax", str(error)),)
    except MontyCrashedError:
        return (Problem(0, 0, "crash", "the checker died of it"),)
    return ()


def _problem(found: dict[str, dict[str, int]]) -> Problem:
    at = found["location"]
    return Problem(at["row"] - 1, at["column"], str(found["code"]), str(found["message"]))
