"""Checkpoints are those of the published format, and say what they are of, what they cover and which one was before."""

from __future__ import annotations

import base64

import msgspec
import pytest

from holdfast import codec
from holdfast.codec import GENESIS
from holdfast.events import Entry, Noted
from holdfast.views import merkle, sealing
from holdfast.views.checkpoint import (
    Checkpoint,
    CheckpointForeign,
    CheckpointMalformed,
    Proof,
    Sealed,
    digest,
    opened,
    read,
    seal,
    text_of,
)
from holdfast.views.merkle import Frontier, leaf, leaf_hash
from holdfast.views.note import NoteError, NoteForged, NoteResigned, NoteTruncated, Signer

PUBLISHED = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
"""The example of c2sp.org/tlog-checkpoint."""

DESK = Signer("example.com/desk", b"d" * 32)
ROOT = base64.b64encode(bytes(32)).decode()


def tree(size):
    grown = Frontier()
    for seq in range(1, size + 1):
        grown.append(leaf_hash(leaf("r", seq, bytes([seq]) * 32)))
    return grown


FIRST = seal(DESK, tree(3), number=1, position=3, before=None)
SECOND = seal(DESK, tree(5), number=2, position=6, before=FIRST)


def test_the_published_example_is_read_and_written_again():
    found = read(PUBLISHED)
    assert (found.origin, found.size, found.root[:2].hex()) == ("example.com/behind-the-sofa", 20852163, "0ac5")
    assert found.text() == PUBLISHED


def test_a_checkpoint_says_what_it_covers_and_which_one_was_before():
    one, two = opened(FIRST.note, [DESK.key]), opened(SECOND.note, [DESK.key])
    assert one == Checkpoint("example.com/desk", 3, tree(3).root(), 1, 3, GENESIS)
    assert two == Checkpoint("example.com/desk", 5, tree(5).root(), 2, 6, digest(one.text()))
    assert [line.split(" ")[0] for line in two.text().splitlines()[3:]] == ["number", "position", "previous"]


def test_one_that_a_witness_signed_too_is_still_the_same_one():
    witness = Signer("witness.example", b"w" * 32)
    line = witness.sign(text_of(FIRST.note)).rpartition("\n\n")[2]
    again = seal(DESK, tree(5), number=2, position=6, before=Sealed(FIRST.note + line, FIRST.roots))
    assert again == SECOND


def test_extension_lines_of_others_are_passed_over():
    assert read(PUBLISHED + "whatever else\n") == read(PUBLISHED)


@pytest.mark.parametrize(
    "text",
    [
        "", "a\n", f"a\n1\n{ROOT}", f"\n1\n{ROOT}\n", f"a\n01\n{ROOT}\n", f"a\n-1\n{ROOT}\n", f"a\n1.0\n{ROOT}\n", f"a\n{2**63}\n{ROOT}\n",
        "a\n1\nAAAA\n", f"a\n1\n{ROOT[:-1]}\n", f"a\n1\n{ROOT} \n", "a\n1\né\n", f"a\n1\n{ROOT}\n\n", f"a\n1\n{ROOT}\nnumber 1\n",
        f"a\n1\n{ROOT}\nnumber 1\nposition x\nprevious {ROOT}\n", f"a\n1\n{ROOT}\nnumber 1\nposition 1\nprevious x\n",
        f"a\n1\n{ROOT[:42]}B=\n",
    ],
)  # fmt: skip
def test_what_is_no_checkpoint_is_refused(text):
    with pytest.raises(CheckpointMalformed):
        read(text)


def test_forged_resigned_truncated_and_foreign_ones_are_told_apart():
    keys, other = [DESK.key], Signer("example.com/desk", b"o" * 32)
    cases = {
        NoteForged: FIRST.note.replace("\n3\n", "\n4\n"),
        NoteResigned: other.sign(text_of(FIRST.note)),
        NoteTruncated: FIRST.note[:-9],
        CheckpointForeign: DESK.sign(PUBLISHED),
        CheckpointMalformed: DESK.sign("hello\n"),
    }
    for kind, note in cases.items():
        with pytest.raises(kind) as error:
            opened(note, keys)
        assert type(error.value) is kind


def test_the_tree_goes_on_from_what_is_kept_only_if_it_gives_the_signed_root():
    signed = opened(FIRST.note, [DESK.key])
    grown = FIRST.tree(signed)
    for seq in (4, 5):
        grown.append(leaf_hash(leaf("r", seq, bytes([seq]) * 32)))
    assert grown.root() == opened(SECOND.note, [DESK.key]).root
    for roots in ((), FIRST.roots[::-1], SECOND.roots, (bytes(32), bytes(32))):
        assert Sealed(FIRST.note, roots).tree(signed) is None


def test_an_entry_holds_a_checkpoint_and_nothing_else_is_taken_for_one():
    event = sealing.event_of(SECOND)
    assert sealing.sealed_in(event) == SECOND
    assert sealing.sealed_at(codec.encode(Entry("audit", 2, 1, 1, "svc:auditor", event))) == SECOND
    assert sealing.sealed_in(msgspec.structs.replace(event, frontier=event.frontier[:-2])) is None
    assert sealing.sealed_in(Noted("a", "other", note=event.note)) is None
    assert sealing.sealed_at(b"{}") is None


def test_a_proof_holds_for_its_entry_alone():
    hashes = [leaf_hash(leaf("r", seq, bytes([seq]) * 32)) for seq in range(1, 6)]
    path = merkle.inclusion_proof(3, 5, hashes)
    proof = Proof("r", 4, bytes([4]) * 32, 3, path, SECOND.note)
    assert proof.checkpoint([DESK.key]).number == 2
    for changed in (
        {"seq": 3},
        {"run": "s"},
        {"digest": bytes(32)},
        {"index": 2},
        {"path": path[:-1]},
        {"note": FIRST.note},
    ):
        with pytest.raises(NoteError, match="not in the tree"):
            msgspec.structs.replace(proof, **changed).checkpoint([DESK.key])
    with pytest.raises(NoteForged):
        msgspec.structs.replace(proof, note=SECOND.note.replace("\n5\n", "\n6\n")).checkpoint([DESK.key])
