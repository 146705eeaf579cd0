"""Tools: what an agent may do, each a plain function with a declared effect.

    @tool.read(timeout=5)
    def get_order(order_id: str, *, shop: Shop) -> Order: ...

    @tool.write(timeout=20, lookup=find_refund, effect_id="id", settle=30)
    async def issue_refund(order_id: str, cents: int, *, shop: Shop, key: CallKey) -> Refund: ...

Arguments before the `*` come from the model; those after it come from us, by type: resources, `CallKey`, `Call`. Nothing
injected is journalled. A tool stays a plain callable, so your own tests call it as it is.

What a tool can say of its outcome: a value; `Partial`; `Started`; or it raises `NotDone`, `Unknown`, `Refused`. Anything
else raised by a write leaves its outcome unknown; raised by a read it is a failure.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from holdfast import codec, units
from holdfast.errors import ContractError
from holdfast.events import Effect, Json, Label
from holdfast.shape import SchemaShape, Shape, TypeShape

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

MAX_TIMEOUT = 10 * units.MINUTE
"""Longer work is started and polled (`Started`): a timeout is the lease of an attempt too."""

# ------------------------------------------------------------------------------------------- what a tool can say


@dataclass(frozen=True)
class Partial(Generic[T]):
    """A result that is not all there is; `cursor`, if given, fetches the next part."""

    value: T
    missing: str
    cursor: str = ""


@dataclass(frozen=True)
class Started:
    """Long work began; its `lookup` tells later, with this handle in `Call.handle`, what became of it."""

    handle: str
    poll: float = 5.0
    """Seconds until the first look."""


class NotDone(Exception):
    """The call surely had no effect; it may be tried again after `retry_after` seconds."""

    def __init__(self, reason: str, *, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Unknown(Exception):
    """Nobody can tell whether the call had its effect."""


class Refused(Exception):
    """The other system said no, for a reason that trying again does not change."""


@dataclass(frozen=True)
class Found(Generic[T]):
    """The other system holds the effect of this very call."""

    effect_id: str
    value: T


@dataclass(frozen=True)
class Absent:
    """The other system holds no such effect."""


@dataclass(frozen=True)
class CannotTell:
    """The other system gave no clear answer."""

    reason: str = ""


@dataclass(frozen=True)
class Pending:
    """Started work is still going on."""

    progress: str = ""
    poll: float = 5.0


# --------------------------------------------------------------------------------------------- what a tool is given


class CallKey(str):
    """The idempotency key of a call: equal for all its attempts, different for every other call."""

    __slots__ = ()


@dataclass(frozen=True)
class Call:
    """The attempt at hand."""

    run: str
    seq: int
    attempt: int
    deadline: float
    """Seconds left when the attempt began."""
    cursor: str = ""
    """Where to go on, when the machine asks for the next page."""
    handle: str = ""
    """What `Started` gave, when its outcome is looked up."""


# ------------------------------------------------------------------------------------------------------ declaring


@dataclass(frozen=True)
class Retry:
    """How often the machine itself tries again what surely did not happen, and how long it waits before."""

    times: int = 2
    wait: float = 0.5
    factor: float = 2.0

    def pause(self, failed: int) -> int:
        """µs to wait after the `failed`th attempt that failed. No chance in it: replay must come to the same moment."""
        return round(self.wait * units.SECOND * self.factor ** max(failed - 1, 0))


NEVER = Retry(times=0)
_OUTCOMES = (Partial, Started, Found, Absent, CannotTell, Pending)


class Tool(Generic[P, R]):
    """A function an agent may call, with what has to be known of it. Made by `tool.read`, `tool.write`, `tool.from_schema`."""

    def __init__(self, function: Callable[P, R], *, effect: Effect, timeout: float, options: Options) -> None:
        self.function = function
        self.effect: Effect = effect
        self.options = options
        self.name = options.name or function.__name__
        self.description = options.description or inspect.cleandoc(function.__doc__ or "")
        self.timeout = round(timeout * units.SECOND)
        if not 0 < self.timeout <= MAX_TIMEOUT:
            raise ContractError(
                f"tool {self.name}: a timeout of {timeout} s",
                hint="give one above 0 and up to 600 s; longer work returns Started",
            )
        self.is_async = inspect.iscoroutinefunction(function)
        self.retry = options.retry or (Retry() if effect == "read" else NEVER)
        self.label = Label(options.trust == "trusted", tuple(sorted(options.classes)))
        self.__doc__ = function.__doc__
        self.__name__ = self.name
        self.__wrapped__ = function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function as it is: nothing is judged, recorded or injected."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<{self.effect} tool {self.name}>"

    @cached_property
    def _hints(self) -> dict[str, Any]:
        try:
            return get_type_hints(self.function, include_extras=True)
        except NameError as error:
            raise ContractError(
                f"tool {self.name}: {error}", hint="every type in its signature must be importable"
            ) from None

    @cached_property
    def _parameters(self) -> list[inspect.Parameter]:
        return list(inspect.signature(self.function).parameters.values())

    @cached_property
    def takes(self) -> Shape:
        """The shape of the arguments that the model gives: an object."""
        if self.options.schema is not None:
            return SchemaShape(self.options.schema)
        from pydantic import ConfigDict, create_model

        fields: dict[str, Any] = {}
        for parameter in self._parameters:
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise ContractError(
                    f"tool {self.name}: *{parameter.name} has no type a model could be told", hint="name every argument"
                )
            if parameter.kind is not parameter.KEYWORD_ONLY:
                hint = self._hints.get(parameter.name)
                if hint is None:
                    raise ContractError(f"tool {self.name}: argument {parameter.name} has no type", hint="annotate it")
                fields[parameter.name] = (hint, ... if parameter.default is parameter.empty else parameter.default)
        return TypeShape(create_model(self.name, __config__=ConfigDict(extra="forbid"), **fields))

    @cached_property
    def given(self) -> tuple[str, ...]:
        """Names of the arguments that the model gives."""
        return tuple(p.name for p in self._parameters if p.kind is not p.KEYWORD_ONLY)

    @cached_property
    def injects(self) -> dict[str, Any]:
        """Arguments that come from us: name → type."""
        if self.options.schema is not None and not any(p.kind is p.KEYWORD_ONLY for p in self._parameters):
            return {}
        return {p.name: self._hints.get(p.name, object) for p in self._parameters if p.kind is p.KEYWORD_ONLY}

    @cached_property
    def gives(self) -> Shape:
        """The shape of the result, without the words for outcomes."""
        if self.options.returns is not None:
            return SchemaShape(self.options.returns)
        return TypeShape(_plain_result(self._hints.get("return", Any)))

    @cached_property
    def starts(self) -> bool:
        """Whether it may say that long work began."""
        hint = self._hints.get("return")
        return hint is Started or Started in get_args(hint)

    @cached_property
    def keyed(self) -> bool:
        """Whether it takes an idempotency key, so that repeating an attempt is harmless while keys are honoured."""
        return CallKey in self.injects.values()

    @cached_property
    def key_life(self) -> int:
        """µs for which the other system remembers keys."""
        return units.duration(self.options.key_life)

    @cached_property
    def reversal(self) -> Tool[..., Any] | None:
        """The tool that takes back what this one did; None where nothing does.

        Its first argument is the result to be taken back; others that the model would give are arguments of this tool, by
        name. A function nobody declared has this tool's timeout and life of keys. Raises ContractError for one that wants
        something else.
        """
        undo = self.options.undo
        if undo is None:
            return None
        made = undo if isinstance(undo, Tool) else self._declared(undo)
        unknown = sorted(set(made.given[1:]) - set(self.given))
        if made.effect != "write" or not made.given or unknown:
            what = f"wants {unknown[0]}, which {self.name} does not get" if unknown else "does not take a result back"
            raise ContractError(
                f"tool {self.name}: its undo, {made.name}, {what}",
                hint=f"def {made.name}(result, *, ...): the result of {self.name} first, then arguments of it by name",
            )
        return made

    def _declared(self, undo: Callable[..., Any]) -> Tool[..., Any]:
        """A plain function as the write that takes this one back."""
        description = inspect.cleandoc(undo.__doc__ or f"Take back what {self.name} did.")
        options = Options(description=description, key_life=self.options.key_life)
        return Tool(undo, effect="write", timeout=self.timeout / units.SECOND, options=options)

    @cached_property
    def digest(self) -> str:
        """Of its signature: parameters, result, effect. A parked run asks when it changed."""
        returns = self.options.returns if self.options.schema is not None else self.gives.schema
        return codec.public_digest([self.name, self.effect, self.takes.schema, returns or {}])[:16]


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a declaration says beside the function and its timeout; see `read` and `write`."""

    name: str = ""
    description: str = ""
    retry: Retry | None = None
    trust: Literal["trusted", "untrusted"] = "untrusted"
    classes: tuple[str, ...] = ()
    pages: int = 20
    undo: Callable[..., Any] | None = None
    lookup: Callable[..., Any] | None = None
    settle: float = 0.0
    key_life: str = "24h"
    effect_id: str = ""
    schema: Mapping[str, Json] | None = None
    returns: Mapping[str, Json] | None = None
    by_mapping: bool = False


def _plain_result(hint: Any) -> Any:
    """A return annotation without `Partial[...]`, `Started` and the other outcome words."""
    if get_origin(hint) in (Union, types.UnionType):
        kept = [_plain_result(part) for part in get_args(hint) if part not in _OUTCOMES]
        distinct = list(dict.fromkeys(kept))
        return Union[tuple(distinct)] if distinct else Any  # noqa: UP007 - built at run time
    if get_origin(hint) in (Partial, Found):
        return get_args(hint)[0]
    return Any if hint in _OUTCOMES else hint


def read(
    *,
    timeout: float = 30,
    retry: Retry | None = None,
    trust: Literal["trusted", "untrusted"] = "untrusted",
    pages: int = 20,
    classes: tuple[str, ...] = (),
    name: str = "",
) -> Callable[[Callable[P, R]], Tool[P, R]]:
    """Declare a function that changes nothing.

    timeout: seconds an attempt may take, up to 600. retry: how often the machine tries again by itself.
    trust: `trusted` when nobody outside could have written what it returns. pages: how many parts of a `Partial` with a
    cursor the machine fetches. classes: data classes of its result beyond `plain`.
    """
    options = Options(name=name, retry=retry, trust=trust, pages=pages, classes=classes)
    return lambda function: Tool(function, effect="read", timeout=timeout, options=options)


def write(
    *,
    timeout: float | None = None,
    retry: Retry | None = None,
    undo: Callable[..., Any] | None = None,
    lookup: Callable[..., Any] | None = None,
    settle: float = 0.0,
    key_life: str = "24h",
    effect_id: str = "",
    name: str = "",
) -> Callable[[Callable[P, R]], Tool[P, R]]:
    """Declare a function that changes something.

    timeout: seconds, required: after it the outcome is unknown. retry: for what surely did not happen; none by default.
    undo: the function, or tool, that takes it back; see `Tool.reversal`. lookup: the function that finds out whether it
    happened, giving `Found`, `Absent` or `CannotTell`. settle: seconds before its absence is believed. key_life: how long
    the other system honours a `CallKey`. effect_id: the field of the result that names the effect over there.

    Raises ContractError without a timeout, or with a lookup and no effect_id.
    """

    def declare(function: Callable[P, R]) -> Tool[P, R]:
        title = name or function.__name__
        if timeout is None:
            raise ContractError(
                f"tool {title} writes and has no timeout",
                hint="tool.write(timeout=20): after it the outcome counts as unknown",
            )
        if lookup is not None and not effect_id:
            raise ContractError(
                f"tool {title} has a lookup and no effect_id",
                hint='name the field of its result that identifies the effect, effect_id="id"; else one effect could answer for two calls',
            )
        options = Options(
            name=name, retry=retry, undo=undo, lookup=lookup, settle=settle, key_life=key_life, effect_id=effect_id
        )  # fmt: skip
        return Tool(function, effect="write", timeout=timeout, options=options)

    return declare


def from_schema(
    function: Callable[..., R],
    *,
    name: str,
    description: str,
    schema: Mapping[str, Json],
    effect: Literal["read", "write"],
    timeout: float = 30,
    returns: Mapping[str, Json] | None = None,
    retry: Retry | None = None,
    trust: Literal["trusted", "untrusted"] = "untrusted",
) -> Tool[..., R]:
    """A tool whose arguments are described by JSON Schema. `function` takes them as one mapping, then what is injected."""
    options = Options(
        name=name, description=description, schema=schema, returns=returns or {}, retry=retry, trust=trust, by_mapping=True
    )  # fmt: skip
    return Tool(function, effect=effect, timeout=timeout, options=options)


def as_tool(thing: Tool[..., Any] | Callable[..., Any]) -> Tool[..., Any]:
    """A tool as it is. Raises ContractError for a function nobody declared an effect of."""
    if isinstance(thing, Tool):
        return typing.cast("Tool[..., Any]", thing)
    name = getattr(thing, "__name__", repr(thing))
    raise ContractError(
        f"{name} is a function, not a tool",
        hint="put @tool.read() or @tool.write(timeout=20) above it: its effect must be declared",
    )
