"""What was promised is kept, whatever the disk, a backup or an erasure does. Histories 1, 2, 12, 20, 21."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from holdfast import Cancelled, Declined, Done, Waiting, ask, call, codec, decline, tool
from holdfast.cli import main
from holdfast.codec import canonical, check_chain, keyed
from holdfast.core.fold import fold_all
from holdfast.events import CallAsked, CallLookedUp, CallStarted, PlaceAwaited, Resumed
from holdfast.journal.sqlite import SqliteJournal
from holdfast.tool import Absent, Found
from holdfast.views.trace import trace
from tests.histories.scene import Disk, asked, events, kinds, story
from tests.journal.conftest import FaultyConnection
from tests.shell.bench import LOOK, OK, PAY, Answer, Bank, Clock, Request, clerk, opened

# ------------------------------------------------------------------------------------------------------------ history 1


def test_01_checkpoint_power_loss_of_the_soft_suffix_resume_verify(tmp_path: Path, capsys: Any):
    """#1 RunOpened is on the disk. #2 to #6, up to the start of a read, are committed and not synced. Somebody makes a
    checkpoint now: it covers what the feed shows, which is #1. The power fails; #2 to #6 are gone. The run goes on and its
    model says something else this time: there is another #3. The checkpoint still holds: what it covers stands at the
    beginning of the feed. A checkpoint over the head, #6, would now accuse an honest journal of having been tampered with.

    Rules 1, 3, 39.
    """

    async def work() -> Disk:
        disk, bank = Disk(tmp_path / "journal.db"), Bank()
        agent = clerk(bank)
        bank.open.clear()
        before = disk.journal()
        crashed = await opened(before, LOOK, OK).__aenter__()
        run = await crashed.start(agent, Request())
        await bank.inside.wait()
        checkpoint, head = await before.feed(), (await before.read(run.name))[-1]
        assert len(checkpoint) == before.watermark() == 1
        assert (await kinds(crashed, run.name))[-1] == "CallStarted"

        left = disk.power_loss()
        bank.open.set()
        after = left.journal()
        assert await after.read(run.name) == [(line.data, line.digest) for line in checkpoint]
        async with opened(after, PAY, OK, agents=[agent]) as runner:
            assert isinstance(await runner.run(run.name, agent).result(), Done)
        lines = await after.read(run.name)
        assert (await after.feed())[: len(checkpoint)] == checkpoint
        assert head not in lines
        check_chain(run.name, lines)
        await after.close()
        await crashed.close()
        await before.close()
        return left

    left = story(work)
    assert main(["verify", "--journal", f"sqlite:///{left.path}"]) == 0
    assert "everything is what was written" in capsys.readouterr().out


# ------------------------------------------------------------------------------------------------------------ history 2


@pytest.mark.parametrize("cancelled", [True, False])
def test_02_cancel_acknowledged_power_loss_resume(tmp_path: Path, cancelled: bool):
    """#1 RunOpened … #6 CallStarted of a read; the model will want to pay next. #7 CancelAsked: `cancel` returns. The power
    fails in the same moment. Whoever resumes the run finds #7: it ends as cancelled, and nothing is paid. Without the
    cancellation the same run, resumed from the same place, pays.

    Rules 1, 2, 35.
    """

    async def work() -> None:
        disk, bank = Disk(tmp_path / "journal.db"), Bank()
        agent = clerk(bank)
        bank.open.clear()
        before = disk.journal()
        crashed = await opened(before, LOOK, PAY, OK).__aenter__()
        run = await crashed.start(agent, Request())
        await bank.inside.wait()
        if cancelled:
            await run.cancel("rita", "it arrived")
        left = disk.power_loss()

        resumed_bank = Bank()
        agent_again = clerk(resumed_bank)
        after = left.journal()
        async with opened(after, LOOK, PAY, OK, agents=[agent_again]) as runner:
            end = await runner.run(run.name, agent_again).result()
        assert type(end) is (Cancelled if cancelled else Done)
        assert len(resumed_bank.paid) == (0 if cancelled else 1)
        await after.close()
        bank.open.set()
        await crashed.close()
        await before.close()

    story(work)


# ----------------------------------------------------------------------------------------------------------- history 12


def back_up(folder: Path) -> Path:
    """A backup of the journal in a folder, made while it is in use."""
    to = folder / "backup.db"
    with closing(sqlite3.connect(folder / "journal.db")) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)
    return to


def test_12_restore_from_backup_with_a_paid_call_in_the_gap(tmp_path: Path):
    """Backup at #6, a read. In the gap: #12 CallStarted of a payment, which is paid, and the run is done. The disk is lost;
    the backup is restored, and somebody says so (`recovered`). The run is open there. A worker takes it up: Resumed(epoch
    2) comes first, the model wants to pay as it did before, and now a person is asked, for the backup cannot know. Whoever
    remembers the payment says no; it is not made a second time. Nothing in the contract asks for a review of it.

    Rules 7, 8, and 32: an approval would bind the epoch.
    """

    async def work() -> None:
        bank, clock = Bank(), Clock()
        before = SqliteJournal(tmp_path / "journal.db", clock=clock)
        agent = clerk(bank)
        bank.open.clear()
        async with opened(before, LOOK, PAY, OK) as runner:
            run = await runner.start(agent, Request(), by="ann")
            await bank.inside.wait()
            saved = back_up(tmp_path)
            bank.open.set()
            assert isinstance(await run.result(), Done)
        assert len(bank.paid) == 1
        await before.close()

        clock.pass_time(3600)
        backup = SqliteJournal(saved, clock=clock)
        assert (backup.epoch(), await backup.recovered()) == (1, 2)
        async with opened(backup, LOOK, PAY, OK, agents=[agent]) as runner:
            restored = runner.run(run.name, agent)
            assert (await restored.result()).on == "person"
            question = await asked(runner, run.name, "review")
            (text,) = [q.asked.text for q in (await restored.state()).questions.values()]
            assert "may have been done already, in what was lost" in text
            assert [event.epoch for event in await events(runner, run.name, Resumed)] == [2]
            await runner.answer(run.name, question, "deny", by="rita", text="it was paid at noon")
            assert isinstance(await restored.result(), Done)
        assert len(bank.paid) == 1
        await backup.close()

    story(work)


@pytest.mark.parametrize("kind", ["with a lookup", "bare"])
def test_12_a_write_that_had_begun_in_the_backup_is_checked_or_put_before_a_person(tmp_path: Path, kind: str):
    """Backup at #6 CallStarted of a payment; paid in the gap. After the restore the attempt has no answer, and a further one
    may stand in what was lost. With a look-up the other system is asked: it is found, and counts. A bare one is in doubt.

    Rules 7, 22, 24.
    """
    paid: list[str] = []

    async def find(order: str) -> Found[dict[str, str]] | Absent:
        return Found(f"p_{paid[0]}", {"id": f"p_{paid[0]}"}) if paid else Absent()

    options: Any = {"lookup": find, "effect_id": "id"} if kind == "with a lookup" else {}

    async def work() -> None:
        clock, begun, go = Clock(), asyncio.Event(), asyncio.Event()

        @tool.write(timeout=60, **options)
        async def transfer(order: str) -> dict[str, str]:
            """Pay one order."""
            begun.set()
            await go.wait()
            paid.append(order)
            return {"id": f"p_{order}"}

        agent = clerk(Bank(), transfer)
        turns = (call("transfer", order="A-1"), OK)
        before = SqliteJournal(tmp_path / "journal.db", clock=clock)
        async with opened(before, *turns) as runner:
            run = await runner.start(agent, Request(), by="ann")
            await begun.wait()
            saved = back_up(tmp_path)
            go.set()
            assert isinstance(await run.result(), Done)
        await before.close()

        clock.pass_time(3600)
        backup = SqliteJournal(saved, clock=clock)
        await backup.recovered()
        async with opened(backup, *turns, agents=[agent]) as runner:
            restored = runner.run(run.name, agent)
            end = await restored.result()
            if kind == "bare":
                assert isinstance(end, Waiting)
                await asked(runner, run.name, "doubt")
            else:
                assert isinstance(end, Done)
                assert [seen.answer for seen in await events(runner, run.name, CallLookedUp)] == ["found"]
        assert paid == ["A-1"]
        await backup.close()

    story(work)


# ----------------------------------------------------------------------------------------------------------- history 20

PHONE = "+49-170-5550199"


def digests_in(data: bytes) -> set[str]:
    """Everything in a text that could be a digest."""
    return {found.decode() for found in re.findall(rb"[0-9a-f]{16,64}", data)}


def guesses(number: str, keys: list[bytes]) -> Iterator[str]:
    """Every digest somebody would try who thinks it may be this number."""
    args = {"to": number}
    forms = [
        number.encode(),
        *(canonical(one) for one in (number, args, [number], f"I am {number}", {"value": number})),
    ]
    forms += [json.dumps(args).encode(), b"call" + canonical(args)]
    for form in forms:
        for make in (
            hashlib.sha256,
            hashlib.sha1,
            hashlib.md5,
            hashlib.blake2b,
            lambda data: hashlib.blake2b(data, digest_size=16),
        ):
            yield make(form).hexdigest()
        for key in keys:
            for purpose in ("body", "input", "result", "aside"):
                yield keyed(key, purpose, form)
    for key in keys:
        yield keyed(key, "args", "call", canonical(args))
    for thing in (
        number,
        f"I am {number}",
    ):  # what runs share has a name that anybody can work out who knows what it is about
        yield codec.public_digest(["", "clerk", "input", thing])
        yield codec.public_digest(["", "text", "args.to", thing])


def recovered_from(data: bytes, keys: list[bytes]) -> list[str]:
    """The numbers that digests in some data give away, of all that end in any four digits."""
    there = digests_in(data)
    cut = {length: {digest[:length] for digest in there} for length in {len(digest) for digest in there}}
    tried = [f"+49-170-555{n:04}" for n in range(150, 250)]
    return [
        number for number in tried
        if any(guess[:length] in cut[length] for guess in guesses(number, keys) for length in cut)
    ]  # fmt: skip


def test_20_erase_then_guess_the_phone_number_from_every_digest_left_in_the_chain(tmp_path: Path):
    """#1 RunOpened, on behalf of a customer, who gives a phone number; #4 CallAsked call(to=the number), #7 its result, a
    refusal that names it; RunClosed; Erased. Whoever has the whole file then, and knows all but a few digits of the number,
    tries every digest that is left, with every usual hash of every form it may have had. Nothing fits. While the secret of
    the run was there, the same search found it at once: so it is the secret that keeps it, and the secret is gone. The chain
    still verifies.

    Rules 2, 38.
    """

    @tool.read(name="call")
    async def call_them(to: str) -> str:
        """Call somebody."""
        return f"{to} does not answer"

    async def work() -> tuple[bytes, list[bytes]]:
        journal = SqliteJournal(tmp_path / "journal.db")
        agent = clerk(Bank(), call_them, takes=str)
        async with opened(journal, call("call", to=PHONE), decline(f"{PHONE} is not ours")) as runner:
            run = await runner.start(agent, f"I am {PHONE}", by="svc:inbox", on_behalf_of="c:551")
            await run.result()
            secret = await journal.secret(run.name)
            assert secret is not None
            before = b"\n".join(data + b" " + digest.hex().encode() for data, digest in await journal.read(run.name))
            assert PHONE in str(await run.entries())
            assert recovered_from(before, [secret]) == [PHONE], "with the secret the search finds it"
            assert recovered_from(before, []) == [], "without it, it does not"
            await runner.erase(run.name, by="dpo", basis="asked to")
            assert PHONE not in str(await run.entries())
            assert await journal.secret(run.name) is None
            asking, *_ = await events(runner, run.name, CallAsked)
            assert len(asking.digest) == 32, "the digest itself stays: the chain is over it"
        lines = await journal.read(run.name)
        check_chain(run.name, lines)
        await journal.close()
        return secret, [digest.hex().encode() for _, digest in lines]

    secret, chain = story(work)
    files = [one.read_bytes() for one in tmp_path.glob("journal.db*") if one.is_file()]
    everything = b"\n".join([*files, *chain])
    assert PHONE.encode() not in everything
    assert secret not in everything
    assert recovered_from(everything, []) == []


def test_20_what_a_run_about_somebody_shared_with_others_names_nobody_when_it_is_erased(tmp_path: Path):
    """A run about a customer waits for its turn, takes it, and sends a text, of which all runs together may send so many to one
    number. #2 PlaceAwaited, PlaceTaken, CallJudged and CallStarted name what they are about by digests without a key, since
    other runs have to find the same. In a run about somebody these are set aside, and erased with the rest; folded without
    them, it is the same run but for what it holds.

    Rules 2, 38.
    """

    @tool.write(name="text", timeout=5)
    async def text(to: str) -> dict[str, str]:
        """Send a text to somebody."""
        return {"sent": to}

    async def work() -> None:
        journal = SqliteJournal(tmp_path / "journal.db")
        terms = {"text": {"across": {"per": "args.to", "window": "1d", "at_most": 3}}}
        agent = clerk(Bank(), text, takes=str, terms=terms, one_at_a_time="input")
        said, who = f"I am {PHONE}", {"by": "svc:inbox", "on_behalf_of": "c:551"}
        async with opened(journal, call("text", to=PHONE), ask("Anything else?"), decline("no more")) as runner:
            first = await runner.start(agent, said, **who)
            assert isinstance(await first.result(), Waiting)
            second = await runner.start(agent, said, **who)
            while "PlaceAwaited" not in await kinds(runner, second.name):
                await asyncio.sleep(0)
            assert [one.holder for one in await events(runner, second.name, PlaceAwaited)] == [first.name]
            await first.say("no, thank you")
            assert isinstance(await first.result(), Declined)
            assert isinstance(await second.result(), Waiting)
            await second.say("no, thank you")
            assert isinstance(await second.result(), Declined)
            (awaited,) = await events(runner, second.name, PlaceAwaited)
            (began,) = await events(runner, second.name, CallStarted)
            (share,) = began.shares
            assert recovered_from(f"{awaited.name} {share.name}".encode(), []) == [PHONE], "both can be worked out"
            lines = [data for run in (first, second) for data, _ in await journal.read(run.name)]
            assert recovered_from(b"\n".join(lines), []) == [], "no entry names it, even before"
            states = [fold_all(await run.entries()) for run in (first, second)]
            for run in (first, second):
                await runner.erase(run.name, by="dpo", basis="asked to")
            for run, state in zip((first, second), states, strict=True):
                after = fold_all(await run.entries())
                assert (after.spent, len(after.effects["text"])) == (state.spent, 1)
                assert after.closed is not None
                assert not after.awaits
                assert not [share for held in after.holds.values() for share in held if share.name]
                assert trace(await run.entries()).end is not None
        await journal.close()

    story(work)
    everything = b"\n".join(one.read_bytes() for one in tmp_path.glob("journal.db*") if one.is_file())
    assert recovered_from(everything, []) == []


# ----------------------------------------------------------------------------------------------------------- history 21


@pytest.mark.parametrize("when", ["after", "before"])
def test_21_commit_acknowledged_late(tmp_path: Path, when: str):
    """#12 CallStarted of a payment is committed, and the connection breaks before the commit is acknowledged; so does every
    other one. The writer looks into the file and finds its own lines there: it won. The payment is made, once; nothing is
    appended twice, and nobody takes its own entry for somebody else's. Where the commit had truly failed it finds nothing,
    whoever asked is told so, and nothing was done.

    Rule 6.
    """
    faulty: Any = type("Faulty", (FaultyConnection,), {})

    async def work() -> None:
        bank = Bank()
        agent = clerk(bank)
        journal = SqliteJournal(tmp_path / "journal.db", connection=faulty)
        async with opened(journal, LOOK, PAY, OK) as runner:
            faulty.fail(when, "COMMIT", "SQLITE_INTERRUPT", times=100)
            if when == "before":
                with pytest.raises(Exception, match="SQLITE_INTERRUPT"):
                    await runner.start(agent, Request())
                assert await journal.runs() == []
            else:
                run = await runner.start(agent, Request())
                assert await run.result() == Done(Answer(status="ok"), run.name, "0.00")
                named = await kinds(runner, run.name)
                assert named.count("CallStarted") == 2
                assert named.count("RunClosed") == named.count("RunOpened") == 1
                assert not {"CallFailed", "ModelFailed", "CallReturnedLate"} & set(named)
        assert (len(bank.paid), bank.reads) == ((1, 1) if when == "after" else (0, 0))
        await journal.close()

    story(work)
