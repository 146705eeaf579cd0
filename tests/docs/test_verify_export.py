"""The script for third parties passes an honest export, and finds what was done to five others; it is short and alone."""

from __future__ import annotations

import ast
import json
import subprocess
import sys

import pytest

from holdfast.journal.memory import MemoryJournal
from holdfast.shell.export import export, export_part
from tests.docs.pages import ROOT
from tests.shell.audited import DESK, tell
from tests.shell.bench import story

SCRIPT = ROOT / "docs" / "verify_export.py"
PROOF = ROOT / "docs" / "verify_proof.py"
HEAD = 4
"""Lines before the first entry: the header and three checkpoints."""


def exported(path, **how):
    async def work():
        await export(await tell(MemoryJournal(), **how), path)

    story(work)
    return path.read_text(encoding="utf-8").splitlines()


@pytest.fixture
def honest(tmp_path):
    """The lines of an honest export, and the file of an anchor."""
    lines = exported(tmp_path / "export.jsonl")
    notes = [json.loads(line)["note"] for line in lines[1:HEAD]]
    (tmp_path / "anchor").write_text("".join(f"{note}\n" for note in notes), encoding="utf-8")
    return lines


def run(tmp_path, lines, *, anchored=True, key=str(DESK.key), script=SCRIPT):
    path = tmp_path / "given.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    anchors = [str(tmp_path / "anchor")] if anchored else []
    done = subprocess.run(
        [sys.executable, "-I", str(script), str(path), key, *anchors],
        capture_output=True, text=True, check=False, timeout=60, encoding="utf-8",
    )  # fmt: skip
    assert done.stderr == ""
    return done.returncode, done.stdout


def of_run(line, name):
    return json.loads(line).get("run") == name


@pytest.mark.parametrize("script", [SCRIPT, PROOF], ids=lambda path: path.stem)
def test_it_is_a_hundred_lines_of_the_standard_library_and_cryptography(script):
    text = script.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 100
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).split(".")[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}


@pytest.mark.parametrize("anchored", [True, False])
def test_honest_export_passes(tmp_path, honest, anchored):
    code, said = run(tmp_path, honest, anchored=anchored)
    assert code == 0, said
    assert "15 entries of 5 runs, the first 13 of them under signed checkpoints" in said
    assert "everything is what was written and signed" in said


def test_flipped_bit_is_found_by_run_and_entry(tmp_path, honest):
    place = next(place for place, line in enumerate(honest) if of_run(line, "b"))
    entry = json.loads(honest[place])
    entry["data"] = entry["data"].replace("svc:test", "svc:tess")
    code, said = run(tmp_path, [*honest[:place], json.dumps(entry), *honest[place + 1 :]])
    assert code == 1
    assert "run b, entry 1: it is not what was written" in said


def test_removed_entry_is_found_by_run_and_entry(tmp_path, honest):
    code, said = run(tmp_path, [*honest[: HEAD + 1], *honest[HEAD + 2 :]])
    assert code == 1
    assert "run a, entry 2: it is missing" in said
    assert "checkpoint 1 signs 5 entries, and these 4 are not those" in said


def test_removed_run_is_found_by_the_checkpoint_over_it(tmp_path, honest):
    code, said = run(tmp_path, [line for line in honest if not of_run(line, "c")])
    assert code == 1
    assert "checkpoint 1 " not in said
    assert "checkpoint 2 signs 9 entries, and these 7 are not those" in said


@pytest.mark.parametrize("left", [0, 1, 9, 13, 14])
def test_truncated_tail_is_found(tmp_path, honest, left):
    lines = honest[: HEAD + left]
    code, said = run(tmp_path, lines)
    assert code == 1
    assert "cut off" in said


def test_truncated_tail_without_its_checkpoints_is_found_by_the_anchor(tmp_path, honest):
    header = json.loads(honest[0]) | {"checkpoints": 2, "position": 10}
    lines = [json.dumps(header), *honest[1:3], *honest[HEAD : HEAD + 10]]
    assert run(tmp_path, lines, anchored=False)[0] == 0
    code, said = run(tmp_path, lines)
    assert code == 1
    assert "note 3 of the anchor" in said


def test_forgery_signed_anew_with_the_right_key_is_found_by_the_anchor(tmp_path, honest):
    forged = exported(tmp_path / "forged.jsonl", lie="another word")
    assert run(tmp_path, forged, anchored=False)[0] == 0
    code, said = run(tmp_path, forged)
    assert code == 1
    assert "note 1 of the anchor" in said


def test_forgery_without_the_key_is_found(tmp_path, honest):
    forged = exported(tmp_path / "forged.jsonl", lie="another word")
    code, said = run(tmp_path, [*honest[:HEAD], *forged[HEAD:]])
    assert code == 1
    assert "checkpoint 1 signs 5 entries, and these 5 are not those" in said
    seal = json.loads(honest[1])
    seal["note"] = seal["note"].replace("\n5\n", "\n6\n")
    code, said = run(tmp_path, [honest[0], json.dumps(seal), *honest[2:]])
    assert code == 1
    assert "checkpoint 1 is not signed by the key" in said
    code, said = run(tmp_path, honest, key="example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
    assert (code, said.count("is not signed by the key")) == (1, 3)


def test_part_of_a_journal_does_not_pass_for_all_of_it(tmp_path):
    code, said = run(tmp_path, parted(tmp_path), anchored=False)
    assert code == 1
    assert "this is a part of a journal" in said


def test_export_of_which_nothing_is_signed_does_not_pass(tmp_path):
    lines = exported(tmp_path / "export.jsonl", story=("a2",))
    assert run(tmp_path, lines, anchored=False)[0] == 1


# -------------------------------------------------------------------------------------------------- parts and proofs


def parted(tmp_path, names=("a", "b", "d")):
    async def work():
        await export_part(await tell(MemoryJournal()), tmp_path / "part.jsonl", set(names))

    story(work)
    return (tmp_path / "part.jsonl").read_text(encoding="utf-8").splitlines()


def prove(tmp_path, lines, **how):
    return run(tmp_path, lines, script=PROOF, **how)


def test_proofs_of_runs_hold(tmp_path):
    lines = parted(tmp_path)
    (tmp_path / "anchor").write_text(json.loads(lines[1])["note"] + "\n", encoding="utf-8")
    code, said = prove(tmp_path, lines)
    assert (code, said) == (
        0,
        "3 runs stand under the checkpoint; not proven: none\nthese runs are what was written and signed\n",
    )


def test_a_proof_that_was_changed_is_found(tmp_path, honest):
    lines = parted(tmp_path)
    flipped = [line.replace("svc:test", "svc:tess") if of_run(line, "b") else line for line in lines]
    code, said = prove(tmp_path, flipped)
    assert (code, "run b, entry 1: it is not what was written" in said) == (1, True)
    code, said = prove(tmp_path, [line for line in lines if not of_run(line, "d")])
    assert (code, "run d: it does not stand under the checkpoint" in said) == (1, True)
    code, said = prove(tmp_path, [line.replace('"run":"a"', '"run":"z"') for line in lines])
    assert (code, "run a: it does not stand" in said, "run z" in said) == (1, True, True)
    seal = json.loads(lines[1])
    seal["note"] = seal["note"].replace("\n13\n", "\n14\n")
    code, said = prove(tmp_path, [lines[0], json.dumps(seal), *lines[2:]])
    assert (code, "not signed by the key" in said) == (1, True)


def test_forged_proof_with_the_right_key_is_found_by_the_anchor(tmp_path, honest):
    async def work():
        await export_part(await tell(MemoryJournal(), lie="another word"), tmp_path / "forged.jsonl", {"a"})

    story(work)
    forged = (tmp_path / "forged.jsonl").read_text(encoding="utf-8").splitlines()
    assert prove(tmp_path, forged, anchored=False)[0] == 0
    code, said = prove(tmp_path, forged)
    assert (code, "does not hold this checkpoint" in said) == (1, True)


def test_what_holds_no_proof_proves_nothing(tmp_path, honest):
    code, said = prove(tmp_path, honest)
    assert (code, "there is no proof in this file" in said) == (1, True)
