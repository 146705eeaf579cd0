"""One open question with everything that it takes to decide it: a reading of a run's entries.

    matter(entries, 16, now=journal.now()).ways

What may be decided, `core.desk` says; here it is only put so that a person can: what would be done, in words, who asks for
them and why, where each argument came from, what it rests on and what has changed, and what each answer leads to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from holdfast.core.fold import fold_all
from holdfast.core.provenance import SHORTEST, leaves, untrusted_parts
from holdfast.core.state import CallState, Question, State
from holdfast.errors import UsageError
from holdfast.events import Entry, Json
from holdfast.views import desk_ways, words
from holdfast.views.account import account, asked_people, spoken
from holdfast.views.action import in_words, money
from holdfast.views.claims import ASKED_BACK
from holdfast.views.desk_evidence import Evidenced
from holdfast.views.matter import Amendment, Argument, Doubt, Ends, Given, Matter, Planned, Trust, Way, Wrote
from holdfast.views.record import Call, Said, Trace
from holdfast.views.sentence import Sentence
from holdfast.views.trace import trace

__all__ = ["Matter", "matter", "matters"]


def matters(entries: Sequence[Entry], *, now: int, above: Sequence[Sequence[Entry]] = ()) -> tuple[Matter, ...]:
    """Every open question of a run, in asked order. now: µs. above: the entries of the runs above it, nearest first."""
    seen, state = trace(entries), fold_all(entries)
    return tuple(_matter(entries, seen, state, question, now, above) for question in state.questions.values())


def matter(entries: Sequence[Entry], seq: int, *, now: int, above: Sequence[Sequence[Entry]] = ()) -> Matter:
    """The open question `seq`. Raises UsageError where it is not open."""
    seen, state = trace(entries), fold_all(entries)
    question = state.questions.get(seq)
    if question is None:
        raise UsageError(f"question {seq} is not open", run=state.run, hint="holdfast review")
    return _matter(entries, seen, state, question, now, above)


def _matter(
    entries: Sequence[Entry], seen: Trace, state: State, question: Question, now: int, above: Sequence[Sequence[Entry]]
) -> Matter:
    asked = question.asked
    call, known = seen.calls.get(asked.call), state.calls.get(asked.call)
    rests = Evidenced(seen, state, known, question, now) if known is not None and asked.about == "review" else None
    who = desk_ways.who(entries, state, question, now, above)
    plan = tuple(_plan(seen, state, call)) if call is not None and asked.about in ("review", "output") else ()
    may = desk_ways.amendable(state, question, known)
    told = account(seen, call) if call is not None else None
    doubt = _doubt(call, known, told.course) if call and known and told and asked.about == "doubt" else None
    return Matter(
        run=seen.run, question=question.seq, about=asked.about, agent=seen.agent, task=_task(seen), mode=seen.mode, at=question.at,
        text=asked.text, action=in_words(call.tool, call.args.value, call.effect) if call is not None else "",
        call=asked.call, tool=call.tool if call is not None else "", limit=asked.limit, version=asked.version, by=seen.by,
        on_behalf_of=seen.on_behalf_of, opened=seen.opened, parent=seen.parent, parent_call=seen.parent_call,
        given=tuple(_given(seen)), attachments=seen.attachments, heard=tuple(_wrote(seen, question, since=False)),
        clauses=tuple(clause for clause in told.clauses if clause.verdict == "review") if told is not None else (),
        who=who, ends=desk_ways.ends(question, now) if asked.until else Ends(),
        ways=desk_ways.ways(state, question, who, plan, now),
        arguments=tuple(_arguments(seen, call, may)) if call is not None and asked.about != "question" else (),
        readings=rests.readings() if rests is not None else (), held=rests.held() if rests is not None else (),
        since=tuple(_wrote(seen, question, since=True)), changes=rests.changes() if rests is not None else (),
        amended=tuple(_amended(call)) if call is not None else (), before=tuple(_before(seen, question)),
        doubt=doubt,
        plan=plan, number=next((one.number for one in plan if one.call == asked.call), 0),
    )  # fmt: skip


def _task(seen: Trace) -> str:
    return str(seen.contract.get("task", "")) if isinstance(seen.contract, dict) else ""


# ----------------------------------------------------------------------------------------------------- the request


def _given(seen: Trace) -> Iterator[Given]:
    """What the run was asked for, field by field; what its type marks as anybody's words is said to be that."""
    takes = seen.contract.get("takes", {}) if isinstance(seen.contract, dict) else {}
    value = seen.input.value
    if seen.input.erased:
        yield Given(name="", value=f"[erased, {seen.input.size} bytes]")
        return
    _, foreign = untrusted_parts(value, takes if isinstance(takes, dict) else {})
    if not isinstance(value, dict):
        yield Given(name="", value=value, checked=foreign is None)
        return
    marked = foreign if isinstance(foreign, dict) else {}
    for name, part in value.items():
        yield Given(name=name, value=part, checked=name not in marked)


def _wrote(seen: Trace, question: Question, *, since: bool) -> Iterator[Wrote]:
    """What the requester has said later: what the proposal knows of, or what came since."""
    for item in seen.items:
        if isinstance(item, Said) and item.to_agent and (item.seq > question.asked.heard) == since:
            yield Wrote(seq=item.seq, at=item.at, by=item.by, text=item.text)


# --------------------------------------------------------------------------------------------------- the arguments


def _arguments(seen: Trace, call: Call, may: Sequence[str]) -> Iterator[Argument]:
    given = call.args.value if isinstance(call.args.value, dict) else {}
    told = {one.name: one for one in account(seen, call).arguments}
    for path, value in _leaves(call.args.value):
        origin = told[path].origin if path in told else "model" if call.sources else ""
        top = path.split(".")[0].split("[")[0]
        yield Argument(
            name=path, value=value, money=money(path, value, given), origin=origin, trust=_trust(origin),
            source=_source(seen, origin, value), entries=told[path].entries if path in told else (), amendable=top in may,
        )  # fmt: skip


def _leaves(value: Json) -> Iterator[tuple[str, Json]]:
    """(path, leaf); an empty list or mapping is a leaf too."""
    if isinstance(value, dict):
        for name, part in value.items():
            if part in ({}, []):
                yield name, part
            else:
                yield from leaves(part, name)
    elif value not in (None, ""):
        yield "", value


def _trust(origin: str) -> Trust:
    kind = origin.partition(":")[0]
    match kind:
        case "input" | "said":
            return "requester"
        case "trusted" | "person":
            return kind
        case "untrusted":
            return "untrusted"
    return "model"


def _source(seen: Trace, origin: str, value: Json) -> str:
    """Where a value came from, as one says it to somebody who has to decide."""
    kind, _, place = origin.partition(":")
    match kind:
        case "":
            return ""
        case "input":
            return "from the request"
        case "said":
            return f"the requester wrote it, entry {place}"
        case "person":
            return f"{words.plain(place)} put it there in the review"
        case "trusted" | "untrusted":
            seq = int(place) if place.isdigit() else 0
            where = next((one.tool for one in seen.calls.values() if one.answered == seq), "")
            name = where or ("the request, a part that anyone may have written" if seq == 1 else "an attachment")
            return f"{name}, entry {place}, {kind}" if seq != 1 else name
    if isinstance(value, str) and len(value) < SHORTEST:
        return "the model's own, or too short to be traced"
    return "the model's own; computed values cannot be traced"


def _amended(call: Call) -> Iterator[Amendment]:
    for change in call.amended:
        before = change.before.value if isinstance(change.before.value, dict) else {}
        after = change.args.value if isinstance(change.args.value, dict) else {}
        for name in change.changed:
            yield Amendment(name=name, before=before.get(name), after=after.get(name), by=change.by, seq=change.seq)


# --------------------------------------------------------------------------------------------- earlier, and beside it


def _before(seen: Trace, question: Question) -> Iterator[Sentence]:
    """What people were asked about the same call earlier, and what came of it."""
    for earlier in seen.questions.values():
        if question.asked.call and earlier.call == question.asked.call and earlier.seq < question.seq:
            yield from asked_people(earlier)
    mine = seen.questions.get(question.seq)
    for voice in mine.voices if mine is not None else ():
        if voice.verdict.startswith(ASKED_BACK):
            yield Sentence(f"{spoken(voice.by, voice.actor)} {voice.verdict}: “{voice.text}”", (voice.seq,))


def _plan(seen: Trace, state: State, call: Call) -> Iterator[Planned]:
    """The calls of the answer that holds this one, in asked order, where more than one of them acts."""
    beside = [
        one for one in seen.calls.values()
        if one.ask == call.ask and not one.serves and not one.within and (one.effect != "read" or _asked(state, one))
        and (one.effect != "builtin" or one.seq == call.seq or _asked(state, one))
    ]  # fmt: skip
    if len(beside) < 2:
        return
    for number, one in enumerate(sorted(beside, key=lambda each: each.index), 1):
        yield Planned(
            number=number, call=one.seq, action=in_words(one.tool, one.args.value, one.effect), stands=words.fate(one),
            question=_asked(state, one),
        )  # fmt: skip


def _asked(state: State, call: Call) -> int:
    """The open review of a call; 0 for none."""
    return next(
        (one.seq for one in state.questions.values() if one.asked.call == call.seq and one.asked.about == "review"), 0
    )


def _doubt(call: Call, known: CallState, course: Sequence[Sentence]) -> Doubt:
    """What is known of a write of which nobody can tell whether it happened."""
    looks = {look.seq for look in call.looked}
    tried = {attempt.seq for attempt in call.tried}
    return Doubt(
        why=call.doubt, ended=known.ended,
        attempts=tuple(one for one in course if tried & set(one.entries)),
        looked=tuple(one for one in course if looks & set(one.entries)),
    )  # fmt: skip


def way(of: Matter, verdict: str) -> Way | None:
    """What a verdict leads to, if the question can be answered with it."""
    return next((one for one in of.ways if one.verdict == verdict), None)
