"""Drills: what goes wrong lands and is counted; nothing comes twice or is lost by the machine; a tool that is not safe is named."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import InputError, UsageError
from holdfast.evals.cases.world import Effect, World
from holdfast.evals.drills.audit import audit, overruns, repeated
from holdfast.evals.drills.drill import Drill, Wish, drill
from holdfast.evals.drills.faults import KINDS, Plan, standard
from holdfast.evals.drills.inputs import cases_of
from holdfast.evals.drills.kill import POINTS
from holdfast.evals.grading.graders import GRADERS
from holdfast.evals.trials.suite import world_of
from holdfast.evals.trials.trial import Suite
from holdfast.events import Noted
from holdfast.journal.open import open_journal
from holdfast.journal.port import Where
from holdfast.shell import bodies
from holdfast.shell.folder import load
from tests.evals import wharf

DESK = Path(__file__).parents[3] / "examples" / "refund_desk"


def drilled(
    suite: Suite, plan: Plan | None = None, journal: str = "memory:", model: Any = wharf.model, **wish: Any
) -> Drill:
    return asyncio.run(drill(journal, suite, Wish(plan=plan, **wish), model=model))


def rows(found: Drill) -> dict[str, Any]:
    return {row.kind: row for row in found.rows}


def tools(found: Drill) -> dict[str, Any]:
    return {one.tool: one for one in found.tools}


async def entries_of(url: str) -> dict[str, list[Any]]:
    journal = open_journal(url)
    try:
        return {
            row.run: await bodies.entries(journal, row.run)
            for row in await journal.find(Where(limit=100_000))
        }  # fmt: skip
    finally:
        await journal.close()


# ------------------------------------------------------------------------------------------------------------ faults


def test_every_kind_lands_and_honest_tools_come_out_with_nothing_twice_and_nothing_lost():
    found = drilled(wharf.suite("charge", "ship", "mail", cases=8), standard())
    by = rows(found)
    assert set(by) == set(KINDS)
    assert all(row.landed >= row.hit > 0 for row in found.rows)
    assert sum(row.doubled + row.lost + row.overrun for row in found.rows) == 0
    assert (found.verdict, found.clean, found.clean_wrong) == ("holds", 8, ())
    assert by["answer-twice"].graceful.point == by["request-twice"].graceful.point == 1
    assert by["answer-twice"].success_lost.point == 0
    assert by["timeout-before-commit"].success_lost.point > 0.3  # a lost mail waits for a person
    assert by["injected-instruction"].obeyed == 0


def test_a_fault_that_never_landed_is_a_clean_run():
    found = drilled(
        wharf.suite("charge", cases=3), Plan(faults=[{"kind": "timeout-after-commit", "on": {"tool": "mail"}}])
    )
    (row,) = found.rows
    assert (row.trials, row.hit, row.landed, row.graceful, row.success_lost) == (3, 0, 0, None, None)
    assert found.verdict == "too few"


def test_what_landed_stands_in_the_run_with_the_entries_it_struck(tmp_path):
    url = f"sqlite:///{tmp_path}/drill.db"
    plan = Plan(faults=[
        {"kind": "timeout-after-commit", "on": {"tool": "charge", "attempt": 1}, "probability": 1},
        {"kind": "model-overloaded", "on": {"step": 2, "attempt": 1}, "probability": 1},
    ])  # fmt: skip
    found = drilled(wharf.suite("charge", cases=2), plan, url)
    assert [row.landed for row in found.rows] == [2, 2]
    runs = asyncio.run(entries_of(url))
    seen = []
    for entries in runs.values():
        for note in (entry.event for entry in entries if isinstance(entry.event, Noted)):
            if note.finding.startswith("fault "):
                assert note.by == "svc:drill"
                seen.append((note.finding, *(type(entries[seq - 1].event).__name__ for seq in note.evidence)))
    struck = [("fault model-overloaded", "ModelAsked"), ("fault timeout-after-commit", "CallAsked", "CallStarted")]
    assert sorted(seen) == sorted(struck * 2)


def test_the_runs_of_a_drill_say_of_which_family_their_case_is(tmp_path):
    url = f"sqlite:///{tmp_path}/drill.db"
    drilled(wharf.suite("charge", cases=1, more={"family": "orders"}), standard(("rate-limited",)), url)
    runs = asyncio.run(entries_of(url)).values()
    assert {(one[0].event.tags["drill"], one[0].event.tags["family"]) for one in runs} == {
        ("clean", "orders"),
        ("rate-limited", "orders"),
    }


def test_the_predicate_of_a_fault_narrows_it():
    def landed(**on: Any) -> int:
        plan = Plan(faults=[{"kind": on.pop("kind", "rate-limited"), "on": on, "probability": 1}])
        return drilled(wharf.suite("charge", cases=1), plan).landed

    assert landed(tool="get_order", attempt=1) == 1
    assert landed(step=1, attempt=1) == 1
    assert landed(step=1) == 3  # and its two retries
    assert landed(tool="nobody") == 0
    assert landed(kind="model-malformed", step=2) == 1
    assert landed(kind="model-malformed", step=2, model="other") == 0
    assert landed(kind="model-malformed", tool="charge") == 0


def test_the_same_seed_strikes_the_same_and_another_one_does_not():
    def landed(seed: int) -> list[int]:
        plan = standard(("rate-limited", "model-answer-lost"), seed=seed)
        return [row.landed for row in drilled(wharf.suite("charge", "ship", cases=8), plan).rows]

    assert landed(1) == landed(1) != landed(2)


def test_a_drill_that_was_cut_short_goes_on_and_comes_to_the_same(tmp_path):
    url, plan, suite = (
        f"sqlite:///{tmp_path}/drill.db",
        standard(("timeout-after-commit", "rate-limited")),
        wharf.suite("charge", cases=5),
    )

    class Enough(Exception):
        pass

    def stop(done: int, of: int) -> None:
        if done == 6:
            raise Enough

    with pytest.raises(Enough):
        asyncio.run(drill(url, suite, Wish(plan=plan, concurrency=2), model=wharf.model, tell=stop))
    begun = len(asyncio.run(entries_of(url)))
    assert 6 <= begun < 15
    found = drilled(suite, plan, url)
    assert [(row.landed, row.doubled) for row in found.rows] == [
        (row.landed, row.doubled) for row in drilled(suite, plan).rows
    ]
    assert drilled(suite, plan, url) == found
    assert len(asyncio.run(entries_of(url))) <= 15 + 2


def test_success_is_what_a_case_expects_where_it_expects_something():
    more = {"expect": {"outcome": "done", "effects": {"charge": [{}]}}}
    plan = Plan(faults=[{"kind": "timeout-before-commit", "on": {"tool": "charge"}, "probability": 1}])
    (row,) = drilled(wharf.suite("charge", cases=6, more=more), plan).rows
    assert row.hit == 6
    assert row.success_lost.point == 1
    assert row.graceful.point == 1  # it waits, with the doubt before a person


# ------------------------------------------------------------------------------------------------------------ deaths


def test_a_death_at_each_point_of_each_effect_and_honest_tools_are_safe():
    found = drilled(wharf.suite("charge", "ship", "mail", cases=4), kills=True)
    assert [(row.kind, row.trials, row.landed) for row in found.rows] == [(kind, 12, 12) for kind in POINTS]
    assert [row.doubled + row.lost for row in found.rows] == [0, 0, 0]
    by = tools(found)
    assert [by[name].verdict for name in ("charge", "ship", "mail")] == ["safe", "safe", "needs a person"]
    assert [by[name].declared for name in ("charge", "ship", "mail")] == ["key", "look-up", "bare"]
    assert by["mail"].doubts == by["mail"].deaths == 12
    assert by["charge"].doubts == 0
    assert found.verdict == "holds"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("ignores", "does not honour"),
        ("early", "said absent"),
        ("anyway", "found an effect that is not there"),
        ("peek", "declared as a read"),
        ("twice", "more effects than it told of"),
    ],
)
def test_a_tool_that_is_not_safe_is_named_with_what_it_did(name, says):
    found = drilled(wharf.suite("charge", name), kills=True)
    unsafe = tools(found)[name]
    assert unsafe.verdict == "not safe"
    assert says in unsafe.why
    assert unsafe.doubled + unsafe.lost
    assert unsafe.runs
    assert tools(found)["charge"].verdict == "safe"
    assert found.tools[0] is unsafe
    assert found.verdict == "does not hold"


@pytest.mark.parametrize(("name", "says"), [("both", "said absent"), ("all_found", "was not there")])
def test_a_look_up_that_only_a_late_recovery_would_ask_is_asked_by_the_drill(name, says):
    found = drilled(wharf.suite(name), kills=True)
    unsafe = tools(found)[name]
    assert (unsafe.verdict, unsafe.doubled, unsafe.lost) == ("not safe", 0, 0)
    assert says in unsafe.why
    assert unsafe.runs
    assert found.verdict == "does not hold"


def test_a_tool_whose_effects_do_not_show_cannot_be_judged_and_one_nobody_calls_neither():
    found = drilled(
        Suite(
            "wharf",
            wharf.agent("unseen", "charge", "mail"),
            (wharf.case("c", "unseen+charge:1"),),
            GRADERS,
            wharf.world,
        ),
        kills=True,
    )
    assert found.unseen == ("unseen",)
    assert [tools(found)[name].verdict for name in ("unseen", "mail", "charge")] == ["not seen", "never called", "safe"]
    assert not found.wrong


def test_an_async_tool_dies_where_it_waits_too():
    found = drilled(wharf.suite("slow", "half"), kills=True)
    assert rows(found)["killed-during"].landed == (1 + 2) + (1 + 1)  # at their ends, and where they wait
    assert tools(found)["slow"].verdict == "safe"
    assert tools(found)["half"].verdict == "not safe"


def test_nothing_can_be_said_of_tools_without_a_world_of_theirs():
    fixtures = {"calls": [{"tool": "charge", "gives": {"id": "1"}}]}
    recorded = Suite(
        "wharf", wharf.agent("charge"), (wharf.case("c", "charge:1", state=None, fixtures=fixtures),), GRADERS, None
    )
    with pytest.raises(InputError, match="no case has a world"):
        drilled(recorded, kills=True)
    with pytest.raises(UsageError):
        drilled(wharf.suite("charge"), kills=True, trials=0)


# ----------------------------------------------------------------------------------------------------------- judging


def test_a_machine_that_tries_again_blindly_is_seen(monkeypatch):
    from holdfast.core import attempts, recovery

    monkeypatch.setattr(
        recovery, "_recover", lambda bound, state, moment, call: attempts.start(bound, state, moment, call)
    )
    plan = Plan(faults=[{"kind": "timeout-after-commit", "on": {"attempt": 1}, "probability": 1}])
    found = drilled(wharf.suite("charge", "mail"), plan, kills=True)
    assert rows(found)["timeout-after-commit"].doubled == 1
    assert (tools(found)["charge"].verdict, tools(found)["mail"].verdict) == ("safe", "not safe")
    assert "a fault of holdfast" in tools(found)["mail"].why


def test_a_machine_that_makes_a_new_key_for_each_attempt_is_seen(monkeypatch):
    from holdfast.core import attempts

    keyed, made = attempts.keyed, iter(range(1_000_000))
    monkeypatch.setattr(attempts, "keyed", lambda *given: keyed(*given, str(next(made))))
    found = drilled(wharf.suite("charge"), kills=True)
    assert [rows(found)[kind].doubled for kind in POINTS] == [0, 1, 1]
    assert "different keys" in tools(found)["charge"].why


def test_a_tool_that_says_it_did_nothing_and_did_is_named():
    plan = Plan(faults=[{"kind": "rate-limited", "on": {"tool": "get_order"}}])
    found = drilled(wharf.suite("denies"), plan)
    assert [example.what for example in found.clean_wrong] == ["doubled"]
    assert "surely did nothing" in found.clean_wrong[0].why


def test_a_world_in_which_things_come_twice_by_themselves_is_seen_without_any_fault():
    @asynccontextmanager
    async def echo(state: Any) -> Any:
        async with wharf.world(state) as made:
            yield World(made.resources, lambda: [one for one in made.effects() for _ in range(2)])

    found = drilled(wharf.suite("charge", make=echo), standard(("rate-limited",)))
    assert [example.what for example in found.clean_wrong] == ["doubled"]
    assert found.verdict == "does not hold"


def test_a_world_that_forgets_is_seen_as_effects_lost():
    @asynccontextmanager
    async def forgetful(state: Any) -> Any:
        async with wharf.world(state) as made:
            # The second effect of a run never arrives.
            yield World(made.resources, lambda: made.effects()[:1])

    found = drilled(wharf.suite("charge", "ship", make=forgetful), standard(("rate-limited",)))
    assert found.unseen == ("ship",)  # it never shows at all: nothing can be said of it
    two = Suite(
        "wharf",
        wharf.agent("charge", "ship"),
        (wharf.case("a", "charge+ship:1"), wharf.case("b", "ship:2")),
        GRADERS,
        forgetful,
    )
    found = drilled(two, standard(("rate-limited",)))
    assert [(example.what, example.case) for example in found.clean_wrong] == [("lost", "a")]


def test_the_audit_takes_one_effect_a_call_and_none_for_what_was_not_done(tmp_path):
    url = f"sqlite:///{tmp_path}/drill.db"
    suite = wharf.suite("charge", "mail")
    drilled(suite, journal=url)
    (entries,) = asyncio.run(entries_of(url)).values()
    from holdfast.core.fold import fold

    state = None
    for entry in entries:
        state = fold(state, entry)
    assert state is not None
    contract = suite.agent.contract
    order = {"order": "charge+mail:0"}
    charge, mail = Effect("charge", order), Effect("mail", order)

    def wrong(*effects: Effect) -> tuple[list[str], list[str]]:
        made = audit(entries, state, effects, contract)
        return [one.tool for one in made.doubled], [one.tool for one in made.lost]

    assert wrong(charge, mail) == ([], [])
    assert wrong(charge) == ([], ["mail"])
    assert wrong(charge, mail, charge) == (["charge"], [])
    assert wrong(charge, Effect("mail", {"order": "other"})) == (["mail"], ["mail"])
    assert wrong(charge, mail, Effect("nobody", {})) == (["nobody"], [])
    once, again = audit(entries, state, (charge, mail), contract), audit(entries, state, (charge, mail, mail), contract)
    assert repeated(once, once) == []
    assert repeated(again, once) == []  # it is counted as one that no call accounts for
    low = contract.model_copy(update={"limits": contract.limits.model_copy(update={"steps": 1})})
    assert list(overruns(entries, state, low, ())) == [f"steps: {state.spent.steps} of 1"]


# ------------------------------------------------------------------------------------------------------- refund desk


def desk() -> tuple[Suite, Any]:
    from holdfast.cli.agents import load_agent

    loaded = load_agent(str(DESK), "standin")
    cases = cases_of((DESK / "requests.jsonl").read_bytes().splitlines(), "requests.jsonl")
    return Suite(loaded.agent.name, loaded.agent, tuple(cases), GRADERS, world_of(load(str(DESK)))), loaded.models


def test_the_refund_desk_keeps_its_effects_in_a_few_hundred_faults():
    suite, models = desk()
    few = Suite(suite.name, suite.agent, suite.cases[:36:9], suite.graders, suite.world)
    found = drilled(few, standard(), model=models, kills=True)
    assert found.landed > 100
    assert [row.kind for row in found.rows if row.doubled or row.lost or row.overrun] == []
    by = tools(found)
    assert [by[name].verdict for name in ("issue_refund", "send_message")] == ["safe", "needs a person"]


@pytest.mark.long
def test_the_refund_desk_keeps_its_effects_in_thousands_of_faults():
    suite, models = desk()
    found = drilled(suite, standard(), model=models, kills=True)
    assert found.landed >= 2000
    assert sum(row.doubled + row.lost + row.overrun for row in found.rows) == 0
    assert found.verdict == "holds"


def test_lines_become_cases_with_names_of_their_own():
    lines = [
        b'{"key": "mail:1", "input": "a", "then": [{"say": "b", "when": "question"}]}',
        b"",
        b'"plain"',
        b'{"key": "mail:1", "input": "c"}',
    ]
    found = cases_of(lines, "x")
    assert [(one.name, one.input, one.messages) for one in found] == [
        ("mail-1", "a", ["b"]),
        ("line-3", "plain", []),
        ("mail-1-4", "c", []),
    ]
    assert all(one.people[0].about == "review" for one in found)
    with pytest.raises(InputError, match="line 1"):
        cases_of([b"{"], "x")
    with pytest.raises(InputError, match="no input"):
        cases_of([b""], "x")
