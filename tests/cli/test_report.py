"""The readiness page: of an agent of which there is nothing, and of one of which there is everything; safe whatever was written."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import msgspec
import pytest
import typer

from holdfast.cli import app as parser
from holdfast.cli.report_markdown import markdown
from holdfast.cli.report_page import page
from holdfast.cli.report_words import document
from holdfast.evals.readiness.report import Found, Gathered, made
from holdfast.evals.readiness.rows import ACTIONS, rows
from tests import pauses
from tests.cli.aside import alone, say
from tests.cli.browser import Document, seen
from tests.cli.damage import flip
from tests.cli.test_trace_page import HOSTILE

DESK = Path(__file__).parents[2] / "examples" / "refund_desk"
JOURNAL = "sqlite:///.holdfast/journal.db"
FEW = ("mail:0001", "mail:0003", "mail:0004", "mail:0009", "mail:0012")
"""What is played; of these the first three are drilled."""


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A folder in which there is something of everything."""
    place = tmp_path_factory.mktemp("full")

    def said(*args):
        found = say(*args)
        assert found.code in (0, 1, 2), (args, found.err)
        return found.out

    with pytest.MonkeyPatch.context() as there:
        alone(there, place)
        pauses.short(there)
        make(said, place)
    return place


def make(say, place):
    """Runs, people, notes, cases, trials, a drill, forks, an undo and a checkpoint."""
    shutil.copytree(DESK, place / "desk", ignore=shutil.ignore_patterns("__pycache__", ".holdfast"))
    lines = (DESK / "requests.jsonl").read_text(encoding="utf-8").splitlines()
    say("run", "desk", "--batch", "desk/requests.jsonl")
    run = {row["key"]: row["run"] for row in json.loads(say("show", "--limit", 200, "--json"))}
    say("review", "amend", run["mail:0018"], "--set", "cents=4000", "--as", "fin", "--role", "finance")
    say("review", "deny", run["mail:0017"], "--as", "fin", "--role", "finance", "--text", "SECRET-WORDS")
    say("review", "approve", run["mail:0020"], "--as", "cas", "--role", "care")
    say("stop", run["mail:0052"], "--because", "SECRET-WORDS")
    say("cancel", run["mail:0033"], "--because", "SECRET-WORDS")
    say("undo", run["mail:0001"], "--yes", "--agent", "desk")
    for key in FEW:
        say("case", run[key], "--as-is", "--agent", "desk")
    say("note", run["mail:0003"], "bad", "SECRET-WORDS")
    say("eval", "desk", "--trials", 2, "--model", "standin")
    few = [line for line in lines if json.loads(line)["key"] in FEW[:3]]
    (place / "few.jsonl").write_text("\n".join(dict.fromkeys(few)), encoding="utf-8")
    say("drill", "desk", "--inputs", "few.jsonl", "--standard", "--model", "standin", "--probability", "0.9")
    say("why", run["mail:0001"], "--counterfactual", "refund", "--k", 2, "--agent", "desk")
    say("checkpoint", "--make-key", "desk.key", "--origin", "example.com/desk")
    say("checkpoint", "--key", "desk.key", "--anchor", "elsewhere/desk")


@pytest.fixture
def there(full, monkeypatch):
    """The folder with everything, to be in."""
    monkeypatch.chdir(full)
    return full


# -------------------------------------------------------------------------------------------------------- nothing


def test_of_nothing_it_says_no_evidence_everywhere_and_how_to_make_some(holdfast, payer):
    found = holdfast("report", payer)
    assert found.code == 0, found.err
    assert found.out.count("no evidence") > len(ACTIONS)
    assert f"holdfast eval {payer}" in found.out
    assert "Pay one bill." in found.out
    told = holdfast("report", payer, "--json").json
    assert not any(row["evidence"] for row in told["governance"])
    assert (told["production"], told["repeatability"], told["drill"], told["audit"]) == (None, None, None, None)
    assert told["contract_from"] == "the folder"


def test_wrong_input_and_a_journal_that_is_not_there(holdfast, payer):
    assert holdfast("report", "nobody").code == 4
    assert holdfast("run", payer, '{"bill": "700"}').code == 0
    found = holdfast("report", "nobody")
    assert found.code == 3
    assert "no run of an agent nobody" in found.err
    assert holdfast("report", "payer", "--eval", "sqlite:///not/there.db").code == 4
    assert holdfast("report", "payer", "--html", "no/such/folder.html").code == 3
    assert holdfast("report", "payer", "--pub", "no.pub").code == 4
    assert holdfast("report").code == 64


def test_a_run_is_evidence_of_what_it_is_and_of_nothing_else(holdfast, payer):
    holdfast("run", payer, '{"bill": "700"}')
    told = holdfast("report", "payer", "--json").json
    assert {row["id"] for row in told["governance"] if row["evidence"]} == {"MS-2.5-003", "MS-2.8-003", "Art. 12"}
    assert told["production"]["won"] == told["production"]["unattended"] == 1
    assert told["contract_from"] == "production"


def test_a_journal_that_was_changed_is_no_evidence_of_a_record_that_holds(holdfast, payer, place):
    runs = [holdfast("run", payer, json.dumps({"bill": bill}), "--json").json["run"] for bill in ("700", "800")]
    flip(place, runs[0], 3)
    found = holdfast("report", "payer")
    assert found.code == 0
    assert "damaged" in found.out
    assert "not what was written" in " ".join(found.out.split())
    told = holdfast("report", "payer", "--json").json
    assert (told["audit"]["damaged"], told["unreadable"], told["production"]["runs"]) == (1, 1, 1)
    assert "MS-2.8-003" not in {row["id"] for row in told["governance"] if row["evidence"]}


# ------------------------------------------------------------------------------------------------------ everything


def test_of_everything_each_row_has_evidence(holdfast, there):
    told = holdfast("report", "desk", "--pub", "desk.key.pub", "--anchor", "elsewhere/desk", "--json").json
    without = [row["id"] for row in told["governance"] if not row["evidence"]]
    assert without == []
    assert told["audit"]["damaged"] == 0
    assert (told["audit"]["keys"], told["audit"]["anchored"]) == (1, 1)
    assert told["repeatability"]["k"] == 2
    assert (
        told["drill"]["landed"]
        if "landed" in told["drill"]
        else sum(one["landed"] for one in told["drill"]["faults"]) > 30
    )
    assert [one["decision"] for one in told["reasons"]] == ["refund"]
    assert told["production"]["oversight"]["amendments"] == 1
    assert told["production"]["oversight"]["denials"] == 1
    assert told["production"]["aside"] == {
        "a counterfactual": len(told["reasons"][0]["runs"]) * told["reasons"][0]["forks"],
        "an undo": 1,
    }


def test_where_to_see_it_names_commands_that_there_are(holdfast, there):
    told = holdfast("report", "desk", "--json").json
    commands = typer.main.get_command(parser.app())
    seen = [one["see"] for row in told["governance"] for one in row["found"]]
    assert len(seen) >= len(ACTIONS)
    for line in seen:
        program, verb, *rest = shlex.split(line)
        assert program == "holdfast"
        command = commands.commands[verb]
        names = {option for param in getattr(command, "params", []) for option in param.opts}
        names |= {"--journal"} if verb == "review" else set()
        assert {word for word in rest if word.startswith("--")} <= names, line
    show = next(line for line in seen if "tags.drill=injected-instruction" in line)
    assert len(holdfast(*shlex.split(show)[1:], "--json").json) > 0


def test_the_text_fits_a_hundred_columns_and_says_the_same(holdfast, there):
    found = holdfast("report", "desk")
    assert found.code == 0
    assert max(map(len, found.out.splitlines())) <= 100
    for part in ("THE CONTRACT", "pass^2", "doubled", "needs a person", "refund: ", "S − ν", "approval takes", "chain of each run",
                 "MS-2.5-001", "Art. 26(6)", "stand-in answered"):  # fmt: skip
        assert part in found.out, part
    assert "complian" not in found.out.replace("claims no compliance", "").replace("No row claims compliance", "")


def test_nothing_that_anybody_said_is_in_it(holdfast, there):
    (there / "both.html").unlink(missing_ok=True)
    holdfast("report", "desk", "--html", "both.html", "--markdown", "both.md")
    texts = [(there / name).read_text(encoding="utf-8") for name in ("both.html", "both.md")]
    texts += [holdfast("report", "desk").out, holdfast("report", "desk", "--json").out]
    mail = json.loads((DESK / "requests.jsonl").read_text(encoding="utf-8").splitlines()[0])["input"]["message"]
    for text in texts:
        assert "SECRET-WORDS" not in text
        assert mail[:30] not in text


def test_who_looks_is_recorded_where_settings_ask_for_it(holdfast, payer, place):
    run = holdfast("run", payer, '{"bill": "700"}', "--json").json["run"]
    (place / "holdfast.toml").write_text(
        '[people]\nben = ["desk"]\n[roles.desk]\nsees = ["plain"]\n[access]\nlog = true\n'
    )
    assert holdfast("report", "payer", "--as", "ben").code == 0
    acts = holdfast("access", "--json").json["acts"]
    assert [(act["by"], act["what"], act["runs"]) for act in acts if act["kind"] == "viewed"] == [
        ("ben", "report", [run])
    ]
    assert holdfast("report", "payer", "--json").json["audit"]["viewings"] >= 1


# ------------------------------------------------------------------------------------------------------------ faces


def test_page_and_markdown_are_written_and_need_nothing_else(holdfast, there):
    found = holdfast("report", "desk", "--html", "r.html", "--markdown", "r.md")
    assert (found.code, found.out) == (0, "")
    assert "wrote r.html" in found.err
    assert "wrote r.md" in found.err
    text = Path("r.html").read_text(encoding="utf-8")
    shown = Document(text)
    ids = {attributes["id"] for _, attributes, _ in shown.elements if "id" in attributes}
    links = [attributes["href"] for attributes, _ in shown.all("a")]
    assert len(links) == 8
    assert {link.removeprefix("#") for link in links} <= ids
    assert not re.search(r"https?://|@import|url\(", text)
    assert not shown.all("script")
    assert shown.all("svg")
    assert sum(one[0].get("scope") == "row" for one in shown.all("th")) == 21
    md = Path("r.md").read_text(encoding="utf-8")
    assert md.count("\n## ") == 8
    rows_of = [line for line in md.splitlines() if line.startswith(("| G", "| M", "| Art"))]
    assert len(rows_of) == 21
    assert all(re.sub(r"\\\|", "", line).count("|") == 4 for line in rows_of)


def test_page_prints_to_stdout_too(holdfast, payer):
    assert holdfast("report", payer, "--html", "-").out.startswith("<!doctype html>")
    assert holdfast("report", payer, "--markdown", "-").out.startswith("# payer: how ready it is")


def hostile():
    """A report of an agent whose every word is hostile."""
    data = {
        "name": "a", "task": HOSTILE, "takes": {"title": HOSTILE, "properties": {HOSTILE: {}}}, "gives": {"type": "string"},
        "models": [HOSTILE], "tools": {"pay": {"must": [{"that": "true", "because": HOSTILE}], "amendable": [HOSTILE]}},
    }  # fmt: skip
    place = Found(where="production", data=data, digest="0" * 64)
    report = made(Gathered(agent=HOSTILE, called=HOSTILE, journal=HOSTILE, evals="", drills="", contracts=[place]))
    return document(report, rows(report))


def test_what_others_wrote_is_shown_and_never_obeyed(tmp_path):
    told = hostile()
    text = page(told)
    assert "<script>" not in text
    assert "<img" not in text
    assert "\u202e" not in text
    md = re.sub(r"(`+) ?.*?\1", "", markdown(told))  # code is shown as it is
    assert not re.search(r"(?<!\\)<", md.replace("<br>", ""))
    assert "\u202e" not in md
    assert "\n</pre>" not in md
    path = tmp_path / "page.html"
    path.write_text(text, encoding="utf-8")
    shown, said = seen(path, tmp_path)
    assert "broken" not in re.findall(r"<title>(.*?)</title>", shown)[0][:6]
    assert "Refused to" not in said


def test_page_keeps_to_its_policy_in_a_browser_and_its_style_is_applied(holdfast, there, tmp_path):
    holdfast("report", "desk", "--html", tmp_path / "r.html")
    shown, said = seen(tmp_path / "r.html", tmp_path)
    assert "Refused to" not in said
    assert "Content Security Policy" not in said
    assert shown.count("<section") == 8


def test_a_row_is_evidenced_or_not_in_every_face():
    told = document(made(Gathered(agent="a", called="a", journal="", evals="", drills="")), rows(made(
        Gathered(agent="a", called="a", journal="", evals="", drills="")
    )))  # fmt: skip
    assert page(told).count("no evidence</b>") >= 21
    assert markdown(told).count("**no evidence**") >= 21
    assert msgspec.to_builtins(told)["title"] == "a"
