"""From a URL to the journal it names."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.errors import SettingsError
from holdfast.journal.memory import MemoryJournal
from holdfast.journal.port import Journal
from holdfast.journal.sqlite import SqliteJournal

_SQLITE = "sqlite:///"


def open_journal(url: str, *, readonly: bool = False, clock: Callable[[], int] | None = None) -> Journal:
    """Open the journal at `url`: `memory:`, `sqlite:///relative/path.db` or `sqlite:////absolute/path.db`.

    A file that is not there is made, with its folder, unless `readonly`. Raises SettingsError for any other URL, and
    the JournalError that fits where the file cannot be used.
    """
    if url == "memory:":
        return MemoryJournal(clock=clock)
    if url.startswith(_SQLITE) and len(url) > len(_SQLITE):
        return SqliteJournal(url.removeprefix(_SQLITE), url=url, readonly=readonly, clock=clock)
    raise SettingsError(
        f"{url!r} names no journal",
        hint="write sqlite:///folder/journal.db (with a fourth slash for an absolute path), or memory:",
    )
