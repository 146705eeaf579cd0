"""Bad input: each kind with its own clear error and exit code, and nothing lost."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from holdfast.journal.sqlite import SqliteJournal
from tests.cli.bills import CONTRACT, STANDIN, TOOLS, write_agent
from tests.cli.damage import JOURNAL, flip

BILL = '{"bill": "700"}'
NEEDLESS = "    needs: {{look_up: {{bill: args.bill}}}}\n"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"contract": CONTRACT.replace("  look_up:\n", "  look_up:\n  burn:\n")}, "there is no tool called burn"),
        (
            {"contract": CONTRACT.replace("seen.look_up.cents", "seen.burn.cents")},
            "seen.burn is not under `needs` here",
        ),
        ({"contract": CONTRACT.replace("args.cents <=", "args.sum <=")}, "pay has no argument sum"),
        (
            {"contract": CONTRACT.replace("seen.look_up.cents", "seen.look_up.sum")},
            "the result of look_up has no field sum",
        ),
        ({"contract": CONTRACT.replace("args.cents <=", "args.cents <= <=")}, "this is no CEL expression"),
        ({"contract": CONTRACT.replace("because: never", "becos: never")}, "is no key of a contract"),
        ({"contract": CONTRACT.replace("task: Pay one bill.\n", "")}, "`task` is missing"),
        ({"contract": CONTRACT.replace("takes: Bill", "takes: Invoice")}, "tools.py has none of that name"),
        ({"contract": CONTRACT.replace("task: Pay", "task: [Pay")}, "contract.yaml, line"),
        ({"contract": CONTRACT.replace("task:", "7:")}, "the key 7 under the top is no text"),
        ({"contract": CONTRACT.replace("steps: 6", "steps: lots")}, "`limits.steps`"),
        (
            {"contract": CONTRACT.replace("  look_up:\n", "  look_up:\n  helper: {{agent: .}}\n")},
            "which leads back here",
        ),
        ({"tools": TOOLS.replace("@tool.write(timeout=5)", "@tool.write()")}, "tool pay writes and has no timeout"),
        ({"tools": TOOLS.replace("import tool", "import tools")}, "tools.py cannot be imported: ImportError"),
        ({"tools": TOOLS.replace("yield Desk()", "yield None")}, "look_up(desk) wants a Desk, and no resource is one"),
        (
            {"standin": STANDIN.replace("script_by(turns)", "script_by(turns, price=None)")},
            "nobody knows the price of script:bad",
        ),
    ],
)
def test_wrong_agent_is_3_names_what_and_where_and_opens_nothing(holdfast, place, change, text):
    bad = write_agent(place, "bad", **change)
    for verb in (["run", bad, BILL], ["run", bad, "--batch", "-"]):
        found = holdfast(*verb) if "--batch" not in verb else None
        if found is not None:
            assert (found.code, found.out) == (3, "")
            assert text in found.err
    assert not (place / JOURNAL).exists() or holdfast("show", "--json").json == []


def test_wrong_input_is_3(holdfast, payer):
    found = holdfast("run", payer, '{"bill": 700}')
    assert (found.code, found.out) == (3, "")
    assert "the input does not fit what payer takes: bill: Input should be a valid string" in found.err


def test_one_bad_line_of_a_batch_is_3_and_the_others_run(holdfast, payer, place):
    (place / "b.jsonl").write_text('{"bill": "1"}\nnonsense\n{"bill": "2"}\n')
    found = holdfast("run", payer, "--batch", "b.jsonl", "--json")
    assert found.code == 3
    assert [run["outcome"] for run in found.json["runs"]] == ["done", "done"]
    assert [line["line"] for line in found.json["bad_lines"]] == [2]


@pytest.mark.parametrize(
    ("answer", "code", "text"),
    [
        ("raw(text='blah blah')", 1, "That was text without a call"),
        ("raw(text='')", 1, "Your answer was empty"),
        ("raw(text='x', finish='length')", 1, "cut off"),
        ("raw(calls=[Wanted('1', 'pay', '{]')])", 2, "the arguments are no JSON"),
        ("raw(calls=[Wanted('1', 'rm', '{}')])", 2, "there is no tool called rm"),
        ("raw(calls=[Wanted('1', 'done', '{\"paid\": \"lots\"}')])", 1, "the output does not fit"),
    ],
)
def test_model_that_answers_garbage_for_ever_is_stopped(holdfast, place, answer, code, text):
    imports = "from holdfast.events import Wanted\nfrom holdfast.models.scripted import raw, script\n"
    standin = f"{imports}standin = script(*[{answer}] * 99)\n"
    mad = write_agent(place, "mad", standin=standin)
    found = holdfast("run", mad, BILL, "--json")
    assert found.code == code
    seen = holdfast("show", found.json["run"]).out
    assert text in " ".join(seen.split())
    assert found.json["steps"] <= 6
    assert holdfast("verify").code == 0


def test_model_that_breaks_for_ever_fails_the_run_and_says_whose_fault(holdfast, place):
    imports = "from holdfast.models.scripted import fail, script\n"
    standin = f"{imports}standin = script(*[fail('garbage', 'no JSON at all')] * 9)\n"
    contract = CONTRACT.replace("steps: 6,", "steps: 6, retries: 0,")
    found = holdfast("run", write_agent(place, "mad", contract=contract, standin=standin), BILL)
    assert found.code == 1
    assert "no model answered: script:mad gave garbage" in found.out


# --------------------------------------------------------------------------------------------------------- journal


def test_locked_journal_is_4_and_loses_nothing(holdfast, payer, place, monkeypatch):
    assert holdfast("run", payer, BILL, "--key", "k").code == 0
    monkeypatch.setitem(SqliteJournal.__init__.__kwdefaults__, "lock_wait", 0.1)
    with closing(sqlite3.connect(place / JOURNAL, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        found = holdfast("run", payer, '{"bill": "701"}')
        assert found.code == 4
        assert "another program holds the journal" in found.err
        assert "what to do:" in found.err
    assert holdfast("run", payer, BILL, "--key", "k", "--json").json["outcome"] == "done"
    assert len(holdfast("show", "--json").json) == 1


@pytest.mark.parametrize("verb", [("show",), ("verify",), ("review",), ("run", "payer", BILL)])
def test_corrupted_file_is_4_and_is_not_touched(holdfast, payer, place, verb):
    holdfast("run", payer, BILL)
    path = place / JOURNAL
    data = bytearray(path.read_bytes())
    data[:100] = b"\x00garbage" * 12 + b"\x00\x00\x00\x00"
    path.write_bytes(data)
    for beside in ("-wal", "-shm"):
        path.with_name(path.name + beside).unlink(missing_ok=True)
    found = holdfast(*verb)
    assert (found.code, found.out) == (4, "")
    assert "what to do:" in found.err
    assert path.read_bytes() == bytes(data)


def test_flipped_byte_is_named_by_run_and_entry_wherever_it_is_met(holdfast, waiting, payer, place):
    holdfast("run", payer, BILL)
    flip(place, waiting, 5)
    found = holdfast("verify")
    assert found.code == 1
    assert f"run {waiting}, entry 5" in found.out
    for verb in (
        ["show", waiting],
        ["why", waiting],
        ["resume", waiting],
        ["review", "approve", waiting, "--as", "bo"],
    ):
        met = holdfast(*verb)
        assert met.code == 4, verb
        assert f"(run {waiting}, entry 5)" in met.err, verb
    assert holdfast("run", payer, '{"bill": "9"}').code == 0


def test_journal_that_cannot_be_named_is_4(holdfast, payer):
    found = holdfast("run", payer, BILL, "--journal", "postgres://x")
    assert found.code == 4
    assert "names no journal" in found.err
