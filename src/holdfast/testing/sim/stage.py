"""The stage: a room, a store, a world, processes that run the real runtime in it, and one schedule to play."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any, Final

from holdfast.agent import Agent
from holdfast.errors import Bug, JournalFull, UserError
from holdfast.events import Entry, Mode
from holdfast.journal.port import Append, Journal
from holdfast.shell.runner import Runner
from holdfast.shell.worker import Worker
from holdfast.testing.sim.clerk import PlanModel, clerk
from holdfast.testing.sim.history import History, Promise, Violation, broke, history, request_number
from holdfast.testing.sim.people import QUIET, Desk, Manner, is_expected, promise
from holdfast.testing.sim.room import SECOND, START, Main, Process, Room
from holdfast.testing.sim.schedule import WRITES, Fault, Schedule
from holdfast.testing.sim.store import Connection, JournalCut, Store, Trouble
from holdfast.testing.sim.world import LONGEST, World

HORIZON: Final = 3_600 * SECOND
"""How long after the faults have stopped a run may take: longer than every limit of its contract."""

AFTERMATH: Final = 70 * SECOND
"""How long answers to closed runs are waited for: longer than any tool takes."""

QUIET_FOR: Final = 8 * SECOND
"""How long nothing may have been appended: longer than the slowest store takes to answer."""

MAX_POINTS: Final = 60_000
"""Dealings with the outside in one schedule: more is a run that goes round in circles."""


class SimRunner(Runner):
    """The real runner, with the senses of the simulated process it runs in."""

    def __init__(self, journal: Journal, *, mode: Mode = "live") -> None:
        process: Process = asyncio.get_running_loop().process  # type: ignore[attr-defined]  # set by `Stage.enter`
        super().__init__(
            journal, mode=mode, worker=f"w_{process.name}.{process.life}", entropy=process.entropy, clock=process.clock,
            watch=process.watch,
        )  # fmt: skip


class Stage:
    """Plays one schedule. `points` counts the dealings with the outside; a death may be set at each."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.room = Room(schedule.seed)
        self.store = Store(self.room, schedule.pace)
        self.world = World(self.room, self.store, schedule.weather)
        self.agent: Agent[Any, Any] = clerk(schedule.terms)
        self.manner: Manner = schedule.manner
        self.promises: list[Promise] = []
        self.known: dict[bytes, Entry] = {}
        """Entries that were read already, by digest."""
        self.points = 0
        self.log: list[tuple[int, str]] = []
        """What befell whom, in true time."""
        self.errors: list[Violation] = []
        self.calm = False
        self.broken = False
        self.settled_at = 0
        """When, after a restore, nothing can come any more of what was lost."""
        self._closed_at = 0
        self._grown = 0, 0
        """How many lines there were when one was last seen to be new, and when that was."""
        self._plans: dict[str, int] = {}
        self._backup: tuple[Append, ...] = ()
        self._trouble: dict[str, list[Trouble]] = {}
        self._deaths = {death.number: death for death in schedule.deaths}
        self._roles: dict[str, Main] = {}
        self.store.tells = schedule.tells
        self.store.trouble = self._next_trouble
        self.room.on_point = self._point
        self.room.on_death.append(self._died)
        if schedule.slow_threads:
            self.room.strand_delay = lambda process: 0 if self.calm else process.chance.choice((0, 0, 3, 12)) * SECOND

    # ---- who is there

    def play(self) -> History:
        """Let it happen, and give what is known when it is over."""
        schedule = self.schedule
        try:
            for number in range(schedule.workers):
                self._enter(f"worker{number}", self._worker)
            self._enter("front", self._front)
            self._enter("desk", self._desk)
            for fault in schedule.faults:
                self.room.at(START + fault.at, partial(self._befall, fault))
            self.room.at(START + schedule.calm_at, self._calm_down)
            try:
                self.room.run(self._over, START + schedule.calm_at + HORIZON)
            except Bug as endless:
                self.errors.append(Violation("endless", "", str(endless)))
            except Exception as error:  # noqa: BLE001 - the boundary: whatever comes out of the runtime is its fault
                self.errors.append(broke("the play", error))
            self._look_at_errors()
            told = history(self.store, self.world, self.agent, self.promises, self.known)
            told.lives, told.ends, told.disturbed = self._lives(), self._ends(), self._disturbed()
        finally:
            self.room.close()
        return told

    def _enter(self, name: str, main: Main) -> None:
        self._roles[name] = main
        process = self.room.process(name)
        process.loop.process = process  # type: ignore[attr-defined]  # see SimRunner
        process.skew = next(
            (fault.length for fault in self.schedule.faults if fault.kind == "skew" and self._who(fault) == name), 0
        )
        process.start(main)
        self._note(f"{process} begins")

    def _died(self, process: Process) -> None:
        """Somebody starts it again: a supervisor that waits a little. After an error nobody expects the play is over."""
        task = process.main
        error = task.exception() if task is not None and task.done() and not task.cancelled() else None
        self._note(f"{process} ends{f': {error!r}' if error else ''}")
        if error is not None and not is_expected(error):
            self.broken = True
        wait = self.room.chance.choice((100_000, SECOND, 12 * SECOND)) if not self.calm else SECOND
        self.room.after(wait, lambda: self._enter(process.name, self._roles[process.name]))

    def _open(self, process: Process, *, drives: bool = True) -> AbstractAsyncContextManager[Runner]:
        from holdfast.testing.sim.world import Shop

        @asynccontextmanager
        async def resources(settings: Mapping[str, str]) -> AsyncIterator[object]:
            yield Shop(self.world, process)

        return SimRunner.open(
            Connection(self.store, process), agents=[self.agent] if drives else [], model=PlanModel(self.world, process),
            resources=resources, mode=self.schedule.mode,
        )  # fmt: skip

    async def _worker(self, process: Process) -> None:
        async with self._open(process) as runner:
            await Worker(runner, poll=self.schedule.poll).work()

    async def _desk(self, process: Process) -> None:
        async with self._open(process, drives=False) as runner:
            await Desk(self, process).sit(runner)

    async def _front(self, process: Process) -> None:
        """Take the requests, each under its key, until each is accepted; then, maybe, stay and wait for their ends."""
        async with self._open(process) as runner:
            names: dict[int, str] = {}
            while True:
                for number, plan in enumerate(self.schedule.plans):
                    try:
                        if number not in names:
                            names[number] = await self._request(runner, process, number, plan)
                        elif self.schedule.front:
                            await runner.attend(names[number])
                    except (JournalFull, JournalCut, UserError):
                        continue  # it goes on, as a web server would, where a worker ends
                await asyncio.sleep(4.0 if len(names) < len(self.schedule.plans) or self.schedule.front else 3600.0)

    async def _request(self, runner: Runner, process: Process, number: int, plan: object) -> str:
        whom = f"c:{number}" if self.schedule.personal else ""
        run = await runner.start(self.agent, {"plan": plan}, key=f"request {number}", by="requester", on_behalf_of=whom)
        if process.alive:
            self.promised(run.name, f"request {number}")
        return run.name

    # ---- what befalls them

    def _who(self, fault: Fault) -> str:
        return "front" if fault.who == self.schedule.workers else f"worker{fault.who}"

    def _note(self, what: str) -> None:
        self.log.append((self.room.now, what))

    def _befall(self, fault: Fault) -> None:
        if self.calm:
            return
        self._note(f"fault: {fault}")
        process = next((one for one in self.room.processes if one.name == self._who(fault)), None)
        match fault.kind:
            case "kill" if process is not None:
                process.kill()
            case "freeze" if process is not None:
                process.freeze()
                self.room.after(fault.length, process.wake)
            case "power":
                self.store.lose_power()
            case "disk":
                self._trouble.setdefault(self._who(fault), []).append(fault.trouble)
            case "backup":
                self._backup = self.store.backup()
            case "restore" if self._backup:
                self.store.restore(self._backup)
                self.settled_at = self.room.now + LONGEST
                self.promises.clear()

    def _next_trouble(self, process: Process) -> Trouble:
        waiting = self._trouble.get(process.name)
        if not waiting or self.calm:
            return ""
        self._note(f"{process} meets a disk: {waiting[0]}")
        return waiting.pop(0)

    def _calm_down(self) -> None:
        self.calm = True
        self._note("calm")
        self.manner = QUIET
        self.world.calm()
        for process in self.room.processes:
            process.wake()

    def _point(self, process: Process, what: str) -> None:
        self.points += 1
        if self.points > MAX_POINTS:
            raise Bug("a schedule has no end")
        death = self._deaths.get(self.points)
        if death is None or self.calm:
            return
        self._note(f"{process} dies at point {self.points}, {what}")
        if death.keeps is not None:
            self.store.keeps = lambda _: bool(death.keeps)
        if death.power:
            self.store.lose_power()
        else:
            process.kill()

    # ---- how it ends

    def _over(self) -> bool:
        """All runs are closed, and what may come late has had its time."""
        if self.broken:
            return True
        tables = self.store.tables
        if tables.open or len(tables.rows) < len(self.schedule.plans):
            self._closed_at = 0
            return False
        now, lines = self.room.now, len(tables.feed)
        self._closed_at = self._closed_at or now
        if lines != self._grown[0]:
            self._grown = lines, now
        waits = bool(self.world.under_way) or any(process.frozen for process in self.room.processes)
        return now >= self._grown[1] + QUIET_FOR and (not waits or now >= self._closed_at + AFTERMATH)

    def _look_at_errors(self) -> None:
        for process in self.room.everybody:
            for task in process.loop.tasks:
                if (
                    task.done()
                    and not task.cancelled()
                    and (error := task.exception()) is not None
                    and not is_expected(error)
                ):
                    code = getattr(task.get_coro(), "cr_code", None)
                    if code is not None and not code.co_filename.endswith(
                        ("clerk.py", "world.py")
                    ):  # what tools raise is theirs
                        self.errors.append(Violation("raised", process.name, f"{task.get_name()}: {error!r}"))
            for said in process.said:
                error = said.get("exception")
                if error is not None and not is_expected(error):
                    self.errors.append(Violation("raised", process.name, f"{said.get('message')}: {error!r}"))

    def _disturbed(self) -> frozenset[str]:
        names = {self._who(fault) for fault in self.schedule.faults if fault.kind in ("freeze", "disk")}
        return frozenset(str(one)[1:-1] for one in self.room.everybody if one.name in names)

    def _ends(self) -> dict[str, int]:
        return {str(one)[1:-1]: one.ended_at or self.room.now for one in self.room.everybody}

    def _lives(self) -> dict[str, str]:
        return {f"w_{name}": name for name in (str(one)[1:-1] for one in self.room.everybody)}

    # ---- for the people

    def promised(self, run: str, token: str) -> None:
        """Somebody was told that what holds this token has happened."""
        self.promises.append(promise(self, run, token))

    def items(self, run: str) -> list[str]:
        """What a run is about."""
        return [item for turn in self._plan_of(run) for _, item, _ in turn]

    def _plan_of(self, run: str) -> list[list[tuple[str, str, int]]]:
        return self.schedule.plans[request_number(self.store.tables.rows[run].key)]

    def wanted(self) -> dict[str, dict[tuple[str, str], int]]:
        """Run → (tool, item) → how often it was wanted."""
        out: dict[str, dict[tuple[str, str], int]] = {}
        for run in self.store.tables.rows:
            wanted = out.setdefault(run, {})
            for turn in self._plan_of(run):
                for name, item, _ in turn:
                    if name in WRITES:
                        wanted[name, item] = wanted.get((name, item), 0) + 1
        return out
