"""The stand-in: what answers instead of a model where there is no key for one.

**It is no model, and nothing about any model's quality can be read off it.** It knows none of the incidents. It reads the
lines around the first errors, recognises three kinds of trouble by how they are spoken of, and finds the change behind them
by two plain rules: what broke at once was broken by the last change before it; what grew came from the service that first
complained.

It is imperfect in one way that can be measured: **it takes in only so much**. Of every line it has read it notices a share
of `SPAN` divided by all lines it has read, always the same lines of the same amount.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from holdfast.dialogue import Request
from holdfast.events import Json
from holdfast.models.scripted import Call, Plain, Script, Turn, call, decline, done, script_by
from holdfast.testing.told import Story

STEPS: Final = 40
"""Answers one run can get: more than any limit in the contract lets it ask for."""
SPAN: Final = 100
"""Lines of which every one is noticed."""
CHUNK: Final = 100
"""Lines it reads with one call."""
BEFORE: Final = timedelta(minutes=45)
AFTER: Final = timedelta(minutes=10)
"""How much it reads before and after the first five minutes with errors."""

TROUBLE: Final = {
    "connection_leak": r"no connection within|pool (\d+)/\d+ in use",
    "clock_skew": r"token refused: .* old",
    "bad_deploy": r"\b[A-Z]\w+Error: ",
}
"""Cause → how it is spoken of; the first that was noticed counts."""
REMEDY: Final = {
    "connection_leak": "Take the change back and restart the workers, so that the connections they hold are free again.",
    "clock_skew": "Bring the time server of the host back, and let the store log how far its clock is off.",
    "bad_deploy": "Take the change back.",
    "none": "Nothing has to be done.",
}


@dataclass(frozen=True, order=True)
class Seen:
    """A line that was noticed."""

    at: datetime
    file: str
    line: int
    text: str

    @property
    def order(self) -> str:
        """The number of the order it speaks of; empty where it speaks of none."""
        found = re.search(r"\br-\d+\b", self.text)
        return found[0] if found else ""

    def evidence(self) -> Json:
        """The line as a review holds it."""
        return {"file": self.file, "line": self.line, "text": self.text}


def time(text: str) -> datetime:
    """A time as the files write it."""
    return datetime.fromisoformat(text.split(maxsplit=1)[0])


def noticed(story: Story) -> list[Seen]:
    """The lines it has read and taken in, by the clocks of those who wrote them."""
    read = {
        Seen(time(text), window["file"], number, text)
        for window in story.found("read_log")
        for number, text in enumerate(window["lines"], window["first"])
    }
    return sorted(one for one in read if _chance(one.text) < SPAN / len(read))


def _chance(text: str) -> float:
    """Between 0 and 1, always the same for the same line."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32


def onset(story: Story) -> datetime | None:
    """The end of the first five minutes in which several orders failed."""
    bad = [point for point in story.made("metric")[0].found if point["value"] >= 2] if story.made("metric") else []
    return time(bad[0]["at"]) if bad else None


def cause(seen: Sequence[Seen]) -> tuple[str, list[Seen]]:
    """(cause, the lines that speak of it)."""
    for name, words in TROUBLE.items():
        lines = [one for one in seen if re.search(words, one.text)]
        if lines:
            return name, lines
    return "none", []


def change(story: Story, name: str, lines: Sequence[Seen]) -> Json | None:
    """The deploy that is to blame for the first of these lines; None where the clock itself is."""
    if name == "clock_skew":
        return None
    before = [one for one in story.found("deploys") if time(one["at"]) <= lines[0].at]
    if name == "connection_leak":
        before = [one for one in before if one["service"] == lines[0].file.removesuffix(".log")]
    return before[-1] if before else None


def began(name: str, blamed: Json | None, seen: Sequence[Seen], lines: Sequence[Seen]) -> datetime:
    """When it began: with the change, or when two clocks that write of the same order still agreed for the last time."""
    if blamed is not None:
        return time(blamed["at"])
    if name != "clock_skew":
        return lines[0].at
    gateway = {one.order: one.at for one in seen if one.file == "gateway.log" and one.order}
    pairs = [(gateway[one.order], one.at) for one in seen if one.file == "store.log" and one.order in gateway]
    agreeing = [mine for mine, theirs in pairs if theirs - mine < timedelta(seconds=1)]
    return max(agreeing, default=lines[0].at)


# ----------------------------------------------------------------------------------------------- steps


def look(story: Story) -> Plain | None:
    """See what there is."""
    if story.made("list_logs"):
        return None
    incident = _incident(story)
    return [
        call("list_logs", incident=incident),
        call("deploys", incident=incident),
        call("metric", incident=incident, name="errors"),
    ]


def give_up(story: Story) -> Plain | None:
    """Decline what there are no files of."""
    return None if story.found("list_logs") else decline("There are no logs of this incident.")


def read(story: Story) -> Plain | None:
    """Read each log around the first errors; where there are none, its end."""
    if story.made("read_log"):
        return None
    when = onset(story)
    reads: list[Call] = []
    for log in story.found("list_logs"):
        first, last = around(log, when)
        reads += [
            call("read_log", incident=_incident(story), file=log["file"], first=at, last=min(last, at + CHUNK - 1))
            for at in range(first, last + 1, CHUNK)
        ]
    return reads


def around(log: Json, when: datetime | None) -> tuple[int, int]:
    """About which lines of a log were written around a time."""
    begin, end, count = time(log["first"]), time(log["last"]), log["lines"]
    if when is None:
        return max(1, count - CHUNK + 1), count
    first, last = (int(count * ((at - begin) / (end - begin))) for at in (when - BEFORE, when + AFTER))
    return max(1, first), max(1, min(count, last))


def pin_down(story: Story) -> Plain | None:
    """Pin the first lines that speak of it, and the first order that failed."""
    if story.made("pin"):
        return None
    _, lines = cause(noticed(story))
    failed = [one for one in noticed(story) if re.search(r" ERROR gateway", one.text)]
    chosen = dict.fromkeys([*lines[:2], *failed[:1]])
    return [call("pin", incident=_incident(story), **one.evidence()) for one in chosen] or None


def review(story: Story) -> Plain:
    """The review, from what was pinned."""
    seen = noticed(story)
    name, lines = cause(seen)
    pinned = [one.args for one in story.made("pin") if not one.failed]
    blamed = change(story, name, lines) if lines else None
    since = began(name, blamed, seen, lines).isoformat(timespec="minutes") if lines else None
    return done(
        cause=name,
        since=since,
        change=blamed["deploy"] if blamed else None,
        evidence=[{part: one[part] for part in ("file", "line", "text")} for one in pinned],
        remedy=REMEDY[name],
    )


def _incident(story: Story) -> str:
    return str(story.request.get("incident", ""))


STEP_BY_STEP: Final = (look, give_up, read, pin_down)


def turn(request: Request) -> Plain:
    """The next answer to a run, from what it was told so far."""
    story = Story.told(request)
    return next((answer for step in STEP_BY_STEP if (answer := step(story)) is not None), None) or review(story)


def turns(_: str) -> list[Turn]:
    """The script of a run: the same for all."""
    return [turn] * STEPS


standin: Final[Script] = script_by(turns)
"""The stand-in, as a model: one for any number of runs."""
