"""Programs of a run: judged call by call, parked in the middle, and gone on with elsewhere with their variables as they were."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from pydantic import BaseModel

from holdfast import Agent, Done, Runner, Waiting, call, done, script, tool
from holdfast.errors import ContractError, JournalError
from holdfast.events import CallAsked, CallFailed, CallReturned, ProgramCalled
from holdfast.journal.memory import MemoryJournal
from holdfast.programs import program
from holdfast.tool import CallKey, NotDone, Retry
from tests.shell.bench import check, story
from tests.shell.test_children import Mortal

pytest.importorskip("pydantic_monty", reason="the extra `sandbox` is not installed")


class Order(BaseModel):
    id: str
    cents: int


class Answer(BaseModel):
    total: int


class Till:
    def __init__(self) -> None:
        self.paid: dict[str, tuple[str, int]] = {}
        self.reads: list[str] = []
        self.busy = 0


def clerk(till: Till, terms: Any = None, *, calls: Any = (), **more: Any) -> Agent[str, Answer]:
    @tool.read(timeout=30, trust="trusted", retry=Retry(times=2, wait=0.001))
    async def get_order(id: str) -> Order:  # noqa: A002
        """One order."""
        till.reads.append(id)
        if till.busy:
            till.busy -= 1
            raise NotDone("busy")
        return Order(id=id, cents=100 * len(till.reads))

    @tool.write(timeout=30)
    async def refund(id: str, cents: int, *, key: CallKey) -> dict[str, str]:  # noqa: A002
        """Pay back."""
        till.paid.setdefault(key, (id, cents))
        return {"refund": f"re-{len(till.paid)}"}

    granted = {made: (terms or {}).get(made.name, {}) for made in (get_order, refund)}
    return Agent(
        name="clerk", task="Add up and pay.", takes=str, gives=Answer, models=["script:x"],
        tools={**granted, program("compute", calls=calls): {}}, **{"limits": {"usd": None}, **more},
    )  # fmt: skip


SUM = """
total = 0
seen = []
for name in ["a", "b", "c"]:
    order = get_order(name)
    total += order["cents"]
    seen.append(order["id"])
paid = refund(id="a", cents=total)
print("paid", total)
{"total": total, "seen": seen, "refund": paid["refund"]}
"""


def said(code: str = SUM) -> Any:
    return script(call("compute", code=code), done(total=600))


def run_all(store: Any, agent: Any, model: Any = None) -> Any:
    async def whole() -> Any:
        async with Runner.open(store, model=model or said()) as runner:
            run = await runner.start(agent, "go", key="once")
            return await run.result(), [entry.event for entry in await run.entries()], await run.state()

    return story(whole)


def test_each_call_of_a_program_is_a_call_of_the_run():
    till, store = Till(), MemoryJournal()
    found, events, state = run_all(store, clerk(till))
    assert isinstance(found, Done)
    asked = [event for event in events if isinstance(event, CallAsked)]
    assert [(one.tool, one.ordinal) for one in asked] == [
        ("compute", 0), ("get_order", 1), ("get_order", 2), ("get_order", 3), ("refund", 4), ("done", 0),
    ]  # fmt: skip
    assert {one.within for one in asked[1:5]} == {next(seq for seq, event in enumerate(events, 1) if event is asked[0])}
    assert [event.ordinal for event in events if isinstance(event, ProgramCalled)] == [1, 2, 3, 4]
    assert list(till.paid.values()) == [("a", 600)]
    assert till.reads == ["a", "b", "c"]
    result = next(
        event
        for event in events
        if isinstance(event, CallReturned) and event.digest and "printed" in (event.result.value or "")
    )
    assert result.result.value == {
        "value": {"total": 600, "seen": ["a", "b", "c"], "refund": "re-1"},
        "printed": "paid 600\n",
    }
    assert state.spent.retries == 0
    assert state.counted == {"compute": 1, "get_order": 3, "refund": 1}
    check(store)


REVIEWED = {"refund": {"review": [{"because": "people decide", "by": "finance"}]}}


def test_a_program_waits_for_a_person_and_goes_on_elsewhere_with_its_variables():
    till, store = Till(), MemoryJournal()
    agent = clerk(till, REVIEWED)
    found, _, _ = run_all(store, agent)
    assert isinstance(found, Waiting)
    assert found.on == "finance"
    assert till.reads == ["a", "b", "c"]

    async def elsewhere() -> Any:
        async with Runner.open(store, agents=[agent], model=said(), drives=False) as runner:
            run = runner.run(found.run, agent)
            question = next(iter((await run.state()).questions))
            await runner.answer(found.run, question, "approve", by="bob", roles=["finance"])
            return await run.result()

    assert isinstance(story(elsewhere), Done)
    assert till.reads == ["a", "b", "c"], "what was answered is not asked again"
    assert list(till.paid.values()) == [("a", 600)]


def test_what_a_person_denies_is_an_error_in_the_program():
    till, store = Till(), MemoryJournal()
    agent = clerk(till, REVIEWED)
    code = (
        'try:\n    refund(id="a", cents=5)\n    out = "paid"\nexcept RuntimeError as error:\n    out = str(error)\nout'
    )
    found, _, _ = run_all(store, agent, said(code))

    async def deny() -> Any:
        async with Runner.open(store, agents=[agent], model=said(code), drives=False) as runner:
            run = runner.run(found.run, agent)
            await runner.answer(
                found.run, next(iter((await run.state()).questions)), "deny", by="bob", text="no", roles=["finance"]
            )
            await run.result()
            return (await run.state()).transcript

    assert any("bob denied this: no" in getattr(one, "text", "") for one in story(deny))
    assert till.paid == {}


def _appends() -> int:
    mortal = Mortal(MemoryJournal(), 10**9, keeps=False)
    run_all(mortal, clerk(Till()))
    return mortal.appends


APPENDS = _appends()


@pytest.mark.parametrize("keeps", [False, True], ids=["lost", "kept"])
@pytest.mark.parametrize("dies_at", range(1, APPENDS + 1))
def test_a_death_at_any_append_changes_nothing_of_what_a_program_does(dies_at, keeps):
    till, store = Till(), MemoryJournal()
    agent = clerk(till)
    with contextlib.suppress(JournalError, TimeoutError):
        run_all(Mortal(store, dies_at, keeps=keeps), agent)
    found, events, _ = run_all(store, agent)
    assert isinstance(found, Done)
    assert len(till.paid) == 1, "one effect, under one key"
    asked = [event for event in events if isinstance(event, CallAsked) and event.within]
    assert [one.ordinal for one in asked] == [1, 2, 3, 4]
    check(store)


def test_a_read_that_fails_is_tried_again_as_any_and_the_program_does_not_notice():
    till = Till()
    till.busy = 2
    found, events, state = run_all(MemoryJournal(), clerk(till), said('get_order("a")["id"]'))
    assert isinstance(found, Done)
    assert till.reads == ["a", "a", "a"]
    assert [event for event in events if isinstance(event, CallFailed)]
    assert state.spent.retries == 2


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("1 / 0", "ZeroDivisionError"), ("while True: pass", "time"), ("def", "syntax"), ("import socket", "socket"),
        ('get_order(5)["id"]', "do not fit"), ("refund(id='a')", "cents"), ("nobody()", "nobody"),
        ("print('x' * 100)\n1 / 0", "It had printed"),
    ],
)  # fmt: skip
def test_a_program_that_breaks_is_told_to_the_model_and_ends_nothing(code, told):
    found, _, state = run_all(MemoryJournal(), clerk(Till()), said(code))
    assert isinstance(found, Done)
    assert any(told in getattr(one, "text", "") for one in state.transcript)


def test_a_program_calls_what_its_contract_lets_it_and_nothing_else():
    till = Till()
    found, _, state = run_all(MemoryJournal(), clerk(till, calls=["get_order"]), said('refund(id="a", cents=1)'))
    assert isinstance(found, Done)
    assert till.paid == {}
    assert any("refund" in getattr(one, "text", "") for one in state.transcript)


def test_what_a_program_read_is_evidence_for_what_it_calls():
    till = Till()
    terms = {"refund": {
        "needs": {"get_order": {"id": "args.id"}},
        "must": [{"that": "args.cents <= seen.get_order.cents", "because": "no more than was paid"}],
    }}  # fmt: skip
    code = 'refund(id="a", cents=get_order("a")["cents"])'
    assert isinstance(run_all(MemoryJournal(), clerk(till, terms), said(code))[0], Done)
    assert list(till.paid.values()) == [("a", 100)]
    other = Till()
    _, _, state = run_all(MemoryJournal(), clerk(other, terms), said('refund(id="a", cents=5)'))
    assert other.paid == {}
    assert any("read get_order" in getattr(one, "text", "") for one in state.transcript)


def test_a_limit_on_calls_counts_those_of_programs_too():
    till = Till()
    code = 'get_order("a")\nget_order("b")\nget_order("c")'
    _, _, state = run_all(MemoryJournal(), clerk(till, {"get_order": {"at_most": 2}}), said(code))
    assert till.reads == ["a", "b"]
    assert any("may be called twice" in getattr(one, "text", "") for one in state.transcript)


def test_a_program_that_goes_another_way_stops_the_run(monkeypatch):
    """Its record was made by another one: as if the code in the journal had been changed."""
    from holdfast.shell import programs as executed

    till, store = Till(), MemoryJournal()
    agent = clerk(till, REVIEWED)
    found, _, _ = run_all(store, agent)
    real = executed.made_by

    def other(state: Any, one: Any) -> Any:
        import msgspec

        return [
            msgspec.structs.replace(made, tool="refund") if made.ordinal == 2 else made for made in real(state, one)
        ]

    monkeypatch.setattr(executed, "made_by", other)

    async def go_on() -> Any:
        async with Runner.open(store, agents=[agent], model=said(), drives=False) as runner:
            run = runner.run(found.run, agent)
            await runner.answer(
                found.run, next(iter((await run.state()).questions)), "approve", by="bob", roles=["finance"]
            )
            return await run.result()

    ended = story(go_on)
    assert "went another way" in ended.why
    assert type(ended).__name__ == "Failed"


def test_simulated_writes_of_programs_are_not_carried_out():
    till = Till()

    async def whole() -> Any:
        async with Runner.open(MemoryJournal(), model=said(), mode="simulate") as runner:
            return await (await runner.start(clerk(till), "go")).result()

    asyncio.run(whole())
    assert till.paid == {}


def test_what_a_program_read_is_no_evidence_for_what_a_model_asks_for_that_saw_nothing_of_it():
    till = Till()
    terms = {"refund": {"needs": {"get_order": {"id": "args.id"}}}}
    model = script(call("compute", code='get_order("a")\n"fine"'), call("refund", id="a", cents=1), done(total=0))
    found, _, state = run_all(MemoryJournal(), clerk(till, terms), model)
    assert isinstance(found, Done)
    assert till.paid == {}
    assert any("read get_order" in getattr(one, "text", "") for one in state.transcript)


def test_a_program_that_may_call_what_is_not_there_is_an_error_of_the_contract():
    with pytest.raises(ContractError, match="there is no tool called get_ordr"):
        clerk(Till(), calls=["get_ordr"])
