"""Search: every text of an entry that somebody wrote can be found, and nothing is said to be found that is not there."""

from __future__ import annotations

import pytest

from holdfast.errors import UsageError
from holdfast.events import (
    CallJudged,
    Entry,
    Erased,
    Fired,
    Inline,
    ModelAnswered,
    Noted,
    RunClosed,
    RunOpened,
    Said,
    Unknown,
    Wanted,
)
from holdfast.views.search import erased, places, sought


def found(event, text):
    return [(place.what, place.match) for place in places(Entry("r", 7, 0, 0, "w", event), sought(text))]


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("lost parcel", ("lost", "parcel")),
        ('"lost  parcel" now', ("lost parcel", "now")),
        ("Straße STRASSE", ("strasse",)),
        ('say "', ("say",)),
    ],
)
def test_words_and_phrases_are_told_apart(text, phrases):
    assert sought(text).phrases == phrases


@pytest.mark.parametrize("text", ["", "  ", '""'])
def test_nothing_is_not_looked_for(text):
    with pytest.raises(UsageError, match="nothing to look for"):
        sought(text)


@pytest.mark.parametrize(
    ("event", "text", "match"),
    [
        (Said(Inline("My PARCEL is lost"), "c"), "lost parcel", [("said", "PARCEL")]),
        (Said(Inline("My parcel"), "c"), "lost parcel", []),
        (Said(Inline({"deep": [{"note": "a\nlost parcel"}]}), "c"), '"a lost"', [("said", "a lost")]),
        (CallJudged(3, "refuse", (Fired("x", "refuse", "too much"),)), "much", [("judged", "much")]),
        (RunClosed("failed", "the output could not be accepted"), "accepted", [("end", "accepted")]),
        (Noted("lea", "tone", note="too curt"), "curt", [("note", "curt")]),
        (ModelAnswered(2, Inline("I will look"), (Wanted("1", "pay", '{"cents": 5}'),)), "cents", []),
        (
            ModelAnswered(2, calls=(Wanted("1", "pay", '{"cents": 5}'),), finish="length"),
            "cents",
            [("the model", "cents")],
        ),
        (RunOpened("a", Inline({"task": "secret sauce"}), "d", Inline("hello"), "bob"), "sauce", []),
        (RunOpened("a", Inline({}), "d", Inline("hello"), "bob", key="mail:7"), "mail:7", [("asked", "mail:7")]),
        (Unknown("Prophesied", b'"lost"'), "lost", []),
    ],
)
def test_what_is_searched(event, text, match):
    assert found(event, text) == match


def test_a_place_shows_what_stands_around_it_and_no_control_characters():
    event = Said(Inline("x" * 100 + " a\x1b lost\u202e one " + "y" * 100), "c")
    (place,) = places(Entry("r", 7, 0, 0, "w", event), sought("lost"))
    assert (place.seq, place.match) == (7, "lost")
    assert place.before.startswith("…x")
    assert place.after.endswith("y…")
    assert "\x1b" not in place.before
    assert "\u202e" not in place.after


def test_what_was_erased_is_counted_and_not_found():
    event = Said(Erased("ref", 40), "c")
    entry = Entry("r", 7, 0, 0, "w", event)
    assert (found(event, "lost"), erased(entry)) == ([], 1)
    assert erased(Entry("r", 7, 0, 0, "w", Unknown("x", b""))) == 0


def test_every_story_is_found_by_what_its_requester_wrote(desk):
    for entries in desk.values():
        message = entries[0].event.input.value["message"]
        begin = " ".join(message.split('"')[0].split()[:4])
        hits = [place for entry in entries for place in places(entry, sought(f'"{begin}"'))]
        assert hits
        assert hits[0].seq == 1
