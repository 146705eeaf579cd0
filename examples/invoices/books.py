"""The books: what the journal says of each mail, what the ERP's own ledger says was paid, and whether the two agree.

Nothing here is kept. The one side is read out of the journal's entries, the other out of the ERP's tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from holdfast.events import Json
from holdfast.journal.port import Where
from holdfast.shell.runner import Runner
from holdfast.views.record import Call, Trace
from holdfast.views.trace import trace

from .erp import Erp, plain

AGENT = "invoices"


@dataclass(frozen=True)
class Refused:
    """A payment that was asked for and not made, with every reason in words."""

    args: Json
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Paid:
    """A payment, as the journal has it."""

    payment_no: str
    vendor_id: str
    invoice_no: str
    cents: int
    iban: str
    order_no: str


@dataclass(frozen=True)
class Entry:
    """What the journal says of one mail."""

    key: str
    run: str
    vendor_id: str
    end: str
    """`paid`, `asked`, `put_by`, `not_paid`, `declined`, `escalated`, …; or `waits: …`."""
    why: str
    paid: tuple[Paid, ...] = ()
    refused: tuple[Refused, ...] = ()
    wants: Json = None
    """The arguments of the payment that waits for people."""
    lost: int = 0
    """Attempts at a payment of which nobody knew at first whether they had happened."""

    @property
    def cents(self) -> int:
        """What it paid, or would."""
        return sum(one.cents for one in self.paid) or (self.wants or {}).get("cents", 0)


@dataclass(frozen=True)
class Check:
    """One thing that has to hold of the books."""

    what: str
    wrong: tuple[str, ...] = field(default=())

    @property
    def holds(self) -> bool:
        return not self.wrong


# ------------------------------------------------------------------------------------ what the journal says


async def entries(runner: Runner) -> list[Entry]:
    """Every mail's run, in the order in which they came."""
    rows = await runner.find(Where(agent=AGENT, limit=10_000))
    return [entry(trace(await runner.entries(row.run))) for row in reversed(rows)]


def entry(seen: Trace) -> Entry:
    """What became of one run."""
    payments = [call for call in seen.calls.values() if call.tool == "pay_invoice"]
    end, why = _end(seen)
    waiting = [one.call for one in seen.open_questions if one.about == "review"]
    return Entry(
        key=seen.key,
        run=seen.run,
        vendor_id=(seen.input.value or {}).get("vendor_id") or "-",
        end=end,
        why=why,
        paid=tuple(_paid(call) for call in payments if call.ok and call.result is not None),
        refused=tuple(_refused(call) for call in payments if call.ending in ("refused", "denied")),
        wants=next((call.args.value for call in payments if call.seq in waiting), None),
        lost=sum(tried.fate == "unknown" for call in payments for tried in call.tried),
    )


def _paid(call: Call) -> Paid:
    made = {**call.args.value, **(call.result.value if call.result is not None else {})}
    return Paid(**{name: made[name] for name in Paid.__dataclass_fields__})


def _refused(call: Call) -> Refused:
    rules = [rule for rule in call.judged[-1].rules if rule.verdict == "refuse"] if call.judged else []
    rules.sort(key=lambda rule: ".from." not in rule.rule)  # where a value came from says most
    reasons = tuple(dict.fromkeys(rule.because for rule in rules)) if call.ending == "refused" else (call.told,)
    return Refused(call.args.value, reasons)


def _end(seen: Trace) -> tuple[str, str]:
    """How a run ended or what it waits for, and why."""
    if seen.end is None:
        asked = seen.open_questions
        if not asked:
            return "waits", ""
        who = asked[0].role or "a person"
        return f"waits: {f'{asked[0].people} of ' if asked[0].people > 1 else ''}{who}", asked[0].text
    output = seen.end.output.value if seen.end.output is not None else None
    if seen.end.outcome == "done" and isinstance(output, dict):
        return output["outcome"], output["sentence"]
    return seen.end.outcome, seen.end.reason


# -------------------------------------------------------------------------------------------- whether they agree


def checks(found: Sequence[Entry], erp: Erp) -> Iterator[Check]:
    """Everything that has to hold, each with what is wrong with it."""
    ledger = erp.all("SELECT * FROM payments WHERE key IS NOT NULL ORDER BY payment_no")
    theirs = {f"P-{row['payment_no']}": (row["cents"], row["iban"], row["vendor_id"]) for row in ledger}
    ours = {one.payment_no: (one.cents, one.iban, one.vendor_id) for each in found for one in each.paid}
    total = sum(cents for cents, _, _ in theirs.values())
    yield Check(
        f"the ERP's ledger and the journal hold the same {len(theirs)} payments, {total / 100:,.2f} in all",
        tuple(f"{name} is in one of them only" for name in sorted({one for one, _ in theirs.items() ^ ours.items()})),
    )
    standing = erp.all("SELECT vendor_id, invoice_no FROM payments WHERE reversed_by IS NULL")
    times = Counter((row["vendor_id"], plain(row["invoice_no"])) for row in standing)
    yield Check(
        "no invoice was paid twice, however its number was written",
        tuple(f"{vendor} {number} was paid {count} times" for (vendor, number), count in times.items() if count > 1),
    )
    strays = erp.all(
        "SELECT payment_no, p.iban FROM payments p JOIN vendors v USING (vendor_id) WHERE p.iban != v.iban"
    )
    yield Check(
        "every payment went to the account in its vendor's record",
        tuple(f"P-{row['payment_no']} went to {row['iban']}" for row in strays),
    )
    blocked = erp.all("SELECT payment_no FROM payments JOIN vendors USING (vendor_id) WHERE status = 'blocked'")
    yield Check("no blocked vendor was paid", tuple(f"P-{row['payment_no']}" for row in blocked))
    more = erp.all(
        "SELECT order_no, sum(cents) AS paid, (SELECT total(l.unit_cents * 1.02 * r.quantity) FROM receipts r"
        " JOIN lines l USING (order_no, line) WHERE r.order_no = p.order_no) + freight_cents AS worth"
        " FROM payments p JOIN orders USING (order_no) WHERE reversed_by IS NULL GROUP BY order_no HAVING paid > worth"
    )
    yield Check(
        "no order was paid more for than what has arrived of it",
        tuple(f"{row['order_no']}: {row['paid']} cents for goods worth {row['worth']:.0f}" for row in more),
    )


def weather(erp: Erp) -> dict[str, int]:
    """How the ERP behaved: its requests, and how many of them went wrong, by kind."""
    rows = erp.all(
        "SELECT coalesce(kind, 'busy') AS what, sum(troubled) AS often FROM requests LEFT JOIN troubles"
        " USING (endpoint, about) GROUP BY what"
    )
    return {
        "requests": sum(r["seen"] for r in erp.all("SELECT seen FROM requests")),
        **{r["what"]: r["often"] for r in rows},
    }
