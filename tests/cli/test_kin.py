"""Runs that other runs opened, on every face: the list, the trace, why, cost, the queue, undo, failures and verify."""

from __future__ import annotations

import json
import re

import pytest

from tests import kin
from tests.cli.kin_folders import write_family

URL = "sqlite:///.holdfast/journal.db"


@pytest.fixture
def journal(place):
    """`journal(agent, models, …)`: a tree in the journal of this place."""
    (place / ".holdfast").mkdir()

    def made(agent=None, said=None, given=None, **more):
        return kin.played(agent or kin.claims(), said or kin.models(), given, journal=URL, by="alice", **more)

    return made


@pytest.fixture
def done(journal):
    return journal(key="mail:1042")


@pytest.fixture
def waiting(journal):
    return journal(said=kin.models(140_000))


@pytest.fixture
def team(journal):
    return journal(kin.incident(), kin.team_models(), "why was the shop down?")


def narrow(out):
    assert max(map(len, out.splitlines())) <= 100
    return out


# ----------------------------------------------------------------------------------------------------------- the list


def test_the_list_has_a_tree_as_one_line_and_its_money_together(holdfast, done):
    out = narrow(holdfast("show").out)
    rows = [line for line in out.splitlines() if "r_" in line]
    assert len(rows) == 1
    assert re.search(rf"{done.root}  claims +done +3 +0.0081 .* 3  mail:1042", rows[0])
    assert len(holdfast("show", "--json").json) == 4, "what a program reads is all there is"


def test_who_is_waited_for_below_is_said_in_the_line_of_the_root(holdfast, waiting):
    (row,) = [line for line in narrow(holdfast("show").out).splitlines() if "r_" in line]
    assert "finance" in row
    assert "3 (1 open)" in row


def test_runs_that_are_asked_for_are_listed_wherever_they_stand(holdfast, waiting):
    out = narrow(holdfast("show", "--where", "status=waiting").out)
    child = waiting.of("payer")[0].run
    assert re.search(rf"{child}  payer +waiting +finance .* of {waiting.root}", out)
    below = holdfast("show", "--where", f"parent={waiting.root}", "--json").json
    assert {row["agent"] for row in below} == {"assessor", "payer"}


# ---------------------------------------------------------------------------------------------------------- the trace


def test_a_tree_is_shown_with_every_run_below_the_call_it_answers(holdfast, done):
    out = narrow(holdfast("show", done.root).out)
    lines = [line[14:] for line in out.splitlines()]
    order = [
        '  assessor(claim="C-1042")  done', f"    child  {done.of('assessor')[0].run}", '      photos(claim="C-1042")  done',
        '      weather(town="Ulm")  done', f"        child  {done.of('weather')[0].run}", '          station(town="Ulm")  done',
        '        → {"hail_mm": 31}', '    → {"cents": 84000', '  payer(cents=84000, claim="C-1042")  done', "  done(…)  accepted",
    ]  # fmt: skip
    at = -1
    for wanted in order:
        at = next(place for place, line in enumerate(lines) if place > at and line.startswith(wanted))
    assert "with the 3 runs below it: 10 steps" in out
    assert "0.0039 with the runs below it" in out
    assert not re.search(r"unknown|never answered|may start|opened the run", out)


def test_how_long_a_child_took_stands_beside_its_call(holdfast, done):
    calls = holdfast("show", done.root, "--json").json["calls"]
    one = calls["4"]["delegated"]
    assert one["until"] - one["at"] > 0
    line = next(line for line in holdfast("show", done.root).out.splitlines() if "assessor(claim" in line)
    assert re.search(r"done +\d+ms +─", line)


def test_a_run_that_waits_below_is_waited_for_in_words_and_with_what_to_do(holdfast, waiting):
    out = narrow(holdfast("show", waiting.root).out)
    child = waiting.of("payer")[0].run
    assert f"claims  {waiting.root}  waiting" in out
    assert f"waits for the run {child} (finance has to decide there)" in " ".join(out.replace("─", "").split())
    assert f"{child} (payer) waits for finance" in out
    assert f"holdfast review show {child}" in out


def test_a_child_by_itself_says_whose_call_it_answers(holdfast, done):
    assert f"opened by call 4 of the run {done.root}" in holdfast("show", done.of("assessor")[0].run).out


def test_how_a_child_ended_that_was_not_done_is_said_with_its_reason(holdfast, journal):
    tree = journal(kin.claims({"limits": {"steps": 1}}, surprises={"limit": "stop"}))
    out = narrow(holdfast("show", tree.root).out)
    assert re.search(r'assessor\(claim="C-1042"\)  (stopped|waits)', out)


def test_rounds_posts_and_positions_of_a_team_are_told_in_words(holdfast, team):
    out = narrow(holdfast("show", team.root).out)
    assert "network(round 2, 3 posts to read)  done" in out
    assert "→ 2.deploys.1  claim about cause: the deploy logs every request" in out
    assert "round 1 closed with 3 posts; positions: network: “link”, database: “disk”" in out
    assert "board" not in out
    assert 'board=[{"about":' in holdfast("show", team.root, "--full").out, "all of it where that is asked for"


def test_a_contradiction_of_two_children_is_told(holdfast, journal):
    grant = {"agree": {"about": "args.claim", "on": "output.cents"}}
    tree = journal(kin.claims(grant, surprises={"contradiction": "tell"}), _disagreeing())
    out = " ".join(narrow(holdfast("show", tree.root).out).split())
    assert "what the agents it asked came back with cannot all be right: calls 4 and 5 say different things" in out
    assert holdfast("failures", "--detector", "15", "--json").json["clusters"][0]["tool"] == "assessor"


def _disagreeing():
    """Two assessors of one claim, of which one is a cent off."""
    from holdfast import call, done, script

    class Counted:
        """Answers the first run otherwise than all others."""

        def __init__(self):
            self.seen = {}

        async def answer(self, request):
            at = self.seen.setdefault(request.run, len(self.seen))
            return await script(done(claim="C-1042", cents=100 + at, why="so"), price=kin.PRICE).answer(request)

        def price(self):
            return kin.PRICE

        def quote(self, run, step):
            return None

    both = [call("assessor", claim="C-1042"), call("assessor", claim="C-1042")]
    return kin.models() | {
        "script:claims": script(both, done(paid=0, because="they differ"), price=kin.PRICE), "script:assessor": Counted()
    }  # fmt: skip


def test_the_page_has_a_bar_for_a_child_and_what_waits_below(holdfast, waiting):
    page = holdfast("show", waiting.root, "--html", "-").out
    child = waiting.of("payer")[0].run
    assert 'class="k-child"' in page
    assert f"The run {child}, of payer, waits for finance" in page
    assert "With the 3 runs below it" in page
    assert f'id="{child}-e1"' in page


def test_entries_about_children_have_lines_of_their_own_while_one_follows(holdfast, done):
    out = holdfast("show", done.root, "--follow").out
    child = done.of("assessor")[0].run
    assert re.search(rf"call 4 opened the run {child} under .*usd 0.4993 USD", out)
    assert f"call 4: the run {child} is done: " in out


# ---------------------------------------------------------------------------------------------------------------- why


def test_why_says_what_a_child_was_asked_and_allowed_what_came_and_what_that_rested_on(holdfast, done):
    out = " ".join(narrow(holdfast("why", done.root).out).split())
    child = done.of("assessor")[0].run
    assert 'assessor(claim="C-1042") done [4]' in out
    assert f"The run {child}, of assessor, was opened for it, with at most 0.4993 USD, 4 retries," in out
    assert 'it gave {"cents": 84000,' in out
    assert f'It read photos(claim="C-1042"): {{"dents": 14, "town": "Ulm"}} [{child} 7]' in out
    assert f'It asked weather(town="Ulm"): {{"hail_mm": 31}} [{child} 13]' in out
    assert "The 2 runs it opened told of 0.0054 USD, so all together took 0.0081 USD." in out
    assert "nobody can tell" not in out


def test_why_of_one_call_and_of_a_child(holdfast, done):
    assert "was opened for it" in holdfast("why", done.root, "4").out
    assert "payer(" not in holdfast("why", done.root, "4").out
    child = " ".join(holdfast("why", done.of("payer")[0].run).out.split())
    assert f"It answers call 10 of the run {done.root}, which lets it use at most 0.05 USD," in child


def test_why_says_for_whom_a_run_waits_below(holdfast, waiting):
    out = " ".join(holdfast("why", waiting.root).out.split())
    assert f"It is not over: finance has to decide in {waiting.of('payer')[0].run}." in out
    assert "up to 0.05 USD more are set aside for those that go on" in out


def test_why_of_a_team_says_where_each_stood(holdfast, team):
    out = " ".join(narrow(holdfast("why", team.root).out).split())
    assert "it gave the position “link” and 1 post: claim about cause: “the link to the store flaps”." in out
    assert "Round 2 closed with 3 posts; positions: network: “disk”" in out


# --------------------------------------------------------------------------------------------------------------- cost


def test_money_of_a_tree_is_counted_once_and_its_root_is_the_success(holdfast, done):
    found = holdfast("cost", "--json").json
    money = found["total"]["money"]["nusd"]
    assert (found["total"]["runs"], found["total"]["won"], found["total"]["below"]) == (1, 1, 3)
    assert found["paid"] == found["paid_with_children"] == found["per_success"] == money
    assert found["total"]["children"]["times"] == 0
    roots = holdfast("cost", "--where", "agent=claims", "--json").json
    assert roots["paid"] < roots["paid_with_children"] == money
    assert roots["per_success"] == money
    assert sum(one["total"]["money"]["nusd"] for one in found["agents"].values()) == money
    assert "1 run · 1 of them a success · 3 more runs below it" in narrow(holdfast("cost").out)


def test_the_bill_of_a_run_has_its_own_and_each_childs(holdfast, done):
    out = narrow(holdfast("cost", done.root).out)
    assert "paid 0.0026 USD" in out
    assert "together with the 2 runs it opened: 0.0081 USD" in out
    assert re.search(rf"assessor  {done.of('assessor')[0].run} +4 +done +0.0039 +49%", out)


# ------------------------------------------------------------------------------------------------ the queue, and undo


def test_the_queue_names_the_run_that_waits_for_the_one_in_question(holdfast, waiting):
    child = waiting.of("payer")[0].run
    assert f"of {waiting.root}" in narrow(holdfast("review").out)
    assert [(one["run"], one["parent"]) for one in holdfast("review", "--json").json] == [(child, waiting.root)]
    shown = narrow(holdfast("review", "show", child).out)
    assert f"it answers call 10 of {waiting.root}, which waits for it" in " ".join(shown.split())


@pytest.fixture
def desk(holdfast, place):
    """`desk(bills)`: a run of agents in folders that has bills paid by others, of which 5000 waits for the boss."""
    agent = write_family(place)

    def run(*bills):
        return holdfast("run", agent, json.dumps({"bills": bills}), "--json")

    return run


def test_a_run_that_waits_below_says_so_where_it_was_started(holdfast, desk):
    said = desk("5000")
    assert (said.code, said.json["waits_for"], len(said.json["below"])) == (2, "boss", 1)
    again = holdfast("resume", said.json["run"])
    assert f"it waits for what it opened: {said.json['below'][0]}, where boss has to decide" in again.out
    assert "next: holdfast review, then holdfast resume" in again.out
    assert "0.00 USD with 1 run below it" in again.out


def test_the_plan_of_an_undo_names_what_children_did_and_how_that_goes_back(holdfast, desk):
    run = desk("700", "800").json["run"]
    said = narrow(holdfast("undo", run).out)
    assert "Nothing: no write of it itself happened." in said
    children = [row["run"] for row in holdfast("show", "--where", f"parent={run}", "--json").json]
    assert [line.split()[-1] for line in said.splitlines() if "holdfast undo r_" in line] == children, "newest first"
    below = holdfast("undo", run, "--json").json["below"]
    assert [(one["agent"], one["writes"], one["ready"]) for one in below] == [("payer", 1, 1)] * 2
    assert holdfast("undo", children[0], "--yes", "--as", "cy").code == 0
    after = holdfast("undo", run)
    assert (after.code, "1 write, 1 taken back already" in after.out) == (0, True)
    assert (
        f"undone by run {holdfast('show', '--where', 'agent=payer-undo', '--json').json[0]['run']}"
        in holdfast("show", run).out
    )


def test_a_child_is_resumed_by_the_place_of_its_root(holdfast, desk):
    run = desk("5000").json["run"]
    child = holdfast("show", "--where", f"parent={run}", "--json").json[0]["run"]
    assert holdfast("review", "approve", child, "--as", "bo").code == 0
    assert (holdfast("resume", child).code, holdfast("resume", run).code) == (0, 0)


# ---------------------------------------------------------------------------------------------- failures, and verify


def test_what_is_found_in_a_tree_and_what_is_not(holdfast, done, team):
    found = holdfast("failures", "--json").json
    assert (found["runs"], found["found"], found["clusters"]) == (12, 0, [])
    assert holdfast("verify", "--decisions").code == 0


def test_words_of_a_tree_are_found_in_the_run_that_says_them(holdfast, done):
    out = holdfast("show", "--text", '"hail of 31 mm"').out
    assert all(run in out for run in (done.root, done.of("assessor")[0].run))
