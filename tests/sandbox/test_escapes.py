"""Programs that try to get out, in every backend there is here; asserted from outside. See `attacks` and `host`."""

from __future__ import annotations

import json
import os
import platform
import shutil
from pathlib import Path

import pytest

from holdfast.sandbox.blobs import MemoryBlobs
from tests.sandbox import attacks
from tests.sandbox.backends import python
from tests.sandbox.host import Host, folder


@pytest.fixture
def host(monkeypatch):
    with folder() as place:
        made = Host(Path(place))
        monkeypatch.setenv("PROBE_SECRET", made.secret)
        yield made
        made.close()


def attack(sandbox, host, code, *, wants_ok=True, **more):
    """(what became of it, its content) after everything was looked at from outside."""
    blobs = MemoryBlobs()
    record = python(sandbox, attacks.HEAD + code, json.dumps(host.given()), blobs=blobs, base=host.base, **more)
    host.contained()
    host.told(record, blobs)
    if wants_ok:
        assert (record.stop, record.code) == ("exited", 0), (record.stdout.text[-500:], record.stderr.text[-500:])
    return record, blobs


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers of the calls are those of x86-64")
@pytest.mark.parametrize("name", attacks.ALL)
def test_what_is_tried_is_refused(sandbox, host, name):
    ends_itself = name in ("signal-everybody", "signal-the-parent")
    record, _ = attack(sandbox, host, attacks.ALL[name], wants_ok=not ends_itself)
    assert [line for line in record.stdout.text.splitlines() if line.startswith("GOT")] == []
    if Path("/etc/shadow").exists() and os.access("/etc/shadow", os.R_OK):
        assert Path("/etc/shadow").read_text().splitlines()[0] not in record.stdout.text
    if name.startswith("write-by-a-link"):
        assert [one.path for one in record.plan.refused] == ["a.txt"]


def test_the_tools_of_the_attacks_work_where_nothing_holds_them(host, tmp_path):
    """Otherwise nothing that is refused above would mean anything."""
    import subprocess
    import sys

    shutil.copytree(host.base, tmp_path / "box")
    for name, told in {
        "read-a-secret": host.secret,
        "read-the-journal": "SQLite",
        "every-other-family": "GOT",
        "tcp": "GOT",
    }.items():
        done = subprocess.run(
            [sys.executable, "-", json.dumps(host.given())], input=attacks.HEAD + attacks.ALL[name], cwd=tmp_path / "box",
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert told in done.stdout, name


def test_that_a_file_outside_exists_is_hidden_or_said_not_to_be(sandbox, host, capabilities):
    record, _ = attack(sandbox, host, "print('SEEN' if os.path.exists(SECRET) else 'hidden')")
    if capabilities.names == "open":
        assert any("a file outside exists" in words for words in capabilities.not_covered)
        pytest.xfail(f"{sandbox.name} does not hide names, and says so")
    assert record.stdout.text.strip() == "hidden"


def test_processes_of_the_host_cannot_be_seen(sandbox, host):
    code = "print(sorted(int(n) for n in os.listdir('/proc') if n.isdigit()) if os.access('/proc', os.R_OK) else [])"
    record, _ = attack(sandbox, host, f"\ntry: {code}\nexcept OSError: print([])")
    assert host.victim.pid not in json.loads(record.stdout.text)
    assert len(json.loads(record.stdout.text)) < 6


def test_it_runs_as_nobody_with_no_right_of_its_own(sandbox, host):
    record, _ = attack(sandbox, host, "print(os.getuid(), os.getgid(), os.getgroups())")
    user, group, _ = record.stdout.text.split(maxsplit=2)
    assert user != "0" != group
    if os.geteuid() == 0 or sandbox.name == "bubblewrap":
        assert int(user) > 65000


@pytest.mark.parametrize(
    ("made", "why"),
    {
        "absolute": ("os.symlink('/etc/passwd', 'x')", "an absolute link"),
        "up": ("os.symlink('../x', 'x')", "a link out of the folder"),
        "up from below": ("os.symlink('../../x', 'sub/x')", "a link out of the folder"),
        "up after a name": (
            "os.symlink('.', 'd'); os.symlink('d/../../etc', 'x')",
            "a link that goes up again after a name",
        ),
        "pipe": ("os.mkfifo('x')", "a pipe"),
        "socket": ("import socket; socket.socket(socket.AF_UNIX).bind('x')", "a socket"),
        "setuid": ("Path('x').write_text('x'); os.chmod('x', 0o4755)", "it would run with its owner's rights"),
        "setgid": ("os.mkdir('x'); os.chmod('x', 0o2755)", "it would run with its owner's rights"),
        "no text": ("open(b'x\\xff', 'w').close()", "its name is no text"),
        "a name of commits": ("open('.holdfast-x', 'w').close()", "names that begin with .holdfast-"),
        "deep": ("[(os.mkdir('x'), os.chdir('x')) for _ in range(180)]", "more than 100 folders"),
    }.values(),
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_what_may_not_be_taken_over_is_refused_in_the_plan(sandbox, host, made, why):
    record, _ = attack(sandbox, host, f"\ntry:\n  {made}\nexcept PermissionError: print('DENIED')", wants_ok=False)
    if "DENIED" in record.stdout.text:  # the backend did not let it be made at all
        assert record.plan.refused == ()
        return
    assert [one.why[: len(why)] for one in record.plan.refused] == [why]
    assert all(not one.path.endswith("x") or one.post.kind == "folder" for one in record.plan.changes)


def test_a_folder_that_nobody_may_enter_is_taken_away_all_the_same(sandbox, host):
    record, _ = attack(
        sandbox, host, "os.mkdir('closed', 0o700); Path('closed/x').write_text('x'); os.mkdir('closed/in', 0)"
    )
    assert {one.path for one in record.plan.changes} | {one.path for one in record.plan.refused} >= {
        "closed",
        "closed/x",
    }


def test_a_file_behind_a_hard_link_to_another_program_is_not_taken_over(host, scratch):
    """Of folders that lie on a disk of the host: the content could be anybody's."""
    from holdfast.sandbox.workspace import changes

    copy = scratch / "copy"
    shutil.copytree(host.base, copy)
    os.link(host.outside / "secret", copy / "hard")
    blobs = MemoryBlobs()
    plan = changes(host.base, copy, blobs)
    assert [(one.path, one.why) for one in plan.refused] == [("hard", "a hard link to a file outside")]
    assert plan.changes == ()
    (copy / "hard").unlink()
    shutil.rmtree(copy)
