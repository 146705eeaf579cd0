"""One seed, one schedule: what is wanted, under which terms, who works at it, and what goes wrong when."""

from __future__ import annotations

import random
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from holdfast.testing.sim.clerk import Terms
from holdfast.testing.sim.people import Manner
from holdfast.testing.sim.room import SECOND
from holdfast.testing.sim.store import Pace, Trouble
from holdfast.testing.sim.world import Weather

Step: TypeAlias = tuple[str, str, int]
Plan: TypeAlias = list[list[Step]]

FaultKind: TypeAlias = Literal["kill", "power", "freeze", "disk", "restore", "backup", "skew"]


class Fault(Struct, frozen=True):
    """Something that goes wrong."""

    at: int
    """µs since the room began."""
    kind: FaultKind
    who: int = 0
    length: int = 0
    trouble: Trouble = ""


class Death(Struct, frozen=True):
    """A death at a dealing with the outside: the `number`th of the whole schedule."""

    number: int
    power: bool = False
    keeps: bool | None = None
    """Whether an append that is under way gets in; None: by chance."""


class Schedule(Struct, frozen=True):
    """Everything that is drawn before the room opens."""

    seed: int
    plans: tuple[Plan, ...]
    terms: Terms = Terms()
    workers: int = 1
    front: bool = True
    """Whether the process that opens runs drives them too, and goes on where another would end."""
    mode: Literal["live", "supervise"] = "live"
    personal: bool = False
    weather: Weather = Weather()
    pace: Pace = Pace()
    manner: Manner = Manner()
    faults: tuple[Fault, ...] = ()
    deaths: tuple[Death, ...] = ()
    poll: float = 3.0
    """Seconds between a worker's looks for due runs."""
    tells: bool = True
    """Whether the store can tell if a worker lives."""
    slow_threads: bool = False
    calm_at: int = 300 * SECOND
    """When faults stop and people answer everything."""


WRITES: Final = ("pay", "ship", "mail", "post", "order", "book")


def draw(seed: int) -> Schedule:
    """Draw a schedule. Each part has a source of chance of its own, so that a change to one leaves the others as they were."""

    def part(name: str) -> random.Random:
        return random.Random(f"{name} {seed}")

    chance = part("size")
    calm_at = chance.choice((60, 200, 600)) * SECOND
    workers, runs = chance.choice((1, 1, 2, 2, 3, 4)), chance.choice((1, 1, 1, 2, 3))
    faults = _faults(part("faults"), workers, calm_at)
    manner, plans, weather = _manner(part("manner")), part("plans"), _weather(part("weather"))
    if weather.late and part("haste").random() < 0.5:  # the answer comes when somebody has ruled already
        manner = msgspec.structs.replace(manner, rash=max(manner.rash, 0.5))
    if any(
        fault.kind == "restore" for fault in faults
    ):  # what they got wrong would be lost, and with it why it was done again
        manner = msgspec.structs.replace(manner, rash=0.0, patient=True)
    terms, sharing = _terms(part("terms")), part("shared")
    if sharing.random() < 0.25:
        terms, runs = msgspec.structs.replace(terms, shared=True), runs + sharing.choice((1, 2))
    return Schedule(
        seed=seed, plans=tuple(_plan(plans, run) for run in range(runs)), terms=terms, workers=workers,
        front=chance.random() < 0.5, mode="supervise" if chance.random() < 0.08 else "live", personal=chance.random() < 0.1,
        weather=weather, pace=_pace(part("pace")), manner=manner, faults=faults, deaths=_deaths(part("deaths")),
        poll=chance.choice((2.0, 5.0, 12.0)), tells=chance.random() < 0.7, slow_threads=chance.random() < 0.3, calm_at=calm_at,
    )  # fmt: skip


def _some(chance: random.Random, likely: float, most: float) -> float:
    return chance.uniform(0, most) if chance.random() < likely else 0.0


def _plan(chance: random.Random, run: int) -> Plan:
    """Two to four turns, a write or two in most; sometimes the same thing twice, on purpose."""
    favourites = chance.sample(WRITES, chance.choice((1, 2, 3, 6)))
    plan: Plan = []
    for turn in range(chance.choice((1, 2, 2, 3, 4))):
        steps: list[Step] = []
        for number in range(chance.choice((1, 1, 2, 3))):
            name, item = chance.choice(favourites), f"r{run}t{turn}n{number}"
            if name == "ship" and chance.random() < 0.15:
                steps.append(("look", item, 0))  # asked for in one turn: it is not what the model had seen
            elif name == "ship":
                plan.append([("look", item, 0)])
            if chance.random() < 0.15:
                steps.append((chance.choice(("look", "browse")), item, 0))
            steps.append((name, item, chance.choice((20, 120, 400, 900)) if name in ("pay", "book") else 0))
        plan.append(steps)
        if chance.random() < 0.1:
            again = [step for step in steps if step[0] in WRITES][:1]
            plan.append(again)
    if chance.random() < 0.1:
        plan.insert(chance.randrange(len(plan) + 1), [("ask", f"r{run}", 0)])
    return plan


def _terms(chance: random.Random) -> Terms:
    return Terms(
        reviewed=chance.random() < 0.7, people=chance.choice((1, 2)), within=chance.choice(("20s", "10m")),
        then=chance.choice(("deny", "ask: boss")), needs=chance.random() < 0.6, fresh=chance.choice(("4s", "20s")),
        at_most=chance.choice((1, 2)), usd=chance.choice(("1.00", "1.00", "0.03")), retries=chance.choice((2, 8, 8)),
        steps=chance.choice((6, 30, 30)), exhausted=chance.choice(("tell", "review", "stop")),
        partial=chance.choice(("tell", "tell", "review", "stop")), unknown=chance.choice(("review", "review", "stop")),
        limit=chance.choice(("review", "stop")), conversation=chance.random() < 0.15, output=chance.random() < 0.15,
    )  # fmt: skip


def _weather(chance: random.Random) -> Weather:
    return Weather(
        writes=_some(chance, 0.7, 0.6), reads=_some(chance, 0.5, 0.3), lookups=_some(chance, 0.4, 0.5), models=_some(chance, 0.4, 0.25),
        stubborn=_some(chance, 0.4, 0.8), late=_some(chance, 0.35, 0.8), changes=_some(chance, 0.5, 0.8),
        pace=chance.choice((0.2, 1.0, 1.0, 4.0)),
    )  # fmt: skip


def _pace(chance: random.Random) -> Pace:
    return chance.choice((
        Pace(), Pace(), Pace(read=2_000), Pace(sent=50_000, synced=50_000, answered=50_000, read=20_000),
        Pace(sent=2_000_000, synced=3_000_000, answered=2_000_000, told=1_000_000),
    ))  # fmt: skip


def _manner(chance: random.Random) -> Manner:
    return Manner(
        slow=chance.choice((3, 20, 60)), deny=_some(chance, 0.6, 0.5), amend=_some(chance, 0.6, 0.6), stop=_some(chance, 0.3, 0.2),
        rash=_some(chance, 0.5, 0.9), meddle=_some(chance, 0.5, 0.2), last_minute=_some(chance, 0.5, 0.8), sly=_some(chance, 0.2, 0.5),
    )  # fmt: skip


def _faults(chance: random.Random, workers: int, calm_at: int) -> tuple[Fault, ...]:
    """A few, some early, since most runs are short."""
    out: list[Fault] = []
    until = min(calm_at, chance.choice((8, 30, 120)) * SECOND)
    kinds: list[FaultKind] = ["kill", "kill", "freeze", "freeze", "power", "disk", "disk"]
    for _ in range(chance.choice((0, 1, 1, 2, 3, 5))):
        kind = chance.choice(kinds)
        length = chance.choice((1, 9, 30, 200)) * SECOND
        trouble: Trouble = (
            chance.choice(("full", "cut", "cut but written", "failed", "failed but written")) if kind == "disk" else ""
        )
        out.append(Fault(chance.randrange(until), kind, chance.randrange(workers + 1), length, trouble))
    if chance.random() < 0.08:
        first = chance.randrange(min(until, 20 * SECOND))
        out += [Fault(first, "backup"), Fault(first + chance.randrange(15 * SECOND), "restore")]
    if chance.random() < 0.15:
        out.append(Fault(0, "skew", chance.randrange(workers + 1), chance.choice((-300, 300)) * SECOND))
    return tuple(sorted(out, key=lambda fault: fault.at))


def _deaths(chance: random.Random) -> tuple[Death, ...]:
    count = chance.choice((0, 0, 1, 1, 2, 4))
    numbers = sorted(chance.sample(range(1, chance.choice((40, 120, 400))), count))
    return tuple(Death(number, power=chance.random() < 0.3) for number in numbers)
