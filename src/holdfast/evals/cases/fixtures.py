"""Recorded answers as a world: served to whoever makes the same call, writes included, so that nothing outside is touched.

A write that is served counts as an effect once for each time it is carried out; under the key of an attempt before it, it is
carried out once, as by any system that honours keys.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from holdfast.codec import canonical, plain
from holdfast.core.provenance import leaves
from holdfast.core.state import CallState
from holdfast.evals.cases.case import Answered, Fixtures
from holdfast.evals.cases.world import Effect, World
from holdfast.events import Json
from holdfast.shell.perform import effect_id_of
from holdfast.tool import Absent, Found, NotDone, Partial, Refused, Tool, Unknown

LIVE: Final = "live-read"
"""The policy by which tools that only read are called, where no recorded answer fits."""


class Unserved(Refused):
    """No recorded answer fits a call: the case does not cover what the agent does now."""

    MARK: Final = "no recorded answer fits"


class Recorded:
    """The recorded answers of one case, as they are used up in one trial."""

    def __init__(self, fixtures: Fixtures, *, live: bool = False) -> None:
        self._policy = fixtures.unmatched
        self._live = live
        """Whether tools that only read can be called here."""
        self._calls = fixtures.calls
        self._left = {at: one.times for at, one in enumerate(fixtures.calls) if one.times}
        self._done: dict[str, tuple[Answered, int]] = {}
        """Carried out writes, by key or call → the answer and how often."""
        self.effects: list[Effect] = []

    def serve(self, run: str, tool: Tool[..., Any], call: CallState) -> Callable[[], object] | None:
        """What answers a call; None where the tool itself is to be called."""
        if tool.effect == "write" and (known := self._done.get(_identity(run, tool, call))) is not None:
            return lambda: _held(tool, known[0])
        found = self._match(call)
        if found is None and self._live and self._policy == LIVE and tool.effect == "read":
            return None
        return lambda: self._answer(run, tool, call, found)

    def look_up(self, run: str, tool: Tool[..., Any], call: CallState) -> Callable[[], object]:
        """What a look-up finds: the effect of this very call, where it was carried out."""

        def answer() -> object:
            known = self._done.get(_identity(run, tool, call))
            if known is None:
                return Absent()
            name = effect_id_of(tool, known[0].gives) or str(known[1])
            return Found(name, tool.gives.python(known[0].gives))

        return answer

    def _match(self, call: CallState) -> Answered | None:
        own = [(at, one) for at, one in enumerate(self._calls) if one.tool == call.tool and self._left.get(at) != 0]
        exact = next(((at, one) for at, one in own if one.args is None or _same(one.args, call.args)), None)
        if exact is None and self._policy == "nearest" and own:
            exact = max(own, key=lambda pair: _alike(pair[1].args, call.args))
        if exact is None:
            return None
        if exact[0] in self._left:
            self._left[exact[0]] -= 1
        return exact[1]

    def _answer(self, run: str, tool: Tool[..., Any], call: CallState, found: Answered | None) -> object:
        if found is None:
            raise Unserved(f"{Unserved.MARK} {call.tool}({canonical(call.args).decode()})")
        if tool.effect == "write" and not (found.refused or found.not_done):
            self.effects.append(Effect(call.tool, dict(call.args)))
            self._done[_identity(run, tool, call)] = (found, len(self.effects))
        return _outcome(tool, found)


def _held(tool: Tool[..., Any], known: Answered) -> object:
    """What the same key is answered, once the effect is there: what it gave, also where the first answer was lost."""
    return tool.gives.python(known.gives) if known.gives is not None else _outcome(tool, known)


def _outcome(tool: Tool[..., Any], found: Answered) -> object:
    """What a tool says that answered so. Raises what a tool raises."""
    if found.refused:
        raise Refused(found.refused)
    if found.not_done:
        raise NotDone(found.not_done)
    if found.unknown:
        raise Unknown(found.unknown)
    value = tool.gives.python(found.gives)
    return Partial(value, found.partial) if found.partial else value


def _identity(run: str, tool: Tool[..., Any], call: CallState) -> str:
    """What makes two attempts one effect: the key, where the tool takes one; otherwise each attempt is its own."""
    return f"{call.tool}:{call.key}" if call.key and tool.keyed else f"{run}:{call.seq}:{call.attempt}"


def _same(recorded: Json, given: Json) -> bool:
    return recorded == given or canonical(plain(recorded)) == canonical(plain(given))


def _alike(recorded: Json, given: Json) -> float:
    """The share of leaves that are the same, of two calls' arguments."""
    one, other = set(_leaves(recorded)), set(_leaves(given))
    return len(one & other) / max(len(one | other), 1)


def _leaves(value: Json) -> list[tuple[str, str]]:
    return [(path, str(leaf)) for path, leaf in leaves(value)]


@asynccontextmanager
async def recorded_world(fixtures: Fixtures, live: Sequence[object] | None = None) -> AsyncIterator[World]:
    """A world of recorded answers, for one trial.

    live: the agent's real resources, for tools that only read, where no answer fits and the case says `live-read`; a write never
    meets them. None: there are none, and such a call is one that no recorded answer fits.
    """
    recorded = Recorded(fixtures, live=live is not None)
    real = tuple(live or ()) if fixtures.unmatched == LIVE else ()
    yield World(real, lambda: tuple(recorded.effects), recorded.serve, recorded.look_up)
