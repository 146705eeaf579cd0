"""Windows over long texts: what a model is shown of them at once, and how it comes to the rest."""

from __future__ import annotations

import base64
import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.codec import plain
from holdfast.core import prompt
from holdfast.core.prompt import WINDOW, whole
from holdfast.core.provenance import origin
from holdfast.dialogue import Attached, Result, Told
from holdfast.events import Inline
from holdfast.models.scripted import call
from tests.core.story import Story, desk, order

REST = re.compile(r'\n\[characters (\d+) to (\d+) of (\d+)(?:; the rest: more\(result="(\d+)", start=(\d+)\))?\]$')


def text_file(name, text, **more):
    return Attached(name, "text/plain", base64.b64encode(text.encode()).decode(), **more)


def read_on(first, segment, state):
    """Everything that a model reads of a text which is shown through a window, asking for more to the end."""
    found = REST.search(first)
    out = first[: found.start()]
    full = prompt.full_text(segment, state)
    while found[5]:
        piece = prompt.window(full, int(found[5]), int(found[4]))
        found = REST.search(piece)
        out += piece[: found.start()]
    return out


# ------------------------------------------------------------------------------------------------------ where to cut


@pytest.mark.parametrize(
    ("text", "at", "cut"),
    [
        ("abcdef", 3, 3), ("abe\u0301f", 3, 2), ("ab👍🏽c", 3, 2), ("a👩\u200d👩\u200d👧b", 3, 1), ("a👩\u200d👩\u200d👧b", 2, 1), ("a❤\ufe0fb", 2, 1),
        ("คำ", 1, 1), ("abc", 3, 3), ("", 0, 0), ("a" + "\u0301" * 100, 60, 60),
    ],
)  # fmt: skip
def test_a_text_is_cut_between_characters_as_people_see_them(text, at, cut):
    assert whole(text, at) == cut


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("ab \u0301\u200d👍🏽👩é\ufe0f"), max_size=60), st.integers(1, 60))
def test_a_cut_is_near_never_behind_and_makes_valid_text(text, at):
    end = whole(text, at)
    assert max(at - prompt.LONGEST_CHARACTER, 0) <= end <= at
    assert (text[:end] + text[end:]).encode() == text.encode()
    if end < at:
        assert end == 0 or not unicodedata.combining(text[end])


def test_windows_of_a_text_full_of_accents_are_the_whole_and_none_begins_with_one():
    text = "e\u0301" * 20_000
    shown, at = "", 0
    while at < len(text):
        piece = prompt.window(text, at, 7).partition("\n[characters")[0]
        assert unicodedata.combining(piece[0]) == 0
        shown, at = shown + piece, at + len(piece)
    assert shown == text


# ------------------------------------------------------------------------------------------------------- attachments


def test_a_long_attachment_is_shown_through_a_window_and_the_rest_on_demand():
    long, short = "".join(f"{at:06} " for at in range(4_000)), "short"
    given_ = [text_file("a.txt", long), text_file("b.txt", short), text_file("c.txt", "é" * 30_000)]
    beside = prompt.attached([Inline(plain(file)) for file in given_], 7)
    segment, state = Told((7, 0), "said", "Look.", beside), Story(desk(order())).state
    assert [bool(file.shown) for file in beside] == [True, False, True]
    full = prompt.full_text(segment, state)
    assert full.startswith(f"File a.txt (text/plain):\n\n{long}\n\nFile b.txt (text/plain):\n\n{short}\n\nFile c.txt")
    read = read_on(beside[0].shown, segment, state)
    assert read == full.removeprefix("File a.txt (text/plain):\n\n")
    assert read_on(beside[2].shown, segment, state) == "é" * 30_000


def test_the_text_of_a_long_pdf_is_shown_through_a_window():
    made = Attached("a.pdf", "application/pdf", "JVBERi0=", words="x" * 30_000, pages=300)
    (file,) = prompt.attached([Inline(plain(made))], 1)
    assert file.shown.startswith(
        "x" * WINDOW + f'\n[characters 0 to {WINDOW} of 30000; the rest: more(result="1", start='
    )
    segment = Told((1, 0), "input", "", (file,))
    assert read_on(file.shown, segment, Story(desk(order())).state) == "x" * 30_000


def test_the_weight_of_a_file_is_that_of_what_is_shown():
    def weight(file):
        return prompt.weight(Told((1, 0), "said", "", (file,)))

    (long,) = prompt.windowed(1, [text_file("a.txt", "x" * 100_000)])
    assert WINDOW <= weight(long) < WINDOW + 500
    paper = Attached("a.pdf", "application/pdf", "x" * 4_000_000, words="y" * 9_000, pages=3)
    assert 9_000 + 3 * prompt.IMAGE_TOKENS <= weight(paper) < 20_000
    unread = Attached("a.pdf", "application/pdf", "x" * 40_000)
    assert weight(unread) >= 40_000
    (many,) = prompt.windowed(1, [Attached("a.pdf", "application/pdf", "x" * 4_000_000, words="y" * 90_000, pages=300)])
    assert WINDOW <= weight(many) < WINDOW + 500
    assert weight(Attached("a.pdf", "application/pdf", "x" * 40_000, closed=True)) < 4_000
    assert prompt.weight(Result((1, 0), "c", "t", "", attached=(long,))) >= weight(long)


def test_what_is_no_file_in_a_journal_says_so_and_breaks_nothing():
    for value in ("⟨contact:1⟩", None, {"name": 7}, []):
        (made,) = prompt.attached([Inline(value)], 1)
        assert (made.name, made.text) == ("erased", "")


# ---------------------------------------------------------------------------------------------------------- evidence


def test_evidence_and_grounding_rest_on_all_of_a_result_and_not_on_its_window():
    run = Story(desk(order()))
    run.asks_for(call("get_order", order="A-1"))
    run.settle_down()
    run.returns({"text": "x " * WINDOW, "z_iban": "DE89370400440532013000"})
    run.settle_down()
    assert "DE89370400440532013000" not in run.told()[-1]
    (seen,) = run.state.evidence["get_order"][:]
    assert seen.value["z_iban"] == "DE89370400440532013000"
    assert origin("DE89370400440532013000", run.state.sources).startswith("untrusted:")
