"""What journals hold of trials, drills and forks: the same as the commands that made them say, read from the runs alone."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from holdfast.evals.drills.drill import Wish, drill
from holdfast.evals.drills.faults import standard
from holdfast.evals.readiness import trials as report_trials
from holdfast.evals.readiness.drills import drilled
from holdfast.evals.readiness.read import Kept, fork_of, known, read
from holdfast.evals.readiness.reason import reasoned
from holdfast.evals.readiness.report import Gathered, Report, made
from holdfast.evals.readiness.rows import ACTIONS, rows
from holdfast.evals.readiness.trials import repeatability
from holdfast.evals.scores.evaluation import Evaluation
from holdfast.evals.scores.scorecard import planned
from holdfast.evals.trials.trial import Suite
from holdfast.journal.open import open_journal
from holdfast.journal.port import Where
from holdfast.models.scripted import call, done, fail, script_by
from holdfast.shell import bodies
from holdfast.views.readiness import Reader
from tests.evals import reasons, wharf
from tests.evals.trials.test_trial import case, desk, paid, world

GIST = {
    "GV-1.3-002": "minimum thresholds, go/no-go", "GV-1.3-007": "plan to halt", "GV-1.5-002": "after-action reviews",
    "GV-6.2-006": "third-party fallbacks, incl. manual", "MP-3.4-005": "outcomes of human–AI configurations",
    "MP-5.1-005": "adversarial, chaos testing", "MS-2.5-001": "no extrapolation from narrow, anecdotal tests",
    "MS-2.5-003": "verify sources, citations", "MS-2.6-005": "monitor, recover, repair",
    "MS-2.7-007": "red-team incl. prompt injection", "MS-2.8-003": "tamper-proof history, versions",
    "MS-2.9-001": "explanation incl. counterfactual prompts", "MS-2.13-001": "measurement error, metric variance",
    "MS-4.2-004": "document human overrides", "MG-2.4-004": "deactivation criteria", "MG-3.2-006": "real-time alerts for humans",
    "MG-4.1-002": "post-deployment monitoring", "MG-4.3-002": "record errors, near-misses",
}  # fmt: skip


async def _entries(url: str) -> list[list[Any]]:
    journal = open_journal(url, readonly=True)
    try:
        found = await journal.find(Where(limit=100_000))
        return [await bodies.entries(journal, row.run) for row in found]
    finally:
        await journal.close()


def runs(url: str) -> list[list[Any]]:
    return asyncio.run(_entries(url))


def kept(url: str) -> list[Kept]:
    return [one for one in map(read, runs(url)) if one is not None]


def answers(text: str) -> list[Any]:
    """By the input: pays right, pays too much, is not answered, or says nothing."""
    if "down" in text:
        return [fail("auth")] * 20
    if "wrong" in text:
        return [call("pay", order="O-1", cents=60), done(status="paid")]
    return [call("look", order="O-1"), call("pay", order="O-1", cents=50), done(status="paid")]


CASES = (
    case("good", family="f"), case("also", family="f"), case("bad", input="wrong"), case("broken", input="down"),
    case("dull", state={"paid": 1}),
)  # fmt: skip


def nothing_or_right(finished: Any) -> Any:
    """A grader that a null agent satisfies in one case."""
    return () if finished.case.name == "dull" else paid(50)(finished)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """(URL, the scorecard as the command has it)."""
    url = f"sqlite:///{tmp_path_factory.mktemp('eval')}/eval.db"
    what = Suite("refunds", desk(), CASES, (nothing_or_right,), world)
    evaluation = Evaluation(url, what, planned(what, 3, 0), models={"m": script_by(answers)}, label="x:1")
    return url, asyncio.run(evaluation.run())


def test_repeatability_is_what_the_scorecard_said(evaluated):
    url, card = evaluated
    cases = {(one.name, one.digest): one for one in CASES}
    found = repeatability([known(one, cases) for one in kept(url)])
    assert found is not None
    assert found.repeats == card.repeats
    assert (found.ruling.verdict, found.ruling.why) == (card.rulings[0].verdict, card.rulings[0].why)
    assert found.cost_per_success == card.cost_per_success
    assert {one.name: one.uninformative for one in found.cases} == {one.name: one.uninformative for one in card.cases}
    assert [one.name for one in found.cases if one.uninformative] == ["dull"]
    assert (found.k, found.contract, found.families) == (3, card.plan.contract, 3)
    assert found.nulls == card.nulls
    counts = {one.name: (one.passed, one.failed, one.broken) for one in card.cases}
    assert {one.name: (one.passed, one.failed, one.broken) for one in found.cases} == counts
    assert found.broken == 3
    assert found.repeats[0].every != found.repeats[0].every_left_out


def test_runs_of_trials_say_of_which_family_their_case_is(evaluated):
    url, card = evaluated
    found = repeatability(kept(url))
    assert found is not None
    assert found.families == 3
    assert found.repeats == card.repeats
    tags = {(one[0].event.tags["case"], one[0].event.tags.get("family")) for one in runs(url)}
    assert {("good", "f"), ("also", "f"), ("bad", None)} <= tags


def test_there_is_a_row_for_each_family_and_one_for_what_is_of_none(evaluated):
    found = repeatability(kept(evaluated[0]))
    assert found is not None
    rows = [(one.name, one.cases, one.trials, one.passed, one.broken, one.corrupt) for one in found.by_family]
    assert rows == [("f", 2, 6, 6, 0, 0), ("", 2, 6, 0, 3, 0)]
    once, thrice = found.by_family[0].repeats
    assert (once.k, thrice.k) == (1, 3)
    assert once.every.band.point == thrice.every.band.point == 1
    assert once.every.band.low == pytest.approx(0.05 ** (1 / 2))  # of two cases, each for itself
    assert found.by_family[1].repeats[0].every.band.point == 0
    alone = [msgspec.structs.replace(one, family=one.case) for one in kept(evaluated[0])]
    none = repeatability(alone)
    assert none is not None
    assert none.by_family == ()


def test_of_several_groups_the_newest_is_told_and_a_case_as_it_was_last(evaluated):
    replace = msgspec.structs.replace
    trials = kept(evaluated[0])
    old = [
        replace(one, label="old", run=f"{one.run}o", passed=False, at=one.at - 10**9) for one in trials if not one.null
    ]
    found, alone = repeatability([*old, *trials]), repeatability(trials)
    assert found is not None
    assert alone is not None
    assert found.other == len(old)
    assert found.repeats == alone.repeats
    before = [replace(one, digest="00000000", passed=False, at=one.at - 10**9) for one in trials if one.case == "good"]
    changed = repeatability([*trials, *before])
    assert changed is not None
    assert changed.repeats == alone.repeats


def test_a_success_on_bad_evidence_is_no_success_in_the_gated_figure(evaluated):
    trials = [
        msgspec.structs.replace(
            one, against=("stale evidence",) if one.case == "good" and one.number == 1 and one.passed else ()
        )
        for one in kept(evaluated[0])
    ]
    found = repeatability(trials)
    assert found is not None
    assert found.corrupt == 1
    every, gated = found.repeats[0].every.band, found.gated[0].band
    assert every is not None
    assert gated is not None
    assert gated.point == pytest.approx(every.point - 1 / 3 / 4)


def test_no_more_rows_than_a_reader_wants(evaluated):
    trials = [
        msgspec.structs.replace(one, number=n) for n in range(1, 13) for one in kept(evaluated[0]) if one.number == 1
    ]
    found = repeatability(trials)
    assert found is not None
    assert (found.k, len(found.repeats)) == (12, report_trials.ROWS)


# ------------------------------------------------------------------------------------------------------------ drill


@pytest.fixture(scope="module")
def struck(tmp_path_factory):
    """(URL, the drill as the command has it): of an honest tool, and of one that is not safe."""
    url = f"sqlite:///{tmp_path_factory.mktemp('drill')}/drill.db"
    wish = Wish(plan=standard(probability=0.9), trials=1, kills=True)
    return url, asyncio.run(drill(url, wharf.suite("charge", "ignores", cases=4), wish, model=wharf.model))


def test_a_drill_is_what_the_command_said(struck):
    url, told = struck
    found = drilled(kept(url))
    assert found is not None
    names = ("kind", "trials", "hit", "landed", "doubled", "lost", "overrun")
    assert [[getattr(one, name) for name in names] for one in found.faults] == [
        [getattr(row, name) for name in names] for row in told.rows
    ]
    shares = [one.graceful.point if one.graceful else None for one in found.faults]
    assert shares == [row.graceful.point if row.graceful else None for row in told.rows]
    assert found.landed == told.landed > 100
    assert (found.clean, found.cases, found.scripted) == (told.clean, told.cases, True)
    verdicts = {tool.name: (tool.verdict, tool.deaths, tool.doubled, tool.lost, tool.doubts) for tool in found.tools}
    assert verdicts == {one.tool: (one.verdict, one.deaths, one.doubled, one.lost, one.doubts) for one in told.tools}
    assert verdicts["ignores"][0] == "not safe"
    assert found.wrong > 0
    assert found.at_most is None


def test_a_read_that_writes_is_named(tmp_path):
    url = f"sqlite:///{tmp_path}/drill.db"
    told = asyncio.run(drill(url, wharf.suite("peek", "charge"), Wish(plan=None, kills=True), model=wharf.model))
    found = drilled(kept(url))
    assert found is not None
    assert {one.name: one.verdict for one in found.tools} == {one.tool: one.verdict for one in told.tools}
    assert {one.name: one.verdict for one in found.tools}["peek"] == "not safe"


def test_a_success_is_told_strictly_where_the_case_is_not_at_hand(struck):
    url, _ = struck
    strict = [msgspec.structs.replace(one, loose=False) for one in kept(url)]
    one, other = drilled(kept(url)), drilled(strict)
    assert one is not None
    assert other is not None
    for mine, theirs in zip(one.faults, other.faults, strict=True):
        if mine.graceful is not None and theirs.graceful is not None:
            assert (mine.graceful.point or 0) <= (theirs.graceful.point or 0)


# ----------------------------------------------------------------------------------------------------- right reason


def test_forks_give_the_verdict_that_the_command_gave(tmp_path):
    url = f"sqlite:///{tmp_path}/why.db"
    told, _, _ = reasons.why(reasons.honest(), url=url)
    forks = [one for one in map(fork_of, runs(url)) if one is not None]
    (found,) = reasoned(forks, frozenset(), url)
    assert (found.decision, found.verdict) == ("refund", told.verdict)
    assert found.verdict == "RIGHT_REASON"
    assert found.noise is not None
    assert told.figures.noise is not None
    assert found.noise.high == told.figures.noise.high
    assert [(name, band.low) for name, band in found.flips] == [(one.name, one.above.low) for one in told.figures.flips]
    assert found.withheld is not None
    assert found.counted == found.forks == len(forks)
    assert all(
        Reader().read(entries, found=False).aside == "a counterfactual" for entries in runs(url) if fork_of(entries)
    )


def test_who_decides_on_the_wrong_field_is_called_so(tmp_path):
    url = f"sqlite:///{tmp_path}/why.db"
    told, _, _ = reasons.why(reasons.honest(lambda order: True), url=url)
    (found,) = reasoned([one for one in map(fork_of, runs(url)) if one is not None], frozenset(), url)
    assert found.verdict == told.verdict == "WRONG_REASON"


# ------------------------------------------------------------------------------------------------------- governance


def empty() -> Report:
    return made(Gathered(agent="desk", called="desk", journal="", evals="", drills=""))


def test_of_nothing_every_row_says_no_evidence_and_what_would_be_some():
    found = rows(empty())
    assert len(found) == len(ACTIONS) == 21
    for row in found:
        assert not row.evidenced, row.id
        assert row.lacking, row.id
        assert "AGENT" not in row.lacking


def test_ids_and_gists_are_those_of_the_document_and_none_claims_anything():
    nist = {action.id: action.gist for action in ACTIONS if action.source == "NIST AI 600-1"}
    assert nist == GIST
    assert "GV-1.1-002" not in nist
    assert [action.id for action in ACTIONS if action.source == "EU AI Act"] == ["Art. 12", "Art. 14", "Art. 26(6)"]
    words = " ".join(f"{action.gist} {action.looked_for} {action.lacking}" for action in ACTIONS).lower()
    assert "complian" not in words
    assert "complies" not in words
