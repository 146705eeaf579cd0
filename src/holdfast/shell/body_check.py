"""Checking the bodies that are kept beside the chain: each is the one that its entry names, or was erased with a word."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from holdfast import codec
from holdfast.errors import JournalError
from holdfast.events import BodiesErased, Entry, RunOpened, Unknown
from holdfast.journal.port import FeedLine, Journal
from holdfast.shell import bodies
from holdfast.views.tampering import Finding

_STORED: Final = b'"body":"stored"'
_ASIDE: Final = b'"aside":"'
_ERASED: Final = b'"kind":"BodiesErased"'
_TREE: Final = b'"tree":"'
"""One of these stands in the stored bytes of an entry that names a body, or says of which tree its run is."""


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

    async def take_lines(self, lines: Iterable[FeedLine]) -> None:
        """Check what lines of the feed name. One that cannot be read is passed over: whoever checks the chain finds it."""
        for line in lines:
            data = line.data
            if data.__class__ is bytes and (_STORED in data or _ASIDE in data or _ERASED in data or _TREE in data):
                try:
                    entry = codec.decode(data)
                except (JournalError, LookupError):
                    continue
                await self.take(entry)

    async def take(self, entry: Entry) -> None:
        """Check what one entry names."""
        event = entry.event
        if isinstance(event, Unknown):
            return
        if isinstance(event, RunOpened):
            self._trees[entry.run] = event.tree or entry.run
        if isinstance(event, BodiesErased):
            self._said.update(event.refs)
        for ref in sorted(bodies.refs(entry)):
            await self._check(ref, entry.run, entry.seq)

    async def _check(self, ref: str, run: str, seq: int) -> None:
        good = await (self._contract(ref) if ref.startswith("contract_") else self._own(ref, run))
        if good is None:
            self._gone.setdefault(ref, []).append((run, seq))
        elif not good:
            text = f"run {run}, entry {seq}: the body {ref} is not what was written"
            self._findings.append(Finding("body_changed", text, run, seq))

    async def _contract(self, ref: str) -> bool | None:
        """Whether a contract is the one its name says; None where it is gone. Many runs share one: it is read once."""
        if ref not in self._contracts:
            data = await self._journal.blob(ref)
            right = data is not None and hashlib.sha256(data).hexdigest() == ref.removeprefix("contract_")
            self._contracts[ref] = right if data is not None else None
        known = self._contracts[ref]
        self.good += bool(known)
        return known

    async def _own(self, ref: str, run: str) -> bool | None:
        data = await self._journal.blob(ref)
        if data is None:
            return None
        secret = await self._secret(self._trees.get(run) or await self._tree(run))
        if secret is None:
            self.unkeyed += 1
            return True
        right = ref in {codec.keyed(secret, purpose, data) for purpose in ("body", "aside")}
        self.good += right
        return right

    async def _tree(self, run: str) -> str:
        """The root of the tree of a run whose beginning did not pass by."""
        lines = await self._journal.read(run)
        try:
            event = codec.decode(lines[0][0]).event if lines else None
        except (JournalError, LookupError):
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
