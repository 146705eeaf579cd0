"""Code that is not here, as far as a run's own entries tell of it.

A contract stands in the journal and the functions it names do not. Most of what `decide` wants to know of a tool was used
when the run was driven, and what came of it stands in the entries: its effect, how long an attempt may take, whether it
takes a key, what its arguments were found to be. Where no entry tells, there are few answers (it is tried again, or it is
not), and a decision is the same if one of them gives it. What a Python predicate says is guessed by nobody: who asks for it
gets `Undecidable`, and the decision is counted as such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Final, TypeVar, cast

from holdfast import units
from holdfast.agent import Bound, Predicate, source_digest
from holdfast.codec import canonical, parse, value_of
from holdfast.contract import Contract
from holdfast.core.state import State
from holdfast.events import (
    CallAsked,
    CallLookedUp,
    CallStarted,
    Effect,
    Entry,
    Json,
    OutputRejected,
    RunClosed,
)
from holdfast.shape import Misfit, shape_of
from holdfast.tool import Tool

T = TypeVar("T")

_MISFIT: Final = "the arguments do not fit: "
_ABSENT: Final = "there is no tool called "
NO_OUTPUT: Final = "the output does not fit: "
"""How `OutputRejected` begins for an output of another shape."""


class Undecidable(Exception):
    """What a decision rests on is not here; the text says what."""


class Told:
    """What the entries of one run tell of the code that drove it. `at` sets which decisions it is asked about."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.guesses = Guesses()
        self.effects: dict[str, Effect] = {}
        self.looked_up: set[str] = set()
        self.absent: set[str] = set()
        """Tools whose code was not there then either."""
        self._tool: dict[int, str] = {}
        for entry in entries:
            match entry.event:
                case CallAsked(tool=tool, effect=effect, problem=problem):
                    self._tool[entry.seq] = tool
                    if not problem or tool not in self.effects:
                        self.effects[tool] = effect
                    if problem.startswith(_ABSENT):
                        self.absent.add(tool)
                case CallLookedUp(call=call) if call in self._tool:
                    self.looked_up.add(self._tool[call])
        self._timeout: dict[str, int] = {}
        self._key: dict[str, int | None] = {}
        self._arguments: dict[tuple[str, bytes], tuple[Json, str]] = {}
        self._output: tuple[bool, Json] | str | None = None

    def at(self, state: State, batch: Sequence[Entry]) -> None:
        """From now on it is asked about these decisions, made at this state."""
        self._arguments.clear()
        self._output = None
        for entry in batch:
            match entry.event:
                case CallStarted(call=call, until=until, key=key, keyed_until=keyed_until):
                    tool = self._tool.get(call, "")
                    known = state.calls.get(call)
                    self._timeout[tool] = until - entry.at
                    first = (known.first_started if known else 0) or entry.at
                    self._key[tool] = keyed_until - first if key else None
                case CallAsked(within=within, tool=tool, args=args, problem=problem) if within:
                    program = state.calls.get(within)
                    if program is not None and program.wants is not None:
                        raw = canonical(value_of(program.wants.args))
                        self._arguments[tool, raw] = value_of(args), problem
                case CallAsked(serves=0, index=index, tool=tool, args=args, problem=problem) if state.answered:
                    wanted = state.answered.calls
                    if index < len(wanted):
                        self._arguments[tool, _raw(wanted[index].args)] = value_of(args), problem
                case RunClosed(outcome="done", output=output) if output is not None:
                    self._output = (True, value_of(output))
                case OutputRejected(why=why) if why.startswith(NO_OUTPUT):
                    self._output = why.removeprefix(NO_OUTPUT)

    def timeout(self, tool: str) -> int:
        """µs an attempt may take, as the last start showed; where there was none, whatever starts it differs anyway."""
        return self._timeout.get(tool, units.SECOND)

    def key_life(self, tool: str) -> int | None:
        """µs for which keys are honoured, as the last start showed; None: it takes none."""
        return self._key.get(tool)

    def arguments(self, tool: str, raw: Json) -> Json:
        """What arguments were found to be. Raises Misfit as it was raised then."""
        found, problem = self._arguments.get((tool, canonical(raw)), (raw, ""))
        if problem:
            raise Misfit(problem.removeprefix(_MISFIT))
        return found

    def output(self, value: Json) -> Json:
        """What an output was found to be. Raises Misfit as it was raised then."""
        if isinstance(self._output, str):
            raise Misfit(self._output)
        return self._output[1] if self._output is not None else value


def _raw(text: str) -> bytes:
    try:
        return canonical(parse(text or "{}"))
    except ValueError:  # no JSON: never compared with anything that was parsed
        return text.encode(errors="replace")


class _Checks:
    """A shape whose verdicts are those that were recorded."""

    def __init__(self, check: Callable[[Json], Json], schema: Mapping[str, Json] | None = None) -> None:
        self.check = check
        self.schema = dict(schema or {})
        self.python = self.json = check


class Guesses:
    """What no entry tells, guessed: one of a few answers each, until one of them gives what was recorded, or none does."""

    def __init__(self) -> None:
        self.chosen: dict[str, int] = {}
        self.asked: dict[str, int] = {}
        """What was asked for → how many answers there can be."""

    def pick(self, what: str, answers: Sequence[T]) -> T:
        """The answer that is tried now."""
        self.asked[what] = len(answers)
        return answers[self.chosen.get(what, 0)]

    def every(self) -> Iterator[None]:
        """Try one set of answers after another, the likeliest first; ends when what is asked for has no others."""
        self.chosen, self.asked = {}, {}
        yield
        tried = [self.chosen]
        while len(tried) < MAX_GUESSES:
            sizes = dict(self.asked)
            ways = (dict(zip(sizes, way, strict=True)) for way in product(*map(range, sizes.values())))
            fresh = next((way for way in ways if _settled(way) not in map(_settled, tried)), None)
            if fresh is None:
                return
            self.chosen = fresh
            tried.append(fresh)
            yield


MAX_GUESSES: Final = 64


def _settled(way: dict[str, int]) -> dict[str, int]:
    return {what: number for what, number in way.items() if number}


class _Retry:
    """How often a tool is tried again: again at once, not yet, or no more."""

    def __init__(self, name: str, guesses: Guesses) -> None:
        self._name, self._guesses = name, guesses

    def _pick(self) -> str:
        return self._guesses.pick(f"how often {self._name} is tried again", ("again", "not yet", "no more"))

    @property
    def times(self) -> int:
        """Without end, or not at all."""
        return 0 if self._pick() == "no more" else 1 << 30

    def pause(self, failed: int) -> int:
        """µs: none, or longer than anything waits."""
        return 1 << 60 if self._pick() == "not yet" else 0


class _Options:
    """The options of a tool that decisions look at."""

    def __init__(self, name: str, told: Told) -> None:
        self._name, self._told = name, told

    @property
    def lookup(self) -> object:
        """Something where it was looked up in this run."""
        if self._name in self._told.looked_up:
            return self
        return self._told.guesses.pick(f"whether {self._name} can be looked up", (None, self))

    @property
    def pages(self) -> int:
        """Without end, or no further one."""
        return self._told.guesses.pick(f"how many pages of {self._name} are fetched", (1 << 30, 0))


class RecordedTool:
    """A tool as one run's entries tell of it, in the place of the tool itself."""

    def __init__(self, name: str, digest: str, told: Told, never: Effect = "write") -> None:
        self.name, self.digest = name, digest
        self.description = ""
        self._never = never
        self.options = _Options(name, told)
        self.retry = _Retry(name, told.guesses)
        self.takes = _Checks(lambda raw: told.arguments(name, raw))
        self._told = told

    @property
    def effect(self) -> Effect:
        """One that was never called is taken to write: nothing was written by it either way. Agents are no guess."""
        return self._told.effects.get(self.name, self._never)

    @property
    def timeout(self) -> int:
        """µs."""
        return self._told.timeout(self.name)

    @property
    def keyed(self) -> bool:
        """Whether it takes a key."""
        return self._told.key_life(self.name) is not None

    @property
    def key_life(self) -> int:
        """µs."""
        return self._told.key_life(self.name) or 0


class RecordedBound(Bound):
    """A contract with what code there is, and with what the entries tell of the rest."""

    def __init__(
        self,
        contract: Contract,
        told: Told,
        tools: Mapping[str, Tool[..., Any]],
        versions: Mapping[str, str],
        predicates: Mapping[str, Predicate],
    ) -> None:
        stands_in = [name for name in contract.tools if name not in tools and name not in told.absent]
        every = {**tools, **{
            name: cast("Tool[..., Any]", RecordedTool(
                name, versions.get(name, ""), told, "child" if contract.tools[name].agent is not None else "write"
            ))
            for name in stands_in
        }}  # fmt: skip
        gives = cast("Any", _Checks(told.output, contract.gives))
        super().__init__(contract, every, shape_of(contract.takes), gives, predicates)

    def asks(self, check: str, names: Mapping[str, Json]) -> bool:
        """What a predicate says. Raises Undecidable where it is not here, or is another one than then."""
        predicate = self.predicates.get(check)
        if predicate is None:
            raise Undecidable(f"the predicate {check} is Python code, which is not here")
        if source_digest(predicate) != self.contract.predicates.get(check):
            raise Undecidable(f"the predicate {check} is another one than then")
        return super().asks(check, names)
