"""What people outside are told of a run: that somebody is wanted, that time runs out, that something went wrong.

    told = notices(entries, now)          everything that is to be told of one run at a moment, and when to look again
    standings(entries)                    what became of each notice, by the entries of the run `notify`

A notice has a name that stays: run, entry, kind. Whoever is told twice can tell. It names roles, never people. What leaves the
journal cannot be erased any more, so of a run about somebody it holds nothing but where somebody is wanted, and until when; and
nowhere words that carry a data class, that a secret was taken out of, or that a rule keeps secret.

What no longer waits for anybody is not told: a question that was answered, a doubt that was settled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from holdfast import units
from holdfast.core.fold import fold_all
from holdfast.core.state import Question, State
from holdfast.events import (
    AnyEvent,
    AskedBack,
    BodiesErased,
    CallAsked,
    CallJudged,
    Contradiction,
    DoubtRaised,
    Entry,
    Json,
    Notified,
    OutputRejected,
    PersonAsked,
    QuestionWithdrawn,
    Resumed,
    RunClosed,
    RunOpened,
    Unknown,
)
from holdfast.views import words
from holdfast.views.carried import Carried

LEAST: Final = 10 * units.MINUTE
"""Before the end of a question people are told of it again: a quarter of its time, and at least this."""

QUARTER: Final = 4
WORDS: Final = 500
"""Characters of a question that are told."""

MARK: Final = "[redacted:"
"""What stands where a secret was taken out."""

Kind: TypeAlias = Literal["asked", "ending", "expired", "doubt", "limit", "attention"]


class Notice(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing somebody outside is told. What has no value is not known, or is not told."""

    id: str
    """Run, entry and kind: the same each time it is sent."""
    kind: Kind
    """`asked`, `limit`: somebody has to decide. `ending`: soon nobody can any more. `expired`: nobody did. `doubt`: nobody knows
    whether a write happened. `attention`: a run is over, and somebody has to look at what it left."""
    run: str
    seq: int
    """The entry it is about."""
    agent: str
    at: int
    """When that came to be."""
    role: str = ""
    """Who is wanted, or was; empty: anybody who may."""
    until: int = 0
    about: str = ""
    """Of a question: review, question, surprise, output, limit."""
    tool: str = ""
    people: int = 1
    then: str = ""
    """What follows if nobody decides: `deny`, `ask:<role>`."""
    followed: str = ""
    """What followed when nobody did: `refused`, `stopped`, `asked <role>`."""
    words: str = ""
    """The question, where it may be told."""
    outcome: str = ""
    tools: tuple[str, ...] = ()
    """Whose writes nobody could settle."""
    mode: str = ""


class Told(Struct, frozen=True):
    """What is to be told of a run at a moment."""

    notices: tuple[Notice, ...] = ()
    again: int = 0
    """When there will be more by time alone; 0: only when something is appended."""


CAUSES: Final = (PersonAsked, AskedBack, QuestionWithdrawn, DoubtRaised, Contradiction, RunClosed)
"""Kinds of entries that something is to be told of."""


def causes(event: AnyEvent | Unknown) -> bool:
    """Whether an entry may be one that somebody outside is told of."""
    match event:
        case PersonAsked(about=about):
            return about != "doubt"  # `DoubtRaised` says it
        case AskedBack(to=to):
            return to == "requester"
        case QuestionWithdrawn(why=why):
            return why == "expired"
        case Contradiction(children=children):
            return not children
        case RunClosed(unresolved=unresolved):
            return bool(unresolved)
    return isinstance(event, DoubtRaised)


def lasts(event: AnyEvent | Unknown) -> bool:
    """Whether what an entry says stays so, and is told although nobody waits any more."""
    return isinstance(event, QuestionWithdrawn)


def name(run: str, seq: int, kind: Kind) -> str:
    """The name of a notice."""
    return f"{run}.{seq}.{kind}"


def lead_of(asked: int, until: int, lead: int | None = None) -> int:
    """How long before its end a question is told again, in µs. lead: instead of a quarter of its time, and `LEAST`."""
    return max((until - asked) // QUARTER, LEAST) if lead is None else lead


def warned_from(opened: int, due: int | None, lead: int | None = None) -> int:
    """From when on a question of a run may be about to end that is due then, whatever its questions are; 0: at once."""
    return due - lead_of(opened, due, lead) if due else 0


def notices(entries: Sequence[Entry], now: int, lead: int | None = None) -> Told:
    """Everything that is to be told of a run at a moment, in the order of its entries.

    lead: see `lead_of`. Raises Bug for what is no run of an agent.
    """
    state = fold_all(entries)
    if state.opened.apart:  # a trial's: its people are not these
        return Told()
    reading = _Reading(entries, state)
    found = [made for entry in reading.own if (made := reading.of(entry)) is not None]
    again = 0
    for question in state.questions.values():
        asked = question.asked
        warns = asked.until - lead_of(question.at, asked.until, lead)
        if not asked.until or warns <= question.at or now >= asked.until or reading.is_decided(question):
            continue
        if now >= warns:
            found.append(replace(reading.question(question, "ending"), at=warns))
        else:
            again = min(again or warns, warns)
    live = [one for one in found if one.kind not in ("asked", "limit") or not one.until or now < one.until]
    return Told(tuple(sorted(live, key=lambda one: (one.seq, one.kind))), again)


class _Reading:
    """One run, as it is told outside."""

    def __init__(self, entries: Sequence[Entry], state: State) -> None:
        forks = (entry.seq for entry in entries if isinstance(entry.event, Resumed) and entry.event.forked)
        first = max(forks, default=0)
        self.own = [entry for entry in entries if entry.seq > first]
        """Without those that a fork has from another run: they were told of that one."""
        self._entries, self._state = entries, state
        self._secret = {
            entry.event.call
            for entry in entries
            if isinstance(entry.event, CallJudged) and any(fired.secret for fired in entry.event.rules)
        }
        self._classed = _classed(entries)
        self._bare = _about_somebody(state.opened) or any(
            entry.aside or isinstance(entry.event, BodiesErased) for entry in entries
        )

    def of(self, entry: Entry) -> Notice | None:
        """The notice of an entry; None where there is none, or nobody is wanted any more."""
        state, event, seq = self._state, entry.event, entry.seq
        if not causes(event):
            return None
        match event:
            case PersonAsked(about=about):
                question = state.questions.get(seq)
                return self.question(question, "limit" if about == "limit" else "asked") if question else None
            case AskedBack(question=about, text=text):
                question = state.questions.get(about)
                if question is None or state.said > seq:
                    return None
                shown = "" if self._hides(question, text) else words.shortened(text, WORDS)
                until = question.asked.until
                return self._notice(entry, "asked", role="requester", until=until, about="question", words=shown)
            case QuestionWithdrawn(question=expired):
                return self._expired(entry, expired)
            case DoubtRaised(call=call):
                known = state.calls.get(call)
                if state.closed is not None or known is None or known.status != "doubt":
                    return None
                return self._notice(entry, "doubt", tool=self._tool_of(call))
            case RunClosed() | Contradiction() if state.closed is not None and (state.unresolved or state.conflict):
                after = seq >= next(one.seq for one in self._entries if isinstance(one.event, RunClosed))
                tools = tuple(sorted({self._tool_of(call) for call in state.unresolved}))
                return self._notice(entry, "attention", outcome=state.closed.outcome, tools=tools) if after else None
        return None

    def question(self, question: Question, kind: Kind) -> Notice:
        """A notice about an open question."""
        asked = question.asked
        told = asked.about in ("review", "question", "output", "limit") and not self._hides(question, asked.text)
        return self._notice(
            self._entries[question.seq - 1], kind, role=asked.role, until=asked.until, about=asked.about,
            tool=self._tool(asked), people=asked.people, then=asked.then if asked.until else "",
            words=words.shortened(asked.text, WORDS) if told else "",
        )  # fmt: skip

    def _hides(self, question: Question, text: str) -> bool:
        """Whether what was said about a question stays in the journal."""
        asked = question.asked
        return question.seq >= self._classed or bool(asked.label.classes) or asked.call in self._secret or MARK in text

    def is_decided(self, question: Question) -> bool:
        """Whether enough people approved, and only the run has to go on."""
        asked = question.asked
        call = self._state.calls.get(asked.call)
        role = asked.stands_for or asked.role
        votes = call.votes if call is not None and asked.about in ("review", "output") else ()
        voices = {vote.by for vote in votes if vote.digest in ("", asked.digest) and role in ("", vote.role)}
        return len(voices) >= asked.people

    def _expired(self, entry: Entry, seq: int) -> Notice:
        asked = self._entries[seq - 1].event
        assert isinstance(asked, PersonAsked)  # what is withdrawn was asked
        batch = [one.event for one in self._entries[entry.seq :] if one.cause == entry.cause]
        followed = next((said for event in batch if (said := _followed(event, asked.call))), "")
        return self._notice(
            entry, "expired", role=asked.role, until=asked.until, about=asked.about, tool=self._tool(asked), followed=followed
        )  # fmt: skip

    def _tool(self, asked: PersonAsked) -> str:
        return self._tool_of(asked.call) if asked.about in ("review", "surprise") else ""

    def _tool_of(self, call: int) -> str:
        """The tool of a call, which the state has forgotten when its turn is over."""
        event = self._entries[call - 1].event if call else None
        return event.tool if isinstance(event, CallAsked) else ""

    def _notice(self, entry: Entry, kind: Kind, *, role: str = "", until: int = 0, **also: object) -> Notice:
        """A notice with what is told of every run, and of one that is about nobody with the rest."""
        opened = self._state.opened
        more = {} if self._bare else {"mode": opened.mode, **also}
        return Notice(
            id=name(entry.run, entry.seq, kind), kind=kind, run=entry.run, seq=entry.seq, agent=opened.agent, at=entry.at,
            role=role, until=until, **more,  # type: ignore[arg-type]  # fields of `Notice`, by their names
        )  # fmt: skip


def _followed(event: AnyEvent | Unknown, call: int) -> str:
    match event:
        case PersonAsked(role=role):
            return f"asked {role}"
        case CallJudged(call=judged, verdict="refuse") if judged == call:
            return "refused"
        case OutputRejected():
            return "stopped"
    return ""


def _about_somebody(opened: RunOpened) -> bool:
    """Whether nothing of what a run holds may be told: what another run gave it has no label of its own."""
    return bool(opened.on_behalf_of or opened.parent or opened.undoes)


def _classed(entries: Iterable[Entry]) -> float:
    """The first entry from which on what is said may carry a data class; infinity where there is none."""
    carried = Carried()
    for entry in entries:
        carried.take(entry)
        if carried.everything.classes:
            return entry.seq
    return float("inf")


# -------------------------------------------------------------------------------------------------------- as it is told


def message(notice: Notice) -> dict[str, Json]:
    """A notice as it is sent: JSON with moments as people write them, and a sentence in `text`."""
    fields: dict[str, Json] = {
        field: value for field in notice.__struct_fields__
        if (value := getattr(notice, field)) not in ("", 0, ()) and (field, value) != ("people", 1)
    }  # fmt: skip
    times = {field: _moment(int(value)) for field in ("at", "until") if (value := fields.get(field))}
    tools = {"tools": list(notice.tools)} if notice.tools else {}
    return {**fields, **times, **tools, "text": sentence(notice)}


def _moment(at: int) -> str:
    return units.say_at(at).replace(" ", "T")


def sentence(notice: Notice) -> str:
    """A notice in one sentence, of what it tells and nothing else."""
    who = words.plain(notice.role) or "somebody"
    until = f", until {units.say_at(notice.until)}" if notice.until else ""
    where = f"in {words.plain(notice.agent)}, run {notice.run}"
    what = f" about {words.plain(notice.tool)}" if notice.tool else ""
    match notice.kind:
        case "asked":
            return f"{who} {_WANTED.get(notice.about, 'is wanted')}{what} {where}{until}"
        case "ending":
            return f"nobody has decided yet{what} {where}: {who} can{until}"
        case "expired":
            return f"{who} did not decide in time{what} {where}{_then(notice.followed)}"
        case "doubt":
            return f"nobody knows whether {words.plain(notice.tool) or 'a write'} happened {where}; a person has to say"
        case "limit":
            return f"a limit is reached {where}: {who} is asked to grant more, or to stop it{until}"
        case "attention":
            wrote = ", ".join(words.plain(tool) for tool in notice.tools) or "a write"
            ended = f" ended as {notice.outcome} and" if notice.outcome else ""
            return f"{words.plain(notice.agent)}, run {notice.run},{ended} needs a person: it is not known what became of {wrote}"


_WANTED: Final = {
    "review": "is asked to decide", "output": "is asked to look at an output", "surprise": "is asked how to go on",
    "question": "is asked something",
}  # fmt: skip
"""By what a question is about; of a run about somebody nothing is said of it."""


def _then(followed: str) -> str:
    if followed.startswith("asked"):
        return f"; {words.plain(followed.removeprefix('asked').strip()) or 'somebody else'} is asked now"
    return {"refused": "; it was refused", "stopped": "; the run stops"}.get(followed, "")


# ------------------------------------------------------------------------------------------------ what became of notices

FINISHED: Final = frozenset({"told", "given_up"})
"""What is not sent any more."""


class Standing(Struct, frozen=True):
    """What is known of a notice, by the last entry about it."""

    seq: int
    """Of that entry, in the run `notify`."""
    at: int
    by: str
    """Who wrote it."""
    said: Notified


def standings(entries: Iterable[Entry]) -> dict[str, Standing]:
    """What became of each notice, by the entries of the run `notify`; what was heard of last stands last."""
    found: dict[str, Standing] = {}
    for entry in entries:
        take(found, entry)
    return found


def take(found: dict[str, Standing], entry: Entry) -> None:
    """Put one more entry of the run `notify` among what is known. What was told stays told."""
    event = entry.event
    if not isinstance(event, Notified) or not event.id:
        return
    known = found.get(event.id)
    if known is None or known.said.state != "told" or event.state == "told":
        found.pop(event.id, None)
        found[event.id] = Standing(entry.seq, entry.at, entry.actor, event)


def still_says(standing: Standing, read: int, now: int) -> bool:
    """Whether somebody who has read the journal up to a position has to know of this, lest they tell it again."""
    return standing.said.place > read or now < standing.said.ends


def may_send(standing: Standing | None, now: int, gone: Callable[[str], bool]) -> bool:
    """Whether a notice may be sent now. gone: whether nothing of what a sender began can still happen."""
    if standing is None:
        return True
    said = standing.said
    if said.state == "sending":
        return now >= said.until or gone(standing.by)
    return said.state == "failed" and now >= said.until
