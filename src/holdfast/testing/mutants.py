"""Seeded mistakes in the runtime. The simulator has to find every one: it is tested by them.

Each is a small change to one function, made for as long as a schedule plays and undone before its history is checked. What a
mistake breaks is said by the number of its rule in the semantics.
"""

from __future__ import annotations

from typing import Final

from holdfast.testing.sim.mistake import Mutant
from holdfast.testing.sim.mistakes_calls import CALLS
from holdfast.testing.sim.mistakes_journal import JOURNAL
from holdfast.testing.sim.mistakes_people import PEOPLE
from holdfast.testing.sim.mistakes_shares import SHARES

MUTANTS: Final[tuple[Mutant, ...]] = (*JOURNAL, *CALLS, *PEOPLE, *SHARES)

BY_NAME: Final = {mutant.name: mutant for mutant in MUTANTS}
