"""What the rules say of people and writes, told once more and simply: from the entries, without a line of the core.

A `Ledger` takes one entry after another. It knows who may decide and what a voice was given for, and fails at the first entry
that should not be there: a write that starts without the people it needs, a question that ends before its time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from holdfast import units
from holdfast.events import Entry

OTHER_NAMES: Final = {"fay": ("fay", "fay@home"), "fay@home": ("fay", "fay@home"), "ann@work": ("ann@work", "ann")}
"""Person → everybody they are or act for."""

ROLES: Final[dict[str, tuple[str, ...]]] = {
    "rita": ("finance", "chief"), "raul": ("finance",), "bob": ("finance", "legal"), "fay": ("finance",),
    "fay@home": ("finance", "legal"), "lea": ("legal",), "carl": ("chief",), "ann": ("finance", "legal"),
    "ann@work": ("finance",), "bea": ("legal",), "pat": ("finance", "legal", "chief"), "cleo": ("finance", "legal"), "zoe": (),
}  # fmt: skip
"""Everybody there is, and as what they act."""


def names_of(person: str) -> frozenset[str]:
    return frozenset(OTHER_NAMES.get(person, (person,)))


def being(person: str) -> str:
    """One name for all the names of a person."""
    return min(names_of(person))


def later(at: int, within: int, works: bool) -> int:
    """When so much time is up; works: of days from nine to five, Monday to Friday, in UTC."""
    if not works:
        return at + within
    while True:
        day = at // units.DAY
        opens, closes = day * units.DAY + 9 * units.HOUR, day * units.DAY + 17 * units.HOUR
        begins = max(at, opens)
        if (day + 3) % 7 < 5 and begins < closes:
            if closes - begins >= within:
                return begins + within
            within -= closes - begins
        at = (day + 1) * units.DAY


@dataclass(frozen=True)
class Asks:
    """One rule that asks for people."""

    by: str = ""
    people: int = 1
    within: int = 0
    then: str = "deny"
    over: int = 0
    """Only for an amount over that."""


@dataclass(frozen=True)
class Terms:
    """What a run is held to, as far as people are concerned."""

    rules: dict[str, tuple[Asks, ...]]
    output: Asks | None = None
    across: int = 0
    """What all runs together may pay in a day; 0: no limit."""
    most: int = 0
    """More than that is never paid; 0: no limit."""
    fresh: int = 0
    """How old the reading may be that a payment rests on; 0: it rests on none."""
    amendable: bool = True
    supervised: bool = False
    works: frozenset[str] = frozenset()
    """Roles with a working calendar."""


@dataclass
class Voice:
    """Somebody approved."""

    by: str
    role: str
    until: int
    given_for: tuple[Any, ...]
    """What was shown; of an amendment, what was shown beside the arguments."""
    amends: bool = False


@dataclass
class Proposal:
    """A call that was asked for."""

    seq: int
    tool: str
    args: dict[str, Any]
    heard: int
    manifest: int
    serves: int
    version: int = 1
    voices: list[Voice] = field(default_factory=list)
    status: str = "open"
    started: int = 0
    started_at: int = 0
    undone: bool = True
    unknown: bool = False


@dataclass(frozen=True)
class Reading:
    """What was read of an order."""

    at: int
    value: Any
    seq: int
    serves: int
    """The write that the machine read it again for."""
    order: str
    unseen: bool = False
    """The machine found something else than the model had been shown."""


@dataclass
class Shown:
    """A question that is open."""

    seq: int
    at: int
    asked: Any
    shown: tuple[Any, ...]
    stands_for: str
    claimed: str = ""


def _shown_alike(voice: Voice, now: tuple[Any, ...]) -> bool:
    """Whether a voice is for this. An amender's is for arguments of their own; what they were shown beside them still stands."""
    if not voice.amends:
        return voice.given_for == now
    return (
        voice.given_for[2:6] == now[2:6] and now[6:] <= voice.given_for[6:]
    )  # a limit that is passed was shown as passed


class Ledger:
    """The entries of a run, as the rules read them."""

    def __init__(self, terms: Terms, above: Ledger | None = None) -> None:
        self.terms, self.above = terms, above
        self.took_part: set[str] = set()
        self.others = 0
        """What other runs paid in the last day; set by whoever plays."""
        self.contract = ""
        self.at = self.said = self.era = self.restored = self.turn = 0
        self.paused = self.halted = self.limited = self.ending = False
        self.heard: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.calls: dict[int, Proposal] = {}
        self.questions: dict[int, Shown] = {}
        self.readings: list[Reading] = []
        self.stopped_tools: set[str] = set()
        self.closed = False
        self._handed: dict[int, Shown] = {}
        """Call → the question that was just put away, in whose place another one may come."""
        self._owes: dict[int, Shown] = {}

    def take(self, entry: Entry) -> None:
        """Raises AssertionError for an entry that should not be there."""
        kind, self.at = type(entry.event).__name__, entry.at
        name = re.sub(r"(?<=.)(?=[A-Z])", "_", kind).lower()
        getattr(self, f"_on_{name}", lambda *_: None)(entry, entry.event)
        if kind not in ("QuestionWithdrawn", "PersonAsked", "CallJudged", "OutputRejected"):
            assert not self._owes, "what follows an expiry comes with it"

    # ---- who may

    def excluded(self, by: str) -> bool:
        """Whether somebody took part, by any name, in this run or one above it."""
        return bool(names_of(by) & self.took_part) or (self.above is not None and self.above.excluded(by))

    def free(self) -> bool:
        """Whether anything new may start."""
        return not (self.paused or self.halted or self.limited or self.ending or self.closed)

    def why_not(
        self, seq: int, by: str, at: int, *, over: bool = False, question: bool = True, judged: bool = True
    ) -> Iterator[str]:
        """Why somebody may not touch a question."""
        one = self.questions.get(seq)
        answers = one is None or one.asked.about != "question"
        above = self.above is not None and self.above.excluded(by)
        other = bool((names_of(by) - {by}) & self.took_part)
        if (answers and by in self.took_part) or ((answers or judged) and (above or other)):
            yield "took part"
        if (answers or judged) and any(
            voice.by != by and voice.by in names_of(by) and (not voice.until or self.at < voice.until)
            for call in self.calls.values() if call.manifest == self.turn for voice in call.voices
        ):  # fmt: skip
            yield "other name"
        if not question:
            return
        if one is None:
            yield "not open"
            return
        if one.asked.until and at >= one.asked.until:
            yield "expired"
        if not by:
            yield "nobody"
        if one.claimed not in ("", by) and not over and one.asked.about != "question":
            yield "claimed"
        free = ("", "requester") if one.asked.about == "question" else ("",)
        if one.asked.role not in (*free, *ROLES.get(by, ())):
            yield "role"

    def has_voted(self, seq: int, by: str, at: int) -> bool:
        """Whether somebody approved already what a question shows."""
        one = self.questions[seq]
        return any(
            voice.by == by and voice.given_for == one.shown and (not voice.until or at < voice.until)
            for voice in self.calls[one.asked.call].voices
        )  # fmt: skip

    def stale(self, seq: int) -> bool:
        """Whether a question shows something else than the proposal that stands."""
        one = self.questions.get(seq)
        if one is None:
            return False
        call = self.calls.get(one.asked.call)
        other = one.asked.about == "output" and one.asked.contract != self.contract
        return call is None or call.status != "open" or call.version != one.asked.version or other

    # ---- what a voice is for

    def _others(self, call: Proposal, at: int) -> int:
        mine = (
            one.args.get("cents", 0) for one in self.calls.values()
            if one.tool == call.tool and one.seq != call.seq and one.started and not one.undone and one.started_at + units.DAY > at
        )  # fmt: skip
        return self.others + sum(mine)

    def passes(self, call: Proposal, at: int) -> bool:
        """Whether it would pass what all runs together may pay."""
        top = self.terms.across if call.tool == "refund" else 0
        return bool(top) and self._others(call, at) + call.args["cents"] > top

    def circumstances(self, call: Proposal, at: int) -> tuple[Any, ...]:
        """Everything a voice is given for."""
        if call.tool == "done":
            return (call.version, str(call.args), self.contract)
        seen = self._rests_on(call)
        return (
            call.version, str(sorted(call.args.items())), self.contract, self.said, self.era, seen and seen.value, self.passes(call, at)
        )  # fmt: skip

    def _rests_on(self, call: Proposal) -> Reading | None:
        if not self.terms.fresh or call.tool != "refund":
            return None
        for one in reversed(self.readings):
            if one.order == call.args["order"] and (
                (one.seq < call.manifest and not one.unseen) or one.serves == call.seq
            ):
                return one
        return None

    def _demands(self, call: Proposal, at: int) -> Iterator[Asks]:
        """Every rule that asks for people before a call may start."""
        yield from (rule for rule in self.terms.rules.get(call.tool, ()) if call.args.get("cents", 0) > rule.over)
        if self.terms.supervised:
            yield Asks()
        if self.restored > call.started:
            yield Asks()
        if self.passes(call, at):
            yield Asks(by="chief")

    def stands(self, voice: Voice, call: Proposal, at: int) -> bool:
        """Whether a voice is for what stands now."""
        if voice.until and at >= voice.until:
            return False
        return _shown_alike(voice, self.circumstances(call, at))

    # ---- entries about people

    def _on_run_opened(self, entry: Entry, event: Any) -> None:
        self.took_part |= {event.by, event.on_behalf_of} - {""}
        self.contract = event.contract_digest

    def _on_said(self, entry: Entry, event: Any) -> None:
        self.said = entry.seq
        self.took_part.add(event.by)
        for one in list(self.questions.values()):
            if one.asked.about == "question" and one.asked.role == "requester":
                self.questions.pop(one.seq)
                self.calls[one.asked.call].status = "answered"
                break

    def _on_person_asked(self, entry: Entry, event: Any) -> None:
        expired = self._owes.pop(event.call, None)
        before = expired or self._handed.pop(event.call, None)
        call = self.calls.get(event.call)
        shown, stands_for = (), event.role
        if event.about in ("review", "output"):
            assert call is not None
            assert event.version == call.version or expired, "a question shows the version that stands"
            shown = self.circumstances(call, entry.at)
            if before is not None:
                shown = before.shown
            if expired is not None:
                assert expired.asked.then.startswith("ask:"), "a denial asks nobody else"
                stands_for = expired.stands_for or event.role
                assert event.role == expired.asked.then.removeprefix("ask:").strip()
                assert event.people == expired.asked.people
                within = self._had(expired)
                assert event.until == later(entry.at, within, event.role in self.terms.works), (
                    "it has as long as the one before"
                )
            else:
                self._strictest(entry, event, call)
            call.voices = [voice for voice in call.voices if _shown_alike(voice, shown)]
        self.questions[entry.seq] = Shown(entry.seq, entry.at, event, shown, stands_for)

    def _had(self, one: Shown) -> int:
        """How long a role had, of its own time."""
        low, high = 0, 40 * units.DAY
        while low < high:
            middle = (low + high) // 2
            if later(one.at, middle, one.asked.role in self.terms.works) < one.asked.until:
                low = middle + 1
            else:
                high = middle
        return low

    def _strictest(self, entry: Entry, event: Any, call: Proposal) -> None:
        """A question asks for what some rule asks for: of its role the most people, in the least time."""
        if event.about == "output":
            rules = [self.terms.output or Asks()]
        else:
            rules = [rule for rule in self._demands(call, entry.at) if rule.by == event.role]
        if not rules and event.role == "chief":
            return  # asked while the limit was passed, and put once more after that
        people = max(rule.people for rule in rules)
        times = [rule.within for rule in rules if rule.within]
        assert event.people == people, f"entry {entry.seq}: it asks for {event.people} people, and a rule for {people}"
        until = later(entry.at, min(times), event.role in self.terms.works) if times else 0
        assert event.until == until, f"entry {entry.seq}: it stands until {event.until}, and not {until}"

    def _on_person_answered(self, entry: Entry, event: Any) -> None:
        one = self.questions[event.question]
        call = self.calls.get(one.asked.call)
        assert not one.asked.until or entry.at < one.asked.until, "an answer comes before the end"
        if one.asked.about != "question":
            assert not self.excluded(event.by), f"entry {entry.seq}: {event.by} took part, and decides"
        if event.verdict in ("take", "stop"):
            self.ending = True
        if event.verdict == "approve" and call is not None:
            call.voices.append(Voice(event.by, one.stands_for, one.asked.until, one.shown))
            return
        self.questions.pop(event.question)
        if call is not None and event.verdict in ("deny", "answer", "tell"):
            call.status = "denied"

    def _on_proposal_amended(self, entry: Entry, event: Any) -> None:
        one, call = self.questions[event.question], self.calls[event.call]
        assert one.asked.version == call.version == event.version - 1, "it amends what was shown, and nothing newer"
        fixed = {name: value for name, value in event.args.value.items() if name not in event.changed}
        assert fixed == {name: value for name, value in call.args.items() if name not in event.changed}, (
            "changes do not add up"
        )
        assert not self.excluded(event.by), f"entry {entry.seq}: {event.by} took part, and amends"
        assert not one.asked.until or entry.at < one.asked.until, "an amendment comes before the end"
        if one.asked.about == "review":
            assert set(event.changed) <= ({"cents"} if self.terms.amendable else set()), (
                "it changes what may be changed"
            )
        call.version, call.args = event.version, event.args.value
        voice = Voice(event.by, one.stands_for, one.asked.until, one.shown, amends=True)
        tells = self.restored < one.seq and not (
            self.restored and one.asked.stands_for
        )  # of what was lost, if anything was
        call.voices = [voice] if tells else []
        self.took_part.add(event.by)

    def _on_question_claimed(self, entry: Entry, event: Any) -> None:
        self.questions[event.question].claimed = event.by

    def _on_question_released(self, entry: Entry, event: Any) -> None:
        assert self.questions[event.question].claimed == event.by
        self.questions[event.question].claimed = ""

    def _on_asked_back(self, entry: Entry, event: Any) -> None:
        if event.to == "agent":
            self.calls[self.questions.pop(event.question).asked.call].status = "denied"

    def _on_question_withdrawn(self, entry: Entry, event: Any) -> None:
        one = self.questions.pop(event.question)
        if event.why == "expired":
            assert 0 < one.asked.until <= entry.at, f"entry {entry.seq}: it ends before its time"
            self._owes[one.asked.call] = one
        elif event.why == "decided":
            then = min(entry.at, one.asked.until - 1) if one.asked.until else entry.at
            assert self.has_enough(one, then), f"entry {entry.seq}: it was not decided"
            self._handed[one.asked.call] = one

    def has_enough(self, one: Shown, at: int) -> bool:
        """Whether a question has the voices that it asks for."""
        call = self.calls[one.asked.call]
        voices = {
            being(voice.by) for voice in call.voices
            if _shown_alike(voice, one.shown) and (not voice.until or at < voice.until)
            and one.stands_for in ("", voice.role)
        }  # fmt: skip
        return len(voices) >= one.asked.people

    def decided(self, one: Shown) -> bool:
        """Whether a question was decided before its end, and that is not taken up yet."""
        if one.asked.about not in ("review", "output"):
            return False
        return self.calls[one.asked.call].version != one.asked.version or self.has_enough(one, one.asked.until - 1)

    # ---- entries about calls and the run

    def _on_model_asked(self, entry: Entry, event: Any) -> None:
        self.heard[entry.seq], self.turn = event.heard, entry.seq
        assert self.free()

    def _on_model_answered(self, entry: Entry, event: Any) -> None:
        self.asks[entry.seq] = event.ask

    def _on_call_asked(self, entry: Entry, event: Any) -> None:
        manifest = self.asks[event.ask]
        args = event.args.value if isinstance(event.args.value, dict) else {}
        self.calls[entry.seq] = Proposal(entry.seq, event.tool, args, self.heard[manifest], manifest, event.serves)

    def _on_call_judged(self, entry: Entry, event: Any) -> None:
        call = self.calls[event.call]
        one = self._owes.pop(event.call, None)
        if one is not None:
            assert (event.verdict, event.rules[0].rule) == ("refuse", "expired"), "an expiry is a denial"
            assert not one.asked.then.startswith("ask:"), "and nothing else where the next role is to be asked"
        elif event.verdict == "refuse" and event.rules[0].rule == "expired":
            raise AssertionError("nothing expired")
        if event.verdict != "allow" or one is not None:
            self._handed.pop(event.call, None)
        call.status = "refused" if event.verdict == "refuse" else "open"

    def _on_output_rejected(self, entry: Entry, event: Any) -> None:
        self._owes.clear()
        self._handed.clear()
        self.ending = self.ending or event.final

    def _on_call_started(self, entry: Entry, event: Any) -> None:
        call = self.calls[event.call]
        assert self.free(), f"entry {entry.seq}: something starts although nothing may"
        if call.tool in ("refund", "send"):
            if call.status != "unsure":
                self._may_start(entry, call)
            call.started, call.started_at, call.undone, call.voices, call.status = (
                entry.seq,
                entry.at,
                False,
                [],
                "running",
            )

    def _may_start(self, entry: Entry, call: Proposal) -> None:
        where = f"entry {entry.seq}: {call.tool} starts"
        assert call.status in ("open", "failed"), f"{where}, and it was {call.status}"
        assert call.heard >= self.said, f"{where} over a message"
        assert call.tool not in self.stopped_tools, f"{where} although it is stopped"
        assert not (self.terms.most and call.tool == "refund" and call.args["cents"] > self.terms.most), (
            f"{where} against a rule"
        )
        seen = self._rests_on(call)
        if self.terms.fresh and call.tool == "refund":
            assert seen is not None, f"{where} on no reading"
            assert seen.at + self.terms.fresh >= entry.at, f"{where} on an old reading"
        for rule in self._demands(call, entry.at):
            voices = {
                being(one.by) for one in call.voices if rule.by in ("", one.role) and self.stands(one, call, entry.at)
            }
            assert len(voices) >= rule.people, f"{where} with {len(voices)} voices: {rule}"

    def _on_call_returned(self, entry: Entry, event: Any) -> None:
        call = self.calls[event.call]
        call.status = "answered"
        if call.tool == "get_order" and call.serves:
            write = self.calls[call.serves]
            seen = self._rests_on(write)
            same = seen is not None and seen.value == event.result.value
            if not same:
                write.voices = []
            seq = seen.seq if same and seen else entry.seq  # the same once more is what it was, only younger
            self.readings.append(
                Reading(entry.at, event.result.value, seq, call.serves, call.args["order"], not same or seen.unseen)
            )
        elif call.tool == "get_order":
            self.readings.append(Reading(entry.at, event.result.value, entry.seq, 0, call.args["order"]))

    def _on_call_failed(self, entry: Entry, event: Any) -> None:
        call = self.calls[event.call]
        call.unknown = call.unknown or event.fate == "unknown"
        call.status = "unsure" if call.unknown else "failed"
        call.undone = not call.unknown

    def _on_call_settled(self, entry: Entry, event: Any) -> None:
        call = self.calls[event.call]
        assert not self.excluded(event.by), "who took part does not settle"
        call.undone, call.status = event.verdict == "did_not", "settled"
        self.ending = self.ending or event.verdict == "stop"
        self.questions = {seq: one for seq, one in self.questions.items() if one.asked.call != event.call}

    def _on_contract_adopted(self, entry: Entry, event: Any) -> None:
        self.contract = event.contract_digest
        for call in self.calls.values():
            call.voices = []

    def _on_resumed(self, entry: Entry, event: Any) -> None:
        if event.epoch:
            self.era, self.restored = self.era + 1, entry.seq
            for call in self.calls.values():
                call.voices = []
        elif event.stop:
            self.halted = False
        else:
            self.paused = False

    def _on_paused(self, entry: Entry, event: Any) -> None:
        self.halted, self.paused = self.halted or bool(event.stop), self.paused or not event.stop

    def _on_cancel_asked(self, entry: Entry, event: Any) -> None:
        self.ending = True

    def _on_limit_reached(self, entry: Entry, event: Any) -> None:
        self.limited = True

    def _on_limit_granted(self, entry: Entry, event: Any) -> None:
        self.limited = False
        self.questions = {seq: one for seq, one in self.questions.items() if one.asked.limit != event.limit}

    def _on_run_closed(self, entry: Entry, event: Any) -> None:
        output = [call for call in self.calls.values() if call.tool == "done" and call.manifest == self.turn]
        if event.outcome == "done" and self.terms.output is not None and output:
            rule = self.terms.output
            voices = {
                being(one.by)
                for one in output[-1].voices
                if rule.by in ("", one.role) and self.stands(one, output[-1], entry.at)
            }
            assert len(voices) >= rule.people, f"it ends with {len(voices)} voices: {rule}"
            assert event.output.value == output[-1].args, "it ends with what was shown"
            assert output[-1].heard >= self.said, "it ends over a message"
        self.closed = True
        self.questions = {seq: one for seq, one in self.questions.items() if one.asked.about == "doubt"}
