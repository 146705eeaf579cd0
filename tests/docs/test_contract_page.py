"""docs/contract.md says of every key of a contract what it is, with its default, an example, and what follows."""

from __future__ import annotations

import re

import pytest
from pydantic_core import PydanticUndefined

from holdfast import contract, units
from tests.docs.pages import ROOT

TEXT = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
HEADED = {contract.Contract: "", contract.Grant: "tools.<tool>."}
"""Models whose keys have a heading each."""
TABLED = {
    contract.Rule: "Rules", contract.Review: "Reviews", contract.Limits: "Limits", contract.Surprises: "Surprises",
    contract.Done: "Done", contract.Worth: "Worth", contract.Carve: "Carves", contract.Agree: "Agreement",
    contract.Programs: "Programs", contract.Team: "Teams", contract.Across: "Across", contract.Rate: "Rates", contract.Breaker: "Breakers",
}  # fmt: skip
"""Models whose keys are rows of a table under this heading."""


def keys(models):
    return [(model, name, field) for model in models for name, field in model.model_fields.items()]


def key_of(name, field):
    return field.alias or name


def written(model, name, field):
    """A default as the page writes it."""
    if field.is_required():
        return "none, it is required" if model in HEADED else "required"
    value = field.get_default(call_default_factory=True)
    assert value is not PydanticUndefined
    if type(value) in TABLED:
        return "its keys' own"
    if value in (None, "", [], {}):
        return "none"
    if "duration" in str(field.metadata) or name in ("work", "wall"):
        return f"`{units.say_duration(value)}`"
    if name == "usd":
        return f'`"{units.say_usd(value)}"`'
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if model is contract.Worth else f"`{value}`"


def sections(level):
    """Heading → what stands under it."""
    parts = re.split(rf"^{'#' * level} (.+)$", TEXT, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize(
    ("model", "name", "field"), keys(HEADED), ids=lambda value: getattr(value, "__name__", str(value)[:20])
)
def test_a_key_has_a_heading_a_default_an_example_and_what_follows(model, name, field):
    key = f"{HEADED[model]}{key_of(name, field)}"
    under = sections(3).get(f"`{key}`")
    assert under is not None, f"docs/contract.md has no heading ### `{key}`"
    under = re.split(r"^## ", under, flags=re.MULTILINE)[0]
    assert f"\nDefault: {written(model, name, field)}.\n" in under
    example = re.search(r"```yaml\n(.*?)```", under, flags=re.DOTALL)
    assert example, f"{key} has no example"
    assert f"{key_of(name, field)}:" in example[1] or key == "predicates"
    assert "*When broken:*" in under, f"{key}: what follows when it is broken?"


@pytest.mark.parametrize(
    ("model", "name", "field"), keys(TABLED), ids=lambda value: getattr(value, "__name__", str(value)[:20])
)
def test_a_key_has_a_row_with_its_default(model, name, field):
    under = sections(2)[TABLED[model]]
    row = re.search(rf"^\| `{key_of(name, field)}` \| (.+?) \| (.+?) \| (.+) \|$", under, flags=re.MULTILINE)
    assert row, f"docs/contract.md, {TABLED[model]}: there is no row for `{key_of(name, field)}`"
    assert row[1] == written(model, name, field)
    assert len(row[3]) > 20


def test_every_model_of_a_contract_is_on_the_page():
    models = {
        made for made in vars(contract).values()
        if isinstance(made, type) and issubclass(made, contract._Clause) and made is not contract._Clause
    }  # fmt: skip
    assert models == {*HEADED, *TABLED}


@pytest.mark.parametrize("kind", list(contract.Surprises.model_fields))
def test_a_surprise_lists_the_words_it_may_be(kind):
    row = re.search(rf"^\| `{kind}` \| `\w+` \| (.+?) \|", sections(2)["Surprises"], flags=re.MULTILINE)
    allowed = contract.Surprises.model_fields[kind].annotation.__args__
    assert re.findall(r"`(\w+)`", row[1]) == list(allowed)


def test_the_names_and_functions_of_conditions_are_all_told():
    from holdfast import conditions

    under = sections(2)["Conditions"]
    assert set(re.findall(r"^\| `(\w+)", under, flags=re.MULTILINE)) == conditions.NAMES
    assert f"{conditions.MAX_LENGTH} characters" in under
    assert f"{conditions.MAX_ITEMS:,} items" in under
    for function in ("total(", "quotes("):
        assert function in under
