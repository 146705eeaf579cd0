"""docs/sandbox.md: its tables are those of the code, and of this machine."""

from __future__ import annotations

import asyncio
import re

import pytest

from holdfast.sandbox.port import FIELDS, RANK, Limits
from tests.docs.pages import ROOT
from tests.sandbox.backends import KINDS, backend

PAGE = ROOT / "docs" / "sandbox.md"
TEXT = PAGE.read_text(encoding="utf-8")


def rows(head):
    """The cells of the table under a heading."""
    table = TEXT.partition(f"| {head} |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_every_floor_limit_and_field_is_on_the_page():
    assert [row[0].strip("`") for row in rows("floor")] == list(RANK)
    assert [row[0].strip("`") for row in rows("limit")] == list(Limits.__struct_fields__)
    assert sorted(name for row in rows("field") for name in re.findall(r"`(\w+)`", row[0])) == sorted(FIELDS)


def test_the_defaults_on_the_page_are_those_of_the_code():
    units = {"s": 1_000_000, "MB": 1 << 20, "kB": 1024, "": 1}
    for name, default, _ in rows("limit"):
        number, unit = re.match(r"([\d,]+) ?(s|MB|kB|)", default).groups()
        assert int(number.replace(",", "")) * units[unit] == getattr(Limits(), name.strip("`")), name


@pytest.mark.parametrize("name", KINDS)
def test_what_the_page_says_was_measured_is_what_is_measured_here(name, tmp_path_factory):
    found = asyncio.run(backend(name, None, tmp_path_factory.mktemp("measured")).probe())
    assert found.available, found.why_not
    column = 1 + list(KINDS).index(name)
    said = {field: row[column] for row in rows("field") for field in re.findall(r"`(\w+)`", row[0])}
    assert {field: getattr(found, field) for field in FIELDS} == said
