"""The picture: every side and its intervals are on it, it is the same again, and nothing shines through."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import matplotlib.image
import pytest

from holdfast.evals.compare.chart import COLOURS, SHAPES, draw
from holdfast.evals.compare.score import planned, score
from holdfast.evals.compare.sides import LETTERS
from holdfast.evals.horizon.plot import GROUND
from tests.evals.compare.test_score import STAKES, F, T, compared, sides, singles, trial

WON = {"A": singles(*[F] * 6, *[T] * 6), "B": singles(*[T] * 11, F)}
MADE = {
    "two": compared(WON, A=0.01, B=0.5),
    "alike": compared({"A": WON["A"], "B": WON["A"]}, A=0.01, B=0.01),
    "free": compared(WON),
    "none": compared({"A": singles(F, F), "B": singles(F, F)}),
    "many": compared({letter: WON["AB"[at % 2]] for at, letter in enumerate(LETTERS)}, **{letter: 0.1 * at for at, letter in enumerate(LETTERS)}),
    "often": compared({side: [[one[0], T, T, F] for one in won] for side, won in WON.items()}, trials=4, A=0.01, B=0.02),
}  # fmt: skip


def texts(path):
    return [
        text for node in ET.parse(path).iter("{http://www.w3.org/2000/svg}text") if (text := "".join(node.itertext()))
    ]


@pytest.mark.parametrize("which", MADE)
def test_every_kind_is_drawn_both_ways_on_a_ground_of_its_own(which, tmp_path):
    for kind in ("svg", "png"):
        draw(MADE[which], tmp_path / f"a.{kind}", kind)
    pixels = matplotlib.image.imread(tmp_path / "a.png")
    assert pixels.shape[:2] == (1040, 1680)
    ground = [int(GROUND[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    assert pixels[0, 0, :3] == pytest.approx(ground, abs=0.01)
    assert pixels[..., 3].min() == 1.0
    assert (abs(pixels[..., :3] - ground).max(axis=2) > 0.3).mean() > 0.005
    said = texts(tmp_path / "a.svg")
    assert {side.letter for side in MADE[which].sides} <= set(said)
    assert any("worth as much as A" in one for one in said)


def test_it_says_the_verdict_and_what_it_rests_on(tmp_path):
    draw(MADE["two"], tmp_path / "a.svg", "svg")
    said = " | ".join(texts(tmp_path / "a.svg"))
    for words in (
        "B against A: not enough evidence",
        "12 cases × 1 trial",
        "A success is worth 4.00 USD, a failure -25.00",
        "agent-A",
    ):
        assert words in said
    draw(MADE["often"], tmp_path / "b.svg", "svg")
    assert "Hollow: all of 4 trials" in " | ".join(texts(tmp_path / "b.svg"))


def test_a_price_that_nobody_knows_is_said(tmp_path):
    made = sides(4)
    told = [trial(side, case, 1, T, unpriced=int(side == "B")) for side in "AB" for case in range(4)]
    draw(score(planned(made, 1, 0, STAKES), made, told), tmp_path / "a.svg", "svg")
    assert "Nobody knows what B costs" in " | ".join(texts(tmp_path / "a.svg"))


def test_the_same_values_give_the_same_bytes(tmp_path):
    for kind in ("svg", "png"):
        for name in ("a", "b"):
            draw(MADE["two"], tmp_path / f"{name}.{kind}", kind)
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


def test_each_side_has_a_colour_and_a_shape_of_its_own():
    assert len(set(COLOURS)) == len(set(SHAPES)) == len(LETTERS)
