"""Files in words, and work that takes long."""

from __future__ import annotations

import base64
import hashlib

import pytest

from holdfast import units
from holdfast.codec import plain
from holdfast.dialogue import Attached
from holdfast.events import CallAsked, CallLookedUp, CallReturned, Entry, Erased, Inline, RunOpened, Said
from holdfast.views.attached import attached
from holdfast.views.trace import trace
from holdfast.views.words import fate

TEXT = b"hello"
FILE = Attached("../a\n.txt", "text/plain", base64.b64encode(TEXT).decode())


def test_a_file_is_told_by_name_kind_size_and_what_sha256sum_says():
    (told,) = attached([Inline(plain(FILE))])
    assert told == f"a .txt (text/plain, 5 bytes, sha256 {hashlib.sha256(TEXT).hexdigest()[:12]}…)"
    paper = Attached("b.pdf", "application/pdf", FILE.data, pages=2, note="its name says x")
    assert ", 2 pages, sha256 " in attached([Inline(plain(paper))])[0]
    assert attached([Inline(plain(paper))])[0].endswith("…; its name says x)")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (Erased("r", 9), "an erased file"),
        (Inline("⟨contact:1⟩"), "⟨contact:1⟩"),
        (Inline({"name": 1}), "a file that cannot be read"),
    ],
)
def test_what_is_gone_hidden_or_none_says_so(body, told):
    assert attached([body]) == (told,)


def told(*events):
    opened = RunOpened("desk", Inline({}), "c" * 64, Inline("x"), "ann", attachments=(Inline(plain(FILE)),))
    return trace([Entry("r", seq, seq * 10**6, 0, "w", event) for seq, event in enumerate((opened, *events), 1)])


def test_a_trace_tells_of_what_was_attached_to_the_input_and_to_what_was_said():
    seen = told(Said(Inline("see"), "ann", (Inline(plain(FILE)),)))
    assert seen.attachments == seen.items[0].attachments == attached([Inline(plain(FILE))])


def test_work_that_was_begun_says_how_far_it_is_and_when_it_is_asked_about_again():
    begun = [
        CallAsked(2, 0, "bake", "c", Inline({}), "d", "write"),
        CallReturned(2, 1, Inline({"handle": "h"}), complete="started"),
    ]
    assert fate(told(*begun).calls[2]) == "working"
    again = 1_800_000_000 * units.SECOND
    look = CallLookedUp(2, 1, "pending", message="40 %", again_at=again)
    assert fate(told(*begun, look).calls[2]) == f"working: 40 %, asked again at {units.say_at(again)[11:]}"
    unclear = CallLookedUp(2, 1, "cannot_tell", message="no answer")
    assert fate(told(*begun, look, unclear).calls[2]) == "working"
