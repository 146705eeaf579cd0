"""A checkpoint is appended before anyone sees it, one of two signers loses, and anchors are levelled after any failure."""

from __future__ import annotations

import asyncio

import pytest

from holdfast import codec
from holdfast.codec import check_chain
from holdfast.errors import JournalDamaged, JournalError
from holdfast.journal.memory import MemoryJournal
from holdfast.journal.port import Append
from holdfast.journal.sqlite import SqliteJournal
from holdfast.shell.anchors import AnchorError, FileAnchor
from holdfast.shell.auditor import Auditor
from holdfast.shell.durable import seals
from holdfast.shell.proofs import verify_journal
from holdfast.testing.journal_contract import a_batch
from holdfast.views.checkpoint import AUDIT, opened, seal
from holdfast.views.merkle import Frontier
from holdfast.views.note import Signer
from holdfast.views.sealing import event_of
from tests.shell.audited import DESK, KEYS, tell
from tests.shell.bench import story, until


class Shelf:
    """An anchor in memory, which can be out of reach."""

    def __init__(self, name="shelf"):
        self.name, self.held, self.reach, self.seen = name, [], True, []

    async def notes(self):
        if not self.reach:
            raise AnchorError("nobody answers")
        return list(self.held)

    async def last(self):
        return ([""] + await self.notes())[-1]

    async def publish(self, notes):
        if not self.reach:
            raise AnchorError("nobody answers")
        self.held += [note for note in notes if note not in self.held]


@pytest.fixture(params=["memory", "sqlite"])
def journal(request, tmp_path):
    return MemoryJournal() if request.param == "memory" else SqliteJournal(tmp_path / "journal.db")


def test_checkpoints_cover_what_is_durable_one_after_another(journal):
    async def work():
        shelf = Shelf()
        auditor = Auditor(journal, DESK, [shelf])
        await tell(journal, auditor=auditor)
        taken = [opened(note, KEYS) for note in shelf.held]
        assert [(one.number, one.size, one.position) for one in taken] == [(1, 5, 5), (2, 9, 9), (3, 13, 13)]
        check_chain(AUDIT, await journal.read(AUDIT))
        row = await journal.row(AUDIT)
        assert (row.seq, row.status, row.due) == (3, "closed", None)
        verdict = await verify_journal(journal, KEYS, [shelf])
        assert (verdict.good, verdict.checkpoints, verdict.anchored, verdict.uncovered) == (True, 3, 3, 1)
        await journal.close()

    story(work)


def test_nothing_but_its_own_entry_is_nothing_new():
    async def work():
        journal, shelf = MemoryJournal(), Shelf()
        auditor = Auditor(journal, DESK, [shelf])
        assert (await auditor.checkpoint()).taken is None
        await tell(journal, ("a1", "!"), auditor=auditor)
        again = await auditor.checkpoint()
        assert (again.taken, again.lost, len(shelf.held)) == (None, False, 1)
        assert len(await journal.read(AUDIT)) == 1

    story(work)


def test_what_is_not_durable_is_not_covered():
    async def work():
        journal = MemoryJournal(flush_after=1000)
        auditor = Auditor(journal, DESK)
        await journal.append(a_batch("a", durable=True))
        await journal.append(a_batch("b"))
        assert (await auditor.checkpoint()).taken.size == 1
        left = journal.power_loss()
        assert (await verify_journal(left, KEYS)).good

    story(work)


def test_checkpoint_is_durable_before_an_anchor_sees_it():
    async def work():
        journal = MemoryJournal()

        class Witness(Shelf):
            async def publish(self, notes):
                kept = await seals(journal.power_loss())
                assert [one.note for one in kept.values()][-len(notes) :] == list(notes)
                await super().publish(notes)

        witness = Witness()
        await tell(journal, auditor=Auditor(journal, DESK, [witness]))
        assert len(witness.held) == 3

    story(work)


def test_of_two_auditors_one_loses_and_shows_nothing():
    async def work():
        journal, shelves = MemoryJournal(), [Shelf("one"), Shelf("two")]
        await tell(journal, ("a3",))
        auditors = [Auditor(journal, DESK, [shelf]) for shelf in shelves]
        rounds = await asyncio.gather(*(auditor.checkpoint() for auditor in auditors))
        assert sorted((one.taken is not None, one.lost) for one in rounds) == [(False, True), (True, False)]
        assert sorted(len(shelf.held) for shelf in shelves) == [0, 1]
        assert len(await journal.read(AUDIT)) == 1
        for auditor in auditors:
            await auditor.checkpoint()
        assert shelves[0].held == shelves[1].held
        assert (await verify_journal(journal, KEYS, shelves)).anchored == 1

    story(work)


def test_an_anchor_that_was_out_of_reach_is_given_what_it_lacks():
    async def work():
        journal, here, away = MemoryJournal(), Shelf("here"), Shelf("away")
        auditor = Auditor(journal, DESK, [here, away])
        await tell(journal, ("a1", "!"), auditor=auditor)
        away.reach = False
        await journal.append(a_batch("b", durable=True))
        missed = await auditor.checkpoint()
        assert [(one.anchor, one.count, one.why) for one in missed.deliveries] == [
            ("here", 1, ""),
            ("away", 0, "nobody answers"),
        ]
        away.reach = True
        caught_up = await auditor.checkpoint()
        assert (caught_up.taken, [one.count for one in caught_up.deliveries]) == (None, [0, 1])
        assert away.held == here.held

    story(work)


@pytest.mark.parametrize("cut", [0, 3, 7])
def test_a_journal_from_before_an_anchored_checkpoint_is_not_signed_over(cut):
    async def work():
        journal, shelf = MemoryJournal(), Shelf()
        await tell(journal, auditor=Auditor(journal, DESK, [shelf]))
        restored = MemoryJournal()
        for line in await journal.feed(0, cut):
            await restored.append(
                Append(
                    run=line.run,
                    expected=line.seq - 1,
                    lines=[(line.data, line.digest)],
                    durable=True,
                    row=a_batch(line.run, line.seq - 1).row,
                )
            )
        with pytest.raises(JournalDamaged, match="holds a checkpoint 3 that this journal does not"):
            await Auditor(restored, DESK, [shelf]).checkpoint()

    story(work)


def test_a_journal_told_anew_with_the_same_key_is_refused_by_its_anchor():
    async def work():
        shelf = Shelf()
        honest, forged = MemoryJournal(), MemoryJournal()
        await tell(honest, auditor=Auditor(honest, DESK, [shelf]))
        await tell(forged, lie="other words")
        with pytest.raises(JournalDamaged, match="that this journal does not"):
            await Auditor(forged, DESK, [shelf]).checkpoint()
        shelf.held = [Signer("elsewhere", b"e" * 32).sign("hello\n")]
        with pytest.raises(JournalDamaged, match="no checkpoint of ours"):
            await Auditor(honest, DESK, [shelf]).checkpoint()

    story(work)


async def appended(journal, sealed, expected=0):
    """A checkpoint as somebody else would have it in the run."""
    batch = a_batch(AUDIT, expected)
    entry = codec.decode(batch.lines[0][0])
    data = codec.encode(type(entry)(AUDIT, expected + 1, 1, 0, "x", event_of(sealed) if sealed else entry.event))
    await journal.append(
        Append(
            run=AUDIT, expected=expected, lines=[(data, codec.chain(codec.GENESIS, data))], row=batch.row, durable=True
        )
    )


TREE = Frontier(1, [bytes(32)])


@pytest.mark.parametrize(
    ("sealed", "says"),
    [
        (None, "is no checkpoint"),
        (seal(Signer("example.com/desk", b"x" * 32), TREE, number=1, position=1, before=None), "does not hold"),
        (seal(DESK, TREE, number=2, position=1, before=None), "not of this journal"),
        (seal(DESK, TREE, number=1, position=99, before=None), "not of this journal"),
    ],
)
def test_nothing_is_signed_on_top_of_a_checkpoint_that_does_not_hold(sealed, says):
    async def work():
        journal = MemoryJournal()
        await appended(journal, sealed)
        await journal.append(a_batch("a", durable=True))
        with pytest.raises(JournalDamaged, match=says):
            await Auditor(journal, DESK).checkpoint()
        assert len(await journal.read(AUDIT)) == 1

    story(work)


def test_a_new_key_goes_on_from_checkpoints_of_the_old_one():
    async def work():
        journal, new = MemoryJournal(), Signer("example.com/desk", b"n" * 32)
        await tell(journal, ("a1", "!", "b1"))
        with pytest.raises(JournalDamaged):
            await Auditor(journal, new).checkpoint()
        assert (await Auditor(journal, new, keys=KEYS).checkpoint()).taken.number == 2
        assert (await verify_journal(journal, [DESK.key, new.key])).good
        assert not (await verify_journal(journal, [new.key])).good

    story(work)


def test_a_killed_auditors_checkpoint_reaches_the_anchor_with_the_next_round(tmp_path):
    async def work():
        path = tmp_path / "journal.db"
        journal = SqliteJournal(path)
        await tell(journal, ("a2", "!"))  # appended, and nobody was told: no anchor was there
        await journal.close()
        again, anchor = SqliteJournal(path), FileAnchor(tmp_path / "far" / "anchor")
        await until(lambda: again.watermark() == 3)
        done = await Auditor(again, DESK, [anchor]).checkpoint()
        assert (done.taken, [one.count for one in done.deliveries]) == (None, [1])
        assert (await verify_journal(again, KEYS, [anchor])).anchored == 1
        await again.close()

    story(work)


def test_a_journal_that_cannot_be_written_says_so(tmp_path):
    async def work():
        writing = SqliteJournal(tmp_path / "journal.db")
        await tell(writing, ("a1",))
        await writing.close()
        reading = SqliteJournal(tmp_path / "journal.db", readonly=True)
        with pytest.raises(JournalError):
            await Auditor(reading, DESK).checkpoint()
        await reading.close()

    story(work)
