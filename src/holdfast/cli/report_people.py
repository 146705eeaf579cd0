"""The section of a report about people: what they were asked, how they decided, and what they stopped."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast import units
from holdfast.cli.report_parts import Block, Cell, Fact, Facts, Lacking, Para, Table, cells
from holdfast.evals.readiness.found import percent, span
from holdfast.evals.readiness.report import Report
from holdfast.evals.scores.band import banded
from holdfast.evals.stats.rates import wilson
from holdfast.views import words
from holdfast.views.oversight import QUICK, Oversight

FEW = 20
"""Approvals below which a share of quick ones says little."""


def people(found: Report) -> Iterator[Block]:
    """What people had to do with runs of production."""
    live = found.production
    if live is None:
        yield Lacking("there is no run of production", f"holdfast run {found.called}")
        return
    seen = live.oversight
    if not seen.any:
        yield Lacking(
            f"in {words.count(live.runs, 'run')} no person was asked, decided or stopped anything", "holdfast review"
        )
        return
    decided = seen.approvals + seen.amendments + seen.denials
    yield Facts((
        Fact("put before people", f"{sum(seen.asked.values()):,}", _asked(seen)),
        Fact("approval takes", _time(seen.median), f"median; p90 {_time(seen.p90)}" if seen.median is not None else "nothing was approved"),
        Fact("agreement", percent(seen.agreement) if seen.agreement is not None else "none",
             f"{seen.approvals:,} of {words.count(decided, 'reviewed proposal')} stood as they were"),
        Fact("overrides", f"{seen.overrides:,}", "amended, denied, taken over, stopped or cancelled"),
    ))  # fmt: skip
    rows = [
        cells(name, Cell(f"{number:,}"), Cell(note, "dim"))
        for name, number, note in (
            ("approved", seen.approvals, "as it was proposed, or as another reviewer amended it"),
            ("amended", seen.amendments, "arguments changed by a reviewer, and judged again"),
            ("denied", seen.denials, f"{seen.reasoned:,} with a reason"),
            ("taken over", seen.taken, "the run was handed to a person"),
            ("writes in doubt settled", seen.settled, f"of {words.count(live.doubts, 'write')} in doubt"),
            ("ceilings raised", seen.granted, ""), ("put under another contract", seen.adopted, ""),
            ("contracts accepted for new runs", seen.published, ""),
            ("asked before deciding", seen.asked_back, "the agent, or the requester"),
            ("expired", seen.expired, "nobody answered in time"), ("open", seen.open, "wait for somebody now"),
            ("needed no answer any more", seen.withdrawn, ""),
            ("stopped", seen.stops, ""),
            ("cancelled", seen.cancels, f"closed within {_time(seen.to_close)}, in the median" if seen.to_close is not None else ""),
        )
    ]  # fmt: skip
    yield Table(("what people did", "times", ""), tuple(rows), frozenset({0, 2}), wide=2)
    yield from _remarks(seen)


def _remarks(seen: Oversight) -> Iterator[Block]:
    if seen.stops + seen.cancels:
        tone, many = (
            ("good", "nothing") if not seen.started_after else ("warn", f"{seen.started_after:,} calls or requests")
        )
        yield Para(f"After a stop or a cancel {many} began.", "good" if tone == "good" else "warn")
    if seen.approvals:
        yield Para(_quick(seen), "warn" if seen.approvals >= FEW and 2 * seen.quick > seen.approvals else "")
    if seen.asserted:
        yield Para(
            f"{seen.asserted:,} of {words.count(seen.answered, 'answer')} bear a name that was merely given, and that nothing proves.",
            "warn",
        )
    if seen.services:
        yield Para(
            f"{words.count(seen.services, 'answer')} came from a service and no person; they count in nothing above.",
            "warn",
        )


def _quick(seen: Oversight) -> str:
    band = banded(wilson(seen.quick, seen.approvals))
    few = " That many are few to say anything by." if seen.approvals < FEW else ""
    return (
        f"{seen.quick:,} of {words.count(seen.approvals, 'approval')} ({span(band)}) came within {units.say_duration(QUICK)} "
        "of the question. That may be practice with plain cases, or approving unread: a journal cannot tell which, and a "
        f"large share is worth a look at some of them.{few}"
    )


def _asked(seen: Oversight) -> str:
    return words.listed([f"{name} {many:,}" for name, many in seen.asked.items()])


def _time(us: int | None) -> str:
    return units.say_duration(us) if us is not None else "–"
