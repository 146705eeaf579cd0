"""TestRunner: an agent's runs, with the people and the time in them played in one line each."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from holdfast.errors import NotAllowed, UsageError
from holdfast.testing import TestRunner, ask, call, done, fail, say, script
from holdfast.tool import CallKey
from tests.testing.desk import Bank, Receipt, announce, look_up, pay, payer


def played(test):
    """A test that is a coroutine, in a loop of its own."""

    def run():
        asyncio.run(test())

    run.__name__ = test.__name__
    return run


def paying(cents=700, bill="700"):
    return script(call("look_up", bill=bill), call("pay", bill=bill, cents=cents), done(paid=cents))


@played
async def test_a_run_is_driven_to_its_end_and_says_what_came_of_it():
    bank = Bank()
    async with TestRunner(payer, model=paying(), resources=[bank]) as desk:
        run = await desk.run("700", by="ana", key="k")
        assert (run.outcome, run.output) == ("done", Receipt(paid=700))
        assert [(made.tool, made.verdict, made.fate) for made in run.calls] == [
            ("look_up", "allow", "done"), ("pay", "allow", "done"),
        ]  # fmt: skip
        assert run.calls[1].args == {"bill": "700", "cents": 700}
        assert run.calls[1].result == {"paid": 700}
        assert type(run.entries[0].event).__name__ == "RunOpened"
        assert await desk.run("700", by="ana", key="k") is run
    assert list(bank.paid.values()) == [700]


@played
async def test_a_review_is_answered_in_one_line():
    bank = Bank()
    async with TestRunner(payer, model=paying(5000, "5000"), resources=[bank]) as desk:
        run = await desk.run("5000")
        assert (run.outcome, run.why) == ("waiting", "review for boss")
        assert run.questions[0].role == "boss"
        assert bank.paid == {}
        with pytest.raises(NotAllowed, match="opened, spoke or amended"):
            await desk.approve(run, by="tester")
        assert await desk.approve(run, by="alice") is run
        assert run.output.paid == 5000
        with pytest.raises(UsageError, match="no question is open"):
            await desk.approve(run, by="alice")


@played
async def test_deny_and_amend():
    async with TestRunner(payer, model=paying(5000, "5000"), resources=[Bank()]) as desk:
        run = await desk.deny(await desk.run("5000"), by="alice", text="not this one")
        assert run.calls[1].fate == "denied"
        bank = Bank()
    async with TestRunner(payer, model=paying(5000, "5000"), resources=[bank]) as desk:
        run = await desk.run("5000")
        await desk.amend(run, {"cents": 40}, by="alice")
        assert list(bank.paid.values()) == [40]


@played
async def test_time_advances_past_an_expiry():
    bank = Bank()
    async with TestRunner(payer, model=paying(5000, "5000"), resources=[bank]) as desk:
        run = await desk.run("5000")
        await desk.advance("239m")
        assert run.outcome == "waiting"
        await desk.advance("2m")
        assert (run.outcome, run.calls[1].fate) == ("done", "refused")
    assert bank.paid == {}


@played
async def test_waits_of_the_machine_take_no_time_in_a_test():
    bank, began = Bank(refuses=3), time.monotonic()
    async with TestRunner(payer, model=paying(), resources=[bank]) as desk:
        before = desk.clock()
        run = await desk.run("700")
        assert run.outcome == "done"
        assert desk.clock() - before > 60e6 * 7  # it waited a minute, two, four
    assert time.monotonic() - began < 5


@played
async def test_a_model_that_fails_at_first_is_asked_again():
    model = script(fail("rate_limited", retry_after=120.0), done(paid=0))
    async with TestRunner(payer, model=model, resources=[Bank()]) as desk:
        assert (await desk.run("0")).outcome == "done"


@played
async def test_a_question_is_answered_and_words_are_said():
    model = script(ask("Which bill?"), call("look_up", bill="7"), done(paid=0))
    async with TestRunner(payer, model=model, resources=[Bank()]) as desk:
        run = await desk.run("pay it")
        assert run.why == "question for requester"
        await desk.answer(run, "number 7")
        assert run.outcome == "done"
    talker = script(say("hello"), done(paid=0))
    async with TestRunner(payer, model=talker, resources=[Bank()]) as desk:
        assert (await desk.run("hi")).outcome == "done"


@played
async def test_a_write_in_doubt_is_settled_by_a_person():
    model = script(call("announce", text="x"), done(paid=0))
    async with TestRunner(payer, model=model, resources=[Bank()]) as desk:
        run = await desk.run("hi")
        assert run.why == "doubt for a person"
        await desk.settle(run, "did_not", by="alice")
        assert run.outcome == "done"


@played
async def test_an_unknown_outcome_is_tried_again_under_its_key():
    bank = Bank(silent=True)
    async with TestRunner(payer, model=paying(), resources=[bank]) as desk:
        assert (await desk.run("700")).outcome == "done"
    assert list(bank.paid.values()) == [700]


@played
async def test_simulated_writes_reach_nobody():
    bank = Bank()
    async with TestRunner(payer, model=paying(), resources=[bank], mode="simulate") as desk:
        run = await desk.run("700")
        assert run.calls[1].fate == "simulated"
    assert bank.paid == {}


@played
async def test_output_of_a_run_without_one_says_why_there_is_none():
    async with TestRunner(payer, model=script(), resources=[Bank()]) as desk:
        run = await desk.run("700")
        assert run.outcome == "failed"
        with pytest.raises(UsageError, match="the script has 0 turns"):
            _ = run.output
        cancelled = await desk.cancel(run, by="ana")
        assert cancelled.outcome == "failed"


@played
async def test_begins_when_the_test_says_and_a_real_clock_is_the_walls():
    starts = datetime(2030, 5, 1, tzinfo=UTC)
    async with TestRunner(payer, model=paying(), resources=[Bank()], starts=starts) as desk:
        run = await desk.run("700")
        assert 0 <= run.entries[0].at - starts.timestamp() * 1e6 < 60e6
    async with TestRunner(payer, model=paying(), resources=[Bank()], clock="real") as desk:
        run = await desk.run("700")
        assert abs(run.entries[0].at - time.time() * 1e6) < 60e6
        with pytest.raises(UsageError, match="cannot be advanced"):
            await desk.advance("1h")


@played
async def test_a_tool_is_a_plain_callable_in_ones_own_test():
    bank = Bank()
    assert look_up("12", bank=bank) == {"cents": 12}
    assert pay("12", 12, bank=bank, key=CallKey("k")) == Receipt(paid=12)
    assert pay("12", cents=12, bank=bank, key=CallKey("k")).paid == 12
    assert bank.paid == {"k": 12}
    with pytest.raises(Exception, match="no answer"):
        announce("x", bank=bank)


def test_importing_holdfast_does_not_import_it():
    code = "import sys, holdfast; print([name for name in sys.modules if name.startswith('holdfast.testing')])"
    done_ = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done_.stdout.strip() == "[]"
    code = "import sys, holdfast.testing; print('holdfast.shell.runner' in sys.modules)"
    done_ = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done_.stdout.strip() == "False"
