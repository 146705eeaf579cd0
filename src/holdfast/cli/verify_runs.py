"""Checking a journal run by run: each chain, what the index says of its length, and the bodies that its entries name."""

from __future__ import annotations

from collections.abc import AsyncIterator

from holdfast import codec
from holdfast.cli import reading
from holdfast.cli.verify_report import Report, counting, damage
from holdfast.errors import HoldfastError
from holdfast.journal import walk
from holdfast.journal.port import Journal
from holdfast.shell.body_check import BodyCheck
from holdfast.views.tampering import Finding


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
    prev = codec.GENESIS
    for seq, (data, digest) in enumerate(lines, 1):
        place = f"run {run}, entry {seq}"
        if codec.chain(prev, data) != digest:
            text = f"{place}: the stored bytes are not what the chain says was written"
            return seq - 1, Finding("changed", text, run, seq)
        try:
            entry = codec.decode(data, prev, digest)
            if (entry.run, entry.seq) != (run, seq):
                text = f"{place}: here stands entry {entry.seq} of run {entry.run}"
                return seq - 1, Finding("misplaced", text, run, seq)
            await bodies.take(entry)
        except HoldfastError as error:
            return seq - 1, Finding("unreadable", f"{place}: {error.what}", run, seq)
        prev = digest
    return len(lines), await _index(journal, run, len(lines))


async def _index(journal: Journal, run: str, length: int) -> Finding | None:
    """The index says how long the run is: entries cut off at its end would not be missed otherwise."""
    row = await journal.row(run)
    if row is None:
        return Finding("unlisted", f"run {run}: the index does not know it", run)
    if row.seq > length:
        text = f"run {run}, entry {length + 1}: the index knows {row.seq} entries, and {length} are there"
        return Finding("removed_run", text, run, length + 1, row.seq - length)
    return None
