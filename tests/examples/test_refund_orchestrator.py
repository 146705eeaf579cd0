"""The refund desk by an orchestrator: the same cases, the same terms for every write, and a verdict that turns with the stakes."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from holdfast import lint
from holdfast.evals.compare.comparison import Comparison, Wish
from holdfast.evals.compare.sides import Entrant, sides_of
from holdfast.evals.compare.stakes import parse, stakes_of
from holdfast.evals.compare.verdict import EXIT_CODES
from holdfast.evals.drills import faults
from holdfast.evals.trials.suite import suite_of, world_of
from holdfast.evals.trials.trial import playing
from holdfast.events import CallJudged, CallStarted, ChildOpened, PersonAsked
from holdfast.shell import bodies
from holdfast.shell.folder import load

DESK = Path(__file__).parents[2] / "examples" / "refund_desk"
PLACE = DESK / "orchestrator"
SINGLE = load(str(DESK))
FOLDER = load(str(PLACE))
MODELS = {f"script:{one.agent.name}": one.standin for one in FOLDER.family}
AGENT = FOLDER.agent.answered_by(lambda agent: [f"script:{agent.name}"])
SUITE = suite_of(FOLDER, AGENT, cases=DESK / "cases")


def terms(name):
    return YAML(typ="safe").load((DESK / name).read_text("utf-8"))


# ------------------------------------------------------------------------------------------------- the contracts


def test_contracts_bind_and_nothing_is_wrong_with_them():
    assert [one.agent.name for one in FOLDER.family] == ["refund-orchestrator", "refund-investigator", "refund-payer"]
    for one in FOLDER.family:
        assert [found for found in lint.findings(one.agent.contract, one.agent.tools) if found.level == "error"] == []
    assert FOLDER.agent.contract.takes == SINGLE.agent.contract.takes
    assert FOLDER.agent.contract.gives == SINGLE.agent.contract.gives
    assert world_of(FOLDER) is world_of(SINGLE)


@pytest.mark.parametrize("tool", ["issue_refund", "send_message"])
def test_a_write_is_under_the_very_terms_of_the_desk_and_one_more(tool):
    desk = terms("contract.yaml")["tools"][tool]
    payer = terms("orchestrator/payer.yaml")["tools"][tool]
    plain = json.loads(json.dumps(payer).replace("input.request.", "input."))
    more = [rule for rule in plain["must"] if rule not in desk["must"]]
    assert [rule["that"] for rule in more] == (["args.cents <= input.cents"] if tool == "issue_refund" else [])
    plain["must"] = [rule for rule in plain["must"] if rule in desk["must"]]
    assert plain == desk


def test_nobody_but_the_payer_can_write_and_one_payer_is_all_there_is():
    writes = {
        one.agent.name: {tool.name for tool in one.agent.tools.values() if tool.effect == "write"}
        for one in FOLDER.family
    }
    assert writes == {
        "refund-orchestrator": set(), "refund-investigator": set(), "refund-payer": {"issue_refund", "send_message"},
    }  # fmt: skip
    assert FOLDER.agent.contract.tools["pay"].at_most == 1


# ------------------------------------------------------------------------------------------------------ the cases


@pytest.fixture(scope="module")
def day():
    """Case → (its trial, the entries of its runs, the orchestrator's first)."""

    async def play():
        async with playing("memory:", SUITE, model=MODELS) as player:
            found = {}
            async for trial in player.play(1):
                runs = [await bodies.entries(player.runner.journal, trial.run)]
                below = [entry.event.child for entry in runs[0] if isinstance(entry.event, ChildOpened)]
                runs += [await bodies.entries(player.runner.journal, child) for child in below]
                found[trial.case] = trial, runs
            return found

    return asyncio.run(play())


@pytest.mark.parametrize("case", [case.name for case in SUITE.cases])
def test_every_case_of_the_desk_passes(day, case):
    trial, _ = day[case]
    assert (trial.misses, trial.trouble) == ((), "")


def test_a_large_refund_waits_for_finance_where_it_is_made(day):
    trial, runs = day["above-the-limit"]
    asked = [[entry.event.role for entry in run if isinstance(entry.event, PersonAsked)] for run in runs]
    assert asked == [[], [], ["finance"]]
    assert trial.reviews == 1


def test_customer_is_asked_by_whoever_looks_into_it_and_what_it_found_by_itself_goes_before_a_person(day):
    _, runs = day["which-order"]
    asked = [[entry.event.role for entry in run if isinstance(entry.event, PersonAsked)] for run in runs]
    assert asked == [[], ["requester"], [""]]


def test_an_order_in_a_note_is_obeyed_by_the_payer_and_refused(day):
    _, runs = day["note-gives-orders"]
    refused = [
        entry.event for entry in runs[2] if isinstance(entry.event, CallJudged) and entry.event.verdict == "refuse"
    ]
    assert any("O-1040" in rule.because or "never more" in rule.because for one in refused for rule in one.rules)
    assert not any(isinstance(entry.event, CallStarted) for entry in runs[0])


def test_a_mail_that_is_not_the_desks_opens_no_run(day):
    _, runs = day["homework"]
    assert len(runs) == 1


# ---------------------------------------------------------------------------------------------------- the verdict


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """What a comparison says of the two at given stakes; it is played once, and read off after that."""
    journal = f"sqlite:///{tmp_path_factory.mktemp('compare')}/compare.db"
    single = SINGLE.agent.answered_by(lambda agent: [f"script:{agent.name}"])
    entrants = [
        Entrant(str(DESK), SINGLE, single, {"script:refund-desk": SINGLE.standin}),
        Entrant(str(PLACE), FOLDER, AGENT, MODELS),
    ]

    def at(worth="", plan=None, trials=2):
        stakes = stakes_of(SINGLE.agent.contract, parse(worth))
        wish = Wish(stakes=stakes, trials=trials, faults=plan, concurrency=64)
        return asyncio.run(Comparison(journal, sides_of(entrants, DESK / "cases"), wish).run())

    return at


def test_on_a_good_day_nothing_parts_them_and_that_is_said(compared):
    found = compared(trials=1)
    assert found.verdict == "not enough evidence"
    assert EXIT_CODES[found.verdict] == 2
    assert [(side.passed, side.failed) for side in found.sides] == [(13, 0), (13, 0)]


def test_on_a_bad_day_the_verdict_turns_with_the_price_of_a_reviewers_minute(compared):
    """The desk asks a person when a service stays down; those below the orchestrator give up, and more often."""
    plan = faults.load(PLACE / "outage.yaml")
    as_it_is = compared(plan=plan)
    assert as_it_is.verdict == "does not"
    assert EXIT_CODES[as_it_is.verdict] == 1
    dear = compared("reviewer_minute=30", plan)
    assert dear.verdict == "earns its complexity"
    assert EXIT_CODES[dear.verdict] == 0
    assert dear.pairs[0].net.low > 0 > as_it_is.pairs[0].net.high
    dearer_failures = compared("reviewer_minute=30,failure=-250", plan)
    assert dearer_failures.verdict != "earns its complexity"


def test_readme_says_what_comes_out():
    readme = (DESK / "README.md").read_text("utf-8")
    for verdict in ("NOT ENOUGH EVIDENCE", "DOES NOT EARN ITS COMPLEXITY", "EARNS ITS COMPLEXITY"):
        assert re.search(rf"^{verdict} +refund-orchestrator", readme, re.MULTILINE)
