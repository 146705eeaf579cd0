"""Child runs in this process: opened once, driven beside their parent, cancelled with it, and told of when they close.

Everything here may be done twice, by two workers, at any moment: a child's name follows from its parent, so its first entry
is written once; a parent takes the news that a child closed once; and whoever finds a closed child that its parent does not
know of tells it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from holdfast import codec
from holdfast.agent import Bound, Delegate
from holdfast.contract import Contract
from holdfast.core import prompt
from holdfast.core.pending import Outlook, Tend, outlook
from holdfast.core.state import CallState, State
from holdfast.errors import ContractError, SettingsError
from holdfast.events import FOLD, AnyEvent, CancelAsked, ChildClosed, Inline, Json, Parent, Price, RunClosed, RunOpened
from holdfast.journal.port import Where
from holdfast.shape import Misfit
from holdfast.version import VERSION

if TYPE_CHECKING:
    from holdfast.models.shelf import Shelf
    from holdfast.shell.fleet import Fleet
    from holdfast.shell.perform import Attempt


MOST: Final = 1_000
"""Children that one run can have: see `Limits.children`."""


def versions(bound: Bound) -> dict[str, str]:
    """What a run is opened with: ours, and the digest of each of its tools."""
    return {"holdfast": VERSION, "fold": str(FOLD), "wording": prompt.wording_digest(), **bound.versions}


class Children:
    """The child runs of the runs that are driven here."""

    def __init__(self, fleet: Fleet, models: Callable[[], Shelf]) -> None:
        self._fleet = fleet
        self._models = models
        self._driven: dict[str, dict[str, asyncio.Task[None]]] = {}
        """Parent → child → the task that drives it until it closes or waits for somebody."""
        self._parked: dict[str, tuple[int, Outlook]] = {}
        """Child that waits for somebody → (its last entry, how it stands)."""

    async def tend(self, request: Tend, attempt: Attempt) -> ChildClosed | None:
        """Open the child of a call, or cancel it; drive it here; and say that it closed, if it did."""
        state, call = attempt.state, attempt.state.calls[request.call]
        book = self._fleet.book(call.child)
        child = await book.refresh()
        while child is None:
            await self._open(attempt, call, cancel=request.cancel)
            child = await book.refresh()
        if child.closed is not None:
            return closing(child, call.seq, attempt.secret)
        if request.cancel and child.cancel is None:
            child = await self._fleet.put(call.child, lambda now: _cancelling(now, state), actor=state.opened.by)
        parked = self._parked.get(call.child)
        if child.closed is None and (parked is None or parked[0] != child.seq):
            self._drive(state.run, call.child)
        return None

    async def tell(self, child: State, secret: bytes) -> None:
        """Tell the parent of a closed run that it closed; one that knows already, or waits no more, is told nothing."""
        parent = child.opened.parent
        if parent is None or child.closed is None:
            return
        self._parked.pop(child.run, None)

        def news(state: State) -> AnyEvent | None:
            call = state.calls.get(parent.call)
            waits = state.closed is None and not state.strange and call is not None and call.child == child.run
            return (
                closing(child, parent.call, secret) if waits and call is not None and call.status == "running" else None
            )

        await self._fleet.put(parent.run, news, actor=child.run)

    async def doubtful(self, state: State) -> frozenset[str]:
        """Tools of which another run of the tree does not know whether a write happened, as the index has it."""
        journal = self._fleet.journal
        top = await journal.row(state.run)
        while top is not None and top.parent:
            top = await journal.row(top.parent)
        found, todo = set[str](), [top] if top is not None else []
        while todo:
            row = todo.pop()
            found |= set(row.doubts) if row.run != state.run else set()
            todo += await journal.find(Where(parent=row.run, limit=MOST)) if row.children else []
        return frozenset(found)

    # ---- driving

    def _drive(self, parent: str, child: str) -> None:
        driven = self._driven.setdefault(parent, {})
        if child in driven:
            return
        self._parked.pop(child, None)
        task = driven[child] = asyncio.create_task(self._until_it_waits(parent, child), name=f"child {child}")
        task.add_done_callback(_looked_at)

    async def _until_it_waits(self, parent: str, child: str) -> None:
        try:
            state, stands = await self._fleet.attend(child)
            if stands.status != "closed":
                self._parked[child] = state.seq, stands
        finally:
            driven = self._driven[parent]
            del driven[child]
            if not driven:
                del self._driven[parent]

    async def next(self, parent: str) -> bool:
        """Wait until a child of this run that is driven here closes or parks; False where none is driven here."""
        tasks = list(self._driven.get(parent, {}).values())
        if not tasks:
            return False
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        errors = [error for task in done if not task.cancelled() and (error := task.exception()) is not None]
        if errors:  # one is raised; the others were looked at
            raise errors[0]
        return True

    def waits(self, state: State, stands: Outlook) -> Outlook:
        """How a run stands that waits for its children: as the one of them does that waits for somebody."""
        for call in state.calls.values():
            parked = self._parked.get(call.child)
            if parked is not None:
                return Outlook(stands.status, parked[1].due, parked[1].waits_for)
        return stands

    async def let_go(self) -> None:
        """Attend to no child any more; what is performed for them is awaited elsewhere."""
        tasks = [task for driven in self._driven.values() for task in driven.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ---- opening

    async def _open(self, attempt: Attempt, call: CallState, *, cancel: bool) -> None:
        """Append the first entry of a child; of one that is not to be, its last one with it, so that nobody opens it after."""
        state, bound = attempt.state, attempt.bound
        contract = bound.child(call.tool)
        made = bound.tools.get(call.tool)
        agent = made.agent if isinstance(made, Delegate) else None
        closed = RunClosed("cancelled", "the run that asked for it ended before it began") if cancel else None
        given, under, prices = call.args, dict[str, str](), dict[str, Price]()
        if isinstance(made, Delegate) and agent is not None:
            under = versions(agent.under(contract.digest, contract.data, state.run))
            try:
                given = self._input(made, call.args)
                prices = self._prices(contract, call)
            except (Misfit, ContractError, SettingsError) as error:
                closed = closed or RunClosed("failed", str(error), fault="contract")
        opened = _opened(attempt, call, contract, given, under, prices)
        book = self._fleet.book(call.child)
        book.secret = attempt.secret
        page = book.page(attempt.now())
        after = page.add(opened, 0, state.opened.by)
        if closed is not None:
            after = page.add(closed, 1, state.opened.by)
        await book.append(
            page, outlook(after)
        )  # somebody else may have been faster: then it is open, or closed, as well

    def _input(self, made: Delegate, args: Json) -> Json:
        value = made.agent.takes.json(made.agent.takes.python(made.input_of(args)))
        return self._fleet.redactor.value(value)[0]

    def _prices(self, contract: Contract, call: CallState) -> dict[str, Price]:
        models = self._models()
        models.checked(contract.models)
        limited = contract.limits.usd is not None or "usd" in call.carved
        return models.prices(contract.models, needed=contract.name if limited else "")


def _looked_at(task: asyncio.Task[None]) -> None:
    """What broke a child's driver is raised to whoever waits for the parent, or drives the child as a run of its own."""
    if not task.cancelled():
        task.exception()


def _opened(
    attempt: Attempt, call: CallState, contract: Contract, given: Json, under: dict[str, str], prices: dict[str, Price]
) -> RunOpened:
    state, parent = attempt.state, attempt.state.opened
    return RunOpened(
        agent=contract.name, contract=Inline(contract.data), contract_digest=contract.digest, input=Inline(given), by=parent.by,
        mode=parent.mode, input_digest=codec.keyed(attempt.secret, "input", codec.canonical(given)),
        on_behalf_of=parent.on_behalf_of, tenant=parent.tenant, tags=parent.tags, tree=parent.tree or state.run,
        parent=Parent(state.run, call.seq), live=parent.live, supervised=parent.supervised, epoch=state.epoch, versions=under,
        prices=prices, carved=call.carved, label=state.label, calendars=parent.calendars, apart=parent.apart,
    )  # fmt: skip


def _cancelling(child: State, parent: State) -> AnyEvent | None:
    """The wish that a child ends, once."""
    if child.closed is not None or child.cancel is not None:
        return None
    return CancelAsked(parent.cancel.by if parent.cancel else parent.opened.by, "the run that asked for it is ending")


def closing(child: State, call: int, secret: bytes) -> ChildClosed:
    """What a parent is told of a closed child."""
    closed, spent = child.closed, child.spent
    assert closed is not None
    used: dict[str, int] = {
        "usd": spent.charged, "retries": spent.retries, "work": spent.work, "steps": spent.steps, "unpriced": spent.unpriced,
    }  # fmt: skip
    value: Any = codec.value_of(closed.output) if closed.outcome == "done" else None
    digest = codec.keyed(secret, "result", codec.canonical(value)) if closed.outcome == "done" else ""
    return ChildClosed(
        call, child.run, closed.outcome, {name: amount for name, amount in used.items() if amount}, child.label, closed.reason,
        Inline(value) if closed.outcome == "done" else None, digest,
    )  # fmt: skip
