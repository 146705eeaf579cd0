"""A provider on this machine: it speaks the wire formats, answers what a test puts in, and keeps what it was sent."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest

from holdfast.dialogue import Answer, Offer, Request, Segment, Told
from holdfast.models.port import ModelError
from holdfast.models.provider import Provider, provider

LOOKUP = Offer(
    "get_order",
    "Status of one order.",
    {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]},
)
TOLD = Told((1, 0), "input", "Where is order 1017?")


class Seen(NamedTuple):
    """One HTTP request as the server read it."""

    path: str
    headers: Mapping[str, str]
    """By lower-case name."""
    body: Any


class Loopback:
    """The server. Replies are given in the order they were put in."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._replies: deque[Callable[[BaseHTTPRequestHandler], None]] = deque()
        self._over = threading.Event()
        self.reached = threading.Event()
        """Set when a request hangs."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.seen.append(Seen(self.path, headers, json.loads(body)))
                outer._replies.popleft()(self)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128  # 5 by default, and twenty runs knock at once

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def replies(self, body: object, status: int = 200, **headers: str) -> None:
        """Answer with JSON, or with a text as it is."""
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        kind = "text/plain" if isinstance(body, str) else "application/json"

        def reply(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **headers}.items():
                handler.send_header(name.replace("_", "-"), value)
            handler.end_headers()
            handler.wfile.write(data)

        self._replies.append(reply)

    def hangs(self) -> None:
        """Read the request and say nothing until the test is over."""

        def reply(handler: BaseHTTPRequestHandler) -> None:
            self.reached.set()
            self._over.wait(20)
            handler.close_connection = True

        self._replies.append(reply)

    def cuts(self, after: str = "") -> None:
        """Break the connection, after some bytes of an answer that was to be longer."""

        def reply(handler: BaseHTTPRequestHandler) -> None:
            if after:
                handler.send_response(200)
                handler.send_header("Content-Type", "application/json")
                handler.send_header("Content-Length", "5000")
                handler.end_headers()
                handler.wfile.write(after.encode())
            handler.close_connection = True

        self._replies.append(reply)

    def close(self) -> None:
        """End every wait and the server."""
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-dummy-a")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-dummy-o")
    for name in ("ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    server = Loopback()
    yield server
    server.close()


Prompt = Callable[..., Request]


@pytest.fixture
def prompt() -> Prompt:
    """Make a request of segments; other fields by name."""

    def make(*segments: Segment, **fields: Any) -> Request:
        known = {
            "run": "r_1", "step": 1, "attempt": 1, "model": "m", "system": "You are a desk.", "offers": (LOOKUP,),
            "max_output": 512, "timeout": 10_000_000,
        }  # fmt: skip
        return Request(segments=segments or (TOLD,), **{**known, **fields})

    return make


@pytest.fixture
def told() -> Told:
    return TOLD


class Asking:
    """A provider asked for answers, in an event loop of its own."""

    def __init__(self, made: Provider) -> None:
        self.made = made

    def __call__(self, *requests: Request) -> list[Answer]:
        async def ask() -> list[Answer]:
            try:
                return [await self.made.answer(request) for request in requests]
            finally:
                await self.made.close()

        return asyncio.run(ask())

    def fails(self, request: Request) -> ModelError:
        with pytest.raises(ModelError) as caught:
            self(request)
        return caught.value


@pytest.fixture
def asking(loopback: Loopback) -> Callable[..., Asking]:
    """Open a model at the loopback server, or at another address."""

    def make(name: str, base_url: str | None = None, **fields: Any) -> Asking:
        path = "" if name.startswith("anthropic:") else "/v1"
        return Asking(provider(name, base_url=(base_url or loopback.url) + path, **fields))

    return make


@pytest.fixture
def asking_of() -> type[Asking]:
    """Ask a provider made elsewhere."""
    return Asking


class Wire:
    """Answers in the providers' formats."""

    @staticmethod
    def anthropic(*content: dict[str, Any], stop: str = "end_turn", **fields: Any) -> dict[str, Any]:
        usage = {"input_tokens": 12, "output_tokens": 5, "cache_read_input_tokens": 30}
        return {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-4-5-20251001",
            "content": list(content), "stop_reason": stop, "stop_sequence": None, "usage": usage, **fields,
        }  # fmt: skip

    @staticmethod
    def chat(finish: str | None = "stop", **message: Any) -> dict[str, Any]:
        usage = {
            "prompt_tokens": 42, "completion_tokens": 5, "total_tokens": 47,
            "prompt_tokens_details": {"cached_tokens": 30},
        }  # fmt: skip
        choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": None, **message}}
        return {
            "id": "c_1", "object": "chat.completion", "created": 1_760_000_000, "model": "gpt-5.1-2025-11-13",
            "choices": [choice], "usage": usage,
        }  # fmt: skip

    @staticmethod
    def responses(*output: dict[str, Any], status: str = "completed", **fields: Any) -> dict[str, Any]:
        usage = {
            "input_tokens": 42, "output_tokens": 5, "total_tokens": 47,
            "input_tokens_details": {"cached_tokens": 30}, "output_tokens_details": {"reasoning_tokens": 0},
        }  # fmt: skip
        return {
            "id": "resp_1", "object": "response", "created_at": 1_760_000_000, "model": "gpt-5.1-2025-11-13",
            "output": list(output), "status": status, "usage": usage, "parallel_tool_calls": True,
            "tool_choice": "auto", "tools": [], "error": None, "incomplete_details": None, **fields,
        }  # fmt: skip

    @staticmethod
    def tool_use(id_: str, name: str = "get_order", **args: Any) -> dict[str, Any]:
        return {"type": "tool_use", "id": id_, "name": name, "input": args}

    @staticmethod
    def tool_call(id_: str, arguments: str, name: str = "get_order") -> dict[str, Any]:
        return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}

    @staticmethod
    def function_call(id_: str, arguments: str, name: str = "get_order") -> dict[str, Any]:
        return {
            "type": "function_call", "id": f"fc_{id_}", "call_id": id_, "name": name, "arguments": arguments,
            "status": "completed",
        }  # fmt: skip

    @staticmethod
    def output_text(text: str) -> dict[str, Any]:
        part = {"type": "output_text", "text": text, "annotations": []}
        return {"type": "message", "id": "m_1", "role": "assistant", "status": "completed", "content": [part]}


@pytest.fixture
def wire() -> type[Wire]:
    return Wire
