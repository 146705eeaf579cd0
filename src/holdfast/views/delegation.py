"""What entries about child runs and rounds of peers add to a trace.

A call of another agent is answered by a run of its own. The run that made the call is told how that one ended, with what it
used and what it gave; so its own entries say all that is said here, whether or not the other run's are at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from holdfast.events import ChildClosed, ChildOpened, Entry, Json, RoundClosed
from holdfast.views import words
from holdfast.views.calls import Draft, keep_call
from holdfast.views.delegated import Delegated
from holdfast.views.happenings import happened
from holdfast.views.record import Call, content

replace = msgspec.structs.replace


def _opened(draft: Draft, entry: Entry, event: ChildOpened) -> None:
    call = draft.calls.get(event.call)
    totals = draft.totals
    draft.totals = replace(totals, opened=totals.opened + 1, carved=totals.carved + event.carved.get("usd", 0))
    if call is None:
        happened(draft, entry, f"call {event.call} opened the run {event.child}")
        return
    agent = agent_of(draft.contract, call.tool)
    opened = Delegated(entry.seq, entry.at, event.child, agent, event.carved)
    keep_call(draft, call, child=event.child, delegated=opened, stage="running")


def _closed(draft: Draft, entry: Entry, event: ChildClosed) -> None:
    call = draft.calls.get(event.call)
    before = call.delegated if call is not None else None
    carved = before.carved.get("usd", 0) if before is not None else 0
    totals, used = draft.totals, event.used
    draft.totals = replace(totals, carved=totals.carved - carved, below=totals.below + used.get("usd", 0))
    if call is None:
        happened(draft, entry, f"the run {event.child}, opened by call {event.call}, ended: {event.outcome}")
        return
    begun = before or Delegated(entry.seq, entry.at, event.child, agent_of(draft.contract, call.tool))
    over = replace(
        begun, ended=entry.seq, until=entry.at, outcome=event.outcome, why=event.why, used=used
    )  # fmt: skip
    done = event.outcome == "done"
    keep_call(
        draft, call, child=event.child, delegated=over, stage="answered", ending="returned" if done else "ended",
        answered=entry.seq, result=content(event.result), label=event.label,
        told="" if done else f"{call.tool} ended as {event.outcome}: {event.why}",
    )  # fmt: skip


def agent_of(contract: Json, tool: str) -> str:
    """Whose run answers the calls of a tool; the tool's own name where the contract does not say (any more)."""
    terms = contract.get("tools", {}).get(tool) if isinstance(contract, dict) else None
    child = terms.get("agent") if isinstance(terms, dict) else None
    return str(child.get("name") or tool) if isinstance(child, dict) else tool


# -------------------------------------------------------------------------------------------------------------- teams


def _round(draft: Draft, entry: Entry, event: RoundClosed) -> None:
    """A round is over: how many posts count, and who stands where by them."""
    posts = words.count(len(event.posts), "post")
    stands = [f"{peer}: “{position}”" for peer, position in _positions(draft, event) if position]
    told = f"; positions: {', '.join(stands)}" if stands else ""
    happened(draft, entry, f"round {event.round} closed with {posts}{told}")


def _positions(draft: Draft, event: RoundClosed) -> Iterator[tuple[str, str]]:
    """(peer, its position) of those whose posts count."""
    answers = dict.fromkeys(seq for _, seq in event.posts)
    calls = {call.answered: call for call in draft.calls.values() if call.answered in answers}
    for seq in answers:
        value = calls[seq].result.value if seq in calls and calls[seq].result is not None else None  # type: ignore[union-attr]
        if isinstance(value, dict):
            yield calls[seq].tool, words.shortened(str(value.get("position") or ""), 60)


def team_of(contract: Json) -> tuple[tuple[str, ...], str]:
    """(the peers, the writer) of a team; none of any other agent."""
    team = contract.get("team") if isinstance(contract, dict) else None
    return (tuple(team.get("peers", ())), str(team.get("writer", ""))) if isinstance(team, dict) else ((), "")


def called(contract: Json, call: Call, limit: int = 160) -> str:
    """A call as one writes it down; of a peer or a writer, how much it was given to read and not all of that."""
    peers, writer = team_of(contract)
    given = call.args.value
    if not isinstance(given, dict) or call.tool not in (*peers, writer):
        return words.called(call, limit)
    board = given.get("board")
    read = f"{words.count(len(board) if isinstance(board, list) else 0, 'post')} to read"
    return f"{call.tool}(round {given.get('round')}, {read})" if call.tool in peers else f"{call.tool}({read})"


def posts_of(call: Call) -> list[dict[str, Json]]:
    """What a peer posted in its answer; nothing of any other call."""
    value = call.result.value if call.result is not None else None
    posts = value.get("posts") if isinstance(value, dict) else None
    return [post for post in posts if isinstance(post, dict)] if isinstance(posts, list) else []


DELEGATION: Final[dict[type, Callable[[Draft, Entry, Any], None]]] = {
    ChildOpened: _opened, ChildClosed: _closed, RoundClosed: _round,
}  # fmt: skip
