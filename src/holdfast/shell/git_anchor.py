"""An anchor in git: each publication is a commit of one file, on a branch that is only ever moved forward."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from holdfast.shell.anchors import AnchorError, added, whole_notes

FILE: Final = "checkpoints"
"""The file that is added to; when it is full it becomes `checkpoints-000001` and so on, and another is begun."""

FULL: Final = 100
"""Notes that a file may hold: each publication writes the whole of one anew, and git keeps them all."""

TIMEOUT: Final = 30.0
"""Seconds that one git command may take."""

_CREDENTIALS: Final = re.compile(r"://[^/@]*@")
"""Of a URL: a name of it is shown to people, and kept in reports."""

_WHO: Final = {"NAME": "holdfast", "EMAIL": "holdfast@localhost"}
_ENVIRONMENT: Final = {
    "GIT_TERMINAL_PROMPT": "0",
    **{f"GIT_{role}_{field}": value for role in ("AUTHOR", "COMMITTER") for field, value in _WHO.items()},
}


class GitAnchor:
    """A branch of a repository. `folder` is a bare repository of ours, made where there is none.

    With `remote` (a URL, or a path) that repository is only where commits are made: what counts is the remote's branch,
    which is never forced. No hook and no work tree takes part. Every command ends after `timeout` seconds.
    """

    def __init__(
        self, folder: Path | str, *, remote: str = "", branch: str = "checkpoints", timeout: float = TIMEOUT
    ) -> None:
        self._folder = Path(folder)
        self._remote = remote
        self._branch = f"refs/heads/{branch}"
        self._timeout = timeout
        self.name = f"{_CREDENTIALS.sub('://', remote) or folder}#{branch}"

    async def notes(self) -> list[str]:
        """All that the branch holds."""
        return await asyncio.to_thread(self._notes)

    async def last(self) -> str:
        """The last note that it holds."""
        return (
            whole_notes(await asyncio.to_thread(lambda: self._content(self._files(self._head()).get(FILE)))) or [""]
        )[-1]

    async def publish(self, notes: Sequence[str]) -> None:
        """Commit those it does not hold, and push them."""
        await asyncio.to_thread(self._publish, notes)

    def _notes(self) -> list[str]:
        files = self._files(self._head())
        names = [*sorted(files.keys() - {FILE}), FILE]
        return whole_notes("".join(self._content(files.get(name)) for name in names))

    def _publish(self, notes: Sequence[str]) -> None:
        head = self._head()
        files = self._files(head)
        content = self._content(files.get(FILE))
        held = whole_notes(content)
        more = added(content, notes)
        if not more:
            return
        if len(held) >= FULL:
            files[f"{FILE}-{len(files):06}"] = files[FILE]
            content, more = "", added("", [note for note in notes if note not in held])
        files[FILE] = self._git("hash-object", "-w", "--stdin", given=content + more)
        tree = self._git("mktree", given="".join(f"100644 blob {blob}\t{name}\n" for name, blob in files.items()))
        parent = ["-p", head] if head else []
        commit = self._git("commit-tree", tree, *parent, "-m", more.strip().split("\n", 1)[0])
        if self._remote:
            self._git("push", "--quiet", "--no-verify", self._remote, f"{commit}:{self._branch}")
        else:
            self._git("update-ref", self._branch, commit, head or "0" * len(commit))

    def _head(self) -> str:
        """The commit at the end of the branch; empty where there is none yet."""
        if not (self._folder / "HEAD").exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            self._git("init", "--quiet", "--bare")
        if not self._remote:
            return self._git("for-each-ref", "--format=%(objectname)", self._branch)
        found = self._git("ls-remote", self._remote, self._branch)
        if not found:
            return ""
        self._git("fetch", "--quiet", "--no-tags", self._remote, self._branch)
        return found.split()[0]

    def _files(self, head: str) -> dict[str, str]:
        """Name → blob of each file at a commit."""
        lines = self._git("ls-tree", head).splitlines() if head else []
        return {name: what.split()[2] for what, _, name in (line.partition("\t") for line in lines)}

    def _content(self, blob: str | None) -> str:
        return self._git("cat-file", "blob", blob, strip=False) if blob else ""

    def _git(self, *words: str, given: str = "", strip: bool = True) -> str:
        """What a git command says. Raises AnchorError where it fails, or takes too long."""
        try:
            process = subprocess.Popen(  # noqa: S603 -- our own words, and no shell
                ["git", "--git-dir", str(self._folder), *words],  # noqa: S607 -- whichever git is in the path
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env={**os.environ, **_ENVIRONMENT}, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise AnchorError(f"git cannot be started: {error.strerror}", hint="is git installed?") from error
        try:
            out, err = process.communicate(given.encode(), timeout=self._timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # with what it started: ssh would keep the pipes open
            process.communicate()
            text = f"the anchor {self.name}: git {words[0]} took longer than {self._timeout:g} seconds"
            raise AnchorError(text) from None
        if process.returncode:
            why = err.decode(errors="replace").strip().split("\n")[-1]
            raise AnchorError(f"the anchor {self.name}: git {words[0]} failed: {why}")
        text = out.decode(errors="replace")
        return text.strip() if strip else text
