"""Labels on their way through a run: what may be said of each thing that is recorded, from where its words came.

    for entry, label in zip(entries, labels(entries), strict=True): ...

A result has the label that stands beside it. What a child run gave has the label of everything that
had reached its model. What a model says or asks for has the label of all that had reached it by then, and so has what people
and the machine say of it. Two things come without a label: what a run was given by another one (a child by its parent, a run
that undoes one), and the message of a tool that failed before it returned anything. They belong to the
class `unlabelled`: it is not known that they are plain.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from holdfast.core.provenance import untrusted_parts
from holdfast.events import (
    CallAsked,
    CallFailed,
    CallJudged,
    CallLookedUp,
    CallReturned,
    CallReturnedLate,
    CallSettled,
    ChildClosed,
    ContractAdopted,
    Entry,
    Inline,
    Label,
    Loaded,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    OutputRejected,
    PersonAsked,
    ProposalAmended,
    Replied,
    RunOpened,
    Said,
)
from holdfast.labels import TRUSTED, UNTRUSTED, join, meet

PLAIN: Final = "plain"
"""The class of what has no other."""

UNLABELLED: Final = "unlabelled"
"""The class of what nobody has given one, although it may have one."""

UNKNOWN: Final = Label(classes=(UNLABELLED,))


class Carried:
    """The labels of one run, entry by entry."""

    def __init__(self) -> None:
        self.run = TRUSTED
        """Of everything that has reached the model."""
        self._coming: list[Label] = []
        """Of results that reach it with its next request."""
        self._calls: dict[int, CallAsked] = {}
        self._tools: dict[str, Label] = {}
        """Of tools that have returned something."""

    def take(self, entry: Entry) -> Label:
        """The label of what the next entry says."""
        event = entry.event
        match event:
            case RunOpened():
                self.run = _of_input(event)
            case Said():
                label = UNTRUSTED if event.attachments else TRUSTED
                self.run = meet(self.run, label)
                return label
            case ModelAsked():
                self.run, self._coming = join((self.run, *self._coming)), []
            case CallAsked():
                self._calls[entry.seq] = event
            case CallReturned() | CallLookedUp(answer="found") | ChildClosed():
                return self._result(event.call, event.label)
            case CallReturnedLate():
                label = meet(event.label, self._of_tool(event.call))  # earlier versions did not write it down
                return self._result(event.call, label, known=False)
            case CallSettled():
                label = self.everything
                if event.result is not None:
                    label = meet(label, self._result(event.call, self._of_tool(event.call), known=False))
                return label
            case CallFailed() | CallLookedUp():
                return meet(self.run, self._of_tool(event.call))
            case PersonAsked():
                return meet(self.everything, event.label)
            case ContractAdopted():
                return TRUSTED
            case ModelAnswered() | ModelFailed() | OutputRejected() | Replied() | ProposalAmended() | CallJudged():
                return self.run
        return self.run if isinstance(event, CallAsked | ModelAsked | RunOpened) else self.everything

    @property
    def everything(self) -> Label:
        """Of all there is by now, which a person may have seen before the model does."""
        return join((self.run, *self._coming)) if self._coming else self.run

    def _result(self, call: int, label: Label, *, known: bool = True) -> Label:
        """A result came: its label, which the model's next request will have."""
        asked = self._calls.get(call)
        if asked is not None and asked.effect == "builtin":
            return meet(self.run, label)  # a part of what it was shown before, or words about it
        self._coming.append(label)
        if asked is not None and known:
            self._tools[asked.tool] = meet(self._tools.get(asked.tool, TRUSTED), label)
        return label

    def _of_tool(self, call: int) -> Label:
        """The label of what a tool returns, from what it returned before."""
        asked = self._calls.get(call)
        if asked is not None and asked.effect == "builtin":
            return TRUSTED
        return self._tools.get(asked.tool, UNKNOWN) if asked is not None else UNKNOWN


def _of_input(opened: RunOpened) -> Label:
    if opened.undoes:
        return UNKNOWN
    if opened.parent is not None and opened.versions.get("fold", "") in ("", "1"):
        return UNKNOWN  # children were not told yet what had reached their parents
    contract = opened.contract.value if isinstance(opened.contract, Inline | Loaded) else None
    takes = contract.get("takes", {}) if isinstance(contract, dict) else {}
    given = opened.input.value if isinstance(opened.input, Inline | Loaded) else None
    foreign = bool(opened.attachments) or untrusted_parts(given, takes)[1] is not None
    return meet(UNTRUSTED if foreign else TRUSTED, opened.label)


def labels(entries: Iterable[Entry]) -> tuple[Label, ...]:
    """The label of what each entry of a run says, in order."""
    carried = Carried()
    return tuple([carried.take(entry) for entry in entries])


def hidden(label: Label, sees: frozenset[str] | None) -> tuple[str, ...]:
    """The classes of a label that somebody does not see who sees these; None: who sees all."""
    return () if sees is None else tuple(name for name in label.classes if name not in sees)
