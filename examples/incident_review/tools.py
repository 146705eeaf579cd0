"""The reviewer's tools: five that read the files of an incident, and one that pins a line to a board.

`pin` is where evidence comes from. The board looks the line up and refuses what does not stand there, so a review that
rests on pins cannot quote a line that nobody wrote.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from holdfast import tool
from holdfast.tool import Absent, Call, CallKey, Found, Partial, Refused, Retry

from .archive import Archive, Board

LOGS: Final = Path(__file__).with_name("logs")
WINDOW: Final = 100
"""Lines on one page of a log."""
HITS: Final = 40
"""Lines on one page of a search."""

Cause: TypeAlias = Literal["connection_leak", "bad_deploy", "clock_skew", "none"]
Metric: TypeAlias = Literal["requests", "errors", "queue_depth", "pool_in_use", "p95_ms"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Incident(_Record):
    """An incident, and what somebody said of it."""

    incident: Annotated[str, Field(pattern=r"^inc-\d+$")]
    report: Annotated[str, Field(max_length=500)]


class Line(_Record):
    """A line of a log."""

    file: str
    line: Annotated[int, Field(ge=1)]
    text: str


class Review(_Record):
    """What happened."""

    cause: Cause
    since: Annotated[str | None, Field(description="When the fault began, as 2026-01-31T08:15")]
    change: Annotated[str | None, Field(description="The deploy that brought it, as d-1; null if none did")]
    evidence: list[Line]
    remedy: Annotated[str, Field(min_length=1, max_length=300)]


class LogLine(_Record):
    """One log, in a list."""

    file: str
    lines: int
    first: str
    last: str


class Window(_Record):
    """Lines of one log that follow each other. The first of them has the number `first`."""

    file: str
    first: int
    lines: list[str]


class Point(_Record):
    """A metric at one time: of the five minutes before it."""

    at: str
    value: int


class Deploy(_Record):
    """A change that went out."""

    deploy: str
    at: str
    service: str
    version: str
    change: str


class Pinned(Line):
    """A line on the board."""

    number: str
    reference: Annotated[str, Field(description="File, line number and text, in one text")]


class TakenOff(_Record):
    """A pin that hangs no more."""

    number: str


def _logs(archive: Archive, incident: str, file: str = "") -> dict[str, list[str]]:
    logs = archive.logs(incident)
    if not logs:
        raise Refused(f"there is no incident {incident}")
    if file and file not in logs:
        raise Refused(f"incident {incident} has no log {file}; it has {', '.join(logs)}")
    return {file: logs[file]} if file else logs


@tool.read(timeout=5)
async def list_logs(incident: str, *, archive: Archive) -> list[LogLine]:
    """List the logs of an incident: how many lines each has, and the times of its first and last line."""
    return [
        LogLine(file=file, lines=len(lines), first=lines[0].split()[0], last=lines[-1].split()[0])
        for file, lines in _logs(archive, incident).items()
    ]


@tool.read(timeout=5)
async def read_log(
    incident: str,
    file: str,
    first: Annotated[int, Field(ge=1)] = 1,
    last: Annotated[int, Field(ge=1)] = 1_000,
    *,
    archive: Archive,
    call: Call,
) -> Window | Partial[Window]:
    """Read the lines of one log from a first to a last number, both included. About 120 lines can be shown at once."""
    lines = _logs(archive, incident, file)[file]
    begin = int(call.cursor or first)
    end = min(last, len(lines), begin + WINDOW - 1)
    page = Window(file=file, first=begin, lines=lines[begin - 1 : end])
    rest = min(last, len(lines)) - end
    return Partial(page, missing=f"{rest} more lines", cursor=str(end + 1)) if rest > 0 else page


@tool.read(timeout=5)
async def grep_logs(
    incident: str,
    text: Annotated[str, Field(min_length=2, max_length=100)],
    file: str = "",
    *,
    archive: Archive,
    call: Call,
) -> list[Line] | Partial[list[Line]]:
    """Find the lines that hold a text, in one log or in all. It is a text, not a pattern; case does not count."""
    hits = [
        Line(file=name, line=at, text=line)
        for name, lines in _logs(archive, incident, file).items()
        for at, line in enumerate(lines, 1)
        if text.lower() in line.lower()
    ]
    start = int(call.cursor or 0)
    rest = len(hits) - start - HITS
    page = hits[start : start + HITS]
    return Partial(page, missing=f"{rest} more lines", cursor=str(start + HITS)) if rest > 0 else page


@tool.read(timeout=5, trust="trusted")
async def metric(incident: str, name: Metric, start: str = "", end: str = "9", *, archive: Archive) -> list[Point]:
    """Show one metric every five minutes between two times, by the gateway's clock; without them, all of it."""
    _logs(archive, incident)
    rows = archive.rows(incident, "metrics.csv")
    return [Point(at=row["at"], value=int(row[name])) for row in rows if start <= row["at"] <= end]


@tool.read(timeout=5, trust="trusted")
async def deploys(incident: str, *, archive: Archive) -> list[Deploy]:
    """List what went out on the day of the incident, oldest first."""
    _logs(archive, incident)
    return [Deploy(**row) for row in archive.rows(incident, "deploys.csv")]


async def find_pin(
    incident: str, file: str, line: int, text: str, *, board: Board, key: CallKey
) -> Found[Pinned] | Absent:
    """Whether the line of this very call was pinned."""
    held = board.find(key)
    return Absent() if held is None else Found(str(held["number"]), Pinned.model_validate(held))


async def take_off(pinned: Pinned, *, board: Board) -> TakenOff:
    """Take a pin off the board. Twice is once."""
    board.take(pinned.number)
    return TakenOff(number=pinned.number)


@tool.write(timeout=5, retry=Retry(times=1, wait=0.1), undo=take_off, lookup=find_pin, effect_id="number")
async def pin(
    incident: str,
    file: str,
    line: Annotated[int, Field(ge=1)],
    text: Annotated[str, Field(min_length=1, max_length=400, description="The whole line, as it stands there")],
    *,
    archive: Archive,
    board: Board,
    key: CallKey,
) -> Pinned:
    """Pin a line of a log to the board. A review may rest on pinned lines only."""
    lines = _logs(archive, incident, file)[file]
    if line > len(lines) or lines[line - 1] != text:
        there = lines[line - 1] if line <= len(lines) else "nothing"
        raise Refused(f"line {line} of {file} is another one: {there}")
    made = Pinned(number=board.number(key), file=file, line=line, text=text, reference=f"{file}:{line}: {text}")
    return Pinned.model_validate(board.put(key, made.model_dump()))


@asynccontextmanager
async def resources(settings: Mapping[str, str]) -> AsyncIterator[tuple[Archive, Board]]:
    """The files and the board. Settings `logs` and `board`: other folders than the example's own."""
    yield Archive(Path(settings.get("logs", str(LOGS)))), Board(Path(settings.get("board", ".holdfast/board")))


TOOLS: Final = (list_logs, read_log, grep_logs, metric, deploys, pin)
