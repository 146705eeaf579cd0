"""Policy: what the contract says of one call. Deny beats review beats allow; order never matters; an error denies.

A call is judged when it is proposed and again when it starts. Every rule that had something to say is in the judgement,
with the words the contract gives it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from holdfast import units
from holdfast.agent import Bound
from holdfast.codec import keyed
from holdfast.conditions import Scope, Unanswered
from holdfast.contract import Grant, Review, Rule
from holdfast.core import findings, provenance, rounds, shares
from holdfast.core.fork import carried_out, reviewed
from holdfast.core.log import Log
from holdfast.core.state import CallState, Evidence, Moment, State
from holdfast.events import Fired, Json, Label, PersonAsked, Share, Verdict
from holdfast.labels import meet

_BARE = Grant()
"""The terms of a tool that is none."""

REDACTED = "[redacted:"
"""How a redacted text begins; an argument that holds one was never meant to leave."""

REMEMBERED: Final = 20
"""Readings of a tool among which the same call is looked for, the newest first."""

_RANK: dict[Verdict, int] = {"allow": 0, "review": 1, "refuse": 2}


class Judgement(Struct, frozen=True, gc=False):
    """What the contract says of one call, and what that rests on."""

    verdict: Verdict
    rules: tuple[Fired, ...] = ()
    reviews: tuple[Review, ...] = ()
    """The review rules that ask for a person, the strictest first."""
    evidence: tuple[Evidence, ...] = ()
    stale: tuple[tuple[str, Evidence], ...] = ()
    """(tool, reading) that is older than `fresh` allows."""
    shares: tuple[Share, ...] = ()
    """What it would pass of what all runs together may do, with what others hold of it."""


def judge(bound: Bound, state: State, call: CallState, moment: Moment) -> Judgement:
    """Apply the contract to a call as things stand."""
    return _Judge(bound, state, call, moment).judgement


class _Judge:
    """One judgement in the making."""

    def __init__(self, bound: Bound, state: State, call: CallState, moment: Moment) -> None:
        self.bound, self.state, self.call, self.moment = bound, state, call, moment
        self.grant = bound.contract.tools.get(call.tool, _BARE)
        self.clause = f"tools.{call.tool}"
        self.evidence: dict[str, Evidence] = {}
        self.reviews: list[Review] = []
        self.shares: tuple[Share, ...] = ()

    @cached_property
    def judgement(self) -> Judgement:
        early = tuple(self._structure())
        if early or self.call.effect == "builtin":
            return Judgement("refuse" if early else "allow", early)
        fired = [
            *self._counts(),
            *self._needs(),
            *self._sources(),
            *self._must(),
            *self._labels(),
            *self._across(),
            *self._review(),
            *self._setting(),
        ]
        verdicts: list[Verdict] = [one.verdict for one in fired]
        verdict: Verdict = max(verdicts, key=_RANK.__getitem__, default="allow")
        reviews = tuple(sorted(self.reviews, key=lambda review: -review.people))
        evidence = tuple(self.evidence.values())
        return Judgement(verdict, tuple(fired), reviews, evidence, self._stale(), self.shares)

    def _refuse(self, rule: str, because: str, *, secret: bool = False) -> Fired:
        return Fired(rule, "refuse", because, secret)

    @cached_property
    def values(self) -> dict[str, Json]:
        return {**_circumstances(self.bound, self.state, self.call), "args": self.call.args}

    @cached_property
    def scope(self) -> Scope:
        return Scope({**self.values, "seen": {name: item.value for name, item in self.evidence.items()}})

    def _structure(self) -> Iterator[Fired]:
        call = self.call
        if call.problem:
            yield self._refuse("arguments", call.problem)
        elif call.tool not in self.bound.tools and call.effect != "builtin":
            yield self._refuse("tools", f"{call.tool} is in the contract, and the code for it is not here")
        elif any(REDACTED in f"{path} {leaf}" for path, leaf in provenance.leaves(call.args)):
            yield self._refuse("redacted", "an argument holds a redacted text; use the value's own source")

    def _counts(self) -> Iterator[Fired]:
        call, state, grant = self.call, self.state, self.grant
        if call.serves:
            return
        admitted = sum(
            1
            for other in state.calls.values()
            if other.tool == call.tool
            and other.seq < call.seq
            and other.status in ("asked", "held", "cleared", "failed")
            and not other.unknown
        )
        used = state.counted.get(call.tool, 0) + admitted - (1 if call.unknown else 0)
        if grant.at_most is not None and used >= grant.at_most:
            yield self._refuse(f"{self.clause}.at_most", f"{call.tool} may be called {_times(grant.at_most)} in a run")
        if call.effect == "write":
            for other in state.calls.values():
                if other.tool == call.tool and other.seq != call.seq and other.status in ("unsure", "doubt"):
                    yield self._refuse("unresolved", f"it is not known whether an earlier {call.tool} happened")
        top = self.bound.contract.limits.repeats + state.grants.get("repeats", 0)
        if call.effect == "write" and call.tool in self.moment.doubtful:
            yield self._refuse("unresolved", f"another run of this tree does not know whether its {call.tool} happened")
        if call.effect in ("read", "child") and not call.attempt and self._repeated() >= top:
            yield self._refuse("limits.repeats", f"the same call gave the same result {_times(top)} already")

    def _repeated(self) -> int:
        """How often the newest result of the same call came already."""
        known, args = self.state.evidence.get(self.call.tool, ()), self.call.args
        for back in range(1, min(len(known), REMEMBERED) + 1):
            if known[-back].args == args:
                return self.state.repeats[f"{self.call.digest}:{known[-back].digest}"]
        return 0

    # ---- evidence

    def _needs(self) -> Iterator[Fired]:
        if not self.grant.needs:
            return
        plain = Scope(self.values)
        for tool, wanted in self.grant.needs.items():
            try:
                args = {name: plain.value(expression) for name, expression in wanted.items()}
            except Unanswered as error:
                yield self._refuse(f"{self.clause}.needs.{tool}", f"what to read with {tool} cannot be said: {error}")
                continue
            found = self._reading(tool, args)
            if found is None:
                shown = ", ".join(f"{name}={value!r}" for name, value in args.items())
                yield self._refuse(
                    f"{self.clause}.needs.{tool}",
                    f"read {tool}({shown}) first, completely, before calling {self.call.tool}",
                )
            else:
                self.evidence[tool] = found

    def _reading(self, tool: str, args: dict[str, Json]) -> Evidence | None:
        """The newest reading about the same thing that the model had been shown when it proposed the call."""
        for item in reversed(self.state.evidence.get(tool, Log())[:]):
            fits = isinstance(item.args, dict) and all(item.args.get(name) == value for name, value in args.items())
            if fits and (self._shown(item) or self._served(item) or self._read_by_its_program(item)):
                return item
        return None

    def _served(self, item: Evidence) -> bool:
        reader = self.state.calls.get(item.call)
        return reader is not None and reader.serves == self.call.seq

    def _shown(self, item: Evidence) -> bool:
        """Whether the model had been shown it when it proposed the call: what a program read, it was not."""
        return item.seq < self.call.manifest and not item.within

    def _read_by_its_program(self, item: Evidence) -> bool:
        """Whether the program that makes this call read it: it decides by that, and not the model by what it was shown."""
        reader = self.state.calls.get(item.call)
        return reader is not None and bool(self.call.within) and reader.within == self.call.within

    def _label(self) -> Label:
        """What reached the model; of a call within a program, what reached that too."""
        read = (
            one.label
            for one in self.state.calls.values()
            if self.call.within and one.within == self.call.within and one.ok
        )
        label = self.state.label
        for one in read:
            label = meet(label, one)
        return label

    def _stale(self) -> tuple[tuple[str, Evidence], ...]:
        fresh = self.grant.fresh
        if fresh is None:
            return ()
        return tuple(
            (tool, item)
            for tool, item in self.evidence.items()
            if item.at + self._rested(item) + fresh < self.moment.at
        )

    def _rested(self, item: Evidence) -> int:
        """µs that do not age a reading: for what a fork only records, no time passed until it was forked."""
        if not self.state.rested or carried_out(self.state.opened, self.call.tool):
            return 0
        return sum(gap for last, gap in self.state.rested if item.call <= last)

    # ---- arguments

    def _sources(self) -> Iterator[Fired]:
        for argument, permitted in self.grant.from_.items():
            if not isinstance(self.call.args, dict) or argument not in self.call.args:
                continue
            value, allowed = self.call.args[argument], []
            for expression in permitted:
                try:
                    allowed.append(self.scope.value(expression))
                except Unanswered:
                    continue
            if value in allowed or any(isinstance(item, list) and value in item for item in allowed):
                continue
            yield from self._elsewhere(argument, value, " or ".join(permitted))

    def _elsewhere(self, argument: str, value: Json, permitted: str) -> Iterator[Fired]:
        rule = f"{self.clause}.from.{argument}"
        origins = provenance.under(argument, self.call.sources)
        foreign = sorted({name for name in origins.values() if name.startswith("untrusted:")})
        if foreign:
            where = ", ".join(self._place(name) for name in foreign)
            yield self._refuse(rule, f"{argument}={value!r} came from {where}, not from {permitted}")
            return
        places = ", ".join(sorted({self._origin(name) for name in origins.values()})) or "nowhere"
        because = f"{argument}={value!r} must come from {permitted}; it came from {places}"
        self.reviews.append(Review(because=because))
        yield Fired(rule, "review", because)

    def _origin(self, name: str) -> str:
        """An origin in words."""
        kind, _, seq = name.partition(":")
        if kind in ("trusted", "untrusted"):
            return self._place(name)
        return {
            "input": "another field of the input",
            "said": f"the requester (entry {seq})",
            "model": "the model itself",
        }.get(kind, name)

    def _place(self, name: str) -> str:
        seq = name.partition(":")[2]
        tool = next((source.tool for source in self.state.sources if source.name == name), "")
        if tool:
            return f"{tool} (entry {seq})"
        if seq != "1" or not self._input_is_marked:
            return f"an attachment (entry {seq})"
        return (
            "a marked part of the input, or an attachment (entry 1)"
            if self.state.opened.attachments
            else "a marked part of the input"
        )

    @property
    def _input_is_marked(self) -> bool:
        """Whether the input itself holds something that anyone may have written."""
        state = self.state
        takes = state.contract["takes"] if state.contract else {}
        return not state.opened.label.trusted or provenance.untrusted_parts(state.input, takes)[1] is not None

    def _must(self) -> Iterator[Fired]:
        if any(tool not in self.evidence for tool in self.grant.needs):
            return
        for at, rule in enumerate(self.grant.must):
            if (fired := unmet(self.bound, rule, self.scope, f"{self.clause}.must[{at}]")) is not None:
                yield fired

    def _labels(self) -> Iterator[Fired]:
        accepts = self.grant.accepts
        if accepts is None:
            return
        label = self._label()
        leaking = sorted(set(label.classes) - set(accepts))
        if leaking:
            yield self._refuse(
                f"{self.clause}.accepts", f"the run has read {', '.join(leaking)}, which may not reach {self.call.tool}"
            )
        if not label.trusted and "untrusted" not in accepts and self.call.effect == "write":
            because = f"{self.call.tool} changes something, and the run has read text that anyone could have written"
            self.reviews.append(Review(because=because))
            yield Fired(f"{self.clause}.accepts", "review", because)

    # ---- all runs together

    def _across(self) -> Iterator[Fired]:
        across, where = self.grant.across, f"{self.clause}.across"
        if across is None or self.call.effect != "write":
            return
        if isinstance(why := shares.asked(self.state, self.call, across), str):
            yield self._refuse(where, f"what all runs together may do cannot be said of this call: {why}")
            return
        found = shares.over(self.bound, self.state, self.moment, self.call)
        if found is None:
            return
        share, used = found
        self.shares = (share,)
        window = units.say_duration(across.window)
        because = across.because or "there is a limit on what all runs together may do"
        because = f"{because}: {used:,} of {share.top:,} are used within {window}, and this is {share.amount:,}"
        if across.otherwise == "refuse":
            yield self._refuse(where, because, secret=across.secret)
            return
        asked = Review(because=because, by=across.by, people=across.people, then=across.then, secret=across.secret)
        self.reviews.append(asked.model_copy(update={"within": across.within}))  # checked already, and kept as µs
        yield Fired(where, "review", because, across.secret)

    # ---- people

    def _review(self) -> Iterator[Fired]:
        for at, review in enumerate(self.grant.review):
            rule = f"{self.clause}.review[{at}]"
            try:
                wanted = self.scope.holds(review.when)
            except Unanswered as error:
                yield self._refuse(
                    rule, f"{review.because} (the condition cannot be answered: {error})", secret=review.secret
                )
                continue
            if wanted:
                self.reviews.append(review)
                yield Fired(rule, "review", review.because, review.secret)

    def _setting(self) -> Iterator[Fired]:
        """What the run's mode and history ask for, whatever the contract says."""
        then = self.state.opened.versions.get(self.call.tool)
        if then is not None and then != self.bound.versions.get(self.call.tool):
            because = f"{self.call.tool} takes or gives something else than when this run began"
            self.reviews.append(Review(because=because))
            yield Fired("tools", "review", because)
        if self.call.effect != "write":
            return
        opened = self.state.opened
        if reviewed(opened, self.call.tool):
            what = "every write is reviewed in this mode"
            if opened.forked_from is not None:
                what = "it is really done, in the fork of a run whose writes were all reviewed, or were not carried out"
            self.reviews.append(Review(because=what))
            yield Fired("mode", "review", what)
        if self.state.edited and carried_out(opened, self.call.tool):
            places = ", ".join(f"entry {seq} is {by}'s own" for seq, by in self.state.edited.items())
            because = f"it is really done, and not every result here is what was returned: {places}"
            self.reviews.append(Review(because=because))
            yield Fired("fork", "review", because)
        if self.state.recovered > self.call.start:
            because = "the journal was restored from a backup: this may have been done already, in what was lost"
            self.reviews.append(Review(because=because))
            yield Fired("epoch", "review", because)


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def unmet(bound: Bound, rule: Rule, scope: Scope, clause: str) -> Fired | None:
    """The refusal that a rule gives, if it does not hold or cannot be answered."""
    try:
        holds = scope.holds(rule.that) if rule.that else bound.asks(rule.check, scope.names)
    except Unanswered as error:
        return Fired(clause, "refuse", f"{rule.because} (cannot be answered: {error})", rule.secret)
    return None if holds else Fired(clause, "refuse", rule.because, rule.secret)


def output_problems(bound: Bound, state: State, output: Json) -> list[Fired]:
    """What `done` must prove and does not."""
    rules, loose = bound.contract.done.must, rounds.uncited(bound, state, output)
    if not rules:
        return loose
    scope = _output_scope(bound, state, output)
    found = (unmet(bound, rule, scope, f"done.must[{at}]") for at, rule in enumerate(rules))
    return [*loose, *(fired for fired in found if fired is not None)]


def output_review(bound: Bound, state: State, output: Json) -> Review | None:
    """The rule that puts this output before a person, if it does. A condition without an answer does."""
    review = bound.contract.done.review
    if review is None:
        return None
    try:
        return review if _output_scope(bound, state, output).holds(review.when) else None
    except Unanswered:
        return review


def _output_scope(bound: Bound, state: State, output: Json) -> Scope:
    seen = {name: items[-1].value for name, items in state.evidence.items() if items}
    return Scope({**_circumstances(bound, state), "output": output, "seen": seen})


def _circumstances(bound: Bound, state: State, call: CallState | None = None) -> dict[str, Json]:
    """The names that every condition knows, whatever it is about."""
    found = {"findings": findings.findings(bound.contract, state, call)} if bound.routed else {}
    return {
        "input": state.input,
        "run": {
            "usd": state.spent.charged / 1e9, "steps": state.spent.steps, "trusted": state.label.trusted,
            "classes": list(state.label.classes), **found,
        },
        "caller": {"by": state.opened.by, "on_behalf_of": state.opened.on_behalf_of, "tenant": state.opened.tenant},
        "effects": {name: list(state.effects.get(name, ())) for name, tool in bound.tools.items() if tool.effect == "write"},
    }  # fmt: skip


def binding(state: State, call: CallState, judgement: Judgement, moment: Moment) -> str:
    """Keyed digest of everything an approval is for: it is void once any of it changed."""
    shown = "|".join(sorted(item.digest for item in judgement.evidence))
    passed = [f"passes {share.clause}" for share in judgement.shares]
    passed += [fired.because for fired in judgement.rules if fired.rule == "tools"]  # the tool is another one by now
    return keyed(
        moment.secret, "approval", state.run, str(call.seq), str(call.version), call.digest, str(state.label), state.contract_digest,
        str(state.said), str(state.epoch), shown, *passed,
    )  # fmt: skip


def approved(call: CallState, digest: str, people: int, at: int, role: str = "") -> bool:
    """Whether enough people approved exactly this, in this role."""
    voices = {
        vote.by
        for vote in call.votes
        if vote.digest in ("", digest) and (not vote.until or at < vote.until) and role in ("", vote.role)
    }
    return len(voices) >= people


def decided(call: CallState, asked: PersonAsked, at: int) -> bool:
    """Whether enough people approved what a question shows, in the role it stands for; by its end, whenever that is looked at."""
    by = min(at, asked.until - 1) if asked.until else at
    return approved(call, asked.digest, asked.people, by, asked.stands_for or asked.role)


def told(call: CallState, judged: Judgement) -> CallState:
    """A call without the voice of whoever amended it and was not shown all that it rests on."""
    beside = {*(str(item.seq) for item in judged.evidence), *(share.clause for share in judged.shares)}
    votes = tuple(vote for vote in call.votes if vote.digest or beside <= {*vote.shown})
    return call if votes == call.votes else replace(call, votes=votes)


def unmet_review(call: CallState, reviews: Sequence[Review], digest: str, at: int) -> Review | None:
    """The next review that still needs a voice: of each role one, for all of its rules; named roles first.

    Where no role is named, a voice of any role counts.
    """
    by_role: dict[str, Review] = {}
    for review in reviews:
        known = by_role.get(review.by)
        by_role[review.by] = review if known is None else _both(known, review)
    waiting = [review for review in by_role.values() if not approved(call, digest, review.people, at, review.by)]
    return max(waiting, key=lambda review: (bool(review.by), review.people), default=None)


def _both(one: Review, other: Review) -> Review:
    """Two rules of one role in one question: the most people, in the least time, with what the end of that leads to."""
    hasty = min((one, other), key=_time)
    asks = max((one, other), key=lambda review: review.people)
    return asks.model_copy(update={"within": hasty.within, "then": hasty.then})


def _time(review: Review) -> float:
    return review.within or math.inf
