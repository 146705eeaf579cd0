"""Money as it is known: what was paid, what may have been, and how often nobody knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from holdfast import units


class Money(Struct, frozen=True):
    """An amount in nano-dollars, with what is not known about it. What nobody priced is never taken for nothing."""

    nusd: int = 0
    """Settled: a provider or a price says so."""
    unsettled: int = 0
    """Charged at the worst case for attempts of which nobody told the cost, and held for those under way."""
    unknown: int = 0
    """Answers whose cost nobody knows."""

    @property
    def total(self) -> int | None:
        """nusd that count; None where something in it has no price."""
        return None if self.unknown else self.nusd + self.unsettled

    @property
    def least(self) -> int:
        """nusd that it was at least."""
        return self.nusd + self.unsettled

    def __add__(self, other: Money) -> Money:
        return Money(self.nusd + other.nusd, self.unsettled + other.unsettled, self.unknown + other.unknown)

    def __str__(self) -> str:
        return say(self)


def add(amounts: Iterable[Money]) -> Money:
    """All of them together."""
    return sum(amounts, Money())


def say(amount: Money) -> str:
    """An amount in words: `0.0123`, `unknown`, `unknown (at least 0.50, 3 answers have no price)`."""
    if not amount.unknown:
        return units.say_usd(amount.least)
    many = "1 answer has" if amount.unknown == 1 else f"{amount.unknown:,} answers have"
    return f"unknown (at least {units.say_usd(amount.least)}, {many} no price)" if amount.least else "unknown"


def shared(amount: Money, parts: int) -> Sequence[Money]:
    """An amount in so many parts as equal as whole nano-dollars allow; together they are the amount exactly.

    Where something in it has no price, each part says so.
    """
    return [
        Money(_part(amount.nusd, parts, at), _part(amount.unsettled, parts, at), 1 if amount.unknown else 0)
        for at in range(parts)
    ]


def _part(amount: int, parts: int, at: int) -> int:
    whole, rest = divmod(amount, parts)
    return whole + (at < rest)


def ratio(amount: int, by: int) -> int:
    """An amount divided by a whole number above 0, to the nearest nano-dollar."""
    return (2 * amount + by) // (2 * by)
