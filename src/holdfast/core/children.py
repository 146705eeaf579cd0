"""Child runs: opening them, what they may use of their parent's ceilings, and what follows when two of them disagree.

A call of another agent is answered by a run of its own. The parent decides that it is opened (`ChildOpened`), and its carve
is reserved from there until `ChildClosed`: so money and retries hold for the whole tree however many children work at once.
The child's name is a function of the parent and the call, so whoever opens it, and however often, opens the same run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final

from holdfast.agent import Bound
from holdfast.codec import public_digest
from holdfast.conditions import Scope, Unanswered
from holdfast.contract import Agree, Carve, Limits
from holdfast.core import attempts, limits
from holdfast.core.state import CallState, Moment, State
from holdfast.events import (
    AnyEvent,
    ChildOpened,
    Contradiction,
    Json,
    LimitName,
    LimitReached,
    PersonAsked,
)

LOOK: Final = 30_000_000
"""µs after which a run that waits for a child looks at it again: the child's worker may have died before it told."""


def name_of(run: str, call: int) -> str:
    """The child run that answers a call."""
    return f"r_{public_digest(['child', run, call])[:16]}"


def running(state: State) -> list[CallState]:
    """The calls whose child runs are open."""
    return [call for call in state.calls.values() if call.effect == "child" and call.status == "running"]


def begin(bound: Bound, state: State, moment: Moment, call: CallState) -> Sequence[AnyEvent]:
    """Open the child of a call, as soon as there is enough for it under our ceilings."""
    if (full := limits.reached(bound, state, "children", state.spent.opened)) is not None:
        return [full]
    carved = _carve(bound, state, moment, call)
    if isinstance(carved, LimitReached):
        if running(state):
            return []  # others may give back what they do not need
        if _kept_for_the_writer(bound, call):
            return [attempts.refuse(call.seq, "team", "what is left of the money is kept for the writer", call.version)]
        return [carved]
    return [ChildOpened(call.seq, name_of(state.run, call.seq), carved)]


def _carve(bound: Bound, state: State, moment: Moment, call: CallState) -> dict[LimitName, int] | LimitReached:
    """What the child may use: what its contract and its terms say, within what is left here.

    What the terms name is carved whole or not at all. Of what they do not, the calls that wait to be opened share evenly.
    """
    terms = bound.contract.tools[call.tool].limits or Carve()
    own = bound.child(call.tool).limits
    waiting = [
        one for one in state.calls.values() if one.effect == "child" and one.status in ("asked", "held", "cleared")
    ]
    carved: dict[LimitName, int] = {}
    usd = _money(bound, state, call, own, terms, len(waiting))
    if isinstance(usd, LimitReached):
        return usd
    if usd is not None:
        carved["usd"] = usd
    top = limits.ceiling(bound, state, "retries") or 0
    left = max(top - state.spent.retried, 0)
    carved["retries"] = (
        min(left // len(waiting), own.retries) if terms.retries is None else min(left, terms.retries, own.retries)
    )
    work = (limits.ceiling(bound, state, "work") or 0) - state.spent.work
    carved["work"] = max(min(work, own.work, terms.work or own.work), 0)
    wall = limits.wall_ends(bound, state) - moment.at
    carved["wall"] = max(min(wall, own.wall, terms.wall or own.wall), 0)
    if terms.steps is not None:
        carved["steps"] = min(terms.steps, own.steps)
    return carved


def _money(
    bound: Bound, state: State, call: CallState, own: Limits, terms: Carve, waiting: int
) -> int | LimitReached | None:
    """nusd that the child may use; None where nothing but its own contract bounds it."""
    top, wanted = limits.ceiling(bound, state, "usd"), own.usd
    if terms.usd is not None:
        wanted = terms.usd if wanted is None else min(wanted, terms.usd)
    if top is None:
        return wanted if terms.usd is not None else None
    left = top - state.spent.charged - _kept_for_the_writer(bound, call)
    if terms.usd is None:
        share = max(left, 0) // waiting
        wanted = share if wanted is None else min(wanted, share)
        enough = wanted > 0 or own.usd == 0
    else:
        enough = wanted is not None and wanted <= left
    if not enough or wanted is None:
        return LimitReached("usd", state.spent.charged, top, "not enough is left for another child run")
    return wanted


def _kept_for_the_writer(bound: Bound, call: CallState) -> int:
    """Of a team: nusd that no peer gets, so that what was found out can be written down."""
    team = bound.contract.team
    if team is None or call.tool not in team.peers:
        return 0
    terms = bound.contract.tools[team.writer].limits
    return (terms.usd or 0) if terms is not None else 0


# --------------------------------------------------------------------------------------------------- disagreement


def compare(bound: Bound, state: State, moment: Moment) -> Sequence[AnyEvent]:
    """Record that two children cannot both be right; put it before a person where the contract says so."""
    for first, second, about, on in _pairs(bound, state):
        one, other = on
        what = (
            f"calls {first} and {second} say different things about {_short(about)}: {_short(one)} and {_short(other)}"
        )
        found = Contradiction((first, second), what, children=True)
        if bound.contract.surprises.contradiction != "review":
            return [found]
        text = f"Two agents contradict each other: {what}. Tell the agent, take it over, or stop?"
        return [found, PersonAsked("surprise", text, second)]
    return []


def _pairs(bound: Bound, state: State) -> Iterator[tuple[int, int, Json, tuple[Json, Json]]]:
    """(call, call, about what, the two answers) of every pair that disagrees and was not recorded yet."""
    by_tool = [(name, grant.agree) for name, grant in bound.contract.tools.items() if grant.agree is not None]
    if not by_tool or not any(call.effect == "child" and call.ok for call in state.calls.values()):
        return
    said = [stand for name, agree in by_tool for stand in _said(state, name, agree)]
    for (first, about, on), (second, also, other) in combinations(sorted(said, key=lambda stand: stand[0]), 2):
        if about == also and on != other and (first, second) not in state.disagreements:
            yield first, second, about, (on, other)


def _said(state: State, tool: str, agree: Agree) -> Iterator[tuple[int, Json, Json]]:
    """(call, about what, what) of each answer of a tool's children. An answer that lacks the fields says nothing."""
    for item in state.evidence.get(tool, ()):
        scope = Scope({"args": item.args, "output": item.value})
        try:
            yield item.call, scope.value(agree.about), scope.value(agree.on)
        except Unanswered:
            continue


def _short(value: Json) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
