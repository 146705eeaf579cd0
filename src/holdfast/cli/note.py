"""`holdfast note`: say of a run that it was good, or bad, or what it should have been; or read what was said of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any

import msgspec
import typer
from msgspec import Struct

from holdfast.cli import out, reading
from holdfast.cli.operate import actor
from holdfast.cli.options import DEFAULT, AgentPath, AsJson, Journal, RunName, Work, like, pairs
from holdfast.cli.review_act import bound_of
from holdfast.cli.viewing import Viewer, named, plain
from holdfast.core.state import State
from holdfast.errors import UsageError
from holdfast.events import Entry, Json, Noted
from holdfast.journal.port import Row
from holdfast.shell.noting import VERDICTS, correctable, noted
from holdfast.tool import Tool
from holdfast.views.carried import labels
from holdfast.views.detectors.finding import leaf
from holdfast.views.failures import OWN, Reading
from holdfast.views.feedback import notes, sentences
from holdfast.views.trace import trace


class Given(Struct, frozen=True, kw_only=True):
    """What somebody says of a run."""

    journal: str
    run: str
    finding: str
    text: str
    by: str
    seq: int
    score: float | None
    correct: dict[str, str]
    agent: str
    as_json: bool


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def note(  # noqa: PLR0917 - a command's arguments and options
        run: RunName,
        said: Annotated[
            list[str] | None, typer.Argument(metavar="[good|bad|TEXT…]", help="What you make of it; without, what was said.")
        ] = None,
        seq: Annotated[
            int | None, typer.Option("--seq", metavar="N", min=1, help="Of this entry, not of the run.")
        ] = None,
        score: Annotated[float | None, typer.Option("--score", metavar="X", help="A number of your own scale.")] = None,
        reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why.")] = "",
        correct: Annotated[
            list[str] | None,
            typer.Option("--correct", metavar="PATH=VALUE", help="What the output should have been; with --seq, the call."),
        ] = None,
        by: Annotated[str, typer.Option("--as", metavar="NAME", help="Who says it; your user name.")] = "",
        agent: AgentPath = "",
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:  # fmt: skip
        """Say what you make of a run, which may be closed; or read all that was made of it."""
        words, fixed = list(said or ()), pairs(correct, "--correct")
        if not words and not fixed and score is None and not reason:
            if seq:
                raise UsageError("nothing is said of that entry", hint=f"holdfast note {run} bad --seq {seq}")
            return partial(_read, Viewer("note", named(by)), journal, run, as_json)
        finding = words.pop(0) if words and words[0] in VERDICTS else "note"
        text = " ".join([*words, *([reason] if reason else [])])
        given = Given(
            journal=journal, run=run, finding=finding, text=text, by=by or out.me(), seq=seq or 0, score=score, correct=fixed,
            agent=agent, as_json=as_json,
        )  # fmt: skip
        return partial(_note, given)


def _read(looks: Viewer, url: str, run: str, as_json: bool) -> int:
    entries = asyncio.run(looks.entries_of(url, run))
    seen = trace(entries)
    found = notes(entries, seen)
    if as_json:
        out.give(
            [{**msgspec.to_builtins(one, str_keys=True), "label": plain(labels(entries)[one.seq - 1])} for one in found]
        )
        return 0
    if not found:
        print(f"nobody has said anything of {seen.run}")
        return 0
    from holdfast.cli.why_text import line

    out.show(*(line(one.text, one.entries) for one in sentences(found, seen)))
    return 0


def _note(given: Given) -> int:
    async def say() -> tuple[str, int, Noted]:
        async with reading.speaking(given.journal) as runner:
            row = await reading.find_row(runner.journal, given.run)
            entries = await runner.entries(row.run)
            made = noted(
                entries, given.finding, by=given.by, text=given.text, score=given.score, seq=given.seq,
                correct=typed(entries, given.seq, given.correct),
                tools=_tools(given, row, await runner.state(row.run)),
            )  # fmt: skip
            state = await runner.put(row.run, lambda state: made, actor=actor(given.by))
            return row.run, state.seq, made

    run, seq, made = asyncio.run(say())
    if given.as_json:
        out.give({"run": run, "seq": seq, "by": made.by, "asserted": True, "note": made})
        return 0
    print(f"{run}: noted, entry {seq}")
    return 0


def _tools(given: Given, row: Row, state: State) -> Mapping[str, Tool[..., Any]]:
    """The agent's tools, to check the arguments of a call by; none where nothing of the kind is corrected."""
    if not given.correct or not given.seq:
        return {}
    bound = bound_of(given.agent or row.tags.get("agent_path", ""), state)
    return bound.tools if bound is not None else {}


def typed(entries: Sequence[Entry], seq: int, correct: Mapping[str, str]) -> dict[str, Json]:
    """Values as a person types them: a text where there was a text, else JSON."""
    if not correct:
        return {}
    stood = correctable(trace(entries), seq)
    return {path: like(leaf(stood, path), text) for path, text in correct.items()}


def keep(url: str, readings: Sequence[Reading], by: str) -> int:
    """Note what a rule of somebody's own found, each thing once; how many are new."""

    async def write() -> int:
        new = 0
        async with reading.speaking(url) as runner:
            for one in readings:
                mine = [finding for finding in one.findings if finding.number == OWN]
                events = [entry.event for entry in await runner.entries(one.run)] if mine else []
                known = {_key(event) for event in events if isinstance(event, Noted)}
                for finding in mine:
                    made = Noted(by, finding.name, note=finding.sentence, evidence=finding.seqs)
                    if _key(made) not in known:
                        await runner.put(one.run, partial(_always, made), actor=actor(by))
                        known.add(_key(made))
                        new += 1
        return new

    return asyncio.run(write())


def _always(made: Noted, _: State) -> Noted:
    return made


def _key(note: Noted) -> tuple[str, str, tuple[int, ...]]:
    return note.by, note.finding, note.evidence
