"""The people: reviewers, requesters and somebody on call, at a desk that is a process of its own.

They see what is durable, think for a while, and act by way of a `Runner`, as the command line does. Somebody asked what became
of a write goes and looks: they see what has happened so far, which of an attempt that may still be alive is not all that will.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from holdfast.core.state import CallState, Question, State
from holdfast.errors import HoldfastError, JournalError, NotAllowed, UserError
from holdfast.events import Json, PersonAsked
from holdfast.shell.runner import Runner
from holdfast.testing.sim.history import Promise, read, secret_of
from holdfast.testing.sim.room import SECOND, Process
from holdfast.testing.sim.world import receipt

if TYPE_CHECKING:
    from holdfast.testing.sim.stage import Stage

REVIEWERS: Final = ("ann", "bob", "cho", "dan")


class Manner(Struct, frozen=True):
    """How the people are."""

    slow: int = 20
    """Seconds somebody thinks about a question, at most."""
    deny: float = 0.15
    amend: float = 0.15
    stop: float = 0.03
    rash: float = 0.1
    """Chance to rule `did not happen` on an attempt that may still be alive."""
    patient: bool = False
    """Nobody rules that something did not happen before everything has come to rest."""
    sly: float = 0.0
    """Chance that somebody tries to approve what they asked for themselves."""
    last_minute: float = 0.0
    """Chance that somebody decides just before a question's end, or just after it."""
    meddle: float = 0.0
    """Chance, at each look at an open run, to say, cancel, pause, resume or grant something."""


QUIET: Final = Manner(slow=3, deny=0.0, amend=0.0, stop=0.0, rash=0.0)


class Desk:
    """One desk, and everybody at it."""

    def __init__(self, stage: Stage, process: Process) -> None:
        self.stage = stage
        self.process = process
        self.chance = random.Random(process.chance.getrandbits(64))
        self._due: dict[tuple[str, int], int] = {}
        self._known: dict[str, State] = {}
        self._number = 0

    @property
    def manner(self) -> Manner:
        """How they are now."""
        return self.stage.manner

    async def sit(self, runner: Runner) -> None:
        """Look at every run again and again."""
        while True:
            await asyncio.sleep(self.chance.uniform(1.0, 6.0))
            await runner.journal.feed(
                runner.journal.watermark()
            )  # what somebody who died left behind becomes durable by this
            for row in await runner.find():
                try:
                    state = self._known.get(row.run)
                    if state is None or state.seq != row.seq:
                        state = self._known[row.run] = await runner.state(row.run)
                    await self._look(runner, state)
                except UserError:
                    continue  # somebody was faster, or it was too late: people are told so and go on
                except JournalError:
                    return  # the desk is closed, and opened again

    async def _look(self, runner: Runner, state: State) -> None:
        head = self.stage.store.durable_head(state.run)
        for question in list(state.questions.values()):
            if question.seq <= head and self._ripe(state.run, question.seq, question.asked):
                await self._answer(runner, state, question)
                return
        if state.closed is not None:
            for call in state.unresolved:
                if self._ripe(state.run, call) and self.chance.random() < 0.5:
                    await self._settle_closed(runner, state, call)
        elif self.chance.random() < self.manner.meddle:
            await self._meddle(runner, state)
        elif state.paused and self.manner is QUIET:
            await runner.resume(state.run, by="ops")
        elif state.replied and self._ripe(state.run, state.replied):
            await self._tell(runner, state, lambda token: runner.say(state.run, token, by="requester"))

    def _somebody(self, state: State) -> str:
        """Somebody who may decide; where everybody has spoken or amended already, somebody from elsewhere."""
        self._number += 1
        if self.manner is not QUIET:
            return self.chance.choice(REVIEWERS)
        return self.chance.choice(
            [*(name for name in REVIEWERS if name not in state.speakers), f"deputy{self._number}"]
        )

    def _ripe(self, run: str, seq: int, asked: PersonAsked | None = None) -> bool:
        """Whether they have thought about it long enough; some decide at the last minute, the rash at once."""
        due = self._due.get((run, seq))
        now = self.process.room.now
        if due is None:
            due = now + self.chance.randint(0, self.manner.slow) * SECOND
            if asked is not None and asked.about == "doubt" and self.manner.rash:
                due = now + self.chance.randint(0, 4) * SECOND
            elif asked is not None and asked.until and self.chance.random() < self.manner.last_minute:
                due = asked.until - SECOND
            self._due[run, seq] = due
        return now >= due

    async def _tell(self, runner: Runner, state: State, act: Callable[[str], Awaitable[None]]) -> None:
        """Do something, and remember that it was acknowledged."""
        self._number += 1
        token = f"{self.process.name}{self.process.life}-{self._number}"
        await act(token)
        if self.process.alive:
            self.stage.promised(state.run, token)

    # ---- questions

    async def _answer(self, runner: Runner, state: State, question: Question) -> None:
        asked, run, seq = question.asked, state.run, question.seq
        self._due.pop((run, seq), None)
        by = self._somebody(state)
        if asked.about in ("review", "output") and self.chance.random() < self.manner.sly:
            await runner.answer(run, seq, "approve", by="requester")  # who asked for it may not
        match asked.about:
            case "review":
                await self._review(runner, state, question, by)
            case "output":
                verdict = "deny" if self.chance.random() < self.manner.deny else "approve"
                await self._tell(runner, state, lambda token: runner.answer(run, seq, verdict, by=by, text=token))
            case "question" if asked.role == "requester":
                await self._tell(runner, state, lambda token: runner.say(run, f"go on {token}", by="requester"))
            case "question":
                await self._tell(runner, state, lambda token: runner.answer(run, seq, "answer", by=by, text=token))
            case "surprise":
                verdict = self.chance.choice(("retry", "tell", "tell", "take" if self.manner.stop else "tell"))
                await self._tell(runner, state, lambda token: runner.answer(run, seq, verdict, by=by, text=token))
            case "limit" if asked.limit is not None:
                amount = {"usd": 10**9, "work": 3_600 * SECOND, "wall": 86_400 * SECOND}.get(asked.limit, 10)
                await runner.grant(run, asked.limit, amount, by=by)
            case "doubt":
                await self._settle(runner, state, state.calls[asked.call], by)

    async def _review(self, runner: Runner, state: State, question: Question, by: str) -> None:
        run, seq, call = state.run, question.seq, state.calls[question.asked.call]
        if "restored from a backup" in question.asked.text:
            if self.process.room.now < self.stage.settled_at:
                return  # what was sent and is forgotten may still be on its way: they wait, and look then
            verdict = "deny" if self._done_already(run, call) else "approve"
            await self._tell(runner, state, lambda token: runner.answer(run, seq, verdict, by=by, text=token))
            return
        roll = self.chance.random()
        if roll < self.manner.stop:
            await self._tell(runner, state, lambda token: runner.answer(run, seq, "stop", by=by, text=token))
        elif roll < self.manner.stop + self.manner.deny:
            await self._tell(runner, state, lambda token: runner.answer(run, seq, "deny", by=by, text=token))
        elif roll < self.manner.stop + self.manner.deny + self.manner.amend and call.tool == "pay":
            await runner.amend(run, seq, {"cents": self.chance.choice((40, 350, 399))}, by=by)
        else:
            await self._tell(runner, state, lambda token: runner.answer(run, seq, "approve", by=by, text=token))

    def _done_already(self, run: str, call: CallState) -> bool:
        args = call.args if isinstance(call.args, dict) else {}
        asked = (call.tool, str(args.get("item")))
        world = self.stage.world
        orders = [(order.effect.tool, order.effect.item) for order in world.orders.values() if not order.fails]
        return asked in orders or any((effect.tool, effect.item) == asked for effect in world.ledger)

    # ---- doubts

    async def _settle(self, runner: Runner, state: State, call: CallState, by: str) -> None:
        world, run = self.stage.world, state.run
        effect = world.truth(run, call.seq)
        sure = (call.ended and not self.manner.patient) or self.manner is QUIET
        if effect is not None and self.chance.random() < self.manner.rash:
            effect = None  # looked in the wrong place
        if world.is_being_made(run, call.seq) or self.process.room.now < self.stage.settled_at:
            return
        if effect is not None:
            result: Json = receipt(effect) if self.chance.random() < 0.6 else None
            await self._tell(
                runner, state, lambda token: runner.settle(run, call.seq, "happened", by=by, text=token, result=result)
            )
        elif sure or self.chance.random() < self.manner.rash:
            await self._tell(runner, state, lambda token: runner.settle(run, call.seq, "did_not", by=by, text=token))
        elif self.chance.random() < self.manner.stop:
            await self._tell(runner, state, lambda token: runner.settle(run, call.seq, "stop", by=by, text=token))

    async def _settle_closed(self, runner: Runner, state: State, call: int) -> None:
        effect = self.stage.world.truth(state.run, call)
        verdict = "happened" if effect is not None else "did_not"
        by = self._somebody(state)
        await self._tell(runner, state, lambda token: runner.settle(state.run, call, verdict, by=by, text=token))  # type: ignore[arg-type]  # one of the two

    # ---- out of the blue

    async def _meddle(self, runner: Runner, state: State) -> None:
        run = state.run
        writing = any(call.status == "running" and call.effect == "write" for call in state.calls.values())
        match self.chance.choice((3, 4, 4)) if writing and self.chance.random() < 0.6 else self.chance.randrange(7):
            case 0 | 1 | 2:
                item = self.chance.choice(self.stage.items(run))
                await self._tell(runner, state, lambda token: runner.say(run, f"leave {item} {token}", by="requester"))
            case 3:
                if state.cancel is None:
                    await runner.cancel(run, by="ops", because="enough")
            case 4:
                if not state.paused:
                    await runner.pause(run, by="ops", why="a moment")
            case 5:
                await runner.resume(run, by="ops")
            case 6:
                await runner.grant(run, "retries", 2, by="ops")


def is_expected(error: BaseException) -> bool:
    """Whether an error that ended something is one that may happen: the journal's, or a person told no."""
    return isinstance(error, JournalError | NotAllowed | asyncio.CancelledError) or not isinstance(
        error, Exception | HoldfastError
    )


def promise(stage: Stage, run: str, token: str) -> Promise:
    """Look whether what somebody was just told is durable by now."""
    tables = stage.store.tables
    lines = tables.lines.get(run, [])[: stage.store.durable_head(run)]
    entries = read(lines, tables.blobs, stage.known, secret_of(lines, tables.secrets))
    return Promise(stage.room.now, run, token, durable=any(token in str(entry.event) for entry in reversed(entries)))
