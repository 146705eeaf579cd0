"""Whether a success is one for the right reason, as far as the run's journal tells.

    speaks_against(entries)      what speaks against it; nothing does where this is empty

Three things do: a verdict WRONG_REASON of `why --counterfactual` on it, an exact finding of a detector, and any finding of
those that look at what a success rests on. A success against which something speaks is *corrupt*: its outcome is right, and
how it came about is not. Findings of waste and of too little care are exact too, and leave what was done as right as it is. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from holdfast.events import Entry, Noted
from holdfast.views.detectors import RULES, detect
from holdfast.views.record import Trace

WHY: Final = "svc:why"
"""Who notes what a counterfactual says of a run."""

REASON: Final = "right reason"
"""The finding under which that is noted: `DECISION: VERDICT, …`, with a score of 1, of 0 for a wrong one, or of none."""

WRONG: Final = "wrong reason"

EVIDENCE: Final = frozenset({4, 17, 20})
"""Detectors that say what a success rested on was not all, not shown to the model, or old."""

WASTE: Final = frozenset({1, 2, 11, 13, 16})
"""Detectors that say work was repeated, retried, not verified, done by two or got nowhere: nothing against what came of it."""

LOOKED_AT: Final = tuple(
    rule for rule in RULES if rule.number in EVIDENCE or (rule.grade == "E" and rule.number not in WASTE)
)


def speaks_against(entries: Sequence[Entry], seen: Trace | None = None) -> tuple[str, ...]:
    """What speaks against a success, each thing once: `wrong reason`, or the name of a detector. seen: spares reading again."""
    wrong = [WRONG for score in reasons(entries).values() if score == 0]
    return tuple(dict.fromkeys([*wrong, *(one.name for one in detect(entries, seen, LOOKED_AT))]))


def reasons(entries: Sequence[Entry]) -> dict[str, float | None]:
    """Decision → the score of the last verdict on it: 1 for the right reason, 0 for a wrong one, None for neither."""
    return dict(_reasons(entries))


def _reasons(entries: Sequence[Entry]) -> Iterator[tuple[str, float | None]]:
    for entry in entries:
        match entry.event:
            case Noted(by=by, finding=finding, score=score, note=note) if (by, finding) == (WHY, REASON):
                yield note.partition(":")[0], score
