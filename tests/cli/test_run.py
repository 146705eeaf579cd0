"""new, run: from an empty folder to an outcome, and every way an input can come in."""

from __future__ import annotations

import io

import pytest

from holdfast.cli import main
from holdfast.cli.agents import load_agent
from tests.cli.bills import STANDIN, TOOLS, write_agent


def test_new_agent_runs_at_once_without_a_key(holdfast, place):
    made = holdfast("new", "rooms")
    assert made.code == 0
    assert sorted(path.name for path in (place / "rooms").iterdir()) == [
        "README.md", "contract.yaml", "instructions.md", "standin.py", "tools.py",
    ]  # fmt: skip
    found = holdfast("run", "rooms", "A room for 6 on Monday, please. Ana")
    assert found.code == 0
    assert "Library" in found.out
    assert "next: holdfast why r_" in found.out
    assert found.err.startswith("a scripted stand-in answers, no model")


def test_new_agent_has_something_for_a_reviewer(holdfast):
    holdfast("new", "rooms")
    assert holdfast("run", "rooms", "A room for 40 on Friday", "--key", "k").code == 2
    assert holdfast("review", "approve", "k", "--as", "bo", "--role", "office").code == 0
    found = holdfast("resume", "k", "--json")
    assert (found.code, found.json["output"]["room"]) == (0, "Hall")


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("A room for 90 on Friday", 0, "No room with 90 seats"),
        ("A room, please", 2, "For which day of this week"),
        ("What is the weather?", 0, "This desk only books rooms."),
    ],
)
def test_new_agent_answers_what_it_cannot_do(holdfast, text, code, told):
    holdfast("new", "rooms")
    found = holdfast("run", "rooms", text)
    assert found.code == code
    assert told in " ".join(found.out.replace("│", " ").split())


def test_new_agent_of_the_readme_checks_clean(holdfast):
    holdfast("new", "rooms")
    found = holdfast("check", "rooms", "--json")
    assert (found.code, found.json["errors"], found.json["advice"]) == (0, [], [])


def test_new_says_where_with_json(holdfast, place):
    found = holdfast("new", "rooms", "--in", place / "agents", "--json")
    assert found.json["folder"] == str(place / "agents" / "rooms")
    assert "Rooms" not in (place / "agents" / "rooms" / "contract.yaml").read_text()


@pytest.mark.parametrize(("name", "text"), [("../up", "is no name"), ("rooms", "exists already")])
def test_new_refuses_bad_names_and_never_overwrites(holdfast, place, name, text):
    (place / "rooms").mkdir()
    found = holdfast("new", name)
    assert found.code == 64
    assert text in found.err
    assert list((place / "rooms").iterdir()) == []


def test_new_says_where_it_may_not_write(holdfast, place):
    (place / "file").write_text("")
    found = holdfast("new", "rooms", "--in", place / "file")
    assert found.code == 64
    assert "cannot be written" in found.err


# ---------------------------------------------------------------------------------------------------------- inputs


def test_outcome_says_what_it_cost_and_what_to_do_next(holdfast, payer):
    found = holdfast("run", payer, '{"bill": "700"}')
    assert found.code == 0
    assert "paid  700" in found.out
    assert "3 steps · 0.00 USD" in found.out


def test_json_outcome(holdfast, payer):
    found = holdfast("run", payer, '{"bill": "700"}', "--json")
    assert (found.json["outcome"], found.json["output"], found.json["usd"]) == ("done", {"paid": 700}, "0.00")


def test_input_from_a_file_and_from_stdin(holdfast, payer, place, monkeypatch):
    (place / "bill.json").write_text('{"bill": "700"}')
    assert holdfast("run", payer, "@bill.json", "--json").json["output"] == {"paid": 700}
    monkeypatch.setattr("sys.stdin", io.StringIO('{"bill": "800"}'))
    assert holdfast("run", payer, "-", "--json").json["output"] == {"paid": 800}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("700", "the input does not fit what payer takes"),
        ("please pay", "takes more than a text: an object with bill"),
        ('{"bill": 700', "the input is no JSON"),
        ('{"bil": "700"}', "the input does not fit what payer takes: bill: Field required"),
        ("@nowhere.json", "nowhere.json cannot be read"),
    ],
)
def test_wrong_input_is_3_and_opens_no_run(holdfast, payer, place, given, text):
    found = holdfast("run", payer, given)
    assert found.code == 3
    assert text in found.err
    assert "no runs yet" in holdfast("show").out or not (place / ".holdfast").exists()


def test_no_input_is_64(holdfast, payer):
    assert holdfast("run", payer).code == 64
    assert "--batch FILE" in holdfast("run", payer).err


def test_text_input_may_be_quoted_or_plain(holdfast):
    holdfast("new", "rooms")
    plain = holdfast("run", "rooms", "a room for 2 on monday", "--json").json
    quoted = holdfast("run", "rooms", '"a room for 2 on tuesday"', "--json").json
    assert [plain["output"]["room"], quoted["output"]["room"]] == ["Attic", "Attic"]
    assert holdfast("run", "rooms", '"odd" room', "--json").code == 2


def test_same_key_is_the_same_run_and_another_input_a_conflict(holdfast, payer):
    first = holdfast("run", payer, '{"bill": "700"}', "--key", "k", "--json").json
    again = holdfast("run", payer, '{"bill": "700"}', "--key", "k", "--json").json
    assert first["run"] == again["run"]
    other = holdfast("run", payer, '{"bill": "701"}', "--key", "k")
    assert other.code == 3
    assert "came before, with another input" in other.err


def test_circumstances_are_recorded(holdfast, payer):
    run = holdfast("run", payer, '{"bill": "700"}', "--by", "svc:x", "--on-behalf-of", "c:1", "--json").json["run"]
    seen = holdfast("show", run, "--json").json
    assert (seen["by"], seen["on_behalf_of"], seen["tags"]["agent_path"]) == ("svc:x", "c:1", str(payer))


def test_declined_is_0_and_stopped_is_1(holdfast, payer, place):
    assert holdfast("run", payer, '{"bill": "0"}', "--json").json["outcome"] == "declined"
    silly = STANDIN.replace("return done(paid=", "return done(paid='x' if request.step else ")
    lazy = write_agent(place, "lazy", standin=silly.replace("finish]", "finish, finish]"))
    found = holdfast("run", lazy, '{"bill": "700"}', "--json")
    assert found.code == 1
    assert found.json["outcome"] == "stopped"
    assert "paid: Input should be a valid integer" in found.json["why"]


# ------------------------------------------------------------------------------------------------- modes and models


def test_simulate_writes_nothing_and_supervise_asks_about_everything(holdfast, payer):
    run = holdfast("run", payer, '{"bill": "700"}', "--mode", "supervise", "--json")
    assert (run.code, run.json["waits_for"]) == (2, "person")
    simulated = holdfast("run", payer, '{"bill": "701"}', "--mode", "simulate", "--json")
    assert simulated.code == 0
    assert "simulated" in holdfast("show", simulated.json["run"]).out
    holdfast("new", "rooms")
    assert holdfast("run", "rooms", "A room for 6 on Monday", "--mode", "simulate", "--json").json["output"]["room"]


def test_stand_in_is_named_as_such_in_the_journal(holdfast, payer):
    run = holdfast("run", payer, '{"bill": "700"}', "--json").json["run"]
    assert "script:payer" in holdfast("show", run).out
    assert "claude" not in holdfast("show", run, "--full").out


def test_model_of_the_contract_answers_where_its_key_is_there(monkeypatch, payer):
    assert load_agent(str(payer)).notice
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    loaded = load_agent(str(payer))
    assert (loaded.notice, loaded.agent.contract.models) == ("", ["anthropic:claude-sonnet-4-5-20250929"])


def test_named_model_replaces_those_of_the_contract(holdfast, monkeypatch, payer):
    found = holdfast("run", payer, '{"bill": "700"}', "--model", "openai:gpt-5.1")
    assert found.code == 4
    assert "OPENAI_API_KEY is not set" in found.err
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    loaded = load_agent(str(payer), "openai:gpt-5.1")
    assert loaded.agent.contract.models == ["openai:gpt-5.1"]
    assert loaded.agent.contract.digest != loaded.folder.agent.contract.digest
    assert loaded.agent.bound.contract is loaded.agent.contract
    assert (
        loaded.agent.answered_by(loaded.folder.agent.contract.models).contract.digest
        == loaded.folder.agent.contract.digest
    )


def test_no_key_and_no_stand_in_is_4(holdfast, place):
    mute = write_agent(place, "mute", standin="")
    found = holdfast("run", mute, '{"bill": "700"}')
    assert found.code == 4
    assert "ANTHROPIC_API_KEY is not set" in found.err
    assert "what to do:" in found.err
    assert holdfast("run", mute, '{"bill": "700"}', "--model", "standin").code == 64


def test_agent_can_be_a_python_object(holdfast, place, payer):
    (place / "bills.py").write_text(
        "from holdfast.shell.folder import load\nfolder = load('payer')\nagent = folder.agent\n"
        "standin, resources = folder.standin, folder.resources\n"
    )
    found = holdfast("run", "bills:agent", '{"bill": "700"}', "--json")
    assert found.json["output"] == {"paid": 700}
    assert holdfast("show", "--json").json[0]["tags"] == {"agent_path": "bills:agent"}
    assert holdfast("run", "bills:nobody", "1").code == 64
    assert holdfast("run", "nowhere", "1").code == 64


def test_settings_reach_the_resources(holdfast, place):
    holdfast("new", "rooms")
    assert holdfast("run", "rooms", "a room for 2 on monday", "--setting", "rooms=here.db").code == 0
    assert (place / "here.db").exists()
    assert holdfast("run", "rooms", "x", "--setting", "rooms").code == 64


def test_argument_that_is_no_text_is_64(holdfast, payer):
    found = holdfast("run", payer, "\udcff")
    assert found.code == 64
    assert "is no UTF-8" in found.err


def test_key_that_came_before_is_mentioned(holdfast, payer):
    assert "came before" not in holdfast("run", payer, '{"bill": "700"}', "--key", "k").err
    assert (
        "came before: the same request is the same run" in holdfast("run", payer, '{"bill": "700"}', "--key", "k").err
    )


def test_numbers_that_json_does_not_have_are_no_input(holdfast, payer):
    assert holdfast("run", payer, "[NaN]").code == 3
    assert holdfast("run", payer, "[" * 100_000).code == 3


INTERRUPTED = TOOLS.replace(
    "    return Found(bill=bill, cents=int(bill))",
    "    import os, signal\n    if not os.path.exists('once'):\n        open('once', 'w').close()\n"
    "        os.kill(os.getpid(), signal.SIGINT)\n    return Found(bill=bill, cents=int(bill))",
)


def test_interrupted_run_goes_on_where_it_was(holdfast, place):
    agent = write_agent(place, "agent", tools=INTERRUPTED)
    found = holdfast("run", agent, '{"bill": "700"}', "--key", "k")
    assert found.code == 130
    assert "finishing what is under way" in found.err
    resumed = holdfast("resume", "k", "--json")
    assert resumed.json["output"] == {"paid": 700}
    calls = holdfast("show", "k", "--json").json["calls"].values()
    assert [len(call["tried"]) for call in calls if call["tool"] == "look_up"] == [1]


def test_terminal_shows_what_a_run_is_doing(payer, on_terminal):
    shown = on_terminal(lambda: main(["run", str(payer), '{"bill": "700"}', "--json"]))
    assert "a scripted stand-in answers" in shown
    assert "\x1b[" in shown
