"""check: errors apart from advice, every default, and whether each injected type is provided."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.cli.bills import CONTRACT, TOOLS, write_agent
from tests.sandbox.backends import backend

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_sound_agent_shows_its_defaults(holdfast, payer):
    found = holdfast("check", payer)
    assert found.code == 0
    assert found.out.startswith("payer  contract ")
    assert "0 errors" in found.out
    for default in ("limits.work: 5m", "limits.wall: 30d", "limits.retries: 4", 'surprises.unknown: "review"'):
        assert default in " ".join(found.out.split())
    assert "limits.steps" not in found.out


def test_advice_is_not_an_error(holdfast, place):
    vague = write_agent(
        place, "vague", tools=TOOLS.replace("Pay one bill, once.", "Pay."),
        contract=CONTRACT.replace("anthropic:claude-sonnet-4-5-20250929", "openai:gpt-latest"),
    )  # fmt: skip
    found = holdfast("check", vague)
    assert found.code == 0
    assert "advice  tools.pay: its description tells a model too little" in found.out
    assert "gpt-latest is an alias that moves" in found.out
    assert len(holdfast("check", vague, "--json").json["advice"]) == 2


def test_errors_are_3_and_all_named(holdfast, place):
    wrong = write_agent(
        place, "wrong", contract=CONTRACT.replace("[cents]", "[sum]").replace("args.bill}", "args.bil}")
    )
    found = holdfast("check", wrong)
    assert found.code == 3
    assert "pay has no argument sum" in found.out
    assert "pay has no argument bil" in found.out
    report = holdfast("check", wrong, "--json").json
    assert report["errors"][0]["level"] == "error"
    assert report["defaults"] == {}


def test_unprovided_type_is_an_error_also_in_a_look_up(holdfast, place):
    lookup = TOOLS.replace("def pay(bill", "def pay(bill").replace(
        "@tool.write(timeout=5)",
        "class Vault:\n    pass\n\n\ndef find(bill: str, cents: int, *, vault: Vault) -> None: ...\n\n\n"
        '@tool.write(timeout=5, lookup=find, effect_id="bill")',
    )
    needy = write_agent(place, "needy", tools=lookup)
    found = holdfast("check", needy)
    assert found.code == 3
    assert "pay(vault) wants a Vault, and no resource is one" in found.out


def test_settings_reach_the_resources_here_too(holdfast, place):
    picky = write_agent(
        place, "picky", tools=TOOLS.replace("    yield Desk()", "    settings['door']\n    yield Desk()")
    )
    found = holdfast("check", picky)
    assert found.code == 4
    assert "the resources of picky could not be opened: KeyError: 'door'" in found.err
    assert holdfast("check", picky, "--setting", "door=open").code == 0


def test_what_this_machine_isolates_is_said_and_a_machine_without_a_sandbox_is_an_error(holdfast, tmp_path):
    backend("bubblewrap", None)
    shutil.copytree(EXAMPLES / "data_cleanup", tmp_path / "cleanup", ignore=shutil.ignore_patterns("__pycache__"))
    found = holdfast("check", tmp_path / "cleanup", "--json")
    assert found.code == 0
    told = found.json["isolation"]
    assert "bubblewrap" in told[0]
    assert any("memory" in what for what in told[1:])
    contract = tmp_path / "cleanup" / "contract.yaml"
    contract.write_text(contract.read_text().replace("workspace: ./work", "workspace: ./work\n    isolation: strong"))
    missing = holdfast("check", tmp_path / "cleanup")
    assert missing.code == 3
    assert "no sandbox here reaches the isolation `strong`" in missing.out
