"""The terms of a program's execution: what it is, what it called, what came of it, how far it may go.

All of it is data that can be written down. An execution is a function of a `Program` and the answers recorded so far.
"""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from holdfast import codec
from holdfast.errors import ContractError, UsageError
from holdfast.events import Json
from holdfast.units import SECOND

RESERVED: Final = "holdfast_"
"""Names that begin like this are ours inside a program."""


class Offered(Struct, frozen=True, kw_only=True):
    """A tool that a program may call, as a plain function of its name."""

    name: str
    parameters: dict[str, Json]
    """JSON Schema of an object. The order of its `properties` is that of positional arguments; what is required after something
    that is not is given by name."""
    returns: Json = None
    """JSON Schema of what it gives; None: anything. Only `check` looks at it."""
    awaited: bool = False
    """The function is `async`: its calls can be under way together, by `asyncio.gather`."""


class Program(Struct, frozen=True, kw_only=True):
    """A program and all that it can see from its start on."""

    code: str
    tools: tuple[Offered, ...] = ()
    inputs: dict[str, Json] = {}
    """Variables it begins with."""
    seed: int = 0
    """Of its `random`."""
    now: int = 0
    """The instant at which its clock stands, µs since 1970."""
    interpreter: str = ""
    """The version that its record was made with, see `version`; another one is refused. Empty: whichever is there."""

    def digest(self) -> str:
        """sha256 of everything in it."""
        return codec.public_digest(msgspec.to_builtins(self))


class Limits(Struct, frozen=True, kw_only=True):
    """How far a program may go. What is beyond ends it, and it cannot catch that.

    All but the two of time are counted alike in every execution.
    """

    stretch: int = 2 * SECOND
    """µs of execution between two answers. Waiting for an answer takes none."""
    wall: int = 30 * SECOND
    """µs of one `step`, all that is executed again included."""
    memory: int = 64 << 20
    """Bytes of the program's heap."""
    recursion: int = 200
    """Calls within calls."""
    calls: int = 100
    """Of tools."""
    printed: int = 64 << 10
    """Bytes of UTF-8."""
    value: int = 256 << 10
    """Bytes of JSON of the result, and of the arguments of one call."""
    code: int = 64 << 10
    """Bytes of the program itself."""


MOST: Final = Limits(
    stretch=60 * SECOND, wall=600 * SECOND, memory=512 << 20, recursion=1_000, calls=10_000, printed=16 << 20, value=16 << 20,
    code=1 << 20,
)  # fmt: skip
"""What the process of a worker is made for; no limits go beyond."""


class Called(Struct, frozen=True):
    """One call that the program made."""

    ordinal: int
    """From 1, in the order in which the program made them."""
    tool: str
    args: dict[str, Json]


class Answer(Struct, frozen=True):
    """What a call gave: a value, or the text of an error, which the program gets as a RuntimeError."""

    value: Json = None
    error: str = ""


class Recorded(Struct, frozen=True):
    """A call and what it gave."""

    call: Called
    answer: Answer


Stop: TypeAlias = Literal["syntax", "error", "time", "memory", "recursion", "calls", "output", "value", "crash"]
"""Why a program ended without a result.

    syntax     it is no program, or uses what the interpreter does not have
    error      an exception that it did not catch
    time       a stretch between two answers, or the whole step, took too long
    memory     recursion    calls     output     more of it than allowed; `calls` counts look-ups that lead nowhere too
    value      its result is no JSON, or too large
    crash      the worker died
"""


class Paused(Struct, frozen=True, tag=True):
    """It waits for the answer to a call."""

    call: Called
    printed: str
    also: tuple[Called, ...] = ()
    """Further calls that it made at the same time and that have no answer yet."""


class Finished(Struct, frozen=True, tag=True):
    """It came to its end; `value` is that of its last expression, None without one."""

    value: Json
    printed: str


class Broke(Struct, frozen=True, tag=True):
    """It ended without a result."""

    kind: Stop
    message: str
    line: int
    """Of the program, from 1; 0: none in particular."""
    printed: str


class Diverged(Struct, frozen=True, tag=True):
    """It did not make a call that is recorded: it is not the program, or not the interpreter, that made the record."""

    ordinal: int
    expected: Called | None
    got: Called | None
    """What it called instead; None: it ended."""


Outcome: TypeAlias = Paused | Finished | Broke | Diverged


def judge(program: Program, recorded: Sequence[Recorded], limits: Limits) -> None:
    """Refuse what cannot be executed. Raises ContractError for tools and inputs, UsageError for the rest."""
    seen: set[str] = set()
    for name in (*(tool.name for tool in program.tools), *program.inputs):
        usable = name.isidentifier() and name.isascii() and not keyword.iskeyword(name)
        if not usable or name.lower().startswith((RESERVED, "__")):
            raise ContractError(f"{name!r} cannot be a name in a program", hint="use letters, digits and _")
        if name in seen:
            raise ContractError(f"a program has two things called {name}")
        if hasattr(builtins, name):
            raise ContractError(f"{name} is a name of Python itself", hint="offer the tool under another name")
        seen.add(name)
    ordinals = [one.call.ordinal for one in recorded]
    if ordinals != sorted(set(ordinals)) or (ordinals and ordinals[0] < 1):
        raise UsageError("recorded calls come in the order of their ordinals, from 1, each once")
    for field in Limits.__struct_fields__:
        if not 0 < getattr(limits, field) <= getattr(MOST, field):
            raise UsageError(f"a program's limit {field} is more than 0 and at most {getattr(MOST, field)}")
