"""Who may decide a question, until when, and what each way to decide it leads to, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from holdfast.core.desk import VERDICTS, amendable_of
from holdfast.core.state import CallState, Question, State
from holdfast.events import Entry, PersonAnswered, PersonAsked, ProposalAmended, RunOpened, Said
from holdfast.views import words
from holdfast.views.matter import Barred, Ends, Planned, Way, Who
from holdfast.views.record import Voice

# ----------------------------------------------------------------------------------------------------------- who


def who(entries: Sequence[Entry], state: State, question: Question, now: int, above: Sequence[Sequence[Entry]]) -> Who:
    """Who may decide: the role, how many, who has said yes, who cannot. above: entries of the runs above, nearest first."""
    asked = question.asked
    votes = _voices(entries, state, question, now)
    people = () if asked.about == "question" else tuple(barred(entries, above))
    return Who(
        role=asked.role, stands_for=asked.stands_for, people=asked.people, voices=votes,
        lacking=max(asked.people - len({vote.by for vote in votes}), 0), barred=people,
        claimed=question.claimed, claimed_at=question.claimed_at,
    )  # fmt: skip


def _voices(entries: Sequence[Entry], state: State, question: Question, now: int) -> tuple[Voice, ...]:
    """The approvals that count for exactly what is asked, each once."""
    asked = question.asked
    call = state.calls.get(asked.call)
    if call is None or asked.about not in ("review", "output"):
        return ()
    role = asked.stands_for or asked.role
    counted = {
        vote.by
        for vote in call.votes
        if vote.digest in ("", asked.digest) and (not vote.until or now < vote.until) and role in ("", vote.role)
    }
    found: dict[str, Voice] = {}
    for entry in entries:
        match entry.event:
            case PersonAnswered(verdict="approve", by=by, text=text) if by in counted and _about(entries, entry, call):
                found[by] = Voice(entry.seq, entry.at, "approve", by, entry.actor, text)
            case ProposalAmended(call=seq, by=by) if by in counted and seq == call.seq:
                found[by] = Voice(entry.seq, entry.at, "amend", by, entry.actor)
    return tuple(found.values())


def _about(entries: Sequence[Entry], answer: Entry, call: CallState) -> bool:
    event = answer.event
    asked = entries[event.question - 1].event if isinstance(event, PersonAnswered) else None
    return isinstance(asked, PersonAsked) and asked.call == call.seq


def barred(entries: Sequence[Entry], above: Sequence[Sequence[Entry]] = ()) -> list[Barred]:
    """Everybody who cannot decide in a run, because of what they did in it or in one above it; each once."""
    found: dict[str, Barred] = {}
    for deep, run in enumerate([entries, *above]):
        for name, why, place in _did(run):
            if name and name not in found:
                found[name] = Barred(name=name, why=why, entries=(place,), run=run[0].run if deep else "")
    return list(found.values())


def _did(entries: Iterable[Entry]) -> Iterator[tuple[str, str, int]]:
    """(who, what they did, where) of all that bars somebody from deciding."""
    for entry in entries:
        match entry.event:
            case RunOpened(by=by, on_behalf_of=whom, forked_by=forked):
                yield by, "opened it", entry.seq
                yield whom, "it is for them", entry.seq
                for name in forked:
                    yield name, "forked it", entry.seq
            case Said(by=by):
                yield by, "wrote to the agent", entry.seq
            case ProposalAmended(by=by, changed=changed):
                yield by, f"changed {words.listed(list(changed))}", entry.seq


def role_words(who: Who) -> str:
    """`one person of finance`, `two people`."""
    if who.role == "requester":
        return "the requester"
    number = {1: "one person", 2: "two people", 3: "three people"}.get(who.people, f"{who.people} people")
    return f"{number} of {words.plain(who.role)}" if who.role else number


# --------------------------------------------------------------------------------------------------- until, and then


def ends(question: Question, now: int) -> Ends:
    """Until when a question waits, and what follows if nobody decides."""
    asked = question.asked
    if not asked.until:
        return Ends()
    return Ends(until=asked.until, over=now >= asked.until, then=asked.then, leads_to=_expiry(question))


def _expiry(question: Question) -> str:
    asked = question.asked
    if asked.then.startswith("ask:"):
        role = asked.then.removeprefix("ask:").strip()
        return f"{words.plain(role)} is asked instead"
    if asked.about == "output":
        return "the output is not accepted and the run stops"
    return "it is refused, and the agent is told that nobody decided in time"


# ----------------------------------------------------------------------------------------------------------- ways


def ways(state: State, question: Question, who: Who, plan: Sequence[Planned], now: int) -> tuple[Way, ...]:
    """Each way to decide, with what it leads to and the command that says it."""
    tail = f"{state.run} {question.seq} --as NAME"
    call = state.calls.get(question.asked.call)
    about = question.asked.about
    if about == "question" and question.asked.role == "requester":
        return (
            Way(verdict="say", leads_to="the agent goes on with it", command=f'holdfast say {state.run} "…"', needs="text"),
        )  # fmt: skip
    told = dict(_ways(state, question, call, who, plan, now))
    return tuple(
        Way(verdict=verdict, leads_to=leads_to, command=_command(verdict, state, question, tail, call), needs=_NEEDS.get(verdict, ""))
        for verdict, leads_to in told.items()
    )  # fmt: skip


_NEEDS: Final = {"deny": "text", "answer": "text", "ask": "text", "amend": "changes", "grant": "amount"}


def _command(verdict: str, state: State, question: Question, tail: str, call: CallState | None) -> str:
    base = "holdfast review"
    match verdict:
        case "deny" | "answer" | "ask":
            return f'{base} {verdict} {tail} --text "…"'
        case "amend":
            name = next(iter(amendable(state, question, call)), "ARG")
            return f"{base} amend {tail} --set {name}=…"
        case "grant":
            return f"holdfast resume {state.run} --grant {question.asked.limit}=… --as NAME"
        case "happened" | "did_not" | "settle_stop":
            return f"{base} settle {tail} --{verdict.removeprefix('settle_').replace('_', '-')}"
    return f"{base} {verdict} {tail}"


def amendable(state: State, question: Question, call: CallState | None) -> list[str]:
    """What a reviewer may change: what the contract names; of an output, each field."""
    if call is None or not isinstance(call.args, dict) or call.attempt:
        return []
    if question.asked.about == "output":
        return list(call.args)
    return [name for name in amendable_of(state, call) if name in call.args]


def _ways(
    state: State, question: Question, call: CallState | None, who: Who, plan: Sequence[Planned], now: int
) -> Iterator[tuple[str, str]]:
    about = question.asked.about
    if about in ("review", "output"):
        yield "approve", _approved(state, question, call, who, plan)
        if about == "review":
            yield "deny", "it is not done; the agent is told your reason, and decides what to do next"
        else:
            yield "deny", "the agent is told your reason, and has to answer again"
        yield (
            "ask",
            "the agent is told your question, and may answer it and propose again; with --to requester, they are asked to write",
        )
        if may := amendable(state, question, call):
            yield (
                "amend",
                f"change {words.listed(may, 'or')}: judged again under every rule, with your voice for it alone",
            )
    if about == "question":
        yield "answer", "the agent is told your words, and goes on"
    if about == "surprise":
        yield "retry", "it is tried once more"
        yield "tell", "the agent is told that it failed, and goes on without it"
    if about == "limit":
        yield "grant", f"its limit of {question.asked.limit} is raised by what you say, and it goes on"
    if about == "doubt" and call is not None:
        yield from _rulings(call, now)
    if "take" in VERDICTS[about]:
        yield "take", "you see to the case yourself: the run ends as escalated, and nothing more is done in it"
    if "stop" in VERDICTS[about]:
        yield "stop", "the run ends as stopped, and nothing more is done in it"


def _approved(state: State, question: Question, call: CallState | None, who: Who, plan: Sequence[Planned]) -> str:
    if who.lacking > 1:
        return f"yours is one voice; {_more(who.lacking - 1, who.role)} to say yes too"
    if question.asked.about == "output":
        return "the run ends as done, with this output"
    first = [one for one in plan if call is not None and one.number < _number(plan, call) and one.question]
    after = f", after number {words.listed([str(one.number) for one in first])}" if first else ""
    if state.opened.mode == "simulate":
        return f"it is recorded{after}, and not carried out: this run only simulates"
    return f"it is judged once more and done{after}, exactly as shown"


def _more(people: int, role: str) -> str:
    """`one more person of finance has`, `two more people have`."""
    of = f" of {words.plain(role)}" if role else ""
    return f"one more person{of} has" if people == 1 else f"{people} more people{of} have"


def _number(plan: Sequence[Planned], call: CallState) -> int:
    return next((one.number for one in plan if one.call == call.seq), 0)


def _rulings(call: CallState, now: int) -> Iterator[tuple[str, str]]:
    yield "happened", "it counts as done; the agent is told so, and its result only if you give it (--result)"
    risk = (
        "" if call.ended else "; it may still happen, since the attempt is not proven over, and then the run is stopped"
    )
    if call.key and call.keyed_until > now:
        yield "did_not", f"it is started again under the same key, so that the other system does it once at most{risk}"
    else:
        yield "did_not", f"it counts as not done; the agent is told, and may ask for it again{risk}"
    yield "settle_stop", "nobody can tell: the run ends, and this stays listed until somebody settles it"
