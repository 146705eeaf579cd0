"""The side of holdfast: what the launcher is asked, and what its answer means. Shared by the backends that use it."""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from holdfast import codec
from holdfast.errors import InputError, SettingsError
from holdfast.sandbox import images
from holdfast.sandbox.blobs import Blobs
from holdfast.sandbox.plan import check, made_of
from holdfast.sandbox.port import Lacking, Limits, Output, Record, Spec
from holdfast.sandbox.workspace import merged, triples
from holdfast.units import SECOND

_BOOT: Final = "import sys; sys.path.insert(0, sys.argv[1]); from holdfast.sandbox.launch.main import main; main()"
_ROOT: Final = str(Path(__file__).parents[2])
GRACE: Final = 10
"""Seconds in which a launcher that nobody waits for has to be gone."""
SETTING_UP: Final = 60
"""Seconds beyond a program's own that copying its folder in and out may take."""
ACCOUNTS: Final = (1 << 30, 1 << 31)
"""Numbers of accounts that are taken for programs started by root; nothing else has one of these."""


def environment(spec: Spec, home: str) -> dict[str, str]:
    """All the variables a program finds."""
    found = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "TMPDIR": home,
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": str(spec.seed),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if spec.clock is not None:
        found["SOURCE_DATE_EPOCH"] = str(spec.clock // SECOND)
    return found | dict(spec.environment)


def account() -> int:
    """An account for one program, where there is the right to choose; 0: one's own."""
    if os.geteuid() != 0:
        return 0
    low, high = ACCOUNTS
    return low + secrets.randbelow(high - low - 1)


def profile(backend: str, version: str, limits: Limits) -> str:
    """sha256 of the rules a program is held by: the code that sets them, the version of the backend, and the limits."""
    return codec.public_digest([backend, version, _rules(), codec.plain(limits)])


@functools.cache
def _rules() -> str:
    code = hashlib.sha256()
    here = Path(__file__).parent
    for path in (here / "seccomp.py", here / "kernel.py", *sorted((here / "launch").glob("*.py"))):
        code.update(path.read_bytes())
    return code.hexdigest()


def looked_at(spec: Spec) -> None:
    """Raises InputError for a program that could be nothing."""
    if not spec.argv or not spec.argv[0]:
        raise InputError("there is no program to run")
    if any("\0" in text for text in (*spec.argv, *(part for pair in spec.environment for part in pair))):
        raise InputError("an argument or a variable of a program cannot hold a zero byte")
    if any(not name or "=" in name for name, _ in spec.environment):
        raise InputError("a variable of a program needs a name without an equals sign")
    for name, value in _items(spec.limits):
        if value < 1:
            raise InputError(f"the limit {name} of a program is {value}; it must be one or more")
    if spec.base is not None and not spec.base.is_dir():
        raise InputError(f"there is no folder {spec.base}")
    check(spec.layer)
    if spec.layer.refused:
        raise InputError("a layer with changes that may not be taken over cannot be worked on")


def _items(limits: Limits) -> list[tuple[str, int]]:
    """(name, value) of each limit."""
    return [(name, getattr(limits, name)) for name in limits.__struct_fields__]


async def run(
    backend: str, version: str, spec: Spec, blobs: Blobs, scratch: Path | None, extra: dict[str, Any]
) -> Record:
    """Run one program by a launcher of its own. Raises as `Sandbox.run` says."""
    looked_at(spec)
    with _exchange(scratch) as folder:
        request = _request(backend, spec, folder) | extra
        await asyncio.to_thread(_hand_over, spec, blobs, folder)
        answer = await _launched(request, spec.limits.wall / SECOND + SETTING_UP)
        if "moved" in answer:
            raise InputError(
                f"the layer does not lie over {spec.base}: {', '.join(answer['moved'][:5])} is neither as it was nor as it shall be"
            )
        if "error" in answer:
            raise SettingsError(
                f"the sandbox ({backend}) could not be set up: {answer['error']}",
                hint="holdfast check says what is missing",
            )
        return await asyncio.to_thread(_record, backend, version, spec, blobs, folder, answer)


def _request(backend: str, spec: Spec, folder: Path) -> dict[str, Any]:
    scratch = str(folder / "tmp")
    return {
        "backend": backend,
        "argv": list(spec.argv),
        "environment": environment(spec, scratch if backend == "landlock" else "/tmp"),  # noqa: S108 - its own
        "base": None if spec.base is None else str(spec.base.resolve()),
        "layer": triples(spec.layer),
        "reads": [str(path.resolve()) for path in spec.reads],
        "makes": list(spec.makes),
        "limits": dict(_items(spec.limits)),
        "exchange": str(folder),
        "account": account(),
        "place": str(folder / "box"),
        "scratch": scratch,
    }


@contextmanager
def _exchange(scratch: Path | None) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="holdfast-", dir=scratch))
    try:
        folder.chmod(0o711)
        for name in ("in", "out"):
            (folder / name).mkdir(mode=0o700)
        yield folder
    finally:
        remove(folder)


def remove(folder: Path) -> None:
    """Remove a folder that a program made: whatever its modes are, and however deep it is."""
    with suppress(OSError, RecursionError):
        shutil.rmtree(folder)
    if folder.exists():
        for command in (["chmod", "-R", "u+rwX", "--", str(folder)], ["rm", "-rf", "--", str(folder)]):
            subprocess.run(command, check=False, capture_output=True, timeout=120)  # noqa: S603


def _hand_over(spec: Spec, blobs: Blobs, folder: Path) -> None:
    (folder / "stdin").write_bytes(spec.stdin)
    for sha in set(spec.layer.posts()):
        (folder / "in" / sha).write_bytes(blobs.get(sha))


async def _launched(request: dict[str, Any], patience: float) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", "-c", _BOOT, _ROOT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={}, start_new_session=True, limit=1 << 27,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    reading = asyncio.gather(process.stdout.read(), process.stderr.read(1 << 16))
    try:
        process.stdin.write(json.dumps(request).encode() + b"\n")
        with suppress(ConnectionError):
            await process.stdin.drain()
        said, wrong = await asyncio.wait_for(asyncio.shield(reading), patience)
    except TimeoutError:
        raise SettingsError(f"the sandbox did not answer within {patience:.0f} s") from None
    finally:
        await _gone(process, reading)
    if not said:
        return {
            "error": wrong.decode(errors="replace").strip()[-2000:] or f"the launcher ended with {process.returncode}"
        }
    answer: dict[str, Any] = json.loads(said)
    return answer


async def _gone(process: asyncio.subprocess.Process, reading: asyncio.Future[Any]) -> None:
    """Let go of a launcher, and return when it and its program are gone, however often this is cancelled."""
    assert process.stdin is not None
    process.stdin.close()

    async def gone() -> None:
        try:
            await asyncio.wait_for(process.wait(), GRACE)
        except TimeoutError:
            process.kill()
            await process.wait()
        with suppress(Exception):
            await reading

    going = asyncio.ensure_future(gone())
    cancelled = False
    while not going.done():
        try:
            await asyncio.shield(going)
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError


def _record(backend: str, version: str, spec: Spec, blobs: Blobs, folder: Path, answer: dict[str, Any]) -> Record:
    def plain(one: list[Any]) -> images.Image:
        return tuple(one)

    plan = made_of((path, plain(pre), plain(post)) for path, pre, post in answer["changes"])
    for sha in set(plan.posts()):
        if blobs.put((folder / "out" / sha).read_bytes()) != sha:
            raise SettingsError("a file of the sandbox is not what it was when it was looked at")
    if spec.layer.changes:
        plan = merged(spec.layer, plan, spec.base)
    out, err = (_output(*one) for one in answer["outputs"])
    return Record(
        backend, profile(backend, version, spec.limits), answer["stop"], answer["code"], out, err, plan,
        tuple(path.encode(errors="replace").decode() for path in answer["written"]),
        tuple(Lacking(pattern, what) for pattern, what in answer["lacking"]),
        answer["wall"], answer["cpu"], answer["memory"],
    )  # fmt: skip


def _output(head: str, tail: str, size: int, cut: int) -> Output:
    first, last = base64.b64decode(head), base64.b64decode(tail)
    if not cut:
        return Output((first + last).decode(errors="replace"), size)
    return Output(
        f"{first.decode(errors='replace')}\n[… {cut} bytes are left out here …]\n{last.decode(errors='replace')}",
        size,
        cut,
    )
