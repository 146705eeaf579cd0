"""What a viewer may see of a run: its entries, with a reference like `⟨contact:1⟩` in the place of whatever is not for them.

    for entry in visible(entries, frozenset({"plain", "contact"})): ...

This is the one place where anything is kept back. Every reading is made of entries, so one that is made of these cannot show
what they do not hold. A body or a text is hidden if its label (`views.carried`) has a class that the viewer does not see.
Arguments and outputs are looked at value by value: what stands in something the viewer was shown (the request, words of the
requester, a plain result) is shown. What a call gave whose arguments are hidden is hidden with them: it may repeat them. Equal
values of a run have the same reference, and nothing is ever left out.

What is shown can still say something of what is hidden: that two values are equal, how a run went on after them, which of
several known values a model chose.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from holdfast.codec import canonical
from holdfast.core.log import Log
from holdfast.core.provenance import leaves, origin
from holdfast.core.state import Source
from holdfast.events import (
    AnyEvent,
    AskedBack,
    Body,
    CallAsked,
    CallFailed,
    CallJudged,
    CallLookedUp,
    CallReturned,
    CallReturnedLate,
    CallSettled,
    CallStarted,
    CancelAsked,
    ChildClosed,
    ContractAdopted,
    Contradiction,
    DoubtRaised,
    Entry,
    Erased,
    Fired,
    Inline,
    Json,
    Loaded,
    ModelAnswered,
    ModelFailed,
    Noted,
    OutputRejected,
    Paused,
    PersonAnswered,
    PersonAsked,
    PlaceAwaited,
    PlaceTaken,
    ProgramCalled,
    ProposalAmended,
    RunClosed,
    RunOpened,
    Said,
    Share,
    Stored,
    Unknown,
    Wanted,
)
from holdfast.views.carried import UNLABELLED, Carried, hidden

SHORT: Final = 4
"""Characters under which a hidden value is found in a sentence only where it stands as a word of its own."""

_CANNOT: Final = re.compile(r"(cannot be answered: )(.*)\)", re.DOTALL)

replace = msgspec.structs.replace


class References:
    """The references of hidden values: one for equal ones. Two runs that are compared share them."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, bytes], int] = {}
        self._counts: dict[str, int] = {}

    def of(self, value: Json, classes: tuple[str, ...]) -> str:
        """`⟨contact:1⟩` for a value of these classes."""
        name = ", ".join(classes)
        key = (name, canonical(value))
        if key not in self._numbers:
            self._counts[name] = self._numbers[key] = self._counts.get(name, 0) + 1
        return f"⟨{name}:{self._numbers[key]}⟩"


class Glass:
    """One run as a viewer sees it, entry by entry. `classes`: those of which something was hidden so far."""

    def __init__(self, sees: frozenset[str], references: References | None = None) -> None:
        self.classes: set[str] = set()
        self.carried = Carried()
        self._sees = sees
        self._references = references or References()
        self._shown: Log[Source] = Log()
        self._contract: dict[str, Any] = {}
        self._said_of: dict[int, list[Json]] = {}
        """Call → what is hidden of it, and may stand in what the machine says of the call."""
        self._given: dict[int, tuple[str, ...]] = {}
        """Call → the classes of arguments of it that are hidden: what it gave may hold them, whatever its own label."""
        self._literal: frozenset[str] = frozenset()
        self._disagreed: dict[str, str] = {}
        """What child runs disagree about, in words that hold their answers → the reference in its place."""

    def of(self, entry: Entry) -> Entry:
        """The next entry as the viewer sees it."""
        label = self.carried.take(entry)
        event = entry.event
        if isinstance(event, Unknown):
            return replace(entry, event=Unknown(event.kind, canonical(self._hide(None, (UNLABELLED,)))))
        if isinstance(event, RunOpened | ContractAdopted):
            self._adopt(event.contract)
        classes = hidden(label, self._sees)
        if isinstance(event, _OF_CALLS) and event.call in self._given:
            classes = tuple(sorted({*classes, *self._given[event.call]}))
        return replace(entry, event=self._event(event, classes, entry.seq))

    def value(self, value: Json) -> Json:
        """Some value of the run, as it is seen at its end: that of a plan, of an account."""
        classes = hidden(self.carried.everything, self._sees)
        return self._leaves(value, classes) if classes else value

    def text(self, text: str) -> str:
        """Words about the run that were composed at its end, of anything in it."""
        classes = hidden(self.carried.everything, self._sees) or ((UNLABELLED,) if any(self._said_of.values()) else ())
        return self._text(text, classes) if text not in self._literal else text

    # ---------------------------------------------------------------------------------------------------- by the kind

    def _event(self, event: AnyEvent, classes: tuple[str, ...], seq: int) -> Any:
        if isinstance(event, RunOpened):
            self._see(event.contract)
        texts, bodies = _WHOLE.get(type(event), ((), ()))
        shown = self._bodies(self._texts(event, classes, *texts), classes, *bodies)
        match event:
            case ModelAnswered():
                return replace(shown, calls=tuple([self._wanted(one, classes) for one in event.calls]))
            case RunClosed():
                return self._closed(event, classes)
            case Noted():
                return replace(shown, correction=self._output(event.correction, classes))
            case PersonAsked():
                return replace(event, text=self._question(event, classes))
            case Contradiction(children=True) if classes:
                self._disagreed[event.what] = self._text(event.what, classes)
                return replace(event, what=self._disagreed[event.what])
        return self._of_call(event, shown, classes, seq)

    def _of_call(self, event: AnyEvent, shown: Any, classes: tuple[str, ...], seq: int) -> Any:
        match event:
            case CallAsked():
                return self._asked(event, classes, seq)
            case ProposalAmended():
                return replace(event, args=self._arguments(event.args, classes, event.call))
            case CallJudged():
                rules = tuple([self._fired(event.call, fired) for fired in event.rules])
                return replace(event, rules=rules, shares=self._shares(event.shares, classes))
            case CallStarted() | PlaceTaken():
                return replace(event, shares=self._shares(event.shares, classes))
            case PlaceAwaited() if classes:
                return replace(event, name=self._hide(event.name, classes), why=self._awaited(event, classes), used=0)
            case CallReturned() if classes:
                self._said_of.setdefault(event.call, []).extend(filter(None, (event.missing, event.effect_id)))
            case CallLookedUp() | CallFailed():
                return replace(shown, message=self._message(event.call, event.message, classes))
            case DoubtRaised():
                return replace(event, why=self._scrubbed(event.call, event.why))
        return shown

    def _shares(self, shares: tuple[Share, ...], classes: tuple[str, ...]) -> tuple[Share, ...]:
        """What was taken of what runs share: of what, and how much, can be worked out from values; the clause says neither."""
        if not classes:
            return shares
        return tuple([replace(one, name=self._hide(one.name, classes), amount=0, used=0) for one in shares])

    def _awaited(self, event: PlaceAwaited, classes: tuple[str, ...]) -> str:
        """Of a stop, somebody's words; of anything else, words of ours that hold no value of the run."""
        return self._text(event.why, classes) if event.clause == "stop" else event.why

    def _asked(self, event: CallAsked, classes: tuple[str, ...], seq: int) -> Any:
        if event.problem:  # names of arguments that no tool has may be anything too
            args = self._body(event.args, classes)
        elif event.tool == "done" and event.effect == "builtin":
            args = self._output(event.args, classes)
        else:
            args = self._arguments(event.args, classes, seq)
        if not classes:
            return event
        tool = event.tool if event.problem == "" or event.tool in self._literal else "⟨tool⟩"
        sources = _narrowed(event.sources, args.value if isinstance(args, Inline) else None)
        return replace(self._texts(event, classes, "problem", "cursor"), args=args, tool=tool, sources=sources)

    def _closed(self, event: RunClosed, classes: tuple[str, ...]) -> RunClosed:
        reason = event.reason if event.outcome == "done" else self._text(event.reason, classes)
        return replace(event, reason=reason, output=self._output(event.output, classes))

    def _question(self, event: PersonAsked, classes: tuple[str, ...]) -> str:
        """The machine's own words with the values in them hidden; the agent's, as a whole."""
        if event.about == "limit":
            return event.text
        if event.about in ("review", "doubt", "surprise"):
            text = event.text
            for what, reference in self._disagreed.items():
                text = text.replace(what, reference)
            return self._scrubbed(event.call, text)
        return self._text(event.text, classes)

    def _message(self, call: int, text: str, classes: tuple[str, ...]) -> str:
        if text and classes:
            self._said_of.setdefault(call, []).append(text)
        return self._text(text, classes)

    # ------------------------------------------------------------------------------------------------------- the parts

    def _hide(self, value: Json, classes: tuple[str, ...]) -> str:
        self.classes.update(classes)
        return self._references.of(value, classes)

    def _text(self, text: str, classes: tuple[str, ...]) -> str:
        return self._hide(text, classes) if text and classes else text

    def _texts(self, event: Any, classes: tuple[str, ...], *names: str) -> Any:
        """An event with some of its texts hidden."""
        if not classes:
            return event
        return replace(event, **{name: self._text(getattr(event, name), classes) for name in names})

    def _wanted(self, wanted: Wanted, classes: tuple[str, ...]) -> Wanted:
        if not classes:
            return wanted
        tool = wanted.tool if wanted.tool in self._literal else "⟨tool⟩"
        return replace(wanted, tool=tool, args=self._text(wanted.args, classes))

    def _body(self, body: Any, classes: tuple[str, ...]) -> Any:
        """A body, hidden as a whole; what is shown of it is known to the viewer from then on."""
        if not classes:
            self._see(body)
            return body
        if isinstance(body, Stored):
            return Inline(self._hide(body.ref, classes))
        if isinstance(body, Inline | Loaded) and body.value is not None:
            return Inline(self._hide(body.value, classes))
        return body

    def _bodies(self, event: Any, classes: tuple[str, ...], *names: str) -> Any:
        changes: dict[str, Any] = {}
        for name in names:
            value = getattr(event, name)
            if isinstance(value, tuple):
                changes[name] = tuple([self._body(item, classes) for item in value])
            elif value is not None:
                changes[name] = self._body(value, classes)
        return replace(event, **changes) if changes and classes else event

    def _see(self, body: Body | None) -> None:
        if isinstance(body, Inline | Loaded):
            self._shown = self._shown.plus(Source("shown", trusted=True, value=body.value))

    def _adopt(self, contract: Body) -> None:
        """A contract is in the open: its names and words say nothing of what a run has read."""
        if isinstance(contract, Inline | Loaded) and isinstance(contract.value, dict):
            self._contract = contract.value
            words = {leaf for _, leaf in leaves(contract.value) if isinstance(leaf, str)}
            self._literal = frozenset(words | set(contract.value.get("tools") or ()) | _BUILTIN)

    def _known(self, leaf: Json) -> bool:
        """Whether a value stands in something the viewer was shown."""
        return origin(leaf, self._shown) != "model"

    def _leaves(self, value: Json, classes: tuple[str, ...], found: list[Json] | None = None) -> Json:
        """A value with each part hidden that stands in nothing the viewer was shown; names of its own fields are kept."""
        if isinstance(value, dict):
            return {name: self._part(item, classes, found) for name, item in value.items()}
        return self._part(value, classes, found)

    def _part(self, value: Json, classes: tuple[str, ...], found: list[Json] | None) -> Json:
        if isinstance(value, list):
            return [self._part(item, classes, found) for item in value]
        if isinstance(value, dict):  # its names may be data too
            every = [
                leaf for path, item in leaves(value) for leaf in (*re.split(r"[.\[\]]+", path), item) if leaf != ""
            ]
        else:
            every = [value]
        if all(self._known(leaf) for leaf in every):
            return value
        if found is not None:
            found += every
        return self._hide(value, classes)

    def _arguments(self, args: Body, classes: tuple[str, ...], call: int) -> Body:
        if not classes:
            self._see(args)
            return args
        if isinstance(args, Erased | Stored):
            return self._body(args, classes)  # type: ignore[no-any-return]  # a body, as it came
        found: list[Json] = []
        shown = self._leaves(args.value, classes, found)
        if found:
            self._said_of.setdefault(call, []).extend(found)
            self._given[call] = classes
        return Inline(shown)

    def _output(self, body: Body | None, classes: tuple[str, ...]) -> Body | None:
        """An output, field by field; one with fields that the contract does not name, as a whole."""
        if body is None or not classes or not isinstance(body, Inline | Loaded):
            return self._body(body, classes) if body is not None else None
        fields = self._contract.get("gives", {}).get("properties", {})
        if isinstance(body.value, dict) and set(body.value) <= set(fields):
            return Inline(self._leaves(body.value, classes))
        return Inline(self._part(body.value, classes, None))

    def _fired(self, call: int, fired: Fired) -> Fired:
        """A rule's words are the contract's; in those that the machine made, values of the call are hidden."""
        if fired.because in self._literal:
            return fired
        return replace(fired, because=self._scrubbed(call, fired.because))

    def _scrubbed(self, call: int, text: str) -> str:
        """Words that the machine composed of the values of a call, which stand in them as they are."""
        classes = hidden(self.carried.everything, self._sees)
        if classes:
            text = _CANNOT.sub(lambda found: f"{found[1]}{self._hide(found[2], classes)})", text)
        for value in sorted(self._said_of.get(call, ()), key=lambda one: -len(str(one))):
            for form in dict.fromkeys(_forms(value)):
                text = _without(text, form, lambda value=value: self._hide(value, classes or (UNLABELLED,)))
        return text


_WHOLE: Final[dict[type, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    RunOpened: ((), ("input", "attachments")),
    Said: ((), ("text", "attachments")),
    ModelAnswered: ((), ("text", "payload")),
    ModelFailed: (("message",), ()),
    OutputRejected: (("why",), ()),
    CallReturned: (("missing", "cursor", "effect_id"), ("result", "files")),
    ChildClosed: (("why",), ("result",)),
    ProgramCalled: ((), ("args",)),
    CallLookedUp: (("effect_id",), ("result", "files")),
    CallReturnedLate: (("missing", "cursor", "effect_id", "error"), ("result", "files")),
    CallSettled: (("text",), ("result",)),
    PersonAnswered: (("text",), ("value",)),
    AskedBack: (("text",), ()),
    Paused: (("why",), ()),
    CancelAsked: (("because",), ()),
    Noted: (("note",), ()),
}
"""Texts and bodies that are hidden as a whole, by the kind of entry."""

_OF_CALLS: Final = (CallReturned, CallReturnedLate, CallLookedUp, CallFailed, CallSettled, ChildClosed)
_BUILTIN: Final = frozenset({"done", "decline", "ask", "more"})


def _narrowed(sources: dict[str, str], args: Json) -> dict[str, str]:
    """Origins by the paths there are in arguments that are shown: names in a part that is hidden are hidden with it."""
    paths = [path for path, _ in leaves(args)]
    found: dict[str, str] = {}
    for path, origin_ in sources.items():
        kept = next((one for one in paths if path == one or path.startswith((f"{one}.", f"{one}["))), None)
        if kept is not None:
            found.setdefault(kept, origin_)
    return found


def _forms(value: Json) -> Iterable[str]:
    """How a value may stand in a sentence."""
    yield str(value)
    yield repr(value)[1:-1] if isinstance(value, str) else repr(value)
    yield json.dumps(value, ensure_ascii=False)[1:-1] if isinstance(value, str) else json.dumps(value)


def _without(text: str, form: str, reference: Any) -> str:
    if not form or form not in text:
        return text
    if len(form) >= SHORT:
        return text.replace(form, reference())
    return re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", lambda _: str(reference()), text)


def visible(
    entries: Iterable[Entry], sees: frozenset[str] | None, references: References | None = None
) -> tuple[list[Entry], Glass | None]:
    """The entries of a run as somebody sees them who sees these classes, and the glass they were seen through.

    None: who sees all, through no glass.
    """
    if sees is None:
        return list(entries), None
    glass = Glass(sees, references)
    return [glass.of(entry) for entry in entries], glass
