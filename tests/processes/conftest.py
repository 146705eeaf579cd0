"""A seed of one's own, a yard and a console to each test, and one way to run a story in them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast import Runner
from tests.processes.ledger import Ledger
from tests.processes.people import Console
from tests.processes.yard import Yard

SEED = os.environ.get("HOLDFAST_SEED", "")

Story = Callable[[Yard, Console], Awaitable[Any]]


@pytest.fixture
def seeded() -> Callable[[int], int]:
    """The seed to take: `HOLDFAST_SEED` in place of a test's own. Printed, so that a failure shows it."""

    def choose(own: int) -> int:
        seed = int(SEED or own)
        print(f"seed {seed}: to run it again, set HOLDFAST_SEED={seed}")
        return seed

    return choose


@pytest.fixture
def play(tmp_path) -> Callable[[Story], Any]:
    """Play a story with a yard, and a console on its journal."""

    def run(story: Story, journal: Path | None = None) -> Any:
        async def whole() -> Any:
            async with Yard(tmp_path, journal) as yard, Runner.open(yard.url) as runner:
                return await story(yard, Console(runner, Ledger(yard.ledger)))

        return asyncio.run(whole())

    return run
