"""`live` and `faults`: recorded runs against tools of our own, and against such as fail at first."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from holdfast.tool import Call, NotDone, Retry
from real.contracts import Fit, agent_of, missing
from real.conversation import Part, Stage, play
from real.figures import Figure, Sheet, less, whole
from real.packs import INJECTED_FAULT, Label, Pack, Run, exchanges
from real.retail import TOOLS, state_digest
from real.retail_state import as_db
from real.scripts import of_run
from real.shops import Shops
from real.tape import results_equal
from real.transcripts import Asked, calls_of
from real.worlds import Live


class Failing(Live):
    """Fails where the recorder answered in a tool's place, once; the next attempt at the call reaches the tool."""

    def fault(self, tool: str, args: dict[str, object], call: Call) -> str:
        """Say at the first attempt that nothing was done."""
        if call.attempt == 1:
            raise NotDone(INJECTED_FAULT)
        return self.invoke(tool, args, call)


def lacking(pack: Pack) -> str:
    """Say why a pack's runs cannot be played against tools of our own; empty where they can."""
    if said := missing(pack, "policy", "tools", "effects", "db"):
        return said
    foreign = sorted({tool.name for tool in pack.tools() or []} - TOOLS.keys())
    return f"{pack.name} has tools we have none of our own for: {', '.join(foreign)}" if foreign else ""


def check_live(pack: Pack) -> Iterator[Figure]:
    """Play the runs against our own tools, each in a shop of its own."""
    for stem in pack.sets():
        sheet, expected = Sheet("live", pack, stem), pack.expected(stem)
        if why := lacking(pack):
            yield sheet.skipped(why)
            continue
        shops = Shops(pack.db() or {})
        initial = (pack.expected_all() or {}).get("initial_db_sha256")
        yield sheet.compare("initial state", state_digest(as_db(pack.db() or {})), initial)
        parts, world = asyncio.run(_played(pack, stem, shops, Live))
        yield from _alike(sheet, pack, stem, parts, expected)
        yield states_equal(sheet, pack.labels(stem), {part.script.key: shops.digest(world.state(part.run)) for part in parts})


def check_faults(pack: Pack) -> Iterator[Figure]:
    """Play the runs against tools that fail where the recorder let them, under a contract that repeats reads."""
    for stem in pack.sets():
        sheet, expected = Sheet("faults", pack, stem), pack.expected(stem)
        runs = pack.runs(stem)
        recorded = sum(pair.answer == INJECTED_FAULT for run in runs for pair in exchanges(run))
        if why := lacking(pack) or ("" if recorded else f"no fault was injected into {stem}"):
            yield sheet.skipped(why)
            continue
        shops = Shops(pack.db() or {})
        parts, world = asyncio.run(_played(pack, stem, shops, Failing, Retry(times=2, wait=0)))
        yield from _faulty(sheet, pack, runs, parts, expected)
        yield from _alike(sheet, pack, stem, parts, expected)
        yield states_equal(sheet, pack.labels(stem), {part.script.key: shops.digest(world.state(part.run)) for part in parts})


async def _played(
    pack: Pack, stem: str, shops: Shops, kind: type[Live], reads_again: Retry | None = None
) -> tuple[list[Part], Live]:
    worlds: list[Live] = []

    def world(stage: Stage) -> Live:
        worlds.append(kind(stage, shops))
        return worlds[-1]

    agent = agent_of(pack, reads_again=reads_again) if reads_again else agent_of(pack)
    parts = await play(agent, [of_run(run) for run in pack.runs(stem)], world)
    return parts, worlds[0]


def _alike(
    sheet: Sheet, pack: Pack, stem: str, parts: Sequence[Part], expected: dict[str, object] | None
) -> Iterator[Figure]:
    """How many of our tools' results are the recorded ones, where a tool had answered."""
    fit = Fit(pack)
    equal = left_out = 0
    for run, part in zip(pack.runs(stem), parts, strict=True):
        passing = fit.passing(run)
        equal += results_equal(run, part, passing, without=INJECTED_FAULT)
        pairs = zip(exchanges(run), passing, strict=True)
        left_out += sum(pair.answer is None or (not passes and pair.answer != INJECTED_FAULT) for pair, passes in pairs)
    calls = less(whole(expected, "tool_calls"), whole(expected, "injected_503"), left_out)
    yield sheet.compare("tool results equal", equal, calls)


def states_equal(sheet: Sheet, labels: dict[str, Label] | None, digests: dict[str, str]) -> Figure:
    """How many runs leave the state that the pack says they leave."""
    wanted = {key: label.final_db_sha256 for key, label in (labels or {}).items() if label.final_db_sha256}
    if not wanted:
        return sheet.without("final states equal", None, "the labels have no final states")
    equal = sum(digests.get(key) == digest for key, digest in wanted.items())
    return sheet.compare("final states equal", equal, len(wanted))


def _faulty(
    sheet: Sheet, pack: Pack, runs: Sequence[Run], parts: Sequence[Part], expected: dict[str, object] | None
) -> Iterator[Figure]:
    """What became of the injected faults. One in a write is the model's to hear of, since nobody repeats a write."""
    calls = [call for part in parts for call in calls_of(part.entries)]
    fit = Fit(pack)
    in_writes = unfit = 0
    for run in runs:
        for pair, passes in zip(exchanges(run), fit.passing(run), strict=True):
            faulty = pair.answer == INJECTED_FAULT
            in_writes += faulty and passes and fit.changes(pair.call)
            unfit += faulty and not passes
    injected = less(whole(expected, "injected_503"), unfit)
    failures = sum(failure == INJECTED_FAULT for call in calls for failure in call.failures)
    yield sheet.compare("faults injected", failures, injected)
    yield sheet.compare("faults that reached the model", sum(_reached(call) for call in calls), in_writes)
    again = sum(call.effect == "write" and call.attempts > 1 for call in calls)
    yield sheet.compare("writes retried unasked", again, 0)
    started = sum(bool(call.attempts) for call in calls)
    attempts = sum(call.attempts for call in calls)
    extra = less(injected, in_writes)
    yield sheet.compare("attempts", attempts, None if extra is None else started + extra)


def _reached(call: Asked) -> bool:
    """Whether the model was told of a fault, as a result or as the reason for none."""
    return call.result == INJECTED_FAULT or (bool(call.failures) and not call.returned)
