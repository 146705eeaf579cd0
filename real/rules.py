"""`rules`: cheap rules over journals, how well each tells failed runs from others, and whether the pack counted the same.

The rules are the pack's, by its names; what each fires on is found in the journals alone. A rule's precision is the share
of failed runs among those it fires on, and its recall the share of failed runs it fires on: one without the other says
nothing, so they are only given together. The detectors of holdfast are put beside them, with nothing to compare.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from holdfast.events import CallAsked, Entry, ModelAnswered, Wanted
from holdfast.views.detectors import RULES, detect
from holdfast.views.detectors.finding import Case
from holdfast.views.record import Call, Said
from real.contracts import missing
from real.conversation import Part
from real.figures import Figure, Sheet
from real.packs import Effect, Pack, Run, ToolSchema
from real.tape import taped

BUDGET: Final = 30
"""Answers of the model after which recorders broke off."""

FAULT: Final = "503"
"""What the pack's own count takes for an injected fault, wherever it stands in an answer; in two recorded ones it is a
house number. It is kept so, because the count is to be the same."""

CONFIRMS: Final = re.compile(
    r"\b(?:yes|yeah|yep|sure|ok|okay|correct|confirm|proceed|go ahead|do it|sounds good|works|perfect)\b", re.IGNORECASE
)
"""Words that stand for a yes. The pack does not tell its own; these give the same runs on all its sets."""

PERSON: Final = "user_id"
"""The argument that names the requester: he is known by having said who he is, and not by being looked up."""


class Recording:
    """A run's journal, read for the rules."""

    def __init__(self, entries: Sequence[Entry], effects: Mapping[str, Effect], tools: Sequence[ToolSchema]) -> None:
        self.case = Case(entries)
        self.effects = effects
        self.calls = self.case.calls
        asked = {entry.seq: entry.event for entry in entries if isinstance(entry.event, CallAsked)}
        self.answers = {entry.seq: entry.event for entry in entries if isinstance(entry.event, ModelAnswered)}
        self._wanted = {seq: self.answers[event.ask].calls[event.index] for seq, event in asked.items()}
        self._finds = {tool.name for tool in tools if tool.name.startswith("find_user")}
        things = {effect.target[0] for effect in effects.values() if effect.target}
        self._personal = {tool.name for tool in tools if things & set(_properties(tool))} - self._finds

    def wrote(self, call: Call) -> Wanted:
        """A call as the model wrote it."""
        return self._wanted[call.seq]

    def effect(self, call: Call) -> str:
        """The pack's word for what the tool does; empty for a tool it does not know."""
        return self.effects[call.tool].effect if call.tool in self.effects else ""

    def is_write(self, call: Call) -> bool:
        """Whether the tool changes the pack's world, whatever this call came to."""
        return call.tool in self.effects and self.effects[call.tool].changes

    def personal(self, call: Call) -> bool:
        """Whether it reads something that belongs to a requester, in a shop that has to find out who that is."""
        return bool(self._finds) and call.tool in self._personal and self.effect(call) == "read"

    def finds(self, call: Call) -> bool:
        """Whether it is to find out who the requester is."""
        return call.tool in self._finds


def _properties(tool: ToolSchema) -> Sequence[str]:
    properties = tool.parameters.get("properties")
    return list(properties) if isinstance(properties, dict) else []


def _answer(call: Call) -> str:
    """What the model was given; a call that the contract refused was answered by an error."""
    if call.ending in ("refused", "given_up"):
        return "Error: refused"
    return str(call.result.value) if call.result is not None else ""


def _error(call: Call) -> bool:
    return _answer(call).startswith("Error")


# ------------------------------------------------------------------------------------------------------- the rules


def _tool_error(run: Recording) -> bool:
    return any(_error(call) for call in run.calls)


def _write_tool_error(run: Recording) -> bool:
    return any(_error(call) and run.is_write(call) for call in run.calls)


def _transfer(run: Recording) -> bool:
    return any(run.effect(call) == "handoff" for call in run.calls)


def _no_write_at_all(run: Recording) -> bool:
    return not any(run.is_write(call) for call in run.calls)


def _step_budget(run: Recording) -> bool:
    return len(run.answers) >= BUDGET


def _text_and_tool_call(run: Recording) -> bool:
    return any(turn.calls and turn.text is not None and turn.text.value for turn in run.case.turns)


def _repeated(run: Recording) -> bool:
    """The same words to the same tool again, unless a fault answered; calculating and thinking may be repeated."""
    known: set[tuple[str, str]] = set()
    for call in run.calls:
        name = (call.tool, run.wrote(call).args)
        if run.effect(call) == "pure":
            continue
        if name in known and FAULT not in _answer(call):
            return True
        known.add(name)
    return False


def _without_confirmation(run: Recording) -> bool:
    """A write after words of the requester that hold no yes."""
    said = [(1, str(run.case.seen.input.value or ""))]
    said += [(one.seq, str(one.text.value)) for one in run.case.seen.items if isinstance(one, Said) and one.to_agent]
    return any(
        run.is_write(call) and not CONFIRMS.search(max(word for word in said if word[0] < call.seq)[1])
        for call in run.calls
    )


def _without_read(run: Recording) -> bool:
    """A write to something that no reading before it was about."""
    read: set[str] = set()
    for call in run.calls:
        args = call.args.value if isinstance(call.args.value, dict) else {}
        if run.is_write(call):
            thing = next(iter(run.effects[call.tool].target), PERSON)
            if thing != PERSON and str(args.get(thing)) not in read:
                return True
        elif run.effect(call) == "read":
            read |= {str(value) for value in args.values()}
    return False


def _before_auth(run: Recording) -> bool:
    """A requester's records read before it was found out who he is."""
    for call in run.calls:
        if run.finds(call) and not _error(call):
            return False
        if run.personal(call):
            return True
    return False


CHEAP: Final[dict[str, Callable[[Recording], bool]]] = {
    "no_write_at_all": _no_write_at_all,
    "read_before_auth": _before_auth,
    "repeated_identical_call": _repeated,
    "step_budget_30": _step_budget,
    "text_and_tool_call": _text_and_tool_call,
    "tool_error": _tool_error,
    "transfer": _transfer,
    "write_tool_error": _write_tool_error,
    "write_without_confirmation": _without_confirmation,
    "write_without_read": _without_read,
}
"""The rules, by the names packs have for them."""


# ----------------------------------------------------------------------------------------------------- the figures


def check_rules(pack: Pack) -> Iterator[Figure]:
    """Put what each rule fires on, its precision and its recall beside the pack's own count."""
    for stem in pack.sets():
        sheet, labels = Sheet("rules", pack, stem), pack.labels(stem)
        if why := missing(pack, "policy", "tools", "effects"):
            yield sheet.skipped(why)
            continue
        runs, parts = pack.runs(stem), taped(pack, stem)
        failed = {run.run_id for run in runs if run.reward < 1}
        counted = {run: set(label.rules_fired) for run, label in (labels or {}).items()}
        fired = cheap(pack, runs, parts)
        for name in sorted({*CHEAP, *(rule for rules in counted.values() for rule in rules)}):
            if name not in CHEAP:
                yield sheet.compare(
                    f"{name}: fired", None, sum(name in rules for rules in counted.values()), "no such rule"
                )
                continue
            theirs = {run for run, rules in counted.items() if name in rules}
            yield from _scored(sheet, name, fired[name], theirs if any(counted.values()) else None, failed)
        yield from _detected(sheet, runs, parts, failed)


def cheap(pack: Pack, runs: Sequence[Run], parts: Sequence[Part]) -> dict[str, set[str]]:
    """The runs that each rule fires on."""
    effects, tools = pack.effects() or {}, pack.tools() or []
    read = {run.run_id: Recording(part.entries, effects, tools) for run, part in zip(runs, parts, strict=True)}
    return {name: {run for run, recording in read.items() if rule(recording)} for name, rule in CHEAP.items()}


def _scored(sheet: Sheet, name: str, ours: set[str], theirs: set[str] | None, failed: set[str]) -> Iterator[Figure]:
    if theirs is None:
        note = "the pack has no count of its own"
        yield sheet.without(f"{name}: fired", len(ours), note)
        return
    if not ours and not theirs:
        return
    odd = sorted(ours ^ theirs)
    note = f"differs in {', '.join(odd[:5])}" if odd else ""
    yield sheet.compare(f"{name}: fired", len(ours), len(theirs), note)
    yield sheet.compare(f"{name}: fired and counted", len(ours & theirs), len(theirs), note)
    yield sheet.compare(f"{name}: precision", precision(ours, failed), precision(theirs, failed))
    yield sheet.compare(f"{name}: recall", recall(ours, failed), recall(theirs, failed))


def precision(fired: set[str], failed: set[str]) -> float | None:
    """The share of failed runs among those fired on; None where there are none of these."""
    return round(len(fired & failed) / len(fired), 6) if fired else None


def recall(fired: set[str], failed: set[str]) -> float | None:
    """The share of failed runs that were fired on; None where none failed."""
    return round(len(fired & failed) / len(failed), 6) if failed else None


def _detected(sheet: Sheet, runs: Sequence[Run], parts: Sequence[Part], failed: set[str]) -> Iterator[Figure]:
    """What holdfast's own detectors find; exact and suspect ones apart."""
    found = {run.run_id: detect(part.entries) for run, part in zip(runs, parts, strict=True)}
    for rule in RULES:
        fired = {run for run, findings in found.items() if any(one.number == rule.number for one in findings)}
        if fired:
            value = {"fired": len(fired), "precision": precision(fired, failed), "recall": recall(fired, failed)}
            kind = "exact" if rule.grade == "E" else "suspect"
            yield sheet.without(
                f"detector {rule.number} {rule.name} ({kind})", value, "the pack has no count of its own"
            )
    silent = [run for run in failed if not found[run]]
    yield sheet.without("failed runs in which no detector found anything", len(silent), f"of {len(failed)} that failed")
