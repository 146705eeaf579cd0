"""`judges`: figures of verdicts beside a pack's own counts, and the recorded pack where it is at hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from real.__main__ import main
from real.figures import Figure
from real.judges import check_judges, find_judges, verdicts
from real.packs import Pack, data_folder

GOOD, POOR = (40, 5, 5, 50), (40, 35, 5, 20)


def table(both: int, judge_alone: int, truth_alone: int, neither: int) -> dict[str, float]:
    n = both + judge_alone + truth_alone + neither
    agreement = (both + neither) / n
    judged, right = (both + judge_alone) / n, (both + truth_alone) / n
    by_chance = judged * right + (1 - judged) * (1 - right)
    return {
        "n": n, "agreement": round(agreement, 4), "cohen_kappa": round((agreement - by_chance) / (1 - by_chance), 4),
        "judge_pass_and_reward1": both, "judge_pass_but_reward0": judge_alone,
        "judge_fail_but_reward1": truth_alone, "judge_fail_and_reward0": neither,
    }  # fmt: skip


def make(folder: Path, **prompts: tuple[int, int, int, int]) -> Pack:
    place = folder / "llm_judges"
    place.mkdir()
    lines = []
    for prompt, cells in prompts.items():
        kinds = (("Satisfied ", 1.0), ("compliant", 0.0), ("partially_satisfied", 1.0), ("fail", 0.0))
        for many, (verdict, reward) in zip(cells, kinds, strict=True):
            lines += [json.dumps({"judge_prompt": prompt, "verdict": verdict, "reward": reward, "issues": []})] * many
    (place / "shop.jsonl").write_text("\n".join(lines))
    expected = {"prompts": {prompt: table(*cells) for prompt, cells in prompts.items()}}
    (place / "shop_expected.json").write_text(json.dumps(expected))
    return Pack(place)


def figures(pack: Pack) -> dict[str, Figure]:
    return {one.figure: one for one in check_judges(pack)}


def test_verdicts_are_words_in_any_case_and_nothing_else_passes(tmp_path: Path):
    found = verdicts(make(tmp_path, one=(1, 1, 1, 1)), "shop")["one"]
    assert [(one.judge, one.truth) for one in found] == [(True, True), (True, False), (False, True), (False, False)]


def test_a_good_judge_gates_and_a_poor_one_only_on_somebodys_word(tmp_path: Path):
    found = figures(make(tmp_path, good=GOOD, poor=POOR))
    assert {one.ok for one in found.values()} == {True}
    assert found["good: kappa"].value == 0.798
    assert "specificity 0.909" in found["good: kappa"].note
    assert found["good: refused as a gate at kappa 0.3"].value is False
    assert found["good: corrected share of right runs"].value == 0.45
    assert found["poor: passes given to failed runs"].value == 35
    assert found["poor: refused as a gate at kappa 0.3"].value is True
    assert "kappa is 0.238" in found["poor: refused as a gate at kappa 0.3"].note
    assert found["poor: overridden, and that is in the result"].value == (True, True)
    assert "poor: corrected share of right runs" not in found


def test_a_figure_that_is_off_ends_the_command_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    pack = make(tmp_path, good=GOOD)
    path = pack.folder / "shop_expected.json"
    path.write_text(path.read_text().replace("0.798", "0.799"))
    assert main(["--data", str(tmp_path), "--checks", "judges"]) == 1
    off = [line for line in map(json.loads, capsys.readouterr().out.splitlines()) if line["ok"] is False]
    assert [(line["figure"], line["value"], line["expected"]) for line in off] == [("good: kappa", 0.798, 0.799)]


def test_other_packs_are_none(tmp_path: Path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "shop.jsonl").write_text("")
    assert find_judges(tmp_path, "*") == []


@pytest.mark.skipif(data_folder() is None, reason="no packs beside the project")
def test_all_figures_of_the_recorded_judges_are_met():
    folder = data_folder()
    assert folder is not None
    packs = find_judges(folder, "llm_judges*")
    if not packs:
        pytest.skip("no pack of judges beside the project")
    found = [one for pack in packs for one in check_judges(pack)]
    assert {one.ok for one in found} == {True}
    assert sum(one.figure.endswith(": kappa") for one in found) == 8
    assert sum(one.figure.endswith("kappa 0.3") and one.value is False for one in found) == 1
