"""The incident review by peers: each reads its own log only, posts what it pinned, and an author cites the posts."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from holdfast import lint
from holdfast.codec import value_of
from holdfast.evals.trials.suite import suite_of, world_of
from holdfast.evals.trials.trial import playing
from holdfast.events import CallAsked, CallStarted, ChildOpened, RoundClosed, RunClosed
from holdfast.shell import bodies
from holdfast.shell.folder import load
from holdfast.shell.run import Declined
from holdfast.shell.runner import Runner

PLACE = Path(__file__).parents[2] / "examples" / "incident_review"
SINGLE = load(str(PLACE))
FOLDER = load(str(PLACE / "team"))
MODELS = {f"script:{one.agent.name}": one.standin for one in FOLDER.family if one.standin is not None}
AGENT = FOLDER.agent.answered_by(lambda agent: [f"script:{agent.name}"])
SUITE = suite_of(FOLDER, AGENT, cases=PLACE / "cases")
FAILS = {"clock-skew-11", "clock-skew-12"}
LOGS = {"gateway": "gateway.log", "workers": "worker.log", "store": "store.log"}


@pytest.fixture(scope="module")
def reviews():
    """Case → (its trial, run → entries of all its runs, the team's first)."""

    async def play():
        async with playing("memory:", SUITE, model=MODELS) as player:
            found = {}
            async for trial in player.play(1):
                runs = {trial.run: await bodies.entries(player.runner.journal, trial.run)}
                below = [entry.event.child for entry in runs[trial.run] if isinstance(entry.event, ChildOpened)]
                runs |= {child: await bodies.entries(player.runner.journal, child) for child in below}
                found[trial.case] = trial, runs
            return found

    return asyncio.run(play())


def test_contracts_bind_and_the_team_takes_what_the_reviewer_takes():
    assert [one.agent.name for one in FOLDER.family] == ["incident-team", *LOGS, "author"]
    for one in FOLDER.family:
        assert [found for found in lint.findings(one.agent.contract, one.agent.tools) if found.level == "error"] == []
    assert FOLDER.agent.contract.takes == SINGLE.agent.contract.takes
    assert set(SINGLE.agent.contract.gives["properties"]) < set(FOLDER.agent.contract.gives["properties"])
    assert world_of(FOLDER) is world_of(SINGLE)


@pytest.mark.parametrize("case", [case.name for case in SUITE.cases])
def test_every_case_comes_out_as_the_readme_says(reviews, case):
    trial, _ = reviews[case]
    assert trial.trouble == ""
    assert trial.passed is (case not in FAILS), trial.misses
    readme = (PLACE / "README.md").read_text("utf-8")
    assert "In `clock-skew-11` and `clock-skew-12`" in readme


def test_each_peer_reads_its_own_log_and_no_other(reviews):
    read: dict[str, set[str]] = {}
    for _, runs in reviews.values():
        for entries in list(runs.values())[1:]:
            calls = {entry.seq: entry.event for entry in entries if isinstance(entry.event, CallAsked)}
            started = [calls[entry.event.call] for entry in entries if isinstance(entry.event, CallStarted)]
            files = {value_of(one.args)["file"] for one in started if "file" in value_of(one.args)}
            read.setdefault(entries[0].event.agent, set()).update(files)
    assert read == {name: {log} for name, log in LOGS.items()} | {"author": set()}


def test_author_cites_posts_of_closed_rounds_and_every_line_was_pinned(reviews):
    for trial, runs in reviews.values():
        entries = runs[trial.run]
        posted = {name for entry in entries if isinstance(entry.event, RoundClosed) for name, _ in entry.event.posts}
        [output] = [value_of(entry.event.output) for entry in entries if isinstance(entry.event, RunClosed)]
        assert output["cites"]
        assert set(output["cites"]) <= posted


def test_peers_ask_and_answer_over_three_rounds_where_clocks_part_and_agree_in_two_where_nothing_is_wrong(reviews):
    def rounds(case):
        trial, runs = reviews[case]
        return sum(isinstance(entry.event, RoundClosed) for entry in runs[trial.run])

    assert rounds("clock-skew-9") == 3
    assert rounds("none-13") == 2


def test_an_incident_of_which_there_are_no_files_is_declined(tmp_path):
    async def story():
        settings = {"board": str(tmp_path / "board")}
        async with Runner.open("memory:", resources=lambda _: FOLDER.resources(settings), model=MODELS) as runner:
            run = await runner.start(AGENT, {"incident": "inc-404", "report": "Something is wrong."}, by="t")
            return await run.result()

    assert isinstance(asyncio.run(story()), Declined)


def test_stand_ins_say_plainly_what_they_are():
    for one in (PLACE / "team", PLACE.parent / "refund_desk" / "orchestrator"):
        assert re.search(r"\*\*They are no models\*\*", (one / "standin.py").read_text("utf-8"))
