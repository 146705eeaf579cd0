"""What a proposal rests on: its readings with the fields that rules used, the rules that held, and what changed since.

A rule such as `args.reason != "late" || seen.get_order.days_late >= 5` is about calls with another reason too: where it is true
without any reading at all, it does not bear on this call, and what it reads is not put before a person who has to decide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from holdfast import conditions, units
from holdfast.conditions import Scope, Unanswered
from holdfast.core.provenance import leaves
from holdfast.core.state import CallState, Evidence, Question, State
from holdfast.events import Json
from holdfast.views.account import Saw
from holdfast.views.action import money
from holdfast.views.matter import Change, Field, Held, Reading
from holdfast.views.record import Content, Trace

Shown = tuple[tuple[str, Evidence], ...]
"""(tool, reading) of what is shown beside a proposal."""


def terms_of(state: State, tool: str) -> Mapping[str, Json]:
    """The contract's terms for a tool."""
    tools = state.contract.get("tools", {}) if isinstance(state.contract, dict) else {}
    found = tools.get(tool)
    return found if isinstance(found, dict) else {}


def shown(state: State, places: Sequence[int]) -> Shown:
    """The readings in these entries; of one that was read again with the same result, the newest."""
    found: dict[int, tuple[str, Evidence]] = {}
    for tool, items in state.evidence.items():
        for item in items[:]:
            if item.seq in places:
                found[item.seq] = (tool, item)
    return tuple(found[place] for place in places if place in found)


class Evidenced:
    """The evidence of one call, as one question shows it."""

    def __init__(self, seen: Trace, state: State, call: CallState, question: Question, now: int) -> None:
        self.seen, self.state, self.call, self.question, self.now = seen, state, call, question, now
        self.shown = shown(state, question.asked.evidence)
        self.terms = terms_of(state, call.tool)
        self.values: dict[str, Json] = {
            "args": call.args,
            "input": state.input,
            "seen": {tool: item.value for tool, item in self.shown},
            "caller": {
                "by": state.opened.by, "on_behalf_of": state.opened.on_behalf_of, "tenant": state.opened.tenant,
            },
            "effects": {name: list(found[:]) for name, found in state.effects.items()},
        }  # fmt: skip
        self._bare = Scope({name: value for name, value in self.values.items() if name != "seen"})

    def held(self) -> tuple[Held, ...]:
        """The conditions of the contract, each of which held: otherwise nobody would be asked."""
        return tuple(
            Held(
                rule=f"tools.{self.call.tool}.must[{at}]", because=str(rule.get("because", "")), asks=_asks(rule),
                secret=bool(rule.get("secret")), saw=self.saw(str(rule.get("that") or "")), bears=self.bears(str(rule.get("that") or "")),
            )
            for at, rule in enumerate(self.terms.get("must", []))
        )  # fmt: skip

    def bears(self, condition: str) -> bool:
        """Whether a condition needs what it reads to be true."""
        if not any(path[0] == "seen" for path in conditions.paths(condition)):
            return True
        try:
            return not self._bare.holds(condition)
        except Unanswered:
            return True

    def saw(self, condition: str) -> tuple[Saw, ...]:
        """The names that a condition reads, with their values."""
        found = []
        for path in conditions.paths(condition) if condition else ():
            value = _reach(self.values, path)
            if value is not None:
                found.append(Saw(".".join(path), value, self._place(path)))
        return tuple(found)

    def _place(self, path: tuple[str, ...]) -> tuple[int, ...]:
        if path[0] == "seen" and len(path) > 1:
            return tuple(item.seq for tool, item in self.shown if tool == path[1])
        return {"args": (self.call.seq,), "input": (1,), "caller": (1,)}.get(path[0], ())

    # ---- readings

    def readings(self) -> tuple[Reading, ...]:
        """What is shown beside the proposal, with what conditions used of it."""
        used, others = self._used()
        fresh = int(_fresh(self.terms))
        made = []
        for tool, item in self.shown:
            reader = self.seen.calls.get(item.call)
            value = item.value if isinstance(item.value, dict) else {}
            made.append(
                Reading(
                    tool=tool, args=item.args, entry=item.seq, at=item.at, age=max(self.now - item.at, 0), fresh=fresh,
                    trusted=reader is not None and reader.label.trusted, value=Content(item.value),
                    fields=tuple(
                        Field(name=".".join(path), value=found, money=money(path[-1], found, value))
                        for path in used.get(tool, ())
                        if path and (found := _reach(item.value, path)) is not None
                    ),
                    others=tuple(".".join(path) for path in others.get(tool, ()) if path and path not in used.get(tool, ())),
                )
            )  # fmt: skip
        return tuple(made)

    def _used(self) -> tuple[dict[str, list[tuple[str, ...]]], dict[str, list[tuple[str, ...]]]]:
        """(fields by tool that conditions bearing on this call read, those of the other conditions)."""
        used: dict[str, list[tuple[str, ...]]] = {}
        others: dict[str, list[tuple[str, ...]]] = {}
        for condition in self._conditions():
            into = used if self.bears(condition) else others
            for path in conditions.paths(condition):
                if path[0] == "seen" and len(path) > 1 and path[2:] not in into.setdefault(path[1], []):
                    into[path[1]].append(path[2:])
        return used, others

    def _conditions(self) -> Iterator[str]:
        for rule in self.terms.get("must", []):
            if rule.get("that"):
                yield str(rule["that"])
        for rule in self.terms.get("review", []):
            yield str(rule.get("when") or "true")
        for wanted in self.terms.get("from", {}).values():
            yield from map(str, wanted)

    # ---- what changed

    def changes(self) -> tuple[Change, ...]:
        """What is not as it was when somebody saw it last, and what has changed since this question was put."""
        used, _ = self._used()
        found: list[Change] = []
        for tool, item in self.shown:
            mine = [path for path in used.get(tool, []) if path]
            if (before := self._before(tool, item)) is not None:
                found += _differing(tool, before, item, mine)
            if (after := self._after(tool, item)) is not None:
                found += _differing(tool, item, after, mine, later=True)
        return tuple(sorted(found, key=lambda one: (not one.used, not one.later)))

    def _before(self, tool: str, item: Evidence) -> Evidence | None:
        """What the last question about this call showed in its place; where there was none, what the model was shown."""
        known = [
            question for question in self.seen.questions.values()
            if question.call == self.call.seq and question.seq < self.question.seq and question.about == "review"
        ]  # fmt: skip
        if known:
            earlier = [one for name, one in shown(self.state, known[-1].evidence) if name == tool]
        else:
            earlier = [one for one in self._alike(tool, item) if one.seq < self.call.manifest]
        return earlier[-1] if earlier and earlier[-1].digest != item.digest else None

    def _after(self, tool: str, item: Evidence) -> Evidence | None:
        """The newest reading of the same since the question was put, if it is another."""
        newer = [one for one in self._alike(tool, item) if one.seq > self.question.seq]
        return newer[-1] if newer and newer[-1].digest != item.digest else None

    def _alike(self, tool: str, item: Evidence) -> list[Evidence]:
        known = self.state.evidence.get(tool)
        return [one for one in known[:] if one.args == item.args] if known is not None else []


def _asks(rule: Mapping[str, Json]) -> str:
    return str(rule.get("that") or f"the predicate {rule.get('check')}")


def _fresh(terms: Mapping[str, Json]) -> int:
    fresh = terms.get("fresh")
    return units.duration(fresh) if isinstance(fresh, str) else 0


def _reach(value: Json, path: Sequence[str]) -> Json:
    for part in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def _differing(
    tool: str, before: Evidence, after: Evidence, used: Sequence[tuple[str, ...]], *, later: bool = False
) -> Iterator[Change]:
    old, new = dict(leaves(before.value)), dict(leaves(after.value))
    for path in dict.fromkeys([*old, *new]):
        if old.get(path) != new.get(path) or (path in old) != (path in new):
            parts = tuple(path.split("[")[0].split("."))
            yield Change(
                tool=tool, field=path, before=old.get(path), after=new.get(path), entries=(before.seq, after.seq), later=later,
                used=any(parts[: len(one)] == one or one[: len(parts)] == parts for one in used),
            )  # fmt: skip
