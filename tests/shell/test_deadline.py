"""A deadline: what ends by it, what does not, and what is left of an earlier cancellation."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.shell import deadline as module
from holdfast.shell.deadline import Deadline, TimeUp
from tests.shell.told import stubborn

SOON = 0.01


def run(story):
    async def whole():
        async with asyncio.timeout(20):
            return await story()

    return asyncio.run(whole())


def test_what_ends_in_time_is_not_disturbed():
    given_up = []

    async def story():
        with Deadline(20, lambda: given_up.append(1)):
            await asyncio.sleep(0)
        return asyncio.current_task().cancelling()

    assert (run(story), given_up) == (0, [])


def test_what_ends_by_being_cancelled_is_over():
    given_up = []

    async def story():
        with pytest.raises(TimeUp) as up, Deadline(SOON, lambda: given_up.append(1)):
            await asyncio.Event().wait()
        assert (up.value.ended, up.value.told) == (True, False)
        return asyncio.current_task().cancelling()

    assert (run(story), given_up) == (0, [])


def test_what_goes_on_is_given_up_once_and_its_result_still_counts(monkeypatch):
    monkeypatch.setattr(module, "GRACE", SOON)

    async def story():
        release, given_up = asyncio.Event(), []

        def give_up():
            given_up.append(1)
            release.set()

        with Deadline(SOON, give_up):
            value = await stubborn(release)
        return value, given_up, asyncio.current_task().cancelling()

    assert run(story) == (7, [1], 0)


def test_what_gives_in_after_it_was_given_up_was_told_already(monkeypatch):
    monkeypatch.setattr(module, "GRACE", SOON)

    async def story():
        release = asyncio.Event()

        async def gives_in():
            await stubborn(release)
            raise asyncio.CancelledError

        with pytest.raises(TimeUp) as up, Deadline(SOON, release.set):
            await gives_in()
        assert (up.value.ended, up.value.told) == (True, True)

    run(story)


def test_an_error_of_its_own_is_raised_as_it_is():
    async def story():
        async def fails():
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise ValueError("mine") from None

        with pytest.raises(ValueError, match="mine"), Deadline(SOON, lambda: None):
            await fails()

    run(story)


def test_a_cancellation_from_outside_goes_through():
    async def story():
        async def work():
            with Deadline(20, lambda: None):
                await asyncio.Event().wait()

        task = asyncio.ensure_future(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(story)
