"""`blame`: recorded runs as turns, what guessing comes to, and the figures made of both."""

from __future__ import annotations

import gzip
import hashlib
import json
from math import exp
from pathlib import Path

import pytest

from holdfast.views.blame import MANY, WEIGHTS
from real.__main__ import main
from real.blame import AGENT, REPEATS, STEP, Spread, baselines, check_blame, commonest, wilson
from real.blame_weights import Crossing, choices, fit
from real.figures import Figure
from real.packs import Pack, data_folder
from real.spoken import Heard, Truth, heard, sets
from real.traces import find_traces

TASK = "Say in one number how many wheels there are in all the museums."
PLAN = "Let us go step by step, and look at the list of the museum first."
CLAIM = "The museum of Utrecht has 112 wheels, as Jansen and Pieters said in 1987."


def message(agent: str, content: str, role: str = "user") -> dict[str, str]:
    return {"agent": agent, "role": role, "name": agent, "content": content}


def talk(claims_at: int) -> list[dict[str, str]]:
    """Five turns; the one named is the first to claim anything."""
    said = [PLAN, PLAN, PLAN, PLAN]
    said[claims_at - 1] = CLAIM
    return [message("Ann", TASK), *(message(f"E{at}", text) for at, text in enumerate(said, 1))]


def asks(*rounds: str) -> list[dict[str, str]]:
    found = [message("human", "Find the bar.", "human")]
    for request in rounds:
        found += [message("Lead", request, "Lead (-> Web)"), message("Web", "a page", "Web")]
    return [*found, message("Lead", "done", "Lead (thought)")]


def pack_of(folder: Path, **stems: list[tuple[str, list[dict[str, str]], str, int]]) -> Pack:
    place = folder / "whowhen_toys"
    place.mkdir()
    for stem, runs in stems.items():
        lines = [{"id": i, "messages": said, "label": {"agent": who, "step": at}} for i, said, who, at in runs]
        (place / f"{stem}.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))
    return Pack(place)


def ids(*, tuning: bool) -> list[str]:
    return [name for name in map(str, range(200)) if Heard(name, (), Truth("", 0), 0).tuning is tuning]


def published(count: int) -> list[str]:
    return [name for name in map(str, range(200)) if Heard(name, (), Truth("", 0), 0).tuning][:count]


def unseen(count: int) -> list[str]:
    return [name for name in map(str, range(200)) if not Heard(name, (), Truth("", 0), 0).tuning][:count]


def figures(pack: Pack) -> dict[str, Figure]:
    return {one.figure: one for one in check_blame(pack)}


def test_half_of_all_ids_are_published_by_the_hash_of_the_pack():
    assert 80 <= len(published(200)) <= 120
    assert all(hashlib.sha256(f"whowhen:{name}".encode()).digest()[0] < 128 for name in published(200))
    assert len(published(200)) + len(unseen(200)) == 200


def test_roles_say_what_a_turn_is(tmp_path: Path):
    page = "Address: https://a.example/\nTitle: A\nViewport position: Showing page 1 of 2."
    said = [
        *asks("Look for it."),
        message("Computer_terminal", "exitcode: 0"),
        message("Computer_terminal", "There is no code from the last 1 message for me to execute. Go on."),
        message("Web", page),
        message("Web", "x"),
    ]
    run = heard(pack_of(tmp_path, one=[("1", said, "Web", 2)]), "one")[0]
    assert [turn.kind for turn in run.turns] == ["given", "asks", "says", "thinks", "output", "given", "output", "says"]


def test_unseen_talks_are_held_to_the_floors_and_to_the_baselines(tmp_path: Path):
    at = [2, 3, 2, 1, 3, 1]
    right = [(name, talk(step), f"E{step}", step) for name, step in zip(unseen(6), at, strict=True)]
    wrong = [(name, talk(2), "E3", 3) for name in published(4)]
    found = figures(pack_of(tmp_path, talks=right + wrong))
    step, agent = found["step right, unseen"], found["agent right, unseen"]
    assert (step.value.right, step.value.of, step.expected, step.ok) == (6, 6, f"at least {STEP}", True)
    assert (agent.value.right, agent.expected, agent.ok) == (6, f"at least {AGENT}", True)
    assert found["step better than every baseline, unseen"].ok is True
    assert found["agent better than every baseline, unseen"].ok is True
    assert (found["step right, in sample"].value.right, found["step right, in sample"].ok) == (0, None)
    assert found["baseline: constant step 3, unseen"].value.right == 2, "the commonest of the published runs"
    assert "skipped" not in found


def test_a_scorer_that_is_wrong_on_unseen_talks_is_off_and_ends_the_command_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    pack_of(tmp_path, talks=[(name, talk(2), "E3", 3) for name in unseen(6)])
    assert main(["--data", str(tmp_path), "--checks", "blame"]) == 1
    off = {
        line["figure"]: line for line in map(json.loads, capsys.readouterr().out.splitlines()) if line["ok"] is False
    }
    assert list(off) == [
        "step right, unseen",
        "step better than every baseline, unseen",
        "agent right, unseen",
        "agent better than every baseline, unseen",
    ]
    assert off["step right, unseen"]["value"] == {"share": 0.0, "right": 0, "of": 6, "low": 0.0, "high": 0.3903}


def test_a_scorer_above_the_floors_that_beats_no_guess_is_off(tmp_path: Path):
    found = figures(pack_of(tmp_path, talks=[(name, talk(4), "E4", 4) for name in unseen(6)]))
    assert found["step right, unseen"].ok is found["agent right, unseen"].ok is True
    assert found["step better than every baseline, unseen"].ok is False, "one constant step is right as often"
    assert found["agent better than every baseline, unseen"].ok is False, "and so is the last speaker"


def test_published_talks_alone_are_held_to_no_floor_and_it_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    at = [2, 3, 2, 1, 3, 1, 2, 2]
    runs = [(name, talk(step), f"E{step}", step) for name, step in zip(published(8), at, strict=True)]
    pack = pack_of(tmp_path, talks=runs)
    assert main(["--data", str(tmp_path), "--checks", "blame"]) == 0
    assert "no run here is unseen: no floor is applied" in capsys.readouterr().out
    found = figures(pack)
    assert {one.ok for one in found.values()} == {None}
    assert found["step right, each run left out"].value.right == 8
    assert found["agent right, a tenth left out"].value == Spread(1.0, 1.0, 1.0, REPEATS)
    assert found["baseline: constant step, each run left out"].value.right == 4
    assert found["step right, in sample"].value.right == 8


def test_a_run_that_is_left_out_has_no_part_in_the_fit(tmp_path: Path):
    """Of one run that goes against all others nothing is learnt when it is the one asked for."""
    against = (published(9)[8], talk(2), "E1", 1)
    runs = [(name, talk(at), f"E{at}", at) for name, at in zip(published(8), [2, 3, 4, 3, 2, 4, 3, 4], strict=True)]
    crossing = Crossing(heard(pack_of(tmp_path, talks=[*runs, against]), "talks"))
    assert [(agent, step) for _, agent, step in crossing.named([8])] == [("E2", 2)]
    everything = list(crossing.named(list(range(9))))
    assert {step for _, _, step in everything} == {1}, "a fit to nothing has no weights, and names the earliest"


def test_folds_hold_every_run_once_and_are_the_same_for_a_seed(tmp_path: Path):
    runs = [(name, talk(2), "E2", 2) for name in published(23)]
    crossing = Crossing(heard(pack_of(tmp_path, talks=runs), "talks"))
    folds = crossing.folds(10, 1)
    assert sorted(number for fold in folds for number in fold) == list(range(23))
    assert {len(fold) for fold in folds} == {2, 3}
    assert folds == crossing.folds(10, 1) != crossing.folds(10, 2)


def test_led_runs_are_held_to_nothing_and_it_is_said_whether_guessing_is_better(tmp_path: Path):
    runs = [(name, asks("Look for bars.", "Look for bars."), "Web", 2) for name in [*unseen(3), *published(2)]]
    found = figures(pack_of(tmp_path, led=runs))
    assert {one.ok for one in found.values()} == {None}
    assert found["step right, unseen"].value.right == 3
    assert found["step better than every baseline, unseen"].value is False
    assert "100.0% beside 100.0%" in found["step better than every baseline, unseen"].note
    assert "nothing is fitted to led runs" in found["left out"].note


def test_baselines_are_what_guessing_comes_to(tmp_path: Path):
    runs = heard(
        pack_of(tmp_path, one=[("1", talk(2), "E2", 2), ("2", talk(2), "E4", 4), ("3", talk(2), "E4", 4)]), "one"
    )
    assert commonest(runs) == 4
    found = baselines(runs, 4)
    assert [found.constant_step.right, found.last_speaker.right, found.frequent_speaker.right] == [2, 2, 0]
    assert (found.random_step, found.random_agent) == (0.2, 0.2)
    assert (found.step, found.agent) == (0.6667, 0.6667)


def test_intervals_are_wilsons():
    assert [round(end, 4) for end in wilson(19, 35)] == [0.3819, 0.6953]
    assert wilson(0, 10)[0] == 0
    assert wilson(10, 10)[1] == pytest.approx(1)


def test_weights_go_to_the_clues_of_the_labelled_turns(tmp_path: Path):
    runs = [(name, talk(at), f"E{at}", at) for name, at in zip(published(6), [1, 2, 3, 4, 2, 3], strict=True)]
    hidden = [(name, talk(2), "E1", 1) for name in unseen(6)]
    posed = choices(heard(pack_of(tmp_path, talks=runs + hidden), "talks"))
    assert len(posed) == 6, "nothing of the unseen runs is looked at"
    weights, many = fit(posed)
    assert len(weights) == len(WEIGHTS)
    assert weights[1] > 1
    assert (*weights[:1], *weights[2:]) == (0, 0, 0, 0, 0)
    assert many == 1, "the first of bounds that do equally well"


def test_the_fit_is_at_the_top_of_the_hill(tmp_path: Path):
    """Three of four runs say the claim, one the turn before it: with penalty w²/2 the slope 4(3/4 - p) - w is nought."""
    runs = [(name, talk(2), f"E{at}", at) for name, at in zip(published(4), [2, 2, 2, 1], strict=True)]
    weights, _ = fit(choices(heard(pack_of(tmp_path, talks=runs), "talks")))
    top = min((w / 1000 for w in range(5000)), key=lambda w: abs(3 - 4 * exp(w) / (exp(w) + 3) - w))
    assert weights[1] == round(top, 1) > 0


def recorded() -> list[Pack]:
    data = data_folder()
    packs = find_traces(data, "whowhen*") if data else []
    if not packs:
        pytest.skip("no recordings: set HOLDFAST_DATA to a folder of packs")
    return packs


def test_the_weights_in_the_source_are_those_of_the_recorded_runs():
    posed = choices([run for pack in recorded() for stem in sets(pack) for run in heard(pack, stem)])
    if not posed:
        pytest.skip("no published recordings: set HOLDFAST_DATA to the folder that has them")
    assert fit(posed) == (WEIGHTS, MANY)


def test_guessing_comes_to_what_the_recorded_packs_say():
    found = [figure for pack in recorded() for figure in check_blame(pack)]
    assert [one.figure for one in found if one.figure.startswith("pack's baseline") and one.ok is False] == []
