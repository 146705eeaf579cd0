"""How a run stands, as it is shown to whoever runs, resumes or speaks to it: in the words that they may see of it."""

from __future__ import annotations

import msgspec

from holdfast.cli.standing import Open, Standing
from holdfast.cli.viewing import Viewer
from holdfast.codec import value_of
from holdfast.events import Entry, ModelAnswered, PersonAsked, Replied, RunClosed
from holdfast.shell.runner import Runner
from holdfast.views.places import said
from holdfast.views.trace import trace

replace = msgspec.structs.replace


async def seen_standing(found: Standing, runner: Runner, looks: Viewer, *, record: bool = True) -> Standing:
    """How a run stands as it is shown to who looks; that it is shown is recorded first. Raises what `Viewer.record` does."""
    looks.runs[found.run] = None
    if looks.sees is not None:
        found = _in_words_of(looks.shown(await runner.entries(found.run)), found)
    if record:
        await looks.record(runner.journal.url, runner.journal)
    return found


def _in_words_of(entries: list[Entry], found: Standing) -> Standing:
    """The same with every text of it as it stands in these entries."""
    asked = {entry.seq: entry.event.text for entry in entries if isinstance(entry.event, PersonAsked)}
    questions = tuple([_question(one, asked) for one in found.questions])
    ended = next((entry.event for entry in entries if isinstance(entry.event, RunClosed)), None)
    seen = trace(entries)
    return replace(
        found, halted=seen.halted, awaits=tuple([said(one) for one in seen.awaits]), questions=questions,
        why=ended.reason if ended is not None else "",
        output=value_of(ended.output) if ended is not None else None, reply=_reply(entries) if found.reply else "",
    )  # fmt: skip


def _question(one: Open, asked: dict[int, str]) -> Open:
    return replace(one, text=asked.get(one.question, ""))


def _reply(entries: list[Entry]) -> str:
    last = next((entry.event.ask for entry in reversed(entries) if isinstance(entry.event, Replied)), 0)
    event = entries[last - 1].event if last else None
    return str(value_of(event.text) or "") if isinstance(event, ModelAnswered) else ""
