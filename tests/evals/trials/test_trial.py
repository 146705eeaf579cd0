"""Trials: each a run of its own in a world of its own, with its verdict in it; cut short, they begin anew."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace
from pydantic import BaseModel

from holdfast import Agent, tool
from holdfast.errors import InputError, SettingsError, UsageError
from holdfast.evals.cases.case import parse
from holdfast.evals.cases.world import Effect, World
from holdfast.evals.grading.check import check_expectations
from holdfast.evals.grading.finished import Finished, Miss
from holdfast.evals.grading.judges import Bench, Question, Seat, Verdict
from holdfast.evals.trials.nulls import screened
from holdfast.evals.trials.trial import Player, Suite, playing
from holdfast.journal.port import Where
from holdfast.models.scripted import ask, call, done, fail, script
from holdfast.tool import CallKey, Found


class Answer(BaseModel):
    status: str


class Till:
    """A till that pays, one for each trial."""

    def __init__(self, paid: int) -> None:
        self.paid = paid
        self.payments: list[dict[str, Any]] = []


@tool.read(timeout=5)
async def look(order: str, *, till: Till) -> int:
    """What was paid."""
    return till.paid


@tool.write(timeout=5)
def pay(order: str, cents: int, *, till: Till, key: CallKey) -> str:
    """Pay back."""
    till.payments.append({"order": order, "cents": cents})
    return f"re_{len(till.payments)}"


@asynccontextmanager
async def world(state):
    till = Till(state["paid"])
    yield World((till,), lambda: [Effect("pay", one) for one in till.payments])


def desk(**terms: Any) -> Agent[str, Answer]:
    review = {"review": [{"when": "args.cents > 100", "by": "finance", "because": "much"}], "amendable": ["cents"]}
    return Agent(
        name="desk", task="Pay one order back.", takes=str, gives=Answer, tools={look: {}, pay: review}, models=["m"], **terms
    )  # fmt: skip


PAYS = script(call("look", order="O-1"), call("pay", order="O-1", cents=50), done(status="paid"))
PAYS_MUCH = script(call("pay", order="O-1", cents=500), done(status="paid"))


def paid(cents: int) -> Any:
    def grader(finished: Finished) -> Iterator[Miss]:
        sums = [effect.args["cents"] for effect in finished.effects]
        if sums != [cents]:
            yield Miss("paid", f"{sums} was paid, not {cents}", (finished.state.seq,))

    return grader


def case(name: str = "one", **more: Any) -> Any:
    given = {"name": name, "input": "please", "state": {"paid": 50}, "expect": {}} | more
    return parse({key: value for key, value in given.items() if value is not None}, name)


def suite(*cases: Any, graders: Any = (), **terms: Any) -> Suite:
    return Suite("refunds", desk(**terms), cases or (case(),), tuple(graders) or (paid(50),), world)


async def played(journal: str, what: Suite, model: Any, trials: int = 1, **more: Any) -> list[Any]:
    async with playing(journal, what, model=model) as player:
        return [trial async for trial in player.play(trials, **more)]


def play(what: Suite, model: Any, trials: int = 1, journal: str = "memory:", **more: Any) -> list[Any]:
    return asyncio.run(played(journal, what, model, trials, **more))


def test_every_trial_meets_a_world_of_its_own_and_they_run_side_by_side():
    trials = play(suite(case("a"), case("b", state={"paid": 7})), PAYS, 20)
    assert sorted((trial.case, trial.number) for trial in trials) == [(n, k) for n in "ab" for k in range(1, 21)]
    assert all(trial.passed and trial.outcome == "done" and trial.steps == 3 for trial in trials)


def test_a_miss_is_said_and_stands_in_the_run(tmp_path):
    (trial,) = play(suite(graders=[paid(51)]), PAYS)
    assert trial.passed is False
    assert [(miss.grader, miss.why) for miss in trial.misses] == [("paid", "[50] was paid, not 51")]


def test_the_order_is_the_seed_s_and_a_gate_may_stop_it():
    async def names(seed: int) -> list[Any]:
        return [
            (one.case, one.number)
            for one in await played(
                "memory:", suite(case("a"), case("b"), case("c")), PAYS, 4, seed=seed, concurrency=1
            )
        ]

    one, same, other = (asyncio.run(names(seed)) for seed in (1, 1, 2))
    assert one == same != other
    seen: list[Any] = []

    async def some() -> None:
        async with playing("memory:", suite(), model=PAYS) as player:
            async for trial in player.play(100, concurrency=1, stop=lambda: len(seen) >= 3):
                seen.append(trial)

    asyncio.run(some())
    assert len(seen) in (3, 4)


def test_people_of_the_case_approve_amend_and_deny():
    people = [{"about": "review", "tool": "pay", "verdict": "approve"}]
    assert play(suite(case(people=people), graders=[paid(500)]), PAYS_MUCH)[0].passed
    amends = [{"about": "review", "verdict": "approve", "amend": {"cents": 90}}]
    assert play(suite(case(people=amends), graders=[paid(90)]), PAYS_MUCH)[0].passed
    (denied,) = play(suite(case(people=[{"verdict": "deny", "text": "no"}])), PAYS_MUCH)
    assert (denied.passed, denied.reviews) == (False, 1)
    (nobody,) = play(suite(case()), PAYS_MUCH)
    assert (nobody.passed, nobody.outcome) == (False, "waiting")


def test_a_question_to_a_person_is_answered():
    asks = script(ask("how much?", "finance"), call("pay", order="O-1", cents=50), done(status="paid"))
    people = [{"about": "question", "verdict": "answer", "text": "fifty"}]
    assert play(suite(case(people=people)), asks)[0].passed


def test_a_requester_says_what_the_case_has_and_then_that_this_was_all():
    asks = script(ask("which order?"), call("pay", order="O-1", cents=50), done(status="paid"))
    assert play(suite(case(messages=["O-1"])), asks)[0].passed


def test_what_is_not_the_agent_s_is_no_failure_of_it():
    (trial,) = play(suite(), script(*[fail("auth", "no key")] * 9))
    assert trial.passed is None
    assert "no key" in trial.trouble


def test_recorded_answers_are_a_world_too():
    fixtures = {"calls": [
        {"tool": "look", "args": {"order": "O-1"}, "gives": 50},
        {"tool": "pay", "args": {"order": "O-1", "cents": 50}, "gives": "re_1"},
    ]}  # fmt: skip
    assert play(suite(case(state=None, fixtures=fixtures)), PAYS)[0].passed
    (trial,) = play(suite(case(state=None, fixtures={"calls": fixtures["calls"][:1]})), PAYS)
    assert trial.passed is None
    assert "no recorded answer fits pay" in trial.trouble
    nearest = {
        "calls": [fixtures["calls"][0], {**fixtures["calls"][1], "args": {"order": "O-1", "cents": 3}}],
        "unmatched": "nearest",
    }
    assert play(suite(case(state=None, fixtures=nearest)), PAYS)[0].passed


def test_a_suite_that_was_cut_short_goes_on_where_it_stopped(tmp_path):
    journal, what = f"sqlite:///{tmp_path}/trials.db", suite(case("a"), case("b"))
    graded: list[str] = []

    def counting(finished: Finished) -> Iterator[Miss]:
        graded.append(finished.case.name)
        yield from paid(50)(finished)

    what = Suite("refunds", what.agent, what.cases, (counting,), world)

    async def a_part() -> None:
        async with playing(journal, what, model=PAYS) as player:
            async for _ in player.play(3, concurrency=1):
                if len(graded) == 2:
                    break
            begun = await player.runner.start(what.agent, "please", key=player.key(what.cases[1], 3))
            assert begun.name

    asyncio.run(a_part())
    trials = play(what, PAYS, 3, journal)
    assert len(trials) == 6
    assert all(trial.passed for trial in trials)
    assert len(graded) in (6, 7)

    async def rows() -> int:
        async with playing(journal, what, model=PAYS) as player:
            return len(await player.runner.find(Where()))

    assert asyncio.run(rows()) in (7, 8)


def test_what_cannot_be_played_is_said_before():
    with pytest.raises(InputError, match="no world"):
        play(suite(case(state=None)), PAYS)
    with pytest.raises(InputError, match=r"world\.py"):
        play(Suite("refunds", desk(), (case(),), ()), PAYS)
    with pytest.raises(InputError, match="not both"):
        case(fixtures={"calls": []})
    with pytest.raises(UsageError):
        play(suite(), PAYS, 0)
    assert Player


def test_a_judge_is_heard_before_a_trial_is_graded_and_one_that_says_nothing_is_trouble():
    heard: list[str] = []

    async def kind(question: Question) -> Verdict:
        heard.append(question.case)
        if len(heard) > 2:
            raise RuntimeError("the judge is out")
        return Verdict(yes=len(heard) == 1, because="so")

    bench = Bench([Seat("kind", "x:y", "1", kind, None)])
    cases = tuple(case(name, expect={"judges": {"kind": "x:y"}}) for name in "abc")
    what = Suite("refunds", desk(), cases, (), world, bench)
    trials = play(what, PAYS, concurrency=1)
    assert [trial.passed for trial in trials] == [True, False, None]
    assert trials[1].misses[0].grader == "judges"
    assert "the judge is out" in trials[2].trouble


def test_recorded_answers_that_were_lost_are_found_again_in_every_trial_of_a_journal():
    """By the same key or by a look-up; and no trial takes another one's effect for its own."""

    def found(order: str) -> Found[dict[str, str]]:
        raise NotImplementedError

    @tool.write(timeout=5, lookup=found, effect_id="id")
    def send(order: str) -> dict[str, str]:
        """Send it."""
        raise NotImplementedError

    agent = Agent(name="desk", task="Send one order.", takes=str, gives=Answer, tools=[send], models=["m"])
    sends = script(call("send", order="O-1"), done(status="sent"))
    fixtures = {
        "calls": [{"tool": "send", "args": {"order": "O-1"}, "unknown": "the line broke", "gives": {"id": "s1"}}]
    }
    what = Suite("sending", agent, (case(state=None, fixtures=fixtures),), ())
    trials = play(what, sends, 3)
    assert [trial.outcome for trial in trials] == ["done"] * 3
    keyed = {"calls": [{"tool": "pay", "args": {"order": "O-1", "cents": 50}, "unknown": "the line broke", "gives": "re_1"},
                       {"tool": "look", "gives": 50}]}  # fmt: skip
    (trial,) = play(suite(case(state=None, fixtures=keyed)), PAYS)
    assert (trial.outcome, trial.passed) == ("done", True)


# ---------------------------------------------------------------------------------------------------- reading live


class Real(Till):
    """The real till: it says how often it was opened, read and paid from."""

    opened = read = 0

    @property
    def paid(self) -> int:
        Real.read += 1
        return 50

    @paid.setter
    def paid(self, value: int) -> None: ...


@asynccontextmanager
async def real() -> Any:
    Real.opened += 1
    yield (Real(50),)


LIVE = {
    "unmatched": "live-read",
    "calls": [{"tool": "pay", "args": {"order": "O-1", "cents": 50}, "gives": "re_1"}],
}


@pytest.fixture
def counted():
    Real.opened = Real.read = 0


def live(*cases: Any, opens: Any = real) -> Suite:
    return replace(suite(*cases), live=opens)


def test_a_read_that_no_answer_fits_goes_to_the_real_tool_and_its_resources_are_opened_once(counted):
    trials = play(live(case("a", state=None, fixtures=LIVE), case("b", state=None, fixtures=LIVE)), PAYS, 5)
    assert [trial.passed for trial in trials] == [True] * 10
    assert (Real.opened, Real.read) == (1, 10)


def test_a_write_that_no_answer_fits_never_goes_there(counted):
    much = script(call("look", order="O-1"), call("pay", order="O-1", cents=99), done(status="paid"))
    (trial,) = play(live(case(state=None, fixtures=LIVE)), much)
    assert trial.passed is None
    assert "no recorded answer fits pay" in trial.trouble
    assert Real.read == 1


def test_a_world_of_a_case_s_own_never_meets_what_is_real(counted):
    @asynccontextmanager
    async def empty(state: Any) -> Any:
        yield World((), tuple)  # it forgot the till

    what = replace(live(case("own"), case("live", state=None, fixtures=LIVE)), world=empty, graders=())
    play(what, script(call("look", order="O-1"), done(status="paid")))
    assert Real.read == 1, "that of the case that reads live"


def test_null_agents_read_nothing_live(counted):
    async def nulls() -> list[Any]:
        return [trial async for _, trial in screened("memory:", live(case(state=None, fixtures=LIVE)))]

    assert asyncio.run(nulls())
    assert (Real.opened, Real.read) == (0, 0)


def test_where_no_case_reads_live_nothing_is_opened_and_where_nothing_opens_it_that_is_said(counted):
    assert play(live(case()), PAYS)[0].passed
    assert Real.opened == 0
    with pytest.raises(InputError, match="case one reads live, and nothing opens"):
        play(suite(case(state=None, fixtures=LIVE)), PAYS)

    @asynccontextmanager
    async def shut() -> Any:
        raise SettingsError("the shop is closed")
        yield

    with pytest.raises(SettingsError, match="closed"):
        play(live(case(state=None, fixtures=LIVE), opens=shut), PAYS)


# ------------------------------------------------------------------------------------------------------- people


def asking(*roles: str) -> Any:
    """Asks people so often, then pays what the last one said."""

    def last(request: Any) -> Any:
        text = request.segments[-1].text
        return call("pay", order="O-1", cents=next((cents for cents in (50, 7) if str(cents) in text), 1))

    return script(*(ask(f"how much? {role}", "finance") for role in roles), last, done(status="paid"))


def test_a_person_answers_so_often_as_they_do_and_then_the_next_who_fits():
    people = [
        {"about": "question", "verdict": "answer", "text": "7", "times": 2},
        {"about": "question", "verdict": "answer", "text": "50", "times": 1},
    ]
    assert play(suite(case(people=people), graders=[paid(7)]), asking("a", "b"))[0].passed
    assert play(suite(case(people=people), graders=[paid(50)]), asking("a", "b", "c"), 3)[2].passed
    (out,) = play(suite(case(people=people)), asking("a", "b", "c", "d"))
    assert (out.outcome, out.reviews) == ("waiting", 4), "all of them said all they say"


def test_of_two_voices_that_one_question_wants_each_is_an_answer():
    review = {"review": [{"when": "args.cents > 100", "by": "finance", "people": 2, "because": "much"}]}
    agent = Agent(name="desk", task="Pay.", takes=str, gives=Answer, tools={look: {}, pay: review}, models=["m"])

    def played_by(*people: Any) -> Any:
        what = replace(suite(case(people=list(people)), graders=[paid(500)]), agent=agent)
        return play(what, PAYS_MUCH)[0]

    assert played_by({"verdict": "approve"}).passed
    assert played_by({"verdict": "approve", "times": 2}).passed
    assert played_by({"verdict": "approve", "times": 1}).outcome == "waiting"
    assert played_by({"verdict": "approve", "times": 1}, {"verdict": "deny"}).passed is False


def test_an_amendment_and_its_approval_are_one_answer():
    people = [{"about": "review", "amend": {"cents": 90}, "times": 1}]
    assert play(suite(case(people=people), graders=[paid(90)]), PAYS_MUCH)[0].passed


LOST = {"unmatched": "error", "calls": [{"tool": "pay", "unknown": "the line broke"}]}
BARE = script(call("pay", order="O-1", cents=50), done(status="paid"))


@pytest.mark.parametrize(
    ("people", "ends", "effects"),
    [
        ([{"about": "doubt", "verdict": "happened", "gives": "re_9"}], "done", 1),
        ([{"verdict": "approve"}, {"verdict": "answer"}], "waiting", 1),  # neither is an answer to a doubt
        ([{"verdict": "approve"}, {"verdict": "happened"}], "done", 1),
        ([{"verdict": "did_not", "times": 1}, {"verdict": "happened"}], "done", 1),
    ],
)
def test_a_doubt_is_answered_by_who_says_what_became_of_it(people, ends, effects):
    @tool.write(timeout=5)
    def pay(order: str, cents: int) -> str:
        """Pay back."""
        raise AssertionError("recorded")

    agent = Agent(name="desk", task="Pay.", takes=str, gives=Answer, tools=[pay], models=["m"])
    made = case(state=None, fixtures=LOST, people=people)
    (trial,) = play(Suite("refunds", agent, (made,), ()), BARE)
    assert trial.outcome == ends, trial


def test_what_a_person_could_never_answer_is_said_before_anything_is_played():
    people = [
        {"about": "doubt", "verdict": "approve"},
        {"about": "question", "text": "50"},
        {"about": "review", "tool": "payy"},
        {"about": "review", "gives": 1},
    ]
    with pytest.raises(InputError) as told:
        check_expectations(case(people=people, expect={"outcome": "done"}), desk())
    wrong = told.value.what.splitlines()[1:]
    assert [line.split(":")[0].strip() for line in wrong] == ["people[0].verdict", "people[2].tool", "people[3].gives"]
    assert "answered with happened, did_not or stop, and not with approve" in wrong[0]
    assert "did you mean pay?" in wrong[1]
    with pytest.raises(InputError, match="verdict"):
        case(people=[{"verdict": "aprove"}])


def test_a_trial_is_judged_by_what_its_driver_knew_and_nothing_of_it_is_read_again(tmp_path):
    seen, read = list[Finished](), list[str]()

    def look(finished: Finished) -> Iterator[Miss]:
        seen.append(finished)
        yield from ()

    async def work() -> None:
        suite = Suite("desk", desk(), (case(),), (look,), world)
        async with playing(f"sqlite:///{tmp_path}/eval.db", suite, model=PAYS) as player:
            journal = player.runner.journal
            lines = journal.read

            async def reading(run: str, after: int = 0, **more: Any) -> Any:
                read.append(run)
                return await lines(run, after, **more)

            journal.read = reading
            (trial,) = [one async for one in player.play(1)]
            assert (trial.passed, trial.run in read) == (True, False)
            (judged,) = seen
            entries = await player.runner.entries(trial.run)
            assert list(judged.entries) == entries[:-1]
            assert (judged.state.seq, entries[-1].event.finding) == (entries[-2].seq, "trial")

    asyncio.run(work())
