"""Erasing: which run trees it takes, and carrying it out, keys first.

A run and its forks are one tree: they share a secret, and lose it together. What a run told an undo of it, or a child, has
trees of its own. So for a person, or a run, everything that comes from it goes with it; where one of these runs is open,
nothing goes at all. What is merely old goes tree by tree, as each becomes old.

The secrets of all trees are destroyed first, each in one transaction with the bodies of one run and the entry that says so;
then the bodies of the other runs go. A crash in between leaves ciphertext that nobody can open, and the same erasure, asked
for again, does what is left. The chains go on verifying: they cover the stored bytes of entries, which nothing here touches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Final

from msgspec import Struct, field

from holdfast import codec, units
from holdfast.errors import NotAllowed, UsageError
from holdfast.events import BodiesErased, Outcome, RunClosed, RunOpened
from holdfast.journal import walk
from holdfast.journal.port import Journal, Row, Where
from holdfast.shell import bodies
from holdfast.shell.book import Book
from holdfast.shell.durable import pages
from holdfast.views.access import BESIDE

LEAST: Final = 180 * units.DAY
"""How long what ended is kept at least, unless somebody says why not (EU AI Act, article 26(6): logs for six months)."""

OPEN: Final = "open, or of a tree with one that is"
PEOPLE: Final = "still before people: an unresolved write, a contradiction, a question"
YOUNG: Final = "of a tree with one that ended later"
DONE: Final = "erased already"
"""Why a run is left as it is."""


class Part(Struct, frozen=True, kw_only=True):
    """One run that is to be erased, or was."""

    run: str
    tree: str
    agent: str
    ended: int
    """When, in µs since 1970; 0 while it is open."""
    outcome: Outcome | None
    entries: int
    """That stay."""
    bodies: int
    """That go: those that are its own, without its contract."""
    about_somebody: bool
    attention: bool
    """It is closed, and a person was still to look at it."""
    erased: bool
    """Nothing of it is left to go."""


class Plan(Struct, frozen=True, kw_only=True):
    """What an erasure is to take."""

    parts: tuple[Part, ...] = ()
    """Each tree's runs beside one another."""
    open: tuple[str, ...] = ()
    """Runs that keep it from being carried out."""
    left: dict[str, int] = field(default_factory=dict)
    """Why runs are left as they are → how many."""

    @property
    def trees(self) -> dict[str, list[Part]]:
        """The runs, by tree."""
        found: dict[str, list[Part]] = {}
        for part in self.parts:
            found.setdefault(part.tree, []).append(part)
        return found

    @property
    def bodies(self) -> int:
        """How many bodies go; one that several runs of a tree name counts for each."""
        return sum(part.bodies for part in self.parts)


class _Kin(Struct):
    """Which runs come from which, as the index knows it."""

    forks: dict[str, list[str]] = field(default_factory=dict)
    """Tree → the forks in it."""
    derived: dict[str, list[str]] = field(default_factory=dict)
    """Run → those that undo it, and its children."""


async def _kin(journal: Journal) -> _Kin:
    kin = _Kin()
    async for row in walk.rows(journal):
        if row.tree:
            kin.forks.setdefault(row.tree, []).append(row.run)
        if row.parent:
            kin.derived.setdefault(row.parent, []).append(row.run)
        if row.key.startswith("undo:") and (origin := await _undone_by(journal, row.run)):
            kin.derived.setdefault(origin, []).append(row.run)
    return kin


async def _undone_by(journal: Journal, run: str) -> str:
    """The run that a run takes back, as it says itself: anybody may call a request anything."""
    opened = codec.decode((await journal.read(run))[0][0]).event
    return opened.undoes if isinstance(opened, RunOpened) else ""


# -------------------------------------------------------------------------------------------------------------- planning


async def of_runs(journal: Journal, runs: Sequence[str]) -> Plan:
    """Erasing runs: their trees, and the trees of what comes from them. Raises UsageError for a run that is not there."""
    kin, done = await _kin(journal), set[str]()
    parts: list[Part] = []
    todo = list(reversed(runs))
    while todo:
        row = await _row(journal, todo.pop())
        tree = row.tree or row.run
        if tree in done:
            continue
        done.add(tree)
        members = await _members(journal, tree, kin)
        parts += members
        todo += [run for part in members for run in kin.derived.get(part.run, ())]
    going = [part for part in parts if not part.erased]
    left = {DONE: len(parts) - len(going)} if len(going) < len(parts) else {}
    return Plan(parts=tuple(going), open=tuple(part.run for part in parts if not part.ended), left=left)


async def about(journal: Journal, subject: str) -> Plan:
    """Erasing somebody: the trees of all runs on their behalf, and of what comes from these.

    Read off the first entries of all runs, since no index names people.
    """
    found: list[str] = []
    async for page in pages(journal, 0, journal.watermark()):
        for line in page:
            event = codec.decode(line.data).event if line.seq == 1 else None
            if isinstance(event, RunOpened) and event.on_behalf_of == subject:
                found.append(line.run)
    return await of_runs(journal, found)


async def older(journal: Journal, age: int, *, agent: str = "", because: str = "") -> Plan:
    """Erasing what ended longer than `age` µs ago: whole trees of which that holds, and that nobody has to look at any more.

    agent: that of these runs only. Raises NotAllowed for less than `LEAST` without a reason.
    """
    if age < LEAST and not because:
        raise NotAllowed(
            f"what ended is kept for {LEAST // units.DAY} days at least",
            hint="say why it may be less: --shorter-because TEXT",
        )
    before = journal.now() - age
    kin, left, done, going = await _kin(journal), Counter[str](), set[str](), list[Part]()
    async for row in _ended(journal, before, agent):
        tree = row.tree or row.run
        if tree in done:
            continue
        done.add(tree)
        if tree not in kin.forks and await journal.secret(tree) is None:
            left[DONE] += 1  # its secret went with its bodies: see the module's docstring
            continue
        members = await _members(journal, tree, kin)
        why = _kept(members, before)
        if why:
            left[why] += len(members)
        else:
            here = [part for part in members if not part.erased]
            left[DONE] += len(members) - len(here)
            going += here
    return Plan(parts=tuple(going), left=dict(+left))


def _kept(members: Iterable[Part], before: int) -> str:
    """Why a tree is left as it is; empty where it is not."""
    if not all(part.ended for part in members):
        return OPEN
    if any(part.attention for part in members):
        return PEOPLE
    return YOUNG if any(part.ended > before for part in members) else ""


async def _ended(journal: Journal, before: int, agent: str) -> AsyncIterator[Row]:
    """The closed runs that were opened before a moment; when each ended is in its journal."""
    async for row in walk.rows(journal, Where(status="closed", agent=agent, before=(before + 1, ""))):
        if row.run not in BESIDE:
            yield row


async def _members(journal: Journal, tree: str, kin: _Kin) -> list[Part]:
    """The runs of a tree, the one it is named after first."""
    gone = await journal.secret(tree) is None
    return [await _part(journal, run, tree, gone=gone) for run in (tree, *kin.forks.get(tree, ()))]


async def _part(journal: Journal, run: str, tree: str, *, gone: bool) -> Part:
    """What there is to erase of one run. gone: the secret of its tree is."""
    row, ended, somebody = await _row(journal, run), 0, False
    named, said, count, erased = set[str](), set[str](), 0, False
    for data, _ in await journal.read(run):
        entry = codec.decode(data)
        count += 1
        named |= bodies.own_refs(entry)
        match entry.event:
            case RunOpened(on_behalf_of=whom):
                somebody = bool(whom)
            case RunClosed():
                ended = entry.at
            case BodiesErased(refs=refs):
                erased = True
                said.update(refs)
    return Part(
        run=run, tree=tree, agent=row.agent, ended=ended, outcome=row.outcome, entries=count, bodies=len(named - said),
        about_somebody=somebody, attention=row.attention or row.questions > 0, erased=gone and erased and named <= said,
    )  # fmt: skip


async def _row(journal: Journal, run: str) -> Row:
    row = await journal.row(run)
    if row is None:
        raise UsageError("there is no such run in this journal", run=run, hint="holdfast show lists the runs there are")
    return row


# ----------------------------------------------------------------------------------------------------------- carrying out


async def carry_out(plan: Plan, book: Callable[[str], Book], *, by: str, basis: str) -> int:
    """Erase what a plan says, for good; how many bodies that were. book: the book of a run, opened anew.

    Raises NotAllowed where a run of it is open, before anything is erased.
    """
    if plan.open:
        raise NotAllowed(f"run {plan.open[0]} is open, and knows what is to be erased", hint="cancel it first")
    trees = plan.trees.values()
    count = 0
    for part in [*(parts[0] for parts in trees), *(part for parts in trees for part in parts[1:])]:
        count += len((await book(part.run).erase(by, basis)).refs)
    return count
