"""Judges: checks that a model grades, behind the same seam as every grader, and calibrated before they may fail anything.

    class Polite:
        async def __call__(self, question: Question) -> Verdict: ...

    bench = Bench.of(cases, Path("desk/judges"))        # raises WeakJudge for one that may not gate
    await bench.hear(finished)                          # asks what was not asked before
    misses = list(bench.grader(finished))

A judge is a function or a class of the user's; what it asks of which model is its own affair. It is given what a run shows and
nothing that tells two equal runs apart, so its verdict is kept under the digest of that content. How far it can be believed is
in a file of labels, `<name>.yaml`: cases that people have judged too, and the version of the judge that judged them.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from holdfast.codec import canonical, plain, public_digest
from holdfast.errors import HoldfastError, InputError, UsageError
from holdfast.evals.cases.case import Case, Ends
from holdfast.evals.cases.world import Effect
from holdfast.evals.grading.finished import Finished, Miss
from holdfast.evals.grading.labels import calibrated
from holdfast.evals.stats import calibration
from holdfast.evals.stats.calibration import Admission, Calibration, Corrected, Floors, Override, WeakJudge
from holdfast.evals.stats.rates import Interval, wilson
from holdfast.events import Json
from holdfast.views import words
from holdfast.views.record import Said

PATIENCE: Final = 120.0
"""Seconds until a judge that does not answer counts as one that gave no verdict."""


class Call(Struct, frozen=True):
    """One call of a run, as a judge sees it."""

    tool: str
    args: Json
    became: str
    """What became of it, in a word or two."""
    result: Json = None


class Question(Struct, frozen=True):
    """What a judge is given of a run. Equal runs give equal questions: nothing in it names a run, a time or a person."""

    case: str
    about: str
    input: Json
    outcome: Ends
    output: Json
    said: tuple[tuple[str, str], ...]
    """(requester or agent, what they said), in order, after the input."""
    calls: tuple[Call, ...]
    effects: tuple[Effect, ...]


class Verdict(Struct, frozen=True):
    """What a judge says of a run."""

    yes: bool
    because: str


Judge: TypeAlias = Callable[[Question], Awaitable[Verdict]]


class Unheard(HoldfastError):
    """A judge gave no verdict, so nobody can say whether the trial passed."""

    exit_code = 4


class Rate(Struct, frozen=True):
    """What a judge says of many runs, and what that says of the truth."""

    judge: str
    passed: int
    of: int
    raw: Interval
    corrected: Corrected | None
    why: str = ""
    """Why there is no corrected rate."""


class Seat(Struct, frozen=True):
    """A judge on the bench."""

    name: str
    path: str
    version: str
    judge: Judge
    found: Calibration | None
    why: str = ""
    """Why it is not calibrated."""
    admission: Admission | None = None
    """None: it does not gate."""

    @property
    def figures(self) -> str:
        """How good it is, in one line."""
        found = self.found
        if found is None:
            return self.why
        kappa = "unknown" if found.kappa is None else f"{found.kappa:.3f}"
        se, sp = (f"{one.point:.3f}" if one else "unknown" for one in (found.sensitivity, found.specificity))
        return f"kappa {kappa}, sensitivity {se}, specificity {sp}, n = {found.counts.of}"


# ------------------------------------------------------------------------------------------------------ one judge


def question(finished: Finished) -> Question:
    """What a judge is given of a run."""
    seen = finished.trace
    said = (item for item in seen.items if isinstance(item, Said))
    asked = sorted((call for call in seen.calls.values() if not call.serves), key=lambda call: call.seq)
    return Question(
        case=finished.case.name,
        about=finished.case.about,
        input=finished.state.input,
        outcome=finished.outcome,
        output=finished.output,
        said=tuple(("requester" if one.to_agent else "agent", str(one.text.value)) for one in said),
        calls=tuple(
            Call(
                call.tool, call.args.value, words.fate(call), call.result.value if call.result else (call.told or None)
            )
            for call in asked
        ),
        effects=tuple(Effect(effect.tool, plain(effect.args)) for effect in finished.effects),
    )


def judge_at(path: str) -> Judge:
    """The judge that `package.module:name` names; a class is made without arguments. Raises InputError."""
    module_name, _, name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), name, None)
    except ImportError as error:
        raise InputError(f"the judge {path} cannot be imported: {error}", hint="is it installed, or here?") from None
    made: Any = found() if inspect.isclass(found) else found
    if not inspect.iscoroutinefunction(made) and not inspect.iscoroutinefunction(getattr(made, "__call__", None)):  # noqa: B004
        raise InputError(
            f"{path} is no judge", hint="it is an async function of a Question, or a class with such a call"
        )
    judge: Judge = made
    return judge


def version_of(judge: Judge) -> str:
    """What tells this judge from one of other wording: its `version`, or else the digest of the file it stands in.

    Raises InputError where there is neither.
    """
    stated = getattr(judge, "version", "")
    if stated:
        return str(stated)
    kind: Any = judge if inspect.isroutine(judge) else type(judge)
    module = inspect.getmodule(kind)
    try:
        text = inspect.getsource(module) if module is not None else ""
    except (OSError, TypeError):
        text = ""
    if not text:
        raise InputError(
            f"nobody can tell which version the judge {kind.__qualname__} is", hint='give it `version = "…"`'
        )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def seat(
    name: str, path: str, folder: Path, *, floors: Floors | None = None, override: Override | None = None, gates: bool = True
) -> Seat:  # fmt: skip
    """A judge with what is known of it. Raises WeakJudge for one that is to gate and may not, InputError for none at all."""
    judge = judge_at(path)
    version = version_of(judge)
    found, why = calibrated(path, version, folder / f"{name}.yaml")
    admission = None
    if gates:
        floors = floors or Floors()
        faults = calibration.weaknesses(found, floors) if found is not None else (why,)
        if faults and override is None:
            figures = f" ({Seat(name, path, version, judge, found, why).figures})" if found is not None else ""
            raise WeakJudge(
                f"the judge {name} may not gate: {'; '.join(faults)}{figures}",
                hint="calibrate it on labels drawn at random, let it advise only, or override with a name and a reason",
            )
        admission = Admission(floors, faults, override if faults else None)
    return Seat(name, path, version, judge, found, why, admission)


# ------------------------------------------------------------------------------------------------------ the bench


class Bench:
    """The judges of a suite, and what they have said.

    gates: whether a no fails a trial; judges that only advise need no calibration. kept: a file in which verdicts are kept
    under the digests of what was judged, one a line; it holds no word of a run but the judge's reasons.
    """

    def __init__(self, seats: Iterable[Seat], *, gates: bool = True, kept: Path | None = None) -> None:
        self.seats = {one.name: one for one in seats}
        self.gates = gates
        self._kept = kept
        self._known: dict[str, Verdict] = dict(_lines(kept)) if kept is not None and kept.exists() else {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._said: dict[str, dict[str, Verdict]] = {}
        """Run → judge → verdict."""
        self.asked = 0
        """Times that a judge was really asked."""

    @classmethod
    def of(
        cls, cases: Iterable[Case], folder: Path, *, gates: bool = True, floors: Floors | None = None,
        overrides: Mapping[str, Override] | None = None, kept: Path | None = None,
    ) -> Bench:  # fmt: skip
        """The judges that cases name. folder: where the labels of each are, in `<name>.yaml`. overrides: by judge.

        Raises WeakJudge for one that may not gate, InputError for one that is none, or for one name of two judges.
        """
        paths: dict[str, str] = {}
        for case in cases:
            for name, path in case.expect.judges.items():
                if paths.setdefault(name, path) != path:
                    raise InputError(f"case {case.name}: the judge {name} is {path} here, and {paths[name]} elsewhere")
        given = overrides or {}
        return cls(
            [seat(name, path, folder, floors=floors, override=given.get(name), gates=gates) for name, path in paths.items()],
            gates=gates, kept=kept,
        )  # fmt: skip

    @property
    def names(self) -> frozenset[str]:
        """Who sits here."""
        return frozenset(self.seats)

    async def hear(self, finished: Finished) -> None:
        """Have each judge that a case names judge its run. Raises Unheard where one gives no verdict."""
        names = finished.case.expect.judges
        if not names:
            return
        unknown = sorted(set(names) - self.names)
        if unknown:
            raise UsageError(f"case {finished.case.name} names the judge {unknown[0]}, who does not sit here")
        shown = question(finished)
        said = [await self._verdict(self.seats[name], shown) for name in names]
        self._said[finished.state.run] = dict(zip(names, said, strict=True))

    def grader(self, finished: Finished) -> Iterator[Miss]:
        """What the judges say against a run they have heard; nothing where they only advise. Raises UsageError before that."""
        names = finished.case.expect.judges
        if not names or not self.gates:
            return
        said = self._said.get(finished.state.run)
        if said is None:
            raise UsageError(f"run {finished.state.run} is graded before its judges have heard it", hint="await hear()")
        for name in names:
            verdict = said[name]
            if not verdict.yes:
                why = f"{name} says no, because {words.shortened(verdict.because, 300)}"
                yield Miss("judges", why, (finished.state.seq,))

    def verdicts(self, run: str) -> Mapping[str, Verdict]:
        """What the judges have said of a run, by judge; empty where they have not heard it."""
        return self._said.get(run, {})

    def rates(self) -> tuple[Rate, ...]:
        """What each judge said of all the runs it heard here, and what that says of the truth."""
        found = []
        for name in self.seats:
            verdicts = [said[name].yes for said in self._said.values() if name in said]
            if verdicts:
                found.append(self.rate(name, sum(verdicts), len(verdicts)))
        return tuple(found)

    def rate(self, name: str, passed: int, of: int) -> Rate:
        """What `passed` verdicts of `of` say. The corrected rate is refused for a judge below a floor that nobody overrode."""
        one, raw = self.seats[name], wilson(passed, of)
        if one.found is None:
            return Rate(name, passed, of, raw, None, one.why)
        floors, word = (one.admission.floors, one.admission.override) if one.admission else (None, None)
        try:
            return Rate(
                name, passed, of, raw, calibration.corrected(one.found, passed, of, floors=floors, override=word)
            )
        except WeakJudge as error:
            return Rate(name, passed, of, raw, None, f"{error.what} ({one.figures})")

    # ---- asking

    async def _verdict(self, one: Seat, shown: Question) -> Verdict:
        key = public_digest([one.path, one.version, msgspec.to_builtins(shown)])
        if key in self._known:
            return self._known[key]
        async with self._locks.setdefault(key, asyncio.Lock()):  # equal trials at the same moment ask once
            if key not in self._known:
                verdict = await self._ask(one, shown)
                self._known[key] = verdict
                self._keep(key, verdict)
        self._locks.pop(key, None)
        return self._known[key]

    async def _ask(self, one: Seat, shown: Question) -> Verdict:
        self.asked += 1
        try:
            async with asyncio.timeout(PATIENCE):
                verdict = await one.judge(shown)
        except Exception as error:
            raise Unheard(f"the judge {one.name} gave no verdict: {type(error).__name__}: {error}") from error
        if not isinstance(verdict, Verdict):
            raise Unheard(f"the judge {one.name} gave {type(verdict).__name__}", hint="return Verdict(yes, because)")
        return verdict

    def _keep(self, key: str, verdict: Verdict) -> None:
        if self._kept is not None:
            self._kept.parent.mkdir(parents=True, exist_ok=True)
            with self._kept.open("ab") as file:
                file.write(b"\n" + canonical({"key": key, "yes": verdict.yes, "because": verdict.because}))


class _Line(Struct):
    key: str
    yes: bool
    because: str


def _lines(kept: Path) -> Iterator[tuple[str, Verdict]]:
    """Verdicts that were kept; a line that was cut off in the writing is none, and the next begins one of its own."""
    for line in kept.read_bytes().splitlines():
        try:
            one = msgspec.json.decode(line, type=_Line)
        except msgspec.DecodeError:
            continue
        yield one.key, Verdict(one.yes, one.because)
