"""The summary of a batch: outcomes, money and time, who is waited for, what was refused and why."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from holdfast import units
from holdfast.cli import out
from holdfast.cli.lines import BadLine
from holdfast.cli.progress import quantile
from holdfast.cli.standing import COLOURS, Standing
from holdfast.views import words
from holdfast.views.record import Trace

if TYPE_CHECKING:
    from rich.console import RenderableType

TOP: Final = 6
"""Reasons that are listed."""

ORDER: Final = ("done", "declined", "escalated", "waiting", "working", "stopped", "failed", "cancelled")


class Refusal(Struct, frozen=True):
    """A call that the contract or a person did not let through."""

    tool: str
    rule: str
    because: str


class Ended(Struct, frozen=True):
    """What became of one line."""

    line: int
    key: str
    standing: Standing
    nusd: int
    took: int
    before: bool
    """It had been finished before."""
    refused: tuple[Refusal, ...] = ()


class Summary(Struct, frozen=True, kw_only=True):
    """What became of a batch."""

    file: str
    agent: str
    ended: tuple[Ended, ...]
    bad: tuple[BadLine, ...]
    took: int
    same: int = 0
    """Lines that carried the key of another one."""
    worst: int = 0
    """The exit code of what went wrong apart from the runs themselves."""

    @property
    def code(self) -> int:
        """The exit code: what went wrong, else what did not succeed, else what waits."""
        codes = {one.standing.code for one in self.ended}
        return self.worst or next((code for code in (1, 2) if code in codes), 0)


def refusals(seen: Trace) -> tuple[Refusal, ...]:
    """The calls of a run that were refused or denied, each by the first rule that did it."""
    found: list[Refusal] = []
    for call in seen.calls.values():
        if call.ending == "denied":
            found.append(Refusal(call.tool, "a reviewer", call.told or "denied"))
        elif call.ending == "refused":
            fired = next((rule for rule in call.judged[-1].rules if rule.verdict == "refuse"), None)
            if fired is not None:
                found.append(Refusal(call.tool, fired.rule, fired.because))
    return tuple(found)


def show(summary: Summary, *, as_json: bool) -> None:
    """Print a summary."""
    if as_json:
        out.give(_object(summary))
        return
    out.show(*_parts(summary))
    waiting = any(one.standing.questions for one in summary.ended)
    stopped = next((one for one in summary.ended if one.standing.code == 1), None)
    steps = ["holdfast review"] if waiting else []
    steps += [f"holdfast why {stopped.standing.run}"] if stopped is not None else []
    print(f"next: {' · '.join([*steps, 'holdfast show'])}")


def _object(summary: Summary) -> dict[str, object]:
    runs = [
        {
            "line": one.line,
            "key": one.key,
            "run": one.standing.run,
            "outcome": one.standing.outcome,
            "status": one.standing.status,
            "waits_for": one.standing.waits_for,
            "why": one.standing.why,
            "output": one.standing.output,
            "usd": one.standing.usd,
            "took": one.took,
            "finished_before": one.before,
            "refused": len(one.refused),
        }
        for one in summary.ended
    ]
    times = sorted(one.took for one in summary.ended if not one.before)
    return {
        "file": summary.file,
        "agent": summary.agent,
        "exit_code": summary.code,
        "took": summary.took,
        "outcomes": dict(Counter(one.standing.word for one in summary.ended)),
        "usd": units.say_usd(sum(one.nusd for one in summary.ended)),
        "p50": quantile(times, 0.5) if times else None,
        "p95": quantile(times, 0.95) if times else None,
        "reasons": [
            {"times": times, "rule": rule, "because": because}
            for (rule, because), times in _reasons(summary).most_common()
        ],
        "bad_lines": [{"line": line.number, "why": line.why} for line in summary.bad],
        "runs": runs,
    }


def _reasons(summary: Summary) -> Counter[tuple[str, str]]:
    """(rule, its words) → times. Words that differ from call to call: the first stand for all."""
    words_of: dict[str, str] = {}
    every = [refusal for one in summary.ended for refusal in one.refused]
    for refusal in every:
        words_of.setdefault(refusal.rule, refusal.because)
    return Counter((refusal.rule, words_of[refusal.rule]) for refusal in every)


def _parts(summary: Summary) -> list[RenderableType]:
    from rich.text import Text

    lines = words.count(len(summary.ended) + len(summary.bad) + summary.same, "line")
    head = f"\n{summary.agent}: {lines} of {summary.file} in {units.say_duration(summary.took)}"
    parts: list[RenderableType] = [Text(head, style="bold"), _table(summary)]
    before = sum(one.before for one in summary.ended)
    if before:
        parts.append(Text(f"{words.count(before, 'run')} had been finished before, and nothing of them was repeated."))
    if summary.same:
        which = "line carries the key of another one" if summary.same == 1 else "lines carry the keys of others"
        parts.append(Text(f"{summary.same} {which}: the same request is one run."))
    parts += _waiting(summary)
    parts += _refused(summary)
    if summary.bad:
        parts.append(Text(f"\n{words.count(len(summary.bad), 'line')} could not be taken:", style="red"))
        parts += [Text(f"  line {line.number}: {line.why}") for line in summary.bad[:20]]
        if len(summary.bad) > 20:
            parts.append(Text(f"  and {len(summary.bad) - 20} more; --json lists them all"))
    return parts


def _table(summary: Summary) -> RenderableType:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_footer=True)
    total = sum(one.nusd for one in summary.ended)
    for name, footer in (
        ("outcome", "all"),
        ("runs", str(len(summary.ended))),
        ("USD", units.say_usd(total)),
        ("p50", _time(summary, "", 0.5)),
        ("p95", _time(summary, "", 0.95)),
        ("refused calls", ""),
    ):
        refused = str(sum(len(one.refused) for one in summary.ended)) if name == "refused calls" else footer
        table.add_column(name, footer=refused, justify="left" if name == "outcome" else "right")
    for word in ORDER:
        runs = [one for one in summary.ended if one.standing.word == word]
        if runs:
            table.add_row(
                Text(word, style=COLOURS[word]),
                str(len(runs)),
                units.say_usd(sum(one.nusd for one in runs)),
                _time(summary, word, 0.5),
                _time(summary, word, 0.95),
                str(sum(len(one.refused) for one in runs)),
            )
    return table


def _time(summary: Summary, word: str, share: float) -> str:
    times = sorted(one.took for one in summary.ended if not one.before and word in ("", one.standing.word))
    return units.say_duration(quantile(times, share)) if times else "–"


def _waiting(summary: Summary) -> list[RenderableType]:
    from rich.text import Text

    whom = Counter(one.standing.waits_for or "nobody yet" for one in summary.ended if one.standing.code == 2)
    if not whom:
        return []
    return [
        Text.assemble(("Waiting for: ", "yellow"), " · ".join(f"{who} {times}" for who, times in whom.most_common()))
    ]


def _refused(summary: Summary) -> list[RenderableType]:
    from rich.table import Table
    from rich.text import Text

    reasons = _reasons(summary)
    if not reasons:
        return []
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    table.add_column()
    for (rule, because), times in reasons.most_common(TOP):
        table.add_row(f"  {times} ×", Text.assemble(words.shortened(because, 150), ("  " + rule, "dim")))
    left = len(reasons) - TOP
    runs = sum(bool(one.refused) for one in summary.ended)
    calls, places = words.count(sum(reasons.values()), "call"), words.count(runs, "run")
    head = f"{calls} refused in {places}; the reasons, most frequent first:"
    more = [Text(f"  and {words.count(left, 'reason')} more")] if left > 0 else []
    return [Text(f"\n{head}"), table, *more]
