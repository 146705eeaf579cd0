"""run --debug: on a real terminal a breakpoint in a tool stops the run, however long, and the run goes on from there."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time

import pytest

from tests.cli.bills import TOOLS, write_agent

SYNC = TOOLS.replace(
    "    return Found(bill=bill, cents=int(bill))", "    breakpoint()\n    return Found(bill=bill, cents=int(bill))"
)
ASYNC = SYNC.replace("def look_up(", "async def look_up(")
HURRIED = SYNC.replace("timeout=5", "timeout=0.2")
"""Tools that have less time than anybody needs to type a letter."""


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, *words):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "holdfast", *map(str, words)], stdin=slave, stdout=slave, stderr=slave,
            env={**os.environ, "TERM": "dumb", "COLUMNS": "100"},
        )  # fmt: skip
        os.close(slave)
        self.shown = ""

    def until(self, text, patience=30.0):
        """Read until a text is shown since the last one that was waited for."""
        began, ends = len(self.shown), time.monotonic() + patience
        while text not in self.shown[began:]:
            assert time.monotonic() < ends, f"no {text!r} in {self.shown[began:]}"
            if not select.select([self.master], [], [], 0.2)[0]:
                continue
            try:
                self.shown += os.read(self.master, 65_536).decode().replace("\r\n", "\n")
            except OSError:  # the terminal's other end is closed
                assert text in self.shown[began:], self.shown
        return self.shown

    def type(self, line):
        os.write(self.master, f"{line}\n".encode())

    def end(self):
        """The exit code, once all was read."""
        ends = time.monotonic() + 30
        while time.monotonic() < ends:
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.shown += os.read(self.master, 65_536).decode().replace("\r\n", "\n")
                except OSError:
                    break
            elif self.process.poll() is not None:
                break
        code = self.process.wait(30)
        os.close(self.master)
        return code


@pytest.mark.parametrize("tools", [SYNC, ASYNC, HURRIED], ids=["plain", "async", "no time"])
def test_breakpoint_in_a_tool_stops_the_run_and_it_goes_on(place, tools):
    agent = write_agent(place, tools=tools)
    screen = Terminal("run", agent, '{"bill": "700"}', "--debug")
    before = screen.until("(Pdb) ")
    assert 'look_up(bill="700")' in before
    assert "started, attempt 1" in before
    screen.type("p bill")
    screen.until("'700'")
    time.sleep(0.5)  # longer than the hurried tool has: nobody types so fast that it would not matter
    screen.type("c")
    screen.until("next: holdfast why")
    assert screen.end() == 0
    assert "paid  700" in screen.shown
    assert "returned (simulated)" in screen.shown
    assert "failed" not in screen.shown


def test_leaving_the_debugger_cancels_the_run(place, holdfast):
    agent = write_agent(place, tools=SYNC)
    screen = Terminal("run", agent, '{"bill": "700"}', "--debug")
    screen.until("(Pdb) ")
    screen.type("q")
    screen.until("the debugger was left")
    assert screen.end() == 1
    (row,) = holdfast("show", "--json").json
    assert row["outcome"] == "cancelled"
    assert "pay(" not in screen.shown


def test_each_step_is_told_with_the_rule_before_what_follows(place, holdfast):
    stingy = write_agent(place, standin=(
        "from holdfast.models.scripted import call, done, script\n"
        "standin = script([call('look_up', bill='1'), call('look_up', bill='2')], call('pay', bill='1', cents=9), done(paid=0))\n"
    ))  # fmt: skip
    found = holdfast("run", stingy, '{"bill": "1"}', "--debug", "--json")
    assert (found.code, found.json["outcome"]) == (0, "done")
    told = [" ".join(line.split()) for line in found.err.splitlines()[1:]]
    assert any(line.endswith("refused: never more than the bill says (tools.pay.must[0])") for line in told)
    numbers = [int(line.split()[0]) for line in told]
    assert numbers == list(range(1, len(told) + 1))
    mine = holdfast("show", found.json["run"], "--json").json
    assert (mine["mode"], mine["tags"]["debug"]) == ("simulate", "true")


def test_mode_may_be_given_and_a_batch_may_not(place, holdfast, payer):
    found = holdfast("run", payer, '{"bill": "700"}', "--debug", "--mode", "live", "--json")
    assert holdfast("show", found.json["run"], "--json").json["mode"] == "live"
    (place / "bills.jsonl").write_text('{"input": {"bill": "1"}}\n')
    refused = holdfast("run", payer, "--batch", "bills.jsonl", "--debug")
    assert refused.code == 64
    assert "do not go together" in refused.err


def test_key_that_came_before_is_the_same_run(holdfast, payer):
    first = holdfast("run", payer, '{"bill": "700"}', "--debug", "--key", "k", "--json")
    again = holdfast("run", payer, '{"bill": "700"}', "--debug", "--key", "k", "--json")
    assert (again.code, again.json["run"]) == (0, first.json["run"])
    assert "came before" in again.err
