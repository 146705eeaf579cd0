"""The calls of one answer decided as one plan: each review on its own, each its own entry, and said of each what became of it."""

from __future__ import annotations

from msgspec import Struct

from holdfast.cli.review_act import ANSWERS, Acting, question
from holdfast.core.state import Question, State
from holdfast.errors import HoldfastError, UsageError
from holdfast.views.action import in_words


class Part(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one call of a plan."""

    number: int
    """In asked order among those that were decided, from 1."""
    question: int
    call: int
    action: str
    entry: int = 0
    """The entry that records the decision."""
    why: str = ""
    """Why it could not be recorded."""


class Done(Struct, frozen=True, kw_only=True):
    """What became of a plan."""

    run: str
    verdict: str
    recorded: tuple[Part, ...]
    refused: tuple[Part, ...]


async def decide_plan(
    acts: Acting, number: int | None, verdict: str, text: str = "", only: tuple[int, ...] = ()
) -> Done:
    """Approve or deny every open review of one answer of the model. only: the questions that were shown, where it is known.

    They are approved in asked order and denied from the last to the first: whoever drives the run meanwhile takes back what
    stands behind a call that was denied, and then there would be nothing left to say no to. Raises UsageError where there are none.
    """
    state = await acts.runner.state(acts.row.run)
    asked = [one for one in of_plan(state, number) if not only or one.seq in only]
    parts = [_part(at, state, one) for at, one in enumerate(asked, 1)]
    done: dict[int, Part] = {}
    for part in parts if verdict == "approve" else parts[::-1]:
        try:
            after = await acts.answer(part.question, verdict, text)
            done[part.number] = _with(part, entry=after.seq)
        except HoldfastError as error:
            done[part.number] = _with(part, why=f"{error.what}{f' ({error.hint})' if error.hint else ''}")
    ordered = [done[part.number] for part in parts]
    return Done(
        run=state.run, verdict=verdict, recorded=tuple(one for one in ordered if one.entry),
        refused=tuple(one for one in ordered if not one.entry),
    )  # fmt: skip


def of_plan(state: State, number: int | None) -> list[Question]:
    """The open reviews of one answer, in asked order. Raises UsageError where nothing is open, or it is not clear which is meant."""
    reviews = [one for one in state.questions.values() if one.asked.about == "review"]
    meant = reviews[0] if number is None and reviews else question(state, number, ANSWERS["approve"])
    call = state.calls.get(meant.asked.call)
    if meant.asked.about != "review" or call is None:
        raise UsageError(f"question {meant.seq} is no review of a call", run=state.run, hint="leave out --plan")
    mine = [one for one in reviews if (known := state.calls.get(one.asked.call)) is not None and known.ask == call.ask]
    return sorted(mine, key=lambda one: (state.calls[one.asked.call].index, one.seq))


def _part(number: int, state: State, asked: Question) -> Part:
    call = state.calls[asked.asked.call]
    return Part(number=number, question=asked.seq, call=call.seq, action=in_words(call.tool, call.args, call.effect))


def _with(part: Part, *, entry: int = 0, why: str = "") -> Part:
    return Part(number=part.number, question=part.question, call=part.call, action=part.action, entry=entry, why=why)
