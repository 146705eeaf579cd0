"""docs/compare.md: its output and its picture are what its agents come to, and every verdict, option and worth is on it."""

from __future__ import annotations

import re
from typing import get_args
from xml.etree import ElementTree as ET

from holdfast.cli import main
from holdfast.evals.compare.stakes import KEYS
from holdfast.evals.compare.verdict import EXIT_CODES, Verdict
from tests.docs.pages import ROOT, samples
from tests.evals import payers

PAGE = ROOT / "docs" / "compare.md"
TEXT = PAGE.read_text(encoding="utf-8")


def words(path):
    return ["".join(node.itertext()) for node in ET.parse(path).iter("{http://www.w3.org/2000/svg}text")]


def still(text):
    """Without what differs each time: times, and names of runs."""
    lines = [re.sub(r"r_[0-9a-f]{16}", "RUN", line) for line in text.splitlines()]
    return [line for line in lines if not re.match(r" *(median|time) ", line)]


def test_the_output_and_the_picture_are_those_of_two_agents(elsewhere, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    payers.both(elsewhere)
    assert main(["compare", "guesses", "looks", "--svg", "compare.svg"]) == 0
    (shown,) = samples(PAGE, "text")
    assert still(capsys.readouterr().out) == still(shown.text)
    assert words("compare.svg") == words(ROOT / "docs" / "compare.svg")


def test_every_verdict_stands_on_it_with_its_exit_code():
    table = dict(re.findall(r"^\| ([a-z ]+?) \| .* \| (\d) \|$", TEXT.partition("## How to read")[2], re.MULTILINE))
    assert table == {verdict: str(EXIT_CODES[verdict]) for verdict in get_args(Verdict)}


def test_every_option_and_every_worth_is_on_it(capsys):
    main(["compare", "--help"])
    options = {word.rstrip(".,") for word in capsys.readouterr().out.split() if word.startswith("--")}
    told = {
        "--help",
        "--case",
        "--model",
        "--concurrency",
        "--label",
        "--png",
        "--debug",
        "--env",
    }  # what they are stands in the help
    assert "--worth" in options
    assert {option for option in options - told if option not in TEXT} == set()
    assert all(key in TEXT for key in KEYS)
