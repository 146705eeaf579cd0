"""docs/drill.md: its plan is one, its table of kinds is that of the code, and its sample of a world is seen by a drill."""

from __future__ import annotations

import re
import shlex

from ruamel.yaml import YAML

from holdfast.cli import main
from holdfast.evals.drills.faults import KINDS, parse
from holdfast.evals.drills.kill import POINTS
from holdfast.evals.drills.process import KIND
from holdfast.evals.drills.tool import Verdict
from tests.docs.pages import ROOT, samples

PAGE = ROOT / "docs" / "drill.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_its_plan_is_a_plan():
    (sample,) = [one for one in samples(PAGE, "yaml") if one.not_run]
    plan = parse(YAML(typ="safe").load(sample.text), sample.place)
    assert plan.seed == 7
    assert len(plan.faults) == 3


def test_every_kind_stands_on_it_with_what_it_is():
    under = TEXT.partition("## What goes wrong")[2].partition("## Plans")[0]
    told = dict(re.findall(r"^\| `([\w-]+)` \| ([^|]+?) \|", under, re.MULTILINE))
    assert told == {kind: says for kind, (_, says) in KINDS.items()}
    assert all(f"* `{point}`" in TEXT for point in POINTS)


def test_every_verdict_on_a_tool_stands_on_it():
    under = TEXT.partition("## Is a tool safe?")[2]
    assert tuple(re.findall(r"^\| ([a-z ]+?) \|", under, re.MULTILINE)[1:]) == Verdict.__args__


def test_its_table_has_a_line_for_every_kind_and_shows_nothing_twice():
    shown, killed = (one.text for one in samples(PAGE, "text"))
    rows = re.findall(r"^([a-z-]+) +[\d,]+ +\d+ of \d+ .* (\d+) +(\d+) +(\d+)$", shown, re.MULTILINE)
    assert {row[0] for row in rows} == {*KINDS, *POINTS}
    assert all(row[1:] == ("0", "0", "0") for row in rows)
    (row,) = re.findall(rf"^{KIND} +[\d,]+ +\d+ of \d+ .* (\d+) +(\d+) +(\d+)$", killed, re.MULTILINE)
    assert row == ("0", "0", "0")
    assert max(map(len, (shown + killed).splitlines())) <= 100


def test_its_command_for_two_kinds_runs_on_the_desk_s_cases(elsewhere, capsys):
    (command,) = re.findall(r"(?m)^\$ holdfast (drill examples/refund_desk --kind .*)$", TEXT)
    assert main([word.replace("examples/", f"{ROOT}/examples/") for word in shlex.split(command)]) == 0
    told = capsys.readouterr().out
    cases = len(list((ROOT / "examples" / "refund_desk" / "cases").glob("*.yaml")))
    assert told.startswith(f"refund-desk  {cases} cases, {cases} clean trials")
    assert f"On the {cases} cases of the refund desk" in TEXT
    assert "no effect came twice, none was lost" in told
