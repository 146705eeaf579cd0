"""erase: what was recorded about somebody is gone, and the chain still verifies."""

from __future__ import annotations


def test_runs_of_a_subject_are_gone_and_the_chain_holds(holdfast, payer):
    for bill, whom in (("700", "c:1"), ("800", "c:2"), ("900", "c:1")):
        assert holdfast("run", payer, f'{{"bill": "{bill}"}}', "--on-behalf-of", whom, "--key", bill).code == 0
    asked = holdfast("erase", "--subject", "c:1", "--because", "they asked")
    assert (asked.code, "nothing was erased" in asked.err) == (0, True)
    gone = holdfast("erase", "--subject", "c:1", "--because", "they asked", "--as", "dpo", "--yes")
    assert (gone.code, "of 2 runs destroyed" in gone.out) == (0, True)
    assert "[erased" in holdfast("show", "700").out
    assert '"bill": "800"' in holdfast("show", "800").out
    assert "cli:dpo" in holdfast("show", "900").out
    assert holdfast("verify").code == 0


def test_nothing_is_erased_where_one_of_the_runs_is_open(holdfast, payer, waiting):
    assert holdfast("run", payer, '{"bill": "700"}', "--key", "small").code == 0
    said = holdfast("erase", "small", waiting, "--because", "x", "--yes")
    assert (said.code, f"1 run of them is open: {waiting}" in said.err) == (64, True)
    assert "erased" not in holdfast("show", "small").out


def test_it_has_to_be_said_of_what_and_why(holdfast, waiting):
    assert "say which runs, or whose" in holdfast("erase", "--because", "x").err
    assert "on what basis" in holdfast("erase", waiting).err
