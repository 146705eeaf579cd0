"""Show telemetry to backends that others wrote: `python -m real.backends --env .venv-backends`.

Each backend is installed from PyPI into an environment of its own below `--env` (a gigabyte, some minutes, once), started in a
temporary folder on a free port, and sent the journal twice, the second time from the beginning. Then everything is read
back through the backend's own interface and compared, span by span, with what the journal gives: ids, parents, names
and kinds. One line of JSON for each figure; ends with 1 if one is off. Nothing leaves this machine.

--picture FILE: what Phoenix shows of one trace, by headless Chromium, where there is one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from holdfast.errors import UsageError
from holdfast.journal.open import open_journal
from holdfast.otel.mapping import spans
from holdfast.otel.span import Span
from holdfast.shell import bodies

PATIENCE: Final = 120.0
"""Seconds that a backend has to start, and to have taken in what it was sent."""

Seen = dict[str, tuple[str, str, str, str]]
"""Id of a span → (trace, parent, name, kind), as a backend gives it."""


class Backend(NamedTuple):
    """Something to send telemetry to."""

    name: str
    packages: tuple[str, ...]
    start: Callable[[Path, int, Path], tuple[list[str], dict[str, str]]]
    """(environment, port, folder) → command and variables."""
    health: str
    headers: tuple[str, ...]
    read: Callable[[Path, str, Path], Seen]
    """(environment, address, folder) → everything it holds."""


# -------------------------------------------------------------------------------------------------------- the backends


def _phoenix(env: Path, port: int, folder: Path) -> tuple[list[str], dict[str, str]]:
    variables = {
        "PHOENIX_WORKING_DIR": str(folder), "PHOENIX_HOST": "127.0.0.1", "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(_free_port()), "PHOENIX_TELEMETRY_ENABLED": "false",
    }  # fmt: skip
    return [str(env / "bin" / "phoenix"), "serve"], variables


def _read_phoenix(env: Path, address: str, folder: Path) -> Seen:
    found: Seen = {}
    cursor = ""
    while True:
        page = _get(f"{address}/v1/projects/default/spans?limit=500{f'&cursor={cursor}' if cursor else ''}")
        for span in page["data"]:
            context = span["context"]
            place = context["trace_id"], span["parent_id"] or ""
            found[context["span_id"]] = (*place, span["name"], span["span_kind"])
        cursor = page.get("next_cursor") or ""
        if not cursor:
            return found


def _mlflow(env: Path, port: int, folder: Path) -> tuple[list[str], dict[str, str]]:
    store = f"sqlite:///{folder}/mlflow.db"
    command = [
        str(env / "bin" / "mlflow"),
        "server",
        "--backend-store-uri",
        store,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    variables = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "PATH": f"{env / 'bin'}:{os.environ['PATH']}",
    }
    return [*command, "--workers", "1"], variables


_ASK_MLFLOW: Final = """
import json, sys
from mlflow import MlflowClient
client, token, found = MlflowClient(sys.argv[1]), None, {}
while True:
    page = client.search_traces(locations=["0"], max_results=100, page_token=token)
    for trace in page:
        for span in trace.data.spans:
            found[span.span_id] = (span.trace_id.removeprefix("tr-"), span.parent_id or "", span.name, span.span_type)
    token = page.token
    if not token:
        break
print(json.dumps(found))
"""


def _read_mlflow(env: Path, address: str, folder: Path) -> Seen:
    asking = [str(env / "bin" / "python"), "-c", _ASK_MLFLOW, address]
    said = subprocess.run(asking, cwd=folder, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own words
    return {key: (value[0], value[1], value[2], value[3]) for key, value in json.loads(said.splitlines()[-1]).items()}


BACKENDS: Final = (
    Backend("phoenix", ("arize-phoenix",), _phoenix, "/healthz", (), _read_phoenix),
    Backend("mlflow", ("mlflow>=3.6",), _mlflow, "/health", ("x-mlflow-experiment-id=0",), _read_mlflow),
)

KINDS: Final = {
    "phoenix": {"AGENT": "AGENT", "LLM": "LLM", "TOOL": "TOOL"},
    "mlflow": {"AGENT": "AGENT", "LLM": "LLM", "TOOL": "TOOL"},
}
"""What a span of a kind is opened as."""

# --------------------------------------------------------------------------------------------------------- showing it


def main() -> int:
    """Do what the command line says; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m real.backends", description="Show telemetry to real backends.")
    parser.add_argument("--env", type=Path, default=Path(".venv-backends"))
    parser.add_argument("--journal", type=Path, default=Path("build/demo/journal.db"))
    parser.add_argument("--only", choices=[one.name for one in BACKENDS])
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    if not given.journal.exists():
        sys.exit(f"there is no journal at {given.journal}; make demo makes one")
    oks = [
        _show(backend, given.env.absolute() / backend.name, given.journal, given.picture)
        for backend in BACKENDS
        if given.only in (None, backend.name)
    ]
    return 0 if all(oks) else 1


def _show(backend: Backend, env: Path, journal: Path, picture: Path | None) -> bool:
    _install(env, backend.packages)
    with tempfile.TemporaryDirectory(prefix="holdfast-") as name:
        folder = Path(name)
        copy = folder / "journal.db"
        with (
            closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as old,
            closing(sqlite3.connect(copy)) as new,
        ):
            old.backup(new)
        wanted = asyncio.run(_wanted(copy))
        with _served(backend, env, folder) as address:
            first = _export(copy, address, backend.headers)
            seen = _settled(lambda: backend.read(env, address, folder), len(wanted))
            for file in folder.glob("journal.db.telemetry-*"):
                file.unlink()
            again = _export(copy, address, backend.headers)
            time.sleep(2)  # what it would make of a repeat, it has made by then
            repeated = backend.read(env, address, folder)
            if picture is not None and backend.name == "phoenix":
                _picture(address, wanted, picture)
    return _compare(backend, env, wanted, seen, repeated, first, again)


def _compare(
    backend: Backend, env: Path, wanted: dict[str, Span], seen: Seen, repeated: Seen, first: Any, again: Any
) -> bool:
    kinds = KINDS[backend.name]
    opened = Counter(seen[one.id][3] for one in wanted.values() if one.id in seen)
    figures = {
        "spans there": (len(seen), len(wanted), set(seen) == set(wanted)),
        "same trace, parent and name": _same(seen, wanted, lambda one: (one.trace, one.parent, one.name), slice(0, 3)),
        "opened as agent, model and tool": _same(
            {id_: one for id_, one in seen.items() if id_ in wanted and _kind(wanted[id_]) in kinds},
            {id_: one for id_, one in wanted.items() if _kind(one) in kinds}, lambda one: (kinds[_kind(one)],), slice(3, 4),
        ),
        "spans after all were sent again": (len(repeated), len(wanted), repeated == seen and again["spans"] == first["spans"]),
    }  # fmt: skip
    version = _version(env, backend.packages[0].split(">")[0])
    for name, (got, of, ok) in figures.items():
        line = {"backend": f"{backend.name} {version}", "figure": name, "got": got, "of": of, "ok": ok}
        print(json.dumps({**line, "kinds": dict(opened)} if "opened" in name else line), flush=True)
    return all(ok for _, _, ok in figures.values())


def _same(seen: Seen, wanted: dict[str, Span], what: Callable[[Span], Any], part: slice) -> tuple[int, int, bool]:
    got = sum(id_ in seen and tuple(seen[id_][part]) == what(one) for id_, one in wanted.items())
    return got, len(wanted), got == len(wanted)


def _kind(span: Span) -> str:
    return str(span.attributes["openinference.span.kind"])


async def _wanted(path: Path) -> dict[str, Span]:
    """Every span that the journal gives, by its id."""
    journal = open_journal(f"sqlite:///{path}", readonly=True)
    found: dict[str, Span] = {}
    try:
        for run in await journal.runs(limit=100_000):
            try:
                made = spans(await bodies.entries(journal, run, durable=True))
            except UsageError:
                continue  # a control stream
            found |= {one.id: one for one in made}
    finally:
        await journal.close()
    return found


# ------------------------------------------------------------------------------------------------------------ doing it


def _install(env: Path, packages: tuple[str, ...]) -> None:
    if (env / "ready").exists():
        return
    print(f"installing {', '.join(packages)} into {env}", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", str(env)], check=True)  # noqa: S603 - our own words
    pip = [str(env / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
    subprocess.run(pip, check=True)  # noqa: S603 - our own words
    (env / "ready").write_text("")
    (env.parent / ".gitignore").write_text("*\n")


def _version(env: Path, package: str) -> str:
    ask = [str(env / "bin" / "python"), "-c", f"from importlib.metadata import version; print(version({package!r}))"]
    return subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - our own words


@contextmanager
def _served(backend: Backend, env: Path, folder: Path) -> Iterator[str]:
    """A backend that runs, and where."""
    port = _free_port()
    command, variables = backend.start(env, port, folder)
    address = f"http://127.0.0.1:{port}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own words
            command, cwd=folder, env={**os.environ, **variables}, stdout=log, stderr=log, start_new_session=True
        )
        try:
            _wait(lambda: _healthy(address + backend.health), f"{backend.name} does not start")
            yield address
        finally:
            os.killpg(process.pid, signal.SIGTERM)  # a session of its own, with nobody else in it
            process.wait(30)


def _export(journal: Path, address: str, headers: tuple[str, ...]) -> Any:
    words = ["telemetry", "--to", address, "--once", "--json", "--journal", f"sqlite:///{journal}"]
    words += [word for header in headers for word in ("--header", header)]
    done = subprocess.run([sys.executable, "-m", "holdfast", *words], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        sys.exit(f"holdfast {' '.join(words)} ended with {done.returncode}: {done.stderr}{done.stdout}")
    return json.loads(done.stdout)


def _settled(read: Callable[[], Seen], count: int) -> Seen:
    """What a backend holds, once it took in as much as it was sent."""
    until = time.monotonic() + PATIENCE
    while len(seen := read()) < count and time.monotonic() < until:
        time.sleep(0.5)
    return seen


def _picture(address: str, wanted: dict[str, Span], file: Path) -> None:
    """What Phoenix shows of a trace in which somebody decided something."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("no picture: there is no chromium", file=sys.stderr)
        return
    approved = [one for one in wanted.values() if one.name == "holdfast.approval"]
    trace = min((one.trace for one in approved), default=next(iter(wanted.values())).trace)
    project = _get(f"{address}/v1/projects")["data"][0]["id"]
    with tempfile.TemporaryDirectory() as profile:
        command = [
            chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}",
            "--window-size=1400,1000", "--virtual-time-budget=20000", f"--screenshot={file.absolute()}",
            f"{address}/projects/{project}/traces/{trace}",
        ]  # fmt: skip
        subprocess.run(command, capture_output=True, check=True, timeout=120)  # noqa: S603 - our own words


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - http, on this machine
        return json.load(answer)


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - http, on this machine
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _wait(so: Callable[[], bool], otherwise: str) -> None:
    until = time.monotonic() + PATIENCE
    while not so():
        if time.monotonic() > until:
            sys.exit(otherwise)
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
