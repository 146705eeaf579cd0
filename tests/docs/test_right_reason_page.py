"""docs/right_reason.md: every key is on the page, its decisions can be read, and its numbers are those of the code."""

from __future__ import annotations

import re

from ruamel.yaml import YAML

from holdfast.evals.reason.decision import Decision, Flip, parse
from holdfast.evals.stats.reasons import SAFE, SENSITIVE, STEADY, least
from tests.docs.pages import ROOT, samples

PAGE = ROOT / "docs" / "right_reason.md"
TEXT = PAGE.read_text(encoding="utf-8")


def keys(head: str) -> set[str]:
    """The keys in the first column of the table under a heading."""
    table = TEXT.partition(f"| {head} |")[2].partition("\n\n")[0]
    return set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))


def test_every_key_is_on_the_page():
    assert keys("key") == set(Decision.model_fields) - {"name"}
    assert keys("key of a flip") == {field.alias or name for name, field in Flip.model_fields.items()} - {"any"}
    assert "`any: true`" in TEXT


def test_the_decisions_of_the_page_can_be_read():
    (sample,) = samples(PAGE, "yml")
    found = parse(YAML(typ="safe").load(sample.text), "the page")
    assert [place for place, _ in found["refund"].flips()] == ["get_order:status", "get_policy:return_days"]


def test_the_numbers_of_the_page_are_those_of_the_code():
    few = least()
    said = f"that takes {few.sensitive} forks for S, and {few.safe} each for W and Q; to show\nthat nothing changes takes {few.wrong}."
    assert few.safe == few.steady
    assert said in TEXT
    assert f"above {SENSITIVE:g}".replace("0.", ".") in TEXT
    assert f"W above {SAFE:g}, Q − ν below {STEADY:g}".replace("0.", ".") in TEXT
