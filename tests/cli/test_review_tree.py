"""Whoever opened a run, or spoke in it, decides nothing in the runs that it opens."""

from __future__ import annotations

import pytest

from tests import kin

URL = "sqlite:///.holdfast/journal.db"


@pytest.fixture
def child(place):
    """A run below alice's, that waits for finance."""
    (place / ".holdfast").mkdir()
    return kin.played(kin.claims(), kin.models(140_000), None, journal=URL, by="alice").of("payer")[0].run


@pytest.mark.parametrize(
    "verb",
    [("approve",), ("deny", "--text", "no"), ("take",), ("stop",), ("claim",), ("ask", "--text", "why?")],
    ids=lambda verb: verb[0],
)
def test_who_opened_the_run_above_decides_nothing(holdfast, child, verb):
    before = holdfast("show", child, "--json").json["seq"]
    name, *more = verb
    found = holdfast("review", name, child, "--as", "alice", *more)
    assert (found.code, "alice opened, spoke or amended" in found.err) == (3, True)
    assert holdfast("show", child, "--json").json["seq"] == before
    assert holdfast("review", name, child, "--as", "bo", *more).code == 0


def test_they_are_shown_as_barred_with_where_they_did_it(holdfast, child):
    (one,) = holdfast("review", "show", child, "--json").json["matters"]
    assert ("alice", one["parent"]) in [
        (each["name"], each.get("run") or one["parent"]) for each in one["who"]["barred"]
    ]
    assert "which waits for it" in holdfast("review", "show", child).out
