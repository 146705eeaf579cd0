"""Checkpoints on the command line: taken, shown, verified, proven, exported; and every kind of tampering named in words."""

from __future__ import annotations

import json
import sqlite3
import stat
import subprocess
from contextlib import closing

import pytest

from holdfast.shell.keys import load_signer
from tests.cli.damage import JOURNAL, cut, execute, flip, rewrite

OF = "run = (SELECT id FROM runs WHERE name = ?)"


@pytest.fixture
def key(holdfast):
    assert holdfast("checkpoint", "--make-key", "desk.key", "--origin", "example.com/desk").code == 0
    return "desk.key"


@pytest.fixture
def runs(holdfast, payer):
    """Three closed runs."""
    return [holdfast("run", payer, json.dumps({"bill": bill}), "--json").json["run"] for bill in ("700", "701", "702")]


@pytest.fixture
def signed(holdfast, payer, runs, key):
    """Three runs under a checkpoint, one more under a second, and one under none; the anchor holds both."""
    for bill in ("703", "704"):
        assert holdfast("checkpoint", "--key", key, "--anchor", "anchor").code == 0
        runs.append(holdfast("run", payer, json.dumps({"bill": bill}), "--json").json["run"])
    return runs


def verify(holdfast, *more):
    return holdfast("verify", "--pub", "desk.key.pub", *more)


def position(place, run, seq):
    with closing(sqlite3.connect(place / JOURNAL)) as db:
        return db.execute(f"SELECT pos FROM entries WHERE {OF} AND seq = ?", (run, seq)).fetchone()[0]


# ------------------------------------------------------------------------------------------------------ an honest one


def test_a_key_is_made_for_its_owner_alone_and_its_public_half_beside_it(holdfast, place):
    found = holdfast("checkpoint", "--make-key", "a.key", "--json")
    assert stat.S_IMODE((place / "a.key").stat().st_mode) == 0o600
    assert (place / "a.key.pub").read_text().strip() == found.json["public"]
    assert found.json["public"].startswith("holdfast.local/a+")
    assert "PRIVATE" not in found.out
    again = holdfast("checkpoint", "--make-key", "a.key")
    assert (again.code, "never written over" in again.err) == (64, True)


def test_a_checkpoint_is_taken_and_given_to_the_anchor(holdfast, runs, key, place):
    found = holdfast("checkpoint", "--key", key, "--anchor", "far/anchor")
    assert found.code == 0
    assert "checkpoint 1 covers " in found.out
    assert "the anchor far/anchor was given 1 checkpoint, and holds all" in found.out
    assert (place / "far" / "anchor").read_text().startswith("example.com/desk\n")
    again = holdfast("checkpoint", "--key", key, "--json").json
    assert (again["checkpoint"], again["lost"], again["anchors"]) == (None, False, [])
    assert holdfast("checkpoint").code == 64


def test_a_key_from_the_environment_and_an_anchor_out_of_reach(holdfast, runs, key, monkeypatch, place):
    monkeypatch.setenv("HOLDFAST_AUDIT_KEY", key)
    (place / "folder").mkdir()
    found = holdfast("checkpoint", "--anchor", "folder")
    assert found.code == 4
    assert "checkpoint 1 covers" in found.out
    assert "the anchor folder was not reached" in found.out
    assert holdfast("checkpoint", "--anchor", "s3://bucket").code == 64


def test_git_remote_is_an_anchor(holdfast, signed, key, place, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(place / "cache"))
    subprocess.run(["git", "init", "--quiet", "--bare", str(place / "far.git")], check=True)
    url = f"git+{place / 'far.git'}#audit"
    assert "was given 3 checkpoints" in holdfast("checkpoint", "--key", key, "--anchor", url).out
    found = verify(holdfast, "--anchor", url)
    assert "checkpoint 3 is the last that an anchor holds too" in found.out
    assert found.code == 0


def test_clean_journal_without_checkpoints_is_told_as_ever_and_what_is_not_covered_beside_it(holdfast, runs):
    found = holdfast("verify")
    assert found.code == 0
    assert [line.split(":")[0] for line in found.out.splitlines()] == [
        "checked 3 runs",
        "everything is what was written",
    ]
    entries = sum(row["seq"] for row in holdfast("show", "--json").json)
    assert f"no checkpoint covers any of these {entries} entries" in found.err


def test_verify_says_what_was_covered_and_what_was_not(holdfast, signed):
    last = next(row["seq"] for row in holdfast("show", "--json").json if row["run"] == signed[-1])
    found = verify(holdfast, "--anchor", "anchor")
    assert found.code == 0
    assert "checked 5 runs and 2 checkpoints" in found.out
    assert (
        f"checkpoint 2 is the last that agrees with what it covers; {last} entries that no checkpoint covers"
        in found.out
    )
    assert "checkpoint 2 is the last that an anchor holds too: anchor" in found.out
    assert found.out.endswith("everything is what was written\n")
    plain = holdfast("verify")
    assert plain.code == 0
    assert "who signed was not looked at" in plain.out
    assert "whoever has the key can write everything anew" in plain.out
    report = verify(holdfast, "--json").json
    assert (report["checkpoints"], report["uncovered"], report["damaged"]) == (2, last, [])
    assert report["bodies"] == 5


def test_verify_from_a_checkpoint_on(holdfast, signed):
    found = verify(holdfast, "--since", "1", "--json").json
    assert (found["since"], found["checkpoints"], found["damaged"]) == (1, 1, [])
    assert found["entries"] < verify(holdfast, "--full", "--json").json["entries"]
    assert verify(holdfast, "--since", "1").out.endswith("everything since checkpoint 1 is what was written\n")
    assert verify(holdfast, "--since", "9").code == 64
    assert verify(holdfast, "--since", "1", "--full").code == 64
    assert holdfast("verify", signed[0], "--full").code == 64


def test_full_verifies_a_journal_without_checkpoints_too(holdfast, runs):
    found = holdfast("verify", "--full")
    assert found.code == 0
    assert "no checkpoint covers any of it" in found.out


def test_the_checkpoints_are_shown_and_are_no_run(holdfast, signed, monkeypatch):
    found = holdfast("show", "audit")
    assert found.code == 0
    lines = found.out.splitlines()
    assert lines[0].split()[:2] == ["number", "entries"]
    assert [line.split()[0] for line in lines[1:]] == ["2", "1"]
    assert "example.com/desk+" in lines[1]
    assert lines[1].endswith("?")
    monkeypatch.setenv("HOLDFAST_AUDIT_ANCHORS", "anchor")
    assert all(line.endswith(" anchor") for line in holdfast("show", "audit").out.splitlines()[1:])
    assert [one["anchors"] for one in holdfast("show", "audit", "--json").json] == [["anchor"]] * 2
    assert sorted(row["run"] for row in holdfast("show", "--json").json) == sorted(signed)


@pytest.mark.parametrize(
    "words", [("why", "audit"), ("say", "audit", "x"), ("cancel", "audit"), ("prove", "audit"), ("cost", "audit")]
)
def test_what_cannot_be_done_with_checkpoints_says_what_can(holdfast, signed, words):
    found = holdfast(*words)
    assert found.code == 64
    assert "holds the checkpoints of the journal" in found.err
    assert "holdfast show audit" in found.err


def test_no_reading_takes_the_checkpoints_for_a_run(holdfast, signed):
    assert holdfast("cost", "--json").json["total"]["runs"] == 5
    assert holdfast("verify", "--decisions").code in {0, 2}
    assert holdfast("show", "aud").code == 64
    assert holdfast("show", "audit", "--limit", "1", "--json").json[0]["number"] == 2


# ------------------------------------------------------------------------------------------- must be found, and named


def test_flipped_bit_is_named_by_run_and_entry(holdfast, signed, place):
    flip(place, signed[1], 4)
    found = verify(holdfast)
    assert found.code == 1
    assert (
        f"changed: run {signed[1]}, entry 4: the stored bytes are not what the chain says was written; keep"
        in found.out
    )
    assert found.out.endswith("not everything is what was written\n")


def test_removed_entry_is_named_by_run_and_entry(holdfast, signed, place):
    execute(place, f"DELETE FROM entries WHERE {OF} AND seq = 3", signed[0])
    found = verify(holdfast)
    assert found.code == 1
    assert f"removed: run {signed[0]}: entry 3 is missing; keep a copy" in found.out
    assert "checkpoint 1: 1 entries that it covers are not there" in found.out


def test_removed_run_is_named_by_the_checkpoint_and_its_positions(holdfast, signed, place):
    first, last = position(place, signed[1], 1), position(place, signed[2], 1) - 1
    execute(place, f"DELETE FROM entries WHERE {OF}", signed[1])
    assert f"removed: run {signed[1]}: all of its" in verify(holdfast).out
    execute(place, "DELETE FROM runs WHERE name = ?", signed[1])
    found = verify(holdfast)
    assert found.code == 1
    assert f"positions {first}–{last}" in found.out
    assert "a whole run was removed, or the end of one" in found.out


def test_removed_run_that_no_checkpoint_covers_is_missed_by_its_positions(holdfast, signed, payer, place):
    holdfast("run", payer, '{"bill": "705"}')
    execute(place, f"DELETE FROM entries WHERE {OF}", signed[-1])
    execute(place, "DELETE FROM runs WHERE name = ?", signed[-1])
    found = verify(holdfast)
    assert found.code == 1
    assert "nothing stands there, and no run that is left misses" in found.out


def test_truncated_tail_is_found(holdfast, signed, place):
    execute(place, "DELETE FROM entries WHERE pos > ?", position(place, signed[3], 2))
    found = verify(holdfast)
    assert found.code == 1
    assert "cut off: the entries end at position" in found.out
    assert f"removed: run {signed[4]}: all of its" in found.out


def test_truncated_tail_with_every_trace_of_it_is_found_by_the_anchor(holdfast, signed, place):
    cut(place, position(place, "audit", 1))
    assert verify(holdfast).code == 0
    found = verify(holdfast, "--anchor", "anchor")
    assert found.code == 1
    assert "cut off: the anchor anchor holds checkpoint 2, of" in found.out


def test_forgery_signed_anew_with_the_right_key_is_found_by_the_anchor(holdfast, signed, place, key):
    rewrite(place, load_signer(key), signed[0], lambda data: data.replace(b"ana", b"eve"))
    assert verify(holdfast).code == 0
    found = verify(holdfast, "--anchor", "anchor")
    assert found.code == 1
    for number in (1, 2):
        assert (
            f"signed anew: checkpoint {number} is not the one that the anchor anchor holds: both are signed"
            in found.out
        )
    assert "believe the copy that is kept elsewhere" in found.out
    refused = holdfast("checkpoint", "--key", key, "--anchor", "anchor")
    assert (refused.code, "that this journal does not" in refused.err) == (4, True)


def test_forgery_signed_with_another_key_is_found_by_the_public_one(holdfast, signed, place):
    holdfast("checkpoint", "--make-key", "other.key", "--origin", "example.com/desk")
    rewrite(place, load_signer("other.key"), signed[0], lambda data: data.replace(b"ana", b"eve"))
    assert holdfast("verify").code == 0
    found = verify(holdfast)
    assert found.code == 1
    assert "forged: checkpoint 1: signed as example.com/desk by the key" in found.out


def test_rewritten_entries_under_an_honest_checkpoint_are_found(holdfast, signed, place):
    execute(place, f"UPDATE entries SET digest = zeroblob(32) WHERE {OF} AND seq = 9", signed[0])
    found = verify(holdfast, "--json")
    assert found.code == 1
    assert {one["kind"] for one in found.json["damaged"]} >= {"changed", "rewritten"}
    assert all(one["sentence"].startswith(("changed", "rewritten")) and one["next"] for one in found.json["damaged"])


def test_changed_and_missing_bodies_are_found_along_the_feed_too(holdfast, payer, key, place):
    run = holdfast("run", payer, '{"bill": "700"}', "--on-behalf-of", "c:1", "--json").json["run"]
    holdfast("checkpoint", "--key", key)
    execute(place, "UPDATE blobs SET data = CAST('\"x\"' AS BLOB) WHERE id = (SELECT min(id) FROM blobs)")
    execute(place, "UPDATE blobs SET data = NULL WHERE id = (SELECT max(id) FROM blobs)")
    found = verify(holdfast)
    assert found.code == 1
    assert f"changed: run {run}, entry 1: the body" in found.out
    assert "is missing, and nothing says that it was erased; keep a copy" in found.out
    assert holdfast("verify", "--since", "1").code == 0


def test_a_journal_that_cannot_be_read_is_4(holdfast, place):
    assert holdfast("verify", "--full").code == 4
    (place / ".holdfast").mkdir()
    (place / JOURNAL).write_bytes(b"no journal at all" * 100)
    assert holdfast("verify", "--full").code == 4


# ------------------------------------------------------------------------------------------------- proof and export


def test_a_run_is_proven_and_the_proof_checked(holdfast, signed, place):
    found = holdfast("prove", signed[0], "--out", "proof.jsonl")
    assert found.code == 0
    assert f"run {signed[0]}: entries 1 to " in found.out
    checked = verify(holdfast, "proof.jsonl", "--anchor", "anchor")
    assert checked.code == 0
    assert "checked 1 run and 1 checkpoint" in checked.out
    assert "it was compared with checkpoint 2, by the proof of each run" in checked.out
    assert "checkpoint 2 is the last that an anchor holds too" in checked.out
    proof = holdfast("prove", signed[0], "--checkpoint", "1", "--json").json
    assert (proof["checkpoint"], proof["origin"]) == (1, "example.com/desk")


@pytest.mark.parametrize("change", ["data", "run", "path", "cut", "note"])
def test_a_proof_that_was_changed_is_found(holdfast, signed, place, change):
    holdfast("prove", signed[0], "--out", "proof.jsonl")
    lines = [json.loads(line) for line in (place / "proof.jsonl").read_text().splitlines()]
    (placed,) = lines[0]["proofs"].values()
    if change == "data":
        lines[4]["data"] = lines[4]["data"].replace('"seq"', '"sеq"')
    elif change == "run":
        lines[0]["proofs"] = {signed[1]: placed}
    elif change == "path":
        placed["path"][0] = placed["path"][1]
    elif change == "cut":
        del lines[-2:]
    else:
        lines[1]["note"] = lines[1]["note"].replace("\nnumber 2", "\nnumber 3")
    (place / "proof.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = verify(holdfast, "proof.jsonl")
    assert found.code == 1, found.out


def test_what_no_checkpoint_covers_is_not_proven(holdfast, signed, runs):
    found = holdfast("prove", signed[-1])
    assert found.code == 64
    assert "covers nothing of the run" in found.err
    assert holdfast("prove", signed[0], "--out", "proof.parquet").code == 64
    assert holdfast("prove", signed[0], "--out", "nowhere/proof.jsonl").code == 4


def test_a_journal_without_checkpoints_proves_nothing(holdfast, runs):
    found = holdfast("prove", runs[0])
    assert (found.code, "holdfast checkpoint" in found.err) == (64, True)


@pytest.mark.parametrize(("to", "more", "file"), [
    ("out/", (), "out/export.jsonl"), ("out/", ("--parquet",), "out/export.parquet"), ("a.jsonl", (), "a.jsonl"), ("a.parquet", (), "a.parquet"),
])  # fmt: skip
def test_the_whole_journal_is_exported_and_the_export_verified(holdfast, signed, place, to, more, file):
    found = holdfast("export", "--to", to, *more, "--json")
    assert found.json["path"] == file
    checked = verify(holdfast, to, "--anchor", "anchor")
    assert checked.code == 0
    assert "checked 5 runs and 2 checkpoints" in checked.out


def test_some_runs_are_exported_each_with_its_proof(holdfast, signed, place):
    found = holdfast("export", "--to", "part.jsonl", "--where", "status=done", "--since", "1h")
    assert found.code == 0
    assert "5 runs, " in found.out
    assert "1 run is under no checkpoint yet, and not proven" in found.out
    checked = verify(holdfast, "part.jsonl")
    assert checked.code == 0
    assert checked.out.endswith("whether others were left out, a part of a journal cannot show\n")
    assert holdfast("export", "--to", "x.jsonl", "--where", "status=failed").code == 64
    assert holdfast("export", "--to", "x.jsonl", "--parquet").code == 64


def test_an_export_that_was_changed_is_found_and_one_that_is_none_is_4(holdfast, signed, place):
    holdfast("export", "--to", "a.jsonl")
    path = place / "a.jsonl"
    honest = path.read_text()
    path.write_text(honest.replace("700", "900"))
    found = verify(holdfast, "a.jsonl")
    assert found.code == 1
    assert f"changed: run {signed[0]}, entry 1" in found.out
    path.write_text("\n".join(honest.splitlines()[:-3]) + "\n")
    assert "cut off: the entries end at position" in verify(holdfast, "a.jsonl").out
    path.write_text("{}\n")
    assert verify(holdfast, "a.jsonl").code == 4
    assert verify(holdfast, "nothing.jsonl").code == 4
    (place / "empty").mkdir()
    assert verify(holdfast, "empty").code == 4


def test_an_export_of_which_nothing_is_signed_says_so(holdfast, runs):
    assert "nothing of it is signed" in holdfast("export", "--to", "a.jsonl").out
    assert "nothing of it is signed" in holdfast("export", "--to", "b.jsonl", "--where", "status=done").out
    assert holdfast("verify", "a.jsonl").code == 0


# ------------------------------------------------------------------------------------------------------- the worker


def test_a_worker_signs_what_it_does(holdfast, payer, key, runs):
    found = holdfast("worker", payer, "--once", "--key", key, "--anchor", "anchor")
    assert found.code == 0
    assert "and signs checkpoints as example.com/desk" in found.err
    checked = verify(holdfast, "--anchor", "anchor", "--json").json
    assert (checked["uncovered"], checked["anchored"]) == (0, 1)


def test_a_worker_whose_anchor_fails_says_so_and_works(holdfast, payer, key, runs, place):
    (place / "folder").mkdir()
    found = holdfast("worker", payer, "--once", "--key", key, "--anchor", "folder")
    assert found.code == 0
    assert "the anchor folder does not hold the last checkpoints: " in found.err
    assert verify(holdfast, "--json").json["uncovered"] == 0


def test_anchors_without_a_key_are_told(holdfast, payer, runs):
    assert "without a key no checkpoint is taken" in holdfast("worker", payer, "--once", "--anchor", "anchor").err
    assert holdfast("worker", payer, "--once", "--key", "nothing.key").code == 4
