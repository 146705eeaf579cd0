"""What was changed, against what had to be: expected ⊆ actual ⊆ expected and what is permitted beside it.

What was changed is what the world says, not the journal. An expected effect names some arguments, so one may fit several
actual ones; each of them needs one of its own, which is a largest assignment in a bipartite graph.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from holdfast.codec import plain
from holdfast.evals.grading import calls as grade_calls
from holdfast.evals.grading.finished import Finished, Miss
from holdfast.evals.grading.values import differences, fits
from holdfast.events import Json
from holdfast.views import words
from holdfast.views.record import Content

SHOWN: Final = 5
"""Effects of one tool too many that are told one by one."""


def effects(finished: Finished) -> Iterator[Miss]:
    """Each expected effect happened, and nothing outside the frame did."""
    expect = finished.case.expect
    if expect.effects is None:
        return
    happened: dict[str, list[Json]] = {}
    for effect in finished.effects:
        happened.setdefault(effect.tool, []).append(plain(effect.args))
    for tool, wanted in expect.effects.items():
        actual = happened.pop(tool, [])
        taken = assigned([[at for at, args in enumerate(actual) if fits(one, args)] for one in wanted])
        left = [args for at, args in enumerate(actual) if at not in taken]
        served = set(taken.values())
        for at, one in enumerate(wanted):
            if at not in served:
                yield Miss("effects", _lacking(tool, one, left, len(actual)), _places(finished, tool))
        if tool not in expect.also:
            yield from _too_many(finished, tool, left)
    for tool, left in happened.items():
        if tool not in expect.also:
            yield from _too_many(finished, tool, left)


def assigned(choices: Sequence[Sequence[int]]) -> dict[int, int]:
    """A largest assignment: actual → expected, where `choices` are the actual ones that each expected one may have.

    By augmenting paths (Berge 1957), each found breadth first. An expected one that has got an actual one keeps one.
    """
    owner: dict[int, int] = {}
    has: dict[int, int] = {}
    for first in range(len(choices)):
        reached: dict[int, int] = {}
        todo = deque([first])
        free = None
        while todo and free is None:
            one = todo.popleft()
            for at in choices[one]:
                if at in reached:
                    continue
                reached[at] = one
                if at not in owner:
                    free = at
                    break
                todo.append(owner[at])
        while free is not None:
            one = reached[free]
            before = has.get(one)
            owner[free], has[one] = one, free
            free = before
    return owner


def _lacking(tool: str, wanted: Json, left: Sequence[Json], actual: int) -> str:
    what = f"{_called(tool, wanted)} had to happen and did not"
    if not actual:
        return f"{what}: there was no effect of {tool}"
    if not left:
        return f"{what}: {words.count(actual, 'effect')} of {tool} happened, and none is left for it"
    nearest = min((list(differences(wanted, args, "")) for args in left), key=len)
    return f"{what}: of the nearest that did, {words.listed(nearest[:SHOWN])}"


def _too_many(finished: Finished, tool: str, left: Sequence[Json]) -> Iterator[Miss]:
    for args in left[:SHOWN]:
        yield Miss("effects", f"{_called(tool, args)} happened, and nothing expects it", _places(finished, tool, args))
    if len(left) > SHOWN:
        more = words.count(len(left) - SHOWN, "further effect")
        yield Miss("effects", f"{more} of {tool} happened, and nothing expects them", _places(finished, tool))


def _called(tool: str, args: Json) -> str:
    return f"{words.plain(tool)}({words.args(Content(args))})"


def _places(finished: Finished, tool: str, args: Json = None) -> tuple[int, ...]:
    """Where a tool was called: as it was for this effect, if that can be told; started calls rather than refused ones."""
    own = [
        (part, call)
        for part in finished.parts for call in grade_calls.calls(part.entries).values() if call.tool == tool
    ]  # fmt: skip
    exact = [(part, call) for part, call in own if args is not None and call.started and fits(call.args, args)]
    chosen = exact or [(part, call) for part, call in own if call.started] or own
    return tuple(dict.fromkeys(seq for part, call in chosen for seq in part.seqs([call.seq])))
