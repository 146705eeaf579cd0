"""An honest journal passes; whatever was changed in it is found, and named by run and entry, or by checkpoint."""

from __future__ import annotations

import asyncio
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.codec import GENESIS, chain, encode
from holdfast.errors import UsageError
from holdfast.events import Entry, Inline, Noted, RunOpened, Stored
from holdfast.journal.port import FeedLine
from holdfast.views.checkpoint import AUDIT
from holdfast.views.note import Signer
from holdfast.views.tampering import MOST, WORDS, Finding, Kind
from holdfast.views.verify import Walk
from tests.shell.audited import KEYS, told

LINES, SEALS = asyncio.run(told())
FORGED, FORGED_SEALS = asyncio.run(told(lie="another word"))
ANCHOR = {"file": [seal.note for seal in SEALS.values()]}
INDEX = {"a": 4, "b": 4, "c": 2, "d": 2, AUDIT: 3}
replace = msgspec.structs.replace


def check(lines=LINES, seals=SEALS, keys=KEYS, *, page=1000, anchors=None, index=INDEX, watermark=15):
    walk = Walk(seals, keys)
    for start in range(0, len(lines), page):
        walk.take(lines[start : start + page])
    return walk.finish(anchors=anchors, index=index, watermark=watermark)


def found(verdict):
    return [(one.kind, one.run, one.seq, one.checkpoint) for one in verdict.findings]


def without(*gone, lines=LINES):
    return [line for line in lines if line.position not in gone]


def flipped(line):
    return replace(line, data=line.data[:40] + bytes([line.data[40] ^ 1]) + line.data[41:])


def numbered(lines):
    return [replace(line, position=place) for place, line in enumerate(lines, 1)]


@pytest.mark.parametrize("page", [1, 4, 1000])
def test_honest_journal_is_what_was_written(page):
    verdict = check(page=page, anchors=ANCHOR)
    assert (verdict.good, verdict.entries, verdict.runs, verdict.checkpoints) == (True, 15, 4, 3)
    assert (verdict.anchored, verdict.uncovered, verdict.position, verdict.signed) == (3, 1, 15, True)


def test_without_a_key_or_an_anchor_it_says_that_nothing_was_compared():
    verdict = check(keys=())
    assert (verdict.good, verdict.signed, verdict.anchored) == (True, False, 0)
    assert check([], {}, index={}, watermark=0).good


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.run}{line.seq}")
def test_flipped_bit_is_found_with_run_and_entry(line):
    lines = [flipped(one) if one is line else one for one in LINES]
    verdict = check(lines)
    assert found(verdict)[0] == ("changed", line.run, line.seq, 0)
    assert len(verdict.findings) == 1
    assert verdict.findings[0].text.startswith(f"run {line.run}, entry {line.seq}: ")


def test_flipped_bit_of_a_digest_is_found_at_its_entry_first():
    lines = [replace(one, digest=bytes(32)) if (one.run, one.seq) == ("a", 1) else one for one in LINES]
    assert found(check(lines)) == [("changed", "a", 1, 0), ("changed", "a", 2, 0), ("rewritten", "", 0, 1)]


@pytest.mark.parametrize(("position", "run", "seq", "number"), [(1, "a", 1, 1), (4, "b", 2, 1)])
def test_removed_entry_is_named_and_later_checkpoints_still_hold(position, run, seq, number):
    for lines in (without(position), numbered(without(position))):
        verdict = check(lines, index=None, watermark=0)
        assert ("removed", run, seq, 0) in found(verdict)
    verdict = check(without(position))
    assert found(verdict) == [("removed", run, seq, 0), ("removed", "", 0, number)]
    assert verdict.checkpoints == 2


def test_removed_run_is_named_by_the_index_or_else_by_its_positions():
    gone = {line.position for line in LINES if line.run == "c"}
    verdict = check(without(*gone))
    assert found(verdict) == [("removed_run", "", 0, 2), ("removed_run", "c", 1, 0)]
    assert "run c: all of its 2 entries are missing" in verdict.findings[1].text
    unnamed = check(without(*gone), index=None).findings
    assert [one.kind for one in unnamed] == ["removed_run"]
    assert "2 entries that it covers are not there (positions 7–8)" in unnamed[0].text
    assert unnamed[0].count == 2


def test_end_of_a_run_cut_off_is_found_by_the_checkpoint_and_named_by_the_index():
    verdict = check(without(13))
    assert found(verdict) == [("removed_run", "", 0, 3), ("removed_run", "d", 2, 0)]
    assert "run d: it ends at entry 1, and had 2" in verdict.findings[1].text


@pytest.mark.parametrize("left", range(15))
def test_truncated_tail_is_found_by_the_watermark_an_anchor_or_a_checkpoint(left):
    lines = LINES[:left]
    seals = {
        number: seal for number, seal in SEALS.items() if any((one.run, one.seq) == (AUDIT, number) for one in lines)
    }
    assert "truncated" in {one.kind for one in check(lines, seals, index=None).findings}
    by_anchor = check(lines, seals, index=None, watermark=0, anchors=ANCHOR)
    assert by_anchor.good == (left >= 14)  # what comes after the last anchored checkpoint can be cut off unseen
    if left < 14:
        assert found(by_anchor)[-1][0] == "truncated"
        assert by_anchor.findings[-1].anchor == "file"
    if left < 13:
        assert "truncated" in {one.kind for one in check(lines, index=None, watermark=0).findings}


def test_forgery_signed_anew_with_the_right_key_is_found_by_the_anchor_alone():
    alone = check(FORGED, FORGED_SEALS)
    assert (alone.good, alone.signed, alone.anchored) == (True, True, 0)
    verdict = check(FORGED, FORGED_SEALS, anchors=ANCHOR)
    assert found(verdict) == [("resigned", AUDIT, number, number) for number in (1, 2, 3)]
    assert "is not the one that the anchor file holds" in verdict.findings[0].text


def test_forgery_of_the_entries_alone_is_found_by_the_first_checkpoint_over_them():
    mixed = [mine if mine.run == AUDIT else theirs for mine, theirs in zip(LINES, FORGED, strict=True)]
    assert found(check(mixed)) == [("rewritten", "", 0, number) for number in (1, 2)]
    assert check(mixed).findings[0].text.startswith("checkpoint 1: the entries after position 0 and up to position 5")


def test_later_checkpoint_signed_anew_does_not_name_the_one_before():
    seals = {1: SEALS[1], 2: FORGED_SEALS[2], 3: FORGED_SEALS[3]}
    verdict = check(LINES, seals)
    assert ("resigned", AUDIT, 2, 2) in found(verdict)
    assert ("rewritten", AUDIT, 2, 0) in found(verdict)
    assert ("rewritten", "", 0, 2) in found(verdict)


def test_checkpoint_signed_by_another_key_is_found():
    thief = Signer("example.com/desk", b"t" * 32)
    seals = SEALS | {2: replace(SEALS[2], note=thief.sign(SEALS[2].note.rpartition("\n\n")[0] + "\n"))}
    assert found(check(LINES, seals))[0] == ("forged", AUDIT, 2, 2)
    other = check(LINES, SEALS, [thief.key])
    assert [one[0] for one in found(other)] == ["forged"] * 3


def test_checkpoint_that_is_none_is_found():
    assert found(check(LINES, SEALS | {2: None}))[0] == ("malformed", AUDIT, 2, 2)
    torn = SEALS | {2: replace(SEALS[2], note=SEALS[2].note[:30])}
    for keys in (KEYS, ()):
        assert [one for one in found(check(LINES, torn, keys)) if one[0] == "malformed"] == [("malformed", AUDIT, 2, 2)]


def test_checkpoint_that_was_removed_is_found_by_the_anchor():
    verdict = check(LINES, {1: SEALS[1], 3: SEALS[3]}, anchors=ANCHOR)
    assert ("resigned", AUDIT, 3, 3) in found(verdict)
    assert ("removed", AUDIT, 2, 2) in found(verdict)


def test_damaged_note_of_an_anchor_is_a_finding():
    verdict = check(anchors={"file": [ANCHOR["file"][0].replace("\n5\n", "\n6\n"), ANCHOR["file"][2]]})
    assert [(one.kind, one.anchor) for one in verdict.findings] == [("forged", "file")]
    assert verdict.anchored == 3


def test_swapped_and_repeated_lines_are_misplaced():
    swapped = [LINES[1], LINES[0], *LINES[2:]]
    assert {one[0] for one in found(check(swapped))} >= {"removed", "misplaced"}
    repeated = [*LINES[:2], LINES[1], *LINES[2:]]
    assert {one[0] for one in found(check(repeated))} >= {"misplaced", "rewritten"}


def test_line_of_another_run_is_misplaced_however_it_is_chained():
    line = LINES[0]
    stranger = FeedLine(1, "z", 1, line.data, chain(GENESIS, line.data))
    assert ("misplaced", "z", 1, 0) in found(check([stranger, *LINES[1:]], index=None))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"v":1,"run":"z","seq":1,"at":1,"cause":0,"actor":"x","event":5}',
        b'{"v":0,"run":"z","seq":1,"at":1,"cause":0,"actor":"x","event":{"kind":"Noted"}}',
        b'{"v":1,"run":"z","seq":1,"at":1,"cause":0,"actor":"x","event":{"kind":"Noted"}}',
        b'{"v":1,"run":"z","seq":1,"at":1,"cause":0,"actor":7,"event":{"kind":"Resumed","by":"x"}}',
        b'{"v":1,"run":"z","seq":1,"at":1,"cause":0,"actor":"x","event":{"kind":"Not\xffed"}}',
        b'{"v":1,"run":"z","seq":1,"at":1,"cause":0,"actor":"x","event":{"kind":"Resumed","by":"\xff"}}',
        b'{"v":1,"run":"z","seq":1,"at":1,"cause":0,"actor":"x","event":{"kind":"Resumed","by":"x"},"x":'
        + b"[" * 10**5,
    ],
)
def test_entry_that_cannot_be_read_is_found_and_the_walk_goes_on(data):
    lines = [*LINES, FeedLine(16, "z", 1, data, chain(GENESIS, data))]
    assert found(check(lines, watermark=16, index=INDEX | {"z": 1})) == [("unreadable", "z", 1, 0)]


def test_entry_of_a_kind_that_is_not_known_is_chained_and_no_damage():
    data = b'{"v":1,"run":"z","seq":1,"at":1,"cause":0,"actor":"x","event":{"kind":"Later","n":1}}'
    verdict = check([*LINES, FeedLine(16, "z", 1, data, chain(GENESIS, data))], watermark=16, index=None)
    assert (verdict.good, verdict.newer, verdict.entries) == (True, 0, 16)


def test_entries_that_name_bodies_are_given_whatever_else_is_wrong_with_them():
    event = RunOpened("a", Stored("contract_c", 1), "c", Inline("go"), "ann")
    data = encode(Entry("z", 1, 1, 0, "x", event))
    aside = encode(Entry("z", 2, 1, 0, "x", Noted("ann", "good"), aside="words"))
    lines = [FeedLine(1, "z", 1, data, bytes(32)), FeedLine(2, "z", 2, aside, chain(bytes(32), aside)), *LINES]
    walk = Walk({})
    naming = walk.take(lines)
    assert [(one.seq, one.event, one.aside) for one in naming] == [(1, event, ""), (2, Noted("ann", "good"), "words")]
    assert walk.finish().findings[0].kind == "changed"


def test_after_the_last_checkpoint_entries_are_counted_that_nothing_covers():
    assert check(LINES, {1: SEALS[1]}, index=None).uncovered == 7
    verdict = check(LINES, {}, index=None)
    assert (verdict.checkpoints, verdict.uncovered, verdict.entries) == (0, 12, 15)


def test_entry_of_a_later_schema_is_chained_and_counted():
    data = b'{"v":99,"run":"z","seq":1,"at":1,"cause":0,"actor":"x","event":{}}'
    verdict = check([*LINES, FeedLine(16, "z", 1, data, chain(GENESIS, data))], watermark=16, index=None)
    assert (verdict.good, verdict.newer) == (True, 1)


def test_so_many_findings_are_listed_and_the_rest_counted():
    lines = []
    for seq in range(1, MOST + 6):
        lines.append(FeedLine(seq, "z", seq, b"x", bytes(32)))
    verdict = check(lines, {}, index=None, watermark=0)
    assert (len(verdict.findings), verdict.more) == (MOST, 5)


@pytest.mark.parametrize("since", [1, 2, 3])
def test_from_a_checkpoint_on_only_what_came_after_it_is_looked_at(since):
    walk = Walk(SEALS, KEYS, since=since)
    rest = [line for line in LINES if line.position > walk.position]
    assert walk.position == (5, 9, 13)[since - 1]
    wanted = walk.strangers(rest)
    for run, seq in wanted.items():
        walk.know(run, seq, next(line.digest for line in LINES if (line.run, line.seq) == (run, seq)))
    walk.take(rest)
    verdict = walk.finish(anchors=ANCHOR, watermark=15)
    assert (verdict.good, verdict.entries, verdict.checkpoints, verdict.anchored) == (True, len(rest), 3 - since, 3)


def test_run_that_the_index_does_not_know_is_named():
    listed = {run: length for run, length in INDEX.items() if run != "c"}
    assert found(check(index=listed)) == [("unlisted", "c", 0, 0)]


def test_positions_after_the_last_checkpoint_at_which_nothing_stands_are_named():
    lines = [*LINES, replace(LINES[0], position=18, run="z", seq=1)]
    verdict = check(lines, index=None, watermark=18)
    assert ("removed_run", 2) in [(one.kind, one.count) for one in verdict.findings]
    assert "positions 16–17: nothing stands there" in " ".join(one.text for one in verdict.findings)


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_finding_is_one_sentence_that_says_what_to_do_next(kind):
    said = Finding(kind, "run r, entry 4: it is so", "r", 4).sentence
    assert said.startswith(WORDS[kind][0])
    assert "run r, entry 4" in said
    assert len(said.rpartition(";")[2]) > 20
    assert "\n" not in said


def test_from_a_checkpoint_on_the_entry_that_does_not_follow_is_found():
    walk = Walk(SEALS, KEYS, since=2)
    rest = [line for line in LINES if line.position > walk.position]
    for run, seq in walk.strangers(rest).items():
        walk.know(run, seq, bytes(32))
    walk.take(rest)
    assert ("changed", "b", 4, 0) in found(walk.finish())


def test_what_is_no_checkpoint_cannot_be_gone_on_from():
    for since, seals in ((4, SEALS), (2, SEALS | {2: None}), (1, SEALS | {1: replace(SEALS[1], roots=())})):
        with pytest.raises(UsageError, match="no checkpoint"):
            Walk(seals, since=since)


@given(st.data())
def test_any_one_change_under_a_checkpoint_is_found(draw):
    place = draw.draw(st.integers(0, 12))
    line = LINES[place]
    how = draw.draw(st.sampled_from(["drop", "data", "digest", "swap"]))
    lines = list(LINES)
    if how == "drop":
        del lines[place]
    elif how == "swap":
        other = draw.draw(st.integers(0, 12).filter(lambda n: n != place))
        lines[place], lines[other] = replace(lines[other], position=place + 1), replace(line, position=other + 1)
    else:
        given_bytes = getattr(line, how)
        at = draw.draw(st.integers(0, len(given_bytes) - 1))
        bit = 1 << draw.draw(st.integers(0, 7))
        changed = given_bytes[:at] + bytes([given_bytes[at] ^ bit]) + given_bytes[at + 1 :]
        lines[place] = replace(line, **{how: changed})
    assert not check(lines, index=None, watermark=0).good
    assert not check(numbered(lines), index=None, watermark=0).good
