"""The command line: which checks it makes, what it prints, and with what it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from real.__main__ import CHECKS, main, packs_for
from real.dojo.checks import NAMES
from real.figures import Figure, Sheet, less, whole
from real.packs import Pack, data_folder
from tests.real.conftest import MakePack, calls, says, tells, user

RUN = [user("a"), calls(("1", "look", '{"at": "a"}')), tells("1", "saw a"), says("b"), user("c")]


def test_every_figure_is_a_line_of_json_and_all_right_ends_with_0(
    make_pack: MakePack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_pack(RUN)
    assert main(["--data", str(tmp_path), "--checks", "import,tape,live"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["check"] for line in lines} == {"import", "tape", "live"}
    for line in lines:
        assert list(line)[:7] == ["check", "pack", "set", "figure", "value", "expected", "ok"]
        assert (line["pack"], line["set"]) == ("tau_toys", "one")
        assert ("note" in line) == (line["ok"] is None)


def test_a_figure_that_is_off_ends_with_1(
    make_pack: MakePack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_pack(RUN, messages=99)
    assert main(["--data", str(tmp_path), "--checks", "import"]) == 1
    off = [line for line in map(json.loads, capsys.readouterr().out.splitlines()) if line["ok"] is False]
    assert [(line["figure"], line["value"], line["expected"]) for line in off] == [("messages", 5, 99)]


def test_a_broken_pack_does_not_hide_the_others(
    make_pack: MakePack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (make_pack(RUN, name="tau_a").folder / "tools.json").write_text("{")
    make_pack(RUN, name="tau_b")
    assert main(["--data", str(tmp_path), "--checks", "tape"]) == 1
    out, err = capsys.readouterr()
    lines = [json.loads(line) for line in out.splitlines()]
    assert [(line["pack"], line["figure"], line["ok"]) for line in lines] == [
        ("tau_a", "broke off", False),
        ("tau_b", "tool results as recorded", True),
        ("tau_b", "journals equal on second replay", True),
    ]
    assert "Traceback" in err


def test_a_folder_without_packs_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["check"] for line in lines] == list(CHECKS)
    assert all(line["ok"] is None and "holds no such pack" in line["note"] for line in lines)


@pytest.mark.parametrize("given", [["--data", "nowhere"], ["--data", ".", "--checks", "taste"], []])
def test_a_wrong_command_line_is_explained(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(given)
    assert "error:" in capsys.readouterr().err


def test_a_figure_is_right_wrong_or_neither(tmp_path: Path) -> None:
    sheet = Sheet("import", Pack(tmp_path), "one")
    assert [sheet.compare("n", 1, expected).ok for expected in (1, 2, None)] == [True, False, None]
    assert sheet.skipped("why") == Figure("import", tmp_path.name, "one", "skipped", note="why")


def test_counts_that_are_not_known_stay_unknown() -> None:
    given: list[dict[str, object] | None] = [{"n": 3}, {"n": "3"}, {}, None]
    assert [whole(figures, "n") for figures in given] == [3, None, None, None]
    assert (less(5, 1, None), less(None, 1)) == (4, None)


LONG = [pytest.param(check, marks=pytest.mark.long) for check in CHECKS if check not in {"live", "kill", *NAMES}]


@pytest.mark.parametrize("check", ["live", *LONG])
def test_the_recorded_runs_come_to_their_packs_figures(check: str) -> None:
    data = data_folder()
    packs = packs_for(data, check) if data else []
    if not packs:
        pytest.skip("no recordings: set HOLDFAST_DATA to a folder of packs")
    figures = [figure for pack in packs for figure in CHECKS[check][1](pack)]
    assert [figure for figure in figures if figure.ok is False] == []
    assert any(figure.ok for figure in figures)
