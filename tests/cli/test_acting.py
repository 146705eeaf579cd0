"""In which roles somebody decides: what they say where nothing is configured, and what the settings say where people are."""

from __future__ import annotations

import pytest

from holdfast.cli.acting import acting
from holdfast.errors import NotAllowed
from holdfast.shell.settings import parse

DESK = parse("""
[people]
alice = ["finance", "lead"]
bob = []
[roles.finance]
[roles.lead]
[env.prod.people]
alice = ["lead"]
""")
NOBODY = parse("[roles.finance]\n")


@pytest.mark.parametrize("settings", [None, NOBODY])
def test_where_no_people_are_configured_they_are_taken_at_their_word(settings):
    assert acting(settings, "zoe", None) is None
    assert acting(settings, "zoe", []) is None
    assert acting(settings, "zoe", ["finance"]) == ("finance",)


def test_the_settings_say_what_somebody_may_act_as():
    assert acting(DESK, "alice") == ("finance", "lead")
    assert acting(DESK, "alice", ["lead"]) == ("lead",)
    assert acting(DESK, "bob") == ()


@pytest.mark.parametrize(
    ("name", "asked", "said"),
    [
        ("zoe", None, "zoe is not among the people who decide here: alice, bob"),
        ("zoe", ["finance"], "zoe is not among the people"),
        ("Alice", None, "Alice is not among the people"),
        ("", None, "nobody is not among the people"),
        ("bob", ["finance"], "bob is not finance, but in no role"),
        ("alice", ["lead", "boss"], "alice is not boss, but finance, lead"),
    ],
)
def test_who_is_not_among_them_or_not_that_is_refused_with_the_reason(name, asked, said):
    with pytest.raises(NotAllowed, match=said) as caught:
        acting(DESK, name, asked)
    assert caught.value.hint
