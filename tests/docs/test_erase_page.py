"""Every command of docs/erase.md, run in order in an empty folder, does what the page says."""

from __future__ import annotations

import shlex

from holdfast.cli import main
from holdfast.shell.bodies import INLINE_BYTES
from holdfast.shell.erasure import LEAST
from holdfast.units import DAY
from tests.docs.pages import ROOT, samples

PAGE = ROOT / "docs" / "erase.md"


def test_every_command_of_the_page_does_what_the_page_says(elsewhere, capsys):
    said = []
    for one in samples(PAGE, "console"):
        for line in one.text.splitlines():
            code = main(shlex.split(line.removeprefix("$ "))[1:])
            caught = capsys.readouterr()
            assert code == 0, f"{line}\n{caught.out}{caught.err}"
            said.append(caught.out + caught.err)
    *_, planned, erased, verified, old, retained = said
    assert "1 secret of 1 run tree" in planned
    assert "nothing was erased" in planned
    assert "of 1 run destroyed, after 1 secret of 1 run tree" in erased
    assert "everything is what was written" in verified
    assert "There is nothing to erase." in old
    assert "There is nothing to erase." in retained


def test_the_page_states_the_numbers_that_hold():
    text = PAGE.read_text(encoding="utf-8")
    assert f"more than {INLINE_BYTES:,} bytes" in text
    assert f"Less than {LEAST // DAY} days" in text
