"""How two contracts differ, field by field, in words.

    for change in differences(one, other):
        print(change.path, change.said)

Rules have no order and no names: one that has the same condition or the same reason in both is the same rule, changed or not;
any other was added or removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct

from holdfast import units
from holdfast.contract import Across, Agree, Breaker, Carve, Contract, Grant, Rate, Review, Rule, Team
from holdfast.events import Json
from holdfast.views import contract_shared, words

Kind: TypeAlias = Literal["added", "removed", "changed"]
Clause: TypeAlias = Rule | Review
Shared: TypeAlias = Across | Rate | Breaker

LONG: Final = 200
"""Characters of a text that is shown; of a longer one its lines are counted."""


class Change(Struct, frozen=True):
    """One thing that is otherwise in the second contract."""

    path: str
    """Which clause, as a path in the contract: `tools.issue_refund.must`."""
    kind: Kind
    said: str
    """In words, from the first contract's point of view."""


def differences(one: Contract, other: Contract) -> tuple[Change, ...]:
    """Everything that differs, in the order of a contract's keys; empty for two that are the same."""
    return tuple(_differences(one, other))


def _differences(one: Contract, other: Contract) -> Iterator[Change]:
    for name in ("name", "task", "instructions"):
        yield from _text(name, getattr(one, name), getattr(other, name))
    for name in ("takes", "gives"):
        yield from _schema(name, getattr(one, name), getattr(other, name))
    yield from _ordered("models", one.models, other.models)
    for tool in dict.fromkeys((*one.tools, *other.tools)):
        yield from _tool(f"tools.{tool}", one.tools.get(tool), other.tools.get(tool))
    yield from _ordered("context", one.context, other.context)
    yield from _rules("done.must", one.done.must, other.done.must)
    yield from _rules("done.review", *([one.done.review] if one.done.review else [] for one in (one, other)))
    for name in ("limits", "surprises", "worth"):
        mine, theirs = getattr(one, name), getattr(other, name)
        for field in type(mine).model_fields:
            yield from _plain(f"{name}.{field}", getattr(mine, field), getattr(theirs, field))
    yield from _team(one.team, other.team)
    yield from _plain("conversation", one.conversation, other.conversation)
    yield from _plain("one_at_a_time", one.one_at_a_time, other.one_at_a_time)
    yield from _predicates(one.predicates, other.predicates)


# -------------------------------------------------------------------------------------------------- plain values

_DURATIONS: Final = frozenset({"work", "wall", "fresh", "within", "window", "per"})


def value(path: str, given: Json) -> str:
    """A value as a contract writes it."""
    name = path.rpartition(".")[2]
    if given is None or given in ("", []):
        return "none"
    if name in _DURATIONS and isinstance(given, int):
        return units.say_duration(given)
    if name == "usd" and isinstance(given, int):
        return f"{units.say_usd(given)} USD"
    if isinstance(given, bool):
        return "yes" if given else "no"
    if isinstance(given, int):
        return f"{given:,}"
    return words.shortened(given, LONG) if isinstance(given, str) else words.value(given, LONG)


def _plain(path: str, one: Json, other: Json) -> Iterator[Change]:
    if one != other:
        yield Change(path, "changed", f"{value(path, one)} becomes {value(path, other)}")


def _text(path: str, one: str, other: str) -> Iterator[Change]:
    if one == other:
        return
    if "\n" not in one.strip() + other.strip() and len(one) + len(other) <= LONG:
        yield Change(
            path, "changed", f"“{one}” becomes “{other}”" if one and other else f"“{one or other}” {_kind(one, other)}"
        )
        return
    before, after = one.splitlines(), other.splitlines()
    codes = [code for code in SequenceMatcher(None, before, after, autojunk=False).get_opcodes() if code[0] != "equal"]
    gone, new = sum(code[2] - code[1] for code in codes), sum(code[4] - code[3] for code in codes)
    counts = [words.count(gone, "line") + " gone"] if gone else []
    counts += [words.count(new, "line") + " new"] if new else []
    first = next((line.strip() for code in codes for line in after[code[3] : code[4]] if line.strip()), "")
    shown = f", first “{words.shortened(first, 80)}”" if first else ""
    yield Change(path, "changed", f"{words.listed(counts) or 'other white space'}{shown}")


def _kind(one: object, other: object) -> Kind:
    return "added" if not one else "removed" if not other else "changed"


def _ordered(path: str, one: Sequence[str], other: Sequence[str]) -> Iterator[Change]:
    for name in one:
        if name not in other:
            yield Change(path, "removed", name)
    for name in other:
        if name not in one:
            yield Change(path, "added", name)
    kept = [name for name in one if name in other]
    if kept != [name for name in other if name in one]:
        yield Change(path, "changed", f"the order becomes {', '.join(other)}")


def _predicates(one: Mapping[str, str], other: Mapping[str, str]) -> Iterator[Change]:
    for name in dict.fromkeys((*one, *other)):
        if one.get(name) != other.get(name):
            kind = _kind(one.get(name), other.get(name))
            said = "its source is another one" if kind == "changed" else f"the Python predicate {name}"
            yield Change(f"predicates.{name}", kind, said)


# -------------------------------------------------------------------------------------------------------- schemas


def _schema(path: str, one: Json, other: Json) -> Iterator[Change]:
    """The fields that came, went or have another shape; anything beyond that as a whole."""
    if one == other:
        return
    before, after = _fields(one), _fields(other)
    found = False
    for name in dict.fromkeys((*before, *after)):
        if before.get(name) == after.get(name):
            continue
        found = True
        where = f"{path}.{name}"
        if name not in after:
            yield Change(where, "removed", "the field")
        elif name not in before:
            yield Change(where, "added", f"the field, {words.value(after[name], LONG)}")
        else:
            yield Change(
                where, "changed", f"{words.value(before[name], LONG)} becomes {words.value(after[name], LONG)}"
            )
    required, wanted = one.get("required", []), other.get("required", [])
    for name in dict.fromkeys((*required, *wanted)):
        if (name in required) != (name in wanted) and name in before and name in after:
            found = True
            yield Change(f"{path}.{name}", "changed", "becomes required" if name in wanted else "becomes optional")
    if not found:
        yield Change(path, "changed", "its JSON Schema is another one")


def _fields(schema: Json) -> dict[str, Json]:
    fields = schema.get("properties", {})
    return fields if isinstance(fields, dict) else {}


# ---------------------------------------------------------------------------------------------------------- tools


def _tool(path: str, one: Grant | None, other: Grant | None) -> Iterator[Change]:
    if one is None or other is None:
        terms = other or one
        many = len(terms.must) + len(terms.review) if terms is not None else 0
        yield Change(path, _kind(one, other), f"the tool, with {words.count(many, 'rule')}" if many else "the tool")
        return
    for tool in dict.fromkeys((*one.needs, *other.needs)):
        yield from _needed(f"{path}.needs.{tool}", one.needs.get(tool), other.needs.get(tool))
    yield from _plain(f"{path}.fresh", one.fresh, other.fresh)
    for argument in dict.fromkeys((*one.from_, *other.from_)):
        yield from _permitted(f"{path}.from.{argument}", one.from_.get(argument), other.from_.get(argument))
    yield from _rules(f"{path}.must", one.must, other.must)
    yield from _rules(f"{path}.review", one.review, other.review)
    yield from _ordered(f"{path}.amendable", sorted(one.amendable), sorted(other.amendable))
    yield from _plain(f"{path}.at_most", one.at_most, other.at_most)
    if one.accepts != other.accepts:
        said = [
            ", ".join(sorted(given)) or "nothing" if given is not None else "whatever was read"
            for given in (one.accepts, other.accepts)
        ]
        yield Change(f"{path}.accepts", "changed", f"{said[0]} becomes {said[1]}")
    yield from _shared(f"{path}.across", one.across, other.across, contract_shared.across)
    yield from _shared(f"{path}.rate", one.rate, other.rate, contract_shared.rate)
    yield from _plain(f"{path}.at_once", one.at_once, other.at_once)
    yield from _shared(f"{path}.breaker", one.breaker, other.breaker, contract_shared.breaker)
    yield from _delegated(path, one, other)


def _shared(path: str, one: Shared | None, other: Shared | None, said: Callable[[Any], str]) -> Iterator[Change]:
    """Of a clause about what all runs share: as a whole where it is new or gone, else field by field."""
    if one is None or other is None:
        clause = other or one
        if clause is not None:
            yield Change(path, _kind(one, other), said(clause))
        return
    for name, field in type(one).model_fields.items():
        yield from _plain(f"{path}.{field.alias or name}", getattr(one, name), getattr(other, name))


def _delegated(path: str, one: Grant, other: Grant) -> Iterator[Change]:
    """Of a tool that is an agent: its own contract, clause by clause, what it may use, and what its answers must agree on."""
    if one.agent is not None and other.agent is not None:
        contracts = [Contract.parse(given, f"{path}.agent") for given in (one.agent, other.agent)]
        for change in _differences(*contracts):
            yield Change(f"{path}.agent.{change.path}", change.kind, change.said)
    elif (agent := other.agent or one.agent) is not None:
        yield Change(f"{path}.agent", _kind(one.agent, other.agent), f"it is answered by the agent {agent.get('name')}")
    for name in Carve.model_fields:
        yield from _plain(f"{path}.limits.{name}", getattr(one.limits, name, None), getattr(other.limits, name, None))
    for name in Agree.model_fields:
        yield from _plain(f"{path}.agree.{name}", getattr(one.agree, name, None), getattr(other.agree, name, None))


def _team(one: Team | None, other: Team | None) -> Iterator[Change]:
    if one is None or other is None:
        team = other or one
        if team is not None:
            yield Change(
                "team", _kind(one, other), f"{words.listed(team.peers)} in rounds, written down by {team.writer}"
            )
        return
    yield from _ordered("team.peers", one.peers, other.peers)
    for name in ("writer", "rounds"):
        yield from _plain(f"team.{name}", getattr(one, name), getattr(other, name))


def _needed(path: str, one: Mapping[str, str] | None, other: Mapping[str, str] | None) -> Iterator[Change]:
    if one == other:
        return
    kind: Kind = "added" if one is None else "removed" if other is None else "changed"
    before, after = (", ".join(f"{name} = {what}" for name, what in (given or {}).items()) for given in (one, other))
    said = f"({before}) becomes ({after})" if kind == "changed" else f"evidence, ({after if one is None else before})"
    yield Change(path, kind, said)


def _permitted(path: str, one: Sequence[str] | None, other: Sequence[str] | None) -> Iterator[Change]:
    if sorted(one or ()) == sorted(other or ()) and (one is None) == (other is None):
        return
    kind: Kind = "added" if one is None else "removed" if other is None else "changed"
    before, after = (" or ".join(given or ()) or "nowhere" for given in (one, other))
    yield Change(path, kind, f"{before} becomes {after}" if kind == "changed" else after if one is None else before)


# ---------------------------------------------------------------------------------------------------------- rules


def _rules(path: str, one: Sequence[Clause], other: Sequence[Clause]) -> Iterator[Change]:
    before, after = list(one), list(other)
    for clause in list(before):
        if clause in after:
            before.remove(clause)
            after.remove(clause)
    for same in (_condition, _because):
        for clause in list(before):
            twin = next((item for item in after if same(item) == same(clause)), None)
            if twin is not None:
                before.remove(clause)
                after.remove(twin)
                yield Change(path, "changed", f"“{clause.because}”: {_changed(clause, twin)}")
    for clause in before:
        yield Change(path, "removed", said(clause))
    for clause in after:
        yield Change(path, "added", said(clause))


def _condition(clause: Clause) -> str:
    return clause.when if isinstance(clause, Review) else clause.that or f"check {clause.check}"


def _because(clause: Clause) -> str:
    return clause.because


def said(clause: Clause) -> str:
    """A rule in words."""
    secret = ", kept from the agent" if clause.secret else ""
    if isinstance(clause, Rule):
        return f"“{clause.because}”: {_condition(clause)}{secret}"
    when = "always" if clause.when == "true" else f"when {clause.when}"
    return f"“{clause.because}”: {when}, {_reviewers(clause)}{secret}"


def _reviewers(review: Review) -> str:
    who = review.by or "anybody"
    whom = f"{review.people} of {who}" if review.people > 1 else f"by {who}"
    within = f" within {units.say_duration(review.within)}" if review.within else ""
    return f"{whom}{within}, then {review.then}" if within else whom


def _changed(one: Clause, other: Clause) -> str:
    """What differs between two forms of a rule."""
    parts = []
    for name in type(one).model_fields:
        before, after = _field(one, name), _field(other, name)
        if before != after:
            label = {"because": "the reason", "that": "", "when": "", "by": "by", "check": "the predicate"}.get(
                name, name
            )
            parts.append(f"{label} {value(name, before)} becomes {value(name, after)}".strip())
    return "; ".join(parts)


def _field(clause: Clause, name: str) -> Any:
    return getattr(clause, name, None)


def counted(changes: Iterable[Change]) -> str:
    """How many changes there are of each kind, in words."""
    kinds = [change.kind for change in changes]
    parts = [f"{kinds.count(kind)} {kind}" for kind in ("added", "removed", "changed") if kind in kinds]
    return words.listed(parts) or "no difference"
