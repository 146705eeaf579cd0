"""Files on their way in."""

from __future__ import annotations

import asyncio
import base64

import pytest

from holdfast.dialogue import Attached
from holdfast.errors import InputError
from holdfast.files import Attachment, sha256
from holdfast.shell import attach as module
from holdfast.shell import paper
from holdfast.shell.attach import LATE, attach, late, out_of, read, take_in
from tests.papers import PNG, pdf

SECRET = b"k" * 32


def b64(data):
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("name", "data", "media"),
    [
        ("a.txt", b"hi", "text/plain"), ("a.csv", b"a;b", "text/csv"), ("a", "grün".encode(), "text/plain"), ("a.png", PNG, "image/png"),
        ("a.pdf", pdf("hi"), "application/pdf"), ("a.txt", PNG, "image/png"), ("a.png", b"hi", "text/plain"),
    ],
)  # fmt: skip
def test_a_file_is_taken_with_its_name_and_the_kind_that_its_bytes_say(tmp_path, name, data, media):
    (tmp_path / name).write_bytes(data)
    made = attach(tmp_path / name)
    assert (made.name, made.media, made.content, made.size) == (name, media, data, len(data))
    assert attach(str(tmp_path / name)) == made


def test_a_name_that_says_something_else_is_told(tmp_path):
    (tmp_path / "bill.pdf").write_bytes(PNG)
    assert attach(tmp_path / "bill.pdf").note == "its name says application/pdf, and its bytes are image/png"


def test_the_text_of_a_pdf_is_read(tmp_path):
    (tmp_path / "bill.pdf").write_bytes(pdf("Pay 17"))
    made = attach(tmp_path / "bill.pdf")
    assert (made.text, made.pages, made.note, made.closed) == ("Pay 17", 1, "", False)


def test_a_file_that_cannot_be_read_or_is_too_large_or_of_no_known_kind_is_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"cannot be attached"):
        attach(tmp_path / "gone.txt")
    with pytest.raises(InputError, match=r"cannot be attached"):
        attach(tmp_path)
    (tmp_path / "a.bin").write_bytes(b"\x00\xff\x01")
    with pytest.raises(InputError, match=r"a.bin is neither a PDF, nor a picture"):
        attach(tmp_path / "a.bin")
    monkeypatch.setattr(module, "MAX_BYTES", 3)
    (tmp_path / "a.txt").write_bytes(b"four")
    with pytest.raises(InputError, match=r"4 bytes"):
        attach(tmp_path / "a.txt")


def test_what_is_made_up_in_code_is_looked_at_again():
    (taken,) = asyncio.run(take_in([Attached("../x\n.txt", "application/pdf", b64(b"hi"), shown="x", digest="y")]))
    assert taken == Attached(
        "x .txt", "text/plain", b64(b"hi"), note="it was given as application/pdf, and its bytes are text/plain"
    )
    (taken,) = asyncio.run(take_in([Attachment("bill.pdf", pdf("Pay 17"))]))
    assert taken.text == "Pay 17"
    with pytest.raises(InputError, match=r"no Base64"):
        asyncio.run(take_in([Attached("a.txt", "text/plain", "?")]))


def test_what_was_read_is_not_read_again(monkeypatch):
    (taken,) = asyncio.run(take_in([Attachment("bill.pdf", pdf("Pay 17"))]))
    monkeypatch.setattr(paper, "read", None)
    assert asyncio.run(take_in([taken])) == (taken,)


def test_so_many_files_are_taken_at_once_and_so_many_bytes(monkeypatch):
    with pytest.raises(InputError, match=r"these are 21 files"):
        asyncio.run(take_in([Attachment("a.txt", b"x")] * 21))
    monkeypatch.setattr(module, "MAX_TOGETHER", 5)
    with pytest.raises(InputError, match=r"6 bytes together"):
        asyncio.run(take_in([Attachment("a.txt", b"xxx")] * 2))


# ------------------------------------------------------------------------------------------------------ of tools


def test_files_are_taken_out_of_a_result_and_named_by_a_keyed_digest():
    file = Attachment("a/b.txt", b"hi")
    made = asyncio.run(read(out_of({"of": [file, file], "n": 1}, SECRET)))
    (kept,) = made.files
    assert (kept.name, kept.text) == ("b.txt", "hi")
    assert kept.digest not in ("", sha256(b"hi"))
    named = {"file": kept.digest, "name": "b.txt", "media": "text/plain", "bytes": 2}
    assert made.named(made.value) == {"of": [named, named], "n": 1}
    assert out_of(file, b"q" * 32).files[0].digest != kept.digest


def test_a_file_of_a_tool_that_nobody_can_read_is_kept_and_says_so():
    made = out_of([Attachment("a.bin", b"\0\1"), Attachment("b.pdf", b"%PDF-broken")], SECRET)
    first, second = asyncio.run(read(made)).files
    assert (first.closed, first.note) == (True, "it is neither a PDF, nor a picture, nor a text")
    assert second.closed
    assert second.note.startswith("its text was not read: it is broken")


def test_files_that_are_too_much_are_not_kept(monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 3)
    made = out_of({"file": Attachment("a.txt", b"four")}, SECRET)
    assert made.files == ()
    assert made.problem == "a.txt has 4 bytes; at most 3 are taken"
    assert made.value["file"]["name"] == "a.txt"


def test_all_pdfs_of_a_result_have_the_time_of_one(monkeypatch):
    given = []
    monkeypatch.setattr(paper, "read", lambda data, seconds: given.append(seconds) or paper.Paper("x"))
    asyncio.run(read(out_of([Attachment("a.pdf", pdf("1")), Attachment("b.pdf", pdf("2"))], SECRET)))
    assert paper.SECONDS >= given[0] >= given[1] > 0


def test_what_comes_late_is_not_read():
    (kept,) = late(out_of(Attachment("a.pdf", pdf("x")), SECRET)).files
    assert (kept.words, kept.note) == ("", LATE)
    assert asyncio.run(read(late(out_of(Attachment("a.pdf", pdf("x")), SECRET)))).files == (kept,)


def test_a_result_without_files_is_left_as_it_is():
    value = {"a": [1, "b"]}
    made = asyncio.run(read(late(out_of(value, SECRET))))
    assert made.value is value
    assert made.named(value) is value
