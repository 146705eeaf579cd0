"""Files as attachments."""

from __future__ import annotations

import base64

import pytest

from holdfast.errors import InputError
from holdfast.shell import attach as module
from holdfast.shell.attach import attach


@pytest.mark.parametrize(
    ("name", "media"),
    [("a.txt", "text/plain"), ("a.png", "image/png"), ("a.pdf", "application/pdf"), ("a", "application/octet-stream")],
)
def test_a_file_is_taken_with_its_name_and_kind(tmp_path, name, media):
    (tmp_path / name).write_bytes(b"\x00\xffhi")
    made = attach(tmp_path / name)
    assert (made.name, made.media, base64.b64decode(made.data)) == (name, media, b"\x00\xffhi")
    assert attach(str(tmp_path / name)) == made


def test_a_file_that_cannot_be_read_or_is_too_large_is_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="cannot be attached"):
        attach(tmp_path / "gone.txt")
    with pytest.raises(InputError, match="cannot be attached"):
        attach(tmp_path)
    monkeypatch.setattr(module, "MAX_BYTES", 3)
    (tmp_path / "a.txt").write_bytes(b"four")
    with pytest.raises(InputError, match="4 bytes"):
        attach(tmp_path / "a.txt")
