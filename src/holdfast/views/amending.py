"""What an amendment would lead to, before it is recorded: it is judged by the very functions that will judge it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from holdfast.agent import Bound
from holdfast.codec import value_of
from holdfast.contract import Contract
from holdfast.core import policy
from holdfast.core.fold import fold
from holdfast.core.state import Moment, State
from holdfast.events import Entry, Fired, Json, ProposalAmended
from holdfast.views.as_recorded import RecordedBound, Told, Undecidable


class Effect(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What follows from an amendment."""

    changed: tuple[tuple[str, Json, Json], ...]
    """(argument, as it is, as it would be)."""
    refused: tuple[Fired, ...] = ()
    """The rules that would refuse it."""
    asks: tuple[tuple[str, int], ...] = ()
    """(role, how many people more) who would have to say yes; none: the amender's voice is enough, or none is needed."""
    reviews: tuple[Fired, ...] = ()
    """The rules that would ask for a person."""
    unknown: str = ""
    """Why it cannot be told here."""


def effect(
    state: State, amendment: ProposalAmended, moment: Moment, entries: Sequence[Entry], bound: Bound | None = None
) -> Effect:
    """What follows, as things stand. bound: the contract with the agent's code; without it, with what the entries tell of it."""
    held = state.calls[amendment.call]
    before = held.args if isinstance(held.args, dict) else {}
    after = value_of(amendment.args)
    changed = tuple((name, before.get(name), after.get(name)) for name in amendment.changed)
    moment = msgspec.structs.replace(moment, at=max(moment.at, state.at))
    draft = fold(state, Entry(state.run, state.seq + 1, moment.at, state.seq, amendment.by, amendment))
    call = draft.calls[amendment.call]
    bound = bound or RecordedBound(Contract.parse(state.contract), Told(entries), {}, state.opened.versions, {})
    try:
        if call.tool == "done":
            return Effect(changed=changed, refused=tuple(policy.output_problems(bound, draft, call.args)))
        judged = policy.judge(bound, draft, call, moment)
        digest = policy.binding(draft, call, judged, moment)
        further = policy.unmet_review(call, judged.reviews, digest, moment.at)
    except Undecidable as error:
        return Effect(changed=changed, unknown=str(error))
    refused = tuple(fired for fired in judged.rules if fired.verdict == "refuse")
    voices = {vote.by for vote in call.votes if further is not None and further.by in ("", vote.role)}
    asks = ((further.by, further.people - len(voices)),) if further is not None and not refused else ()
    return Effect(
        changed=changed, refused=refused, asks=asks,
        reviews=tuple(fired for fired in judged.rules if fired.verdict == "review"),
    )  # fmt: skip
