"""`holdfast failures`: what detectors found in runs, in clusters, and what they cannot see."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct

from holdfast.cli import out
from holdfast.cli.case import covered
from holdfast.cli.failures_seen import Seen
from holdfast.cli.many import Fields, Since, read_all, read_trees
from holdfast.cli.options import DEFAULT, AgentPath, AsJson, Journal, Work, pairs
from holdfast.cli.viewing import Viewer, explicit, named, selection
from holdfast.errors import UsageError
from holdfast.events import Entry, RunClosed, RunOpened
from holdfast.views.detectors import RULES, Finding
from holdfast.views.failures import BAD, OWN, Classifier, Cluster, Reading, clusters


class Asked(Struct, frozen=True, kw_only=True):
    """What is wanted."""

    journal: str
    where: dict[str, str]
    since: str
    detector: str
    classifier: str
    write: bool
    by: str
    as_json: bool
    looks: Viewer
    agent: str
    runs: tuple[str, ...] = ()
    """To blame somebody for; none: all that fit."""


class Found(Struct, frozen=True, kw_only=True):
    """What was found in the runs that were read."""

    runs: int
    bad: int
    """Runs that ended in none of the ways a run should."""
    found: int
    """Runs in which anything was found, by any detector."""
    silent: int
    """Bad runs in which nothing was found."""
    first: int
    last: int
    """When the first and the last of them was opened."""
    contracts: int
    clusters: tuple[Cluster, ...]
    cases: bool
    """Whether there are any cases, of which some may cover clusters."""


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def failures(  # noqa: PLR0917 - a command's arguments and options
        runs: Annotated[
            list[str] | None, typer.Argument(metavar="[RUN…]", help="With --blame: only these; else --where run=NAME.")
        ] = None,
        where: Fields = None,
        since: Since = "",
        detector: Annotated[
            str, typer.Option("--detector", metavar="NAME", help="Only this one: its number, or a part of its name.")
        ] = "",
        classifier: Annotated[
            str,
            typer.Option("--classifier", metavar="MODULE:FUNCTION", help="A rule of your own beside the detectors."),
        ] = "",
        write: Annotated[bool, typer.Option("--write", help="Note what your rule finds in the runs.")] = False,
        by: Annotated[str, typer.Option("--as", metavar="NAME", help="Whose notes these are; the rule's name.")] = "",
        blame: Annotated[
            bool,
            typer.Option("--blame", help="Of failed runs with several agents: the agent and step to look at first."),
        ] = False,
        agent: AgentPath = "",
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Say what failed alike in many runs, by deterministic detectors."""
        if write and not classifier:
            raise UsageError("--write notes what a rule of your own finds", hint="give it with --classifier")
        if runs and (not blame or where or since):
            raise UsageError("runs are named for --blame alone", hint="holdfast failures --where run=NAME")
        if blame and (detector or classifier):
            raise UsageError("--blame goes by what agents said, and not by detectors", hint="leave the others out")
        asked = Asked(
            journal=journal, where=pairs(where, "--where"), since=since, detector=detector, classifier=classifier,
            write=write, by=by, as_json=as_json, runs=tuple(runs or ()), agent=agent,
            looks=Viewer("failures --blame" if blame else "failures", named(by), selection=selection(pairs(where, "--where"), since)),
        )  # fmt: skip
        return partial(_blame if blame else _failures, asked)


def _blame(asked: Asked) -> int:
    from holdfast.cli import blame

    names = list(asked.runs)  # none: all that failed
    if asked.where or asked.since:
        names = [name for name in read_all(asked.journal, asked.where, asked.since, _failed_run) if name]
        if not names:
            if asked.as_json:
                out.give([])
            else:
                print("no failed runs like that")
            return 0
    return blame.show(asked.looks, asked.journal, names, asked.as_json)


def _failed_run(entries: list[Entry]) -> str:
    """The name of a run that ended in none of the ways it should; empty for any other."""
    end = next((entry.event for entry in entries if isinstance(entry.event, RunClosed)), None)
    return entries[0].run if end is not None and end.outcome in BAD else ""


def _failures(asked: Asked) -> int:
    wanted = _wanted(asked.detector) if asked.detector else None
    own = _rule(asked.classifier) if asked.classifier else None
    seen = Seen(asked.looks, own)
    places: set[tuple[str, str]] = set()

    def read(entries: list[Entry], below: Mapping[str, Sequence[Entry]]) -> Reading:
        opened = entries[0].event
        if isinstance(opened, RunOpened):
            places.add((opened.agent, asked.agent or opened.tags.get("agent_path", "")))
        return seen.read(entries, below)

    readings = read_trees(asked.journal, asked.where, asked.since, read)
    seen.record(asked.journal)
    found = _found(readings, wanted, covered(places))
    if asked.write:
        from holdfast.cli.note import keep

        kept = keep(asked.journal, readings, asked.by or f"classifier:{asked.classifier}")
        out.note(f"{kept} noted")
    if asked.as_json:
        out.give(explicit(seen.labelled(found)))
        return 0
    if not readings:
        print("no runs" + (" like that" if asked.where or asked.since else " yet"))
        return 0
    from holdfast.cli.failures_text import text

    out.show(*text(found))
    return 0


def _found(readings: list[Reading], wanted: set[int] | None, cases: Mapping[str, Collection[str]]) -> Found:
    bad = [reading for reading in readings if reading.outcome in BAD]
    kept = tuple(one for one in clusters(readings, cases) if wanted is None or one.number in wanted)
    opened = [reading.at for reading in readings]
    return Found(
        runs=len(readings),
        bad=len(bad),
        found=sum(bool(reading.findings) for reading in readings),
        silent=sum(not reading.findings for reading in bad),
        first=min(opened, default=0),
        last=max(opened, default=0),
        contracts=len({reading.contract for reading in readings}),
        clusters=kept,
        cases=any(cases.values()),
    )


def _wanted(name: str) -> set[int]:
    """The detectors that are meant. Raises UsageError where there is none, or it is not decided yet."""
    if name == "own":
        return {OWN}
    found = {rule.number for rule in RULES if name == str(rule.number) or (not name.isdigit() and name in rule.name)}
    if found:
        return found
    known = ", ".join(f"{rule.number} {rule.name}" for rule in RULES)
    raise UsageError(f"there is no detector {name}", hint=f"own, or one of {known}")


def _rule(place: str) -> Classifier:
    """A rule of the user's own, `module:function`, from where he is or what is installed. Raises UsageError."""
    module, _, name = place.partition(":")
    if not module or not name:
        raise UsageError(f"--classifier {place!r} names no function", hint="write it like checks:too_polite")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        found = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        raise UsageError(f"there is no module {error.name}", hint="it is looked for in this folder too") from None
    except AttributeError:
        raise UsageError(f"{module} has no {name}") from None
    if not callable(found):
        raise UsageError(f"{place} cannot be called")
    return _guarded(place, found)


def _guarded(place: str, rule: Callable[[Sequence[Entry]], Iterable[object]]) -> Classifier:
    """A rule of somebody else's, whose faults are his and not ours."""

    def found(entries: Sequence[Entry]) -> tuple[Finding, ...]:
        try:
            made = tuple(rule(entries))
        except Exception as error:  # somebody else's code may raise anything
            raise UsageError(f"{place} raised {type(error).__name__}: {error}", run=entries[0].run) from error
        if not all(isinstance(one, Finding) for one in made):
            raise UsageError(f"{place} gave something else than findings", hint="holdfast.views.detectors.Finding")
        return tuple(one for one in made if isinstance(one, Finding))

    return found
