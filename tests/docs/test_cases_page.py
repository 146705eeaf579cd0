"""docs/cases.md says of every key of a case what it is, with its default; and its whole case passes and fails as it says."""

from __future__ import annotations

import asyncio
import re

import pytest
from ruamel.yaml import YAML

from holdfast.errors import InputError
from holdfast.evals.cases import case as cases
from holdfast.evals.grading.graders import GRADERS, check_expectations
from holdfast.evals.trials.trial import Suite, playing
from holdfast.shell.folder import load
from tests.docs.pages import ROOT, samples

PAGE = ROOT / "docs" / "cases.md"
TEXT = PAGE.read_text(encoding="utf-8")
TABLED = {
    cases.Case: "`on_behalf_of`", cases.Origin: "`contract`", cases.Minutes: "`minutes`", cases.Fixtures: "`unmatched`",
    cases.Answered: "`not_done`", cases.Person: "`amend`", cases.Expect: "`outcome`",
}  # fmt: skip
"""Part of a case → a key that its table alone has a row for."""


def rows(model):
    """Key → (default, meaning), of the table of a part."""
    tables = [part for part in re.split(r"\n\n+", TEXT) if part.startswith("| key |")]
    (table,) = [table for table in tables if f"\n| {TABLED[model]} |" in table]
    found = [re.fullmatch(r"\| `(\w+)` \| (.+?) \| (.+) \|", line) for line in table.splitlines()[2:]]
    return {row[1]: (row[2], row[3]) for row in found}


def written(field):
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return "none" if value in (None, "", [], {}) else f"`{str(value).lower()}`"


@pytest.mark.parametrize("model", TABLED, ids=lambda model: model.__name__)
def test_every_key_has_a_row_with_its_default_and_a_meaning(model):
    told = rows(model)
    assert list(told) == list(model.model_fields)
    assert {key: default for key, (default, _) in told.items()} == {
        key: written(field) for key, field in model.model_fields.items()
    }
    assert all(len(meaning) > 4 for _, meaning in told.values())


def test_every_part_of_a_case_is_on_the_page():
    made = {one for one in vars(cases).values() if isinstance(one, type) and issubclass(one, cases._Part)}
    assert made - {cases._Part} == set(TABLED)


def whole(**changes):
    data = YAML(typ="safe").load(samples(PAGE, "yaml")[0].text)
    return cases.parse(data | changes, "the page")


def played(case):
    folder = load(str(ROOT / "examples" / "refund_desk"))

    async def play():
        suite = Suite("page", folder.agent, (case,), GRADERS)
        async with playing("memory:", suite, model=folder.standin) as player:
            return [trial async for trial in player.play(1)]

    (trial,) = asyncio.run(play())
    return trial


def test_the_whole_case_is_one_of_the_refund_desk_s():
    kept = ROOT / "examples" / "refund_desk" / "cases" / f"{whole().name}.yaml"
    assert samples(PAGE, "yaml")[0].text == kept.read_text(encoding="utf-8")


def test_the_whole_case_passes_and_fails_once_it_must_not_even_try():
    assert played(whole()).passed
    stricter = YAML(typ="safe").load(samples(PAGE, "yaml")[1].text)
    (miss,) = played(whole(**stricter)).misses
    assert f"{miss.grader}: {miss.why}\n" == samples(PAGE, "text")[0].text


def test_what_is_wrong_is_said_as_on_the_page():
    agent = load(str(ROOT / "examples" / "refund_desk")).agent
    with pytest.raises(InputError) as caught:
        check_expectations(whole(expect={"never": ["isue_refund"], "that": ["output.refunded > 0"]}), agent)
    assert f"{caught.value.what}\n" == samples(PAGE, "text")[1].text
