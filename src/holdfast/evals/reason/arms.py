"""The arms of a counterfactual: where a recorded run is forked, what is otherwise there, and what the world answers after it.

    control     nothing is otherwise: how often it comes to something else by itself
    flip        a field has another value, and all that mirrors it too: another action is expected
    withhold    a tool does not answer: it has to ask, try again, hand over or decline
    placebo     a field that does not matter has another value: nothing may change

A result is edited where it stands in the journal, so control, flip and placebo begin at one place: before the model was first
asked upon any of what is edited. A tool is withheld from where it was first asked for. The world after it never contradicts
an edit: who reads the same again is answered as edited. A pure function of entries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from holdfast.codec import canonical
from holdfast.core import fork
from holdfast.errors import InputError
from holdfast.evals.cases.answers import answers
from holdfast.evals.cases.case import Answered, Fixtures
from holdfast.evals.grading.values import fits
from holdfast.evals.reason.came import UNDECIDED, Came, arguments, came
from holdfast.evals.reason.decision import Decision, Flip, place_of
from holdfast.evals.reason.required import Evidence, has, put, screen
from holdfast.evals.trials.trial import VERDICT
from holdfast.events import CallAsked, Entry, Json, Noted
from holdfast.views import words
from holdfast.views.detectors.finding import leaf
from holdfast.views.record import Trace, Turn
from holdfast.views.trace import trace

Kind: TypeAlias = Literal["control", "flip", "withhold", "placebo"]


class Arm(Struct, frozen=True, kw_only=True):
    """One arm of one run."""

    kind: Kind
    name: str
    """The same in every run: the field or the tool."""
    what: str
    """What is otherwise in this run, in a few words."""
    at: int
    """The last entry that its forks have from the run."""
    edits: dict[int, Json] = {}
    """Entry that holds a result → what stands there instead."""
    fixtures: Fixtures
    """What the world answers after that."""
    expected: Json = None
    lands: str = ""
    """The tool that has to be asked for in the fork, or nothing is otherwise there."""


class Plan(Struct, frozen=True, kw_only=True):
    """What is to be forked of one run."""

    run: str
    decided: Came
    evidence: tuple[Evidence, ...]
    arms: tuple[Arm, ...]
    left_out: tuple[str, ...]
    """Arms there cannot be, each with its reason."""
    unread: tuple[str, ...]
    """Fields to be flipped that had never been read: changing them could have changed nothing."""
    passed: bool | None
    """Whether its outcome is right, as far as somebody said; None: nobody did."""


class _Reading(Struct, frozen=True):
    """What a read was answered."""

    seq: int
    ask: int
    """The request to the model whose answer asked for it."""
    answer: Answered

    @property
    def key(self) -> bytes:
        return canonical([self.answer.tool, self.answer.args])

    def edited(self, changes: dict[str, Json]) -> _Reading:
        """The same with other values at some paths, where it has them."""
        gives = self.answer.gives
        for path, to in changes.items():
            gives = put(gives, path, to) if has(gives, path) else gives
        return _Reading(self.seq, self.ask, self.answer.model_copy(update={"gives": gives}))


def plan(entries: Sequence[Entry], decision: Decision) -> Plan:
    """What is to be forked of a run. Raises InputError where nothing was decided in it."""
    seen, decided = trace(entries), came(entries, decision, after=fork.begun(entries))
    if decided.word in UNDECIDED or not decided.ask:
        raise InputError(
            f"nothing was decided in it: it is {decided.word}",
            run=seen.run,
            hint="name a run that came to an end of its own",
        )
    return _Maker(entries, seen, decision, decided).plan()


class _Maker:
    """Makes the arms of one run."""

    def __init__(self, entries: Sequence[Entry], seen: Trace, decision: Decision, decided: Came) -> None:
        self._entries, self._seen, self._decision, self._decided = entries, seen, decision, decided
        self._readings = list(_readings(seen))
        self._known = [one for one in self._readings if one.seq < decided.ask and _gave(one.answer)]
        """What had been read when it was decided."""
        self._left_out: list[str] = []
        self._unread: list[str] = []
        self._asks = [one.asked[0].seq for one in seen.items if isinstance(one, Turn)]

    def plan(self) -> Plan:
        """All arms that there can be."""
        edited = [*self._flips(), *self._placebos()]
        places = [self._first_asked(min(one.seq for one in changed)) for _, _, _, _, changed in edited]
        at = min([*places, self._asked_at(self._decided.ask)]) - 1
        arms = [Arm(kind="control", name="control", what="nothing otherwise", at=at, fixtures=self._world(at, {}))]
        for kind, name, what, expected, changed in edited:
            by_seq = {one.seq: one for one in changed}
            arm = Arm(
                kind=kind, name=name, what=what, at=at, expected=expected,
                edits={seq: one.answer.gives for seq, one in by_seq.items() if seq <= at},
                fixtures=self._world(at, {one.key: one for one in changed}),
                lands="" if min(by_seq) <= at else changed[0].answer.tool,
            )  # fmt: skip
            arms.append(arm)
        arms += self._withheld()
        return Plan(
            run=self._seen.run, decided=self._decided, evidence=screen(self._entries, self._decision, self._decided),
            arms=tuple(arms), left_out=tuple(self._left_out), unread=tuple(self._unread), passed=passed(self._entries),
        )  # fmt: skip

    # ---- what is edited

    def _flips(self) -> Iterator[tuple[Kind, str, str, Json, list[_Reading]]]:
        given = arguments(self._entries, self._decided)
        for place, flips in self._decision.flip.items():
            tool, path = place_of(place)
            mine = [one for one in self._known if one.answer.tool == tool]
            meant = [flip for flip in flips if not flip.when or fits(flip.when, given)]
            fitting = [(flip, found) for flip in meant if (found := [one for one in mine if _from(flip, one, path)])]
            if not meant:
                only = words.listed([words.value(flip.when, 60) for flip in flips], "or")
                self._left_out.append(f"{place}: it is of decisions with {only} only")
            elif not mine:
                self._unread.append(place)
                self._left_out.append(f"{place}: {tool} had not been read, so there is nothing to change")
            elif not fitting:
                was, wanted = leaf(mine[-1].answer.gives, path), [words.value(flip.of, 40) for flip in meant]
                self._left_out.append(
                    f"{place}: it is {words.value(was, 40)} there, and not {words.listed(wanted, 'or')}"
                )
            for flip, readings in fitting:
                was = leaf(readings[-1].answer.gives, path)
                what = f"{words.value(was, 40)} → {words.value(flip.to, 40)}"
                yield "flip", _named(place, flip), what, flip.expected, self._changed(place, flip, readings)

    def _changed(self, place: str, flip: Flip, fitting: list[_Reading]) -> list[_Reading]:
        """The readings that are otherwise: those of the field itself, and of all that mirrors it."""
        tool, path = place_of(place)
        by_tool: dict[str, dict[str, Json]] = {tool: {path: flip.to}}
        for other, to in flip.also.items():
            by_tool.setdefault(place_of(other)[0], {})[place_of(other)[1]] = to
        found = [one.edited(by_tool[tool]) for one in fitting]
        for name, changes in by_tool.items():
            if name != tool:
                found += [one.edited(changes) for one in self._known if one.answer.tool == name]
        return found

    def _placebos(self) -> Iterator[tuple[Kind, str, str, Json, list[_Reading]]]:
        for place, given in self._decision.placebo.items():
            tool, path = place_of(place)
            mine = [one for one in self._known if one.answer.tool == tool and has(one.answer.gives, path)]
            if not mine:
                self._left_out.append(f"{place}: it had not been read, so there is nothing to change")
                continue
            was = leaf(mine[-1].answer.gives, path)
            to = _otherwise(was) if given is None else given
            if to == was:
                self._left_out.append(
                    f"{place}: say in decisions.yaml what to put there instead of {words.value(was, 40)}"
                )
                continue
            what = f"{words.value(was, 40)} → {words.value(to, 40)}"
            yield "placebo", place, what, None, [one.edited({path: to}) for one in mine]

    def _withheld(self) -> Iterator[Arm]:
        for answer in self._decision.withhold:
            mine = [one for one in self._readings if one.answer.tool == answer.tool and one.ask < self._decided.ask]
            if not mine:
                self._left_out.append(f"{answer.tool}: it was not called before that, so there is nothing to withhold")
                continue
            at = self._asked_at(min(one.ask for one in mine)) - 1
            others = [one for one in self._world(at, {}).calls if one.tool != answer.tool]
            said = answer.model_copy(update={"times": 0})
            yield Arm(
                kind="withhold", name=_silent(answer), what=_silent(answer), at=at, lands=answer.tool,
                fixtures=Fixtures(calls=[*others, said]),
            )  # fmt: skip

    # ---- places and the world

    def _asked_at(self, ask: int) -> int:
        """The first request of the step that a request belongs to."""
        return max((seq for seq in self._asks if seq <= ask), default=ask)

    def _first_asked(self, seq: int) -> int:
        """The first request after an entry: there the model is told what stands in it."""
        return min((one for one in self._asks if one > seq), default=self._asked_at(self._decided.ask))

    def _world(self, at: int, edited: dict[bytes, _Reading]) -> Fixtures:
        """The recorded answers from an entry on, or the last before it; of what is edited, the edited one."""
        groups: dict[bytes, list[_Reading]] = {}
        for one in self._readings:
            groups.setdefault(one.key, []).append(one)
        calls: list[Answered] = []
        for key, group in groups.items():
            if key in edited:
                calls.append(edited[key].answer)
                continue
            later = [one.answer for one in group if one.seq > at] or [group[-1].answer]
            calls += [one.model_copy(update={"times": 1}) for one in later[:-1]]
            calls.append(later[-1])
        return Fixtures(calls=calls)


def passed(entries: Sequence[Entry]) -> bool | None:
    """Whether a run's outcome is right: by the verdict of a trial, or of the last person who gave one; None: nobody did."""
    found: bool | None = None
    for entry in entries:
        event = entry.event
        if isinstance(event, Noted) and not any(isinstance(_at(entries, seq), CallAsked) for seq in event.evidence):
            if event.finding == VERDICT and event.score is not None:
                found = event.score == 1
            elif event.finding in ("good", "bad"):
                found = event.finding == "good"
    return found


def _at(entries: Sequence[Entry], seq: int) -> object:
    return entries[seq - 1].event if 0 < seq <= len(entries) else None


def _readings(seen: Trace) -> Iterator[_Reading]:
    """The last answer to each read, pages put together, in the order in which they came."""
    for call in sorted(seen.calls.values(), key=lambda one: one.answered):
        if call.effect != "read" or not call.answered or (call.serves and call.cursor):
            continue
        inner = {seq: seen.calls[seq] for seq in call.inner}
        recorded = answers(msgspec.structs.replace(seen, calls={call.seq: call, **inner})).calls
        mine = [one for one in recorded if one.tool == call.tool and one.args == call.args.value]
        if mine:
            yield _Reading(call.answered, call.manifest, mine[-1].model_copy(update={"times": 0}))


def _gave(answer: Answered) -> bool:
    return not (answer.refused or answer.not_done or answer.unknown)


def _from(flip: Flip, reading: _Reading, path: str) -> bool:
    gives = reading.answer.gives
    return has(gives, path) and (flip.any or fits(flip.of, leaf(gives, path)))


def _named(place: str, flip: Flip) -> str:
    """What a flip is called in every run."""
    return f"{place} → {words.value(flip.to, 30)}"


def _silent(answer: Answered) -> str:
    if answer.partial:
        return f"{answer.tool} in part"
    return f"{answer.tool} empty" if _gave(answer) else f"{answer.tool} fails"


def _otherwise(value: Json) -> Json:
    """Another value of the same kind that says nothing; the same one where there is none."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return f"{value} (as told)" if value else "nothing"
        case _:
            return value
