"""Every single and every double death of one run that does everything.

It reads, writes with a key, with a look-up, with both, in a thread, bare, begins long work, does several things in a turn, and
waits for a review meanwhile.

A process does all it can at one instant between two dealings with the outside; so a death before each dealing, with what was
under way in the store lost or kept, and with or without a loss of power, is every death there is.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from holdfast.testing.sim.clerk import Terms
from holdfast.testing.sim.people import Manner
from holdfast.testing.sim.play import Outcome, play
from holdfast.testing.sim.room import SECOND
from holdfast.testing.sim.schedule import Death, Schedule
from holdfast.testing.sim.store import Pace

CAREFUL = Manner(slow=2, deny=0.0, amend=0.0, stop=0.0, rash=0.0)

EVERYTHING = Schedule(
    seed=1,
    plans=([
        [("look", "a", 0), ("pay", "b", 120), ("mail", "c", 0)],
        [("ship", "a", 0), ("pay", "d", 400)],
        [("post", "e", 0), ("order", "f", 0), ("book", "g", 120)],
    ],),
    terms=Terms(), workers=1, front=False, pace=Pace(sent=0, synced=0, answered=0, told=0), manner=CAREFUL, calm_at=1_000 * SECOND,
)  # fmt: skip


def count() -> int:
    """How many dealings with the outside that run has when nobody dies."""
    return play(EVERYTHING).points


def singles(numbers: range | None = None) -> Iterator[Outcome]:
    """One death at each of them, or at some, of the process or of the power; what was under way lost or kept."""
    for number in numbers or range(1, count() + 1):
        for power in (False, True):
            for keeps in (False, True):
                yield die(Death(number, power, keeps))


def doubles(first: range | None = None, *, step: int = 1) -> Iterator[Outcome]:
    """Two deaths, at every pair of them. first: at which the first one dies; step: every how many-th pair."""
    last = count()
    pairs = 0
    for number in first or range(1, last + 1):
        for second in range(number + 1, last + MORE + 1):
            pairs += 1
            if pairs % step == 0:
                yield die(
                    Death(number, keeps=bool(pairs & 1)), Death(second, power=bool(pairs & 2), keeps=bool(pairs & 4))
                )


MORE = 40
"""Dealings that a death adds: what was begun is found out about, and begun again."""


def die(*deaths: Death) -> Outcome:
    """Play it with these deaths."""
    return play(msgspec.structs.replace(EVERYTHING, deaths=deaths))
