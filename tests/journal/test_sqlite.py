from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.journal.port import Journal
from holdfast.journal.sqlite import SqliteJournal
from holdfast.testing.journal_contract import JournalContract


class TestContract(JournalContract):
    @pytest.fixture(autouse=True)
    def _in(self, tmp_path: Path) -> None:
        self.path = tmp_path / "journal.db"

    def open(self) -> Journal:
        return SqliteJournal(self.path)

    def again(self, journal: Journal) -> Journal:
        return SqliteJournal(self.path)
