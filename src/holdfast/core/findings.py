"""Findings a contract can route on: a condition names them as `run.findings`, and reviews or refuses a call because of them.

    review: [{when: "'ungrounded argument' in run.findings", by: finance, because: an amount out of nowhere}]

What is there: the names of everything noted of the run so far, by a person or a classifier of the user's own, and those of
the detectors below that hold of the run, or of the call that is judged, at this moment. A detector here has the name of
the one in `holdfast.views.detectors`, finds nothing that one would not, and needs no entry of its own: the judgement that
it led to says so. Sources: the taxonomy of failures there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import DecodeError

from holdfast import conditions
from holdfast.codec import parse
from holdfast.contract import Contract
from holdfast.core.provenance import SHORTEST, argument_of, leaves
from holdfast.core.state import CallState, Evidence, State
from holdfast.events import Fired, Json

REPEATED: Final = "repeated identical call"
PARTIAL: Final = "acted on partial response"
UNGROUNDED: Final = "ungrounded argument"
OUT_OF_SCOPE: Final = "out-of-scope attempt"
FROM_DATA: Final = "instruction from data"

CONTRADICTORY: Final = "contradictory subagents"

ONLINE: Final = (REPEATED, PARTIAL, UNGROUNDED, OUT_OF_SCOPE, CONTRADICTORY, FROM_DATA)
"""The detectors that a contract can route on without anybody noting what they find."""

TIMES: Final = 3
"""The same call with the same result, this often, is going round in circles."""

NAME, WORDS = 40, 3
"""Characters and words above which a text is a sentence, and not the name of anything."""

MORE: Final = ("has_more", "next_cursor", "next_page", "next_page_token", "nextPageToken", "truncated", "incomplete")
"""Fields by which a result says that it is not all there is."""


def findings(contract: Contract, state: State, call: CallState | None = None) -> list[str]:
    """The names of what is found at this moment: of the run, and of the call that is judged, if there is one."""
    found = dict.fromkeys(state.found)
    if state.partial:
        found[PARTIAL] = None
    if _goes_round(state):
        found[REPEATED] = None
    if state.disagreements:
        found[CONTRADICTORY] = None
    if call is not None and call.effect == "write":
        terms = contract.tools.get(call.tool)
        derived = derived_arguments([rule.that or "" for rule in terms.must]) if terms is not None else set[str]()
        declared = derived | set(terms.from_) | bound_arguments(terms.needs) if terms is not None else derived
        if any(ungrounded(call.args, call.sources, derived)):
            found[UNGROUNDED] = None
        if any(_within(state, call, path) for path, _ in foreign(call.sources, declared)):
            found[FROM_DATA] = None
    return list(found)


def out_of_scope(tool: str, rules: Sequence[Fired], listed: Mapping[str, object]) -> bool:
    """Whether a refused call was one of a tool outside the contract, or refused by a clause about its tool."""
    return tool not in listed or any(one.verdict == "refuse" and one.rule.startswith("tools.") for one in rules)


def missing(complete: str, said: str, value: Json) -> str:
    """What a result lacks, in its own words; empty of a whole one."""
    if complete == "partial":
        return said or "more was to be had"
    return next((name for name in MORE if value.get(name)), "") if isinstance(value, dict) else ""


def ungrounded(args: Json, sources: Mapping[str, str], derived: set[str]) -> Iterator[tuple[str, Json]]:
    """(path, value) of each id, amount or date that stands in nothing the run was told, and that no rule computes."""
    given = dict(leaves(args))
    for path, origin in sources.items():
        if origin == "model" and argument_of(path) not in derived and _telling(given.get(path)):
            yield path, given[path]


def foreign(sources: Mapping[str, str], declared: set[str]) -> Iterator[tuple[str, str]]:
    """(path, origin) of each argument that only untrusted results hold, and the contract has no use for there."""
    for path, origin in sources.items():
        kind, _, place = origin.partition(":")
        if kind == "untrusted" and place != "1" and argument_of(path) not in declared:
            yield path, origin


def derived_arguments(must: Sequence[str]) -> set[str]:
    """The arguments that conditions read: what they are is checked, so it may be computed."""
    return {path[1] for text in must for path in conditions.paths(text) if path[0] == "args" and len(path) > 1}


def bound_arguments(needs: Mapping[str, Mapping[str, str]]) -> set[str]:
    """The arguments that say what the evidence has to be about."""
    return derived_arguments([expression for binding in needs.values() for expression in binding.values()])


def plain(value: Json) -> str:
    """A leaf as it is compared: 299.0 is 299, however it is written."""
    text = conditions.normal(str(value))
    number = text.rstrip("0").rstrip(".") if "." in text and text.replace(".", "", 1).isdigit() else text
    return number or "0"


def fields(value: Json) -> set[str]:
    """The leaves of a result, and its keys; one that is JSON in a text is read."""
    if isinstance(value, str):
        try:
            value = parse(value)
        except DecodeError:
            return {plain(value)}
    return {plain(one) for one in _names_and_leaves(value)}


def _names_and_leaves(value: Json) -> Iterator[Json]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from _names_and_leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _names_and_leaves(item)
    else:
        yield value


def _telling(value: Json) -> bool:
    """Whether a value is of the kind that comes from somewhere: a number, or a short text with a digit in it."""
    if value is None or isinstance(value, bool):
        return False
    if isinstance(value, str):
        short = SHORTEST <= len(value) <= NAME and len(value.split()) <= WORDS
        return short and any(char.isdigit() for char in value)
    return isinstance(value, int | float)


def _within(state: State, call: CallState, path: str) -> bool:
    """Whether an argument stands only within longer texts, and is no field of a result before the call."""
    wanted = plain(dict(leaves(call.args)).get(path))
    before = (source for source in state.sources[:] if _place(source.name) < call.seq and source.tool)
    return not any(wanted in fields(source.value) for source in before)


def _place(source: str) -> int:
    place = source.partition(":")[2]
    return int(place) if place.isdigit() else 0


def _goes_round(state: State) -> bool:
    """Whether a reading was made three times with the same result, and no write between."""
    acted = max((_place(source.name) for source in state.sources[:] if source.tool in state.effects), default=0)
    for known in state.evidence.values():
        since: list[Evidence] = [item for item in known[:] if item.seq > acted]
        for item in since[-TIMES:]:
            if sum(one.args == item.args and one.digest == item.digest for one in since) >= TIMES:
                return True
    return False
