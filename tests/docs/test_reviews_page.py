"""docs/reviews.md: its screen is a real one, and its table of answers is that of the code."""

from __future__ import annotations

import re

from holdfast.cli.review_moves import KEYS
from tests.docs.pages import ROOT
from tests.docs.test_made_pages import maker

PAGE = ROOT / "docs" / "reviews.md"
TEXT = PAGE.read_text(encoding="utf-8")


def without_what_differs(text):
    """A screen without the name of its run, moments and ages, with one blank where there were several or a line ended."""
    text = " ".join(re.sub(r"r_[0-9a-f]{16}", "RUN", text).split())
    text = re.sub(r"\w{3} \d\d \w{3} \d{4} \d\d:\d\d UTC", "MOMENT", text)
    return re.sub(r"just now|in (\d+\w ?)+|[\d.]+m?s ago", "THEN", text)


def test_its_screen_is_what_the_desk_shows_today():
    made = maker("make_samples")
    shown = made.shown(PAGE)
    assert without_what_differs(shown) == without_what_differs(made.review_sample()), (
        "run python docs/make_samples.py reviews"
    )
    assert max(map(len, shown.splitlines())) <= 100


def test_every_key_is_on_the_page():
    told = set(re.findall(r"\| `(\S)` \|", TEXT)) | set(re.findall(r"`(\S)`(?: skips| shows| says| leaves|: )", TEXT))
    assert set(KEYS) <= told


def test_every_verb_is_on_the_page(capsys):
    from typer.main import get_command

    from holdfast.cli.app import app

    verbs = set(get_command(app()).commands["review"].commands)
    assert {verb for verb in verbs if not re.search(rf"review {verb}\b|`{verb}`", TEXT)} <= {"list"}
