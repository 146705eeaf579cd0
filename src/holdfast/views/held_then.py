"""What other runs held of a limit over many runs when a call was judged, as far as one run's entries tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from holdfast.agent import Bound
from holdfast.core import shares
from holdfast.core.state import CallState, State
from holdfast.events import CallFailed, CallJudged, CallLookedUp, CallSettled, CallStarted, Entry, Held

RECORDED: Final = "as it was recorded"
NOTHING: Final = "as nothing: no entry of the run tells it"


class HeldThen:
    """One run. `take` says how far it was read."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._told: dict[int, dict[str, int]] = {}
        """Call → what other runs held of each name when it was judged or started first."""
        for entry in entries:
            if isinstance(entry.event, CallJudged | CallStarted) and entry.event.shares:
                known = self._told.setdefault(entry.event.call, {})
                for share in entry.event.shares:
                    known.setdefault(share.name, share.used)
        self._begun: dict[int, tuple[State, CallState, int]] = {}
        """Calls that may have had their effect, as they stood when they began, and when that was."""

    def take(self, state: State, entry: Entry) -> None:
        """Read the next entry, at the state before it."""
        match entry.event:
            case CallStarted(call=call) if call in state.calls:
                self._begun.setdefault(call, (state, state.calls[call], entry.at))
            case CallFailed(call=call, attempt=1, fate="not_done"):
                self._begun.pop(call, None)
            case CallLookedUp(call=call, answer="absent", ended=True) | CallSettled(call=call, verdict="did_not"):
                self._begun.pop(call, None)

    def by_others(self, bound: Bound, state: State, call: CallState, at: int) -> tuple[dict[str, Held], str]:
        """(what others held of what a contract asks for, how that is known; empty where it asks for nothing).

        Where no entry tells it, what this run itself did before is in it, since its holdings stand under no name then.
        """
        told, held, how = self._told.get(call.seq, {}), dict[str, Held](), ""
        for share in shares.of_call(bound, state, call, at):
            if not share.clause.endswith(".across"):
                continue
            how = RECORDED if share.name in told else NOTHING
            own = 0 if any(_holds(state, share.name)) else self._own(bound, share.name, call.seq, at)
            held[share.name] = Held(told.get(share.name, 0) + own)
        return held, how

    def _own(self, bound: Bound, name: str, call: int, at: int) -> int:
        """What this run did under that name, had its contract asked for it."""
        taken = (
            share
            for seq, (state, begun, when) in self._begun.items()
            if seq != call
            for share in shares.of_call(bound, state, begun, when)
        )
        return sum(share.amount for share in taken if share.name == name and share.until > at)


def _holds(state: State, name: str) -> list[bool]:
    return [True for held in state.holds.values() for share in held if share.name == name]
