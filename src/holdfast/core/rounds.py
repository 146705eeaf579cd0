"""Rounds of a team: closed by an entry that lists the posts which count, and cited from there."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.agent import Bound
from holdfast.core.state import Moment, State
from holdfast.events import AnyEvent, Fired, Json, RoundClosed


def close(bound: Bound, state: State, moment: Moment) -> Sequence[AnyEvent]:
    """Close a round when every peer that was asked has an answer. What comes later belongs to no round."""
    team = bound.contract.team
    if team is None:
        return []
    asked = [call for call in state.turn_calls if call.tool in team.peers]
    if not asked or asked[0].seq < state.round_seq or any(call.status != "answered" for call in asked):
        return []
    number = state.rounds + 1
    posts = [
        (f"{number}.{call.tool}.{at}", call.answer)
        for call in asked if call.ok and isinstance(call.result, dict)
        for at in range(1, len(call.result.get("posts", ())) + 1)
    ]  # fmt: skip
    return [RoundClosed(number, tuple(posts))]


def uncited(bound: Bound, state: State, output: Json) -> list[Fired]:
    """What a team's output rests on that nobody posted; one that rests on nothing."""
    if bound.contract.team is None:
        return []
    cites = output.get("cites") if isinstance(output, dict) else None
    if not isinstance(cites, list) or not cites:
        return [Fired("team", "refuse", "it must cite the posts it rests on")]
    unknown = [str(cite) for cite in cites if cite not in state.posts]
    if unknown:
        return [Fired("team", "refuse", f"it cites {', '.join(unknown[:5])}, which nobody posted")]
    return []
