"""`paired`: two made-up agents on the same tasks, and the recorded ones."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from real.packs import Pack, data_folder
from real.paired import check_paired, pairs
from real.traces import find_traces

STATED = "both right 1, only a-1 2, only b 0, both wrong 1 (exact McNemar p = 0.5)"


def made(folder: Path, readme: str = STATED, **sets: dict[int, tuple[float, float | None]]) -> Pack:
    """Sets by name: the reward and the cost of every task."""
    for stem, tasks in sets.items():
        lines = [
            {"run_id": f"{stem}-{task}", "task_id": task, "reward": reward, "agent_cost_usd": usd, "messages": []}
            for task, (reward, usd) in tasks.items()
        ]
        (folder / f"{stem}.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))
    (folder / "README.md").write_text(f"Figures. Same 4 tasks, {readme}.")
    return Pack(folder)


A = {1: (1, 0.5), 2: (1, 0.25), 3: (1, 0.5), 4: (0, 0.75)}
B = {4: (0, 0.25), 3: (1, 0.25), 2: (0, 0.25), 1: (0, 0.5)}


def test_pairs_are_matched_by_task_and_not_by_place(tmp_path: Path) -> None:
    figures = [*check_paired(made(tmp_path, a1_shop=A, b_shop=B))]
    found = {one.figure: one for one in figures}
    kinds = ("both right", "only a1_shop right", "only b_shop right", "both wrong", "exact McNemar p")
    assert [found[kind].value for kind in kinds] == [1, 2, 0, 1, 0.5]
    assert all(found[kind].ok for kind in kinds)
    assert found["USD for one more success"].value == pytest.approx(0.1875 / 0.5)
    assert len([one for one in figures if one.figure == "USD per success, interval"]) == 2


def test_what_the_pack_says_otherwise_is_off(tmp_path: Path) -> None:
    pack = made(tmp_path, STATED.replace("only b 0", "only b 1"), a1_shop=A, b_shop=B)
    off = [(one.figure, one.value, one.expected) for one in check_paired(pack) if one.ok is False]
    assert off == [("only b_shop right", 0, 1)]


def test_without_a_word_of_the_pack_nothing_is_compared(tmp_path: Path) -> None:
    for readme in ("no figures", STATED.replace("a-1", "c")):
        assert {one.ok for one in check_paired(made(tmp_path, readme, a1_shop=A, b_shop=B))} == {None}


def test_only_sets_of_one_domain_and_the_same_tasks_are_compared(tmp_path: Path) -> None:
    pack = made(tmp_path, a1_shop=A, b_shop={1: (1, 0.1)}, c_desk=A)
    assert [*pairs(pack)] == []
    assert [one.note for one in check_paired(pack)][-1].endswith("has no two sets with the same tasks")


def test_unknown_costs_are_no_figure(tmp_path: Path) -> None:
    found = [*check_paired(made(tmp_path, a1_shop={**A, 1: (1, None)}, b_shop=B))]
    assert [one.note for one in found if one.figure == "skipped"] == ["what some of its runs cost is not known"] * 2
    assert not any("USD a run" in one.figure for one in found)


@pytest.mark.skipif(data_folder() is None, reason="no recorded packs here")
def test_the_recorded_airline_agents_come_out_as_they_say() -> None:
    data = data_folder()
    assert data is not None
    for pack in find_traces(data, "tau2_traces"):
        figures = {one.figure: one for one in check_paired(pack)}
        assert [one for one in figures.values() if one.ok is False] == []
        assert figures["exact McNemar p"].ok
