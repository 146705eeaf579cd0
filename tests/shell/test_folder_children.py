"""Agents that call other agents, and teams, as folders."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from holdfast.cli.agents import load_agent
from holdfast.errors import ContractError, SettingsError, UsageError
from holdfast.shell.folder import load


def write(place: Path, contract: str, *, tools: str = "", standin: str = "") -> Path:
    place.mkdir(parents=True, exist_ok=True)
    (place / "contract.yaml").write_text(dedent(contract))
    (place / "tools.py").write_text(dedent(tools))
    if standin:
        (place / "standin.py").write_text(dedent(standin))
    return place


HELPER = """
    name: {name}
    task: Help with one thing.
    takes: {{type: object, properties: {{x: {{type: string}}}}}}
    gives: {{type: object, properties: {{n: {{type: integer}}}}}}
    models: [anthropic:claude-sonnet-4-5-20250929]
    tools: {tools}
"""
BOSS = """
    name: boss
    task: Have things done.
    takes: {type: object, properties: {x: {type: string}}}
    gives: {type: object, properties: {n: {type: integer}}}
    models: [anthropic:claude-sonnet-4-5-20250929]
    tools:
      help: {agent: ../helper, at_most: 2, limits: {usd: "0.05", retries: 1}}
"""
STANDIN = "from holdfast import done, script\nstandin = script(done(n=1))\n"


@pytest.fixture
def boss(tmp_path) -> Path:
    write(tmp_path / "helper", HELPER.format(name="helper", tools="{}"), standin=STANDIN)
    return write(tmp_path / "boss", BOSS, standin=STANDIN)


def test_an_agent_is_named_by_its_folder_and_its_contract_is_in_that_of_its_caller(boss):
    folder = load(str(boss))
    terms = folder.agent.contract.tools["help"]
    assert terms.agent["name"] == "helper"
    assert (terms.at_most, terms.limits.retries, terms.limits.usd) == (2, 1, 50_000_000)
    assert [one.agent.name for one in folder.family] == ["boss", "helper"]
    before = folder.agent.contract.digest
    write(boss.parent / "helper", HELPER.format(name="helper", tools="{}").replace("one thing", "two things"))
    assert load(str(boss)).agent.contract.digest != before


def test_stand_ins_answer_for_the_whole_family_each_in_its_own_name(boss):
    loaded = load_agent(str(boss), "standin")
    assert [one.contract.models for one in loaded.agent.family] == [["script:boss"], ["script:helper"]]
    assert sorted(loaded.models) == ["script:boss", "script:helper"]


def test_a_family_of_which_one_cannot_answer_is_answered_by_stand_ins_or_by_nobody(boss, monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    assert "no model" in load_agent(str(boss)).notice
    (boss.parent / "helper" / "standin.py").unlink()
    with pytest.raises(SettingsError):
        load_agent(str(boss))
    with pytest.raises(UsageError, match="helper has no stand-in"):
        load_agent(str(boss), "standin")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("../helper", "../nobody", "there is no agent at"), ("../helper", ".", "leads back here"),
        ("at_most: 2", "amendable: [x]", "is not amended"), ('usd: "0.05"', "dollars: 5", "no key of a contract"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_delegation_is_said_with_its_file(boss, old, new, said):
    contract = boss / "contract.yaml"
    contract.write_text(contract.read_text().replace(old, new))
    with pytest.raises(ContractError, match=said) as found:
        load(str(boss))
    assert str(contract) in str(found.value)


def test_agents_that_lead_back_to_each_other_are_refused(boss):
    write(boss.parent / "helper", HELPER.format(name="helper", tools="{up: {agent: ../boss}}"))
    with pytest.raises(ContractError, match="leads back here"):
        load(str(boss))


# ------------------------------------------------------------------------------------------------------------- teams

MEMBER = """
    name: {name}
    task: Look at it.
    takes: {takes}
    gives: {gives}
    models: [anthropic:claude-sonnet-4-5-20250929]
    tools: {{}}
"""
TYPES = """
    from pydantic import BaseModel
    from holdfast.teams import Brief, Posts, Round
    class Memo(BaseModel):
        text: str
        cites: list[str]
"""
TEAM = """
    name: incident
    task: Say what broke.
    takes: {type: string}
    gives: Memo
    team:
      peers: {../net: {limits: {usd: "0.10"}}, ../db: }
      writer: ../author
      rounds: 2
      writes: {limits: {usd: "0.20"}}
    limits: {usd: "0.90"}
"""


@pytest.fixture
def team(tmp_path) -> Path:
    for name in ("net", "db"):
        write(tmp_path / name, MEMBER.format(name=name, takes="Round", gives="Posts"), tools=TYPES, standin=STANDIN)
    write(tmp_path / "author", MEMBER.format(name="author", takes="Brief", gives="Memo"), tools=TYPES, standin=STANDIN)
    return write(tmp_path / "team", TEAM, tools=TYPES)


def test_a_team_is_a_contract_without_tools_and_models(team):
    folder = load(str(team))
    contract = folder.agent.contract
    assert contract.models == ["holdfast:team:2:author:net+db"]
    assert contract.tools["net"].limits.usd == 100_000_000
    assert contract.tools["author"].limits.usd == 200_000_000
    assert contract.tools["db"].limits is None
    assert contract.limits.usd == 900_000_000


def test_the_order_of_rounds_needs_no_stand_in(team):
    loaded = load_agent(str(team), "standin")
    assert loaded.agent.contract.models == ["holdfast:team:2:author:net+db"]
    assert sorted(loaded.models) == ["script:author", "script:db", "script:net"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("rounds: 2", "rounds: 0", "rounds"), ("writer: ../author", "author: ../author", "`team` has `peers`"),
        ("../db: }", "}", "two peers or more"), ('limits: {usd: "0.90"}', "tools: [x]", "no key of a team"),
        ("../author", "../net", "the writer is one of the peers"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_team_is_said_with_its_file(team, old, new, said):
    contract = team / "contract.yaml"
    contract.write_text(contract.read_text().replace(old, new))
    with pytest.raises(ContractError, match=said):
        load(str(team))
