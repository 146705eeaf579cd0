"""Clusters of findings, the earliest exact one, and what kind of failure a run is."""

from __future__ import annotations

import msgspec
import pytest

from holdfast.core.fork import fork
from holdfast.events import CallAsked, Noted, RunClosed
from holdfast.models.scripted import call, say
from holdfast.views.detectors import Finding
from holdfast.views.failures import OWN, Deed, Reading, Wanted, classify, clusters, earliest, read
from holdfast.views.trace import trace
from tests.core.story import Story, desk, order, refund

PAY = call("refund", order="A-1", cents=400)


def finding(number, *seqs, grade="E", tool="refund", error=""):
    return Finding(number=number, name=f"n{number}", grade=grade, seqs=seqs, sentence="s", tool=tool, error=error)


def reading(run, *findings, contract="c1", at=1, outcome="done"):
    return Reading(run, "desk", contract, at, outcome, findings)


def test_the_earliest_is_the_exact_finding_that_is_whole_first():
    late, soon, suspect = finding(1, 2, 9), finding(8, 5), finding(3, 1, grade="S")
    assert earliest([late, soon, suspect]) == soon
    assert earliest([suspect]) is None
    assert earliest([]) is None


def test_findings_cluster_by_detector_tool_error_and_contract():
    one = finding(8, 5, error="must[0]")
    found = clusters(
        [
            reading("r2", one, at=2, outcome="failed"),
            reading("r1", one, finding(1, 2, 3, 4), finding(8, 7, error="must[0]")),
            reading("r3", one, at=3, contract="c2"),
            reading("r4", finding(8, 5, error="must[1]"), at=4),
            reading("r5"),
        ]
    )
    first = found[0]
    assert (first.number, first.tool, first.error, first.contract) == (8, "refund", "must[0]", "c1")
    assert (first.runs, first.findings, first.bad) == (("r1", "r2"), 3, 1)
    assert (first.first, first.last, first.example) == (1, 2, ("r2", (5,)))
    assert first.earliest == 1
    assert [(one.number, one.error, one.contract) for one in found[1:]] == [
        (1, "", "c1"),
        (8, "must[0]", "c2"),
        (8, "must[1]", "c1"),
    ]
    assert clusters([]) == ()


def test_a_reading_is_a_function_of_the_entries(desk):
    for entries in desk.values():
        one = read(entries)
        assert (one.run, one.at) == (entries[0].run, entries[0].at)
        assert one.outcome == (trace(entries).end.outcome if trace(entries).end else None)
        assert one == read(list(entries))


@pytest.mark.parametrize(
    ("hit", "older", "newer", "word"),
    [
        (range(6, 12), 0, 6, "rising"),
        (range(6), 6, 0, "falling"),
        (range(7, 12), 0, 5, ""),
        (range(12), 6, 6, ""),
        ((0, *range(6, 12)), 1, 6, ""),
    ],
)
def test_a_trend_is_named_only_where_chance_would_hardly_make_it(hit, older, newer, word):
    (one,) = clusters([reading(f"r{at:02}", *([finding(1, 2)] if at in hit else []), at=at) for at in range(12)])
    assert (one.trend.older, one.trend.newer, one.trend.half, one.trend.word) == (older, newer, 6, word)


def test_of_an_odd_number_of_runs_the_middle_one_is_in_neither_half():
    (one,) = clusters([reading(f"r{at}", finding(1, 2), at=at) for at in range(3)])
    assert (one.trend.older, one.trend.newer, one.trend.half) == (1, 1, 1)


def test_a_trend_is_among_the_runs_under_the_same_contract():
    old = [reading(f"a{at}", at=at, contract="old") for at in range(4)]
    new = [reading(f"b{at}", finding(1, 2), at=10 + at, contract="new") for at in range(4)]
    (one,) = clusters([*old, *new])
    assert (one.trend.older, one.trend.newer) == (2, 2)


# ----------------------------------------------------------------------------------------------- a rule of one's own


def long_way(entries):
    yield Finding(number=8, name="long way", grade="S", seqs=(entries[-1].seq,), sentence=f"{len(entries)} entries")


def test_findings_of_ones_own_rule_stand_beside_and_never_pass_for_the_taxonomy():
    run = told((PAY, {"id": "re_1"}))
    mine = [one for one in read(run.entries, long_way).findings if one not in read(run.entries).findings]
    assert [(one.number, one.name, one.grade) for one in mine] == [(OWN, "long way", "S")]


def test_rules_of_ones_own_cluster_by_their_names():
    mine = [msgspec.structs.replace(finding(OWN, 2, grade="S"), name=name) for name in ("a", "b", "a")]
    assert [(one.name, one.findings) for one in clusters([reading("r1", *mine)])] == [("a", 2), ("b", 1)]


def test_what_a_fork_inherited_is_found_in_the_run_it_was_forked_from():
    run = Story(desk(order(), limits={"repeats": 50}))
    for _ in range(3):
        run.asks_for(call("get_order", order="A-1"))
        run.settle_down()
        run.returns({"paid": 5})
    assert [one.number for one in read(run.entries).findings] == [1]
    begun = fork(run.entries, "r_2", by="lea", at=run.at)
    assert read(begun).findings == ()
    own = msgspec.structs.replace(begun[-1], seq=len(begun) + 1, cause=0, event=Noted("lea", "good"))
    assert [one.name for one in read([*begun, own], long_way).findings] == ["long way"]


# --------------------------------------------------------------------------------------------------- what kind it is


def told(*turns, reply="Your refund is 4,000.50 now") -> Story:
    run = Story(desk(order(), refund(), refund("cancel"), conversation=True))
    for wanted, value in turns:
        run.asks_for(wanted)
        run.settle_down()
        run.returns(value)
    run.asks_for(say(reply))
    run.settle_down()
    return run


PAID = Deed("refund", {"order": "A-1", "cents": 400})


def kind(run, *deeds, words=(), finished=True, same=None):
    return classify(trace(run.entries), Wanted(deeds, words), finished=finished, same=same).kind


@pytest.mark.parametrize(
    ("done", "wanted", "expected"),
    [
        ([PAY], [PAID], "success"),
        ([], [], "success"),
        ([], [PAID], "missing_action"),
        ([PAY], [], "unintended_action"),
        ([PAY, PAY], [PAID], "unintended_action"),
        ([PAY], [PAID, PAID], "missing_action"),
        ([PAY], [Deed("refund", {"order": "A-1", "cents": 40})], "wrong_argument"),
        ([PAY], [Deed("cancel", {"order": "A-1", "cents": 400})], "wrong_tool"),
    ],
)
def test_a_run_is_told_by_its_writes(done, wanted, expected):
    run = told(*((one, {"id": f"re_{at}"}) for at, one in enumerate(done)))
    assert kind(run, *wanted) == expected


def test_a_write_that_failed_was_not_done():
    assert kind(told((PAY, "Error: no such order")), PAID) == "missing_action"


def test_readings_are_no_deeds():
    assert kind(told((call("get_order", order="A-1"), {"paid": 5}))) == "success"


@pytest.mark.parametrize(
    ("words", "expected"), [(("4000.50",), "success"), (("REFUND",), "success"), (("9",), "output_missing")]
)
def test_what_had_to_be_said_is_looked_for_in_what_was_said(words, expected):
    assert kind(told(), words=words) == expected


def test_what_was_not_finished_is_nothing_else():
    assert kind(told((PAY, {"id": "re_1"})), finished=False) == "not_finished"


def test_whoever_compared_the_states_knows_better_than_the_writes():
    assert kind(told(), PAID, same=True) == "success"
    assert kind(told((PAY, {"id": "re_1"})), PAID, same=False) == "unintended_action"


def test_a_verdict_names_the_writes_that_differ():
    run = told((PAY, {"id": "re_1"}))
    wrong = Deed("refund", {"order": "A-1", "cents": 40})
    verdict = classify(trace(run.entries), Wanted((wrong,)), finished=True)
    assert verdict.missing == (wrong,)
    asked = next(entry.seq for entry in run.entries if isinstance(entry.event, CallAsked))
    assert [(deed.tool, deed.seq) for deed in verdict.extra] == [("refund", asked)]


def test_an_output_counts_as_said():
    run = told()
    end = RunClosed("done", "over", msgspec.structs.replace(run.entries[0].event.input, value={"paid": 77}))
    run.entries.append(msgspec.structs.replace(run.entries[-1], seq=len(run.entries) + 1, event=end))
    assert kind(run, words=("77",)) == "success"
