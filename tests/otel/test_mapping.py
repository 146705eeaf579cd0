"""The mapping: names as the conventions have them, one span for each thing, ids from the journal, and the same in pieces."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import msgspec
import pytest

from holdfast.events import (
    CallAsked,
    CallJudged,
    CallLookedUp,
    CallStarted,
    ModelAsked,
    PersonAsked,
    RunClosed,
)
from holdfast.otel.mapping import spans
from holdfast.otel.span import span_id, trace_id
from tests.otel.told import DONE, STORY, run

replace = msgspec.structs.replace

RUN, STEP, CALL = "invoke_agent payer", "chat claude-x", "execute_tool pay"

NAMES = [  # what the conventions call it, which span has it, what it is of the story of `told`
    ("gen_ai.operation.name", RUN, "invoke_agent"),
    ("gen_ai.provider.name", RUN, "anthropic"),
    ("gen_ai.agent.id", RUN, "payer"),
    ("gen_ai.agent.name", RUN, "payer"),
    ("gen_ai.agent.version", RUN, "c0ffee"),
    ("gen_ai.agent.description", RUN, "Pay bills."),
    ("gen_ai.conversation.id", RUN, "r_1"),
    ("gen_ai.request.model", RUN, "claude-x"),
    ("gen_ai.output.type", RUN, "json"),
    ("gen_ai.aggregated_usage.input_tokens", RUN, 100),
    ("gen_ai.aggregated_usage.output_tokens", RUN, 7),
    ("openinference.span.kind", RUN, "AGENT"),
    ("session.id", RUN, "r_1"),
    ("user.id", RUN, "svc:inbox"),
    ("holdfast.tag.team", RUN, "eu"),
    ("holdfast.tenant", RUN, "acme"),
    ("holdfast.outcome", RUN, "done"),
    ("holdfast.cost.nusd", RUN, 1_500_000),
    ("gen_ai.operation.name", STEP, "chat"),
    ("gen_ai.provider.name", STEP, "anthropic"),
    ("gen_ai.request.model", STEP, "claude-x"),
    ("gen_ai.request.max_tokens", STEP, 512),
    ("gen_ai.response.model", STEP, "claude-x-1"),
    ("gen_ai.response.finish_reasons", STEP, ("tool_call",)),
    ("gen_ai.usage.input_tokens", STEP, 100),
    ("gen_ai.usage.output_tokens", STEP, 7),
    ("gen_ai.usage.cache_read.input_tokens", STEP, 40),
    ("gen_ai.conversation.id", STEP, "r_1"),
    ("llm.cost.total", STEP, 0.0015),
    ("openinference.span.kind", STEP, "LLM"),
    ("session.id", STEP, "r_1"),
    ("gen_ai.operation.name", CALL, "execute_tool"),
    ("gen_ai.tool.name", CALL, "pay"),
    ("gen_ai.tool.call.id", CALL, "call_1"),
    ("gen_ai.tool.type", CALL, "function"),
    ("openinference.span.kind", CALL, "TOOL"),
    ("holdfast.effect.id", CALL, "pay-9"),
    ("holdfast.journal.seq", CALL, 4),
    ("holdfast.attempts", CALL, 1),
]

ASKED_FOR = {  # names of content, and which span has them where it was asked for
    "gen_ai.system_instructions": RUN, "gen_ai.input.messages": STEP, "gen_ai.output.messages": STEP,
    "gen_ai.tool.call.arguments": CALL, "gen_ai.tool.call.result": CALL,
}  # fmt: skip

NOT_KNOWN = {  # names of the conventions that stand for something no journal holds, or that nothing here does
    "gen_ai.response.id", "gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.response.time_to_first_chunk", "gen_ai.tool.description", "gen_ai.tool.definitions", "gen_ai.workflow.name",
    "gen_ai.data_source.id", "gen_ai.evaluation.score.label",
}  # fmt: skip


def named(found, name):
    return [span for span in found if span.name == name]


def only(found, name):
    (one,) = named(found, name)
    return one


# ------------------------------------------------------------------------------------------------------------ names


@pytest.mark.parametrize(("name", "span", "value"), NAMES)
def test_names_are_those_of_the_conventions(name, span, value):
    assert only(spans(run(*STORY, DONE)), span).attributes[name] == value


def test_names_of_content_are_there_only_where_it_was_asked_for():
    bare, full = spans(run(*STORY, DONE)), spans(run(*STORY, DONE), content=True)
    for name, span in ASKED_FOR.items():
        assert name in only(full, span).attributes
        assert not any(name in one.attributes for one in bare)
    for one in full:
        assert not NOT_KNOWN & set(one.attributes)


def test_kinds_times_and_states_of_a_plain_run():
    found = spans(run(*STORY, DONE))
    assert [(one.name, one.kind, one.start, one.end, one.status, one.over) for one in found] == [
        (STEP, "client", 2_000_000, 4_000_000, "ok", 3),  # as long as was measured, and not as entries lie apart
        (CALL, "internal", 4_000_000, 7_000_000, "ok", 7),
        (RUN, "internal", 1_000_000, 8_000_000, "ok", 8),
    ]


def test_every_entry_of_every_life_comes_to_be_told(lives):
    """Each call, attempt, refusal, question and note of the journal is there once, and nothing else is."""
    for name, entries in lives.items():
        found = spans(entries)
        closed = next((one.seq for one in entries if isinstance(one.event, RunClosed)), 0)
        if not closed:
            continue
        got = Counter(one.name.split()[0] for one in found)
        kinds = Counter(type(one.event) for one in entries)
        events = [event for one in found for event in one.events]
        attempts = got["holdfast.attempt"] + sum(event.name == "holdfast.attempt" for event in events)
        assert attempts == kinds[CallStarted] + kinds[ModelAsked], name
        assert got["execute_tool"] + got["holdfast.proposal"] == kinds[CallAsked], name
        assert got["holdfast.refusal"] == sum(
            isinstance(one.event, CallJudged) and one.event.verdict == "refuse" for one in entries
        )
        assert got["holdfast.approval"] + got["holdfast.doubt"] + got["holdfast.question"] == kinds[PersonAsked], name
        assert got["holdfast.lookup"] == kinds[CallLookedUp], name
        assert got["chat"] == len({one.event.step for one in entries if isinstance(one.event, ModelAsked)}), name
        assert got["invoke_agent"] == 1, name
        assert sum(event.name == "holdfast.judged" for event in events) <= kinds[CallJudged], name


def test_the_lives_hold_what_is_worth_telling(lives):
    names = Counter(one.name.split()[0] for entries in lives.values() for one in spans(entries))
    assert {"holdfast.approval", "holdfast.doubt", "holdfast.question", "holdfast.lookup", "holdfast.attempt"} <= set(
        names
    )
    assert {"holdfast.call_returned_late", "holdfast.limit_reached", "holdfast.output_rejected"} <= set(names)


# -------------------------------------------------------------------------------------------------------------- ids


def test_ids_follow_from_the_tree_and_the_entry():
    found = spans(run(*STORY, DONE))
    assert {one.trace for one in found} == {trace_id("r_1")}
    root = only(found, RUN)
    assert (root.id, root.parent) == (span_id("r_1", 1), "")
    assert (only(found, STEP).id, only(found, CALL).id) == (span_id("r_1", 2), span_id("r_1", 4))
    assert only(found, STEP).parent == only(found, CALL).parent == root.id
    assert (len(root.trace), len(root.id)) == (32, 16)
    # Written down: an id that changes makes new spans of all old ones.
    assert (trace_id("r_1"), span_id("r_1", 1)) == ("520fa2dfc9235ee87e138b339c870165", "d436afdbe3a56c3e")


def test_no_id_twice_and_every_parent_is_there(lives):
    everything = [one for entries in lives.values() for one in spans(entries)]
    assert len(everything) > 1_500
    for name, entries in lives.items():
        found = spans(entries)
        ids = {one.id for one in found}
        assert len(ids) == len(found), name
        if any(isinstance(one.event, RunClosed) for one in entries):
            assert all(one.parent in ids for one in found if one.parent), name
        assert all(one.start <= one.end for one in found), name


def test_in_pieces_it_is_the_same(lives):
    """What is over stays as it was told, whatever comes after it."""
    for name, entries in lives.items():
        whole = spans(entries, content=True)
        for count in range(1, len(entries), max(1, len(entries) // 12)):
            assert spans(entries[:count], content=True) == [one for one in whole if one.over <= count], (name, count)


def test_in_the_smallest_pieces_it_is_the_same(lives):
    longest = sorted(lives.items(), key=lambda one: -len({type(entry.event) for entry in one[1]}))[:6]
    for name, entries in longest:
        whole = spans(entries)
        for count in range(1, len(entries) + 1):
            assert spans(entries[:count]) == [one for one in whole if one.over <= count], (name, count)


def test_it_comes_in_the_order_in_which_it_was_over(lives):
    for entries in lives.values():
        assert all(before.over <= after.over for before, after in pairwise(spans(entries)))
