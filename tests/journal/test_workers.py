from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from holdfast.errors import JournalError, UsageError
from holdfast.journal.workers import KEPT_DAYS, Workers

HOLD = """
import sys
from pathlib import Path
from holdfast.journal.workers import Workers
workers = Workers(Path(sys.argv[1]))
workers.enlist(sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""


def hold(folder: Path, worker: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), worker], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_worker_lives_until_its_process_ends_however_it_ends(tmp_path: Path):
    workers = Workers(tmp_path)
    with hold(tmp_path, "w") as process:
        assert workers.alive("w") is True
        with pytest.raises(UsageError, match="another process is worker w"):
            workers.enlist("w")
        process.kill()
        process.wait()
        assert workers.alive("w") is False


def test_of_a_worker_that_never_was_here_nobody_can_tell(tmp_path: Path):
    assert Workers(tmp_path / "none").alive("w") is None


def test_another_journal_of_the_same_process_sees_the_lock_too(tmp_path: Path):
    one, other = Workers(tmp_path), Workers(tmp_path)
    one.enlist("w")
    assert (one.alive("w"), other.alive("w")) == (True, True)
    assert other.alive("w") is True  # looking did not free it
    one.close()
    assert (one.alive("w"), other.alive("w")) == (False, False)


def test_any_name_is_a_file_in_the_folder(tmp_path: Path):
    workers = Workers(tmp_path / "workers")
    names = ["../up", "a/b", ".", "..", "ä" * 200, "x" * 400, "x" * 401, ""]
    for name in names:
        workers.enlist(name)
    assert len(list((tmp_path / "workers").iterdir())) == len(names)
    assert [path.name for path in tmp_path.iterdir()] == ["workers"]
    assert all(workers.alive(name) for name in names)
    workers.close()


def test_old_locks_that_nobody_holds_are_cleared_away(tmp_path: Path):
    old = Workers(tmp_path)
    for name in ("held", "ended"):
        old.enlist(name)
    long_ago = time.time() - (KEPT_DAYS + 1) * 86_400
    for file in tmp_path.iterdir():
        os.utime(file, (long_ago, long_ago))
    other = Workers(tmp_path)
    other.enlist("recent")
    assert len(list(tmp_path.iterdir())) == 3
    old.close()
    held = Workers(tmp_path)
    held.enlist("held")
    os.utime(tmp_path / "held.lock", (long_ago, long_ago))
    os.utime(tmp_path / "recent.lock", (long_ago, long_ago))
    Workers(tmp_path).enlist("new")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["held.lock", "new.lock", "recent.lock"]
    other.close()
    held.close()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="lock of worker w cannot be made"):
        Workers(tmp_path / "file" / "workers").enlist("w")
    with pytest.raises(JournalError, match="cannot be looked at"):
        Workers(tmp_path / "file").alive("w")
