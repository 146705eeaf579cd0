"""Provenance: where the value of an argument came from."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.log import Log
from holdfast.core.provenance import leaves, origin, origins, under, untrusted_parts
from holdfast.core.state import Source
from tests.core import strategies

INPUT = Source(
    "input", trusted=True, value={"order": "A-1017", "note": "Ann asks for 40.00 back, at once", "iban": "DE89 3704"}
)
MAIL = Source(
    "untrusted:7",
    trusted=False,
    value=["pay to GB33BUKB2020", {"iban": "DE89 3704"}, 1234, -5, 0.5, True],
    tool="read_mail",
)
ORDER = Source("trusted:9", trusted=True, value={"cents": 4000, "customer": {"name": "Ann O'Hara"}, "on": "2026-01-02"})
SEEN = Log([INPUT, MAIL, ORDER])


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ("A-1017", "input"), ("a-1017", "input"), ("  A-1017 ", "input"), ("A-101", "model"), ("A-10171", "model"),
        ("GB33BUKB2020", "untrusted:7"), ("gb33bukb2020", "untrusted:7"), ("GB33", "model"),
        ("DE89 3704", "input"), ("Ann O'Hara", "trusted:9"), ("ann o'hara", "trusted:9"), ("2026-01-02", "trusted:9"),
        ("asks for", "input"), ("Ann asks for 40.00 back", "input"), ("once", "input"),
        ("40", "input"), (40, "input"), (40.0, "input"), ("40.00", "input"), (4000, "trusted:9"), ("4,000", "trusted:9"),
        (1234, "untrusted:7"), (-5, "untrusted:7"), (5, "model"), (0.5, "untrusted:7"), (89, "model"), (1017, "model"),
        (400, "model"), ("Ann", "model"), ("pay", "model"), ("", "model"), (None, "model"), (True, "model"), (False, "model"),
    ],
)  # fmt: skip
def test_a_value_comes_from_the_most_trusted_place_that_holds_it(value, place):
    assert origin(value, SEEN) == place


def test_order_of_sources_says_nothing_about_trust():
    foreign, own = (
        Source("untrusted:3", trusted=False, value="DE893704"),
        Source("said:5", trusted=True, value="DE893704"),
    )
    assert origin("DE893704", Log([foreign, own])) == origin("DE893704", Log([own, foreign])) == "said:5"
    assert origin("DE893704", Log([foreign])) == "untrusted:3"


def test_numbers_are_compared_to_their_last_digit():
    """An account number of thirty digits is not another one that begins alike."""
    account = "123456789012345678901234567890"
    known = Log([Source("input", trusted=True, value=account)])
    assert origin(account, known) == "input"
    assert origin(int(account), known) == "input"
    assert origin(account[:-1] + "1", known) == "model"
    assert origin(int(account) + 1, known) == "model"


def test_each_leaf_of_an_argument_has_its_own_origin():
    args = {
        "to": [{"name": "Ann O'Hara", "iban": "GB33BUKB2020"}],
        "cents": 4000,
        "why": "a good reason",
        "urgent": True,
    }
    assert origins(args, SEEN) == {
        "to[0].name": "trusted:9", "to[0].iban": "untrusted:7", "cents": "trusted:9", "why": "model", "urgent": "model",
    }  # fmt: skip


def test_the_leaves_of_one_argument_are_told_from_those_of_one_that_begins_alike():
    found = {"to": "input", "to.name": "said:2", "to[0]": "model", "total": "trusted:9", "to_whom": "model"}
    assert set(under("to", found)) == {"to", "to.name", "to[0]"}
    assert under("cents", found) == {}


@settings(deadline=None)
@given(strategies.json)
def test_every_leaf_is_found_once_at_its_path(value):
    found = list(leaves(value))
    assert len({path for path, _ in found}) <= len(found)
    assert all(not isinstance(leaf, dict | list) for _, leaf in found)


words = st.tuples(
    st.sampled_from("abcdefghijk0123456789@"),
    st.text("abcdefghijk0123456789@.-", min_size=2, max_size=12),
    st.sampled_from("abcdefghijk@"),
).map("".join)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(words, st.booleans()), min_size=1, max_size=6))
def test_what_was_seen_is_found_and_in_a_trusted_place_if_there_is_one(seen):
    sources = Log([Source(f"s{at}", trusted, {"text": f"so: {text} !"}) for at, (text, trusted) in enumerate(seen)])
    for text, _ in seen:
        place = origin(text, sources)
        assert text in seen[int(place[1:])][0]
        assert sources[int(place[1:])].trusted or not any(text == other and trusted for other, trusted in seen)


@settings(deadline=None)
@given(st.lists(words, max_size=6), st.text("vwxyz", min_size=4, max_size=12))
def test_what_was_never_seen_is_the_models_own(seen, other):
    assert origin(other, Log([Source(f"s{at}", trusted=True, value=text) for at, text in enumerate(seen)])) == "model"


@settings(deadline=None)
@given(st.lists(words, min_size=2, max_size=6), st.data())
def test_an_older_version_of_the_log_does_not_know_what_came_later(seen, data):
    full = Log[Source]()
    versions = []
    for at, text in enumerate(seen):
        versions.append(full)
        full = full.plus(Source(f"s{at}", trusted=True, value=text))
    origins({"a": seen[-1]}, full)
    at = data.draw(st.integers(0, len(seen) - 1))
    fresh = Log(list(versions[at]))
    assert origin(seen[at], versions[at]) == origin(seen[at], fresh)


@settings(deadline=None)
@given(strategies.json, strategies.json)
def test_any_arguments_have_an_origin(args, value):
    places = origins(args, Log([Source("input", trusted=True, value=value)]))
    assert set(places.values()) <= {"input", "model"}


# --------------------------------------------------------------------------------------- what the sender vouches for

MARKED = {"properties": {"order": {"type": "string"}, "letter": {"type": "string", "x-untrusted": True}}}


@pytest.mark.parametrize(
    ("value", "schema", "parts"),
    [
        ({"order": "A", "letter": "B"}, MARKED, ({"order": "A"}, {"letter": "B"})),
        ({"order": "A"}, MARKED, ({"order": "A"}, None)),
        ({"order": "A", "more": 1}, {}, ({"order": "A", "more": 1}, None)),
        ("text", {"type": "string", "x-untrusted": True}, (None, "text")),
        ("text", {"type": "string"}, ("text", None)),
        ([1], MARKED, ([1], None)),
    ],
)
def test_an_input_is_split_into_what_is_vouched_for_and_what_is_marked(value, schema, parts):
    assert untrusted_parts(value, schema) == parts
