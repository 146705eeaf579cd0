"""The contract: what an agent may do, as data. Python arguments and YAML are one model.

Six keys are required: `name`, `task`, `takes`, `gives`, `models`, `tools`. Everything else has a safe default, which
`holdfast check` prints. The digest of the canonical form is the contract's version; the form itself is kept in the
journal, so a run goes on under the contract it was opened with.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from holdfast import codec, units
from holdfast.errors import ContractError
from holdfast.events import Json

DurationUs: TypeAlias = Annotated[
    int,
    BeforeValidator(units.duration),
    PlainSerializer(lambda us: f"{Decimal(us) / 1000:f}ms", return_type=str),
]
"""Written `10m`, kept as µs."""

Nusd: TypeAlias = Annotated[
    int,
    BeforeValidator(units.nusd),
    PlainSerializer(lambda amount: format(Decimal(amount) / 1_000_000_000, "f"), return_type=str),
]
"""Written `"0.20"`, kept as nano-dollars."""

Name: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]


THEN: Final = r"^(deny|ask: ?[A-Za-z][\w-]*)$"
"""What an expiry may lead to."""


class _Clause(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, defer_build=True)

    LATER: ClassVar[frozenset[str]] = frozenset()
    """Keys that contracts did not always have: left out of the canonical form while unused, so that no version changes."""

    @model_serializer(mode="wrap")
    def _unused(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = handler(self)
        fields = type(self).model_fields
        unused = [name for name in self.LATER if getattr(self, name) == fields[name].default]
        return {key: value for key, value in data.items() if key not in unused}


class Rule(_Clause):
    """Something that has to hold. Written as CEL in `that`, or as the name of a Python predicate in `check`."""

    because: str = Field(min_length=1)
    that: str = ""
    check: str = ""
    secret: bool = False

    @model_validator(mode="after")
    def _one_of(self) -> Rule:
        if bool(self.that) == bool(self.check):
            raise ValueError("give either `that` (a condition) or `check` (the name of a predicate)")
        return self


class Review(_Clause):
    """When a person has to decide, who, and what happens if nobody does."""

    because: str = Field(min_length=1)
    when: str = "true"
    by: str = ""
    """Role; empty: anyone not excluded."""
    people: int = Field(default=1, ge=1, le=9)
    within: DurationUs | None = None
    then: str = Field(default="deny", pattern=THEN)
    secret: bool = False


class Carve(_Clause):
    """What a child run may use of its parent's ceilings; what is left out is what the child's own contract says."""

    usd: Nusd | None = None
    retries: int | None = Field(default=None, ge=0, le=10_000)
    steps: int | None = Field(default=None, ge=1, le=100_000)
    work: DurationUs | None = None
    wall: DurationUs | None = None


class Programs(_Clause):
    """Of a call that runs a program."""

    calls: list[Name] = []
    """The tools it may call; empty: every other one of the contract."""


class Agree(_Clause):
    """Where two child runs cannot both be right: about the same thing, something else."""

    about: str
    """Expression over `args` and `output`: what an answer is about."""
    on: str
    """Expression over `args` and `output`: what two answers about the same thing must have in common."""


class Across(_Clause):
    """What all runs together may do with a tool in a window of time: at most so many calls, or so much of something."""

    per: str = '"all"'
    """Expression over `args` and `input`: what is counted apart; where it is left out, all calls together."""
    window: DurationUs
    sum: str = "1"
    """Expression over `args`: the amount of one call, a whole number; where it is left out, calls are counted."""
    at_most: int = Field(ge=1)
    otherwise: Literal["refuse", "review"] = Field(default="refuse", alias="else")
    """What follows for a call that would pass it: it is refused, or goes before a person who may let it pass."""
    because: str = ""
    by: str = ""
    """Of a review: the role; empty: anyone not excluded."""
    people: int = Field(default=1, ge=1, le=9)
    within: DurationUs | None = None
    then: str = Field(default="deny", pattern=THEN)
    secret: bool = False


class Rate(_Clause):
    """How often a tool may be called in any window of that length, by all runs together; a call over it waits."""

    calls: int = Field(ge=1)
    per: DurationUs


class Breaker(_Clause):
    """After so many failures of a tool within that time, over all runs, further calls wait until some of them are older."""

    failures: int = Field(ge=1)
    within: DurationUs


class Grant(_Clause):
    """On what terms one tool may be called."""

    LATER = frozenset({"agent", "limits", "agree", "program", "across", "rate", "at_once", "breaker"})

    needs: dict[str, dict[str, str]] = {}
    """Evidence: tool → (argument → expression its value must equal)."""
    fresh: DurationUs | None = None
    from_: dict[str, list[str]] = Field(default={}, alias="from")
    """Argument → expressions; the value must be one of theirs."""
    must: list[Rule] = []
    review: list[Review] = []
    amendable: list[str] = []
    at_most: int | None = Field(default=None, ge=1)
    across: Across | None = None
    rate: Rate | None = None
    at_once: int | None = Field(default=None, ge=1)
    """Calls of it under way at the same time, in all runs together; a further one waits."""
    breaker: Breaker | None = None
    accepts: list[str] | None = None
    """Data classes, and `untrusted`, that may have reached the model when this is called; None: whatever did."""
    agent: dict[str, Json] | None = None
    """The contract of the agent that answers: a call opens a child run under it."""
    limits: Carve | None = None
    """Of a child run."""
    agree: Agree | None = None
    program: Programs | None = None
    """The call runs a program that the model wrote."""


class Limits(_Clause):
    """Ceilings of one run; those on money and retries hold for it and all its children together."""

    LATER = frozenset({"children"})

    steps: int = Field(default=20, ge=1, le=100_000)
    usd: Nusd | None = units.nusd("1.00")
    """None: no ceiling on money, for models whose price nobody knows."""
    work: DurationUs = 5 * units.MINUTE
    """Time spent on models and tools."""
    wall: DurationUs = 30 * units.DAY
    """Time since the run was opened."""
    retries: int = Field(default=4, ge=0, le=10_000)
    repeats: int = Field(default=3, ge=1, le=1000)
    """The same call with the same result, this often."""
    output: int = Field(default=4096, ge=64, le=200_000)
    """Tokens of one model answer."""
    context: int = Field(default=400_000, ge=1_000)
    """Bytes of prompt text."""
    children: int = Field(default=100, ge=0, le=1_000)
    """Child runs it may open."""


class Surprises(_Clause):
    """What follows where the contract says nothing else."""

    LATER = frozenset({"contradiction"})

    partial: Literal["tell", "review", "stop"] = "tell"
    exhausted: Literal["tell", "review", "stop"] = "review"
    unknown: Literal["review", "stop"] = "review"
    limit: Literal["review", "stop"] = "review"
    contradiction: Literal["tell", "review", "stop"] = "review"
    """Between what child runs answered."""


class Done(_Clause):
    """What "done" must prove."""

    must: list[Rule] = []
    review: Review | None = None


class Team(_Clause):
    """Of an agent that is a team: which of its tools are the peers and the writer."""

    peers: list[Name] = Field(min_length=2, max_length=20)
    writer: Name
    rounds: int = Field(default=3, ge=1, le=10)

    @property
    def model(self) -> str:
        """The name of the order of rounds, which is a team's model: `holdfast:team:3:author:network+database`."""
        return f"holdfast:team:{self.rounds}:{self.writer}:{'+'.join(self.peers)}"


class Worth(_Clause):
    """What an outcome is worth, for the verdict on whether an agent pays."""

    success: str = "0"
    failure: str = "0"
    reviewer_minute: str = "0"


class Contract(_Clause):
    """Everything an agent is held to. `takes` and `gives` are JSON Schemas here; the types behind them are the agent's."""

    LATER = frozenset({"team", "one_at_a_time"})

    name: Name
    task: str = Field(min_length=1)
    takes: dict[str, Json]
    gives: dict[str, Json]
    models: list[str] = Field(min_length=1)
    tools: dict[Name, Grant]

    instructions: str = ""
    context: list[Literal["now", "tenant", "requester", "tags"]] = []
    done: Done = Done()
    limits: Limits = Limits()
    surprises: Surprises = Surprises()
    conversation: bool = False
    one_at_a_time: str = ""
    """Expression over `input`: of the runs about the same thing, one goes on and the others wait for it."""
    worth: Worth = Worth()
    team: Team | None = None
    predicates: dict[str, str] = {}
    """Named Python predicates → digest of their source."""

    @cached_property
    def data(self) -> Json:
        """The canonical form, as kept in the journal."""
        return self.model_dump(mode="json", by_alias=True)

    @cached_property
    def digest(self) -> str:
        """The contract's version."""
        return codec.public_digest(self.data)

    @staticmethod
    def parse(data: Any, where: str = "the contract") -> Contract:
        """A contract from data. Raises ContractError that names every field in the wrong."""
        try:
            return Contract.model_validate(data)
        except ValidationError as error:
            raise ContractError(
                f"{where}: {explain(error)}", hint="docs/contract.md says what each key means"
            ) from None


def explain(error: ValidationError) -> str:
    """What pydantic found, one problem a line, in the words of a contract."""
    lines = []
    for item in error.errors(include_url=False, include_context=False):
        path = ".".join(str(part) for part in item["loc"])
        match item["type"]:
            case "missing":
                lines.append(f"`{path}` is missing")
            case "extra_forbidden":
                lines.append(f"`{path}` is no key of a contract")
            case _:
                lines.append(f"`{path}`: {item['msg'].removeprefix('Value error, ')}")
    return "\n  ".join(["", *lines]) if len(lines) > 1 else lines[0]
