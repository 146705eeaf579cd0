"""What providers answer, read off the wire: the same answer of ours in three formats."""

from __future__ import annotations

import pytest

from holdfast.events import Usage, Wanted

ANTHROPIC = "anthropic:claude-haiku-4-5-20251001"
CHAT = "openai-chat:gpt-5.1"
RESPONSES = "openai:gpt-5.1"
TEXT = {"type": "text", "text": "It is on its way."}


@pytest.mark.parametrize("name", [ANTHROPIC, CHAT, RESPONSES])
def test_a_plain_answer_has_text_usage_and_model(name, asking, loopback, wire, prompt):
    loopback.replies({
        ANTHROPIC: wire.anthropic(TEXT),
        CHAT: wire.chat(content="It is on its way."),
        RESPONSES: wire.responses(wire.output_text("It is on its way.")),
    }[name])  # fmt: skip
    (answer,) = asking(name)(prompt())
    assert (answer.text, answer.calls, answer.finish) == ("It is on its way.", (), "stop")
    assert answer.usage == Usage(42, 5, 30)
    assert answer.model in {"claude-haiku-4-5-20251001", "gpt-5.1-2025-11-13"}
    assert answer.payload is None
    assert len(loopback.seen) == 1


@pytest.mark.parametrize("name", [ANTHROPIC, CHAT, RESPONSES])
def test_parallel_calls_keep_their_order_ids_and_arguments(name, asking, loopback, wire, prompt):
    first, second = '{"order_id":"1017"}', '{"order_id":"1018"}'
    loopback.replies({
        ANTHROPIC: wire.anthropic(
            TEXT, wire.tool_use("t1", order_id="1017"), wire.tool_use("t2", order_id="1018"), stop="tool_use"
        ),
        CHAT: wire.chat("tool_calls", content="It is on its way.",
                        tool_calls=[wire.tool_call("t1", first), wire.tool_call("t2", second)]),
        RESPONSES: wire.responses(wire.output_text("It is on its way."), wire.function_call("t1", first),
                                  wire.function_call("t2", second)),
    }[name])  # fmt: skip
    (answer,) = asking(name)(prompt())
    assert answer.text == "It is on its way."
    assert answer.calls == (Wanted("t1", "get_order", first), Wanted("t2", "get_order", second))
    assert answer.finish == "calls"
    assert answer.payload is None


@pytest.mark.parametrize("name", [CHAT, RESPONSES])
def test_malformed_arguments_stay_the_text_they_were(name, asking, loopback, wire, prompt):
    broken = '{"order_id": "10'
    loopback.replies(
        wire.chat("tool_calls", tool_calls=[wire.tool_call("t1", broken)])
        if name == CHAT
        else wire.responses(wire.function_call("t1", broken))
    )
    (answer,) = asking(name)(prompt())
    assert answer.calls == (Wanted("t1", "get_order", broken),)


def test_no_arguments_at_all_are_an_empty_object(asking, loopback, wire, prompt):
    loopback.replies(wire.chat("tool_calls", tool_calls=[wire.tool_call("t1", "", "list_orders")]))
    (answer,) = asking(CHAT)(prompt())
    assert answer.calls == (Wanted("t1", "list_orders", "{}"),)


def test_a_call_that_anthropic_gives_without_arguments_is_an_empty_object(asking, loopback, wire, prompt):
    loopback.replies(wire.anthropic(wire.tool_use("t1", "list_orders"), stop="tool_use"))
    (answer,) = asking(ANTHROPIC)(prompt())
    assert answer.calls == (Wanted("t1", "list_orders", "{}"),)


@pytest.mark.parametrize("name", [ANTHROPIC, CHAT, RESPONSES])
def test_a_truncated_answer_says_so_even_with_a_call_in_it(name, asking, loopback, wire, prompt):
    loopback.replies({
        ANTHROPIC: wire.anthropic(wire.tool_use("t1", order_id="1"), stop="max_tokens"),
        CHAT: wire.chat("length", tool_calls=[wire.tool_call("t1", '{"order_')]),
        RESPONSES: wire.responses(wire.function_call("t1", '{"order_'), status="incomplete",
                                  incomplete_details={"reason": "max_output_tokens"}),
    }[name])  # fmt: skip
    (answer,) = asking(name)(prompt())
    assert answer.finish == "length"
    assert len(answer.calls) == 1


@pytest.mark.parametrize("name", [ANTHROPIC, CHAT, RESPONSES])
def test_a_filtered_answer_says_so_and_keeps_the_refusal(name, asking, loopback, wire, prompt):
    refusal = {"type": "message", "id": "m", "role": "assistant", "status": "completed",
               "content": [{"type": "refusal", "refusal": "I will not."}]}  # fmt: skip
    loopback.replies({
        ANTHROPIC: wire.anthropic(stop="refusal", stop_details={"type": "refusal", "explanation": "I will not.",
                                                               "category": None}),
        CHAT: wire.chat("stop", refusal="I will not."),
        RESPONSES: wire.responses(refusal),
    }[name])  # fmt: skip
    (answer,) = asking(name)(prompt())
    assert (answer.finish, answer.text, answer.calls) == ("filter", "I will not.", ())
    assert answer.usage == Usage(42, 5, 30)


def test_a_content_filter_of_the_chat_format(asking, loopback, wire, prompt):
    loopback.replies(wire.chat("content_filter", content="Half of"))
    (answer,) = asking(CHAT)(prompt())
    assert (answer.finish, answer.text) == ("filter", "Half of")


@pytest.mark.parametrize(
    ("name", "reason"),
    [(ANTHROPIC, "pause_turn"), (ANTHROPIC, "something_new"), (CHAT, "guardrail"), (CHAT, None)],
)
def test_a_finish_nobody_knows_is_unknown(name, reason, asking, loopback, wire, prompt):
    loopback.replies(wire.anthropic(TEXT, stop=reason) if name == ANTHROPIC else wire.chat(reason, content="It is"))
    (answer,) = asking(name)(prompt())
    assert answer.finish == "unknown"


@pytest.mark.parametrize("status", ["in_progress", "cancelled", "queued"])
def test_a_response_that_is_not_complete_is_unknown(status, asking, loopback, wire, prompt):
    loopback.replies(wire.responses(wire.output_text("It"), status=status))
    (answer,) = asking(RESPONSES)(prompt())
    assert answer.finish == "unknown"


def test_thinking_is_kept_in_a_versioned_payload(asking, loopback, wire, prompt):
    thinking = {"type": "thinking", "thinking": "Look it up.", "signature": "sig=="}
    loopback.replies(wire.anthropic(thinking, wire.tool_use("t1", order_id="1017"), stop="tool_use"))
    (answer,) = asking(ANTHROPIC)(prompt())
    assert answer.text == ""
    assert answer.payload["form"] == 1
    assert answer.payload["provider"] == "anthropic"
    kinds = [part["part_kind"] for part in answer.payload["response"]["parts"]]
    assert kinds == ["thinking", "tool-call"]
    assert "usage" not in answer.payload["response"]
    assert "timestamp" not in answer.payload["response"]


def test_a_long_prompt_costs_by_its_tier_and_a_short_one_by_the_plain_price(asking, loopback, wire, prompt):
    tiered = asking("openai-chat:gpt-5.4")
    usage = {"prompt_tokens": 100_000, "completion_tokens": 1000, "total_tokens": 101_000}
    for tokens in (100_000, 300_000):
        loopback.replies({**wire.chat(content="x"), "usage": {**usage, "prompt_tokens": tokens}})
    short, long = tiered(prompt(), prompt(run="r_2"))
    assert short.cost == 100_000 * 2_500 + 1000 * 15_000
    assert long.cost > 300_000 * 2_500 + 1000 * 15_000
    price = tiered.made.price()
    assert price.input >= 5_000_000
    assert long.cost * 1000 <= 300_000 * price.input + 1000 * price.output


def test_a_flat_price_leaves_the_cost_to_whoever_froze_it(asking, loopback, wire, prompt):
    loopback.replies(wire.anthropic(TEXT))
    (answer,) = asking(ANTHROPIC)(prompt())
    assert answer.cost is None


def test_a_cost_that_a_gateway_reports_counts(asking, loopback, wire, prompt):
    answer = wire.chat(content="x")
    answer["usage"]["pydantic_ai_gateway"] = {"cost_estimate": "0.0000425"}
    loopback.replies(answer)
    (given,) = asking(CHAT)(prompt())
    assert given.cost == 42_500
