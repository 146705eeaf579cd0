"""`live`: recorded runs against tools of our own, each run in a shop of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from holdfast.agent import Agent
from real.contracts import Fit, agent_of, missing
from real.conversation import Part, Stage, play
from real.figures import Figure, Sheet, less, whole
from real.packs import INJECTED_FAULT, Label, Pack, exchanges
from real.retail import TOOLS, state_digest
from real.retail_state import as_db
from real.scripts import of_run
from real.shops import Shops
from real.tape import results_equal
from real.worlds import Live


def lacking(pack: Pack) -> str:
    """Say why a pack's runs cannot be played against tools of our own; empty where they can."""
    if said := missing(pack, "policy", "tools", "effects", "db"):
        return said
    foreign = sorted({tool.name for tool in pack.tools() or []} - TOOLS.keys())
    return f"{pack.name} has tools we have none of our own for: {', '.join(foreign)}" if foreign else ""


def check_live(pack: Pack) -> Iterator[Figure]:
    """Play the runs against our own tools, each in a shop of its own."""
    for stem in pack.sets():
        sheet = Sheet("live", pack, stem)
        if why := lacking(pack):
            yield sheet.skipped(why)
            continue
        shops, agent = Shops(pack.db() or {}), agent_of(pack)
        initial = (pack.expected_all() or {}).get("initial_db_sha256")
        yield sheet.compare("initial state", state_digest(as_db(pack.db() or {})), initial)
        parts, world = asyncio.run(played(pack, stem, agent, partial(Live, shops=shops)))
        yield alike(sheet, pack, stem, parts)
        yield states_equal(sheet, pack.labels(stem), world.digests(parts))


async def played(
    pack: Pack, stem: str, agent: Agent[str, None], made: Callable[[Stage], Live]
) -> tuple[list[Part], Live]:
    """Play the runs of a set in a world made for them; gives that world too, as it is at the end."""
    worlds: list[Live] = []

    def world(stage: Stage) -> Live:
        worlds.append(made(stage))
        return worlds[-1]

    parts = await play(agent, [of_run(run) for run in pack.runs(stem)], world)
    return parts, worlds[0]


def alike(sheet: Sheet, pack: Pack, stem: str, parts: Sequence[Part]) -> Figure:
    """Count our tools' results that are the recorded ones, where a tool had answered."""
    fit, expected = Fit(pack), pack.expected(stem)
    equal = left_out = 0
    for run, part in zip(pack.runs(stem), parts, strict=True):
        passing = fit.passing(run)
        equal += results_equal(run, part, passing, without=INJECTED_FAULT)
        pairs = zip(exchanges(run), passing, strict=True)
        left_out += sum(pair.answer is None or (not passes and pair.answer != INJECTED_FAULT) for pair, passes in pairs)
    calls = less(whole(expected, "tool_calls"), whole(expected, "injected_503"), left_out)
    return sheet.compare("tool results equal", equal, calls)


def states_equal(sheet: Sheet, labels: dict[str, Label] | None, digests: dict[str, str]) -> Figure:
    """Count the runs that leave the state which the pack says they leave."""
    wanted = {key: label.final_db_sha256 for key, label in (labels or {}).items() if label.final_db_sha256}
    if not wanted:
        return sheet.without("final states equal", None, "the labels have no final states")
    equal = sum(digests.get(key) == digest for key, digest in wanted.items())
    return sheet.compare("final states equal", equal, len(wanted))
