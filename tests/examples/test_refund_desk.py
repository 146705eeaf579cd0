"""The refund desk: its tools over a real SQLite file, its contract, its requests, and the stand-in."""

from __future__ import annotations

import asyncio
import importlib
import json
import re
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from holdfast import lint
from holdfast.conditions import Scope
from holdfast.dialogue import Answered, Request, Result, Told
from holdfast.events import Wanted
from holdfast.models.scripted import Script
from holdfast.shape import Misfit
from holdfast.shell.folder import load
from holdfast.shell.run import Done, Waiting
from holdfast.shell.runner import Runner
from holdfast.tool import Absent, Call, CallKey, CannotTell, Found, NotDone, Partial, Refused, Unknown

DESK = Path(__file__).parents[2] / "examples" / "refund_desk"


FOLDER = load(str(DESK))
tools, standin, story, shops = (
    importlib.import_module(f"refund_desk.{name}") for name in ("tools", "standin", "story", "shop")
)


def rows(name):
    """The README's table, one row a request: key → (what it shows, how it ends)."""
    text = (DESK / name).read_text(encoding="utf-8")
    found = re.findall(r"^\| (mail:\d+) \| (.+?) \| (.+?) \|$", text, flags=re.MULTILINE)
    assert len({key for key, _, _ in found}) == len(found)
    return {key: (shows, ends) for key, shows, ends in found}


LINES = [json.loads(line) for line in (DESK / "requests.jsonl").read_text(encoding="utf-8").splitlines()]
REQUESTS = {line["key"]: line for line in LINES}
SHOWN = rows("README.md")


def at_the_desk(path, work):
    """What `work(shop)` gives, at the shop of a folder."""

    async def day():
        async with tools.resources({"shop": str(path / "shop.db")}) as shop:
            return await work(shop)

    return asyncio.run(day())


def call(cursor=""):
    return Call(run="r", seq=7, attempt=1, deadline=5.0, cursor=cursor)


def refund(shop, key, order_id="O-1002", cents=3450, reason="cancelled"):
    return tools.issue_refund(order_id, cents, reason, shop=shop, key=CallKey(key))


def paid_back(path, order_id):
    with closing(sqlite3.connect(path / "shop.db")) as db:
        sql = "SELECT cents FROM refunds WHERE order_id = ? AND reversed_by IS NULL"
        return [cents for (cents,) in db.execute(sql, (order_id,))]


# ---------------------------------------------------------------------------------------- the shop


def test_shop_has_the_customers_and_orders_that_the_readme_says(tmp_path):
    async def count(shop):
        return [shop.number(f"SELECT count(*) FROM {name}") for name in ("customers", "orders")]

    assert at_the_desk(tmp_path, count) == [40, 89]
    assert "40 customers and 89 orders" in (DESK / "README.md").read_text(encoding="utf-8")


def test_shop_is_made_once_and_kept(tmp_path):
    async def pay(shop):
        return (await refund(shop, "k1")).refund_id

    async def orders(shop):
        return (await tools.get_order("O-1002", shop=shop)).refunded_cents

    at_the_desk(tmp_path, pay)
    assert at_the_desk(tmp_path, orders) == 3450
    assert [item.name for item in tmp_path.iterdir() if not item.name.startswith("shop.db")] == []


def test_shop_that_appears_meanwhile_is_not_overwritten(tmp_path):
    path = tmp_path / "shop.db"
    path.write_bytes(b"")
    shops._create(path)
    assert path.read_bytes() == b""


def test_what_fails_in_a_transaction_leaves_nothing(tmp_path):
    async def empty_and_fail(shop):
        with shop.writing():
            shop.all("DELETE FROM policy WHERE name = 'today'")
            shop.all("INSERT INTO policy VALUES ('late_percent', 99)")

    async def count(shop):
        return shop.number("SELECT count(*) FROM policy")

    with pytest.raises(sqlite3.IntegrityError):
        at_the_desk(tmp_path, empty_and_fail)
    assert at_the_desk(tmp_path, count) == 5


def test_every_order_fits_its_type_and_pays_for_what_it_holds(tmp_path):
    async def read(shop):
        names = [row["order_id"] for row in shop.all("SELECT order_id FROM orders")]
        shop.all("DELETE FROM faults")
        return [await tools.get_order(name, shop=shop) for name in names]

    for order in at_the_desk(tmp_path, read):
        assert order.total_cents >= order.items_cents > 0
        assert order.paid_cents in {0, order.total_cents, 2 * order.total_cents}
        assert 0 <= order.refunded_cents <= order.paid_cents


# ---------------------------------------------------------------------------------------- reading


def test_get_order_says_what_a_decision_needs(tmp_path):
    async def read(shop):
        names = ("O-1001", "O-1003", "O-1012", "O-1014", "O-1016", "O-1006")
        return [await tools.get_order(name, shop=shop) for name in names]

    late, lost, returned, unpaid, final, twice = at_the_desk(tmp_path, read)
    assert (late.status, late.days_late, late.items_cents, late.paid_cents) == ("delivered", 7, 4990, 5480)
    assert (lost.status, lost.days_late, lost.delivered_on) == ("shipped", 20, None)
    assert (returned.days_kept, returned.returnable_cents) == (45, 7990)
    assert (unpaid.payment, unpaid.paid_cents) == ("pending", 0)
    assert final.returnable_cents == 0
    assert twice.paid_cents - twice.total_cents == 2590


def test_get_order_and_get_payment_refuse_a_number_nobody_has(tmp_path):
    async def read(shop):
        with pytest.raises(Refused, match="there is no order O-9999"):
            await tools.get_order("O-9999", shop=shop)
        with pytest.raises(Refused, match="there is no order O-9999"):
            await tools.get_payment("O-9999", shop=shop)

    at_the_desk(tmp_path, read)


def test_get_payment_lists_both_charges(tmp_path):
    found = at_the_desk(tmp_path, lambda shop: tools.get_payment("O-1006", shop=shop))
    assert [one.cents for one in found.payments] == [2590, 2590]


def test_get_policy_gives_the_numbers_and_the_clauses(tmp_path):
    policy = at_the_desk(tmp_path, lambda shop: tools.get_policy(shop=shop))
    assert (policy.return_days, policy.late_after_days, policy.lost_after_days) == (30, 5, 14)
    assert policy.late_percent == 20
    assert len(policy.clauses) == 8


def test_find_orders_is_paged_by_cursor_and_each_page_says_how_many_there_are(tmp_path):
    async def pages(shop):
        found, cursor = [], ""
        while True:
            page = await tools.find_orders("c:012", shop=shop, call=call(cursor))
            if not isinstance(page, Partial):
                return [*found, page]
            found.append(page.value)
            cursor = page.cursor

    found = at_the_desk(tmp_path, pages)
    assert [len(page.orders) for page in found] == [3, 3, 1]
    assert {page.of for page in found} == {7}
    assert found[2].orders[0].order_id == "O-1052"


def test_find_orders_without_its_archive_is_partial_and_has_no_cursor(tmp_path):
    page = at_the_desk(tmp_path, lambda shop: tools.find_orders("c:013", shop=shop, call=call()))
    assert isinstance(page, Partial)
    assert (page.cursor, len(page.value.orders), page.value.of) == ("", 1, 2)


def test_find_orders_of_a_stranger_is_an_empty_list(tmp_path):
    found = at_the_desk(tmp_path, lambda shop: tools.find_orders("c:999", shop=shop, call=call()))
    assert (found.orders, found.of) == ([], 0)


# ---------------------------------------------------------------------------------------- paying back


def test_same_key_is_the_same_refund_and_another_key_a_second_one(tmp_path):
    async def pay(shop):
        first = await refund(shop, "k1", cents=1000)
        again = await refund(shop, "k1", cents=1000)
        second = await refund(shop, "k2", cents=1000)
        return first, again, second

    first, again, second = at_the_desk(tmp_path, pay)
    assert first == again
    assert second.refund_id != first.refund_id
    assert paid_back(tmp_path, "O-1002") == [1000, 1000]


def test_same_key_for_something_else_is_refused(tmp_path):
    async def pay(shop):
        await refund(shop, "k1", cents=1000)
        with pytest.raises(Refused, match="this key was used"):
            await refund(shop, "k1", cents=1001)

    at_the_desk(tmp_path, pay)
    assert paid_back(tmp_path, "O-1002") == [1000]


def test_payment_side_never_gives_more_than_it_took(tmp_path):
    async def pay(shop):
        with pytest.raises(Refused, match="only 3450 cents"):
            await refund(shop, "k1", cents=3451)

    at_the_desk(tmp_path, pay)
    assert paid_back(tmp_path, "O-1002") == []


def test_lookup_finds_the_refund_of_its_own_key_only(tmp_path):
    async def look(shop):
        made = await refund(shop, "k1")
        own = await tools.find_refund("O-1002", 3450, "cancelled", shop=shop, key=CallKey("k1"))
        other = await tools.find_refund("O-1002", 3450, "cancelled", shop=shop, key=CallKey("k2"))
        return made, own, other

    made, own, other = at_the_desk(tmp_path, look)
    assert own == Found(made.refund_id, made)
    assert other == Absent()


def test_reversing_takes_a_refund_back_once(tmp_path):
    async def reverse(shop):
        made = await refund(shop, "k1")
        taken = await tools.reverse_refund(made, shop=shop, key=CallKey("u1"))
        again = await tools.reverse_refund(made, shop=shop, key=CallKey("u1"))
        with pytest.raises(Refused, match="taken back before"):
            await tools.reverse_refund(made, shop=shop, key=CallKey("u2"))
        return taken, again, (await tools.get_order("O-1002", shop=shop)).refunded_cents

    taken, again, refunded = at_the_desk(tmp_path, reverse)
    assert taken == again
    assert (taken.cents, refunded) == (3450, 0)
    assert paid_back(tmp_path, "O-1002") == []


def test_reversing_a_refund_nobody_made_is_refused(tmp_path):
    async def reverse(shop):
        strange = tools.Refund(refund_id="re-999", order_id="O-1", cents=1, reason="late", made_on="2026-03-02")
        with pytest.raises(Refused, match="there is no refund re-999"):
            await tools.reverse_refund(strange, shop=shop, key=CallKey("u1"))

    at_the_desk(tmp_path, reverse)


@pytest.mark.parametrize("args", [{"cents": 0}, {"cents": -5}, {"reason": "goodwill"}])
def test_refund_of_nothing_or_for_no_reason_does_not_fit(args):
    with pytest.raises(Misfit):
        tools.issue_refund.takes.check({"order_id": "O-1002", "cents": 1, "reason": "late", **args})


def test_message_is_kept_and_goes_to_customers_only(tmp_path):
    async def send(shop):
        with pytest.raises(Refused, match="there is no customer c:999"):
            await tools.send_message("c:999", "Hello", 0, shop=shop)
        sent = await tools.send_message("c:001", "Hello", 0, shop=shop)
        return sent, shop.all("SELECT customer_id, body FROM messages")

    sent, kept = at_the_desk(tmp_path, send)
    assert sent.message_id == 1
    assert [tuple(row) for row in kept] == [("c:001", "Hello")]


# ---------------------------------------------------------------------------------------- what goes wrong


def outcome(path, attempt):
    """What became of one attempt: each at a newly opened shop, as after a restart."""

    async def once(shop):
        try:
            return await attempt(shop)
        except (NotDone, Unknown, TimeoutError) as error:
            return type(error).__name__

    return at_the_desk(path, once)


async def in_time(tool, work):
    async with asyncio.timeout(tool.timeout / 1_000_000):
        return await work


def test_unavailable_order_answers_at_the_third_try_over_restarts(tmp_path):
    found = [outcome(tmp_path, lambda shop: tools.get_order("O-1042", shop=shop)) for _ in range(3)]
    assert found[:2] == ["NotDone", "NotDone"]
    assert found[2].order_id == "O-1042"


def test_order_that_is_always_unavailable_stays_so(tmp_path):
    found = [outcome(tmp_path, lambda shop: tools.get_order("O-1043", shop=shop)) for _ in range(6)]
    assert found == ["NotDone"] * 6


def test_slow_payment_is_slow_once(tmp_path):
    def look(shop):
        return in_time(tools.get_payment, tools.get_payment("O-1044", shop=shop))

    assert outcome(tmp_path, look) == "TimeoutError"
    assert outcome(tmp_path, look).order_id == "O-1044"


def test_slow_payment_answers_whoever_waits(tmp_path, monkeypatch):
    monkeypatch.setattr(tools, "TOO_LONG", 0.0)
    assert outcome(tmp_path, lambda shop: tools.get_payment("O-1045", shop=shop)).order_id == "O-1045"


def test_lost_answer_of_a_refund_is_found_under_its_key(tmp_path):
    def pay(shop):
        return refund(shop, "k1", "O-1046", 3190)

    def look(shop):
        return tools.find_refund("O-1046", 3190, "cancelled", shop=shop, key=CallKey("k1"))

    assert outcome(tmp_path, pay) == "Unknown"
    assert paid_back(tmp_path, "O-1046") == [3190]
    assert isinstance(outcome(tmp_path, look), CannotTell)
    assert isinstance(outcome(tmp_path, look), Found)
    assert outcome(tmp_path, pay).cents == 3190
    assert paid_back(tmp_path, "O-1046") == [3190]


def test_late_answer_of_a_refund_leaves_one_refund(tmp_path):
    def pay(shop):
        return in_time(tools.issue_refund, refund(shop, "k1", "O-1047", 2750))

    assert outcome(tmp_path, pay) == "TimeoutError"
    assert paid_back(tmp_path, "O-1047") == [2750]
    assert outcome(tmp_path, pay).cents == 2750
    assert paid_back(tmp_path, "O-1047") == [2750]


def test_late_answer_reaches_whoever_waits(tmp_path, monkeypatch):
    monkeypatch.setattr(tools, "TOO_LONG", 0.0)
    assert outcome(tmp_path, lambda shop: refund(shop, "k1", "O-1047", 2750)).cents == 2750


def test_unavailable_refund_did_nothing(tmp_path):
    def pay(shop):
        return refund(shop, "k1", "O-1048", 1650)

    assert outcome(tmp_path, pay) == "NotDone"
    assert paid_back(tmp_path, "O-1048") == []
    assert outcome(tmp_path, pay).cents == 1650


def test_lost_answer_of_a_message_leaves_the_message_sent(tmp_path):
    def send(shop):
        return tools.send_message("c:031", "Hello", 0, shop=shop)

    async def sent(shop):
        return shop.number("SELECT count(*) FROM messages")

    assert outcome(tmp_path, send) == "Unknown"
    assert at_the_desk(tmp_path, sent) == 1
    assert outcome(tmp_path, send).message_id == 2


def test_half_an_order_says_so_and_knows_no_amounts(tmp_path):
    half, whole = (outcome(tmp_path, lambda shop: tools.get_order("O-1050", shop=shop)) for _ in range(2))
    assert isinstance(half, Partial)
    assert (half.value.payment, half.value.paid_cents, half.value.refunded_cents) == ("unknown", None, None)
    assert whole.paid_cents == 2890
    assert tools.get_order.gives.json(half.value)["paid_cents"] is None


# ---------------------------------------------------------------------------------------- the contract


@pytest.fixture
def agent():
    return FOLDER.agent


def test_folder_has_what_a_runner_needs():
    assert FOLDER.resources is tools.resources
    assert FOLDER.standin is standin.standin


def test_contract_is_plain_yaml_and_says_little_that_is_not_needed():
    data = YAML(typ="safe").load((DESK / "contract.yaml").read_text(encoding="utf-8"))
    assert (data["takes"], data["gives"], data["instructions"]) == ("RefundRequest", "Decision", "instructions.md")
    assert FOLDER.agent.contract.instructions == (DESK / "instructions.md").read_text(encoding="utf-8")


def test_contract_binds_and_lint_finds_no_errors(agent):
    found = lint.findings(agent.contract, agent.tools)
    assert {finding.where for finding in found} == {"tools.send_message"}
    assert {finding.level for finding in found} == {"advice"}


def test_contract_names_every_tool_and_no_other(agent):
    assert set(agent.contract.tools) == {tool.name for tool in tools.TOOLS}


def test_message_of_a_customer_is_marked_as_untrusted(agent):
    assert agent.takes.schema["properties"]["message"]["x-untrusted"] is True


@pytest.mark.parametrize("line", LINES, ids=lambda line: line["key"])
def test_every_request_fits_what_the_contract_takes(agent, line):
    assert agent.takes.check(line["input"]) == line["input"]


def judged(agent, path, args, customer):
    """(the reasons that refuse a refund, who has to look at it) with the evidence the shop gives."""

    async def read(shop):
        order = await tools.get_order(args["order_id"], shop=shop)
        return tools.get_order.gives.json(order), tools.get_policy.gives.json(await tools.get_policy(shop=shop))

    order, policy = at_the_desk(path, read)
    seen = {"get_order": order, "get_policy": policy}
    scope = Scope({"args": args, "input": {"customer_id": customer, "order_id": args["order_id"]}, "seen": seen})
    grant = agent.contract.tools["issue_refund"]
    refused = [rule.because for rule in grant.must if not scope.holds(rule.that)]
    return refused, [review.by for review in grant.review if scope.holds(review.when)]


REFUNDS = """
c:001 O-1001   998 late           -                        -
c:001 O-1001   999 late           at_most_20_percent       -
c:011 O-1011   100 late           only_from_5_days         -
c:002 O-1002  3450 cancelled      -                        -
c:030 O-1002  3450 cancelled      belong_to_the_customer   -
c:001 O-1001   998 cancelled      records_must_show        -
c:003 O-1003  6200 not_arrived    -                        -
c:015 O-1015   100 not_arrived    14_days_over             -
c:004 O-1004  2999 returned       -                        -
c:004 O-1004  3000 returned       neither_the_delivery     -
c:012 O-1012   100 returned       within_30_days           -
c:005 O-1005  1290 damaged        -                        -
c:005 O-1005  4181 damaged        must_have_been_delivered -
c:006 O-1006  2590 charged_twice  -                        -
c:006 O-1006  2591 charged_twice  beyond_the_price         -
c:013 O-1013     1 cancelled      more_than_is_left        -
c:021 O-1021  5000 cancelled      -                        -
c:021 O-1021  5001 cancelled      more_than_is_left        -
c:017 O-1017 18900 cancelled      -                        finance
c:020 O-1020  7900 damaged        -                        care
"""
"""Who asks, for which order, how many cents, why; what refuses it, who has to look at it."""


@pytest.mark.parametrize("line", REFUNDS.strip().splitlines())
def test_rules_of_a_refund_say_what_the_policy_says(agent, tmp_path, line):
    customer, order_id, cents, reason, refused, reviewed = line.split()
    args = {"order_id": order_id, "cents": int(cents), "reason": reason}
    reasons, people = judged(agent, tmp_path, args, customer)
    assert len(reasons) == (refused != "-")
    assert all(refused.replace("_", " ") in because for because in reasons)
    assert people == [role for role in [reviewed] if role != "-"]


def test_nothing_is_paid_back_before_it_was_received(agent, tmp_path):
    args = {"order_id": "O-1014", "cents": 1, "reason": "cancelled"}
    assert "nothing is paid back before the payment has reached us" in judged(agent, tmp_path, args, "c:014")[0]


@pytest.mark.parametrize(
    ("verdict", "cents", "paid", "good"),
    [
        ("refunded", 500, [{"cents": 500}], True),
        ("refunded", 500, [], False),
        ("refunded", 0, [], False),
        ("not_refunded", 0, [], True),
        ("not_refunded", 0, [{"cents": 500}], False),
        ("not_refunded", 500, [{"cents": 500}], False),
    ],
)
def test_done_proves_what_was_paid(agent, verdict, cents, paid, good):
    output = {"verdict": verdict, "refunded_cents": cents, "order_id": None, "sentence": "x"}
    scope = Scope({"output": output, "effects": {"issue_refund": paid}})
    assert all(scope.holds(rule.that) for rule in agent.contract.done.must) is good


# ---------------------------------------------------------------------------------------- the requests


def test_there_are_about_sixty_requests_and_one_comes_twice():
    assert 55 <= len(LINES) <= 65
    twice = [key for key, times in Counter(line["key"] for line in LINES).items() if times > 1]
    assert twice == ["mail:0001"]
    first, second = [line for line in LINES if line["key"] == "mail:0001"]
    assert first == second


@pytest.mark.parametrize("line", LINES, ids=lambda line: line["key"])
def test_every_request_says_who_asks_for_whom(line):
    assert set(line) in (
        {"key", "by", "on_behalf_of", "input"},
        {"key", "by", "on_behalf_of", "input", "then"},
    )
    assert line["by"] == "svc:inbox"
    assert line["on_behalf_of"] == line["input"]["customer_id"]
    assert line["key"] == line["input"]["ticket"]
    for later in line.get("then", []):
        assert set(later) == {"say", "when"}
        assert later["when"] in {"review", "question"}


def test_readme_tells_of_every_request():
    assert set(SHOWN) == set(REQUESTS)


KINDS = """
ambiguous; not the desk's task; injection in the mail; injection in the order's note; partial; pages; flaky; slow;
over the limit; delivered twice; leave it; no such order; lost answer; asks for too much; repeats; claims; HTML;
unknown tool; malformed; prose; unread; cut off; two languages; somebody else's order; already paid back
"""
ENDS = """
done n; done 0; declined; escalated; stopped; waits: review by finance; waits: review by care; waits: surprise;
waits: review by anyone; waits: question to the requester; waits: doubt; waits: limit
"""


def named(text):
    return [item.strip() for item in text.replace("\n", " ").split(";")]


@pytest.mark.parametrize("kind", named(KINDS))
def test_every_kind_of_mess_is_there(kind):
    assert any(kind in shows for shows, _ in SHOWN.values())


def test_every_ending_is_there():
    assert {re.sub(r"^done [1-9]\d*", "done n", end) for _, end in SHOWN.values()} == set(named(ENDS))


# ---------------------------------------------------------------------------------------- the stand-in


def request(line, *segments, step=1):
    told = Told((1, 0), "input", json.dumps(line["input"], ensure_ascii=False))
    return Request("r", step, 2, "script:standin", "", (), (told, *segments), 1000, 1_000_000)


def answers(line, *segments, step=1):
    """(calls as (tool, arguments), text) of the stand-in's next answer."""
    answer = asyncio.run(standin.standin.answer(request(line, *segments, step=step)))
    return [(want.tool, json.loads(want.args)) for want in answer.calls], answer.text


class Play:
    """The segments of a run, written down as it goes."""

    def __init__(self, line):
        self.line, self.segments, self.step = line, [], 0

    def next(self):
        self.step += 1
        self.calls, self.text = answers(self.line, *self.segments, step=self.step)
        return self.calls or self.text

    def told(self, *results, failed=False):
        """Answer the calls just made, each with a value or a sentence."""
        wants = [Wanted(f"{self.step}-{at}", tool, json.dumps(args)) for at, (tool, args) in enumerate(self.calls)]
        self.segments.append(Answered((self.step, 0), self.text, tuple(wants)))
        for want, result in zip(wants, results, strict=True):
            text = result if isinstance(result, str) else json.dumps(result, default=str)
            self.segments.append(Result((self.step, 1), want.id, want.tool, text, failed))
        return self

    def said(self, text):
        self.segments.append(Told((99, 0), "said", text))
        return self


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    """order id → what get_order gives, and the policy."""

    async def read(shop):
        shop.all("DELETE FROM faults")
        names = [row["order_id"] for row in shop.all("SELECT order_id FROM orders")]
        orders = {name: tools.get_order.gives.json(await tools.get_order(name, shop=shop)) for name in names}
        return orders | {"policy": tools.get_policy.gives.json(await tools.get_policy(shop=shop))}

    return at_the_desk(tmp_path_factory.mktemp("shop"), read)


def after_reading(key, facts):
    play = Play(REQUESTS[key])
    assert [tool for tool, _ in play.next()] == ["get_order", "get_policy"]
    return play.told(facts[REQUESTS[key]["input"]["order_id"]], facts["policy"])


@pytest.mark.parametrize("key", REQUESTS)
def test_stand_in_has_a_first_step_for_every_request(key):
    calls, text = answers(REQUESTS[key], step=1)
    assert calls
    assert not text


def test_stand_in_says_plainly_what_it_is():
    assert "It is no model, and nothing about any model's quality can be read off it" in standin.__doc__


def test_stand_in_answers_the_same_to_the_same(facts):
    first, again = (after_reading("mail:0021", facts).next() for _ in range(2))
    assert first == again


DUE = """
0001 998 late; 0002 3450 cancelled; 0003 6200 not_arrived; 0004 2999 returned; 0005 1290 damaged; 0007 1380 late;
0008 1640 cancelled; 0009 3290 returned; 0010 898 late; 0018 25900 not_arrived; 0047 2750 cancelled
"""


@pytest.mark.parametrize("due", named(DUE))
def test_stand_in_works_out_what_is_due(facts, due):
    number, cents, reason = due.split()
    order_id = REQUESTS[f"mail:{number}"]["input"]["order_id"]
    [(tool, args)] = after_reading(f"mail:{number}", facts).next()
    assert (tool, args) == ("issue_refund", {"order_id": order_id, "cents": int(cents), "reason": reason})


@pytest.mark.parametrize("key", ["mail:0011", "mail:0012", "mail:0013", "mail:0014", "mail:0015", "mail:0016"])
def test_stand_in_pays_nothing_where_nothing_is_due(facts, key):
    play = after_reading(key, facts)
    [(tool, args)] = play.next()
    assert (tool, args["refund_cents"]) == ("send_message", 0)
    [(tool, args)] = play.told({"message_id": 1, "customer_id": "c"}).next()
    assert (tool, args["verdict"], args["refunded_cents"]) == ("done", "not_refunded", 0)


def test_stand_in_reports_the_amount_a_reviewer_left(facts):
    play = after_reading("mail:0018", facts)
    play.next()
    [(tool, args)] = play.told({"refund_id": "re-9", "order_id": "O-1018", "cents": 4000}).next()
    assert (tool, args["refund_cents"]) == ("send_message", 4000)


def test_stand_in_asks_for_too_much_and_then_for_what_is_left(facts):
    play = after_reading("mail:0021", facts)
    assert play.next()[0][1]["cents"] == 8000
    assert play.told("refused: never more than is left", failed=True).next()[0][1]["cents"] == 5000
    [(tool, _)] = play.told("refused: still no", failed=True).next()
    assert tool == "send_message"


def test_stand_in_falls_for_the_note_and_then_does_its_work(facts):
    play = after_reading("mail:0035", facts)
    assert play.next() == [("issue_refund", {"order_id": "O-1040", "cents": 25390, "reason": "cancelled"})]
    assert play.told("refused: no", failed=True).next()[0][1]["order_id"] == "O-1035"


def test_stand_in_claims_twice_what_it_did_not_do(facts):
    play = after_reading("mail:0055", facts)
    for _ in range(2):
        [(tool, args)] = play.next()
        assert (tool, args["refunded_cents"]) == ("done", 980)
        play.told("not accepted", failed=True)
    assert play.next()[0][0] == "issue_refund"


def test_stand_in_talks_once_instead_of_acting(facts):
    play = after_reading("mail:0057", facts)
    assert "I have refunded" in play.next()
    assert play.told().next()[0][0] == "issue_refund"


@pytest.mark.parametrize(("key", "finish"), [("mail:0056", "calls"), ("mail:0061", "length")])
def test_stand_in_breaks_its_arguments(facts, key, finish):
    play = after_reading(key, facts)
    answer = asyncio.run(standin.standin.answer(request(play.line, *play.segments, step=2)))
    assert answer.finish == finish
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(answer.calls[0].args)
    segments = [
        Answered((9, 0), "", answer.calls),
        Result((9, 1), answer.calls[0].id, "issue_refund", "no JSON", True),
    ]
    calls, _ = answers(play.line, *play.segments, *segments, step=3)
    assert calls[0][0] == "issue_refund"


def test_stand_in_goes_round_in_circles():
    play = Play(REQUESTS["mail:0059"])
    for _ in range(20):
        assert play.next() == [("get_order", {"order_id": "O-1059"})]
        play.told("refused: the same call again", failed=True)


def test_stand_in_heeds_leave_it(facts):
    play = after_reading("mail:0019", facts)
    assert play.next()[0][0] == "issue_refund"
    play.told("refused: the requester has written since", failed=True).said(REQUESTS["mail:0019"]["then"][0]["say"])
    [(tool, args)] = play.next()
    assert (tool, args["text"]) == ("send_message", "You asked us to leave it, so nothing was paid back.")


def test_stand_in_asks_which_order_and_takes_the_answer():
    names = {"O-1024": "Bedside lamp Luna", "O-1064": "Electric kettle", "O-1065": "Rug 80x150"}
    orders = [{"order_id": number, "first_item": name} for number, name in names.items()]
    pages = [{"customer_id": "c:024", "orders": part, "of": 3} for part in (orders[:2], orders[2:])]
    play = Play(REQUESTS["mail:0024"])
    assert play.next() == [("find_orders", {"customer_id": "c:024"})]
    play.told(pages)
    [(tool, args)] = play.next()
    assert (tool, args["of"]) == ("ask", "requester")
    assert all(number in args["question"] for number in names)
    later = REQUESTS["mail:0024"]["then"][0]["say"]
    assert play.told(f"the requester answered: {later}").next()[0] == ("get_order", {"order_id": "O-1024"})


def test_stand_in_gives_up_where_the_customer_does_not_say_which():
    play = Play(REQUESTS["mail:0024"])
    play.next()
    page = {
        "customer_id": "c:024",
        "of": 2,
        "orders": [{"order_id": n, "first_item": n} for n in ("O-1", "O-2")],
    }
    play.told(page).next()
    assert play.told("the requester answered: no idea").next()[0][0] == "decline"


def test_stand_in_does_not_guess_from_half_a_list():
    play = Play(REQUESTS["mail:0053"])
    play.next()
    page = {
        "customer_id": "c:013",
        "orders": [{"order_id": "O-1013", "first_item": "Picture frame, oak"}],
        "of": 2,
    }
    [(tool, args)] = play.told(f"{json.dumps(page)}\n[this is not complete: the archive]").next()
    assert (tool, args["hand_over"]) == ("decline", True)


def test_stand_in_gives_up_on_an_order_it_cannot_read_completely(facts):
    half = {**facts["O-1051"], "payment": "unknown", "paid_cents": None, "refunded_cents": None}
    play = Play(REQUESTS["mail:0051"])
    play.next()
    assert play.told(half, facts["policy"]).next() == [("get_order", {"order_id": "O-1051"})]
    assert play.told(half).next()[0][0] == "decline"


def test_stand_in_tells_a_customer_that_there_is_no_such_order(facts):
    play = Play(REQUESTS["mail:0026"])
    play.next()
    play.told("refused: there is no order O-9999", "refused", failed=True)
    assert play.next() == [("find_orders", {"customer_id": "c:026"})]
    [(tool, args)] = play.told({"customer_id": "c:026", "orders": [], "of": 0}).next()
    assert (tool, args["text"]) == ("send_message", "We have no order O-9999.")


def test_stand_in_declines_what_is_not_its_task():
    for key in ("mail:0029", "mail:0030", "mail:0031", "mail:0032"):
        assert answers(REQUESTS[key])[0][0][0] == "decline"


def test_stand_in_asks_back_about_an_empty_mail_once():
    play = Play(REQUESTS["mail:0033"])
    assert play.next()[0][0] == "ask"
    assert play.told("the requester answered: ?").next()[0][0] == "decline"


def test_stand_in_declines_where_a_customer_has_no_order_and_names_none():
    play = Play({**REQUESTS["mail:0023"]})
    play.next()
    assert play.told({"customer_id": "c:023", "orders": [], "of": 0}).next()[0][0] == "decline"


def test_stand_in_is_overloaded_once_in_one_ticket():
    assert isinstance(standin.standin, Script)
    fails = [key for key in REQUESTS if len(standin.turns(json.dumps(REQUESTS[key]["input"]))) > standin.STEPS]
    assert fails == sorted(standin.OVERLOADED)


def test_habits_speak_of_tickets_that_exist():
    assert set(standin.HABITS) | standin.OVERLOADED <= set(REQUESTS)


# ---------------------------------------------------------------------------------------- the whole desk


def ending(result, state):
    """How a run ended, or what it waits for, in the README's words."""
    if isinstance(result, Done):
        return f"done {result.output.refunded_cents}"
    if not isinstance(result, Waiting):
        return type(result).__name__.lower()
    [question] = state.questions.values()
    asked = question.asked
    if asked.about == "review":
        return f"waits: review by {asked.role or 'anyone'}"
    return f"waits: {asked.about}" + (f" to the {asked.role}" if asked.role else "")


async def served(runner, line):
    """(run, how it ended) of one request, with what its customer says later."""
    run = await runner.start(
        FOLDER.agent, line["input"], key=line["key"], by=line["by"], on_behalf_of=line["on_behalf_of"]
    )
    result = await run.result()
    for later in line.get("then", []):
        assert isinstance(result, Waiting)
        await run.say(later["say"], by=line["on_behalf_of"])
        result = await run.result()
    return run.name, ending(result, await run.state())


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """(what became of each line, in order; the shop afterwards) of a day at the desk, everybody at once."""
    path = tmp_path_factory.mktemp("desk")

    async def day():
        settings = {"shop": str(path / "shop.db")}
        opening = Runner.open(
            f"sqlite:///{path}/journal.db", resources=tools.resources, settings=settings, model=standin.standin
        )
        async with opening as runner:
            early = await asyncio.gather(*(served(runner, line) for line in LINES[:-1]))
            return [*early, await served(runner, LINES[-1])]

    return list(zip(LINES, asyncio.run(day()), strict=True)), path


@pytest.mark.parametrize("key", REQUESTS)
def test_every_request_ends_as_the_readme_says(desk, key):
    days, _ = desk
    assert {end for line, (_, end) in days if line["key"] == key} == {SHOWN[key][1]}


def test_same_delivery_twice_is_one_run(desk):
    days, _ = desk
    assert len({run for line, (run, _) in days if line["key"] == "mail:0001"}) == 1
    assert len({run for _, (run, _) in days}) == len(REQUESTS)


def test_money_that_left_the_shop_is_what_the_decisions_say(desk):
    days, path = desk
    ends = {run: end for _, (run, end) in days}.values()
    with closing(sqlite3.connect(path / "shop.db")) as db:
        [(paid,)] = db.execute("SELECT sum(cents) FROM refunds WHERE key IS NOT NULL")
        most = db.execute("SELECT count(*) FROM refunds WHERE key IS NOT NULL GROUP BY order_id").fetchall()
    in_doubt = 2150  # mail:0049 paid, and waits because nobody knows of its message
    assert paid == sum(int(end.split()[1]) for end in ends if end.startswith("done")) + in_doubt
    assert set(most) == {(1,)}


def decided(path, key, decide):
    """What a run comes to once a person did `decide(runner, run name, question)`."""

    async def day():
        settings = {"shop": str(path / "shop.db")}
        async with Runner.open(
            "memory:", resources=tools.resources, settings=settings, model=standin.standin
        ) as runner:
            line = REQUESTS[key]
            run = await runner.start(FOLDER.agent, line["input"], by=line["by"], on_behalf_of=line["on_behalf_of"])
            await run.result()
            [question] = (await run.state()).questions
            await decide(runner, run.name, question)
            return await run.result()

    return asyncio.run(day())


def test_reviewer_may_say_yes_to_less_and_the_decision_says_so(tmp_path):
    result = decided(
        tmp_path, "mail:0018", lambda runner, run, question: runner.amend(run, question, {"cents": 4000}, by="alice")
    )
    assert isinstance(result, Done)
    assert (result.output.refunded_cents, paid_back(tmp_path, "O-1018")) == (4000, [4000])
    assert "40.00" in result.output.sentence


def test_reviewer_may_approve_what_was_asked_for(tmp_path):
    result = decided(
        tmp_path, "mail:0017", lambda runner, run, question: runner.answer(run, question, "approve", by="alice")
    )
    assert isinstance(result, Done)
    assert paid_back(tmp_path, "O-1017") == [18900]


def test_reviewer_may_say_no_and_the_customer_is_told(tmp_path):
    result = decided(
        tmp_path, "mail:0020", lambda runner, run, question: runner.answer(run, question, "deny", by="alice")
    )
    assert isinstance(result, Done)
    assert (result.output.verdict, paid_back(tmp_path, "O-1020")) == ("not_refunded", [])


def test_message_in_doubt_is_settled_by_a_person_and_not_sent_again(tmp_path):
    async def settle(runner, run, question):
        call = (await runner.state(run)).questions[question].asked.call
        sent = {"message_id": 1, "customer_id": "c:031"}
        await runner.settle(run, call, "happened", by="alice", result=sent)

    async def sent(shop):
        return shop.number("SELECT count(*) FROM messages")

    result = decided(tmp_path, "mail:0049", settle)
    assert isinstance(result, Done)
    assert (result.output.refunded_cents, at_the_desk(tmp_path, sent)) == (2150, 1)


def test_simulated_day_moves_no_money(tmp_path):
    settings = {"shop": str(tmp_path / "shop.db")}

    async def day():
        opening = Runner.open(
            "memory:", resources=tools.resources, settings=settings, model=standin.standin, mode="simulate"
        )
        async with opening as runner:
            return await (await runner.start(FOLDER.agent, REQUESTS["mail:0001"]["input"])).result()

    result = asyncio.run(day())
    assert isinstance(result, Done)
    assert (result.output.refunded_cents, paid_back(tmp_path, "O-1001")) == (998, [])


def test_nobody_but_the_customers_who_wrote_got_a_message(desk):
    _, path = desk
    with closing(sqlite3.connect(path / "shop.db")) as db:
        got = Counter(customer for (customer,) in db.execute("SELECT customer_id FROM messages"))
        prizes = db.execute("SELECT count(*) FROM messages WHERE body LIKE '%prize%'").fetchone()
    assert set(got) <= {line["on_behalf_of"] for line in LINES}
    assert prizes == (0,)
    assert got["c:031"] == 1
