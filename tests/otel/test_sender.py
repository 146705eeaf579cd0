"""The sender: every span that is over, once everything went well; none lost where it did not; and nothing that waits for it."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from holdfast.errors import SettingsError
from holdfast.events import Checkpointed, Fired, Inline, RunOpened
from holdfast.journal.memory import MemoryJournal
from holdfast.otel import sender as sending
from holdfast.otel.collector import Otlp
from holdfast.otel.mapping import spans
from holdfast.otel.position import Position
from holdfast.otel.sender import Sender
from tests.otel.told import ANSWERED, DONE, OPENED, STORY, batch, run

WHOLE = run(*STORY, DONE)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """What is minutes long in the world is not here."""
    for name, seconds in {
        "FIRST_WAIT": 0.02,
        "LONGEST_WAIT": 0.05,
        "PATIENCE": 0.3,
        "DRAIN": 0.3,
        "LINGER": 0.01,
    }.items():
        monkeypatch.setattr(sending, name, seconds)


class Bench:
    """A journal, a collector and as many senders as one likes, one after another."""

    def __init__(self, tmp_path: Path, far) -> None:
        self.journal, self.far, self.path = MemoryJournal(), far, tmp_path / "journal.db"
        self.said: list[str] = []

    async def append(self, entries, after=0, upto=None):
        await self.journal.append(batch(entries, after, upto=upto))

    def sender(self, journal=None, **options):
        otlp = Otlp(self.far.url)
        position = Position(self.path, otlp.url, otlp.name)
        return Sender(journal or self.journal, otlp, position, tell=self.said.append, **options)

    def ids(self):
        return [span.span_id.hex() for span in self.far.spans]


@pytest.fixture
def bench(tmp_path, collector):
    return Bench(tmp_path, collector)


def ids(*runs):
    return [span.id for entries in runs for span in spans(entries)]


def play(story):
    asyncio.run(asyncio.wait_for(story, 30))


@contextlib.asynccontextmanager
async def following(sender):
    task = asyncio.create_task(sender.follow())
    try:
        yield task
    finally:
        sender.stop()
        await task


async def until(so):
    async with asyncio.timeout(20):
        while not so():
            await asyncio.sleep(0.005)


def test_each_span_is_sent_once_and_in_the_order_in_which_it_was_over(bench):
    async def story():
        await bench.append(WHOLE)
        sent = await bench.sender().once()
        assert (sent.spans, sent.position, sent.left) == (3, 8, 0)
        again = await bench.sender().once()
        assert (again.spans, again.position) == (0, 8)
        assert bench.ids() == ids(WHOLE)

    play(story())


def test_a_span_is_sent_when_it_is_over_and_its_run_only_when_it_closed(bench):
    async def story():
        await bench.append(WHOLE, upto=3)
        await bench.sender().once()
        assert [span.name for span in bench.far.spans] == ["chat claude-x"]
        await bench.append(WHOLE, 3)
        await bench.sender().once()
        assert bench.ids() == ids(WHOLE)

    play(story())


def test_small_pages_and_requests_send_the_same(bench):
    async def story():
        runs = [run(*STORY, DONE, name=f"r_{number}") for number in range(5)]
        for upto in range(1, 9):
            for entries in runs:
                await bench.append(entries, upto - 1, upto)
        await bench.sender(page=3, batch=2).once()
        assert sorted(bench.ids()) == sorted(ids(*runs))
        assert len(bench.far.requests) > 5

    play(story())


def test_what_comes_while_it_follows_is_sent_and_what_is_there_at_the_end_too(bench):
    async def story():
        async with following(bench.sender()):
            await bench.append(WHOLE, upto=5)
            await until(lambda: len(bench.far.spans) == 1)
            await bench.append(WHOLE, 5)
            await until(lambda: len(bench.far.spans) == 3)
            last = run(*STORY, DONE, name="r_last")
            await bench.append(last)
        assert bench.ids() == ids(WHOLE, last)

    play(story())


def test_a_collector_that_is_down_is_waited_for_and_told_of(bench):
    async def story():
        bench.far.script = [(503, {}), (429, {"Retry-After": "0"}), (502, {})]
        await bench.append(WHOLE)
        sent = await bench.sender().once()
        assert (sent.spans, sent.repeats) == (3, 3)
        *waits, last = bench.said
        assert [status in said for status, said in zip(("503", "429", "502"), waits, strict=True)] == [True] * 3
        assert all("nothing is lost" in said for said in waits)
        assert last.endswith("it takes spans again")

    play(story())


def test_the_journal_goes_on_while_a_collector_is_down(bench):
    async def story():
        bench.far.script = [(503, {})] * 1000
        async with following(bench.sender()):
            await bench.append(WHOLE)
            await until(lambda: len(bench.far.requests) > 2)
            await bench.append(run(*STORY, DONE, name="r_2"))
            assert bench.journal.watermark() == 16
            bench.far.script = []
            await until(lambda: len(bench.far.spans) == 6)

    play(story())


def test_who_waits_for_an_end_is_told_that_nothing_was_lost(bench):
    async def story():
        await bench.append(WHOLE)
        bench.far.script = [(503, {})] * 1000
        with pytest.raises(SettingsError, match="took nothing") as caught:
            await bench.sender().once()
        assert "goes on after position 0" in caught.value.hint
        bench.far.script = []
        assert (await bench.sender().once()).spans == 3

    play(story())


def test_told_to_stop_it_does_not_wait_for_ever(bench):
    async def story():
        bench.far.script = [(503, {})] * 1000
        await bench.append(WHOLE)
        sender = bench.sender()
        async with following(sender) as task:
            await until(lambda: bench.far.requests)
        assert (task.result().spans, task.result().left) == (0, 8)

    play(story())


def test_what_a_collector_refuses_is_not_lost_and_not_passed_over(bench):
    async def story():
        await bench.append(WHOLE)
        bench.far.script = [(401, {})]
        with pytest.raises(SettingsError, match="401"):
            await bench.sender().once()
        assert (await bench.sender().once()).spans == 3

    play(story())


def test_a_request_that_is_too_large_is_sent_in_parts(bench):
    async def story():
        bench.far.largest = 1
        await bench.append(WHOLE)
        assert (await bench.sender().once()).spans == 3
        assert bench.ids() == ids(WHOLE)
        bench.far.largest = 0
        await bench.append(run(*STORY, DONE, name="r_2"))
        with pytest.raises(SettingsError, match="413"):
            await bench.sender().once()

    play(story())


def test_what_was_taken_in_part_is_told_and_not_repeated(bench):
    async def story():
        bench.far.rejects = 2
        await bench.append(WHOLE)
        await bench.sender().once()
        assert len(bench.far.requests) == 1
        assert "rejected 2 of the spans" in bench.said[0]

    play(story())


# ------------------------------------------------------------------------------------------------------ the position


def test_without_its_position_it_repeats_everything_with_the_same_ids(bench):
    async def story():
        await bench.append(WHOLE)
        await bench.sender().once()
        next(bench.path.parent.glob("*.telemetry-*")).unlink()
        await bench.sender().once()
        first, again = bench.far.taken
        assert first.SerializeToString() == again.SerializeToString()
        assert not bench.said

    play(story())


@pytest.mark.parametrize("text", ["", "{", '{"format":"other/9","to":"x","position":8,"digest":""}'])
def test_a_position_that_cannot_be_read_costs_repeats_only(bench, text):
    async def story():
        await bench.append(WHOLE)
        await bench.sender().once()
        next(bench.path.parent.glob("*.telemetry-*")).write_text(text)
        await bench.sender().once()
        assert bench.ids() == ids(WHOLE) * 2
        assert "from the beginning" in bench.said[0]

    play(story())


def test_a_restored_journal_is_sent_from_the_beginning(bench):
    async def story():
        await bench.append(WHOLE)
        await bench.sender().once()
        other = MemoryJournal()
        await other.append(batch(run(*STORY, DONE, name="r_other")))
        await bench.sender(other).once()
        assert bench.ids() == ids(WHOLE, run(*STORY, DONE, name="r_other"))
        assert "before it was restored" in bench.said[0]

    play(story())


def test_each_collector_has_a_position_of_its_own(bench):
    one, other = (Position(bench.path, url, "x") for url in ("http://a/v1/traces", "http://b/v1/traces"))
    assert one.path != other.path
    assert one.path.parent == bench.path.parent
    assert Position(bench.path, "http://a/v1/traces", "x").path == one.path


def test_a_position_holds_no_password(bench):
    async def story():
        await bench.append(WHOLE)
        otlp = Otlp(bench.far.url.replace("127", "user:PLANTED@127"))
        await Sender(bench.journal, otlp, Position(bench.path, otlp.url, otlp.name), tell=bench.said.append).once()
        (file,) = bench.path.parent.glob("*.telemetry-*")
        assert "PLANTED" not in file.name + file.read_text()

    play(story())


# -------------------------------------------------------------------------------------------------- what is not sent


def test_a_control_stream_is_no_run(bench):
    async def story():
        await bench.append(run(Checkpointed("note", b""), name="audit"))
        sent = await bench.sender().once()
        assert (sent.spans, sent.position) == (0, 1)
        assert not bench.far.requests

    play(story())


def test_a_damaged_run_is_told_of_and_the_others_are_sent(bench):
    async def story():
        broken = batch(run(*STORY, DONE, name="r_bad"))
        broken.lines[3] = (broken.lines[3][0].replace(b"pay", b"pax"), broken.lines[3][1])
        await bench.journal.append(broken)
        await bench.append(WHOLE)
        assert (await bench.sender().once()).spans == 3
        assert "r_bad" in bench.said[0]
        assert "verify" in bench.said[0]

    play(story())


def test_content_is_sent_only_where_it_was_asked_for(bench):
    async def story():
        await bench.append(WHOLE)
        await bench.sender().once()
        assert b"PLANTED" not in bench.far.bytes()
        await bench.append(run(*STORY, DONE, name="r_2"))
        await bench.sender(content=True).once()
        assert b"PLANTED-result" in bench.far.bytes()

    play(story())


def test_bodies_that_are_not_to_be_sent_are_not_even_read(bench, monkeypatch):
    """But the contract, for the names in it."""
    read: list[str] = []

    async def blob(ref):
        read.append(ref)
        return b'{"tools": {"pay": {}}}' if ref.startswith("contract_") else b'"PLANTED"'

    async def story():
        from holdfast.events import CallJudged, Stored

        opened = RunOpened(
            "payer", Stored("contract_1", 1), "c0ffee", Stored("body_1", 1), "svc:inbox", on_behalf_of="c:1"
        )
        bodies = run(opened, *STORY[1:4], CallJudged(4, "refuse", (Fired("r", "refuse", ""),)), DONE)
        await bench.append(bodies)
        monkeypatch.setattr(bench.journal, "blob", blob)
        await bench.sender(content=True).once()
        assert read == ["contract_1"]
        await bench.append(
            run(OPENED.__class__("payer", Stored("contract_1", 1), "c", Stored("body_2", 1), "x"), DONE, name="r_2")
        )
        await bench.sender(content=True).once()
        assert read == ["contract_1", "contract_1", "body_2"]
        assert isinstance(ANSWERED.text, Inline)

    play(story())
