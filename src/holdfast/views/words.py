"""Values, calls and places in few words, the same on every face."""

from __future__ import annotations

import json
import re

from holdfast import units
from holdfast.events import Json
from holdfast.views import places
from holdfast.views.record import Call, Content, Trace

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def plain(text: str) -> str:
    """A text on one line, without control characters: what somebody else wrote must not move a reader's cursor."""
    return _CONTROL.sub(" ", text)


def shortened(text: str, limit: int) -> str:
    """At most `limit` characters of a text on one line; what was cut is said in characters."""
    text = " ".join(plain(text).split())
    if len(text) <= limit:
        return text
    mark = f"… (+{len(text) - limit} characters)"
    return f"{text[:limit].rstrip()}{mark}"


def value(value: Json, limit: int = 80) -> str:
    """A JSON value on one line: a text in quotes, anything else as JSON with room to breathe."""
    return shortened(json.dumps(value, ensure_ascii=False), limit)


def words(value_: Json, limit: int = 200) -> str:
    """A value as a sentence has it: a text as it is, anything else as JSON."""
    return shortened(value_, limit) if isinstance(value_, str) else value(value_, limit)


def said(content: Content | None, limit: int = 200) -> str:
    """What a body holds, in one line."""
    if content is None:
        return ""
    return f"[erased, {content.size} bytes]" if content.erased else words(content.value, limit)


def args(content: Content, limit: int = 160) -> str:
    """Arguments as they stand between a call's brackets."""
    if content.erased:
        return "[erased]"
    given = content.value
    if not isinstance(given, dict):
        return words(given, limit)
    each = max(24, limit // max(len(given), 1))
    return shortened(", ".join(f"{name}={value(item, each)}" for name, item in given.items()), limit * 2)


def called(call: Call, limit: int = 160) -> str:
    """A call as one writes it down: `issue_refund(order_id="O-1", cents=300)`."""
    return f"{plain(call.tool)}({args(call.args, limit)})"


def count(number: int, one: str, many: str = "") -> str:
    """A number with its noun: `1 entry`, `2 entries`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(parts: list[str], last: str = "and") -> str:
    """Words in a row: `a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}" if parts else ""


def origin(trace: Trace, name: str) -> tuple[str, tuple[int, ...]]:
    """(where a value came from, in words; the entries that show it)."""
    kind, _, place = name.partition(":")
    seq = int(place) if place.isdigit() else 0
    match kind:
        case "input":
            return "the request", (1,)
        case "said":
            return "what the requester said", (seq,)
        case "person":
            return f"{place}, in the review", ()
        case "trusted" | "untrusted":
            return _result(trace, seq, trusted=kind == "trusted"), (seq,)
        case "model":
            return "the model itself: it stands in nothing the run has read", ()
    return name, ()


def _result(trace: Trace, seq: int, *, trusted: bool) -> str:
    if seq == 1:
        return (
            "what was attached to the request"
            if trace.attachments
            else "a part of the request that anyone may have written"
        )
    tool = next((call.tool for call in trace.calls.values() if seq in (call.answered, *_ends(call))), "")
    if not tool:
        return "an attachment"
    return f"the result of {tool}" if trusted else f"the result of {tool}, which anyone may have written"


def _ends(call: Call) -> tuple[int, ...]:
    return tuple(attempt.ended for attempt in call.tried)


_STAGES = {
    "asked": "proposed",
    "held": "waits for a person",
    "cleared": "may start",
    "running": "running",
    "failed": "will be tried again",
    "unsure": "outcome unknown",
    "doubt": "in doubt",
    "answered": "answered",
}


def _waits(call: Call) -> str:
    """For which run, or for what of many runs, a call waits; empty where it does not."""
    if call.stage == "running" and call.child:
        return f"waits for the run {call.child}"
    return places.fate(call.waited) if call.stage in ("cleared", "failed", "unsure") else ""


def _under_way(call: Call) -> str:
    """How long work that was begun stands: `working: 40 %, asked again at 13:05:07`; empty for any other call."""
    if call.stage != "unsure" or call.complete != "started":
        return ""
    last = call.looked[-1] if call.looked else None
    if last is None or last.answer != "pending":
        return "working"
    progress = f": {shortened(last.message, 80)}" if last.message else ""
    return f"working{progress}" + (f", asked again at {units.say_at(last.again_at)[11:]}" if last.again_at else "")


def fate(call: Call) -> str:
    """What became of a call, in a word or two."""
    match call.ending:
        case "returned" | "found" | "late":
            return {"partial": "done in part", "simulated": "simulated"}.get(call.complete, "done")
        case "settled":
            return {"happened": "happened", "did_not": "did not happen", "stop": "unresolved"}[call.rulings[-1].verdict]
        case "answered":
            return "answered"
        case "accepted":
            return "accepted"
        case "refused":
            return "refused"
        case "denied":
            return "denied"
        case "given_up":
            return "given up"
        case "told":
            return "not done"
        case "asked_back":
            return "asked back"
        case "rejected":
            return "not accepted"
        case "absent":
            return "did not happen"
        case "ended":
            return (call.delegated.outcome if call.delegated is not None else None) or "ended"
    return _waits(call) or _under_way(call) or _STAGES[call.stage]
