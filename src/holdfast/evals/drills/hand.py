"""The hand that makes one trial go wrong, and what it did: a fault counts only where it landed."""

from __future__ import annotations

import asyncio
import inspect
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from holdfast.core.pending import AskModel, Effected, Pending, RunCall
from holdfast.core.state import CallState
from holdfast.dialogue import Answer, Request
from holdfast.evals.cases.world import Stage, World
from holdfast.evals.drills.faults import KINDS, Fault, strikes
from holdfast.evals.drills.spoil import SPOILING, spoilt
from holdfast.events import AnyEvent, Price, Wanted
from holdfast.models.port import Model, ModelError
from holdfast.shape import Misfit
from holdfast.shell.deadline import TimeUp
from holdfast.shell.perform import Attempt
from holdfast.tool import Absent, CannotTell, Found, NotDone, Partial, Started, Tool
from holdfast.tool import Pending as StillGoing

MODEL: Final = ""
"""The target that stands for the model."""


class Landed(Struct, frozen=True):
    """A fault that struck. Of a tool: the call, and the start of the attempt; of the model: which attempt at which step."""

    kind: str
    call: int = 0
    start: int = 0
    step: int = 0
    attempt: int = 0
    run: str = ""
    """The run in which it struck; empty: the one at the top."""


class Hand:
    """What goes wrong in one trial, by the faults of one kind."""

    def __init__(self, faults: Sequence[Fault], seed: int, case: str, trial: int) -> None:
        self._faults = faults
        self._chance = seed, case, trial
        self._counts: Counter[str] = Counter()
        self._due: dict[int, Fault] = {}
        """Starts of attempts that are to go wrong."""
        self.landed: list[Landed] = []

    def strikes_run(self) -> Fault | None:
        """The fault that strikes the request itself, if one does."""
        return next(
            (one for one in self._faults if KINDS[one.kind][0] == "run" and self._drawn(one, "request", 1)), None
        )

    def begins(self, request: Pending, attempt: Attempt) -> Fault | None:
        """An attempt is about to be performed: which fault strikes it. To be asked once for each attempt."""
        match request:
            case RunCall(number, start):
                call = attempt.state.calls[number]
                if call.effect == "builtin":
                    return None
                fault = self._of_tool(call, attempt)
                if fault is not None:
                    self._due[start] = fault
                return fault
            case AskModel():
                asking = attempt.state.asking
                assert asking is not None
                self._counts["model answers"] += 1
                index = self._counts["model answers"]
                return next(
                    (
                        one for one in self._faults
                        if one.kind == "answer-twice" and not one.on.tool and one.on.step in (None, asking.step)
                        and self._drawn(one, MODEL, index)
                    ),
                    None,
                )  # fmt: skip
        return None

    def _of_tool(self, call: CallState, attempt: Attempt) -> Fault | None:
        self._counts[call.tool] += 1
        asking = attempt.state.asking
        step = asking.step if asking is not None else 0
        for fault in self._faults:
            on, where = fault.on, KINDS[fault.kind][0]
            if where in ("run", "model") or (where == "read" and call.effect != "read") or on.model:
                continue
            if on.tool not in ("", call.tool) or on.step not in (None, step) or on.attempt not in (None, call.attempt):
                continue
            if self._drawn(fault, call.tool, self._counts[call.tool]):
                return fault
        return None

    def _drawn(self, fault: Fault, target: str, index: int) -> bool:
        return strikes(fault, *self._chance, target, index)

    def strike(self, fault: Fault, *, run: str = "", **where: int) -> None:
        """Say that a fault landed."""
        self.landed.append(Landed(fault.kind, **where, run=run))

    # ---- tools

    def tampered(
        self, tool: Tool[..., Any], call: CallState, attempt: Attempt, work: Callable[[], Any]
    ) -> Callable[[], Any]:
        """The call of a tool as it goes wrong, where it is to."""
        fault = self._due.pop(call.start, None)
        if fault is None or fault.kind == "answer-twice":
            return work
        if not inspect.iscoroutinefunction(tool.function):

            def plainly() -> object:
                self._before(fault, call, attempt)
                return self._after(fault, call, attempt, work())

            return plainly

        async def awaited() -> object:
            self._before(fault, call, attempt)
            return self._after(fault, call, attempt, await work())

        return awaited

    def _before(self, fault: Fault, call: CallState, attempt: Attempt) -> None:
        if fault.kind == "timeout-before-commit":
            self.strike(fault, run=attempt.state.run, call=call.seq, start=call.start)
            raise TimeUp(ended=True)
        if fault.kind == "rate-limited":
            self.strike(fault, run=attempt.state.run, call=call.seq, start=call.start)
            raise NotDone("429 Too Many Requests, as the drill says", retry_after=fault.retry_after)

    def _after(self, fault: Fault, call: CallState, attempt: Attempt, value: object) -> object:
        tool = attempt.bound.tools[call.tool]
        if fault.kind == "timeout-after-commit":
            self.strike(fault, run=attempt.state.run, call=call.seq, start=call.start)
            raise TimeUp(ended=True)
        if fault.kind not in SPOILING or isinstance(value, Started | Found | Absent | CannotTell | StillGoing):
            return value
        try:
            plain = tool.gives.json(value.value if isinstance(value, Partial) else value)
        except Misfit:
            return value
        writes = {name: one for name, one in attempt.bound.tools.items() if one.effect == "write"}
        found = spoilt(fault.kind, plain, tool.gives, writes)
        if found is None or found == plain:
            return value
        self.strike(fault, run=attempt.state.run, call=call.seq, start=call.start)
        if fault.kind == "truncated-list":
            return Partial(found, missing="the rest of a list, as the drill says")
        if isinstance(value, Partial) and fault.kind != "silent-rest":
            return Partial(found, value.missing, value.cursor)
        return found

    # ---- models

    async def answer(self, model: Model, request: Request) -> Answer:
        """What a model answers, as it goes wrong where it is to. Raises ModelError."""
        self._counts[MODEL] += 1
        fault = next((one for one in self._faults if self._meets(one, request)), None)
        if fault is None:
            return await model.answer(request)
        where: dict[str, Any] = {"run": request.run, "step": request.step, "attempt": request.attempt}
        says = "as the drill says"
        if fault.kind == "model-rate-limited":
            self.strike(fault, **where)
            raise ModelError("rate_limited", f"429, {says}", fate="not_done", retry_after=fault.retry_after)
        if fault.kind == "model-overloaded":
            self.strike(fault, **where)
            raise ModelError("overloaded", f"529, {says}", fate="not_done", retry_after=fault.retry_after)
        answer = await model.answer(request)
        if fault.kind == "model-answer-lost":
            self.strike(fault, **where)
            raise ModelError(
                "connection", f"lost after the answer was made, {says}", fate="unknown", retry_after=fault.retry_after
            )
        cut = _cut(answer, length=fault.kind == "model-truncated")
        if cut is not None:
            self.strike(fault, **where)
        return cut or answer

    def _meets(self, fault: Fault, request: Request) -> bool:
        on = fault.on
        if KINDS[fault.kind][0] != "model" or on.tool or on.model not in ("", request.model):
            return False
        if on.step not in (None, request.step) or on.attempt not in (None, request.attempt):
            return False
        return self._drawn(fault, MODEL, self._counts[MODEL])


def _cut(answer: Answer, *, length: bool) -> Answer | None:
    """An answer cut off in its last call, or in its text; None where there is nothing to cut."""
    if answer.calls:
        last = answer.calls[-1]
        torn = Wanted(last.id, last.tool, last.args[: len(last.args) // 2])
        return replace(
            answer, calls=(*answer.calls[:-1], torn), finish="length" if length else answer.finish, payload=None
        )
    if length and answer.text:
        return replace(answer, text=answer.text[: len(answer.text) // 2], finish="length", payload=None)
    return None


class Change(Struct, frozen=True):
    """An attempt after which the world's account had grown: the nth of this tool in its run."""

    tool: str
    nth: int


class Watch:
    """Watches which attempts of a run change something, whatever they were declared as: one at a time, so that it can be told."""

    def __init__(self, world: World) -> None:
        self.changes: list[Change] = []
        self._world = world
        self._counts: Counter[str] = Counter()
        self._one = asyncio.Lock()

    @asynccontextmanager
    async def over(self, tool: str) -> AsyncIterator[None]:
        """Watch one attempt of a tool."""
        self._counts[tool] += 1
        nth = self._counts[tool]
        async with self._one:
            before = len(self._world.effects())
            try:
                yield
            finally:
                if len(self._world.effects()) > before:
                    self.changes.append(Change(tool, nth))


class Rig(Stage):
    """A stage on which a hand makes some runs go wrong, and some are watched, with those below them. `hands`, `watches`: by run."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.hands: dict[str, Hand] = {}
        self.watches: dict[str, Watch] = {}

    def hand_of(self, run: str) -> Hand | None:
        """The hand that makes a run go wrong, or the one at the top of its tree."""
        return self.hands.get(run) or self.hands.get(self.top_of(run))

    async def perform(self, request: Effected, attempt: Attempt) -> None:
        """Do what was asked; tell the answer twice, where that is what goes wrong."""
        self.place(attempt)
        hand = self.hand_of(attempt.state.run)
        fault = hand.begins(request, attempt) if hand is not None else None
        if hand is not None and fault is not None and fault.kind == "answer-twice":
            attempt = replace(attempt, tell=_twice(hand, fault, request, attempt))
        watch = self.watches.get(self.top_of(attempt.state.run))
        if watch is None or not isinstance(request, RunCall):
            await super().perform(request, attempt)
            return
        async with watch.over(attempt.state.calls[request.call].tool):
            await super().perform(request, attempt)

    def work(
        self, tool: Tool[..., Any], function: Callable[..., Any], call: CallState, attempt: Attempt
    ) -> Callable[[], Any]:
        """The call of a tool; a look-up is left alone."""
        made = super().work(tool, function, call, attempt)
        hand = self.hand_of(attempt.state.run)
        return made if hand is None or function is not tool.function else hand.tampered(tool, call, attempt, made)


def _twice(hand: Hand, fault: Fault, request: Pending, attempt: Attempt) -> Callable[[AnyEvent], None]:
    def tell(fact: AnyEvent) -> None:
        attempt.tell(fact)
        attempt.tell(fact)
        asking = attempt.state.asking
        match request:
            case RunCall(call, start):
                hand.strike(fault, run=attempt.state.run, call=call, start=start)
            case AskModel() if asking is not None:
                hand.strike(fault, run=attempt.state.run, step=asking.step, attempt=asking.attempt)

    return tell


class Unsteady:
    """A model that fails in the runs of a drill, as the hand there wants it."""

    def __init__(self, model: Model, hand_of: Callable[[str], Hand | None]) -> None:
        self._model = model
        self._hand_of = hand_of

    async def answer(self, request: Request) -> Answer:
        """Answer, unless something goes wrong. Raises ModelError."""
        hand = self._hand_of(request.run)
        return await (self._model.answer(request) if hand is None else hand.answer(self._model, request))

    def price(self) -> Price | None:
        """The model's own."""
        return self._model.price()

    def quote(self, run: str, step: int) -> int | None:
        """The model's own."""
        return self._model.quote(run, step)
