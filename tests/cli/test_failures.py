"""failures: clusters, exact and suspect apart, one detector alone, and a rule of one's own."""

from __future__ import annotations

import json

import pytest

from tests.cli.bills import STANDIN, write_agent

CHEATS = STANDIN.replace('call("pay", bill=bill, cents=int(bill))', 'call("pay", bill=bill, cents=int(bill) + 1)')
"""A stand-in that pays one cent too many."""

CHECKS = """\
from holdfast.events import RunClosed
from holdfast.views.detectors import Finding


def refused_politely(entries):
    for entry in entries:
        if isinstance(entry.event, RunClosed) and entry.event.outcome == "declined":
            yield Finding(number=0, name="polite no", grade="S", seqs=(entry.seq,), sentence="it said no, politely")


def breaks(entries):
    raise ValueError("no such thing")


def tells(entries):
    return ["a text"]


NOT_A_RULE = 5
"""


@pytest.fixture
def cheater(place):
    return write_agent(place, "cheater", standin=CHEATS)


@pytest.fixture
def day(holdfast, cheater, payer):
    """Two runs that paid too much and were refused, one that was declined, one that went well."""
    asked = [(cheater, "300"), (cheater, "400"), (payer, "0"), (payer, "500")]
    return [holdfast("run", agent, json.dumps({"bill": bill}), "--json").json["run"] for agent, bill in asked]


def test_what_failed_alike_is_one_cluster_with_an_example_to_open(holdfast, day):
    found = holdfast("failures")
    assert found.code == 0
    lines = found.out.splitlines()
    at = next(at for at, line in enumerate(lines) if line.startswith("8 out-of-scope attempt"))
    assert lines[at].startswith("8 out-of-scope attempt · pay · must[0]")
    assert lines[at].split()[7:10] == ["2", "0", "1→1"]
    assert f"{day[1]} [" in lines[at + 1]
    assert "never more than the bill says" in " ".join(" ".join(lines[at + 1 : at + 3]).split())
    assert "exact: what the rule says is so" in found.out
    assert "suspect:" not in found.out
    assert max(map(len, lines)) <= 100
    assert holdfast("why", day[1], lines[at + 1].partition("[")[2].partition(",")[0]).code == 0


def test_it_is_said_what_is_not_seen(holdfast, day):
    said = " ".join(holdfast("failures").out.split())
    assert "What no detector sees: a well-formed call with a wrong value in it" in said
    assert "a run without a finding is not a run that went well" in said


def test_json_gives_all_of_it(holdfast, day):
    found = holdfast("failures", "--json").json
    assert (found["runs"], found["found"], found["contracts"]) == (4, 3, 2)
    (one,) = [cluster for cluster in found["clusters"] if cluster["number"] == 8]
    assert (one["grade"], one["runs"], one["findings"]) == ("E", day[:2], 2)
    assert one["trend"] == {"older": 1, "newer": 1, "half": 1}
    assert one["example"][0] == day[1]


@pytest.mark.parametrize(("name", "clusters"), [("8", 1), ("scope", 1), ("partial", 0), ("own", 0)])
def test_one_detector_can_be_looked_at_alone(holdfast, day, name, clusters):
    assert len(holdfast("failures", "--detector", name, "--json").json["clusters"]) == clusters
    assert ("nothing was found" in holdfast("failures", "--detector", name).out) == (clusters == 0)


def test_runs_can_be_left_out(holdfast, day):
    payers = holdfast("failures", "--where", "agent=payer", "--json").json
    assert (payers["runs"], [one["number"] for one in payers["clusters"]]) == (2, [11])
    assert holdfast("failures", "--since", "1h", "--json").json["runs"] == 4
    assert holdfast("failures", "--since", "2999-01-01").out == "no runs like that\n"


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("--detector", "moon"), "there is no detector moon"),
        (("--where", "colour=red"), "runs have no field colour"),
        (("--write",), "--classifier"),
        (("--classifier", "checks"), "names no function"),
        (("--classifier", "checks:nothing"), "has no nothing"),
        (("--classifier", "nowhere:rule"), "there is no module nowhere"),
        (("--classifier", "checks:NOT_A_RULE"), "cannot be called"),
        (("--classifier", "checks:breaks"), "checks:breaks raised ValueError: no such thing (run r_"),
        (("--classifier", "checks:tells"), "something else than findings"),
    ],
)
def test_what_cannot_be_asked_is_said(holdfast, day, place, args, text):
    (place / "checks.py").write_text(CHECKS)
    found = holdfast("failures", *args)
    assert (found.code, found.out) == (64, "")
    assert text in found.err


def test_a_rule_of_ones_own_is_kept_once_as_notes(holdfast, day, place):
    (place / "checks.py").write_text(CHECKS)
    rule = ("--classifier", "checks:refused_politely")
    found = holdfast("failures", *rule, "--write", "--as", "svc:tone")
    assert "own polite no" in found.out
    assert "1 noted" in found.err
    assert "0 noted" in holdfast("failures", *rule, "--write", "--as", "svc:tone").err
    (note,) = holdfast("note", day[2], "--json").json
    assert (note["kind"], note["finding"], note["by"], note["text"]) == (
        "finding", "polite no", "svc:tone", "it said no, politely",
    )  # fmt: skip
    assert holdfast("note", day[3]).out == f"nobody has said anything of {day[3]}\n"
    assert holdfast("verify").code == 0


def test_an_empty_journal_has_no_failures(holdfast, day, place):
    assert holdfast("failures", "--where", "agent=nobody").out == "no runs like that\n"


def test_blame_is_asked_about_the_failed_runs_that_fit(holdfast, day, waiting):
    holdfast("review", "stop", waiting, "--as", "boss")
    holdfast("resume", waiting)
    (all_of_them,) = holdfast("failures", "--blame", "--json").json
    assert (all_of_them["run"], all_of_them["outcome"]) == (waiting, "stopped")
    assert holdfast("failures", "--blame", "--where", "agent=payer", "--json").json == [all_of_them]
    assert holdfast("failures", "--blame", "--where", "agent=cheater", "--json").json == []
    assert holdfast("failures", "--blame", "--since", "2999-01-01").out == "no failed runs like that\n"
    assert holdfast("failures", "--blame", waiting, "--json").json == [all_of_them]
    assert holdfast("failures", "--blame", "--detector", "8").code == 64
    assert holdfast("failures", waiting).code == holdfast("failures", waiting, "--blame", "--since", "1h").code == 64
