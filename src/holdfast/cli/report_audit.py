"""The sections of a report about the record: what checking it found, and what it holds of governance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from holdfast import units
from holdfast.cli.report_parts import Block, Evidence, Fact, Facts, Lacking, Para
from holdfast.evals.readiness.report import Audit, Report
from holdfast.evals.readiness.rows import EU, NIST, Row
from holdfast.views import words


def audit(found: Report) -> Iterator[Block]:
    """Whether the journal of production holds what was written to it."""
    seen = found.audit
    if found.unreadable:
        many = words.count(found.unreadable, "run")
        yield Para(
            f"{many} of these journals cannot be read, since they are not what was written: they are in no figure.",
            "bad",
        )
    if seen is None or not seen.entries:
        yield Lacking("there is no journal of production, or nothing in it", f"holdfast run {found.called}")
        return
    yield Facts((
        Fact("chain of each run", "damaged" if seen.damaged else "holds", f"{seen.entries:,} entries of {words.count(seen.runs, 'run')}",
             "bad" if seen.damaged else "good"),
        Fact("checkpoints", f"{seen.checkpoints:,}" if seen.checkpoints else "none", _last(seen), "" if seen.checkpoints else "warn"),
        Fact("anchored elsewhere", f"up to {seen.anchored}" if seen.anchored else "not seen", _anchors(seen),
             "" if seen.anchored else "warn"),
        Fact("erased", f"{seen.erased:,}", "bodies, as entries say"),
    ))  # fmt: skip
    if seen.damaged:
        yield Para(
            f"{words.count(seen.damaged, 'place')} of the journal is not what was written: holdfast verify --journal {found.journal} says "
            "which. Nothing else in this report is worth more than that.", "bad",
        )  # fmt: skip
    if not seen.checkpoints:
        yield Lacking(
            "no checkpoint: whole runs, or ends of them, could be missing",
            "holdfast checkpoint --key FILE --anchor URL",
        )
    elif not seen.keys:
        yield Para("No public key was given, so nobody's signature was checked: --pub FILE.", "warn")
    if seen.viewings:
        yield Para(
            f"Access log: {words.count(seen.viewings, 'viewing')} recorded (holdfast access --journal {found.journal})."
        )
    else:
        yield Lacking("who looked at runs: there is no access log", "[access] log = true in holdfast.toml")
    live = found.production
    if live is not None:
        yield Para(
            f"{words.count(live.erased, 'run')} had something erased by a person or for its age. {_versions(found)}",
            "dim",
        )


def _last(seen: Audit) -> str:
    if not seen.checkpoints:
        return "nothing would show a missing end"
    return f"the last at {units.say_at(seen.last_at)}, {seen.uncovered:,} entries after it"


def _anchors(seen: Audit) -> str:
    return words.count(seen.anchors, "anchor") + " asked" if seen.anchors else "no anchor was named: --anchor URL"


def _versions(found: Report) -> str:
    live = found.production
    if live is None:
        return ""
    many = [
        f"{one.digest[:12]} ({words.count(one.runs, 'run')} from {units.say_at(one.first)})"
        for one in live.contracts[-5:]
    ]
    return f"Contracts, each kept in the journal: {words.listed(many)}."


def governance(rows: Sequence[Row]) -> Iterator[Block]:
    """Each row with its evidence, or without."""
    there = sum(row.evidenced for row in rows)
    yield Para(
        f"{there} of {len(rows)} rows have evidence here. A row says what these journals hold that bears on an action or an article, "
        "and where to see it. No row claims compliance; whether what was found is enough is for whoever has to answer for it."
    )
    for source, title in ((NIST, "NIST AI 600-1, by the ids of its actions"), (EU, "EU AI Act")):
        yield Evidence(title, tuple(row for row in rows if row.source == source))
