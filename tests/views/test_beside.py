"""Which entries name bodies is told as the shell tells it, for every kind of event."""

from __future__ import annotations

import msgspec
import pytest

from holdfast import codec
from holdfast.events import BodiesErased, Entry, Inline, Noted, Stored, Unknown
from holdfast.shell.bodies import refs
from holdfast.views.beside import PLACES, names_bodies

STORED, INLINE = Stored("ref", 1), Inline("x")


def with_one(kind, name, body):
    """An event whose field holds the body, alone or as one of several; what the other fields say is of no account here."""
    others = {field.name: None for field in msgspec.structs.fields(kind) if field.required}
    hint = next(field.type for field in msgspec.structs.fields(kind) if field.name == name)
    return kind(**others | {name: (body,) if str(hint).startswith("tuple") else body})


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in PLACES.items() for name in names])
def test_a_body_that_is_kept_elsewhere_is_seen_wherever_it_stands(kind, name):
    event = with_one(kind, name, STORED)
    assert names_bodies(event)
    if kind is not BodiesErased:  # which speaks of bodies and has none
        assert refs(Entry("r", 1, 1, 0, "x", event)) == {"ref"}


@pytest.mark.parametrize("kind", codec.KINDS.values())
def test_every_field_of_which_the_shell_knows_is_looked_at(kind):
    fields = {field.name for field in msgspec.structs.fields(kind) if "events.Stored" in str(field.type)}
    assert fields == set(PLACES.get(kind, ())) - {"refs"}


def test_what_stands_in_the_entry_itself_is_not_named():
    inline = [with_one(kind, name, INLINE) for kind, names in PLACES.items() for name in names if name != "refs"]
    alone = [event for event in inline if not any(isinstance(getattr(event, name), tuple) and getattr(event, name) for name in PLACES[type(event)])]  # fmt: skip
    assert len(alone) > 8
    assert not any(map(names_bodies, alone))
    assert not names_bodies(Noted("ann", "good"))
    assert not names_bodies(Unknown("Later", b"{}"))
