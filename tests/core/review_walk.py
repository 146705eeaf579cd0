"""Reviews at random: several people, several processes with clocks of their own, and everything that may happen meanwhile.

A walk plays one run under one contract, and the run above it. What people do goes through the very door of a runner (`People`);
what every entry may be, and what each of them may do, is said by a `Ledger`, which knows the rules and nothing of the core.
Each walk is told by its seed.
"""

from __future__ import annotations

import ast
import inspect
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from holdfast import units
from holdfast.calendars import working
from holdfast.core import desk as rules
from holdfast.core.decide import decide
from holdfast.core.fold import fold_all
from holdfast.core.state import Stop
from holdfast.errors import HoldfastError
from holdfast.events import AnyEvent, Held, Parent
from holdfast.models.scripted import ask, call, decline, done
from holdfast.shell.people import People
from tests.core.review_model import OTHER_NAMES, ROLES, Asks, Ledger, Terms
from tests.core.story import SECRET, Story, desk, order, refund

PERSONS = [*ROLES, *["rita", "raul", "bob", "lea", "carl", "fay", "fay@home"] * 3]
SKEWS = [0, 0, 0, 1, -1, 5 * units.MINUTE, -5 * units.MINUTE]
"""How far a clock is off, in µs."""

WORKING = working("UTC", {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")})

SAID = {
    "is not open": "not open", " expired": "expired", "nobody is named": "nobody", "cannot decide in it": "took part",
    "cannot settle it": "took part", "cannot raise the limits": "took part", "is looking into": "claimed", "this is for": "role",
    "has changed since this was shown": "stale", "the requester has written since": "unheard", "has approved this already": "already",
    "who has approved here already": "other name", "cannot be answered with": "verdict", "has nobody to ask back": "verdict",
    "nothing is asked": "nothing", "only a proposal": "verdict", "may not be changed here": "fixed", "does not fit": "misfit",
    "claimed question": "not theirs", "is not in doubt": "no doubt", "is not unresolved": "no doubt", "the run is closed": "closed",
    "a grant of": "nothing", "part of what its parent": "carved",
}  # fmt: skip
"""Words of a refusal → why, as a ledger names it."""


class Told(Story):
    """A story whose entries a ledger takes."""

    def __init__(self, ledger: Ledger, *given: Any, **more: Any) -> None:
        self.ledger = ledger
        super().__init__(*given, **more)

    def append(self, event: Any, *, cause: int = 0, actor: str = "test") -> None:
        super().append(event, cause=cause, actor=actor)
        self.ledger.take(self.entries[-1])


class Keeper:
    """What a door needs of a journal: its clock, and the secret."""

    def __init__(self, runs: dict[str, Told]) -> None:
        self.runs = runs

    def now(self) -> int:
        return self.runs["r_1"].at

    async def secret(self, run: str) -> bytes:
        return SECRET


class Door(People):
    """The way in for people, over stories."""

    def __init__(self, runs: dict[str, Told], agents: dict[str, Any]) -> None:
        self.runs, self.agents, self.identities = runs, agents, OTHER_NAMES
        self.journal: Any = Keeper(runs)

    async def state(self, run: str) -> Any:
        return self.runs[run].state

    async def put(self, run: str, make: Callable[[Any], AnyEvent | None], *, actor: str, cause: int = 0) -> Any:
        event = make(self.runs[run].state)
        if event is not None:
            self.runs[run].append(event, actor=actor)
        return self.runs[run].state


def done_at_once(work: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine gives that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits for something")


def refusing_lines() -> set[int]:
    """The lines of the desk that refuse."""
    tree = ast.parse(inspect.getsource(rules))
    return {node.lineno for node in ast.walk(tree) if isinstance(node, ast.Raise)}


class Walk:
    """One run at random, and the people around it."""

    def __init__(self, seed: int, refused: Counter[str] | None = None, lines: set[int] | None = None) -> None:
        self.rng = rng = random.Random(seed)
        self.refused = refused if refused is not None else Counter()
        self.lines = lines if lines is not None else set()
        self.tools: list[dict[str, Any]] = [{"times": rng.choice([0, 1]), "keyed": rng.random() < 0.3}, {"times": 0}]
        self.surprises = {"exhausted": rng.choice(["review", "tell"]), "limit": "review"}
        self.works = frozenset(["finance"] if rng.random() < 0.3 else [])
        self.supervised = rng.random() < 0.15
        terms = self.some_terms()
        above = Ledger(terms)
        agent = self.agent(terms)
        calendars = dict.fromkeys(self.works, WORKING)
        self.above = Told(above, agent, name="r_0", by="pat")
        self.run = Told(
            Ledger(terms, above), agent, by="ann", on_behalf_of=rng.choice(["", "bea"]), parent=Parent("r_0", 2), calendars=calendars,
            mode="supervise" if self.supervised else "live", carved={"usd": 10**9},
        )  # fmt: skip
        self.ledger = self.run.ledger
        runs = {"r_0": self.above, "r_1": self.run}
        self.here, self.elsewhere = Door(runs, {agent.name: agent}), Door(runs, {})
        """A process with the agent's code, and one without."""
        self.true, self.skew = self.run.at, rng.choice(SKEWS)
        self.paid = 5

    # ---- contracts

    def some_terms(self) -> Terms:
        rng = self.rng

        def asks(*roles: str) -> Asks:
            return Asks(
                rng.choice(roles), rng.choice([1, 1, 2, 3]), rng.choice([0, units.HOUR, 4 * units.HOUR]),
                rng.choice(["deny", "ask: legal", "ask: finance"]), rng.choice([0, 0, 100]),
            )  # fmt: skip

        payment = tuple(asks("", "finance", "legal") for _ in range(rng.choice([1, 1, 2])))
        return Terms(
            {"refund": payment, "send": (asks("", "finance"),) if rng.random() < 0.5 else ()},
            output=asks("", "finance") if rng.random() < 0.3 else None, across=rng.choice([0, 0, 500]), most=rng.choice([0, 900]),
            fresh=rng.choice([0, 10 * units.MINUTE]), amendable=rng.random() < 0.8, supervised=self.supervised, works=self.works,
        )  # fmt: skip

    def agent(self, terms: Terms) -> Any:
        def clause(one: Asks) -> dict[str, Any]:
            found: dict[str, Any] = {"because": "people decide", "people": one.people, "then": one.then}
            found |= {"by": one.by} if one.by else {}
            return found | ({"within": f"{one.within // units.HOUR}h"} if one.within else {})

        when = [clause(one) | {"when": f"args.cents > {one.over}"} for one in terms.rules["refund"]]
        pay: dict[str, Any] = {"review": when, "amendable": ["cents"] if terms.amendable else []}
        if terms.fresh:
            pay |= {"needs": {"get_order": {"order": "args.order"}}, "fresh": "10m"}
        if terms.most:
            pay |= {"must": [{"that": f"args.cents <= {terms.most}", "because": "not more"}]}
        if terms.across:
            pay |= {
                "across": {
                    "window": "1d",
                    "sum": "args.cents",
                    "at_most": terms.across,
                    "else": "review",
                    "by": "chief",
                }
            }
        send = {"review": [clause(one) | {"when": f"args.cents > {one.over}"} for one in terms.rules["send"]]}
        more = {"done": {"review": clause(terms.output)}} if terms.output else {}
        first, second = self.tools
        return desk(
            order(), (refund(**first), pay), (refund("send", **second), send), surprises=self.surprises,
            limits={"steps": 6, "wall": "3000d", "retries": 50, "repeats": 50}, **more,
        )  # fmt: skip

    # ---- playing

    def go(self, steps: int) -> Told:
        """Play, and check. Raises AssertionError for what may not be."""
        for _ in range(steps):
            if self.rng.random() < 0.8:
                self.decided()
            self.happens()
            if self.ledger.closed and self.rng.random() < 0.3:
                break
        self.decided()
        assert fold_all(self.run.entries) == self.run.state
        return self.run

    def decided(self) -> None:
        run = self.run
        run.at = self.true + self.skew
        run.elsewhere = {"across": Held(self.ledger.others)}
        run.settle_down()
        assert not decide(run.bound, run.state, run.moment), "it comes to rest"
        self._at_rest()

    def _at_rest(self) -> None:
        """What may not be left as it is."""
        ledger, at = self.ledger, max(self.run.at, self.run.state.at)
        if ledger.closed:
            return
        for one in ledger.questions.values():
            assert not one.asked.until or at < one.asked.until or ledger.decided(one), (
                f"question {one.seq} is open past its end"
            )
            if one.asked.about in ("review", "output") and ledger.free():
                assert ledger.calls[one.asked.call].version == one.asked.version, "what was amended is shown"
                assert not ledger.has_enough(one, at), f"question {one.seq} has enough voices, and nothing follows"
        for call in ledger.calls.values():
            if call.tool in ("refund", "send") and call.status == "open" and call.heard < ledger.said and ledger.free():
                raise AssertionError(f"call {call.seq} was overtaken, and is open")

    def happens(self) -> None:
        happenings = [getattr(self, f"_{name}") for name, weight in CHANCES for _ in range(weight)]
        for _ in range(20):
            if self.rng.choice(happenings)() is not False:
                return

    # ---- models, tools, machines

    def _model(self) -> Any:
        run, rng = self.run, self.rng
        asking = run.state.asking
        if self.ledger.closed or asking is None or asking.status != "running" or asking.seq not in run.flying:
            return False
        pay = [call("refund", order="A-1", cents=rng.choice([50, 150, 400, 950])) for _ in range(2)]
        send, look = call("send", order="A-1", cents=rng.choice([50, 150])), call("get_order", order="A-1")
        if self.ledger.terms.fresh and not self.ledger.readings:
            return run.answers(look)
        plans: list[list[Any]] = [
            *[[pay[0]]] * 6, [pay[0], send], [send, pay[0]], [send, pay[0]], pay, [send], [done(status="ok")], [done(status="ok")],
            [ask("which?", of=rng.choice(["requester", "legal"]))], [decline("no")], [look],
        ]  # fmt: skip
        return run.answers(*rng.choice(plans))

    def _tool(self) -> Any:
        run, rng = self.run, self.rng
        running = [one for one in run.state.calls.values() if one.status == "running" and one.start in run.flying]
        if self.ledger.closed or not running:
            return False
        one = rng.choice(running)
        if one.effect == "write" and rng.random() < 0.4:
            return run.breaks(
                "not_done" if rng.random() < 0.6 else "timeout", rng.choice(["not_done", "unknown"]), one.seq
            )
        return run.returns({"id": f"e{one.seq}"} if one.effect == "write" else {"paid": self.paid}, one.seq)

    def _world(self) -> Any:
        if self.rng.random() < 0.5:
            self.paid = 11 - self.paid
        else:
            self.ledger.others = self.rng.choice([0, 0, 200, 480])

    def _time(self) -> Any:
        self.true += self.rng.choice(
            [units.SECOND, units.MINUTE, 11 * units.MINUTE, units.HOUR, 16 * units.HOUR, 3 * units.DAY]
        )

    def _to_an_end(self) -> Any:
        """It is about to be too late, or just is; somebody decides before anybody has looked."""
        ends = [one for one in self.ledger.questions.values() if one.asked.until]
        if not ends:
            return False
        one = self.rng.choice(ends)
        self.true = max(self.true, one.asked.until + self.rng.choice([-1, 0, 1]) - self.skew)
        return self._decides(one.seq, skew=self.skew) if self.rng.random() < 0.6 else None

    def _other_worker(self) -> Any:
        self.skew = self.rng.choice(SKEWS)
        return self.run.taken_over()

    def _restored(self) -> Any:
        self.run.epoch += 1

    def _stops(self) -> Any:
        run, stop = self.run, Stop(self.rng.randint(1, 9), "zoe")
        if self.rng.random() < 0.5:
            run.stopped = None if run.stopped else stop
        else:
            run.stopped_tools = {} if run.stopped_tools else {"refund": stop}
            self.ledger.stopped_tools = set(run.stopped_tools)

    # ---- people

    def _acts(self, act: str, reasons: set[str], work: Coroutine[Any, Any, Any]) -> Any:
        """Somebody does something: it is refused for one of these reasons, and for none if there is none."""
        head = self.run.state.seq, self.above.state.seq
        try:
            done_at_once(work)
        except HoldfastError as error:
            why = next((name for words, name in SAID.items() if words in str(error)), str(error))
            assert why in reasons, (
                f"{act}: refused because of {why}, and the rules know of {sorted(reasons) or 'nothing'}"
            )
            assert head == (self.run.state.seq, self.above.state.seq), "what is refused leaves nothing"
            self.refused[why] += 1
            self._note(error)
            return None
        assert not reasons, f"{act}: let through, against {sorted(reasons)}"
        return None

    def _note(self, error: BaseException) -> None:
        trace = error.__traceback__
        while trace is not None:
            if Path(trace.tb_frame.f_code.co_filename).name == "desk.py":
                self.lines.add(trace.tb_lineno)
            trace = trace.tb_next

    def _now(self, skew: int | None = None) -> int:
        """The journal's time for whoever acts, by the clock of some process."""
        self.run.at = self.true + (self.rng.choice(SKEWS) if skew is None else skew)
        return max(self.run.at, self.run.state.at)

    def _decides(self, seq: int = 0, *, skew: int | None = None) -> Any:
        run, rng, ledger = self.run, self.rng, self.ledger
        asked = [entry.seq for entry in run.entries if type(entry.event).__name__ == "PersonAsked"]
        if not asked or (ledger.closed and rng.random() < 0.9):
            return False
        seq = seq or rng.choice([*ledger.questions, *ledger.questions, *ledger.questions, rng.choice(asked)])
        by, at = rng.choice(PERSONS) if rng.random() < 0.99 else "", self._now(skew)
        one = ledger.questions.get(seq)
        about = one.asked.about if one else "review"
        if about == "doubt" and rng.random() < 0.9:
            return self._settles(by)
        if about == "limit" and rng.random() < 0.7:
            return self._grants(by)
        door, roles = rng.choice([self.here, self.elsewhere]), ROLES.get(by, ())
        verb = rng.choice(
            [*["answer"] * 12, *["amend"] * 4, "claim", "claim", "over", "release", "ask_back", "ask_back"]
        )
        reasons = set(ledger.why_not(seq, by, at, over=verb == "over", judged=verb != "answer"))
        act = f"{verb} {seq} by {by}"
        if verb == "answer":
            return self._answers(act, seq, by, reasons)
        if verb == "amend":
            return self._amends(act, seq, by, reasons, door)
        if verb in ("claim", "over"):
            return self._acts(act, reasons, door.claim("r_1", seq, by=by, roles=roles, over=verb == "over"))
        if verb == "release":
            reasons = {"not theirs"} if one is not None and one.claimed not in ("", by) else set()
            return self._acts(act, reasons, door.release("r_1", seq, by=by))
        text, to = rng.choice(["why?", "why?", "why?", " "]), rng.choice(["agent", "requester"])
        reasons |= {"verdict"} if one and about not in ("review", "output") else set()
        reasons |= {"nothing"} if not text.strip() else set()
        reasons |= {"stale"} if ledger.stale(seq) else set()
        return self._acts(act, reasons, door.ask_back("r_1", seq, text, by=by, to=to, roles=roles))

    def _answers(self, act: str, seq: int, by: str, reasons: set[str]) -> Any:
        rng, ledger, at = self.rng, self.ledger, max(self.run.at, self.run.state.at)
        one = ledger.questions.get(seq)
        about = one.asked.about if one else "review"
        likely = {
            "review": ["approve"] * 14 + ["deny"] * 2, "output": ["approve"] * 9 + ["deny"], "question": ["answer"] * 9, "doubt": ["approve"],
            "surprise": ["retry"] * 4 + ["tell"], "limit": ["deny"],
        }[about]  # fmt: skip
        verdict = rng.choice([*likely * 6, "take", "stop", "retry"])
        if one is not None and verdict not in {
            "review": "approve deny take stop", "output": "approve deny take stop", "question": "answer take stop",
            "surprise": "retry tell take stop", "limit": "stop take", "doubt": "",
        }[about].split():  # fmt: skip
            reasons.add("verdict")
        if verdict in ("approve", "deny") and ledger.stale(seq):
            reasons.add("stale")
        if verdict == "approve" and one is not None and one.asked.call in ledger.calls:
            call = ledger.calls[one.asked.call]
            if ledger.said > one.asked.heard and call.tool in ("refund", "send"):
                reasons.add("unheard")
            if ledger.has_voted(seq, by, at):
                reasons.add("already")
        door = rng.choice([self.here, self.elsewhere])
        return self._acts(
            f"{act}: {verdict}", reasons, door.answer("r_1", seq, verdict, by=by, roles=ROLES.get(by, ()))
        )

    def _amends(self, act: str, seq: int, by: str, reasons: set[str], door: Door) -> Any:
        rng, ledger = self.rng, self.ledger
        one = ledger.questions.get(seq)
        about = one.asked.about if one else "review"
        changes: dict[str, Any] = {"cents": rng.choice([10, 40, 120, 450, 950])}
        if rng.random() < 0.1:
            changes = {"order": "A-9"}
        elif rng.random() < 0.1 and door is self.here:
            changes = {"cents": "lots"}
        if about == "output":
            changes = {"status": rng.choice(["fine", "well"])}
        call = ledger.calls.get(one.asked.call) if one else None
        if one is not None and (about not in ("review", "output") or call is None or call.started):
            reasons.add("verdict")
        if one is not None and about == "review":
            terms = self.run.agent.contract.tools[call.tool].amendable if call else []
            may = terms if call and call.tool == "refund" and ledger.terms.amendable else []
            reasons |= {"fixed"} if set(changes) - set(may) else set()
        if changes.get("cents") == "lots":
            reasons.add("misfit")
        if ledger.stale(seq):
            reasons.add("stale")
        return self._acts(f"{act}: {changes}", reasons, door.amend("r_1", seq, changes, by=by, roles=ROLES.get(by, ())))

    def _settles(self, by: str = "") -> Any:
        doubts = [one.asked.call for one in self.ledger.questions.values() if one.asked.about == "doubt"]
        known = [one.seq for one in self.ledger.calls.values() if one.tool != "done"]
        if not known:
            return False
        by, at = by or self.rng.choice([*PERSONS, ""]), self._now()
        seq = self.rng.choice([*doubts * 4, self.rng.choice(known)])
        reasons = set(self.ledger.why_not(0, by, at, question=False)) | ({"nobody"} if not by else set())
        state = self.run.state
        in_doubt = seq in doubts if not self.ledger.closed else seq in state.unresolved
        reasons |= set() if in_doubt else {"no doubt"}
        verdict = self.rng.choice(["happened", "did_not", "did_not", "stop"])
        return self._acts(f"settle {seq} by {by}", reasons, self.here.settle("r_1", seq, verdict, by=by))

    def _grants(self, by: str = "") -> Any:
        by, at = by or self.rng.choice([*PERSONS, ""]), self._now()
        limit, amount = self.rng.choice(["steps", "steps", "steps", "usd"]), self.rng.choice([0, 4, 4, 4])
        reasons = set(self.ledger.why_not(0, by, at, question=False)) | ({"took part"} if not by else set())
        reasons |= {"closed"} if self.ledger.closed else set()
        reasons |= {"nothing"} if not amount else set()
        reasons |= {"carved"} if limit == "usd" else set()
        return self._acts(f"grant {limit} by {by}", reasons, self.here.grant("r_1", limit, amount, by=by))

    def _says(self) -> Any:
        by, run = self.rng.choice(["ann", "ann", "bea", "raul", "cleo"]), self.rng.choice(["r_1", "r_1", "r_0"])
        self._now()
        closed = {"closed"} if self.ledger.closed and run == "r_1" else set()
        return self._acts("say", closed, self.here.say(run, "please", by=by))

    def _pauses(self) -> Any:
        self._now()
        return done_at_once(self.here.pause("r_1", by="zoe"))

    def _goes_on(self) -> Any:
        self._now()
        if not self.run.state.paused or self.ledger.closed:
            return False
        return self.run.resumes()

    def _cancels(self) -> Any:
        return False if self.ledger.closed else done_at_once(self.here.cancel("r_1", by="zoe"))

    def _adopts(self) -> Any:
        if self.ledger.closed:
            return False
        self._now()
        same = self.rng.random() < 0.5
        terms = self.ledger.terms if same else self.some_terms()
        agent = self.run.agent if same else self.agent(terms)
        self.ledger.terms = terms
        self.here.agents = {agent.name: agent}
        self.run.agent = agent
        return self.run.adopts(agent)


CHANCES = [
    ("model", 60), ("tool", 40), ("decides", 130), ("to_an_end", 12), ("time", 8), ("world", 8), ("says", 4), ("settles", 3),
    ("grants", 3), ("other_worker", 4), ("restored", 3), ("stops", 4), ("pauses", 2), ("goes_on", 10), ("cancels", 1), ("adopts", 3),
]  # fmt: skip
