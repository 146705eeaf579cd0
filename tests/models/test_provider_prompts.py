"""What providers are sent: roles, results, system prompt, tools, files, and what of earlier answers goes back."""

from __future__ import annotations

import base64
import json

import msgspec
import pytest

from holdfast.dialogue import Answered, Attached, Result, Told
from holdfast.events import Wanted
from holdfast.models import messages

ANTHROPIC = "anthropic:claude-haiku-4-5-20251001"
CHAT = "openai-chat:gpt-5.1"
RESPONSES = "openai:gpt-5.1"
TEXT = {"type": "text", "text": "Done."}

CALLS = (Wanted("t1", "get_order", '{"order_id":"1017"}'), Wanted("t2", "get_order", '{"order_id": "10'))
HISTORY = (
    Told((1, 0), "input", "Where are my orders?"),
    Answered((4, 0), "Let me look.", CALLS, "m"),
    Result((8, 0), "t1", "get_order", "shipped"),
    Result((9, 0), "t2", "get_order", "the arguments are no JSON", failed=True),
    Told((10, 0), "said", "And hurry."),
)


def plain(wire, name):
    return {ANTHROPIC: wire.anthropic(TEXT), CHAT: wire.chat(content="Done.")}.get(
        name, wire.responses(wire.output_text("Done."))
    )


def test_anthropic_gets_roles_results_system_tools_and_the_bound(asking, loopback, wire, prompt):
    loopback.replies(plain(wire, ANTHROPIC))
    asking(ANTHROPIC)(prompt(*HISTORY))
    (seen,) = loopback.seen
    assert seen.path.startswith("/v1/messages")
    # The SDK's versions differ in the header that carries it.
    assert "sk-dummy-a" in " ".join(seen.headers.values())
    assert seen.body["max_tokens"] == 512
    assert seen.body["model"] == "claude-haiku-4-5-20251001"
    system = seen.body["system"]
    assert (system if isinstance(system, str) else system[0]["text"]) == "You are a desk."
    (tool,) = seen.body["tools"]
    assert (tool["name"], tool["description"]) == ("get_order", "Status of one order.")
    assert tool["input_schema"]["required"] == ["order_id"]
    assert not seen.body.get("stream")
    asked, answered, results = seen.body["messages"]
    assert asked == {"role": "user", "content": [{"type": "text", "text": "Where are my orders?"}]}
    assert answered["role"] == "assistant"
    said, first, second = answered["content"]
    assert said["text"] == "Let me look."
    assert (first["id"], first["input"]) == ("t1", {"order_id": "1017"})
    assert second["input"] == {"INVALID_JSON": '{"order_id": "10'}
    assert results["role"] == "user"
    one, two, more = results["content"]
    assert (one["type"], one["tool_use_id"], one["is_error"]) == ("tool_result", "t1", False)
    assert one["content"] == [{"type": "text", "text": "shipped"}]
    assert (two["tool_use_id"], two["is_error"]) == ("t2", True)
    assert more == {"type": "text", "text": "And hurry."}


def test_chat_completions_get_roles_results_system_tools_and_the_bound(asking, loopback, wire, prompt):
    loopback.replies(plain(wire, CHAT))
    asking(CHAT)(prompt(*HISTORY))
    (seen,) = loopback.seen
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["authorization"] == "Bearer sk-dummy-o"
    assert seen.body["max_completion_tokens"] == 512
    assert [message["role"] for message in seen.body["messages"]] == [
        "system", "user", "assistant", "tool", "tool", "user",
    ]  # fmt: skip
    system, _, answered, one, two, more = seen.body["messages"]
    assert system["content"] == "You are a desk."
    assert answered["content"] == "Let me look."
    assert [call["id"] for call in answered["tool_calls"]] == ["t1", "t2"]
    assert json.loads(answered["tool_calls"][0]["function"]["arguments"]) == {"order_id": "1017"}
    assert (one["tool_call_id"], one["content"]) == ("t1", "shipped")
    assert two["tool_call_id"] == "t2"
    assert more["content"] == "And hurry."
    assert seen.body["tools"][0]["function"]["name"] == "get_order"


def test_responses_get_roles_results_system_tools_the_bound_and_nothing_is_stored(asking, loopback, wire, prompt):
    loopback.replies(plain(wire, RESPONSES))
    asking(RESPONSES)(prompt(*HISTORY))
    (seen,) = loopback.seen
    assert seen.path == "/v1/responses"
    assert seen.body["max_output_tokens"] == 512
    assert seen.body["store"] is False
    assert seen.body["instructions"] == "You are a desk."
    assert [item.get("type") or item["role"] for item in seen.body["input"]] == [
        "user", "assistant", "function_call", "function_call", "function_call_output", "function_call_output", "user",
    ]  # fmt: skip
    assert seen.body["input"][4]["output"] == "shipped"
    assert seen.body["tools"][0]["name"] == "get_order"


@pytest.mark.parametrize("name", [ANTHROPIC, CHAT, RESPONSES])
def test_files_go_as_base64_and_texts_as_text(name, asking, loopback, wire, prompt):
    image, paper = base64.b64encode(b"\x89PNG...").decode(), base64.b64encode(b"%PDF-1.7").decode()
    table = base64.b64encode("a;b\n1;ä\n".encode()).decode()
    files = (
        Attached("photo.png", "image/png", image),
        Attached("bill.pdf", "application/pdf", paper),
        Attached("rows.csv", "text/csv", table),
    )
    loopback.replies(plain(wire, name))
    asking(name)(prompt(Told((1, 0), "input", "Look.", files)))
    sent = json.dumps(loopback.seen[0].body, ensure_ascii=False)
    assert image in sent
    assert paper in sent
    assert "File rows.csv (text/csv):\\n\\na;b\\n1;ä" in sent
    assert '"Look."' in sent


def test_thinking_goes_back_to_who_thought_it(asking, loopback, wire, prompt):
    thinking = {"type": "thinking", "thinking": "Look it up.", "signature": "sig=="}
    loopback.replies(wire.anthropic(thinking, wire.tool_use("t1", order_id="1"), stop="tool_use"))
    (answer,) = asking(ANTHROPIC)(prompt())
    payload = msgspec.json.decode(msgspec.json.encode(answer.payload))
    past = Answered((4, 0), answer.text, answer.calls, answer.model, payload)
    history = (HISTORY[0], past, Result((8, 0), "t1", "get_order", "shipped"))
    loopback.replies(plain(wire, ANTHROPIC))
    asking(ANTHROPIC)(prompt(*history))
    thought, called = loopback.seen[1].body["messages"][1]["content"]
    assert (thought["type"], thought["thinking"], thought["signature"]) == ("thinking", "Look it up.", "sig==")
    assert called["id"] == "t1"
    loopback.replies(plain(wire, CHAT))
    asking(CHAT)(prompt(*history))
    assert "Look it up." not in json.dumps(loopback.seen[2].body)


def test_encrypted_reasoning_goes_back_with_its_call(asking, loopback, wire, prompt):
    reasoning = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "enc=="}
    loopback.replies(wire.responses(reasoning, wire.function_call("t1", '{"order_id":"1"}')))
    (answer,) = asking(RESPONSES)(prompt())
    past = Answered((4, 0), answer.text, answer.calls, answer.model, answer.payload)
    loopback.replies(plain(wire, RESPONSES))
    asking(RESPONSES)(prompt(HISTORY[0], past, Result((8, 0), "t1", "get_order", "shipped")))
    assert "reasoning.encrypted_content" in loopback.seen[0].body["include"]
    _, thought, called, _ = loopback.seen[1].body["input"]
    assert (thought["type"], thought["encrypted_content"]) == ("reasoning", "enc==")
    assert (called["call_id"], called["id"]) == ("t1", "fc_t1")


@pytest.mark.parametrize(
    "change",
    [
        {"text": ""},
        {"calls": ()},
        {"payload": {"form": 99, "provider": "anthropic", "response": {}}},
        {"payload": {"form": 1, "provider": "anthropic", "response": {"kind": "response", "parts": [{"odd": 1}]}}},
        {"payload": "nonsense"},
    ],
)
def test_a_payload_that_says_something_else_than_the_journal_is_not_used(change, asking, loopback, wire, prompt):
    thinking = {"type": "thinking", "thinking": "Secret.", "signature": "sig=="}
    loopback.replies(wire.anthropic(thinking, TEXT, wire.tool_use("t1", order_id="1"), stop="tool_use"))
    (answer,) = asking(ANTHROPIC)(prompt())
    past = Answered((4, 0), answer.text, answer.calls, answer.model, answer.payload)
    past = msgspec.structs.replace(past, **change)
    loopback.replies(plain(wire, ANTHROPIC))
    asking(ANTHROPIC)(prompt(HISTORY[0], past, Told((9, 0), "machine", "Go on.")))
    content = loopback.seen[1].body["messages"][1]["content"]
    assert [part["type"] for part in content] == ["text"] * bool(past.text) + ["tool_use"] * len(past.calls)


def test_an_answer_of_nothing_is_left_out_and_the_turns_around_it_are_one(asking, loopback, wire, prompt):
    loopback.replies(plain(wire, ANTHROPIC))
    asking(ANTHROPIC)(prompt(HISTORY[0], Answered((4, 0), ""), Told((5, 0), "machine", "That was empty.")))
    (turn,) = loopback.seen[0].body["messages"]
    assert [part["text"] for part in turn["content"]] == ["Where are my orders?", "That was empty."]


@pytest.mark.parametrize("name", [ANTHROPIC, CHAT, RESPONSES])
def test_step_by_step_sends_what_one_request_would_send(name, asking, loopback, wire, prompt):
    one = asking(name)
    for count in (1, 4, 5):
        loopback.replies(plain(wire, name))
        one(prompt(*HISTORY[:count], step=count))
    loopback.replies(plain(wire, name))
    asking(name)(prompt(*HISTORY))
    assert loopback.seen[2].body == loopback.seen[3].body


def test_a_step_makes_only_what_is_new(prompt, monkeypatch):
    made = []
    parts = messages._parts
    monkeypatch.setattr(messages, "_parts", lambda segment, provider: made.append(segment) or parts(segment, provider))
    talk = messages.Conversation("anthropic")
    history = list(HISTORY[:1])
    for step in range(1, 201):
        sent = talk.messages(prompt(*history, step=step))
        assert len(sent) == 2 * step - 1
        before = len(made)
        history += [Answered((step, 0), "x", (CALLS[0],)), Result((step, 1), "t1", "get_order", f"r{step}")]
        assert before == step
    assert talk.messages(prompt(*history)) == talk.messages(prompt(*history))
    assert len(made) == 201


def test_an_attempt_in_flight_keeps_the_list_it_was_given(prompt):
    talk = messages.Conversation("anthropic")
    early = talk.messages(prompt(*HISTORY[:4]))
    copy = list(early)
    late = talk.messages(prompt(*HISTORY))
    assert early == copy
    assert len(early[-1].parts) == 2
    assert len(late[-1].parts) == 3


def test_tools_and_system_are_made_once_and_made_again_when_they_change(prompt):
    talk = messages.Conversation("anthropic")
    first = talk.parameters(prompt())
    assert talk.parameters(prompt(run="r_2")) is first
    assert talk.parameters(prompt(system="Another.")) is not first
    renamed = msgspec.structs.replace(prompt().offers[0], description="Otherwise.")
    assert talk.parameters(prompt(offers=(renamed,))).function_tools[0].description == "Otherwise."
    for number in range(200):
        talk.parameters(prompt(system=f"s{number}"))
    assert len(talk._settled) <= 64


def test_models_that_bind_their_thinking_are_told_beforehand_so_that_nobody_asks_twice(asking, loopback, wire, prompt):
    stale = "The block is bound to a different conversation"
    loopback.replies({"type": "error", "error": {"type": "invalid_request_error", "message": stale}}, 400)
    assert asking("anthropic:claude-sonnet-5-5").fails(prompt()).error == "rejected"
    (seen,) = loopback.seen
    assert seen.body["thinking"]["block_binding"] == {"prefix_mismatch_behavior": "drop_block"}
