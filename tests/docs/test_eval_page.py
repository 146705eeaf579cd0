"""docs/eval.md tells of every null agent, every option and every verdict there is."""

from __future__ import annotations

from typing import get_args

import pytest

from holdfast.cli import main
from holdfast.evals.stats.gate import Verdict
from holdfast.evals.trials.nulls import NAMES
from tests.docs.pages import ROOT

TEXT = (ROOT / "docs" / "eval.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*NAMES, *get_args(Verdict)])
def test_it_is_on_the_page(name):
    assert name in TEXT


def test_every_option_is_on_the_page(capsys):
    main(["eval", "--help"])
    options = {word.rstrip(".,") for word in capsys.readouterr().out.split() if word.startswith("--")}
    told = {"--help", "--cases", "--seed", "--concurrency", "--debug"}  # what they are stands beside them in the help
    assert "--require" in options
    assert {option for option in options - told if option not in TEXT} == set()
