"""A deterministic simulator over the real core and shell.

All time, chance, disks, processes, models, tools and people are drawn from one seed, and a history checker apart from the
runtime looks at what became of it.

    python -m holdfast.testing.sim --seed 7           one schedule, told in full when something is wrong
    python -m holdfast.testing.sim --schedules 10000  many
    python -m holdfast.testing.sim --mutant no_sync   with a seeded mistake in the runtime, until it is found
"""

from __future__ import annotations

from holdfast.testing.sim.play import Outcome, play

__all__ = ["Outcome", "play"]
