"""Four workers on one journal: each attempt performed by the one that won it, no run lost, the work spread."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random

import pytest

from tests.processes.audit import cut_short
from tests.processes.check import check
from tests.processes.inbox import open_only
from tests.processes.people import Console
from tests.processes.yard import Hand, Yard, until

WORKERS = 4
ORDERS = [f"all:{n}" for n in range(40)]


async def the_end(yard: Yard, console: Console) -> None:
    """Let the living come to where only people can help, then end them well."""
    living = [hand for hand in yard.hands if hand.code is None]
    for hand in living:
        await hand.began()
    await until(console.is_quiet, "all runs are closed, or wait for a person")
    for hand in living:
        await hand.finish()


def test_four_workers_race_and_nobody_is_in_the_others_way(play):
    async def story(yard: Yard, console: Console) -> None:
        async with console.approving():
            for _ in range(WORKERS):
                hand = await yard.start(halt=("works", 1), slots=4)
                assert await hand.until(hand.halts)
            await open_only(yard, ORDERS)
            for hand in yard.hands:
                hand.wake()
            await the_end(yard, console)
        acts = console.ledger.acts()
        assert {act.attempt for act in acts} == {1}  # nobody was lost, so nothing was tried again
        assert not cut_short(await console.runs())
        await check(console, over=True)
        by = Counter(act.pid for act in acts)
        print(f"effects by worker: {sorted(by.values())}")
        assert len(by) == WORKERS

    play(story)


@pytest.mark.parametrize(("seed", "kills"), [(1, 20), pytest.param(2, 100, marks=pytest.mark.long)])
def test_four_workers_race_while_one_after_another_is_killed(play, seeded, seed, kills):
    """Each is held up in one of its first effects, so that a kill in an effect does not depend on how fast a machine is."""
    chance = Random(seeded(seed))
    orders = [f"all:{n}" for n in range(3 * kills + 3 * WORKERS)]

    async def story(yard: Yard, console: Console) -> None:
        async def hire(first: int) -> Hand:
            halt = (chance.choice(["about", "did"]), chance.randint(1, 3))
            return await yard.start(*orders[first : first + 3 * WORKERS], halt=halt)

        async with console.approving():
            living = [await hire(0) for _ in range(WORKERS)]
            held = 0
            for n in range(kills):
                hand = living.pop(chance.randrange(WORKERS))
                if chance.random() < 0.5:
                    await hand.until(hand.halts, 3.0)
                else:
                    await asyncio.sleep(chance.random() * 0.1)
                await hand.kill()
                held += bool(hand.halts())
                living.append(await hire(3 * n))
            for hand in living:
                await hand.kill()  # one that is held up in an async tool could not be woken
            for _ in range(WORKERS):
                await yard.start()
            await the_end(yard, console)
            await check(console, over=False)
            lost = cut_short(await console.runs())
            print(
                f"{held} of {kills} killed in an effect; attempts cut short: {dict(lost)}; {len(await console.rows())} runs"
            )
            assert lost.total() >= held > kills / 4

            end = await yard.start()
            await console.settle_all()
            await end.finish()
        await check(console, over=True)

    play(story)
