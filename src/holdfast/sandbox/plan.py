"""What a program changed in its folder, as data: for each path what stood there and what stands there now.

A plan is made of content hashes and modes, never of times or owners, so that the same change is the same plan wherever it was made.
It says what to do with a tree and needs the content elsewhere: see `blobs`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from holdfast.errors import InputError
from holdfast.sandbox import images

Kind: TypeAlias = Literal["nothing", "folder", "file", "link", "unknown"]


class Image(Struct, frozen=True, omit_defaults=True):
    """What stands at a path."""

    kind: Kind
    mode: int = 0
    """Permission bits of a file or a folder."""
    sha: str = ""
    """sha256 of a file's bytes, in hexadecimal."""
    size: int = 0
    """Bytes of a file."""
    target: str = ""
    """Where a link leads."""

    def plain(self) -> images.Image:
        """The same, as `images` says it."""
        match self.kind:
            case "folder":
                return ("folder", self.mode)
            case "file":
                return ("file", self.mode, self.sha, self.size)
            case "link":
                return ("link", self.target)
            case kind:
                return (kind,)


def image_of(plain: images.Image) -> Image:
    """An image of `images` as one of a plan."""
    match plain:
        case ("folder", mode):
            return Image("folder", mode=mode)
        case ("file", mode, sha, size):
            return Image("file", mode=mode, sha=sha, size=size)
        case ("link", target):
            return Image("link", target=target)
        case ("nothing",):
            return Image("nothing")
    return Image("unknown")


class Change(Struct, frozen=True, omit_defaults=True):
    """One path that is otherwise than it was."""

    path: str
    pre: Image
    post: Image
    sensitive: str = ""
    """Why a person should look at it even where other changes go through: it is run, or decides what is run, by itself."""


class Refused(Struct, frozen=True):
    """One path that can be part of no plan."""

    path: str
    why: str


class Plan(Struct, frozen=True, omit_defaults=True):
    """All that is otherwise, in the order of paths."""

    changes: tuple[Change, ...] = ()
    refused: tuple[Refused, ...] = ()
    """What the program made and nobody may take over: a plan with any of it cannot be committed."""

    @property
    def digest(self) -> str:
        """sha256 of the plan's canonical form."""
        return hashlib.sha256(encode(self)).hexdigest()

    @property
    def sensitive(self) -> tuple[Change, ...]:
        """The changes that a person should look at."""
        return tuple(change for change in self.changes if change.sensitive)

    def posts(self) -> Iterator[str]:
        """The hashes of the content that the plan brings."""
        return (change.post.sha for change in self.changes if change.post.kind == "file")

    def reversed(self) -> Plan:
        """The plan that leads back."""
        return Plan(tuple(Change(one.path, one.post, one.pre, one.sensitive) for one in self.changes), self.refused)


_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(Plan)


def encode(plan: Plan) -> bytes:
    """The canonical form of a plan."""
    return _encoder.encode(plan)


def decode(data: bytes | str) -> Plan:
    """A plan from its canonical form, looked through. Raises InputError."""
    try:
        plan = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"this is no plan of changes: {error}") from None
    check(plan)
    return plan


def check(plan: Plan) -> None:
    """Raises InputError for a plan that no program of ours makes: paths that leave the folder, or stand in it twice."""
    seen: set[str] = set()
    for change in plan.changes:
        try:
            images.names(change.path)
        except ValueError as error:
            raise InputError(f"a plan of changes is wrong: {error}") from None
        if change.path in seen:
            raise InputError(f"a plan of changes is wrong: {change.path!r} stands in it twice")
        seen.add(change.path)
        for image in (change.pre, change.post):
            if image.kind == "file" and not re.fullmatch(r"[0-9a-f]{64}", image.sha):
                raise InputError(f"a plan of changes is wrong: {change.path!r} has no sha256")
            if image.mode & ~0o7777:
                raise InputError(f"a plan of changes is wrong: {change.path!r} has the mode {image.mode:o}")


def made_of(found: Iterable[tuple[str, images.Image, images.Image]]) -> Plan:
    """A plan of (path, pre, post); what is equal is left out, and what may not be taken over is refused with its reason."""
    changes, refused = [], []
    for path, pre, post in sorted(found):
        if pre == post:
            continue
        if why := images.why_refused(path, pre, post):
            refused.append(Refused(path.encode(errors="replace").decode(), why))
        else:
            changes.append(Change(path, image_of(pre), image_of(post), why_sensitive(path)))
    return Plan(tuple(changes), tuple(refused))


def carried(before: Plan, after: Plan, base: dict[str, Image]) -> Plan:
    """The plan of a further run over the same layer: `after` is against the base as it is now, `before` against what it was.

    What stood at a path when it was first changed stays its pre-image, so that a base somebody changed in the meantime is found
    when the plan is committed. `base` says what stands there now, of the paths that are in `before` only.
    """
    pres = {change.path: change.pre for change in before.changes}
    posts = {change.path: change.post for change in after.changes}
    found = [(path, pres.get(path, change.pre), change.post) for change in after.changes for path in (change.path,)]
    found += [(path, pre, base[path]) for path, pre in pres.items() if path not in posts]
    kept = [Change(path, pre, post, why_sensitive(path)) for path, pre, post in sorted(found, key=lambda one: one[0])]
    return Plan(tuple(change for change in kept if change.pre != change.post), after.refused)


# ------------------------------------------------------------------------------------- what is run by itself

_NAMES: Final = {
    "conftest.py": "pytest runs it", "sitecustomize.py": "Python runs it", "usercustomize.py": "Python runs it",
    "setup.py": "it is run when the folder is installed", "setup.cfg": "it decides what is run by tools",
    "pyproject.toml": "it decides what is run by tools", "tox.ini": "tox runs what it says", "noxfile.py": "nox runs it",
    "pytest.ini": "it decides what pytest runs", "package.json": "its scripts are run by package managers",
    ".npmrc": "it configures a package manager", "makefile": "make runs what it says", "gnumakefile": "make runs what it says",
    "justfile": "just runs what it says", "rakefile": "rake runs it", "build.rs": "cargo runs it", "dockerfile": "it is built",
    "compose.yaml": "it is started", "docker-compose.yml": "it is started", ".envrc": "direnv runs it",
    ".env": "it is read into environments", ".gitattributes": "git runs the filters it names",
    ".gitmodules": "git fetches what it names", ".gitconfig": "git runs what it names", ".gitlab-ci.yml": "CI runs it",
    ".travis.yml": "CI runs it", "jenkinsfile": "CI runs it", "azure-pipelines.yml": "CI runs it",
    ".pre-commit-config.yaml": "git hooks are made of it", ".bashrc": "shells run it", ".bash_profile": "shells run it",
    ".profile": "shells run it", ".zshrc": "shells run it", ".zshenv": "shells run it", ".inputrc": "shells read it",
    ".vimrc": "vim runs it", ".exrc": "vi runs it", ".editorconfig": "editors follow it", ".pythonrc": "Python runs it",
    ".pdbrc": "Python's debugger runs it", ".python-version": "it decides which Python runs",
    ".tool-versions": "it decides which programs run", "mise.toml": "mise runs what it says", ".mcp.json": "agents start what it names",
    "claude.md": "agents follow it", "agents.md": "agents follow it", ".cursorrules": "agents follow it",
}  # fmt: skip
_FOLDERS: Final = {
    ".git": "git runs hooks and what its settings name", ".githooks": "git runs it", ".husky": "git runs it",
    ".hg": "Mercurial runs what its settings name", ".svn": "Subversion runs hooks", ".github": "CI runs it", ".circleci": "CI runs it",
    ".buildkite": "CI runs it", ".ci": "CI runs it", ".vscode": "an editor runs tasks", ".idea": "an editor runs tasks",
    ".devcontainer": "an editor builds and runs it", ".cargo": "cargo runs what it names", ".direnv": "direnv runs it",
    ".claude": "agents follow it", ".cursor": "agents follow it", ".venv": "its programs are run in place of others",
    "venv": "its programs are run in place of others", "node_modules": "its programs are run in place of others",
    ".ssh": "it decides who may log in", ".config": "programs are configured by it",
}  # fmt: skip
_ENDINGS: Final = {
    ".pth": "Python runs it at its start", ".pyc": "Python runs it in place of its source", ".mk": "make runs what it says",
    ".so": "programs load it", ".dylib": "programs load it", ".dll": "programs load it",
}  # fmt: skip


def why_sensitive(path: str) -> str:
    """Why a change at `path` may be run by others without anybody asking for it; empty where it is not known to be."""
    *folders, name = path.lower().split("/")
    for folder in (*folders, name):
        if folder in _FOLDERS:
            return _FOLDERS[folder]
    if name in _NAMES:
        return _NAMES[name]
    return next((why for ending, why in _ENDINGS.items() if name.endswith(ending)), "")
