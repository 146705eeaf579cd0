"""What a run's acts rest on: approved, evidence, grounded, and the detectors. These need a trace, the dearest thing there is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from holdfast.core.findings import missing
from holdfast.evals.grading.finished import Finished, Miss, Part
from holdfast.views import account, detectors, words
from holdfast.views.detectors import arguments, bounds
from holdfast.views.detectors.finding import called, refused_itself
from holdfast.views.record import Call

ANY: Final = "any"
"""Stands for every detector that is exact."""


def approved(finished: Finished) -> Iterator[Miss]:
    """Each started write of these tools had the standing yes of a person to the arguments it was started with."""
    tools = finished.case.expect.approved
    if not tools:
        return
    for part in finished.parts:
        case = detectors.Case(part.entries, part.trace)
        unreviewed = [call for call in case.calls if call.tool in tools and call.tried and not _reviewed(call)]
        for call in unreviewed:
            why = f"{called(call)} was started{part.where}, and nobody had been asked"
            yield Miss("approved", why, part.seqs((call.seq, call.tried[0].seq)))
        for hit in bounds.unapproved(case):
            if hit.tool in tools:
                yield Miss("approved", hit.sentence + part.where, part.seqs(hit.seqs))


def _reviewed(call: Call) -> bool:
    """Whether the contract wanted a person for a call before it was started."""
    return any(one.verdict == "review" and one.seq < call.tried[0].seq for one in call.judged)


def evidence(finished: Finished) -> Iterator[Miss]:
    """Before each start of these, what they rest on had been read: with success, completely, and so that the model had seen it.

    About the same thing, where the contract's `needs` says which that is. A reading that the model had not been shown when
    it proposed the call is none, however early it came. What `needs` does not say may have been read in another run of the
    tree too, where that was over before this one was opened, or stands above it.
    """
    wanted = finished.case.expect.evidence
    if not wanted:
        return
    for part in finished.parts:
        seen = part.trace
        for call in seen.calls.values():
            if call.tool not in wanted or not call.tried or call.serves:
                continue
            bound = account.grant(seen, call.tool).get("needs", {})
            rests_on = account.evidence(seen, call)
            for tool in wanted[call.tool]:
                readings = [one for one in seen.calls.values() if one.tool == tool]
                if tool in bound:
                    reading = rests_on.get(tool)
                    held = reading is not None and _whole(reading)
                else:
                    held = any(_whole(one) and _shown(one, call) for one in readings)
                    held = held or _elsewhere(finished, part, tool)
                if not held:
                    why = f"{called(call)} was started{part.where}, and {_unread(tool, readings, call)}"
                    seqs = (*(one.seq for one in readings), call.seq, call.tried[0].seq)
                    yield Miss("evidence", why, part.seqs(seqs))


def _elsewhere(finished: Finished, reader: Part, tool: str) -> bool:
    """Whether another run of the tree had read it in time for this one to be told."""
    return any(
        _whole(one) and finished.told(part, reader, one.answered)
        for part in finished.parts if part is not reader
        for one in part.trace.calls.values() if one.tool == tool
    )  # fmt: skip


def _whole(reading: Call) -> bool:
    """Whether a reading gave all there is, and no error."""
    if not reading.ok or reading.complete != "complete" or refused_itself(reading):
        return False
    value = reading.result.value if reading.result is not None else None
    return bool(reading.inner) or not missing(reading.complete, reading.missing, value)


def _shown(reading: Call, call: Call) -> bool:
    """Whether the model had a reading before it when it proposed a call, or the machine made it for that call."""
    return 0 < reading.answered < call.manifest or reading.serves == call.seq


def _unread(tool: str, readings: list[Call], call: Call) -> str:
    """What there was of a tool instead of a whole reading in time."""
    earlier = [one for one in readings if one.answered and one.answered < call.tried[0].seq]
    if not readings:
        return f"{tool} was never called"
    if not earlier:
        return f"{tool} had given no result before"
    if not any(_whole(one) for one in earlier):
        return f"no reading of {tool} before that was whole"
    if not any(_whole(one) and _shown(one, call) for one in earlier):
        return f"the model had not seen the result of {tool} when it proposed this"
    return f"what had been read with {tool} was about something else"


def grounded(finished: Finished) -> Iterator[Miss]:
    """No write was started with an id, amount or date out of nowhere; see detector 7.

    To a run that another one opened, what it was handed is what it was told.
    """
    if not finished.case.expect.grounded:
        return
    for part in finished.parts:
        for hit in arguments.ungrounded(detectors.Case(part.entries, part.trace)):
            yield Miss("grounded", hit.sentence + part.where, part.seqs(hit.seqs))


def findings(finished: Finished) -> Iterator[Miss]:
    """The detectors that are named find nothing, in any of its runs; `any` names those that are exact."""
    names = finished.case.expect.findings
    if not names:
        return
    rules = [rule for rule in detectors.RULES if rule.name in names or (rule.grade == "E" and ANY in names)]
    for part in finished.parts:
        for found in detectors.detect(part.entries, part.trace, rules, finished.under(part)):
            suspect = " (suspect: it may be otherwise)" if found.grade == "S" else ""
            why = f"{found.name}{suspect}, {words.plain(found.sentence)}{part.where}"
            yield Miss("findings", why, part.seqs(found.seqs))
