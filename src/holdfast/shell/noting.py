"""Making a note: what somebody says of a run, checked before it is written, by the contract the run went under."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.errors import InputError, UsageError
from holdfast.events import Entry, Inline, Json, Noted
from holdfast.shape import Misfit, SchemaShape
from holdfast.tool import Tool
from holdfast.views import words
from holdfast.views.feedback import DONE, call_of
from holdfast.views.record import Call, Trace
from holdfast.views.trace import trace

VERDICTS = ("good", "bad", "note")


def noted(
    entries: Sequence[Entry],
    finding: str,
    *,
    by: str,
    text: str = "",
    score: float | None = None,
    seq: int = 0,
    correct: Mapping[str, Json] | None = None,
    tools: Mapping[str, Tool[..., Any]] | None = None,
) -> Noted:
    """A note about a run, or about entry `seq` of it.

    correct: path → what should have stood there, in the arguments of the call that the entry belongs to, or in the output.
    tools: the agent's, where they are at hand, to check arguments by; an output is checked by the contract in the journal.

    Raises UsageError for what is not there, InputError for a correction that does not fit.
    """
    seen = trace(entries)
    if not by:
        raise UsageError("nobody is named as saying it", run=seen.run, hint="say who you are: --as alice")
    if not finding or (finding == "note" and not text and not correct):
        raise UsageError("it says nothing", run=seen.run, hint="good, bad, or a text")
    if seq and not 0 < seq <= len(entries):
        raise UsageError(f"there is no entry {seq}; it has {len(entries)}", run=seen.run)
    if score is not None and not math.isfinite(score):
        raise UsageError(f"{score} is no score", run=seen.run)
    call = call_of(seen, seq) if seq else None
    evidence = (call.seq,) if call is not None and correct else (seq,) if seq else ()
    if not correct:
        return Noted(by, finding, score, text, evidence)
    if call is not None and call.tool != DONE:
        value = _arguments(seen, call, correct, tools or {})
        return Noted(by, finding, score, text, evidence, Inline(value))
    if seq and call is None:
        raise UsageError("that entry belongs to no call, and has nothing to correct", run=seen.run, seq=seq)
    return Noted(by, finding, score, text, *_output(seen, correct))


def correctable(seen: Trace, seq: int) -> Json:
    """What a correction would be to: the arguments of the call that entry `seq` belongs to, or the output."""
    call = call_of(seen, seq) if seq else None
    if call is not None and call.tool != DONE:
        return call.args.value
    return seen.end.output.value if seen.end is not None and seen.end.output is not None else None


def _output(seen: Trace, correct: Mapping[str, Json]) -> tuple[tuple[int, ...], Inline]:
    end = seen.end
    if end is None or end.output is None:
        raise UsageError("it has no output to correct", run=seen.run, hint="name an entry of a call with --seq")
    if end.output.erased or not isinstance(seen.contract, dict):
        raise UsageError("its output was erased", run=seen.run)
    value, gives = _changed(end.output.value, correct, "the output"), seen.contract["gives"]
    if isinstance(value, dict) and "properties" in gives:  # a schema lets names in that the type behind it would drop
        strange = [name for name in value if name not in end.output.value and name not in gives["properties"]]
        if strange:
            raise InputError(f"the output has no {', '.join(strange)}", run=seen.run, seq=end.seq)
    try:
        return (end.seq,), Inline(SchemaShape(gives).check(value))
    except Misfit as error:
        raise InputError(f"the output could not have been that: {error}", run=seen.run) from None


def _arguments(seen: Trace, call: Call, correct: Mapping[str, Json], tools: Mapping[str, Tool[..., Any]]) -> Json:
    if call.args.erased or not isinstance(call.args.value, dict):
        raise UsageError("its arguments are erased, or none", run=seen.run, seq=call.seq)
    value = _changed(call.args.value, correct, words.plain(call.tool))
    made = tools.get(call.tool)
    if made is None:  # the types of a tool are its code's; here the values that were given stand for them
        _same_kinds(seen, call, value)
        return value
    try:
        return made.takes.check(value)
    except Misfit as error:
        raise InputError(f"{call.tool} could not have been called so: {error}", run=seen.run, seq=call.seq) from None


def _same_kinds(seen: Trace, call: Call, value: Mapping[str, Json]) -> None:
    for name, new in value.items():
        old = call.args.value.get(name)
        if name not in call.args.value:
            what, hint = (
                f"{call.tool} was not called with {name}",
                f"it was with {', '.join(call.args.value) or 'nothing'}",
            )
            raise InputError(what, run=seen.run, seq=call.seq, hint=f"{hint}; name the agent to add an argument")
        if old is not None and new is not None and _kind(old) != _kind(new):
            what = f"{name} of {call.tool} is {_kind(old)}, and {words.value(new, 40)} is {_kind(new)}"
            raise InputError(what, run=seen.run, seq=call.seq)


def _kind(value: Json) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return "a text" if isinstance(value, str) else "a list" if isinstance(value, list) else "an object"


def _changed(value: Json, correct: Mapping[str, Json], whose: str) -> Json:
    """A value with others at some paths. Raises InputError for a path that leads nowhere."""
    for path, new in correct.items():
        value = _put(value, path.replace("[", ".[").split("."), new, f"{whose} has nothing at {path}")
    return value


def _put(value: Json, parts: Sequence[str], new: Json, nowhere: str) -> Json:
    if not parts:
        return new
    first, rest = parts[0], parts[1:]
    if isinstance(value, dict) and first and (first in value or not rest):
        return {**value, first: _put(value.get(first), rest, new, nowhere)}
    place = first.removeprefix("[").removesuffix("]")
    if isinstance(value, list) and first.startswith("[") and place.isdigit() and int(place) < len(value):
        at = int(place)
        return [*value[:at], _put(value[at], rest, new, nowhere), *value[at + 1 :]]
    raise InputError(nowhere)
