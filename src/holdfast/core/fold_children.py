"""What entries about child runs change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from holdfast.codec import value_of
from holdfast.core.fold_calls import Changes, learned, open_call, replace, with_call
from holdfast.core.state import Source, State, move
from holdfast.events import ChildClosed, ChildOpened, Entry, RoundClosed


def child_opened(state: State, entry: Entry, event: ChildOpened) -> Changes:
    call = open_call(state, entry, event.call)
    after = replace(
        call, status=move(state.run, entry.seq, call.status, "ChildOpened"), start=entry.seq, child=event.child,
        carved=event.carved, first_started=entry.at,
    )  # fmt: skip
    spent = replace(
        state.spent, carved=state.spent.carved + event.carved.get("usd", 0), opened=state.spent.opened + 1,
        carved_retries=state.spent.carved_retries + event.carved.get("retries", 0),
    )  # fmt: skip
    counted = {**state.counted, call.tool: state.counted.get(call.tool, 0) + 1}
    return with_call(state, after, spent=spent, counted=counted)


def child_closed(state: State, entry: Entry, event: ChildClosed) -> Changes:
    """The carve is given back, and what was used of it is ours."""
    call, before, used = open_call(state, entry, event.call), state.spent, event.used
    spent = replace(
        before, carved=before.carved - call.carved.get("usd", 0), below=before.below + used.get("usd", 0),
        carved_retries=before.carved_retries - call.carved.get("retries", 0), retries=before.retries + used.get("retries", 0),
        work=before.work + used.get("work", 0), unpriced=before.unpriced + used.get("unpriced", 0),
    )  # fmt: skip
    done = event.outcome == "done"
    after = replace(
        call, status=move(state.run, entry.seq, call.status, "ChildClosed"), answer=entry.seq, ok=done, label=event.label,
        result=value_of(event.result), result_digest=event.digest,
        said="" if done else f"{call.tool} ended as {event.outcome}: {event.why}",
    )  # fmt: skip
    if done:
        return learned(state, entry, after) | {"spent": spent}
    name = f"{'trusted' if event.label.trusted else 'untrusted'}:{entry.seq}"
    sources = state.sources.plus(Source(name, event.label.trusted, event.why, call.tool))
    return with_call(state, after, spent=spent, sources=sources)


def round_closed(state: State, entry: Entry, event: RoundClosed) -> Changes:
    posts = state.posts | {name for name, _ in event.posts}
    return {"rounds": event.round, "round_seq": entry.seq, "posts": posts}


CHILDREN: Final[dict[type, Callable[[State, Entry, Any], Changes]]] = {
    ChildOpened: child_opened, ChildClosed: child_closed, RoundClosed: round_closed,
}  # fmt: skip
