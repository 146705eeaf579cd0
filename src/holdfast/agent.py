"""An agent: a contract and the code it speaks of, bound together.

`Agent` is what a user makes. `Bound` is what the core works with: one contract, as it stands in a run's journal, together
with today's functions and types.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, Generic, TypeAlias, TypedDict, TypeVar, Unpack

from holdfast import conditions, lint, tool
from holdfast.conditions import Unanswered
from holdfast.contract import Contract, Grant
from holdfast.errors import ContractError
from holdfast.events import Json
from holdfast.shape import Shape, shape_of
from holdfast.tool import Tool

In = TypeVar("In")
Out = TypeVar("Out")

Predicate: TypeAlias = Callable[[Mapping[str, Json]], bool]
"""Gets the names a condition sees; true lets the call pass."""

Tools: TypeAlias = "Sequence[Tool[..., Any]] | Mapping[Tool[..., Any], Grant | Mapping[str, Any]]"


class Terms(TypedDict, total=False):
    """The optional keys of a contract."""

    instructions: str
    context: list[str]
    done: Mapping[str, Any]
    limits: Mapping[str, Any]
    surprises: Mapping[str, str]
    conversation: bool
    worth: Mapping[str, str]


class Bound:
    """A contract with the code it needs. What the contract names and the code lacks is said when it is asked for."""

    def __init__(
        self,
        contract: Contract,
        tools: Mapping[str, Tool[..., Any]],
        takes: Shape,
        gives: Shape,
        predicates: Mapping[str, Predicate],
    ) -> None:
        self.contract = contract
        self.tools = {name: tools[name] for name in sorted(contract.tools) if name in tools}  # as a journal keeps them
        self.takes = takes
        self.gives = gives
        self.predicates = predicates
        self.systems: dict[str, tuple[str, int]] = {}
        """Run → its system text and the bytes of it: made once, since it never changes. See `core.prompt.system`."""

    def asks(self, check: str, names: Mapping[str, Json]) -> bool:
        """What a predicate says. Raises Unanswered where it is missing, or breaks: an error is never a yes."""
        predicate = self.predicates.get(check)
        if predicate is None:
            raise Unanswered(f"the predicate {check} is not here")
        if source_digest(predicate) != self.contract.predicates.get(check):
            raise Unanswered(f"the predicate {check} is another one than when this run began")
        try:
            return predicate(names) is True
        except Exception as error:
            raise Unanswered(f"the predicate {check} raised {type(error).__name__}: {error}") from error

    @cached_property
    def routed(self) -> bool:
        """Whether a condition asks for `run.findings`, or a predicate may; where none does, nobody looks for them."""
        asked = (path[:2] for _, text, *_ in lint.expressions(self.contract) for path in conditions.paths(text))
        return bool(self.contract.predicates) or ("run", "findings") in asked

    @cached_property
    def versions(self) -> dict[str, str]:
        """Digest of each tool's signature; what a parked run compares when it is taken up again."""
        return {name: made.digest for name, made in self.tools.items()}


class Agent(Generic[In, Out]):
    """One narrow task, who may do it with what, and within which limits.

    name, task: what it is called and what it is for, in a sentence. takes, gives: the types of its input and output (or
    JSON Schemas); `gives=None` for a conversation that ends when the requester says so. tools: the closed list of what it
    may call, or a mapping tool → terms. models: the model to ask, then fallbacks. predicates: Python functions that rules
    name with `check`. The optional keys of a contract may be given as further arguments.

    Raises ContractError, with everything that is wrong with it.
    """

    def __init__(
        self,
        *,
        name: str,
        task: str,
        takes: type[In] | Mapping[str, Json],
        gives: type[Out] | Mapping[str, Json] | None,
        tools: Tools,
        models: Sequence[str],
        predicates: Sequence[Predicate] = (),
        **terms: Unpack[Terms],
    ) -> None:
        grants = tools if isinstance(tools, Mapping) else {made: Grant() for made in tools}
        made = [tool.as_tool(item) for item in grants]
        twice = sorted({one.name for one in made if sum(one.name == other.name for other in made) > 1})
        if twice:
            raise ContractError(f"two tools are called {twice[0]}", hint="give one of them another name=")
        self.takes: Shape = shape_of(takes)
        self.gives: Shape = shape_of(type(None) if gives is None else gives)
        self.tools: dict[str, Tool[..., Any]] = {one.name: one for one in made}
        self.predicates: dict[str, Predicate] = {check.__name__: check for check in predicates}
        data: dict[str, Any] = {
            "name": name, "task": task, "takes": self.takes.schema, "gives": self.gives.schema, "models": list(models),
            "tools": {tool.as_tool(item).name: grant for item, grant in grants.items()},
            "predicates": {title: source_digest(check) for title, check in self.predicates.items()},
            **terms,
        }  # fmt: skip
        self.contract = Contract.parse(data, f"agent {name}")
        wrong = [finding for finding in lint.findings(self.contract, self.tools) if finding.level == "error"]
        if wrong:
            raise ContractError(
                "\n  ".join([f"agent {name}:", *(str(finding) for finding in wrong)]), hint=wrong[0].hint
            )

    def __repr__(self) -> str:
        return f"<Agent {self.name} {self.contract.digest[:12]}>"

    @property
    def name(self) -> str:
        """What it is called."""
        return self.contract.name

    @cached_property
    def bound(self) -> Bound:
        """The agent's own contract with its code."""
        return self.bind(self.contract)

    def bind(self, contract: Contract) -> Bound:
        """Today's code under a contract of some time, as a parked run needs it."""
        if contract.digest == self.contract.digest:
            return Bound(contract, self.tools, self.takes, self.gives, self.predicates)
        return Bound(contract, self.tools, shape_of(contract.takes), shape_of(contract.gives), self.predicates)

    def under(self, digest: str, contract: Json, run: str) -> Bound:
        """Today's code under the contract that a run carries, of which the digest is known."""
        if digest == self.contract.digest:
            return self.bound
        return self.bind(Contract.parse(contract, f"the contract of run {run}"))


@lru_cache(maxsize=256)
def source_digest(check: Predicate) -> str:
    """Of a predicate's source: part of the contract. Raises ContractError where there is none to read."""
    try:
        text = inspect.getsource(check)
    except (OSError, TypeError):
        raise ContractError(
            f"the source of predicate {check.__name__} cannot be read",
            hint="define it in a file: its digest is part of the contract",
        ) from None
    return hashlib.sha256(text.encode()).hexdigest()[:16]
