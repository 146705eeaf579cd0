"""review: the queue, the evidence, and every kind of decision; who may, and what follows."""

from __future__ import annotations

import json

import pytest

from tests.cli.bills import CONTRACT, STANDIN, TOOLS, write_agent
from tests.cli.damage import flip


def test_queue_says_what_clause_who_and_until_when(holdfast, waiting):
    found = holdfast("review")
    assert found.code == 0
    assert waiting in found.out
    assert "boss" in found.out
    assert "no end" in found.out
    assert "tools.pay.review[0]" in found.out
    row = holdfast("review", "list", "--json").json[0]
    assert (row["run"], row["about"], row["clause"], row["because"], row["role"], row["people"]) == (
        waiting, "review", "tools.pay.review[0]", "big sums need a person", "boss", 1,
    )  # fmt: skip


def test_empty_queue_says_so(holdfast, payer):
    holdfast("run", payer, '{"bill": "1"}')
    assert holdfast("review").out == "nothing waits for a person\n"
    assert holdfast("review", "--json").json == []


def test_queue_shows_what_ends_soonest_first(holdfast, place):
    timed = CONTRACT.replace("by: boss,", "by: boss, within: 1h, then: 'ask:chief',")
    early = write_agent(place, "early", contract=timed)
    late = write_agent(place, "late")
    for agent in (late, early):
        holdfast("run", agent, '{"bill": "5000"}')
    rows = holdfast("review", "--json").json
    assert [row["agent"] for row in rows] == ["early", "late"]
    assert "then ask chief" in holdfast("review").out


def test_queue_goes_on_over_a_damaged_run(holdfast, waiting, payer, place):
    holdfast("run", payer, '{"bill": "6000"}')
    flip(place, waiting, 2)
    found = holdfast("review")
    assert found.code == 0
    assert "damage" in found.out
    assert found.out.count("r_") == 2


def test_evidence_is_shown_with_origins_clause_and_commands(holdfast, waiting):
    text = holdfast("review", "show", waiting).out
    for part in (
        "payer asks boss to decide", 'Pay: 50.00 (5,000 cents), bill "5000"', "from the request  (you may change it)",
        "big sums need a person", "asked when args.cents > 1000; here cents is 50.00 (5,000 cents)",
        'look_up of bill "5000", entry 7', "trusted: cents 50.00", "✓ never more than the bill says  cents 50.00",
        "One person of boss: nobody has yet", "Not ana (opened it)", "it waits until somebody decides",
        f"holdfast review approve {waiting}", "--set cents=…", "the agent is told your reason",
    ):  # fmt: skip
        assert part in text, part
    seen = holdfast("review", "show", waiting, "--json").json
    assert seen["accounts"][0]["clauses"][0]["rule"] == "tools.pay.review[0]"
    assert [one["action"] for one in seen["matters"]] == ['pay: 50.00 (5,000 cents), bill "5000"']
    assert holdfast("review", "show", waiting, "999").code == 64


def test_approval_lets_it_go_on_and_names_the_assertion(holdfast, waiting):
    found = holdfast("review", "approve", waiting, "--as", "bo", "--role", "boss")
    assert found.code == 0
    assert "--as is an assertion, not an identity" in found.err
    assert f"next: holdfast resume {waiting}" in found.out
    assert "approved by\nbo" in holdfast("review").out.replace(" ", "") or "bo" in holdfast("review").out
    assert holdfast("show", "--where", "status=waiting", "--json").json == []
    assert holdfast("resume", waiting, "--json").json["output"] == {"paid": 5000}
    voice = next(iter(holdfast("show", waiting, "--json").json["questions"].values()))["voices"][0]
    assert (voice["by"], voice["actor"]) == ("bo", "cli:bo")
    assert "bo (by assertion) approved" in holdfast("show", waiting).out


def test_denial_is_told_to_the_agent_in_the_reviewers_words(holdfast, waiting):
    assert holdfast("review", "deny", waiting, "--as", "bo", "--text", "ask them again").code == 0
    assert holdfast("resume", waiting, "--json").json["output"] == {"paid": 0}
    assert "bo (by assertion) denied: ask them again" in holdfast("show", waiting).out


def test_amendment_is_one_voice_for_something_else(holdfast, waiting):
    assert holdfast("review", "amend", waiting, "--as", "bo", "--set", "cents=4000").code == 0
    assert holdfast("resume", waiting, "--json").json["output"] == {"paid": 4000}
    assert "changed cents: 5000 → 4000" in holdfast("show", waiting).out


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        (("approve", "--as", "ana"), 3, "ana opened, spoke or amended in this run"),
        (("approve", "--as", "bo", "--role", "clerk"), 3, "this is for boss; bo acts as clerk"),
        (("approve",), 64, "Missing option '--as'"),
        (("approve", "--as", ""), 3, "nobody is named as deciding"),
        (("approve", "--as", "bo", "999"), 64, "question 999 is not open"),
        (("retry", "--as", "bo"), 64, "no open question can be answered so; open:"),
        (("settle", "--as", "bo", "--happened"), 64, "no open question can be answered so"),
        (("answer", "--as", "bo"), 64, "there is no answer"),
        (("answer", "--as", "bo", "--text", "x"), 64, "no open question can be answered so"),
        (("amend", "--as", "bo", "--set", "bill=9"), 3, "bill may not be changed here"),
        (("amend", "--as", "bo", "--set", "cents=much"), 3, "the change does not fit"),
        (("amend", "--as", "bo"), 64, "Missing option '--set'"),
        (("settle", "--as", "bo"), 64, "say one of --happened"),
        (("settle", "--as", "bo", "--stop", "--happened"), 64, "say one of --happened"),
        (("settle", "--as", "bo", "--stop", "--result", "1"), 64, "--result belongs to --happened"),
        (("settle", "--as", "bo", "--happened", "--result", "{"), 3, "--result is no JSON"),
    ],
)
def test_decisions_that_may_not_be_taken_say_why_and_change_nothing(holdfast, waiting, args, code, text):
    verb, *rest = args
    before = holdfast("show", waiting, "--json").json["seq"]
    found = holdfast(
        "review", verb, waiting, *(["999"] if "999" in rest else []), *(one for one in rest if one != "999")
    )
    assert (found.code, found.out) == (code, "")
    assert text in found.err
    assert holdfast("show", waiting, "--json").json["seq"] == before


@pytest.mark.parametrize(("verb", "outcome"), [("take", "escalated"), ("stop", "stopped")])
def test_a_person_can_take_a_case_or_stop_it(holdfast, waiting, verb, outcome):
    assert holdfast("review", verb, waiting, "--as", "bo").code == 0
    found = holdfast("resume", waiting, "--json")
    assert (found.json["outcome"], found.code) == (outcome, 0 if outcome == "escalated" else 1)


def test_amendment_without_the_agent_at_hand_is_still_taken(holdfast, waiting, payer):
    payer.rename(payer.with_name("gone"))
    found = holdfast("review", "amend", waiting, "--as", "bo", "--set", "cents=4000")
    assert found.code == 0
    assert "the agent could not be loaded" in found.err
    assert holdfast("resume", waiting).code == 64
    assert holdfast("resume", waiting, "--agent", payer.with_name("gone"), "--json").json["output"] == {"paid": 4000}


def test_json_decision_says_that_the_name_was_asserted(holdfast, waiting):
    found = holdfast("review", "approve", waiting, "--as", "bo", "--json").json
    assert (found["by"], found["asserted"], found["run"]) == ("bo", True, waiting)


# ------------------------------------------------------------------------------------------- other kinds of question

ASKER = STANDIN.replace(
    "    def finish",
    '    if bill == "7":\n        return [ask("which bill?", of="clerk"), done(paid=0)]\n'
    '    if bill == "8":\n        return [ask("which bill?"), done(paid=0)]\n\n    def finish',
).replace("import call,", "import ask, call,")


def test_question_to_a_role_is_answered(holdfast, place):
    asker = write_agent(place, "asker", standin=ASKER)
    run = holdfast("run", asker, '{"bill": "7"}', "--json").json["run"]
    assert "holdfast review answer" in holdfast("review", "show", run).out
    assert holdfast("review", "answer", run, "--as", "cleo", "--text", "the blue one").code == 0
    assert holdfast("resume", run).code == 0
    assert "cleo (by assertion) answered: the blue one" in holdfast("show", run).out


def test_question_to_the_requester_is_answered_with_say(holdfast, place):
    asker = write_agent(place, "asker", standin=ASKER)
    first = holdfast("run", asker, '{"bill": "8"}')
    assert first.code == 2
    assert "next: holdfast say r_" in first.out
    run = holdfast("show", "--json").json[0]["run"]
    assert "holdfast say" in holdfast("review", "show", run).out
    assert holdfast("say", run, "the blue one").code == 0
    assert holdfast("resume", run).code == 0


SHAKY = TOOLS.replace(
    "    desk.paid[key] = cents\n    return Found(bill=bill, cents=cents)",
    "    raise RuntimeError('the line went dead')",
).replace(", key: CallKey) -> Found", ") -> Found")


def test_write_in_doubt_is_settled(holdfast, place):
    shaky = write_agent(place, "shaky", tools=SHAKY)
    run = holdfast("run", shaky, '{"bill": "700"}', "--json").json
    assert run["questions"][0]["about"] == "doubt"
    name = run["run"]
    text = holdfast("review", "show", name).out
    for part in (
        "--happened",
        "--did-not",
        "--stop",
        "gives no way to look up",
        "The attempt is proven over",
        "the line went dead",
    ):
        assert part in text, part
    wrong = holdfast("review", "settle", name, "--as", "bo", "--happened", "--result", '{"bill": 1}')
    assert (wrong.code, "could not have returned that" in wrong.err) == (3, True)
    good = json.dumps({"bill": "700", "cents": 700})
    assert holdfast("review", "settle", name, "--as", "bo", "--happened", "--result", good).code == 0
    assert holdfast("resume", name, "--json").json["output"] == {"paid": 700}
    assert "bo (by assertion) settled it: it happened" in holdfast("show", name).out


def test_write_nobody_can_settle_stays_in_the_queue(holdfast, place):
    shaky = write_agent(place, "shaky", tools=SHAKY)
    name = holdfast("run", shaky, '{"bill": "700"}', "--json").json["run"]
    assert holdfast("review", "settle", name, "--as", "bo", "--stop").code == 0
    found = holdfast("resume", name)
    assert found.code == 1
    assert holdfast("show", "--where", "attention=yes", "--json").json[0]["run"] == name


BROKEN = (
    TOOLS.replace("    return Found(bill=bill, cents=int(bill))", "    raise TimeoutError('the archive sleeps')")
    .replace("import CallKey", "import CallKey, Retry")
    .replace(
        '@tool.read(timeout=5, trust="trusted")', '@tool.read(timeout=5, trust="trusted", retry=Retry(wait=0.001))'
    )
)


@pytest.mark.parametrize(("verb", "text"), [("tell", "said: go on without"), ("retry", "said: try again")])
def test_tool_that_fails_for_ever_is_a_surprise_for_a_person(holdfast, place, verb, text):
    broken = write_agent(place, "broken", tools=BROKEN)
    found = holdfast("run", broken, '{"bill": "700"}', "--json")
    assert [one["about"] for one in found.json["questions"]] == ["surprise"]
    name = found.json["run"]
    assert f"holdfast review {verb}" in holdfast("review", "show", name).out
    assert holdfast("review", verb, name, "--as", "bo").code == 0
    holdfast("resume", name)
    assert text in holdfast("show", name).out


def test_write_left_in_doubt_can_be_settled_after_the_run_closed(holdfast, place):
    shaky = write_agent(place, "shaky", tools=SHAKY)
    name = holdfast("run", shaky, '{"bill": "700"}', "--json").json["run"]
    holdfast("review", "settle", name, "--as", "bo", "--stop")
    holdfast("resume", name)
    assert "nobody knows whether this call happened" in " ".join(holdfast("review").out.split())
    assert "nobody knows whether pay(" in holdfast("show", name).out
    assert holdfast("review", "settle", name, "--as", "bo", "--did-not").code == 0
    assert holdfast("review", "--json").json == []
    assert holdfast("show", "--where", "attention=yes", "--json").json == []


def test_options_of_the_list_before_a_verb_are_refused(holdfast, waiting):
    found = holdfast("review", "--json", "show", waiting)
    assert found.code == 64
    assert "options stand after the verb" in found.out


# ------------------------------------------------------------------------------------------ claiming, and asking back


def test_what_somebody_claimed_is_left_to_them_until_they_release_it(holdfast, waiting):
    assert holdfast("review", "claim", waiting, "--as", "bo").code == 0
    assert holdfast("review", "--json").json[0]["claimed"] == "bo"
    assert "bo is at it" in holdfast("review").out
    assert "bo is at it" in holdfast("review", "show", waiting).out
    refused = holdfast("review", "approve", waiting, "--as", "cy")
    assert (refused.code, "bo is looking into question" in refused.err) == (3, True)
    assert holdfast("review", "release", waiting, "--as", "cy").code == 3
    assert holdfast("review", "claim", waiting, "--as", "cy").code == 3
    assert holdfast("review", "claim", waiting, "--as", "cy", "--over").code == 0
    assert holdfast("review", "release", waiting, "--as", "cy").code == 0
    assert holdfast("review", "approve", waiting, "--as", "bo").code == 0


def test_the_agent_is_asked_back_and_proposes_again(holdfast, waiting):
    assert holdfast("review", "ask", waiting, "--as", "bo").code == 64
    assert holdfast("review", "ask", waiting, "--as", "bo", "--text", "which bill?").code == 0
    assert holdfast("review", "--json").json == []
    assert "bo (by assertion) asked the agent before deciding: which bill?" in holdfast("show", waiting).out
    assert holdfast("resume", waiting, "--json").json["output"] == {"paid": 0}


def test_the_requester_is_asked_back_and_the_question_stays(holdfast, waiting):
    found = holdfast("review", "ask", waiting, "--as", "bo", "--to", "requester", "--text", "which bill?")
    assert found.code == 0
    assert "bo (by assertion) asked back the requester: “which bill?”" in holdfast("review", "show", waiting).out
    assert holdfast("review", "ask", waiting, "--as", "ana", "--text", "may I?").code == 3


def test_settings_say_in_which_roles_somebody_decides(holdfast, waiting, place):
    (place / "holdfast.toml").write_text('[people]\nbo = ["clerk"]\ncy = ["boss"]\n[roles.clerk]\n[roles.boss]\n')
    clerk = holdfast("review", "approve", waiting, "--as", "bo")
    assert (clerk.code, "this is for boss; bo acts as clerk" in clerk.err) == (3, True)
    assert holdfast("review", "approve", waiting, "--as", "bo", "--role", "boss").code == 3
    assert holdfast("review", "approve", waiting, "--as", "eve").code == 3
    assert holdfast("review", "approve", waiting, "--as", "cy").code == 0


def test_a_value_that_is_cut_says_so_and_full_shows_it(holdfast, place):
    long = write_agent(place, "long", standin=STANDIN.replace("bill=bill, cents", "bill=bill.zfill(700), cents"), contract=CONTRACT.replace(
        "    needs: {{look_up: {{bill: args.bill}}}}\n", "").replace("    must:\n", "").replace(
        "      - {{that: args.cents <= seen.look_up.cents, because: never more than the bill says}}\n", ""))  # fmt: skip
    run = holdfast("run", long, '{"bill": "5000"}', "--json").json["run"]
    assert "characters)" in holdfast("review", "show", run).out
    whole = holdfast("review", "show", run, "--full").out.replace("\n", "").replace(" ", "")
    assert "0" * 600 in whole


def test_nobody_decides_for_those_they_act_for(holdfast, waiting, place):
    (place / "holdfast.toml").write_text(
        '[people]\nbo = {roles = ["boss"], represents = ["ana"]}\ncy = ["boss"]\n[roles.boss]\n'
    )
    refused = holdfast("review", "approve", waiting, "--as", "bo")
    assert (refused.code, "bo is or acts for ana" in refused.err) == (3, True)
    assert holdfast("review", "amend", waiting, "--as", "bo", "--set", "cents=4000").code == 3
    assert holdfast("review", "claim", waiting, "--as", "bo").code == 3
    assert holdfast("review", "approve", waiting, "--as", "cy").code == 0
