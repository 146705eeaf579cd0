"""An agent: a contract and the code it speaks of, bound together.

`Agent` is what a user makes. `Bound` is what the core works with: one contract, as it stands in a run's journal, together
with today's functions and types.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import cached_property, lru_cache
from typing import Any, Generic, TypeAlias, TypedDict, TypeVar, Unpack

from holdfast import conditions, lint, tool
from holdfast.conditions import Unanswered
from holdfast.contract import Contract, Grant
from holdfast.errors import ContractError, UsageError
from holdfast.events import Json
from holdfast.programs import ProgramTool
from holdfast.shape import SchemaShape, Shape, shape_of
from holdfast.tool import Options, Tool

In = TypeVar("In")
Out = TypeVar("Out")

Predicate: TypeAlias = Callable[[Mapping[str, Json]], bool]
"""Gets the names a condition sees; true lets the call pass."""

Offered: TypeAlias = "Tool[..., Any] | Agent[Any, Any]"
"""What an agent may call: a tool, or another agent, which then answers in a run of its own."""

Tools: TypeAlias = "Sequence[Offered] | Mapping[Any, Grant | Mapping[str, Any]]"
"""The closed list; as a mapping (the keys are `Offered`), each with its terms."""


class Terms(TypedDict, total=False):
    """The optional keys of a contract."""

    instructions: str
    context: list[str]
    done: Mapping[str, Any]
    limits: Mapping[str, Any]
    surprises: Mapping[str, str]
    conversation: bool
    one_at_a_time: str
    worth: Mapping[str, str]
    team: Mapping[str, Any]


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
        self._children: dict[str, Contract] = {}
        self.systems: dict[str, tuple[str, int]] = {}
        """Run → its system text and the bytes of it: made once, since it never changes. See `core.prompt.system`."""

    def child(self, tool: str) -> Contract:
        """The contract of the agent that answers the calls of a tool: as it stands in ours."""
        known = self._children.get(tool)
        if known is None:
            where = f"tools.{tool} of {self.contract.name}"
            known = self._children[tool] = Contract.parse(self.contract.tools[tool].agent, where)
        return known

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
    def shared(self) -> frozenset[str]:
        """Tools whose calls take a part of what many runs share."""
        grants = self.contract.tools.items()
        return frozenset(name for name, one in grants if one.across or one.rate or one.at_once or one.breaker)

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
        given = tools.items() if isinstance(tools, Mapping) else ((one, Grant()) for one in tools)
        grants = {_offered(one): terms for one, terms in given}
        made = list(grants)
        twice = sorted({one.name for one in made if sum(one.name == other.name for other in made) > 1})
        if twice:
            raise ContractError(f"two tools are called {twice[0]}", hint="give one of them another name=")
        self.takes: Shape = shape_of(takes)
        self.gives: Shape = shape_of(type(None) if gives is None else gives)
        self.tools: dict[str, Tool[..., Any]] = {one.name: one for one in made}
        self.predicates: dict[str, Predicate] = {check.__name__: check for check in predicates}
        data: dict[str, Any] = {
            "name": name, "task": task, "takes": self.takes.schema, "gives": self.gives.schema, "models": list(models),
            "tools": {one.name: _terms(one, terms) for one, terms in grants.items()},
            "predicates": {title: source_digest(check) for title, check in self.predicates.items()},
            **terms,
        }  # fmt: skip
        self.contract = Contract.parse(data, f"agent {name}")
        self.answered = False
        """Whether its models were named for the moment: they answer whatever contract its runs begin under."""
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

    def as_tool(self, name: str = "") -> Delegate:
        """This agent as a tool of another one, under a name of its own there if given."""
        return Delegate(self, name)

    @cached_property
    def family(self) -> tuple[Agent[Any, Any], ...]:
        """This agent, those it may call, and those they may."""
        below = [one.agent.family for one in self.tools.values() if isinstance(one, Delegate)]
        return (self, *(agent for agents in below for agent in agents))

    def answered_by(self, models: Sequence[str] | Callable[[Agent[Any, Any]], Sequence[str]]) -> Agent[In, Out]:
        """The same agent, and those it may call, with other models in their contracts: a journal says what really answered.

        models: for all of them, or a function that names those of each. The order of rounds stays what answers for a team.
        """
        other = copy(self)
        other.answered = True
        for known in ("bound", "family"):
            other.__dict__.pop(known, None)
        other.tools = {
            name: Delegate(one.agent.answered_by(models), name) if isinstance(one, Delegate) else one
            for name, one in self.tools.items()
        }
        named = models(self) if callable(models) else models
        data = {**self.contract.data, "models": list(self.contract.models if self.contract.team is not None else named)}
        data["tools"] = {name: _terms(other.tools[name], terms) for name, terms in data["tools"].items()}
        other.contract = Contract.parse(data, f"agent {self.name}")
        return other

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


class Delegate(Tool[..., Any]):
    """Another agent as a tool: whoever calls it opens a child run. Made of an agent among `tools`, or by `Agent.as_tool`."""

    def __init__(self, agent: Agent[Any, Any], name: str = "") -> None:
        options = Options(name=name or agent.name, description=agent.contract.task, trust="trusted")
        super().__init__(_never_called, effect="child", timeout=1, options=options)
        self.agent = agent
        self.whole = agent.takes.schema.get("type") == "object"
        """Whether the arguments are the child's input, and not an object that holds it as `input`."""

    @cached_property
    def takes(self) -> Shape:
        """The child's input; one that is no object, as the argument `input`."""
        schema = self.agent.takes.schema
        if self.whole:
            return self.agent.takes
        inner = {key: part for key, part in schema.items() if key != "$defs"}
        wrapped = {
            "type": "object",
            "properties": {"input": inner},
            "required": ["input"],
            "additionalProperties": False,
        }
        return SchemaShape({**wrapped, "$defs": schema["$defs"]} if "$defs" in schema else wrapped)

    @cached_property
    def gives(self) -> Shape:
        """The child's output."""
        return self.agent.gives

    def input_of(self, args: Json) -> Json:
        """The child's input in the arguments of a call."""
        return args if self.whole else args["input"]


def _never_called(**args: Any) -> None:
    raise UsageError("an agent is no function", hint="start a run of it: runner.start(agent, input)")


def _offered(thing: Any) -> Tool[..., Any]:
    return thing.as_tool() if isinstance(thing, Agent) else tool.as_tool(thing)


def _terms(made: Tool[..., Any], terms: Any) -> Any:
    """The terms of a tool as they stand in the contract; those of another agent hold that agent's whole contract."""
    if isinstance(made, ProgramTool):
        own: dict[str, Json] = {"program": {"calls": list(made.calls)}}
    elif isinstance(made, Delegate):
        own = {"agent": made.agent.contract.data}
    else:
        return terms
    given = terms.model_dump(by_alias=True, exclude_unset=True) if isinstance(terms, Grant) else dict(terms or {})
    return {**given, **own}


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
