"""Agents that work for one another: 15 contradictory subagents, 16 duplicate peer work, 22 handoff loss or ping-pong.

They read a run with the runs below it. Where those are not at hand, what they did among themselves is not looked at, and
what the run's own entries say of them still is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations, pairwise

from holdfast.codec import canonical
from holdfast.conditions import normal
from holdfast.events import Contradiction, RoundClosed
from holdfast.views import words
from holdfast.views.delegation import posts_of, team_of
from holdfast.views.detectors.finding import Case, Hit, called, key
from holdfast.views.record import Call, Said


def contradictory(case: Case) -> Iterator[Hit]:
    """15, E. Child runs gave answers that cannot all be right, by what the contract says they have to agree on.

    The contract says what an answer is about and what two about the same must have in common (`agree`), the run compares,
    and records it; nothing else is compared. Whether somebody was asked which is right is in the sentence. Origin: this
    project's brief. False positives: facts that change between two answers, and units, where `agree` does not tell them apart.
    """
    for entry in case.entries:
        if isinstance(entry.event, Contradiction) and entry.event.children:
            calls = [case.seen.calls[seq] for seq in entry.event.seqs if seq in case.seen.calls]
            settled = any(
                voice.seq > entry.seq
                for question in case.seen.questions.values()
                if question.about == "surprise" and question.call in entry.event.seqs
                for voice in question.voices
            )
            what = "a person was asked" if settled else "nobody said which is right"
            yield Hit((*entry.event.seqs, entry.seq), f"{entry.event.what}; {what}", calls[0].tool if calls else "")


# ----------------------------------------------------------------------------------------------------- the same twice


def duplicated(case: Case) -> Iterator[Hit]:
    """16, E. Two child runs were given the same before either answered, or made the same call; two peers posted the same.

    Given the same: the same agent with equal arguments. The same call: of one tool with equal arguments, in two children
    of one run, where their entries are at hand. The same post: equal words, case and white space aside, about the same, of
    two peers of a team. Origin: this project's brief. False positives: a cross-check that is meant; children whose answers
    the contract compares (`agree`) are left out for that.
    """
    yield from _asked_twice(case)
    yield from _done_twice(case)
    yield from _posted_twice(case)


def _asked_twice(case: Case) -> Iterator[Hit]:
    for calls in _alike(case):
        for first, second in combinations(calls, 2):
            if second.seq < (first.answered or second.seq + 1) and not _cross_checked(case, second):
                text = f"{called(second)} was asked for twice, before either had answered"
                yield Hit((first.seq, second.seq), text, second.tool)


def _done_twice(case: Case) -> Iterator[Hit]:
    """The same call of a tool in two children."""
    made: dict[bytes, dict[int, Call]] = defaultdict(dict)
    for seq, child in case.children.items():
        for call in child.calls:
            name = key(call)
            if name is not None and call.ok and call.effect in ("read", "write"):
                made[name].setdefault(seq, call)
    for found in made.values():
        seqs = sorted(found)
        free = [seq for seq in seqs if not _cross_checked(case, case.seen.calls[seq])]
        if len(free) > 1:
            names = words.listed(list(dict.fromkeys(case.seen.calls[seq].tool for seq in free)))
            text = f"{called(found[free[0]])} was made in {len(free)} runs of {names} that this one opened"
            yield Hit(tuple(free), text, found[free[0]].tool)


def _posted_twice(case: Case) -> Iterator[Hit]:
    said: dict[tuple[str, str], tuple[str, Call]] = {}
    peers = team_of(case.seen.contract)[0]
    posted = sorted(
        (call for call in case.calls if call.tool in peers and call.answered), key=lambda call: call.answered
    )
    for call in posted:
        for post in posts_of(call):
            what = normal(str(post.get("about"))), normal(str(post.get("text")))
            peer, first = said.setdefault(what, (call.tool, call))
            if peer != call.tool:
                text = f"{call.tool} posted what {peer} had: “{words.shortened(str(post.get('text')), 80)}”"
                yield Hit((first.answered, call.answered), text, call.tool)


def _cross_checked(case: Case, call: Call) -> bool:
    """Whether the contract compares the answers of a tool's children: then more than one is meant to answer."""
    return bool(case.terms(call.tool).get("agree"))


def _alike(case: Case) -> list[list[Call]]:
    """Child calls of one agent with equal arguments, in asked order; those that were opened."""
    found: dict[tuple[str, bytes], list[Call]] = defaultdict(list)
    for call in case.calls:
        if call.delegated is not None and not call.args.erased:
            found[call.delegated.agent, canonical(call.args.value)].append(call)
    return [calls for calls in found.values() if len(calls) > 1]


# --------------------------------------------------------------------------------------------------------- handing over


def lost(case: Case) -> Iterator[Hit]:
    """22, S. An agent was asked the same again after its answer, a peer went back and forth, or an answer reached nobody.

    Asked again: the same agent with equal arguments, after it was done with them, and with no word of the requester's or of
    a person between. Back: a position of a peer of a team, another one, and the first again. Reached nobody: a child run was
    done, and the run ended as done without its model being asked once more. An input without a required field is no loss but
    refused before. Origin: MAST 2.4. False positives: clarification, where something outside the run changed between; an
    answer that was asked for as a mere receipt.
    """
    for calls in _alike(case):
        for first, second in pairwise(calls):
            if first.ending == "returned" and first.answered < second.seq and not _spoken(case, first, second):
                text = f"{called(second)} was asked for again, after it had been answered"
                yield Hit((first.answered, second.seq), text, second.tool)
    yield from _to_and_fro(case)
    yield from _unheard(case)


def _spoken(case: Case, first: Call, second: Call) -> bool:
    """Whether somebody outside the run said something after the first answer and before it was asked for again."""
    told = [item.seq for item in case.seen.items if isinstance(item, Said) and item.to_agent]
    told += [voice.seq for question in case.seen.questions.values() for voice in question.voices]
    return any(first.answered < seq < second.seq for seq in told)


def _to_and_fro(case: Case) -> Iterator[Hit]:
    held: dict[str, list[tuple[str, int]]] = defaultdict(list)
    peers = team_of(case.seen.contract)[0]
    answers = {call.answered: call for call in case.calls if call.tool in peers and call.answered}
    for entry in case.entries:
        if isinstance(entry.event, RoundClosed):
            for seq in dict.fromkeys(seq for _, seq in entry.event.posts):
                if seq in answers:
                    held[answers[seq].tool].append((_position(answers[seq]), seq))
    for peer, stood in held.items():
        for (one, at), (other, _), (again, last) in zip(stood, stood[1:], stood[2:], strict=False):
            if one and one == again and other and other != one:
                text = f"{peer} held “{words.shortened(one, 60)}”, then “{words.shortened(other, 60)}”, then the first again"
                yield Hit((at, last), text, peer)
                break


def _position(call: Call) -> str:
    value = call.result.value if call.result is not None else None
    return normal(str(value.get("position") or "")) if isinstance(value, dict) else ""


def _unheard(case: Case) -> Iterator[Hit]:
    last = max((one.seq for turn in case.turns for one in turn.asked), default=0)
    for call in case.calls:
        if case.done and call.delegated is not None and call.ending == "returned" and call.answered > last:
            text = f"the run ended as done before anybody had read what {called(call)} came back with"
            yield Hit((call.answered, case.done), text, call.tool)
