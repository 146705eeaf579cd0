"""Cases from runs: a day's runs come back as cases that pass with the same stand-in, and what is expected is what was said."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from holdfast import Agent, Runner, tool
from holdfast.cli import main, reading
from holdfast.cli.agents import load_agent
from holdfast.errors import InputError, UsageError
from holdfast.evals.cases.case import Case, parse
from holdfast.evals.cases.from_run import Drawn, case_of, drawn, written
from holdfast.evals.cases.placeholders import Placeholders
from holdfast.evals.grading.graders import GRADERS
from holdfast.evals.trials.trial import Suite, playing
from holdfast.journal.port import Where
from holdfast.models.scripted import ask, call, done, script
from holdfast.tool import Call, CallKey, NotDone, Partial, Refused, Retry, Unknown
from holdfast.views.failures import clusters, key_of, read
from holdfast.views.trace import trace

DESK = Path(__file__).parents[3] / "examples" / "refund_desk"


def again(made: Drawn) -> Case:
    """A case as its file gives it back."""
    return parse(YAML(typ="safe", pure=True).load(written(made)), "the file")


def played(agent: Agent[Any, Any], model: Any, *cases: Case) -> dict[str, Any]:
    async def play() -> dict[str, Any]:
        async with playing("memory:", Suite("again", agent, cases, GRADERS), model=model) as player:
            return {trial.case: trial async for trial in player.play(1)}

    return asyncio.run(play())


# ------------------------------------------------------------------------------------------------- a day at the desk


@pytest.fixture(scope="module")
def day(tmp_path_factory) -> dict[str, Any]:
    """Request key → the entries of its run, of all requests of a day."""
    place = tmp_path_factory.mktemp("day")
    url = f"sqlite:///{place}/journal.db"
    batch = ["run", str(DESK), "--batch", str(DESK / "requests.jsonl"), "--concurrency", "16", "--model", "standin"]
    main([*batch, "--setting", f"shop={place}/shop.db", "--journal", url, "--json"])

    async def read_all() -> dict[str, Any]:
        async with reading.looking(url) as journal:
            rows = await journal.find(Where(agent="refund-desk", limit=1000))
            return {row.key: await reading.entries(journal, row.run) for row in rows}

    return asyncio.run(read_all())


UNASKED = {"mail:0019"}
"""Here the customer writes while finance is to decide: a case has no moment for that, and says so."""


def test_every_run_of_the_day_is_a_case_that_reads_back_and_passes_with_the_same_stand_in(day):
    made = {key: drawn(entries, as_is=True, name=key.replace(":", "-")) for key, entries in day.items()}
    assert len(made) > 55
    assert all(again(one) == one.case for one in made.values())
    loaded = load_agent(str(DESK), "standin")
    trials = played(loaded.agent, loaded.models, *(one.case for key, one in made.items() if key not in UNASKED))
    failed = {name: (one.trouble, one.misses) for name, one in trials.items() if not one.passed}
    assert failed == {}
    for key in UNASKED:
        assert any("without being waited for" in one for one in made[key].remarks)


def test_nobody_is_named_in_any_of_them(day):
    for entries in day.values():
        made = drawn(entries)
        whom = entries[0].event.on_behalf_of
        assert whom not in written(made)
        assert made.case.on_behalf_of == made.case.input["customer_id"] != whom
        assert made.replaced == 1


def test_a_run_that_nobody_judged_expects_only_that_a_bad_end_is_not_repeated(day):
    stopped = drawn(day["mail:0055"])
    assert not stopped.judged
    assert stopped.case.expect.model_dump(exclude_defaults=True) == {
        "outcome": ["done", "declined", "escalated"], "findings": ["output contract violated"],
    }  # fmt: skip
    assert stopped.case.origin.finding == "14"
    assert set(stopped.open) == {"outcome", "output", "effects"}
    lines = written(stopped).splitlines()
    at = lines.index("expect:")
    assert lines[at + 1] == "  # outcome: nobody said how it should have ended, only not so: it ended as stopped"
    loaded = load_agent(str(DESK), "standin")
    (trial,) = played(loaded.agent, loaded.models, stopped.case).values()
    assert (trial.passed, {miss.grader for miss in trial.misses}) == (False, {"outcome", "findings"})
    assert drawn(day["mail:0001"]).case.expect == drawn(day["mail:0001"]).case.expect.__class__()


def test_a_cluster_is_covered_by_the_key_that_a_case_of_it_has(day):
    readings = [read(entries) for entries in day.values()]
    case = case_of(day["mail:0055"])
    found = clusters(readings, {"refund-desk": {case.origin.finding}, "other": {"13 steps"}})
    assert [key_of(one) for one in found if one.covered] == ["14"]
    assert not any(one.covered for one in clusters(readings))


def test_another_finding_than_the_earliest_can_be_chosen(day):
    entries = day["mail:0059"]
    keys = {key_of(one) for one in read(entries).findings}
    assert {"13 steps", "1 get_order"} <= keys
    assert case_of(entries, finding="13 steps").origin.finding == "13 steps"
    with pytest.raises(InputError, match="nothing called 19 was found in it"):
        drawn(entries, finding="19")


# --------------------------------------------------------------------------------------------- a desk made to be bent


class Receipt(BaseModel):
    cents: int
    sentence: str


class Paid(BaseModel):
    id: str
    cents: int


class Half(BaseModel):
    rows: list[int]
    of: int


class Till:
    """Answers as it was told to, one after another."""

    def __init__(self, *looks: Any, pays: tuple[Any, ...] = ()) -> None:
        self.looks, self.pays = list(looks), list(pays)


def with_(till: Till) -> Any:
    @asynccontextmanager
    async def resources(settings: Any) -> Any:
        yield (till,)

    return resources


AGAIN = Retry(times=2, wait=0.001)
"""As often as by default, and sooner."""


def say(what: Any) -> Any:
    if isinstance(what, Exception):
        raise what
    return what


@tool.read(timeout=5, retry=AGAIN)
def look(bill: str, *, till: Till) -> dict[str, Any] | Partial[dict[str, Any]]:
    """One bill."""
    return say(till.looks.pop(0) if till.looks else {"cents": 40})


@tool.read(timeout=5, classes=("contact",))
def reach(bill: str) -> dict[str, Any]:
    """Whom to reach about a bill."""
    return {"who": "Ivo Brandt", "born": "1971-05-04", "number": 771204, "rooms": 3, "vip": True}


@tool.read(timeout=5)
def pages(bill: str, *, call: Call) -> Half | Partial[Half]:
    """All rows, two a page."""
    start = int(call.cursor or 0)
    part = Half(rows=[1, 2, 3, 4, 5][start : start + 2], of=5)
    return Partial(part, "more", cursor=str(start + 2)) if start < 4 else part


@tool.write(timeout=5, retry=AGAIN)
def pay(bill: str, cents: int, why: str = "", *, till: Till, key: CallKey) -> Paid:
    """Pay."""
    return say(till.pays.pop(0) if till.pays else Paid(id="p1", cents=cents))


def desk(**terms: Any) -> Agent[Any, Any]:
    review = {"review": [{"when": "args.cents > 100", "by": "boss", "because": "much"}], "amendable": ["cents"]}
    given = {"takes": dict, "limits": {"steps": 8}} | terms
    return Agent(
        name="desk", task="Pay one bill.", gives=Receipt, models=["m"],
        tools={look: {}, reach: {}, pages: {}, pay: review}, **given,
    )  # fmt: skip


PAYS = (
    call("look", bill="b1"),
    call("pay", bill="b1", cents=40),
    done(cents=40, sentence="It has been paid just now."),
)
MUCH = (
    call("look", bill="b1"),
    call("pay", bill="b1", cents=500),
    done(cents=500, sentence="It has been paid just now."),
)


def entries_of(
    *turns: Any, given: Any = None, till: Till | None = None, then: Any = None, agent: Any = None, **who: Any
) -> Any:
    """The entries of one run. then: what people do to it, `async then(runner, run)`."""

    async def run() -> Any:
        async with Runner.open("memory:", resources=with_(till or Till()), model=script(*turns)) as runner:
            run = await runner.start(agent or desk(), given or {"bill": "b1"}, **who)
            await run.result()
            if then is not None:
                await then(runner, run)
            return await runner.entries(run.name)

    return asyncio.run(run())


def noting(finding: str, **more: Any) -> Any:
    async def then(runner: Any, run: Any) -> None:
        about = more.pop("tool", "")
        if about:
            calls = trace(await runner.entries(run.name)).calls
            more["seq"] = next(seq for seq, one in calls.items() if one.tool == about)
        await runner.note(run.name, finding, by="lea", **more)

    return then


def deciding(*acts: Any) -> Any:
    async def then(runner: Any, run: Any) -> None:
        for act in acts:
            (question, *_) = (await runner.state(run.name)).questions
            if isinstance(act, dict):
                await runner.amend(run.name, question, act, by="boss")
            else:
                await runner.answer(
                    run.name, question, act, by="boss", text="" if act == "approve" else "not that much"
                )
            await run.result()

    return then


def passes(made: Drawn | Case, *turns: Any, agent: Any = None) -> Any:
    case = made if isinstance(made, Case) else again(made)
    (trial,) = played(agent or desk(), script(*turns), case).values()
    return trial.passed


def test_what_was_found_good_is_what_is_expected_without_words_of_the_model_s_own():
    made = drawn(entries_of(*PAYS, then=noting("good")))
    assert made.judged
    assert made.open == {}
    assert made.case.expect.model_dump(exclude_defaults=True) == {
        "outcome": "done", "output": {"cents": 40}, "effects": {"pay": [{"bill": "b1", "cents": 40, "why": ""}]},
    }  # fmt: skip
    assert made.case.origin.noted == ["good"]
    assert passes(made, *PAYS)
    assert passes(made, call("look", bill="b1"), done(cents=40, sentence="Never did it.")) is False


def test_a_corrected_output_is_expected_and_nothing_is_said_of_effects():
    made = drawn(entries_of(*PAYS, then=noting("bad", correct={"cents": 0}, text="it was paid last week")))
    assert made.judged
    assert made.case.expect.model_dump(exclude_defaults=True) == {"outcome": "done", "output": {"cents": 0}}
    assert set(made.open) == {"effects"}
    assert made.case.about == "it was paid last week"
    assert made.case.origin.noted == ["bad, the output: it was paid last week: cents should be 0"]


def test_corrected_arguments_are_expected_and_their_answer_is_made_of_the_recorded_one():
    made = drawn(entries_of(*PAYS, then=noting("note", tool="pay", correct={"cents": 20})))
    assert made.case.expect.effects == {"pay": [{"bill": "b1", "cents": 20, "why": ""}]}
    assert made.case.expect.output is None
    assert [one.gives for one in made.case.fixtures.calls if one.tool == "pay"] == [
        {"id": "p1", "cents": 40}, {"id": "p1", "cents": 20},
    ]  # fmt: skip
    assert passes(made, *PAYS) is False
    assert passes(made, call("pay", bill="b1", cents=20), done(cents=20, sentence="paid"))


def test_what_somebody_found_good_later_counts_and_what_is_found_bad_cannot_be_as_is():
    async def first_bad(runner: Any, run: Any) -> None:
        await noting("bad", text="no", correct={"cents": 0})(runner, run)
        await noting("good", text="after all")(runner, run)

    made = drawn(entries_of(*PAYS, then=first_bad))
    assert made.case.expect.output == {"cents": 40}
    with pytest.raises(UsageError, match="somebody found it bad"):
        drawn(entries_of(*PAYS, then=noting("bad")), as_is=True)


def test_a_bad_note_alone_leaves_the_case_to_a_person():
    made = drawn(entries_of(*PAYS, then=noting("bad", text="not like this")))
    assert not made.judged
    assert made.case.expect.model_dump(exclude_defaults=True) == {}
    assert made.open["outcome"] == "it was found bad, and nobody said how it should have ended: it ended as done"
    assert again(made) == made.case


def test_what_a_reviewer_amended_and_approved_is_expected_and_done_again():
    made = drawn(entries_of(*MUCH, then=deciding({"cents": 90})))
    assert made.judged
    assert made.case.expect.effects == {"pay": [{"bill": "b1", "cents": 90, "why": ""}]}
    assert made.case.expect.approved == ["pay"]
    (person,) = made.case.people
    assert (person.about, person.tool, person.role, person.verdict, person.amend) == (
        "review",
        "pay",
        "boss",
        "approve",
        {"cents": 90},
    )
    assert passes(made, *MUCH)
    assert passes(made, call("look", bill="b1"), done(cents=0, sentence="none")) is False


def test_what_a_reviewer_denied_must_not_happen():
    turns = (*MUCH[:2], done(cents=0, sentence="It was not paid at all."))
    made = drawn(entries_of(*turns, then=deciding("deny")))
    assert made.case.expect.effects == {}
    (person,) = made.case.people
    assert (person.verdict, person.text) == ("deny", "not that much")
    assert passes(made, *turns)
    assert (
        made.remarks[0]
        == 'what would have answered pay(bill="b1", cents=500, why="") is not known: it was never carried out'
    )
    other = (call("pay", bill="b1", cents=50), done(cents=50, sentence="paid"))
    assert passes(made, *other) is None  # no answer is recorded


def test_messages_and_questions_are_answered_as_they_were():
    turns = (ask("which bill?"), *PAYS)

    async def tell(runner: Any, run: Any) -> None:
        await runner.say(run.name, "b1, please", by="ana")
        await run.result()

    made = drawn(entries_of(*turns, then=tell, by="ana"), as_is=True)
    assert made.case.messages == ["b1, please"]
    assert made.case.by == "person-1"
    assert made.case.people == []
    assert passes(made, *turns)

    asked = (ask("how much?", "boss"), *PAYS)
    made = drawn(entries_of(*asked, then=deciding("answer")), as_is=True)
    assert [(one.about, one.verdict, one.text) for one in made.case.people] == [("question", "answer", "not that much")]
    assert passes(made, *asked)


# ------------------------------------------------------------------------------------------------- recorded answers


def answers_of(*turns: Any, **more: Any) -> list[dict[str, Any]]:
    made = drawn(entries_of(*turns, **more), as_is=True)
    assert again(made) == made.case
    assert passes(made, *turns)
    return [one.model_dump(exclude_defaults=True) for one in made.case.fixtures.calls]


END = done(cents=0, sentence="so it is")


def test_the_same_call_is_answered_in_order_and_equal_answers_are_one():
    reads = [call("look", bill="b1")] * 4
    found = answers_of(*reads, END, till=Till({"cents": 1}, {"cents": 1}, {"cents": 2}, {"cents": 2}))
    at = {"tool": "look", "args": {"bill": "b1"}}
    assert found == [{**at, "gives": {"cents": 1}, "times": 2}, {**at, "gives": {"cents": 2}}]


def test_parts_refusals_and_what_was_not_done_stay_what_they_were():
    part = Partial({"cents": None}, "the payment side did not answer")
    no = Refused("there is no bill b1")
    found = answers_of(call("look", bill="b1"), call("look", bill="b2"), END, till=Till(part, no))
    assert [{name: value for name, value in one.items() if name not in ("tool", "args")} for one in found] == [
        {"gives": {"cents": None}, "partial": "the payment side did not answer"}, {"refused": "there is no bill b1"},
    ]  # fmt: skip
    found = answers_of(call("look", bill="b1"), END, till=Till(NotDone("503"), NotDone("503"), {"cents": 7}))
    assert [(one.get("not_done"), one.get("times"), one.get("gives")) for one in found] == [
        ("503", 2, None),
        (None, None, {"cents": 7}),
    ]
    found = answers_of(call("look", bill="b1"), END, till=Till(ValueError("odd")))
    assert found[0]["refused"] == "ValueError: odd"


def test_pages_are_one_answer():
    found = answers_of(call("pages", bill="b1"), END)
    assert found == [{"tool": "pages", "args": {"bill": "b1"}, "gives": {"rows": [1, 2, 3, 4, 5], "of": 5}}]


def test_a_write_in_words_of_the_model_s_own_is_answered_however_it_is_put():
    turns = (call("pay", bill="b1", cents=4, why="because she asked so nicely"), END)
    (found,) = answers_of(*turns)
    assert found == {"tool": "pay", "gives": {"id": "p1", "cents": 4}}


def test_an_unknown_outcome_holds_what_became_known_of_it_under_the_same_key():
    made = drawn(
        entries_of(call("pay", bill="b1", cents=4), END, till=Till(pays=(Unknown("the line broke"),))), as_is=True
    )
    found = [one.model_dump(exclude_defaults=True) for one in made.case.fixtures.calls]
    at = {"tool": "pay", "args": {"bill": "b1", "cents": 4, "why": ""}, "gives": {"id": "p1", "cents": 4}}
    assert found == [{**at, "unknown": "the line broke", "times": 1}, at]


def test_an_unknown_outcome_that_a_person_settled_is_settled_again():
    async def settle(runner: Any, run: Any) -> None:
        (question,) = (await runner.state(run.name)).questions.values()
        await runner.settle(run.name, question.asked.call, "happened", by="boss", text="it is on the statement")
        await run.result()

    lost = tuple(Unknown("the line broke") for _ in range(9))
    made = drawn(entries_of(*PAYS, till=Till(pays=lost), then=settle), as_is=True)
    (answer,) = [one for one in made.case.fixtures.calls if one.tool == "pay"]
    assert (answer.unknown, answer.gives) == ("the line broke", None)
    assert [(one.about, one.tool, one.verdict) for one in made.case.people] == [("doubt", "pay", "happened")]
    assert made.case.expect.effects == {"pay": [{"bill": "b1", "cents": 40, "why": ""}]}
    assert passes(made, *PAYS)


def test_a_simulated_write_has_no_answer_and_that_is_said():
    async def run() -> Any:
        async with Runner.open("memory:", resources=with_(Till()), model=script(*PAYS), mode="simulate") as runner:
            one = await runner.start(desk(), {"bill": "b1"})
            await one.result()
            return await runner.entries(one.name)

    made = drawn(asyncio.run(run()))
    assert [one.tool for one in made.case.fixtures.calls] == ["look"]
    assert any(one.startswith("what would have answered pay(") for one in made.remarks)


# ------------------------------------------------------------------------------------------------ what stays out of it


def test_what_is_about_somebody_is_replaced_alike_in_all_places():
    mail, phone, iban = "Ida.Moor@web.de", "+49 (170) 555 81 22", "DE89 3704 0044 0532 0130 00"
    given = {
        "bill": "b1", "name": "Ida Moor", "order": "O-1058", "day": "02.03.2026",
        "text": f"Hi, I am Ida Moor, {mail} or {phone}. My account is {iban}. The order O-1058 of 2026-03-02 came to 1290.00",
    }  # fmt: skip
    turns = (
        call("look", bill="ida.moor@web.de"), call("pay", bill="DE89370400440532013000", cents=40),
        done(cents=40, sentence="Ida, it was paid to DE89370400440532013000."),
    )  # fmt: skip
    entries = entries_of(
        *turns, given=given, till=Till({"to": mail, "call": "+491705558122"}), on_behalf_of="c:551",
        then=noting("bad", text="Ida Moor wrote again"),
    )  # fmt: skip
    made = drawn(entries, as_is=False, expect={"effects": '{"pay": [{"bill": "DE89370400440532013000"}]}'})
    text = written(made)
    for secret in ("ida", "moor", "555 81 22", "1705558122", "3704", "c:551", "lea"):
        assert secret not in text.lower(), secret
    case = made.case
    assert case.input["order"] == "O-1058"
    assert case.input["day"] == "02.03.2026"
    assert "2026-03-02 came to 1290.00" in case.input["text"]
    mails, account = "person1@example.com", case.expect.effects["pay"][0]["bill"]
    assert mails in case.input["text"]
    assert account in case.input["text"]
    assert int("".join(str(int(char, 36)) for char in account[4:] + account[:4])) % 97 == 1
    looked, paid = case.fixtures.calls
    assert looked.args == {"bill": mails}
    assert looked.gives["to"] == mails
    assert looked.gives["call"] in case.input["text"]
    assert paid.args["bill"] == account
    assert case.on_behalf_of == "c:999"
    assert drawn(entries, keep_personal=True).case.input == given
    assert drawn(entries, keep_personal=True).replaced == 0


def test_a_corrected_call_that_nothing_answered_is_said_to_lack_its_answer_and_names_nobody():
    turns = (call("pay", bill="ida@web.de", cents=500), done(cents=0, sentence="none"))

    async def deny_and_correct(runner: Any, run: Any) -> None:
        await deciding("deny")(runner, run)
        await noting("note", tool="pay", correct={"cents": 50})(runner, run)

    made = drawn(entries_of(*turns, given={"bill": "ida@web.de"}, then=deny_and_correct))
    assert made.judged
    assert made.case.expect.effects == {"pay": [{"bill": "person1@example.com", "cents": 50, "why": ""}]}
    (what,) = made.lacking
    assert what.startswith("what would have answered pay(")
    assert "ida" not in written(made)
    assert again(made) == made.case


FOUND = """
call 0170 5558122 now | 0170 5558122
GB29 NWBK 6016 1331 9268 19 THANKS A LOT | GB29 NWBK 6016 1331 9268 19
my iban is de89370400440532013000, ok? | de89370400440532013000
write to <ida@sub.web.de>. | ida@sub.web.de
order 00-2026 of 02/03/2026, 4900 cents, at 12:00:00, DE12 3456 7890 1234 5678 90 | -
"""


@pytest.mark.parametrize("line", FOUND.strip().splitlines())
def test_numbers_and_addresses_are_found_where_they_are_and_nothing_else(line):
    text, _, found = (part.strip() for part in line.partition("|"))
    hiding = Placeholders()
    hiding.look_at([text])
    after = hiding.text(text)
    if found == "-":
        assert after == text
    else:
        before, rest = text.split(found)
        assert found not in after
        assert after.startswith(before)
        assert after.endswith(rest)


def test_what_stands_for_somebody_is_no_other_number_of_the_run_and_no_word_of_the_contract():
    hiding = Placeholders({"task": "Ask finance."}, ["c:9 c:8"])
    for name in ("c:7", "finance", "svc:inbox", "ana lopez"):
        hiding.person(name)
    assert [hiding.text(name) for name in ("c:7", "finance", "svc:inbox")] == ["c:6", "finance", "svc:inbox"]
    assert hiding.text("Lopez, Ana Lopez; banana, c:77") == "person-1, person-1; banana, c:77"


def test_values_of_a_data_class_stay_out_and_those_that_are_counted_with_stay():
    turns = (
        call("reach", bill="b1"), call("pay", bill="b1", cents=40, why="Ivo Brandt 771204"), done(cents=40, sentence="For Ivo Brandt."),
    )  # fmt: skip
    made = drawn(entries_of(*turns), as_is=True)
    text = written(made)
    assert not [secret for secret in ("Ivo", "Brandt", "1971", "771204") if secret in text]
    (given,) = [one.gives for one in made.case.fixtures.calls if one.tool == "reach"]
    assert given["who"].startswith("contact-")
    assert given["born"].startswith("2000-01-")
    assert (given["rooms"], given["vip"]) == (3, True)
    (paid,) = [one for one in made.case.fixtures.calls if one.tool == "pay"]
    assert paid.args["why"] == f"{given['who']} {given['number']}"


def test_a_run_that_was_erased_makes_no_case(tmp_path):
    async def erased() -> Any:
        async with Runner.open(f"sqlite:///{tmp_path}/j.db", resources=with_(Till()), model=script(*PAYS)) as runner:
            run = await runner.start(desk(), {"bill": "b1"}, on_behalf_of="c:551")
            await run.result()
            await runner.erase(run.name, by="dpo", basis="art. 17")
            return await runner.entries(run.name)

    with pytest.raises(InputError, match=r"dpo erased it \(art. 17\)"):
        drawn(asyncio.run(erased()))


# --------------------------------------------------------------------------------------------------- what is typed


def test_expectations_that_are_typed_add_to_and_take_the_place_of_what_was_said():
    entries = entries_of(*PAYS)
    typed = {"outcome": "declined", "effects": "{}", "output.sentence": "40", "output.cents": "0", "at_most.pay": "1"}
    made = drawn(entries, expect=typed, as_is=True)
    assert made.case.expect.model_dump(exclude_defaults=True) == {
        "outcome": "declined", "effects": {}, "output": {"cents": 0, "sentence": "40"}, "at_most": {"pay": 1},
    }  # fmt: skip
    assert drawn(entries, expect={"outcome": '["done", "declined"]'}).case.expect.outcome == ["done", "declined"]
    with pytest.raises(InputError, match="a case expects nothing called outcom"):
        drawn(entries, expect={"outcom": "done"})
    with pytest.raises(InputError, match="outcome"):
        drawn(entries, expect={"outcome": "splendid"})
