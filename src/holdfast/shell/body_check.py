"""Checking the bodies that are kept beside the chain: each is the one that its entry names, or was erased with a word."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from holdfast import codec
from holdfast.errors import JournalError
from holdfast.events import BodiesErased, Entry, RunOpened
from holdfast.journal.port import Journal
from holdfast.shell import bodies
from holdfast.views.tampering import Finding

_AT_ONCE: Final = 64
"""Bodies that are held in memory at once."""


class BodyCheck:
    """Checks bodies as entries pass by, those of a run in their order."""

    def __init__(self, journal: Journal) -> None:
        self.good = 0
        self.unkeyed = 0
        """Bodies that cannot be checked, since the secret of their run is gone."""
        self.erased = 0
        """Bodies that an entry says were erased; known at the end."""
        self._journal = journal
        self._trees: dict[str, str] = {}
        """Run → the root of its tree."""
        self._secrets: dict[str, bytes | None] = {}
        self._contracts: dict[str, bool | None] = {}
        self._gone: dict[str, list[tuple[str, int]]] = {}
        """Ref of a body that is not there → the entries that name it."""
        self._said: set[str] = set()
        self._findings: list[Finding] = []

    async def take(self, entries: Sequence[Entry]) -> None:
        """Check what entries name. Those that name nothing may be left out."""
        named = [(ref, entry.run, entry.seq) for entry in entries for ref in sorted(bodies.refs(entry))]
        for entry in entries:
            if isinstance(entry.event, RunOpened):
                self._trees[entry.run] = entry.event.tree or entry.run
            elif isinstance(entry.event, BodiesErased):
                self._said.update(entry.event.refs)
        for first in range(0, len(named), _AT_ONCE):
            some = named[first : first + _AT_ONCE]
            wanted = {ref for ref, _, _ in some if ref not in self._contracts}
            there = await self._journal.blobs(wanted) if wanted else {}
            for ref, run, seq in some:
                await self._check(ref, there.get(ref), run, seq)

    async def _check(self, ref: str, data: bytes | None, run: str, seq: int) -> None:
        good = self._contract(ref, data) if ref.startswith(bodies.CONTRACT) else await self._own(ref, data, run)
        if good is None:
            self._gone.setdefault(ref, []).append((run, seq))
        elif not good:
            text = f"run {run}, entry {seq}: the body {ref} is not what was written"
            self._findings.append(Finding("body_changed", text, run, seq))

    def _contract(self, ref: str, data: bytes | None) -> bool | None:
        """Whether a contract is the one its name says; None where it is gone. Many runs share one: it is read once."""
        if ref not in self._contracts:
            right = data is not None and hashlib.sha256(data).hexdigest() == ref.removeprefix(bodies.CONTRACT)
            self._contracts[ref] = right if data is not None else None
        known = self._contracts[ref]
        self.good += bool(known)
        return known

    async def _own(self, ref: str, data: bytes | None, run: str) -> bool | None:
        if data is None:
            return None
        secret = await self._secret(self._trees.get(run) or await self._tree(run))
        if secret is None:
            self.unkeyed += 1
            return True
        right = bodies.fits(secret, ref, data)
        self.good += right
        return right

    async def _tree(self, run: str) -> str:
        """The root of the tree of a run whose beginning did not pass by."""
        lines = await self._journal.read(run)
        try:
            event = codec.decode(lines[0][0]).event if lines else None
        except (JournalError, LookupError, ValueError):
            event = None
        self._trees[run] = tree = event.tree or run if isinstance(event, RunOpened) else run
        return tree

    async def _secret(self, tree: str) -> bytes | None:
        if tree not in self._secrets:
            if len(self._secrets) >= 10_000:
                self._secrets.clear()
            self._secrets[tree] = await self._journal.secret(tree)
        return self._secrets[tree]

    def finish(self) -> list[Finding]:
        """What was found. To be called once, after the last entry."""
        for ref, places in self._gone.items():
            if ref in self._said:
                self.erased += len(places)
                continue
            for run, seq in places:
                text = f"run {run}, entry {seq}: the body {ref} is missing, and nothing says that it was erased"
                self._findings.append(Finding("body_missing", text, run, seq))
        return self._findings
