"""The files of incidents, and the board where lines are pinned."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path


class Archive:
    """The files of incidents, by incident and name. Read when first needed, and kept."""

    def __init__(self, folder: Path | None = None, incidents: Mapping[str, Mapping[str, str]] | None = None) -> None:
        self._folder = folder
        self._incidents = dict(incidents or {})

    def files(self, incident: str) -> Mapping[str, str]:
        """The files of an incident; none where nobody has heard of it."""
        if incident not in self._incidents and self._folder is not None and incident.replace("-", "").isalnum():
            found = sorted((self._folder / incident).glob("*.*"))
            self._incidents[incident] = {file.name: file.read_text(encoding="utf-8") for file in found}
        return self._incidents.get(incident, {})

    def logs(self, incident: str) -> dict[str, list[str]]:
        """The lines of each log of an incident."""
        files = self.files(incident)
        return {name: files[name].splitlines() for name in sorted(files) if name.endswith(".log")}

    def rows(self, incident: str, table: str) -> list[dict[str, str]]:
        """The rows of a table of an incident."""
        return list(csv.DictReader(io.StringIO(self.files(incident).get(table, ""))))


class Board:
    """Pinned lines by the key of the call that pinned them. In a folder, or in memory."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._pins: dict[str, dict[str, str | int]] = {}
        for file in sorted(folder.glob("*.json")) if folder is not None and folder.is_dir() else ():
            self._pins[file.stem] = json.loads(file.read_text(encoding="utf-8"))

    def put(self, key: str, pin: dict[str, str | int]) -> dict[str, str | int]:
        """Pin a line under a key, unless there is one already; what hangs there now."""
        number = self.number(key)
        if number not in self._pins:
            self._pins[number] = pin
            if self._folder is not None:
                self._folder.mkdir(parents=True, exist_ok=True)
                with tempfile.NamedTemporaryFile("w", dir=self._folder, delete=False, encoding="utf-8") as draft:
                    json.dump(pin, draft, ensure_ascii=False)
                Path(draft.name).replace(self._folder / f"{number}.json")
        return self._pins[number]

    def find(self, key: str) -> dict[str, str | int] | None:
        """What hangs under a key."""
        return self._pins.get(self.number(key))

    def take(self, number: str) -> bool:
        """Take a pin off the board; whether there was one."""
        if self._folder is not None:
            (self._folder / f"{number}.json").unlink(missing_ok=True)
        return self._pins.pop(number, None) is not None

    def all(self) -> list[dict[str, str | int]]:
        """What hangs on the board, in the order it was pinned."""
        return list(self._pins.values())

    @staticmethod
    def number(key: str) -> str:
        """What a pin is called on the board."""
        return f"p-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
