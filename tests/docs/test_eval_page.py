"""docs/eval.md tells of every null agent, every option and every verdict there is; its output and its job are real ones."""

from __future__ import annotations

import re
import shlex
from typing import get_args
from xml.etree import ElementTree as ET

import pytest
from ruamel.yaml import YAML

from holdfast.cli import main
from holdfast.evals.stats.gate import EXIT_CODES, Verdict
from holdfast.evals.trials.nulls import NAMES
from tests.docs.pages import ROOT, samples
from tests.docs.test_made_pages import maker

PAGE = ROOT / "docs" / "eval.md"
TEXT = PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*NAMES, *get_args(Verdict)])
def test_it_is_on_the_page(name):
    assert name in TEXT


def test_every_option_is_on_the_page(capsys):
    main(["eval", "--help"])
    options = {word.rstrip(".,") for word in capsys.readouterr().out.split() if word.startswith("--")}
    told = {"--help", "--cases", "--seed", "--concurrency", "--debug"}  # what they are stands beside them in the help
    assert "--require" in options
    assert {option for option in options - told if option not in TEXT} == set()


def without_what_differs(text):
    """An output without names of runs, seconds and the contract's digest, and without the places they take."""
    text = re.sub(r"r_[0-9a-f]{16}", "RUN", re.sub(r"contract [0-9a-f]{12}", "contract", text))
    return re.sub(r"(?m)( 0\.0000) +\d+\.\d\d\b", r"\1 SECONDS", text)


def test_its_output_is_what_the_desk_s_cases_give_today():
    made = maker("make_samples")
    shown = made.shown(PAGE)
    assert without_what_differs(shown) == without_what_differs(made.eval_sample()), "run python docs/make_samples.py"
    assert max(map(len, shown.splitlines())) <= 100


def test_its_commands_name_cases_that_are_there():
    told = re.findall(r"(?m)^\$ holdfast eval examples/refund_desk .*--case.*$", TEXT)
    named = [name for line in told for name in re.findall(r"--case (\S+)", line)]
    assert named
    assert all((ROOT / "examples" / "refund_desk" / "cases" / f"{name}.yaml").exists() for name in named)


def test_its_table_of_exit_codes_is_that_of_the_code():
    told = dict(re.findall(r"(?m)^\| (\d) \| (\w+):", TEXT))
    assert {word: int(code) for code, word in told.items()} == EXIT_CODES


def test_the_job_it_shows_leaves_the_files_it_uploads(elsewhere, capsys):
    (sample,) = [one for one in samples(PAGE, "yaml") if one.not_run]
    steps = YAML(typ="safe").load(sample.text)["jobs"]["eval"]["steps"]
    (command,) = [step["run"] for step in steps if step.get("run", "").startswith("holdfast ")]
    words = [word.replace("examples/", f"{ROOT}/examples/") for word in shlex.split(command)[1:]]
    assert main(words) == 0
    assert "refund-desk: pass" in (elsewhere / "eval.md").read_text(encoding="utf-8")
    suite = ET.parse(elsewhere / "eval.xml").find("testsuite")
    assert (suite.get("failures"), suite.get("skipped")) == ("0", "1")
    (upload,) = [step["with"]["path"].split() for step in steps if "upload-artifact" in step.get("uses", "")]
    assert all(list(elsewhere.glob(pattern)) for pattern in upload)
    assert capsys.readouterr().out.startswith("refund-desk")
