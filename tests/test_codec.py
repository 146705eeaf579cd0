"""The codec: bytes and back, the chain over them, keyed digests."""

from __future__ import annotations

import hashlib
import json
import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast import codec
from holdfast.codec import GENESIS, canonical, chain, check_chain, decode, encode, keyed
from holdfast.errors import Bug, JournalDamaged, JournalNewer
from holdfast.events import (
    SCHEMA,
    CallReturned,
    Entry,
    Erased,
    Inline,
    Line,
    Loaded,
    ModelFailed,
    Noted,
    Said,
    Stored,
    Unknown,
)
from tests.core import strategies

quick = settings(deadline=None)


def entry(event, seq=1, run="r_1"):
    return Entry(run, seq, 1_000 + seq, 0, "alice", event)


def lines_of(events, run="r_1"):
    lines, prev = [], GENESIS
    for seq, event in enumerate(events, 1):
        data = encode(entry(event, seq, run))
        prev = chain(prev, data)
        lines.append((data, prev))
    return lines


# --------------------------------------------------------------------------------------------------- there and back


@settings(deadline=None, max_examples=400)
@given(strategies.events, st.integers(1, 10**6), st.integers(0, 2**60), strategies.texts)
def test_an_entry_is_read_as_it_was_written(event, seq, at, actor):
    made = Entry("r_1", seq, at, seq - 1, actor, event)
    assert decode(encode(made), b"p", b"d") == msgspec.structs.replace(made, prev=b"p", digest=b"d")


@pytest.mark.parametrize("name", sorted(strategies.BY_KIND))
def test_each_kind_is_found_again_by_its_name(name):
    @settings(deadline=None, max_examples=10)
    @given(strategies.BY_KIND[name])
    def check(event):
        data = encode(entry(event))
        assert type(decode(data).event).__name__ == json.loads(data)["event"]["kind"] == name

    check()


def test_the_stored_form_is_frozen():
    """Journals hold these bytes. If this test has to change, SCHEMA has to be raised."""
    said = encode(Entry("r_1", 2, 5, 1, "alice", Said(Inline({"b": 1, "a": "é"}), "alice", ends=True)))
    assert said.decode() == (
        '{"v":1,"run":"r_1","seq":2,"at":5,"cause":1,"actor":"alice","event":'
        '{"kind":"Said","text":{"body":"inline","value":{"a":"é","b":1}},"by":"alice","ends":true}}'
    )
    assert chain(GENESIS, said).hex() == hashlib.sha256(bytes(32) + said).hexdigest()


def test_fields_at_their_defaults_are_not_written():
    assert b"note" not in encode(entry(Noted("svc:x", "loop")))


def test_half_a_character_is_written_as_a_question_mark():
    """A model or an exception may say such a thing; the run has to go on."""
    broken = ModelFailed(7, "garbage", "unknown", "name \ud800.txt")
    assert decode(encode(entry(broken))).event.message == "name ?.txt"
    body = CallReturned(7, 1, Inline({"\udfff": ["\ud800é"]}))
    assert decode(encode(entry(body))).event.result == Inline({"?": ["?é"]})


# -------------------------------------------------------------------------------------------------- canonical bytes


@quick
@given(strategies.json)
def test_canonical_bytes_say_the_value_and_nothing_else(value):
    data = canonical(value)
    assert codec.parse(data) == value
    assert canonical(codec.parse(data)) == data == canonical(codec.plain(value))


@quick
@given(st.dictionaries(strategies.texts, strategies.json, min_size=2))
def test_the_order_of_keys_does_not_matter(value):
    shuffled = dict(reversed(value.items()))
    assert canonical(shuffled) == canonical(value)


def test_a_plain_value_is_what_json_gives_back():
    assert codec.plain({"t": (1, 2), "n": math.nan, "b": b"\xff"}) == {"t": [1, 2], "n": None, "b": "/w=="}


def test_public_digests_are_of_the_canonical_form():
    assert codec.public_digest({"b": 1, "a": [2]}) == hashlib.sha256(b'{"a":[2],"b":1}').hexdigest()


# -------------------------------------------------------------------------------------------------------- the chain


@st.composite
def journals(draw):
    return lines_of(draw(st.lists(strategies.events, min_size=1, max_size=5)))


@quick
@given(journals())
def test_an_untouched_chain_holds_and_gives_its_head(lines):
    assert check_chain("r_1", lines) == lines[-1][1]
    assert check_chain("r_1", lines[1:], lines[0][1], 1) == lines[-1][1]


@settings(deadline=None, max_examples=300)
@given(journals(), st.data())
def test_any_changed_byte_is_found_in_its_place(lines, data):
    at = data.draw(st.integers(0, len(lines) - 1))
    stored, digest = lines[at]
    part = data.draw(st.sampled_from(["bytes", "digest"]))
    victim = bytearray(stored if part == "bytes" else digest)
    victim[data.draw(st.integers(0, len(victim) - 1))] ^= data.draw(st.integers(1, 255))
    changed = list(lines)
    changed[at] = (bytes(victim), digest) if part == "bytes" else (stored, bytes(victim))
    with pytest.raises(JournalDamaged, match=rf"entry {at + 1}\b"):
        check_chain("r_1", changed)


@quick
@given(st.lists(strategies.events, min_size=3, max_size=5), st.data())
def test_a_line_left_out_put_in_or_moved_is_found(events, data):
    lines = lines_of(events)
    at = data.draw(st.integers(0, len(lines) - 2))
    without = [*lines[:at], *lines[at + 1 :]]
    twice = [*lines[: at + 1], lines[at], *lines[at + 1 :]]
    swapped = [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]
    for damaged in (without, twice, swapped):
        with pytest.raises(JournalDamaged):
            check_chain("r_1", damaged)


def test_lines_of_another_run_are_found_even_if_their_chain_holds():
    foreign = lines_of([Noted("a", "b")], run="r_2")
    with pytest.raises(JournalDamaged, match="here stands entry 1 of run r_2"):
        check_chain("r_1", foreign)


def test_a_line_with_the_wrong_number_is_found_even_if_its_chain_holds():
    data = encode(entry(Noted("a", "b"), seq=2))
    with pytest.raises(JournalDamaged, match="here stands entry 2"):
        check_chain("r_1", [(data, chain(GENESIS, data))])


# ------------------------------------------------------------------------------------------ what cannot be understood


def stored(event, v=1):
    return canonical({"v": v, "run": "r_1", "seq": 3, "at": 1, "cause": 0, "actor": "a", "event": event})


def test_an_unknown_kind_is_kept_as_it_is_and_never_written_again():
    found = decode(stored({"kind": "Dreamt", "of": "sheep"}))
    assert found.event == Unknown("Dreamt", b'{"kind":"Dreamt","of":"sheep"}')
    with pytest.raises(Bug, match="Dreamt"):
        encode(found)


def test_a_known_kind_without_its_fields_is_damage():
    with pytest.raises(JournalDamaged, match="kind Said"):
        decode(stored({"kind": "Said"}))


def test_a_field_that_a_later_version_added_is_passed_over():
    assert decode(stored({"kind": "Noted", "by": "a", "finding": "b", "mood": "good"})).event == Noted("a", "b")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"v":1}', b"\xff\xfe", stored({"kind": "Noted"})[:-1]])
def test_bytes_that_are_no_entry_are_damage(data):
    with pytest.raises(JournalDamaged):
        decode(data)


@quick
@given(st.binary(max_size=60))
def test_any_bytes_are_an_entry_or_damage(data):
    with pytest.raises(JournalDamaged):
        decode(data)


def test_a_newer_schema_is_refused_with_what_to_do():
    with pytest.raises(JournalNewer, match="schema 2") as caught:
        decode(stored({"kind": "Noted", "by": "a", "finding": "b"}, v=2))
    assert (caught.value.run, caught.value.seq) == ("r_1", 3)
    assert caught.value.hint


def test_older_entries_are_brought_up_to_date_in_memory_one_version_after_another(monkeypatch):
    old = stored({"kind": "Noted", "who": "a", "finding": "b"})
    monkeypatch.setattr(codec, "SCHEMA", 3)
    monkeypatch.setitem(codec.UPCASTERS, 1, lambda kind, fields: {**fields, "by": fields.pop("who")})
    monkeypatch.setitem(codec.UPCASTERS, 2, lambda kind, fields: {**fields, "note": f"was {kind}"})
    assert decode(old).event == Noted("a", "b", note="was Noted")
    assert check_chain("r_1", [(old, chain(bytes(32), old))], seq=2) == chain(bytes(32), old)


# ---------------------------------------------------------------------------------------------------- keyed digests


def test_a_keyed_digest_is_frozen():
    """Idempotency keys and approvals are these. If this changes, every call of every open run gets another key."""
    assert keyed(b"k" * 32, "call", "r_1", "7", b"{}") == KEYED


KEYED = "ee20f5a30e76b726808ae1e183965f7b"


@quick
@given(st.lists(st.binary(max_size=6), min_size=1, max_size=4), st.binary(min_size=1, max_size=8))
def test_a_keyed_digest_is_of_every_part_of_their_borders_of_the_purpose_and_of_the_secret(parts, secret):
    digest = keyed(secret, "args", *parts)
    assert len(digest) == 32
    assert digest == keyed(secret, "args", *parts)
    others = [
        keyed(secret, "result", *parts), keyed(secret + b"x", "args", *parts), keyed(secret, "args", *parts, b""),
        keyed(secret, "args", b"".join(parts) + b"x"),
    ]  # fmt: skip
    if len(parts) > 1:
        others.append(keyed(secret, "args", b"".join(parts)))
    assert digest not in others


def test_texts_and_their_bytes_have_the_same_digest():
    assert keyed(b"k", "args", "é") == keyed(b"k", "args", "é".encode())


# ----------------------------------------------------------------------------------------------------------- bodies


@pytest.mark.parametrize(
    ("body", "value"),
    [(None, None), (Inline({"a": 1}), {"a": 1}), (Loaded("ref", 7, [1]), [1]), (Erased("ref", 7), None)],
)
def test_the_value_of_a_body_is_there_or_gone(body, value):
    assert codec.value_of(body) == value


def test_a_body_that_was_not_loaded_is_our_fault():
    with pytest.raises(Bug, match="ref_9"):
        codec.value_of(Stored("ref_9", 7))


@pytest.mark.parametrize("what", [b'"event":5', b'"event":{"of":"sheep"}', b'"event":{"kind":7}'])
def test_an_event_without_a_kind_is_damage(what):
    with pytest.raises(JournalDamaged, match="has no kind"):
        decode(b'{"v":1,"run":"r","seq":1,"at":1,"cause":0,"actor":"x",' + what + b"}")


def test_a_schema_that_never_was_is_damage():
    with pytest.raises(JournalDamaged, match="never was a schema 0"):
        decode(b'{"v":0,"run":"r","seq":1,"at":1,"cause":0,"actor":"x","event":{"kind":"Paused","by":"a"}}')


@pytest.mark.parametrize("data", [
    b'{"v":1,"run":"z","seq":1,"at":1,"cause":0,"actor":"x","event":{"kind":"\xe1x"}}',
    b'{"v":1,"run":"\xe1","seq":1,"at":1,"cause":0,"actor":"x","event":{"kind":"Noted"}}',
    b'{"v":1,"run":"z","seq":1,"at":1,"cause":0,"actor":"x","event":{"kind":"Noted","correction":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    b"[" * 100_000,
])  # fmt: skip
def test_bytes_that_are_no_text_or_have_no_end_are_damage(data):
    with pytest.raises(JournalDamaged):
        decode(data)


def test_a_line_is_written_and_read_in_one_go_as_a_line_and_its_event_are():
    assert codec._Whole.__struct_fields__ == Line.__struct_fields__

    @quick
    @given(strategies.events)
    def alike(event):
        made, data = entry(event), encode(entry(event))
        assert canonical(Line(SCHEMA, "r_1", 1, made.at, 0, "alice", msgspec.Raw(canonical(event)))) == data
        assert codec._decoded(data, b"p", b"d") == decode(data, b"p", b"d")

    alike()
