"""What makes two journals the same (SEMANTICS rule 40)."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.essence import differences, essence, same
from holdfast.events import (
    CallReturned,
    Entry,
    Inline,
    Loaded,
    ModelAnswered,
    Noted,
    RunClosed,
    Unknown,
)
from holdfast.models.scripted import call, done
from tests.core.story import Story, desk, order, refund
from tests.core.walk import Walk

LOOK = call("get_order", order="A-1")
PAY = call("refund", order="A-1", cents=4)


def told(*, answers=(1, 2, 3), order_of=(0, 1, 2), lost_asks=0, lost_reads=0, lost_writes=0, said=True) -> list[Entry]:
    """One and the same run: three reads side by side, a write, an end. What differs is what happens to machines."""
    run = Story(desk(order(), (refund(keyed=True), {"review": [{"because": "b"}]})))

    def asked():
        run.settle_down()
        for _ in range(lost_asks):
            run.after("1s").taken_over().settle_down()

    asked()
    run.answers(*(call("get_order", order=f"A-{at}") for at in range(3)))
    run.settle_down()
    for _ in range(lost_reads):
        run.taken_over().settle_down()
    for at in order_of:
        run.returns({"paid": answers[at]}, run.state.turn[at], took=at)
    if said:
        run.says("hurry")
    asked()
    run.answers(PAY, cost=5)
    run.settle_down()
    run.after("3m")
    run.person("approve")
    run.settle_down()
    for _ in range(lost_writes):
        run.taken_over().settle_down()
    run.returns({"id": "re"}, "refund")
    asked()
    run.answers(done(status="ok"), cost=5)
    run.settle_down()
    assert run.state.closed is not None
    return run.entries


PLAIN = told()


@settings(deadline=None, max_examples=40)
@given(st.permutations(range(3)), st.integers(0, 2), st.integers(0, 2), st.integers(0, 2))
def test_neither_the_order_of_parallel_answers_nor_a_lost_attempt_makes_another_run_of_it(
    order_of, asks, reads, writes
):
    other = told(order_of=order_of, lost_asks=asks, lost_reads=reads, lost_writes=writes)
    assert differences(essence(PLAIN), essence(other)) == []
    assert same(PLAIN, other)


@pytest.mark.parametrize(
    "other", [told(answers=(1, 2, 4)), told(answers=(2, 1, 3)), told(said=False), PLAIN[:-1], [*PLAIN, PLAIN[-1]]], ids=list("abcde")
)  # fmt: skip
def test_another_result_another_message_or_another_entry_does(other):
    assert not same(PLAIN, other)
    assert differences(essence(PLAIN), essence(other))


def changed(kind, **fields) -> list[Entry]:
    at = next(at for at, entry in enumerate(PLAIN) if isinstance(entry.event, kind))
    event = msgspec.structs.replace(PLAIN[at].event, **fields)
    return [*PLAIN[:at], msgspec.structs.replace(PLAIN[at], event=event), *PLAIN[at + 1 :]]


@pytest.mark.parametrize(
    ("kind", "fields", "counts"),
    [
        (ModelAnswered, {"took": 99}, False), (ModelAnswered, {"finish": "length"}, True), (ModelAnswered, {"cost": 99}, True),
        (CallReturned, {"took": 99, "digest": "another"}, False), (CallReturned, {"complete": "partial"}, True),
        (CallReturned, {"effect_id": "re_2"}, True), (RunClosed, {"outcome": "stopped"}, True), (RunClosed, {"reason": "other"}, True),
        (RunClosed, {"unresolved": (4,)}, True),
    ],
)  # fmt: skip
def test_clocks_workers_durations_digests_and_keys_are_left_out_and_nothing_else(kind, fields, counts):
    assert same(PLAIN, changed(kind, **fields)) is not counts


def test_when_and_by_whom_says_nothing():
    moved = [msgspec.structs.replace(entry, at=entry.at + 7, actor="w9", prev=b"x", digest=b"y") for entry in PLAIN]
    assert same(PLAIN, moved)


def test_where_a_body_is_kept_says_nothing_and_what_it_says_does():
    at = next(at for at, entry in enumerate(PLAIN) if isinstance(entry.event, CallReturned))
    event = PLAIN[at].event

    def with_result(body):
        other = msgspec.structs.replace(event, result=body)
        return [*PLAIN[:at], msgspec.structs.replace(PLAIN[at], event=other), *PLAIN[at + 1 :]]

    assert same(PLAIN, with_result(Loaded("ref", 7, event.result.value)))
    assert not same(PLAIN, with_result(Loaded("ref", 7, {"paid": 7})))
    assert not same(PLAIN, with_result(Inline(None)))


def test_places_are_numbered_anew_wherever_an_entry_names_one():
    """A lost attempt moves every later seq; what names one names the same thing all the same."""
    shifted = told(lost_asks=1)
    closed = [next(entry for entry in entries if isinstance(entry.event, RunClosed)) for entries in (PLAIN, shifted)]
    assert closed[0].seq != closed[1].seq
    assert same(PLAIN, shifted)


def test_an_entry_of_an_unknown_kind_counts_as_it_is():
    one = [*PLAIN[:3], msgspec.structs.replace(PLAIN[3], event=Unknown("Dreamt", b"a"))]
    other = [*PLAIN[:3], msgspec.structs.replace(PLAIN[3], event=Unknown("Dreamt", b"b"))]
    assert same(one, one)
    assert not same(one, other)


def test_a_note_is_part_of_the_run():
    assert not same(PLAIN, [*PLAIN, msgspec.structs.replace(PLAIN[-1], seq=PLAIN[-1].seq + 1, event=Noted("a", "b"))])


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32))
def test_every_journal_is_the_same_as_itself_and_has_an_essence(seed):
    entries = Walk(seed).go(40).entries
    assert len(essence(entries)) <= len(entries)
    assert same(entries, list(entries))


def test_differences_are_told_by_their_place():
    assert differences([b"a", b"b"], [b"a", b"c", b"d"]) == [(2, b"b", b"c"), (3, b"", b"d")]
