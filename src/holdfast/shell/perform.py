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
from dataclasses import replace
from functools import partial
from typing import Any, Final, assert_never

from msgspec import Struct, structs

from holdfast.agent import Bound
from holdfast.codec import canonical, keyed, plain
from holdfast.core import prompt
from holdfast.core.fork import carried_out
from holdfast.core.pending import AskModel, Effected, LookUp, RunCall
from holdfast.core.state import CallState, State
from holdfast.dialogue import Answer, cost_of
from holdfast.errors import SettingsError
from holdfast.events import (
    AnyEvent,
    CallFailed,
    CallLookedUp,
    CallReturned,
    Effect,
    Fate,
    Inline,
    Json,
    Label,
    ModelAnswered,
    ModelFailed,
)
from holdfast.labels import UNTRUSTED, meet
from holdfast.models.port import Model, ModelError
from holdfast.shape import Misfit
from holdfast.shell import attach
from holdfast.shell.attach import Beside
from holdfast.shell.classify import classify
from holdfast.shell.deadline import Deadline, TimeUp
from holdfast.shell.programs import Interpreters, execute
from holdfast.tool import Absent, Call, CallKey, CannotTell, Found, NotDone, Options, Partial, Started, Tool
from holdfast.tool import Pending as StillGoing

MAX_RESULT: Final = 5_000_000
"""Bytes of a result that is kept."""


_BOOT: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None)


def boot_seconds() -> float:
    """A clock that goes on while the machine sleeps or the process is stopped."""
    return time.clock_gettime(_BOOT) if _BOOT is not None else time.monotonic()


class Attempt(Struct, frozen=True):
    """One attempt as its performer needs to know it."""

    bound: Bound
    state: State
    secret: bytes
    now: Callable[[], int]
    """The journal's clock."""
    ends: float
    """`boot_seconds` after which nothing may be begun."""
    tell: Callable[[AnyEvent], None]
    """Takes the fact about the attempt; and a second one, where it was given up and came to an end after all."""


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
        self._interpreters = Interpreters()
        self._threads = ThreadPoolExecutor(max_workers=64, thread_name_prefix="holdfast-tool")

    def close(self) -> None:
        """Let go of threads; one that never ends is left to the process."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def end(self) -> None:
        """Let go of all that was opened."""
        self.close()
        await self._interpreters.close()

    def provide(self, resources: Sequence[object]) -> None:
        """Resources that tools may want, by type."""
        self._resources = (*self._resources, *resources)

    def clock(self) -> float:
        """Seconds, on the clock deadlines are measured by."""
        return self._clock()

    def since(self, began: int) -> int:
        """µs since a moment of the watch."""
        return (self._watch() - began) // 1000

    async def perform(self, request: Effected, attempt: Attempt) -> None:
        """Do what was asked, once, and tell what became of it. Raises CancelledError where it was cancelled from outside."""
        match request:
            case AskModel(ask):
                fact = await self._ask(ask, attempt)
            case RunCall(call):
                fact = await self._run(attempt.state.calls[call], attempt)
            case LookUp(call):
                fact = await self._look_up(attempt.state.calls[call], attempt)
            case _:
                assert_never(request)
        if fact is not None:
            attempt.tell(fact)

    def cancelled(self, request: Effected, attempt: Attempt) -> AnyEvent:
        """The fact about an attempt that cancelled the task it ran in."""
        what = "it cancelled itself"
        match request:
            case AskModel(ask):
                reserved = attempt.state.asking.reserved if attempt.state.asking is not None else 0
                return ModelFailed(ask, "garbage", "unknown", what, unsettled=reserved)
            case RunCall(call):
                known = attempt.state.calls[call]
                return CallFailed(call, known.attempt, "raised", _fate(known.effect), what)
            case LookUp(call, number):
                return CallLookedUp(call, number, "cannot_tell", message=what, ended=attempt.state.calls[call].ended)
        assert_never(request)

    # ---- models

    async def _ask(self, ask: int, attempt: Attempt) -> AnyEvent | None:
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

        def silent() -> ModelFailed:
            return failed("timeout", "unknown", "no answer in time")

        if left <= 0:
            return failed("timeout", "not_done", "its time was up before it began")
        try:
            with Deadline(left, lambda: attempt.tell(silent())):
                answer = await self._models(asking.model).answer(request)
        except ModelError as error:
            return failed(error.error, error.fate, str(error), error.retry_after)
        except TimeUp as up:
            return None if up.told else silent()
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

    async def _run(self, call: CallState, attempt: Attempt) -> AnyEvent | None:
        if call.effect == "builtin":
            return self._more(call, attempt)
        if call.effect == "program":
            return await self._execute(call, attempt)
        tool = attempt.bound.tools[call.tool]
        if tool.effect == "write" and not carried_out(attempt.state.opened, tool.name):
            return CallReturned(call.seq, call.attempt, Inline(None), complete="simulated", label=tool.label)
        began = self._watch()
        left = attempt.ends - self._clock()
        if left <= 0:
            return CallFailed(call.seq, call.attempt, "ended", "not_done", "its time was up before it began")
        try:
            work = self.work(tool, tool.function, call, attempt)
        except (Misfit, SettingsError) as error:
            return CallFailed(call.seq, call.attempt, "raised", "not_done", str(error), took=self.since(began))

        def silent(*, ended: bool = False) -> CallFailed:
            what = f"no answer within {tool.timeout / 1e6:g} s"
            return CallFailed(
                call.seq, call.attempt, "timeout", _fate(tool.effect), what, took=self.since(began), ended=ended
            )

        def late(work: asyncio.Future[Any]) -> None:
            if not work.cancelled():
                error = work.exception()
                took = self.since(began)
                attempt.tell(
                    self._returned(_late(work.result(), attempt), call, tool, attempt, took)
                    if error is None
                    else self._raised(error, call, tool, attempt, took)
                )

        try:
            if tool.is_async:
                with Deadline(left, lambda: attempt.tell(silent())):
                    value = await work()
            else:
                value = await self._in_thread(work, left, attempt.ends, late)
        except TimeUp as up:
            return None if up.told else silent(ended=up.ended)
        except Exception as error:  # noqa: BLE001 - the boundary: a tool may raise anything, and all of it is recorded
            return self._raised(error, call, tool, attempt, self.since(began))
        took = self.since(began)
        return self._returned(await _taken(value, attempt), call, tool, attempt, took)

    async def _execute(self, call: CallState, attempt: Attempt) -> AnyEvent | None:
        """Execute a program up to the next call that it makes, or to its end."""
        began, left = self._watch(), attempt.ends - self._clock()

        def silent() -> CallFailed:
            return CallFailed(
                call.seq, call.attempt, "timeout", "not_done", "the program did not end in time", took=self.since(began)
            )

        try:
            with Deadline(left, lambda: attempt.tell(silent())):
                fact = await execute(attempt.bound, attempt.state, call, attempt.secret, self._interpreters)
        except TimeUp as up:
            return None if up.told else silent()
        return structs.replace(fact, took=self.since(began))

    def _more(self, call: CallState, attempt: Attempt) -> AnyEvent:
        wanted, start = str(call.args.get("result", "")), int(call.args.get("start", 0))
        text = next(
            (prompt.full_text(seg, attempt.state) for seg in attempt.state.transcript if str(seg.ref[0]) == wanted),
            None,
        )
        shown = "there is no such result" if text is None else prompt.window(text, start, int(wanted))
        return CallReturned(call.seq, call.attempt, Inline(shown), keyed(attempt.secret, "result", shown))

    def work(
        self, tool: Tool[..., Any], function: Callable[..., Any], call: CallState, attempt: Attempt
    ) -> Callable[[], Any]:
        """The call of a tool, or of its look-up, ready to be made. Raises Misfit and SettingsError."""
        args = tool.takes.python(call.args)
        injected = self.injected(tool.injects if function is tool.function else _injects(function), call, attempt)
        if tool.options.by_mapping:
            return partial(function, args, **injected)
        given = {name: getattr(args, name) for name in tool.given}
        return partial(function, **given, **injected)

    async def _in_thread(
        self, work: Callable[[], Any], seconds: float, ends: float, late: Callable[[asyncio.Future[Any]], None]
    ) -> Any:
        """Run plain code. A thread cannot be stopped: when its time is up it is left alone, and `late` takes what it did."""
        context = contextvars.copy_context()
        future: asyncio.Future[Any] = asyncio.get_running_loop().run_in_executor(
            self._threads, partial(context.run, self._in_time, ends, work)
        )
        try:
            done, _ = await asyncio.wait({future}, timeout=seconds)
        except asyncio.CancelledError:
            future.cancel()  # where it has not begun, it never will
            raise
        if not done:
            future.add_done_callback(late)
            raise TimeUp(ended=False)
        return future.result()

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
                out[name] = self.resource(kind, f"{call.tool}({name})", attempt.state.run)
        return out

    def resources_of(self, run: str) -> Sequence[object]:
        """What the tools of a run may want: here the same for all."""
        return self._resources

    def resource(self, kind: Any, where: str, run: str = "") -> object:
        """The resource of a type. Raises SettingsError where there is none."""
        resources = self.resources_of(run)
        for resource in resources:
            if isinstance(kind, type) and isinstance(resource, kind):
                return resource
        have = ", ".join(sorted(type(one).__name__ for one in resources)) or "none"
        raise SettingsError(
            f"{where} wants a {getattr(kind, '__name__', kind)}, and no resource is one",
            hint=f"yield it from the resources function; resources there are: {have}",
        )

    def _raised(
        self, error: BaseException, call: CallState, tool: Tool[..., Any], attempt: Attempt, took: int
    ) -> AnyEvent:
        if not isinstance(error, Exception):
            raise error
        found = classify(error, tool.effect)
        retry_at = attempt.now() + round(found.retry_after * 1e6) if found.retry_after else 0
        return CallFailed(call.seq, call.attempt, found.error, found.fate, found.message[:2000], retry_at, took)

    def _returned(
        self, value: Partial[Beside] | Beside, call: CallState, tool: Tool[..., Any], attempt: Attempt, took: int
    ) -> AnyEvent:
        missing, cursor, partly = "", "", isinstance(value, Partial)
        if isinstance(value, Partial):
            missing, cursor = value.missing, value.cursor
        given = value.value if isinstance(value, Partial) else value
        if isinstance(given.value, Started):
            body = Inline({"handle": given.value.handle, "poll": given.value.poll})
            return CallReturned(call.seq, call.attempt, body, complete="started", label=tool.label, took=took)
        if given.problem and tool.effect == "read":
            return CallFailed(call.seq, call.attempt, "size", "not_done", given.problem, took=took)
        if given.problem:
            partly, missing = True, "; ".join(filter(None, (missing, given.problem)))
        try:
            result = given.named(tool.gives.json(given.value))
        except Misfit as error:
            return CallFailed(
                call.seq,
                call.attempt,
                "result",
                _fate(tool.effect),
                f"what it returned does not fit: {error}"[:2000],
                took=took,
            )
        data = canonical(result)
        if len(data) > MAX_RESULT:
            return _too_large(call, tool, len(data), took)
        return CallReturned(
            call.seq, call.attempt, Inline(result), keyed(attempt.secret, "result", data), "partial" if partly else "complete", missing,
            cursor, _label(tool, given), effect_id_of(tool, result), took=took, files=_bodies(given),
        )  # fmt: skip

    # ---- looking up

    async def _look_up(self, call: CallState, attempt: Attempt) -> AnyEvent | None:
        tool = attempt.bound.tools[call.tool]
        lookup = tool.options.lookup
        assert lookup is not None
        began, left = self._watch(), tool.timeout / 1e6

        def seen(answer: object) -> CallLookedUp:
            return self._looked_up(answer, call, tool, attempt, self.since(began))

        silent = CannotTell("it gave no answer in time")
        try:
            work = self.work(tool, lookup, call, attempt)
            if inspect.iscoroutinefunction(lookup):
                with Deadline(left, lambda: attempt.tell(seen(silent))):
                    found = await work()
            else:
                found = await self._in_thread(work, left, self._clock() + left, _forget)
            if isinstance(found, Found):
                found = replace(found, value=await attach.read(attach.out_of(found.value, attempt.secret)))
            return seen(found)
        except TimeUp as up:
            return None if up.told else seen(silent)
        except Exception as error:  # noqa: BLE001 - the boundary: a look-up that breaks cannot tell, and says why
            return seen(CannotTell(f"{type(error).__name__}: {error}"))

    def _looked_up(
        self, answer: object, call: CallState, tool: Tool[..., Any], attempt: Attempt, took: int
    ) -> CallLookedUp:
        seen = partial(CallLookedUp, call.seq, call.attempt, took=took, ended=call.ended)
        match answer:
            case Found(effect_id, value):
                try:
                    result = value.named(tool.gives.json(value.value))
                except Misfit as error:
                    return seen("cannot_tell", message=f"it found {effect_id} in a form that does not fit: {error}")
                digest = keyed(attempt.secret, "result", canonical(result))
                return seen(
                    "found", effect_id, Inline(result), digest, _label(tool, value), value.problem, files=_bodies(value)
                )
            case Absent():
                return seen("absent")
            case StillGoing(progress, poll):
                return seen("pending", message=progress, again_at=attempt.now() + round(poll * 1e6))
            case CannotTell(reason):
                return seen("cannot_tell", message=reason)
        return seen(
            "cannot_tell", message=f"it returned {type(answer).__name__}, which is none of Found, Absent, CannotTell"
        )


async def _taken(value: Any, attempt: Attempt) -> Partial[Beside] | Beside:
    """What a tool gave, with its files taken out and read."""
    if isinstance(value, Partial):
        return replace(value, value=await attach.read(attach.out_of(value.value, attempt.secret)))
    return await attach.read(attach.out_of(value, attempt.secret))


def _late(value: Any, attempt: Attempt) -> Partial[Beside] | Beside:
    """The same of what came after its time: nothing is read."""
    if isinstance(value, Partial):
        return replace(value, value=attach.late(attach.out_of(value.value, attempt.secret)))
    return attach.late(attach.out_of(value, attempt.secret))


def _label(tool: Tool[..., Any], given: Beside) -> Label:
    """Of what a tool gave: no file is trusted, and so nothing is that came with one."""
    return meet(tool.label, UNTRUSTED) if given.files else tool.label


def _bodies(given: Beside) -> tuple[Inline, ...]:
    return tuple([Inline(plain(file)) for file in given.files])


def _fate(effect: Effect) -> Fate:
    """What is known of an attempt that began and gave no result: a read did nothing, a write may have."""
    return "unknown" if effect == "write" else "not_done"


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
