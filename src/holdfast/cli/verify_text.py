"""What a check found, in sentences for people; and what it could not have found."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast import units
from holdfast.cli.verify_report import Report
from holdfast.views import words


def text(report: Report) -> Iterator[str]:
    """The lines of a report."""
    yield _checked(report)
    if report.checkpoints is not None:
        yield from _signed(report)
    if report.erased:
        yield f"{words.count(report.erased, 'body was', 'bodies were')} erased, as their runs say"
    if report.unkeyed:
        yield f"{words.count(report.unkeyed, 'body', 'bodies')} could not be checked: the secret of the run is gone"
    if report.newer:
        count = words.count(report.newer, "entry was", "entries were")
        yield f"{count} written by a newer holdfast: the chain holds, what they say was not read"
    for damage in report.damaged:
        yield words.plain(damage.sentence)
    if report.more:
        yield f"and {report.more:,} more"
    yield _verdict(report)


def notes(report: Report) -> Iterator[str]:
    """What is said beside the report, to whoever watches."""
    if report.checkpoints is None and report.uncovered and not report.damaged:
        yield (
            f"no checkpoint covers any of these {words.count(report.uncovered, 'entry', 'entries')}: whoever can write to the"
            " journal could have\nchained all of it anew, or removed a whole run (holdfast checkpoint takes one)"
        )


def _checked(report: Report) -> str:
    parts = [words.count(report.entries, "entry", "entries")]
    if not report.export:
        parts.append(words.count(report.bodies, "body", "bodies"))
    what = words.count(report.runs, "run")
    if report.checkpoints:
        what += f" and {words.count(report.checkpoints, 'checkpoint')}"
    return f"checked {what}: {' and '.join(parts)}, in {units.say_duration(report.took)}"


def _signed(report: Report) -> Iterator[str]:
    """What checkpoints say of it, and what nobody does."""
    if report.part and report.checkpoints:
        later = f"; {words.count(report.uncovered, 'entry', 'entries')} came later" if report.uncovered else ""
        yield f"it was compared with checkpoint {report.last}, by the proof of each run{later}"
    elif report.checkpoints:
        yield f"checkpoint {report.last} is the last that agrees with what it covers; {_after(report)}"
    elif report.since:
        yield f"no checkpoint after {report.since}; {_after(report)}"
    else:
        yield f"no checkpoint covers any of it: {_after(report)}"
    if not report.checkpoints and not report.since:
        return
    if report.keys:
        yield f"signatures were checked against {words.listed(list(report.keys), 'and')}"
    else:
        yield "who signed was not looked at: --pub FILE names the keys that you trust"
    if not report.anchors:
        yield "no copy elsewhere was compared: whoever has the key can write everything anew (--anchor URL)"
    elif report.anchored:
        yield f"checkpoint {report.anchored} is the last that an anchor holds too: {words.listed(list(report.anchors))}"
    else:
        yield f"no anchor holds any of these checkpoints: {words.listed(list(report.anchors))}"


def _after(report: Report) -> str:
    if not report.uncovered:
        return "no entry of a run came after it" if report.checkpoints or report.since else "there are none"
    return f"{words.count(report.uncovered, 'entry', 'entries')} that no checkpoint covers could be changed or cut off unseen"


def _verdict(report: Report) -> str:
    if report.damaged:
        if report.checkpoints is not None:
            return "not everything is what was written"
        return "not everything is what was written; keep a copy of the file before anything else"
    if report.part:
        return "every run in it is what was written; whether others were left out, a part of a journal cannot show"
    return (
        f"everything since checkpoint {report.since} is what was written"
        if report.since
        else "everything is what was written"
    )
