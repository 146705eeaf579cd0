"""Bodies: small plain ones stand in the entry, others beside the chain, and all of them come back."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from hypothesis import given, settings

from holdfast.codec import canonical, decode, encode
from holdfast.errors import Bug
from holdfast.events import (
    CallReturned,
    ContractAdopted,
    Entry,
    Erased,
    Inline,
    Loaded,
    Noted,
    RunOpened,
    Said,
    Stored,
    Unknown,
)
from holdfast.shell import bodies
from holdfast.shell.bodies import INLINE_BYTES
from tests.core import strategies

SECRET = b"s" * 32


def entry(event, aside=""):
    made = Entry("r_1", 1, 0, 0, "a", event)
    return msgspec.structs.replace(made, aside=aside) if aside else made


def loaded(made, blobs):
    async def fetch(ref):
        return dict(blobs).get(ref)

    return asyncio.run(bodies.load(made, fetch))


def values(event):
    """Every body of an event by its value, and everything else."""
    return {
        name: [getattr(body, "value", None) for body in (part if isinstance(part, tuple) else (part,))]
        if name in bodies._fields(type(event)) else part
        for name in event.__struct_fields__ for part in [getattr(event, name)]
    }  # fmt: skip


def test_a_small_body_stands_in_its_entry_and_a_large_one_beside_it():
    small, large = Inline("x" * (INLINE_BYTES - 2)), Inline("x" * (INLINE_BYTES - 1))
    assert bodies.store(Said(small, "ann"), SECRET, personal=False) == (Said(small, "ann"), [])
    kept, blobs = bodies.store(Said(large, "ann"), SECRET, personal=False)
    ((ref, data),) = blobs
    assert kept.text == Stored(ref, INLINE_BYTES + 1)
    assert data == canonical(large.value)


def test_the_name_of_a_body_says_nothing_to_whoever_lacks_the_secret():
    """SEMANTICS rule 38."""
    event = Said(Inline("0170 5550199"), "ann")
    (one,), (other,) = (bodies.store(event, secret, personal=True)[1] for secret in (SECRET, b"t" * 32))
    assert one[0] != other[0]


def test_a_contract_is_one_body_for_all_its_runs():
    for made in (
        RunOpened("desk", Inline({"name": "desk"}), "d1g3st", Inline("x"), "ann"), ContractAdopted(Inline({"name": "desk"}), "d1g3st", "ann"),
    ):  # fmt: skip
        kept, blobs = bodies.store(made, SECRET, personal=False)
        assert kept.contract.ref == "contract_d1g3st"
        assert dict(blobs)["contract_d1g3st"] == b'{"name":"desk"}'


@settings(deadline=None, max_examples=200)
@given(strategies.events)
def test_whatever_is_stored_is_loaded_as_it_was(event):
    for personal in (False, True):
        kept, blobs = bodies.store(event, SECRET, personal=personal)
        written = decode(encode(entry(kept)))
        already = list(bodies.refs(entry(event)))
        assert set(bodies.refs(written)) == {*already, *dict(blobs)}
        assert bodies.is_stored(written) == bool(bodies.refs(written))
        if not already:
            assert values(loaded(written, blobs).event) == values(event)
            if blobs:
                assert values(bodies.filled(written, dict(blobs)).event) == values(event)


@settings(deadline=None)
@given(strategies.events)
def test_in_a_run_about_somebody_no_body_stands_in_the_chain(event):
    kept, _ = bodies.store(event, SECRET, personal=True)
    for name in bodies._fields(type(kept)):
        part = getattr(kept, name)
        assert not any(isinstance(body, Inline) for body in (part if isinstance(part, tuple) else (part,)))


@settings(deadline=None)
@given(strategies.events)
def test_words_that_are_set_aside_come_back_in_their_place(event):
    bare, words = bodies.set_aside(event)
    assert (bodies.put_back(bare, words) if words else bare) == event
    named = bodies.TEXTS.get(type(event), ())
    assert not any(getattr(bare, name) for name in named)


def test_every_event_that_may_hold_words_about_somebody_sets_them_aside():
    """A new field of free text has to be looked at: does it belong among these?"""
    plain = {
        "ModelFailed": {"error", "by"}, "CallFailed": {"error", "by"}, "LimitReached": {"why"}, "Contradiction": {"what"}, "Paused": {"why", "by"},
        "BodiesErased": {"by", "basis"}, "Noted": {"by", "finding"}, "CallReturnedLate": {"error", "effect_id"},
    }  # fmt: skip
    for kind, names in bodies.TEXTS.items():
        fields = {field.name for field in msgspec.structs.fields(kind)}
        assert set(names) <= fields - plain.get(kind.__name__, set())


def test_a_body_that_is_gone_is_erased_and_words_that_are_gone_are_empty():
    kept, _ = bodies.store(CallReturned(7, 1, Inline("x")), SECRET, personal=True)
    gone = loaded(entry(kept), [])
    assert gone.event.result == Erased(kept.result.ref, 3)
    assert loaded(entry(Noted("a", "b"), aside="gone"), []).event == Noted("a", "b")


def test_what_was_written_need_not_be_fetched():
    kept, blobs = bodies.store(Said(Inline("x"), "ann", (Inline({"name": "a"}),)), SECRET, personal=True)
    made = bodies.filled(entry(kept), dict(blobs)).event
    assert made.text == Loaded(kept.text.ref, 3, "x")
    assert made.attachments[0].value == {"name": "a"}


def test_an_entry_of_an_unknown_kind_has_no_bodies_and_is_never_written():
    strange = entry(Unknown("Dreamt", b"{}"))
    assert loaded(strange, []) is strange
    assert bodies.refs(strange) == set()
    assert not bodies.is_stored(strange)
    with pytest.raises(Bug):
        bodies.filled(strange, {})
