"""Scripts: what everybody in a conversation has to say and to answer, whether a pack or a journal recorded it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from holdfast.codec import value_of
from holdfast.dialogue import Answer
from holdfast.errors import JournalDamaged
from holdfast.events import CallAsked, CallFailed, CallReturned, CancelAsked, Entry, Json, RunOpened, Said, Wanted
from holdfast.models.recorded import answers_of
from real.packs import Message, Run, exchanges

SILENCE = " "
"""What stands for a turn in which a recorded model neither spoke nor called. An empty answer would be rejected and
asked for again, which no recorder did."""

ENDS = "the recording ends here"


@dataclass(frozen=True)
class Word:
    """Something the requester says; `ends` if nothing more is said or awaited."""

    text: str
    ends: bool = False


@dataclass(frozen=True)
class Script:
    """One conversation, part by part."""

    key: str
    """The recorded run's id."""
    opening: str
    answers: tuple[Answer, ...] = ()
    """What the model answers, step by step."""
    words: tuple[Word, ...] = ()
    """What the requester says after the opening, each when the model has spoken to him."""
    tape: tuple[Json, ...] = ()
    """What the tools answered, a call after the other as they were asked for; None where that was not recorded."""
    closing: str = field(default=ENDS, compare=False)
    """Why the run is cancelled where the script ends before the conversation does."""


def of_run(run: Run) -> Script:
    """Read the script of a recorded run, as far as it is a conversation of turns.

    What comes after a turn that cannot follow (two users in a row, say) has no place in it, and is left out.
    """
    messages = list(turns(run.messages))
    opening = messages.pop(0).content or "" if messages and messages[0].role == "user" else ""
    spoken = [at for at, message in enumerate(messages) if message.role == "assistant"]
    last = spoken[-1] if spoken else -1
    words = [Word(m.content or "", ends=at > last) for at, m in enumerate(messages) if m.role == "user"]
    answers = [_answer(messages[at]) for at in spoken]
    calls = sum(len(answer.calls) for answer in answers)
    tape = [pair.answer for pair in exchanges(run)][:calls]
    return Script(run.run_id, opening, tuple(answers), tuple(words), tuple(tape))


def turns(messages: Sequence[Message]) -> Iterator[Message]:
    """Give the messages up to the first that cannot follow the one before it."""
    before: Message | None = None
    for message in messages:
        if before is None:
            fits = message.role in {"user", "assistant"}
        elif message.role == "user":
            fits = before.role == "assistant" and not before.tool_calls
        elif message.role == "assistant":
            fits = before.role in {"user", "tool"}
        else:
            fits = message.role == "tool" and (before.role == "tool" or bool(before.tool_calls))
        if not fits:
            return
        yield message
        before = message


def _answer(message: Message) -> Answer:
    calls = tuple(Wanted(call.id, call.name, call.arguments) for call in message.tool_calls)
    text = message.content or ""
    return Answer(text or ("" if calls else SILENCE), calls, "calls" if calls else "stop")


def of_entries(entries: Sequence[Entry]) -> Script:
    """Read the script of a run from its journal, and from nothing else."""
    opened = entries[0].event
    if not isinstance(opened, RunOpened):
        raise JournalDamaged("a run begins with RunOpened", run=entries[0].run, seq=entries[0].seq)
    words: list[Word] = []
    tape: dict[int, Json] = {}
    closing = ENDS
    for entry in entries:
        match entry.event:
            case Said() as said:
                words.append(Word(str(value_of(said.text)), said.ends))
            case CallAsked(serves=0):
                tape[entry.seq] = None
            case CallReturned() as returned:
                tape[returned.call] = value_of(returned.result)
            case CallFailed(call=call):
                tape[call] = None
            case CancelAsked(because=because):
                closing = because
    answers = tuple(answers_of(entries).get(entries[0].run, ()))
    opening = str(value_of(opened.input))
    return Script(opened.key, opening, answers, tuple(words), tuple(tape.values()), closing)
