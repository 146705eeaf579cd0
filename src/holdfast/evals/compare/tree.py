"""Runs that open runs: all of one trial meet one world, and what goes wrong in it goes wrong for all of them."""

from __future__ import annotations

from typing import Any

from holdfast.core.pending import Effected
from holdfast.evals.drills.hand import Rig
from holdfast.evals.drills.play import DrillRunner
from holdfast.evals.trials.trial import TrialRunner
from holdfast.shell.perform import Attempt


class TreeRig(Rig):
    """A rig on which a run that another one opened meets the same world, and the same hand."""

    async def perform(self, request: Effected, attempt: Attempt) -> None:
        """Do what was asked, in the world of the run that this one was opened for."""
        run, parent = attempt.state.run, attempt.state.opened.parent
        if parent is not None and run not in self.worlds and parent.run in self.worlds:
            self.worlds[run] = self.worlds[parent.run]
            if parent.run in self.hands:
                self.hands[run] = self.hands[parent.run]
        await super().perform(request, attempt)

    def leave(self, run: str) -> None:
        """Take the runs below this one out of its world."""
        world = self.worlds[run]
        for name in [name for name, one in self.worlds.items() if one is world and name != run]:
            del self.worlds[name]
            self.hands.pop(name, None)


class TreeRunner(DrillRunner):
    """A runner for trials of agents that open runs of others."""

    def __init__(self, *given: Any, **named: Any) -> None:
        TrialRunner.__init__(self, *given, performer=TreeRig, **named)

    @property
    def rig(self) -> TreeRig:
        """Where worlds and hands are put."""
        assert isinstance(self._performer, TreeRig)
        return self._performer
