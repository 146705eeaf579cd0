"""The people of a case: they answer what a run asks, or one that it opened, as the case says, and nothing else.

Who has spoken how often is read off the runs, so it is the same whoever goes on with them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final, Literal, TypeAlias, cast

from holdfast.core.desk import VERDICTS
from holdfast.core.state import Question, State
from holdfast.evals.cases.case import Case, Person
from holdfast.events import CallAsked, CallSettled, ChildOpened, Entry, Json, PersonAnswered, PersonAsked
from holdfast.shell.runner import Runner

WHO: Final = "svc:reviewer"
"""Who answers in a case; a second voice is another one's."""

SETTLES: Final = ("happened", "did_not", "stop")
"""What can be said of a write in doubt."""

Look: TypeAlias = Callable[[State, int], Awaitable[bool]]
"""Finds out whether the write of a call in doubt happened: what a person would do who is asked, and a case cannot know before."""


async def reply(
    runner: Runner, case: Case, state: State, messages: Iterator[Json], *, look: Look | None = None
) -> bool:  # fmt: skip
    """Say what the case has to say to a run that waits, or to one below it that does; False where it has nothing.

    messages: what the requester has not said yet. Where they are at their end, the requester says once that this was all.
    look: how the people of the case find out what they rule on; without, they say what stands in the case.
    """
    if await _said_to(runner, case, state, messages, look):
        return True
    for call in state.calls.values():
        if call.child and call.status == "running":
            child = await runner.state(call.child)
            if child.closed is None and await reply(runner, case, child, messages, look=look):
                return True
    return False


async def _said_to(
    runner: Runner, case: Case, state: State, messages: Iterator[Json], look: Look | None
) -> bool:  # fmt: skip
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
        person = await _person(runner, case, state, question)
        if person is not None:
            await _answer(runner, state, question, person, look)
            return True
    if state.questions and (text := next(messages, None)) is not None:
        await runner.say(state.run, text, by=case.by)  # they write while others have yet to decide
        return True
    return False


async def _answer(runner: Runner, state: State, question: Question, person: Person, look: Look | None) -> None:
    asked, call = question.asked, state.calls.get(question.asked.call)
    voices = 0 if call is None else sum(vote.digest == asked.digest for vote in call.votes)
    by = f"{WHO}:{voices + 1}"
    if asked.about == "doubt":
        verdict = cast("Literal['happened', 'did_not', 'stop']", said(person, asked.about))
        if look is not None and verdict != "stop":
            verdict = "happened" if await look(state, asked.call) else "did_not"
        gives = person.gives if verdict == "happened" else None
        await runner.settle(state.run, asked.call, verdict, by=by, text=person.text, result=gives)
    elif person.amend and call is not None and not call.amended:
        await runner.amend(state.run, question.seq, person.amend, by=f"{WHO}:amends")
    else:
        await runner.answer(state.run, question.seq, said(person, asked.about), by=by, text=person.text)


def said(person: Person, about: str) -> str:
    """What a person says to a question of this kind."""
    return person.verdict or ("answer" if about == "question" else "approve")


def admitted(about: str) -> tuple[str, ...]:
    """What can be said to a question of this kind."""
    return SETTLES if about == "doubt" else VERDICTS[about]


def fits(person: Person, asked: PersonAsked, tool: str) -> bool:
    """Whether a person answers a question: it is about what they answer, and what they say is an answer to it."""
    if person.about not in ("any", asked.about) or said(person, asked.about) not in admitted(asked.about):
        return False
    return person.tool in ("", tool) and person.role in ("", asked.role)


async def _person(runner: Runner, case: Case, state: State, question: Question) -> Person | None:
    """The first who fits, and who has not said all they say."""
    call = state.calls.get(question.asked.call)
    fitting = [one for one in case.people if fits(one, question.asked, call.tool if call is not None else "")]
    if not any(one.times for one in fitting):
        return next(iter(fitting), None)
    left = {id(one): one.times for one in case.people if one.times}
    for run in await _runs(runner, state.opened.tree or state.run):
        _take(left, case, run)
    return next((one for one in case.people if one in fitting and (not one.times or left[id(one)])), None)


async def _runs(runner: Runner, top: str) -> list[Sequence[Entry]]:
    """The entries of a run, and of all that were opened below it."""
    found: list[Sequence[Entry]] = []
    waiting = [top]
    while waiting:
        found.append(await runner.entries(waiting.pop(0)))
        waiting += [entry.event.child for entry in found[-1] if isinstance(entry.event, ChildOpened)]
    return found


def _take(left: dict[int, int], case: Case, entries: Sequence[Entry]) -> None:
    """Take what was answered in one run off how many answers each person has left who gives so many only."""
    tools: dict[int, str] = {}
    asked: dict[int, PersonAsked] = {}
    for entry in entries:
        event, found = entry.event, None
        if isinstance(event, CallAsked):
            tools[entry.seq] = event.tool
        elif isinstance(event, PersonAsked):
            asked[entry.seq] = event
        elif isinstance(event, PersonAnswered) and event.by.startswith(WHO):
            found = asked.get(event.question)
        elif isinstance(event, CallSettled) and event.by.startswith(WHO):
            found = next(
                (one for one in reversed(asked.values()) if (one.about, one.call) == ("doubt", event.call)), None
            )
        if found is not None:
            tool = tools.get(found.call, "")
            spoke = next((o for o in case.people if fits(o, found, tool) and (not o.times or left[id(o)])), None)
            if spoke is not None and spoke.times:
                left[id(spoke)] -= 1
