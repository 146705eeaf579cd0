"""Golden journals on disk: one JSON object a line. A run's own line, its stored lines byte for byte, its bodies.

{"run": "r_…", "secret": "hex or null", "told": {…}}     what was known of the run when the journal was made
{"line": "the stored bytes, as text", "digest": "hex"}   in order, of the run before them
{"ref": "…", "body": "its JSON, as text"}                  a body beside the chain; once a file
{"ref": "…", "encrypted": "base64"}                       one of a run about somebody
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from holdfast.events import Entry
from holdfast.shell.cipher import is_encrypted
from holdfast.testing.sim.history import read

HERE = Path(__file__).parent
RELEASED = HERE / "released.json"
"""File → sha256 of its bytes, of every golden journal there is."""


class Row(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One line of a file."""

    run: str = ""
    secret: str | None = None
    told: msgspec.Raw = msgspec.Raw()
    digest: str = ""
    line: msgspec.Raw = msgspec.Raw()
    ref: str = ""
    body: msgspec.Raw = msgspec.Raw()
    encrypted: bytes = b""


@dataclass
class Golden:
    """One run of a golden journal."""

    run: str
    secret: bytes | None
    told: dict[str, Any]
    lines: list[tuple[bytes, bytes]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)


def files() -> list[Path]:
    """Every golden journal, oldest version first."""
    return sorted(
        HERE.glob("*/*.jsonl"), key=lambda path: ([int(part) for part in path.parent.name.split(".")], path.name)
    )


def name(path: Path) -> str:
    """How a file is called in `released.json`."""
    return path.relative_to(HERE).as_posix()


def digest(path: Path) -> str:
    """Of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load(path: Path) -> list[Golden]:
    """The runs of a golden journal, bodies loaded."""
    runs: list[Golden] = []
    blobs: dict[str, bytes | None] = {}
    for text in path.read_bytes().splitlines():
        row = msgspec.json.decode(text, type=Row)
        if row.run:
            told: dict[str, Any] = msgspec.json.decode(row.told)
            runs.append(Golden(row.run, bytes.fromhex(row.secret) if row.secret else None, told))
        elif row.ref:
            blobs[row.ref] = row.encrypted or bytes(row.body)
        else:
            runs[-1].lines.append((bytes(row.line), bytes.fromhex(row.digest)))
    for run in runs:
        run.entries = read(run.lines, blobs, secret=run.secret)
    return runs


def dump(path: Path, runs: list[Golden], blobs: dict[str, bytes]) -> None:
    """Write a golden journal: the runs, and the bodies they name."""
    rows: list[Row] = []
    for run in runs:
        told = msgspec.Raw(msgspec.json.encode(run.told))
        rows.append(Row(run=run.run, secret=run.secret.hex() if run.secret else None, told=told))
        rows += [Row(digest=made.hex(), line=msgspec.Raw(data)) for data, made in run.lines]
    for ref, data in sorted(blobs.items()):
        rows.append(Row(ref=ref, encrypted=data) if is_encrypted(data) else Row(ref=ref, body=msgspec.Raw(data)))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
