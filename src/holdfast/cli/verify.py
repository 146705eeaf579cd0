"""`holdfast verify`: whether the journal holds what was written to it, entry by entry and body by body."""

from __future__ import annotations

import asyncio
import hashlib
import sys
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Final

import typer
from msgspec import Struct

from holdfast import codec, units
from holdfast.cli import out, reading
from holdfast.cli.options import DEFAULT, AsJson, Journal, Work
from holdfast.errors import HoldfastError, JournalError
from holdfast.events import BodiesErased, Entry, RunOpened, Unknown
from holdfast.journal.port import Journal as Store
from holdfast.shell import bodies
from holdfast.views import words

PAGE: Final = 500
DAMAGED: Final = JournalError.exit_code


class Damage(Struct, frozen=True):
    """The first entry of a run that is not what was written."""

    run: str
    seq: int
    """0: it is not known which."""
    what: str


class Report(Struct, kw_only=True):
    """What was checked, and what was found."""

    runs: int = 0
    entries: int = 0
    bodies: int = 0
    erased: int = 0
    """Bodies that an entry says were erased."""
    unkeyed: int = 0
    """Bodies that cannot be checked, since the secret of their run is gone."""
    damaged: list[Damage] = []
    took: int = 0


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def verify(
        run: Annotated[str, typer.Argument(metavar="[RUN]", help="One run; else all.")] = "",
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Prove that the journal holds what was written to it: every entry, every body."""
        return partial(_verify, journal, run, as_json)


def _verify(url: str, run: str, as_json: bool) -> int:
    began = time.monotonic()
    report = asyncio.run(_checked(url, run))
    report.took = round((time.monotonic() - began) * 1e6)
    if as_json:
        out.give(report)
    else:
        _print(report)
    return DAMAGED if report.damaged else 0


def _print(report: Report) -> None:
    checked = [words.count(report.entries, "entry", "entries"), words.count(report.bodies, "body", "bodies")]
    took = units.say_duration(report.took)
    print(f"checked {words.count(report.runs, 'run')}: {' and '.join(checked)}, in {took}")
    if report.erased:
        print(f"{words.count(report.erased, 'body was', 'bodies were')} erased, as their runs say")
    if report.unkeyed:
        print(f"{words.count(report.unkeyed, 'body', 'bodies')} could not be checked: the secret of the run is gone")
    for damage in report.damaged:
        place = f"run {damage.run}, entry {damage.seq}" if damage.seq else f"run {damage.run}"
        print(f"damaged: {place}: {damage.what}")
    if report.damaged:
        print("keep a copy of the file; restore a backup, and compare what was lost")
    else:
        print("everything is what was written")


async def _checked(url: str, name: str) -> Report:
    async with reading.looking(url) as journal:
        report = Report(damaged=[])
        if name:
            await _run(journal, await _named(journal, name), report)
            return report
        async for run in _runs(journal):
            await _run(journal, run, report)
            if report.runs % PAGE == 0 and sys.stderr.isatty():
                out.note(f"{report.runs:,} runs, {report.entries:,} entries")
        return report


async def _named(journal: Store, name: str) -> str:
    """The run that is meant; one without a row too, since the index may be what is damaged."""
    return name if await journal.read(name) else (await reading.find_row(journal, name)).run


async def _runs(journal: Store) -> AsyncIterator[str]:
    after = ""
    while page := await journal.runs(after, PAGE):
        for run in page:
            yield run
        after = page[-1]


async def _run(journal: Store, run: str, report: Report) -> None:
    """Check one run; what is found is noted, and the next run is checked all the same."""
    report.runs += 1
    try:
        checking = _Checking(journal, run, report)
        damage = await checking.damage()
    except HoldfastError as error:
        damage = Damage(run, error.seq, error.what)
    if damage is not None:
        report.damaged.append(damage)


class _Checking:
    """The check of one run."""

    def __init__(self, journal: Store, run: str, report: Report) -> None:
        self.journal, self.run, self.report = journal, run, report
        self.bodies: dict[str, int] = {}
        """Ref → the first entry that names it."""
        self.erased: set[str] = set()
        self.tree = run

    async def damage(self) -> Damage | None:
        """The first thing that is not what was written."""
        lines = await self.journal.read(self.run)
        prev = codec.GENESIS
        for seq, (data, digest) in enumerate(lines, 1):
            if codec.chain(prev, data) != digest:
                return Damage(self.run, seq, "the stored bytes are not what the chain says was written")
            entry = codec.decode(data, prev, digest)
            if (entry.run, entry.seq) != (self.run, seq):
                return Damage(self.run, seq, f"here stands entry {entry.seq} of run {entry.run}")
            self._note(entry)
            prev = digest
            self.report.entries += 1
        return await self._index(len(lines)) or await self._check_bodies()

    async def _index(self, length: int) -> Damage | None:
        """The index says how long the run is: entries cut off at its end would not be missed otherwise."""
        row = await self.journal.row(self.run)
        if row is None:
            return Damage(self.run, 0, "the index does not know it")
        if row.seq > length:
            return Damage(self.run, length + 1, f"the index knows {row.seq} entries, and {length} are there")
        return None

    def _note(self, entry: Entry) -> None:
        event = entry.event
        if isinstance(event, Unknown):
            return
        if isinstance(event, RunOpened) and event.tree:
            self.tree = event.tree
        if isinstance(event, BodiesErased):
            self.erased.update(event.refs)
        for ref in bodies.refs(entry):
            self.bodies.setdefault(ref, entry.seq)

    async def _check_bodies(self) -> Damage | None:
        secret = await self.journal.secret(self.tree)
        for ref, seq in self.bodies.items():
            data = await self.journal.blob(ref)
            if data is None:
                if ref not in self.erased:
                    return Damage(self.run, seq, f"the body {ref} is missing, and nothing says that it was erased")
                self.report.erased += 1
                continue
            if ref.startswith("contract_"):
                good = hashlib.sha256(data).hexdigest() == ref.removeprefix("contract_")
            elif secret is None:
                self.report.unkeyed += 1
                continue
            else:
                good = ref in {codec.keyed(secret, purpose, data) for purpose in ("body", "aside")}
            if not good:
                return Damage(self.run, seq, f"the body {ref} is not what was written")
            self.report.bodies += 1
        return None
