"""Reading what a report is made of: every run of an agent in the journals of production, of trials and of drills."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
from msgspec import Struct

from holdfast.cli import audited, reading
from holdfast.cli.agents import load_folder
from holdfast.cli.drill import JOURNAL as DRILLS
from holdfast.cli.eval import JOURNAL as EVALS
from holdfast.cli.options import DEFAULT
from holdfast.cli.verify_report import Report as Checked
from holdfast.cli.verify_report import counting, report_of
from holdfast.cli.verify_runs import by_run
from holdfast.cli.viewing import Viewer
from holdfast.errors import HoldfastError, InputError, JournalDamaged, JournalError
from holdfast.evals.cases.case import Case, load_all
from holdfast.evals.readiness.read import Forked, Kept, fork_of, known, read
from holdfast.evals.readiness.report import Audit, Found, Gathered
from holdfast.evals.reason.arms import passed
from holdfast.evals.trials import suite
from holdfast.events import Entry, Json, RunOpened
from holdfast.journal import walk
from holdfast.journal.port import Journal, Row, Where
from holdfast.shell.body_check import BodyCheck
from holdfast.shell.folder import Folder
from holdfast.shell.proofs import verify_journal
from holdfast.shell.undoing import NAME_LENGTH
from holdfast.views.access import ACCESS, BESIDE, CONTROL
from holdfast.views.checkpoint import AUDIT
from holdfast.views.observed import Observed, observe
from holdfast.views.readiness import Facts, Reader
from holdfast.views.record import content


class Wanted(Struct, frozen=True, kw_only=True):
    """What the report is to be about, and where to look."""

    agent: str
    journal: str
    evals: str
    drills: str
    pubs: tuple[str, ...]
    anchors: tuple[str, ...]
    looks: Viewer


class _Place(Struct):
    """What one journal holds of the agent."""

    facts: list[Facts]
    observed: list[Observed]
    kept: list[Kept]
    forks: list[Forked]
    failed: set[str]
    contract: Found | None = None
    control: list[Entry] = []
    """What was stopped for many runs, and accepted for new ones."""
    unreadable: int = 0
    """Runs that are not what was written, and are in no figure."""
    at: int = 0
    """When the run was opened whose contract that is."""


async def gather(wanted: Wanted) -> Gathered:
    """Read everything. Raises JournalError where a journal that was named is not there, or none is; InputError for no agent.

    A journal that nobody named and that is not there has no evidence in it, and that is all.
    """
    folder = _folder(wanted.agent)
    name = folder.agent.name if folder is not None else wanted.agent
    given = {
        "production": (wanted.journal, DEFAULT),
        "trials": (wanted.evals, EVALS),
        "a drill": (wanted.drills, DRILLS),
    }
    urls = {what: url if _there(url, default) else "" for what, (url, default) in given.items()}
    if folder is None and not any(urls.values()):
        reading.must_exist(wanted.journal)
    places = {
        url: await _place(url, name, wanted.looks, live=url == urls["production"]) for url in set(urls.values()) if url
    }
    live, trials, drills = (places.get(url, _Place([], [], [], [], set())) for url in urls.values())
    if folder is None and not any(one.facts or one.kept or one.forks or one.unreadable for one in places.values()):
        raise InputError(
            f"no run of an agent {name} stands in these journals",
            hint="name its folder, or see holdfast show for the names",
        )
    cases = _cases(folder)
    audit, now = await _audit(urls["production"], wanted) if urls["production"] else (None, 0)
    return Gathered(
        agent=name, called=wanted.agent if folder is not None else "AGENT",
        journal=urls["production"], evals=urls["trials"], drills=urls["a drill"],
        production=live.facts, control=live.control, observed=live.observed,
        trials=[known(one, cases) for one in trials.kept if not one.fault],
        drill_trials=[known(one, cases) for one in drills.kept if one.fault],
        forks=[(url, one.forks, frozenset(one.failed)) for url, one in sorted(places.items()) if one.forks],
        contracts=_contracts({what: places[url] for what, url in urls.items() if url}, folder), audit=audit,
        unreadable=sum(one.unreadable for one in places.values()),
        now=now or max((one.at for one in places.values()), default=0),
    )  # fmt: skip


def _folder(agent: str) -> Folder | None:
    """The agent's own folder, where that is what was named."""
    return load_folder(agent) if ":" in agent or Path(agent).is_dir() else None


def _there(url: str, default: str) -> bool:
    try:
        reading.must_exist(url)
    except JournalError:
        if url != default:
            raise
        return False
    return True


async def _place(url: str, agent: str, looks: Viewer, *, live: bool) -> _Place:
    """All of the agent's runs in one journal. live: it is that of production."""
    found, reader, heard, runs = _Place([], [], [], [], set()), Reader(), counting("runs"), 0
    async with reading.looking(url) as journal:
        async for row in _rows(journal, agent):
            try:
                entries = await reading.entries(journal, row.run) if row.run not in BESIDE else []
            except JournalDamaged:
                found.unreadable += 1
                continue
            if entries:
                runs += 1
                heard(runs)
                _take(found, reader, entries, live=live)
                if live:
                    looks.runs[row.run] = None
        found.control = await reading.entries(journal, CONTROL) if live else []
    if live:
        looks.selection = f"agent={agent}"
        await looks.record(url)
    return found


async def _rows(journal: Journal, agent: str) -> AsyncIterator[Row]:
    """The agent's runs, and those that take one of them back, which are another's."""
    async for row in walk.rows(journal, Where(agent=agent)):
        yield row
    async for row in walk.rows(journal, Where(agent=f"{agent[:NAME_LENGTH]}-undo")):
        if row.key.startswith("undo:"):
            yield row


def _take(found: _Place, reader: Reader, entries: list[Entry], *, live: bool) -> None:
    kept, forked = read(entries), fork_of(entries)
    if forked is not None:
        found.forks.append(forked)
    elif kept is not None:
        found.kept.append(kept)
    if passed(entries) is False:
        found.failed.add(entries[0].run)
    if forked is None and (kept is None or not kept.null):
        _contract(found, entries[0])
    if live:
        facts = reader.read(entries, found=kept is None and forked is None)
        found.facts.append(facts)
        if not facts.aside:
            found.observed.append(observe(entries))


def _contract(found: _Place, first: Entry) -> None:
    """Keep the contract of the newest run; a run that undoes another has one of its own."""
    event = first.event
    if isinstance(event, RunOpened) and first.at >= found.at and not event.undoes:
        body = content(event.contract)
        if body is not None and isinstance(body.value, dict):
            found.contract, found.at = Found(where="", data=body.value, digest=event.contract_digest), first.at


def _contracts(places: dict[str, _Place], folder: Folder | None) -> list[Found]:
    replace = msgspec.structs.replace
    found = [replace(one.contract, where=what) for what, one in places.items() if one.contract is not None]
    if folder is not None:
        data: Json = folder.agent.contract.data
        found.append(Found(where="the folder", data=data, digest=folder.agent.contract.digest))
    return found


def _cases(folder: Folder | None) -> dict[tuple[str, str], Case]:
    """The cases beside an agent, by name and digest: of one that was played as it stands there, it says what it is like."""
    if folder is None or not folder.path.is_dir():
        return {}
    try:
        return {(case.name, case.digest): case for case in load_all(folder.path / suite.CASES)}
    except HoldfastError:  # what is wrong with a case, `eval` says; a report is of what was played
        return {}


async def _audit(url: str, wanted: Wanted) -> tuple[Audit, int]:
    """Check the journal, as `verify` does."""
    async with reading.looking(url) as journal:
        sealed, looked = await journal.row(AUDIT), await journal.row(ACCESS)
        keys, anchors = audited.public_keys(wanted.pubs), audited.anchors(wanted.anchors)
        if sealed is None and not keys and not anchors:
            checked = await by_run(journal)
        else:
            bodies = BodyCheck(journal)
            verdict = await verify_journal(journal, keys, anchors, bodies=bodies, heard=counting("entries"))
            checked = report_of(verdict, keys, [one.name for one in anchors], bodies=bodies)
        made = _told(
            checked, await _first(journal), journal.now(), sealed.at if sealed else 0, looked.seq if looked else 0
        )
        return made, journal.now()


def _told(checked: Checked, first: int, now: int, sealed: int, viewings: int) -> Audit:
    return Audit(
        entries=checked.entries, runs=checked.runs, damaged=len(checked.damaged) + checked.more,
        checkpoints=checked.checkpoints or 0, last=checked.last, last_at=sealed, uncovered=checked.uncovered,
        keys=len(checked.keys), anchors=len(checked.anchors), anchored=checked.anchored, erased=checked.erased,
        viewings=viewings, first=first or now, now=now,
    )  # fmt: skip


async def _first(journal: Journal) -> int:
    """When the oldest entry of the feed was written; 0 where there is none."""
    lines = await journal.feed(0, 1)
    row = await journal.row(lines[0].run) if lines else None
    return row.opened if row is not None else 0
