"""Runs at random: whatever the world, people and other workers do, in any order, the rules hold.

A walk plays one run under one contract. After every decision it looks at the run from outside, by the entries alone, and
says what may never be. Each walk is told by its seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from holdfast import units
from holdfast.core.decide import decide
from holdfast.core.fold import fold_all
from holdfast.core.late import fit
from holdfast.dialogue import Answered, Result
from holdfast.errors import NotAllowed
from holdfast.events import (
    CallAsked,
    CallFailed,
    CallJudged,
    CallReturned,
    CallReturnedLate,
    CallStarted,
    Inline,
    LimitGranted,
    ModelAnswered,
    ModelAsked,
    RunClosed,
    Usage,
    Wanted,
)
from holdfast.models.scripted import ask, call, decline, done, say
from tests.core.story import DEAR, Story, desk, order, refund

CEILING = 40_000_000
"""nusd: a few answers' worth, so that walks meet it."""

ERRORS = [
    ("timeout", "not_done"),
    ("not_done", "not_done"),
    ("raised", "not_done"),
    ("refused", "not_done"),
    ("unknown", "unknown"),
]
MODEL_ERRORS = [
    "rate_limited",
    "overloaded",
    "timeout",
    "connection",
    "server",
    "garbage",
    "filter",
    "quota",
    "context",
    "auth",
]


def agents(rng: random.Random) -> Any:
    """A contract with every kind of tool, and surprises at random."""
    needs = {"needs": {"get_order": {"order": "args.order"}}, "fresh": "1m"} if rng.random() < 0.5 else {}
    review = {
        "because": "people decide",
        "people": rng.choice([1, 2]),
        "within": "1h",
        "then": rng.choice(["deny", "ask: legal"]),
    }
    terms: dict[str, Any] = {
        "models": ["first", "second"],
        "limits": {"usd": f"{CEILING / 1e9:f}", "steps": 12, "retries": 3, "output": 400},
    }
    if rng.random() < 0.4:
        terms |= {"conversation": True}
    if rng.random() < 0.2:
        terms |= {"done": {"review": {"because": "people look"}}}
    terms["surprises"] = {
        "partial": rng.choice(["tell", "tell", "review", "stop"]), "exhausted": rng.choice(["tell", "review", "stop"]),
        "unknown": rng.choice(["review", "review", "stop"]), "limit": rng.choice(["review", "stop"]),
    }  # fmt: skip
    return desk(
        order(pages=3), (refund("bare", times=1), {"at_most": 2, "amendable": ["cents"], "review": [review]}),
        (refund("keyed", keyed=True, times=1, key_life="10m"), needs), refund("checked", lookup=True, times=1, settle=5), **terms,
    )  # fmt: skip


class Walk:
    """One run at random."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.run = Story(agents(self.rng), mode=self.rng.choice(["live", "live", "live", "supervise", "simulate"]), prices={
            "first": DEAR, "second": DEAR,
        })  # fmt: skip
        self.watch = Watch(self.run)
        self.attempts: list[tuple[int, int]] = []
        """(call, attempt) of every attempt there was, for answers that come late."""

    def go(self, steps: int) -> Story:
        """Play, and check."""
        for _ in range(steps):
            self.decided()
            if self.run.state.closed is not None and self.rng.random() < 0.5:
                break
            self.world()
        self.decided()
        assert fold_all(self.run.entries) == self.run.state
        return self.run

    def decided(self) -> None:
        run = self.run
        events = decide(run.bound, run.state, run.moment)
        head = run.state.seq
        for event in events:
            run.append(event, cause=head, actor=run.worker)
            if isinstance(event, CallStarted):
                self.attempts.append((event.call, event.attempt))
        assert not decide(run.bound, run.state, run.moment), "it comes to rest"
        self.watch.look()

    def world(self) -> None:
        """Something happens."""
        happenings = [do for name, weight in CHANCES for do in [getattr(self, f"_{name}")] * weight]
        for _ in range(20):
            if self.rng.choice(happenings)() is not False:
                return

    def _pick(self, status: str) -> Any:
        found = [call for call in self.run.state.calls.values() if call.status == status]
        return self.rng.choice(found) if found else None

    # ---- models and tools

    def _model(self) -> Any:
        run, rng = self.run, self.rng
        asking = run.state.asking
        if run.state.closed is not None or asking is None or asking.status != "running" or asking.worker != run.worker:
            return False
        if rng.random() < 0.2:
            return run.fails(rng.choice(MODEL_ERRORS), rng.choice(["not_done", "unknown"]))
        parts = [self._part() for _ in range(rng.choice([1, 1, 1, 2, 3]))]
        finish = rng.choice([None] * 12 + ["length", "filter"])
        return run.answers(
            *parts, finish=finish, usage=Usage(10, 5), cost=rng.randint(0, asking.reserved), took=units.SECOND
        )

    def _part(self) -> Any:
        rng = self.rng
        which = rng.choice(["A-1", "A-1", "A-2"])
        return rng.choice([
            *[call("get_order", order=which)] * 4, *[call(name, order=which, cents=rng.choice([1, 2])) for name in ("bare", "keyed", "checked")] * 2,
            say("hello"), ask("which?", of=rng.choice(["requester", "finance"])), done(status="ok"), decline("not mine"),
            call("nonsense"), Wanted("w", "bare", '{"order":'), call("more", result="1", start=0), done(other=1),
        ])  # fmt: skip

    def _tool(self) -> Any:
        run, rng = self.run, self.rng
        running = self._pick("running")
        if (
            run.state.closed is not None
            or running is None
            or running.worker != run.worker
            or running.start not in run.flying
        ):
            return False
        if rng.random() < 0.45:
            error, fate = rng.choice(ERRORS)
            ended = rng.random() < 0.7
            fate = "unknown" if running.effect == "write" and error == "timeout" else fate
            return run.breaks(error, fate, running.seq, ended=ended, took=units.SECOND)
        if running.effect != "builtin" and rng.random() < 0.1:
            return run.returns({"handle": "h", "poll": 1}, running.seq, complete="started")
        if running.effect == "read" and rng.random() < 0.3:
            return run.returns(
                [1], running.seq, complete="partial", cursor=rng.choice(["", "next"]), missing="the rest"
            )
        value: Any = {"id": f"e{running.seq}"} if running.effect == "write" else {"paid": rng.choice([5, 5, 5, 6])}
        return run.returns(value, running.seq, effect_id=str(value.get("id", "")), took=units.SECOND)

    def _look(self) -> Any:
        run, rng = self.run, self.rng
        unsure = [
            one for one in run.state.calls.values() if one.tool == "checked" and one.status in ("unsure", "doubt")
        ]
        if run.state.closed is not None or not unsure:
            return False
        call = rng.choice(unsure)
        answer = rng.choice(["found", "absent", "cannot_tell", "pending"])
        value = {"id": f"e{call.seq}"} if answer == "found" else None
        return run.looked(answer, value, call.seq)

    def _late(self) -> Any:
        if not self.attempts:
            return False
        call, attempt = self.rng.choice(self.attempts)
        fact: Any = CallReturned(call, attempt, Inline({"id": f"e{call}"}), effect_id=f"e{call}")
        if self.rng.random() < 0.5:
            fact = CallFailed(call, attempt, "raised", self.rng.choice(["not_done", "unknown"]))
        fitted = fit(self.run.state, fact)
        if not isinstance(fitted, CallReturnedLate):
            return False
        return self.run.append(fitted)

    def _late_model(self) -> Any:
        asked = [entry.seq for entry in self.run.entries if isinstance(entry.event, ModelAsked)]
        if not asked:
            return False
        ask = self.rng.choice(asked)
        if self.run.state.closed is None and self.run.state.asking.seq == ask:
            return False
        return self.run.append(fit(self.run.state, ModelAnswered(ask, cost=self.rng.randint(0, 1000))))

    # ---- people

    def _person(self) -> Any:
        run, rng = self.run, self.rng
        if run.state.closed is not None or not run.state.questions:
            return False
        question = rng.choice(list(run.state.questions.values()))
        about = question.asked.about
        by = rng.choice(["rita", "raul", "ruth", "opener"])
        try:
            if about == "doubt":
                if rng.random() < 0.3:
                    return False
                known = rng.random() < 0.5
                verdict = rng.choice(["happened", "did_not", "did_not", "stop"])
                more: Any = {"result": {"id": "e"}, "known": True} if known and verdict == "happened" else {}
                return run.settles(verdict, question.asked.call, by, **more)
            if about == "limit" and rng.random() < 0.7:
                amount = {"usd": CEILING, "work": units.HOUR, "wall": 60 * units.DAY}.get(question.asked.limit, 5)
                return run.grants(question.asked.limit, amount, by)
            if about == "review" and rng.random() < 0.2:
                return run.amends(by, question=question.seq, cents=rng.choice([1, 2, 3]))
            verdict = rng.choice({
                "review": ["approve"] * 6 + ["deny", "take", "stop"], "output": ["approve"] * 4 + ["deny", "stop"],
                "question": ["answer"] * 4 + ["stop"], "surprise": ["retry", "retry", "tell", "tell", "take", "stop"],
                "limit": ["stop", "take"],
            }[about])  # fmt: skip
            return run.person(verdict, by, question=question.seq)
        except NotAllowed:
            return False

    def _says(self) -> Any:
        run = self.run
        return False if run.state.closed is not None else run.says("A-2, please", ends=self.rng.random() < 0.2)

    def _cancel(self) -> Any:
        return False if self.run.state.closed is not None else self.run.cancels()

    def _pause(self) -> Any:
        if self.run.state.closed is not None:
            return False
        return self.run.resumes() if self.run.state.paused else self.run.pauses()

    def _adopt(self) -> Any:
        return False if self.run.state.closed is not None else self.run.adopts(self.run.agent)

    # ---- time and machines

    def _time(self) -> Any:
        return self.run.after(self.rng.choice(["1s", "10s", "1m", "2h"]))

    def _other_worker(self) -> Any:
        return self.run.taken_over(proven=self.rng.random() < 0.5)

    def _restored(self) -> Any:
        self.run.epoch += 1


CHANCES = [
    ("model", 12), ("tool", 12), ("look", 6), ("person", 9), ("time", 5), ("late", 1), ("late_model", 1), ("says", 2),
    ("other_worker", 2), ("cancel", 1), ("pause", 1), ("adopt", 1), ("restored", 1),
]  # fmt: skip


class Watch:
    """What may never be, told by the entries alone."""

    def __init__(self, run: Story) -> None:
        self.run = run
        self.keys: dict[int, str] = {}
        self.asked: dict[int, CallAsked] = {}
        self.unresolved_at_start: dict[int, set[int]] = {}

    def look(self) -> None:
        """Raises AssertionError for what may not be."""
        for check in (
            self._money,
            self._closed,
            self._one_write,
            self._keys,
            self._heard,
            self._counts,
            self._never_stuck,
            self._shown,
        ):
            check(self.run.state)

    def _events(self, kind: type) -> Iterator[tuple[int, Any]]:
        return ((entry.seq, entry.event) for entry in self.run.entries if isinstance(entry.event, kind))

    def _money(self, state: Any) -> None:
        granted = sum(event.amount for _, event in self._events(LimitGranted) if event.limit == "usd")
        assert state.spent.charged <= CEILING + granted, "a ceiling on money was passed"
        assert min(state.spent.reserved, state.spent.unsettled, state.spent.nusd) >= 0

    def _closed(self, state: Any) -> None:
        if state.closed is None:
            return
        for call in state.calls.values():
            if call.effect == "write":
                assert call.status in ("answered", "doubt"), f"closed while a write is {call.status}"
                if call.status == "doubt" and state.settled.get(call.seq) is None:
                    assert call.seq in state.unresolved, "a write in doubt is listed"

    def _one_write(self, state: Any) -> None:
        running = [call.tool for call in state.calls.values() if call.effect == "write" and call.status == "running"]
        assert len(running) <= 1, "writes start one at a time"
        unresolved = {
            call.tool for call in state.calls.values() if call.effect == "write" and call.status in ("unsure", "doubt")
        }
        assert not unresolved & set(running), "no write starts while one of its tool is unresolved"

    def _keys(self, state: Any) -> None:
        for seq, event in self._events(CallStarted):
            if event.key:
                assert self.keys.setdefault(event.call, event.key) == event.key, (
                    f"entry {seq}: a key changed between attempts"
                )
        assert len(set(self.keys.values())) == len(self.keys), "two calls have one key"

    def _heard(self, state: Any) -> None:
        """A write with an unheard message does not start."""
        said = 0
        calls = dict(self._events(CallAsked))
        for entry in self.run.entries:
            match type(entry.event).__name__:
                case "Said":
                    said = entry.seq
                case "CallStarted" if calls[entry.event.call].effect == "write":
                    heard = state.calls[entry.event.call].heard if entry.event.call in state.calls else said
                    assert heard >= said, f"entry {entry.seq}: a write that a message overtook was started"

    def _counts(self, state: Any) -> None:
        """Of a tool that may be called twice, no third call is done or unknown."""
        writes = {seq for seq, event in self._events(CallAsked) if event.tool == "bare"}
        done: dict[int, bool] = {}
        for _, event in self._events((CallReturned, CallFailed, CallJudged, CallStarted)):  # type: ignore[arg-type]
            if event.call in writes:
                match event:
                    case CallStarted() | CallReturned():
                        done[event.call] = True
                    case CallFailed():
                        done[event.call] = done.get(event.call, False) and event.fate == "unknown"
        for _, event in self._events(RunClosed):
            assert event.outcome
        ruled_out = {call for call, verdict in state.settled.items() if verdict == "did_not"}
        assert sum(done[call] for call in done if call not in ruled_out) <= 2, "at_most was passed"

    def _never_stuck(self, state: Any) -> None:
        if state.closed is not None or self.run.world():
            return
        stands = self.run.stands()
        waits = state.questions or state.replied or state.paused or state.limit is not None
        assert stands.due is not None or waits, "nobody will ever look at this run again"

    def _shown(self, state: Any) -> None:
        """Every call of an answer that the model is shown has one result, in asked order, right after it."""
        segments = list(state.transcript)
        for at, segment in enumerate(segments):
            if isinstance(segment, Answered):
                results = segments[at + 1 : at + 1 + len(segment.calls)]
                assert all(isinstance(one, Result) for one in results)
                assert [one.id for one in results] == [one.id for one in segment.calls], "results stand in asked order"


def observed(run: Callable[[], object], moves: set[tuple[str, str]], patch: Any) -> None:
    """Run something and note every move of a call that is made meanwhile."""
    from holdfast.core import fold_calls, fold_children, fold_people
    from holdfast.core.state import move

    def noting(name: str, seq: int, status: Any, entry: str) -> Any:
        moves.add((status, entry))
        return move(name, seq, status, entry)

    with patch.context() as patched:
        patched.setattr(fold_calls, "move", noting)
        patched.setattr(fold_people, "move", noting)
        patched.setattr(fold_children, "move", noting)
        run()
