"""The answers that tools gave in a run, as the fixtures of a case: by tool and arguments, in the order in which they came.

What one attempt was told is one answer: a result, a part of one, a refusal, that it was surely not done, that nobody knows. Pages
are one answer, as if they had come at once. Equal answers to the same call are one. Of a write whose outcome was unknown the
answer holds what is known of it since: what a look-up will find.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from msgspec import Struct

from holdfast.codec import canonical
from holdfast.evals.cases.case import Answered
from holdfast.events import Json
from holdfast.views import words
from holdfast.views.detectors.finding import is_effect
from holdfast.views.record import Call, Trace, Tried

PROSE: Final = 4
"""Words from which on a text that the model wrote is its own, and need not be the same another time."""


class Answers(Struct, frozen=True):
    """The recorded answers of a run, and what has to be known of them."""

    calls: tuple[Answered, ...]
    lacking: tuple[str, ...] = ()
    """Writes of which nobody knows what would have answered them."""
    remarks: tuple[str, ...] = ()


class _One(Struct, frozen=True):
    """What one attempt was told. args: None where any arguments are meant."""

    seq: int
    tool: str
    args: Json
    said: dict[str, Any]


def answers(seen: Trace) -> Answers:
    """All recorded answers of a run."""
    found = sorted((one for call in seen.calls.values() for one in _of_call(seen, call)), key=lambda one: one.seq)
    groups: dict[bytes, list[tuple[_One, int]]] = {}
    for one in found:
        group = groups.setdefault(canonical([one.tool, one.args]), [])
        if group and group[-1][0].said == one.said:
            group[-1] = (group[-1][0], group[-1][1] + 1)
        else:
            group.append((one, 1))
    made = [
        Answered(tool=one.tool, args=one.args, **one.said, times=times if at < len(group) - 1 else 0)
        for group in groups.values()
        for at, (one, times) in enumerate(group)
    ]
    known = {one.tool for one in made if not (one.refused or one.not_done)}
    return Answers(tuple(made), tuple(_lacking(seen, known)), tuple(_remarks(seen)))


def is_prose(value: Json) -> bool:
    """Whether somebody put it into words of their own."""
    if isinstance(value, dict | list):
        return any(is_prose(item) for item in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, str) and len(value.split()) >= PROSE


def own_words(call: Call) -> tuple[str, ...]:
    """The arguments that the model put into words of its own: found nowhere in what it had been told."""
    given = call.args.value if isinstance(call.args.value, dict) else {}

    def found(name: str) -> bool:
        origins = [origin for path, origin in call.sources.items() if path.split(".")[0].split("[")[0] == name]
        return bool(origins) and all(origin != "model" for origin in origins)

    return tuple(name for name, value in given.items() if is_prose(value) and not found(name))


def _of_call(seen: Trace, call: Call) -> Iterator[_One]:
    if call.effect == "builtin" or (call.serves and call.cursor) or call.complete == "simulated":
        return
    args = None if call.effect == "write" and own_words(call) else call.args.value
    for at, tried in enumerate(call.tried):
        said = _said(seen, call, tried, last=at == len(call.tried) - 1)
        if said is not None:
            yield _One(tried.seq, call.tool, args, said)


def _said(seen: Trace, call: Call, tried: Tried, *, last: bool) -> dict[str, Any] | None:
    """What one attempt was told; None where it was told nothing, as when its worker died."""
    value = call.result.value if call.result is not None else None
    match tried.state:
        case "returned":
            return _returned(seen, call, value)
        case "started" if last and call.result is not None:
            return {"gives": value}
        case "failed" if tried.error == "refused" or (tried.fate == "not_done" and tried.error in _FINAL):
            return {"refused": tried.message or tried.error}
        case "failed" if tried.error == "lost" and call.effect != "write":
            return None
        case "failed" if tried.fate == "not_done" or _was_absent(call, tried):
            return {"not_done": tried.message or tried.error}
        case "failed":
            words_ = tried.message or tried.error
            return {"unknown": words_, "gives": value} if is_effect(call) else {"unknown": words_}
    return None


_FINAL: Final = frozenset({"raised", "result", "size"})
"""Failures that are not tried again; what a case has for them is a refusal, in the same words."""


def _was_absent(call: Call, tried: Tried) -> bool:
    """Whether it was found out before anything else was tried that an attempt had done nothing."""
    later = [one.seq for one in call.tried if one.seq > tried.seq]
    end = min(later, default=call.answered or 1 << 62)
    looked = [one.answer for one in call.looked if tried.seq < one.seq <= end]
    return bool(looked) and looked[-1] == "absent"


# ------------------------------------------------------------------------------------------------------------- pages


def _returned(seen: Trace, call: Call, value: Json) -> dict[str, Any]:
    pages = [seen.calls[seq] for seq in call.inner if seen.calls[seq].cursor and seen.calls[seq].result is not None]
    missing = call.missing if call.complete == "partial" else ""
    for page in pages:
        value = _folded(value, page.result.value if page.result is not None else None)
        missing = page.missing if page.complete == "partial" else ""
    if call.complete == "partial":
        return {"gives": value, "partial": missing or call.missing or "a part of it"}
    return {"gives": value}


def _folded(one: Json, other: Json) -> Json:
    """Two pages as one: lists are put together, all else is as on the first page."""
    if isinstance(one, list) and isinstance(other, list):
        return [*one, *other]
    if isinstance(one, dict) and isinstance(other, dict):
        return {key: _folded(value, other[key]) if key in other else value for key, value in one.items()}
    return one


# --------------------------------------------------------------------------------------------------- what is not known


def _lacking(seen: Trace, known: set[str]) -> Iterator[str]:
    """Writes that were wanted and never carried out: what would have answered them stands nowhere."""
    wanted = [call for call in seen.calls.values() if call.effect == "write" and call.tool not in known]
    for text in dict.fromkeys(
        words.called(call, 120) for call in wanted if not call.tried or call.complete == "simulated"
    ):
        yield f"what would have answered {text} is not known: it was never carried out"


def _remarks(seen: Trace) -> Iterator[str]:
    if any(page.cursor for page in seen.calls.values() if page.serves):
        yield "what came in pages stands here as one answer"
    for call in seen.calls.values():
        if call.rulings and call.rulings[-1].verdict == "did_not":
            yield f"that {words.plain(call.tool)} did not happen was a person's ruling; in a case what is unknown has happened"


def with_correction(recorded: Sequence[Answered], call: Call, args: Json) -> Answered | None:
    """The answer to a call as it should have been made: that of the call as it was made, with what was changed in it.

    None where the recorded ones answer it already, or where there is none to make it of.
    """
    before = call.args.value
    mine = [one for one in recorded if one.tool == call.tool and not (one.refused or one.not_done)]
    if any(one.args is None or canonical(one.args) == canonical(args) for one in mine):
        return None
    for one in mine:
        if canonical(one.args) == canonical(before) and isinstance(args, dict) and isinstance(before, dict):
            changed = {name: value for name, value in args.items() if before.get(name) != value}
            gives = one.gives
            if isinstance(gives, dict):
                gives = {
                    name: changed[name] if name in changed and value == before.get(name) else value
                    for name, value in gives.items()
                }
            return one.model_copy(update={"args": args, "gives": gives, "times": 0})
    return None
