"""A folder that programs may change and people take over, throw away, or take back.

A program never works in the folder itself but in a layer over it; what it changed there is a plan (`plan.Plan`) and content
(`blobs.Blobs`). A plan ends in one of three ways: committed to the folder, discarded, or, once committed, undone.

* **Committed whole.** Every path is looked at first: where one is neither as it was nor as it shall be, nothing is touched. Then
  what is about to be lost is kept, then the intent is written, then each path is changed by a rename, then the intent is closed.
  Whoever stops it in between leaves an intent: `finish` goes on, `undo` goes back, and both may be stopped again.
* **Undone bit for bit**, in content and mode, or not at all: a file that somebody changed since is a conflict.
* **Inside.** Nothing that a plan says leads out of the folder, and no link is followed on the way.

Owners, times, access lists and hard links are not part of a plan. A file that is replaced keeps its owner where that can be.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from holdfast.errors import Conflict, InputError, SettingsError, UsageError
from holdfast.sandbox import images
from holdfast.sandbox import plan as plans
from holdfast.sandbox.blobs import Blobs, sync
from holdfast.sandbox.plan import Plan, check, image_of, made_of
from holdfast.sandbox.settle import Moved, Settling, Step, Triple, apply, copy, quiet


class Intent(Struct, frozen=True):
    """What is being done to the folder, as written before it began."""

    way: Literal["commit", "undo"]
    plan: Plan
    """As it was committed, in both ways."""
    token: str
    """Part of the names that are used while it is done."""
    opened: dict[str, int]
    """Folders that could not be written to, with the modes they get back."""


class Changed(Conflict):
    """Somebody changed the folder since; `paths` says where."""

    paths: tuple[str, ...] = ()


def changed(paths: tuple[str, ...], what: str) -> Changed:
    """The conflict that these paths are."""
    some = ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
    error = Changed(f"{what}: somebody changed {some}", hint="look at these files, put them right, and try again")
    error.paths = paths
    return error


class Workspace:
    """One folder, and beside it a folder of ours that holds the layer and the intent. `step` is for tests."""

    def __init__(self, base: Path, state: Path, *, step: Step = quiet) -> None:
        self.base = base.resolve()
        self.state = state
        self._step = step
        if self.state.resolve().is_relative_to(self.base):
            raise UsageError(
                f"{state} lies in the folder it is to be kept beside", hint="give a place outside the folder"
            )
        if not self.base.is_dir():
            raise InputError(f"there is no folder {base}")
        state.mkdir(parents=True, exist_ok=True, mode=0o700)

    # ------------------------------------------------------------------------------------------- the layer

    def keep(self, plan: Plan) -> None:
        """Keep a plan as the layer over the folder, in place of the one before."""
        check(plan)
        self._write("layer.json", plans.encode(plan))

    def layer(self) -> Plan:
        """The layer that is kept; an empty plan without one."""
        try:
            return plans.decode((self.state / "layer.json").read_bytes())
        except FileNotFoundError:
            return Plan()

    def discard(self) -> None:
        """Throw the layer away. The folder is not touched. Raises UsageError while a commit is under way."""
        if self.standing() is not None:
            raise UsageError("a commit of this folder is under way", hint="finish it or undo it first")
        with suppress(FileNotFoundError):
            (self.state / "layer.json").unlink()
            sync(self.state)

    # ----------------------------------------------------------------------------------------- the folder

    def standing(self) -> Intent | None:
        """What was begun and neither finished nor taken back."""
        try:
            intent = msgspec.json.decode((self.state / "intent.json").read_bytes(), type=Intent)
        except FileNotFoundError:
            return None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{self.state / 'intent.json'} cannot be read: {error}") from None
        check(intent.plan)
        return intent

    def commit(self, plan: Plan, blobs: Blobs) -> None:
        """Make the folder what the plan says.

        Raises Changed, with nothing touched, where the folder is not what the plan was made over; UsageError where another plan was
        begun; InputError where the plan has something that may not be taken over, or its content is not kept.
        """
        check(plan)
        if plan.refused:
            some = "; ".join(f"{one.path}: {one.why}" for one in plan.refused[:5])
            raise InputError(f"{len(plan.refused)} changed paths may not be taken over: {some}")
        self._begin("commit", plan, blobs)

    def undo(self, plan: Plan, blobs: Blobs) -> None:
        """Make the folder what it was before the plan was committed, or while it was. Raises as `commit` does."""
        check(plan)
        standing = self.standing()
        if standing is not None and standing.plan == plan:
            self._go_on(msgspec.structs.replace(standing, way="undo"), blobs)
        else:
            self._begin("undo", plan, blobs)

    def finish(self, blobs: Blobs) -> Intent | None:
        """Go on with what was begun, and say what it was; None where nothing was. Raises Changed, with nothing touched."""
        standing = self.standing()
        if standing is not None:
            self._go_on(standing, blobs)
        return standing

    def _begin(self, way: Literal["commit", "undo"], plan: Plan, blobs: Blobs) -> None:
        with self._opened() as root:
            if (standing := self.standing()) is not None:
                raise UsageError(f"a {standing.way} of this folder is under way", hint="finish it or undo it first")
            token = secrets.token_hex(6)
            settling = self._settling(root, way, plan, blobs, token)
            with _said(f"the {way} was not begun"):
                settling.look()
                self._save(root, settling, blobs)
            intent = Intent(way, plan, token, settling.closed_folders())
            self._step("intent")
            self._write("intent.json", msgspec.json.encode(intent))
            self._work(settling, intent)

    def _go_on(self, intent: Intent, blobs: Blobs) -> None:
        with self._opened() as root:
            settling = self._settling(root, intent.way, intent.plan, blobs, intent.token)
            with _said(f"the {intent.way} was not gone on with"):
                settling.look(again=True)
            if self.standing() != intent:
                self._step("intent")
                self._write("intent.json", msgspec.json.encode(intent))
            self._work(settling, intent)

    def _work(self, settling: Settling, intent: Intent) -> None:
        settling.opened = (
            settling.closed_folders() | intent.opened
        )  # some may have been closed again before it was stopped
        with _said(f"the {intent.way} stopped"):
            settling.work()
        self._step("done")
        (self.state / "intent.json").rename(self.state / "last.json")
        sync(self.state)

    def _settling(self, root: int, way: str, plan: Plan, blobs: Blobs, token: str) -> Settling:
        changes = triples(plan if way == "commit" else plan.reversed())
        missing = [path for path, _, post in changes if post[0] == "file" and not blobs.has(post[2])]
        if missing:
            raise InputError(f"the content of {missing[0]} is not kept", hint="give the store the plan was made with")
        return Settling(root, changes, blobs.get, token, step=self._step)

    def _save(self, root: int, settling: Settling, blobs: Blobs) -> None:
        """Keep what is about to be lost. Raises Moved where it is already something else."""
        for path, pre, _ in settling.changes:
            if pre[0] == "file" and not blobs.has(pre[2]):
                self._step(f"save {path}")
                have = images.image(root, path)
                if have != pre:
                    continue  # it is already what it shall be
                with images.parent(root, path) as (folder, name):
                    if blobs.put(images.content(folder, name)) != pre[2]:
                        raise Moved([path])

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """The folder, held against every other commit on this machine."""
        root = images.open_root(str(self.base))
        try:
            try:
                fcntl.flock(root, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict(f"somebody else is changing {self.base} right now", hint="try again") from None
            yield root
        finally:
            os.close(root)

    def _write(self, name: str, data: bytes) -> None:
        waiting = self.state / f"{name}.new"
        with waiting.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        waiting.rename(self.state / name)
        sync(self.state)


@contextmanager
def _said(what: str) -> Iterator[None]:
    try:
        yield
    except Moved as moved:
        raise changed(moved.paths, what) from None


def triples(plan: Plan) -> list[Triple]:
    """A plan as `settle` takes it."""
    return [(one.path, one.pre.plain(), one.post.plain()) for one in plan.changes]


def materialise(base: Path | None, plan: Plan, blobs: Blobs, into: Path) -> Path:
    """A new folder that is `base` (empty without one) with the plan laid over it.

    Raises Changed where the base is not what the plan was made over, InputError where content is missing.
    """
    check(plan)
    into.mkdir(mode=0o700, parents=True)
    target = images.open_root(str(into))
    try:
        if base is not None:
            source = images.open_root(str(base.resolve()))
            try:
                copy(source, target)
            finally:
                os.close(source)
        settling = Settling(target, triples(plan), blobs.get, "new")
        with _said("the layer does not lie over this folder"):
            settling.look()
    finally:
        os.close(target)
    apply(str(into), triples(plan), blobs.get)
    return into


def changes(base: Path | None, folder: Path, blobs: Blobs) -> Plan:
    """What is otherwise in `folder` than in `base`, by content; the new content is put into `blobs`."""
    before: dict[str, images.Image] = {}
    if base is not None:
        before = tree_of(base)
    root = images.open_root(str(folder.resolve()))
    try:
        after = images.tree(root)
        outside = images.linked_outside(root)
        found = [
            (path, before.get(path, images.NOTHING), after.get(path, images.NOTHING))
            for path in sorted({*before, *after})
        ]
        plan = made_of(
            (path, pre, images.LINKED if path in outside and pre != post else post) for path, pre, post in found
        )
        for change in plan.changes:
            if change.post.kind == "file" and not blobs.has(change.post.sha):
                with images.parent(root, change.path) as (below, name):
                    blobs.put(images.content(below, name))
    finally:
        os.close(root)
    return plan


def tree_of(folder: Path) -> dict[str, images.Image]:
    """Everything in a folder: path → image."""
    root = images.open_root(str(folder.resolve()))
    try:
        return images.tree(root)
    finally:
        os.close(root)


def merged(before: Plan, after: Plan, base: Path | None) -> Plan:
    """See `plan.carried`: a further run's plan, over the layer of an earlier one."""
    gone = {one.path for one in before.changes} - {one.path for one in after.changes}
    if base is None:
        now = {path: image_of(images.NOTHING) for path in gone}
    else:
        root = images.open_root(str(base.resolve()))
        try:
            now = {path: image_of(images.image(root, path)) for path in gone}
        finally:
            os.close(root)
    return plans.carried(before, after, now)
