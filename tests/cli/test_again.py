"""run --again: a run's input once more, answered from its record, and what came out differently."""

from __future__ import annotations

import json
import sys

import pytest

from tests.cli.bills import CONTRACT, STANDIN, TOOLS, write_agent
from tests.cli.kin_folders import write_family

READS = "    return Found(bill=bill, cents=int(bill))"
WRITES = "    desk.paid[key] = cents"


def counting(tools):
    """Tools that leave a trace of being really called."""
    noted = "    with open('{}', 'a') as file:\n        file.write(f'{}\\n')\n"
    tools = tools.replace(READS, noted.format("reads.txt", "{bill}") + READS)
    return tools.replace(WRITES, noted.format("paid.txt", "{bill} {cents}") + WRITES)


def lines(place, name):
    file = place / name
    return file.read_text().split("\n")[:-1] if file.exists() else []


@pytest.fixture
def counted(place):
    return write_agent(place, tools=counting(TOOLS))


def begun(holdfast, agent, bill="700", *more):
    return holdfast("run", agent, json.dumps({"bill": bill}), "--json", *more).json["run"]


def test_it_ends_as_before_and_nothing_is_read_or_written(holdfast, counted, place):
    run = begun(holdfast, counted, "700", "--on-behalf-of", "c:1")
    found = holdfast("run", counted, "--again", run)
    assert found.code == 0
    assert "as before" in found.out
    assert "reads from the record; writes recorded and not carried out" in found.out
    assert (lines(place, "reads.txt"), lines(place, "paid.txt")) == (["700"], ["700 700"])


def test_the_new_run_is_its_own_and_no_production_run(holdfast, counted):
    run = begun(holdfast, counted, "700", "--on-behalf-of", "c:1")
    again = holdfast("run", counted, "--again", run, "--json", "--by", "cy").json["compared"]["again"]
    seen = holdfast("show", again, "--json").json
    assert (seen["mode"], seen["tags"]["again"], seen["tags"]["again_by"]) == ("simulate", run, "cy")
    assert (seen["by"], seen["on_behalf_of"], seen["input"]["value"]) == ("ana", "c:1", {"bill": "700"})
    assert again != run


def test_what_came_out_differently_is_a_diff_with_the_rule(holdfast, counted, place):
    run = begun(holdfast, counted)
    contract = counted / "contract.yaml"
    contract.write_text(contract.read_text().replace("args.cents > 1000", "args.cents > 500"))
    found = holdfast("run", counted, "--again", run)
    assert found.code == 1
    told = " ".join(found.out.split())
    assert "tools.pay.review “big sums need a person”: args.cents > 1000 becomes args.cents > 500" in told
    assert "ended done → waiting (review for boss)" in told
    assert '- pay(bill="700", cents=700) done' in told
    assert '+ pay(bill="700", cents=700) waits for a person' in told
    assert "allowed → goes before a person + tools.pay.review[0]: big sums need a person" in told
    assert "not as before" in told
    assert "nothing waits for a person" in holdfast("review").out
    (again, _) = holdfast("show", "--json").json
    assert again["outcome"] == "cancelled"


def changed(agent, standin):
    """Another stand-in in the folder, as the next process finds it: modules are loaded once a process."""
    (agent / "standin.py").write_text(standin)
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(agent)):
            del sys.modules[name]


def test_another_output_is_shown_field_by_field(holdfast, counted, place):
    run = begun(holdfast, counted)
    changed(counted, STANDIN.replace("bill=bill, cents=int(bill))", "bill=bill, cents=int(bill) - 1)"))
    found = holdfast("run", counted, "--again", run)
    assert found.code == 1
    told = " ".join(found.out.split())
    assert "output paid - 700 + 699" in told
    assert '- pay(bill="700", cents=700) done' in told
    assert '+ pay(bill="700", cents=699) simulated' in told


LOOKS_FURTHER = STANDIN.replace(
    'return [call("look_up", bill=bill),', 'return [call("look_up", bill=bill), call("look_up", bill="9"),'
)


def test_what_the_record_does_not_hold_is_an_error_unless_it_may_really_read(holdfast, counted, place):
    run = begun(holdfast, counted)
    changed(counted, LOOKS_FURTHER)
    found = holdfast("run", counted, "--again", run)
    assert found.code == 1
    assert "not in the record" in found.out
    assert 'look_up({"bill":"9"})' in found.out
    assert lines(place, "reads.txt") == ["700"]
    found = holdfast("run", counted, "--again", run, "--unmatched", "live")
    assert found.code == 0
    assert "not in the record" not in found.out
    assert (lines(place, "reads.txt"), lines(place, "paid.txt")) == (["700", "9"], ["700 700"])


def test_people_say_again_what_they_said(holdfast, counted):
    run = begun(holdfast, counted, "5000")
    holdfast("review", "approve", run, "--as", "bo")
    assert holdfast("resume", run).code == 0
    found = holdfast("run", counted, "--again", run, "--json")
    assert (found.code, found.json["as_before"]) == (0, True)
    assert found.json["compared"]["now"]["outcome"] == "done"


def test_run_that_waits_is_as_before_where_it_waits_for_the_same(holdfast, counted):
    run = begun(holdfast, counted, "5000")
    found = holdfast("run", counted, "--again", run, "--json")
    assert found.code == 0
    assert found.json["compared"]["now"]["waits_for"] == ["review for boss"]


def test_recorded_model_answers_where_it_is_told_the_same(holdfast, counted):
    run = begun(holdfast, counted)
    found = holdfast("run", counted, "--again", run, "--model", "recorded", "--json")
    assert found.code == 0
    assert found.json["compared"]["now"]["models"] == [f"recorded:{run}"]
    assert "the recorded answers" in found.err
    contract = counted / "contract.yaml"
    contract.write_text(contract.read_text().replace("task: Pay one bill.", "task: Pay one bill, please."))
    other = holdfast("run", counted, "--again", run, "--model", "recorded")
    assert other.code == 1
    assert "at step 1 it is told something else than then: the instructions" in " ".join(other.out.split())


def test_call_that_is_not_made_again_is_judged_as_recorded(holdfast, counted, place):
    run = begun(holdfast, counted)
    contract = counted / "contract.yaml"
    contract.write_text(
        contract.read_text().replace("args.cents <= seen.look_up.cents", "args.cents < seen.look_up.cents")
    )
    changed(counted, STANDIN.replace('call("pay", bill=bill, cents=int(bill)), ', ""))
    found = holdfast("run", counted, "--again", run)
    assert found.code == 0
    told = " ".join(found.out.split())
    assert "allowed → refused (it was not made again; of the recorded one)" in told
    assert "+ tools.pay.must[0]: never more than the bill says" in told


@pytest.mark.parametrize(
    "more", [['{"bill": "1"}'], ["--batch", "x.jsonl"], ["--key", "k"], ["--debug"], ["--mode", "live"]], ids=str
)
def test_what_does_not_go_together_is_64(holdfast, counted, more):
    run = begun(holdfast, counted)
    found = holdfast("run", counted, "--again", run, *more)
    assert found.code == 64
    assert "do not go together" in found.err


def test_another_agents_run_and_an_erased_one_are_refused(holdfast, counted, place):
    run = begun(holdfast, counted)
    other = write_agent(place, "other", contract=CONTRACT)
    assert holdfast("run", other, "--again", run).code == 64
    assert holdfast("erase", run, "--because", "asked", "--yes").code == 0
    found = holdfast("run", counted, "--again", run)
    assert found.code == 3
    assert "was erased" in found.err


def test_runs_below_are_answered_from_their_records_too(holdfast, place):
    desk = write_family(place)
    tools = place / "payer" / "tools.py"
    tools.write_text(counting(tools.read_text()))
    run = holdfast("run", desk, '{"bills": ["700", "800"]}', "--json").json["run"]
    found = holdfast("run", desk, "--again", run, "--json")
    assert (found.code, found.json["as_before"]) == (0, True)
    assert (lines(place, "reads.txt"), lines(place, "paid.txt")) == (["700", "800"], ["700 700", "800 800"])
    below = holdfast("show", "--where", "agent=payer", "--json").json
    assert len(below) == 4
    seen = [holdfast("show", row["run"], "--json").json for row in below]
    assert sorted(one["mode"] for one in seen) == ["live", "live", "simulate", "simulate"]
    assert [one["tags"].get("again") for one in seen if one["mode"] == "simulate"] == [run, run]
    refused = holdfast("run", desk, "--again", run, "--model", "recorded")
    assert refused.code == 64
    assert "opened other runs" in refused.err
