"""What unfolds under a line of the trace page: a call with its rules and the provenance of its arguments, an answer, a request."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from holdfast import units
from holdfast.cli.html import Markup, tag
from holdfast.events import Json
from holdfast.views import words
from holdfast.views.account import Account, Clause, account
from holdfast.views.places import taken
from holdfast.views.record import Call, Content, Trace, Tried, Turn
from holdfast.views.sentence import Sentence

LONGEST: Final = 60_000
"""Characters of one body on the page."""

Anchor = Callable[[int], str]
"""Entry → its place on the page."""


def pretty(value: Json) -> Markup:
    """A value as a person reads JSON; a text as it is."""
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2, sort_keys=False)
    if len(shown) > LONGEST:
        more = len(shown) - LONGEST
        shown = f"{shown[:LONGEST]}\n… and {more:,} more characters: `holdfast show RUN --json` has all of them"
    return tag("pre", shown)


def body(content: Content | None) -> Markup | None:
    """What a body holds, or that it is gone."""
    if content is None:
        return None
    return tag("p", f"[erased, {content.size:,} bytes]", class_="red") if content.erased else pretty(content.value)


def places(entries: Iterable[int], anchor: Anchor) -> list[Markup]:
    """Links to entries: ` [10] [11]`."""
    return [tag("span", " ", tag("a", f"[{seq}]", href=anchor(seq))) for seq in dict.fromkeys(entries) if seq]


def told(sentences: Iterable[Sentence], anchor: Anchor) -> Markup | None:
    """Sentences, each with links to what shows it."""
    items = [tag("li", one.text, places(one.entries, anchor)) for one in sentences]
    return tag("ul", items) if items else None


def section(title: str, *content: Markup | None) -> Iterator[Markup]:
    """A heading and what is under it; nothing where there is nothing."""
    found = [part for part in content if part is not None]
    if found:
        yield tag("h3", title)
        yield from found


# ------------------------------------------------------------------------------------------------------------ a call


def of_call(seen: Trace, call: Call, anchor: Anchor) -> Markup:
    """Everything about one call."""
    why = account(seen, call)
    title = {
        "write": "a write", "read": "a read", "builtin": "a call to holdfast itself", "child": "a call of another agent"
    }[call.effect]  # fmt: skip
    return tag(
        "div",
        section(f"Arguments of {title}", body(call.args), _arguments(why, anchor)),
        section("What the contract said", _clauses(why, anchor)),
        section("It rested on" if why.ok else "It could rest on", told(why.evidence, anchor)),
        section("What became of it", told(why.course, anchor), _attempts(call, anchor)),
        section("What it took of what runs share", told(_taken(call), anchor)),
        section("What would have been needed", told(why.needed, anchor)),
        section("Result", body(call.result) if call.complete != "simulated" else None, _label(call)),
        class_="more",
    )


def _taken(call: Call) -> Iterator[Sentence]:
    """Of an amount the course tells already."""
    for one in call.tried:
        for share in one.shares:
            if not taken(share, one.at, full=False) and (text := taken(share, one.at)):
                yield Sentence(f"Attempt {one.attempt} {text}.", (one.seq,))


def _arguments(why: Account, anchor: Anchor) -> Markup | None:
    rows = [
        tag(
            "tr",
            tag("td", tag("code", one.name)),
            tag("td", tag("code", words.value(one.value, 120))),
            tag(
                "td",
                one.text,
                places(one.entries, anchor),
                class_="foreign" if one.origin.startswith("untrusted:") else None,
            ),
        )
        for one in why.arguments
    ]
    head = tag("thead", tag("tr", [tag("th", name, scope="col") for name in ("argument", "value", "came from")]))
    return tag("table", head, tag("tbody", rows)) if rows else None


_VERDICTS: Final = {
    "refuse": ("refused", "red"),
    "review": ("a person is needed", "yellow"),
    "allow": ("allowed", "green"),
}


def _clauses(why: Account, anchor: Anchor) -> Markup | None:
    items = [_clause(clause, anchor) for clause in why.clauses]
    if why.held:
        items.append(tag("li", tag("b", "held: ", class_="green"), words.listed([f"“{held}”" for held in why.held])))
    return tag("ul", items) if items else None


def _clause(clause: Clause, anchor: Anchor) -> Markup:
    word, colour = _VERDICTS[clause.verdict]
    saws = [
        tag(
            "span",
            "; " if at else "",
            tag("code", f"{saw.name} = {words.value(saw.value, 80)}"),
            places(saw.entries, anchor),
        )
        for at, saw in enumerate(clause.saw)
    ]
    return tag(
        "li",
        tag("b", f"{word}: ", class_=colour), clause.because, " ", tag("code", clause.rule, class_="dim"),
        " (kept from the agent and the requester)" if clause.secret else None, places(clause.entries, anchor),
        tag("p", "the condition: ", tag("code", clause.asks)) if clause.asks else None,
        tag("p", "it saw ", saws) if saws else None,
    )  # fmt: skip


def _attempts(call: Call, anchor: Anchor) -> Markup | None:
    if not call.tried:
        return None
    heads = ("attempt", "worker", "key", "took", "became")
    rows = [
        tag(
            "tr",
            tag("td", str(one.attempt), places((one.seq, one.ended), anchor)),
            tag("td", tag("code", one.worker)),
            tag("td", tag("code", one.key) if one.key else "none"),
            tag("td", units.say_duration(one.took) if one.ended else ""),
            tag("td", _became(one)),
        )
        for one in call.tried
    ]
    head = tag("thead", tag("tr", [tag("th", name, scope="col") for name in heads]))
    return tag("table", head, tag("tbody", rows))


def _became(one: Tried) -> str:
    late = ", late" if one.late else ""
    if one.state == "failed":
        fate = "surely nothing happened" if one.fate == "not_done" else "nobody can tell whether it took effect"
        return f"failed: {one.error}, {fate}{late}"
    return {"running": "is running", "returned": "answered", "started": "began work that takes longer"}[
        one.state
    ] + late


def _label(call: Call) -> Markup | None:
    if call.effect == "builtin" or call.result is None or call.result.erased:
        return None
    trust = "from a source that the contract trusts" if call.label.trusted else "anyone may have written this"
    classes = f"; data classes: {', '.join(call.label.classes)}" if call.label.classes else ""
    return tag("p", f"{trust}{classes}", class_="dim" if call.label.trusted else "foreign")


# --------------------------------------------------------------------------------------------------------- an answer


def of_turn(turn: Turn, anchor: Anchor) -> Markup:
    """A step: which model, what it cost, what it said, and each attempt to get it."""
    cost = "nobody knows" if turn.cost is None else f"{units.say_usd(turn.cost)} USD"
    cached = f" ({turn.usage.cached:,} of them cached)" if turn.usage.cached else ""
    facts = (
        ("model", turn.model or turn.asked[-1].model),
        ("tokens", f"{turn.usage.input:,} in{cached}, {turn.usage.output:,} out"),
        ("cost", cost),
        ("finished", turn.finish),
    )
    rows = [tag("tr", tag("td", name), tag("td", value)) for name, value in facts]
    tries = [
        Sentence(
            f"attempt {one.attempt}: {one.model} by {one.worker}, "
            + (f"failed: {one.error} {one.message}" if one.state == "failed" else one.state)
            + (f", in {units.say_duration(one.took)}" if one.took else ""),
            (one.seq, one.ended),
        )
        for one in turn.asked
    ]
    return tag(
        "div",
        section("Answer", tag("table", tag("tbody", rows)), body(turn.text)),
        section("Could not stand", tag("p", turn.rejected, class_="red") if turn.rejected else None),
        section("Attempts", told(tries, anchor)),
        class_="more",
    )


def of_request(seen: Trace) -> Markup:
    """What the run was given, and under which contract."""
    contract = seen.contract if isinstance(seen.contract, dict) else {}
    task = contract.get("task")
    return tag(
        "div",
        section("Request", body(seen.input)),
        section("Task", tag("p", str(task)) if task else None),
        class_="more",
    )


def of_end(seen: Trace) -> Markup | None:
    """The output in full."""
    if seen.end is None or seen.end.output is None:
        return None
    return tag("div", section("Output", body(seen.end.output)), class_="more")
