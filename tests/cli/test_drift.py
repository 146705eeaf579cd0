"""drift: what is said of runs, its exit codes, and which runs it is about."""

from __future__ import annotations

import asyncio
import re
from itertools import count

import pytest

from holdfast import Agent, Runner, tool
from holdfast.dialogue import Answer
from holdfast.events import Usage, Wanted

CENT = 10_000_000


@tool.read(timeout=5)
def look(n: int) -> int:
    """What stands under a number."""
    return n


class Billed:
    """A model that looks so often, says done at the last, and knows what each of its answers costs."""

    def __init__(self, looks: int, cost: int):
        self.looks, self.cost = looks, cost

    async def answer(self, request):
        step = sum(type(one).__name__ == "Answered" for one in request.segments)
        wanted = ("done", '{"value": 1}') if step == self.looks else ("look", f'{{"n": {step}}}')
        return Answer(calls=(Wanted(f"c{step}", *wanted),), finish="calls", usage=Usage(10, 1), cost=self.cost)

    def price(self):
        return None

    def quote(self, run, step):
        return None


class Steady(Runner):
    """A runner whose watch goes on by as much each time it is looked at, however busy the machine is."""

    def __init__(self, *given, **named):
        super().__init__(*given, watch=count(step=1_000_000).__next__, **named)


def desk(name="desk", **limits):
    return Agent(
        name=name, task="Look things up.", takes=str, gives=int, tools=[look], models=["billed"],
        limits={"usd": None, **limits}, surprises={"limit": "stop"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """25 runs that look once for a cent an answer, 25 that are stopped at dear looks, one of somebody else."""
    found = f"sqlite:///{tmp_path_factory.mktemp('drift')}/runs.db"

    async def play():
        for first, model in ((0, Billed(1, CENT)), (25, Billed(9, 4 * CENT))):
            async with Runner.open(found, model=model) as runner:
                for at in range(first, first + 25):
                    await (await runner.start(desk(steps=3), "go", by="svc:test", key=f"run {at}")).result()
        async with Runner.open(found, model=Billed(1, CENT)) as runner:
            await (await runner.start(desk("other"), "go", by="svc:test", key="other")).result()

    asyncio.run(play())
    return found


def test_what_changed_is_said_with_run_and_moment_and_is_1(holdfast, url):
    found = holdfast("drift", "desk", "--baseline", "25", "--journal", url)
    assert found.code == 1
    assert "desk  50 runs closed, from 2" in found.out
    assert "baseline: the first 25, until 2" in found.out
    assert "25 looked at after it" in found.out
    rows = found.out.splitlines()
    assert any(re.fullmatch(r"success +100% +0% +fell, noticed at run 3\d", row) for row in rows)
    assert any(re.fullmatch(r"cost, USD +0\.0200 +0\.1200 +rose, noticed at run 3\d", row) for row in rows)
    assert "success fell  noticed by Shiryaev-Roberts at run 3" in found.out
    assert "so since about run 26, r_" in found.out
    assert "look 5" in found.out or "done 4" in found.out, "the mix of tools is told by its shares"
    assert max(map(len, found.out.splitlines())) <= 100


def test_how_often_it_is_wrong_is_said_in_words(holdfast, url):
    found = holdfast("drift", "desk", "--baseline", "25", "--false-alarm", "500", "--journal", url)
    said = " ".join(found.out.split())
    assert "while nothing changes there is about one in 500 runs, or fewer, all 7 tests together" in said
    assert "each has one in 3,500" in said
    assert "Silence is no proof: success is tested from" in said


def test_json_has_everything_and_the_same_code(holdfast, url):
    found = holdfast("drift", "desk", "--baseline", "25", "--journal", url, "--json")
    assert (found.code, found.json["verdict"]) == (1, "alarm")
    drift = found.json["drift"]
    assert (drift["runs"], drift["baseline"], drift["looked"], drift["tests"]) == (50, 25, 25, 7)
    success = drift["figures"][0]
    assert (success["name"], success["state"], success["before"], success["after"]) == ("success", "changed", 1.0, 0.0)
    noticed = success["tests"][0]["noticed"]
    assert noticed["since"]["number"] == 26
    shown = holdfast("show", noticed["since"]["run"], "--journal", url, "--json").json
    assert "run 25" in str(shown), "the run it names is the one that was changed first"


def test_runs_that_did_not_change_are_0(holdfast, url):
    found = holdfast("drift", "--where", "outcome=stopped", "--where", "agent=desk", "--journal", url)
    assert found.code == 2, "25 runs are no baseline of 100"
    code = holdfast(
        "drift", "--where", "outcome=done", "--where", "agent=desk", "--baseline", "20", "--journal", url
    ).code
    assert code == 2, "five more say nothing by their silence"


def test_silence_after_enough_runs_is_0(holdfast, place):
    url = f"sqlite:///{place}/quiet.db"

    async def play():
        async with Steady.open(url, model=Billed(1, CENT)) as runner:
            for at in range(32):
                await (await runner.start(desk(), "go", by="svc:test", key=f"run {at}")).result()

    asyncio.run(play())
    found = holdfast("drift", "desk", "--baseline", "20", "--journal", url)
    assert found.code == 0, found.out
    assert "no alarm" in found.out
    assert "not tested: mixes are looked at every 20 runs" in " ".join(found.out.split())


def test_too_few_says_what_would_do(holdfast, url):
    found = holdfast("drift", "desk", "--journal", url)
    assert found.code == 2
    assert "too few runs to say: the baseline is all 50 of them" in found.out
    assert "--baseline 25 takes fewer" in " ".join(found.out.split())
    assert holdfast("drift", "nobody", "--journal", url) == (2, "no runs like that\n", "")


def test_since_makes_all_before_it_the_baseline(holdfast, url):
    told = holdfast("drift", "desk", "--baseline", "25", "--journal", url, "--json").json["drift"]
    assert told["last_of_baseline"]["number"] == 25
    later = holdfast("drift", "desk", "--since", "2999-01-01", "--journal", url, "--json")
    assert (later.code, later.json["drift"]["baseline"], later.json["drift"]["looked"]) == (2, 50, 0)
    before = holdfast("drift", "desk", "--since", "1h", "--journal", url, "--json")
    assert (before.code, before.json["drift"]["baseline"], before.json["verdict"]) == (2, 0, "too few runs")


def test_a_promised_rate_is_tested_as_it_is(holdfast, url):
    found = holdfast(
        "drift", "desk", "--baseline", "25", "--expect", "0.95", "--drop", "0.1", "--journal", url, "--json"
    )
    assert found.json["drift"]["figures"][0]["rates"] == pytest.approx([0.95, 0.85])


def test_the_folder_of_an_agent_is_as_good_as_its_name(holdfast, payer):
    holdfast("run", payer, '{"bill": "700"}')
    found = holdfast("drift", payer, "--json")
    assert (found.code, found.json["drift"]["agent"], found.json["drift"]["runs"]) == (2, "payer", 1)
    assert holdfast("drift", "--json").json["drift"]["runs"] == 1, "one agent alone need not be named"


def test_runs_that_are_not_over_are_left_out_and_counted(holdfast, waiting):
    assert "left out: 1 not over yet" in holdfast("drift", "payer").out


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ((), "these are runs of 2 agents"),
        (("desk", "--baseline", "25", "--since", "1h"), "not both"),
        (("desk", "--baseline", "5"), "--baseline"),
        (("desk", "--expect", "1.5"), "between 0 and 1"),
        (("desk", "--drop", "0"), "between 0 and 1"),
        (("desk", "--since", "soon"), "no moment"),
        (("desk", "--where", "agent=other"), "named twice"),
        (("--where", "colour=red"), "no field colour"),
    ],
)
def test_what_cannot_be_asked_is_said(holdfast, url, args, text):
    found = holdfast("drift", *args, "--journal", url)
    assert (found.code, found.out) == (64, "")
    assert text in found.err
