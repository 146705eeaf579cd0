"""`faults`: recorded runs against tools that fail where the recorder let them, and against writes that all fail."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial

from holdfast.events import Json
from holdfast.tool import Call, NotDone, Retry
from real.contracts import Fit, agent_of
from real.conversation import Part, Stage
from real.figures import Figure, Sheet, less, whole
from real.live import alike, lacking, played, states_equal
from real.packs import INJECTED_FAULT, Pack, Run, exchanges
from real.shops import Shops
from real.transcripts import Asked, calls_of
from real.worlds import Live

READS_AGAIN = Retry(times=2, wait=0)
"""What the contract says of reads that were not done; of writes it says nothing."""


class Failing(Live):
    """Fails where the recorder answered in a tool's place, once; the next attempt at the call reaches the tool."""

    def fault(self, tool: str, args: dict[str, Json], call: Call) -> str:
        """Say at the first attempt that nothing was done."""
        if call.attempt == 1:
            raise NotDone(INJECTED_FAULT)
        return self.invoke(tool, args, call)


class Stuck(Failing):
    """No write is done, at its first attempt: whoever made a second would do it."""

    def __init__(self, stage: Stage, shops: Shops, fit: Fit) -> None:
        super().__init__(stage, shops)
        self._fit = fit

    def invoke(self, tool: str, args: dict[str, Json], call: Call, key: str = "") -> str:
        """Let reads through, and what tries again."""
        if call.attempt == 1 and self._fit.writes(tool):
            raise NotDone(INJECTED_FAULT)
        return super().invoke(tool, args, call, key)


def check_faults(pack: Pack) -> Iterator[Figure]:
    """Play the runs against tools that fail, under a contract that repeats reads."""
    for stem in pack.sets():
        sheet, runs, fit = Sheet("faults", pack, stem), pack.runs(stem), Fit(pack)
        recorded = sum(pair.answer == INJECTED_FAULT for run in runs for pair in exchanges(run))
        if why := lacking(pack) or ("" if recorded else f"no fault was injected into {stem}"):
            yield sheet.skipped(why)
            continue
        agent, shops = agent_of(pack, reads_again=READS_AGAIN), Shops(pack.db() or {})
        parts, world = asyncio.run(played(pack, stem, agent, partial(Failing, shops=shops)))
        yield from _faulty(sheet, pack, stem, parts)
        yield alike(sheet, pack, stem, parts)
        yield states_equal(sheet, pack.labels(stem), world.digests(parts))
        parts, world = asyncio.run(played(pack, stem, agent, partial(Stuck, shops=shops, fit=fit)))
        yield from _stuck(sheet, pack, runs, parts, world)


def _faulty(sheet: Sheet, pack: Pack, stem: str, parts: Sequence[Part]) -> Iterator[Figure]:
    """Say what became of the injected faults. One in a write is the model's to hear of: nobody repeats a write."""
    calls = [call for part in parts for call in calls_of(part.entries)]
    expected, fit = pack.expected(stem), Fit(pack)
    in_writes = unfit = unfit_faults = 0
    for run in pack.runs(stem):
        for pair, passes in zip(exchanges(run), fit.passing(run), strict=True):
            faulty = pair.answer == INJECTED_FAULT
            in_writes += faulty and passes and fit.writes(pair.call.name)
            unfit += not passes
            unfit_faults += faulty and not passes
    injected = less(whole(expected, "injected_503"), unfit_faults)
    failures = sum(failure == INJECTED_FAULT for call in calls for failure in call.failures)
    yield sheet.compare("faults injected", failures, injected)
    yield sheet.compare("faults that reached the model", sum(_reached(call) for call in calls), in_writes)
    yield sheet.compare("writes retried unasked", _retried(calls), 0)
    # Every call that reaches its tool is one attempt, and every fault in a read one more.
    once, more = less(whole(expected, "tool_calls"), unfit), less(injected, in_writes)
    attempts = None if once is None or more is None else once + more
    yield sheet.compare("attempts", sum(call.attempts for call in calls), attempts)


def _stuck(sheet: Sheet, pack: Pack, runs: Sequence[Run], parts: Sequence[Part], world: Live) -> Iterator[Figure]:
    """Say what became of writes that were not done. After the first of a turn the others are not started."""
    fit = Fit(pack)
    turns = {
        (run.run_id, pair.index) for run in runs for pair, passes in zip(exchanges(run), fit.passing(run), strict=True)
        if passes and fit.writes(pair.call.name)
    }  # fmt: skip
    calls = [call for part in parts for call in calls_of(part.entries)]
    told = sum(call.effect == "write" and _reached(call) for call in calls)
    yield sheet.compare("failing writes told to the model", told, len(turns))
    yield sheet.compare("failing writes retried unasked", _retried(calls), 0)
    initial = (pack.expected_all() or {}).get("initial_db_sha256")
    untouched = sum(digest == initial for digest in world.digests(parts).values())
    yield sheet.compare("states untouched by failing writes", untouched, len(runs) if initial else None)


def _retried(calls: Sequence[Asked]) -> int:
    return sum(call.effect == "write" and call.attempts > 1 for call in calls)


def _reached(call: Asked) -> bool:
    """Whether the model was told of a fault, as a result or as the reason for none."""
    return call.result == INJECTED_FAULT or (bool(call.failures) and not call.returned)
