"""What an outcome is worth, and what people's time is: what a success has to be weighed against before one can say it pays.

    worth: {success: "4.00", failure: "-25.00", reviewer_minute: "0.80"}            in a contract
    --worth success=4.00,failure=-25.00,reviewer_minute=0.80                        on the command line

Net benefit of a run, in USD = success if it passed, failure if not - what models charged - minutes of people at their rate.

People of a case answer at once, so a trial cannot tell how long a person would have needed. What a question takes them is
therefore assumed, `question_minutes`, and said beside every figure it enters.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Final

from msgspec import Struct

from holdfast.contract import Contract
from holdfast.errors import InputError, UsageError

MINUTES: Final = 2.0
"""That a question takes a person, where nobody says."""


class Stakes(Struct, frozen=True, kw_only=True):
    """USD; minutes."""

    success: float = 0.0
    failure: float = 0.0
    """Of a run that did not pass, whichever way it ended; 0 or less."""
    reviewer_minute: float = 0.0
    question_minutes: float = MINUTES
    source: str = ""
    """Who says so."""

    @property
    def swing(self) -> float:
        """What it is worth that a run passes rather than not."""
        return self.success - self.failure

    def of_people(self, questions: float) -> float:
        """USD of the time that so many questions take."""
        return questions * self.question_minutes * self.reviewer_minute

    def checked(self) -> Stakes:
        """Itself. Raises InputError where nothing can be weighed with it."""
        amounts = (self.success, self.failure, self.reviewer_minute, self.question_minutes)
        if not all(map(isfinite, amounts)) or self.failure > 0 or min(self.reviewer_minute, self.question_minutes) < 0:
            raise InputError(
                "a failure is worth 0 or less, and people's time is not below 0",
                hint="--worth success=4.00,failure=-25.00,reviewer_minute=0.80",
            )
        if self.swing <= 0:
            raise InputError(
                "nobody says what a success is worth, so nothing can be weighed against what it costs",
                hint="`worth` in the contract of the first agent, or --worth success=4.00,failure=-25.00; docs/compare.md",
            )
        return self


KEYS: Final = ("success", "failure", "reviewer_minute", "question_minutes")


def parse(text: str) -> dict[str, float]:
    """`success=4.00,failure=-25.00` as amounts by name. Raises UsageError."""
    found: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, sign, value = part.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            sign = ""
        if not sign or name.strip() not in KEYS:
            raise UsageError(
                f"--worth {part!r} is none of {', '.join(KEYS)}", hint="--worth success=4.00,failure=-25.00"
            )
    return found


def stakes_of(contract: Contract, given: Mapping[str, float] | None = None) -> Stakes:
    """What a contract says, with what was given instead. Raises InputError where that weighs nothing."""
    said = contract.worth
    try:
        amounts = {name: float(getattr(said, name)) for name in ("success", "failure", "reviewer_minute")}
    except ValueError:
        raise InputError(
            f"`worth` of {contract.name} holds what is no amount of USD", hint='write it like "4.00"'
        ) from None
    given = given or {}
    rests = any(amount for name, amount in amounts.items() if name not in given)
    source = " and ".join(["--worth"] * bool(given) + [f"the contract of {contract.name}"] * rests)
    return Stakes(**{**amounts, **given}, source=source).checked()
