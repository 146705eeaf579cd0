"""verify --decisions: the upgrade check over a whole journal, on the journal alone and with an agent's code."""

from __future__ import annotations

import asyncio
import json

import pytest

from holdfast.codec import GENESIS, chain
from holdfast.core import decide as deciding
from holdfast.shell.runner import Runner
from tests.cli.damage import execute

JOURNAL = "sqlite:///.holdfast/journal.db"


@pytest.fixture
def runs(holdfast, payer):
    """A run about a person, one that is declined, one that is reviewed and paid."""
    made = [
        holdfast("run", payer, json.dumps({"bill": number}), "--json", *more).json["run"]
        for number, more in (("700", ("--on-behalf-of", "c:1")), ("0", ()), ("5000", ()))
    ]
    asked = holdfast("review", "list", "--json").json
    assert len(asked) == 1
    holdfast("review", "approve", made[2], "--as", "bea", "--role", "boss")
    assert holdfast("resume", made[2], "--agent", payer).code == 0
    return made


def rewritten(place, run, change):
    """Change the stored lines of a run and chain them anew, as whoever wrote them might have."""

    async def lines():
        async with Runner.open(JOURNAL, drives=False) as runner:
            return await runner.journal.read(run)

    head = GENESIS
    for seq, (data, _) in enumerate(asyncio.run(lines()), 1):
        made = change(seq, data)
        head = chain(head, made)
        which = "run = (SELECT id FROM runs WHERE name = ?) AND seq = ?"
        execute(place, f"UPDATE entries SET data = ?, digest = ? WHERE {which}", made, head, run, seq)


@pytest.mark.parametrize("code", [True, False])
def test_what_was_decided_is_what_would_be_decided(holdfast, payer, runs, code):
    with_code = ["--agent", payer] if code else []
    found = holdfast("verify", "--decisions", *with_code)
    assert found.code == 0, found.out
    assert "what was decided is what would be decided now" in found.out
    assert ("with the code of payer" if code else "from the journal alone") in found.out
    report = holdfast("verify", "--decisions", "--json", *with_code).json
    assert (report["runs"], report["diverged"], report["undecided"]) == (3, [], {})
    assert report["same"] == report["batches"] > 10
    assert bool(report["assumed"]) is not code


def test_one_run_is_decided_again_by_its_name(holdfast, runs):
    assert holdfast("verify", "--decisions", runs[1], "--json").json["runs"] == 1
    assert holdfast("verify", "--decisions", "r_nobody").code == 64


def test_changed_entry_of_an_honest_chain_is_found_and_named(holdfast, place, runs):
    """The chain says that it is what was written; only deciding again says that nobody decided it."""
    before = b'"because":"big sums need a person"'

    def change(seq, data):
        return data.replace(before, b'"because":"small sums need a person"') if b'"CallJudged"' in data else data

    rewritten(place, runs[2], change)
    found = holdfast("verify", "--decisions")
    assert found.code == 1
    report = holdfast("verify", "--decisions", "--json").json
    (one,) = report["diverged"]
    assert one["run"] == runs[2]
    line = f"otherwise: run {runs[2]}, entry {one['seq']}"
    assert line in found.out
    assert "small sums need a person" in one["stands"]
    assert "big sums need a person" in one["now"]
    assert report["after"] > 0
    assert "1 run would go otherwise from there on" in found.out


def test_another_version_is_found_out(holdfast, runs, monkeypatch):
    monkeypatch.setattr(deciding, "ASK_TIMEOUT", 60_000_000)
    found = holdfast("verify", "--decisions")
    assert found.code == 1
    assert found.out.count("otherwise: run") == 3
    assert "until: 20" in found.out
    report = holdfast("verify", "--decisions", "--json").json
    assert [one["seq"] for one in report["diverged"]] == [2, 2, 2]


def test_erased_run_is_counted_with_its_reason(holdfast, runs):
    async def erase():
        async with Runner.open(JOURNAL) as runner:
            await runner.erase(runs[0], by="dpo", basis="they asked for it")

    asyncio.run(erase())
    found = holdfast("verify", "--decisions")
    assert found.code == 0
    assert "could not be decided again: what they rest on was erased" in found.out
    alone = holdfast("verify", "--decisions", runs[0])
    assert alone.code == 2
    assert "nothing could be decided again, so this says nothing" in alone.out


def test_unreadable_run_is_named_and_the_others_are_decided(holdfast, place, runs):
    execute(place, "UPDATE entries SET digest = zeroblob(32) WHERE pos = (SELECT max(pos) FROM entries)")
    found = holdfast("verify", "--decisions")
    assert found.code == 4
    assert f"damaged: run {runs[2]}, entry" in found.out
    report = holdfast("verify", "--decisions", "--json").json
    assert ([one["run"] for one in report["damaged"]], report["diverged"], report["runs"]) == ([runs[2]], [], 3)
    assert report["same"] == report["batches"] > 0
