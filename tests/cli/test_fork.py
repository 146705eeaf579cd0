"""fork: a run from an entry on, with something otherwise, and where the two part."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from tests.cli.bills import CONTRACT, STANDIN, write_agent


@pytest.fixture
def paid(holdfast, payer):
    """The name of a run that paid a bill of 700."""
    return holdfast("run", payer, '{"bill": "700"}', "--key", "small", "--json").json["run"]


def seq_of(holdfast, run, what):
    """The entry of the reading's result, or of the call that pays."""
    read, pay = list(holdfast("show", run, "--json").json["calls"].values())[:2]
    return read["answered"] if what == "read" else pay["seq"]


def test_fork_says_what_it_is_runs_and_shows_where_the_two_part(holdfast, paid):
    at = seq_of(holdfast, paid, "read")
    found = holdfast("fork", paid, "--at", at, "--as", "fay", "--edit", f'{at}={{"bill": "700", "cents": 300}}')
    assert found.code == 0, found.err
    lines = found.out.splitlines()
    assert f"was forked from {paid} at entry {at} by fay" in lines[0]
    assert f"entry {at}, look_up  cents=700 → cents=300  (edited by fay)" in found.out
    assert "none really; they are recorded and not carried out" in found.out
    assert "never more than the bill says" in found.out
    assert f"they part at entry {seq_of(holdfast, paid, 'pay')} of {paid}" in found.out
    assert max(map(len, lines)) <= 100
    run = lines[0].split()[0]
    assert lines[-1] == f"next: holdfast why {run}"
    shown = holdfast("show", run).out
    assert f"forked from the run {paid}" in shown
    assert "fay forked it here" in shown
    assert "fay noted edited" in shown


def test_fork_as_json(holdfast, paid):
    at = seq_of(holdfast, paid, "read")
    found = holdfast("fork", paid, "--at", at, "--as", "fay", "--live", "pay", "--model", "standin", "--json")
    assert (found.code, found.json["standing"]["outcome"]) == (0, "done")
    both = found.json["parting"]
    assert (both["at"], both["by"], both["live"]) == (at, "fay", ["pay"])
    assert [row["same"] for row in both["rows"]] == [True] * len(both["rows"])
    assert both["fork"]["run"] == found.json["run"]
    assert both["fork"]["models"] == ["script:payer"]
    assert holdfast("verify").code == 0


def test_a_key_makes_one_fork(holdfast, paid):
    one = holdfast("fork", paid, "--at", "3", "--key", "k", "--json").json["run"]
    assert holdfast("fork", paid, "--at", "3", "--key", "k", "--json").json["run"] == one
    found = holdfast("fork", paid, "--at", "2", "--key", "k")
    assert (found.code, "came before" in found.err) == (3, True)


def test_another_contract_and_other_instructions(holdfast, paid, place):
    strict = write_agent(place / "strict", "payer", contract=CONTRACT.replace("args.cents > 1000", "args.cents > 100"))
    (place / "brief.md").write_text("Pay nothing at all.")
    at = seq_of(holdfast, paid, "read")
    for path in (strict, strict / "contract.yaml"):
        found = holdfast("fork", paid, "--at", at, "--contract", path, "--instructions", place / "brief.md")
        assert found.code == 2, found.err
        assert "tools.pay.review" in found.out
        assert "(none) → Pay nothing at all." in found.out
        assert "review for boss" in found.out
    run = found.out.split()[0]
    assert holdfast("review", "approve", run, "--as", "bo").code == 0
    assert holdfast("resume", run).code == 0
    assert "simulated" in holdfast("show", run).out


def test_live_in_the_fork_of_a_simulated_run_waits_for_a_person(holdfast, payer):
    run = holdfast("run", payer, '{"bill": "700"}', "--mode", "simulate", "--json").json["run"]
    found = holdfast("fork", run, "--at", seq_of(holdfast, run, "read"), "--live", "pay", "--as", "fay")
    assert found.code == 2
    assert "pay really; all others are recorded" in found.out
    forked = found.out.split()[0]
    denied = holdfast("review", "approve", forked, "--as", "fay")
    assert (denied.code, "fay opened, spoke or amended" in denied.err) == (3, True)


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (["--at", "99"], 64, "it has no entry 99"),
        (["--at", "4", "--live", "pya"], 64, "no such tool"),
        (["--at", "4", "--live", "look_up"], 64, "look_up only reads"),
        (["--at", "4", "--edit", "x=1"], 64, "names no entry"),
        (["--at", "4", "--edit", "3=nonsense"], 3, "that is no JSON"),
        (["--at", "4", "--edit", "2={}"], 64, "no result stands there"),
        (["--at", "4", "--instructions", "gone.md"], 3, "gone.md cannot be read"),
        (["--at", "4", "--contract", "nowhere"], 64, "there is no agent at nowhere"),
        (["--at", "4", "--model", "openai:gpt-5.1"], 4, "OPENAI_API_KEY"),
        ([], 64, "--at"),
    ],
)
def test_what_cannot_be_forked_is_said(holdfast, paid, options, code, text):
    before = len(holdfast("show", "--json").json)
    found = holdfast("fork", paid, *options)
    assert (found.code, text in found.err) == (code, True), found.err
    assert len(holdfast("show", "--json").json) == before


def test_where_the_agent_is_can_be_said(holdfast, paid, place):
    moved = place / "elsewhere" / "payer"
    moved.parent.mkdir()
    (place / "payer").rename(moved)
    assert holdfast("fork", paid, "--at", "4").code == 64
    assert holdfast("fork", paid, "--at", "4", "--agent", moved).code == 0


DIES = """
    import asyncio, os, signal, sys
    from holdfast import Runner
    from holdfast.shell.folder import load

    async def main():
        folder = load(sys.argv[1])
        models = {"script:payer": folder.standin}
        async with Runner.open("sqlite:///.holdfast/journal.db", agents=[folder.agent], model=models, drives=False) as runner:
            run = await runner.fork(sys.argv[2], int(sys.argv[3]), by="fay")
            print(run.name, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(main())
"""


def test_a_fork_whose_maker_was_killed_goes_on_where_it_is_resumed(holdfast, paid, payer, place):
    at = seq_of(holdfast, paid, "read")
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(DIES), str(payer), paid, str(at)],
        cwd=place, capture_output=True, text=True, timeout=60, check=False, env={**os.environ},
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    run = done.stdout.strip()
    assert "forked from the run" in holdfast("show", run).out
    found = holdfast("resume", run, "--json")
    assert (found.code, found.json["outcome"], found.json["output"]) == (0, "done", {"paid": 700})
    assert holdfast("verify").code == 0


def test_the_list_shows_what_the_fork_itself_cost(holdfast, place):
    dear = STANDIN.replace("script_by(turns)", "script_by(turns, Price(input=100_000, output=100_000))")
    dear = dear.replace("import json\n", "import json\n\nfrom holdfast.events import Price\n", 1)
    run = holdfast("run", write_agent(place, "dear", standin=dear), '{"bill": "700"}', "--json").json["run"]
    fork = holdfast("fork", run, "--at", seq_of(holdfast, run, "read"), "--json").json
    rows = {row["run"]: row["nusd"] for row in holdfast("show", "--json").json}
    assert 0 < rows[fork["run"]] == fork["parting"]["fork"]["nusd"]
    assert 0 < fork["parting"]["origin"]["nusd"] < rows[run]
