"""Scripted models: stand-ins that answer what they were told to, for tests, examples and drills.

    script(call("get_order", order_id="1017"), done(status="shipped", sentence="It is on its way."))

A script remembers nothing. Step n of a run is answered by turn n, so one script serves any number of runs,
and goes on after a restart where the run stopped. A `fail` is no turn of its own: it takes one attempt at the
turn after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from holdfast import codec
from holdfast.dialogue import Answer, Answered, Attached, Request, Result, Segment, Told
from holdfast.errors import UsageError
from holdfast.events import Fate, Finish, Json, Price, Usage, Wanted
from holdfast.models.kept import Kept
from holdfast.models.port import ModelError

FREE: Final = Price(0, 0)

FATES: Final[Mapping[str, Fate]] = {
    "rate_limited": "not_done",
    "overloaded": "not_done",
    "timeout": "unknown",
    "connection": "not_done",
    "context": "not_done",
    "filter": "not_done",
    "quota": "not_done",
    "auth": "not_done",
    "not_found": "not_done",
    "rejected": "not_done",
    "server": "unknown",
    "garbage": "unknown",
}
"""What a provider's failure usually leaves behind, by its error."""


class Call(Struct, frozen=True):
    """The model calls a tool."""

    tool: str
    args: dict[str, Json]


class Say(Struct, frozen=True):
    """The model says something."""

    text: str


class Fail(Struct, frozen=True):
    """The model gives no answer, at one attempt."""

    error: str
    message: str
    fate: Fate
    retry_after: float | None = None
    """Seconds."""


class Raw(Struct, frozen=True):
    """An answer given word for word, however odd. Usage is computed where none is given."""

    text: str
    calls: tuple[Wanted, ...]
    finish: Finish
    usage: Usage | None = None
    cost: int | None = None
    """nusd."""


Part: TypeAlias = Call | Say
Plain: TypeAlias = Part | Fail | Raw | Answer | Sequence[Part]
Reaction: TypeAlias = Callable[[Request], Plain]
"""What a stand-in answers to a request it can look at. It must answer the same to the same request."""
Turn: TypeAlias = Plain | Reaction


class _Step(Struct, frozen=True):
    """One answer of a script: the attempts at it that fail, and what answers at last."""

    fails: tuple[Fail, ...]
    turn: Turn | None
    """None: the script ends with these failures."""


def call(tool: str, /, **args: object) -> Call:
    """The model calls `tool`. Several calls of one turn are written as a list."""
    return Call(tool, _json(args))


def done(*value: object, **fields: object) -> Call:
    """The model gives the run's output: the fields of an object, an object itself, or any other value.

    `done(status="shipped")`, `done(Decision(...))` and `done({"status": "shipped"})` give an object;
    `done(42)` gives a value that is none. Raises UsageError for more than one value, or a value and fields.
    """
    if len(value) > 1 or (value and fields):
        raise UsageError("done() takes one value, or the fields of an object by name, not both")
    if not value:
        return Call("done", _json(fields))
    plain = _json(value[0])
    return Call("done", plain if isinstance(plain, dict) else {"value": plain})


def say(text: str) -> Say:
    """The model says `text` and calls nothing. In a list it stands beside calls."""
    return Say(text)


def ask(question: str, of: str = "requester") -> Call:
    """The model asks the requester, or people of a role."""
    return Call("ask", {"question": question, "of": of})


def decline(reason: str) -> Call:
    """The model declines the task."""
    return Call("decline", {"reason": reason})


def fail(error: str, message: str = "", *, retry_after: float | None = None, fate: Fate | None = None) -> Fail:
    """One attempt at the next turn fails.

    error: a word of `ModelError`. retry_after: seconds the provider asks to wait. fate: what is known of the
    attempt; the error's usual one where it is not given. Raises UsageError for an error nobody knows.
    """
    if error not in FATES:
        raise UsageError(f"no model fails with {error!r}", hint=f"one of {', '.join(FATES)}")
    return Fail(error, message or f"{error}, as the script says", fate or FATES[error], retry_after)


def raw(
    *,
    text: str = "",
    calls: Sequence[Wanted] = (),
    finish: Finish | None = None,
    usage: Usage | None = None,
    cost: int | None = None,
) -> Raw:
    """The model answers exactly this: malformed arguments, a cut text, a cost in nusd."""
    return Raw(text, tuple(calls), finish or ("calls" if calls else "stop"), usage, cost)


class Script:
    """A model that answers by a script. Made by `script` and `script_by`."""

    def __init__(self, choose: Callable[[str], Sequence[Turn]], price: Price | None) -> None:
        # Choosing and checking is done once for each first text, not at every step.
        self._steps = lru_cache(maxsize=1024)(lambda text: _plan(choose(text)))
        self._price = price
        self._chars: Kept[int] = Kept()

    async def answer(self, request: Request) -> Answer:
        """Answer as the script says for this step and attempt.

        Raises ModelError where the script says so, and where it ends.
        """
        steps = self._steps(_first(request.segments))
        step = steps[request.step - 1] if request.step <= len(steps) else _Step((), None)
        if request.attempt <= len(step.fails):
            raise _error(step.fails[request.attempt - 1])
        if step.turn is None:
            raise _ended(sum(one.turn is not None for one in steps), request)
        return self._played(step.turn, request)

    def price(self) -> Price | None:
        """The price that the script was made with."""
        return self._price

    def quote(self, run: str, step: int) -> int | None:
        """None: tokens and price tell what a scripted answer costs."""
        return None

    def _played(self, turn: Turn, request: Request) -> Answer:
        plain = turn(request) if callable(turn) else turn
        if isinstance(plain, Fail):
            raise _error(plain)
        if isinstance(plain, Answer):
            return plain
        if isinstance(plain, Raw):
            usage = plain.usage or self._usage(request, plain.text, plain.calls)
            return Answer(plain.text, plain.calls, plain.finish, usage, plain.cost, request.model)
        parts = _parts(plain, request.step)
        text = "\n\n".join(part.text for part in parts if isinstance(part, Say))
        asked = [part for part in parts if isinstance(part, Call)]
        calls = tuple(
            Wanted(f"s{request.step}c{index}", part.tool, codec.canonical(part.args).decode())
            for index, part in enumerate(asked, 1)
        )
        usage = self._usage(request, text, calls)
        return Answer(text, calls, "calls" if calls else "stop", usage, None, request.model)

    def _usage(self, request: Request, text: str, calls: tuple[Wanted, ...]) -> Usage:
        """Four characters a token, at least one token. Schemas of tools are not counted."""
        count, chars = self._chars.get(request.run, request.segments) or (0, 0)
        chars += sum(_length(segment) for segment in request.segments[count:])
        self._chars.put(request.run, request.segments, chars)
        chars += len(request.system)
        chars += sum(len(offer.name) + len(offer.description) for offer in request.offers)
        written = len(text) + sum(len(one.tool) + len(one.args) for one in calls)
        return Usage(max(1, -(-chars // 4)), max(1, -(-written // 4)))


def script(*turns: Turn, price: Price | None = FREE) -> Script:
    """A model that answers every run with these turns, in order.

    Raises UsageError for what is no turn. A run that wants more answers than there are turns gets a
    ModelError `rejected`, which is not retried: its text, which names the run, the step and what was last
    told, is then why the run failed.
    """
    _plan(turns)
    return Script(lambda _: turns, price)


def script_by(choose: Callable[[str], Sequence[Turn]], price: Price | None = FREE) -> Script:
    """A model whose script depends on the run: `choose` gets the first text that the model is told.

    `choose` must give the same turns for the same text. They are checked when a run first needs them.
    """
    return Script(choose, price)


def _plan(turns: Sequence[Turn]) -> tuple[_Step, ...]:
    steps: list[_Step] = []
    fails: list[Fail] = []
    for number, turn in enumerate(turns, 1):
        if isinstance(turn, Fail):
            fails.append(turn)
            continue
        if not callable(turn) and not isinstance(turn, Raw | Answer):
            _parts(turn, number)
        steps.append(_Step(tuple(fails), turn))
        fails.clear()
    return (*steps, _Step(tuple(fails), None)) if fails else tuple(steps)


def _parts(turn: object, number: int) -> list[Part]:
    parts = [turn] if isinstance(turn, Call | Say) else turn
    if isinstance(parts, list | tuple) and parts and all(isinstance(part, Call | Say) for part in parts):
        return list(parts)
    raise UsageError(
        f"turn {number} of the script is {turn!r}, which no model can answer",
        hint="write call(…), done(…), say(…), ask(…), decline(…), raw(…), a function, or a list of calls",
    )


def _error(turn: Fail) -> ModelError:
    return ModelError(turn.error, turn.message, fate=turn.fate, retry_after=turn.retry_after)


def _ended(turns: int, request: Request) -> ModelError:
    last = request.segments[-1] if request.segments else None
    told = f"; the last thing told was: {last.text[:200]!r}" if last is not None else ""
    return ModelError(
        "rejected",
        f"the script has {turns} turns, and run {request.run} wants answer {request.step} "
        f"(attempt {request.attempt}){told}",
        fate="not_done",
    )


def _first(segments: Sequence[Segment]) -> str:
    return next((segment.text for segment in segments if isinstance(segment, Told)), "")


def _length(segment: Segment) -> int:
    match segment:
        case Told():
            return len(segment.text) + sum(_size(file) for file in segment.attached)
        case Answered():
            return len(segment.text) + sum(len(one.tool) + len(one.args) for one in segment.calls)
        case Result():
            return len(segment.text) + sum(_size(file) for file in segment.attached)


def _size(file: Attached) -> int:
    # A picture costs by its size on the screen: about this many characters' worth, and less than is reserved for it.
    return len(file.shown or file.data) if file.media.startswith("text/") else min(len(file.data), 3_000)


def _json(value: object) -> Any:
    """A value as JSON would give it back; pydantic models may stand anywhere in it."""
    return codec.plain(msgspec.to_builtins(value, enc_hook=_dump))


def _dump(value: Any) -> object:
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise UsageError(f"{value!r} cannot be written as JSON")
    return dump(mode="json")
