"""`dojo_*`: what the checks know without agentdojo, how they are started, and on the recorded pack what contracts let through."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from real.__main__ import main, packs_for
from real.dojo import environment, terms
from real.dojo.catalog import SLACK, SUITES, TRUSTED, Facts, catalog
from real.dojo.checks import NAMES, check_dojo, find_dojos
from real.dojo.desk import Desk, Kit, agent_of
from real.dojo.environment import NotHere, is_ready, wanted_mark
from real.dojo.recording import runs_of
from real.dojo.script import Script, Wish, faithful, obedient
from real.figures import Figure
from real.packs import Pack, data_folder

A, B, C, X = (Wish(name, {}) for name in "abcx")


@pytest.fixture
def pack(tmp_path):
    folder = tmp_path / "agentdojo"
    (folder / "banking").mkdir(parents=True)
    tools = [
        {"name": "look", "effect": "read", "outbound": False, "target_args": [], "parameters": {"type": "object"}},
        {"name": "pay", "effect": "write", "outbound": True, "target_args": ["to"], "note": "gone is gone"},
    ]
    (folder / "banking" / "tools.json").write_text(json.dumps({"suite": "banking", "tools": tools}))
    return Pack(folder)


def test_an_attacker_is_obeyed_in_mid_task():
    assert obedient([A, B, C], [X], "so", 2) == Script(((A,), (B,), (X,), (C,)), "so")
    assert faithful([A, B], "so") == Script(((A,), (B,)), "so")


def test_the_packs_word_for_a_tool_counts_and_ours_where_it_keeps_a_suite_back(pack):
    assert [name for name, facts in catalog(pack.folder, "banking").items() if facts.guarded] == ["pay"]
    assert catalog(pack.folder, "travel") is None
    ours = catalog(pack.folder, "slack")
    assert {name for name, facts in ours.items() if not facts.guarded} == {
        "get_channels", "get_users_in_channel", "read_channel_messages", "read_inbox",
    }  # fmt: skip
    (pack.folder / "slack").mkdir()
    (pack.folder / "slack" / "tools.json").write_text(json.dumps({"tools": [{"name": "shout", "effect": "write"}]}))
    assert list(catalog(pack.folder, "slack")) == ["shout"]


def test_whatever_is_guarded_in_slack_names_its_target():
    assert all(bool(facts.target_args) == facts.guarded for facts in SLACK)


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "string"}, "text"), ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "text"),
        ({"type": "array", "items": {"type": "string"}}, "texts"), ({"type": "array", "items": {"type": "object"}}, "other"),
        ({"type": "number"}, "number"), ({"type": "integer"}, "number"), ({"$ref": "#/$defs/Permission"}, "other"),
    ],
)  # fmt: skip
def test_an_argument_is_what_its_schema_says_apart_from_null(schema, kind):
    assert Facts("f", "write", parameters={"properties": {"a": schema}}).kind("a") == kind
    assert Facts("f", "write").kind("a") == "text"


def test_what_is_trusted_is_a_plain_read_of_the_pack():
    data = data_folder()
    if data is None or not find_dojos(data, "agentdojo"):
        pytest.skip("no agentdojo pack: set HOLDFAST_DATA to a folder of packs")
    for suite in SUITES:
        tools = catalog(data / "agentdojo", suite)
        assert all(not tools[name].guarded for name in TRUSTED[suite])


def test_a_recorded_run_is_read_as_its_script(pack):
    calls = [{"id": "1", "function": "look", "args": {"at": 1}}, {"id": "2", "function": "look", "args": {}}]
    messages = [
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "content": "seen", "tool_call_id": "1", "error": None},
        {"role": "assistant", "content": "so it is"},
    ]
    run = {"user_task": "u", "injection_task": None, "injections": {}, "utility": True, "attack_succeeded": None}
    import gzip

    assert runs_of(pack, "banking") is None
    lines = [json.dumps({**run, "messages": messages}), json.dumps({**run, "messages": messages[:2]})]
    (pack.folder / "banking" / "runs_gpt4o.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    whole, cut = runs_of(pack, "banking")
    turn = (Wish("look", {"at": 1}), Wish("look", {}))
    assert (whole.script(), cut.script()) == (Script((turn,), "so it is"), Script((turn,), ""))


# -------------------------------------------------------------------------------------------------- starting a check


def interpreter(folder: Path, *lines: str) -> Path:
    """Something that stands where the environment's Python does, and prints what it is asked to."""
    path = folder / "python"
    path.write_text("\n".join([f"#!{sys.executable}", "import sys", *lines]))
    path.chmod(0o755)
    return path


def test_without_its_environment_a_check_is_skipped_and_says_why(pack):
    def absent():
        raise NotHere("agentdojo==0.1.35 cannot be installed: no network")

    (figure,) = check_dojo("dojo_obedient", pack, environment=absent)
    assert (figure.figure, figure.ok, figure.note) == (
        "skipped",
        None,
        "agentdojo==0.1.35 cannot be installed: no network",
    )


def test_a_pack_without_a_suite_needs_no_environment(tmp_path):
    def absent():
        raise AssertionError("nobody may install anything for this")

    (tmp_path / "agentdojo").mkdir()
    (figure,) = check_dojo("dojo_obedient", Pack(tmp_path / "agentdojo"), environment=absent)
    assert "no suite" in figure.note


def test_figures_are_passed_on_as_they_come(pack, tmp_path):
    line = Figure("dojo_approvals", "agentdojo", "banking", "requests asked", 14, 14, ok=True).line()
    python = interpreter(tmp_path, f"print({line!r})", "assert sys.argv[-1] == 'banking', sys.argv")
    (figure,) = check_dojo("dojo_approvals", pack, ["banking"], lambda: python)
    assert (figure.set, figure.value, figure.ok) == ("banking", 14, True)


def test_a_check_that_breaks_off_is_off_and_says_its_last_word(pack, tmp_path):
    python = interpreter(tmp_path, "sys.exit('there is no suite like this')")
    (figure,) = check_dojo("dojo_recorded", pack, environment=lambda: python)
    assert (figure.figure, figure.ok) == ("broke off", False)
    assert figure.note == "it ended with 1: there is no suite like this"


def test_nobody_goes_on_working_for_a_reader_who_left(pack, tmp_path):
    line = Figure("dojo_approvals", "agentdojo", "banking", "requests asked", 14).line()
    python = interpreter(tmp_path, "import signal", f"print({line!r}, flush=True)", "signal.pause()")
    reading = check_dojo("dojo_approvals", pack, environment=lambda: python)
    assert next(reading).value == 14
    reading.close()  # comes back only once the child has ended


def test_what_cannot_be_installed_says_its_last_line():
    with pytest.raises(NotHere, match=r"cannot be installed: no such registry$"):
        environment._run([sys.executable, "-c", "import sys; print('so'); sys.exit('well\\nno such registry')"])


def test_an_environment_is_up_to_date_until_holdfast_needs_something_else(tmp_path):
    assert not is_ready(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").write_text("")
    (tmp_path / "dojo.mark").write_text(wanted_mark())
    assert is_ready(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["something>=2"]\n')
    (tmp_path / "dojo.mark").write_text(wanted_mark(tmp_path))
    assert not is_ready(tmp_path)


def test_a_suite_that_does_not_exist_is_explained(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["--data", str(tmp_path), "--checks", "dojo_obedient", "--suites", "chess"])
    assert "there is no suite called chess" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------- the recorded pack

LONG = [pytest.param(suite, marks=pytest.mark.long) for suite in ("workspace", "travel")]


def tasks(pack: Path, suite: str, kind: str) -> list[list[Wish]]:
    read = [json.loads(line) for line in (pack / suite / "tasks.jsonl").read_text().splitlines()]
    ours = [one for one in read if (one["version"], one["kind"]) == ("v1", kind)]
    return [[Wish(call["function"], call["args"]) for call in one["calls"]] for one in ours]


@pytest.mark.parametrize("suite", ["banking", *LONG])
def test_contracts_let_through_what_the_packs_policies_do(suite):
    """Attackers' calls alone, with tools that answer nothing: what passes is the contract's doing."""
    data = data_folder()
    if data is None or not (data / "agentdojo" / suite / "tasks.jsonl").is_file():
        pytest.skip("no agentdojo pack: set HOLDFAST_DATA to a folder of packs")
    pack = data / "agentdojo"
    told = json.loads((pack / "separation.json").read_text())["suites"]
    policies = next(one["policies"] for one in told if (one["suite"], one["version"]) == (suite, "v1"))
    tools = catalog(pack, suite)
    kits = {name: Kit(facts, name, facts.parameters) for name, facts in tools.items()}
    possible = {"tools": 0, "dest": 0}
    for at, gold in enumerate(tasks(pack, suite, "user")):
        with Desk() as desk:
            for policy, made in (("tools", terms.names), ("dest", terms.targets)):
                agent = agent_of(f"{suite}-{at}-{made.__name__}", kits, made(tools, gold))
                for attack in tasks(pack, suite, "injection"):
                    wanted = [wish for wish in attack if tools[wish.tool].guarded]
                    played = desk.play(agent, "", faithful(attack, ""), lambda wish: ("", ""), lambda wish: False)
                    passed = [one.wish for one in played.carried]
                    possible[policy] += bool(attack) and all(wish in passed for wish in wanted)
    expected = {policy: policies[policy]["attack_pairs_still_possible"] for policy in possible}
    assert possible == expected


@pytest.mark.long
@pytest.mark.parametrize("check", NAMES)
def test_banking_comes_to_its_figures(check):
    data = data_folder()
    packs = packs_for(data, check) if data else []
    if not packs:
        pytest.skip("no agentdojo pack: set HOLDFAST_DATA to a folder of packs")
    if not is_ready():
        pytest.skip("no environment with agentdojo: python -m real.dojo.environment makes it")
    figures = list(check_dojo(check, packs[0], ["banking"]))
    assert [figure for figure in figures if figure.ok is False] == []
    assert any(figure.ok for figure in figures)
