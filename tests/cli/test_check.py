"""check: errors apart from advice, every default, and whether each injected type is provided."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from holdfast import lint
from holdfast.cli import check_place
from tests.cli.bills import CONTRACT, TOOLS, write_agent
from tests.sandbox.backends import backend

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


def anchors(page):
    """The anchors that a page's headings have."""
    headings = re.findall(
        r"^#+ (.+)$", re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


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
    told = " ".join(found.out.split())
    assert "0 errors, 2 pieces of advice advice 2 tools.pay: its description tells a model too little" in told
    assert "gpt-latest is an alias that moves" in found.out
    assert len(holdfast("check", vague, "--json").json["advice"]) == 2


def test_advice_counts_where_it_is_to(holdfast, place, payer):
    alias = write_agent(place, "alias", contract=CONTRACT.replace("claude-sonnet-4-5-20250929", "claude-sonnet"))
    assert holdfast("check", alias).code == 0
    assert holdfast("check", alias, "--strict").code == 1
    sound = write_agent(
        place, "sound", tools=TOOLS.replace("Pay one bill, once.", "Pay one bill, once, from our account.")
    )
    assert holdfast("check", sound, "--strict").code == 0
    alias.joinpath("contract.yaml").write_text("name: alias\n")
    assert holdfast("check", alias, "--strict").code == 3


def test_each_finding_says_where_it_stands_and_what_explains_it(holdfast, place, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    wrong = write_agent(
        place, "wrong", contract=CONTRACT.replace("[cents]", "[sum]").replace("args.bill}", "args.bil}")
    )
    found = holdfast("check", wrong, "--json").json["errors"]
    told = {one["what"]: (one["where"], one["place"].rpartition("/")[2], one["docs"]) for one in found}
    assert told == {
        "pay has no argument sum": ("tools.pay.amendable", "contract.yaml:14", "docs/contract.md#toolstoolamendable"),
        "pay has no argument bil (in `args.bil`)": (
            "tools.pay.needs.look_up.bill", "contract.yaml:9", "docs/contract.md#toolstoolneeds",
        ),
    }  # fmt: skip
    told = " ".join(holdfast("check", wrong).out.split())
    assert "wrong/contract.yaml:14 docs/contract.md#toolstoolamendable" in told
    advised = write_agent(place, "advised", tools=TOOLS.replace("Pay one bill, once.", "Pay."))
    (one,) = holdfast("check", advised, "--json").json["advice"]
    assert (one["place"].rpartition(":")[2], one["docs"]) == ("8", "docs/tools.md#declaring")


@pytest.mark.parametrize(
    ("before", "after", "line", "where", "docs"),
    [
        ("steps: 6", "steps: 0", "15", "limits.steps", "contract.md#limits"),
        ("amendable", "amendabel", "14", "tools.pay.amendabel", "contract.md#tools"),
        ("limits:", "limist:", "15", "limist", "contract.md#the-keys"),
        ("task: Pay one bill.", "task: Pay: one bill", "2", "", "contract.md#the-keys"),
        ("  look_up:\n", "", "8", "tools.pay.needs", "contract.md#toolstoolneeds"),
    ],
)
def test_what_keeps_a_contract_from_being_made_has_its_line_too(holdfast, place, before, after, line, where, docs):
    wrong = write_agent(place, "wrong", contract=CONTRACT.replace(before, after, 1))
    found = holdfast("check", wrong, "--json")
    assert found.code == 3
    one = found.json["errors"][0]
    assert (one["place"].rpartition(":")[2], one["docs"]) == (line, f"docs/{docs}")
    assert not where or one["where"] == where


def pages():
    """Every link that `check` can print."""
    written = re.findall(
        r'"((?:tools|contract|undo|workspaces)\.md[#\w-]*)"', Path(lint.__file__).read_text(encoding="utf-8")
    )
    clauses = [check_place.docs(f"tools.x.{clause}", "") for clause in check_place.CLAUSES]
    keys = [check_place.docs(key, "") for key in check_place.KEYS]
    return sorted({*written, *clauses, *keys, *check_place.OTHERS.values(), *(page for _, page in check_place.SAID)})


@pytest.mark.parametrize("page", pages())
def test_every_link_leads_somewhere(page):
    name, _, anchor = page.partition("#")
    file = ROOT / "docs" / name
    assert file.exists()
    assert not anchor or anchor in anchors(file)


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
