"""Checking a journal run by run: each chain, what the index says of its length, and the bodies that its entries name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from holdfast import codec
from holdfast.cli import reading
from holdfast.cli.verify_report import Report, counting, damage
from holdfast.errors import HoldfastError
from holdfast.events import Entry
from holdfast.journal import walk
from holdfast.journal.port import Journal
from holdfast.shell.body_check import BodyCheck
from holdfast.views.beside import PLACES, names_bodies
from holdfast.views.tampering import Finding, Kind


async def by_run(journal: Journal, name: str = "") -> Report:
    """Check one run, or all. Of each run the first entry that is not what was written is named."""
    bodies, findings, runs, entries = BodyCheck(journal), list[Finding](), 0, 0
    heard = counting("runs")
    async for run in _named(journal, name) if name else walk.names(journal):
        runs += 1
        count, found = await _run(journal, run, bodies)
        entries += count
        findings += [found] if found is not None else []
        heard(runs)
    named = {one.run for one in findings}
    for one in bodies.finish():
        if one.run not in named:
            findings.append(one)
            named.add(one.run)
    return Report(
        runs=runs, entries=entries, bodies=bodies.good, erased=bodies.erased, unkeyed=bodies.unkeyed,
        damaged=[damage(one) for one in findings], uncovered=0 if name else entries,
    )  # fmt: skip


async def _named(journal: Journal, name: str) -> AsyncIterator[str]:
    """The run that is meant; one without a row too, since the index may be what is damaged."""
    yield name if await journal.read(name) else (await reading.find_row(journal, name)).run


async def _run(journal: Journal, run: str, bodies: BodyCheck) -> tuple[int, Finding | None]:
    """How many entries of a run were checked, and the first thing about them that is not what was written."""
    try:
        lines = await journal.read(run)
    except HoldfastError as error:
        return 0, Finding("unreadable", f"run {run}: {error.what}", run, error.seq)
    naming: list[Entry] = []
    found = _chain(run, lines, naming)
    try:
        await bodies.take(naming)
    except HoldfastError as error:
        found = found or (0, Finding("unreadable", f"run {run}: {error.what}", run, error.seq))
    return found or (len(lines), await _index(journal, run, len(lines)))


def _chain(run: str, lines: Iterable[tuple[bytes, bytes]], naming: list[Entry]) -> tuple[int, Finding] | None:
    """How many lines of a run are what was written, and what is wrong with the next; None where all of them are.

    Adds the entries among them that name bodies to `naming`.
    """
    prev, chain, decode = codec.GENESIS, codec.chain, codec.decode

    def bad(seq: int, kind: Kind, text: str) -> tuple[int, Finding]:
        return seq - 1, Finding(kind, f"run {run}, entry {seq}: {text}", run, seq)

    for seq, (data, digest) in enumerate(lines, 1):
        if chain(prev, data) != digest:
            return bad(seq, "changed", "the stored bytes are not what the chain says was written")
        try:
            entry = decode(data, prev, digest)
        except HoldfastError as error:
            return bad(seq, "unreadable", error.what)
        except (ValueError, RecursionError) as error:
            return bad(seq, "unreadable", f"it cannot be read: {error}")
        if entry.seq != seq or entry.run != run:
            return bad(seq, "misplaced", f"here stands entry {entry.seq} of run {entry.run}")
        if entry.aside or (entry.event.__class__ in PLACES and names_bodies(entry.event)):
            naming.append(entry)
        prev = digest
    return None


async def _index(journal: Journal, run: str, length: int) -> Finding | None:
    """The index says how long the run is: entries cut off at its end would not be missed otherwise."""
    row = await journal.row(run)
    if row is None:
        return Finding("unlisted", f"run {run}: the index does not know it", run)
    if row.seq > length:
        text = f"run {run}, entry {length + 1}: the index knows {row.seq} entries, and {length} are there"
        return Finding("removed_run", text, run, length + 1, row.seq - length)
    return None
