"""--attach: files that go with an input and with what is said."""

from __future__ import annotations

import pytest

from tests.papers import PNG, pdf


@pytest.fixture
def paper(place):
    (place / "plan.pdf").write_bytes(pdf("A room for 6"))
    (place / "floor.png").write_bytes(PNG)
    (place / "odd.bin").write_bytes(b"\0\1")
    return place / "plan.pdf"


def test_files_go_with_an_input_and_with_what_is_said_and_are_shown(holdfast, paper):
    holdfast("new", "rooms")
    assert (
        holdfast("run", "rooms", "A room, please", "--key", "k", "--attach", paper, "--attach", "floor.png").code == 2
    )
    shown = " ".join(holdfast("show", "k").out.split())
    assert "with the file plan.pdf (application/pdf, " in shown
    assert ", 1 page, sha256 " in shown
    assert "with the file floor.png (image/png, 48 bytes, sha256 " in shown
    assert holdfast("say", "k", "Friday", "--attach", "floor.png").code == 0
    assert "[with floor.png (image/png" in " ".join(holdfast("show", "k").out.split())
    again = holdfast("run", "rooms", "A room, please", "--key", "k", "--attach", paper)
    assert again.code == 3
    assert "another input" in again.err


@pytest.mark.parametrize(
    ("file", "told"), [("odd.bin", "odd.bin is neither a PDF"), ("gone.pdf", "gone.pdf cannot be attached")]
)
def test_what_cannot_be_attached_is_told_before_anything_runs(holdfast, paper, file, told):
    holdfast("new", "rooms")
    made = holdfast("run", "rooms", "A room for 6 on Monday", "--attach", file)
    assert made.code == 3
    assert told in made.err
    assert not (paper.parent / ".holdfast" / "journal.db").exists()


def test_a_batch_takes_no_files(holdfast, paper):
    holdfast("new", "rooms")
    (paper.parent / "in.jsonl").write_text('"A room for 6 on Monday"\n')
    assert holdfast("run", "rooms", "--batch", "in.jsonl", "--attach", paper).code == 64
