"""The tree is RFC 6962's: by its own definition, by the vectors of the reference implementation, and in every proof."""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.views import merkle
from holdfast.views.merkle import EMPTY, Frontier, leaf_hash

LEAVES = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Certificate Transparency's own: the root of the first leaf, of the first two, and so on."""

A, B, C = (
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
)
BC, CA = (
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
)
INCLUSION = [(0, 1, []), (0, 8, [A, B, C]), (5, 8, [BC, CA, ROOTS[3]]), (2, 3, [ROOTS[1]]), (1, 5, [ROOTS[0], B, BC])]
CONSISTENCY = [
    (1, 1, []), (1, 8, [A, B, C]), (2, 5, [B, BC]),
    (6, 8, ["0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a", CA, ROOTS[3]]),
]  # fmt: skip

leaves = st.lists(st.binary(max_size=3), max_size=70)


def naive(data):
    """MTH of RFC 6962, section 2.1, word for word."""
    if not data:
        return sha256(b"").digest()
    if len(data) == 1:
        return sha256(b"\0" + data[0]).digest()
    k = 1
    while 2 * k < len(data):
        k *= 2
    return sha256(b"\1" + naive(data[:k]) + naive(data[k:])).digest()


def path(m, data):
    """PATH of RFC 6962, section 2.1.1."""
    if len(data) == 1:
        return []
    k = 1
    while 2 * k < len(data):
        k *= 2
    return [*path(m, data[:k]), naive(data[k:])] if m < k else [*path(m - k, data[k:]), naive(data[:k])]


def subproof(m, data, whole):
    """SUBPROOF of RFC 6962, section 2.1.2."""
    if m == len(data):
        return [] if whole else [naive(data)]
    k = 1
    while 2 * k < len(data):
        k *= 2
    if m <= k:
        return [*subproof(m, data[:k], whole), naive(data[k:])]
    return [*subproof(m - k, data[k:], False), naive(data[:k])]


def hashes(data):
    return [leaf_hash(one) for one in data]


def hexed(proof):
    return [part.hex() for part in proof]


def test_roots_are_those_of_the_reference_implementation():
    assert [merkle.root(LEAVES[:size]).hex() for size in range(1, 9)] == ROOTS
    assert merkle.root([]) == EMPTY
    assert EMPTY.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(("index", "size", "proof"), INCLUSION)
def test_inclusion_proofs_are_those_of_the_reference_implementation(index, size, proof):
    found = merkle.inclusion_proof(index, size, hashes(LEAVES))
    assert hexed(found) == proof
    assert merkle.included(leaf_hash(LEAVES[index]), index, size, found, bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("before", "size", "proof"), CONSISTENCY)
def test_consistency_proofs_are_those_of_the_reference_implementation(before, size, proof):
    found = merkle.consistency_proof(before, size, hashes(LEAVES))
    assert hexed(found) == proof
    assert merkle.consistent(before, bytes.fromhex(ROOTS[before - 1]), size, bytes.fromhex(ROOTS[size - 1]), found)


@given(leaves, st.lists(st.integers(0, 70), max_size=6))
def test_a_frontier_is_the_tree_however_it_grew(data, cuts):
    one, many, cuts = Frontier(), Frontier(), sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    for low, high in pairwise(cuts):
        many.extend(hashes(data[low:high]))
        assert many.root() == naive(data[:high])
        many = Frontier(many.size, many.roots)  # as it is kept, and taken up again
    for data_of_leaf in data:
        one.append(leaf_hash(data_of_leaf))
    assert (one.size, one.root(), one.roots) == (len(data), naive(data), many.roots)
    assert len(one.roots) == len(data).bit_count()


@given(st.data(), leaves.filter(bool))
def test_every_inclusion_proof_is_the_definitions_and_proves_nothing_else(draw, data):
    index, size, root = draw.draw(st.integers(0, len(data) - 1)), len(data), naive(data)
    proof = merkle.inclusion_proof(index, size, iter(hashes(data)))
    assert list(proof) == path(index, data)
    hashed = leaf_hash(data[index])
    assert merkle.included(hashed, index, size, proof, root)
    assert not merkle.included(leaf_hash(data[index] + b"x"), index, size, proof, root)
    assert not merkle.included(hashed, index, size, proof, EMPTY)
    assert not merkle.included(hashed, index, size, (*proof, root), root)
    assert not proof or not merkle.included(hashed, index, size, proof[:-1], root)
    assert not any(merkle.included(hashed, other, size, proof, root) for other in (-1, size, size + 1))
    twins = {place for place, one in enumerate(data) if one == data[index]}
    assert {i for i in range(size) if merkle.included(hashed, i, size, proof, root)} <= twins


@given(st.data(), leaves)
def test_every_consistency_proof_is_the_definitions_and_proves_nothing_else(draw, data):
    before, size = draw.draw(st.integers(0, len(data))), len(data)
    proof = merkle.consistency_proof(before, size, iter(hashes(data)))
    assert list(proof) == (subproof(before, data, True) if before else [])
    old, new = naive(data[:before]), naive(data)
    assert merkle.consistent(before, old, size, new, proof)
    assert not merkle.consistent(before, b"\0" * 32, size, new, proof)
    assert before == 0 or not merkle.consistent(before, old, size, b"\0" * 32, proof)
    assert not merkle.consistent(before, old, size, new, (*proof, old))
    assert not proof or not merkle.consistent(before, old, size, new, proof[:-1])
    assert not merkle.consistent(size + 1, new, size, new, proof)


def test_what_is_in_no_tree_has_no_proof():
    for index, size in ((-1, 3), (3, 3), (0, 0)):
        with pytest.raises(ValueError, match="is not in a tree"):
            merkle.inclusion_ranges(index, size)
    with pytest.raises(ValueError, match="no beginning"):
        merkle.consistency_ranges(4, 3)
    with pytest.raises(ValueError, match="there are 2 leaves, and 3 are needed"):
        merkle.roots([(0, 3)], hashes(LEAVES[:2]))


@pytest.mark.parametrize(("size", "roots"), [(3, [EMPTY]), (2, [EMPTY, EMPTY]), (1, [b"short"]), (-1, [EMPTY] * 2)])
def test_hashes_that_carry_no_tree_of_that_size_are_refused(size, roots):
    with pytest.raises(ValueError, match="not carried"):
        Frontier(size, roots)


def test_leaves_of_two_entries_are_never_the_same_bytes():
    digest = bytes(32)
    assert merkle.leaf("r_1", 12, digest) == b"r_1\n12\n" + digest
    told = {merkle.leaf(run, seq, digest) for run in ("r", "r\n1", "r1") for seq in (1, 11, 111)}
    assert len(told) == 9


def test_a_million_leaves_take_twenty_hashes_to_go_on_from():
    tree = Frontier()
    for _ in range(10):
        tree.extend([EMPTY] * 100_000)
    assert tree.size == 1_000_000
    assert len(tree.roots) <= 20


@given(st.data(), leaves, st.integers(1, 9))
def test_proofs_of_many_leaves_are_made_in_one_pass(draw, data, page):
    data = [*data, b"last"]
    chosen = draw.draw(st.lists(st.integers(0, len(data) - 1), max_size=8))
    ranges = {index: merkle.inclusion_ranges(index, len(data)) for index in chosen}
    nodes = merkle.Nodes(one for ranges_ in ranges.values() for one in ranges_)
    passing = hashes(data)
    for at in range(0, len(passing), page):
        nodes.extend(passing[at : at + page])
    for index, wanted in ranges.items():
        assert nodes.roots(wanted) == merkle.inclusion_proof(index, len(data), passing)


def test_what_has_not_passed_is_not_made_up():
    nodes = merkle.Nodes([(0, 4)])
    nodes.extend(hashes(LEAVES[:3]))
    with pytest.raises(ValueError, match="have not passed"):
        nodes.roots([(0, 4)])
