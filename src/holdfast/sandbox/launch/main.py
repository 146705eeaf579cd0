"""One request in, one program run, one answer out. See the package."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from holdfast.sandbox import images, kernel
from holdfast.sandbox.launch import attend, bubblewrap, landlock, watch
from holdfast.sandbox.launch import folder as folders
from holdfast.sandbox.settle import Moved, copy  # noqa: F401 - imported before anything is mounted over


class Exchange:
    """The folder that requests and answers share: content that comes in, and content that goes out."""

    def __init__(self, path: str, *, shared: bool) -> None:
        self.path = path
        self.shared = shared
        root = images.open_root(path)
        self.coming, self.going = images.enter(root, "in"), images.enter(root, "out")
        self.stdin = bubblewrap.memory_file("stdin", images.content(root, "stdin"))
        os.close(root)

    def get(self, sha: str) -> bytes:
        """Content of the layer."""
        return images.content(self.coming, sha)

    def keep(self, folder: int, name: str, sha: str) -> None:
        """Take content over from the folder."""
        with contextlib.suppress(FileExistsError):
            source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
            try:
                target = os.open(sha, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=self.going)
                with os.fdopen(target, "wb") as file:
                    while piece := os.read(source, 1 << 20):
                        file.write(piece)
            finally:
                os.close(source)


def main() -> None:
    """Read the request, run the program, write the answer."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 1 << 16)
        if not piece:
            return
        line += piece
    request = json.loads(line)
    try:
        answer = (_bubblewrap if request["backend"] == "bubblewrap" else _landlock)(request)
    except Moved as moved:
        answer = {"moved": list(moved.paths)}
    except (OSError, ValueError, KeyError, RecursionError) as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    if answer is not None:
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _opened(path: str | None) -> int | None:
    return None if path is None else images.open_root(path)


def _layer(request: dict[str, Any]) -> list[tuple[str, images.Image, images.Image]]:
    return [(path, tuple(pre), tuple(post)) for path, pre, post in request["layer"]]


def _bubblewrap(request: dict[str, Any]) -> dict[str, Any] | None:
    account = request["account"]
    exchange, base = Exchange(request["exchange"], shared=False), _opened(request["base"])
    bubblewrap.separate()
    sources = bubblewrap.opened(request["reads"])
    kernel.adopt_orphans()
    folder = folders.mounted(base, request["limits"], (account, account) if account else None)
    folder.start(_layer(request), exchange.get)
    reads = bubblewrap.bound(sources, folders.MOUNTED)
    child, status = bubblewrap.start(request, folder.place, reads, exchange.stdin)
    ended = attend.attend(child, request["limits"], lambda main: watch.end_all(os.getpid(), main), None)
    if ended is None:
        return None
    said = _status(status)
    if "exit-code" not in said and ended.stop not in ("time", "cpu", "memory", "output", "processes"):
        return {
            "error": b"".join(ended.outputs[1].parts()[:2]).decode(errors="replace").strip()
            or "bubblewrap did not start"
        }
    return _answer(ended, folder, request, exchange.keep)


def _status(descriptor: int) -> str:
    data = b""
    with contextlib.suppress(BlockingIOError):
        while piece := os.read(descriptor, 4096):
            data += piece
    return data.decode()


def _landlock(request: dict[str, Any]) -> dict[str, Any] | None:
    account = request["account"]
    owner = (account, account) if account else None
    exchange, base = Exchange(request["exchange"], shared=True), _opened(request["base"])
    kernel.adopt_orphans()
    place, scratch = request["place"], request["scratch"]
    for path in (place, scratch):
        Path(path).mkdir(mode=0o700)
        if owner:
            os.chown(path, *owner)
    folder = folders.Shared(base, place, owner, request["limits"]["disk"])
    folder.start(_layer(request), exchange.get)
    size, names = watch.occupied(place)
    limits = {
        **request["limits"],
        "room": size + request["limits"]["disk"],
        "names": names + request["limits"]["files"],
    }

    def end(main: int) -> None:
        if account:
            landlock.end_account(account)
        watch.end_all(os.getpid(), main)

    def occupied() -> tuple[int, int]:
        (one, some), (other, more) = watch.occupied(place), watch.occupied(scratch)
        return one + other, some + more

    child = landlock.start(request, place, scratch, exchange.stdin)
    ended = attend.attend(child, limits, end, occupied)
    if ended is None:
        return None
    heard = bytes(ended.outputs[1].head)
    if ended.code == 126 and heard.startswith(b"landlock: "):
        return {"error": heard.decode(errors="replace").strip()}
    size, names = occupied()
    if ended.stop == "exited" and (size > limits["room"] or names > limits["names"]):
        ended = ended._replace(stop="disk")
    return _answer(ended, folder, request, exchange.keep)


def _answer(
    ended: attend.Ended, folder: folders.Folder, request: dict[str, Any], keep: Callable[[int, str, str], None]
) -> dict[str, Any]:
    found = folder.end(request["makes"], keep)
    outputs = []
    for one in ended.outputs:
        head, tail, cut = one.parts()
        outputs.append([base64.b64encode(head).decode(), base64.b64encode(tail).decode(), one.size, cut])
    return {
        "stop": ended.stop, "code": ended.code, "outputs": outputs, "wall": ended.wall, "cpu": ended.cpu,
        "memory": ended.memory, "changes": found.changes, "written": found.written, "lacking": found.lacking,
    }  # fmt: skip


if __name__ == "__main__":
    main()
