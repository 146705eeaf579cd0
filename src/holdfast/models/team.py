"""The model of a team: no model at all, but the order in which rounds are held.

Every peer is asked in every round, with the posts of the rounds before; then the writer, with all of them. Its answers follow
from what it is told alone. Rounds end when all agree, when nobody has anything new, when somebody goes back and forth, when no
peer answers any more, and when all have been held. A peer that did not answer is not asked again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from msgspec import Struct

from holdfast import codec
from holdfast.dialogue import Answered, Request, Result, Told
from holdfast.errors import SettingsError
from holdfast.events import Json
from holdfast.models.scripted import Plain, Script, Turn, call, decline, done, script_by

_NAME: Final = re.compile(r"holdfast:team:(?P<rounds>\d+):(?P<writer>[\w-]+):(?P<peers>[\w+-]+)")
STEPS: Final = 64
"""Answers of it in one run, at most: two a round, and some for a long memo."""

_WINDOW: Final = re.compile(r"\n\[characters (?P<start>\d+) to (?P<end>\d+) of (?P<all>\d+).*?\]\Z", re.DOTALL)
_REST: Final = re.compile(r'more\(result="(?P<result>\d+)"')


class Plan(Struct, frozen=True):
    """Who is asked, and how often."""

    peers: tuple[str, ...]
    writer: str
    rounds: int


class Held(Struct, frozen=True):
    """One round: what each peer that was asked gave; None of one that did not answer."""

    gave: dict[str, dict[str, Json] | None]


PREFIX: Final = "holdfast:team:"


def team_model(name: str) -> Script:
    """The model of that name, `holdfast:team:ROUNDS:WRITER:PEER+PEER`. Raises SettingsError for one that says something else."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise SettingsError(
            f"{name} is no order of rounds", hint="holdfast.team makes the contract of a team, its model included"
        )
    plan = Plan(tuple(found["peers"].split("+")), found["writer"], int(found["rounds"]))
    return script_by(lambda text: _turns(plan, text))


def _turns(plan: Plan, text: str) -> list[Turn]:
    return [partial(_next, plan, text)] * STEPS


def _next(plan: Plan, text: str, request: Request) -> Plain:
    task = _parsed(text)
    last = request.segments[-1]
    written = [one for one in request.segments if isinstance(one, Result) and one.tool == plan.writer]
    if isinstance(last, Result) and last.tool == "more":
        return _whole(request.segments)
    if isinstance(last, Result) and last.tool == plan.writer:
        if last.failed:
            return decline(f"the writer gave nothing: {last.text}")
        return _whole(request.segments)
    rounds, board, ended = _held(plan, request.segments)
    if isinstance(last, Result | Told) and written:  # what it wrote was not accepted
        if len(written) > 1:
            return decline(f"what the writer wrote cannot stand: {last.text}")
        return call(plan.writer, task=task, board=board, ended=ended, problem=last.text)
    if ended:
        if not board:
            return decline(f"there is nothing to write down: {ended}")
        return call(plan.writer, task=task, board=board, ended=ended)
    living = [peer for peer in plan.peers if all(held.gave.get(peer, {}) is not None for held in rounds)]
    return [call(peer, task=task, round=len(rounds) + 1, you=peer, board=board) for peer in living]


def _parsed(text: str) -> Json:
    try:
        return codec.parse(text)
    except ValueError:
        return text


# ------------------------------------------------------------------------------------------------------------ rounds


def _rounds(plan: Plan, segments: Sequence[Any]) -> list[Held]:
    """The rounds that were held, in order."""
    found: list[Held] = []
    for segment in segments:
        if isinstance(segment, Answered) and any(one.tool in plan.peers for one in segment.calls):
            found.append(Held({}))
        elif isinstance(segment, Result) and segment.tool in plan.peers and found:
            found[-1].gave[segment.tool] = None if segment.failed else _posts(segment.text)
    return found


def _posts(text: str) -> dict[str, Json] | None:
    given = _parsed(text)
    return given if isinstance(given, dict) and isinstance(given.get("posts"), list) else None


def _held(plan: Plan, segments: Sequence[Any]) -> tuple[list[Held], list[dict[str, Json]], str]:
    """(the rounds, the board, why there is no further round; empty where there is one)."""
    board: list[dict[str, Json]] = []
    positions: dict[str, list[str]] = {peer: [] for peer in plan.peers}
    said: dict[str, str] = {}
    rounds, ended = _rounds(plan, segments), ""
    for number, held in enumerate(rounds, 1):
        new = 0
        answered = {peer: given for peer, given in held.gave.items() if given is not None}
        for peer, given in answered.items():
            positions[peer].append(_same(str(given.get("position", ""))))
            for at, post in enumerate(given["posts"], 1):
                words = _same(f"{post.get('kind')} {post.get('about')} {post.get('text')}")
                pinned = {
                    **post,
                    "id": f"{number}.{peer}.{at}",
                    "round": number,
                    "peer": peer,
                    "repeats": said.get(words, ""),
                }
                new += words not in said
                said.setdefault(words, str(pinned["id"]))
                board.append(pinned)
        ended = _ended(plan, number, answered, positions, new)
    return rounds, board, ended


def _ended(plan: Plan, number: int, answered: dict[str, Any], positions: dict[str, list[str]], new: int) -> str:
    """Why a round was the last one, if it was."""
    if not answered:
        return "no peer answered any more"
    now = {positions[peer][-1] for peer in answered}
    if len(answered) > 1 and len(now) == 1 and "" not in now:
        return "all who answered agree"
    if not new:
        return "nobody had anything new to say"
    to_and_fro = [
        peer
        for peer in answered
        if len(set(positions[peer][-3:])) == 2 and positions[peer][-1:] == positions[peer][-3:-2]
    ]
    if to_and_fro:
        return f"{to_and_fro[0]} goes back and forth between two positions"
    return f"all {number} rounds were held" if number >= plan.rounds else ""


def _same(text: str) -> str:
    """A text as it is compared: what a slip of the keyboard changes does not make it another one."""
    return " ".join(re.findall(r"\w+", text.casefold()))


# ---------------------------------------------------------------------------------------------------------- the memo


def _whole(segments: Sequence[Any]) -> Plain:
    """What the writer wrote, as the team's output; a memo too long to be shown at once is read to its end first."""
    pieces: list[str] = []
    rest = ""
    for segment in reversed(segments):
        if not isinstance(segment, Result):
            if isinstance(segment, Answered):
                continue
            break
        found = _WINDOW.search(segment.text)
        pieces.append(segment.text[: found.start()] if found else segment.text)
        rest = rest or (segment.text if found and int(found["end"]) < int(found["all"]) else "-")
        if segment.tool != "more":
            break
    if rest not in ("", "-"):
        start, result = _WINDOW.search(rest), _REST.search(rest)
        if start is not None and result is not None:
            return call("more", result=result["result"], start=int(start["end"]))
    given = _parsed("".join(reversed(pieces)))
    return done(given)
