"""A run as the mapping goes about it: what is where, what ended what, and which span stands for it. No name of any attribute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from holdfast.core.fork import begun
from holdfast.events import (
    CallFailed,
    CallReturned,
    CallReturnedLate,
    CallStarted,
    ChildOpened,
    ContractAdopted,
    Entry,
    Inline,
    Loaded,
    ModelAnswered,
    ModelAnsweredLate,
    ModelFailed,
    RunOpened,
)
from holdfast.lint import BUILTIN
from holdfast.otel.conventions import STRANGE, part
from holdfast.otel.span import span_id
from holdfast.views.record import Asked, Tried, Turn
from holdfast.views.trace import trace


class Places:
    """One run, while it is read."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.seen = trace(entries)
        opened = entries[0].event
        assert isinstance(opened, RunOpened)
        self.entries, self.opened, self.run = entries, opened, self.seen.run
        self.tree = opened.tree or self.run
        self.root = span_id(self.run, 1)
        self.close = self.seen.end.seq if self.seen.end is not None else 0
        self.since = begun(entries)
        """What stands up to here is another run's."""
        self.turns = [item for item in self.seen.items if isinstance(item, Turn)]
        self.step_of = {one.seq: turn.seq for turn in self.turns for one in turn.asked}
        self.step_of |= {turn.answered: turn.seq for turn in self.turns if turn.answered}
        self.ends: dict[tuple[int, int], Entry] = {}
        """(call, attempt), or (request of a model, 0) → what ended it first."""
        self.performed: dict[int, int] = {}
        """Call → the entry with which it was first started, or another run opened for it."""
        self.tools: list[tuple[int, frozenset[str]]] = [(0, frozenset(BUILTIN))]
        """The names that a contract gave to tools, from which entry on."""
        for entry in entries:
            self._look_at(entry)

    def _look_at(self, entry: Entry) -> None:
        match entry.event:
            case CallReturned(call=call, attempt=attempt) | CallFailed(call=call, attempt=attempt):
                self.ends.setdefault((call, attempt), entry)
            case CallReturnedLate(call=call, attempt=attempt):
                self.ends.setdefault((call, attempt), entry)
            case ModelAnswered(ask=ask) | ModelFailed(ask=ask) | ModelAnsweredLate(ask=ask):
                self.ends.setdefault((ask, 0), entry)
            case CallStarted(call=call) | ChildOpened(call=call):
                self.performed.setdefault(call, entry.seq)
            case RunOpened(contract=Inline(value) | Loaded(value=value)):
                self._add_tools(entry.seq, value)
            case ContractAdopted(contract=Inline(value) | Loaded(value=value)):
                self._add_tools(entry.seq, value)

    def _add_tools(self, seq: int, contract: Any) -> None:
        self.tools.append((seq, self.tools[-1][1] | set(part(contract, "tools") or ())))

    def over(self, *seqs: int) -> int:
        """The first of these entries, or the one that closed the run; 0 where there is none of them yet."""
        return min((seq for seq in (*seqs, self.close) if seq), default=0)

    def at(self, seq: int) -> int:
        """When an entry was written."""
        return self.entries[seq - 1].at

    def event(self, seq: int) -> Any:
        """What an entry says."""
        return self.entries[seq - 1].event

    def below(self, seq: int) -> str:
        """The span of the step or call `seq`; the run's for 0, and for one that it took over from another."""
        return span_id(self.run, seq) if seq > self.since else self.root

    def who(self, name: str) -> str:
        """A name of somebody, unless it is who the run is about."""
        return "" if name == self.opened.on_behalf_of else name

    def tool(self, seq: int) -> str:
        """The name of the tool of a call, if a contract in force then had it, and no model made it up; empty for no call."""
        call = self.seen.calls.get(seq)
        if call is None:
            return ""
        names = next(names for since, names in reversed(self.tools) if since < seq)
        return call.tool if call.tool in names else STRANGE

    def ended(self, attempt: tuple[int, int], over: int) -> Entry | None:
        """What ended an attempt, if that was known by entry `over`."""
        end = self.ends.get(attempt)
        return end if end is not None and end.seq <= over else None

    def end(self, one: Asked | Tried, end: Entry | None, over: int) -> int:
        """When an attempt ended: it is as long as was measured, and not as what lies between two entries."""
        took = getattr(end.event, "took", 0) if end is not None else 0
        return one.at + took if took else self.at(end.seq if end is not None else over)
