"""What a run had another one do: what that one was asked and allowed, what came back, and what it rested on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from holdfast import units
from holdfast.events import LimitName
from holdfast.views import words
from holdfast.views.delegated import Delegated
from holdfast.views.delegation import posts_of, team_of
from holdfast.views.family import Family
from holdfast.views.happenings import amount
from holdfast.views.record import Call, Trace
from holdfast.views.sentence import Sentence

MOST: Final = 6
"""Things another run rested on that are told here; its own story tells all of them."""


def errand(call: Call, family: Family | None = None) -> Iterator[Sentence]:
    """What a run did for a call, in sentences. family: of the run that made the call, with what is at hand of the others."""
    one = call.delegated
    if one is None:
        return
    peers = team_of(family.seen.contract)[0] if family is not None else ()
    yield Sentence(f"The run {one.run}, of {one.agent}, was opened for it{_under(one)}.", (one.seq,))
    child = family.children.get(call.seq) if family is not None else None
    if not one.ended:
        stands = child.stands("there") if child is not None else ""
        yield Sentence(f"That run is not over{': ' + stands if stands else ''}.", (one.seq,))
    else:
        yield Sentence(_came(call, one, peer=call.tool in peers), (one.ended,))
    if child is not None:
        yield from _rested(child)


def _under(one: Delegated) -> str:
    """The limits it was set, as the end of a sentence."""
    return f", with at most {words.listed(limits)}" if (limits := limits_of(one.carved)) else ""


_ORDER: Final[tuple[LimitName, ...]] = ("usd", "steps", "retries", "work", "wall")
_AFTER: Final = {"work": " of work", "wall": " from its beginning to its end"}


def limits_of(carved: Mapping[LimitName, int]) -> list[str]:
    """What a run may use of another one's ceilings, in words, what one asks for first before the rest."""
    there = [(name, carved[name]) for name in _ORDER if name in carved]
    counted = {"steps": ("step", ""), "retries": ("retry", "retries")}
    return [
        words.count(many, *counted[name]) if name in counted else f"{amount(name, many)}{_AFTER.get(name, '')}"
        for name, many in there
    ]


def _came(call: Call, one: Delegated, *, peer: bool) -> str:
    used = one.used.get("usd", 0)
    unknown = one.used.get("unpriced", 0)
    price = f" and {units.say_usd(used)} USD" if used or not unknown else ""
    lacks = f" (the price of {words.count(unknown, 'answer')} is not known)" if unknown else ""
    took = f"after {units.say_duration(one.took or 0)}{price}{lacks}"
    if call.ending == "returned":
        trust = "" if call.label.trusted or peer else " It had read text that anyone may have written."
        return f"{took[:1].upper()}{took[1:]} it gave {_gave(call)}.{trust}".replace("..", ".")
    return f"{took[:1].upper()}{took[1:]} it ended as {one.outcome}: {one.why}.".replace("..", ".")


def _gave(call: Call) -> str:
    """What came back: of a peer, where it stands and what it posted; of any other, all of it."""
    posts = posts_of(call)
    if not posts:
        return words.said(call.result, 400)
    value = call.result.value if call.result is not None else None
    position = str(value.get("position") or "") if isinstance(value, dict) else ""
    told = [
        f"{post.get('kind')} about {post.get('about')}: “{words.shortened(str(post.get('text')), 160)}”"
        for post in posts
    ]
    held = f"the position “{words.shortened(position, 80)}” and " if position else ""
    return f"{held}{words.count(len(posts), 'post')}: {'; '.join(told)}"


def _rested(child: Family) -> Iterator[Sentence]:
    """What another run read, did and had others do before it answered."""
    told = list(_did(child.seen))
    yield from told[:MOST]
    if len(told) > MOST:
        text = f"And {words.count(len(told) - MOST, 'more thing')}: holdfast why {child.seen.run}"
        yield Sentence(text, (), child.seen.run)


def _did(seen: Trace) -> Iterator[Sentence]:
    for call in sorted(seen.calls.values(), key=lambda one: one.answered or 1 << 60):
        place = (call.answered or call.seq,)
        match call.effect:
            case "read" if call.ok and not call.serves:
                yield Sentence(f"It read {words.called(call, 100)}: {words.said(call.result, 200)}", place, seen.run)
            case "child" if call.child:
                came = words.said(call.result, 200) if call.ending == "returned" else call.told or words.fate(call)
                yield Sentence(f"It asked {words.called(call, 100)}: {came}", place, seen.run)
            case "write":
                yield Sentence(f"It called {words.called(call, 100)}: {words.fate(call)}", place, seen.run)
