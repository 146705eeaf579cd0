"""Erasing: everything that comes from a run goes with it, keys first, and what is merely old goes tree by tree."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from holdfast import Done, Runner, call, done, script, tool
from holdfast.codec import decode
from holdfast.core.fold import fold_all
from holdfast.core.pending import outlook
from holdfast.errors import JournalDamaged, JournalError, NotAllowed
from holdfast.events import (
    BodiesErased,
    CallReturnedLate,
    Entry,
    Erased,
    Inline,
    Noted,
    Parent,
    RunClosed,
    RunOpened,
)
from holdfast.journal.memory import MemoryJournal
from holdfast.shell import bodies, erasure
from holdfast.shell.body_check import BodyCheck
from holdfast.shell.book import Book, row_of
from holdfast.shell.cipher import is_encrypted
from holdfast.testing.sim.schedule import draw
from holdfast.testing.sim.stage import Stage
from holdfast.units import DAY
from tests.golden import store
from tests.shell.bench import OK, REVIEWED, Bank, Clock, Request, bytes_of, check, clerk, opened, story
from tests.shell.test_undoing import Town, agent

WORD = "Mallory"
TOLD = Request(order=f"{WORD}-7")
READ = call("get_order", order=TOLD.order)


async def finished(runner: Runner, one: Any, given: Any = TOLD, **more: Any) -> str:
    run = await runner.start(one, given, by="ann", **more)
    assert isinstance(await run.result(), Done)
    return run.name


async def told(runner: Runner, *runs: str) -> str:
    return " ".join([str(await runner.entries(run)) for run in runs])


async def damage(journal: MemoryJournal) -> list[str]:
    """What `verify` finds in bodies."""
    found = BodyCheck(journal)
    await found.take([decode(line.data) for line in await journal.feed(limit=100_000)])
    return [one.text for one in found.finish()]


def test_what_comes_from_a_run_about_somebody_goes_with_it():
    """Its undo and its child have secrets of their own, and know what it knew."""

    async def work() -> None:
        journal, town = MemoryJournal(), Town()
        one = agent(town)
        model = script(call("pay", n=1), call("ship", n=2), done(2))
        async with Runner.open(journal, agents=[one], model=model) as runner:
            run = await runner.start(one, f"for {WORD}", by="ann", on_behalf_of="c:1")
            await run.result()
            back = await runner.undo(await runner.plan_undo(run.name), by="ann")
            await back.result()
            other = await runner.start(one, "for nobody", by="ann", on_behalf_of="c:2")
            await other.result()
            child = Book(journal, "r_child")
            child.secret = b"c" * 32
            page = child.page(journal.now())
            kept, digest = Inline(one.contract.data), one.contract.digest
            page.add(
                RunOpened(one.name, kept, digest, Inline(WORD), "r", tree="r_child", parent=Parent(run.name, 3)), 0, "w"
            )
            after = page.add(RunClosed("done", "it was done"), 0, "w")
            await child.append(page, outlook(after), secret=("r_child", child.secret))
            family = [run.name, back.name, "r_child"]
            plan = await erasure.about(journal, "c:1")
            assert sorted(part.run for part in plan.parts) == sorted(family)
            assert sorted(plan.trees) == sorted(family), "each has a secret of its own"
            assert await runner.erase_all(plan, by="dpo", basis="asked") == plan.bodies > 3
            assert [await journal.secret(name) for name in family] == [None] * 3
            assert await journal.secret(other.name) is not None
            assert WORD not in await told(runner, run.name, back.name)
            assert "nobody" in await told(runner, other.name)
            check(journal)
            assert await damage(journal) == []
            again = await erasure.about(journal, "c:1")
            assert (again.parts, again.left) == ((), {erasure.DONE: 3})

    story(work)


def test_nothing_a_run_about_somebody_says_stands_in_the_store_but_encrypted():
    async def work() -> None:
        journal = MemoryJournal()
        one = clerk(Bank())
        async with opened(journal, READ, OK, agents=[one]) as runner:
            run = await finished(runner, one, on_behalf_of="c:1")
            assert WORD not in bytes_of(journal).decode(errors="replace")
            assert WORD in await told(runner, run)
            own = [blob for ref, blob in journal._blobs.items() if not ref.startswith("contract_")]
            assert len(own) > 3
            assert all(is_encrypted(blob or b"") for blob in own)
            assert await damage(journal) == []

    story(work)


def test_without_the_secret_what_is_left_is_read_as_erased():
    """So a crash right after the secret was destroyed leaves nothing that anybody can read."""

    async def work() -> None:
        journal = MemoryJournal()
        one = clerk(Bank())
        async with opened(journal, READ, OK, agents=[one]) as runner:
            run = await finished(runner, one, on_behalf_of="c:1")
            journal._secrets[run] = None
            entries = await runner.entries(run)
            assert WORD not in str(entries)
            assert isinstance(entries[0].event.input, Erased)
            assert WORD not in str(await runner.state(run))

    story(work)


class Cut(MemoryJournal):
    """A journal whose process ends at its n-th erasure."""

    left = 1_000

    def append(self, batch: Any) -> Any:
        if batch.forget:
            self.left -= 1
            if self.left < 0:
                raise JournalError("the process ended")
        return super().append(batch)


@pytest.mark.parametrize("after", [0, 1, 2, 3, 4])
def test_an_erasure_that_is_cut_off_leaves_nothing_readable_where_it_came_to_and_the_same_again_completes_it(after):
    async def work() -> None:
        journal, bank = Cut(), Bank()
        one = clerk(bank)
        async with opened(journal, READ, OK, READ, OK, agents=[one]) as runner:
            first = await finished(runner, one, on_behalf_of="c:1")
            at = next(
                entry.seq for entry in await runner.entries(first) if type(entry.event).__name__ == "CallReturned"
            )
            forks = [await runner.fork(first, at, by="fay", edit={at: {"order": f"{WORD}-{n}"}}) for n in (8, 9)]
            for fork in forks:
                await runner.cancel(fork.name, by="fay")
                await fork.result()
            second = await finished(runner, one, on_behalf_of="c:1")
            plan = await erasure.about(journal, "c:1")
            assert [len(parts) for parts in plan.trees.values()] in ([3, 1], [1, 3])
            journal.left = after
            if after < 4:
                with pytest.raises(JournalError):
                    await runner.erase_all(plan, by="dpo", basis="asked")
            else:
                await runner.erase_all(plan, by="dpo", basis="asked")
            family = {tree: [part.run for part in parts] for tree, parts in plan.trees.items()}
            for number, tree in enumerate(plan.trees):  # the secrets of all trees go before any other body does
                assert (await journal.secret(tree) is None) == (number < after)
                assert (WORD in await told(runner, *family[tree])) == (number >= after)
            check(journal)
            assert await damage(journal) == []
            journal.left = 1_000
            await runner.erase_all(await erasure.about(journal, "c:1"), by="dpo", basis="asked")
            assert WORD not in await told(runner, first, second, *(fork.name for fork in forks))
            assert not any(blob for ref, blob in journal._blobs.items() if not ref.startswith("contract_"))
            assert await damage(journal) == []
            for run in (first, second, *(fork.name for fork in forks)):
                said = [entry for entry in await runner.entries(run) if isinstance(entry.event, BodiesErased)]
                assert len(said) == 1, "each run says so itself, once"

    story(work)


def test_a_body_that_was_damaged_keeps_nobody_from_erasing_it():
    async def work() -> None:
        journal = MemoryJournal()
        one = clerk(Bank())
        async with opened(journal, READ, OK, agents=[one]) as runner:
            run = await finished(runner, one, on_behalf_of="c:1")
            ref = next(ref for ref in journal._blobs if not ref.startswith("contract_"))
            journal._blobs[ref] = b"\x01" + bytes(60)
            named = await damage(journal)
            assert named
            assert all(
                f"run {run}, entry " in text and f"the body {ref} is not what was written" in text for text in named
            )
            with pytest.raises(JournalDamaged, match=ref) as found:
                await runner.entries(run)
            assert (found.value.run, found.value.seq > 0) == (run, True)
            assert await runner.erase(run, by="dpo", basis="asked") > 3
            assert await damage(journal) == []
            assert WORD not in await told(runner, run)

    story(work)


def test_what_is_learned_after_an_erasure_is_recorded_without_a_word_of_it():
    """A late answer is a fact, and never dropped; a person who wants to say something is told that it would not be kept."""

    async def work() -> None:
        journal = MemoryJournal()
        one = clerk(Bank())
        async with opened(journal, READ, OK, agents=[one]) as runner:
            run = await finished(runner, one, on_behalf_of="c:1")
            await runner.erase(run, by="dpo", basis="asked")
            state = await runner.state(run)
            late = CallReturnedLate(next(iter(state.calls)), 1, Inline({"who": WORD}))
            await runner.put(run, lambda _: late, actor="w_2")
            await runner.put(run, lambda _: Noted("svc:x", "slow", note=f"{WORD} waited"), actor="svc:x")
            with pytest.raises(NotAllowed, match="no words about it are kept"):
                await runner.note(run, "bad", by="ann", text=f"poor {WORD}")
            await runner.note(run, "bad", by="ann")
            entries = await runner.entries(run)
            (event,) = [entry.event for entry in entries if isinstance(entry.event, CallReturnedLate)]
            assert isinstance(event.result, Erased)
            assert WORD not in bytes_of(journal).decode(errors="replace")
            check(journal)
            assert await damage(journal) == []

    story(work)


# ------------------------------------------------------------------------------------------------------- what is old


def test_what_ended_long_ago_goes_and_what_is_young_or_before_people_stays():
    async def work() -> None:
        clock, bank = Clock(), Bank()
        journal = MemoryJournal(clock=clock)
        one, other = clerk(bank), clerk(bank, name="reader")
        reviewed = clerk(bank, name="reviewer", terms=REVIEWED)
        async with opened(journal, READ, OK, READ, OK, agents=[one, other, reviewed]) as runner:
            old = await finished(runner, one, on_behalf_of="c:1")
            nobody = await finished(runner, other)
            clock.pass_time(200 * 86_400)
            young = await finished(runner, one, on_behalf_of="c:1")
            before = await erasure.older(journal, 190 * DAY)
            assert sorted(part.run for part in before.parts) == sorted([old, nobody])
            assert [part.about_somebody for part in before.parts if part.run == nobody] == [False]
            assert [part.run for part in (await erasure.older(journal, 190 * DAY, agent="reader")).parts] == [nobody]
            assert (await erasure.older(journal, 201 * DAY)).parts == ()
            await runner.erase_all(before, by="svc:retention", basis="it ended more than 190d ago")
            assert WORD not in await told(runner, old)
            assert WORD in await told(runner, young)
            after = await erasure.older(journal, 190 * DAY)
            assert (after.parts, after.left) == ((), {erasure.DONE: 2})
            (said,) = [entry.event for entry in await runner.entries(old) if isinstance(entry.event, BodiesErased)]
            assert said.basis == "it ended more than 190d ago"
            check(journal)
            assert await damage(journal) == []

    story(work)


def test_a_tree_goes_when_all_of_it_is_old():
    async def work() -> None:
        clock = Clock()
        journal = MemoryJournal(clock=clock)
        one = clerk(Bank())
        async with opened(journal, READ, OK, OK, agents=[one]) as runner:
            run = await finished(runner, one, on_behalf_of="c:1")
            clock.pass_time(200 * 86_400)
            at = next(entry.seq for entry in await runner.entries(run) if type(entry.event).__name__ == "CallReturned")
            fork = await runner.fork(run, at, by="fay", edit={at: {"order": "x"}})
            plan = await erasure.older(journal, 190 * DAY)
            assert (plan.parts, list(plan.left)) == ((), [erasure.OPEN])
            await runner.attend(fork.name)
            await runner.cancel(fork.name, by="fay")
            await fork.result()
            plan = await erasure.older(journal, 190 * DAY)
            assert (plan.parts, plan.left) == ((), {erasure.YOUNG: 2})
            clock.pass_time(200 * 86_400)
            assert len((await erasure.older(journal, 190 * DAY)).parts) == 2

    story(work)


def test_what_is_still_before_people_is_not_merely_old():
    async def work() -> None:
        clock, town = Clock(), Town()
        journal = MemoryJournal(clock=clock)

        @tool.write(timeout=5)
        async def wire(order: str) -> str:
            """Send money, and nobody knows whether it went."""
            raise ConnectionError(town)

        one = clerk(Bank(), wire)
        async with opened(journal, call("wire", order=WORD), agents=[one]) as runner:
            run = await runner.start(one, TOLD, by="ann", on_behalf_of="c:1")
            await run.result()
            await runner.cancel(run.name, by="ann")
            state, _ = await runner.attend(run.name)
            clock.pass_time(400 * 86_400)
            plan = await erasure.older(journal, 190 * DAY)
            assert (plan.parts, plan.left) == ((), {erasure.PEOPLE: 1})
            await runner.settle(run.name, state.unresolved[0], "did_not", by="rita")
            assert [part.run for part in (await erasure.older(journal, 190 * DAY)).parts] == [run.name]

    story(work)


def test_less_than_half_a_year_takes_a_reason():
    async def work() -> None:
        journal = MemoryJournal()
        with pytest.raises(NotAllowed, match="180 days at least"):
            await erasure.older(journal, 179 * DAY)
        assert (await erasure.older(journal, 179 * DAY, because="no agent of ours decides about people")).parts == ()
        assert (await erasure.older(journal, 180 * DAY)).parts == ()

    story(work)


# ------------------------------------------------------------------------------------------ whatever was erased is folded


def erased(entry: Entry) -> Entry:
    """An entry of a run about somebody, after all that it said was erased."""

    def gone(body: Any) -> Any:
        return Erased("x", 3) if body is not None else None

    changes = {
        name: tuple(map(gone, value)) if isinstance(value := getattr(entry.event, name), tuple) else gone(value)
        for name in bodies._fields(type(entry.event))
        if name != "contract"
    }
    bare, _ = bodies.set_aside(structs.replace(entry.event, **changes))
    if isinstance(bare, RunOpened):
        bare = structs.replace(bare, on_behalf_of="c:1")
    return structs.replace(entry, event=bare)


def rows(entries: list[Entry]) -> Any:
    state = fold_all(entries)
    return structs.replace(row_of(state, outlook(state)), reason="")


@pytest.mark.parametrize("path", store.files(), ids=store.name)
def test_a_run_of_which_everything_was_erased_folds_to_the_same_row(path):
    for golden in store.load(path):
        assert rows([erased(entry) for entry in golden.entries]) == rows(golden.entries)


def test_runs_of_the_simulator_fold_when_everything_was_erased():
    for seed in (3, 11, 29):
        for entries in Stage(draw(seed)).play().runs.values():
            assert rows([erased(entry) for entry in entries]) == rows(entries)
