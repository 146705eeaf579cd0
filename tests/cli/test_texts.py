"""Whatever happened to a run can be shown: simulated lives, at a hundred columns, with nothing that moves a cursor."""

from __future__ import annotations

import re

import pytest
from rich.console import Console

from holdfast.cli.entry_text import line
from holdfast.cli.layout import cells
from holdfast.cli.review_text import screens
from holdfast.cli.trace_text import lines
from holdfast.cli.why_text import text as sentences
from holdfast.testing.sim import play
from holdfast.views.desk import matters
from holdfast.views.family import Family
from holdfast.views.trace import trace
from holdfast.views.why import why


def printed(parts):
    console = Console(width=100, markup=False, highlight=False, emoji=False, no_color=True, force_terminal=False)
    with console.capture() as caught:
        console.print(*parts, sep="\n")
    return caught.get()


@pytest.mark.parametrize("seed", range(3, 120, 13))
def test_every_simulated_life_can_be_shown(seed):
    for entries in play(seed, decisions=False).history.runs.values():
        for count in sorted({len(entries) // 3 or 1, len(entries)}):
            seen, story = trace(entries[:count]), why(entries[:count])
            family = Family(seen)
            traced = [row for width in (100, 72, 40) for row in lines(family, width=width, colour=False)]
            assert all(
                cells(row) <= width for width in (140, 100, 79, 60) for row in lines(family, width=width, colour=False)
            )
            shown = "\n".join([*traced, *lines(family, width=100, colour=False, full=True)]) + printed([
                *sentences(story), *sentences(story, full=True),
                *screens(matters(entries[:count], now=entries[count - 1].at), entries[count - 1].at),
            ])  # fmt: skip
            assert max(len(row) for row in shown.splitlines()) <= 100
            assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", shown) is None
            assert "None" not in shown
        assert all("\n" not in line(entry) for entry in entries)
