"""verify: an honest journal passes; a flipped byte, a cut end, a missing or changed body are found, run by run."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing

import pytest

from holdfast.codec import chain
from holdfast.journal import walk
from holdfast.shell.runner import Runner
from tests.cli.damage import JOURNAL, execute, flip, flip_bodies


@pytest.fixture
def runs(holdfast, payer):
    """Three closed runs, of which the first is about a person, so that its bodies stand apart."""
    made = []
    for number in ("700", "701", "702"):
        whom = ["--on-behalf-of", "c:1"] if number == "700" else []
        made.append(holdfast("run", payer, json.dumps({"bill": number}), "--json", *whom).json["run"])
    return made


def test_honest_journal_is_what_was_written(holdfast, runs):
    found = holdfast("verify")
    assert found.code == 0
    assert found.out.startswith("checked 3 runs: ")
    assert found.out.endswith("everything is what was written\n")
    report = holdfast("verify", "--json").json
    assert (report["runs"], report["damaged"], report["erased"]) == (3, [], 0)
    assert report["entries"] == sum(run["seq"] for run in holdfast("show", "--json").json)
    assert report["bodies"] > 3


@pytest.mark.parametrize("seq", [1, 4, 9])
def test_flipped_bit_is_found_with_run_and_entry_and_the_others_are_checked(holdfast, runs, place, seq):
    flip(place, runs[1], seq)
    found = holdfast("verify")
    assert found.code == 1
    assert f"changed: run {runs[1]}, entry {seq}: the stored bytes are not what the chain says was written" in found.out
    assert found.out.count("changed:") == 1
    assert "checked 3 runs" in found.out
    assert holdfast("verify", runs[0]).code == 0
    assert holdfast("verify", runs[1]).code == 1
    assert holdfast("verify", runs[1], "--json").json["damaged"][0]["seq"] == seq


def test_first_damage_of_each_run_is_named(holdfast, runs, place):
    flip(place, runs[0], 3)
    flip(place, runs[0], 5)
    flip(place, runs[2], 2)
    damaged = holdfast("verify", "--json").json["damaged"]
    assert sorted((one["run"], one["seq"]) for one in damaged) == sorted([(runs[0], 3), (runs[2], 2)])


@pytest.mark.parametrize("whole", [[], ["--full"]])
@pytest.mark.parametrize("now", [b'"actor":"\xff', b'"actor":7,"x":"', b'"x":' + b"[" * 9_999])
def test_entry_that_fits_the_chain_and_cannot_be_read_is_found(holdfast, runs, place, now, whole):
    of = "run = (SELECT id FROM runs WHERE name = ?)"
    with closing(sqlite3.connect(place / JOURNAL)) as db:
        (_, before), (data, _) = db.execute(f"SELECT data, digest FROM entries WHERE {of} ORDER BY seq", (runs[1],)).fetchall()[-2:]  # fmt: skip
        (seq,) = db.execute(f"SELECT max(seq) FROM entries WHERE {of}", (runs[1],)).fetchone()
        data = data.replace(b'"actor":"', now)
        db.execute(f"UPDATE entries SET data = ?, digest = ? WHERE {of} AND seq = ?", (data, chain(before, data), runs[1], seq))  # fmt: skip
        db.commit()
    found = holdfast("verify", *whole)
    assert found.code == 1
    assert f"unreadable: run {runs[1]}, entry {seq}: " in found.out


def test_entries_cut_off_at_the_end_are_missed(holdfast, runs, place):
    execute(place, "DELETE FROM entries WHERE pos = (SELECT max(pos) FROM entries)")
    damaged = holdfast("verify", "--json").json["damaged"]
    assert [one["run"] for one in damaged] == [runs[2]]
    assert "the index knows" in damaged[0]["what"]


def test_changed_and_missing_bodies_are_found(holdfast, runs, place):
    personal = "ref NOT LIKE 'contract_%'"
    assert execute(
        place, f"UPDATE blobs SET data = CAST('\"x\"' AS BLOB) WHERE id = (SELECT min(id) FROM blobs WHERE {personal})"
    )
    found = holdfast("verify")
    assert found.code == 1
    assert f"run {runs[0]}, entry 1: the body" in found.out
    assert "is not what was written" in found.out
    execute(place, f"UPDATE blobs SET data = NULL WHERE id = (SELECT min(id) FROM blobs WHERE {personal})")
    assert "is missing, and nothing says that it was erased" in holdfast("verify").out


def test_changed_contract_is_found_in_every_run_under_it(holdfast, runs, place):
    execute(place, "UPDATE blobs SET data = CAST('{}' AS BLOB) WHERE ref LIKE 'contract_%'")
    assert len(holdfast("verify", "--json").json["damaged"]) == 3


def test_bodies_whose_secret_is_gone_are_counted_apart(holdfast, runs, place):
    execute(place, "UPDATE secrets SET secret = NULL WHERE tree = ?", runs[0])
    found = holdfast("verify")
    assert found.code == 0
    assert "could not be checked: the secret of the run is gone" in found.out


def test_run_that_stands_where_another_belongs_is_found(holdfast, runs, place):
    execute(place, "UPDATE entries SET run = -1 WHERE run = (SELECT id FROM runs WHERE name = ?)", runs[0])
    execute(
        place,
        "UPDATE entries SET run = (SELECT id FROM runs WHERE name = ?)"
        " WHERE run = (SELECT id FROM runs WHERE name = ?)",
        runs[0],
        runs[1],
    )
    damaged = holdfast("verify", "--json").json["damaged"]
    assert (runs[0], 1, f"run {runs[0]}, entry 1: here stands entry 1 of run {runs[1]}") in [
        (one["run"], one["seq"], one["what"]) for one in damaged
    ]


def test_run_that_does_not_exist_is_64(holdfast, runs):
    assert holdfast("verify", "r_nobody").code == 64


def test_pages_of_runs_are_gone_through(holdfast, runs, monkeypatch):
    monkeypatch.setattr(walk, "PAGE", 1)
    assert holdfast("verify", "--json").json["runs"] == 3


def test_erased_run_still_verifies_and_is_shown_as_erased(holdfast, runs):
    async def erase():
        async with Runner.open("sqlite:///.holdfast/journal.db") as runner:
            return await runner.erase(runs[0], by="dpo", basis="they asked for it")

    assert asyncio.run(erase()) > 0
    report = holdfast("verify", "--json").json
    assert (report["damaged"], report["runs"]) == ([], 3)
    assert report["erased"] > 0
    text = holdfast("show", runs[0]).out
    assert "[erased" in text
    assert "700" not in text.replace(runs[0], "")
    assert "dpo erased" in text
    story = holdfast("why", runs[0]).out
    assert "It was given" in story
    assert "[erased" in story
    assert holdfast("show", runs[0], "--json").code == 0


def test_a_changed_bit_of_what_is_encrypted_is_found_and_named(holdfast, payer, place):
    run = holdfast("run", payer, '{"bill": "0"}', "--on-behalf-of", "c:1", "--json").json["run"]
    before = holdfast("verify", "--json").json["bodies"]
    changed = flip_bodies(place)
    assert 1 < len(changed) < before
    found = holdfast("verify")
    assert found.code == 1
    assert f"changed: run {run}, entry " in found.out
    assert ": the body " in found.out
    shown = holdfast("show", run)
    assert shown.code == 4
    assert f"is not what was written (run {run}, entry 1)" in shown.err
    report = holdfast("verify", "--json").json
    assert [(one["run"], one["seq"]) for one in report["damaged"]] == [(run, 1)]
