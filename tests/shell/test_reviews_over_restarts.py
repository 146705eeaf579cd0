"""Reviews over restarts: the end of a question to the microsecond, whoever drives it, answers it or died meanwhile."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast import Done, Runner, Waiting, units
from holdfast.errors import NotAllowed
from holdfast.events import CallStarted, PersonAnswered, QuestionWithdrawn
from holdfast.journal.memory import MemoryJournal
from holdfast.journal.sqlite import SqliteJournal
from tests.shell.bench import OK, PAY, REVIEWED, Bank, Clock, Request, clerk, opened, story

LAST = {
    "pay": {
        "review": [{"because": "people decide", "by": "finance", "within": "1h", "then": "ask: legal"}],
        "amendable": ["order"],
    }
}


class Place:
    """One journal, as each process has it: with a clock of its own over the true time."""

    def __init__(self, file: Path | None) -> None:
        self.true = Clock()
        self.file = file
        self.skew = 0
        self._one = None if file else MemoryJournal(clock=self._now)
        self._open: list[SqliteJournal] = []

    def _now(self) -> int:
        return self.true.us + self.skew

    def journal(self, skew: int = 0) -> Any:
        """As a process has it whose clock is so many µs off."""
        self.skew = skew
        if self._one is not None:
            return self._one
        assert self.file is not None
        self._open.append(SqliteJournal(self.file, clock=lambda: self.true.us + skew))
        return self._open[-1]

    async def close(self) -> None:
        for one in self._open:
            await one.close()


def told(work: Callable[[Place], Any], place: Place) -> None:
    async def whole() -> None:
        try:
            await work(place)
        finally:
            await place.close()

    story(whole)


@pytest.fixture(params=["memory", "sqlite"])
def place(request, tmp_path):
    return Place(tmp_path / "journal.db" if request.param == "sqlite" else None)


async def asked(place: Place, bank: Bank, terms: Any = REVIEWED, skew: int = 0) -> tuple[str, int, int]:
    """A run with one question open, and nobody who drives it: (run, question, its end)."""
    async with opened(place.journal(skew), PAY, OK) as runner:
        run = await runner.start(clerk(bank, terms=terms), Request(), by="ann")
        waiting = await run.result()
        assert isinstance(waiting, Waiting)
        (seq,) = (await run.state()).questions
        assert waiting.until is not None
        return run.name, seq, waiting.until


async def driven(place: Place, bank: Bank, run: str, terms: Any = REVIEWED, skew: int = 0) -> Any:
    """Another process takes it up: the state after that."""
    agent = clerk(bank, terms=terms)
    async with opened(place.journal(skew), PAY if not bank.paid else OK, OK, OK, agents=[agent]) as runner:
        await runner.drive(run)
        return await runner.state(run)


async def of_kind(place: Place, run: str, kind: type) -> list[Any]:
    async with Runner.open(place.journal()) as console:
        return [entry for entry in await console.entries(run) if isinstance(entry.event, kind)]


# ------------------------------------------------------------------------------------------------------ the very end


@pytest.mark.parametrize("early", [1, 0])
def test_an_answer_in_another_process_counts_until_the_very_last_microsecond(place, early):
    """SEMANTICS rules 10 and 32. The process that answers does not have the agent's code."""

    async def work(place):
        bank = Bank()
        run, seq, until = await asked(place, bank)
        place.true.us = until - early
        async with Runner.open(place.journal()) as console:
            if early:
                await console.answer(run, seq, "approve", by="rita", roles=["finance"])
                assert (await console.state(run)).calls
            else:
                with pytest.raises(NotAllowed, match="expired"):
                    await console.answer(run, seq, "approve", by="rita", roles=["finance"])
        await driven(place, bank, run)
        assert len(bank.paid) == early
        answers, ends = await of_kind(place, run, PersonAnswered), await of_kind(place, run, QuestionWithdrawn)
        assert [entry.at for entry in answers] == [until - 1] * early
        assert [entry.event.why for entry in ends] == ["decided" if early else "expired"]

    told(work, place)


@pytest.mark.parametrize(("passed", "ends"), [(-30 * units.MINUTE, False), (0, True), (1, True), (3 * units.DAY, True)])
def test_a_question_ends_at_its_time_although_nobody_drove_the_run_meanwhile(place, passed, ends):
    async def work(place):
        bank = Bank()
        run, seq, until = await asked(place, bank)
        place.true.us = until + passed
        state = await driven(place, bank, run)
        assert (seq not in state.questions) == ends
        withdrawn = await of_kind(place, run, QuestionWithdrawn)
        assert [entry.at for entry in withdrawn] == [until + passed] * ends
        assert not bank.paid

    told(work, place)


@pytest.mark.parametrize("skew", [5 * units.MINUTE, -5 * units.MINUTE])
def test_a_worker_whose_clock_is_off_ends_it_by_its_own_clock_and_nobody_decides_after_that(place, skew):
    """Whatever is in the journal then holds for everybody: its time does not go back."""

    async def work(place):
        bank = Bank()
        run, seq, until = await asked(place, bank)
        place.true.us = until - skew - 30 * units.MINUTE
        assert seq in (await driven(place, bank, run, skew=skew)).questions
        place.true.us = until - skew
        assert seq not in (await driven(place, bank, run, skew=skew)).questions
        (end,) = await of_kind(place, run, QuestionWithdrawn)
        assert (end.at, end.event.why) == (until, "expired")
        async with Runner.open(place.journal()) as console:
            with pytest.raises(NotAllowed, match="not open"):
                await console.answer(run, seq, "approve", by="rita", roles=["finance"])
        assert not bank.paid

    told(work, place)


def test_an_answer_from_a_clock_that_is_behind_does_not_undercut_the_journal(place):
    """SEMANTICS rule 9: what was appended by a clock ahead of it is the earliest that it can be."""

    async def work(place):
        bank = Bank()
        run, seq, until = await asked(place, bank)
        place.true.us = until - 1
        async with Runner.open(place.journal(skew=5 * units.MINUTE)) as ahead:
            await ahead.pause(run, by="zoe")
        async with Runner.open(place.journal(skew=-5 * units.MINUTE)) as behind:
            with pytest.raises(NotAllowed, match="expired"):
                await behind.answer(run, seq, "approve", by="rita", roles=["finance"])
        assert not await of_kind(place, run, PersonAnswered)

    told(work, place)


def test_the_next_role_has_as_long_from_when_it_is_asked(place):
    async def work(place):
        bank = Bank()
        run, _, until = await asked(place, bank, LAST)
        place.true.us = until + units.DAY
        state = await driven(place, bank, run, LAST)
        (question,) = state.questions.values()
        assert (question.asked.role, question.asked.until) == ("legal", until + units.DAY + units.HOUR)
        place.true.us = question.asked.until - 1
        async with Runner.open(place.journal()) as console:
            with pytest.raises(NotAllowed, match="this is for legal"):
                await console.answer(run, question.seq, "approve", by="rita", roles=["finance"])
            await console.answer(run, question.seq, "approve", by="lea", roles=["legal"])
        await driven(place, bank, run, LAST)
        assert len(bank.paid) == 1

    told(work, place)


# ---------------------------------------------------------------------------------------------------- what is kept


def test_claims_and_voices_survive_whoever_recorded_them(place):
    terms = {"pay": {"review": [{"because": "two decide", "people": 2, "within": "1h"}]}}

    async def work(place):
        bank = Bank()
        run, seq, _ = await asked(place, bank, terms)
        async with Runner.open(place.journal()) as console:
            await console.answer(run, seq, "approve", by="raul")
            await console.claim(run, seq, by="rita")
        state = await driven(place, bank, run, terms)
        assert (
            state.questions[seq].claimed,
            [vote.by for vote in state.calls[state.questions[seq].asked.call].votes],
        ) == ("rita", ["raul"])
        async with Runner.open(place.journal()) as console:
            with pytest.raises(NotAllowed, match="rita is looking into"):
                await console.answer(run, seq, "approve", by="ruth")
            await console.answer(run, seq, "approve", by="rita")
        await driven(place, bank, run, terms)
        assert len(bank.paid) == 1
        (started,) = await of_kind(place, run, CallStarted)
        answers = await of_kind(place, run, PersonAnswered)
        assert [entry.event.by for entry in answers] == ["raul", "rita"]
        assert started.seq > answers[-1].seq

    told(work, place)


def test_an_amendment_without_the_agents_code_is_judged_by_whoever_has_it(place):
    async def work(place):
        bank = Bank()
        run, seq, _ = await asked(place, bank)
        async with Runner.open(place.journal()) as console:
            await console.amend(run, seq, {"order": "A-7"}, by="rita", roles=["finance"])
            with pytest.raises(NotAllowed, match="has changed since this was shown"):
                await console.amend(run, seq, {"order": "A-8"}, by="raul", roles=["finance"])
        await driven(place, bank, run)
        assert [order for _, order in bank.paid] == ["A-7"]

    told(work, place)


def test_a_run_that_was_approved_goes_to_its_end_elsewhere(place):
    async def work(place):
        bank = Bank()
        run, seq, _ = await asked(place, bank)
        async with Runner.open(place.journal()) as console:
            await console.answer(run, seq, "approve", by="rita", roles=["finance"])
        agent = clerk(bank, terms=REVIEWED)
        async with opened(place.journal(), OK, OK, agents=[agent]) as runner:
            assert isinstance(await runner.run(run, agent).result(), Done)
        assert len(bank.paid) == 1

    told(work, place)


# --------------------------------------------------------------------------------------------- a clock that goes on


class Ticking(Clock):
    """A clock by which 1 µs passes with every look at it, once it is told to."""

    ticks = 0

    def __call__(self) -> int:
        self.us += self.ticks
        return self.us


def test_an_answer_is_recorded_at_a_moment_at_which_it_was_in_time():
    """SEMANTICS rule 10: whether it is valid is decided from its own `at`."""

    async def answered(before: int) -> list[int]:
        """How much before the end answers stand that were begun so many looks before it."""
        bank, clock = Bank(), Ticking()
        journal = MemoryJournal(clock=clock)
        async with opened(journal, PAY, OK) as runner:
            run = await runner.start(clerk(bank, terms=REVIEWED), Request(), by="ann")
            await run.result()
            ((seq, question),) = (await run.state()).questions.items()
        async with Runner.open(journal, drives=False) as console:
            clock.us, clock.ticks = question.asked.until - before, 1
            with contextlib.suppress(NotAllowed):
                await console.answer(run.name, seq, "approve", by="rita", roles=["finance"])
            entries = await console.entries(run.name)
        return [question.asked.until - entry.at for entry in entries if isinstance(entry.event, PersonAnswered)]

    async def work():
        left = [one for before in range(1, 12) for one in await answered(before)]
        assert left
        assert min(left) > 0

    story(work)
