"""`pass_hat`: how repeatable recorded agents are, beside what their packs say, and published tables taken apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import comb
from typing import Final

import msgspec

from holdfast.evals.stats.rates import Interval
from holdfast.evals.stats.repeat import BothWays, Tally, mean_pass_hat
from real.figures import Figure, Sheet
from real.packs import Pack, Run

LEADERBOARD: Final = "leaderboard_pass_hat_k.jsonl"

TASKS: Final = {"airline": 50, "retail": 114, "telecom": 114, "banking_knowledge": 97}
"""How many tasks a domain of the published leaderboard has. Its table does not say so."""

TRIALS: Final = 4
"""How many trials a task has there."""

_PRINTED: Final = 0.005 + 1e-9
"""Percent points by which a figure printed with two decimals may be off."""


class Row(msgspec.Struct, frozen=True):
    """A line of the leaderboard, in percent."""

    submission: str
    domain: str
    pass_1: float | None = None
    pass_2: float | None = None
    pass_3: float | None = None
    pass_4: float | None = None

    def printed(self) -> list[float] | None:
        """All four figures; None where one is missing."""
        found = [one for one in (self.pass_1, self.pass_2, self.pass_3, self.pass_4) if one is not None]
        return found if len(found) == TRIALS else None


def check_pass_hat(pack: Pack) -> Iterator[Figure]:
    """Put pass^k of every set beside the pack's, or take a published table apart where the pack holds one."""
    for stem in pack.sets():
        yield from _set(Sheet("pass_hat", pack, stem), tallies(pack.runs(stem)), pack.expected(stem) or {})
    table = pack.folder / LEADERBOARD
    if table.is_file():
        yield from _table(
            Sheet("pass_hat", pack, "leaderboard"), msgspec.json.Decoder(Row).decode_lines(table.read_bytes())
        )
    elif not pack.sets():
        yield Sheet("pass_hat", pack, "").skipped(f"{pack.name} holds no trials to repeat and no {LEADERBOARD}")


def tallies(runs: Sequence[Run]) -> list[Tally]:
    """What became of the trials of every task, in the order in which tasks first appear."""
    rewards: dict[int | str, list[float]] = {}
    for run in runs:
        rewards.setdefault(run.task_id, []).append(run.reward)
    return [Tally(sum(reward >= 1 for reward in each), len(each)) for each in rewards.values()]


def _set(sheet: Sheet, tasks: Sequence[Tally], expected: dict[str, object]) -> Iterator[Figure]:
    stated = expected.get("pass_hat")
    wanted = msgspec.convert(stated, dict[str, float]) if stated is not None else {}
    most = max((task.trials for task in tasks), default=0)
    for k in sorted({*range(1, most + 1), *(int(name.removeprefix("pass^")) for name in wanted)}):
        found = mean_pass_hat(tasks, k)
        figure, interval = wanted.get(f"pass^{k}"), found.as_failures.interval
        value = None if interval is None else round(interval.point, 4)
        yield sheet.compare(f"pass^{k}", value, None if figure is None else round(figure, 4))
        yield sheet.without(f"pass^{k} interval", bounds(interval), _how(found))


def bounds(interval: Interval | None) -> list[float] | None:
    """The bounds of an interval, to four decimals."""
    return None if interval is None else [round(interval.low, 4), round(interval.high, 4)]


def _how(found: BothWays) -> str:
    one = found.as_failures
    if one.interval is None:
        return "no task has so many trials"
    short = f"; {one.short} tasks have fewer trials and are not in it" if one.short else ""
    return f"{one.interval.level:.0%}, {one.interval.method}, {one.tasks} tasks{short}; the pack has no interval"


def _table(sheet: Sheet, rows: Sequence[Row]) -> Iterator[Figure]:
    """Four figures and the number of tasks give the number of tasks with 0 to 4 successes; those give the figures."""
    full = [(row, printed) for row in rows if (printed := row.printed()) is not None]
    falling = sum(sorted(printed, reverse=True) == printed for _, printed in full)
    yield sheet.compare("rows in which pass^k never rises with k", falling, len(full))
    counted = [(row, printed, counts(row.domain, printed)) for row, printed in full]
    whole = [(row, printed, each) for row, printed, each in counted if each is not None]
    odd = [row.submission for row, printed, each in whole if not _equal(each, printed)]
    note = f"differs for {', '.join(odd[:5])}" if odd else ""
    yield sheet.compare("rows computed from counts of tasks as printed", len(whole) - len(odd), len(whole), note)
    yield sheet.without(
        "rows that no whole numbers of tasks give",
        len(full) - len(whole),
        f"of {len(full)}: made with other numbers of tasks or trials, or printed wrong",
    )


def counts(domain: str, printed: Sequence[float]) -> list[int] | None:
    """How many tasks had 0 to 4 successes, by pass^1 to pass^4 in percent; None where no whole numbers give that.

    pass^k * T * C(4,k) is the sum over tasks of C(c,k), so numbers of tasks follow by inverting binomials.
    """
    if domain not in TASKS:
        return None
    sums = [float(TASKS[domain])]
    sums += [TASKS[domain] * comb(TRIALS, k) * one / 100 for k, one in enumerate(printed, 1)]
    each = [sum((-1) ** (k - c) * comb(k, c) * sums[k] for k in range(c, TRIALS + 1)) for c in range(TRIALS + 1)]
    near = all(one > -0.3 and abs(one - round(one)) < 0.25 for one in each)
    return [max(0, round(one)) for one in each] if near else None


def _equal(each: Sequence[int], printed: Sequence[float]) -> bool:
    tasks = [Tally(c, TRIALS) for c, many in enumerate(each) for _ in range(many)]
    found = [mean_pass_hat(tasks, k).as_failures.interval for k in range(1, TRIALS + 1)]
    return all(
        one is not None and abs(100 * one.point - at) <= _PRINTED for one, at in zip(found, printed, strict=True)
    )
