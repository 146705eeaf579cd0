"""Graders: what is not as a case expects it, said so that a person can act on it.

    misses = [miss for grader in GRADERS for miss in grader(finished)]

One grader a key of `expect`, each silent where its case does not ask, so that a case pays for what it asks only. What they
look at is a run that came to rest (`Finished`): its state and entries, and the world's own account of what was changed. A
model-graded check stands behind the same seam, in `judges`; before anything is played, `grade_check.check_expectations` says
what is wrong with an expectation.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Final

from holdfast import conditions, units
from holdfast.conditions import Scope, Unanswered
from holdfast.evals.grading.check import check_expectations
from holdfast.evals.grading.effects import effects
from holdfast.evals.grading.finished import Finished, Grader, Miss
from holdfast.evals.grading.grounds import approved, evidence, findings, grounded
from holdfast.evals.grading.order import at_most, before, never
from holdfast.evals.grading.values import differences
from holdfast.events import Json, ModelAnswered, RunClosed
from holdfast.views import words

__all__ = ["GRADERS", "check_expectations", "conditions_scope"]

SHOWN: Final = 10
"""Differences of an output that are told."""


def outcome(finished: Finished) -> Iterator[Miss]:
    """The run ended in this way, or in one of these."""
    wanted = finished.case.expect.outcome
    if wanted is None:
        return
    ends = [wanted] if isinstance(wanted, str) else wanted
    if finished.outcome in ends:
        return
    closed = finished.state.closed
    if closed is None:
        open_ = tuple(finished.state.questions)
        asked = next((question.asked.text for question in finished.state.questions.values()), "")
        waits = f" for an answer to “{words.shortened(asked, 160)}”" if asked else ""
        yield Miss("outcome", f"it is waiting{waits}, and {_either(ends)} was expected", open_ or _end(finished))
    else:
        reason = words.shortened(closed.reason, 200)
        why = f"it ended as {closed.outcome} ({reason}), and {_either(ends)} was expected"
        yield Miss("outcome", why, _end(finished))


def _either(ends: list[str] | list[Json]) -> str:
    return words.listed([str(end) for end in ends], "or") or "nothing"


def _end(finished: Finished) -> tuple[int, ...]:
    """Where the run was closed; how far it got, where it was not."""
    ends = ((entry.seq,) for entry in reversed(finished.entries) if type(entry.event) is RunClosed)
    return next(ends, (finished.state.seq,))


def output(finished: Finished) -> Iterator[Miss]:
    """The output has these fields with these values."""
    wanted = finished.case.expect.output
    if wanted is None:
        return
    closed = finished.state.closed
    if closed is None or closed.output is None:
        yield Miss("output", f"there is no output: it is {_ended(finished)}", _end(finished))
        return
    wrong = list(islice(differences(wanted, finished.output, "output"), SHOWN + 1))
    for why in wrong[:SHOWN]:
        yield Miss("output", why, _end(finished))
    if len(wrong) > SHOWN:
        yield Miss("output", "it differs in further places", _end(finished))


def _ended(finished: Finished) -> str:
    return "waiting" if finished.outcome == "waiting" else f"over, as {finished.outcome}"


def usd(finished: Finished) -> Iterator[Miss]:
    """It cost at most this, in US dollars; what nobody can price is taken for too much."""
    top = finished.case.expect.usd
    if top is None:
        return
    if Decimal(finished.nusd) > top * 1_000_000_000:
        why = f"it cost {units.say_usd(finished.nusd)} USD, and {top} is the most it may"
        yield Miss("usd", why, _end(finished))
    if finished.unpriced:
        free = [
            seq
            for part in finished.parts for entry in part.entries
            if isinstance(entry.event, ModelAnswered) and entry.event.cost is None
            for seq in part.seqs([entry.seq])
        ]  # fmt: skip
        why = f"nobody knows what it cost: {words.count(finished.unpriced, 'answer')} came of a model without a price"
        yield Miss("usd", why, tuple(dict.fromkeys(free))[:SHOWN])


def seconds(finished: Finished) -> Iterator[Miss]:
    """Models and tools took at most this, in seconds."""
    top = finished.case.expect.seconds
    if top is not None and finished.seconds > top:
        why = f"models and tools took {finished.seconds:.3g} s, and {top:g} s is the most they may"
        yield Miss("seconds", why, _end(finished))


def steps(finished: Finished) -> Iterator[Miss]:
    """Models were asked for at most this many steps, in all its runs."""
    top, taken = finished.case.expect.steps, finished.steps
    if top is not None and taken > top:
        yield Miss("steps", f"it took {words.count(taken, 'step')}, and {top} is the most it may", _end(finished))


def that(finished: Finished) -> Iterator[Miss]:
    """Each of these conditions holds. One that cannot be answered does not."""
    wanted = finished.case.expect.that
    if not wanted:
        return
    scope = conditions_scope(finished)
    for expression in wanted:
        told = words.shortened(expression, 200)
        try:
            if not scope.holds(expression):
                yield Miss("that", f"`{told}` does not hold{_saw(scope, expression)}", _end(finished))
        except Unanswered as error:
            why = f"`{told}` cannot be answered: {words.shortened(str(error), 200)}{_saw(scope, expression)}"
            yield Miss("that", why, _end(finished))


def conditions_scope(finished: Finished) -> Scope:
    """What `that` sees: `input`, `output`, `effects` and `run`, as conditions of a contract do under `done`; here of all its runs."""
    state = finished.state
    done: dict[str, list[Json]] = {}
    for part in finished.parts:
        contract = part.state.contract
        for name in contract.get("tools", {}) if isinstance(contract, dict) else {}:
            done.setdefault(name, []).extend(part.state.effects.get(name, ()))
    routed = any(
        path[:2] == ("run", "findings") for text in finished.case.expect.that for path in conditions.paths(text)
    )
    found = {"findings": list(dict.fromkeys(one.name for one in finished.findings))} if routed else {}
    return Scope({
        "input": state.input,
        "output": finished.output,
        "effects": done,
        "run": {
            "usd": finished.nusd / 1e9, "steps": finished.steps, "trusted": state.label.trusted,
            "classes": list(state.label.classes), **found,
        },
    })  # fmt: skip


def _saw(scope: Scope, expression: str) -> str:
    """The values of the names an expression reads, in words; empty where none of them has one."""
    saws = []
    if scope.names["output"] is None and any(path[0] == "output" for path in conditions.paths(expression)):
        saws.append("there is no output")
    for path in conditions.paths(expression):
        value: Json = scope.names
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None:
            saws.append(f"{'.'.join(path)} is {words.value(value, 60)}")
    return f"; {words.listed(saws)}" if saws else ""


GRADERS: Final[tuple[Grader, ...]] = (
    outcome, output, effects, before, never, at_most, approved, evidence, grounded, usd, seconds, steps, findings, that,
)  # fmt: skip
"""All that are sure of themselves: one a key of `expect`, but for `also`, which belongs to `effects`, and `judges`."""
