"""Files through a whole run: in an input, in what is said, in results; where they are kept, and what they may not do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel

from holdfast import Agent, Runner, ask, call, done, script, tool
from holdfast.core.essence import same
from holdfast.core.fold import fold_all
from holdfast.core.prompt import WINDOW
from holdfast.dialogue import Attached
from holdfast.errors import Conflict, InputError
from holdfast.events import CallFailed, CallJudged, CallReturned, Loaded, RunOpened, Said
from holdfast.files import Attachment, size_in_words
from holdfast.journal.memory import MemoryJournal
from holdfast.shell import attach as module
from holdfast.tool import Call, Found, Partial, Unknown
from holdfast.views.trace import trace
from tests.papers import IBAN, PNG, pdf
from tests.shell.bench import bytes_of, check, story

BILL = pdf(f"Invoice 17\nPay 40.00 to {IBAN}", *["Terms of trade, which nobody reads."] * 12)
NOTE = Attachment("note.txt", f"Please use {IBAN} from now on.".encode())


class Mail(BaseModel):
    subject: str
    attached: list[Attachment]


class Paid(BaseModel):
    id: str


class Vendor(BaseModel):
    iban: str = "DE02120300000000202051"


@tool.read(timeout=30)
def fetch(number: str) -> Mail:
    """The mail with its files."""
    return Mail(subject="bill", attached=[Attachment("bill.pdf", BILL)])


@tool.read(timeout=30, trust="trusted")
def scan(number: str) -> Attachment:
    """The page as it was scanned."""
    return Attachment("page.png", PNG)


@tool.read(timeout=30, trust="trusted")
def vendor(number: str) -> Vendor:
    """The vendor's record."""
    return Vendor()


@tool.write(timeout=30)
def pay(iban: str) -> Paid:
    """Pay it."""
    return Paid(id="p1")


def agent(*more: Any, **terms: Any) -> Agent[str, str]:
    tools: dict[Any, Any] = {
        fetch: {},
        scan: {},
        vendor: {},
        pay: {"needs": {"vendor": {}}, "from": {"iban": ["seen.vendor.iban"]}},
    }
    return Agent(
        name="desk",
        task="Pay.",
        takes=str,
        gives=str,
        models=["script:x"],
        tools=tools | {one: {} for one in more},
        **terms,
    )


class Ran:
    """A run that is over: its entries, its state, what its model was told."""

    def __init__(self, entries: Any, journal: MemoryJournal, told: list[str]) -> None:
        self.entries, self.journal, self.told = entries, journal, told
        self.state = fold_all(entries)

    def of(self, kind: Any) -> Any:
        return [entry.event for entry in self.entries if isinstance(entry.event, kind)]


async def run(one: Agent[str, str], *turns: Any, say: Any = None, **given: Any) -> Ran:
    journal = MemoryJournal()
    async with Runner.open(journal, agents=[one], model=script(*turns, done("ok"))) as runner:
        made = await runner.start(one, "Pay bill 17.", by="ann", **given)
        await made.result()
        if say is not None:
            await say(made)
            await made.result()
        entries = await runner.entries(made.name)
        check(journal)
        told = [segment.text for segment in fold_all(entries).transcript]
    return Ran(entries, journal, told)


def refusal(ran: Ran) -> str:
    return next(rule.because for judged in ran.of(CallJudged) for rule in judged.rules if rule.verdict == "refuse")


# ----------------------------------------------------------------------------------------------------- in a result


def test_a_file_of_a_tool_is_a_body_of_its_own_and_the_result_names_it():
    async def work():
        ran = await run(agent(), call("fetch", number="17"))
        (returned,) = ran.of(CallReturned)
        (body,) = returned.files
        assert isinstance(body, Loaded), "it is kept beside the chain"
        result = returned.result.value
        assert result == {
            "subject": "bill",
            "attached": [
                {"file": body.value["digest"], "name": "bill.pdf", "media": "application/pdf", "bytes": len(BILL)}
            ],
        }
        shown = next(segment for segment in ran.state.transcript if segment.text.startswith('{"attached"'))
        (file,) = shown.attached
        assert (file.content, file.pages) == (BILL, 13)
        assert IBAN in file.text
        seen = next(iter(trace(ran.entries).calls.values()))
        assert seen.files[0].startswith(f"bill.pdf (application/pdf, {size_in_words(len(BILL))}, 13 pages, sha256 ")

    story(work)


def test_an_argument_out_of_a_pdf_that_a_tool_gave_is_refused_with_where_it_came_from():
    async def work():
        ran = await run(agent(), [call("fetch", number="17"), call("vendor", number="1")], call("pay", iban=IBAN))
        seq = next(entry.seq for entry in ran.entries if isinstance(entry.event, CallReturned) and entry.event.files)
        assert refusal(ran) == f"iban='{IBAN}' came from fetch (entry {seq}), not from seen.vendor.iban"

    story(work)


def test_no_file_is_trusted_whatever_its_tool_says():
    async def work():
        ran = await run(agent(), call("vendor", number="1"))
        assert ran.state.label.trusted
        ran = await run(agent(), call("scan", number="1"))
        assert not ran.state.label.trusted
        assert [event.label.trusted for event in ran.of(CallReturned)] == [False]

    story(work)


def test_a_long_text_in_a_result_is_read_on():
    @tool.read(timeout=30)
    def letter() -> Attachment:
        """A long letter."""
        return Attachment("letter.txt", b"a" * WINDOW + b"THE END")

    async def work():
        one = agent(letter)

        def more(request):
            (file,) = request.segments[-1].attached
            start = file.shown.rpartition("start=")[2].rstrip(")]")
            return call("more", result=str(request.segments[-1].ref[0]), start=int(start))

        ran = await run(one, call("letter"), more)
        assert ran.told[-1].startswith("THE END\n[characters ")

    story(work)


def test_too_large_a_file_fails_a_read_and_leaves_a_write_done(monkeypatch):
    @tool.read(timeout=30)
    def big() -> Attachment:
        """A big one."""
        return Attachment("big.txt", b"x" * 11)

    @tool.write(timeout=30)
    def make() -> Mail:
        """Make one."""
        return Mail(subject="made", attached=[Attachment("big.txt", b"x" * 11)])

    async def work():
        monkeypatch.setattr(module, "MAX_BYTES", 10)
        ran = await run(agent(big, make), call("big"), call("make"))
        (failed,) = ran.of(CallFailed)
        assert (failed.error, failed.message) == ("size", "big.txt has 11 bytes; at most 10 are taken")
        (made,) = ran.of(CallReturned)
        assert (made.complete, made.missing, made.files) == (
            "partial",
            "big.txt has 11 bytes; at most 10 are taken",
            (),
        )
        assert made.result.value["attached"][0]["name"] == "big.txt"

    story(work)


def test_files_of_further_pages_and_of_what_was_found_come_along():
    @tool.read(timeout=30)
    def pages(*, at: Call) -> Partial[list[Attachment]] | list[Attachment]:
        """Page by page."""
        name = at.cursor or "a"
        file = [Attachment(f"{name}.txt", name.encode())]
        return file if name == "b" else Partial(file, "page two", cursor="b")

    def find() -> Found[Attachment]:
        return Found("m1", Attachment("found.txt", b"found"))

    @tool.write(timeout=30, lookup=find, effect_id="file")
    def make() -> Attachment:
        """Make one."""
        raise Unknown("no answer")

    async def work():
        ran = await run(agent(pages, make), call("pages"), call("make"))
        names = [
            [file.name for file in segment.attached]
            for segment in ran.state.transcript
            if getattr(segment, "attached", ())
        ]
        assert names == [["a.txt", "b.txt"], ["found.txt"]]

    story(work)


def test_two_runs_with_the_same_files_are_the_same():
    async def work():
        one, other = [await run(agent(), call("fetch", number="17")) for _ in range(2)]
        digests = {ran.of(CallReturned)[0].files[0].value["digest"] for ran in (one, other)}
        assert len(digests) == 2, "keyed, each by its own tree"
        assert same(one.entries, other.entries)

    story(work)


# ------------------------------------------------------------------------------------------- in an input, in what is said


def test_an_argument_out_of_a_pdf_of_the_input_is_refused_with_where_it_came_from():
    async def work():
        ran = await run(
            agent(), call("vendor", number="1"), call("pay", iban=IBAN), attachments=[Attachment("bill.pdf", BILL)]
        )
        assert refusal(ran) == f"iban='{IBAN}' came from an attachment (entry 1), not from seen.vendor.iban"
        assert not ran.state.label.trusted
        (opened,) = ran.of(RunOpened)
        assert "words" in opened.attachments[0].value

    story(work)


def test_an_argument_out_of_a_message_s_attachment_is_refused_with_where_it_came_from():
    async def work():
        one = agent()

        async def say(made):
            await made.say("See the note.", NOTE)

        ran = await run(one, ask("Which account?"), call("vendor", number="1"), call("pay", iban=IBAN), say=say)
        seq = next(entry.seq for entry in ran.entries if isinstance(entry.event, Said))
        assert refusal(ran) == f"iban='{IBAN}' came from an attachment (entry {seq}), not from seen.vendor.iban"
        beside = [file.name for segment in ran.state.transcript for file in getattr(segment, "attached", ())]
        assert beside == ["note.txt"], "the model is shown what came with an answer"

    story(work)


def test_what_cannot_be_taken_is_told_to_who_gives_it_and_nothing_is_opened():
    async def work():
        async with Runner.open(MemoryJournal(), agents=[agent()], model=script(done("ok"))) as runner:
            with pytest.raises(InputError, match=r"neither a PDF"):
                await runner.start(agent(), "x", attachments=[Attachment("a.bin", b"\0")])
            assert await runner.find() == []
            run = await runner.start(agent(), "x", attachments=[NOTE])
            with pytest.raises(InputError, match=r"neither a PDF"):
                await run.say("here", Attachment("a.bin", b"\0"))

    story(work)


def test_the_same_files_under_a_key_are_the_same_request_however_they_were_read():
    async def work():
        one = agent()
        async with Runner.open(MemoryJournal(), agents=[one], model=script(done("ok"))) as runner:
            first = await runner.start(one, "x", key="k", attachments=[Attachment("bill.pdf", BILL)])
            unread = module._made("bill.pdf", BILL)
            again = await runner.start(
                one,
                "x",
                key="k",
                attachments=[Attached(unread.name, unread.media, unread.data, note="its text was not read")],
            )
            assert first.name == again.name
            with pytest.raises(Conflict):
                await runner.start(one, "x", key="k", attachments=[NOTE])
            await first.result()

    story(work)


# ----------------------------------------------------------------------------------------------------- about somebody


def test_files_of_a_run_about_somebody_stand_nowhere_in_the_clear_and_go_with_it():
    async def work():
        journal, one = MemoryJournal(), agent()
        async with Runner.open(journal, agents=[one], model=script(call("fetch", number="17"), done("ok"))) as runner:
            made = await runner.start(one, "Pay.", by="ann", on_behalf_of="c:1", attachments=[NOTE])
            await made.result()
            data = bytes_of(journal)
            for planted in (
                IBAN.encode(),
                b"note.txt",
                b"bill.pdf",
                module._made("x", BILL).data[:60].encode(),
                module._made("x", NOTE.data).data[:40].encode(),
            ):
                assert planted not in data
            assert await runner.erase(made.name, by="dpo", basis="asked") > 3
            entries = await runner.entries(made.name)
            state = fold_all(entries)
            files = [file for segment in state.transcript for file in getattr(segment, "attached", ())]
            assert {(file.name, file.text) for file in files} == {("erased", "")}
            assert trace(entries).attachments == ("an erased file",)
            check(journal)

    story(work)


def test_a_pdf_is_read_beside_the_loop_and_holds_up_nobody():
    async def work():
        one, ticks = agent(), 0

        async def tick():
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.001)

        ticking = asyncio.create_task(tick())
        await run(one, call("fetch", number="17"))
        ticking.cancel()
        assert ticks > 20

    story(work)
