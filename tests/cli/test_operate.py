"""say, stop, resume, cancel, worker: what people do to runs that are under way."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time

import pytest

from holdfast.cli.reading import entries_of
from tests.cli.bills import CONTRACT, STANDIN, write_agent
from tests.cli.damage import execute


def test_message_overtakes_a_proposal(holdfast, waiting):
    found = holdfast("say", waiting, "leave it")
    assert found.code == 0
    assert f"{waiting}: said" in found.out
    assert holdfast("resume", waiting).code == 0
    text = holdfast("show", waiting).out
    assert "ana said  “leave it”" in text
    assert "withdrawn: the requester has written since" in text


def test_message_from_a_file_and_by_somebody(holdfast, waiting, place):
    (place / "mail.txt").write_text("leave it")
    assert holdfast("say", waiting, "@mail.txt", "--by", "cy", "--json").json["run"] == waiting
    assert "cy said  “leave it”" in holdfast("show", waiting).out


def test_stopped_run_starts_nothing_until_it_is_resumed(holdfast, waiting):
    assert holdfast("stop", waiting, "--because", "let me look").code == 0
    assert holdfast("review", "approve", waiting, "--as", "bo").code == 0
    assert "ana stopped it for now: let me look" in holdfast("show", waiting).out
    assert "it was stopped for now" in holdfast("why", waiting).out
    found = holdfast("resume", waiting, "--json")
    assert (found.code, found.json["outcome"]) == (0, "done")


def test_cancelled_run_ends_when_it_is_driven_next(holdfast, waiting):
    assert holdfast("cancel", waiting, "--because", "a mistake").code == 0
    assert "ending" in holdfast("show", waiting).out
    found = holdfast("resume", waiting)
    assert found.code == 1
    assert "ana cancelled it: a mistake" in found.out
    for verb in (["cancel", waiting], ["stop", waiting], ["resume", waiting], ["say", waiting, "x"]):
        closed = holdfast(*verb)
        assert (closed.code, "closed" in closed.err) == (3, True)


def test_resume_says_what_it_needs(holdfast, waiting, place):
    assert "no run is named" in holdfast("resume").err
    other = write_agent(place, "other")
    found = holdfast("resume", waiting, "--agent", other)
    assert (found.code, "is other, and the run is one of payer" in found.err) == (64, True)
    assert holdfast("resume", waiting, "--all").code == 64
    assert holdfast("resume", "--all").code == 64


def test_run_whose_agent_is_not_known_asks_where_it_is(holdfast, payer, place, waiting):
    assert execute(place, "UPDATE runs SET row = replace(CAST(row AS TEXT), 'agent_path', 'agent_past')") == 1
    assert "it is not known where the agent of this run is" in holdfast("resume", waiting).err
    assert holdfast("resume", waiting, "--agent", payer).code == 2


LOOPER = STANDIN.replace(
    'return [call("look_up", bill=bill),', 'return [call("look_up", bill=str(i)) for i in range(9)] + ['
)


def test_more_of_a_limit_is_granted_by_somebody_else(holdfast, place):
    looper = write_agent(place, "looper", standin=LOOPER)
    found = holdfast("run", looper, '{"bill": "700"}')
    assert found.code == 2
    run = holdfast("show", "--json").json[0]["run"]
    assert "the limit of steps is reached (6 of 6)" in found.out
    assert f"holdfast resume {run} --grant steps=… --as NAME" in found.out
    assert holdfast("resume", run, "--grant", "steps=2").code == 3
    assert holdfast("resume", run, "--grant", "steps=2", "--as", "bo").code == 2
    assert "bo granted 2 more of steps" in holdfast("show", run).out
    assert holdfast("resume", run, "--grant", "steps=9", "--as", "bo").code == 0


@pytest.mark.parametrize(
    ("grant", "amount", "said"),
    [
        ("usd=0.10", 100_000_000, "0.10 USD more"),
        ("wall=2d", 2 * 86_400_000_000, "2d more of wall"),
        ("work=90s", 90_000_000, "1m 30s more of work"),
        ("retries=3", 3, "3 more of retries"),
    ],
)
def test_each_limit_is_granted_in_its_own_unit(holdfast, waiting, grant, amount, said):
    assert holdfast("resume", waiting, "--grant", grant, "--as", "bo").code == 2
    text = holdfast("show", waiting).out
    assert f"bo granted {said}" in " ".join(text.split()), text
    exported = [entry for entry in journal_of(waiting) if type(entry.event).__name__ == "LimitGranted"]
    assert [(entry.event.amount, entry.event.by) for entry in exported] == [(amount, "bo")]


def journal_of(run):
    return asyncio.run(entries_of("sqlite:///.holdfast/journal.db", run))


@pytest.mark.parametrize(
    ("grant", "text"),
    [
        ("joy=1", "there is no limit joy"),
        ("usd=much", "no amount of US dollars"),
        ("steps=x", "like usd=0.10"),
        ("usd", "no key=value"),
    ],
)
def test_grant_that_is_none_is_64(holdfast, waiting, grant, text):
    found = holdfast("resume", waiting, "--grant", grant, "--as", "bo")
    assert found.code == 64
    assert text in found.err


def test_all_runs_that_can_go_on_are_driven(holdfast, payer):
    names = [
        holdfast("run", payer, json.dumps({"bill": number}), "--json").json["run"]
        for number in ("5000", "6000", "7000")
    ]
    for name in names[:2]:
        holdfast("review", "approve", name, "--as", "bo")
    found = holdfast("resume", "--agent", payer, "--all")
    assert "2 went on; 1 wait" in found.out
    holdfast("review", "approve", names[2], "--as", "bo")
    moved = holdfast("resume", "--agent", payer, "--all", "--json").json
    assert [(row["run"], row["outcome"]) for row in moved] == [(names[2], "done")]


def test_worker_drives_what_is_due_and_ends(holdfast, payer, waiting):
    holdfast("review", "approve", waiting, "--as", "bo")
    found = holdfast("worker", payer, "--once")
    assert found.code == 0
    assert "works for payer" in found.err
    assert holdfast("show", waiting, "--json").json["end"]["outcome"] == "done"


def tell_when_it_listens():
    """End this process's worker as soon as a signal reaches it, and not the tests."""
    before, patience = signal.getsignal(signal.SIGTERM), time.monotonic() + 20
    while time.monotonic() < patience:
        if signal.getsignal(signal.SIGTERM) is not before:
            os.kill(os.getpid(), signal.SIGTERM)
            return
        time.sleep(0.01)


def test_worker_ends_when_it_is_told_to(holdfast, payer, waiting):
    threading.Thread(target=tell_when_it_listens, daemon=True).start()
    found = holdfast("worker", payer, "--json")
    assert found.code == 0
    assert found.json["worker"].startswith("w_")


def test_one_worker_for_two_agents_that_provide_the_same_type_is_refused(holdfast, payer, place):
    other = write_agent(place, "other", contract=CONTRACT)
    found = holdfast("worker", payer, other, "--once")
    assert found.code == 64
    assert "both provide a Desk" in found.err


CHATTY = """\
name: chatty
task: Talk.
takes: str
gives: null
models: [anthropic:claude-sonnet-4-5-20250929]
tools: []
conversation: true
"""


def test_conversation_shows_the_reply_and_goes_on(holdfast, place):
    standin = (
        "from holdfast.models.scripted import say, script\nstandin = script(say('hello'), say('fine, and you?'))\n"
    )
    chatty = write_agent(place, "chatty", contract=CHATTY, tools="", standin=standin)
    found = holdfast("run", chatty, "hi")
    assert found.code == 2
    assert "hello" in found.out
    assert "next: holdfast say" in found.out
    run = holdfast("show", "--json").json[0]["run"]
    assert "the agent said  “hello”" in holdfast("show", run).out
    holdfast("say", run, "how are you?")
    assert "fine, and you?" in holdfast("resume", run).out
    holdfast("say", run, "that is all", "--ends")
    found = holdfast("resume", run)
    assert found.code == 0
