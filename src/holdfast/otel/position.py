"""How far a collector has been told: a small file beside the journal, one for each collector.

Beside it and not in it. A position is no truth: lost, it costs repeats and nothing else. As an entry it would be one more
line of the feed it follows, so every line sent would give another line to send; it would wait for the disk, in the one writer
everybody shares; and whoever exports would need to write where looking is enough.

The file names the entry it stands at by its digest too: a journal that was restored from a backup goes on under the same
numbers with other entries, and is told from the beginning then.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from holdfast.errors import JournalReadOnly
from holdfast.journal.port import FeedLine, Journal

FORMAT: Final = "holdfast-telemetry/1"


class Kept(Struct, frozen=True):
    """What stands in the file."""

    format: str
    to: str
    """The collector, for a person who looks; it is told from others by the file's name."""
    position: int
    digest: str
    """Of the entry at this position."""


class Position:
    """The position of one collector in one journal. path: of the journal's own file. to: the collector's URL."""

    def __init__(self, path: Path, to: str, name: str) -> None:
        mark = hashlib.sha256(to.encode()).hexdigest()[:12]
        self.path = path.with_name(f"{path.name}.telemetry-{mark}.json")
        self._name = name

    async def read(self, journal: Journal) -> tuple[int, str]:
        """Where to go on, and what there is to say about it. 0 where nothing is known, or it is not known of this journal."""
        try:
            kept = msgspec.json.decode(self.path.read_bytes(), type=Kept)
        except FileNotFoundError:
            return 0, ""
        except (OSError, msgspec.MsgspecError):
            return 0, f"{self.path.name} cannot be read"
        if kept.format != FORMAT:
            return 0, f"{self.path.name} is of another version"
        line = await journal.feed(kept.position - 1, 1)
        if not line or line[0].position != kept.position or line[0].digest.hex() != kept.digest:
            return 0, f"{self.path.name} is of another journal, or of this one before it was restored"
        return kept.position, ""

    def write(self, line: FeedLine) -> None:
        """Keep that everything up to this line was sent. Raises JournalReadOnly.

        Not synced: after a loss of power an older position is there, or none, and both mean repeats.
        """
        part = self.path.with_suffix(".part")
        try:
            part.write_bytes(msgspec.json.encode(Kept(FORMAT, self._name, line.position, line.digest.hex())))
            part.replace(self.path)
        except OSError as error:
            raise JournalReadOnly(
                f"how far the collector was told cannot be kept in {self.path}: {error.strerror}",
                hint="make the folder of the journal writable for this user",
            ) from error
