"""Scripts: what a scripted agent calls, turn by turn, and what it says at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from msgspec import Struct

from holdfast.events import Json


class Wish(Struct, frozen=True):
    """A call that somebody wants made."""

    tool: str
    args: dict[str, Json]


Turn: TypeAlias = tuple[Wish, ...]


class Script(Struct, frozen=True):
    """All that an agent does in one run."""

    turns: tuple[Turn, ...]
    answer: str = ""
    """What it says at the end."""


def faithful(gold: Sequence[Wish], answer: str) -> Script:
    """An agent that solves its task, a call at a time, and does nothing else."""
    return Script(tuple((wish,) for wish in gold), answer)


def obedient(gold: Sequence[Wish], attack: Sequence[Wish], answer: str, middle: int) -> Script:
    """An agent that leaves its task half done to carry out all that an attacker wants, and then goes on with it."""
    return faithful([*gold[:middle], *attack, *gold[middle:]], answer)
