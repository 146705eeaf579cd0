"""`python -m bench`: holdfast beside the raw floors and, where they were measured, its peers. Writes build/bench.json.

Every figure that has a target is judged as a ratio of two things measured in the same call, since absolute times on a
shared machine drift by half. `--quick` makes it a smoke test.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import floor, own, readings

BUILD = Path(__file__).resolve().parents[1] / "build"
ROUNDS = 3
FLOOR_STEPS = 50
"""Steps after which the grouped floor is no other."""


class Sheet:
    """The figures of one call."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(
        self,
        name: str,
        value: float,
        unit: str,
        *,
        floor: float | None = None,
        target: str = "",
        ok: bool | None = None,
    ) -> None:
        """One figure; the ratio is to its floor."""
        ratio = value / floor if floor else None
        row = {"name": name, "value": value, "unit": unit, "floor": floor, "ratio": ratio, "target": target, "ok": ok}
        self.rows.append(row)
        beside = f"  floor {floor:10.3f}  ratio {ratio:6.2f}" if floor and ratio is not None else " " * 34
        verdict = "" if ok is None else "ok" if ok else "MISSED"
        print(f"{name:52} {value:10.3f} {unit:8}{beside}  {target:28} {verdict}", flush=True)


def median(rounds: int, measure: Callable[[], dict[str, Any]]) -> dict[str, float]:
    """The median of each figure over some rounds."""
    found = [measure() for _ in range(rounds)]
    return {key: statistics.median(one[key] for one in found) for key in found[0]}


def solo(sheet: Sheet, rounds: int, lengths: tuple[int, ...]) -> None:
    """One run alone: per step, flat in its length, beside one synchronous commit."""
    single = median(rounds, lambda: {"ms": _single_ms()})["ms"]
    reads = {steps: median(rounds, lambda steps=steps: own.measure(1, steps)) for steps in lengths}  # type: ignore[misc]
    writes = median(rounds, lambda: own.measure(1, 50, writes=True))
    single = statistics.median([single, median(rounds, lambda: {"ms": _single_ms()})["ms"]])
    for steps, found in reads.items():
        ok = found["wall_ms"] <= 2 * single if steps == 50 else None
        sheet.add(
            f"one run, {steps} steps, wall a step",
            found["wall_ms"],
            "ms",
            floor=single,
            target="2x of a sync commit" if steps == 50 else "",
            ok=ok,
        )
        sheet.add(f"one run, {steps} steps, CPU a step", found["cpu_ms"], "ms")
    sheet.add(
        "one run, 50 steps that write, wall a step",
        writes["wall_ms"],
        "ms",
        floor=single,
        target="3x of a sync commit",
        ok=writes["wall_ms"] <= 3 * single,
    )
    first, last = reads[lengths[0]], reads[lengths[-1]]
    growth = last["cpu_ms"] / first["cpu_ms"]
    sheet.add(f"CPU a step, {lengths[-1]} steps to {lengths[0]}", growth, "x", target="at most 1.5", ok=growth <= 1.5)
    texts = own.text_bytes(1)
    for steps in lengths:
        beyond = reads[steps]["disk_bytes"] - texts
        sheet.add(
            f"disk a step beyond the texts, {steps} steps",
            beyond / 1024,
            "KB",
            target="under 3" if steps == lengths[-1] else "",
            ok=beyond < 3072 if steps == lengths[-1] else None,
        )


def _single_ms() -> float:
    return float(str(floor.single_commit(100)["commit_ms"]))


def at_once(sheet: Sheet, rounds: int, runs: int, steps: int) -> float:
    """Many runs at once, beside the grouped floor; their steps/s."""
    rows = min(steps, FLOOR_STEPS)
    grouped = median(rounds, lambda: {"s": float(str(floor.group_commit(runs, rows)["steps_per_s"]))})["s"]
    found = median(rounds, lambda: own.measure(runs, steps))
    sheet.add(f"{runs} runs of {steps} steps at once", found["steps_per_s"], "steps/s", floor=grouped)
    sheet.add(f"{runs} runs of {steps} steps at once, CPU a step", found["cpu_ms"], "ms")
    return found["steps_per_s"]


def against_peers(sheet: Sheet, rounds: int, runs: int, steps: int) -> None:
    """Many runs at once, beside the peers too."""
    rate = at_once(sheet, rounds, runs, steps)
    for name, times, peer in _peers(runs, steps):
        best = f"{times}x {peer:.0f} steps/s"
        sheet.add(
            f"{runs} runs at once, against {name}", rate, "steps/s", floor=peer, target=best, ok=rate >= times * peer
        )


def _peers(runs: int, steps: int) -> list[tuple[str, int, float]]:
    """(peer and how it runs, how many times faster is wanted, its steps/s), from build/peers.json where it was measured."""
    path = BUILD / "peers.json"
    if not path.exists():
        print("(peers were not measured: make bench-peers)")
        return []
    rows = [row for row in json.loads(path.read_text()) if row["mode"] in ("concurrent", "threads")]
    title = {"concurrent": "in one event loop", "threads": "on threads"}
    return sorted(
        (f"{row['peer']} {title[row['mode']]}", 10 if row["durable"] else 4, row["steps_per_s"]) for row in rows
    )


def rest(sheet: Sheet, rounds: int, parked: int) -> None:
    """Resume, parked runs, import."""
    resumed = median(rounds, own.resume)
    sheet.add(
        "resume of a 200-step run, beyond import",
        resumed["resume_ms"],
        "ms",
        target="under 50",
        ok=resumed["resume_ms"] < 50,
    )
    held = own.parked(parked)
    sheet.add(
        f"{parked} parked runs, index a run",
        held["index_bytes"] / 1024,
        "KB",
        target="under 4",
        ok=held["index_bytes"] < 4096,
    )
    sheet.add(
        f"{parked} parked runs, tasks that stand for them", held["tasks"], "tasks", target="0", ok=held["tasks"] == 0
    )
    sheet.add(f"{parked} parked runs, memory held by one more", held["resident_bytes"] / 1024, "KB")
    sheet.add(
        f"wake-up after a decision, {parked} parked", held["wake_ms"], "ms", target="under 10", ok=held["wake_ms"] < 10
    )
    read = readings.measure(2 if parked < 1_000 else 20)
    judged = read["calls_per_min"] / 1000
    sheet.add("calls judged under two contracts, CPU", judged, "k/min", target="at least 100", ok=judged >= 100)
    sheet.add("batches of decisions decided again, CPU", read["batches_per_s"], "/s")
    took = own.import_ms()
    sheet.add("import holdfast", took, "ms", target="under 150", ok=took < 150)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes: does it run, not how fast")
    quick = parser.parse_args().quick
    sheet = Sheet()
    against_peers(sheet, 1 if quick else ROUNDS, 20 if quick else 200, 10)
    for steps in (20,) if quick else (50, 200, 1000):
        at_once(sheet, 1, 20 if quick else 200, steps)
    solo(sheet, 1 if quick else ROUNDS, (10, 50) if quick else (10, 50, 200, 1000))
    rest(sheet, 1 if quick else ROUNDS, 200 if quick else 10_000)
    BUILD.mkdir(exist_ok=True)
    (BUILD / "bench.json").write_text(json.dumps(sheet.rows, indent=1))
    missed = [row["name"] for row in sheet.rows if row["ok"] is False]
    print(
        f"\n{len(sheet.rows)} figures in build/bench.json; "
        + (f"missed: {'; '.join(missed)}" if missed else "every target met")
    )


if __name__ == "__main__":
    main()
