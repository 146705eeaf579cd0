"""What people do to runs: speak to them, decide in them, settle, cancel, grant, pause, note, erase.

Each is one fact, made from the state it meets; whoever drives the run takes it up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal

from holdfast.agent import Agent
from holdfast.core import desk
from holdfast.core.state import State, Stop
from holdfast.dialogue import Attached
from holdfast.errors import InputError, JournalNewer, NotAllowed, UsageError
from holdfast.events import AnyEvent, CancelAsked, Json, LimitName, Paused, Resumed, Scope
from holdfast.files import Attachment
from holdfast.journal.port import Journal, Row
from holdfast.shape import Misfit
from holdfast.shell import bodies, erasure
from holdfast.shell.attach import take_in
from holdfast.shell.fleet import Fleet
from holdfast.shell.noting import noted


class People:
    """The part of a `Runner` through which people reach runs."""

    journal: Journal
    agents: dict[str, Agent[Any, Any]]
    identities: Mapping[str, Collection[str]]
    """Person → everybody they are or act for, their name among them."""
    _fleet: Fleet

    async def state(self, run: str) -> State:
        """What is known of a run now. Raises UsageError for one that does not exist."""
        return await self._fleet.state(run)

    async def put(self, run: str, make: Callable[[State], AnyEvent | None], *, actor: str, cause: int = 0) -> State:
        """Append one fact, made from the state it meets; again from the newer state where somebody was faster.

        Raises what `make` raises, UsageError for a run that does not exist, JournalNewer for one that is not understood here:
        how it would stand cannot be told (rule 14).
        """

        def understood(state: State) -> AnyEvent | None:
            if state.strange:
                raise JournalNewer(
                    f"it holds {state.strange}, which this holdfast does not know", run=run, seq=state.seq,
                    hint="say it with the holdfast that wrote it, or a newer one",
                )  # fmt: skip
            return make(state)

        return await self._fleet.put(run, understood, actor=actor, cause=cause)

    async def say(
        self, run: str, text: Json, *attached: Attached | Attachment, by: str = "", ends: bool = False
    ) -> None:
        """Speak to the agent as the requester; ends: that was all.

        Raises NotAllowed once the run is closed, InputError for a file that cannot be taken.
        """
        beside = await take_in(attached)
        await self.put(run, lambda state: desk.said(state, text, by, beside, ends=ends), actor=by or "requester")

    async def answer(
        self, run: str, question: int, verdict: str, *, by: str, text: str = "", roles: Sequence[str] | None = None
    ) -> None:
        """Answer an open question. Raises NotAllowed with the reason."""
        now = self.journal.now
        asked = (await self.state(run)).questions.get(question)

        def make(state: State) -> AnyEvent:
            return desk.answer(state, question, verdict, by, max(now(), state.at), text, roles)

        if asked is not None and asked.asked.about == "question":  # what the agent asks, anybody may answer it
            await self.put(run, make, actor=by)
        else:
            await self.judge(run, make, by=by)

    async def judge(self, run: str, make: Callable[[State], AnyEvent | None], *, by: str, actor: str = "") -> State:
        """Append what somebody decides in a run, made from the state it meets. actor: as whom it is recorded; else `by`.

        Raises NotAllowed for whoever took part in the run or in one above it, by this name or by another one of theirs (see
        `Runner.open`), and what `make` raises.
        """
        await self._stands_apart(run, by)

        def judged(state: State) -> AnyEvent | None:
            desk.apart(state, by, self._names(by))
            return make(state)

        return await self.put(run, judged, actor=actor or by)

    def _names(self, by: str) -> Collection[str]:
        """Whom somebody is or acts for, by the settings: for the separation of duties one and the same."""
        return {by, *self.identities.get(by, ())}

    async def claim(
        self, run: str, question: int, *, by: str, roles: Sequence[str] | None = None, over: bool = False
    ) -> None:
        """Say that you look into a question, so that others leave it to you. Raises NotAllowed with the reason."""
        now = self.journal.now
        await self.judge(
            run, lambda state: desk.claim(state, question, by, max(now(), state.at), roles, over=over), by=by
        )

    async def release(self, run: str, question: int, *, by: str) -> None:
        """Let others decide a question that you claimed."""
        await self.put(run, lambda state: desk.release(state, question, by), actor=by)

    async def ask_back(
        self, run: str, question: int, text: str, *, by: str, to: Literal["agent", "requester"] = "agent",
        roles: Sequence[str] | None = None,
    ) -> None:  # fmt: skip
        """Ask before deciding: the agent, which may propose again; or the requester, whose answer is a message to the agent.

        Raises NotAllowed with the reason, also for words about somebody who was erased.
        """
        await self.remembers(run)
        now = self.journal.now
        await self.judge(
            run, lambda state: desk.ask_back(state, question, text, by, max(now(), state.at), to, roles), by=by
        )

    async def _stands_apart(self, run: str, by: str) -> None:
        """Raise NotAllowed for whoever opened, spoke or amended in a run above this one; of the run itself `desk` says so."""
        above = (await self.state(run)).opened.parent
        while above is not None:
            state = await self.state(above.run)
            if not state.speakers.isdisjoint(self._names(by)):
                raise NotAllowed(
                    f"{by} opened, spoke or amended in {above.run}, above this run, and cannot decide in it", run=run,
                    hint="somebody else has to",
                )  # fmt: skip
            above = state.opened.parent

    async def amend(
        self, run: str, question: int, changes: Mapping[str, Json], *, by: str, roles: Sequence[str] | None = None
    ) -> None:
        """Change arguments of a held call, where the contract lets a reviewer. Raises NotAllowed."""
        state = await self.state(run)
        secret = await self.journal.secret(state.opened.tree or run) or b""

        def make(state: State) -> AnyEvent:
            asked = state.questions.get(question)
            call = state.calls.get(asked.asked.call) if asked else None
            agent = self.agents.get(state.opened.agent)
            bound = agent.under(state.contract_digest, state.contract, run) if agent is not None else None
            may = desk.amendable_of(state, call) if call is not None else []
            at = max(self.journal.now(), state.at)
            return desk.amend(bound, state, question, changes, by, at, secret, may, roles=roles)

        await self.judge(run, make, by=by)

    async def settle(
        self,
        run: str,
        call: int,
        verdict: Literal["happened", "did_not", "stop"],
        *,
        by: str,
        text: str = "",
        result: Json = None,
    ) -> None:
        """Say what became of a write in doubt.

        Raises NotAllowed, also for words about somebody who was erased; InputError for a result that the tool could not have given.
        """
        if text or result is not None:
            await self.remembers(run)

        def make(state: State) -> AnyEvent:
            doubtful, value = state.calls.get(call), result
            agent = self.agents.get(state.opened.agent)
            if value is not None and agent is None:
                raise UsageError(
                    "the result cannot be checked: the agent's code is not here",
                    run=run,
                    seq=call,
                    hint="load the agent, or settle without a result",
                )
            if value is not None and agent is not None and doubtful is not None:
                try:
                    value = agent.tools[doubtful.tool].gives.check(value)
                except Misfit as error:
                    raise InputError(
                        f"{doubtful.tool} could not have returned that: {error}", run=run, seq=call
                    ) from None
            return desk.settle(state, call, verdict, by, text, value, known=value is not None)

        await self.judge(run, make, by=by)

    async def note(
        self, run: str, finding: str, *, by: str, text: str = "", score: float | None = None, seq: int = 0,
        correct: Mapping[str, Json] | None = None,
    ) -> None:  # fmt: skip
        """Say what you make of a run, closed or not: `good`, `bad`, `note`, or the name of what a rule found.

        seq: of which entry. correct: what should have stood in the output or, with `seq`, in the arguments of its call.
        Raises UsageError for what is not there, InputError for a correction that does not fit, NotAllowed for words about
        somebody who was erased.
        """
        if text or correct:
            await self.remembers(run)
        agent = self.agents.get((await self.state(run)).opened.agent)
        tools = agent.tools if agent is not None else None
        made = noted(
            await bodies.entries(self.journal, run),
            finding,
            by=by,
            text=text,
            score=score,
            seq=seq,
            correct=correct,
            tools=tools,
        )
        await self.put(run, lambda state: made, actor=by)

    async def remembers(self, run: str) -> None:
        """Raise NotAllowed where words about a run would not be kept: it was about somebody, and they were erased."""
        opened = (await self.state(run)).opened
        if opened.on_behalf_of and await self.journal.secret(opened.tree or run) is None:
            raise NotAllowed(
                "it was erased, and no words about it are kept any more",
                run=run,
                hint="say it without words of your own",
            )

    async def cancel(self, run: str, *, by: str, because: str = "") -> None:
        """Ask a run to end. One that is closed stays as it is."""
        await self.put(run, lambda state: None if state.closed or state.cancel else CancelAsked(by, because), actor=by)

    async def grant(self, run: str, limit: LimitName, amount: int, *, by: str) -> None:
        """Raise a ceiling of a run by `amount`, in the ceiling's own unit (nano-dollars, µs, or a count)."""
        await self.judge(run, lambda state: desk.grant(state, limit, amount, by), by=by)

    async def pause(self, run: str, *, by: str, why: str = "") -> None:
        """Let nothing new start in a run."""
        await self.put(run, lambda state: None if state.closed or state.paused else Paused(by, why), actor=by)

    async def resume(self, run: str, *, by: str) -> None:
        """Let a paused run go on, and drive it here if its agent is known."""
        state = await self.put(run, lambda state: Resumed(by) if state.paused and not state.closed else None, actor=by)
        self._fleet.take_up(run, state)

    async def stop(self, scope: Scope, name: str = "", *, by: str, why: str = "") -> Stop:
        """Stop an agent, a tool or all: when this returns no write begins any more. What runs is awaited, nothing is lost."""
        return await self._fleet.control.stop(scope, name, by=by, why=why)

    async def go_on(self, scope: Scope, name: str = "", *, by: str) -> None:
        """Let go on what was stopped. Raises UsageError where it is not."""
        await self._fleet.control.resume(scope, name, by=by)
        for row in await self.waiting_for_stops():
            if row.agent in self.agents:
                self._fleet.take_up(row.run, await self.state(row.run))

    async def waiting_for_stops(self) -> list[Row]:
        """Runs that wait for a stop which is over, and that nobody has taken up again yet; or for code that carries them."""
        control = self._fleet.control
        if control.stale:
            await control.refresh()
        return [*await control.waiting(), *await self._fleet.uncarried()]

    async def erase(self, run: str, *, by: str, basis: str) -> int:
        """Destroy what a closed run was about, for good, and give how many bodies; the chain still verifies.

        With it go its forks, since they share what they know, and what came from them: undos and children. Raises NotAllowed
        while one of them is open: cancel it first. Copies of the journal made before are not reached.
        """
        plan = await erasure.of_runs(self.journal, [run])
        if run in plan.open:
            raise NotAllowed("an open run cannot be erased", run=run, hint="cancel it first")
        if plan.open:
            raise NotAllowed(
                f"it shares what it knows with run {plan.open[0]}, which is open", run=run, hint="cancel that first"
            )
        return await self.erase_all(plan, by=by, basis=basis)

    async def erase_all(self, plan: erasure.Plan, *, by: str, basis: str) -> int:
        """Erase what a plan says (see `holdfast.shell.erasure`), and give how many bodies. Raises what `erase` does."""
        for part in plan.parts:
            self._fleet.forget(part.run)
        return await erasure.carry_out(plan, self._fleet.book, by=by, basis=basis)
