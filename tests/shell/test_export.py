"""An export holds the durable feed with its checkpoints, byte for byte, and is checked as the journal itself is."""

from __future__ import annotations

import json
import sys

import pytest

from holdfast.errors import JournalDamaged, JournalError, SettingsError
from holdfast.journal.memory import MemoryJournal
from holdfast.journal.port import Append
from holdfast.shell.export import export, reading
from holdfast.shell.proofs import verify_export
from holdfast.testing.journal_contract import a_batch, a_row
from tests.shell.audited import KEYS, tell
from tests.shell.bench import story


@pytest.fixture(params=["export.jsonl", "export.parquet"])
def path(request, tmp_path):
    if request.param.endswith("parquet"):
        pytest.importorskip("pyarrow")
    return tmp_path / request.param


def written(path, *words, more=None):
    async def work():
        journal = await tell(MemoryJournal(), *words)
        if more:
            await journal.append(more)
        return await export(journal, path), await journal.feed(0, 1000)

    return story(work)


def checked(path, anchors=None):
    with reading(path) as (header, seals, entries):
        return verify_export(header, seals, entries, KEYS, anchors)


def test_export_is_the_feed_and_verifies(path):
    done, feed = written(path)
    assert (done.entries, done.checkpoints, done.position) == (15, 3, 15)
    with reading(path) as (header, seals, entries):
        assert (header.origin, header.position, header.checkpoints, sorted(seals)) == (
            "example.com/desk",
            15,
            3,
            [1, 2, 3],
        )
        assert [(one.position, one.run, one.seq, one.data, one.digest) for one in entries] == [
            (one.position, one.run, one.seq, one.data, one.digest) for one in feed
        ]
    verdict = checked(path, {"copy": [seal.note for seal in seals.values()]})
    assert (verdict.good, verdict.entries, verdict.checkpoints, verdict.anchored) == (True, 15, 3, 3)
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_bytes_that_are_no_text_are_kept_as_they_are(path):
    odd = Append(run="z", expected=0, lines=[(b'\xff\x00"', bytes(32))], row=a_row("z", 1), durable=True)
    written(path, ("a1",), more=odd)
    with reading(path) as (header, seals, entries):
        assert [one.data for one in entries][-1] == b'\xff\x00"'
        assert (header.origin, seals) == ("", {})
    assert [(one.kind, one.run, one.seq) for one in checked(path).findings] == [("changed", "z", 1)]


def test_what_is_not_durable_is_not_exported(path):
    async def work():
        journal = MemoryJournal(flush_after=1000)
        await tell(journal, ("a1",))
        await journal.append(a_batch("b"))
        return await export(journal, path)

    assert story(work).entries == 1


def test_an_export_that_fails_leaves_the_one_before(path):
    written(path)
    before = path.read_bytes()

    class Failing(MemoryJournal):
        async def feed(self, after=0, limit=1000):
            raise JournalDamaged("broken")

    async def work():
        journal = await tell(Failing(), ("a1",))
        with pytest.raises(JournalDamaged, match="broken"):
            await export(journal, path)

    story(work)
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_what_is_no_export_is_refused(path):
    with pytest.raises(JournalError, match="cannot be read"), reading(path):
        pass
    path.write_bytes(b"{}\n")
    with pytest.raises(JournalDamaged), reading(path):
        pass


@pytest.mark.parametrize("line", [b"{}", b"", b'{"position":1,"run":"a","seq":1,"digest":"xy"}', b"\xff"])
def test_a_line_that_is_no_entry_ends_the_check_as_a_finding(tmp_path, line):
    path = tmp_path / "export.jsonl"
    written(path)
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([*lines[:8], line, *lines[9:]]) + b"\n")
    kinds = [one.kind for one in checked(path).findings]
    assert kinds[0] == "unreadable"
    assert "truncated" in kinds


def test_another_form_is_refused(tmp_path):
    path = tmp_path / "export.jsonl"
    written(path)
    first, *rest = path.read_text(encoding="utf-8").splitlines(keepends=True)
    for header in ({"format": "holdfast-export/2"}, {"checkpoints": 30}):
        path.write_text(json.dumps(json.loads(first) | header) + "\n" + "".join(rest), encoding="utf-8")
        with pytest.raises(JournalDamaged), reading(path):
            pass


def test_without_the_package_it_says_which_extra_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SettingsError, match="pyarrow") as error:
        written(tmp_path / "export.parquet")
    assert 'pip install "holdfast[parquet]"' in str(error.value)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(JournalError, match="cannot be written"):
        written(tmp_path / "nowhere" / "export.jsonl")
