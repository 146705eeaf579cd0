"""A plan is committed whole, finished or taken back after any stop, undone bit for bit, and never leads out of its folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import Conflict, InputError, UsageError
from holdfast.sandbox import images
from holdfast.sandbox.blobs import FolderBlobs, MemoryBlobs
from holdfast.sandbox.plan import Change, Image, Plan, decode, encode
from holdfast.sandbox.workspace import Changed, Workspace, changes, materialise, tree_of


class Stopped(BaseException):
    """As if the power went."""


class Stop:
    """A step that lets so many go by, and then stops everything."""

    def __init__(self, after=10**9):
        self.after = after
        self.steps = []

    def __call__(self, word):
        if len(self.steps) >= self.after:
            raise Stopped(word)
        self.steps.append(word)


# ------------------------------------------------------------------------------------------ trees by chance

NAMES = ("a", "b", "c")
FILES = st.tuples(st.just("file"), st.binary(max_size=3), st.sampled_from([0o644, 0o600, 0o755, 0o444]))
LINKS = st.tuples(st.just("link"), st.sampled_from(["a", "b/c", "c"]))
TREES = st.recursive(
    FILES | LINKS,
    lambda below: st.tuples(
        st.just("folder"),
        st.dictionaries(st.sampled_from(NAMES), below, max_size=3),
        st.sampled_from([0o755, 0o700, 0o555]),
    ),
    max_leaves=8,
)
ROOTS = st.dictionaries(st.sampled_from(NAMES), TREES, max_size=3)


def make(folder, tree):
    """A tree of chance, on the disk."""
    for name, thing in tree.items():
        path = folder / name
        if thing[0] == "file":
            path.write_bytes(thing[1])
            path.chmod(thing[2])
        elif thing[0] == "link":
            path.symlink_to(thing[1])
        else:
            path.mkdir()
            make(path, thing[1])
            path.chmod(thing[2])


def remove(folder):
    for path in sorted(folder.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(folder)


class Case:
    """A folder, the plan that leads it elsewhere, and content."""

    def __init__(self, before, after):
        self.root = Path(tempfile.mkdtemp(prefix="holdfast-ws-"))
        self.base, self.other = self.root / "base", self.root / "other"
        for folder, tree in ((self.base, before), (self.other, after)):
            folder.mkdir()
            make(folder, tree)
        self.blobs = FolderBlobs(self.root / "blobs")
        self.plan = decode(encode(changes(self.base, self.other, self.blobs)))
        self.before, self.after = tree_of(self.base), tree_of(self.other)

    def workspace(self, step=None):
        return Workspace(self.base, self.root / "state", **({"step": step} if step else {}))

    def now(self):
        return tree_of(self.base)

    def again(self):
        """The folder as it was in the beginning."""
        remove(self.base)
        shutil.rmtree(self.root / "state", ignore_errors=True)
        assert materialise(None, changes(None, self.back, self.blobs), self.blobs, self.base)
        assert self.now() == self.before

    @property
    def back(self):
        folder = self.root / "back"
        if not folder.exists():
            materialise(self.base, Plan(), self.blobs, folder)
        return folder

    def __enter__(self):
        _ = self.back
        return self

    def __exit__(self, *_):
        remove(self.root)


@contextmanager
def ordinary():
    """As an account that modes of folders hold, where the tests are run by root."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(54321)
    os.seteuid(54321)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def between(now, before, after):
    """Whether each path is as it was or as it shall be; folders are there or not, whatever their modes."""

    def kind(image):
        return image[:1] if image[0] == "folder" else image

    for path in {*now, *before, *after}:
        name = path.rsplit("/", 1)[-1]
        if name.startswith(images.OWN):
            continue
        have = kind(now.get(path, images.NOTHING))
        if have not in (kind(before.get(path, images.NOTHING)), kind(after.get(path, images.NOTHING))):
            return path
    return None


@settings(max_examples=60, deadline=None)
@given(ROOTS, ROOTS)
def test_a_commit_makes_the_folder_what_the_plan_says_and_an_undo_what_it_was(before, after):
    with ordinary(), Case(before, after) as case:
        workspace = case.workspace()
        workspace.commit(case.plan, case.blobs)
        assert case.now() == case.after
        workspace.commit(case.plan, case.blobs)  # what is already so stays so
        assert case.now() == case.after
        workspace.undo(case.plan, case.blobs)
        assert case.now() == case.before
        assert workspace.standing() is None


@settings(max_examples=25, deadline=None)
@given(ROOTS, ROOTS, st.sampled_from(["commit", "undo"]), st.data())
def test_stopped_at_any_step_it_is_finished_or_taken_back_bit_for_bit(before, after, way, data):
    with ordinary(), Case(before, after) as case:
        start, end = (case.before, case.after) if way == "commit" else (case.after, case.before)

        def begun(step):
            case.again()
            if way == "undo":
                case.workspace().commit(case.plan, case.blobs)
            getattr(case.workspace(step), way)(case.plan, case.blobs)

        all_steps = Stop()
        begun(all_steps)
        for after_steps in range(len(all_steps.steps)):
            with pytest.raises(Stopped):
                begun(Stop(after_steps))
            assert between(case.now(), start, end) is None, (after_steps, all_steps.steps)
            if data.draw(st.booleans()):  # and stopped again while it is put right
                try:
                    case.workspace(Stop(data.draw(st.integers(0, 6)))).finish(case.blobs)
                except Stopped:
                    assert between(case.now(), start, end) is None
            workspace = case.workspace()
            forward = data.draw(st.booleans())
            begun_at_all = workspace.standing() is not None
            if way == "commit" and not forward:
                workspace.undo(case.plan, case.blobs)
                assert case.now() == case.before
            else:
                workspace.finish(case.blobs)
                assert case.now() == (end if begun_at_all or case.now() == end else start)
            assert workspace.standing() is None
            assert not [path for path in case.now() if images.OWN in path]


@settings(max_examples=30, deadline=None)
@given(ROOTS, ROOTS)
def test_a_layer_is_made_again_elsewhere(before, after):
    with ordinary(), Case(before, after) as case:
        made = materialise(case.base, case.plan, case.blobs, case.root / "made")
        assert tree_of(made) == case.after
        assert tree_of(case.base) == case.before


# -------------------------------------------------------------------------------------------- by hand


@pytest.fixture
def folder(tmp_path):
    base = tmp_path / "base"
    (base / "d").mkdir(parents=True)
    (base / "a").write_text("a")
    (base / "d" / "b").write_text("b")
    return base


def planned(folder, tmp_path, blobs, edit):
    """The plan of a change."""
    other = tmp_path / "other"
    shutil.copytree(folder, other, symlinks=True)
    edit(other)
    return changes(folder, other, blobs)


def test_a_file_that_somebody_changed_is_a_conflict_and_nothing_is_touched(folder, tmp_path):
    blobs = MemoryBlobs()
    plan = planned(
        folder, tmp_path, blobs, lambda other: [(other / "a").write_text("A"), (other / "d" / "b").write_text("B")]
    )
    (folder / "d" / "b").write_text("theirs")
    before = tree_of(folder)
    with pytest.raises(Changed, match="d/b") as caught:
        Workspace(folder, tmp_path / "state").commit(plan, blobs)
    assert caught.value.paths == ("d/b",)
    assert tree_of(folder) == before


def test_an_undo_refuses_what_somebody_changed_since(folder, tmp_path):
    blobs = MemoryBlobs()
    plan = planned(
        folder, tmp_path, blobs, lambda other: [(other / "a").write_text("A"), (other / "new").write_text("n")]
    )
    workspace = Workspace(folder, tmp_path / "state")
    workspace.commit(plan, blobs)
    (folder / "new").chmod(0o600)
    before = tree_of(folder)
    with pytest.raises(Changed, match="new"):
        workspace.undo(plan, blobs)
    assert tree_of(folder) == before


def test_a_folder_that_somebody_put_something_into_is_not_removed(folder, tmp_path):
    blobs = MemoryBlobs()
    plan = planned(folder, tmp_path, blobs, lambda other: shutil.rmtree(other / "d"))
    (folder / "d" / "theirs").write_text("t")
    with pytest.raises(Changed, match="theirs"):
        Workspace(folder, tmp_path / "state").commit(plan, blobs)
    assert (folder / "d" / "b").read_text() == "b"


def test_what_stands_half_way_and_is_something_else_is_surfaced_and_left(folder, tmp_path):
    blobs = MemoryBlobs()
    plan = planned(
        folder, tmp_path, blobs, lambda other: [(other / "a").write_text("A"), (other / "d" / "b").write_text("B")]
    )
    with pytest.raises(Stopped):
        Workspace(folder, tmp_path / "state", step=lambda word: stop_at("write d/b", word)).commit(plan, blobs)
    (folder / "d" / "b").write_text("theirs")
    before = tree_of(folder)
    workspace = Workspace(folder, tmp_path / "state")
    for end in (workspace.finish, lambda blobs: workspace.undo(plan, blobs)):
        with pytest.raises(Changed, match="d/b"):
            end(blobs)
        assert tree_of(folder) == before
    assert workspace.standing() is not None
    (folder / "d" / "b").write_text("b")
    workspace.undo(plan, blobs)
    assert (folder / "a").read_text() == "a"


def stop_at(word, step):
    if step == word:
        raise Stopped(step)


def test_nothing_else_is_begun_while_something_stands(folder, tmp_path):
    blobs = MemoryBlobs()
    plan = planned(folder, tmp_path, blobs, lambda other: (other / "a").write_text("A"))
    with pytest.raises(Stopped):
        Workspace(folder, tmp_path / "state", step=lambda word: stop_at("place a", word)).commit(plan, blobs)
    workspace = Workspace(folder, tmp_path / "state")
    with pytest.raises(UsageError, match="under way"):
        workspace.commit(plan, blobs)
    with pytest.raises(UsageError, match="under way"):
        workspace.discard()
    assert workspace.finish(blobs).way == "commit"
    assert (folder / "a").read_text() == "A"
    assert workspace.finish(blobs) is None


def test_two_do_not_change_one_folder_at_a_time(folder, tmp_path):
    blobs = MemoryBlobs()
    plan = planned(folder, tmp_path, blobs, lambda other: (other / "a").write_text("A"))

    def other_one(word):
        if word == "place a":
            with pytest.raises(Conflict, match="right now"):
                Workspace(folder, tmp_path / "state2").commit(plan, blobs)

    Workspace(folder, tmp_path / "state", step=other_one).commit(plan, blobs)
    assert (folder / "a").read_text() == "A"


def test_a_layer_is_kept_and_thrown_away(folder, tmp_path):
    blobs = MemoryBlobs()
    plan = planned(folder, tmp_path, blobs, lambda other: (other / "a").write_text("A"))
    Workspace(folder, tmp_path / "state").keep(plan)
    workspace = Workspace(folder, tmp_path / "state")
    assert workspace.layer() == plan
    workspace.discard()
    assert workspace.layer() == Plan()
    assert (folder / "a").read_text() == "a"


def test_a_link_put_in_the_way_leads_nowhere(folder, tmp_path):
    blobs, outside = MemoryBlobs(), tmp_path / "outside"
    outside.mkdir()
    (outside / "b").write_text("b")
    plan = planned(folder, tmp_path, blobs, lambda other: (other / "d" / "b").write_text("B"))
    shutil.rmtree(folder / "d")
    (folder / "d").symlink_to(outside)
    with pytest.raises(Changed):
        Workspace(folder, tmp_path / "state").commit(plan, blobs)
    assert (outside / "b").read_text() == "b"


@pytest.mark.parametrize("path", ["../a", "/etc/passwd", "d/../../a", "", ".", "a//b", "./a", "a/", "a\0b", "x" * 300])
def test_no_path_of_a_plan_leads_out(folder, tmp_path, path):
    blobs = MemoryBlobs()
    plan = Plan((Change(path, Image("nothing"), Image("file", 0o644, blobs.put(b"x"), 1)),))
    for use in (
        lambda: Workspace(folder, tmp_path / "state").commit(plan, blobs),
        lambda: Workspace(folder, tmp_path / "state").undo(plan, blobs),
        lambda: materialise(folder, plan, blobs, tmp_path / "made"),
        lambda: decode(encode(plan)),
    ):
        with pytest.raises(InputError, match="plan"):
            use()


@pytest.mark.parametrize("target", ["/etc/passwd", "../x", "b/../../x", "", "d/../x"])
def test_a_link_that_leaves_is_refused_and_so_is_the_plan_with_it(folder, tmp_path, target):
    if not target:
        assert images.link_leaves("l", target)
        return
    blobs = MemoryBlobs()
    plan = planned(folder, tmp_path, blobs, lambda other: (other / "l").symlink_to(target))
    assert [one.path for one in plan.refused] == ["l"]
    with pytest.raises(InputError, match="may not be taken over"):
        Workspace(folder, tmp_path / "state").commit(plan, blobs)


def test_links_that_stay_inside_are_kept(folder, tmp_path):
    blobs = MemoryBlobs()
    plan = planned(
        folder,
        tmp_path,
        blobs,
        lambda other: [(other / "l").symlink_to("d/b"), (other / "d" / "up").symlink_to("../a")],
    )
    Workspace(folder, tmp_path / "state").commit(plan, blobs)
    assert (folder / "d" / "up").read_text() == "a"


def test_content_that_is_not_kept_is_found_before_anything_is_touched(folder, tmp_path):
    plan = planned(folder, tmp_path, MemoryBlobs(), lambda other: (other / "a").write_text("A"))
    with pytest.raises(InputError, match="not kept"):
        Workspace(folder, tmp_path / "state").commit(plan, MemoryBlobs())
    assert (folder / "a").read_text() == "a"


def test_kept_content_that_is_not_what_it_was_is_refused(tmp_path):
    blobs = FolderBlobs(tmp_path / "blobs")
    sha = blobs.put(b"content")
    (tmp_path / "blobs" / sha[:2] / sha).write_bytes(b"others")
    with pytest.raises(InputError, match="not what was kept"):
        blobs.get(sha)
    with pytest.raises(InputError, match="no sha256"):
        blobs.get("../../etc/passwd")


def test_the_state_may_not_lie_in_the_folder(folder):
    with pytest.raises(UsageError, match="outside"):
        Workspace(folder, folder / "d" / "state")


@pytest.mark.skipif(os.geteuid() != 0, reason="owners can be given by root only")
def test_a_replaced_file_keeps_its_owner_and_a_new_one_has_its_folders(folder, tmp_path):
    blobs = MemoryBlobs()
    plan = planned(
        folder,
        tmp_path,
        blobs,
        lambda other: [(other / "d" / "b").write_text("B"), (other / "d" / "new").write_text("n")],
    )
    os.chown(folder / "d" / "b", 1234, 1235)
    os.chown(folder / "d", 1236, 1237)
    Workspace(folder, tmp_path / "state").commit(plan, blobs)
    owners = [(path.stat().st_uid, path.stat().st_gid) for path in (folder / "d" / "b", folder / "d" / "new")]
    assert owners == [(1234, 1235), (1236, 1237)]


def test_times_are_no_part_of_a_plan(folder, tmp_path):
    plan = planned(folder, tmp_path, MemoryBlobs(), lambda other: os.utime(other / "a", (1, 1)))
    assert plan == Plan()


@pytest.mark.parametrize(
    "path",
    [
        ".git/hooks/pre-commit",
        ".github/workflows/ci.yml",
        ".envrc",
        "tests/conftest.py",
        ".vscode/tasks.json",
        "Makefile",
        "sub/package.json",
    ],
)
def test_what_is_run_by_itself_is_marked(folder, tmp_path, path):
    def edit(other):
        (other / path).parent.mkdir(parents=True, exist_ok=True)
        (other / path).write_text("x")
        (other / "plain.txt").write_text("x")

    plan = planned(folder, tmp_path, MemoryBlobs(), edit)
    assert path in [one.path for one in plan.sensitive]
    assert "plain.txt" not in [one.path for one in plan.sensitive]
