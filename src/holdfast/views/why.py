"""Why: what a run did and for what reasons, in sentences that name the entries they rest on.

    for account in why(entries).accounts: ...

Nothing is judged again: what the contract said is in the entries. What a condition asks for and what it saw are put
beside its words, from the contract and the readings that the journal holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from holdfast import units
from holdfast.events import Entry, Json
from holdfast.views import places, reach, words
from holdfast.views.account import Account, account, asked_people, rejected_output
from holdfast.views.errand import limits_of
from holdfast.views.family import Family, family_of
from holdfast.views.record import Call, Happening, Said, Trace, Turn
from holdfast.views.sentence import Sentence
from holdfast.views.totals import Totals
from holdfast.views.trace import trace

__all__ = ["Account", "Sentence", "Why", "why"]


class Why(Struct, frozen=True, kw_only=True):
    """The story of a run, in the order a reader asks."""

    run: str
    agent: str
    asked: tuple[Sentence, ...]
    read: tuple[Sentence, ...]
    accounts: tuple[Account, ...]
    """One for each call that writes, was put to another agent, was refused, or went before a person."""
    besides: tuple[Sentence, ...]
    """What else bore on it: messages, limits, answers that could not stand."""
    ended: tuple[Sentence, ...]


def why(entries: Sequence[Entry], below: Mapping[str, Sequence[Entry]] | None = None) -> Why:
    """What a run did and why. below: run → entries of those below it, for what these rested on.

    Raises UsageError for entries that do not begin a run.
    """
    seen = trace(entries)
    family = family_of(seen, {run: trace(found) for run, found in (below or {}).items()})
    told = [call for call in seen.calls.values() if not call.serves and _is_told(seen, call)]
    return Why(
        run=seen.run,
        agent=seen.agent,
        asked=tuple(_asked(seen)),
        read=tuple(_read(seen)),
        accounts=tuple(account(seen, call, family) for call in told),
        besides=tuple(_besides(seen)),
        ended=tuple(_ended(seen, family)),
    )


def _is_told(seen: Trace, call: Call) -> bool:
    """Whether a call needs an account: it changes something, was not simply allowed, or failed."""
    if call.tool in ("done", "decline") and call.effect == "builtin":
        return bool(call.questions) or call.ending == "refused"
    reviewed = any(judged.verdict != "allow" for judged in call.judged)
    return (
        call.effect in ("write", "child")
        or reviewed
        or bool(call.questions)
        or call.ending in ("refused", "given_up", "told")
    )


# ---------------------------------------------------------------------------------------------------------- asked


def _asked(seen: Trace) -> Iterator[Sentence]:
    whom = f" for {seen.on_behalf_of}" if seen.on_behalf_of and seen.on_behalf_of != seen.by else ""
    key = f", under the request key {seen.key}" if seen.key else ""
    yield Sentence(f"{seen.by} opened it{whom} on {units.say_at(seen.opened)}{key}.", (1,))
    yield Sentence(f"It was given {words.said(seen.input, 600)}", (1,))
    if seen.attachments:
        yield Sentence(f"Attached: {', '.join(seen.attachments)}.", (1,))
    task = seen.contract.get("task", "") if isinstance(seen.contract, dict) else ""
    if task:
        yield Sentence(f"Its task, by the contract {seen.contract_digest[:12]}: {task}", (1,))
    if seen.parent:
        limits = limits_of(seen.carved)
        under = f", which lets it use at most {words.listed(limits)}" if limits else ""
        yield Sentence(f"It answers call {seen.parent_call} of the run {seen.parent}{under}.", (1,))
    mode = {
        "simulate": "It ran in the mode simulate: writes are recorded and not carried out.",
        "supervise": "It ran in the mode supervise: every write goes before a person.",
    }.get(seen.mode)
    if mode:
        yield Sentence(mode, (1,))


# ----------------------------------------------------------------------------------------------------------- read


def _read(seen: Trace) -> Iterator[Sentence]:
    told: dict[tuple[str, str], list[Call]] = {}
    for call in seen.calls.values():
        if call.effect == "read" and call.ending in ("returned", "found", "late"):
            told.setdefault((f"{_purpose(seen, call)}{words.called(call)}", _given(call)), []).append(call)
    for (title, given), calls in told.items():
        times = "" if len(calls) == 1 else f", {words.count(len(calls), 'time')} the same,"
        yield Sentence(f"{title}{times} gave {given}", tuple(call.answered for call in calls))
    yield from reach.sentences(seen)


def _purpose(seen: Trace, call: Call) -> str:
    served = seen.calls.get(call.serves)
    if served is None:
        return ""
    if call.cursor:
        return "a further part of it, "
    return f"read again by the machine before {served.tool} (entry {served.seq}): "


def _given(call: Call) -> str:
    shown = words.said(call.result, 300)
    return (
        f"a part only ({call.missing or 'the source gave no more'}): {shown}" if call.complete == "partial" else shown
    )


# -------------------------------------------------------------------------------------------------------- besides


def _besides(seen: Trace) -> Iterator[Sentence]:
    for item in seen.items:
        match item:
            case Said():
                who = item.by if item.to_agent else "the agent"
                yield Sentence(f"{who} said: {words.said(item.text, 300)}", (item.seq,))
            case Turn():
                yield from _turn(seen, item)
            case Happening(question=asked) if asked in seen.questions and seen.questions[asked].about != "limit":
                yield Sentence(f"{_capital(item.text)}.".replace("..", "."), (item.seq,))
                yield from asked_people(seen.questions[asked])
            case Happening(question=asked) if asked in seen.questions:
                yield from asked_people(seen.questions[asked])
            case Happening():
                text = item.text if item.by and item.text.startswith(item.by) else _capital(item.text)
                yield Sentence(f"{text}.".replace("..", "."), (item.seq,))


def _turn(seen: Trace, turn: Turn) -> Iterator[Sentence]:
    failed = [asked for asked in turn.asked if asked.state == "failed"]
    if failed:
        last = failed[-1]
        times = "once" if len(failed) == 1 else f"{len(failed)} times"
        text = f"At step {turn.step} the model {last.model} gave no answer {times}, the last time: {last.error}"
        yield Sentence(f"{text} ({last.message})." if last.message else f"{text}.", tuple(one.ended for one in failed))
    if turn.rejected:
        yield rejected_output(seen, turn)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


# ---------------------------------------------------------------------------------------------------------- ended


def _ended(seen: Trace, family: Family) -> Iterator[Sentence]:
    end = seen.end
    if end is None:
        yield from _stands(seen, family)
        return
    because = f": {end.reason}" if end.reason else ""
    yield Sentence(f"It ended as {end.outcome}{because}.".replace("..", "."), (end.seq,))
    if end.output is not None:
        yield Sentence(f"Its output: {words.said(end.output, 600)}", (end.seq,))
        yield from _proof(seen, end.output.value)
    if end.fault:
        yield Sentence(f"Whose fault it was, as far as the machine can tell: {_FAULTS[end.fault]}.", (end.seq,))
    for seq in end.unresolved:
        call = seen.calls.get(seq)
        if call is not None and not (call.rulings and call.rulings[-1].verdict != "stop"):
            yield Sentence(f"Nobody could tell whether {words.called(call)} happened.", (seq,))
    yield _cost(seen)


_FAULTS = {
    "agent": "the agent's (the model's answers could not stand)",
    "tool": "a tool's",
    "model": "the model provider's",
    "contract": "the contract's",
    "holdfast": "holdfast's; please report it",
}


def _proof(seen: Trace, output: Json) -> Iterator[Sentence]:
    rules = (seen.contract or {}).get("done", {}).get("must", []) if isinstance(seen.contract, dict) else []
    if rules:
        held = words.listed([f"“{rule['because']}”" for rule in rules])
        many = "condition" if len(rules) == 1 else f"{len(rules)} conditions"
        yield Sentence(f"The contract's {many} for being done held: {held}.")


def _stands(seen: Trace, family: Family) -> Iterator[Sentence]:
    if seen.cancelled_by:
        yield Sentence(f"It is ending: {seen.cancelled_by} asked for that.")
    elif seen.halted:
        yield Sentence(f"It is not over: {seen.halted}, and it goes on when that is over.")
    elif seen.paused:
        yield Sentence("It is not over: it was stopped for now, and goes on with `holdfast resume`.")
    open_ = seen.open_questions
    for question in open_:
        who = "the requester" if question.role == "requester" else question.role or "a person"
        until = f", until {units.say_at(question.until)} at most" if question.until else ""
        yield Sentence(f"It is not over. It waits for {who}{until}: “{question.text}”", (question.seq,))
    awaits = seen.awaits
    for one in awaits:
        yield Sentence(f"It is not over. {_capital(_what(seen, one))} {places.said(one)}.", (one.seq,))
    if not open_ and not awaits and not seen.paused and not seen.halted and not seen.cancelled_by:
        told = family.stands("here")
        yield Sentence(f"It is not over{': ' + told if told else ''}.")
    yield _cost(seen)


def _what(seen: Trace, one: places.Waited) -> str:
    """What waits: the run, or a call of it."""
    call = seen.calls.get(one.call)
    return f"the call {words.called(call, 60)}" if call is not None else "it"


def _cost(seen: Trace) -> Sentence:
    totals = seen.totals
    steps = words.count(totals.steps, "step")
    unsettled = f", of which {units.say_usd(totals.unsettled)} nobody has settled" if totals.unsettled else ""
    unpriced = f"; the price of {words.count(totals.unpriced, 'answer')} is not known" if totals.unpriced else ""
    text = (
        f"It took {steps}, {units.say_duration(totals.work)} of work and {units.say_usd(totals.charged)} USD"
        f"{unsettled}{unpriced}."
    )
    waited = places.total([*seen.waited, *(one for call in seen.calls.values() for one in call.waited)])
    if waited:
        text += f" It waited {units.say_duration(waited)} for what other runs held, which is no work."
    if totals.opened:
        text += f" {_with_children(totals)}"
    return Sentence(text)


def _with_children(totals: Totals) -> str:
    """What the runs it opened took of its limits."""
    runs = words.count(totals.opened, "run")
    open_ = (
        f"; up to {units.say_usd(totals.carved)} USD more are set aside for those that go on" if totals.carved else ""
    )
    all_ = units.say_usd(totals.charged + totals.below)
    return f"The {runs} it opened told of {units.say_usd(totals.below)} USD, so all together took {all_} USD{open_}."
