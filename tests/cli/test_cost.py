"""cost: many runs and the bill of one, what is unknown said so, and what more of them would cost."""

from __future__ import annotations

import asyncio
import re

import pytest

from holdfast import Agent, Runner, tool
from holdfast.dialogue import Answer
from holdfast.events import Usage, Wanted
from tests.cli.damage import flip


@tool.read(timeout=5)
def look(n: int) -> int:
    """What stands under a number."""
    return n


class Billed:
    """A model that knows what each of its answers cost; None where it does not."""

    def __init__(self, *costs: int | None):
        self.costs = costs

    async def answer(self, request):
        step = sum(type(one).__name__ == "Answered" for one in request.segments)
        last = step + 1 == len(self.costs)
        wanted = (
            Wanted(f"c{step}", "done", '{"value": 1}') if last else Wanted(f"c{step}", "look", f'{{"n": {step % 2}}}')
        )
        return Answer(calls=(wanted,), finish="calls", usage=Usage(1000, 10), cost=self.costs[step])

    def price(self):
        return None

    def quote(self, run, step):
        return None


def desk(name="desk", **terms):
    limits = {"usd": None, "steps": 50} | terms.pop("limits", {})
    return Agent(
        name=name, task="Look things up.", takes=str, gives=int, tools=[look], models=["billed"], limits=limits, **terms
    )


@pytest.fixture
def journal(place):
    """`journal((agent, costs), …)`: runs of agents that were billed so."""
    url = f"sqlite:///{place}/billed.db"

    async def play(runs):
        names = []
        for at, (agent, costs) in enumerate(runs):
            async with Runner.open(url, model=Billed(*costs)) as runner:
                run = await runner.start(agent, "go", by="svc:test", key=f"run {at}")
                await run.result()
                names.append(run.name)
        return names

    def made(*runs):
        return url, asyncio.run(play(runs))

    return made


CENT = 10_000_000


def row(out: str, name: str) -> list[str]:
    """The cells of the line that begins with a name."""
    line = next(line for line in out.splitlines() if line.startswith(name))
    return re.split(r" {2,}", line.strip())


def test_many_runs_have_a_sum_a_mean_and_a_cost_of_success(holdfast, journal):
    url, _ = journal((desk(), (CENT, CENT)), (desk(), (4 * CENT, CENT)), (desk(limits={"steps": 1}), (CENT, CENT)))
    found = holdfast("cost", "--journal", url)
    assert found.code == 0
    assert "3 runs · 2 of them a success" in found.out
    assert row(found.out, "paid") == ["paid", "0.0800"]
    assert row(found.out, "for each run") == ["for each run", "0.0267"]
    assert row(found.out, "for each success") == ["for each success, failures too", "0.0400"]
    assert row(found.out, "look")[:4] == ["look", "3", "0.0600", "75%"]
    assert row(found.out, "done")[:3] == ["done", "2", "0.0700"]
    assert max(map(len, found.out.splitlines())) <= 100


def test_what_has_no_price_is_unknown_and_never_nothing(holdfast, journal):
    url, (run, _) = journal((desk(), (CENT, None)), (desk(), (CENT,)))
    found = holdfast("cost", "--journal", url, "--a-month", "100")
    assert "the price of one answer is not known" in found.out
    assert row(found.out, "paid") == ["paid", "≥ 0.0200"]
    assert row(found.out, "for each success")[1:] == ["unknown"]
    assert "100 runs a month like these: unknown, because one answer has no price" in found.out
    told = holdfast("cost", "--journal", url, "--json").json
    assert (told["paid"], told["per_success"], told["total"]["money"]["nusd"]) == (None, None, 2 * CENT)
    bill = holdfast("cost", run, "--journal", url)
    assert "paid ≥ 0.0100 USD: 1 answer has no price" in bill.out
    assert row(bill.out, "done")[2] == "unknown"


def test_runs_that_cost_nothing_are_told_by_their_time(holdfast, payer):
    holdfast("run", payer, '{"bill": "700"}')
    found = holdfast("cost", "--a-month", "10")
    assert "their models cost nothing" in found.out
    assert "10 runs a month like these: 0.0000 USD for models" in found.out
    assert not re.search(r"^by tool .*USD", found.out, re.MULTILINE)


def test_a_projection_has_a_range_from_thirty_runs_on(holdfast, journal):
    url, _ = journal(*[(desk(), (CENT if at % 2 else 3 * CENT,)) for at in range(30)])
    few = holdfast("cost", "--journal", url, "--runs", "1000", "--where", "key=run 1")
    assert "1,000 runs like these: 10.0000 USD for models" in few.out
    assert "no range: that takes 30 runs to go by, and there are 1" in few.out
    many = holdfast("cost", "--journal", url, "--a-month", "1000")
    assert "1,000 runs a month like these: 20.0000 USD for models" in many.out
    assert "between 16.3" in many.out
    assert "not over yet" not in many.out
    told = holdfast("cost", "--journal", url, "--runs", "1000", "--json").json
    assert told["projection"]["nusd"] == 2000 * CENT
    assert told["projection"]["low"] < 2000 * CENT < told["projection"]["high"]


def test_agents_and_tools_can_be_looked_at_alone(holdfast, journal):
    url, _ = journal((desk(), (CENT, CENT)), (desk("other"), (5 * CENT,)))
    agents = holdfast("cost", "--journal", url, "--per", "agent").out
    assert row(agents, "other") == ["other", "1", "1", "0.0500", "71%", "0.0500", "0.0500"]
    assert row(agents, "desk")[1:4] == ["1", "1", "0.0200"]
    assert "by tool" not in agents
    tools = holdfast("cost", "--journal", url, "--per", "tool", "--where", "agent=desk").out
    assert "other" not in tools
    assert row(tools, "look")[:3] == ["look", "1", "0.0100"]
    for per in ("outcome", "model"):
        assert holdfast("cost", "--journal", url, "--per", per).out.count(f"\n{per} ") == 1
    assert "by agent" in holdfast("cost", "--journal", url).out


def test_the_same_read_again_is_told_as_such(holdfast, journal):
    url, (run,) = journal((desk(), (CENT, CENT, CENT, CENT)))
    bill = holdfast("cost", run, "--journal", url).out
    assert row(bill, "repeats")[:3] == ["repeats", "1", "0.0100"]
    assert row(holdfast("cost", "--journal", url).out, "repeats in the others")[1:4] == ["1", "0.0100", "25%"]
    assert "paid 0.0400 USD · 4,000 tokens in, 40 out" in bill


def test_a_verdict_is_valued_where_the_contract_says_so(holdfast, waiting):
    holdfast("review", "approve", waiting, "--as", "boss")
    unknown = holdfast("cost")
    assert "1 verdict, waited for" in unknown.out
    assert "no contract values a minute" in unknown.out
    assert row(unknown.out, "paid")[2] == "unknown"
    assert holdfast("cost", waiting, "--json").json["people"]["verdicts"] == 1


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        (("--where", "colour=red"), 64, "runs have no field colour"),
        (("--since", "lately"), 64, "'lately' is no moment"),
        (("--runs", "5", "--a-month", "5"), 64, "not both"),
        (("--runs", "0"), 64, "--runs"),
        (("--per", "moon"), 64, "moon"),
        (("r_none",), 64, "there is no run"),
        (("r_none", "--per", "tool"), 64, "a run has one bill"),
        (("--journal", "sqlite:///nowhere.db"), 4, "there is no journal"),
    ],
)
def test_what_cannot_be_asked_is_said(holdfast, payer, args, code, text):
    holdfast("run", payer, '{"bill": "0"}')
    found = holdfast("cost", *args)
    assert (found.code, found.out) == (code, "")
    assert text in found.err


def test_no_runs_are_no_figures(holdfast, payer):
    holdfast("run", payer, '{"bill": "0"}')
    assert holdfast("cost", "--where", "agent=nobody").out == "no runs like that\n"
    assert holdfast("cost", "--since", "2030-01-01").out.startswith(("no runs", "payer"))
    empty = holdfast("cost", "--where", "agent=nobody", "--runs", "5", "--json").json
    assert (empty["total"]["runs"], empty["per_run"], empty["why_no_range"]) == (0, None, "there are no runs to go by")


def test_since_leaves_out_what_is_older(holdfast, payer):
    holdfast("run", payer, '{"bill": "0"}')
    assert holdfast("cost", "--since", "1h", "--json").json["total"]["runs"] == 1
    assert holdfast("cost", "--since", "2001-01-01T08:00", "--json").json["total"]["runs"] == 1
    assert holdfast("cost", "--since", "2999-01-01", "--json").json["total"]["runs"] == 0


def test_a_damaged_run_is_named(holdfast, payer, place):
    run = holdfast("run", payer, '{"bill": "0"}', "--json").json["run"]
    flip(place, run, 2)
    found = holdfast("cost")
    assert found.code == 4
    assert run in found.err
