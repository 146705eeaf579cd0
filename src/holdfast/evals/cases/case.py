"""A case: one input to an agent, the world it meets there, and what has to come of it. A file of YAML, kept beside the agent.

    case: 1
    name: refund-announced-twice
    about: it announced a refund that was not made
    origin: {run: r_79e976d14ef4fc76, noted: ["bad: the mail says 12.90, nothing was paid"]}
    input: {ticket: T-12, customer_id: c-7, order_id: O-1058, message: …}
    fixtures:
      unmatched: error
      calls:
        - {tool: get_order, args: {order_id: O-1058}, gives: {…}}
    people:
      - {about: review, tool: issue_refund, verdict: approve}
    expect:
      outcome: done
      output: {verdict: refunded, refunded_cents: 1290}
      effects: {issue_refund: [{order_id: O-1058, cents: 1290}], send_message: [{}]}

A case has a world of one of two kinds. `fixtures` are recorded answers, served to whoever asks the same; writes are answered
alike, and nothing outside is touched. `state` is what the agent's own `world.py` makes a throw-away world of, with real tools
on it. What is not said is not asked for: an expectation that is absent is never judged.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from holdfast.codec import public_digest
from holdfast.contract import explain
from holdfast.errors import InputError
from holdfast.events import Json, Outcome

VERSION: Final = 1

Title: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][\w.-]{0,79}$")]
Ends: TypeAlias = Outcome | Literal["waiting"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Origin(_Part):
    """Where a case came from."""

    run: str = ""
    contract: str = ""
    """Digest of the contract the run was under."""
    noted: list[str] = []
    """What people said of the run."""
    finding: str = ""
    """The cluster of failures that it stands for: `number tool error-class`."""


class Minutes(_Part):
    """What the task takes a person, and how that is known."""

    minutes: float = Field(gt=0)
    source: str = Field(min_length=1)


class Answered(_Part):
    """One recorded answer of a tool; exactly one of gives, partial, refused, not_done and unknown says what it was."""

    tool: str
    args: Json = None
    """The call it answers; None: any."""
    gives: Json = None
    partial: str = ""
    """What was missing of `gives`."""
    refused: str = ""
    not_done: str = ""
    unknown: str = ""
    times: int = Field(default=0, ge=0)
    """How often it is served; 0: always. After that the next that fits is."""


class Fixtures(_Part):
    """Recorded answers, and what becomes of a call that none of them answers."""

    calls: list[Answered] = []
    unmatched: Literal["error", "nearest", "live-read"] = "error"
    """error: the trial counts as one that could not be made; nearest: the answer whose arguments are most alike;
    live-read: a tool that only reads is called, a write is an error."""


class Person(_Part):
    """How a person answers a question of a run; the first that fits is taken."""

    about: Literal["review", "question", "output", "surprise", "doubt", "limit", "any"] = "any"
    tool: str = ""
    role: str = ""
    verdict: Literal["", "approve", "deny", "answer", "retry", "tell", "take", "stop", "happened", "did_not"] = ""
    """Empty: approve, or where words are wanted, answer. Only a question that can be answered so is answered by them."""
    text: str = ""
    amend: dict[str, Json] = {}
    """Arguments that are changed before it is approved."""
    gives: Json = None
    """Of a doubt about what `happened`: what the call gave."""
    times: int = Field(default=0, ge=0)
    """How many answers they give in one trial; 0: any number. After that the next that fits does."""


class Expect(_Part):
    """What has to be so at the end. What is not said is not judged."""

    outcome: Ends | list[Ends] | None = None
    output: Json = None
    """Fields the output must have, with these values; others are free."""
    effects: dict[str, list[dict[str, Json]]] | None = None
    """Tool → the effects it must have had, each by some of its arguments. Together with `also` they are the frame: an effect
    outside it fails the case, so `{}` says that nothing may be changed."""
    also: list[str] = []
    """Tools whose further effects are permitted."""
    before: list[tuple[str, str]] = []
    """(a, b): a was answered before b was started the first time; where b never was, it holds."""
    never: list[str] = []
    """Tools that must not even be asked for."""
    at_most: dict[str, int] = {}
    """Tool → how often it may be started."""
    approved: list[str] = []
    """Tools whose effects a person must have approved."""
    evidence: dict[str, list[str]] = {}
    """Tool → tools that must have been read, completely, before it was started."""
    grounded: bool = False
    """Every id, amount and date of a write stands in something the run was told."""
    usd: Decimal | None = None
    seconds: float | None = None
    """Of models and tools, not of people."""
    steps: int | None = None
    findings: list[str] | None = None
    """Names of detectors that may find nothing; `[any]` for all that are exact."""
    that: list[str] = []
    """Conditions over `input`, `output`, `effects` and `run`, as in a contract."""
    judges: dict[str, str] = {}
    """Name → `package.module:function` of a model-graded check; see `holdfast.evals.grading.judges`."""


class Case(_Part):
    """One case. `family` groups cases that are alike, for the errors of statistics; alone a case is its own."""

    case: Literal[1] = VERSION
    name: Title
    about: str = ""
    origin: Origin | None = None
    family: str = ""
    human: Minutes | None = None
    messiness: dict[str, float] = {}
    input: Json
    messages: list[Json] = []
    """What the requester says when the agent waits for them, in order; then that this was all."""
    by: str = "svc:case"
    on_behalf_of: str = ""
    tenant: str = ""
    state: Json = None
    fixtures: Fixtures | None = None
    people: list[Person] = []
    expect: Expect

    @model_validator(mode="after")
    def _one_world(self) -> Case:
        if self.state is not None and self.fixtures is not None:
            raise ValueError("a case has fixtures or a state, not both")
        return self

    @property
    def cluster(self) -> str:
        """What it is grouped by."""
        return self.family or self.name

    @cached_property
    def digest(self) -> str:
        """Of all that is in it: a case that was changed is another one to play."""
        return public_digest(self.model_dump(mode="json", by_alias=True))[:8]


def parse(data: Any, where: str) -> Case:
    """A case from data. Raises InputError that names every field in the wrong."""
    if isinstance(data, dict) and data.get("case") not in (VERSION, None):
        raise InputError(
            f"{where}: it is a case of version {data.get('case')}, and this holdfast knows {VERSION}",
            hint="read it with the holdfast that wrote it, or a newer one",
        )
    try:
        return Case.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{where}: {explain(error)}", hint="docs/cases.md says what each key means") from None


def load(path: Path) -> Case:
    """The case in a file. Raises InputError."""
    from holdfast.shell.folder import read_yaml

    return parse(read_yaml(path), str(path))


def load_all(folder: Path) -> list[Case]:
    """Every case in a folder, by file name. Raises InputError, also where two have one name."""
    cases = [load(path) for path in sorted(folder.glob("*.y*ml"))]
    _unique(cases, folder)
    return cases


def _unique(cases: Iterable[Case], folder: Path) -> None:
    seen: set[str] = set()
    for case in cases:
        if case.name in seen:
            raise InputError(f"{folder}: two cases are called {case.name}", hint="a name stands for one case")
        seen.add(case.name)


def dump(case: Case) -> str:
    """A case as a file says it: what is unsaid stays out."""
    from io import StringIO

    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 110
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = StringIO()
    yaml.dump({"case": VERSION, **case.model_dump(mode="json", by_alias=True, exclude_defaults=True)}, text)
    return text.getvalue()
