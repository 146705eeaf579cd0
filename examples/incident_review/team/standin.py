"""The stand-ins of the peers and of their writer. **They are no models**, as little as the single reviewer's is.

They share its rules: what is noticed of what was read, how trouble is spoken of, which change is blamed. So each is as
imperfect as it is (`SPAN`), and reads a third as much. Nobody remembers anything between rounds but what was posted.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from holdfast.dialogue import Request
from holdfast.events import Json
from holdfast.models.scripted import Call, Plain, Script, Turn, call, decline, done, script_by

sys.path.append(str(Path(__file__).resolve().parents[2]))  # the package is there, if nobody has loaded it yet

from incident_review.standin import (
    CHUNK,
    REMEDY,
    STEPS,
    Seen,
    around,
    began,
    cause,
    change,
    noticed,
    onset,
    time,
)

from holdfast.testing.told import Made, Story

ORDERS: Final = 18
"""Orders of which one peer asks another for its times: as many as a post has room for."""
LINE: Final = re.compile(r"(?P<file>\w+\.log):(?P<line>\d+): (?P<text>.*)")
DEPLOY: Final = re.compile(r"(?P<deploy>d-\d+) at (?P<at>\S+): (?P<service>\w+), (?P<change>.*)")
TIME: Final = re.compile(r"(r-\d+) (\d\d:\d\d:\d\d\.\d{3})")
NEVER: Final = "never"
"""What stands in a post about the onset where no orders failed."""


@dataclass(frozen=True)
class Board:
    """What was posted in the rounds before."""

    posts: tuple[Json, ...]

    @staticmethod
    def of(story: Story) -> Board:
        """As a run is shown it."""
        return Board(tuple(story.request["board"]))

    def about(self, word: str, kind: str = "claim") -> list[Json]:
        """Posts of a kind about something."""
        return [post for post in self.posts if (post["about"], post["kind"]) == (word, kind)]

    @property
    def onset(self) -> str:
        """When orders began to fail, as somebody said; empty: nobody has."""
        return next((str(post["text"]) for post in self.about("onset")), "")

    @property
    def lines(self) -> list[Seen]:
        """The lines that were posted."""
        found = [LINE.fullmatch(post["text"]) for post in self.about("line")]
        return sorted(Seen(time(one["text"]), one["file"], int(one["line"]), one["text"]) for one in found if one)

    @property
    def deploys(self) -> list[Json]:
        """What was deployed, as far as it was posted."""
        found = [DEPLOY.fullmatch(post["text"]) for post in self.about("deploy")]
        return [one.groupdict() for one in found if one]

    @property
    def times(self) -> list[Seen]:
        """When two hosts wrote of the same orders, as one asked and the other answered."""
        day = next((line.at for line in self.lines), None)
        posts = [*self.about("orders", "question"), *self.about("orders", "answer")]
        return [
            Seen(datetime.fromisoformat(f"{day:%Y-%m-%d}T{clock}"), f"{post['peer']}.log", 0, order)
            for post in posts if day is not None
            for order, clock in TIME.findall(post["text"])
        ]  # fmt: skip


def post(kind: str, about: str, text: str, *cites: str) -> Json:
    """One thing to say."""
    return {"kind": kind, "about": about, "text": text[:400], "cites": list(cites)}


def _incident(story: Story) -> str:
    return str(story.request["task"]["incident"])


# -------------------------------------------------------------------------------------------------------- peers

Ask = Callable[[Story, Board], list[Call]]
Tell = Callable[[Story, Board], list[Json]]


@dataclass(frozen=True)
class Peer:
    """One peer: the log it answers for, and what else it alone can see and say."""

    name: str
    file: str
    looks: tuple[str, ...] = ()
    """Tools it looks at in the first round beside the list of logs."""
    tells: Tell = lambda story, board: []
    asks: Ask = lambda story, board: []
    """What it looks up to answer a question of the rounds before."""

    def turn(self, request: Request) -> Plain:
        """The next answer to a run, from what it was told so far."""
        story = Story.told(request)
        board = Board.of(story)
        steps = (self.look, self.read, self.pin_down, self.look_up)
        return next((found for step in steps if (found := step(story, board))), None) or self.say(story, board)

    def _reads_now(self, board: Board) -> bool:
        """Whether this is the round in which it reads its log: the first in which anybody knows where to look."""
        spoken = any(one["peer"] == self.name and one["about"] in ("line", "quiet") for one in board.posts)
        return not spoken and ("metric" in self.looks or bool(board.onset))

    def look(self, story: Story, board: Board) -> Plain | None:
        """See what there is."""
        first = story.request["round"] == 1
        if story.calls or not (first or self._reads_now(board)):
            return None
        named = {"metric": {"name": "errors"}}
        more = [call(tool, incident=_incident(story), **named.get(tool, {})) for tool in self.looks if first]
        return [call("list_logs", incident=_incident(story)), *more]

    def _when(self, story: Story, board: Board) -> datetime | None:
        if "metric" in self.looks:
            return onset(story)
        return None if board.onset == NEVER else time(board.onset)

    def read(self, story: Story, board: Board) -> Plain | None:
        """Read its log around the first errors; where there are none, its end."""
        if story.made("list_logs") and not story.found("list_logs"):
            return decline("There are no logs of this incident.")
        if story.made("read_log") or not self._reads_now(board):
            return None
        log = next(one for one in story.found("list_logs") if one["file"] == self.file)
        first, last = around(log, self._when(story, board))
        return [
            call("read_log", incident=_incident(story), file=self.file, first=at, last=min(last, at + CHUNK - 1))
            for at in range(first, last + 1, CHUNK)
        ]

    def pin_down(self, story: Story, board: Board) -> Plain | None:
        """Pin the first lines that speak of trouble, and the first order that failed."""
        if story.made("pin") or not story.made("read_log"):
            return None
        _, lines = cause(noticed(story))
        failed = [one for one in noticed(story) if re.search(r" ERROR gateway", one.text)]
        chosen = dict.fromkeys([*lines[:2], *failed[:1]])
        return [call("pin", incident=_incident(story), **one.evidence()) for one in chosen] or None

    def look_up(self, story: Story, board: Board) -> Plain | None:
        """Look up what it was asked."""
        return None if story.calls else self.asks(story, board) or None

    def say(self, story: Story, board: Board) -> Plain:
        """What is new, and the cause as it sees it now."""
        posts = self.tells(story, board)
        lines = [*board.lines, *noticed(story)]
        if story.made("read_log"):
            pinned = [one["reference"] for one in story.found("pin")]
            posts += [post("claim", "line", text) for text in pinned]
            posts += [] if pinned else [post("claim", "quiet", f"{self.file} speaks of no trouble")]
        elif not board.onset and "metric" not in self.looks:
            posts.append(post("question", "onset", "When did the first orders fail?"))
        known = bool(board.onset) or "metric" in self.looks
        asks = any(one["kind"] == "question" for one in posts)
        return done(position=cause(sorted(lines))[0] if known and not asks else "", posts=posts)


def the_onset(story: Story, board: Board) -> list[Json]:
    """Of the gateway: when orders began to fail, by its metrics; and its times of orders it was asked about."""
    if story.made("metric"):
        when = onset(story)
        return [post("claim", "onset", when.isoformat() if when else NEVER)]
    hits = [hit for one in story.made("grep_logs") for hit in one.found if one.args["text"] in hit["text"].split()]
    if not hits:
        return []
    times = "; ".join(_stamp(Seen(time(hit["text"]), hit["file"], hit["line"], hit["text"])) for hit in hits)
    return [post("answer", "orders", times, *(one["id"] for one in board.about("orders", "question")))]


def its_times(story: Story, board: Board) -> list[Call]:
    """Of the gateway: look up the orders that another peer asked about."""
    if board.about("orders", "answer"):
        return []
    asked = [order for one in board.about("orders", "question") for order, _ in TIME.findall(one["text"])]
    return [call("grep_logs", incident=_incident(story), file="gateway.log", text=order) for order in asked]


def the_deploys(story: Story, board: Board) -> list[Json]:
    """Of the store: what was deployed; and, where it refuses what is too old, its times of orders before that."""
    said = [
        post("claim", "deploy", f"{one['deploy']} at {one['at']}: {one['service']}, {one['change']}")
        for one in story.found("deploys")
    ]
    seen = noticed(story)
    name, lines = cause(seen)
    if name == "clock_skew":
        sound = list({one.order: one for one in seen if one.order and one.at < lines[0].at}.values())
        some = [sound[at * len(sound) // ORDERS] for at in range(ORDERS)] if len(sound) > ORDERS else sound
        said.append(post("question", "orders", "; ".join(map(_stamp, some))))
    return said


def _stamp(one: Seen) -> str:
    return f"{one.order} {one.at:%H:%M:%S}.{one.at.microsecond // 1000:03d}"


# ------------------------------------------------------------------------------------------------------- the writer


def write(request: Request) -> Plain:
    """The review, from what was posted."""
    story = Story.told(request)
    board = Board.of(story)
    seen = board.lines
    name, lines = cause(seen)
    told = Story({}, (Made("deploys", {}, failed=False, found=tuple(board.deploys), text=""),))
    blamed = change(told, name, lines) if lines else None
    since = began(name, blamed, [*seen, *board.times], lines).isoformat(timespec="minutes") if lines else None
    failed = [one for one in seen if re.search(r" ERROR gateway", one.text)]
    evidence = [one.evidence() for one in dict.fromkeys([*lines[:2], *failed[:1]])]
    words = ("line", "deploy", "orders") if lines else ("onset", "quiet")
    return done(
        cause=name,
        since=since,
        change=blamed["deploy"] if blamed else None,
        evidence=evidence,
        remedy=REMEDY[name],
        cites=[one["id"] for one in board.posts if one["about"] in words],
    )


def _script(turn: Turn) -> Script:
    turns = [turn] * STEPS
    return script_by(lambda _: turns)


standin: Final[Mapping[str, Script]] = {
    "gateway": _script(Peer("gateway", "gateway.log", ("metric",), the_onset, its_times).turn),
    "workers": _script(Peer("workers", "worker.log").turn),
    "store": _script(Peer("store", "store.log", ("deploys",), the_deploys).turn),
    "author": _script(write),
}
"""Who answers for whom; the team itself has no model but the order of rounds."""
