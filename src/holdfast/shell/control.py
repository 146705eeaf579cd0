"""The control stream: what was stopped, for all runs of a journal at once, and which contracts new runs begin under.

It is a run of its own, `control`. A worker reads it when it hears of an entry in it, and every append with which a write
begins stands only while nobody has appended to it since (`Append.heeds`): so no write begins over a stop, whoever was slow to hear.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from msgspec import Struct

from holdfast import codec
from holdfast.codec import GENESIS, value_of
from holdfast.core import shares
from holdfast.core.state import Stop
from holdfast.errors import UsageError
from holdfast.events import ContractPublished, Inline, Json, Scope, SwitchedOff, SwitchedOn
from holdfast.journal.port import Journal, Row
from holdfast.shell import beside
from holdfast.views.access import CONTROL, UNCARRIED

Switch = tuple[Scope, str]
"""What is stopped: an agent or a tool with its name, or all, which has none."""

WOKEN: Final = 200
"""Runs that are looked for at once, of those that waited for a stop to be over."""


class Published(Struct, frozen=True):
    """A contract that new runs of an agent begin under, or a part of them."""

    seq: int
    at: int
    agent: str
    contract: Json
    digest: str
    share: int
    by: str
    why: str = ""


class Control:
    """What the control stream says, as far as it was read here."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._head = GENESIS
        self.seq = 0
        """Its last entry that was read."""
        self.stale = True
        """Whether there may be more."""
        self.stops: dict[Switch, Stop] = {}
        self.tools: dict[str, Stop] = {}
        self._lifted = set[str]()
        """What runs may still wait for although it is over: see `core.shares.stop_name`."""
        self._published: dict[str, list[Published]] = {}

    def heard(self) -> None:
        """Somebody may have appended to it."""
        self.stale = True

    async def refresh(self) -> None:
        """Read what was appended since. Raises JournalDamaged."""
        self.stale = False
        seq, head = self.seq, self._head
        for entry in codec.entries(CONTROL, await self._journal.read(CONTROL, seq), head, seq):
            if entry.seq > self.seq:  # what another one read meanwhile is known
                self._take(entry.seq, entry.at, entry.event)
                self.seq, self._head = entry.seq, entry.digest

    def _take(self, seq: int, at: int, event: object) -> None:
        match event:
            case SwitchedOff(scope=scope, name=name, by=by, why=why):
                self.stops[scope, name] = Stop(seq, by, why)
            case SwitchedOn(scope=scope, name=name):
                if (over := self.stops.pop((scope, name), None)) is not None:
                    self._lifted.add(shares.stop_name(over.seq))
            case ContractPublished(agent=agent, contract=contract, contract_digest=digest, by=by, share=share, why=why):
                found = Published(seq, at, agent, value_of(contract), digest, share, by, why)
                self._published.setdefault(agent, []).append(found)
        self.tools = {name: stop for (scope, name), stop in self.stops.items() if scope == "tool"}

    def stopped(self, agents: tuple[str, ...]) -> Stop | None:
        """What stops a run of an agent, itself or the one at the root of its tree; the stop of all before that of one."""
        if not self.stops:
            return None
        found = [self.stops.get(("all", "")), *(self.stops.get(("agent", agent)) for agent in agents)]
        return next((stop for stop in found if stop is not None), None)

    # ---- what is done

    async def stop(self, scope: Scope, name: str = "", *, by: str, why: str = "", actor: str = "") -> Stop:
        """Stop an agent, a tool or all: when this returns, no write begins any more. One that is stopped stays as it is."""
        await self.refresh()
        known = self.stops.get((scope, name))
        if known is None:
            await beside.append(self._journal, CONTROL, SwitchedOff(scope, by, name, why), actor or by)
            await self.refresh()
            known = self.stops[scope, name]
        return known

    async def resume(self, scope: Scope, name: str = "", *, by: str, actor: str = "") -> None:
        """Let go on what was stopped. Raises UsageError where nothing of that kind is."""
        await self.refresh()
        if (scope, name) not in self.stops:
            stopped = ", ".join(said(one) for one in self.stops) or "nothing"
            raise UsageError(f"{said((scope, name))} is not stopped", hint=f"stopped is: {stopped}")
        await beside.append(self._journal, CONTROL, SwitchedOn(scope, by, name), actor or by)
        await self.refresh()

    async def waiting(self) -> list[Row]:
        """Runs that wait for a stop which is over."""
        found: list[Row] = []
        for name in sorted(self._lifted):
            rows = await self._journal.wanting(name, WOKEN)
            found += rows
            if not rows:
                self._lifted.discard(name)
        return found

    # ---- publications

    async def publish(
        self, agent: str, contract: Json, digest: str, *, by: str, share: int = 100, why: str = "", actor: str = ""
    ) -> Published:
        """Let new runs of an agent, or `share` percent of them, begin under a contract. Raises UsageError."""
        await self.refresh()
        if not 0 < share <= 100:
            raise UsageError(f"a share of {share} percent", hint="give a whole number from 1 to 100")
        if share < 100 and not any(one.share == 100 for one in self._published.get(agent, ())):
            raise UsageError(
                f"no contract of {agent} is accepted for all of its runs yet, so nothing says what the others begin under",
                hint="accept the one in use first, without a share",
            )
        event = ContractPublished(agent, Inline(contract), digest, by, share, why)
        await beside.append(self._journal, CONTROL, event, actor or by)
        await self.refresh()
        return self._published[agent][-1]

    def published(self, agent: str) -> tuple[Published, ...]:
        """What was published for an agent, the oldest first."""
        return tuple(self._published.get(agent, ()))

    def in_force(self, agent: str) -> tuple[Published, ...]:
        """What new runs begin under: the last one published for all, and a later one for a part, if there is one."""
        every = self._published.get(agent, [])
        last = max((at for at, one in enumerate(every) if one.share == 100), default=None)
        if last is None:
            return ()
        return (every[last], *every[last + 1 :][-1:])

    def chosen(self, agent: str, key: str) -> Published | None:
        """The contract that the run with this request key begins under; None where nothing was published.

        Equal keys get equal contracts, and a part that grows keeps those it had.
        """
        force = self.in_force(agent)
        if not force:
            return None
        return force[-1] if _percent(agent, key) < force[-1].share else force[0]


def uncarried(agent: str) -> int:
    """The number of the stop of an agent's runs that the code at hand cannot carry: no entry says it, and code that can ends it."""
    return UNCARRIED + int.from_bytes(hashlib.sha256(agent.encode()).digest()[:4], "big")


def _percent(agent: str, key: str) -> int:
    """Where a key falls, from 0 to 99; evenly, and not related to the order of keys."""
    return int.from_bytes(hashlib.sha256(f"{agent}\0{key}".encode()).digest()[:8], "big") % 100


def said(switch: Switch) -> str:
    """What is stopped, in words."""
    scope, name = switch
    return "everything" if scope == "all" else f"the {scope} {name}"


def data(control: Control) -> list[dict[str, Any]]:
    """The stops in force, as data."""
    return [
        {"scope": scope, "name": name, "by": stop.by, "why": stop.why, "seq": stop.seq}
        for (scope, name), stop in control.stops.items()
    ]
