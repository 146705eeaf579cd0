"""What a file is, how it is called, and what a tool returns that gives one."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from holdfast import files, tool
from holdfast.files import Attachment, clean_name, kind_of, taken_out, told_otherwise
from holdfast.shape import Misfit, TypeShape
from tests.papers import PNG, pdf

FILE = Attachment("bill.pdf", pdf("x"))


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (pdf("x"), "a.txt", "application/pdf"), (b"\n\n" + pdf("x"), "", "application/pdf"), (PNG, "a.pdf", "image/png"),
        (b"\xff\xd8\xff\xe0JFIF", "", "image/jpeg"), (b"GIF89a..", "", "image/gif"), (b"RIFF\0\0\0\0WEBPVP8 ", "", "image/webp"),
        (b"a,b\n", "a.CSV", "text/csv"), ("ä".encode(), "a.exe", "text/plain"), (b"", "", "text/plain"), (b"{}", "a.json", "application/json"),
        ("ä".encode("latin-1"), "a.txt", files.OTHER), (b"a\0b", "a.txt", files.OTHER), (b"PK\x03\x04", "a.docx", files.OTHER),
    ],
)  # fmt: skip
def test_the_bytes_say_what_it_is(data, name, kind):
    assert kind_of(data, name) == kind


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("../../etc/passwd", "passwd"), ("C:\\temp\\a.pdf", "a.pdf"), ("a\r\nb\x1b[31m.txt", "a b [31m.txt"), ("  .hidden ", "hidden"), ("..", "file"),
        ("", "file"), ("/", "file"), ("\u202efdp.exe", "fdp.exe"), ("x" * 300 + ".pdf", "x" * 115 + "….pdf"), ("Ange\u0301lo.txt", "Angélo.txt"),
    ],
)  # fmt: skip
def test_a_name_is_shown_without_path_and_without_what_cannot_be_seen(name, clean):
    assert clean_name(name) == clean


@given(st.text(max_size=300))
def test_no_name_is_long_or_empty_or_invisible_and_a_clean_one_stays(name):
    clean = clean_name(name)
    assert 0 < len(clean) <= files.LONGEST_NAME
    assert not any(unicodedata.category(char)[0] == "C" or char in "/\\" for char in clean)
    assert clean_name(clean) == clean


def test_a_name_or_a_claim_that_says_something_else_is_told():
    assert told_otherwise("a.pdf", "application/pdf") == ""
    assert told_otherwise("a", "image/png") == ""
    assert told_otherwise("a.csv", "text/plain", "text/x-odd") == ""
    assert told_otherwise("a.pdf", "image/png") == "its name says application/pdf, and its bytes are image/png"
    assert (
        told_otherwise("a.png", "image/png", "application/pdf")
        == "it was given as application/pdf, and its bytes are image/png"
    )


def test_sizes_are_told_as_people_do():
    assert [files.size_in_words(size) for size in (9, 2_400, 999_400, 1_000_000, 9_990_000)] == [
        "9 bytes", "2 kB", "999 kB", "1.0 MB", "10.0 MB",
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------------- a tool's result


class Mail(BaseModel):
    subject: str
    attached: list[Attachment] = []


@dataclass
class Scan:
    page: Attachment


def test_a_result_holds_the_name_of_a_file_and_not_its_bytes():
    @tool.read(timeout=5)
    def fetch(number: str) -> Mail:
        """The mail."""
        return Mail(subject="bill", attached=[FILE])

    shape = fetch.gives
    written = shape.json(fetch("1"))
    assert written == {
        "subject": "bill",
        "attached": [
            {"file": files.sha256(FILE.data), "name": "bill.pdf", "media": "application/pdf", "bytes": len(FILE.data)}
        ],
    }
    back = shape.python(written).attached[0]
    assert (back.data, back.digest, back.reference) == (b"", files.sha256(FILE.data), written["attached"][0])
    assert shape.check(written) == written
    assert shape.json(shape.python(written)) == written
    assert "data" not in str(shape.schema)


def test_a_file_may_be_the_whole_result_and_a_result_may_be_none():
    shape = TypeShape(Attachment)
    assert shape.json(FILE) == shape.json(FILE.reference) == FILE.reference
    with pytest.raises(Misfit):
        shape.json("bill.pdf")
    with pytest.raises(Misfit):
        shape.python({"file": "x", "name": "y", "media": "z"})


def test_files_are_found_wherever_they_stand():
    other = Attachment("b.png", PNG)
    value = {"mail": Mail(subject="s", attached=[FILE]), "more": [Scan(other), (other,), "x", 1, None]}
    made, found = taken_out(value)
    assert found == [FILE, other]
    assert made["mail"] is value["mail"]
    assert taken_out([FILE, {"a": FILE}])[0] == [FILE.reference, {"a": FILE.reference}]
    assert taken_out(FILE) == (FILE.reference, [FILE])


def test_what_holds_no_file_is_left_alone():
    for value in ({"a": [1, {"b": "c"}]}, [1] * 5, "x", None, Mail(subject="s")):
        made, found = taken_out(value)
        assert made is value
        assert found == []


def test_a_file_that_was_read_back_is_none_anew():
    back = TypeShape(Attachment).python(FILE.reference)
    assert taken_out({"f": back}) == ({"f": FILE.reference}, [])


def test_a_result_that_holds_itself_ends():
    loop: list[object] = []
    loop.append(loop)
    loop.append(loop)
    made, found = taken_out([loop, FILE])
    assert found == [FILE]
    assert made[1] == FILE.reference
