"""`holdfast why RUN … --counterfactual DECISION`: whether a decision was made for the right reason, by forking it.

0 RIGHT_REASON, 1 WRONG_REASON, 2 INCONCLUSIVE.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from holdfast.cli import agents, out, reading
from holdfast.cli.many import chosen
from holdfast.cli.viewing import Viewer, selection
from holdfast.errors import InputError, UsageError
from holdfast.events import Entry, RunOpened
from holdfast.journal.port import Journal, Row

if TYPE_CHECKING:
    from holdfast.evals.reason.arms import Plan
    from holdfast.evals.reason.counterfactual import Found, Tried
    from holdfast.evals.reason.decision import Decision

CODES: Final = {"RIGHT_REASON": 0, "WRONG_REASON": 1, "INCONCLUSIVE": 2}


class Asked(Struct, frozen=True, kw_only=True):
    """What is wanted."""

    runs: tuple[str, ...]
    where: Mapping[str, str]
    """How runs are chosen, where none is named."""
    decision: str
    k: int
    agent: str
    journal: str
    as_json: bool
    looks: Viewer


class Loaded(Struct, frozen=True):
    """The runs that are asked about, and what it takes to fork them."""

    agent: agents.Loaded
    decision: Decision
    runs: tuple[list[Entry], ...]
    plans: tuple[Plan, ...]
    left_out: tuple[str, ...]
    """Runs in which nothing was decided, each with its reason."""


def counterfactual(asked: Asked) -> int:
    """Fork the runs in every arm, and say what comes of it."""
    from holdfast.cli.counterfactual_text import beforehand, text
    from holdfast.evals.reason.counterfactual import verdict

    loaded = _loaded(asked)
    before = beforehand(loaded.plans, asked.k)
    for line in (*before, *loaded.left_out):
        out.note(line)
    tried, found = asyncio.run(_tried(asked, loaded))
    code = CODES[found.verdict]
    if asked.as_json:
        each = [verdict([one], loaded.decision).verdict for one in tried]
        out.give({
            "decision": loaded.decision.name, "verdict": found.verdict, "because": found.because,
            "scripted": any(one.scripted for one in tried), "k": asked.k, "beforehand": before, "left_out": loaded.left_out,
            "figures": found.figures, "missing_evidence": found.missing,
            "runs": [
                {
                    "run": one.plan.run, "verdict": mine, "decided": one.plan.decided, "passed": one.plan.passed,
                    "evidence": one.plan.evidence, "left_out": one.plan.left_out, "forks": one.forks,
                    "arms": [{"kind": arm.kind, "name": arm.name, "what": arm.what, "at": arm.at} for arm in one.plan.arms],
                }
                for one, mine in zip(tried, each, strict=True)
            ],
        })  # fmt: skip
        return code
    out.show(*text(loaded.agent.agent.name, loaded.decision, tried, found, asked.k))
    return code


async def _tried(asked: Asked, loaded: Loaded) -> tuple[list[Tried], Found]:
    """The forks of every run, and what they say together; that is noted in each of the runs too."""
    from holdfast.evals.reason.counterfactual import attempt, noted, verdict
    from holdfast.evals.trials.trial import TrialRunner

    given = loaded.agent.models or None
    async with TrialRunner.open(asked.journal, agents=[loaded.agent.folder.agent], model=given, drives=False) as runner:
        assert isinstance(runner, TrialRunner)
        tried = [await attempt(runner, entries, loaded.decision, k=asked.k) for entries in loaded.runs]
        found = verdict(tried, loaded.decision)
        for one in tried:
            await noted(runner, one, loaded.decision, found)
        return tried, found


# --------------------------------------------------------------------------------------------------- what is asked about


def _loaded(asked: Asked) -> Loaded:
    from holdfast.evals.reason import decision as decisions
    from holdfast.evals.reason.arms import plan

    found = asyncio.run(_read(asked))
    rows = [row for row, _ in found]
    names = sorted({row.agent for row in rows})
    if len(names) > 1:
        raise UsageError(f"these are runs of {len(names)} agents", hint=f"name runs of one: {', '.join(names)}")
    agent = agents.load_parked(asked.agent or rows[0].tags.get("agent_path", ""), rows[0])
    place = agent.folder.path if agent.folder.path.is_dir() else agent.folder.path.parent
    where = Path(place) / decisions.FILE
    decision = decisions.named(decisions.load(where), asked.decision, str(where))
    runs, plans, left_out = [], [], []
    for _, entries in found:
        try:
            plans.append(plan(entries, decision))
            runs.append(entries)
        except InputError as error:
            if len(found) == 1:
                raise
            left_out.append(f"{entries[0].run}: {error.what}")
    if not runs:
        raise InputError("nothing was decided in any of these runs", hint="name runs that came to an end of their own")
    return Loaded(agent, decision, tuple(runs), tuple(plans), tuple(left_out))


async def _read(asked: Asked) -> list[tuple[Row, list[Entry]]]:
    """The runs that are meant, whole: of a part nobody can tell what was left out. Raises NotAllowed and UsageError."""
    async with reading.looking(asked.journal) as journal:
        rows = await _rows(asked, journal)
        found = []
        for row in rows:
            await asked.looks.whole(journal, [row.run], "a run is forked whole")
            entries = await asked.looks.entries(journal, row.run)
            if asked.runs or not _is_fork(entries):
                found.append((row, entries))
    if not found:
        raise UsageError("there is no such run", hint=f"runs: {selection(asked.where)}")
    await asked.looks.record(asked.journal)
    return found


async def _rows(asked: Asked, journal: Journal) -> list[Row]:
    if asked.runs:
        rows = [await reading.find_row(journal, name) for name in asked.runs]
        return list({row.run: row for row in rows}.values())
    return [row async for row in chosen(journal, asked.where) if row.outcome]


def _is_fork(entries: Sequence[Entry]) -> bool:
    """Whether a run is a fork: one that was chosen by what it has in common with others says nothing new."""
    opened = entries[0].event if entries else None
    return not isinstance(opened, RunOpened) or opened.forked_from is not None
