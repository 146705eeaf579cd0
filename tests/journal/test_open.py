from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from holdfast.errors import JournalError, SettingsError
from holdfast.journal.memory import MemoryJournal
from holdfast.journal.open import open_journal
from holdfast.journal.sqlite import SqliteJournal
from holdfast.testing.journal_contract import a_batch


def close(journal):
    asyncio.run(journal.close())


def test_memory():
    journal = open_journal("memory:", clock=lambda: 5)
    assert isinstance(journal, MemoryJournal)
    assert (journal.url, journal.now()) == ("memory:", 5)


def test_a_relative_path_is_made_with_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    journal = open_journal("sqlite:///.holdfast/journal.db", clock=lambda: 5)
    assert isinstance(journal, SqliteJournal)
    assert (journal.url, journal.now()) == ("sqlite:///.holdfast/journal.db", 5)
    close(journal)
    file = tmp_path / ".holdfast" / "journal.db"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_an_absolute_path_with_odd_characters(tmp_path: Path):
    file = tmp_path / "a b%20?mode=ro#x" / "journal.db"
    close(open_journal(f"sqlite:///{file}"))
    assert file.exists()


def test_the_path_is_that_of_the_moment_it_was_opened_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async def story() -> None:
        monkeypatch.chdir(tmp_path)
        journal = open_journal("sqlite:///journal.db")
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        await journal.append(a_batch("r", durable=True))
        journal.enlist("w")
        await journal.close()
        assert list((tmp_path / "elsewhere").iterdir()) == []

    asyncio.run(story())


@pytest.mark.parametrize("url", ["", "memory", "postgres://x", "sqlite://journal.db", "sqlite:///", "journal.db"])
def test_any_other_url_is_a_setting_that_is_wrong(url: str):
    with pytest.raises(SettingsError, match="names no journal"):
        open_journal(url)


def test_for_looking_only_nothing_is_made(tmp_path: Path):
    with pytest.raises(JournalError, match="there is no journal at"):
        open_journal(f"sqlite:///{tmp_path}/sub/journal.db", readonly=True)
    assert list(tmp_path.iterdir()) == []
