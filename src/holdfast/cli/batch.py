"""`holdfast run --batch`: many inputs, a few at a time, with a picture of how it goes and a summary at the end.

The journal remembers, not the batch: each line is a request with a key of its own, so running a file again goes on
where it stopped and repeats nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from holdfast.cli import agents, out
from holdfast.cli.lines import BadLine, Line, read
from holdfast.cli.progress import Board, watched
from holdfast.cli.run import Order, tags
from holdfast.cli.standing import standing
from holdfast.cli.summary import Ended, Summary, refusals, show
from holdfast.cli.viewing_runs import seen_standing
from holdfast.core.pending import Outlook
from holdfast.core.state import State
from holdfast.errors import Bug, HoldfastError, UserError
from holdfast.events import Said
from holdfast.journal.port import Where
from holdfast.shell.runner import Runner
from holdfast.views.trace import trace


def run(order: Order) -> int:
    """Run a file of inputs; the exit code that says the worst that happened."""
    if order.batch is None:
        raise Bug("a batch without a file")
    loaded = agents.load_agent(order.agent, order.model)
    lines = list(read(order.batch))
    if loaded.notice:
        out.note(loaded.notice)
    batch = _Batch(order, loaded, lines)
    began = time.monotonic()
    try:
        asyncio.run(batch.run())
    except BaseExceptionGroup as group:
        raise _first(group) from group
    summary = batch.summary(round((time.monotonic() - began) * 1e6))
    show(summary, as_json=order.as_json)
    return summary.code


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that ended a batch; the others followed from it, or say the same."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


class _Batch:
    """One pass over the lines of a file."""

    def __init__(self, order: Order, loaded: agents.Loaded, lines: list[Line | BadLine]) -> None:
        self.order, self.loaded = order, loaded
        self.good = iter([line for line in lines if isinstance(line, Line)])
        self.bad = [line for line in lines if isinstance(line, BadLine)]
        self.ended: list[Ended] = []
        self.board = Board(total=len(lines))
        self.taken: set[str] = set()
        """Runs of this pass: the same key may stand in two lines."""
        self.code = 0

    async def run(self) -> None:
        """Take the lines, `concurrency` at a time."""
        order = self.order
        with watched(self.board):
            for line in self.bad:
                self._tell_bad(line)
            opening = agents.opened(order.journal, [self.loaded], settings=order.settings, mode=order.mode)
            async with opening as runner, asyncio.TaskGroup() as group:
                for _ in range(order.concurrency):
                    group.create_task(self._work(runner, self.good))
        await order.looks.record(order.journal)

    async def _work(self, runner: Runner, lines: Iterator[Line]) -> None:
        for line in lines:
            try:
                await self._take(runner, line)
            except HoldfastError as error:
                if not isinstance(error, UserError) and not error.run:
                    raise
                self.code = max(self.code, error.exit_code)
                bad = BadLine(line.number, str(error))
                self.bad.append(bad)
                self._tell_bad(bad)

    def _tell_bad(self, line: BadLine) -> None:
        self.board.is_bad()
        out.note(f"line {line.number}: {line.why}")

    async def _take(self, runner: Runner, line: Line) -> None:
        """Run one line to its end, or until it waits for somebody who says nothing in this file."""
        known = await runner.find(Where(key=line.key, limit=1))
        before = bool(known) and known[0].status == "closed" and known[0].run not in self.taken
        began = time.monotonic()
        run = await runner.start(
            self.loaded.agent, line.input, key=line.key, by=line.by or self.order.by, on_behalf_of=line.on_behalf_of,
            tags=tags(self.loaded),
        )  # fmt: skip
        self.taken.add(run.name)
        state, stands = await self._speak(runner, line, *await runner.attend(run.name))
        found = await seen_standing(standing(state, stands), runner, self.order.looks, record=False)
        took = round((time.monotonic() - began) * 1e6)
        seen = trace(self.order.looks.shown(await runner.entries(run.name)))
        self.ended.append(Ended(line.number, line.key, found, state.spent.charged, took, before, refusals(seen)))
        self.board.ended(found.word, state.spent.charged, took, before=before)

    async def _speak(self, runner: Runner, line: Line, state: State, stands: Outlook) -> tuple[State, Outlook]:
        """Say what the requester says later, each message once, when the run waits with what it is for."""
        if not line.then or stands.status == "closed":
            return state, stands
        said = sum(isinstance(entry.event, Said) for entry in await runner.entries(state.run))
        for later in line.then[said:]:
            kinds = {question.asked.about for question in state.questions.values()}
            if later.when not in (kinds | {"reply"} if state.replied else kinds):
                break
            await runner.say(state.run, later.say, by=line.on_behalf_of)
            state, stands = await runner.attend(state.run)
        return state, stands

    def summary(self, took: int) -> Summary:
        """What became of everything."""
        lines = sorted(self.ended, key=lambda one: one.line)
        ended = tuple({one.standing.run: one for one in reversed(lines)}.values())[::-1]
        bad = tuple(sorted(self.bad, key=lambda one: one.number))
        code = max(self.code, 3) if bad else 0
        return Summary(
            file=str(self.order.batch),
            agent=self.loaded.agent.name,
            ended=ended,
            bad=bad,
            took=took,
            worst=code,
            same=len(lines) - len(ended),
        )
