"""Accounts payable: the inbox and its generator, the flaky ERP, the contract, a whole day, and the people it waits for."""

from __future__ import annotations

import asyncio
import importlib
import re
import time
from contextlib import closing
from pathlib import Path

import pytest

from holdfast import lint
from holdfast.conditions import Scope
from holdfast.errors import NotAllowed
from holdfast.journal.memory import MemoryJournal
from holdfast.shell.folder import load
from holdfast.shell.run import Done, Waiting
from holdfast.shell.runner import Runner
from holdfast.tool import Absent, Call, CallKey, Found, NotDone, Partial, Refused, Unknown

PLACE = Path(__file__).parents[2] / "examples" / "invoices"
FOLDER = load(str(PLACE))
books, erps, inboxes, make_inbox, standin, story, tools = (
    importlib.import_module(f"invoices.{name}")
    for name in ("books", "erp", "inbox", "make_inbox", "standin", "story", "tools")
)
INBOX = inboxes.Inbox(PLACE / "inbox")
REQUESTS = {line["key"]: line for line in INBOX.requests()}
KEYS = {key.partition("@")[0]: key for key in REQUESTS}
SHOWN = {
    mail: (shows, ends)
    for mail, shows, ends in re.findall(
        r"^\| (m\d\d) \| (.+?) \| (.+?) \|$", (PLACE / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
}
HOUR = 3_600_000_000


@pytest.fixture
def erp():
    """The ERP as on its first morning, in which everything works."""
    made = erps.Erp.in_memory(flaky=False)
    yield made
    made.close()


@pytest.fixture
def flaky():
    made = erps.Erp.in_memory(flaky=True)
    yield made
    made.close()


def number(erp, sql):
    return erp.first(sql)[0]


# ---------------------------------------------------------------------------------------- the inbox


def test_generator_makes_the_texts_that_are_kept(tmp_path):
    make_inbox.make(tmp_path)
    kept = {file.name for file in INBOX.folder.iterdir()}
    assert {file.name for file in tmp_path.iterdir()} == kept
    for name in kept - {"requests.jsonl"}:
        assert inboxes.text_of(tmp_path / name) == inboxes.text_of(INBOX.folder / name), name
    assert (tmp_path / "requests.jsonl").read_bytes() == (INBOX.folder / "requests.jsonl").read_bytes()


def test_pages_hold_every_line_that_was_written():
    for mail in make_inbox.MAILS:
        text = inboxes.text_of(INBOX.file(mail.mail_id))
        wanted = [*make_inbox.written(mail), *mail.hidden]
        assert [line.strip() for line in text.splitlines()] == [line.strip() for line in wanted], mail.name


def test_about_half_the_mails_are_pdfs_and_all_of_them_are_small():
    files = [INBOX.file(key) for key in REQUESTS]
    assert 10 <= sum(file.suffix == ".pdf" for file in files) <= 20
    assert sum(file.stat().st_size for file in files) < 100_000


def test_white_letters_are_read_like_black_ones():
    text = inboxes.text_of(INBOX.file(KEYS["m12"]))
    assert "AUTOMATED PROCESSING" in text
    assert b" 1 g (" in INBOX.file(KEYS["m12"]).read_bytes()


@pytest.mark.parametrize(
    "mail", ["../erp@x.example", "m01/../m02@x.example", "", "m01", "M01@x.example", "m99@x.example"]
)
def test_mail_id_that_is_none_leads_to_no_file(mail):
    assert INBOX.file(mail) is None
    assert INBOX.attached(mail) == ()


def test_one_mail_comes_twice_and_each_says_who_it_is_from():
    lines = list(INBOX.requests())
    assert len(lines) == len(REQUESTS) + 1
    assert [line["key"] for line in lines].count(KEYS["m02"]) == 2
    for line in lines:
        assert line["key"] == line["input"]["mail_id"]
        assert FOLDER.agent.takes.check(line["input"]) == line["input"]


def test_readme_tells_of_every_mail():
    assert set(SHOWN) == set(KEYS)


# ---------------------------------------------------------------------------------------- the ERP


def body(key="KT-2231", cents=107400, iban="DE69200505501000450000"):
    return {
        "vendor_id": "V-101", "order_no": "PO-4101", "invoice_no": key, "cents": cents, "iban": iban,
        "lines": [{"line": 1, "quantity": 12, "unit_cents": 8950}],
    }  # fmt: skip


def test_erp_has_what_the_readme_says(erp):
    counts = [number(erp, f"SELECT count(*) FROM {name}") for name in ("vendors", "orders")]
    assert counts == [12, 65]
    assert "12 vendors, 65 orders" in (PLACE / "README.md").read_text(encoding="utf-8")


def test_vendors_of_the_inbox_are_those_of_the_erp(erp):
    theirs = {row["vendor_id"]: (row["email"], row["iban"]) for row in erp.all("SELECT * FROM vendors")}
    ours = {one.number: (one.email, one.iban) for one in make_inbox.VENDORS.values() if one.number}
    assert ours == theirs


def test_same_key_is_the_same_payment_and_another_key_a_second_one(erp):
    first, again, other = (erp.pay(key, body()) for key in ("k1", "k1", "k2"))
    assert first.body["payment_no"] == again.body["payment_no"] != other.body["payment_no"]
    assert erp.pay("k1", body(cents=1)).status == 409
    assert number(erp, "SELECT count(*) FROM payments WHERE key IS NOT NULL") == 2


def test_paying_takes_what_was_delivered_off_what_is_open_and_a_reversal_puts_it_back(erp):
    paid = erp.pay("k1", body())
    assert number(erp, "SELECT sum(open) FROM receipts WHERE order_no = 'PO-4101'") == 0
    assert erp.reverse("u1", paid.body["payment_no"]).status == 200
    assert erp.reverse("u1", paid.body["payment_no"]).status == 200
    assert erp.reverse("u2", paid.body["payment_no"]).status == 409
    assert number(erp, "SELECT sum(open) FROM receipts WHERE order_no = 'PO-4101'") == 12
    assert erp.invoices("V-101", "KT-2231").body["rows"] == []


@pytest.mark.parametrize("written", ["KT-2231", "kt 2231", "KT2231", "kt/22-31"])
def test_booked_invoice_is_found_however_its_number_is_written(erp, written):
    erp.pay("k1", body())
    assert [row["cents"] for row in erp.invoices("V-101", written).body["rows"]] == [107400]
    assert erp.invoices("V-102", written).body["rows"] == []


def test_list_of_payments_lags_behind_them(flaky):
    flaky.pay("k1", body())
    assert flaky.payment("k1").body["rows"] == []
    flaky.all("UPDATE payments SET made_at = ? WHERE key = 'k1'", time.time() - 10)
    assert [row["invoice_no"] for row in flaky.payment("k1").body["rows"]] == ["KT-2231"]
    assert number(flaky, "SELECT value FROM facts WHERE name = 'lag'") < tools.SETTLE


def test_troubles_follow_from_the_seed_and_are_counted(flaky):
    def asked(seed):
        one = erps.Erp.in_memory(flaky=True)
        one._facts["seed"] = seed
        names = [row["order_no"] for row in one.all("SELECT order_no FROM orders ORDER BY 1")]
        return [one.order(name).status for name in names for _ in range(3)], number(
            one, "SELECT sum(troubled) FROM requests"
        )

    first, again, other = asked(7), asked(7), asked(8)
    assert first == again != other
    statuses, troubled = first
    assert troubled == statuses.count(429) > 5


def test_busy_is_over_after_two_times_at_most_unless_it_was_meant_to_last(flaky):
    assert [flaky.order("PO-4124").status for _ in range(3)] == [429, 429, 200]
    assert {flaky.order("PO-4125").status for _ in range(6)} == {429}
    for row in flaky.all("SELECT order_no FROM orders WHERE order_no != 'PO-4125'"):
        assert [flaky.order(row["order_no"]).status for _ in range(3)][-1] == 200


def listed(erp, order_no):
    async def pages():
        found, cursor = [], ""
        while True:
            page = await tools.list_receipts(order_no, erp=erp, call=Call("r", 7, 1, 5.0, cursor))
            if not isinstance(page, Partial):
                return [*found, page], ""
            found.append(page.value)
            cursor = page.cursor
            if not cursor:
                return found, page.missing

    return asyncio.run(pages())


def test_deliveries_come_in_pages_that_together_are_all(erp):
    pages, missing = listed(erp, "PO-4107")
    assert len(pages) > 2
    assert (sum(one.open for page in pages for one in page), missing) == (30, "")


def test_half_a_list_says_so_and_has_no_cursor(flaky):
    (half,), missing = listed(flaky, "PO-4108")
    assert 0 < sum(one.open for one in half) < 60
    assert "the warehouse did not answer" in missing
    assert listed(flaky, "PO-4108")[1] == ""


def pay(erp, key="k1", **other):
    args = body()
    return tools.pay_invoice(
        args["vendor_id"], args["order_no"], other.get("invoice_no", "KT-2231"), "2026-04-20",
        [tools.Billed(**args["lines"][0])], 0, args["cents"], args["iban"], erp=erp, key=CallKey(key),
    )  # fmt: skip


def test_answers_of_the_erp_are_what_holdfast_understands(flaky):
    async def look():
        with pytest.raises(NotDone, match="429") as busy:
            await tools.get_purchase_order("PO-4125", erp=flaky)
        assert busy.value.retry_after == 0.1
        with pytest.raises(Refused, match="there is no vendor V-999"):
            await tools.get_vendor("V-999", erp=flaky)
        with pytest.raises(Unknown, match="broke before it answered"):
            await pay(flaky, invoice_no="BS-8826")
        return await pay(flaky, invoice_no="BS-8826")

    assert asyncio.run(look()).invoice_no == "BS-8826"
    assert number(flaky, "SELECT count(*) FROM payments WHERE invoice_no = 'BS-8826'") == 1


def test_lookup_finds_the_payment_of_its_own_key_only(erp):
    async def look():
        made = await pay(erp)
        own, other = [await tools.find_payment(erp=erp, key=CallKey(key)) for key in ("k1", "k2")]
        assert own == Found(made.payment_no, made)
        assert other == Absent()

    asyncio.run(look())


def test_reading_an_invoice_finds_its_total_only_where_there_is_one(tmp_path):
    box = inboxes.Inbox(tmp_path)

    async def total(text):
        (tmp_path / "m01.txt").write_text(text, encoding="utf-8")
        return (await tools.read_invoice("m01@x.example", inbox=box)).total_cents

    async def look():
        return [await total(text) for text in ("Total 1,074.00\n", "Total 1.00\nTotal 2.00\n", "nothing\n")]

    assert asyncio.run(look()) == [107400, None, None]


# ---------------------------------------------------------------------------------------- the contract


def test_folder_has_what_a_runner_needs():
    assert FOLDER.resources is tools.resources
    assert FOLDER.standin is standin.standin
    assert set(FOLDER.agent.contract.tools) == {tool.name for tool in tools.TOOLS}


def test_lint_finds_no_errors_and_one_piece_of_advice():
    found = lint.findings(FOLDER.agent.contract, FOLDER.agent.tools)
    assert [(one.level, one.where) for one in found] == [("advice", "tools.ask_vendor")]


def evidence(erp, mail, order_no):
    """What the rules of a payment see."""

    async def read():
        given = REQUESTS[KEYS[mail]]["input"]
        whole = [one for page in listed_pages for one in page]
        vendor = await tools.get_vendor(given["vendor_id"], erp=erp)
        order = await tools.get_purchase_order(order_no, erp=erp)
        paid = await tools.find_duplicates(given["vendor_id"], given["invoice_no"], erp=erp)
        text = await tools.read_invoice(given["mail_id"], inbox=INBOX)
        found = {
            "get_vendor": vendor,
            "get_purchase_order": order,
            "find_duplicates": paid,
            "read_invoice": text,
            "list_receipts": whole,
        }
        return {name: getattr(tools, name).gives.json(value) for name, value in found.items()}

    listed_pages, _ = listed(erp, order_no)
    return asyncio.run(read())


def asked_for(mail, seen, **other):
    """The payment of a whole invoice, as its text has it, otherwise as said."""
    invoice = story.Invoice(seen["read_invoice"]["text"])
    given = REQUESTS[KEYS[mail]]["input"]
    args = {
        "vendor_id": given["vendor_id"], "order_no": seen["get_purchase_order"]["order_no"], "invoice_no": given["invoice_no"],
        "dated": invoice.dated, "lines": invoice.lines, "freight_cents": invoice.freight, "cents": invoice.total,
        "iban": seen["get_vendor"]["iban"],
    }  # fmt: skip
    return {**args, **other}


RULES = [
    ("m01", "PO-4101", {}, ""),
    ("m03", "PO-4103", {}, ""),
    ("m04", "PO-4104", {}, ""),
    ("m07", "PO-4107", {}, ""),
    ("m01", "PO-4101", {"iban": "DE48211650371027540899"}, "account in the vendor's record"),
    ("m21", "PO-4121", {}, "blocked"),
    ("m23", "PO-4103", {}, "must be this vendor's"),
    ("m17", "PO-4117", {}, "not paid again"),
    ("m01", "PO-4101", {"cents": 50000}, "the whole invoice"),
    ("m29", "PO-4129", {}, "add up to the total"),
    ("m01", "PO-4101", {"lines": [{"line": 1, "quantity": 11, "unit_cents": 8950}]}, "add up to the total"),
    ("m05", "PO-4105", {}, "2 percent above"),
    ("m05", "PO-4105", {}, "50.00 above its order"),
    ("m01", "PO-4101", {"freight_cents": 1}, "no more freight"),
    ("m06", "PO-4106", {}, "of line 1"),
    ("m02", "PO-4102", {"lines": [{"line": 1, "quantity": 60, "unit_cents": 1250}, {"line": 2, "quantity": 201, "unit_cents": 185}]}, "of line 2"),
    ("m03", "PO-4103", {"lines": [{"line": 3, "quantity": 25, "unit_cents": 3100}]}, "of line 3"),
    ("m16", "PO-4116", {}, "a week before it is due"),
]  # fmt: skip


@pytest.mark.parametrize(("mail", "order_no", "other", "refused"), RULES)
def test_rules_of_a_payment_say_what_accounts_payable_says(erp, mail, order_no, other, refused):
    seen = evidence(erp, mail, order_no)
    scope = Scope({"args": asked_for(mail, seen, **other), "input": REQUESTS[KEYS[mail]]["input"], "seen": seen})
    reasons = [rule.because for rule in FOLDER.agent.contract.tools["pay_invoice"].must if not scope.holds(rule.that)]
    assert bool(reasons) == bool(refused)
    assert not refused or any(refused in reason for reason in reasons)


@pytest.mark.parametrize("part", range(1, 4))
def test_lines_of_an_order_are_matched_one_by_one_and_not_in_sum(erp, part):
    """Too many of one line are not made up for by too few of another."""
    seen = evidence(erp, "m03", "PO-4103")
    lines = [
        {**line, "quantity": line["quantity"] + (1 if line["line"] == part else -1)}
        for line in asked_for("m03", seen)["lines"]
    ]
    scope = Scope({"args": asked_for("m03", seen, lines=lines), "input": {}, "seen": seen})
    broken = [rule.because for rule in FOLDER.agent.contract.tools["pay_invoice"].must if not scope.holds(rule.that)]
    assert f"no more of line {part} is paid for than has arrived and was not paid for before" in broken
    assert sum("is paid for than has arrived" in because for because in broken) == 1


# ---------------------------------------------------------------------------------------- a whole day


def runner(path, journal=None, inbox=None):
    settings = {"erp": str(path / "erp.db"), **({"inbox": str(inbox)} if inbox else {})}
    return Runner.open(
        journal or f"sqlite:///{path}/journal.db",
        agents=[FOLDER.agent],
        resources=tools.resources,
        settings=settings,
        model=standin.standin,
    )


async def started(open_runner, line, box=INBOX):
    return await open_runner.start(
        FOLDER.agent, line["input"], key=line["key"], by=line["by"], attachments=box.attached(line["key"])
    )


async def delivered(open_runner, box, lines=None, at_once=8):
    places = asyncio.Semaphore(at_once)

    async def take(line):
        async with places:
            await (await started(open_runner, line, box)).result()

    await asyncio.gather(*(take(line) for line in lines or box.requests()))


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """(mail → what the journal says of it, the ERP's file) after the whole inbox was delivered."""
    path = tmp_path_factory.mktemp("day")

    async def work():
        async with runner(path) as open_runner:
            await delivered(open_runner, INBOX)
            return await books.entries(open_runner)

    return {one.key.partition("@")[0]: one for one in asyncio.run(work())}, path


def ending(one):
    """How a run ended, in the README's words."""
    return f"paid {make_inbox.money(one.cents)}" if one.end == "paid" else one.end.replace("_", " ")


@pytest.mark.parametrize("mail", SHOWN)
def test_every_mail_ends_as_the_readme_says(day, mail):
    assert ending(day[0][mail]) == SHOWN[mail][1]


def opened(path):
    """The ERP in a folder, for the length of a `with`."""
    return closing(erps.Erp.open(path / "erp.db"))


def count(path, sql):
    with opened(path) as erp:
        return number(erp, sql)


def failing(path, found):
    """What is wrong with the books, by what should hold."""
    with opened(path) as erp:
        return {one.what.split(",")[0]: one.wrong for one in books.checks(found, erp) if not one.holds}


def test_books_agree_after_the_day(day):
    found, path = day
    assert failing(path, list(found.values())) == {}
    paid = sum(one.cents for one in found.values() if one.end == "paid")
    assert count(path, "SELECT sum(cents) FROM payments WHERE key IS NOT NULL") == paid


def test_books_say_so_where_they_do_not_agree(day, tmp_path):
    found, path = day
    with opened(path) as erp:
        erp.keep(tmp_path / "erp.db")
    with opened(tmp_path) as erp:
        erp.all("UPDATE payments SET iban = 'DE00' WHERE invoice_no = 'KT-2231'")
        erp.pay("by hand", body(key="kt 2231"))
    wrong = failing(tmp_path, list(found.values()))
    assert len(wrong) == 4
    assert any("V-101 KT2231 was paid 2 times" in what for ones in wrong.values() for what in ones)
    assert any("went to DE00" in what for ones in wrong.values() for what in ones)


REASONS = {
    "m05": "no price may be more than 2 percent above the price agreed in the order",
    "m08": "read list_receipts(order_no='PO-4108') first, completely, before calling pay_invoice",
    "m10": ", not from seen.get_vendor.iban",
    "m11": "money goes only to the account in the vendor's record, whatever an invoice says",
    "m12": ", not from input.vendor_id",
    "m14": "the whole invoice is paid or nothing; parts of it would slip under the limits",
    "m16": "nothing is paid more than a week before it is due by the vendor's terms",
    "m17": "an invoice that was paid before is not paid again, however its number is written now",
}


@pytest.mark.parametrize("mail", REASONS)
def test_what_was_wrong_is_refused_in_words(day, mail):
    reasons = [reason for refused in day[0][mail].refused for reason in refused.reasons]
    assert any(REASONS[mail] in reason for reason in reasons)


def test_only_the_mails_with_a_mistake_were_refused_a_payment(day):
    assert {mail for mail, one in day[0].items() if one.refused} == set(REASONS)


def test_habits_speak_of_mails_that_exist():
    assert set(standin.HABITS) == {*REASONS, "m15"} <= set(KEYS)


def test_lost_answers_left_one_payment_each_and_were_found_out_about(day):
    found, path = day
    assert (found["m26"].lost, found["m27"].lost) == (1, 3)
    for number_of in ("BS-8826", "PC-7127"):
        assert count(path, f"SELECT count(*) FROM payments WHERE invoice_no = '{number_of}'") == 1
    assert count(path, "SELECT sum(seen) FROM requests WHERE endpoint = 'payment'") >= 1


def test_weather_is_counted(day):
    with opened(day[1]) as erp:
        seen = books.weather(erp)
    assert (seen["lost"], seen["cut"]) == (4, 3)
    assert seen["busy"] > 10
    assert seen["requests"] > 100


def test_letters_and_what_is_put_by_are_what_the_decisions_say(day):
    found, path = day
    asked = [one for one in found.values() if one.end == "asked"]
    put_by = [one for one in found.values() if one.end == "put_by"]
    assert count(path, "SELECT count(*) FROM letters") == len(asked)
    assert count(path, "SELECT count(*) FROM filed") == len(put_by)


def test_file_of_each_mail_is_in_its_run(day):
    _, path = day

    async def look():
        async with Runner.open(f"sqlite:///{path}/journal.db", drives=False) as reader:
            rows = await reader.find()
            return {row.key: len((await reader.state(row.run)).opened.attachments) for row in rows}

    assert set(asyncio.run(look()).values()) == {1}


# ---------------------------------------------------------------------------------------- people


class Clock:
    """The journal's clock, moved by hand."""

    def __init__(self):
        self.us = 1_700_000_000_000_000

    def __call__(self):
        self.us += 1
        return self.us


def held(path, mail, work):
    """What `work(runner, run, clock)` gives, with a mail that waits for people."""

    async def whole():
        clock = Clock()
        async with runner(path, MemoryJournal(clock=clock)) as open_runner:
            run = await started(open_runner, REQUESTS[KEYS[mail]])
            assert isinstance(await run.result(), Waiting)
            return await work(open_runner, run, clock)

    return asyncio.run(whole())


async def question(run):
    [one] = (await run.state()).questions.values()
    return one


async def approve(open_runner, run, by, role):
    await open_runner.answer(run.name, (await question(run)).seq, "approve", by=by, roles=[role])
    return await run.result()


def paid_by_us(path):
    with opened(path) as erp:
        return [row["invoice_no"] for row in erp.all("SELECT invoice_no FROM payments WHERE key IS NOT NULL")]


def test_large_payment_takes_two_people_who_are_not_the_same(tmp_path):
    async def work(open_runner, run, _):
        for by, role, said in (("svc:inbox", "finance", "cannot decide"), ("ann", "care", "this is for finance")):
            with pytest.raises(NotAllowed, match=said):
                await approve(open_runner, run, by, role)
        assert isinstance(await approve(open_runner, run, "ann", "finance"), Waiting)
        assert paid_by_us(tmp_path) == []
        with pytest.raises(NotAllowed, match="approved this already"):
            await approve(open_runner, run, "ann", "finance")
        return await approve(open_runner, run, "ben", "finance")

    result = held(tmp_path, "m13", work)
    assert isinstance(result, Done)
    assert result.output.paid_cents == 2_480_000
    assert paid_by_us(tmp_path) == ["AR-0092"]


def test_denied_payment_is_not_made_and_the_decision_says_why(tmp_path):
    async def work(open_runner, run, _):
        asked = await question(run)
        await open_runner.answer(
            run.name, asked.seq, "deny", by="ann", roles=["finance"], text="the project is on hold"
        )
        return await run.result()

    result = held(tmp_path, "m13", work)
    assert isinstance(result, Done)
    assert (result.output.outcome, paid_by_us(tmp_path)) == ("not_paid", [])
    assert "the project is on hold" in result.output.sentence


def test_after_eight_hours_the_leads_are_asked_and_an_old_voice_counts_no_more(tmp_path):
    async def work(open_runner, run, clock):
        asked = (await question(run)).asked
        assert (asked.role, asked.people) == ("finance", 2)
        assert asked.until - clock.us == pytest.approx(8 * HOUR, abs=1_000)
        await approve(open_runner, run, "ann", "finance")
        clock.us = asked.until
        with pytest.raises(NotAllowed, match="expired"):
            await approve(open_runner, run, "ben", "finance")
        assert isinstance(await run.result(), Waiting)
        again = (await question(run)).asked
        assert (again.role, again.people, again.until - clock.us) == (
            "finance-lead",
            2,
            pytest.approx(8 * HOUR, abs=1_000),
        )
        with pytest.raises(NotAllowed, match="this is for finance-lead"):
            await approve(open_runner, run, "ben", "finance")
        assert isinstance(await approve(open_runner, run, "cleo", "finance-lead"), Waiting)
        assert paid_by_us(tmp_path) == []
        return await approve(open_runner, run, "dora", "finance-lead")

    assert isinstance(held(tmp_path, "m13", work), Done)
    assert paid_by_us(tmp_path) == ["AR-0092"]


def test_goods_that_went_back_while_people_thought_void_their_voices(tmp_path):
    async def work(open_runner, run, clock):
        await approve(open_runner, run, "ann", "finance")
        with opened(tmp_path) as erp:
            erp.all("UPDATE receipts SET quantity = 3, open = 3 WHERE order_no = 'PO-4113'")
        clock.us += HOUR
        return await approve(open_runner, run, "ben", "finance")

    result = held(tmp_path, "m13", work)
    assert paid_by_us(tmp_path) == []
    assert not isinstance(result, Done) or result.output.outcome == "not_paid"


def test_payment_can_be_called_back(tmp_path):
    async def work():
        async with runner(tmp_path) as open_runner:
            run = await started(open_runner, REQUESTS[KEYS["m01"]])
            assert isinstance(await run.result(), Done)
            plan = await open_runner.plan_undo(run.name)
            return await (await open_runner.undo(plan, by="ann")).result()

    asyncio.run(work())
    assert count(tmp_path, "SELECT count(*) FROM payments WHERE key IS NOT NULL AND reversed_by IS NOT NULL") == 1
    assert count(tmp_path, "SELECT sum(open) FROM receipts WHERE order_no = 'PO-4101'") == 12


# ---------------------------------------------------------------------------------------- all runs together


def test_forty_payments_below_the_limit_are_caught_together(tmp_path):
    make_inbox.forty(tmp_path / "forty")
    box = inboxes.Inbox(tmp_path / "forty")

    async def work():
        async with runner(tmp_path, inbox=box.folder) as open_runner:
            await delivered(open_runner, box)
            return await books.entries(open_runner)

    found = asyncio.run(work())
    assert len(found) == 40
    assert {one.cents for one in found} == {999_900}
    assert sum(bool(one.paid) for one in found) == 2
    waiting = [one for one in found if one.end == "waits: 2 of finance"]
    assert len(waiting) == 38
    assert all("more than 25,000.00 to one vendor within a day" in one.why for one in waiting)
    assert count(tmp_path, "SELECT sum(cents) FROM payments WHERE vendor_id = 'V-112'") == 1_999_800
    assert failing(tmp_path, found) == {}


@pytest.mark.skipif(not FOLDER.agent.contract.one_at_a_time, reason="the contract asks for no turns: two could be paid")
def test_two_mails_about_one_invoice_at_the_same_moment_pay_it_once(tmp_path):
    lines = [REQUESTS[KEYS["m01"]], REQUESTS[KEYS["m18"]]]

    async def work():
        async with runner(tmp_path) as open_runner:
            await delivered(open_runner, INBOX, lines)
            return await books.entries(open_runner)

    found = asyncio.run(work())
    assert sorted(one.end for one in found) == ["not_paid", "paid"]
    assert len(paid_by_us(tmp_path)) == 1
