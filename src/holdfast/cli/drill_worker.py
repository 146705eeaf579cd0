"""The program of a drill's worker processes: `python -m holdfast.cli.drill_worker`, started by `holdfast drill --kill-processes`."""

from __future__ import annotations

import sys
from typing import Final

from holdfast.cli import agents
from holdfast.errors import InputError
from holdfast.evals.drills.nursery import nurse
from holdfast.evals.drills.process import Crew, Play
from holdfast.evals.trials.suite import world_of

PROGRAM: Final = (sys.executable, "-m", "holdfast.cli.drill_worker")


def crew(play: Play) -> Crew:
    """The agent that is drilled, as this process finds it. Raises what `load_agent` raises."""
    loaded = agents.load_agent(play.agent, play.model)
    make = world_of(loaded.folder)
    if make is None:
        raise InputError(f"{play.agent} has no world to drill in")
    return Crew(loaded.agent, loaded.models, make)


if __name__ == "__main__":
    sys.exit(nurse(crew))
