"""docs/failures.md names every detector with its grade, and every failure that is not decided with its reason."""

from __future__ import annotations

import re

import pytest

from holdfast.views.detectors import RULES
from tests.docs.pages import ROOT

TEXT = (ROOT / "docs" / "failures.md").read_text(encoding="utf-8")
GRADES = {"E": "exact", "S": "suspect"}


def rows(heading: str) -> dict[int, list[str]]:
    """Number → the cells of the rows of a numbered table under a heading."""
    under = re.split(rf"^{heading}", TEXT, flags=re.MULTILINE)[1]
    under = re.split(r"^## ", under, flags=re.MULTILINE)[0]
    lines = [line for line in under.splitlines() if re.match(r"\| \d", line)]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {int(row[0]): row[1:] for row in cells}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.number))
def test_a_detector_is_on_the_page_with_its_grade_and_where_it_is_wrong(rule):
    name, grade, found, wrong = rows("## The detectors")[rule.number]
    assert (name, grade) == (rule.name, GRADES[rule.grade])
    assert len(found) > 20
    assert wrong


def test_nothing_else_is_on_the_page():
    assert sorted(rows("## The detectors")) == [rule.number for rule in RULES]


def test_every_detector_is_measured_once_under_its_grade():
    measured = TEXT.partition("## Measured")[2].partition("Rules that are often")[0]
    for grade, word in GRADES.items():
        table = measured.partition(f"| {word} |")[2].partition("\n\n")[0]
        first = [line.split("|")[1] for line in table.splitlines()[2:] if line.startswith("|")]
        numbers = [int(number) for cell in first for number in re.findall(r"\b\d+\b", cell)]
        assert sorted(numbers) == sorted(rule.number for rule in RULES if rule.grade == grade)
