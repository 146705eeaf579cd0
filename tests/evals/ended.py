"""Runs that came to rest, for graders: told by hand over the real core, with a case that expects something of them."""

from __future__ import annotations

from typing import Any

from holdfast.evals.cases.case import parse
from holdfast.evals.cases.world import Effect
from holdfast.evals.grading.finished import Finished
from holdfast.events import Price
from holdfast.models.scripted import Call, call, done
from tests.core.story import Story, desk, order, refund

OK = done(status="ok")
LOOK = call("get_order", order="A-1")
ORDER = {"order": "A-1", "paid": 1290}


def pay(cents: int = 1290, order: str = "A-1") -> Call:
    return call("refund", order=order, cents=cents)


def agent(*tools: Any, **terms: Any) -> Any:
    return desk(*(tools or (order(), refund())), **terms)


def play(of: Any, *turns: Any, results: Any = None, approves: bool = False, given: Any = None, **opened: Any) -> Story:
    """A run of an agent whose model answers these turns. results: tool → value; where it is a list, the next of it."""
    run = Story(of, given, **({"prices": {"first": Price(0, 0)}} | opened))
    values = {"get_order": ORDER, "refund": {"id": "re_1", "cents": 1290}} | (results or {})
    answers = iter(turns)
    for _ in range(200):
        head = run.state.seq
        run.settle_down()
        if run.state.seq > head:
            continue
        wanted = run.world()
        for word in wanted:
            tool = word.removeprefix("run ")
            if word == "ask":
                parts = next(answers, None)
                if parts is None:
                    return run
                run.answers(*(parts if isinstance(parts, list) else [parts]), cost=1_000_000)
            else:
                value = values[tool]
                run.returns(value.pop(0) if isinstance(value, list) else value, tool)
        if not wanted:
            if not (approves and run.state.questions):
                return run
            run.person("approve")
    raise AssertionError("a run that never comes to rest")


def ended(run: Story, *effects: tuple[str, dict[str, Any]], **expect: Any) -> Finished:
    """What graders look at, of a run as it stands."""
    case = parse({"name": "one", "input": run.state.input, "state": {}, "expect": expect}, "one")
    return Finished(case, run.state, run.entries, [Effect(tool, args) for tool, args in effects])


def whys(grader: Any, finished: Finished) -> list[str]:
    """What a grader says; that every sentence is one line and every place an entry is looked at here, for all of them."""
    misses = list(grader(finished))
    for miss in misses:
        assert len(miss.why.splitlines()) == 1, miss.why
        assert miss.seqs, miss
        assert all(0 < seq <= len(finished.entries) for seq in miss.seqs), miss
    return [miss.why for miss in misses]
