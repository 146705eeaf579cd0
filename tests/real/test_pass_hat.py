"""`pass_hat`: repeatability of made-up and recorded runs, and tables taken apart into counts of tasks."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from real.packs import Pack, data_folder, find
from real.pass_hat import LEADERBOARD, check_pass_hat, counts, tallies

PRINTED = {"pass_1": 62.5, "pass_2": 55.33, "pass_3": 51.0, "pass_4": 48.0}
"""What 13, 3, 4, 6 and 24 tasks with 0 to 4 successes come to."""


def made(folder: Path, rewards: dict[int, list[float]], stated: dict[str, float] | None = None) -> Pack:
    lines = [
        {"run_id": f"{task}-{at}", "task_id": task, "trial": at, "model": "m", "reward": reward, "messages": []}
        for task, each in rewards.items()
        for at, reward in enumerate(each)
    ]
    (folder / "runs_one.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))
    (folder / "expected.json").write_text(json.dumps({"one": {} if stated is None else {"pass_hat": stated}}))
    return Pack(folder)


def table(folder: Path, *rows: dict[str, object]) -> Pack:
    (folder / LEADERBOARD).write_text(
        "\n".join(json.dumps({"submission": "s", "domain": "airline", **row}) for row in rows)
    )
    return Pack(folder)


def test_figures_are_those_of_the_formula(tmp_path: Path) -> None:
    pack = made(
        tmp_path, {1: [1, 1, 0], 2: [1, 1, 1], 3: [0, 0.5, 1]}, {"pass^1": 2 / 3, "pass^2": 0.444444, "pass^3": 0.9}
    )
    found = {one.figure: one for one in check_pass_hat(pack)}
    assert [found[f"pass^{k}"].value for k in (1, 2, 3)] == [0.6667, 0.4444, 0.3333]
    assert [found[f"pass^{k}"].ok for k in (1, 2, 3)] == [True, True, False]
    low, high = found["pass^1 interval"].value  # type: ignore[misc]
    assert low < 0.6667 < high
    assert found["pass^1 interval"].ok is None


def test_tasks_with_fewer_trials_are_said(tmp_path: Path) -> None:
    found = {one.figure: one for one in check_pass_hat(made(tmp_path, {1: [1, 1], 2: [1]}, {"pass^3": 0.5}))}
    assert "1 tasks have fewer trials" in found["pass^2 interval"].note
    assert (found["pass^3"].value, found["pass^3"].ok) == (None, False)
    assert found["pass^1"].ok is None, "the pack says nothing of it"


def test_a_table_is_taken_apart_into_counts_of_tasks(tmp_path: Path) -> None:
    assert counts("airline", [*PRINTED.values()]) == [13, 3, 4, 6, 24]
    assert counts("airline", [56.0, 47.8, 42.4, 38.1]) is None, "half a task cannot succeed"
    assert counts("elsewhere", [*PRINTED.values()]) is None
    pack = table(tmp_path, PRINTED, {**PRINTED, "pass_1": 62.6}, {"pass_1": 70.0}, {**PRINTED, "pass_1": 10.0})
    found = {one.figure: (one.value, one.expected, one.ok) for one in check_pass_hat(pack)}
    assert found["rows in which pass^k never rises with k"] == (2, 3, False)
    assert found["rows that no whole numbers of tasks give"][0] == 1


def test_a_row_that_is_near_whole_counts_must_still_come_out_as_printed(tmp_path: Path) -> None:
    figures = [*check_pass_hat(table(tmp_path, PRINTED, {**PRINTED, "pass_1": 62.6}))]
    found = next(one for one in figures if one.figure == "rows computed from counts of tasks as printed")
    assert (found.value, found.expected, found.ok, found.note) == (1, 2, False, "differs for s")


def test_a_pack_without_trials_or_table_is_skipped(tmp_path: Path) -> None:
    (figure,) = check_pass_hat(Pack(tmp_path))
    assert (figure.figure, figure.ok) == ("skipped", None)


@pytest.mark.skipif(data_folder() is None, reason="no recorded packs here")
def test_recorded_packs_come_out_as_they_say() -> None:
    data = data_folder()
    assert data is not None
    packs = find(data, "tau_*")
    assert packs
    for pack in packs:
        figures = [*check_pass_hat(pack)]
        assert [one for one in figures if one.ok is False] == []
        assert any(one.ok for one in figures)
        for stem in pack.sets():
            assert sum(task.trials for task in tallies(pack.runs(stem))) == len(pack.runs(stem))
