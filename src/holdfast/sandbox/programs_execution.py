"""One execution of a program, from its start or from where it paused, in a worker of its own.

The interpreter goes on until it needs something from us, a *trip*: a call, an awaited call, a name it does not know, or something
of an operating system. The last two there are none of. A call is looked up in the record; one without an answer ends the
execution, and nothing has been told to the program that it could catch. All that is counted is counted here, so that an
execution that starts in the middle counts alike.

Awaited calls are answered in the order in which they were made, each when the program can do nothing else. So what a program does
depends on the answers and not on which of them came first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from holdfast import codec
from holdfast.sandbox.programs_cache import Place
from holdfast.sandbox.programs_prelude import CALL, CALL_AWAITED, unknown
from holdfast.sandbox.programs_terms import (
    Broke,
    Called,
    Diverged,
    Finished,
    Limits,
    Outcome,
    Paused,
    Program,
    Recorded,
    Stop,
)
from holdfast.sandbox.programs_values import NotPlain, plain
from holdfast.sandbox.programs_worker import interpreter
from holdfast.units import say_duration

if TYPE_CHECKING:
    from pydantic_monty import (
        FunctionSnapshot,
        FutureSnapshot,
        MontyError,
        MontySession,
        NameLookupSnapshot,
        SyncSnapshot,
    )

MESSAGE: Final = 2_000
"""Characters of a message that are kept."""
Needing: TypeAlias = "FunctionSnapshot | NameLookupSnapshot | FutureSnapshot"


class _Ended(Exception):
    """The execution came to an outcome."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class CannotResume(Exception):
    """What the interpreter made of a dump is not what was paused."""


def trips(limits: Limits) -> int:
    """How often a program may need something from us: its calls, and many names that it may look up in vain."""
    return 4 * limits.calls + 1_000


class Execution:
    """One execution. `run` or `resume` gives its outcome; `place` is where it stands if it paused.

    Both take as long as the program does, in the thread that calls them, and are given what kills its worker.
    """

    def __init__(self, program: Program, recorded: Sequence[Recorded], limits: Limits, *, keep: bool = False) -> None:
        """`keep`: have a `place` if it pauses."""
        self.program = program
        self.limits = limits
        self.recorded = {one.call.ordinal: one for one in recorded}
        self.tools = {tool.name: tool for tool in program.tools}
        interpreter()
        self.place: Place | None = None
        self._keep = keep
        self.made = 0
        self.trips = 0
        self.pending: dict[int, Called] = {}
        self._printed: list[bytes] = []
        self._room = limits.printed
        self._kill: Callable[[], None] = lambda: None

    # ------------------------------------------------------------------------------------------ what it prints

    @property
    def printed(self) -> str:
        """What it printed so far, as far as it was allowed to."""
        return b"".join(self._printed).decode(errors="ignore")  # a character may have been cut

    def _print(self, _stream: str, text: str) -> None:
        """Take what is printed; it is called while the interpreter goes on."""
        data = text.encode(errors="replace")
        if len(data) <= self._room:
            self._room -= len(data)
            self._printed.append(data)
        elif self._room >= 0:
            self._printed.append(data[: self._room])
            self._room = -1
            self._kill()  # it would go on until the end of its stretch

    # ------------------------------------------------------------------------------------------------ the course

    def run(self, session: MontySession, kill: Callable[[], None]) -> Outcome:
        """Execute from the start."""
        self._kill = kill
        code, inputs = self.program.code, self.program.inputs
        return self._outcome(lambda: session.feed_start(code, inputs=inputs, print_callback=self._print))

    def resume(self, session: MontySession, kill: Callable[[], None], place: Place) -> Outcome:
        """Go on from where it paused. Raises CannotResume where the interpreter does not."""
        from pydantic_monty import MontyComplete, MontyError

        try:
            snapshot = session.load_snapshot(place.dump, print_callback=self._print)
        except (MontyError, RuntimeError, ValueError) as error:
            raise CannotResume from error
        if isinstance(snapshot, MontyComplete):
            raise CannotResume
        self._kill = kill
        self._print("", place.printed)
        self.made, self.trips, self.pending = place.made, place.trips, dict(place.pending)
        return self._outcome(lambda: snapshot)

    def _outcome(self, begin: Callable[[], SyncSnapshot]) -> Outcome:
        from pydantic_monty import MontyComplete, MontyError

        try:
            snapshot = self._dry(begin())
            while not isinstance(snapshot, MontyComplete):
                snapshot = self._dry(self._answer(snapshot))
            return self._ended(Finished(plain(snapshot.output, self.limits.value), self.printed))
        except _Ended as ended:
            return ended.outcome
        except NotPlain as error:
            return self._ended(Broke("value", f"the result: {error}", 0, self.printed))
        except MontyError as error:
            return self._ended(self._broken(error))

    def _dry(self, snapshot: SyncSnapshot) -> SyncSnapshot:
        """What the interpreter came to, unless it printed too much meanwhile."""
        if self._room < 0:
            raise _Ended(self._too_much("output", f"it printed more than {self.limits.printed:,} bytes"))
        return snapshot

    def _answer(self, snapshot: Needing) -> SyncSnapshot:
        """What the interpreter needs. Raises _Ended where it is not to be had."""
        from pydantic_monty import FutureSnapshot, NameLookupSnapshot

        before = self.made, self.trips
        self.trips += 1
        if self.trips > trips(self.limits):
            raise _Ended(self._too_much("calls", "it asked too often for what there is not"))
        try:
            if isinstance(snapshot, NameLookupSnapshot):
                return snapshot.resume()
            if isinstance(snapshot, FutureSnapshot):
                return self._settle(snapshot)
            return self._function(snapshot)
        except _Ended as ended:
            if self._keep and isinstance(ended.outcome, Paused):
                self.place = Place(snapshot.dump(), self.printed, *before, dict(self.pending))
            raise

    # ------------------------------------------------------------------------------------------------- its calls

    def _function(self, snapshot: FunctionSnapshot) -> SyncSnapshot:
        if snapshot.is_os_function:
            return snapshot.resume_not_handled()
        name = snapshot.function_name
        if name not in (CALL, CALL_AWAITED):
            return snapshot.resume({"exc_type": "NameError", "message": f"name '{name}' is not defined"})
        try:
            tool, args = self._read(snapshot.args)
        except NotPlain as error:
            return snapshot.resume({"exc_type": "TypeError", "message": str(error)})
        ordinal = self.made + 1
        if ordinal > self.limits.calls:
            raise _Ended(self._too_much("calls", f"it called tools more than {self.limits.calls:,} times"))
        call = Called(ordinal, tool, args)
        recorded = self.recorded.get(ordinal)
        if recorded is not None and not same(recorded.call, call):
            raise _Ended(Diverged(ordinal, recorded.call, call))
        if self.tools[tool].awaited:
            self.made = ordinal
            self.pending[snapshot.call_id] = call
            return snapshot.resume({"future": ...})
        if recorded is None:
            raise _Ended(self._paused([call]))
        self.made = ordinal
        return snapshot.resume(_told(recorded))

    def _read(self, given: tuple[object, ...]) -> tuple[str, dict[str, Any]]:
        """The tool and the arguments of a call. A program can call the function below its tools, with anything."""
        match given:
            case (str(name), str(text)):
                pass
            case _:
                raise NotPlain("this is no way to call a tool")
        tool = self.tools.get(name)
        if tool is None:
            raise NotPlain(f"there is no tool {name[:64]}")
        if len(text) > 8 * self.limits.value:  # no reading of it is smaller
            raise NotPlain(f"the arguments of {name} take more than the {self.limits.value:,} bytes allowed")
        try:
            args = plain(codec.parse(text), self.limits.value)
        except codec.UNREADABLE:
            raise NotPlain(f"the arguments of {name} are no JSON") from None
        except NotPlain as error:
            raise NotPlain(f"the arguments of {name}: {error}") from None
        if not isinstance(args, dict):
            raise NotPlain(f"the arguments of {name} have no names")
        if strange := unknown(tool, args):
            raise NotPlain(f"{name}() got an unexpected keyword argument '{strange[0][:64]}'")
        return name, args

    def _settle(self, snapshot: FutureSnapshot) -> SyncSnapshot:
        """Answer the first of the calls that the program awaits, or pause at it."""
        number = min(snapshot.pending_call_ids, key=lambda one: self.pending[one].ordinal)
        recorded = self.recorded.get(self.pending[number].ordinal)
        if recorded is None:
            calls = sorted(self.pending.values(), key=lambda call: call.ordinal)
            raise _Ended(self._paused([call for call in calls if call.ordinal not in self.recorded]))
        del self.pending[number]
        return snapshot.resume({number: _told(recorded)})

    # ------------------------------------------------------------------------------------------------ its end

    def _paused(self, calls: list[Called]) -> Outcome:
        return self._ended(Paused(calls[0], self.printed, tuple(calls[1:])), calls[0])

    def _ended(self, outcome: Outcome, got: Called | None = None) -> Outcome:
        """An outcome that follows from the program, which is none while a recorded call was not made."""
        missing = min((ordinal for ordinal in self.recorded if ordinal > self.made), default=0)
        limited = isinstance(outcome, Broke) and outcome.kind not in ("syntax", "error", "value")
        return Diverged(missing, self.recorded[missing].call, got) if missing and not limited else outcome

    def _too_much(self, kind: Stop, message: str) -> Broke:
        return Broke(kind, message, 0, self.printed)

    def _broken(self, error: MontyError) -> Broke:
        """What ended the program, in words that are the same each time."""
        from pydantic_monty import MontyCrashedError, MontyRuntimeError, MontySyntaxError

        limits = self.limits
        if self._room < 0:
            return self._too_much("output", f"it printed more than {limits.printed:,} bytes")
        if isinstance(error, MontyCrashedError):
            if error.timed_out:
                return self._too_much("time", f"it computed for more than {say_duration(limits.stretch)} at a stretch")
            return self._too_much("crash", "its worker died")
        frames = error.traceback() if isinstance(error, MontyRuntimeError | MontySyntaxError) else []
        lines = [frame.line for frame in frames if frame.filename in _PROGRAM]
        name, said, line = type(error.exception()).__name__, str(error), lines[-1] if lines else 0
        if name == "TimeoutError" and not frames:
            return self._too_much("time", f"it computed for more than {say_duration(limits.stretch)} at a stretch")
        if name == "MemoryError" and "limit" in said and "exceeded" in said:
            return self._too_much("memory", f"it took more than {limits.memory:,} bytes of memory")
        if name == "RecursionError":
            return Broke("recursion", f"its calls are nested deeper than {limits.recursion:,}", line, self.printed)
        if name == "NotImplementedError" and "cannot suspend" in said:
            said = "a tool cannot be called from within map, sorted and the like; call it in a loop or a comprehension"
        unfit = isinstance(error, MontySyntaxError) or (name == "NotImplementedError" and "syntax" in said)
        return Broke("syntax" if unfit else "error", said[:MESSAGE], line, self.printed)


def _told(recorded: Recorded) -> Any:
    """An answer as the interpreter takes it."""
    if recorded.answer.error:
        return {"exc_type": "RuntimeError", "message": recorded.answer.error}
    return {"return_value": recorded.answer.value}


def same(one: Called, other: Called) -> bool:
    """Whether two calls are the same: the tool, and the canonical JSON of the arguments."""
    return one.tool == other.tool and codec.canonical(one.args) == codec.canonical(other.args)


_PROGRAM: Final = ("<python-input-1>", "main.py")
"""What the interpreter calls the second thing it is given (the first is the prelude), and what is no program at all."""
