"""What an exception from a tool says about the world."""

from __future__ import annotations

import httpx
import pytest

from holdfast.shell.classify import classify
from holdfast.tool import NotDone, Refused, Unknown

REQUEST = httpx.Request("POST", "https://bank.example/pay")


def status(code, **headers):
    return httpx.HTTPStatusError("said no", request=REQUEST, response=httpx.Response(code, headers=headers))


@pytest.mark.parametrize(
    ("error", "write", "read"),
    [
        (NotDone("busy"), ("not_done", "not_done"), ("not_done", "not_done")),
        (Refused("no"), ("refused", "not_done"), ("refused", "not_done")),
        (Unknown("who knows"), ("unknown", "unknown"), ("unknown", "unknown")),
        (ConnectionRefusedError("nobody"), ("connection", "not_done"), ("connection", "not_done")),
        (TimeoutError("slow"), ("timeout", "unknown"), ("timeout", "not_done")),
        (TimeoutError(), ("timeout", "unknown"), ("timeout", "not_done")),
        (ConnectionResetError("gone"), ("connection", "unknown"), ("connection", "not_done")),
        (BrokenPipeError("gone"), ("connection", "unknown"), ("connection", "not_done")),
        (ValueError("odd"), ("raised", "unknown"), ("raised", "not_done")),
        (KeyError("order"), ("raised", "unknown"), ("raised", "not_done")),
        (httpx.ConnectError("nobody"), ("connection", "not_done"), ("connection", "not_done")),
        (httpx.ConnectTimeout("nobody"), ("connection", "not_done"), ("connection", "not_done")),
        (httpx.PoolTimeout("full"), ("connection", "not_done"), ("connection", "not_done")),
        (httpx.ReadTimeout("slow"), ("timeout", "unknown"), ("timeout", "not_done")),
        (httpx.WriteTimeout("slow"), ("timeout", "unknown"), ("timeout", "not_done")),
        (httpx.ReadError("cut"), ("connection", "unknown"), ("connection", "not_done")),
        (httpx.RemoteProtocolError("cut"), ("connection", "unknown"), ("connection", "not_done")),
        (httpx.TooManyRedirects("round and round"), ("raised", "unknown"), ("raised", "not_done")),
        (status(429), ("not_done", "not_done"), ("not_done", "not_done")),
        (status(500), ("unknown", "unknown"), ("not_done", "not_done")),
        (status(503), ("unknown", "unknown"), ("not_done", "not_done")),
        (status(400), ("refused", "not_done"), ("refused", "not_done")),
        (status(404), ("refused", "not_done"), ("refused", "not_done")),
        (status(302), ("raised", "unknown"), ("raised", "not_done")),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_may_have_been_done_is_unknown_of_a_write_and_a_failure_of_a_read(error, write, read):
    for effect, expected in (("write", write), ("read", read)):
        found = classify(error, effect)
        assert (found.error, found.fate) == expected
        assert found.message


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (NotDone("busy", retry_after=2.5), 2.5), (NotDone("busy"), 0), (status(429, **{"retry-after": "7"}), 7),
        (status(429, **{"retry-after": "-7"}), 0), (status(429, **{"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}), 0),
        (status(429), 0), (status(503, **{"retry-after": "7"}), 0),
    ],
)  # fmt: skip
def test_the_other_system_may_say_when_to_come_again(error, seconds):
    assert classify(error, "read").retry_after == seconds


def test_what_raised_is_named_and_an_error_without_words_too():
    assert classify(ValueError("odd"), "read").message == "ValueError: odd"
    assert classify(ValueError(), "read").message == "ValueError: ValueError"
    assert classify(NotDone(""), "read").message == "NotDone"


def test_httpx_is_known_by_name_and_a_namesake_is_not():
    class ReadTimeout(Exception):
        pass

    assert classify(ReadTimeout("slow"), "write").error == "raised"
