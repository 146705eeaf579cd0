"""`cost`: what recorded runs cost by their journals, what a success cost, and which runs a limit stops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from functools import partial
from typing import Final

from holdfast.events import LimitReached
from holdfast.views.cost import Cost, Total, cost_of, total
from real.conversation import Part
from real.figures import Figure, Sheet
from real.packs import Pack
from real.traces import NANO, Traced, played, stems, traces

LIMIT: Final = "0.20"
"""US dollars a run may cost in the second playing."""

UNKNOWN: Final = "unknown"
MICRO: Final = Decimal("0.000001")


def check_cost(pack: Pack) -> Iterator[Figure]:
    """Add up what the journals say, and let a limit stop the runs that pass it."""
    for stem in stems(pack):
        sheet, recorded = Sheet("cost", pack, stem), traces(pack, stem)
        expected = pack.expected(stem) or {}
        costs = [cost_of(part.entries) for part in played(pack, stem)]
        won = {cost.run for cost, one in zip(costs, recorded, strict=True) if one.won}
        together = total(costs, partial(_among, won))
        yield sheet.compare("successes", together.won, expected.get("success"))
        if expected.get("cost_recorded") is False or all(one.usd is None for one in recorded):
            yield sheet.compare("agent USD", _usd(together.money.total), UNKNOWN)
            yield sheet.compare("USD per success", _usd(together.per_success), UNKNOWN)
            yield sheet.skipped(f"nobody knows what {stem} cost, so no limit in USD can be held")
            continue
        yield sheet.compare("agent USD", _usd(together.money.total), expected.get("agent_cost_usd"))
        yield sheet.compare("USD per success", _usd(together.per_success), _per_success(recorded))
        equal = sum(_equal(cost, one.usd) for cost, one in zip(costs, recorded, strict=True))
        yield sheet.compare("runs that cost what was recorded", equal, len(recorded))
        yield from _parts(sheet, costs, together)
        yield from _stopped(sheet, recorded, played(pack, stem, LIMIT))


def _among(won: set[str], cost: Cost) -> bool:
    return cost.run in won


def _usd(nusd: int | None) -> float | str:
    """Dollars to the microdollar, as packs give them."""
    return UNKNOWN if nusd is None else float((Decimal(nusd) / NANO).quantize(MICRO, ROUND_HALF_EVEN))


def _per_success(recorded: Sequence[Traced]) -> float | str | None:
    paid, won = [one.usd for one in recorded], sum(one.won for one in recorded)
    known = [usd for usd in paid if usd is not None]
    return None if len(known) < len(paid) or not won else float((sum(known, Decimal()) / won).quantize(MICRO))


def _equal(cost: Cost, usd: Decimal | None) -> bool:
    """Whether a run cost what was recorded, to the microdollar."""
    return usd is not None and cost.money.total is not None and abs(Decimal(cost.money.total) / NANO - usd) <= MICRO


def _parts(sheet: Sheet, costs: Sequence[Cost], together: Total) -> Iterator[Figure]:
    """The ways of taking a sum apart come to the sum, to the nano-dollar."""
    whole = sum(cost.money.least for cost in costs)
    for name, shares in (("tool", together.tools), ("model", together.models), ("outcome", together.outcomes)):
        yield sheet.compare(f"nano-dollars by {name}", sum(share.money.least for share in shares), whole)
    waste = _usd(together.waste.total)
    yield sheet.without("USD wasted", waste, "on runs that failed, retries and repeats; the pack has no such figure")


def _stopped(sheet: Sheet, recorded: Sequence[Traced], parts: Sequence[Part]) -> Iterator[Figure]:
    """The runs that the limit stopped are those whose recorded answers come to more."""
    stopped = {part.script.key for part in parts if _reached(part)}
    passing = {one.run.run_id for one in recorded if _sum(one) > Decimal(LIMIT)}
    odd = sorted(stopped ^ passing)
    note = f"differs in {', '.join(odd[:5])}" if odd else ""
    yield sheet.compare(f"runs stopped at {LIMIT} USD", len(stopped), len(passing), note)
    yield sheet.compare(f"of these the runs that pass {LIMIT} USD", len(stopped & passing), len(passing), note)
    over = sum(Decimal(cost_of(part.entries).money.least) / NANO > Decimal(LIMIT) for part in parts)
    yield sheet.compare(f"runs that went over {LIMIT} USD", over, 0)


def _reached(part: Part) -> bool:
    return any(isinstance(entry.event, LimitReached) and entry.event.limit == "usd" for entry in part.entries)


def _sum(one: Traced) -> Decimal:
    """What a run cost by its recorder's own sum, or by its answers where there is none."""
    return (
        one.usd if one.usd is not None else sum((Decimal(answer.cost or 0) for answer in one.answers), Decimal()) / NANO
    )
