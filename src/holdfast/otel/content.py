"""What was said, asked and returned, where an export is to hold it: and what never leaves the journal.

A journal can forget: the bodies of a run are erased, and the chain still verifies. A collector cannot be made to. So of a
run that is about somebody (`on_behalf_of`), and from the first entry on that carries a data class, nothing is given; neither is
anything a secret was taken out of, nor what a rule calls secret. A run that another one opened, or undoes another, holds
that one's data, whose class it does not say: nothing of it is given either.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from holdfast.codec import canonical
from holdfast.events import (
    AnyEvent,
    Body,
    CallJudged,
    CallLookedUp,
    CallReturned,
    Entry,
    Erased,
    Fired,
    Inline,
    Json,
    Loaded,
    ModelAnswered,
    OutputRejected,
    PersonAnswered,
    RunOpened,
    Said,
    Stored,
    Unknown,
)
from holdfast.otel.span import Attributes

MARK: Final = "[redacted:"
"""What stands where a secret was taken out."""

WITHHELD: Final = "holdfast.withheld"
"""Why something that was asked for is not there."""


def about_somebody(opened: RunOpened) -> bool:
    """Whether nothing of what a run says may leave the journal."""
    return bool(opened.on_behalf_of or opened.parent or opened.undoes)


class Words:
    """What may be given of a run's words: `put` adds one of them to the attributes of a span, or says why it does not."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries
        self._until = _personal_from(entries)

    def put(self, attributes: Attributes, key: str, seq: int, value: Body | Json | None, *also: str) -> None:
        """Add what entry `seq` holds under `key`, and under the names in `also`; nothing where there is nothing."""
        if value is None or value == "":
            return
        why, plain = self._of(seq, value)
        if why:
            attributes[WITHHELD] = why
        else:
            attributes.update(dict.fromkeys((key, *also), _text(plain)))

    def put_messages(self, attributes: Attributes, key: str, seqs: Iterable[tuple[int, int]]) -> None:
        """Add what stands in these places of a prompt, as messages in the form of the conventions."""
        found: list[Json] = []
        for seq, part in seqs:
            event = self._entries[seq - 1].event if 0 < seq <= len(self._entries) else None
            if event is None or part or isinstance(event, Unknown):
                continue  # part > 0: a note of ours about a call that was not taken up
            why, plain = self._of(seq, _said(event))
            if why:
                attributes[WITHHELD] = why
            elif plain not in (None, ""):
                found.append(self._message(event, plain))
        if found:
            attributes[key] = canonical(found).decode()

    def put_answer(self, attributes: Attributes, key: str, seq: int, event: ModelAnswered, finish: str) -> None:
        """Add what a model answered, as a message."""
        why, plain = self._of(seq, _said(event))
        if why:
            attributes[WITHHELD] = why
        else:
            attributes[key] = canonical([{**self._message(event, plain), "finish_reason": finish}]).decode()

    def _of(self, seq: int, value: Body | Json) -> tuple[str, Json]:
        """Why it is withheld, or the value."""
        entry = self._entries[seq - 1]
        event = entry.event
        if seq >= self._until or entry.aside:
            return "personal", None
        if isinstance(value, Erased | Stored):
            return "erased", None
        plain = value.value if isinstance(value, Inline | Loaded) else value
        if (isinstance(event, CallReturned) and event.redacted) or MARK in canonical(plain).decode():
            return "redacted", None
        return "", plain

    def _message(self, event: AnyEvent, plain: Json) -> dict[str, Json]:
        if isinstance(event, ModelAnswered):
            return {"role": "assistant", "parts": plain}
        if isinstance(event, RunOpened | Said | OutputRejected):
            return {"role": "user", "parts": [{"type": "text", "content": _text(plain)}]}
        asked = (
            self._entries[event.call - 1].event if isinstance(event, CallReturned | CallLookedUp | CallJudged) else None
        )
        part = {"type": "tool_call_response", "id": getattr(asked, "id", ""), "response": plain}
        return {"role": "tool", "parts": [part]}


def because(rules: Sequence[Fired]) -> str:
    """The reasons of rules that are not secret."""
    return "; ".join(dict.fromkeys(rule.because for rule in rules if rule.because and not rule.secret))


def _personal_from(entries: Sequence[Entry]) -> float:
    """The first entry from which on nothing is given; infinity where there is none."""
    opened = entries[0].event
    if not isinstance(opened, RunOpened) or about_somebody(opened):
        return 0
    classed = (entry.seq for entry in entries if _classes(entry.event))
    return next(classed, float("inf"))


def _classes(event: AnyEvent | Unknown) -> tuple[str, ...]:
    label = getattr(event, "label", None)
    return label.classes if label is not None else ()


def _said(event: AnyEvent) -> Any:
    """The words of an entry that a model is shown."""
    match event:
        case RunOpened(input=body) | Said(text=body):
            return body
        case CallReturned(result=body) | CallLookedUp(result=body):
            return body
        case ModelAnswered(text=text):
            if isinstance(text, Erased | Stored):
                return text
            plain = text.value if text is not None else ""
            calls = [
                {"type": "tool_call", "id": one.id, "name": one.tool, "arguments": one.args} for one in event.calls
            ]
            return [*([{"type": "text", "content": plain}] if plain else []), *calls]
        case CallJudged(rules=rules):
            return because(rules)
        case OutputRejected(why=words) | PersonAnswered(text=words):
            return words
    return None


def _text(value: Json) -> str:
    return value if isinstance(value, str) else canonical(value).decode()
