"""What is kept of a run is used only for that run, and only while there is room."""

from __future__ import annotations

from holdfast.dialogue import Result, Told
from holdfast.models.kept import Kept

SEGMENTS = [Told((1, 0), "input", "x"), *(Result((n, 0), "t", "tool", f"r{n}") for n in range(2, 12))]


def test_a_prefix_is_found_again_by_what_is_equal_to_it():
    kept = Kept[str]()
    assert kept.get("r_1", SEGMENTS) is None
    kept.put("r_1", SEGMENTS[:3], "three")
    assert kept.get("r_1", SEGMENTS) == (3, "three")
    assert kept.get("r_1", [Told((1, 0), "input", "x"), *SEGMENTS[1:]]) == (3, "three")
    assert kept.get("r_2", SEGMENTS) is None


def test_another_run_of_the_same_name_finds_nothing():
    kept = Kept[str]()
    kept.put("r_1", SEGMENTS[:3], "three")
    assert kept.get("r_1", SEGMENTS[:2]) is None
    assert kept.get("r_1", [*SEGMENTS[:2], Result((3, 0), "t", "tool", "other")]) is None


def test_nothing_is_kept_of_nothing():
    kept = Kept[str]()
    kept.put("r_1", [], "none")
    assert kept.get("r_1", []) is None


def test_the_longest_unused_runs_make_room():
    kept = Kept[int](limit=10)
    for number in range(50):
        kept.put(f"r_{number}", SEGMENTS[:4], number)
        kept.put(f"r_{number}", SEGMENTS[:5], number)
    assert kept._size == 10
    assert set(kept._runs) == {"r_48", "r_49"}
    kept.put("r_big", SEGMENTS * 2, -1)
    assert set(kept._runs) == {"r_big"}
