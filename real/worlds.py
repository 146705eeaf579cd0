"""Worlds: what stands behind a pack's tools while its conversations are played."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.events import Json
from holdfast.tool import Call, NotDone
from real.contracts import World
from real.conversation import Part, Stage
from real.packs import INJECTED_FAULT
from real.retail import Db, invoke
from real.shops import Shops

UNRECORDED = "the recording has no answer to this call"


class Tape(World):
    """Answers as the tools did when the run was recorded."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    async def answer(self, tool: str, args: dict[str, Json], call: Call, key: str = "") -> Json:
        """Give the answer recorded for this very call, whatever its arguments."""
        recorded = await self.recorded(call)
        if recorded is None:
            raise NotDone(UNRECORDED)
        return recorded

    async def recorded(self, call: Call) -> Json:
        """Look up what the recording has for a call."""
        part = await self._stage.part(call.run)
        return part.script.tape[await self._stage.place(call.run, call.seq)]


class Live(Tape):
    """Answers by our own tools, each run in a shop of its own.

    Where the recorder answered in a tool's place, so does this: the tool did not run.
    """

    def __init__(self, stage: Stage, shops: Shops) -> None:
        super().__init__(stage)
        self._shops = shops
        self.states: dict[str, Db] = {}
        """The shop of each run, by the run's name."""

    async def answer(self, tool: str, args: dict[str, Json], call: Call, key: str = "") -> Json:
        """Let our own tool work on the run's shop."""
        if await self.recorded(call) == INJECTED_FAULT:
            return self.fault(tool, args, call)
        return self.invoke(tool, args, call, key)

    def fault(self, tool: str, args: dict[str, Json], call: Call) -> str:
        """Answer as the recorder did."""
        return INJECTED_FAULT

    def invoke(self, tool: str, args: dict[str, Json], call: Call, key: str = "") -> str:
        """Call one of our tools, with faults left out."""
        return invoke(self.state(call.run), tool, args)

    def state(self, run: str) -> Db:
        """Give the shop of a run, as it is now."""
        if run not in self.states:
            self.states[run] = self._shops.fresh()
        return self.states[run]

    def digests(self, parts: Sequence[Part]) -> dict[str, str]:
        """Digest the shop of each run as it is now, by the recorded run's id."""
        return {part.script.key: self._shops.digest(self.state(part.run)) for part in parts}
