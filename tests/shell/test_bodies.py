"""Bodies: small plain ones stand in the entry, others beside the chain, and all of them come back."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast import codec
from holdfast.codec import canonical, decode, encode
from holdfast.errors import Bug, JournalDamaged
from holdfast.events import (
    CallReturned,
    ContractAdopted,
    Entry,
    Erased,
    Inline,
    Loaded,
    ModelAnswered,
    Noted,
    RunClosed,
    RunOpened,
    Said,
    Stored,
    Unknown,
    Wanted,
)
from holdfast.shell import bodies
from holdfast.shell.bodies import INLINE_BYTES
from holdfast.shell.cipher import Cipher, is_encrypted
from tests.core import strategies

SECRET = b"s" * 32
CIPHER = Cipher(SECRET)


def entry(event, aside=""):
    made = Entry("r_1", 1, 0, 0, "a", event)
    return msgspec.structs.replace(made, aside=aside) if aside else made


def loaded(made, blobs, secret=SECRET):
    async def fetch(ref):
        data = dict(blobs).get(ref)
        return None if data is None else Cipher(secret).opened(ref, data)

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
    assert bodies.store(Said(small, "ann"), CIPHER, personal=False) == (Said(small, "ann"), [])
    kept, blobs = bodies.store(Said(large, "ann"), CIPHER, personal=False)
    ((ref, data),) = blobs
    assert kept.text == Stored(ref, INLINE_BYTES + 1)
    assert data == canonical(large.value)


def test_the_name_of_a_body_says_nothing_to_whoever_lacks_the_secret():
    """SEMANTICS rule 38."""
    event = Said(Inline("0170 5550199"), "ann")
    (one,), (other,) = (bodies.store(event, Cipher(secret), personal=True)[1] for secret in (SECRET, b"t" * 32))
    assert one[0] != other[0]


def test_a_contract_is_one_body_for_all_its_runs():
    for made in (
        RunOpened("desk", Inline({"name": "desk"}), "d1g3st", Inline("x"), "ann"), ContractAdopted(Inline({"name": "desk"}), "d1g3st", "ann"),
    ):  # fmt: skip
        kept, blobs = bodies.store(made, CIPHER, personal=False)
        assert kept.contract.ref == "contract_d1g3st"
        assert dict(blobs)["contract_d1g3st"] == b'{"name":"desk"}'


@settings(deadline=None, max_examples=200)
@given(strategies.events)
def test_whatever_is_stored_is_loaded_as_it_was(event):
    for personal in (False, True):
        kept, blobs = bodies.store(event, CIPHER, personal=personal)
        written = decode(encode(entry(kept)))
        already = list(bodies.refs(entry(event)))
        assert set(bodies.refs(written)) == {*already, *dict(blobs)}
        assert bodies.is_stored(written) or not bodies.refs(written)
        if not already and not bodies.is_stored(entry(event)):
            assert values(loaded(written, blobs).event) == values(event)
            if blobs:
                assert values(bodies.filled(written, dict(blobs), CIPHER).event) == values(event)


@settings(deadline=None)
@given(strategies.events)
def test_in_a_run_about_somebody_no_body_stands_in_the_chain(event):
    kept, _ = bodies.store(event, CIPHER, personal=True)
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
        "ModelFailed": {"error", "by"}, "CallFailed": {"error", "by"}, "LimitReached": {"why"}, "Contradiction": {"what"}, "Paused": {"by"},
        "BodiesErased": {"by", "basis"}, "Noted": {"by", "finding"}, "CallReturnedLate": {"error", "effect_id"},
    }  # fmt: skip
    for kind, names in bodies.TEXTS.items():
        fields = {field.name for field in msgspec.structs.fields(kind)}
        assert set(names) <= fields - plain.get(kind.__name__, set())


def test_a_body_that_is_gone_is_erased_and_words_that_are_gone_are_empty():
    kept, _ = bodies.store(CallReturned(7, 1, Inline("x")), CIPHER, personal=True)
    gone = loaded(entry(kept), [])
    assert gone.event.result == Erased(kept.result.ref, 3)
    assert loaded(entry(Noted("a", "b"), aside="gone"), []).event == Noted("a", "b")


def somebodys(made):
    """An entry of a run about somebody as it is stored, and its blobs; the way `Book.encode` goes."""
    kept, blobs = bodies.store(made.event, CIPHER, personal=True)
    bare, words = bodies.set_aside(kept)
    if words:
        ref = codec.keyed(SECRET, bodies.ASIDE, words)
        blobs = [*blobs, (ref, CIPHER.encrypted(ref, words))]
        made = msgspec.structs.replace(made, aside=ref)
    return decode(encode(msgspec.structs.replace(made, event=bare))), list(dict(blobs).items())


@st.composite
def large_bodies(draw):
    """Events whose bodies are of any size: below, at and far beyond what may stand in an entry."""
    size = draw(st.sampled_from([0, 1, 700, INLINE_BYTES, 200_000]))
    text = "é" * size + draw(st.text(max_size=5))
    body, other = Inline({"said": text}), Inline([text, draw(st.integers(0, 9))])
    return draw(st.sampled_from([
        Said(body, "ann", (other, body)), CallReturned(7, 1, body, "d", missing=text), RunClosed("done", text, other),
        ModelAnswered(3, calls=(Wanted("c", "pay", text),), text=body), RunOpened("desk", Inline({"a": 1}), "d1g3st", body, "ann"), Noted("a", "b", note=text, correction=body),
    ]))  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(st.one_of(strategies.events, large_bodies()))
def test_an_event_about_somebody_comes_back_and_after_its_secret_is_gone_nothing_of_it_does(event):
    made, blobs = somebodys(entry(event))
    if bodies.is_stored(entry(event)):
        return  # the strategy's own names of bodies that nobody wrote
    assert values(loaded(made, blobs).event) == values(event)
    shared = [ref for ref, _ in blobs if ref.startswith(bodies.CONTRACT)]
    assert all(is_encrypted(data) for ref, data in blobs if ref not in shared)
    assert sorted(ref for ref, _ in blobs) == sorted(set(bodies.own_refs(made)) | set(shared))
    gone = loaded(made, blobs, secret=None).event
    for name in bodies._fields(type(gone)):
        part = getattr(gone, name)
        held = [body for body in (part if isinstance(part, tuple) else (part,)) if body is not None]
        assert all(isinstance(body, Erased) or body.ref in shared for body in held)
    assert not any(getattr(gone, name) for name in bodies.TEXTS.get(type(gone), ()))


@settings(deadline=None, max_examples=300)
@given(large_bodies(), st.data())
def test_a_flipped_bit_of_a_stored_body_is_found_and_named(event, data):
    made, blobs = somebodys(entry(event))
    at = data.draw(st.integers(0, len(blobs) - 1))
    ref, stored = blobs[at]
    bit = data.draw(st.integers(0, len(stored) * 8 - 1))
    broken = stored[: bit // 8] + bytes([stored[bit // 8] ^ 1 << bit % 8]) + stored[bit // 8 + 1 :]
    if not ref.startswith(bodies.CONTRACT):  # a contract's name is its plain digest: `verify` compares that
        assert not bodies.fits(SECRET, ref, broken)
        assert bodies.fits(SECRET, ref, stored)
        with pytest.raises(JournalDamaged, match=f"the body {ref} is not what was written") as found:
            loaded(made, [*blobs[:at], (ref, broken), *blobs[at + 1 :]])
        assert (found.value.run, found.value.seq) == ("r_1", 1)


def test_a_body_that_stands_in_for_another_does_not_open():
    one, other = (bodies.store(Said(Inline(text), "ann"), CIPHER, personal=True)[1][0] for text in ("yes", "no!"))
    assert not bodies.fits(SECRET, one[0], other[1])
    with pytest.raises(JournalDamaged):
        CIPHER.opened(one[0], other[1])
    with pytest.raises(JournalDamaged):
        Cipher(b"t" * 32).opened(one[0], one[1])


@pytest.mark.parametrize("bad", [b"\x02" + b"x" * 40, b"\x01", b"\x01short"])
def test_a_form_that_nobody_wrote_does_not_open(bad):
    with pytest.raises(JournalDamaged):
        CIPHER.opened("0" * 32, bad)
    with pytest.raises(JournalDamaged):
        CIPHER.opened("no digest", b"\x01" + bytes(40))


def test_equal_content_has_one_ciphertext_and_unequal_content_shares_no_nonce():
    """GCM breaks where one nonce serves two contents: the name that it is taken from is a digest of the content."""
    texts = [f"text {number}" for number in range(3_000)]
    stored = [bodies.store(Said(Inline(text), "ann"), CIPHER, personal=True)[1][0] for text in texts]
    assert len({ref[:24] for ref, _ in stored}) == len(texts)
    assert stored[7] == bodies.store(Said(Inline(texts[7]), "ben"), CIPHER, personal=True)[1][0]
    same = canonical("text 7")
    names = {codec.keyed(SECRET, purpose, same)[:24] for purpose in (bodies.BODY, bodies.ASIDE)}
    assert len(names) == 2, "a body and words that happen to be equal share no nonce either"


def test_bodies_of_journals_before_there_was_a_cipher_are_read_as_they_are():
    kept, _ = bodies.store(Said(Inline("0170 5550199"), "ann"), CIPHER, personal=True)
    plain = [(kept.text.ref, b'"0170 5550199"')]
    assert loaded(entry(kept), plain).event.text == Loaded(kept.text.ref, 14, "0170 5550199")
    assert bodies.fits(SECRET, *plain[0])


def test_what_comes_after_the_secret_was_destroyed_is_not_kept():
    kept, blobs = bodies.store(Said(Inline("0170 5550199"), "ann"), Cipher(b""), personal=True)
    assert blobs == []
    assert kept.text == Stored(bodies.UNKEPT, 14)
    assert bodies.refs(entry(kept)) == set()
    assert loaded(entry(kept), []).event.text == Erased(bodies.UNKEPT, 14)
    assert bodies.filled(entry(kept), {}, Cipher(b"")).event.text == Erased(bodies.UNKEPT, 14)


def test_what_was_written_need_not_be_fetched():
    kept, blobs = bodies.store(Said(Inline("x"), "ann", (Inline({"name": "a"}),)), CIPHER, personal=True)
    made = bodies.filled(entry(kept), dict(blobs), CIPHER).event
    assert made.text == Loaded(kept.text.ref, 3, "x")
    assert made.attachments[0].value == {"name": "a"}


def test_an_entry_of_an_unknown_kind_has_no_bodies_and_is_never_written():
    strange = entry(Unknown("Dreamt", b"{}"))
    assert loaded(strange, []) is strange
    assert bodies.refs(strange) == set()
    assert not bodies.is_stored(strange)
    with pytest.raises(Bug):
        bodies.filled(strange, {}, CIPHER)
