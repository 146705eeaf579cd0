"""`holdfast verify --decisions`: whether this version of holdfast would decide today what the journal says was decided."""

from __future__ import annotations

import asyncio
import sys
import textwrap
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from holdfast import units
from holdfast.agent import Agent
from holdfast.cli import agents, out, reading
from holdfast.cli.viewing import Viewer, named
from holdfast.errors import HoldfastError, JournalError
from holdfast.events import Entry, RunOpened
from holdfast.journal import walk
from holdfast.journal.port import Journal as Store
from holdfast.views import replay, words
from holdfast.views.replay import Divergence, Replay, Replayed
from holdfast.views.visible import visible

replace = msgspec.structs.replace

PAGE: Final = 500
SHOWN: Final = 20
"""Runs of which it is printed where they diverge; `--json` has all."""

DIVERGED: Final = 1
INCONCLUSIVE: Final = 2


class Damaged(Struct, frozen=True):
    """A run that cannot be read: what stands there is not what was written."""

    run: str
    seq: int
    what: str


class Redecided(Struct, kw_only=True):
    """What came of deciding a journal again. Counted are batches: what was decided at once, at one moment."""

    runs: int = 0
    batches: int = 0
    same: int = 0
    undecided: dict[str, int] = {}
    """Why they could not be decided again → how many."""
    assumed: dict[str, int] = {}
    """What was not compared in those that came out the same → how many."""
    after: int = 0
    """Batches after a run's first divergence, which were not looked at."""
    diverged: list[Divergence] = []
    damaged: list[Damaged] = []
    code: tuple[str, ...] = ()
    """Agents whose code was at hand."""
    took: int = 0

    @property
    def exit_code(self) -> int:
        """0: all came out the same; 1: some did not; 2: nothing could be decided again; 4: something could not be read."""
        if self.damaged:
            return JournalError.exit_code
        if self.diverged:
            return DIVERGED
        return INCONCLUSIVE if self.batches and not self.same else 0


def check(url: str, as_json: bool, run: str = "", code: Sequence[str] = ()) -> int:
    """Decide a journal again, or one run of it, and print what came of it; the exit code.

    code: agents whose code is to be used, as paths. Without it the journal alone has to tell, and no code of anybody's runs.
    """
    began = time.monotonic()
    loaded = [agents.load_folder(path).agent for path in code]
    looks = Viewer("verify --decisions", named(""), selection="" if run else "all runs")
    found = asyncio.run(checked(url, run, loaded, looks))
    found.took = round((time.monotonic() - began) * 1e6)
    if as_json:
        out.give(found)
    else:
        _print(found)
    return found.exit_code


async def checked(url: str, name: str, loaded: list[Agent[Any, Any]], looks: Viewer | None = None) -> Redecided:
    """Decide a journal again, or the run that is named. loaded: agents whose code is at hand. looks: who is shown it."""
    found = Redecided(code=tuple(agent.name for agent in loaded), diverged=[], undecided={}, assumed={}, damaged=[])
    undecided, assumed = Counter[str](), Counter[str]()
    again = Replay(loaded)
    async with reading.looking(url) as journal:
        async for run in _named(journal, name) if name else walk.names(journal):
            found.runs += 1
            one = await _run(journal, run, again, looks)
            if isinstance(one, Damaged):
                found.damaged.append(one)
                continue
            found.batches += one.batches
            found.same += one.same
            found.after += one.after
            found.diverged += [one.divergence] if one.divergence is not None else []
            undecided.update(one.undecided)
            assumed.update(one.assumed)
            if found.runs % PAGE == 0 and sys.stderr.isatty():
                out.note(f"{found.runs:,} runs, {found.batches:,} batches of decisions")
    if looks is not None:
        await looks.record(url)
    found.undecided, found.assumed = dict(undecided.most_common()), dict(assumed.most_common())
    return found


async def _named(journal: Store, name: str) -> AsyncIterator[str]:
    yield (await reading.find_row(journal, name)).run


async def _run(journal: Store, run: str, again: Replay, looks: Viewer | None) -> Replayed | Damaged:
    """One run; what cannot be read is what `verify` is for, and is said here too."""
    try:
        entries = await reading.entries(journal, run)
        first = entries[0].event if entries else None
        tree = first.tree if isinstance(first, RunOpened) else ""
        found = again.of(entries, await journal.secret(tree or run))
        return found if looks is None or found.divergence is None else _shown(found, entries, looks)
    except HoldfastError as error:
        return Damaged(run, error.seq, error.what)


def _shown(found: Replayed, entries: list[Entry], looks: Viewer) -> Replayed:
    """What is otherwise, as it is shown to who looks: words of a run that has read what is not for them are hidden."""
    _, glass = visible(entries, looks.sees)
    looks.runs[found.run] = None
    one = found.divergence
    if glass is None or one is None:
        return found
    fields = tuple(replace(part, stands=glass.text(part.stands), now=glass.text(part.now)) for part in one.fields)
    hidden = replace(one, stands=glass.text(one.stands), now=glass.text(one.now), fields=fields)
    looks.noticed(glass)
    return replace(found, divergence=hidden)


def _print(found: Redecided) -> None:
    took, rate = units.say_duration(found.took), found.batches * 1_000_000 // max(found.took, 1)
    print(
        f"decided again: {_batches(found.batches)} in {words.count(found.runs, 'run')}, in {took} ({rate:,} a second)"
    )
    with_code = f"with the code of {words.listed(list(found.code))}" if found.code else "from the journal alone"
    print(f"{found.same:,} came out the same, {with_code}")
    if found.assumed.get(replay.CODE):
        print(f"  in {found.assumed[replay.CODE]:,} of them what the tools' code says is taken as it was recorded")
    if found.assumed.get(replay.DIGESTS):
        print(f"  in {found.assumed[replay.DIGESTS]:,} of them digests are not compared: the secret of the run is gone")
    for why, count in found.undecided.items():
        print(f"{_batches(count)} could not be decided again: {why}")
    for one in found.diverged[:SHOWN]:
        _print_divergence(one)
    if len(found.diverged) > SHOWN:
        print(f"and {words.count(len(found.diverged) - SHOWN, 'more run')}; --json names them all")
    for broken in found.damaged[:SHOWN]:
        print(f"damaged: run {broken.run}, entry {broken.seq}: {broken.what}; holdfast verify says more")
    if found.diverged:
        rest = f"; {_batches(found.after)} after that were not looked at" if found.after else ""
        print(f"{words.count(len(found.diverged), 'run')} would go otherwise from there on{rest}")
    elif found.batches and not found.same:
        print("nothing could be decided again, so this says nothing")
    elif not found.damaged:
        print("what was decided is what would be decided now")


def _batches(count: int) -> str:
    return words.count(count, "batch of decisions", "batches of decisions")


def _print_divergence(one: Divergence) -> None:
    print(f"otherwise: run {one.run}, entry {one.seq}")
    for head, said in (("stands there", one.stands), ("would be decided", one.now)):
        print("\n".join(_hanging(f"  {head:<17}", said)))
    for part in one.fields if one.stands == one.now else ():
        print("\n".join(_hanging(f"    {part.field}: ", part.stands)))
        print("\n".join(_hanging(f"    {' ' * len(part.field)}  now ", part.now)))


def _hanging(head: str, said: str) -> list[str]:
    """A text behind a head, broken at a hundred columns."""
    lines = textwrap.wrap(words.plain(said), out.WIDTH - len(head)) or [""]
    return [head + lines[0], *(" " * len(head) + line for line in lines[1:])]
