"""What entries about waiting for other runs, or until a stop is over, add to a trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from holdfast.events import Entry, PlaceAwaited, PlaceTaken
from holdfast.views import places
from holdfast.views.calls import Draft, keep_call
from holdfast.views.happenings import happened
from holdfast.views.places import TURN, Waited
from holdfast.views.record import Happening

replace = msgspec.structs.replace

RUN: Final = 0
"""The place of the run itself among what waits; the others are calls."""


def _awaited(draft: Draft, entry: Entry, event: PlaceAwaited) -> None:
    _ended(draft, event.call, entry)
    begun = places.of(entry.seq, entry.at, event)
    call = draft.calls.get(event.call)
    if event.call and call is None:
        return
    draft.waiting.add(event.call)
    if call is not None:
        keep_call(draft, call, waited=(*call.waited, begun))
        return
    draft.waited.append(begun)
    happened(draft, entry, places.said(begun))


def _taken(draft: Draft, entry: Entry, event: PlaceTaken) -> None:
    _ended(draft, RUN, entry)
    happened(draft, entry, f"it is its turn ({TURN})")


def no_longer(draft: Draft, entry: Entry) -> None:
    """Note what waits no more since this entry: calls that began or were answered, and everything once the run has ended."""
    forked = getattr(entry.event, "forked", False)
    for place in list(draft.waiting):
        call = draft.calls.get(place)
        if draft.end is not None or forked or (call is not None and call.stage in ("running", "answered")):
            _ended(draft, place, entry)


def _ended(draft: Draft, place: int, entry: Entry) -> None:
    if place not in draft.waiting:
        return
    draft.waiting.discard(place)
    call = draft.calls.get(place)
    if call is not None:
        keep_call(draft, call, waited=(*call.waited[:-1], _over(call.waited[-1], entry)))
        return
    over = draft.waited[-1] = _over(draft.waited[-1], entry)
    for at, item in enumerate(draft.items):
        if isinstance(item, Happening) and item.seq == over.seq:
            draft.items[at] = replace(item, text=places.said(over))


def _over(one: Waited, entry: Entry) -> Waited:
    return replace(one, ended=entry.seq, until=entry.at)


WAITS: Final[dict[type, Callable[[Draft, Entry, Any], None]]] = {PlaceAwaited: _awaited, PlaceTaken: _taken}
