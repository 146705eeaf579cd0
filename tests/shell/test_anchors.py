"""What an anchor was given it holds, whoever else writes, whenever the power went, and it never takes anything back."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
from pathlib import Path

import pytest

from holdfast.errors import UsageError
from holdfast.shell import anchors, git_anchor
from holdfast.shell.anchor_urls import anchor_at
from holdfast.shell.anchors import AnchorError, FileAnchor, added, whole_notes
from holdfast.shell.git_anchor import FILE, GitAnchor
from tests.shell.audited import DESK
from tests.shell.bench import story

NOTES = [DESK.sign(f"example.com/desk\n{size}\nroot\n") for size in range(1, 5)]


def given(anchor, *rounds):
    async def work():
        for notes in rounds:
            await anchor.publish(notes)
        return await anchor.notes()

    return story(work)


def git(folder, *words):
    done = subprocess.run(["git", "--git-dir", str(folder), *words], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture(params=["file", "repository", "remote"])
def anchor(request, tmp_path):
    if request.param == "file":
        return FileAnchor(tmp_path / "new" / "anchor")
    if request.param == "repository":
        return GitAnchor(tmp_path / "new" / "anchor.git")
    git(tmp_path / "far.git", "init", "--quiet", "--bare")
    return GitAnchor(tmp_path / "near.git", remote=str(tmp_path / "far.git"))


def test_notes_are_kept_in_order_and_once(anchor):
    assert given(anchor) == []
    assert given(anchor, NOTES[:1], NOTES[:3], [], NOTES[1:2]) == NOTES[:3]
    assert given(anchor, NOTES) == NOTES


def test_file_is_signed_notes_each_followed_by_an_empty_line_and_only_grows(tmp_path):
    path = tmp_path / "anchor"
    given(FileAnchor(path), NOTES[:2])
    before = path.read_text(encoding="utf-8")
    assert before == f"{NOTES[0]}\n{NOTES[1]}\n"
    given(FileAnchor(path), NOTES[1:])
    assert path.read_text(encoding="utf-8").startswith(before)
    assert stat.S_IMODE(path.stat().st_mode) & 0o022 == 0


@pytest.mark.parametrize("cut", range(0, len((NOTES[1] + "\n").encode()), 3))
def test_a_torn_write_is_written_again_whole(tmp_path, cut):
    path = tmp_path / "anchor"
    path.write_bytes((NOTES[0] + "\n").encode() + (NOTES[1] + "\n").encode()[:cut])
    assert given(FileAnchor(path))[:1] == NOTES[:1]
    assert given(FileAnchor(path), NOTES[1:3]) == NOTES[:3]
    assert given(FileAnchor(path), NOTES) == NOTES


def test_a_note_that_was_changed_in_place_is_shown_as_it_is():
    content = f"{NOTES[0]}\n{NOTES[1]}\n"
    assert whole_notes(content.replace("\n1\n", "\n9\n")) == [NOTES[0].replace("\n1\n", "\n9\n"), NOTES[1]]
    assert whole_notes(content.replace("— ", "- ", 1))[-1] == NOTES[1]
    assert len(whole_notes(content.replace("— ", "- ", 1))) > 1
    assert added(content, NOTES[:2]) == ""


def test_processes_that_append_at_once_lose_and_repeat_nothing(tmp_path):
    async def work():
        anchors = [FileAnchor(tmp_path / "anchor") for _ in range(8)]
        await asyncio.gather(*(one.publish(NOTES) for one in anchors))
        return await anchors[0].notes()

    assert story(work) == NOTES


def test_a_file_that_cannot_be_written_or_read_says_so(tmp_path):
    (tmp_path / "folder").mkdir()
    for words, what in (([NOTES[0]], "written"), (None, "read")):
        anchor = FileAnchor(tmp_path / "folder")
        with pytest.raises(AnchorError, match=f"cannot be {what}"):
            given(anchor, words) if words else given(anchor)


def test_each_publication_is_a_commit_after_the_last(tmp_path):
    anchor = GitAnchor(tmp_path / "anchor.git", branch="audit")
    given(anchor, NOTES[:1], NOTES[:2])
    assert git(tmp_path / "anchor.git", "rev-list", "--count", "audit").strip() == "2"
    assert git(tmp_path / "anchor.git", "show", f"audit~1:{FILE}") == NOTES[0] + "\n"
    assert anchor.name == f"{tmp_path / 'anchor.git'}#audit"


@pytest.mark.parametrize("full", [1, 2, 3])
def test_a_full_file_is_kept_and_another_begun(tmp_path, monkeypatch, full):
    monkeypatch.setattr(git_anchor, "FULL", full)
    anchor = GitAnchor(tmp_path / "anchor.git")
    for note in NOTES:
        assert given(anchor, [note])[-1] == note
        assert story(anchor.last) == note
    assert given(anchor, NOTES[-1:]) == NOTES
    names = git(tmp_path / "anchor.git", "ls-tree", "--name-only", "checkpoints").split()
    assert names == [FILE, *(f"{FILE}-{place:06}" for place in range(1, -(-len(NOTES) // full)))]


def test_of_a_long_file_only_the_end_is_read_to_add_to_it(tmp_path, monkeypatch):
    monkeypatch.setattr(anchors, "TAIL", len(NOTES[0].encode()) + 50)
    anchor = FileAnchor(tmp_path / "anchor")
    assert story(anchor.last) == ""
    for note in NOTES:
        given(anchor, [note])
        assert story(anchor.last) == note
    assert given(anchor, NOTES[-1:]) == NOTES


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("/mnt/far/anchor", "/mnt/far/anchor"),
        ("file:///mnt/far/anchor", "/mnt/far/anchor"),
        ("git+ssh://git@host/desk.git", "ssh://host/desk.git#checkpoints"),
        ("git+https://ann:word@host/desk.git#audit", "https://host/desk.git#audit"),
    ],
)
def test_a_url_names_an_anchor_and_its_password_is_not_shown(url, name):
    assert anchor_at(url).name == name


@pytest.mark.parametrize("url", ["", "s3://bucket/x", "git+", "git+--upload-pack=x", "https://host/x"])
def test_what_names_no_anchor_is_refused(url):
    with pytest.raises(UsageError, match="names no anchor"):
        anchor_at(url)


def test_a_remote_that_went_on_is_followed_and_one_that_refuses_is_told(tmp_path):
    far = tmp_path / "far.git"
    git(far, "init", "--quiet", "--bare")
    one, two = (GitAnchor(tmp_path / name, remote=str(far)) for name in ("one.git", "two.git"))
    assert given(one, NOTES[:1]) == given(two)
    assert given(two, NOTES[:3]) == given(one)
    assert given(one, NOTES) == NOTES
    hook = far / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(AnchorError, match="git push failed"):
        given(two, [*NOTES, DESK.sign("more\n")])
    assert given(one) == NOTES


def test_a_remote_that_is_not_there_is_told(tmp_path):
    with pytest.raises(AnchorError, match="git ls-remote failed"):
        given(GitAnchor(tmp_path / "near.git", remote=str(tmp_path / "nowhere.git")))


def test_a_git_that_hangs_is_ended_with_all_it_started(tmp_path, monkeypatch):
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\nsleep 600 &\necho $! > {tmp_path}/child\nwait\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    with pytest.raises(AnchorError, match=r"took longer than 1 seconds"):
        given(GitAnchor(tmp_path / "anchor.git", timeout=1))
    status = Path(f"/proc/{int((tmp_path / 'child').read_text())}/stat")
    assert not status.exists() or status.read_text().split()[2] == "Z"


def test_without_git_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AnchorError, match="git cannot be started"):
        given(GitAnchor(tmp_path / "anchor.git"))
