"""What can be seen to be wrong with an expectation before anything is played. A typo must never make a case pass."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Any, Final

from holdfast import conditions, lint
from holdfast.agent import Agent
from holdfast.contract import Done, Rule
from holdfast.errors import InputError
from holdfast.evals.cases.case import Case, Expect
from holdfast.evals.cases.persons import admitted, said
from holdfast.evals.grading.grounds import ANY
from holdfast.events import Json
from holdfast.lint import BUILTIN
from holdfast.views import words
from holdfast.views.detectors import RULES

NAMES: Final = frozenset({"input", "output", "effects", "run"})
"""What a condition under `that` sees."""

NO_OUTPUT: Final = frozenset({"declined", "escalated", "stopped", "failed", "cancelled", "waiting"})
"""Ends without an output."""

_JUDGE: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def check_expectations(case: Case, agent: Agent[Any, Any], judges: Collection[str] = ()) -> None:
    """Raise InputError, with everything that is wrong with what a case expects of an agent, and under which key.

    judges: the names of those that will be asked (`judges.Bench.names`). A case that names another one would pass whatever
    that judge had to say, so it is refused.
    """
    wrong = list(_Check(case, agent, judges).problems())
    if wrong:
        lines = "\n  ".join(["", *wrong]) if len(wrong) > 1 else f" {wrong[0]}"
        raise InputError(f"case {case.name}:{lines}", hint="docs/cases.md says what each key of `expect` means")


class _Check:
    """The expectations of one case beside the agent they are about."""

    def __init__(self, case: Case, agent: Agent[Any, Any], judges: Collection[str]) -> None:
        self.case, self.expect, self.agent, self.judges = case, case.expect, agent, judges
        self.tools = {name: tool for one in reversed(agent.family) for name, tool in one.bound.tools.items()}
        """Its own, and those of the agents it may call; its own where two have one name."""
        self.writes = {name for name, made in self.tools.items() if made.effect == "write"}
        self.reads = set(self.tools) - self.writes

    def problems(self) -> Iterator[str]:
        if self.expect == Expect():
            yield "expect: it expects nothing, so whatever an agent does passes it"
        yield from self._people()
        yield from self._outcome()
        yield from self._output()
        yield from self._names()
        yield from self._effects()
        yield from self._order()
        yield from self._limits()
        yield from self._findings()
        yield from self._that()
        yield from self._judges()

    def _people(self) -> Iterator[str]:
        """People who could never answer anything, or not what they are there for."""
        for at, person in enumerate(self.case.people):
            known = set(self.tools) | set(BUILTIN)
            if person.tool and person.tool not in known:
                near = get_close_matches(person.tool, known, n=1)
                meant = f"; did you mean {near[0]}?" if near else ""
                yield f"people[{at}].tool: {self.agent.name} has no tool called {words.plain(person.tool)}{meant}"
            word = said(person, person.about)
            if person.about != "any" and word not in admitted(person.about):
                may = words.listed(list(admitted(person.about)), "or")
                yield f"people[{at}].verdict: what is about {person.about} is answered with {may}, and not with {word}"
            if person.gives is not None and person.verdict != "happened":
                yield f"people[{at}].gives: only what `happened` gave something"

    def _outcome(self) -> Iterator[str]:
        ends = self.expect.outcome
        if ends == []:
            yield "expect.outcome: no end is in an empty list, so every run would fail"
        known = {ends} if isinstance(ends, str) else set(ends or ())
        if self.expect.output is not None and known and known <= NO_OUTPUT:
            yield f"expect.output: a run that is {words.listed(sorted(known), 'or')} has no output"

    def _output(self) -> Iterator[str]:
        schema = self.agent.contract.gives
        for path in _paths(self.expect.output):
            if not lint.reachable(schema, path):
                yield f"expect.output.{'.'.join(path)}: the output of {self.agent.name} has no such field"
                return

    def _names(self) -> Iterator[str]:
        """Names of tools, wherever they stand."""
        expect, every = self.expect, set(self.tools)
        yield from self._known("effects", expect.effects or (), self.writes, "writes")
        yield from self._known("also", expect.also, self.writes, "writes")
        yield from self._known("approved", expect.approved, self.writes, "writes")
        yield from self._known("never", expect.never, every | set(BUILTIN))
        yield from self._known("at_most", expect.at_most, every | set(BUILTIN))
        yield from self._known("evidence", expect.evidence, every)
        for tool, readings in expect.evidence.items():
            yield from self._known(f"evidence.{tool}", readings, self.reads, "reads")
        for at, (first, second) in enumerate(expect.before):
            yield from self._known(f"before[{at}]", [first], every | {"ask", "more"})
            yield from self._known(f"before[{at}]", [second], every | set(BUILTIN))

    def _known(self, key: str, names: Collection[str], known: set[str], does: str = "") -> Iterator[str]:
        for name in names:
            if name in known:
                continue
            if name in self.tools:
                yield f"expect.{key}: {name} {'only reads' if does == 'writes' else 'writes'}, and this is about what {does}"
            elif name in BUILTIN:
                yield f"expect.{key}: {name} is a call that every agent has, and means nothing here"
            else:
                near = get_close_matches(name, known, n=1)
                meant = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(known)) or 'none'}"
                yield f"expect.{key}: {self.agent.name} has no tool called {words.plain(name)}; {meant}"

    def _effects(self) -> Iterator[str]:
        """Arguments of effects. Those of a world's own account may be named otherwise; recorded answers are calls."""
        expect = self.expect
        if expect.also and expect.effects is None:
            yield "expect.also: it permits effects beside those of `effects`, and there are none: write `effects: {}`"
        for tool, wanted in (expect.effects or {}).items():
            if tool not in self.writes or self.case.fixtures is None:
                continue
            for at, args in enumerate(wanted):
                for path in _paths(args):
                    if not lint.reachable(self.tools[tool].takes.schema, path):
                        has = ", ".join(sorted(self.tools[tool].takes.schema.get("properties", {})))
                        yield f"expect.effects.{tool}[{at}]: {tool} has no argument {'.'.join(path)}; it has: {has}"
                        break

    def _order(self) -> Iterator[str]:
        """What cannot all be so."""
        expect = self.expect
        counts = {tool: len(wanted) for tool, wanted in (expect.effects or {}).items() if wanted}
        for tool in counts:
            if tool in expect.never:
                yield f"expect.never: {tool} must not be asked for, and `effects` wants it done"
        for tool, top in expect.at_most.items():
            if top < 0:
                yield f"expect.at_most.{tool}: nothing is started {top} times"
            elif counts.get(tool, 0) > top:
                yield f"expect.at_most.{tool}: it is {top}, and `effects` wants {counts[tool]}"
        pairs = set(expect.before)
        for first, second in expect.before:
            if first == second:
                yield f"expect.before: {first} cannot be answered before it is started"
            elif (second, first) in pairs and first < second:
                yield f"expect.before: {first} and {second} cannot each come before the other"

    def _limits(self) -> Iterator[str]:
        for key in ("usd", "seconds", "steps"):
            top = getattr(self.expect, key)
            if top is not None and not top >= 0:  # also what is no number
                yield f"expect.{key}: nothing takes {top}"

    def _findings(self) -> Iterator[str]:
        names = {rule.name for rule in RULES}
        for name in self.expect.findings or ():
            if name not in names and name != ANY:
                near = get_close_matches(name, names, n=1)
                meant = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(names))}"
                yield f"expect.findings: no detector is called {words.plain(name)}; {meant}"
        if self.expect.findings == []:
            yield f"expect.findings: an empty list asks for nothing; `[{ANY}]` names every exact detector"

    def _that(self) -> Iterator[str]:
        wanted = self.expect.that
        rules = [Rule(that=text, because="it is expected") for text in wanted if text.strip()]
        if len(rules) < len(wanted):
            yield "expect.that: an empty condition holds of everything"
            return
        for at, text in enumerate(wanted):
            for path in conditions.paths(text):
                if path[0] in conditions.NAMES - NAMES:
                    knows = ", ".join(sorted(NAMES))
                    yield f"expect.that[{at}]: `{path[0]}` means nothing after the end; a condition here knows {knows}"
                    return
        grants = {name: grant for one in reversed(self.agent.family) for name, grant in one.contract.tools.items()}
        contract = self.agent.contract.model_copy(update={"done": Done(must=rules), "tools": grants})
        for found in lint.findings(contract, self.tools):
            if found.level == "error" and found.where.startswith("done.must"):
                yield f"expect.{found.where.replace('done.must', 'that')}: {found.what}"

    def _judges(self) -> Iterator[str]:
        for name, path in self.expect.judges.items():
            if not _JUDGE.fullmatch(path):
                yield f"expect.judges.{name}: {words.value(path)} is no `package.module:function`"
            elif name not in self.judges:
                yield f"expect.judges.{name}: nothing here asks this judge, so the case would pass whatever it says"


def _paths(value: Json, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The fields that are named in a value, as far as mappings lead; a mapping without any is a field itself."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _paths(item, (*above, key))
    elif above:
        yield above
