"""SIGKILL at random moments: no effect twice, none lost, and every unknown before a person."""

from __future__ import annotations

import asyncio
from random import Random
from typing import NamedTuple

import pytest

from tests.processes.audit import cut_short
from tests.processes.check import check
from tests.processes.people import Console
from tests.processes.yard import Hand, Yard, until

AT_ONCE = 12
"""Runs with work left in them at each start, at least."""

STUCK = 3.0
"""Seconds after which a moment that does not come is given up waiting for, and the kill comes all the same."""


class Moment(NamedTuple):
    """When a worker is killed: so long after it told of its n-th effect, or held up where it comes to a point as the n-th."""

    point: str
    n: int
    late: float

    @property
    def halt(self) -> tuple[str, int] | None:
        return (self.point, self.n) if self.point in ("append", "commit", "about", "did") else None

    async def come(self, hand: Hand) -> bool:
        """Wait for it; whether it came."""
        if self.halt:
            return await hand.until(hand.halts, STUCK)
        if self.point == "life":
            return await hand.until(lambda: hand.count("forked"), STUCK)
        return await hand.until(lambda: hand.count("about", "did") >= self.n, STUCK)


def draw(chance: Random) -> Moment:
    """A third between two effects, a third in one, a third in the journal; and some before the worker came to anything."""
    point = chance.choice(["told"] * 6 + ["about"] * 3 + ["did"] * 3 + ["append"] * 3 + ["commit"] * 3 + ["life"])
    n = chance.randint(1, 60) if point in ("append", "commit") else chance.randint(1, 12)
    late = {"told": 0.02, "life": 0.1}.get(point, 0.0) * chance.random()
    return Moment(point, n, late)


async def orders_for(console: Console, opened: int) -> list[str]:
    """The orders to send in: all that have work left, once more as an inbox would, and new ones where these are few."""
    rows = [row for row in await console.rows() if row.status != "closed"]
    left = [row.key for row in rows if not row.questions]
    return left + [f"all:{opened + n}" for n in range(max(AT_ONCE - len(left), 0))]


async def killed(yard: Yard, console: Console, chance: Random, kills: int) -> list[tuple[Moment, bool]]:
    """Start, kill, and start again."""
    sent: set[str] = set()
    moments = []
    for _ in range(kills):
        orders = await orders_for(console, len(sent))
        sent.update(orders)
        moment = draw(chance)
        hand = await yard.start(*orders, halt=moment.halt)
        came = await moment.come(hand)
        await asyncio.sleep(moment.late)
        await hand.kill()
        moments.append((moment, came))
    return moments


async def kept_promises(yard: Yard, console: Console) -> None:
    """Whatever a worker was told is open is in the journal, and each order is one run however often it was sent in."""
    told = set[tuple[str, str]]().union(*(hand.opened() for hand in yard.hands))
    assert told <= {(row.key, row.run) for row in await console.rows()}
    assert len({order for order, _ in told}) == len(told)


@pytest.mark.parametrize(
    ("seed", "kills"),
    [(1, 50), pytest.param(2, 200, marks=pytest.mark.long), pytest.param(3, 200, marks=pytest.mark.long)],
)
def test_killed_at_random_moments(play, seeded, seed, kills):
    chance = Random(seeded(seed))

    async def story(yard: Yard, console: Console) -> None:
        async with console.approving():
            moments = await killed(yard, console, chance, kills)
            last = await yard.start()
            await until(console.is_quiet, "all runs are closed, or wait for a person")
            await last.finish()
            await check(console, over=False)
            await kept_promises(yard, console)

            came = sum(came for _, came in moments)
            lost = cut_short(await console.runs())
            asked = len(await console.questions("doubt"))
            again = sum(act.what == "again" for act in console.ledger.acts())
            print(f"{came} of {kills} moments came; attempts cut short: {dict(lost)}; {again} repeats of a done effect under its key;"
                  f" {asked} doubts; {len(await console.rows())} runs")  # fmt: skip
            assert came > kills * 0.8
            assert {"charge", "ship", "mail", "refund"} <= set(lost)
            assert again
            assert asked

            end = await yard.start()
            await console.settle_all()
            await end.finish()
        await check(console, over=True)

    play(story)
