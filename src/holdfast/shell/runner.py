"""The runner: where a user's program meets the journal. It opens runs, drives them, and carries what people say to them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from holdfast import codec
from holdfast.agent import Agent, Bound
from holdfast.calendars import Calendar
from holdfast.contract import Across, Contract, Review
from holdfast.core.pending import Outlook, outlook
from holdfast.core.state import State
from holdfast.dialogue import Attached
from holdfast.errors import Bug, Conflict, InputError, UsageError
from holdfast.events import (
    Entry,
    Inline,
    Json,
    Mode,
    Price,
    RunClosed,
    RunOpened,
)
from holdfast.files import Attachment
from holdfast.journal.port import Committed, Journal, KeyTaken, Row, Where
from holdfast.models.port import Model
from holdfast.models.shelf import Shelf
from holdfast.shape import Misfit
from holdfast.shell import bodies, forking
from holdfast.shell.attach import same_files, take_in
from holdfast.shell.children import versions
from holdfast.shell.fleet import Fleet
from holdfast.shell.people import People
from holdfast.shell.perform import Performer, boot_seconds
from holdfast.shell.publishing import Publishing
from holdfast.shell.redact import Redactor
from holdfast.shell.run import Run
from holdfast.shell.undoing import Origin, Undone, carry_out, plan_of, undoing
from holdfast.shell.workspace import Desks
from holdfast.views.undo import Plan

In = TypeVar("In")
Out = TypeVar("Out")

Resources = Callable[[Mapping[str, str]], AbstractAsyncContextManager[object]]

DEFAULT_JOURNAL: Final = "sqlite:///.holdfast/journal.db"


def _roles(family: Sequence[Contract]) -> frozenset[str]:
    """The roles that an agent and those it may call put questions to."""
    found: set[str] = set()
    for one in family:
        asks: list[Review | Across | None] = [one.done.review]
        for grant in one.tools.values():
            asks += [*grant.review, grant.across]
        for ask in asks:
            found |= {ask.by, ask.then.removeprefix("ask:").strip()} if ask is not None else set()
    return frozenset(found)


class Parts(Struct, frozen=True, kw_only=True):
    """What a runner is opened with; see `Runner.open`."""

    journal: str | Journal
    agents: tuple[Agent[Any, Any], ...]
    resources: Resources | None
    settings: dict[str, str]
    mode: Mode
    model: Model | Mapping[str, Model] | None
    prices: dict[str, Price]
    secrets: dict[str, str]
    drives: bool = True
    calendars: dict[str, Calendar] = {}
    identities: dict[str, Collection[str]] = {}


class Runner(People):
    """Opens runs and drives them in this process. Made by `Runner.open`."""

    def __init__(
        self, journal: Journal, *, mode: Mode = "live", worker: str = "", entropy: Callable[[int], bytes] = os.urandom,
        clock: Callable[[], float] = boot_seconds, watch: Callable[[], int] = time.monotonic_ns,
        performer: Callable[..., Performer] = Performer,
    ) -> None:  # fmt: skip
        self.journal = journal
        self.mode: Mode = mode
        self.worker = worker or f"w_{os.getpid()}_{entropy(4).hex()}"
        self.agents: dict[str, Agent[Any, Any]] = {}
        self.identities: Mapping[str, Collection[str]] = {}
        self._calendars: Mapping[str, Calendar] = {}
        self._entropy = entropy
        self._models = Shelf()
        self._stack = AsyncExitStack()
        self._performer = performer(self._model, clock=clock, watch=watch)
        self._performer.provide((Origin(self), Desks(self)))
        self._fleet = Fleet(journal, self.worker, self._performer, self.agents, self._model, lambda: self._models)
        self._publishing = Publishing(self._fleet.control)
        self._followers: dict[str, list[asyncio.Event]] = {}

    @classmethod
    def open(
        cls,
        journal: str | Journal = DEFAULT_JOURNAL,
        *,
        agents: Sequence[Agent[Any, Any]] = (),
        resources: Resources | None = None,
        settings: Mapping[str, str] | None = None,
        mode: Mode = "live",
        model: Model | Mapping[str, Model] | None = None,
        prices: Mapping[str, Price] | None = None,
        secrets: Mapping[str, str] | None = None,
        drives: bool = True,
        calendars: Mapping[str, Calendar] | None = None,
        identities: Mapping[str, Collection[str]] | None = None,
    ) -> AbstractAsyncContextManager[Runner]:
        """A runner, opened for the length of an `async with`.

        journal: where runs are kept, `sqlite:///path` or `memory:`. agents: those whose waiting runs are taken up here too.
        resources: an async context manager that gets `settings` and yields what tools want by type, one object or a tuple.
        mode: `simulate`, `supervise` or `live`. model: answers instead of the models the contracts name; a mapping by name.
        prices: of models that no price list knows. secrets: name → value, removed from whatever is written.
        drives: False leaves runs to other workers, unless one is asked for by `attend` or `drive`. calendars: role → the working
        calendar by which its time for a decision runs. identities: person → everybody they are or act for: where one of them
        took part in a run, that person does not decide in it.

        Raises the JournalError that fits.
        """
        from holdfast.shell.opening import Opening

        return Opening(cls, Parts(
            journal=journal, agents=tuple(agents), resources=resources, settings=dict(settings or {}), mode=mode, model=model,
            prices=dict(prices or {}), secrets=dict(secrets or {}), drives=drives,
            calendars=dict(calendars or {}), identities=dict(identities or {}),
        ))  # fmt: skip

    async def equip(self, parts: Parts) -> None:
        """Take what this runner was opened with: agents, models, resources; then be heard of, and hear of appends."""
        self._models = Shelf(parts.model, parts.prices)
        self._fleet.redactor, self._fleet.drives = Redactor(parts.secrets), parts.drives
        self._calendars, self.identities = parts.calendars, parts.identities
        for agent in parts.agents:
            self.know(agent)
        if parts.resources is not None:
            yielded = await self._stack.enter_async_context(parts.resources(parts.settings))
            self._performer.provide(yielded if isinstance(yielded, tuple | list) else (yielded,))
        self.journal.enlist(self.worker)
        self._stack.callback(self.journal.listen(self._heard))

    async def close(self, journal: Journal | None = None) -> None:
        """Let what is being performed finish and be recorded; then let go of everything, of `journal` last."""
        try:
            await self.drain()
        finally:
            await self._performer.end()
            await self._models.close()
            await self._stack.aclose()
            if journal is not None:
                await journal.close()

    # ---- runs

    async def start(
        self,
        agent: Agent[In, Out],
        given: In | Json,
        *,
        key: str = "",
        by: str = "",
        on_behalf_of: str = "",
        tenant: str = "",
        tags: Mapping[str, str] | None = None,
        mode: Mode | None = None,
        attachments: Sequence[Attached | Attachment] = (),
        undoes: str = "",
    ) -> Run[Out]:
        """Open a run, durably, and begin to drive it.

        key: a request id; the same key with the same input gives the same run. by: who opens it; on_behalf_of: for whom.
        undoes: the run that it takes back; see `undo`, which opens such a run.

        Raises InputError where the input does not fit, Conflict where the key came before with another one, ContractError
        where a model's price is not known although the contract limits money, SettingsError where a model lacks its key.
        """
        self.know(agent)
        try:
            value = agent.takes.json(given)
        except Misfit as error:
            raise InputError(f"the input does not fit what {agent.name} takes: {error}") from None
        run = f"r_{self._entropy(8).hex()}"
        bound = await self._begins(agent, key, run)
        if bound is not agent.bound:
            try:
                value = bound.takes.check(value)
            except Misfit as error:
                raise InputError(f"the input does not fit the contract accepted for {agent.name}: {error}") from None
        value, _ = self._fleet.redactor.value(value)
        opened = self._opened(agent, value, key=key, by=by or _whoami(), mode=mode or self.mode, bound=bound)
        secret = self._entropy(32)
        beside = await take_in(attachments)
        opened = msgspec.structs.replace(
            opened,
            on_behalf_of=on_behalf_of,
            tenant=tenant,
            tags=dict(tags or {}),
            tree=run,
            input_digest=codec.keyed(secret, "input", codec.canonical(value)),
            attachments=tuple(Inline(codec.plain(one)) for one in beside),
            undoes=undoes,
            apart=self._apart(run),
        )
        name = await self._open(run, opened, secret)
        if self._fleet.drives:
            self._fleet.drive(name)
        return Run(self, agent, name)

    async def fork(
        self,
        run: str,
        at: int,
        *,
        by: str,
        contract: forking.Terms | None = None,
        model: str = "",
        instructions: str | None = None,
        edit: Mapping[int, Json] | None = None,
        live: Sequence[str] = (),
        key: str = "",
    ) -> Run[Any]:
        """Open a run that begins as another one did, up to its entry `at`, and begin to drive it.

        contract: to go on under, that of an agent, or of the agent at a path; model, instructions: instead of those in it.
        edit: entry that holds the result of a call → what stands there instead. live: tools whose writes are carried out; the
        others' are recorded only. key: a request id, as in `start`.

        Raises UsageError where it cannot be forked there or with this, InputError for a result that the tool could not have
        given, Conflict where the key came before for something else, and what `start` raises about contracts and models.
        """
        wish = forking.Wish(
            run=run, at=at, by=by, contract=contract, model=model, instructions=instructions, edit=dict(edit or {}), live=live, key=key
        )  # fmt: skip
        origin = await forking.read(self.journal, run, at)
        agent = forking.agent_of(origin, self.agents, wish)
        self.know(agent)
        other = forking.otherwise(origin, agent, wish)
        book = self._fleet.book(f"r_{self._entropy(8).hex()}")
        book.secret = origin.secret
        name = await forking.append(book, await forking.begin(book, origin, self._models, other, wish))
        if self._fleet.drives:
            self._fleet.drive(name)
        return Run(self, forking.handled_by(agent, wish), name)

    def _apart(self, run: str) -> str:
        """The world of its own that a run is in; empty: the one that all share."""
        return ""

    async def _begins(self, agent: Agent[Any, Any], key: str, run: str) -> Bound:
        """What a new run begins under: the contract accepted for it, with today's code. Raises ContractError; see `publishing`."""
        control = self._fleet.control
        if control.stale:
            await control.refresh()
        if not control.published(agent.name) or self._apart(run):
            return agent.bound
        if key and await self.journal.find(Where(key=key, limit=1)):
            return agent.bound  # it began already, and goes on under what it began under
        return self._publishing.begins(agent, key or run)

    def _opened(
        self, agent: Agent[Any, Any], value: Json, *, key: str, by: str, mode: Mode, bound: Bound | None = None
    ) -> RunOpened:
        bound = bound or agent.bound
        contract = bound.contract
        family = [contract, *(one.contract for one in agent.family[1:])]
        for one in family:  # nobody wants to learn at the tenth step that a child could never begin
            self._models.checked(one.models)
            self._models.prices(one.models, needed=one.name if one.limits.usd is not None else "")
        prices = self._models.prices(contract.models)
        return RunOpened(
            agent=agent.name,
            contract=Inline(contract.data),
            contract_digest=contract.digest,
            input=Inline(value),
            by=by,
            mode=mode,
            key=key,
            epoch=self.journal.epoch(),
            versions=versions(bound),
            prices=prices,
            calendars={role: one for role, one in self._calendars.items() if role in _roles(family)},
        )

    async def _open(self, run: str, opened: RunOpened, secret: bytes) -> str:
        """Append the first entry; give the run that has the request key."""
        book = self._fleet.book(run)
        book.secret = secret
        page = book.page(self.journal.now())
        match await book.append(page, outlook(page.add(opened, 0, opened.by)), secret=(run, secret)):
            case Committed():
                return run
            case KeyTaken(other):
                return await self._same(other, opened)
        raise Bug("a new run had a head already", run=run)

    async def _same(self, other: str, opened: RunOpened) -> str:
        """The run that has this request key, if it is the same request. Raises Conflict."""
        state = await self.state(other)
        same = state.input == codec.value_of(opened.input) and same_files(state.opened.attachments, opened.attachments)
        if state.opened.agent != opened.agent or not same:
            raise Conflict(
                f"the request key {opened.key} came before, with another input", run=other,
                hint="a key names one request; use another key for another request",
            )  # fmt: skip
        return other

    def know(self, agent: Agent[Any, Any]) -> None:
        """Take up runs of this agent here, of those it may call, and those that undo such runs.

        Raises UsageError for another agent of the same name.
        """
        for one in (every for each in agent.family for every in (each, undoing(each))):
            known = self.agents.get(one.name) if one is not None else one
            if one is None or known is one:
                continue
            if known is not None and known.contract.digest != one.contract.digest:
                raise UsageError(f"two agents are called {one.name}", hint="give one of them another name")
            self.agents[one.name] = one

    def run(self, name: str, agent: Agent[In, Out]) -> Run[Out]:
        """A handle on a run that exists already."""
        self.know(agent)
        return Run(self, agent, name)

    async def entries(self, run: str) -> list[Entry]:
        """The journal of a run, bodies loaded. Raises JournalDamaged where its chain does not hold."""
        return await bodies.entries(self.journal, run)

    async def follow(self, run: str) -> AsyncIterator[Entry]:
        """The entries of a run as they become durable, until it is closed."""
        woken = asyncio.Event()
        self._followers.setdefault(run, []).append(woken)
        seq, head, closed = 0, codec.GENESIS, False
        try:
            while not closed:
                woken.clear()
                for entry in await bodies.entries(self.journal, run, seq, head, durable=True):
                    seq, head = entry.seq, entry.digest
                    closed = closed or isinstance(entry.event, RunClosed)
                    yield entry
                if not closed:
                    await woken.wait()
        finally:
            self._followers[run].remove(woken)

    async def find(self, where: Where | None = None) -> list[Row]:
        """Rows of the index, newest first."""
        return await self.journal.find(where or Where())

    # ---- driving

    async def attend(self, run: str) -> tuple[State, Outlook]:
        """Drive a run here until it is closed or waits for somebody; a wait for time alone is waited out."""
        return await self._fleet.attend(run)

    async def drive(self, run: str) -> Outlook:
        """Drive a run here until it is closed or has to wait, and say how it stands."""
        return (await asyncio.shield(self._fleet.drive(run)))[1]

    async def drain(self) -> None:
        """Let what is being performed finish and be recorded, and start nothing more."""
        await self._fleet.drain()

    def _heard(self, run: str, seq: int) -> None:
        """Somebody appended to a run: tell whoever drives or follows it here."""
        self._fleet.heard(run, seq)
        for woken in self._followers.get(run, ()):
            woken.set()

    # ---- what takes back, and what never began

    async def plan_undo(self, run: str, *, after: int = 0) -> Plan:
        """What undoing a closed run would do, newest first. after: only what was done after this entry.

        Raises NotAllowed for a run that is open, that is being undone, or that undoes another one.
        """
        return await plan_of(self, run, after)

    async def undo(self, plan: Plan, *, by: str) -> Run[Undone]:
        """Open the run that takes back what a plan says, as in any run judged, recorded and reviewed; begin to drive it.

        Raises Conflict where the plan is not today's any more, NotAllowed where nothing in it can be taken back.
        """
        return await carry_out(self, plan, by=by)

    async def cancel_unopened(self, run: str, agent: Agent[Any, Any], *, by: str, because: str = "") -> None:
        """Cancel a run that may not have been opened yet: then it is created closed, so that nobody can open it after."""
        secret = self._entropy(32)
        book = self._fleet.book(run)
        if await book.refresh() is not None:
            await self.cancel(run, by=by, because=because)
            return
        book.secret = secret
        opened = self._opened(agent, None, key="", by=by, mode=self.mode)
        closed = RunClosed("cancelled", f"{by} cancelled it before it began{': ' + because if because else ''}")
        page = book.page(self.journal.now())
        page.add(opened, 0, by)
        state = page.add(closed, 0, by)
        if not isinstance(await book.append(page, outlook(state), secret=(run, secret)), Committed):
            await self.cancel(run, by=by, because=because)

    def _model(self, name: str) -> Model:
        return self._models(name)


def _whoami() -> str:
    return os.environ.get("USER") or "somebody"
