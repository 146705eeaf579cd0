"""One open question: what would be done, who may say so until when, what it rests on, what changed, what each answer leads to."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from holdfast import call, tool
from holdfast.core.fold import fold_all
from holdfast.errors import UsageError
from holdfast.events import CallAsked, Inline
from holdfast.journal.memory import MemoryJournal
from holdfast.tool import CallKey, Unknown
from holdfast.views.desk import matter, matters, way
from tests.histories.scene import asked, story
from tests.shell.bench import OK, START, Bank, Clock, Request, clerk, opened

HOUR = 3_600_000_000


class Till:
    """Orders that can change, and what was paid back."""

    def __init__(self) -> None:
        self.order: dict[str, Any] = {
            "customer": "c-1",
            "paid_cents": 40000,
            "left_cents": 30000,
            "status": "late",
            "days": 9,
        }
        self.refunded: list[int] = []
        self.dead = False

    @property
    def tools(self) -> tuple[Any, Any]:
        @tool.read(name="get_bill", timeout=5)
        async def get_bill(order: str) -> dict[str, Any]:
            """What was paid for one order."""
            return dict(self.order)

        @tool.write(timeout=5)
        async def refund(order: str, cents: int, reason: str = "late") -> dict[str, int]:
            """Pay something back."""
            if self.dead:
                raise Unknown("the line went dead")
            self.refunded.append(cents)
            return {"refunded": cents}

        return get_bill, refund


READ = call("get_bill", order="A-1017")
REFUND = call("refund", order="A-1017", cents=25900, reason="late")
TERMS: dict[str, Any] = {
    "needs": {"get_bill": {"order": "args.order"}}, "fresh": "10m",
    "must": [
        {"that": "args.cents <= seen.get_bill.left_cents", "because": "never more than is left"},
        {"that": 'args.reason != "late" || seen.get_bill.days >= 5', "because": "late only from 5 days on"},
        {"that": 'args.reason != "lost" || seen.get_bill.status == "lost"', "because": "lost parcels have to be lost"},
        {"that": "args.cents < 9000000", "because": "not the whole bank", "secret": True},
    ],
    "review": [{"when": "args.cents > 10000", "because": "big sums need a person", "by": "finance", "within": "1h"}],
    "amendable": ["cents"],
}  # fmt: skip


def terms(**changed: Any) -> dict[str, Any]:
    review = {
        **TERMS["review"][0],
        **{name: changed.pop(name) for name in ("people", "then", "within", "by") if name in changed},
    }
    return {**TERMS, "review": [{name: value for name, value in review.items() if value is not None}], **changed}


def told(
    turns: Any, act: Any = None, *, given: Any = None, mode: Any = "live", till: Till | None = None, after: float = 60
) -> Any:
    """The one open question of a run (or all, as a tuple), `after` seconds later. act(runner, run, clock, till): what people do before."""

    async def work() -> Any:
        desk, clock = till or Till(), Clock()
        async with opened(MemoryJournal(clock=clock), *turns, mode=mode) as runner:
            agent = clerk(Bank(), *desk.tools, terms={"refund": given or TERMS})
            run = await runner.start(agent, Request(order="A-1017"), by="ann", on_behalf_of="c-1")
            await run.result()
            if act is not None:
                await act(runner, run.name, clock, desk)
            entries = await runner.entries(run.name)
            found = matters(entries, now=clock() + round(after * 1e6))
            state = fold_all(entries)
            for one in found:
                if one.about != "question":
                    assert {each.name for each in one.who.barred} == state.speakers
            return found[0] if len(found) == 1 else found

    return story(work)


def by_name(found: Any) -> dict[str, Any]:
    return {one.name: one for one in found}


# ------------------------------------------------------------------------------------------------------- what, why, who


def test_the_action_its_clause_and_who_may_decide_until_when():
    one = told([READ, REFUND, OK])
    assert one.action == 'refund: 259.00 (25,900 cents), order "A-1017", reason "late"'
    assert [(clause.because, clause.rule) for clause in one.clauses] == [
        ("big sums need a person", "tools.refund.review[0]")
    ]
    assert (one.who.role, one.who.people, one.who.lacking, one.who.voices) == ("finance", 1, 1, ())
    assert [(each.name, each.why) for each in one.who.barred] == [("ann", "opened it"), ("c-1", "it is for them")]
    assert one.ends.until == START + HOUR
    assert one.ends.leads_to == "it is refused, and the agent is told that nobody decided in time"
    assert "exactly as shown" in way(one, "approve").leads_to
    assert way(one, "deny").command == f'holdfast review deny {one.run} {one.question} --as NAME --text "…"'


def test_an_expiry_leads_to_the_next_role_in_words_and_says_whom_it_stands_for():
    one = told([READ, REFUND, OK], given=terms(then="ask: chief"))
    assert one.ends.leads_to == "chief is asked instead"

    async def expire(runner: Any, run: str, clock: Clock, till: Till) -> None:
        clock.pass_time(3601)
        await runner.drive(run)

    one = told([READ, REFUND, OK], expire, given=terms(then="ask: chief"))
    assert (one.who.role, one.who.stands_for) == ("chief", "finance")
    assert "Nobody decided in time." in [sentence.text for sentence in one.before]


def test_an_end_that_has_passed_is_said():
    one = told([READ, REFUND, OK], after=7200)
    assert one.ends.over
    assert not told([READ, REFUND, OK], given=terms(within=None)).ends.until


def test_two_people_say_who_has_and_how_many_more():
    async def first(runner: Any, run: str, clock: Clock, till: Till) -> None:
        await runner.answer(
            run, await asked(runner, run, "review"), "approve", by="rita", text="looks right", roles=["finance"]
        )

    one = told([READ, REFUND, OK], given=terms(people=3))
    assert way(one, "approve").leads_to == "yours is one voice; 2 more people of finance have to say yes too"
    one = told([READ, REFUND, OK], first, given=terms(people=2))
    assert [(voice.by, voice.verdict, voice.text) for voice in one.who.voices] == [("rita", "approve", "looks right")]
    assert one.who.lacking == 1
    assert "exactly as shown" in way(one, "approve").leads_to


def test_an_amendment_counts_for_its_new_version_and_says_what_it_was():
    async def amend(runner: Any, run: str, clock: Clock, till: Till) -> None:
        seq = await asked(runner, run, "review")
        await runner.answer(run, seq, "approve", by="rita")
        await runner.amend(run, seq, {"cents": 20000}, by="raul")
        await runner.drive(run)

    one = told([READ, REFUND, OK], amend, given=terms(people=2))
    assert [(voice.by, voice.verdict) for voice in one.who.voices] == [("raul", "amend")]
    assert (one.version, one.who.lacking) == (2, 1)
    assert [(each.name, each.before, each.after, each.by) for each in one.amended] == [("cents", 25900, 20000, "raul")]
    assert by_name(one.arguments)["cents"].source == "raul put it there in the review"
    assert ("raul", "changed cents") in [(each.name, each.why) for each in one.who.barred]


def test_simulated_writes_are_said_to_be_recorded_only():
    one = told([READ, REFUND, OK], mode="simulate")
    assert way(one, "approve").leads_to == "it is recorded, and not carried out: this run only simulates"


def test_a_claim_says_who_is_at_it_and_a_question_back_is_told():
    async def look(runner: Any, run: str, clock: Clock, till: Till) -> None:
        seq = await asked(runner, run, "review")
        await runner.claim(run, seq, by="rita")
        await runner.ask_back(run, seq, "was it the blue one?", by="rita", to="requester")

    one = told([READ, REFUND, OK], look)
    assert (one.who.claimed, one.who.claimed_at) == ("rita", START)
    assert [sentence.text for sentence in one.before] == ["rita asked back the requester: “was it the blue one?”"]


# ------------------------------------------------------------------------------------------------------ where from, on what


def test_each_argument_says_where_it_came_from():
    def computed(request: Any) -> Any:
        return call("refund", order="A-1017", cents=12345, reason="late")

    arguments = by_name(told([READ, computed, OK]).arguments)
    assert (arguments["order"].source, arguments["order"].trust) == ("from the request", "requester")
    assert arguments["reason"].source == f"get_bill, entry {arguments['reason'].entries[0]}, untrusted"
    assert arguments["cents"].source == "the model's own; computed values cannot be traced"
    short = told([READ, call("refund", order="A-1017", cents=25900, reason="ok"), OK])
    assert by_name(short.arguments)["reason"].source == "the model's own, or too short to be traced"
    assert (arguments["cents"].money, arguments["cents"].amendable, arguments["order"].amendable) == (
        "123.45",
        True,
        False,
    )


def test_readings_show_the_fields_that_conditions_bearing_on_this_call_used():
    one = told([READ, REFUND, OK])
    (reading,) = one.readings
    assert {field.name: (field.value, field.money) for field in reading.fields} == {
        "left_cents": (30000, "300.00"), "days": (9, ""),
    }  # fmt: skip
    assert (reading.others, reading.trusted, reading.age, reading.fresh) == (
        ("status",),
        False,
        60_000_000,
        600_000_000,
    )
    assert reading.value.value["customer"] == "c-1"
    bears = {held.because: held.bears for held in one.held}
    assert bears == {
        "never more than is left": True, "late only from 5 days on": True, "lost parcels have to be lost": False, "not the whole bank": True,
    }  # fmt: skip
    assert [held.secret for held in one.held] == [False, False, False, True]
    saw = next(held for held in one.held if held.because == "never more than is left").saw
    assert [(each.name, each.value) for each in saw] == [("args.cents", 25900), ("seen.get_bill.left_cents", 30000)]


# ----------------------------------------------------------------------------------------------------------- what changed


def test_evidence_that_changed_is_shown_field_by_field_what_rules_read_first():
    async def change(runner: Any, run: str, clock: Clock, till: Till) -> None:
        clock.pass_time(1800)
        till.order |= {"left_cents": 26000, "note": "call her"}
        await runner.answer(run, await asked(runner, run, "review"), "approve", by="rita")
        await runner.drive(run)
        assert till.refunded == []

    one = told([READ, REFUND, OK], change)
    assert [(each.field, each.before, each.after, each.used, each.later) for each in one.changes] == [
        ("left_cents", 30000, 26000, True, False), ("note", None, "call her", False, False),
    ]  # fmt: skip
    assert one.changes[0].entries == (7, one.readings[0].entry)
    assert one.who.voices == ()
    assert any("rita approved it" in sentence.text for sentence in one.before)


def test_nothing_is_said_to_have_changed_where_nothing_has():
    assert told([READ, REFUND, OK]).changes == ()


def test_what_the_requester_wrote_since_is_told_with_its_text():
    async def write(runner: Any, run: str, clock: Clock, till: Till) -> None:
        entries = await runner.entries(run)
        runner._fleet.drives = False
        await runner.say(run, "leave it, I found the parcel", by="c-1")
        assert len(await runner.entries(run)) == len(entries) + 1

    one = told([READ, REFUND, OK], write)
    assert [(each.by, each.text.value) for each in one.since] == [("c-1", "leave it, I found the parcel")]
    assert one.heard == ()


# ---------------------------------------------------------------------------------------------------- doubts, and the rest


def test_a_doubt_says_what_was_done_and_what_each_ruling_leads_to():
    till = Till()
    till.dead = True
    one = told([READ, call("refund", order="A-1017", cents=500, reason="late"), OK], till=till)
    assert (one.about, one.doubt.ended, one.doubt.looked) == ("doubt", True, ())
    assert "the line went dead" in one.doubt.attempts[0].text
    assert [each.verdict for each in one.ways] == ["happened", "did_not", "settle_stop"]
    assert way(one, "did_not").leads_to == "it counts as not done; the agent is told, and may ask for it again"
    assert way(one, "settle_stop").command.endswith("--as NAME --stop")


def test_a_keyed_write_in_doubt_would_start_again_under_its_key():
    @tool.write(timeout=5)
    async def send(order: str, *, key: CallKey) -> dict[str, str]:
        """Send something."""
        raise Unknown("no answer")

    async def work() -> None:
        clock = Clock()
        async with opened(MemoryJournal(clock=clock), call("send", order="A-1017"), OK) as runner:
            run = await runner.start(clerk(Bank(), send, limits={"retries": 0}), Request(order="A-1017"), by="ann")
            await run.result()
            (one,) = matters(await runner.entries(run.name), now=clock())
            assert "under the same key" in way(one, "did_not").leads_to
            (late,) = matters(await runner.entries(run.name), now=clock() + 90 * 24 * HOUR)
            assert "may ask for it again" in way(late, "did_not").leads_to

    story(work)


def test_calls_of_one_answer_are_one_plan_in_asked_order():
    other = call("refund", order="A-1017", cents=11000, reason="late")
    first, second = told([READ, [other, REFUND], OK])
    assert [(each.number, each.action[:14], each.question) for each in first.plan] == [
        (1, "refund: 110.00", first.question), (2, "refund: 259.00", second.question),
    ]  # fmt: skip
    assert (first.number, second.number, first.plan == second.plan) == (1, 2, True)
    assert "after number 1" in way(second, "approve").leads_to
    assert told([READ, REFUND, OK]).plan == ()


def test_a_question_that_is_not_open_is_said_to_be_none():
    async def work() -> None:
        async with opened(MemoryJournal(), READ, OK) as runner:
            run = await runner.start(clerk(Bank(), *Till().tools), Request(order="A-1017"), by="ann")
            await run.result()
            entries = await runner.entries(run.name)
            assert matters(entries, now=0) == ()
            with pytest.raises(UsageError, match="question 3 is not open"):
                matter(entries, 3, now=0)

    story(work)


def test_people_above_the_run_are_barred_with_the_run_they_did_it_in():
    async def work() -> None:
        async with opened(MemoryJournal(), READ, REFUND, OK) as runner:
            agent = clerk(Bank(), *Till().tools, terms={"refund": TERMS})
            above = await runner.start(agent, Request(order="A-1017"), by="boss")
            run = await runner.start(agent, Request(order="B-1018"), by="ann")
            await above.result()
            await run.result()
            (one,) = matters(await runner.entries(run.name), now=START, above=[await runner.entries(above.name)])
            assert {each.name: each.run for each in one.who.barred} == {"ann": "", "boss": above.name}

    story(work)


# -------------------------------------------------------------------------------------------------- a day at the refund desk


def test_the_whole_day_of_the_desk_can_be_read_at_every_moment(desk):
    seen = 0
    for entries in desk.values():
        for upto in range(1, len(entries) + 1):
            if type(entries[upto - 1].event).__name__ != "PersonAsked":
                continue
            for one in matters(entries[:upto], now=entries[upto - 1].at):
                seen += 1
                plain = json.loads(msgspec.json.encode(msgspec.to_builtins(one, str_keys=True)))
                assert plain["ways"]
                assert all(each["leads_to"] and each["command"] for each in plain["ways"])
                assert one.action or not one.call
    assert seen > 10


def test_a_body_that_is_gone_is_said_to_be_gone(desk):
    entries = [
        msgspec.structs.replace(entry, event=msgspec.structs.replace(entry.event, args=Inline("⟨contact:1⟩")))
        if isinstance(entry.event, CallAsked) and entry.event.tool == "issue_refund" else entry
        for entry in desk["mail:0017"]
    ]  # fmt: skip
    upto = next(at for at, entry in enumerate(entries, 1) if type(entry.event).__name__ == "PersonAsked")
    (one,) = matters(entries[:upto], now=entries[upto - 1].at)
    assert one.action == "issue refund: ⟨contact:1⟩"
    assert [(argument.name, argument.value) for argument in one.arguments] == [("", "⟨contact:1⟩")]
