"""A schedule told in full, for whoever has to find out what went wrong in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from holdfast.events import Entry
from holdfast.testing.sim.play import Outcome
from holdfast.testing.sim.room import START

DULL: Final = ("digest", "contract_digest", "rolling", "prices", "versions")
"""Fields that tell a reader nothing."""


def repeat(seed: int, mutant: str = "") -> str:
    """How to play a schedule again."""
    return f"python -m holdfast.testing.sim --seed {seed}" + (f" --mutant {mutant}" if mutant else "")


def story(outcome: Outcome, *, width: int = 200, run: str = "") -> Iterator[str]:
    """What befell whom, what was recorded, and what really happened, in true time. run: only the one whose name begins so."""
    history = outcome.history
    lines: list[tuple[int, int, str]] = [(at, 1, f"   ## {what}") for at, what in outcome.log]
    for name, entries in history.runs.items():
        lines += [(entry.at, 2, f"{name[:6]} {entry_line(entry)[:width]}") for entry in entries if name.startswith(run)]
    for visit in history.visits:
        if visit.run.startswith(run):
            where = f"committed to {visit.committed}, durable to {visit.durable}"
            lines.append(
                (
                    visit.at,
                    0,
                    f"   >> {visit.process} is in {visit.tool}, call {visit.call}.{visit.attempt} of {visit.run[:6]}, {where}",
                )
            )
    for effect in history.ledger:
        if effect.run.startswith(run):
            done = f"{effect.tool} of {effect.item}, for call {effect.call}.{effect.attempt} of {effect.run[:6]}"
            lines.append((effect.at, 3, f"   $$ {effect.id}: {done}, by {effect.process}"))
    for at, _, text in sorted(lines, key=lambda line: line[:2]):
        yield f"{(at - START) / 1e6:11.3f}  {text}"


def entry_line(entry: Entry) -> str:
    """One entry in one line."""
    event = entry.event
    fields = {name: getattr(event, name) for name in event.__struct_fields__ if name not in DULL}
    shown = ", ".join(
        f"{name}={value!r}" for name, value in fields.items() if value not in ("", 0, None, (), {}, False)
    )
    decided = f" from {entry.cause}" if entry.cause else ""
    return f"#{entry.seq} {entry.actor}{decided}: {type(event).__name__}({shown})"
