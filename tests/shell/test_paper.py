"""The text of PDFs, and of what only looks like one."""

from __future__ import annotations

import io
import time

import pytest
from pypdf import PdfWriter

from holdfast.shell import paper
from tests.papers import drawn, objects, pdf


def written(pages: int, password: str = "", owner: str = "") -> bytes:
    made = PdfWriter()
    for _ in range(pages):
        made.add_blank_page(100, 100)
    if password or owner:
        made.encrypt(password, owner or None)
    out = io.BytesIO()
    made.write(out)
    return out.getvalue()


def test_the_text_is_read_page_by_page():
    found = paper.read(pdf("Invoice 17\nPay now", "Second page"))
    assert found.text == "Invoice 17\nPay now\n\n[page 2 of 2]\nSecond page"
    assert (found.pages, found.note, found.closed) == (2, "", False)


def test_a_password_is_told_and_an_empty_one_is_none():
    found = paper.read(written(1, "sesame"))
    assert found.closed
    assert found.note == "its text was not read: it is encrypted and takes a password"
    assert not paper.read(written(1, "", "owner")).closed


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-", b"%PDF-1.7 hello", pdf("x")[:200], objects(b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>"),
        objects(b"<</Type/Catalog>>"), b"%PDF-1.7\n" + b"[" * 50_000, objects(b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>"),
    ],
)  # fmt: skip
def test_what_is_broken_says_so_and_raises_nothing(data):
    found = paper.read(data)
    assert (found.text, found.pages, found.closed) == ("", 0, True)
    assert found.note.startswith(("its text was not read: it is broken (", "its text was not read: it has no pages"))


def test_pages_without_a_text_are_pictures():
    found = paper.read(written(2))
    assert (found.text, found.pages, found.closed) == ("", 2, False)
    assert "pictures" in found.note


def test_so_many_pages_are_read_and_the_rest_is_told(monkeypatch):
    monkeypatch.setattr(paper, "MAX_PAGES", 2)
    found = paper.read(pdf("one", "two", "three"))
    assert found.text.endswith("two")
    assert (found.pages, found.note, found.closed) == (0, "only 2 of its 3 pages were read", False)


def test_so_much_text_is_kept_and_the_rest_is_told(monkeypatch):
    monkeypatch.setattr(paper, "MAX_CHARACTERS", 10)
    found = paper.read(pdf("0123456789abcdef"))
    assert (found.text, found.pages) == ("0123456789", 0)
    assert found.note == "only its first 10 characters were read"


def test_a_page_that_unfolds_without_end_takes_no_memory_of_ours():
    found = paper.read(drawn(b"BT " * 40_000_000, packed=True))
    assert found.closed
    assert "page 1 could not be read" in found.note


def test_one_that_takes_for_ever_is_given_up():
    began = time.monotonic()
    found = paper.read(
        drawn(b"BT /F1 12 Tf " + b"(a) Tj 1 0 0 1 0 0 Tm " * 2_000_000 + b"ET", packed=True), seconds=1.5
    )
    assert time.monotonic() - began < 10
    assert found.closed
    assert found.note.startswith("its text was not read: ")
    assert "more t" in found.note


def test_one_that_wants_too_much_memory_is_given_up(monkeypatch):
    monkeypatch.setattr(paper, "MEMORY", 30_000_000)
    found = paper.read(pdf("x"))
    assert found.closed
    assert "memory" in found.note


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(paper, "find_spec", lambda name: None)
    found = paper.read(pdf("x"))
    assert (found.text, found.closed) == ("", False)
    assert 'pip install "holdfast[files]"' in found.note


def test_the_reader_is_given_no_secret_of_ours(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    assert "OPENAI_API_KEY" not in paper._environment()
