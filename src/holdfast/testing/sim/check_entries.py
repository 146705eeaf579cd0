"""What must hold of a journal by itself: the calls of a run and what people say to them, retold from its entries alone."""

from __future__ import annotations

from typing import Any

from holdfast.agent import Agent
from holdfast.codec import value_of
from holdfast.events import (
    CallAsked,
    CallFailed,
    CallJudged,
    CallLookedUp,
    CallReturned,
    CallReturnedLate,
    CallSettled,
    CallStarted,
    CancelAsked,
    Contradiction,
    DoubtRaised,
    Entry,
    LimitGranted,
    LimitReached,
    ModelAnswered,
    ModelAnsweredLate,
    ModelAsked,
    ModelFailed,
    Paused,
    PersonAnswered,
    PersonAsked,
    ProposalAmended,
    Resumed,
    RunClosed,
    RunOpened,
    Said,
)
from holdfast.testing.sim.history import Violation
from holdfast.testing.sim.tale import Call, Reading, Tale


class WholeTale(Tale):
    """All of a run."""

    # ---- calls

    def call_asked(self, entry: Entry, event: CallAsked) -> None:
        """Calls of an answer that was cut off are not taken up (rule 26)."""
        manifest = self.answers.get(event.ask, 0)
        self.calls[entry.seq] = Call(event, entry.seq, self.heard_of.get(event.ask, 0), manifest=manifest)
        if self.finish.get(event.ask) in ("length", "filter", "unknown"):
            self.wrong("admitted", f"entry {entry.seq} takes up a call of an answer that was cut off")

    def judged(self, entry: Entry, event: CallJudged) -> None:
        """A write of unknown outcome is never merely given up (rule 21)."""
        call = self.calls[event.call]
        if event.verdict != "refuse":
            call.needs = max(
                (self._people(call, fired.rule) for fired in event.rules if fired.verdict == "review"), default=0
            )
            return
        if call.asked.effect == "write" and call.unknown and not call.absent and call.ruled != "did_not":
            self.wrong("unknown made failed", f"entry {entry.seq} refuses call {call.seq}, which may have happened")
        call.over = True
        if call.counts:
            call.counts = False

    def _people(self, call: Call, rule: str) -> int:
        """How many people a rule asks for."""
        if rule.startswith("surprises."):
            return 0  # what goes before a person because it failed is tried again when one of them says so
        clause, _, number = rule.removesuffix("]").partition(".review[")
        grant = self.agent.contract.tools.get(clause.removeprefix("tools."))
        return grant.review[int(number)].people if grant is not None and number else 1

    def starts(self, entry: Entry, event: CallStarted) -> None:
        """Each attempt has its number, and only one of a call is on its way (rule 15)."""
        self.may_start(entry)
        call = self.calls[event.call]
        again = call.start is not None
        if event.attempt != (call.start.attempt if call.start else 0) + 1:
            self.wrong("attempt", f"entry {entry.seq} is attempt {event.attempt} of call {call.seq}")
        if call.running:
            self.wrong("two attempts", f"entry {entry.seq}: an attempt at call {call.seq} is running")
        if call.over:
            self.wrong("started again", f"entry {entry.seq}: call {call.seq} was answered")
        if again and not self.lost_calls.get(call.seq) and call.ruled not in ("did_not", "retry"):
            self.retry(entry)
        if call.asked.effect == "write":
            self._write_starts(entry, event, call)
        call.start, call.started, call.running, call.absent = event, entry.seq, True, False
        call.first = call.first or entry.at

    def _write_starts(self, entry: Entry, event: CallStarted, call: Call) -> None:
        """One at a time, in asked order, heard, approved, under one key, never blindly again (rules 17, 18, 21, 27, 29, 32)."""
        for other in self.calls.values():
            if other.asked.effect == "write" and other.running:
                self.wrong("two writes", f"entry {entry.seq}: call {other.seq} is running")
            same_turn = other.asked.ask == call.asked.ask and not other.asked.serves
            if (
                same_turn
                and other.asked.effect == "write"
                and other.asked.index < call.asked.index
                and not (other.over and other.ok)
            ):
                self.wrong("order", f"entry {entry.seq}: call {other.seq}, asked for before it, did not succeed")
            if other is not call and other.asked.tool == call.asked.tool and other.unknown and not other.over:
                self.wrong(
                    "unresolved", f"entry {entry.seq}: it is not known whether {call.asked.tool} {other.seq} happened"
                )
        if self.said > call.manifest_heard:
            self.wrong("overtaken", f"entry {entry.seq} starts a write, and the message {self.said} was not heard")
        tool = self.agent.tools[call.asked.tool]
        if call.unknown and not call.absent and not (tool.keyed and entry.at < call.first + tool.key_life):
            self.wrong("blind retry", f"entry {entry.seq}: call {call.seq} may have happened")
        if call.absent and call.alive and not tool.keyed:
            self.wrong("absence believed", f"entry {entry.seq}: an attempt at call {call.seq} may still be alive")
        if tool.keyed and (
            not event.key
            or (call.key and call.key != event.key)
            or self.keys.setdefault(event.key, call.seq) != call.seq
        ):
            self.wrong("key", f"entry {entry.seq}: the key of call {call.seq} is not its own")
        call.key = event.key
        if not call.counts:
            call.counts = True
            grant = self.agent.contract.tools[call.asked.tool]
            used = sum(one.counts for one in self.calls.values() if one.asked.tool == call.asked.tool)
            if grant.at_most is not None and used > grant.at_most:
                self.wrong("limit at_most", f"entry {entry.seq} is {call.asked.tool} number {used}")
        self._approved(entry, call)
        self._rests_on(entry, call)

    def _rests_on(self, entry: Entry, call: Call) -> None:
        """On complete, fresh readings that its model had seen, or that were made for it (rules 28, 34)."""
        grant = self.agent.contract.tools[call.asked.tool]
        args = value_of(call.asked.args)
        for tool in grant.needs:
            about = [one for one in self.readings if one.tool == tool and one.args.get("item") == args.get("item")]
            shown = [one for one in about if one.seq < call.manifest]
            again = [one for one in about if one.serves == call.seq]
            if not shown:
                self.wrong(
                    "evidence", f"entry {entry.seq}: the model had not seen {tool} when it proposed call {call.seq}"
                )
                continue
            newest = max(one.at for one in (*shown, *again))
            if grant.fresh is not None and newest + grant.fresh < entry.at:
                self.wrong("stale evidence", f"entry {entry.seq}: call {call.seq} rests on what was read at {newest}")
            agreed = call.put if call.votes else call.manifest
            known = [one for one in (*shown, *again) if one.seq < agreed]
            if again and known and again[-1].digest != known[-1].digest:
                self.wrong("evidence changed", f"entry {entry.seq}: call {call.seq} rests on what is otherwise by now")

    def _approved(self, entry: Entry, call: Call) -> None:
        asked, begun = call.question, call.started
        told = call.put > self.restored or bool(begun and (begun > self.restored or call.ruled))
        if self.restored and not told:
            self.wrong(
                "restored",
                f"entry {entry.seq}: call {call.seq} may have been done in what was lost, and nobody was asked",
            )
        votes = set(call.votes) | ({call.amender} - {""})
        if len(votes) < call.needs:
            self.wrong(
                "approval",
                f"entry {entry.seq}: call {call.seq} in version {call.version} has {len(votes)} of {call.needs} voices",
            )
        if asked is None:
            return
        if call.start is None and asked.until and entry.at >= asked.until and call.votes:
            self.wrong("approval expired", f"entry {entry.seq}: the approvals of call {call.seq} were void")
        if asked.version < call.version and call.votes:
            self.wrong(
                "approval", f"entry {entry.seq}: the approvals of call {call.seq} are for version {asked.version}"
            )

    def _ends(self, entry: Entry, number: int, attempt: int) -> Call:
        call = self.calls[number]
        if not call.running or call.start is None or call.start.attempt != attempt:
            self.wrong("answer to nothing", f"entry {entry.seq} answers attempt {attempt} of call {number}")
        call.running = False
        return call

    def returns(self, entry: Entry, event: CallReturned) -> None:
        """It answers the running attempt; what was only begun is of unknown outcome until it is looked up."""
        call = self._ends(entry, event.call, event.attempt)
        if event.complete == "started":
            call.unknowns = (*call.unknowns, event.attempt)
            self.lost_calls[call.seq] = False
            return
        call.over = call.ok = True
        self._confirm(entry, call, event.effect_id)
        if event.complete == "complete":
            self._read(entry, call, event.digest)

    def _read(self, entry: Entry, call: Call, digest: str) -> None:
        """Note what a write may rest on."""
        asked = call.asked
        if asked.effect == "read":
            self.readings.append(Reading(entry.seq, entry.at, asked.tool, value_of(asked.args), digest, asked.serves))

    def _confirm(self, entry: Entry, call: Call, effect_id: str) -> None:
        """One effect is never counted for two calls (rule 22)."""
        if effect_id and self.confirmed.setdefault((call.asked.tool, effect_id), call.seq) != call.seq:
            self.wrong("effect counted twice", f"entry {entry.seq}: {effect_id} is the effect of two calls")

    def fails(self, entry: Entry, event: CallFailed) -> None:
        """It ends the running attempt; a lease is not cut short (rule 10)."""
        call = self._ends(entry, event.call, event.attempt)
        if event.fate == "unknown":
            call.unknowns = (*call.unknowns, event.attempt)
        elif call.asked.effect != "write":
            call.unknowns = ()  # a reading has no effect: how its last attempt ended is all that matters
        if not event.ended:
            call.alive = (*call.alive, event.attempt)
        call.over_at = entry.at
        self.lost_calls[call.seq] = event.error in ("lost", "ended")
        if event.error == "lost" and event.ended is False and call.start is not None and entry.at < call.start.until:
            self.wrong("lease ended early", f"entry {entry.seq}: call {call.seq} had until {call.start.until}")
        if not call.unknown:
            call.counts = False

    def looked(self, entry: Entry, event: CallLookedUp) -> None:
        """Asked when the attempt was over, or its time up, and the other system had settled since (rule 22)."""
        call = self.calls[event.call]
        settle = round(self.agent.tools[call.asked.tool].options.settle * 1e6)
        if event.answer == "absent" and entry.at - event.took < call.over_at + settle and not call.over:
            call.absent = False
            return
        if event.answer == "found":
            call.over = call.ok = True
            self._confirm(entry, call, event.effect_id)
        call.absent = event.answer == "absent" and call.start is not None and event.attempt == call.start.attempt

    def late(self, entry: Entry, event: CallReturnedLate) -> None:
        """It may prove an attempt over, settle what is unknown, or contradict what was settled (rules 16, 23)."""
        call = self.calls[event.call]
        if event.result is not None:
            self.told_late.setdefault(event.call, set()).add(entry.seq)
            if event.call in self.denied:
                self.contradicting.add(entry.seq)
        if event.fate == "not_done":
            call.unknowns = tuple(attempt for attempt in call.unknowns if attempt != event.attempt)
            call.over = call.over or (call.doubt and not call.unknown)
            call.counts = call.counts and call.unknown
        if event.attempt in call.alive:
            call.alive = tuple(attempt for attempt in call.alive if attempt != event.attempt)
            call.over_at, call.absent = entry.at, False
        if not self.closed and call.start is not None and call.running and call.start.attempt == event.attempt:
            self.wrong("late", f"entry {entry.seq} calls the answer to a running attempt late")
        if event.result is not None and call.unknown and not call.over and not call.running:
            call.over = call.ok = True
            if event.complete == "complete":
                self._read(entry, call, event.digest)

    def doubts(self, entry: Entry, event: DoubtRaised) -> None:
        """A call is before a person."""
        self.calls[event.call].doubt = True

    def settles(self, entry: Entry, event: CallSettled) -> None:
        """By somebody who did not ask for it; a keyed call that did not happen runs again (rules 23, 33)."""
        call = self.calls[event.call]
        if event.by in self.speakers:
            self.wrong("who", f"entry {entry.seq}: {event.by} settles what {event.by} asked for")
        again = event.verdict == "did_not" and call.key and self.agent.tools[call.asked.tool].keyed
        call.ruled, call.unknowns, call.doubt = event.verdict, call.unknowns if again else (), False
        call.ok = event.verdict == "happened"
        call.over = not again or entry.at >= call.first + self.agent.tools[call.asked.tool].key_life
        if event.verdict == "stop":
            self.stopped = self.stopped or f"a person's stop at {entry.seq}"
        if event.verdict != "happened":
            call.counts = False
        if event.verdict == "did_not":
            self.denied.add(event.call)
            if event.call not in self.contradicted:
                self.contradicting |= self.told_late.get(event.call, set())
        else:
            self.denied.discard(event.call)

    # ---- people

    def person_asked(self, entry: Entry, event: PersonAsked) -> None:
        """Votes of a review count from zero."""
        self.questions[entry.seq] = event
        if event.about == "review":
            call = self.calls[event.call]
            call.question, call.votes, call.put = event, (), entry.seq

    def person_answers(self, entry: Entry, event: PersonAnswered) -> None:
        """In time, and not by somebody who asked for it (rules 32, 33)."""
        asked = self.questions.get(event.question)
        if asked is None:
            self.wrong("who", f"entry {entry.seq} answers question {event.question}, which nobody asked")
            return
        if asked.until and entry.at >= asked.until:
            self.wrong("too late", f"entry {entry.seq} answers question {event.question}, which had expired")
        if asked.about != "question" and event.by in self.speakers:
            self.wrong("who", f"entry {entry.seq}: {event.by} decides about what {event.by} asked for")
        if event.verdict in ("stop", "take") or (asked.about == "limit"):
            self.stopped = self.stopped or f"a person's {event.verdict} at {entry.seq}"
        elif event.verdict == "approve" and asked.about == "review":
            call = self.calls[asked.call]
            if asked is call.question:
                call.votes = (*call.votes, event.by)
        elif event.verdict == "retry" and asked.call:
            self.calls[asked.call].ruled = "retry"
        elif event.verdict in ("deny", "answer", "tell") and asked.call:
            self.calls[asked.call].over = True

    def amends(self, entry: Entry, event: ProposalAmended) -> None:
        """Only what the contract lets a reviewer change; votes count from zero (rule 33)."""
        call = self.calls[event.call]
        allowed = self.agent.contract.tools[call.asked.tool].amendable if call.asked.tool in self.agent.tools else None
        if allowed is not None and set(event.changed) - set(allowed):
            self.wrong("amended", f"entry {entry.seq} changes {event.changed}")
        call.version, call.votes, call.amender = event.version, (), event.by


WholeTale.handlers = {
    RunOpened: WholeTale.opened,
    Said: WholeTale.said_so,
    CancelAsked: WholeTale.stops,
    Contradiction: WholeTale.stops,
    Paused: WholeTale.pauses,
    Resumed: WholeTale.resumes,
    LimitReached: WholeTale.limited,
    LimitGranted: WholeTale.grants,
    RunClosed: WholeTale.closes,
    ModelAsked: WholeTale.asks,
    ModelAnswered: WholeTale.model_answers,
    ModelFailed: WholeTale.model_fails,
    ModelAnsweredLate: WholeTale.model_answers_late,
    CallAsked: WholeTale.call_asked,
    CallJudged: WholeTale.judged,
    CallStarted: WholeTale.starts,
    CallReturned: WholeTale.returns,
    CallFailed: WholeTale.fails,
    CallLookedUp: WholeTale.looked,
    CallReturnedLate: WholeTale.late,
    DoubtRaised: WholeTale.doubts,
    CallSettled: WholeTale.settles,
    PersonAsked: WholeTale.person_asked,
    PersonAnswered: WholeTale.person_answers,
    ProposalAmended: WholeTale.amends,
}


def check_tale(run: str, entries: list[Entry], agent: Agent[Any, Any]) -> list[Violation]:
    """Everything that is wrong with the entries of one run."""
    return WholeTale(run, agent).tell(entries)
