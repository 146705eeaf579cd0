"""A collector on the loopback: decodes what it is sent, as OTLP says, and does as it is told."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

TRACES = "/v1/traces"


class FarSide:
    """`url` is where it listens. `script` holds (status, headers) for the next requests; after them it takes everything."""

    def __init__(self) -> None:
        self.script: list[tuple[int, dict[str, str]]] = []
        self.rejects = 0
        self.largest = 10**9
        """Spans it takes at once."""
        self.on_request: Callable[[int], object] = lambda number: None
        """Called with the number of a request before it is taken; where it gives something true, the request gets lost."""
        self.on_answer: Callable[[int], None] = lambda number: None
        """Called after it was taken and before it is answered."""
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        """Path, headers and plain body of each."""
        self.taken: list[ExportTraceServiceRequest] = []
        self.changed = threading.Condition()
        far = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                said = far.answer(self.path, dict(self.headers), body)
                if said is None:
                    self.close_connection = True
                    return
                status, headers, answer = said
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

            def handle(self) -> None:
                try:
                    super().handle()
                except ConnectionError:
                    pass  # whoever asked was killed

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes] | None:
        with self.changed:
            plain = gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body
            self.requests.append((path, headers, plain))
            number = len(self.requests)
            lost = self.on_request(number)
            self.changed.notify_all()
            if lost:
                return None
            if self.script:
                return *self.script.pop(0), b""
            asked = ExportTraceServiceRequest.FromString(plain)
            if len(spans_in(asked)) > self.largest:
                return 413, {}, b""
            self.taken.append(asked)
            self.on_answer(number)
            self.changed.notify_all()
            answer = ExportTraceServiceResponse()
            if self.rejects:
                answer.partial_success.rejected_spans, answer.partial_success.error_message = self.rejects, "too old"
            return 200, {"Content-Type": "application/x-protobuf"}, answer.SerializeToString()

    @property
    def spans(self):
        """All spans that were taken, repeats too, in the order in which they came."""
        return [span for one in self.taken for span in spans_in(one)]

    def wait(self, so: Callable[[], object], patience: float = 20.0) -> None:
        """Until something is so of what was sent here."""
        with self.changed:
            assert self.changed.wait_for(so, patience), "it never came"

    def bytes(self) -> bytes:
        """Everything that was ever sent."""
        return b"".join(body for _, _, body in self.requests)

    def __enter__(self) -> FarSide:
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join(10)
        self.server.server_close()


def spans_in(request):
    return [span for one in request.resource_spans for scope in one.scope_spans for span in scope.spans]


def attributes(span) -> dict[str, object]:
    """Name → value."""
    return {one.key: value(one.value) for one in span.attributes}


def value(any_value):
    kind = any_value.WhichOneof("value")
    if kind == "array_value":
        return tuple(value(one) for one in any_value.array_value.values)
    return getattr(any_value, kind) if kind else None
