"""What a write rests on: 11 no verification after a write, 20 stale evidence.

Both need to know which reading is about the thing that is written. A journal says so where the contract does: under
`needs`, with an argument bound. Writes without that are not looked at, and count for neither.
"""

from __future__ import annotations

from collections.abc import Iterator

from holdfast import units
from holdfast.events import Json
from holdfast.views import words
from holdfast.views.account import evidence
from holdfast.views.detectors.finding import Case, Hit, key
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
        again = [one for one in case.calls if call.answered < one.seq < case.done and one.ok]
        if not {key(one) for one in again} & {key(reading) for reading in readings.values()}:
            names = words.listed(sorted(readings), "or")
            yield Hit((call.answered, case.done), f"after {words.called(call)} nobody called {names} again", call.tool)


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
            read_at = next((one.at for one in case.entries if one.seq == reading.answered), start.at)
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
            same = {key(one) for one in _about(case, other).values()}
            if other.seq != call.seq and reading.answered < other.answered < start and key(reading) in same:
                text = f"{call.tool} rested on a {tool} from before {words.called(other)}"
                yield Hit((reading.answered, other.answered, start), text, call.tool)
                return


def _about(case: Case, call: Call) -> dict[str, Call]:
    """The readings the contract wants about the very thing that a call writes, by tool."""
    needs = case.terms(call.tool).get("needs", {})
    bound = {tool for tool, binding in needs.items() if binding}
    return {tool: reading for tool, reading in evidence(case.seen, call).items() if tool in bound}
