"""The small parts: the filter of system calls, plans over plans, declared artefacts, outputs."""

from __future__ import annotations

import errno
import os
import platform
import struct
from pathlib import Path

import pytest

from holdfast.errors import InputError
from holdfast.sandbox import artefacts, seccomp
from holdfast.sandbox.launch.attend import Kept
from holdfast.sandbox.plan import Change, Image, Plan, carried, decode
from holdfast.sandbox.port import shell

ALLOWED, REFUSED, ABSENT, KILLED, PRETENDED = (
    0x7FFF0000,
    0x50000 | errno.EPERM,
    0x50000 | errno.ENOSYS,
    0x80000000,
    0x50000,
)


def judged(program, number, *args, machine="x86_64", architecture=0):
    """What the kernel would do: the filter, interpreted."""
    architecture = architecture or seccomp.MACHINES[machine][1]
    data = struct.pack("=iIQ6Q", number, architecture, 0, *args, *[0] * (6 - len(args)))
    lines = list(struct.iter_unpack("=HBBI", program))
    at = value = 0
    while True:
        code, then, otherwise, operand = lines[at]
        at += 1
        if code == seccomp.RETURN:
            return operand
        if code == seccomp.LOAD:
            (value,) = struct.unpack_from("=I", data, operand)
            continue
        yes = {
            seccomp.JUMP_EQUAL: value == operand,
            seccomp.JUMP_ATLEAST: value >= operand,
            seccomp.JUMP_ANY_BIT: bool(value & operand),
        }[code]
        at += then if yes else otherwise


@pytest.mark.parametrize("machine", seccomp.MACHINES)
@pytest.mark.parametrize("apart", [True, False])
def test_every_call_of_the_table_is_refused_and_the_ordinary_ones_are_not(machine, apart):
    program = seccomp.program(apart=apart, owns_nothing=False, machine=machine)
    column = seccomp.MACHINES[machine][0]
    for name, numbers in seccomp.DENIED.items():
        if numbers[column] is not None:
            assert judged(program, numbers[column], machine=machine) == REFUSED, name
    for name, numbers in {**seccomp.SHARED, **seccomp.OWNED}.items():
        if numbers[column] is not None:
            assert judged(program, numbers[column], machine=machine) == (ALLOWED if apart else REFUSED), name
    ordinary = {"x86_64": (0, 1, 3, 9, 39, 57, 59, 231, 257), "aarch64": (56, 57, 63, 64, 93, 172, 221, 222)}[machine]
    assert {judged(program, number, machine=machine) for number in ordinary} == {ALLOWED}


def test_arguments_are_looked_at():
    program = seccomp.program(machine="x86_64")
    socket, clone, ioctl, prlimit = 41, 56, 16, 302
    assert [judged(program, socket, family) for family in (1, 2, 10, 16, 17, 38, 40)] == [ALLOWED] + [REFUSED] * 6
    assert judged(program, socket, (1 << 32) | 2) == REFUSED  # the kernel looks at the lower half too
    assert judged(program, 53, 2) == REFUSED
    assert judged(program, clone, 0x11) == ALLOWED
    assert {
        judged(program, clone, flag | 0x11) for flag in (0x10000000, 0x20000, 0x40000000, 0x20000000, 0x8000000)
    } == {REFUSED}
    assert judged(program, 435) == ABSENT
    assert [judged(program, ioctl, 0, request) for request in (0x5412, 0x541C, 0x5401)] == [REFUSED, REFUSED, ALLOWED]
    assert judged(program, ioctl, 0, (7 << 32) | 0x5412) == REFUSED
    assert [judged(program, prlimit, pid) for pid in (0, 1, 4000)] == [ALLOWED, REFUSED, REFUSED]


def test_another_machine_is_killed_and_what_nobody_knew_is_not_there():
    program = seccomp.program(machine="x86_64")
    assert judged(program, 39, architecture=0x40000003) == KILLED
    assert {judged(program, number) for number in (470, 600, 0x40000000 + 39)} == {ABSENT}
    assert judged(seccomp.program((), machine="x86_64"), 41, 1) == REFUSED


def test_without_namespaces_times_are_set_of_open_files_only():
    program = seccomp.program((), apart=False, machine="x86_64")
    assert [judged(program, 280, 3, path) for path in (0, 1234, 1 << 40)] == [ALLOWED, PRETENDED, PRETENDED]
    assert judged(program, 90) == ALLOWED  # chmod, of an account that owns nothing outside
    assert judged(seccomp.program((), apart=False, owns_nothing=False, machine="x86_64"), 90) == REFUSED


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the table is that of this machine")
def test_the_numbers_are_those_of_the_system():
    head = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if not head.exists():
        pytest.skip("the system's table is not installed")
    known = {
        line.split()[1][5:]: int(line.split()[2])
        for line in head.read_text().splitlines()
        if line.startswith("#define __NR_")
    }
    for name, (number, _) in {**seccomp.DENIED, **seccomp.SHARED, **seccomp.OWNED, **seccomp.JUDGED}.items():
        assert known.get(name, number) == number, name


# ------------------------------------------------------------------------------------------------- plans

A, B, C = (Image("file", 0o644, letter * 64, 1) for letter in "abc")


@pytest.mark.parametrize(
    ("before", "after", "now", "expected"),
    [
        (None, (A, B), {}, (A, B)),
        ((A, B), (A, C), {}, (A, C)),
        ((A, B), (C, B), {}, (A, B)),  # somebody changed the base: what it was at first still counts
        ((A, B), None, {"p": A}, None),  # changed back
        ((A, B), None, {"p": B}, (A, B)),  # the base came to the same
    ],
)
def test_a_plan_over_a_plan_keeps_what_stood_there_first(before, after, now, expected):
    def plan(pair):
        return Plan(() if pair is None else (Change("p", *pair),))

    assert carried(plan(before), plan(after), now) == plan(expected)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"changes": [{"path": "../x", "pre": {"kind": "nothing"}, "post": {"kind": "nothing"}}]}',
        b'{"changes": [{"path": "x", "pre": {"kind": "nothing"}, "post": {"kind": "device"}}]}',
        b'{"changes": [{"path": "x", "pre": {"kind": "nothing"}, "post": {"kind": "file", "sha": "../../x"}}]}',
        b'{"changes": [{"path": "x", "pre": {"kind": "nothing"}, "post": {"kind": "folder", "mode": 1000000}}]}',
        b'{"changes": [{"path": "x", "pre": {"kind": "nothing"}, "post": {"kind": "folder"}}, {"path": "x", "pre": {"kind": "nothing"}, "post": {"kind": "folder"}}]}',
    ],
)
def test_what_is_no_plan_is_refused(data):
    with pytest.raises(InputError, match="plan"):
        decode(data)


# --------------------------------------------------------------------------------------- artefacts, outputs


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("a.md", "a.md", True),
        ("a.md", "x/a.md", False),
        ("./a.md", "a.md", True),
        ("*.md", "a.md", True),
        ("*.md", "x/a.md", False),
        ("**/*.md", "x/y/a.md", True),
        ("**/*.md", "a.md", True),
        ("out/**", "out/x/y", True),
        ("out/?.md", "out/ab.md", False),
        ("a+b.md", "aab.md", False),
    ],
)
def test_patterns(pattern, path, fits):
    assert bool(artefacts.fits(pattern).match(path)) == fits


def test_artefacts_of_a_folder(tmp_path):
    (tmp_path / "old.md").write_text("old")
    (tmp_path / "sub").mkdir()
    before = artefacts.stamps(tmp_path)
    (tmp_path / "sub" / "new.csv").write_text("new")
    (tmp_path / "empty.csv").write_text("")
    found = artefacts.missing(("old.md", "sub/*.csv", "*.csv", "none"), tmp_path, before)
    assert found == [("old.md", "stale"), ("*.csv", "empty"), ("none", "missing")]
    os.utime(tmp_path / "old.md", (1, 1))
    (tmp_path / "old.md").write_text("old")
    assert artefacts.missing(("old.md",), tmp_path, before) == []


@pytest.mark.parametrize("pieces", [[b"x" * 10], [b"abc"] * 7, [b"0123456789" * 5, b"end"], [b"", b"a"]])
def test_the_first_and_the_last_bytes_are_kept(pieces):
    kept, whole = Kept(10), b"".join(pieces)
    for piece in pieces:
        kept.add(piece)
    head, tail, cut = kept.parts()
    assert head == whole[:5]
    assert len(head) + len(tail) + cut == len(whole) == kept.size
    assert whole.endswith(tail)
    assert len(tail) <= 5


def test_shell_says_what_it_runs():
    assert shell("a | b")[-1] == "a | b"
    assert "pipefail" in shell("a")
