"""What should have come of a run, as far as anybody said so: what a case made of it expects.

    said = expected(entries, seen, as_is=False)
    said.expect          keys of `Expect`
    said.open            what only a person can fill in
    said.judged          whether anybody said anything of it

By what people said, the latest first: that the run was good (what happened is expected); what output or arguments it should have
had; what reviewers approved, amended and denied. A run that was bad, or ended badly, and of which nobody said more, must only not
be like that again. What was put into words of the model's own is never expected word for word.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, get_args

from msgspec import Struct

from holdfast.errors import UsageError
from holdfast.evals.cases.answers import is_prose, own_words
from holdfast.events import Entry, Json, Outcome
from holdfast.views.detectors import Finding
from holdfast.views.detectors.finding import is_effect
from holdfast.views.failures import BAD
from holdfast.views.feedback import DONE, Note, notes
from holdfast.views.record import Call, Trace

GOOD_ENDS: Final[tuple[str, ...]] = tuple(one for one in get_args(Outcome) if one not in BAD)


class Said(Struct, frozen=True, kw_only=True):
    """What is known of what should have come of a run."""

    expect: dict[str, Any] = {}
    open: dict[str, str] = {}
    """Key of `expect` → what has to be known of it."""
    judged: bool = False
    corrected: tuple[tuple[Call, Json], ...] = ()
    """Calls, and the arguments they should have had."""
    bad: bool = False


def expected(entries: Sequence[Entry], seen: Trace, *, as_is: bool = False, finding: Finding | None = None) -> Said:
    """What was said should have come of a run. as_is: what did. finding: what is wrong with it, as a rule found.

    Raises UsageError where what came of it is to be expected and somebody said that it was wrong.
    """
    found = notes(entries, seen)
    spoken = [note for note in found if not note.derived and note.kind in ("good", "bad", "correction")]
    last_good = max((note.seq for note in spoken if note.kind == "good" and _of_run(note, seen)), default=0)
    since = [note for note in spoken if note.seq > last_good]
    corrections = {0 if note.tool == DONE else note.call: note for note in since if note.correction is not None}
    bad = any(note.kind == "bad" for note in since)
    if as_is and (bad or corrections):
        raise UsageError(
            "somebody found it bad, or corrected it: what came of it is not what is expected", run=seen.run,
            hint="note it as good, or make the case without --as-is",
        )  # fmt: skip
    if as_is or (last_good and not bad and not corrections):
        return _as_it_was(seen)
    if corrections:
        return _corrected(seen, corrections, bad=bad)
    return _by_reviewers(seen, bad=bad, finding=finding)


def _of_run(note: Note, seen: Trace) -> bool:
    """Whether it is about the run, or its output, and not about a part of it."""
    end = seen.end.seq if seen.end is not None else 0
    return note.tool == DONE or (not note.call and (not note.evidence or end in note.evidence))


# ------------------------------------------------------------------------------------------------------ as it was


def _as_it_was(seen: Trace) -> Said:
    expect: dict[str, Any] = {"outcome": seen.end.outcome if seen.end is not None else "waiting"}
    output = seen.end.output.value if seen.end is not None and seen.end.output is not None else None
    if (fields := _plain_parts(output)) is not None:
        expect["output"] = fields
    expect["effects"] = effects_of(_effects(seen))
    approved = {call.tool for call in _effects(seen) if _was_approved(seen, call)}
    if approved:
        expect["approved"] = sorted(approved)
    if unsure := sorted(
        {call.tool for call in seen.calls.values() if call.unknown and call.effect == "write" and not is_effect(call)}
    ):
        expect["also"] = unsure  # nobody knows whether they happened; in a case what is unknown has
    return Said(expect=expect, judged=True)


def _effects(seen: Trace) -> list[Call]:
    """Writes that were done, as far as anybody knows, and those that a simulation would have done, in the order they were asked."""
    calls = [call for call in seen.calls.values() if call.effect == "write" and not call.serves]
    return [call for call in calls if is_effect(call) or (call.ok and call.complete == "simulated")]


def effects_of(calls: Sequence[Call]) -> dict[str, list[dict[str, Json]]]:
    """The effects of these calls: without arguments in words of the model's own."""
    found: dict[str, list[dict[str, Json]]] = {}
    for call in calls:
        given = call.args.value if isinstance(call.args.value, dict) else {}
        mine = own_words(call)
        found.setdefault(call.tool, []).append({name: value for name, value in given.items() if name not in mine})
    return found


def _plain_parts(value: Json) -> Json:
    """A value without its prose; None where nothing is left."""
    if isinstance(value, dict):
        kept = {name: _plain_parts(item) if isinstance(item, dict) else item for name, item in value.items()}
        return {name: item for name, item in kept.items() if not is_prose(item)} or None
    return None if is_prose(value) else value


def _was_approved(seen: Trace, call: Call) -> bool:
    return any(
        seen.questions[seq].about == "review"
        and any(voice.verdict == "approve" for voice in seen.questions[seq].voices)
        for seq in call.questions
        if seq in seen.questions
    ) or bool(call.amended)


# ------------------------------------------------------------------------------------------------------- corrected


def _corrected(seen: Trace, corrections: dict[int, Note], *, bad: bool) -> Said:
    expect: dict[str, Any] = {}
    open_: dict[str, str] = {}
    if seen.end is not None and seen.end.outcome == "done":
        expect["outcome"] = "done"
    else:
        open_["outcome"] = (
            f"how it should have ended: it ended as {seen.end.outcome if seen.end is not None else 'waiting'}"
        )
    if 0 in corrections:
        expect["output"] = _plain_parts(corrections[0].correction)
    else:
        open_["output"] = "nobody said what it should have been"
    calls = [(seen.calls[seq], note.correction) for seq, note in corrections.items() if seq in seen.calls]
    writes = [(call, args) for call, args in calls if call.effect == "write"]
    if writes:
        expect |= _frame(seen, {call.seq: args for call, args in writes})
    else:
        open_["effects"] = "nobody said what it should have changed, and what not"
    return Said(expect=expect, open=open_, judged=True, corrected=tuple(calls), bad=bad)


def _frame(seen: Trace, should: dict[int, Json]) -> dict[str, Any]:
    """The effects there should have been of the tools that were corrected; of others nobody said anything."""
    tools = {seen.calls[seq].tool for seq in should}
    mine = {call.seq: call for call in _effects(seen) if call.tool in tools} | {seq: seen.calls[seq] for seq in should}
    found: dict[str, list[dict[str, Json]]] = {}
    for seq, call in sorted(mine.items()):
        if seq in should:
            changed = should[seq] if isinstance(should[seq], dict) else {}
            before = call.args.value if isinstance(call.args.value, dict) else {}
            free = [name for name in own_words(call) if changed.get(name) == before.get(name)]
            found.setdefault(call.tool, []).append({name: value for name, value in changed.items() if name not in free})
        else:
            for tool, effects in effects_of([call]).items():
                found.setdefault(tool, []).extend(effects)
    also = sorted({call.tool for call in _effects(seen)} - tools)
    return {"effects": found, **({"also": also} if also else {})}


# ----------------------------------------------------------------------------------------- what reviewers did, or nobody


def _by_reviewers(seen: Trace, *, bad: bool, finding: Finding | None) -> Said:
    """What follows from what reviewers approved, amended and denied; and that a bad end is not to come again."""
    expect: dict[str, Any] = {}
    allowed = [] if bad else [call for call in _effects(seen) if _was_approved(seen, call)]
    denied = {call.tool for call in seen.calls.values() if call.ending == "denied" and call.effect == "write"}
    reviewed = {call.tool for call in allowed} | denied
    others = {call.tool for call in _effects(seen)} - {call.tool for call in allowed}
    judged = bool(reviewed) and not (denied & others)
    if judged:
        expect["effects"] = effects_of(allowed)
        if allowed:
            expect["approved"] = sorted({call.tool for call in allowed})
        if also := sorted(others):
            expect["also"] = also
    outcome = seen.end.outcome if seen.end is not None else None
    if outcome in ("failed", "stopped") or (bad and outcome in BAD):
        expect["outcome"] = [*GOOD_ENDS, *(["escalated"] if outcome != "escalated" else [])]
    if finding is not None and finding.grade == "E" and finding.number and (bad or outcome in BAD):
        expect["findings"] = [finding.name]
    said = "it was found bad, and nobody said" if bad else "nobody said"
    only = ", only not so" if "outcome" in expect else ""
    open_ = {"outcome": f"{said} how it should have ended{only}: it ended as {outcome or 'waiting'}"}
    if outcome != "cancelled":
        open_["output"] = f"{said} what it should have been"
    if not judged:
        open_["effects"] = f"{said} what it should have changed, and what not"
    return Said(expect=expect, open=open_, judged=judged and not bad, bad=bad)
