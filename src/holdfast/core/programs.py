"""Programs: what follows when one has called a tool, and what it is told of that call's answer.

A program that calls a tool has ended, as far as anything stands in memory: its call is taken up as a call of the run, and when
that has an answer the program is executed again, with the answers so far.
"""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.agent import Bound
from holdfast.codec import canonical, keyed, plain, value_of
from holdfast.core import attempts, provenance
from holdfast.core.state import CallState, Moment, State
from holdfast.events import AnyEvent, CallAsked, Inline, Json, ProgramCalled
from holdfast.programs import ProgramTool
from holdfast.shape import Misfit


def go_on(bound: Bound, state: State, moment: Moment, call: CallState) -> Sequence[AnyEvent]:
    """Take up the call a program waits for; when it has its answer, execute the program further."""
    if call.wants is not None:
        return [_asked(bound, state, moment, call, call.wants)]
    if any(one.status != "answered" or attempts.paging(bound, state, one) for one in made_by(state, call)):
        return []
    return attempts.start(bound, state, moment, call)


def made_by(state: State, call: CallState) -> list[CallState]:
    """The calls that a program made, in its order."""
    return sorted((one for one in state.calls.values() if one.within == call.seq), key=lambda one: one.ordinal)


def answer_of(call: CallState) -> tuple[Json, str]:
    """(value, error) that a program gets for a call it made."""
    if not call.ok:
        return None, call.said or call.message or "it could not be carried out"
    if call.complete == "partial":
        return None, f"it gave only a part: {call.missing}"
    if call.complete == "simulated":
        return {**(call.args or {}), "simulated": True}, ""
    return call.result, ""


def _asked(bound: Bound, state: State, moment: Moment, program: CallState, wanted: ProgramCalled) -> CallAsked:
    """The call that a program made, as a proposal of the run."""
    tool, raw = bound.tools.get(wanted.tool), value_of(wanted.args)
    runs = bound.tools.get(program.tool)
    args, problem = raw, ""
    if tool is None or (isinstance(runs, ProgramTool) and wanted.tool not in runs.offered(bound.tools)):
        problem = f"a program here cannot call {wanted.tool}"
    else:
        try:
            args = plain(tool.takes.check(raw))
        except Misfit as error:
            problem = f"the arguments do not fit: {error}"
    effect = tool.effect if tool is not None else "read"
    sources = provenance.origins(args, state.sources) if not problem and effect == "write" else {}
    return CallAsked(
        ask=program.ask, index=program.index, tool=wanted.tool, id="", args=Inline(args),
        digest=keyed(moment.secret, "args", wanted.tool, canonical(args)), effect=effect, problem=problem, sources=sources,
        within=program.seq, ordinal=wanted.ordinal,
    )  # fmt: skip
