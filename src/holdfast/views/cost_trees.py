"""Runs that were read together, by the trees they belong to: so that what a child was paid for is counted once.

A child's money is its own run's, and its parent was told of it when it ended. Of runs that are both here, the child's own
figures count; of a child that is not here, what its parent was told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from holdfast.events import Outcome
from holdfast.views.spending import Money, add

if TYPE_CHECKING:
    from holdfast.views.cost import Cost


class Child(Struct, frozen=True):
    """A run that answered a call of this one, as its end told."""

    run: str
    agent: str
    call: int
    outcome: Outcome
    nusd: int | None
    """Of it and its own children; None where an answer had no price."""
    unpriced: int = 0
    """Answers without a price."""
    least: int = 0
    """nusd that it was at least."""

    @property
    def money(self) -> Money:
        """What it and its own children were paid for."""
        return Money(self.least, 0, self.unpriced)


class Tree(Struct, frozen=True):
    """A run whose opener is not here, and all those below it that are."""

    root: Cost
    below: tuple[Cost, ...] = ()
    outside: int = 0
    """Children of these that are not here."""
    told: Money = Money()
    """What these children told, without what runs below them that are here were paid for."""

    @property
    def every(self) -> tuple[Cost, ...]:
        """All of its runs that are here."""
        return (self.root, *self.below)

    @property
    def money(self) -> Money:
        """What all of them were paid for, and children that are not here."""
        return add((*(cost.money for cost in self.every), self.told))


def trees(costs: Sequence[Cost]) -> list[Tree]:
    """Runs as trees, in the order of their roots."""
    here = {cost.run for cost in costs}
    below: dict[str, list[Cost]] = {}
    for cost in costs:
        if cost.parent in here:
            below.setdefault(cost.parent, []).append(cost)
    found = [(root, tuple(_below(root, below))) for root in costs if root.parent not in here]
    owner = {
        child.run: at
        for at, (root, rest) in enumerate(found)
        for cost in (root, *rest)
        for child in cost.children
        if child.run not in here
    }
    told = [Money()] * len(found)
    for at, (root, rest) in enumerate(found):
        told[at] += add(child.money for cost in (root, *rest) for child in cost.children if child.run not in here)
    for cost in costs:
        if cost.parent in owner:  # it is here, and so is the run above its parent, which was told of it too
            mine = cost.with_children
            told[owner[cost.parent]] += Money(-mine.nusd, -mine.unsettled, -mine.unknown)
    many = [sum(at == place for place in owner.values()) for at in range(len(found))]
    return [Tree(root, rest, many[at], told[at]) for at, (root, rest) in enumerate(found)]


def _below(root: Cost, below: dict[str, list[Cost]]) -> Iterable[Cost]:
    todo = below.pop(root.run, [])
    while todo:
        cost = todo.pop(0)
        yield cost
        todo += below.pop(cost.run, [])


def fates(tree: Tree, won: Callable[[Cost], bool]) -> tuple[list[Cost], list[Cost], list[Cost]]:
    """(runs that were for something, those that still may be, those that were for nothing), each with all below it."""
    found: tuple[list[Cost], list[Cost], list[Cost]] = ([], [], [])
    rank: dict[str, int] = {}
    for cost in tree.every:  # parents come first
        own = 0 if won(cost) else 1 if cost.outcome is None else 2
        rank[cost.run] = max(own, rank.get(cost.parent, 0))
        found[rank[cost.run]].append(cost)
    return found
