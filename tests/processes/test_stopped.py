"""SIGSTOP: a worker that stands still lives, holds its lock, and wakes late. What it does then is harmless, kept, and told."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

from holdfast.core.state import State
from holdfast.events import CallFailed, CallReturnedLate, CallStarted, Contradiction, DoubtRaised, Entry, RunClosed
from tests.processes.audit import cut_short, stories
from tests.processes.check import check
from tests.processes.inbox import open_only
from tests.processes.people import RITA, Console
from tests.processes.yard import Hand, Yard, until

NUMBERS = {"charge": 1, "ship": 2, "mail": 3}


async def stopped_at(yard: Yard, console: Console, *orders: str, shop: str = "hasty") -> Hand:
    """A worker that stands still, with each of these orders at the point that it names."""
    hand = await yard.start(*orders, shop=shop, holds=True)
    at = {(order.split(":")[2], order) for order in orders}
    assert await hand.until(lambda: hand.halts() == at), f"it came to {hand.halts()}"
    await hand.stop()
    assert console.runner.journal.alive(hand.name) is True
    return hand


async def taken_over(yard: Yard, console: Console) -> Hand:
    """Another worker that has done what can be done without the first."""
    hand = await yard.start(shop="hasty")
    await until(console.is_quiet, "all runs are closed, or wait for a person")
    return hand


async def entries(console: Console, order: str) -> list[Entry]:
    return await console.runner.entries(await console.named(order))


async def events(console: Console, order: str, kind: type) -> list[Any]:
    return [entry.event for entry in await entries(console, order) if isinstance(entry.event, kind)]


async def lates(console: Console, hand: Hand) -> dict[str, CallReturnedLate]:
    """What a worker said too late, by order."""
    told = [
        (story.order, entry)
        for story in stories(await console.runs())
        for call in story.events.values()
        for entry, _ in call
    ]
    late = [
        (order, entry)
        for order, entry in told
        if entry.actor == hand.name and isinstance(entry.event, CallReturnedLate)
    ]
    assert len({order for order, _ in late}) == len(late)
    return {order: entry.event for order, entry in late if isinstance(entry.event, CallReturnedLate)}


def doubtful(state: State) -> bool:
    return any(question.asked.about == "doubt" for question in state.questions.values())


def done(console: Console, order: str) -> list[str]:
    """What happened over there for an order's first write, by whom."""
    return [act.what for act in console.ledger.acts() if act.item == f"{order}/1"]


def test_a_stopped_worker_is_replaced_and_wakes_late(play):
    points = ("started", "about", "did")
    orders = {(tool, point): f"{tool}:{number}:{point}" for tool, number in NUMBERS.items() for point in points}

    async def story(yard: Yard, console: Console) -> None:
        sleeper = await stopped_at(yard, console, *orders.values())
        async with console.approving():
            other = await taken_over(yard, console)
        states = {place: await console.state(order) for place, order in orders.items()}
        closed = {place for place, state in states.items() if state.closed is not None}
        assert closed == {*(("charge", point) for point in points), ("ship", "did")}
        assert {place for place, state in states.items() if doubtful(state)} == set(orders) - closed
        for place, order in orders.items():  # everybody knew that it was not proven over
            lost = await events(console, order, CallFailed)
            assert [(one.error, one.ended, one.by) for one in lost] == [("lost", False, other.name)]
            assert [one.ended for one in await events(console, order, DoubtRaised)] == [False] * (place not in closed)
        assert await lates(console, sleeper) == {}
        await check(console, over=False)

        sleeper.wake()
        async with console.approving():
            await until(lambda: _all_told(console, sleeper, len(orders)), "whatever it has to say is kept")
            await until(console.is_over, "all runs are closed")
        late = await lates(console, sleeper)
        for (tool, point), order in orders.items():
            said = late[order]
            if point == "started":  # it looked at its deadline, and did nothing
                assert (said.result, said.error, said.fate) == (None, "ended", "not_done")
                assert done(console, order) == (["done"] if tool == "charge" else [])
            else:
                assert said.result is not None
                assert done(console, order) == ["done", "again"] if tool == "charge" else ["done"]
            assert len(await events(console, order, CallStarted)) == (
                1 + (tool == "charge") + 2
            )  # and reading, and the refund
            assert not await events(console, order, Contradiction)
        await sleeper.finish()
        await other.finish()
        await check(console, over=True)

    play(story)


async def _all_told(console: Console, hand: Hand, count: int) -> bool:
    return len(await lates(console, hand)) == count


RULED = {"ship:1:about": "did_not", "mail:2:about": "did_not", "mail:3:did": "did_not", "mail:4:started": "happened"}
"""Rulings that what comes later contradicts."""

RIGHTLY = {"mail:5:about": "happened", "mail:6:did": "happened", "mail:7:started": "did_not"}
"""Rulings that it bears out."""


def test_a_person_rules_before_the_stopped_worker_wakes(play):
    """SEMANTICS rules 23 and 24: an open run stops before its next write, a closed one is listed for attention."""
    closed_before = "mail:8:about"
    rulings = RULED | RIGHTLY | {closed_before: "did_not"}

    async def story(yard: Yard, console: Console) -> None:
        sleeper = await stopped_at(yard, console, *rulings)
        other = await taken_over(yard, console)
        for order, verdict in rulings.items():
            state = await console.state(order)
            (question,) = state.questions.values()
            await console.runner.settle(state.run, question.asked.call, verdict, by=RITA)  # type: ignore[arg-type]
        await until(lambda: _held(console, len(rulings)), "all of them come to the refund that a person has to approve")
        (refund,) = (await console.state(closed_before)).questions
        await console.runner.answer(await console.named(closed_before), refund, "approve", by=RITA)
        await until(lambda: _is_closed(console, closed_before), "the one that was approved is closed")

        sleeper.wake()
        await until(lambda: _all_told(console, sleeper, len(rulings)), "whatever it has to say is kept")
        for order in RULED:
            await until(lambda order=order: _is_closed(console, order), f"{order} is stopped")
            state = await console.state(order)
            assert state.closed is not None
            assert state.closed.outcome == "stopped"
            assert len(await events(console, order, Contradiction)) == 1
        await until(lambda: _contradicted(console, closed_before), "the contradiction is recorded in the closed run")
        (row,) = [row for row in await console.rows() if row.key == closed_before]
        assert (row.status, row.attention) == ("closed", True)
        assert not [
            act for act in console.ledger.effects() if act.item.endswith("/9") and act.item.partition("/")[0] in RULED
        ]

        async with console.approving():
            await until(console.is_over, "all runs are closed")
        for order in RIGHTLY:
            assert not await events(console, order, Contradiction)
            (end,) = await events(console, order, RunClosed)
            assert end.outcome == "done"
        await sleeper.finish()
        await other.finish()
        await check(console, over=True, mistaken=frozenset(rulings))

    play(story)


async def _held(console: Console, count: int) -> bool:
    return len(await console.questions("review")) == count


async def _is_closed(console: Console, order: str) -> bool:
    return (await console.state(order)).closed is not None


async def _contradicted(console: Console, order: str) -> bool:
    return bool(await events(console, order, Contradiction))


def test_a_worker_that_stands_still_for_a_moment_is_not_replaced(play):
    async def story(yard: Yard, console: Console) -> None:
        orders = [
            f"{tool}:{number}:{point}" for tool, number in NUMBERS.items() for point in ("started", "about", "did")
        ]
        sleeper = await stopped_at(yard, console, *orders, shop="shop")
        other = await yard.start("mail:9")
        await other.began()
        async with console.approving():
            await until(lambda: _is_closed(console, "mail:9"), "the other one works")
            sleeper.wake()
            await until(console.is_over, "all runs are closed")
        assert {act.attempt for act in console.ledger.acts()} == {1}
        assert await lates(console, sleeper) == {}
        await sleeper.finish()
        await other.finish()
        await check(console, over=True)

    play(story)


def test_a_person_answers_while_the_worker_stands_still(play):
    """Its own answer meets a newer entry when it wakes, and is none the less kept (SEMANTICS rule 5)."""
    orders = [f"both:{n}:did" for n in range(12)]

    async def story(yard: Yard, console: Console) -> None:
        sleeper = await stopped_at(yard, console, *orders, shop="shop")
        assert await console.approve() == len(orders)
        sleeper.wake()
        await until(console.is_over, "all runs are closed")
        assert {act.attempt for act in console.ledger.acts()} == {1}
        assert not cut_short(await console.runs())
        await sleeper.finish()
        await check(console, over=True)

    play(story)


ASLEEP = 2.3
"""Seconds: longer than an attempt of the hasty shop has."""


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
def test_stopped_and_woken_at_random_moments(play, seeded, seed):
    chance = Random(seeded(seed))

    async def story(yard: Yard, console: Console) -> None:
        async with console.approving():
            living = [await yard.start(shop="hasty") for _ in range(3)]
            for n in range(15):
                await open_only(yard, [f"all:{8 * n + one}" for one in range(8)], "hasty")
                hand = chance.choice(living)
                effects = hand.count("about", "did") + chance.randint(1, 6)
                await hand.until(lambda hand=hand, effects=effects: hand.count("about", "did") >= effects, 1.0)
                await hand.stop()
                await asyncio.sleep(ASLEEP)
                hand.wake()
                if chance.random() < 0.3:  # and some do not live long after
                    await asyncio.sleep(chance.random() * 0.01)
                    await hand.kill()
                    living.remove(hand)
                    living.append(await yard.start(shop="hasty"))
            for hand in living:
                await hand.finish()  # whatever it has to say is said
            last = await yard.start(shop="hasty")
            await until(console.is_quiet, "all runs are closed, or wait for a person")
            await last.finish()
            await check(console, over=False)
            lost = cut_short(await console.runs())
            late = [
                event
                for story in stories(await console.runs())
                for call in story.events.values()
                for _, event in call
                if isinstance(event, CallReturnedLate)
            ]
            print(f"attempts cut short: {dict(lost)}; late answers: {len(late)}")
            assert lost
            assert late
            end = await yard.start(shop="hasty")
            await console.settle_all()
            await end.finish()
        await check(console, over=True)

    play(story)
