"""diff: two contracts, wherever they are; and what the second would have said of the calls that were recorded."""

from __future__ import annotations

import json

import pytest

from tests.cli.bills import CONTRACT, write_agent

STRICT = CONTRACT.replace("args.cents > 1000", "args.cents > 600").replace('usd: "0.10"', 'usd: "0.05"')
MODELS = "models: [anthropic:claude-sonnet-4-5-20250929]"


@pytest.fixture
def strict(place):
    """The same agent, which asks a person sooner."""
    return write_agent(place / "next", contract=STRICT)


@pytest.fixture
def paid(holdfast, payer):
    """Four bills: declined, two paid, one waiting for the boss."""
    found = [
        holdfast("run", payer, json.dumps({"bill": bill}), "--key", f"bill:{bill}", "--json")
        for bill in ("0", "500", "700", "5000")
    ]
    return [one.json["run"] for one in found]


def flat(said):
    return " ".join(said.out.split())


def test_contracts_of_two_folders_are_told_apart_field_by_field(holdfast, payer, strict):
    found = holdfast("diff", payer, strict)
    assert found.code == 0
    assert "2 changed" in found.out
    assert "~ tools.pay.review  “big sums need a person”: args.cents > 1000 becomes args.cents > 600" in found.out
    assert "~ limits.usd  0.10 USD becomes 0.05 USD" in found.out
    changes = holdfast("diff", payer, strict, "--json").json["changes"]
    assert [one["path"] for one in changes] == ["tools.pay.review", "limits.usd"]
    assert "no difference" in holdfast("diff", payer, payer).out


def test_contract_file_beside_the_one_in_use(holdfast, payer):
    (payer / "next.yaml").write_text(STRICT.replace("{name}", "payer").replace("{{", "{").replace("}}", "}"))
    assert "2 changed" in holdfast("diff", payer, payer / "next.yaml").out


def test_run_its_key_and_its_contract_name_what_is_in_the_journal(holdfast, payer, paid):
    other = holdfast("diff", payer, paid[0], "--json").json
    assert [one["path"] for one in other["changes"]] == ["models", "models"]
    digest = other["b"]["contract"]
    for name in ("bill:500", digest, digest[:8], paid[1][:8]):
        assert holdfast("diff", paid[0], name, "--json").json["b"]["contract"] == digest
    found = holdfast("diff", payer, "nobody")
    assert found.code == 64
    assert "no agent's folder, no contract file, no run and no contract" in found.err
    assert holdfast("diff", payer, payer / "nothing.yaml").code == 64


def test_backtest_names_what_would_be_reviewed_with_its_rule_and_run(holdfast, payer, strict, paid):
    found = holdfast("diff", payer, strict, "--backtest")
    assert found.code == 0
    assert "newly reviewed" in found.out
    assert "pay  1 call  big sums need a person  review[0]" in found.out
    assert f"run {paid[2]}, entry" in found.out
    assert "In 1 run something goes otherwise, and what follows it cannot be known: 1 call stands after it" in flat(
        found
    )
    assert "the runs were opened too close together to say" in found.out
    assert max(map(len, found.out.splitlines())) <= 100
    told = holdfast("diff", payer, strict, "--backtest", "--json").json
    assert {change: told["newly"][change]["calls"] for change in told["newly"]} == {
        "refused": 0,
        "reviewed": 1,
        "allowed": 0,
    }
    (rule,) = told["newly"]["reviewed"]["by_rule"]
    assert rule["examples"][0]["run"] == paid[2]
    assert [one["calls"] for one in told["reviews"]] == [1, 2]
    assert told["backtest"]["runs"] == 4


def test_backtest_of_chosen_runs(holdfast, payer, strict, paid):
    told = holdfast("diff", payer, strict, "--backtest", "--where", "outcome=declined", "--json").json
    assert (told["backtest"]["runs"], told["newly"]["reviewed"]["calls"]) == (1, 0)
    assert holdfast("diff", payer, strict, "--backtest", "--since", "1h", "--json").json["backtest"]["runs"] == 4
    none = holdfast("diff", payer, strict, "--backtest", "--since", "2040-01-01")
    assert (none.code, "no runs of payer like that" in none.out) == (0, True)
    assert holdfast("diff", payer, strict, "--since", "1h").code == 64


def test_two_folders_need_no_journal(holdfast, payer, strict):
    assert holdfast("diff", payer, strict).code == 0
    assert holdfast("diff", payer, strict, "--backtest").code == 4
    assert holdfast("diff", payer, "r_1").code == 4
