"""Blame: which agent's turn a failed run of several agents most probably went wrong in, read from what was said.

    turns = [Spoken("Ann", "the task"), Spoken("Bob", "..."), Spoken("shell", "exitcode 0", "output"), ...]
    first = blame(turns)[0]          first.agent, first.step, first.share, first.because

A reading of words by rules: no model, no chance. It names the earliest turn at which something that can be pointed at
is wrong or was taken from nowhere. That is evidence of where to look first, and no proof of a cause.

Runs come in two forms, and each has its rule.

* **Led**: one agent asks others (`asks`), and they come back with something. Suspect is the first turn that came back
  with so little that the same was asked for once more, with no new name or number in it; where nothing was asked twice,
  the last turn that came back, because the answer rests on it.
* **Talk**: agents take turns at one table. Each turn that says more than an agreement is weighed by six clues (`Clues`): a
  program that came with the task and was run; names and numbers that it was the first to say; how much it lists; that
  what it asked for was run; that its speaker opened the run; and the first failure of a tool in a run that never came to a
  conclusion. The turn with the most suspicion is named, and with it whoever spoke it: step and agent are always of one turn.

Six weights and a bound are fitted to recorded runs. docs/blame.md says how well they do on runs that were left out of the
fit, beside guessing, and where they do no better.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import exp, log1p
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from holdfast.views import words

Kind: TypeAlias = Literal["says", "asks", "thinks", "output", "given"]
"""What a turn is: words for all; a request to another agent, who answers next; words to oneself; what a tool gave back;
what whoever wanted the run, or the place it runs in, had to say."""


class Spoken(Struct, frozen=True, omit_defaults=True):
    """One turn of a run."""

    speaker: str
    text: str
    kind: Kind = "says"
    run: str = ""
    """The run it stands in, and its entry there; empty where the turns come from elsewhere."""
    seq: int = 0
    opens: str = ""
    """Of a request: the run that answers it, where that is known."""


class Suspect(Struct, frozen=True, omit_defaults=True):
    """A turn that may be the mistake."""

    agent: str
    step: int
    """Place among the turns, from 0."""
    share: float
    """Its part of all suspicion, from 0 to 1: how far ahead of others it is, and no chance of being right."""
    because: str
    run: str = ""
    seq: int = 0


class Clues(Struct, frozen=True):
    """What speaks for a turn of a talk."""

    step: int
    given: bool
    """It opened the run, and a tool ran what came with it before anybody else said a word."""
    new: int
    """Names and numbers in its prose that stand in nothing said or put out before."""
    listed: int
    """Points in its lists."""
    ran: bool
    """A tool ran what it asked for."""
    opener: bool
    """Its speaker is the one who opened the run."""
    failed: bool
    """What it had run was the first that failed, in a run that broke off amid its tries."""

    def values(self, many: int) -> tuple[float, ...]:
        """The clues as numbers, in the order of `WEIGHTS`; many: new names and numbers from which on they count."""
        new = float(self.new >= many)
        return (float(self.given), new, log1p(self.listed), float(self.ran), float(self.opener), float(self.failed))


WEIGHTS: Final = (1.7, 1.4, 0.5, 0.5, 0.5, 1.1)
"""Of `Clues.values()`, in that order; `python -m real.blame_weights --data FOLDER` finds them and `MANY`."""

MANY: Final = 3
"""New names and numbers from which on a turn counts as one that claims something of its own."""

SHORT: Final = 40
"""Characters below which a turn agrees or signs off, and claims nothing."""

SAME: Final = 1 / 3
"""Words that two requests must have in common, of all words in them, to be one request made twice."""


def blame(turns: Sequence[Spoken]) -> tuple[Suspect, ...]:
    """The suspect turns of a failed run, the most suspect first; none where nobody said anything after the opening."""
    return _led(turns) if any(turn.kind == "asks" for turn in turns) else _talk(turns)


def _suspect(turns: Sequence[Spoken], step: int, share: float, because: str) -> Suspect:
    turn = turns[step]
    return Suspect(turn.speaker, step, round(share, 3), because, turn.run, turn.seq)


# ------------------------------------------------------------------------------------------------------------- led


def _led(turns: Sequence[Spoken]) -> tuple[Suspect, ...]:
    """Turns that came back with too little, the earliest first; else the last that came back."""
    asked = [step for step, turn in enumerate(turns) if turn.kind == "asks"]
    answers: list[int] = []
    again: list[int] = []
    for step in asked:
        # Whoever is asked may ask others before it answers: the next request is the next of whoever made this one.
        whole = bool(turns[step].opens)
        following = next(
            (one for one in asked if one > step and (not whole or turns[one].run == turns[step].run)), None
        )
        until = len(turns) if following is None else following
        came = [later for later in range(step + 1, until) if _answers(turns[later], turns[step])]
        if came:
            answers.append(came[-1])
            if following is not None and _once_more(turns[step].text, turns[following].text):
                again.append(came[-1])
    if again:
        times = "the only one" if len(again) == 1 else f"the first of {len(again)}"
        because = f"what came back was asked for once more, with nothing new in the request; {times}"
        return tuple(_suspect(turns, step, 1 / len(again), because) for step in sorted(again))
    because = "nothing was asked for twice, and this is the last that came back before the end"
    return tuple(_suspect(turns, step, 1 / len(answers), because) for step in sorted(answers, reverse=True))


def _answers(turn: Spoken, request: Spoken) -> bool:
    """Whether a turn may be what came back for a request."""
    if turn.kind != "says":
        return False
    if request.opens:
        return turn.run == request.opens
    return (turn.speaker, turn.run) != (request.speaker, request.run)


def _once_more(first: str, second: str) -> bool:
    """Whether a request is the one before, made again: alike in its words, and without a name or a number of its own."""
    before, after = _tokens(_prose(first)), _tokens(_prose(second))
    alike = len(before & after) >= SAME * max(len(before | after), 1)
    return alike and all(fact <= before for fact in _facts(_prose(second), frozenset()))


# ------------------------------------------------------------------------------------------------------------ talk


def _talk(turns: Sequence[Spoken]) -> tuple[Suspect, ...]:
    ordered = ranked(clues(turns))
    total = sum(exp(height) for height, _ in ordered)
    return tuple(_suspect(turns, one.step, exp(height) / total, _because(one)) for height, one in ordered)


def ranked(found: Sequence[Clues], weights: Sequence[float] = WEIGHTS, many: int = MANY) -> list[tuple[float, Clues]]:
    """Turns with their weights, the most suspect first; the earlier of two alike. Only differences mean anything."""
    weighed = [(sum(w * v for w, v in zip(weights, one.values(many), strict=True)), one) for one in found]
    return sorted(weighed, key=lambda pair: (-pair[0], pair[1].step))


def _because(one: Clues) -> str:
    """The clues for a turn, the heaviest first."""
    said = (
        "it opened the run with something that was run as it came",
        f"it is the first to state {words.count(one.new, 'name or number', 'names and numbers')}",
        f"it lists {words.count(one.listed, 'point', 'points')}",
        "what it asked for was run",
        "its speaker opened the run",
        "the first failure of a tool came of it, in a run that broke off without a conclusion",
    )
    parts = [(w * v, text) for w, v, text in zip(WEIGHTS, one.values(MANY), said, strict=True) if v]
    return words.listed([text for _, text in sorted(parts, key=lambda part: -part[0])]) or (
        "nothing speaks for any other turn"
    )


def clues(turns: Sequence[Spoken]) -> list[Clues]:
    """The clues of each turn that may be the mistake: of the opening if what it brought was run, and of all that say something."""
    speakers = frozenset(turn.speaker for turn in turns)
    failed = _first_failure(turns)
    known: set[str] = set()
    found: list[Clues] = []
    for step, turn in enumerate(turns):
        ran = _ran(turns, step)
        if turn.kind == "says" and len(_plain(turn.text)) >= SHORT and (step or ran):
            prose = _prose(turn.text)
            found.append(
                Clues(
                    step=step,
                    given=not step,
                    new=sum(not fact <= known for fact in _facts(prose, speakers)) if step else 0,
                    listed=len(_POINT.findall(prose)) if step else 0,
                    ran=ran and step > 0,
                    opener=step > 0 and turn.speaker == turns[0].speaker,
                    failed=step > 0 and step == failed,
                )
            )
        known |= _tokens(turn.text)
    return found


def _ran(turns: Sequence[Spoken], step: int) -> bool:
    """Whether a tool answered a turn."""
    after = turns[step + 1] if step + 1 < len(turns) else None
    return after is not None and after.kind == "output" and after.speaker != turns[step].speaker


def _first_failure(turns: Sequence[Spoken]) -> int | None:
    """The turn that had something run that failed, first of all; None where nothing did, or the run came to a conclusion."""
    tries = [step for step in range(1, len(turns)) if turns[step].kind == "output" and turns[step - 1].kind == "says"]
    amid = bool(tries) and (tries[-1] == len(turns) - 1 or bool(_CODE.search(turns[-1].text)))
    failed = (step - 1 for step in tries if _FAILED.search(turns[step].text) or _NOTHING.fullmatch(turns[step].text))
    return next(failed, None) if amid else None


# ------------------------------------------------------------------------------------------------------------ words

_CODE: Final = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_SIGN_OFF: Final = re.compile(r"\bTERMINATE\b")
_TOKEN: Final = re.compile(r"\d+(?:\.\d+)*|[^\W\d_]{2,}")
_NAME: Final = re.compile(r"(?<=[a-z0-9,;)] )[(\"'*“]{0,3}([A-Z][\w’'-]{2,})")
"""A capital within a sentence. One at its beginning may be any word."""
_NUMBER: Final = re.compile(r"\d\d+(?:\.\d+)*|\d(?:\.\d+)+")
"""A digit alone is none: it numbers a list."""
_FAILED: Final = re.compile(
    r"\bexecution failed\b|\bTraceback\b|\b[A-Z]\w*Error\b|\bTimeout\b|\bError:|\bnot found\b|\bno \w+(?: .{1,40})? found\b",
    re.IGNORECASE,
)
_NOTHING: Final = re.compile(r"\s*(?:exitcode: 0[^\n]*)?\s*(?:Code output:)?\s*")
"""An output in which nothing was put out."""
_POINT: Final = re.compile(r"(?m)^\s*(?:[-*]|\d+\.)\s")
"""The mark before a point of a list."""


def _plain(text: str) -> str:
    return _SIGN_OFF.sub("", text).strip()


def _prose(text: str) -> str:
    """A text without code: names in code are the program's."""
    return _CODE.sub(" ", _SIGN_OFF.sub(" ", text))


def _tokens(text: str) -> frozenset[str]:
    return frozenset(_TOKEN.findall(text.replace(",", "").lower()))


def _facts(text: str, speakers: frozenset[str]) -> set[frozenset[str]]:
    """Names and numbers in a text, each as its words. Who speaks is no fact, nor is an identifier with an underscore."""
    text = re.sub(r"(?<=\d),(?=\d)", "", text)
    found = [name for name in _NAME.findall(text) if name not in speakers and "_" not in name] + _NUMBER.findall(text)
    return {tokens for one in found if (tokens := _tokens(one))}
