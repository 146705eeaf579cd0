"""`holdfast accept --list`: what was accepted for an agent, and how the runs under each contract went."""

from __future__ import annotations

import asyncio
from collections import Counter

from msgspec import Struct

from holdfast.cli import out, reading
from holdfast.cli.accept import NEWEST, agent_at
from holdfast.contract import Contract
from holdfast.errors import UsageError
from holdfast.events import Json, PersonAsked, RunOpened
from holdfast.journal import walk
from holdfast.journal.port import Journal, Where
from holdfast.shell.control import Control
from holdfast.shell.publishing import STANDIN

KNOWN = 16
"""Characters of a contract's digest that the index knows."""


class Went(Struct, kw_only=True):
    """A contract of an agent, and the runs that are under it."""

    contract: str
    share: int = 0
    """Percent of the new runs that begin under it; 0: none any more."""
    by: str = ""
    """Who accepted it last; empty: nobody did."""
    at: int = 0
    why: str = ""
    runs: int = 0
    open: int = 0
    scripted: int = 0
    """Runs in which a stand-in answered in place of its models."""
    named: list[str] = []
    """What `--where contract=…` takes for these runs: where a stand-in answers, the contract in the journal says so."""
    outcomes: dict[str, int] = {}
    reviews: int = 0
    """Times that a person was asked for a decision, in the newest runs."""
    read: int = 0
    """Runs that this was counted in."""
    nusd: int = 0


def listed(url: str, where: str, *, as_json: bool) -> int:
    """Print it; the exit code. Raises UsageError for an agent that has no run, and nothing accepted."""
    _, name = agent_at(where)
    found = asyncio.run(_read(url, name))
    if not found:
        raise UsageError(
            f"no run of {name} is recorded, and nothing was accepted for it", hint=f"holdfast accept {name}"
        )
    if as_json:
        out.give(found)
        return 0
    from holdfast.cli.accept_text import went

    out.show(*went(name, found))
    return 0


async def _read(url: str, name: str) -> list[Went]:
    async with reading.looking(url) as journal:
        control = Control(journal)
        await control.refresh()
        found: dict[str, Went] = {}
        for one in control.published(name):
            known = found.setdefault(one.digest[:KNOWN], Went(contract=one.digest, outcomes={}, named=[]))
            known.by, known.at, known.why = one.by, one.at, one.why
        for digest, share in _shares(control, name):
            found[digest[:KNOWN]].share += share
        scripts = {
            under[:KNOWN]: one.digest[:KNOWN]
            for one in control.published(name)
            if (under := _scripted(one.contract)) is not None
        }
        async for row in walk.rows(journal, Where(agent=name)):
            if row.apart:
                continue
            place = scripts.get(row.contract, row.contract)
            known = found.setdefault(place, Went(contract=row.contract, outcomes={}, named=[]))
            if row.contract not in known.named:
                known.named.append(row.contract)
            known.runs += 1
            known.scripted += place != row.contract
            known.nusd += row.nusd
            if row.outcome is None:
                known.open += 1
            else:
                known.outcomes[row.outcome] = known.outcomes.get(row.outcome, 0) + 1
            if known.read < NEWEST:
                known.read += 1
                known.reviews += await _reviews(journal, row.run)
        return list(found.values())


def _shares(control: Control, name: str) -> list[tuple[str, int]]:
    force = control.in_force(name)
    if len(force) < 2:
        return [(one.digest, 100) for one in force]
    whole, part = force
    return [(whole.digest, 100 - part.share), (part.digest, part.share)]


def _scripted(contract: Json) -> str | None:
    """The digest of a contract with its stand-ins in place of its models."""

    def under(data: Json) -> Json:
        tools = {
            title: {**terms, "agent": under(terms["agent"])} if terms and terms.get("agent") else terms
            for title, terms in data["tools"].items()
        }
        models = data["models"] if data.get("team") else [f"{STANDIN}{data['name']}"]
        return {**data, "models": models, "tools": tools}

    return Contract.parse(under(contract), "the contract with its stand-in").digest


async def _reviews(journal: Journal, run: str) -> int:
    """How often somebody was asked to decide in a run."""
    events = [entry.event for entry in await reading.entries(journal, run)]
    kinds = Counter(event.about for event in events if isinstance(event, PersonAsked))
    return kinds["review"] + kinds["output"] if isinstance(events[0], RunOpened) else 0
