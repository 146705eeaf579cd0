"""`horizon`: METR's published figures, and packs of rows in the form that `real/horizon.py` describes."""

from __future__ import annotations

import gzip
import json

import pytest

from holdfast.evals.horizon.rows import tasks
from holdfast.evals.stats.logistic import horizon_p
from real.__main__ import CHECKS, main
from real.horizon import _fitted, check_horizon, doubling_days, find_curves
from real.packs import Pack, data_folder
from tests.evals.curves import rows

AGENTS = {"Quick 1": (1, 20.0), "Slow 2 (Inspect)": (2, 90.0)}


def attempts(weights=False):
    """METR's rows: what two agents did, with the fields that METR's files have."""
    for alias, (seed, half) in AGENTS.items():
        given = rows(seed=seed, families=25, tasks=4, runs=3, half=half)
        known = {task.name: task.weights[0] for task in tasks(given)}
        total = sum(known[row.task] for row in given)
        for row in given:
            fields = {
                "alias": alias, "model": alias.lower().replace(" ", "_"), "task_id": row.task, "task_family": row.family,
                "human_minutes": row.human_minutes, "score_binarized": int(row.score), "score_cont": row.score,
            }  # fmt: skip
            yield {**fields, **({"invsqrt_task_weight": known[row.task] / total} if weights else {})}


def published(way):
    """Horizons as whoever penalises against a sum of `way` would publish them."""
    found = {}
    for alias, (seed, half) in AGENTS.items():
        curve = _fitted(tasks(rows(seed=seed, families=25, tasks=4, runs=3, half=half)), way)
        found[alias] = {"p50": round(horizon_p(curve, 0.5), 4), "p80": round(horizon_p(curve, 0.8), 4)}
    return found


@pytest.fixture
def pack(tmp_path):
    def make(expected=None, results=None, weights=False):
        folder = tmp_path / "metr_horizon"
        folder.mkdir()
        body = "\n".join(map(json.dumps, attempts(weights))).encode()
        (folder / "runs_th9.jsonl.gz").write_bytes(gzip.compress(body))
        if expected is not None:
            (folder / "expected.json").write_text(json.dumps({"th9": expected}))
        if results is not None:
            (folder / "th9_benchmark_results.json").write_text(json.dumps({"results": results}))
        return Pack(folder)

    return make


def by_name(pack):
    return {one.figure: one for one in check_horizon(pack)}


@pytest.mark.parametrize("way", ["1", "n"])
@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("says", [False, True])
def test_rows_come_to_what_was_published_whichever_way_it_was_penalised(pack, way, weights, says):
    expected = {**published(way), **({"weights_sum_to": way} if says else {})}
    found = by_name(pack(expected, weights=weights))
    compared = [one for one in found.values() if one.ok is not None]
    assert [one for one in compared if not one.ok] == []
    assert len(compared) == 5
    assert found["weights sum to"].value == way
    assert ("says so" in found["weights sum to"].note) == says
    beside = [one for one in found if "without the trap" in found[one].note]
    assert len(beside) == (4 if way == "1" else 0)


def test_the_two_ways_are_further_apart_than_the_tolerance():
    """Or the test above, and the check, would show nothing."""
    one, n = published("1"), published("n")
    assert max(abs(one[alias][p] / n[alias][p] - 1) for alias in AGENTS for p in ("p50", "p80")) > 0.05


def test_a_horizon_that_is_off_is_found(pack):
    expected = published("n")
    expected["Quick 1"]["p80"] *= 1.03
    found = by_name(pack({**expected, "weights_sum_to": "n"}))
    assert [name for name, one in found.items() if one.ok is False] == ["p80 of Quick 1"]


def test_an_agent_that_was_published_and_has_no_rows_is_found(pack):
    found = by_name(pack({**published("n"), "Nobody": {"p50": 1.0}, "weights_sum_to": "n"}))
    assert found["agents with published horizons"].ok is False


def test_results_in_metrs_own_form_will_do_and_models_are_names_too(pack):
    results = [
        {"model": alias.lower().replace(" ", "_"), "release_date": "2025-01-01", "is_sota": True}
        | {p: {"estimate": value, "ci_low": 0, "ci_high": 1} for p, value in figures.items()}
        for alias, figures in published("1").items()
    ]
    found = by_name(pack(results=results))
    assert {one.ok for one in found.values()} == {True, None}
    assert found["agents with published horizons"].value == 2


def test_rows_in_csv_will_do_and_an_agent_that_always_fails_is_at_0(tmp_path):
    lines = ["agent,task,human_minutes,score", *(f"None won,t{at},{2**at},0" for at in range(5))]
    (tmp_path / "runs.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "expected.json").write_text(json.dumps([{"agent": "None won", "p50": 0.0, "p80": 0.0}]))
    found = by_name(Pack(tmp_path))
    assert [found[f"{p} of None won"].ok for p in ("p50", "p80")] == [True, True]
    (tmp_path / "runs.csv").write_text("agent,task,human_minutes\nNone won,t,1\n")
    with pytest.raises(KeyError, match="score_binarized or score"):
        by_name(Pack(tmp_path))


def test_packs_are_found_by_what_is_in_them(pack, tmp_path, capsys):
    pack({**published("n"), "weights_sum_to": "n"})
    (tmp_path / "metr_empty").mkdir()
    assert [one.name for one in find_curves(tmp_path, CHECKS["horizon"][0])] == ["metr_horizon"]
    assert main(["--data", str(tmp_path), "--checks", "horizon"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len([line for line in lines if line["figure"] == "weights sum to"]) == 1, "a pack that several find is one"


def test_a_pack_with_nothing_of_it_is_skipped(tmp_path):
    (one,) = check_horizon(Pack(tmp_path))
    assert (one.figure, one.ok) == ("skipped", None)


def test_doubling_times_are_those_of_a_straight_line():
    assert doubling_days([(0, 1.0), (100, 2.0), (200, 4.0)]) == pytest.approx(100)
    assert doubling_days([(0, 8.0), (50, 4.0)]) == pytest.approx(-50)


def recorded():
    data = data_folder()
    packs = find_curves(data, CHECKS["horizon"][0]) if data else []
    if not packs:
        pytest.skip("no published curves: set HOLDFAST_DATA to the folder that has metr_published")
    return packs


def test_metrs_published_figures_come_out():
    found = [one for pack in recorded() for one in check_horizon(pack)]
    assert [one for one in found if one.ok is False] == []
    fits = [one for one in found if one.set.endswith("published_fits")]
    if fits:
        assert len(fits) == 17 * 4
        assert all(one.ok for one in fits)
        days = {one.figure: one.value for one in found if one.set == "th1_1_benchmark_results"}
        assert list(days.values()) == pytest.approx([196.475, 130.801], abs=0.1)
