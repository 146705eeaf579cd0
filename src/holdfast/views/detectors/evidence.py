"""What a write rests on: 11 no verification after a write, 12 verification contradicted, 17 context dilution, 20 stale evidence.

They need to know which reading is about the thing that is written. A journal says so where the contract does: under
`needs`, with an argument bound. Writes without that are not looked at, and count for none.
"""

from __future__ import annotations

from collections.abc import Iterator

from holdfast import units
from holdfast.core.findings import bound_arguments, plain
from holdfast.core.prompt import WINDOW, text_of
from holdfast.events import Json
from holdfast.views import words
from holdfast.views.account import evidence
from holdfast.views.detectors.finding import Case, Hit, called, key
from holdfast.views.record import Call


def unverified(case: Case) -> Iterator[Hit]:
    """11, E. A write was done and the run ended as done without reading again what it was about.

    Origin: MAST 3.2, no or incomplete verification. A write whose result names its effect (`effect_id`) verifies itself
    and is left out. False positives: a result that is a receipt without naming one.
    """
    for call in case.effects:
        readings = _about(case, call)
        if not readings or not case.done or call.effect_id:
            continue
        again = case.read_as(_things(case, call))
        if not any(call.answered < one.seq < case.done for one in again):
            names = words.listed(sorted(readings), "or")
            yield Hit((call.answered, case.done), f"after {called(call)} nobody called {names} again", call.tool)


def contradicted(case: Case) -> Iterator[Hit]:
    """12, S. A write was done, the run ended as done, and the last reading of what was written says something else.

    Something else: it has a field named like an argument of the write, with another value. No write says what state it
    intends, so a name stands for that, and the rule is only suspect. Origin: MAST 3.3, incorrect verification. False
    positives: another system that takes its time to show a change; a field of the same name that means another thing, such
    as a sum where the argument was a part.
    """
    for call in case.effects:
        about = _about(case, call)
        reading = _after(case, call) if about and case.done else None
        if reading is None or reading.result is None or not isinstance(reading.result.value, dict):
            continue
        bound, has = bound_arguments(case.terms(call.tool).get("needs", {})), reading.result.value
        given = call.args.value if isinstance(call.args.value, dict) else {}
        for name, value in given.items():
            if name in bound or name not in has or isinstance(value, dict | list) or plain(value) == plain(has[name]):
                continue
            text = f"{called(call)} was done, and then {reading.tool} said {name} = {words.value(has[name], 40)}"
            yield Hit((call.answered, reading.answered, case.done), text, call.tool)
            break


def _after(case: Case, call: Call) -> Call | None:
    """The last reading of what a call wrote; None where another effect on it came between, or none was made."""
    things = _things(case, call)
    again = [one for one in case.read_as(things) if call.answered < one.seq < case.done]
    if not again:
        return None
    for other in case.effects:
        if call.answered < other.answered < again[-1].answered and _things(case, other) & things:
            return None
    return again[-1]


def unshown(case: Case) -> Iterator[Hit]:
    """17, E. A write was started on a reading that the contract wants, and the model had been shown only a part of it.

    A part: the result was too long for the prompt, and the model did not ask for all of the rest before it proposed the
    write. Nothing else ever leaves a prompt yet. Origin: MAST 1.4, loss of context. False positives: what mattered stood in
    the part that was shown.
    """
    for call in case.calls:
        if call.effect != "write" or not call.tried:
            continue
        for tool, reading in _rests_on(case, call).items():
            whole = 0 if reading.serves or reading.result is None else len(text_of(reading.result.value))
            shown = _shown(case, reading, call)
            if shown < whole:
                text = f"{call.tool} rested on a {tool} of {whole:,} characters, of which the model had been shown {shown:,}"
                yield Hit((reading.answered, call.seq), text, call.tool)


def _shown(case: Case, reading: Call, before: Call) -> int:
    """Characters of a result that the model had been shown, from its beginning, when it proposed a call."""
    asked = [
        one for one in case.seen.calls.values() if one.tool == "more" and one.ok and one.answered < before.manifest
    ]
    given = [one.args.value for one in asked if isinstance(one.args.value, dict)]
    starts = [one.get("start") for one in given if str(one.get("result")) == str(reading.answered)]
    shown = WINDOW
    for start in sorted(start for start in starts if isinstance(start, int)):
        shown = max(shown, start + WINDOW) if start <= shown else shown
    return shown


def stale(case: Case) -> Iterator[Hit]:
    """20, S. A write was started on a reading older than the contract wants it, or from before another write to the same.

    Origin: this project's brief. False positives: things that do not change. The first the kernel keeps by itself (rule
    34: it reads again before it acts), so a hit says that it was not the kernel; the second it does not see.
    """
    for call in case.calls:
        if call.effect != "write" or not call.tried:
            continue
        start = call.tried[0]
        fresh = _fresh(case.terms(call.tool))
        for tool, reading in _about(case, call).items():
            read_at = case.seen.when(reading.answered)
            if fresh is not None and start.at - read_at > fresh:
                age = units.say_duration(start.at - read_at)
                yield Hit(
                    (reading.answered, start.seq), f"{call.tool} rested on a {tool} that was {age} old", call.tool
                )
        yield from _overtaken(case, call)


def _fresh(terms: dict[str, Json]) -> int | None:
    """How old evidence may be, in µs; None where the contract says nothing that can be read."""
    try:
        return units.duration(terms["fresh"]) if terms.get("fresh") is not None else None
    except ValueError:
        return None


def _overtaken(case: Case, call: Call) -> Iterator[Hit]:
    start = call.tried[0].seq
    for tool, reading in _about(case, call).items():
        for other in case.effects:
            between = other.seq != call.seq and reading.answered < other.answered < start
            if between and key(reading) in _things(case, other):
                text = f"{call.tool} rested on a {tool} from before {called(other)}"
                yield Hit((reading.answered, other.answered, start), text, call.tool)
                return


def _rests_on(case: Case, call: Call) -> dict[str, Call]:
    """The readings the contract wants for a call, by tool."""
    if call.seq not in case.evidence:
        needed = case.terms(call.tool).get("needs")
        case.evidence[call.seq] = evidence(case.seen, call) if needed else {}
    return case.evidence[call.seq]


def _about(case: Case, call: Call) -> dict[str, Call]:
    """The readings the contract wants about the very thing that a call writes, by tool."""
    needs = case.terms(call.tool).get("needs", {})
    return {tool: reading for tool, reading in _rests_on(case, call).items() if needs.get(tool)}


def _things(case: Case, call: Call) -> frozenset[bytes]:
    """What a call writes, as the keys of the readings about it."""
    if call.seq not in case.things:
        keys = (key(reading) for reading in _about(case, call).values())
        case.things[call.seq] = frozenset(one for one in keys if one is not None)
    return case.things[call.seq]
