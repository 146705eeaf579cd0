"""Perform: every effect holdfast has on the world, in one exhaustive dispatcher.

What comes out is always one fact about the attempt. Before an effect the attempt's own deadline is looked at, on a clock
that counts suspension and that was read before the journal time its lease is based on: so a worker that was stopped and
wakes late does nothing.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, assert_never

from msgspec import Struct

from holdfast.agent import Bound
from holdfast.codec import canonical, keyed
from holdfast.core import prompt
from holdfast.core.pending import AskModel, LookUp, Pending, RunCall
from holdfast.core.state import CallState, State
from holdfast.dialogue import Answer, cost_of
from holdfast.errors import SettingsError
from holdfast.events import (
    AnyEvent,
    CallFailed,
    CallLookedUp,
    CallReturned,
    Fate,
    Inline,
    Json,
    ModelAnswered,
    ModelFailed,
)
from holdfast.models.port import Model, ModelError
from holdfast.shape import Misfit
from holdfast.shell.classify import classify
from holdfast.tool import Absent, Call, CallKey, CannotTell, Found, NotDone, Options, Partial, Started, Tool
from holdfast.tool import Pending as StillGoing

MAX_RESULT: Final = 5_000_000
"""Bytes of a result that is kept."""

GRACE: Final = 0.5
"""Seconds a cancelled attempt has to end before it counts as still alive."""


def boot_seconds() -> float:
    """A clock that goes on while the machine sleeps or the process is stopped."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.clock_gettime(clock) if clock is not None else time.monotonic()


class Attempt(Struct, frozen=True):
    """One attempt as its performer needs to know it."""

    bound: Bound
    state: State
    secret: bytes
    now: Callable[[], int]
    """The journal's clock."""
    ends: float
    """`boot_seconds` after which nothing may be begun."""
    late: Callable[[AnyEvent], None]
    """Where a fact goes that comes after its attempt was given up waiting for."""


class Performer:
    """Carries out requests, with the resources and models of one worker."""

    def __init__(
        self,
        models: Callable[[str], Model],
        resources: Sequence[object] = (),
        *,
        clock: Callable[[], float] = boot_seconds,
        watch: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._models = models
        self._resources = tuple(resources)
        self._clock = clock
        self._watch = watch
        self._threads = ThreadPoolExecutor(max_workers=64, thread_name_prefix="holdfast-tool")

    def close(self) -> None:
        """Let go of threads; one that never ends is left to the process."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def provide(self, resources: Sequence[object]) -> None:
        """Resources that tools may want, by type."""
        self._resources = (*self._resources, *resources)

    def clock(self) -> float:
        """Seconds, on the clock deadlines are measured by."""
        return self._clock()

    def since(self, began: int) -> int:
        """µs since a moment of the watch."""
        return (self._watch() - began) // 1000

    async def perform(self, request: Pending, attempt: Attempt) -> AnyEvent:
        """Do what was asked, once, and say what became of it."""
        match request:
            case AskModel(ask):
                return await self._ask(ask, attempt)
            case RunCall(call):
                return await self._run(attempt.state.calls[call], attempt)
            case LookUp(call):
                return await self._look_up(attempt.state.calls[call], attempt)
        assert_never(request)

    # ---- models

    async def _ask(self, ask: int, attempt: Attempt) -> AnyEvent:
        asking = attempt.state.asking
        assert asking is not None
        request = prompt.request(attempt.bound, attempt.state)
        began = self._watch()
        left = attempt.ends - self._clock()

        def failed(error: str, fate: Fate, message: str, retry_after: float | None = None) -> ModelFailed:
            retry_at = attempt.now() + round(retry_after * 1e6) if retry_after is not None else 0
            return ModelFailed(
                ask, error, fate, message[:2000], retry_at, asking.reserved if fate == "unknown" else 0, took=self.since(began)
            )  # fmt: skip

        if left <= 0:
            return failed("timeout", "not_done", "its time was up before it began")
        try:
            async with asyncio.timeout(left):
                answer = await self._models(asking.model).answer(request)
        except ModelError as error:
            return failed(error.error, error.fate, str(error), error.retry_after)
        except TimeoutError:
            return failed("timeout", "unknown", "no answer in time")
        except SettingsError as error:
            return failed("auth", "not_done", str(error))
        except Exception as error:  # noqa: BLE001 - the boundary: a model adapter may raise anything, and all of it is recorded
            return failed("garbage", "unknown", f"{type(error).__name__}: {error}")
        return self._answered(ask, answer, attempt, asking.model, self.since(began))

    def _answered(self, ask: int, answer: Answer, attempt: Attempt, model: str, took: int) -> ModelAnswered:
        cost = answer.cost
        price = attempt.state.opened.prices.get(model)
        if cost is None and price is not None:
            cost = cost_of(answer.usage, price)
        return ModelAnswered(
            ask, Inline(answer.text) if answer.text else None, answer.calls, answer.finish, answer.usage, cost,
            answer.model if answer.model != model else "", Inline(answer.payload) if answer.payload is not None else None, took,
        )  # fmt: skip

    # ---- tools

    async def _run(self, call: CallState, attempt: Attempt) -> AnyEvent:
        if call.effect == "builtin":
            return self._more(call, attempt)
        tool = attempt.bound.tools[call.tool]
        if attempt.state.opened.mode == "simulate" and tool.effect == "write":
            return CallReturned(call.seq, call.attempt, Inline(None), complete="simulated", label=tool.label)
        began = self._watch()
        if self._clock() >= attempt.ends:
            return CallFailed(call.seq, call.attempt, "ended", "not_done", "its time was up before it began")
        try:
            task = self._begin(tool, tool.function, call, attempt)
        except (Misfit, SettingsError) as error:
            return CallFailed(call.seq, call.attempt, "raised", "not_done", str(error), took=self.since(began))
        try:
            done, _ = await asyncio.wait({task}, timeout=max(attempt.ends - self._clock(), 0))
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not done:
            return await self._timed_out(task, call, tool, attempt, began)
        return self.outcome(task, call, tool, attempt, self.since(began))

    def _more(self, call: CallState, attempt: Attempt) -> AnyEvent:
        wanted, start = str(call.args.get("result", "")), int(call.args.get("start", 0))
        text = next(
            (prompt.full_text(seg, attempt.state) for seg in attempt.state.transcript if str(seg.ref[0]) == wanted),
            None,
        )
        shown = "there is no such result" if text is None else prompt.window(text, start, int(wanted))
        return CallReturned(call.seq, call.attempt, Inline(shown), keyed(attempt.secret, "result", shown))

    def _begin(
        self, tool: Tool[..., Any], function: Callable[..., Any], call: CallState, attempt: Attempt
    ) -> asyncio.Future[Any]:
        args = tool.takes.python(call.args)
        given = args if tool.options.by_mapping else {name: getattr(args, name) for name in type(args).model_fields}
        injected = self.injected(tool.injects if function is tool.function else _injects(function), call, attempt)
        work = (
            partial(function, given, **injected) if tool.options.by_mapping else partial(function, **given, **injected)
        )
        if inspect.iscoroutinefunction(function):
            task: asyncio.Future[Any] = asyncio.ensure_future(work())
            return task
        context = contextvars.copy_context()
        future: asyncio.Future[Any] = asyncio.get_running_loop().run_in_executor(
            self._threads, partial(context.run, self._in_time, attempt.ends, work)
        )
        return future

    def _in_time(self, ends: float, work: Callable[[], object]) -> object:
        """Begin work in a thread, unless it waited so long for one that its time is up."""
        if self._clock() >= ends:
            raise NotDone("its time was up before it began")
        return work()

    def injected(self, wanted: Mapping[str, Any], call: CallState, attempt: Attempt) -> dict[str, Any]:
        """What a tool's keyword-only arguments get. Raises SettingsError for a type nobody provides."""
        out: dict[str, Any] = {}
        for name, kind in wanted.items():
            if kind is CallKey:
                out[name] = CallKey(call.key)
            elif kind is Call:
                left = attempt.ends - self._clock()
                out[name] = Call(attempt.state.run, call.seq, call.attempt, left, call.cursor, call.handle)
            else:
                out[name] = self.resource(kind, f"{call.tool}({name})")
        return out

    def resource(self, kind: Any, where: str) -> object:
        """The resource of a type. Raises SettingsError where there is none."""
        for resource in self._resources:
            if isinstance(kind, type) and isinstance(resource, kind):
                return resource
        have = ", ".join(sorted(type(one).__name__ for one in self._resources)) or "none"
        raise SettingsError(
            f"{where} wants a {getattr(kind, '__name__', kind)}, and no resource is one",
            hint=f"yield it from the resources function; resources there are: {have}",
        )

    async def _timed_out(
        self, task: asyncio.Future[Any], call: CallState, tool: Tool[..., Any], attempt: Attempt, began: int
    ) -> AnyEvent:
        """The time is up: cancel, wait a moment for the attempt to end, and listen for what comes late."""
        if tool.is_async:  # a thread cannot be cancelled: to try would only lose what it returns
            task.cancel()
            await asyncio.wait({task}, timeout=GRACE)
        fate: Fate = "unknown" if tool.effect == "write" else "not_done"
        if task.done() and not task.cancelled():
            return self.outcome(task, call, tool, attempt, self.since(began))
        ended = task.done() and tool.is_async
        if not ended:
            task.add_done_callback(lambda late: _tell_late(self, late, call, tool, attempt, began))
        return CallFailed(
            call.seq, call.attempt, "timeout", fate, f"no answer within {tool.timeout / 1e6:g} s", took=self.since(began), ended=ended
        )  # fmt: skip

    def outcome(
        self, task: asyncio.Future[Any], call: CallState, tool: Tool[..., Any], attempt: Attempt, took: int
    ) -> AnyEvent:
        """What a finished attempt says."""
        if task.cancelled():
            fate: Fate = "unknown" if tool.effect == "write" else "not_done"
            return CallFailed(call.seq, call.attempt, "raised", fate, "it cancelled itself", took=took)
        error = task.exception()
        if error is None:
            return self._returned(task.result(), call, tool, attempt, took)
        if not isinstance(error, Exception):
            raise error
        found = classify(error, tool.effect)
        retry_at = attempt.now() + round(found.retry_after * 1e6) if found.retry_after else 0
        return CallFailed(call.seq, call.attempt, found.error, found.fate, found.message[:2000], retry_at, took)

    def _returned(self, value: Any, call: CallState, tool: Tool[..., Any], attempt: Attempt, took: int) -> AnyEvent:
        if isinstance(value, Started):
            body = Inline({"handle": value.handle, "poll": value.poll})
            return CallReturned(call.seq, call.attempt, body, complete="started", label=tool.label, took=took)
        missing, cursor, partly = "", "", isinstance(value, Partial)
        if isinstance(value, Partial):
            value, missing, cursor = value.value, value.missing, value.cursor
        try:
            result = tool.gives.json(value)
        except Misfit as error:
            fate: Fate = "unknown" if tool.effect == "write" else "not_done"
            return CallFailed(
                call.seq, call.attempt, "result", fate, f"what it returned does not fit: {error}"[:2000], took=took
            )
        data = canonical(result)
        if len(data) > MAX_RESULT:
            return _too_large(call, tool, len(data), took)
        return CallReturned(
            call.seq, call.attempt, Inline(result), keyed(attempt.secret, "result", data), "partial" if partly else "complete", missing,
            cursor, tool.label, effect_id_of(tool, result), took=took,
        )  # fmt: skip

    # ---- looking up

    async def _look_up(self, call: CallState, attempt: Attempt) -> AnyEvent:
        tool = attempt.bound.tools[call.tool]
        lookup = tool.options.lookup
        assert lookup is not None
        began = self._watch()
        task: asyncio.Future[Any] | None = None
        try:
            task = self._begin(tool, lookup, call, attempt)
            done, _ = await asyncio.wait({task}, timeout=tool.timeout / 1e6)
            answer = task.result() if done else CannotTell("it gave no answer in time")
        except Exception as error:  # noqa: BLE001 - the boundary: a look-up that breaks cannot tell, and says why
            answer = CannotTell(f"{type(error).__name__}: {error}")
        finally:
            if task is not None and not task.done():  # it is not waited for: it may ignore that it is cancelled
                task.cancel()
                task.add_done_callback(_forget)
        return self._looked_up(answer, call, tool, attempt, self.since(began))

    def _looked_up(
        self, answer: object, call: CallState, tool: Tool[..., Any], attempt: Attempt, took: int
    ) -> CallLookedUp:
        seen = partial(CallLookedUp, call.seq, call.attempt, took=took, ended=call.ended)
        match answer:
            case Found(effect_id, value):
                try:
                    result = tool.gives.json(value)
                except Misfit as error:
                    return seen("cannot_tell", message=f"it found {effect_id} in a form that does not fit: {error}")
                digest = keyed(attempt.secret, "result", canonical(result))
                return seen("found", effect_id, Inline(result), digest, tool.label)
            case Absent():
                return seen("absent")
            case StillGoing(progress, poll):
                return seen("pending", message=progress, again_at=attempt.now() + round(poll * 1e6))
            case CannotTell(reason):
                return seen("cannot_tell", message=reason)
        return seen(
            "cannot_tell", message=f"it returned {type(answer).__name__}, which is none of Found, Absent, CannotTell"
        )


def _tell_late(
    performer: Performer, task: asyncio.Future[Any], call: CallState, tool: Tool[..., Any], attempt: Attempt, began: int
) -> None:
    if not task.cancelled():
        attempt.late(performer.outcome(task, call, tool, attempt, performer.since(began)))


def _forget(task: asyncio.Future[Any]) -> None:
    """Look at what became of something nobody waits for, so that asyncio does not complain."""
    if not task.cancelled():
        task.exception()


def _injects(function: Callable[..., Any]) -> dict[str, Any]:
    return Tool(function, effect="read", timeout=1, options=Options()).injects


def _too_large(call: CallState, tool: Tool[..., Any], size: int, took: int) -> AnyEvent:
    what = f"the result has {size:,} bytes; at most {MAX_RESULT:,} are kept"
    if tool.effect == "write":
        return CallReturned(
            call.seq, call.attempt, Inline(None), complete="partial", missing=what, label=tool.label, took=took
        )
    return CallFailed(call.seq, call.attempt, "size", "not_done", what, took=took)


def effect_id_of(tool: Tool[..., Any], result: Json) -> str:
    """The other system's name for an effect, in the field the tool declares."""
    field = tool.options.effect_id
    return str(result.get(field, "")) if field and isinstance(result, dict) else ""
