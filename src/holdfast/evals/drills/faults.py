"""Fault plans: what is to go wrong, at which calls, and how often. Data, in a file beside the agent or on the command line.

    drill: 1
    seed: 7
    faults:
      - {kind: timeout-after-commit, on: {tool: issue_refund}, probability: 0.5}
      - {kind: renamed-field, on: {tool: get_order, attempt: 1}}
      - {kind: model-overloaded, on: {step: 2}, probability: 1}

Chance has no memory: whether a fault strikes a call is decided by a hash of the seed, the kind, the case, its trial, the tool
and how often that tool was called in the run before. So the same plan on the same runs strikes the same calls, whatever runs
beside them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from holdfast.codec import canonical
from holdfast.contract import explain
from holdfast.errors import InputError, UsageError

VERSION: Final = 1

Kind: TypeAlias = Literal[
    "timeout-before-commit", "timeout-after-commit", "rate-limited", "truncated-list", "dropped-field", "silent-rest",
    "renamed-field", "changed-type", "changed-unit", "request-twice", "answer-twice", "injected-instruction",
    "model-rate-limited", "model-overloaded", "model-answer-lost", "model-truncated", "model-malformed",
]  # fmt: skip
Boundary: TypeAlias = Literal["call", "result", "read", "run", "model"]

KINDS: Final[Mapping[Kind, tuple[Boundary, str]]] = {
    "timeout-before-commit": ("call", "the time is up before the tool did anything"),
    "timeout-after-commit": ("call", "the tool did all it does, and its time is up before it says so"),
    "rate-limited": ("call", "429 with Retry-After: it surely did nothing"),
    "truncated-list": ("read", "half a list, and the answer says that it is not all"),
    "silent-rest": ("read", "half a list, and nothing says so"),
    "dropped-field": ("result", "a required field is missing from the answer"),
    "renamed-field": ("result", "a field has another name now"),
    "changed-type": ("result", "a field has another type now"),
    "changed-unit": ("read", "a number is a hundred times what it was: another unit"),
    "request-twice": ("run", "the request is delivered twice, under one request key"),
    "answer-twice": ("call", "the answer to a call, or of the model, is delivered twice"),
    "injected-instruction": ("read", "a text in an answer tells the model what to do"),
    "model-rate-limited": ("model", "429 with Retry-After, from the model's provider"),
    "model-overloaded": ("model", "the provider is overloaded"),
    "model-answer-lost": ("model", "the model answered, and the connection was lost before that arrived"),
    "model-truncated": ("model", "the answer is cut off at the limit of its length"),
    "model-malformed": ("model", "the arguments of a call are no JSON"),
}
"""Kind → where it strikes (`call`: any call; `result`: any result; `read`: what a read gives; `run`; `model`), and what it is."""

NO_FAULTS: Final = ""
"""The kind of a clean trial."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class On(_Part):
    """Which calls a fault may strike; what is not said is not asked for."""

    tool: str = ""
    model: str = ""
    step: int | None = Field(default=None, ge=1)
    """The model's answer in the run, from 1: the one that is asked for, or the one that wanted the call."""
    attempt: int | None = Field(default=None, ge=1)


class Fault(_Part):
    """One way in which something goes wrong. probability: of each call that it may strike."""

    kind: Kind
    on: On = On()
    probability: float = Field(default=0.5, gt=0, le=1)
    seed: int | None = None
    """Instead of the plan's."""
    retry_after: float = Field(default=0.05, ge=0, le=60)
    """Seconds that a rate limit asks to wait."""


class Plan(_Part):
    """What is to go wrong. Faults of one kind are judged together, and apart from those of other kinds."""

    drill: Literal[1] = VERSION
    seed: int = 0
    faults: list[Fault] = Field(min_length=1)

    def of(self, kind: str) -> tuple[Fault, ...]:
        """The faults of one kind."""
        return tuple(fault for fault in self.faults if fault.kind == kind)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds in it, in the order of the table."""
        return tuple(kind for kind in KINDS if any(fault.kind == kind for fault in self.faults))

    @property
    def digest(self) -> str:
        """Names it, among the trials of one journal."""
        return hashlib.sha256(canonical(self.model_dump(mode="json"))).hexdigest()[:12]


def standard(kinds: Sequence[str] = (), *, seed: int = 0, probability: float = 0.5) -> Plan:
    """Every kind, or these, at every call that it can strike. Raises UsageError for a kind that nobody knows."""
    for kind in kinds:
        if kind not in KINDS:
            raise UsageError(f"there is no fault of the kind {kind}", hint=f"one of {', '.join(KINDS)}")
    wanted = [kind for kind in KINDS if not kinds or kind in kinds]
    return Plan(seed=seed, faults=[Fault(kind=kind, probability=probability) for kind in wanted])


def parse(data: Any, where: str) -> Plan:
    """A plan from data. Raises InputError that names every field in the wrong."""
    try:
        return Plan.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{where}: {explain(error)}", hint="docs/drill.md says what each key means") from None


def load(path: Path) -> Plan:
    """The plan in a file. Raises InputError."""
    from holdfast.shell.folder import read_yaml

    return parse(read_yaml(path), str(path))


def strikes(fault: Fault, seed: int, case: str, trial: int, target: str, index: int) -> bool:
    """Whether a fault strikes the `index`th call of a target, a tool or the model, in one trial of a case."""
    chosen = [seed if fault.seed is None else fault.seed, fault.kind, case, trial, target, index]
    drawn = int.from_bytes(hashlib.sha256(canonical(chosen)).digest()[:8])
    return drawn < fault.probability * 2**64
