"""Ceilings, and what is left under them. A limit is reserved before something starts and settled after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from holdfast.agent import Bound
from holdfast.core import prompt
from holdfast.core.state import Moment, State
from holdfast.dialogue import Segment
from holdfast.events import LimitName, LimitReached

LEAST_OUTPUT: Final = 64
"""Tokens below which asking a model makes no sense."""


class Quote(Struct, frozen=True, gc=False):
    """What the next request may cost at most, and how long its answer may be."""

    nusd: int
    max_output: int


def ceiling(bound: Bound, state: State, limit: LimitName) -> int | None:
    """A ceiling with what was granted on top; of a child, at most what its parent carved. None where nothing sets one."""
    top: int | None = getattr(bound.contract.limits, limit)
    carved = state.opened.carved.get(limit)
    if carved is not None:
        top = carved if top is None else min(top, carved)
    return None if top is None else top + state.grants.get(limit, 0)


def reached(bound: Bound, state: State, limit: LimitName, used: int, why: str = "") -> LimitReached | None:
    """The event that says a ceiling is reached, if `used` is at or over it."""
    top = ceiling(bound, state, limit)
    return None if top is None or used < top else LimitReached(limit, used, top, why)


def of_time(bound: Bound, state: State, at: int) -> LimitReached | None:
    """The limits that are reached by time passing or being spent."""
    return reached(bound, state, "wall", at - state.opened_at) or reached(bound, state, "work", state.spent.work)


def wall_ends(bound: Bound, state: State) -> int:
    """The moment at which the wall limit is reached."""
    return state.opened_at + (ceiling(bound, state, "wall") or 0)


def quote(bound: Bound, state: State, model: str, moment: Moment, shown: Sequence[Segment]) -> Quote | LimitReached:
    """What the next request to `model`, with `shown` added to what it was shown before, has to reserve; or the limit it would pass.

    The worst case of a request is a token for each of its bytes and the longest answer allowed; where less than that is
    left, the answer is bounded by what is left. A request that may cost nothing is never stopped by money.
    """
    limits = bound.contract.limits
    size = prompt.base_weight(bound, state) + state.weight + sum(map(prompt.weight, shown))
    if (full := reached(bound, state, "context", size, "the prompt is longer than the contract allows")) is not None:
        return full
    top, charged = ceiling(bound, state, "usd"), state.spent.charged
    known = moment.quotes.get(model)
    if known is not None:
        if top is not None and charged + known > top:
            return LimitReached("usd", charged, top, "the next answer would pass it")
        return Quote(known, limits.output)
    price = state.opened.prices.get(model)
    if price is None or top is None:
        return Quote(0, limits.output)
    left = (top - charged) * 1000 - size * price.input
    longest = limits.output if price.output == 0 else min(limits.output, left // price.output)
    if left < 0 or longest < LEAST_OUTPUT:
        return LimitReached("usd", charged, top, "not enough is left for the next answer")
    return Quote(-(-(size * price.input + longest * price.output) // 1000), longest)
