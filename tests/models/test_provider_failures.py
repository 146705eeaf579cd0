"""What providers' failures mean: the error, what is known of the attempt, and that nobody asked twice."""

from __future__ import annotations

import asyncio
import socket

import pytest

from holdfast.models.port import ModelError

ANTHROPIC = "anthropic:claude-haiku-4-5-20251001"
CHAT = "openai-chat:gpt-5.1"
RESPONSES = "openai:gpt-5.1"
ALL = [ANTHROPIC, CHAT, RESPONSES]


def problem(name, kind, message="No.", code=None):
    inner = {"type": kind, "message": message}
    if name == ANTHROPIC:
        return {"type": "error", "error": inner}
    return {"error": {**inner, "code": code, "param": None}}


STATUSES = [
    (429, "rate_limit_error", "rate_limited", "not_done"),
    (500, "api_error", "server", "unknown"),
    (502, "api_error", "server", "unknown"),
    (503, "api_error", "overloaded", "unknown"),
    (504, "timeout_error", "server", "unknown"),
    (401, "authentication_error", "auth", "not_done"),
    (403, "permission_error", "auth", "not_done"),
    (402, "billing_error", "quota", "not_done"),
    (404, "not_found_error", "not_found", "not_done"),
    (400, "invalid_request_error", "rejected", "not_done"),
    (422, "invalid_request_error", "rejected", "not_done"),
    (413, "request_too_large", "context", "not_done"),
    (408, "timeout_error", "timeout", "unknown"),
    (409, "conflict_error", "overloaded", "not_done"),
    (418, "teapot_error", "rejected", "not_done"),
]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(("status", "kind", "error", "fate"), STATUSES)
def test_a_status_is_one_error_and_one_request(name, status, kind, error, fate, asking, loopback, prompt):
    loopback.replies(problem(name, kind, "Not so."), status)
    caught = asking(name).fails(prompt())
    assert (caught.error, caught.fate) == (error, fate)
    assert str(caught) == f"{name}: HTTP {status}: Not so."
    assert caught.retry_after is None
    assert len(loopback.seen) == 1


@pytest.mark.parametrize("name", ALL)
def test_retry_after_is_passed_on(name, asking, loopback, prompt):
    loopback.replies(problem(name, "rate_limit_error"), 429, Retry_After="7")
    assert asking(name).fails(prompt()).retry_after == 7


def test_overloaded_by_status_and_by_type(asking, loopback, prompt):
    loopback.replies(problem(ANTHROPIC, "overloaded_error"), 529)
    loopback.replies(problem(CHAT, "server_error", "The server is overloaded", "server_is_overloaded"), 503)
    for name in (ANTHROPIC, CHAT):
        caught = asking(name).fails(prompt())
        assert (caught.error, caught.fate) == ("overloaded", "not_done")


SAID = [
    (ANTHROPIC, 400, "invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum", None, "context"),
    (ANTHROPIC, 400, "invalid_request_error", "Your credit balance is too low to access the API", None, "quota"),
    (CHAT, 400, "invalid_request_error", "too long", "context_length_exceeded", "context"),
    (RESPONSES, 400, "invalid_request_error", "too long", "context_length_exceeded", "context"),
    (CHAT, 429, "insufficient_quota", "You exceeded your current quota", "insufficient_quota", "quota"),
    (CHAT, 400, "invalid_request_error", "flagged", "content_filter", "filter"),
    (RESPONSES, 400, "invalid_request_error", "flagged", "invalid_prompt", "filter"),
    (RESPONSES, 400, "invalid_request_error", "flagged", "content_policy_violation", "filter"),
    (CHAT, 404, "invalid_request_error", "no such model", "model_not_found", "not_found"),
]  # fmt: skip


@pytest.mark.parametrize("said", SAID)
def test_what_the_body_says_counts_more_than_the_status(said, asking, loopback, prompt):
    name, status, kind, message, code, error = said
    loopback.replies(problem(name, kind, message, code), status)
    caught = asking(name).fails(prompt())
    assert (caught.error, caught.fate) == (error, "not_done")
    assert message in str(caught)


def test_a_failure_reported_with_status_200_may_have_been_worked_on(asking, loopback, wire, prompt):
    failed = wire.responses(status="failed", error={"code": "rate_limit_exceeded", "message": "slow down"})
    loopback.replies(failed)
    caught = asking(RESPONSES).fails(prompt())
    assert (caught.error, caught.fate) == ("rate_limited", "unknown")
    loopback.replies(wire.responses(status="failed", error={"code": "odd_thing", "message": "?"}))
    assert asking(RESPONSES).fails(prompt()).error == "server"


@pytest.mark.parametrize("name", ALL)
def test_a_slow_answer_is_a_timeout_of_unknown_fate(name, asking, loopback, prompt):
    loopback.hangs()
    caught = asking(name).fails(prompt(timeout=300_000))
    assert (caught.error, caught.fate) == ("timeout", "unknown")
    assert "300ms" in str(caught)
    assert len(loopback.seen) == 1


@pytest.mark.parametrize("name", ALL)
def test_a_refused_connection_did_nothing(name, asking, prompt):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    caught = asking(name, f"http://127.0.0.1:{port}").fails(prompt())
    assert (caught.error, caught.fate) == ("connection", "not_done")


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("after", ["", '{"id": "x", "con'])
def test_a_cut_connection_may_have_done_something(name, after, asking, loopback, prompt):
    loopback.cuts(after)
    caught = asking(name).fails(prompt())
    assert (caught.error, caught.fate) == ("connection", "unknown")
    assert len(loopback.seen) == 1


GARBAGE = ["this is no JSON", {"hello": "world"}, [], {"choices": []}, {"output": "?", "content": 7}]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("body", GARBAGE)
def test_an_answer_without_sense_is_garbage_or_an_answer_that_is_not_trusted(name, body, asking, loopback, prompt):
    loopback.replies(body)

    def outcome():
        try:
            (answer,) = asking(name)(prompt())
        except ModelError as caught:
            return caught.error, caught.fate
        return answer.finish, answer.calls

    assert outcome() in {("garbage", "unknown"), ("unknown", ())}
    assert len(loopback.seen) == 1


def test_a_message_of_a_provider_is_cut(asking, loopback, prompt):
    loopback.replies(problem(CHAT, "invalid_request_error", "x" * 5000), 400)
    assert len(str(asking(CHAT).fails(prompt()))) < 500


def test_cancelling_passes_through(asking, loopback, prompt):
    loopback.hangs()
    made = asking(CHAT).made

    async def cancelled() -> bool:
        task = asyncio.ensure_future(made.answer(prompt()))
        assert await asyncio.to_thread(loopback.reached.wait, 10)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return True
        finally:
            await made.close()
        return False

    assert asyncio.run(cancelled())
