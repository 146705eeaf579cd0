"""show: the list with its filters, a trace in text and JSON, and following a run while it goes."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest

from holdfast import Agent, Runner
from holdfast.cli import follow
from holdfast.cli.agents import load_agent, opened
from holdfast.cli.entry_text import line
from holdfast.cli.viewing import Viewer
from holdfast.dialogue import Answer
from holdfast.events import (
    CallLookedUp,
    CallSettled,
    DoubtRaised,
    Entry,
    LimitReached,
    ModelFailed,
    Price,
    Unknown,
    Wanted,
)
from holdfast.journal.sqlite import SqliteJournal
from tests.cli.bills import STANDIN, write_agent
from tests.cli.damage import flip


@pytest.fixture
def runs(holdfast, payer):
    """Three runs: paid, declined, waiting."""
    found = {}
    for number in ("700", "0", "5000"):
        answer = holdfast("run", payer, json.dumps({"bill": number}), "--key", f"bill {number}", "--json")
        found[number] = answer.json["run"]
    return found


def test_list_is_newest_first_with_what_one_wants_to_know(holdfast, runs):
    rows = holdfast("show").out.splitlines()
    assert [row.split()[0] for row in rows if "r_" in row] == [runs["5000"], runs["0"], runs["700"]]
    waits = next(row for row in rows if runs["5000"] in row)
    assert "waiting" in waits
    assert "boss" in waits
    assert "bill 5000" in waits
    assert max(map(len, rows)) <= 100


def test_name_of_a_run_is_never_cut(holdfast, runs, monkeypatch):
    monkeypatch.setenv("COLUMNS", "72")
    assert all(name in holdfast("show").out for name in runs.values())


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (["status=waiting"], ["5000"]),
        (["status=done"], ["700"]),
        (["outcome=declined"], ["0"]),
        (["waits_for=boss"], ["5000"]),
        (["key=bill 700"], ["700"]),
        (["questions=yes"], ["5000"]),
        (["attention=yes"], []),
        (["agent=payer", "status=done"], ["700"]),
        (["outcome=done", "by=bob"], []),
        (["tags.agent_path=/nowhere"], []),
        (["mode=live"], ["5000", "0", "700"]),
    ],
)
def test_list_can_be_narrowed(holdfast, runs, where, found):
    args = [part for one in where for part in ("--where", one)]
    rows = holdfast("show", "--json", *args).json
    assert [row["run"] for row in rows] == [runs[number] for number in found]


def test_list_says_when_nothing_is_like_that_and_when_there_is_more(holdfast, runs):
    assert holdfast("show", "--where", "status=failed").out == "no runs like that\n"
    found = holdfast("show", "--limit", 2)
    assert found.out.count("r_") == 2
    assert "--limit shows more" in found.err
    assert holdfast("show", "--where", "colour=red").code == 64


def test_list_goes_through_all_pages(holdfast, runs, monkeypatch):
    monkeypatch.setattr("holdfast.journal.walk.PAGE", 1)
    assert len(holdfast("show", "--json", "--where", "mode=live").json) == 3


@pytest.mark.parametrize("name", ["run", "key", "prefix"])
def test_run_is_found_by_name_key_and_first_letters(holdfast, runs, name):
    given = {"run": runs["700"], "key": "bill 700", "prefix": runs["700"][:12]}[name]
    assert holdfast("show", given, "--json").json["run"] == runs["700"]


def test_run_that_is_not_there_or_not_clear_is_64(holdfast, runs):
    assert "there is no run 'x'" in holdfast("show", "x").err
    assert "several runs begin with r_" in holdfast("show", "r_").err


def test_no_journal_is_4_and_makes_none(holdfast, place):
    for verb in (["show"], ["why", "x"], ["review"], ["verify"], ["say", "x", "y"], ["stop", "x"], ["resume", "x"]):
        found = holdfast(*verb)
        assert found.code == 4, verb
        assert "there is no journal at .holdfast/journal.db" in found.err
    assert not (place / ".holdfast").exists()
    assert holdfast("show", "--journal", "memory:").code == 64
    assert holdfast("show", "--journal", "file.db").code == 4


def test_journal_can_be_named_in_the_environment(holdfast, payer, place, monkeypatch):
    monkeypatch.setenv("HOLDFAST_JOURNAL", "sqlite:///other.db")
    holdfast("run", payer, '{"bill": "1"}')
    assert (place / "other.db").exists()
    assert len(holdfast("show", "--json").json) == 1


# ----------------------------------------------------------------------------------------------------------- trace


def test_trace_tells_the_story_at_a_hundred_columns(holdfast, runs):
    found = holdfast("show", runs["5000"])
    text = found.out
    assert max(map(len, text.splitlines())) <= 100
    for part in (
        "step 1  script:payer",
        'look_up(bill="5000")  done',
        '→ {"bill": "5000", "cents": 5000}',
        "waits for a person",
        "for review: big sums need a person",
        "tools.pay.review[0]",
        "review asked of boss",
        "waits for boss, for ",
        "  holdfast review show r_",
    ):
        assert part in text, part


def test_full_trace_has_origins_and_workers(holdfast, runs):
    text = " ".join(holdfast("show", runs["700"], "--full").out.split())
    assert "bill from the request [1]" in text
    assert "worker w_" in text
    assert "key " in text
    assert "agent_path: " in text


def test_json_trace_has_items_calls_and_questions(holdfast, runs):
    seen = holdfast("show", runs["5000"], "--json").json
    assert [item["item"] for item in seen["items"]] == ["turn", "turn"]
    assert [call["tool"] for call in seen["calls"].values()] == ["look_up", "pay"]
    assert next(iter(seen["questions"].values()))["role"] == "boss"


def test_trace_shows_markup_and_control_characters_as_text(holdfast, payer):
    run = holdfast("run", payer, json.dumps({"bill": "0", "x": 1}), "--by", "[red]\x1b[31mbob").code
    assert run == 0
    text = holdfast("show", holdfast("show", "--json").json[0]["run"]).out
    assert "[red]" in text
    assert "\x1b" not in text


def test_damaged_run_is_not_shown_as_if_it_were_whole(holdfast, runs, place):
    flip(place, runs["700"], 4)
    found = holdfast("show", runs["700"])
    assert (found.code, found.out) == (4, "")
    assert f"(run {runs['700']}, entry 4)" in found.err
    assert holdfast("show", runs["0"]).code == 0


def test_trace_of_a_refusal_an_amendment_and_a_failure(holdfast, place):
    greedy = write_agent(place, "greedy", standin=STANDIN.replace("cents=int(bill)", "cents=int(bill) + 1"))
    run = holdfast("run", greedy, '{"bill": "10"}', "--json").json["run"]
    assert "refused: never more than the bill says" in holdfast("show", run).out


# ---------------------------------------------------------------------------------------------------------- follow


def test_follow_of_a_closed_run_prints_it_and_ends(holdfast, runs):
    text = holdfast("show", runs["700"], "--follow").out
    assert text.splitlines()[0].endswith('ana opened payer: {"bill": "700"}')
    assert text.splitlines()[-1].endswith("done: the task was finished")
    rows = [json.loads(row) for row in holdfast("show", runs["700"], "--follow", "--json").out.splitlines()]
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))


def test_follow_waits_for_what_comes(holdfast, waiting, capsys):
    began = threading.Event()
    ended = []

    def watch():
        began.set()
        ended.append(follow.follow(Viewer("show --follow"), "sqlite:///.holdfast/journal.db", waiting, as_json=False))

    watcher = threading.Thread(target=watch)
    watcher.start()
    began.wait()
    holdfast("review", "deny", waiting, "--as", "bo", "--role", "boss", "--text", "no")
    holdfast("resume", waiting)
    watcher.join(20)
    assert ended == [0]


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (CallLookedUp(4, 1, "cannot_tell"), "call 4 was looked up: cannot tell"),
        (DoubtRaised(4, "no answer", ended=True), "call 4 is in doubt: no answer"),
        (CallSettled(4, "did_not", "lea"), "lea settled call 4: did not"),
        (ModelFailed(2, "overloaded", "not_done", "busy"), "it gave no answer: overloaded (busy)"),
        (LimitReached("steps", 3, 3), "the limit of steps was reached, 3 of 3"),
        (Unknown("Prophesied", b"{}"), "an entry of a kind this version does not know: Prophesied"),
    ],
)
def test_one_entry_on_one_line(event, text):
    assert line(Entry("r", 9, 0, 0, "w", event)) == text


def test_runner_of_a_test_can_be_opened_like_that_of_a_verb(payer):
    async def look():
        async with opened("memory:", [load_agent(str(payer))], settings={}) as runner:
            return list(runner.agents)

    assert asyncio.run(look()) == ["payer"]


def test_what_is_not_on_the_disk_for_good_is_not_shown_yet(holdfast, place):
    """SEMANTICS rule 1: nobody is shown what a loss of power may take back."""

    class Thinks:
        """A model that takes its time."""

        def __init__(self) -> None:
            self.asked, self.may_answer = asyncio.Event(), asyncio.Event()

        async def answer(self, request):
            self.asked.set()
            await self.may_answer.wait()
            return Answer(calls=(Wanted("end", "done", '{"value": "so"}'),), finish="calls")

        def price(self):
            return Price(0, 0)

        def quote(self, run, step):
            return None

    async def story():
        agent = Agent(name="slow", task="Think.", takes=str, gives=str, tools=[], models=["own:slow"])
        journal, model = SqliteJournal(place / "journal.db", flush_after=3600), Thinks()
        async with Runner.open(journal, model=model) as runner:
            run = await runner.start(agent, "go")
            await model.asked.wait()
            before = await asyncio.to_thread(holdfast, "show", run.name, "--journal", f"sqlite:///{place}/journal.db")
            model.may_answer.set()
            await run.result()
            after = await asyncio.to_thread(holdfast, "show", run.name, "--journal", f"sqlite:///{place}/journal.db")
        await journal.close()
        return before, after

    before, after = asyncio.run(story())
    assert (before.code, after.code) == (0, 0)
    assert "and 1 more, not on the disk for good yet" in before.err
    assert after.err == ""
    assert "so" in after.out
