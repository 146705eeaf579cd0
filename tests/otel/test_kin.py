"""Run trees as spans: one trace, every run below the call that opened it, and nothing counted twice."""

from __future__ import annotations

import pytest

from holdfast.otel.mapping import spans
from holdfast.otel.span import trace_id
from tests import kin


@pytest.fixture(scope="module")
def tree() -> kin.Tree:
    return kin.played(kin.claims(), kin.models())


def test_the_runs_of_a_tree_are_one_trace_and_nest_below_calls(tree):
    every = {span.id: span for entries in tree.values() for span in spans(entries)}
    assert {span.trace for span in every.values()} == {trace_id(tree.root)}

    def path(span):
        names = [span.name.split()[-1]]
        while span.parent:
            span = every[span.parent]  # no span hangs below one that is not there
            names.append(span.name.split()[-1])
        return "/".join(reversed(names))

    agents = {path(span) for span in every.values() if span.name.startswith("invoke_agent")}
    assert agents == {
        "claims", "claims/assessor/assessor", "claims/assessor/assessor/weather/weather", "claims/payer/payer",
    }  # fmt: skip
    assert "claims/payer/payer/pay" in {path(span) for span in every.values()}


def test_a_child_lies_within_the_call_it_answers_and_the_call_names_it(tree):
    calls = {
        span.id: span for entries in tree.values() for span in spans(entries) if span.name.startswith("execute_tool")
    }
    for run, entries in tree.items():
        root = next(span for span in spans(entries) if span.name.startswith("invoke_agent"))
        if run != tree.root:
            call = calls[root.parent]
            assert call.start <= root.start <= root.end <= call.end
            assert (call.attributes["holdfast.child.run"], call.attributes["holdfast.child.outcome"]) == (run, "done")
            assert (call.status, call.attributes["openinference.span.kind"]) == ("ok", "TOOL")


def test_money_and_tokens_of_a_tree_stand_on_its_steps_once(tree):
    steps = [span for entries in tree.values() for span in spans(entries) if span.name.startswith("chat ")]
    own = [span for entries in tree.values() for span in spans(entries) if span.name.startswith("invoke_agent")]
    paid = sum(span.attributes["holdfast.cost.nusd"] for span in steps)
    assert paid == sum(span.attributes["holdfast.cost.nusd"] for span in own) > 0
    assert not any("gen_ai.usage.input_tokens" in span.attributes for span in own)


def test_what_a_child_says_is_in_no_span_even_where_content_is_asked_for(tree):
    """A child holds its parent's data, whose class it does not say."""
    told = str([span.attributes for span in spans(tree.of("payer"), content=True)])
    assert "C-1042" not in told
    assert "C-1042" in str([span.attributes for span in spans(tree[tree.root], content=True)])


def test_a_piece_of_a_run_gives_the_spans_that_were_over_by_then(tree):
    for entries in (*tree.values(), *kin.played(kin.incident(), kin.team_models(), "why?").values()):
        whole = spans(entries)
        for count in range(1, len(entries) + 1):
            assert spans(entries[:count]) == [span for span in whole if span.over <= count]
