"""The picture: what is on it, that it is the same again, and that nothing of it lies outside."""

from __future__ import annotations

import subprocess
import sys
from xml.etree import ElementTree as ET

import matplotlib.image
import pytest

from holdfast.evals.horizon.curve import reliability
from holdfast.evals.horizon.plot import GROUND, draw
from tests.evals.curves import row, rows

CASES = {
    "within": rows(families=30),
    "beyond": rows(high=4.0, half=200.0),
    "rising": rows(slope=0.5),
    "failed": [row(f"t{at}", float(2**at), 0.0) for at in range(6)],
    "one": [row(f"t{at}", 10.0, float(at % 2)) for at in range(6)],
}


@pytest.mark.parametrize("case", CASES)
def test_every_kind_of_curve_is_drawn_both_ways(case, tmp_path):
    found = reliability(CASES[case], draws=20)
    for kind in ("svg", "png"):
        draw(found, tmp_path / f"a.{kind}", kind)
    pixels = matplotlib.image.imread(tmp_path / "a.png")
    assert pixels.shape[:2] == (1040, 1680)
    ground = [int(GROUND[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    assert pixels[0, 0, :3] == pytest.approx(ground, abs=0.01)
    assert pixels[..., 3].min() == 1.0  # nothing shines through, on a dark page either
    assert (abs(pixels[..., :3] - ground).max(axis=2) > 0.3).mean() > 0.005


def texts(path):
    return [
        text for node in ET.parse(path).iter("{http://www.w3.org/2000/svg}text") if (text := "".join(node.itertext()))
    ]


def test_the_picture_says_its_horizons_its_tasks_and_its_provenance(tmp_path):
    found = reliability(rows(families=30, source="reviewer's estimate"), draws=20)
    draw(found, tmp_path / "a.svg", "svg")
    said = " | ".join(texts(tmp_path / "a.svg"))
    for words in (
        "50 %:",
        "80 %:",
        "180 runs of 90 tasks in 30 families",
        "reviewer's estimate 90",
        "20 draws",
        "how long a person",
    ):
        assert words in said
    assert {str(one.tasks) for one in found.buckets} <= set(texts(tmp_path / "a.svg"))


def test_the_same_values_give_the_same_bytes(tmp_path):
    found = reliability(rows(), draws=20)
    for kind in ("svg", "png"):
        for name in ("a", "b"):
            draw(found, tmp_path / f"{name}.{kind}", kind)
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


def test_no_screen_is_asked_for_and_nothing_is_drawn_until_it_is_asked():
    code = (
        "import sys; from holdfast.evals.horizon.curve import reliability; from holdfast.cli.horizon import register\n"
        "assert 'matplotlib' not in sys.modules\n"
        "import holdfast.evals.horizon.plot\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
