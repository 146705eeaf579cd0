"""note: what people say of runs, closed ones too; corrections that fit the contract; and all that was said."""

from __future__ import annotations

import asyncio
import json

import pytest

from holdfast import Runner
from holdfast.cli import reading
from holdfast.cli.agents import load_agent
from holdfast.errors import InputError


@pytest.fixture
def paid(holdfast, payer):
    """A closed run that paid a bill."""
    return holdfast("run", payer, json.dumps({"bill": "700"}), "--json").json["run"]


def call_of(holdfast, run, tool):
    return next(int(seq) for seq, one in holdfast("show", run, "--json").json["calls"].items() if one["tool"] == tool)


def test_a_closed_run_can_be_found_bad_and_that_stands_in_every_reading(holdfast, paid):
    said = holdfast("note", paid, "bad", "--reason", "too late", "--score", "0.25", "--as", "lea")
    assert said.code == 0
    assert said.out.startswith(f"{paid}: noted, entry ")
    assert "lea found the run bad (0.25): too late." in holdfast("note", paid).out
    assert "lea noted bad (0.25): too late" in holdfast("show", paid).out
    assert "lea noted bad (0.25): too late." in holdfast("why", paid).out
    assert holdfast("show", "--where", f"run={paid}", "--json").json[0]["outcome"] == "done"
    assert holdfast("verify").code == 0


def test_who_says_it_is_an_assertion_and_recorded_as_such(holdfast, paid, place):
    holdfast("note", paid, "good")
    (note,) = holdfast("note", paid, "--json").json
    assert (note["by"], note["kind"]) == ("ana", "good")
    last = asyncio.run(reading.entries_of(f"sqlite:///{place}/.holdfast/journal.db", paid))[-1]
    assert (type(last.event).__name__, last.actor) == ("Noted", "cli:ana")


def test_words_are_a_note_and_need_no_quotes(holdfast, paid):
    holdfast("note", paid, "ask", "the", "customer", "again", "--as", "lea")
    assert "lea said of the run: ask the customer again." in holdfast("note", paid).out


def test_an_output_is_corrected_as_the_contract_has_it(holdfast, paid):
    assert holdfast("note", paid, "bad", "--correct", "paid=650", "--as", "lea").code == 0
    (note,) = holdfast("note", paid, "--json").json
    assert (note["kind"], note["correction"]) == ("bad", {"paid": 650})
    assert note["changes"] == [{"path": "paid", "was": 700, "should": 650}]
    assert "lea found the output bad; paid should be 650, not 700." in holdfast("note", paid).out
    assert ", with a correction" in holdfast("show", paid).out


def test_a_call_is_corrected_as_its_tool_has_it(holdfast, paid):
    seq = call_of(holdfast, paid, "pay")
    assert holdfast("note", paid, "--seq", seq, "--correct", "cents=1", "--reason", "a cent", "--as", "lea").code == 0
    assert "lea corrected the call of pay: cents should be 1, not 700 (a cent)." in " ".join(
        holdfast("note", paid).out.split()
    )
    # a text stays a text, whatever it looks like
    assert holdfast("note", paid, "--seq", seq, "--correct", "bill=1", "--as", "lea").code == 0
    assert holdfast("note", paid, "--json").json[1]["correction"] == {"bill": "1", "cents": 700}


def test_without_the_agents_code_names_and_kinds_are_held(holdfast, paid, payer):
    seq = call_of(holdfast, paid, "pay")
    (payer / "contract.yaml").unlink()
    found = holdfast("note", paid, "--seq", seq, "--correct", "cents=many")
    assert found.code == 3
    assert 'cents of pay is a number, and "many" is a text' in found.err
    assert holdfast("note", paid, "--seq", seq, "--correct", "cents=2").code == 0


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        (("bad", "--correct", "paid=much"), 3, "the output could not have been that"),
        (("bad", "--correct", "mood=good"), 3, "the output has no mood"),
        (("bad", "--correct", "lines[0]=1"), 3, "nothing at lines[0]"),
        (("bad", "--correct", "paid"), 64, "no key=value"),
        (("bad", "--seq", "99"), 64, "there is no entry 99"),
        (("bad", "--seq", "1", "--correct", "bill=1"), 64, "belongs to no call"),
        (("bad", "--score", "nan"), 64, "no score"),
        (("note",), 64, "it says nothing"),
        (("--seq", "3"), 64, "nothing is said of that entry"),
    ],
)
def test_what_makes_no_note_is_refused_and_not_written(holdfast, paid, args, code, text):
    before = holdfast("show", paid, "--json").json["seq"]
    found = holdfast("note", paid, *args)
    assert found.code == code
    assert text in found.err
    assert holdfast("show", paid, "--json").json["seq"] == before


def test_what_a_reviewer_did_is_feedback_without_being_noted(holdfast, waiting):
    before = holdfast("show", waiting, "--json").json["seq"]
    holdfast("review", "deny", waiting, "--as", "boss", "--text", "not this one")
    assert 'boss denied pay(bill="5000", cents=5000): not this one.' in " ".join(holdfast("note", waiting).out.split())
    assert holdfast("show", waiting, "--json").json["seq"] == before + 1


def test_a_runner_takes_notes_too(place, payer, paid):
    async def story():
        loaded = load_agent(str(payer), "standin")
        async with Runner.open(f"sqlite:///{place}/.holdfast/journal.db", drives=False) as runner:
            runner.know(loaded.agent)
            await runner.note(paid, "bad", by="lea", correct={"paid": 5})
            with pytest.raises(InputError):
                await runner.note(paid, "bad", by="lea", correct={"paid": "five"})
            seq = next(one.seq for one in await runner.entries(paid) if getattr(one.event, "tool", "") == "pay")
            with pytest.raises(InputError, match="pay could not have been called so"):
                await runner.note(paid, "bad", by="lea", seq=seq, correct={"cents": "five"})
            return (await runner.entries(paid))[-1].event

    event = asyncio.run(story())
    assert (event.by, event.finding, event.correction.value) == ("lea", "bad", {"paid": 5})
