"""docs/horizon.md: its output and its picture are what its rows come to, and its factors and fields are those of the code."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from holdfast.cli import main
from holdfast.evals.horizon.rows import FACTORS, Row
from tests.docs.pages import ROOT, samples

PAGE = ROOT / "docs" / "horizon.md"
TEXT = PAGE.read_text(encoding="utf-8")


def words(path):
    return ["".join(node.itertext()) for node in ET.parse(path).iter("{http://www.w3.org/2000/svg}text")]


def test_the_output_and_the_picture_are_those_of_the_rows(elsewhere, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    exec(compile(samples(PAGE, "python")[0].text, "horizon.md", "exec"), {})
    assert main(["horizon", "rows.jsonl", "--svg", "horizon.svg"]) == 0
    assert capsys.readouterr().out == samples(PAGE, "text")[0].text
    assert words("horizon.svg") == words(ROOT / "docs" / "horizon.svg")


def test_every_field_and_every_factor_is_on_the_page():
    table = TEXT.partition("## Rows")[2].partition("\n\nHuman minutes")[0]
    told = {name for cell in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", cell)}
    assert told == set(Row.__struct_fields__)
    factors = " ".join(TEXT.partition("\nFactors: ")[2].partition(". An agent's")[0].split())
    assert tuple(factors.split(", ")) == FACTORS
