"""Opening a journal for looking at it, or for saying something in it; and finding a run by what a person types."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from holdfast.cli import environment, out
from holdfast.core.fold import fold_all
from holdfast.core.state import State
from holdfast.errors import JournalError, UsageError
from holdfast.events import Entry
from holdfast.journal.open import open_journal
from holdfast.journal.port import Journal, Row, Where
from holdfast.shell import bodies
from holdfast.shell.runner import Runner
from holdfast.views.access import ACCESS, BESIDE, CONTROL, NOTIFY
from holdfast.views.checkpoint import AUDIT

_SQLITE = "sqlite:///"


@asynccontextmanager
async def looking(url: str) -> AsyncIterator[Journal]:
    """A journal that is only read. Raises JournalError where there is none."""
    must_exist(url)
    journal = open_journal(url, readonly=True)
    try:
        yield journal
    finally:
        await journal.close()


@asynccontextmanager
async def speaking(url: str) -> AsyncIterator[Runner]:
    """A runner that drives nothing, for what people say to runs. Raises JournalError where there is no journal."""
    must_exist(url)
    async with Runner.open(url, **environment.people()) as runner:
        yield runner


def must_exist(url: str) -> None:
    """Raise where a journal is to be looked at that nobody has made yet."""
    if url == "memory:":
        raise UsageError("memory: is gone when its process ends", hint="give --journal sqlite:///folder/journal.db")
    if url.startswith(_SQLITE) and not Path(url.removeprefix(_SQLITE)).exists():
        raise JournalError(
            f"there is no journal at {url.removeprefix(_SQLITE)}",
            hint="holdfast run makes one; or say where it is with --journal, or HOLDFAST_JOURNAL",
        )


async def find_row(journal: Journal, name: str) -> Row:
    """The run that a person means: its name, its request key, or enough of the beginning of its name.

    Raises UsageError where there is none, or more than one, and for the runs `audit` and `access`, which are no runs of an agent.
    """
    if name == ACCESS:
        raise UsageError(
            f"{ACCESS} is no run of an agent: it holds who was shown what", hint=f"holdfast {ACCESS} lists that"
        )
    if name == AUDIT:
        raise UsageError(
            f"{AUDIT} is no run of an agent: it holds the checkpoints of the journal",
            hint=f"holdfast show {AUDIT} lists them, holdfast verify --full checks them",
        )
    if name == NOTIFY:
        raise UsageError(f"{NOTIFY} is no run of an agent: it holds who was told", hint=f"holdfast {NOTIFY} --list")
    if name == CONTROL:
        raise UsageError(
            f"{CONTROL} is no run of an agent: it holds what was stopped, and contracts that were accepted",
            hint=f"holdfast show {CONTROL} lists that",
        )
    if (row := await journal.row(name)) is not None:
        return row
    keyed = await journal.find(Where(key=name, limit=1)) if name else []
    if keyed:
        return keyed[0]
    close = [
        run for run in await journal.runs(after=name, limit=4) if name and run.startswith(name) and run not in BESIDE
    ]
    if len(close) > 1:
        raise UsageError(f"several runs begin with {name}", hint=f"give more of it: {', '.join(close[:2])}, …")
    row = await journal.row(close[0]) if close else None
    if row is None:
        raise UsageError(f"there is no run {name!r} in {journal.url}", hint="holdfast show lists them")
    return row


async def entries(journal: Journal, run: str) -> list[Entry]:
    """The durable entries of a run, bodies loaded: what is shown must not be gone after a loss of power.

    All there is in them: what of it somebody may be shown, a `viewing.Viewer` says.

    Raises JournalDamaged where what is stored is not what was written.
    """
    return await bodies.entries(journal, run, durable=True)


async def state_of(journal: Journal, run: str) -> State:
    """What is known of a run now."""
    return fold_all(await entries(journal, run))


async def entries_of(url: str, name: str) -> list[Entry]:
    """The entries of the run that a person means."""
    async with looking(url) as journal:
        row = await find_row(journal, name)
        found = await entries(journal, row.run)
    if found[-1].seq < row.seq:
        more = row.seq - found[-1].seq
        out.note(f"and {more} more, not on the disk for good yet: whoever writes to the journal next makes them so")
    return found
