"""Programs, children and teams decided again: with the code of the agent, and from the entries alone."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import Runner
from holdfast.journal.memory import MemoryJournal
from holdfast.views.replay import Replay
from tests.shell.bench import story
from tests.shell.test_programs import SUM, Till, clerk, said

pytest.importorskip("pydantic_monty", reason="the extra `sandbox` is not installed")


def played(code: str = SUM, terms: Any = None) -> tuple[Any, list[Any], bytes]:
    """(the agent, the entries of its run, the secret of its tree)."""
    store, agent = MemoryJournal(), clerk(Till(), terms)

    async def whole() -> Any:
        async with Runner.open(store, model=said(code)) as runner:
            run = await runner.start(agent, "go")
            await run.result()
            return await run.entries(), await store.secret(run.name)

    entries, secret = story(whole)
    return agent, entries, secret


@pytest.mark.parametrize("with_code", [True, False])
@pytest.mark.parametrize(
    ("code", "terms"),
    [
        (SUM, None), ("get_order(5)", None), ("nobody()", None), ("1/0", None),
        ('refund(id="a", cents=get_order("a")["cents"])', {"refund": {"review": [{"because": "people decide"}]}}),
    ],
)  # fmt: skip
def test_a_run_with_a_program_is_decided_alike(code, terms, with_code):
    agent, entries, secret = played(code, terms)
    found = Replay([agent] if with_code else []).of(entries, secret)
    assert found.divergence is None
    assert found.same > 3
