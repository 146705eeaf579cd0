"""The audit of a drilled run: what the world says was changed, against what its journal says was done, and those below it.

Each call of these runs accounts for one effect at most: one that the journal says was done for exactly one, one of unknown outcome
for one or none, one that was refused, denied or surely did nothing for none. From that follow the two figures that must be 0:

* **doubled**: effects in the world's account that no call accounts for. An effect that came twice under one call is one, and so
  is an effect of a call that the journal says was never carried out. Where the run is compared with its clean twin, an effect
  that equals another one of the same run in tool and arguments is one too, beyond how often the twin had it: that is a second
  call for the same thing, which a person would call a double as well.
* **lost**: writes that the journal says were done, and that the world's account does not hold.

An effect belongs to a call of its tool if the arguments that both have are equal. A tool of which the world's account never
shows an effect, in no clean trial, cannot be judged; it is named, and left out of `lost`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from holdfast.codec import canonical, plain, value_of
from holdfast.contract import Contract
from holdfast.core.state import State
from holdfast.evals.cases.world import Effect
from holdfast.evals.grading.effects import assigned
from holdfast.evals.grading.finished import Part
from holdfast.events import (
    CallAsked,
    CallFailed,
    CallLookedUp,
    CallReturned,
    CallReturnedLate,
    CallSettled,
    CallStarted,
    Entry,
    Json,
    LimitName,
    ModelAsked,
    ModelFailed,
    ProposalAmended,
)

CEILINGS: Final[tuple[LimitName, ...]] = ("steps", "usd", "retries")
"""Limits that are reserved before something begins, so that nothing can pass them. `work` and `wall` are looked at between
steps, and pass by as long as the step under way takes."""


class Told(Struct):
    """What a journal tells of one call."""

    run: str
    seq: int
    tool: str
    args: Json
    write: bool
    done: bool = False
    running: bool = False
    """An attempt began, and nothing was said of it."""
    open: bool = False
    """An earlier attempt of unknown outcome was not found out about."""
    starts: int = 0
    keys: frozenset[str] = frozenset()
    """Of its attempts; the empty one: no key."""
    denied: bool = False
    """An attempt said that it surely did nothing."""
    absent: bool = False
    """A look-up said that there is no effect."""
    found: bool = False
    """A look-up said that there is one."""

    @property
    def unknown(self) -> bool:
        """Whether an attempt began of which nobody knows what became."""
        return self.running or self.open


class Wrong(Struct, frozen=True):
    """An effect too many, or one too few."""

    tool: str
    call: int
    """The call it belongs to, as far as that can be told; 0: none."""
    why: str
    run: str = ""
    """The run of that call; empty: none."""


class Audit(Struct, frozen=True):
    """What came of one run."""

    doubled: tuple[Wrong, ...] = ()
    lost: tuple[Wrong, ...] = ()
    overrun: tuple[str, ...] = ()
    """Each ceiling that was passed, in a sentence."""
    effects: tuple[tuple[str, str], ...] = ()
    """What the world says was changed: tool, and a digest of tool and arguments."""
    done: tuple[str, ...] = ()
    """Tools of the writes that the journal says were done."""
    tasks: tuple[str, ...] = ()
    """Of each effect, the task of the run it belongs to; empty where that is the one at the top, or none."""


def audit(
    entries: Sequence[Entry], state: State, effects: Sequence[Effect], contract: Contract, below: Sequence[Part] = ()
) -> Audit:  # fmt: skip
    """Judge one run that came to rest, with those below it."""
    parts = (Part(state, entries), *below)
    told = [one for part in parts for one in calls(part.entries, part.state.run).values()]
    # Those that must have an effect come first: one that has got an effect keeps one.
    order = sorted((one for one in told if one.done or one.unknown), key=lambda one: not (one.done and one.write))
    owners = _owners(order, effects)
    served = set(owners.values())
    lost = [one for at, one in enumerate(order) if one.done and one.write and at not in served]
    doubled = {at: _too_many(effect, told) for at, effect in enumerate(effects) if at not in owners}
    whose = [order[owners[at]].run if at in owners else doubled[at].run or state.run for at in range(len(effects))]
    over = []
    for part in parts:
        under = Contract.parse(part.state.contract, f"run {part.state.run}") if part.above else contract
        own = [effect for run, effect in zip(whose, effects, strict=True) if run == part.state.run]
        over += [f"{why}{part.where}" for why in overruns(part.entries, part.state, under, own)]
    return Audit(
        doubled=tuple(doubled.values()),
        lost=tuple(Wrong(one.tool, one.seq, _lost(one), one.run) for one in lost),
        overrun=tuple(over),
        effects=tuple((effect.tool, _digest(effect)) for effect in effects),
        done=tuple(one.tool for one in told if one.done and one.write),
        tasks=tuple(_task(parts, run) for run in whose),
    )


def happened(parts: Sequence[Part], effects: Sequence[Effect], run: str, call: int) -> bool:
    """Whether the world holds an effect of a call in doubt: one that no call needs which the journals say was done."""
    told = [one for part in parts for one in calls(part.entries, part.state.run).values()]
    done = [one for one in told if one.done and one.write and (one.run, one.seq) != (run, call)]
    asked = [one for one in told if (one.run, one.seq) == (run, call)]
    return len(done) in _owners([*done, *asked], effects).values()


def _owners(order: Sequence[Told], effects: Sequence[Effect]) -> dict[int, int]:
    """Effect → the call it belongs to; of calls that want the same one, the first has it."""
    return assigned([[at for at, effect in enumerate(effects) if _belongs(effect, one)] for one in order])


def repeated(audit: Audit, clean: Audit) -> list[str]:
    """Tools of effects that came more often than once and than in the clean twin, apart from those that no call accounts for.

    Of the runs below, those that were given the same task count together: two that were given two may each do the same thing.
    """
    known = _tally(clean)
    more = {one: many - max(1, known[one]) for one, many in _tally(audit).items()}
    spare = Counter(one.tool for one in audit.doubled)
    found = []
    for ((tool, _), _), many in more.items():
        for _ in range(many):
            if spare[tool]:
                spare[tool] -= 1  # it is counted already
            else:
                found.append(tool)
    return found


def _tally(audit: Audit) -> Counter[tuple[tuple[str, str], str]]:
    """(effect, task) → how often."""
    tasks = audit.tasks or ("",) * len(audit.effects)  # an older note knows none
    return Counter(zip(audit.effects, tasks, strict=True))


def _task(parts: Sequence[Part], run: str) -> str:
    """What a run below was given to do, as far as that tells it from others."""
    state = next((part.state for part in parts if part.above and part.state.run == run), None)
    return "" if state is None else hashlib.sha256(canonical([state.opened.agent, state.input])).hexdigest()[:16]


def calls(entries: Sequence[Entry], run: str = "") -> dict[int, Told]:
    """The calls of a run that were started at least once."""
    found: dict[int, Told] = {}
    for entry in entries:
        event = entry.event
        if isinstance(event, CallAsked):
            found[entry.seq] = Told(run, entry.seq, event.tool, value_of(event.args), event.effect == "write")
            continue
        call = found.get(getattr(event, "call", 0))
        if call is not None:
            _tell(call, event)
    return {seq: one for seq, one in found.items() if one.starts}


def _tell(call: Told, event: object) -> None:
    match event:
        case ProposalAmended(args=args):
            call.args = value_of(args)
        case CallStarted(key=key):
            call.open = call.open or call.running
            call.starts, call.keys, call.running = call.starts + 1, call.keys | {key}, True
        case CallReturned(complete=complete):
            call.done = call.done or complete not in ("started", "simulated")
            call.running, call.open = complete == "started", False
        case CallFailed(fate=fate):
            call.open = call.open or fate == "unknown"  # a later attempt that did nothing says nothing of it
            call.running, call.denied = False, call.denied or fate == "not_done"
        case CallLookedUp(answer=answer):
            call.found, call.absent = call.found or answer == "found", call.absent or answer == "absent"
            call.done = call.done or answer == "found"
            if answer in ("found", "absent"):
                call.running = call.open = False
        case CallSettled(verdict=verdict):
            call.done, call.running, call.open = verdict == "happened", False, verdict == "stop"
        case CallReturnedLate(result=result, fate=fate):
            call.done = call.done or result is not None or fate is None
        case _:
            pass


def _belongs(effect: Effect, call: Told) -> bool:
    if effect.tool != call.tool:
        return False
    if not isinstance(call.args, dict):
        return True
    args = plain(effect.args)
    return all(args[name] == call.args[name] for name in args if name in call.args)


def _too_many(effect: Effect, told: Sequence[Told]) -> Wrong:
    own = next((one for one in told if _belongs(effect, one)), None)
    if own is None:
        return Wrong(effect.tool, 0, f"no call of {effect.tool} in the run had these arguments")
    return Wrong(effect.tool, own.seq, _why_again(own), own.run)


def _why_again(own: Told) -> str:
    """How a call came to have more effects than it accounts for."""
    if not own.write:
        return "it is declared as a read, so the machine runs it again, and it changes something"
    if own.absent:
        return "its look-up said absent, and the effect was there or still came: settle is too short, or it looks in the wrong place"
    if own.denied:
        return "an attempt said that it surely did nothing, and it had its effect"
    if own.starts == 1:
        say = "once, and the run says that it was done once" if own.done else "and the run says that nothing was done"
        return f"it was started {say}: one attempt had more effects than it told of"
    if own.keys == {""}:
        return "it was started again though nobody could tell what became of it: a fault of holdfast"
    if len(own.keys) > 1:
        return "its attempts had different keys: a fault of holdfast"
    return "it takes a key and does not honour it: a second attempt under the same key had its effect again"


def _lost(call: Told) -> str:
    if call.found:
        return "its look-up found an effect that is not there"
    return "it said that it was done, and the world does not hold it"


def _digest(effect: Effect) -> str:
    return hashlib.sha256(canonical([effect.tool, plain(effect.args)])).hexdigest()[:16]


def overruns(entries: Sequence[Entry], state: State, contract: Contract, effects: Sequence[Effect]) -> Iterator[str]:
    """Every ceiling of the contract that was passed, and every wait that was cut short."""
    spent = {"steps": state.spent.steps, "usd": state.spent.charged, "retries": state.spent.retries}
    for name in CEILINGS:
        top = getattr(contract.limits, name)
        carved = state.opened.carved.get(name)
        if carved is not None:
            top = carved if top is None else min(top, carved)
        if top is not None and spent[name] > top + state.grants.get(name, 0):
            yield f"{name}: {spent[name]} of {top + state.grants.get(name, 0)}"
    for tool, terms in contract.tools.items():
        most, many = terms.at_most, sum(effect.tool == tool for effect in effects)
        if most is not None and many > most:
            yield f"{tool}: {many} effects, at most {most}"
    yield from _impatient(entries)


def _impatient(entries: Sequence[Entry]) -> Iterator[str]:
    """Attempts that began before the other side said that they may."""
    waits: dict[int | str, int] = {}
    asked: dict[int, str] = {}
    for entry in entries:
        event = entry.event
        match event:
            case CallFailed(call=call, retry_at=retry_at):
                waits[call] = retry_at
            case CallStarted(call=call) if entry.at < waits.get(call, 0):
                yield f"call {call} began again before it was to"
            case ModelAsked(model=model):
                asked[entry.seq] = model
                if entry.at < waits.get(model, 0):
                    yield f"{model} was asked again before it was to be"
            case ModelFailed(ask=ask, retry_at=retry_at):
                waits[asked.get(ask, "")] = retry_at
            case _:
                pass
