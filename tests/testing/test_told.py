"""What a stand-in reads out of a request."""

from __future__ import annotations

import pytest

from holdfast.dialogue import Answered, Request, Result, Told
from holdfast.events import Wanted
from holdfast.testing.told import Story, values


@pytest.mark.parametrize("text", ["", "no order", "[1, 2]", "{cut off", "7"])
def test_text_that_is_no_json_holds_no_values(text):
    assert values(text) == []


def test_the_values_of_several_pages_come_one_after_another():
    assert values('[{"n": 1}, {"n": 2}]\n(shortened)') == [{"n": 1}, {"n": 2}]


def test_a_story_is_what_was_asked_called_found_and_said():
    calls = (Wanted("a", "get_order", '{"order": "A-1"}'), Wanted("b", "get_order", "{cut"), Wanted("c", "ask", "{}"))
    story = Story.told(Request(
        run="r_1", step=3, attempt=1, model="script:x", system="", offers=(), max_output=100, timeout=1_000_000, segments=(
            Told((1, 0), "input", '{"order": "A-1"}'), Answered((2, 0), "", calls), Result((3, 0), "a", "get_order", '{"cents": 5}', False),
            Result((3, 1), "b", "get_order", "refused: no JSON", True), Result((3, 2), "c", "ask", "the blue one", False),
            Answered((4, 0), "I will see.", ()), Told((5, 0), "said", "and soon"),
        ),
    ))  # fmt: skip
    assert story.request == {"order": "A-1"}
    assert [(one.args, one.wrote, one.failed) for one in story.made("get_order")] == [
        ({"order": "A-1"}, '{"order": "A-1"}', False),
        ({}, "{cut", True),
    ]
    assert story.found("get_order") == [{"cents": 5}]
    assert (story.said, story.words) == (("the blue one", "and soon"), ("I will see.",))
