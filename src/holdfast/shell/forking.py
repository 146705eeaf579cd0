"""Forking: another run's entries read, the fork's made of them, and appended as one new run.

What is read is the durable prefix: a fork must not stand on what a loss of power takes. It is appended durably and at once,
so that there is no half a fork; whoever drives it next goes on, as with any run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from holdfast import lint
from holdfast.agent import Agent
from holdfast.codec import chain, decode
from holdfast.contract import Contract
from holdfast.core import prompt
from holdfast.core.fold import fold, fold_all
from holdfast.core.fork import Otherwise
from holdfast.core.fork import fork as forked
from holdfast.core.pending import outlook
from holdfast.core.state import State
from holdfast.errors import Bug, Conflict, ContractError, InputError, UsageError
from holdfast.events import FOLD, CallAsked, CallReturned, Entry, Json, Resumed, RunOpened
from holdfast.journal.port import Committed, Journal, KeyTaken
from holdfast.models.shelf import Shelf
from holdfast.shape import Misfit, shape_of
from holdfast.shell import bodies
from holdfast.shell.book import MAX_ENTRIES, Book, Page
from holdfast.shell.folder import load
from holdfast.version import VERSION

Terms: TypeAlias = Agent[Any, Any] | Contract | Path | str
"""A contract: itself, an agent's, or that of the agent at a path."""


class Wish(Struct, frozen=True, kw_only=True):
    """What somebody wants of a fork; see `Runner.fork`."""

    run: str
    at: int
    by: str
    contract: Terms | None = None
    model: str = ""
    instructions: str | None = None
    edit: Mapping[int, Json] = {}
    live: Sequence[str] = ()
    key: str = ""


class Origin(Struct, frozen=True):
    """The run that is forked, up to the entry at which it is."""

    entries: Sequence[Entry]
    state: State
    secret: bytes


async def read(journal: Journal, run: str, at: int) -> Origin:
    """What is forked. Raises UsageError where there is no such run or entry, or where it was erased."""
    entries = await bodies.entries(journal, run, durable=True)
    if not entries:
        raise UsageError("there is no such run in this journal", run=run, hint="holdfast show lists the runs there are")
    if not 0 < at <= len(entries):
        raise UsageError(f"it has no entry {at}", run=run, hint=f"it has the entries 1 to {len(entries)}")
    opened = entries[0].event
    if not isinstance(opened, RunOpened):
        raise UsageError("that is no run of an agent, and cannot be forked", run=run)
    secret = await journal.secret(opened.tree or run)
    if secret is None:
        raise UsageError("it was erased, and nothing of it can be forked any more", run=run)
    return Origin(entries[:at], fold_all(entries[:at]), secret)


def agent_of(origin: Origin, known: Mapping[str, Agent[Any, Any]], wish: Wish) -> Agent[Any, Any]:
    """The agent whose code the fork runs with. Raises UsageError where it is not here."""
    name = origin.state.opened.agent
    if name in known:
        return known[name]
    if isinstance(wish.contract, Agent) and wish.contract.name == name:
        return wish.contract
    raise UsageError(
        f"the code of the agent {name} is not here", run=wish.run, hint="open the runner with agents=[…] that has it"
    )


def handled_by(agent: Agent[Any, Any], wish: Wish) -> Agent[Any, Any]:
    """The agent by whose types the output of the fork is read."""
    return wish.contract if isinstance(wish.contract, Agent) else agent


def otherwise(origin: Origin, agent: Agent[Any, Any], wish: Wish) -> Otherwise:
    """What is otherwise in the fork. Raises ContractError, InputError and UsageError where it cannot be."""
    contract = _contract(origin, agent, wish)
    for name in wish.live:
        made = agent.tools.get(name)
        if made is not None and made.effect != "write":
            raise UsageError(f"{name} only reads, and is carried out in any fork", run=wish.run, hint="leave it out")
    results = {seq: _fitting(origin, agent, seq, value) for seq, value in wish.edit.items()}
    return Otherwise(contract=contract, results=results)


def in_force(origin: Origin) -> Contract:
    """The contract under which the run stands there."""
    return Contract.parse(origin.state.contract, f"the contract of run {origin.state.run}")


def _contract(origin: Origin, agent: Agent[Any, Any], wish: Wish) -> Contract | None:
    """The contract that the fork goes on under, where it is another one."""
    before, run = in_force(origin), origin.state.run
    made = before if wish.contract is None else _terms(wish.contract)
    if made.name != before.name:
        raise UsageError(f"the contract is that of {made.name}, and the run is one of {before.name}", run=run)
    changed: dict[str, Json] = {"models": [wish.model]} if wish.model else {}
    if wish.instructions is not None:
        changed["instructions"] = wish.instructions
    if changed:
        made = Contract.parse({**made.data, **changed}, "the contract of the fork")
    if made.digest == before.digest:
        return None
    if wish.contract is not None:
        _fits(origin, agent, made)
    return made


def _terms(given: Terms) -> Contract:
    if isinstance(given, Contract):
        return given
    if not isinstance(given, Agent):
        path = Path(given)
        given = load(str(path.parent if path.name == "contract.yaml" and path.is_file() else given)).agent
    return given.contract


def _fits(origin: Origin, agent: Agent[Any, Any], contract: Contract) -> None:
    """Raise where the run cannot go on under another contract: for want of code, or of the input that it takes."""
    run = origin.state.run
    if missing := [name for name in contract.tools if name not in agent.tools]:
        raise UsageError(
            f"the contract names the tool {missing[0]}, and the agent's code here has none", run=run,
            hint="fork it with the code that has it: holdfast fork --agent PATH, or Runner.open(agents=[…])",
        )  # fmt: skip
    wrong = [finding for finding in lint.findings(contract, agent.tools) if finding.level == "error"]
    if wrong:
        raise ContractError("\n  ".join(["the contract of the fork:", *map(str, wrong)]), hint=wrong[0].hint)
    try:
        shape_of(contract.takes).check(origin.state.input)
    except Misfit as error:
        raise InputError(f"the input of the run does not fit what the contract takes: {error}", run=run) from None


def _fitting(origin: Origin, agent: Agent[Any, Any], seq: int, value: Json) -> Json:
    """An edited result, as the tool could have returned it. Where no result stands is for the core to say."""
    event = origin.entries[seq - 1].event if 0 < seq <= len(origin.entries) else None
    asked = origin.entries[event.call - 1].event if isinstance(event, CallReturned) else None
    made = agent.tools.get(asked.tool) if isinstance(asked, CallAsked) else None
    if made is None:
        return value
    try:
        return made.gives.check(value)
    except Misfit as error:
        raise InputError(f"{made.name} could not have returned that: {error}", run=origin.state.run, seq=seq) from None


# --------------------------------------------------------------------------------------------------------- the new run


class Begun(Page):
    """The page that a fork begins with: entries that have their places and their moments already."""

    async def take(self, entry: Entry) -> None:
        """One more: encode, chain, decode again, fold; a body that is kept in the journal stays where it is."""
        data, stored = self.book.encode(entry, self.state)
        digest, new = chain(self.head, data), dict(stored)
        kept = bodies.Kept(self.book.journal, self.book.run, self.book.cipher)

        async def fetch(ref: str) -> bytes | None:
            return self.book.cipher.opened(ref, new[ref]) if ref in new else await kept.fetch(ref)

        back = await bodies.load(decode(data, self.head, digest), fetch)
        self.state, self.head = fold(self.state, back), digest
        self.lines.append((data, digest))
        self.blobs += stored


async def begin(book: Book, origin: Origin, models: Shelf, other: Otherwise, wish: Wish) -> Begun:
    """What the fork begins with, ready to be appended.

    Raises UsageError where it cannot be forked there, ContractError where a model's price is not known although the contract
    limits money, SettingsError where a model lacks its key.
    """
    contract = other.contract or in_force(origin)
    models.checked(contract.models)
    prices = models.prices(contract.models, needed=contract.name if contract.limits.usd is not None else "")
    page = Begun(book, book.journal.now())
    page.durable = True
    redacted = {seq: book.redactor.value(value)[0] for seq, value in other.results.items()}
    entries = forked(
        origin.entries, book.run, by=wish.by, at=page.at, live=wish.live, other=replace(other, results=redacted),
        secret=origin.secret, epoch=book.journal.epoch(),
    )  # fmt: skip
    if len(entries) >= MAX_ENTRIES:
        raise UsageError(f"a run may have {MAX_ENTRIES} entries", run=wish.run, hint="fork it at an earlier entry")
    for entry in entries:
        event = entry.event
        if isinstance(event, RunOpened):
            known = {**event.versions, "holdfast": VERSION, "fold": str(FOLD), "wording": prompt.wording_digest()}
            event = replace(event, key=wish.key, prices={**event.prices, **prices}, versions=known)
        elif entry.seq > wish.at:
            event = book.redactor.event(event)  # type: ignore[arg-type]  # what a fork adds is known
        await page.take(replace(entry, event=event))
    return page


async def append(book: Book, page: Begun) -> str:
    """Append it; the name of the fork, or of the same one that has its request key. Raises Conflict for another one."""
    match await book.append(page, outlook(page.known)):
        case Committed():
            return book.run
        case KeyTaken(other):
            return await _same(book.journal, other, page)
    raise Bug("a new run had a head already", run=book.run)


async def _same(journal: Journal, other: str, page: Begun) -> str:
    """The run that has this request key, if it is the same fork."""
    lines = (await journal.read(other))[: len(page.lines)]
    one, two = ([decode(data).event for data, _ in batch] for batch in (lines, page.lines))
    if _essence(one) != _essence(two):
        key = page.known.opened.key
        raise Conflict(
            f"the request key {key} came before, for another run or another fork", run=other,
            hint="a key names one request; use another key for another fork",
        )  # fmt: skip
    return other


def _essence(events: Sequence[object]) -> list[object]:
    """What makes two forks the same one: what they stand on and what is otherwise, whoever made them when."""
    found: list[object] = []
    for event in events:
        match event:
            case RunOpened(forked_from=origin, live=live):
                found.append((origin, live))
            case Resumed(forked=True):
                found.append(Resumed)
            case _:
                found.append(event)
    return found
