"""The mapping: entries of one run → spans, by the GenAI conventions and OpenInference's kinds. No name is known elsewhere.

    run                        invoke_agent NAME      AGENT       closed
    step                       chat MODEL             LLM         answered, or given up
    call that was performed    execute_tool NAME      TOOL        answered, or the run closed
    call that was not          holdfast.proposal NAME CHAIN       refused, denied, accepted by us, or the run closed
    a refusal                  holdfast.refusal       GUARDRAIL   at once
    a review                   holdfast.approval      GUARDRAIL   decided, expired, or the run closed
    a doubt, another question  holdfast.doubt, holdfast.question  the same
    an attempt, a look-up      holdfast.attempt, holdfast.lookup  answered, or the run closed; a first attempt that was
                               answered is an event of its step or call, which says it all
    a wait for other runs, or for the end of a tool's stop
                               holdfast.wait         CHAIN       begun, answered, or the run closed
    a note                     holdfast.noted         EVALUATOR   at once; with the event gen_ai.evaluation.result
    anything else              holdfast.<what>        CHAIN       at once, without length

A span is given when it is over, and is made from what was known then: `spans` of a run's first n entries are those spans of
all its entries that were over by then. So whoever exports in pieces and whoever exports everything give the same.

The run's span is the parent of its steps and calls, a call's of what was judged, asked and tried about it. A run that another
one opened hangs below that call, in the same trace, and the call lasts until that run's end was told. A fork is linked to the
run it was forked from, and has no span for what it took over from there. Tokens and money stand on steps; the sums on the run
are named otherwise, so that nobody adds them up twice. What was said, asked and returned is in no span unless `content` is asked
for, and see `content` for what is not even then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from holdfast.events import (
    CallJudged,
    CallLookedUp,
    CallReturned,
    CallReturnedLate,
    ChildClosed,
    Entry,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    Noted,
    OutputRejected,
    QuestionReleased,
    Unknown,
)
from holdfast.otel import conventions
from holdfast.otel.content import Words, because
from holdfast.otel.conventions import FINISHES, a_name, kept, model_name, part, provider
from holdfast.otel.kinds import IN_OTHERS, PLAIN, WORDS
from holdfast.otel.places import Places
from holdfast.otel.span import Attributes, Event, Kind, Link, Span, Status, span_id, trace_id
from holdfast.views.places import Waited
from holdfast.views.record import Asked, Call, Question, Tried, Turn

WELL: Final = ("returned", "found", "late", "accepted", "answered")
"""How a call ends that was carried out; and `settled`, where a person said so."""


def spans(entries: Sequence[Entry], *, content: bool = False) -> list[Span]:
    """The spans of a run that are over, in the order in which they were.

    entries: all of the run's from the first on, bodies loaded where `content` is asked for. Raises UsageError for ones that do
    not begin a run.
    """
    return sorted(_Reading(entries, content=content).spans(), key=lambda span: span.over)


class _Reading(Places):
    """What each part of a run is told as."""

    def __init__(self, entries: Sequence[Entry], *, content: bool) -> None:
        super().__init__(entries)
        self.words = Words(entries) if content else None

    def spans(self) -> Iterator[Span]:
        """Whatever is over."""
        for turn, after in zip(self.turns, [*self.turns[1:], None], strict=False):
            yield from self._of_turn(turn, after.seq if after is not None else 0)
        for call in self.seen.calls.values():
            yield from self._of_call(call)
        for question in self.seen.questions.values():
            yield from self._of_question(question)
        for waited in (*self.seen.waited, *(one for call in self.seen.calls.values() for one in call.waited)):
            yield from self._of_wait(waited)
        for entry in self.entries[self.since :]:
            yield from self._of_entry(entry)
        if self.close:
            yield from self._of_run()

    def _put(self, attributes: Attributes, key: str, seq: int, value: Any, *also: str) -> None:
        """Add words of entry `seq`, where that was asked for."""
        if self.words is not None:
            self.words.put(attributes, key, seq, value, *also)

    def _span(
        self, name: str, seq: int, shown: str, attributes: Attributes, *, over: int, parent: str, start: int = 0, end: int = 0,
        kind: Kind = "internal", status: Status = "unset", events: Iterable[Event] = (), links: Iterable[Link] = (), made: str = "",
    ) -> Span:  # fmt: skip
        """A span of what entry `seq` began."""
        stamped: Attributes = {
            "openinference.span.kind": shown, "session.id": self.tree, "holdfast.run": self.run, "holdfast.journal.seq": seq,
            "holdfast.journal.hash": self.entries[seq - 1].digest.hex(), **attributes,
        }  # fmt: skip
        start = start or self.at(seq)
        return Span(
            over=over, trace=trace_id(self.tree), id=span_id(self.run, seq, made), parent=parent, name=name, kind=kind, start=start,
            end=max(end or self.at(over), start), status=status, attributes=stamped, events=tuple(events), links=tuple(links),
        )  # fmt: skip

    # -------------------------------------------------------------------------------------------------- run and steps

    def _of_run(self) -> Iterator[Span]:
        seen, opened, closed = self.seen, self.opened, self.event(self.close)
        own = [entry.event for entry in self.entries[self.since : self.close]]
        answers = [event for event in own if isinstance(event, ModelAnswered)]
        asked = next(
            (event.model for event in own if isinstance(event, ModelAsked)), conventions.first_model(seen.contract)
        )
        failed = closed.outcome in ("failed", "stopped")
        attributes = kept({
            "gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": provider(asked), "gen_ai.request.model": model_name(asked),
            "gen_ai.agent.id": seen.agent, "gen_ai.agent.name": seen.agent, "gen_ai.agent.version": seen.contract_digest,
            "gen_ai.agent.description": part(seen.contract, "task"), "gen_ai.conversation.id": self.tree,
            "gen_ai.output.type": conventions.output_type(seen.contract), "user.id": self.who(opened.by),
            "gen_ai.aggregated_usage.input_tokens": sum(event.usage.input for event in answers),
            "gen_ai.aggregated_usage.output_tokens": sum(event.usage.output for event in answers),
            "holdfast.cost.nusd": sum(event.cost or 0 for event in answers),
            "holdfast.cost.unknown": sum(event.cost is None for event in answers) or None,
            "holdfast.steps": sum(turn.seq > self.since for turn in self.turns), "holdfast.mode": opened.mode,
            "holdfast.outcome": closed.outcome, "holdfast.fault": closed.fault, "holdfast.unresolved": len(closed.unresolved),
            "error.type": (closed.fault or closed.outcome) if failed else None, "holdfast.tenant": opened.tenant,
            "holdfast.parent.run": opened.parent.run if opened.parent else None, "holdfast.undoes": opened.undoes,
            **{f"holdfast.tag.{key}": value for key, value in opened.tags.items()},
        })  # fmt: skip
        self._put(attributes, "input.value", 1, opened.input)
        self._put(attributes, "gen_ai.system_instructions", 1, conventions.instructions(seen.contract))
        self._put(attributes, "output.value", self.close, closed.output)
        self._put(attributes, "holdfast.reason", self.close, closed.reason)
        origin = opened.forked_from
        yield self._span(
            f"invoke_agent {seen.agent}", 1, "AGENT", attributes, over=self.close,
            parent=span_id(opened.parent.run, opened.parent.call) if opened.parent else "", start=self.at(min(self.since + 1, self.close)),
            status="error" if failed else "ok" if closed.outcome == "done" else "unset",
            links=[Link(trace_id(self.tree), span_id(origin.run, 1), {"holdfast.link": "forked_from"})] if origin else [],
        )  # fmt: skip

    def _of_turn(self, turn: Turn, after: int) -> Iterator[Span]:
        over = self.over(turn.answered, after)
        if turn.seq <= self.since:
            return
        for one in turn.asked:
            yield from self._of_attempt(one, 0, self.below(turn.seq), turn.answered)
        if not over:
            return
        asked = [one for one in turn.asked if one.seq <= over]
        answer, last = self.event(over), asked[-1]
        ends = [self.ended((one.seq, 0), over) for one in asked]
        attributes = kept({
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": provider(last.model), "gen_ai.request.model": model_name(last.model),
            "gen_ai.request.max_tokens": self.event(last.seq).max_output or None, "gen_ai.agent.name": self.seen.agent,
            "gen_ai.conversation.id": self.tree, "holdfast.step": turn.step, "holdfast.attempts": len(asked),
        })  # fmt: skip
        if isinstance(answer, ModelAnswered):
            attributes |= kept({
                "gen_ai.response.model": model_name(answer.model), "gen_ai.response.finish_reasons": (FINISHES[answer.finish],),
                "gen_ai.usage.input_tokens": answer.usage.input, "gen_ai.usage.output_tokens": answer.usage.output,
                "gen_ai.usage.cache_read.input_tokens": answer.usage.cached or None, "holdfast.cost.nusd": answer.cost,
                "llm.cost.total": None if answer.cost is None else answer.cost / 1e9, "holdfast.calls": len(answer.calls),
            })  # fmt: skip
            if self.words is not None:
                shown = (place for one in asked for place in self.event(one.seq).add)
                self.words.put_messages(attributes, "gen_ai.input.messages", shown)
                self.words.put_answer(attributes, "gen_ai.output.messages", over, answer, FINISHES[answer.finish])
        else:
            failures = [end.event.error for end in ends if end is not None and isinstance(end.event, ModelFailed)]
            attributes["error.type"] = failures[-1] if failures else "given_up"
        yield self._span(
            f"chat {model_name(last.model)}", turn.seq, "LLM", attributes, over=over, parent=self.root, kind="client",
            end=max(self.end(one, end, over) for one, end in zip(asked, ends, strict=True)),
            status="ok" if isinstance(answer, ModelAnswered) else "error", events=self._tried(asked, 0, over),
        )  # fmt: skip

    # -------------------------------------------------------------------------------------------------------- attempts

    def _tried(self, asked: Iterable[Asked | Tried], call: int, over: int) -> Iterator[Event]:
        """The attempts that need no span of their own, as events of a step or call that was over then."""
        for one in asked:
            end = self.ended((call or one.seq, one.attempt if call else 0), over)
            if _went_well(one, end):
                yield Event("holdfast.attempt", one.at, self._said_of_attempt(one, end, call))

    def _said_of_attempt(self, one: Asked | Tried, end: Entry | None, call: int) -> Attributes:
        event = end.event if end is not None else None
        return kept({
            "holdfast.attempt": one.attempt, "holdfast.attempt.of": "tool" if call else "model", "holdfast.worker": one.worker,
            "holdfast.tool": self.tool(call), "holdfast.model": model_name(getattr(one, "model", "")),
            "holdfast.took": None if event is None else getattr(event, "took", 0) / 1e6, "holdfast.fate": getattr(event, "fate", None),
            "error.type": getattr(event, "error", None),
        })  # fmt: skip

    def _of_attempt(self, one: Asked | Tried, call: int, parent: str, answered: int) -> Iterator[Span]:
        """An attempt at a call, or at a model where `call` is 0."""
        attempt = (call, one.attempt) if call else (one.seq, 0)
        first = self.ends.get(attempt)
        over = self.over(answered, first.seq if first is not None else 0)
        end = self.ended(attempt, over)
        if not over or one.seq <= self.since or one.seq > over or _went_well(one, end):
            return
        attributes = self._said_of_attempt(one, end, call)
        self._put(attributes, "holdfast.message", over, getattr(end.event, "message", "") if end is not None else "")
        yield self._span(
            "holdfast.attempt", one.seq, "CHAIN", attributes, over=over, parent=parent, end=self.end(one, end, over),
            status="unset" if end is None else "error" if "error.type" in attributes else "ok", made="" if call else "attempt",
        )  # fmt: skip

    # ----------------------------------------------------------------------------------------------------------- calls

    def _of_call(self, call: Call) -> Iterator[Span]:
        over = self.over(call.answered)
        for one in call.tried:
            yield from self._of_attempt(one, call.seq, self.below(call.seq), call.answered)
        if not over or call.seq <= self.since or call.seq > over:
            return
        tried = [one for one in call.tried if one.seq <= over]
        performed = self.performed.get(call.seq, over + 1) <= over
        ending = call.ending if call.answered == over else ""
        ok = ending in WELL or (ending == "settled" and getattr(self.event(over), "verdict", "") == "happened")
        event, tool = self.event(over), self.tool(call.seq)
        attributes = kept({
            "holdfast.tool": tool, "holdfast.effect": call.effect, "holdfast.ending": ending or "open", "holdfast.attempts": len(tried),
            "holdfast.effect.id": getattr(event, "effect_id", None), "holdfast.complete": getattr(event, "complete", None),
            "holdfast.serves": call.serves or None, "error.type": ending if ending and not ok else None,
            **self._delegated(call, over),
        })  # fmt: skip
        if performed:
            attributes |= kept({
                "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool, "gen_ai.tool.call.id": self.event(call.seq).id,
                "gen_ai.tool.type": "function", "gen_ai.agent.name": self.seen.agent, "gen_ai.conversation.id": self.tree,
            })  # fmt: skip
        self._put(attributes, "gen_ai.tool.call.arguments", call.seq, self.event(call.seq).args, "input.value")
        if isinstance(event, CallReturned | CallLookedUp | CallReturnedLate | ChildClosed):
            self._put(attributes, "gen_ai.tool.call.result", over, event.result, "output.value")
        yield self._span(
            f"{'execute_tool' if performed else 'holdfast.proposal'} {tool}", call.seq, "TOOL" if performed else "CHAIN", attributes,
            over=over, parent=self.below(call.serves), events=[*self._said_of(call, over), *self._tried(tried, call.seq, over)],
            end=max([self.at(over), *(self.end(one, self.ended((call.seq, one.attempt), over), over) for one in tried)]),
            status="ok" if ok else "error" if ending else "unset",
        )  # fmt: skip

    def _delegated(self, call: Call, over: int) -> Attributes:
        """The run that a call opened. What that was charged stands on its own steps alone."""
        one = call.delegated
        if one is None or one.seq > over:
            return {}
        outcome = one.outcome if one.ended == over else None
        return kept(
            {"holdfast.child.run": one.run, "holdfast.child.agent": one.agent, "holdfast.child.outcome": outcome}
        )

    def _said_of(self, call: Call, over: int) -> Iterator[Event]:
        """What was judged of a call, and changed in it, until it was over."""
        for judged in call.judged:
            if judged.seq <= over:
                said = kept(
                    {"holdfast.verdict": judged.verdict, "holdfast.rules": tuple(one.rule for one in judged.rules)}
                )
                self._put(said, "holdfast.because", judged.seq, because(judged.rules))
                yield Event("holdfast.judged", judged.at, said)
        for change in call.amended:
            if change.seq <= over:
                said = {"holdfast.version": change.version, "holdfast.changed": change.changed}
                yield Event("holdfast.amended", change.at, kept({**said, "holdfast.by": self.who(change.by)}))

    # ------------------------------------------------------------------------------------------- questions, and the rest

    def _of_question(self, question: Question) -> Iterator[Span]:
        over = self.over(question.ended)
        if not over or question.seq <= self.since or question.seq > over:
            return
        voices = [voice for voice in question.voices if voice.seq <= over]
        verdict = question.end if question.ended == over else "open"
        name = {"review": "holdfast.approval", "doubt": "holdfast.doubt"}.get(question.about, "holdfast.question")
        attributes = kept({
            f"{name}.about": question.about, f"{name}.role": question.role, f"{name}.people": question.people, f"{name}.verdict": verdict,
            f"{name}.by": tuple(who for voice in voices if (who := self.who(voice.by))), "holdfast.tool": self.tool(question.call),
        })  # fmt: skip
        self._put(attributes, "input.value", question.seq, question.text)
        self._put(attributes, "output.value", over, "; ".join(voice.text for voice in voices if voice.text))
        yield self._span(
            name, question.seq, "GUARDRAIL" if question.about == "review" else "CHAIN", attributes, over=over,
            parent=self.below(question.call), status="ok" if verdict == "approved" else "unset",
            events=[*self._claims(question, over), *(Event("holdfast.voice", one.at, self._voice(one.verdict, one.by)) for one in voices)],
        )  # fmt: skip

    def _claims(self, question: Question, over: int) -> Iterator[Event]:
        """Who looked into it, and who left it to others."""
        for claim in question.claims:
            if claim.seq <= over:
                yield Event("holdfast.claimed", claim.at, kept({"holdfast.by": self.who(claim.by)}))
            if 0 < claim.ended <= over and isinstance(self.event(claim.ended), QuestionReleased):
                yield Event("holdfast.released", claim.until, kept({"holdfast.by": self.who(claim.by)}))

    def _of_wait(self, waited: Waited) -> Iterator[Span]:
        """Time in which nothing was done, for what other runs held or somebody had stopped."""
        over = self.over(waited.ended)
        if not over or waited.seq <= self.since or waited.seq > over:
            return
        attributes = kept({
            "holdfast.clause": waited.clause, "holdfast.tool": self.tool(waited.call), "holdfast.holder": waited.holder,
            "holdfast.used": waited.used or None, "holdfast.stop": waited.stop or None,
        })  # fmt: skip
        self._put(attributes, "holdfast.why", waited.seq, waited.why)
        yield self._span("holdfast.wait", waited.seq, "CHAIN", attributes, over=over, parent=self.below(waited.call))

    def _voice(self, verdict: str, by: str) -> Attributes:
        return kept({"holdfast.verdict": verdict, "holdfast.by": self.who(by)})

    def _of_entry(self, entry: Entry) -> Iterator[Span]:
        """What is over as soon as it is written."""
        event, seq = entry.event, entry.seq
        parent = self.below(getattr(event, "call", 0) or self.step_of.get(getattr(event, "ask", 0), 0))
        match event:
            case CallJudged(verdict="refuse"):
                rules = tuple(rule.rule for rule in event.rules)
                attributes = kept(
                    {"holdfast.rules": rules, "holdfast.tool": self.tool(event.call), "error.type": "refused"}
                )
                self._put(attributes, "holdfast.because", seq, because(event.rules))
                yield self._span(
                    "holdfast.refusal", seq, "GUARDRAIL", attributes, over=seq, parent=parent, status="error"
                )
            case CallLookedUp():
                looked = {"holdfast.answer": event.answer, "holdfast.attempt": event.attempt}
                attributes = kept({**looked, "holdfast.tool": self.tool(event.call)})
                self._put(attributes, "holdfast.message", seq, event.message)
                yield self._span(
                    "holdfast.lookup", seq, "CHAIN", attributes, over=seq, parent=parent, start=entry.at - event.took
                )
            case Noted():
                scored = kept(
                    {"gen_ai.evaluation.name": a_name(event.finding), "gen_ai.evaluation.score.value": event.score}
                )
                self._put(scored, "gen_ai.evaluation.explanation", seq, event.note)
                about = event.evidence[0] if event.evidence else 0
                parent = self.below(about if about in self.seen.calls else self.step_of.get(about, 0))
                yield self._span(
                    "holdfast.noted", seq, "EVALUATOR", kept({"holdfast.by": self.who(event.by), **scored}), over=seq, parent=parent,
                    events=[Event("gen_ai.evaluation.result", entry.at, scored)],
                )  # fmt: skip
            case OutputRejected():
                attributes = {"error.type": "rejected", "holdfast.final": event.final}
                self._put(attributes, "holdfast.why", seq, event.why)
                yield self._span(
                    "holdfast.output_rejected", seq, "GUARDRAIL", attributes, over=seq, parent=parent, status="error"
                )
            case Unknown():
                yield self._span(
                    "holdfast.unknown", seq, "CHAIN", {"holdfast.kind": a_name(event.kind)}, over=seq, parent=parent
                )
            case _ if not isinstance(event, IN_OTHERS):
                plain = {f"holdfast.{name}": getattr(event, name, None) for name in PLAIN}
                stop = getattr(event, "stop", 0) or None
                attributes = kept({**plain, "holdfast.by": self.who(getattr(event, "by", "")), "holdfast.stop": stop})
                for name in WORDS:
                    self._put(attributes, f"holdfast.{name}", seq, getattr(event, name, None))
                yield self._span(
                    f"holdfast.{conventions.snake(type(event).__name__)}",
                    seq,
                    "CHAIN",
                    attributes,
                    over=seq,
                    parent=parent,
                )


def _went_well(one: Asked | Tried, end: Entry | None) -> bool:
    """Whether an attempt was the first and was answered, so that there is nothing to tell of it but that."""
    return one.attempt == 1 and end is not None and isinstance(end.event, ModelAnswered | CallReturned)
