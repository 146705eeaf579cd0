"""What a person decides, recorded: each decision is one fact that `core.desk` made or refused, written under an asserted name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

from msgspec import Struct

from holdfast.agent import Bound
from holdfast.cli import agents, out, reading
from holdfast.cli.operate import actor
from holdfast.cli.options import like
from holdfast.contract import Contract
from holdfast.core import desk
from holdfast.core.state import CallState, Moment, Question, State
from holdfast.errors import HoldfastError, InputError, UsageError
from holdfast.events import AnyEvent, Json, ProposalAmended
from holdfast.journal.port import Row
from holdfast.shape import Misfit
from holdfast.shell.runner import Runner
from holdfast.views.action import money
from holdfast.views.amending import Effect, effect

ANSWERS: Final = {
    "approve": ("review", "output"),
    "deny": ("review", "output"),
    "tell": ("surprise",),
    "retry": ("surprise",),
    "take": ("review", "output", "question", "surprise", "limit"),
    "stop": ("review", "output", "question", "surprise", "limit"),
    "answer": ("question",),
}
"""Verdict → the kinds of question it answers, for finding the one that is meant."""


class Person(Struct, frozen=True):
    """Who decides, and as what."""

    name: str
    roles: tuple[str, ...] | None = None
    """None: not known, so not checked."""
    names: frozenset[str] = frozenset()
    """Whom they are or act for, by the settings: for the separation of duties one and the same."""


def question(state: State, number: int | None, kinds: Sequence[str]) -> Question:
    """The question that is meant. Raises UsageError where it is not clear which."""
    if number is not None:
        found = state.questions.get(number)
        if found is not None:
            return found
        raise UsageError(f"question {number} is not open", run=state.run, hint="holdfast review show lists what is")
    fitting = [one for one in state.questions.values() if one.asked.about in kinds]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        have = ", ".join(f"{one.seq} ({one.asked.about})" for one in state.questions.values()) or "none"
        raise UsageError(f"no open question can be answered so; open: {have}", run=state.run, hint="holdfast review")
    numbers = ", ".join(str(one.seq) for one in fitting)
    raise UsageError(
        "several questions are open", run=state.run, hint=f"say which: {numbers}; or all of a plan: --plan"
    )


class Acting:
    """One person's decisions in one run of an open journal."""

    def __init__(self, runner: Runner, row: Row, person: Person) -> None:
        self.runner, self.row, self.person = runner, row, person

    async def put(self, make: Callable[[State], AnyEvent | None]) -> State:
        """Append what is decided, made from the state it meets. Raises NotAllowed, with the reason."""
        return await self.runner.judge(self.row.run, make, by=self.person.name, actor=actor(self.person.name))

    def at(self, state: State) -> int:
        """The moment of a decision, by the journal's clock."""
        return max(self.runner.journal.now(), state.at)

    async def answer(self, number: int | None, verdict: str, text: str = "") -> State:
        """Answer a question. Raises NotAllowed, UsageError."""
        who = self.person
        state = await self.runner.state(self.row.run)

        def make(state: State) -> AnyEvent:
            seq = question(state, number, ANSWERS[verdict]).seq
            return desk.answer(state, seq, verdict, who.name, self.at(state), text, who.roles)

        if question(state, number, ANSWERS[verdict]).asked.about == "question":
            return await self.runner.put(self.row.run, make, actor=actor(who.name))
        return await self.put(make)

    async def amendment(
        self, number: int | None, changes: Mapping[str, Json], agent: str, *, quiet: bool = False
    ) -> Callable[[State], ProposalAmended]:
        """What makes an amendment from the state it meets. changes: values, or texts as a person types them."""
        who = self.person
        state = await self.runner.state(self.row.run)
        secret = await self.runner.journal.secret(state.opened.tree or self.row.run) or b""
        bound = bound_of(agent or self.row.tags.get("agent_path", ""), state, quiet=quiet)

        def make(state: State) -> ProposalAmended:
            seq = question(state, number, ANSWERS["approve"]).seq
            desk.question(state, seq, who.name, self.at(state), who.roles)
            call = state.calls.get(state.questions[seq].asked.call)
            given = call.args if call is not None and isinstance(call.args, dict) else {}
            new = {name: typed(name, given, value) for name, value in changes.items()}
            may = desk.amendable_of(state, call) if call is not None else []
            return desk.amend(bound, state, seq, new, who.name, self.at(state), secret, may, roles=who.roles)

        return make

    async def foreseen(self, make: Callable[[State], ProposalAmended], agent: str = "") -> Effect:
        """What an amendment would lead to; nothing is recorded. Raises NotAllowed where it may not be made."""
        state = await self.runner.state(self.row.run)
        journal = self.runner.journal
        secret = await journal.secret(state.opened.tree or self.row.run) or b""
        moment = Moment(at=self.at(state), worker="", secret=secret, epoch=journal.epoch())
        bound = bound_of(agent or self.row.tags.get("agent_path", ""), state, quiet=True)
        return effect(state, make(state), moment, await reading.entries(journal, self.row.run), bound)

    async def settle(self, number: int | None, verdict: Any, text: str, given: Json, agent: str) -> State:
        """Rule on a write in doubt. Raises NotAllowed, UsageError, InputError for a result that cannot be."""
        if text or given is not None:
            await self.runner.remembers(self.row.run)

        def make(state: State) -> AnyEvent:
            call = doubtful(state, number)
            value = (
                given
                if given is None
                else _returned(bound_of(agent or self.row.tags.get("agent_path", ""), state), state, call, given)
            )
            return desk.settle(state, call, verdict, self.person.name, text, value, known=value is not None)

        return await self.put(make)

    async def claim(self, number: int | None, *, over: bool = False) -> State:
        """Say that they look into a question. over: also where somebody else does. Raises NotAllowed, UsageError."""
        who = self.person

        def make(state: State) -> AnyEvent | None:
            seq = question(state, number, tuple(desk.VERDICTS)).seq
            return desk.claim(state, seq, who.name, self.at(state), who.roles, over=over)

        return await self.put(make)

    async def release(self, number: int | None) -> State:
        """Let others decide a question that they claimed. Raises NotAllowed, UsageError."""

        def make(state: State) -> AnyEvent | None:
            return desk.release(state, question(state, number, tuple(desk.VERDICTS)).seq, self.person.name)

        return await self.put(make)

    async def ask_back(self, number: int | None, text: str, to: Literal["agent", "requester"]) -> State:
        """Ask the agent, or the requester, before deciding. Raises NotAllowed, UsageError."""
        who = self.person
        await self.runner.remembers(self.row.run)

        def make(state: State) -> AnyEvent:
            seq = question(state, number, ANSWERS["approve"]).seq
            return desk.ask_back(state, seq, text, who.name, self.at(state), to, who.roles)

        return await self.put(make)


def typed(name: str, given: Mapping[str, Json], value: Json) -> Json:
    """A value as a person types it, for an argument: `40.00` for one in cents is 4000."""
    if not isinstance(value, str):
        return value
    before = given.get(name)
    whole, dot, part = value.strip().replace(",", "").partition(".")
    if (
        dot
        and len(part) == 2
        and (whole + part).isdecimal()
        and money(name, before, given).partition(" ")[0][-3:-2] == "."
    ):
        return int(whole + part)
    return like(before, value)


def doubtful(state: State, number: int | None) -> int:
    """The write in doubt that is meant, by its question or its own number; of a closed run, one that was left so."""
    if state.closed is None:
        return question(state, number, ("doubt",)).asked.call
    meant = state.questions[number].asked.call if number in state.questions else number
    left = [call for call in state.unresolved if meant in (None, call)]
    if not left:
        raise UsageError("nothing of this run is in doubt", run=state.run, hint="holdfast review")
    if len(left) > 1:
        raise UsageError("several writes are in doubt", run=state.run, hint=f"say which: {', '.join(map(str, left))}")
    return left[0]


def _returned(bound: Bound | None, state: State, call: int, value: Json) -> Json:
    """What a person says a call returned, if the tool could have."""
    known: CallState | None = state.calls.get(call)
    if bound is None or known is None or known.tool not in bound.tools:
        return value
    try:
        return bound.tools[known.tool].gives.check(value)
    except Misfit as error:
        raise InputError(f"{known.tool} could not have returned that: {error}", run=state.run, seq=call) from None


def bound_of(where: str, state: State, *, quiet: bool = False) -> Bound | None:
    """The run's contract with the agent's code, if that is at hand: it checks shapes, and nothing is driven."""
    try:
        return agents.load_folder(where).agent.bind(Contract.parse(state.contract)) if where else None
    except HoldfastError as error:
        if not quiet:
            out.note(
                f"the agent could not be loaded, so the shape of this is checked when the run goes on: {error.what}"
            )
        return None
