"""What a model's answer means: calls to take up, an output to check, a question, a refusal, or words to the requester."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from holdfast import codec
from holdfast.agent import Bound
from holdfast.codec import canonical, keyed
from holdfast.core import attempts, policy, prompt, provenance
from holdfast.core.state import CallState, Moment, State
from holdfast.events import (
    AnyEvent,
    CallAsked,
    CallJudged,
    Effect,
    Fired,
    Inline,
    Json,
    OutputRejected,
    PersonAsked,
    Replied,
    RunClosed,
    Wanted,
)
from holdfast.lint import BUILTIN
from holdfast.shape import Misfit, SchemaShape, Shape

TOLD: Final = 1
"""How often an agent is told that its answer cannot stand before the run stops."""

MAX_CALLS: Final = 64
"""Calls of one answer that are taken up; more is no plan but a runaway."""

_BUILTIN_SHAPES: Final = {name: SchemaShape(schema) for name, schema in prompt.BUILTIN_SCHEMAS.items()}
_UNFINISHED: Final = {"length": "cut", "filter": "filtered", "unknown": "odd"}


def admit(bound: Bound, state: State, moment: Moment) -> Sequence[AnyEvent]:
    """Take up the calls of a new answer, in asked order; or say why it cannot stand."""
    event = state.answered
    if state.admitted or event is None:
        return []
    if event.finish in _UNFINISHED and (event.calls or not bound.contract.conversation or event.finish != "length"):
        return [_rejected(state, prompt.WORDING[_UNFINISHED[event.finish]])]
    if not event.calls:
        return _words(bound, state)
    if len(event.calls) > MAX_CALLS:
        return [
            _rejected(
                state,
                f"You asked for {len(event.calls)} calls at once; at most {MAX_CALLS} are taken up. Answer again.",
            )
        ]
    return [_asked(bound, state, moment, at, want) for at, want in enumerate(event.calls)]


def _words(bound: Bound, state: State) -> Sequence[AnyEvent]:
    event = state.answered
    assert event is not None
    text = codec.value_of(event.text)
    if not text:
        return [_rejected(state, prompt.WORDING["empty"])]
    if bound.contract.conversation:
        return [Replied(state.answer_seq)]
    return [_rejected(state, prompt.WORDING["no_call"])]


def _rejected(state: State, why: str, call: int = 0) -> OutputRejected:
    return OutputRejected(state.answer_seq, why, call, final=state.rejections >= TOLD)


def not_accepted(state: State, why: str, *, final: bool = False) -> OutputRejected:
    """The output was looked at and cannot stand."""
    call = next((one.seq for one in state.turn_calls if one.tool == "done"), 0)
    return OutputRejected(state.answer_seq, why, call, final=final or state.rejections >= TOLD)


def _asked(bound: Bound, state: State, moment: Moment, index: int, want: Wanted) -> CallAsked:
    args, problem = _arguments(bound, want)
    args = codec.plain(args)  # in the order in which it will be read tomorrow: texts are made of it
    tool = bound.tools.get(want.tool)
    effect: Effect = "builtin" if want.tool in BUILTIN else tool.effect if tool is not None else "read"
    digest = keyed(moment.secret, "args", want.tool, canonical(args))
    terms = bound.contract.tools.get(want.tool)
    traced = not problem and (effect == "write" or (terms is not None and bool(terms.from_)))
    sources = provenance.origins(args, state.sources) if traced else {}
    return CallAsked(
        ask=state.answer_seq, index=index, tool=want.tool, id=want.id, args=Inline(args), digest=digest, effect=effect, problem=problem,
        sources=sources,
    )  # fmt: skip


def _arguments(bound: Bound, want: Wanted) -> tuple[Json, str]:
    """(arguments, what is wrong with them). Malformed ones are kept as they were written."""
    try:
        raw = codec.parse(want.args or "{}")
    except (msgspec.DecodeError, RecursionError) as error:
        return want.args, f"the arguments are no JSON: {error}"
    if want.tool == "done":
        return prompt.output_of(bound.contract.gives, raw), ""
    shape: Shape | None = _BUILTIN_SHAPES.get(want.tool)
    if shape is None:
        tool = bound.tools.get(want.tool)
        if tool is None:
            offered = ", ".join([*bound.tools, *BUILTIN])
            return raw, f"there is no tool called {want.tool}; there are: {offered}"
        shape = tool.takes
    try:
        return shape.check(raw), ""
    except Misfit as error:
        return raw, f"the arguments do not fit: {error}"


# ------------------------------------------------------------------------------------------------------- concluding


def conclude(bound: Bound, state: State, moment: Moment) -> Sequence[AnyEvent]:
    """When every other call of the turn has an answer: the calls that speak of the run itself."""
    if state.over and _may_end_silently(bound) and not _open(state):
        return [RunClosed("done", "the requester ended the conversation")]
    special = [
        call for call in state.turn_calls if call.tool in ("done", "decline", "ask") and call.status == "cleared"
    ]
    others = [call for call in state.calls.values() if call not in special and call.status != "answered"]
    others += [call for call in state.turn_calls if call.seq in _in_question(state)]
    if not special or others or any(attempts.paging(bound, state, call) for call in state.turn_calls):
        return _partial(bound, state)
    first = special[0]
    if state.said > state.heard:
        return [attempts.refuse(first.seq, "overtaken", "the requester has written since; read the message first")]
    if first.tool == "ask":
        return _question(state, first)
    if any(call.tool == "ask" for call in state.turn_calls):
        return [attempts.refuse(first.seq, "overtaken", "you asked a question beside it; read its answer first")]
    if first.tool == "decline":
        handed = bool(first.args.get("hand_over"))
        return [RunClosed("escalated" if handed else "declined", str(first.args.get("reason", "")))]
    return _done(bound, state, moment, first)


def _in_question(state: State) -> set[int]:
    """Calls of which a person is to say what their answers are worth."""
    return {question.asked.call for question in state.questions.values() if question.asked.about == "surprise"}


def _may_end_silently(bound: Bound) -> bool:
    """A conversation that owes no output ends when the requester says that was all."""
    return bound.contract.conversation and bound.contract.gives.get("type") == "null"


def _open(state: State) -> bool:
    return any(call.status != "answered" for call in state.calls.values()) or (
        state.asking is not None and state.asking.status in ("running", "failed")
    )


def _partial(bound: Bound, state: State) -> Sequence[AnyEvent]:
    """A result that is not complete goes before a person, where the contract wants that."""
    if bound.contract.surprises.partial != "review":
        return []
    asked = {question.asked.call for question in state.questions.values()}
    for call in state.turn_calls:
        if call.seq in asked or call.reviewed:
            continue
        if call.ok and call.complete == "partial" and not attempts.paging(bound, state, call):
            text = f"{call.tool} gave only a part: {call.missing}. Tell the agent, take it over, or stop?"
            return [PersonAsked("surprise", text, call.seq)]
    return []


def _question(state: State, call: CallState) -> Sequence[AnyEvent]:
    of = str(call.args.get("of", "requester"))
    return [
        CallJudged(call.seq, "review"),
        PersonAsked("question", str(call.args.get("question", "")), call.seq, role=of),
    ]


def _done(bound: Bound, state: State, moment: Moment, call: CallState) -> Sequence[AnyEvent]:
    """Check an output against its shape and against what really happened."""
    try:
        value = bound.gives.check(call.args)
    except Misfit as error:
        return [not_accepted(state, f"the output does not fit: {error}")]
    problems = policy.output_problems(bound, state, value)
    if problems:
        told = "; ".join(fired.because for fired in problems if not fired.secret) or "the contract does not accept it"
        return [not_accepted(state, told)]
    review = policy.output_review(bound, state, value)
    if review is not None and not policy.approved(call, call.digest, review.people, moment.at):
        fired = (Fired("done.review", "review", review.because, review.secret),)
        until = attempts.stands_until(state, review.by, moment.at, review.within)
        asked = PersonAsked(
            "output",
            f"the output: {prompt.text_of(value)}",
            call.seq,
            role=review.by,
            people=review.people,
            until=until,
            then=review.then.replace("ask: ", "ask:"),
            version=call.version,
            digest=call.digest,
            label=state.label,
            contract=state.contract_digest,
            heard=state.said,
        )
        return [CallJudged(call.seq, "review", fired), asked]
    return [RunClosed("done", "the task was finished", Inline(value))]
