"""Lines of styled words: nothing is lost, nothing is too wide, nothing moves a cursor."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from holdfast.cli.layout import cells, painted, wrapped

WORDS = st.lists(st.tuples(st.text("ab 漢é—🙂 ", max_size=30), st.sampled_from(["", "bold", "dim red"])), max_size=5)


@given(WORDS, st.integers(2, 40), st.integers(2, 60))
def test_lines_fit_and_together_they_are_the_text(parts, first, rest):
    lines = wrapped(parts, first, rest)
    assert all(
        cells("".join(text for text, _ in line)) <= (first if at == 0 else rest) for at, line in enumerate(lines)
    )
    whole = "".join(text for text, _ in parts)
    assert "".join("".join(text for text, _ in line) for line in lines).replace(" ", "") == whole.replace(" ", "")


@given(WORDS, st.integers(2, 40))
def test_every_letter_keeps_its_style(parts, width):
    def styled(found):
        return [(letter, style) for text, style in found for letter in text if letter != " "]

    assert styled(part for line in wrapped(parts, width, width) for part in line) == styled(parts)


def test_text_breaks_at_blanks_and_a_long_word_where_it_must():
    assert [[text for text, _ in line] for line in wrapped([("one two three", "")], 8, 8)] == [["one two"], ["three"]]
    assert [[text for text, _ in line] for line in wrapped([("abcdefghij", "")], 4, 6)] == [["abcd"], ["efghij"]]


def test_control_characters_are_blanks():
    assert wrapped([("a\x1b[2Jb\nc\u202ed", "")], 40, 40) == [[("a [2Jb c d", "")]]


def test_colours_are_there_only_where_they_are_wanted():
    parts = [("a", "bold red"), ("b", "")]
    assert painted(parts, colour=False) == "ab"
    assert painted(parts, colour=True) == "\x1b[1;31ma\x1b[0mb"
