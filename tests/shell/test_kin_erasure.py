"""What a run about somebody had others do goes with it, and leaves the journal with it."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import Runner, call, done, script
from holdfast.errors import NotAllowed
from holdfast.events import BodiesErased
from holdfast.journal.memory import MemoryJournal
from holdfast.journal.port import Where
from holdfast.shell import erasure
from holdfast.shell.export import export, export_part
from tests import kin
from tests.shell.bench import check, story

WORD = "C-1042"


async def tree(runner: Runner, **more: Any) -> list[str]:
    """A claim settled by others, for somebody; its runs, the root first."""
    run = await runner.start(kin.claims(), kin.Claim(claim=WORD), by="ann", **more)
    await run.result()
    return list(await kin.tree_of(runner, run.name))


async def told(runner: Runner, *runs: str) -> str:
    return " ".join([str(await runner.entries(run)) for run in runs])


def test_children_and_theirs_are_erased_with_the_run_of_somebody():
    async def work() -> None:
        journal = MemoryJournal()
        async with Runner.open(journal, model=kin.models()) as runner:
            runs = await tree(runner, on_behalf_of="c:1")
            other = await tree(runner, on_behalf_of="c:2")
            assert WORD in await told(runner, *runs)
            plan = await erasure.about(journal, "c:1")
            assert sorted(part.run for part in plan.parts) == sorted(runs)
            assert {part.tree for part in plan.parts} == {runs[0]}, "one secret, which is destroyed once"
            await runner.erase_all(plan, by="dpo", basis="asked")
            assert WORD not in await told(runner, *runs)
            assert await journal.secret(runs[0]) is None
            for run in runs:
                ends = [entry for entry in await runner.entries(run) if isinstance(entry.event, BodiesErased)]
                assert len(ends) == 1
            assert WORD in await told(runner, *other)
            check(journal)

    story(work)


def test_a_run_that_is_open_below_keeps_all_of_it():
    async def work() -> None:
        journal = MemoryJournal()
        async with Runner.open(journal, model=kin.models(140_000)) as runner:
            runs = await tree(runner, on_behalf_of="c:1")
            plan = await erasure.about(journal, "c:1")
            assert sorted(part.run for part in plan.parts) == sorted(runs)
            assert len(plan.open) == 2, "the root, and the child that waits for finance"
            with pytest.raises(NotAllowed, match="is open"):
                await runner.erase_all(plan, by="dpo", basis="asked")
            assert WORD in await told(runner, *runs)

    story(work)


def test_a_child_that_is_named_goes_with_its_whole_tree():
    """They share a secret: what is left of one could be read with it."""

    async def work() -> None:
        journal = MemoryJournal()
        async with Runner.open(journal, model=kin.models()) as runner:
            runs = await tree(runner, on_behalf_of="c:1")
            plan = await erasure.of_runs(journal, [runs[-1]])
            assert sorted(part.run for part in plan.parts) == sorted(runs)

    story(work)


def test_what_is_old_goes_tree_by_tree_with_its_children():
    async def work() -> None:
        journal = MemoryJournal()
        said = kin.models() | {"script:claims": script(call("assessor", claim=WORD), done(paid=0, because="no"))}
        async with Runner.open(journal, model=said) as runner:
            runs = await tree(runner)
            plan = await erasure.older(journal, 0, because="a test")
            assert sorted(part.run for part in plan.parts) == sorted(runs)

    story(work)


def test_an_export_has_every_run_of_a_tree(tmp_path):
    async def work() -> None:
        journal = MemoryJournal()
        async with Runner.open(journal, model=kin.models()) as runner:
            runs = await tree(runner)
            await export(journal, tmp_path / "all.jsonl")
            part = {row.run for row in await runner.find(Where(parent=runs[0]))} | {runs[0]}
            await export_part(journal, tmp_path / "part.jsonl", part)
        whole = (tmp_path / "all.jsonl").read_text()
        assert all(whole.count(f'"run":"{run}"') > 5 for run in runs)
        assert runs[-1] not in (tmp_path / "part.jsonl").read_text().replace(f'\\"{runs[-1]}\\"', "")

    story(work)
