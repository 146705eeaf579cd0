"""A signing key is made once, read by its owner alone, and never shown."""

from __future__ import annotations

import os
import stat

import pytest

from holdfast.errors import SettingsError, UsageError
from holdfast.shell.keys import load_signer, make_key
from holdfast.views.note import verified


def test_a_key_signs_what_its_public_half_verifies(tmp_path):
    key = make_key(tmp_path / "key", "example.com/desk")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    note = load_signer(tmp_path / "key").sign("a\n")
    assert verified(note, [key]) == ("a\n", (key,))
    assert make_key(tmp_path / "other", "example.com/desk") != key


def test_a_key_is_never_written_over(tmp_path):
    make_key(tmp_path / "key", "a")
    with pytest.raises(UsageError, match="already"):
        make_key(tmp_path / "key", "a")
    with pytest.raises(SettingsError, match="cannot be written"):
        make_key(tmp_path / "nowhere" / "key", "a")
    with pytest.raises(UsageError, match="no name of a key"):
        make_key(tmp_path / "another", "a b")


def test_a_key_that_others_may_read_is_refused(tmp_path):
    make_key(tmp_path / "key", "a")
    os.chmod(tmp_path / "key", 0o640)  # noqa: PTH101
    with pytest.raises(SettingsError, match="may be read by others"):
        load_signer(tmp_path / "key")


@pytest.mark.parametrize("content", [b"", b"PRIVATE+KEY+a+00000000+AAAA", b"\xff\xff"])
def test_what_is_no_key_is_refused(tmp_path, content):
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SettingsError, match="no signing key"):
        load_signer(path)
    with pytest.raises(SettingsError, match="cannot be read"):
        load_signer(tmp_path / "nothing")
