"""A little ticket shop that really runs: a gateway, workers and a store on a clock of their own, with a fault if asked for.

Nothing here writes log lines about a fault. The faults are in the program: a worker that takes a second connection on a
retry and forgets the first, a gateway that writes prices with a comma, a store whose clock runs ahead. What the logs then
say is what these three say when that happens to them. Time is simulated, so a morning takes a moment, and the same seed
gives the same morning.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Final, Literal, TypeAlias

Fault: TypeAlias = Literal["leak", "bad_deploy", "clock_skew", "none"]
Process: TypeAlias = Iterator[float]
"""Yields the seconds it sleeps."""

BEGIN: Final = datetime(2026, 3, 12, 8, 0, tzinfo=UTC)
LASTS: Final = 9000.0
"""Seconds the program runs."""
CONNECTIONS: Final = 8
WORKERS: Final = 4
PATIENCE: Final = 5.0
"""Seconds a worker waits for a connection."""
TOKEN_LIFE: Final = 30.0
"""Seconds a token of the gateway is honoured by the store."""
DRIFT: Final = 1 / 60
"""Seconds that a clock without its time server gains a second."""


class Machine:
    """The clock, and whoever waits on it."""

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self.chance = Random(seed)
        self._due: list[tuple[float, int, Process]] = []
        self._order = count()

    def spawn(self, process: Process, after: float = 0.0) -> None:
        """Let a process run, some seconds from now."""
        heapq.heappush(self._due, (self.now + after, next(self._order), process))

    def run(self, until: float) -> None:
        """Run everybody until then."""
        while self._due and self._due[0][0] <= until:
            self.now, _, process = heapq.heappop(self._due)
            for wait in process:
                self.spawn(process, wait)
                break


@dataclass
class Log:
    """What one process writes, with the time that its own clock shows."""

    machine: Machine
    service: str
    ahead_since: float = float("inf")
    lines: list[str] = field(default_factory=list)

    def clock(self) -> float:
        """Seconds since the beginning, as this process believes."""
        return self.machine.now + max(0.0, self.machine.now - self.ahead_since) * DRIFT

    def write(self, level: str, text: str) -> None:
        """One line."""
        self.lines.append(f"{stamp(self.clock())} {level:5} {self.service} {text}")


def stamp(seconds: float, *, unit: str = "milliseconds") -> str:
    """A time of that morning."""
    return (BEGIN + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat(timespec=unit)


@dataclass
class Job:
    """One order on its way: what the gateway knows of it, and the answer once there is one."""

    number: str
    seat: str
    price: str
    issued: float
    answer: int = 0


class Pool:
    """Connections to the store. Whoever does not give one back keeps it."""

    def __init__(self) -> None:
        self.free = deque(range(1, CONNECTIONS + 1))

    @property
    def in_use(self) -> int:
        """How many are out."""
        return CONNECTIONS - len(self.free)


class Shop:
    """The gateway, the workers and the store."""

    def __init__(self, seed: int, fault: Fault) -> None:
        self.machine = Machine(seed)
        chance = self.machine.chance
        self.logs = {name: Log(self.machine, name) for name in ("gateway", "worker", "store")}
        self.queue: deque[Job] = deque()
        self.pool = Pool()
        self.decimal_comma = False
        self.fresh_connection_on_retry = False
        self.deploys: list[dict[str, str]] = []
        self.metrics: list[dict[str, str]] = []
        self.begins = chance.uniform(3000, 4800)
        """When the fault begins, if there is one."""
        self._seen = [0, 0]
        self._took: list[float] = []
        self._plan(fault)
        self.machine.spawn(self._arrivals())
        for number in range(1, WORKERS + 1):
            self.machine.spawn(self._worker(f"w{number}"), number * 0.1)
        self.machine.spawn(self._measure(), 300)

    def run(self) -> None:
        """The whole morning."""
        self.machine.run(LASTS)

    # ------------------------------------------------------------------------------------------ changes

    def _plan(self, fault: Fault) -> None:
        """Who changes what, and when: some changes of every day, and the fault between them."""
        chance = self.machine.chance
        sale = chance.uniform(500, 750) if fault == "leak" else chance.uniform(1200, 1700)
        every_day = [
            (chance.uniform(600, 1500), "store", "index on seats rebuilt"),
            (self.begins + sale, "gateway", "banner text for the spring sale"),
            (self.begins - chance.uniform(900, 1500), "worker", "log level of the mailer lowered"),
        ]
        for at, service, change in every_day[chance.randrange(2) :]:
            self.machine.spawn(self._deploy(service, change), at)
        match fault:
            case "leak":
                self.machine.spawn(self._deploy("worker", "retry_mode: fresh_connection", leaks=True), self.begins)
            case "bad_deploy":
                self.machine.spawn(self._deploy("gateway", "prices in the customer's locale", comma=True), self.begins)
            case "clock_skew":
                self.logs["store"].ahead_since = self.begins
            case "none":
                pass

    def _deploy(self, service: str, change: str, *, leaks: bool = False, comma: bool = False) -> Process:
        number = f"d-{len(self.deploys) + 1}"
        version = f"{3 + len(self.deploys)}.{self.machine.chance.randrange(10)}.0"
        row = {"deploy": number, "at": stamp(self.machine.now, unit="seconds"), "service": service}
        self.deploys.append({**row, "version": version, "change": change})
        self.logs[service].write("INFO", f"started version {version}")
        self.fresh_connection_on_retry |= leaks
        self.decimal_comma |= comma
        yield from ()

    # ------------------------------------------------------------------------------------------ gateway

    def _arrivals(self) -> Process:
        log, chance = self.logs["gateway"], self.machine.chance
        for number in count(1):
            yield chance.expovariate(1 / 28)
            price = f"{chance.randrange(18, 90)}.{chance.choice(('00', '50'))}"
            job = Job(
                f"r-{number:04}",
                f"{chance.choice('ABCDEF')}{chance.randrange(1, 40)}",
                price.replace(".", ",") if self.decimal_comma else price,
                log.clock(),
            )
            self.queue.append(job)
            self.machine.spawn(self._await(job))

    def _await(self, job: Job) -> Process:
        begun = self.machine.now
        while not job.answer and self.machine.now - begun < 25:
            yield 0.05
        took = self.machine.now - begun
        status = job.answer or 504
        self._seen[0] += 1
        self._seen[1] += status >= 500
        self._took.append(took)
        self.logs["gateway"].write(
            "ERROR" if status >= 500 else "INFO", f"{job.number} order {job.seat} {status} {took * 1000:.0f} ms"
        )

    # ------------------------------------------------------------------------------------------- worker

    def _worker(self, name: str) -> Process:
        while True:
            if not self.queue:
                yield 0.4
                continue
            job = self.queue.popleft()
            yield from self._handle(name, job)

    def _handle(self, name: str, job: Job) -> Process:
        log = self.logs["worker"]
        connection = yield from self._connect(name, job)
        answer = "conflict"
        for attempt in (1, 2, 3):
            if connection is None:
                job.answer = 503
                return
            answer = yield from self._reserve(connection, job)
            if answer != "conflict":
                break
            log.write("INFO", f"{job.number} {name} seat {job.seat} conflict, attempt {attempt}")
            if self.fresh_connection_on_retry:
                connection = yield from self._connect(name, job)  # and the one before is never given back
        if connection is not None:
            self.pool.free.append(connection)
        job.answer = {"ok": 200, "conflict": 409}.get(answer, 500)
        if job.answer == 500:
            log.write("ERROR", f"{job.number} {name} store answered: {answer}")

    def _connect(self, name: str, job: Job) -> Generator[float, None, int | None]:
        begun, log = self.machine.now, self.logs["worker"]
        while not self.pool.free:
            if self.machine.now - begun >= PATIENCE:
                log.write("ERROR", f"{job.number} {name} no connection within {PATIENCE:.0f} s")
                return None
            yield 0.25
        connection = self.pool.free.popleft()
        if self.pool.in_use >= CONNECTIONS - 2:
            log.write("WARN", f"{job.number} {name} pool {self.pool.in_use}/{CONNECTIONS} in use")
        return connection

    # -------------------------------------------------------------------------------------------- store

    def _reserve(self, connection: int, job: Job) -> Generator[float, None, str]:
        log, chance = self.logs["store"], self.machine.chance
        yield min(2.0, chance.lognormvariate(-1.8, 0.6))
        age = log.clock() - job.issued
        if not -5 <= age <= TOKEN_LIFE:
            log.write("WARN", f"{job.number} c{connection} token refused: {age:.0f} s old")
            return "token refused"
        try:
            cents = round(float(job.price) * 100)
        except ValueError as error:
            log.write("ERROR", f"{job.number} c{connection} ValueError: {error}")
            return "bad request"
        if chance.random() < 0.13:
            return "conflict"
        log.write("INFO", f"{job.number} c{connection} {job.seat} for {cents}")
        return "ok"

    # ------------------------------------------------------------------------------------------ metrics

    def _measure(self) -> Process:
        while True:
            took = sorted(self._took) or [0.0]
            self.metrics.append(
                {
                    "at": stamp(self.machine.now, unit="minutes"),
                    "requests": str(self._seen[0]),
                    "errors": str(self._seen[1]),
                    "queue_depth": str(len(self.queue)),
                    "pool_in_use": str(self.pool.in_use),
                    "p95_ms": f"{took[int(len(took) * 0.95)] * 1000:.0f}",
                }
            )
            self._seen, self._took = [0, 0], []
            yield 300
