"""The people of a case: they answer what a run asks, as the case says, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, cast

from holdfast.core.state import Question, State
from holdfast.evals.cases.case import Case, Person
from holdfast.events import Json
from holdfast.shell.runner import Runner

WHO = "svc:reviewer"
"""Who answers in a case; a second voice is another one's."""


async def reply(runner: Runner, case: Case, state: State, messages: Iterator[Json]) -> bool:
    """Say what the case has to say to a run that waits; False where it has nothing.

    messages: what the requester has not said yet. Where they are at their end, the requester says once that this was all.
    """
    if state.replied:
        text = next(messages, None)
        await runner.say(state.run, "" if text is None else text, by=case.by, ends=text is None)
        return True
    for question in state.questions.values():
        if question.asked.role == "requester":
            text = next(messages, None)
            if text is None:
                continue
            await runner.answer(state.run, question.seq, "answer", by=case.by, text=str(text))
            return True
        person = _person(case, state, question)
        if person is not None:
            await _answer(runner, state, question, person)
            return True
    if state.questions and (text := next(messages, None)) is not None:
        await runner.say(state.run, text, by=case.by)  # they write while others have yet to decide
        return True
    return False


async def _answer(runner: Runner, state: State, question: Question, person: Person) -> None:
    asked, call = question.asked, state.calls.get(question.asked.call)
    voices = 0 if call is None else sum(vote.digest == asked.digest for vote in call.votes)
    by = f"{WHO}:{voices + 1}"
    if asked.about == "doubt":
        verdict = cast("Literal['happened', 'did_not', 'stop']", person.verdict)
        await runner.settle(state.run, asked.call, verdict, by=by, text=person.text)
    elif person.amend and call is not None and not call.amended:
        await runner.amend(state.run, question.seq, person.amend, by=f"{WHO}:amends")
    else:
        await runner.answer(state.run, question.seq, person.verdict, by=by, text=person.text)


def _person(case: Case, state: State, question: Question) -> Person | None:
    asked = question.asked
    call = state.calls.get(asked.call)
    tool = call.tool if call is not None else ""
    return next(
        (
            person
            for person in case.people
            if person.about in ("any", asked.about) and person.tool in ("", tool) and person.role in ("", asked.role)
        ),
        None,
    )
