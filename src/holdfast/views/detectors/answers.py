"""What tools answered and nobody heeded: 3 ignored tool error, 4 acted on a partial response."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from holdfast.core import findings
from holdfast.events import Json
from holdfast.views import words
from holdfast.views.detectors.finding import Case, Hit, called, error_class, failed, text_of
from holdfast.views.record import Call, Said

_SPOKEN_OF: Final = re.compile(
    r"\b(?:errors?|fail(?:ed|s|ure)?|un(?:able|available|successful)|could(?:n['’]t| not)|can(?:['’]t|not)|did(?:n['’]t| not)"
    r"|no|not|none|issue|problem|sorry|apolog\w+|again|instead|invalid|exceed\w*|insufficient)\b",
    re.IGNORECASE,
)


def ignored_errors(case: Case) -> Iterator[Hit]:
    """3, S. A tool failed, and then a write was done or the run ended as done, with nothing about it between.

    Something about it is: the tool called again, a person asked, or words of the agent, in what it wrote too, that speak
    of an error or say no. Origin: TRAIL. False positives: a tool whose failing does not matter (no contract can say so
    yet); words in a language other than English.
    """
    for call in case.calls:
        if not failed(call):
            continue
        acted = case.acted(call.answered)
        if acted and not _heeded(case, call, acted):
            text = f"{called(call)} failed ({error_class(call)}), and the run went on as if it had not"
            yield Hit((call.answered, acted), text, call.tool, error_class(call))


def _heeded(case: Case, call: Call, acted: int) -> bool:
    since = call.answered
    if any(other.tool == call.tool and other.seq > since and other.seq <= acted for other in case.calls):
        return True
    if any(since < question.seq <= acted for question in case.seen.questions.values()):
        return True
    asked = (one for one in case.seen.calls.values() if one.effect == "builtin" and one.tool in ("ask", "decline"))
    if any(since < one.seq <= acted for one in asked):
        return True
    said = [words.args(one.args) for one in case.effects if one.tried and one.tried[-1].seq == acted]
    said += [text_of(turn.text) for turn in case.turns if since < turn.answered <= acted]
    said += [text_of(item.text) for item in case.seen.items if isinstance(item, Said) and since < item.seq <= acted]
    if case.done and case.done <= acted and case.seen.end is not None:
        said += [case.seen.end.reason, text_of(case.seen.end.output)]
    return any(_SPOKEN_OF.search(text) for text in said)


def partial(case: Case) -> Iterator[Hit]:
    """4, S. A result was not all there is, and then a write was done or the run ended as done, with no fuller result.

    Not all there is: the tool said so, it named a cursor that was not followed, or the value has a field that says so
    (`has_more`, `truncated`, …). What a person ruled to have happened is no response, and left out. Origin: this project's
    brief. False positives: a search of which the first hits are enough; no contract can say so yet.
    """
    for call in case.calls:
        if not call.ok or call.ending == "settled" or not (missing := _missing(call)):
            continue
        fuller = (one for one in case.calls if one.tool == call.tool and one.seq > call.answered and one.ok)
        acted = case.acted(call.answered)
        if acted and not any(not _missing(one) and one.answered <= acted for one in fuller):
            text = f"{called(call)} gave only a part ({missing}), and the run acted on it"
            yield Hit((call.answered, acted), text, call.tool)


def _missing(call: Call) -> str:
    value: Json = call.result.value if call.result is not None else None
    return findings.missing(call.complete, call.missing, value)
