"""A webhook on the loopback: keeps what it is sent, and does as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hook:
    """`url` is where it listens. `script` holds what to do with the next requests; after them it takes everything.

    A number is a status to answer with; `(status, headers)` too; `hang`: never answer; `drip`: begin an answer that never ends;
    `flood`: take it, with a body that never ends.
    """

    def __init__(self) -> None:
        self.script: list[int | str | tuple[int, dict[str, str]]] = []
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        """Path, headers and body of each."""
        self.on_request: Callable[[int], object] = lambda number: None
        """Called with the number of a request before it is answered."""
        self.changed = threading.Condition()
        self.ended = threading.Event()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with hook.changed:
                    hook.requests.append((self.path, dict(self.headers), body))
                    number = len(hook.requests)
                    does = hook.script.pop(0) if hook.script else 204
                    hook.changed.notify_all()
                hook.on_request(number)
                if does == "hang":
                    hook.ended.wait(30)
                    self.close_connection = True
                    return
                if isinstance(does, str):
                    self._slowly(does)
                    return
                status, headers = does if isinstance(does, tuple) else (does, {})
                self.send_response(status)
                for name, value in {**headers, "Content-Length": "0"}.items():
                    self.send_header(name, value)
                self.end_headers()

            do_GET = do_POST  # noqa: N815 - the library's name

            def _slowly(self, does: str) -> None:
                self.close_connection = True
                self.wfile.write(b"HTTP/1.1 200 OK\r\n")
                if does == "flood":
                    self.wfile.write(b"Content-Length: 99999999999\r\n\r\n")
                while not hook.ended.wait(0.01):
                    self.wfile.write(b"X-More: more\r\n")

            def log_message(self, *_: object) -> None:
                pass

            def handle(self) -> None:
                try:
                    super().handle()
                except (ConnectionError, TimeoutError):
                    pass  # whoever asked is gone

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @property
    def ids(self) -> list[str]:
        """The names of the notices it was sent, in order, repeats too."""
        return [json.loads(body)["id"] for _, _, body in self.requests]

    def wait(self, so: Callable[[], object], patience: float = 20.0) -> None:
        """Until something is so of what was sent here."""
        with self.changed:
            assert self.changed.wait_for(so, patience), "it never came"

    def __enter__(self) -> Hook:
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.server.shutdown()
        self.thread.join(10)
        self.server.server_close()
