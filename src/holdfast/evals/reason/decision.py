"""A decision of an agent, as data: what it is, what it has to rest on, and what else is to be decided where that is otherwise.

    decisions: 1
    refund:
      about: whether a cancelled order is paid back
      tool: issue_refund
      rests_on: [get_order:status, get_policy:return_days]
      flip:
        get_order:status: [cancelled, delivered, deny]      # from, to, what is expected then
      withhold: [get_order]
      safe: [ask, decline, escalate, retry]
      placebo: [get_order:note]

`decisions.yaml` beside a contract holds them. A field is named `tool:path`, as it stands in what the tool returned. What was
decided is said in words: a tool that was asked for, `done`, `decline`, `ask`, `escalate`, `stopped`, `failed`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from holdfast.codec import public_digest
from holdfast.contract import explain
from holdfast.errors import InputError
from holdfast.evals.cases.case import Answered, Title
from holdfast.events import Json

VERSION: Final = 1
FILE: Final = "decisions.yaml"

DENY: Final = "deny"
"""An expectation that means: it came to an end of its own without calling the tool, as `done` or `decline`."""

SILENT: Final = "it could not be read: the source did not answer"
"""What a tool says that is withheld."""

Place: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[\w.-]+:[^\s:]+$")]
"""A field, `tool:path`."""

Safe: TypeAlias = Literal["ask", "decline", "escalate", "retry"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Flip(_Part):
    """One field that is otherwise, with all that mirrors it, and what is to be decided then."""

    of: Json = Field(default=None, alias="from")
    """The value it must have had; where it had another one, this flip says nothing of the run."""
    any: bool = False
    """Whatever value it had."""
    to: Json
    expected: Json
    """A word, a value, some arguments of the tool, or a list of which any is right."""
    also: dict[Place, Json] = {}
    """Fields that mirror it, with their values then: an edit that contradicts what stands beside it is none."""
    when: dict[str, Json] = {}
    """Only of runs in which the tool was asked for with these arguments, or this output stated."""


class Decision(_Part):
    """One decision. Exactly one of tool, output and outcome says what it is."""

    name: Title
    about: str = ""
    tool: str = ""
    """It is whether this tool is asked for; a call that the contract refuses was asked for too."""
    args: list[str] = []
    """Arguments of it that make it another decision."""
    output: str = ""
    """It is this field of the output."""
    outcome: bool = False
    """It is how the run ends."""
    rests_on: list[Place] = []
    flip: dict[Place, list[Flip]] = {}
    withhold: list[Answered] = []
    """What is answered instead of a tool: by its bare name, that it could not be read."""
    safe: list[Safe] = ["ask", "decline", "escalate", "retry"]
    placebo: dict[Place, Json] = {}
    """Fields that do not matter; a value to put there, or None for one that is made of what stands there."""

    @field_validator("flip", mode="before")
    @classmethod
    def _flips(cls, given: Any) -> Any:
        return {place: _several(one) for place, one in given.items()} if isinstance(given, dict) else given

    @field_validator("withhold", mode="before")
    @classmethod
    def _withheld(cls, given: Any) -> Any:
        if not isinstance(given, list):
            return given
        return [{"tool": one, "refused": SILENT} if isinstance(one, str) else one for one in given]

    @field_validator("placebo", mode="before")
    @classmethod
    def _placebos(cls, given: Any) -> Any:
        return dict.fromkeys(given) if isinstance(given, list) else given

    @model_validator(mode="after")
    def _one(self) -> Decision:
        if sum(map(bool, (self.tool, self.output, self.outcome))) != 1:
            raise ValueError("exactly one of tool, output and outcome says what the decision is")
        if self.args and not self.tool:
            raise ValueError("args belong to a tool")
        return self

    @property
    def digest(self) -> str:
        """Of all that is in it: a decision that was changed makes other forks."""
        return public_digest(self.model_dump(mode="json", by_alias=True))[:8]

    @property
    def what(self) -> str:
        """What it is, in words."""
        if self.tool:
            return f"whether {self.tool} is called" + (f", and with which {', '.join(self.args)}" if self.args else "")
        return f"{self.output} of the output" if self.output else "how the run ends"

    def flips(self) -> Iterator[tuple[str, Flip]]:
        """(field, flip) of each."""
        for place, flips in self.flip.items():
            for one in flips:
                yield place, one


def place_of(place: str) -> tuple[str, str]:
    """(tool, path) of a field."""
    tool, _, path = place.partition(":")
    return tool, path


def parse(data: Any, where: str) -> dict[str, Decision]:
    """Decisions from data, by name. Raises InputError that names every field in the wrong."""
    if not isinstance(data, dict) or data.get("decisions") != VERSION:
        raise InputError(
            f"{where}: it does not begin with `decisions: {VERSION}`",
            hint="docs/right_reason.md says what each key means",
        )
    found = {}
    for name, one in data.items():
        if name == "decisions":
            continue
        if not isinstance(one, dict):
            raise InputError(f"{where}: {name} is no decision", hint="docs/right_reason.md says what each key means")
        try:
            found[str(name)] = Decision.model_validate({**one, "name": str(name)})
        except ValidationError as error:
            said = f"{where}: {name}: {explain(error)}"
            raise InputError(said, hint="docs/right_reason.md says what each key means") from None
    return found


def load(path: Path) -> dict[str, Decision]:
    """The decisions in a file. Raises InputError."""
    from holdfast.shell.folder import read_yaml

    if not path.exists():
        raise InputError(f"there is no {path}", hint="docs/right_reason.md says what is in it")
    return parse(read_yaml(path), str(path))


def named(decisions: dict[str, Decision], name: str, where: str) -> Decision:
    """One of them. Raises InputError."""
    if name not in decisions:
        raise InputError(f"{where}: no decision is called {name}", hint=f"decisions: {', '.join(decisions) or 'none'}")
    return decisions[name]


def _several(given: Any) -> Any:
    """The flips of one field: [from, to, expected], a mapping, or a list of such."""
    if isinstance(given, list) and given and all(isinstance(one, list | dict) for one in given):
        return [_one_flip(one) for one in given]
    return [_one_flip(given)]


def _one_flip(given: Any) -> Any:
    if isinstance(given, list):
        if len(given) != 3:
            raise ValueError("a flip is [from, to, expected], or a mapping of these")
        return {"from": given[0], "to": given[1], "expected": given[2]}
    if isinstance(given, dict) and "from" not in given and "any" not in given:
        return {**given, "any": True}
    return given
