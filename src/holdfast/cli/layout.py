"""Lines of styled words for a terminal, broken at a width: what rich does, for thousands of lines in a blink.

A thousand steps are some five thousand lines. Made as rich's tables they took more than a second; made here, a twentieth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from holdfast.cli.row import Part
from holdfast.views import words

_CODES: Final = {
    "bold": "1", "dim": "2", "italic": "3", "red": "31", "green": "32", "yellow": "33", "blue": "34", "magenta": "35", "cyan": "36",
}  # fmt: skip


@lru_cache(maxsize=64)
def _code(style: str) -> str:
    codes = [_CODES[word] for word in style.split() if word in _CODES]
    return f"\x1b[{';'.join(codes)}m" if codes else ""


def painted(parts: Sequence[Part], *, colour: bool) -> str:
    """Parts as one text, with the terminal's codes for their styles where it has colours."""
    if not colour:
        return "".join([text for text, _ in parts])
    return "".join([f"{code}{text}\x1b[0m" if (code := _code(style)) else text for text, style in parts])


def cells(text: str) -> int:
    """Columns that a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _fitting(text: str, begin: int, width: int) -> int:
    """The place in a text up to which it fits from `begin`: at least one character on."""
    stretch = text[begin : begin + width]
    if stretch.isascii() or cells(stretch) == len(stretch):
        return begin + max(len(stretch), 1)
    from rich.cells import get_character_cell_size

    taken, at = 0, begin
    while at < len(text):
        taken += get_character_cell_size(text[at])
        if taken > width:
            break
        at += 1
    return max(at, begin + 1)


def breaks(text: str, first: int, rest: int) -> Iterator[tuple[int, int]]:
    """Where the lines of a text begin and end: the first `first` columns wide, the others `rest`. Breaks at blanks, if it can."""
    begin, width, size = 0, first, len(text)
    while True:
        end = _fitting(text, begin, width)
        if end >= size:
            yield begin, size
            return
        blank = text.rfind(" ", begin + 1, end + 1)
        stop = blank if blank > begin and text[begin:blank].strip() else end
        yield begin, stop
        begin, width = stop, rest
        while begin < size and text[begin] == " ":
            begin += 1
        if begin >= size:
            return


def wrapped(parts: Sequence[Part], first: int, rest: int) -> list[list[Part]]:
    """Parts as lines. What others wrote moves no cursor: control characters are blanks."""
    clean = [(text, style) for text, style in parts if text]
    whole = "".join([text for text, _ in clean])
    if not whole.isprintable():
        clean = [(words.plain(text), style) for text, style in clean]
        whole = words.plain(whole)
    if len(whole) <= first and cells(whole) <= first:
        return [clean]
    return [list(_slice(clean, begin, end)) for begin, end in breaks(whole, first, rest)]


def _slice(parts: Sequence[Part], begin: int, end: int) -> Iterator[Part]:
    at = 0
    for text, style in parts:
        if at < end and at + len(text) > begin:
            yield text[max(begin - at, 0) : end - at], style
        at += len(text)
