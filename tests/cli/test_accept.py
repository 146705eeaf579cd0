"""accept: which contract new runs begin under, a part of them, back again; and open runs put under it."""

from __future__ import annotations

import json

import pytest

from tests.cli.bills import STANDIN, write_agent


def edit(place, before: str, after: str):
    """The agent's contract with something else in it."""
    found = place / "payer" / "contract.yaml"
    text = found.read_text()
    assert before in text
    found.write_text(text.replace(before, after))


def stricter(place):
    """The agent's contract, asking for a person from 600 on."""
    edit(place, "args.cents > 1000", "args.cents > 600")


def pay(holdfast, payer, key: str, bill: int = 700) -> str:
    """How a run went, and under which contract."""
    found = holdfast("run", payer, f'{{"bill": "{bill}"}}', "--key", key, "--json").json
    (row,) = holdfast("show", "--where", f"key={key}", "--json").json
    return f"{found['outcome'] or found['waits_for']} {row['contract']}"


def test_it_says_what_differs_and_what_was_recorded_before_new_runs_begin_under_it(holdfast, payer, place):
    loose = pay(holdfast, payer, "one")
    assert holdfast("accept", payer, "--as", "kim", "--because", "as it was").code == 0
    stricter(place)
    assert pay(holdfast, payer, "two") == loose  # edited, and accepted by nobody
    said = holdfast("accept", payer, "--as", "kim")
    assert "args.cents > 1000 becomes args.cents > 600" in said.out
    assert "newly reviewed" in said.out
    assert "new runs of payer begin under" in said.out
    assert max(map(len, said.out.splitlines())) <= 100
    after = pay(holdfast, payer, "three")
    assert after.startswith("boss ")
    assert after.split()[1] != loose.split()[1]
    assert "it is accepted already, by kim" in holdfast("accept", payer, "--as", "lee").out


def test_nothing_is_recorded_where_only_what_would_change_is_asked_for(holdfast, payer, place):
    pay(holdfast, payer, "one")
    found = holdfast("accept", payer, "--dry-run", "--json").json
    assert (found["entry"], found["note"]) == (0, "nothing was recorded")
    assert "nothing was ever stopped" in holdfast("show", "control").out


def test_a_part_begins_under_it_and_the_list_compares_them(holdfast, payer, place):
    pay(holdfast, payer, "first")
    part = holdfast("accept", payer, "--share", "30%")
    assert (part.code, "accept the one in use first" in part.err) == (64, True)
    holdfast("accept", payer, "--as", "kim")
    stricter(place)
    holdfast("accept", payer, "--share", "30%", "--as", "kim")
    (place / "all.jsonl").write_text(
        "".join(f"{json.dumps({'input': {'bill': '700'}, 'key': f'k{n}'})}\n" for n in range(40))
    )
    assert holdfast("run", payer, "--batch", "all.jsonl").code == 2
    whole, canary = holdfast("accept", payer, "--list", "--json").json
    assert (whole["share"], canary["share"]) == (70, 30)
    assert whole["runs"] + canary["runs"] == 41
    assert (whole["outcomes"], whole["reviews"]) == ({"done": whole["runs"]}, 0)
    assert 4 <= canary["runs"] <= 20
    assert (canary["open"], canary["reviews"]) == (canary["runs"], canary["runs"])
    table = holdfast("accept", payer, "--list").out
    assert "30 %" in table
    assert max(map(len, table.splitlines())) <= 100

    assert holdfast("accept", "payer", "--back", "--as", "kim", "--json").json["contract"] == whole["contract"]
    assert [one["share"] for one in holdfast("accept", payer, "--list", "--json").json] == [100, 0]
    again = holdfast("accept", payer, "--back")
    assert (again.code, "no other contract of payer was accepted before" in again.err) == (64, True)


@pytest.mark.parametrize("share", ["0", "101%", "half", "-5"])
def test_a_share_is_a_whole_percent(holdfast, payer, share):
    assert holdfast("accept", payer, f"--share={share}").code == 64


def test_only_people_of_the_settings_accept(holdfast, payer, place):
    pay(holdfast, payer, "one")
    (place / "holdfast.toml").write_text('[roles.boss]\n[people]\nkim = ["boss"]\n')
    refused = holdfast("accept", payer, "--as", "lee")
    assert (refused.code, "is not among the people" in refused.err) == (3, True)
    assert holdfast("accept", payer, "--as", "kim").code == 0


ASKING = STANDIN.replace("    return [call(", '    return [call("ask", question="shall I?"), call(')


def test_an_open_run_between_turns_goes_on_under_it(holdfast, place):
    payer = write_agent(place, "payer", standin=ASKING)
    run = holdfast("run", payer, '{"bill": "700"}', "--json").json["run"]
    stricter(place)
    refused = holdfast("accept", payer, "--run", run)  # by whoever opened it
    assert (refused.code, "opened or spoke in it" in refused.out) == (1, True)
    said = holdfast("accept", payer, "--run", run, "--as", "kim", "--dry-run")
    assert "would go on under" in said.out
    said = holdfast("accept", payer, "--run", run, "--as", "kim")
    assert (said.code, "goes on under" in said.out) == (0, True)
    assert "the run goes on under contract" in holdfast("show", run).out
    assert holdfast("review", "answer", run, "--as", "ana", "--text", "yes").code == 0
    assert holdfast("resume", run, "--json").json["waits_for"] == "boss"
    assert holdfast("verify", "--decisions").code == 0


def test_what_would_have_gone_otherwise_is_shown(holdfast, place):
    later = STANDIN.replace(
        'return [call("look_up", bill=bill), call("pay", bill=bill, cents=int(bill)), finish]',
        'return [call("look_up", bill=bill), call("pay", bill=bill, cents=int(bill)), call("ask", question="and now?"), finish]',
    )
    assert later != STANDIN
    payer = write_agent(place, "payer", standin=later)
    run = holdfast("run", payer, '{"bill": "700"}', "--json").json["run"]
    stricter(place)
    said = holdfast("accept", payer, "--waiting", "--as", "kim")
    assert "allowed then, reviewed now: big sums need a person" in said.out
    (again,) = holdfast("accept", payer, "--waiting", "--as", "kim", "--json").json
    assert (again["run"], again["refused"]) == (run, "it is under this contract already")


def test_a_run_in_which_a_call_is_held_stays_as_it_is(holdfast, payer, waiting, place):
    stricter(place)
    said = holdfast("accept", payer, "--waiting", "--as", "kim", "--json")
    (found,) = said.json
    assert (said.code, "is held for a person" in found["refused"]) == (0, True)
    assert holdfast("accept", payer, "--run", "big", "--as", "kim").code == 1


def test_an_agent_without_any_run_has_nothing_to_list(holdfast, payer, waiting):
    assert holdfast("accept", "nobody", "--list").code == 64
