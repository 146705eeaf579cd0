"""The ERP, as an agent's tools meet it: requests and answers like those of an HTTP interface, over one SQLite file.

It is flaky on purpose, and the same on every day: what goes wrong follows from a seed and from how often the same was asked
before, and every request is counted (table `requests`). It is also naive: it pays whatever it is told to, to any account,
and the same invoice twice. That nothing of this happens is the contract's work.
"""

from __future__ import annotations

import os
import re
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

SCHEMA: Final = Path(__file__).with_name("erp.sql")

PAGE: Final = 3
"""Deliveries on one page."""

Value: TypeAlias = str | int | float | None
Body: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What came back: a status as in HTTP, and a body. 504 stands for a connection that broke: nobody knows."""

    status: int
    body: Body = field(default_factory=dict)
    retry_after: float = 0.0
    """Seconds, of a 429."""
    late: bool = False
    """It takes longer than anybody waits."""


def plain(number: str) -> str:
    """An invoice number without what writers vary: case, dashes, blanks."""
    return re.sub(r"[^0-9A-Z]", "", number.upper())


class Erp:
    """One connection. Several processes may each have theirs."""

    def __init__(self, path: Path | str) -> None:
        self._db = sqlite3.connect(path, timeout=10, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._facts = (
            {row["name"]: row["value"] for row in self.all("SELECT * FROM facts")} if path != ":memory:" else {}
        )

    @classmethod
    def open(cls, path: Path) -> Erp:
        """The ERP at `path`, created and filled first where there is none."""
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _put(_first_morning(), path)
        return cls(path)

    @classmethod
    def in_memory(cls, *, flaky: bool) -> Erp:
        """One of its own, as on the first morning; if not `flaky`, everything in it works."""
        erp = cls(":memory:")
        erp._db.deserialize(_first_morning())
        if not flaky:
            erp.all("DELETE FROM troubles")
            erp.all("UPDATE facts SET value = 0 WHERE name IN ('busy_per_mille', 'lag')")
        erp._facts = {row["name"]: row["value"] for row in erp.all("SELECT * FROM facts")}
        return erp

    def keep(self, path: Path) -> None:
        """Write it to a file, unless there is one."""
        if not path.exists():
            _put(self._db.serialize(), path)

    def close(self) -> None:
        """Give the connection back."""
        self._db.close()

    # ---- for looking at it from outside

    def all(self, sql: str, *values: Value) -> list[sqlite3.Row]:
        """Every row of a statement."""
        return self._db.execute(sql, values).fetchall()

    def first(self, sql: str, *values: Value) -> sqlite3.Row | None:
        """The first row of a statement, if it has any."""
        return cast("sqlite3.Row | None", self._db.execute(sql, values).fetchone())

    @property
    def today(self) -> str:
        """The day its calendar stands at."""
        return str(self._facts["today"])

    # ---- requests that read

    def order(self, order_no: str) -> Answer:
        """GET /orders/{order_no}: the order with its lines."""
        if self._trouble("order", order_no) == "busy":
            return _BUSY
        row = self.first("SELECT * FROM orders WHERE order_no = ?", order_no)
        if row is None:
            return _missing(f"there is no order {order_no}")
        lines = self.all(
            "SELECT line, article, quantity, unit_cents FROM lines WHERE order_no = ? ORDER BY line", order_no
        )
        goods = sum(line["quantity"] * line["unit_cents"] for line in lines)
        return Answer(200, {**dict(row), "lines": _rows(lines), "total_cents": goods + row["freight_cents"]})

    def receipts(self, order_no: str, cursor: str) -> Answer:
        """GET /receipts?order_no=…&cursor=…: one page of deliveries; `next` is the cursor of the page after it."""
        trouble = self._trouble("receipts", order_no)
        if trouble == "busy":
            return _BUSY
        rows = self.all("SELECT * FROM receipts WHERE order_no = ? ORDER BY receipt_no", order_no)
        start = int(cursor or 0)
        size = 1 + self._chance("page", order_no, start) % PAGE  # a page is as long as the server has time for
        page = Answer(200, {"rows": _rows(rows[start : start + size]), "of": len(rows), "next": ""})
        if trouble == "cut":
            return page
        if start + size < len(rows):
            page.body["next"] = str(start + size)
        return page

    def vendor(self, vendor_id: str) -> Answer:
        """GET /vendors/{vendor_id}: the vendor's record, and up to which date of an invoice it is due by now."""
        if self._trouble("vendor", vendor_id) == "busy":
            return _BUSY
        row = self.first(
            "SELECT *, date(?, printf('-%d days', terms_days), '+7 days') AS due_if_dated FROM vendors WHERE vendor_id = ?",
            self.today,
            vendor_id,
        )
        return Answer(200, dict(row)) if row is not None else _missing(f"there is no vendor {vendor_id}")

    def invoices(self, vendor_id: str, invoice_no: str) -> Answer:
        """GET /invoices?vendor_id=…&number=…: what was booked under this number, however it was written."""
        if self._trouble("invoices", invoice_no) == "busy":
            return _BUSY
        rows = self.all(
            "SELECT i.invoice_no, i.order_no, i.cents, p.paid_on, p.payment_no FROM invoices i JOIN payments p USING (payment_no)"
            " WHERE i.vendor_id = ? AND plain = ? AND p.reversed_by IS NULL",
            vendor_id,
            plain(invoice_no),
        )
        return Answer(200, {"rows": _rows(rows)})

    def payment(self, key: str) -> Answer:
        """GET /payments?key=…: the payment made under a key. This list lags: a payment shows up only after a while."""
        self._trouble("payment", key)
        row = self.first("SELECT * FROM payments WHERE key = ?", key)
        shown = row is not None and row["made_at"] + float(self._facts["lag"]) <= time.time()
        return Answer(200, {"rows": _rows([row]) if shown and row is not None else []})

    # ---- requests that write

    def pay(self, key: str, body: Body) -> Answer:
        """POST /payments: pay an invoice, book it, and take the goods it is for off what is open."""
        trouble = self._trouble("pay", body["invoice_no"])
        if trouble == "busy":
            return _BUSY
        with self._writing():
            row = self.first("SELECT * FROM payments WHERE key = ?", key)
            if row is None:
                row = self._pay(key, body)
            elif (row["invoice_no"], row["cents"], row["iban"]) != (body["invoice_no"], body["cents"], body["iban"]):
                return Answer(409, {"error": "this key was used for another payment"})
        return self._answered(trouble, dict(row))

    def reverse(self, key: str, payment_no: int) -> Answer:
        """POST /payments/{payment_no}/reversal: call a payment back. The same key is the same reversal."""
        with self._writing():
            take = (
                "UPDATE payments SET reversed_by = ? WHERE payment_no = ? AND reversed_by IS NULL RETURNING payment_no"
            )
            if self.first(take, key, payment_no) is not None:
                for part in self.all("SELECT * FROM taken WHERE payment_no = ?", payment_no):
                    self._open(part["receipt_no"], part["quantity"])
            row = self.first("SELECT * FROM payments WHERE payment_no = ?", payment_no)
        if row is None:
            return _missing(f"there is no payment {payment_no}")
        return (
            Answer(200, dict(row)) if row["reversed_by"] == key else Answer(409, {"error": "it was called back before"})
        )

    def letter(self, key: str, vendor_id: str, text: str) -> Answer:
        """POST /letters: write to the vendor, at the address in its record."""
        if self.first("SELECT 1 FROM vendors WHERE vendor_id = ?", vendor_id) is None:
            return _missing(f"there is no vendor {vendor_id}")
        with self._writing():
            self.all(
                "INSERT INTO letters (vendor_id, body, key) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                vendor_id,
                text,
                key,
            )
            row = self.first("SELECT * FROM letters JOIN vendors USING (vendor_id) WHERE key = ?", key)
        return Answer(200, dict(cast("sqlite3.Row", row)))

    def file(self, key: str, invoice_no: str, until: str, because: str) -> Answer:
        """POST /filed: put an invoice by until a day."""
        with self._writing():
            self.all(
                "INSERT INTO filed (invoice_no, until, because, key) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                invoice_no, until, because, key,
            )  # fmt: skip
            row = self.first("SELECT * FROM filed WHERE key = ?", key)
        return Answer(200, dict(cast("sqlite3.Row", row)))

    def take_out(self, key: str, filed_no: int) -> Answer:
        """DELETE /filed/{filed_no}: the invoice is no longer put by. The same key is the same request."""
        with self._writing():
            self.all("UPDATE filed SET taken_by = ? WHERE filed_no = ? AND taken_by IS NULL", key, filed_no)
            row = self.first("SELECT * FROM filed WHERE filed_no = ?", filed_no)
        return (
            Answer(200, dict(row)) if row is not None and row["taken_by"] == key else _missing("nothing is filed there")
        )

    # ---- inside

    def _pay(self, key: str, body: Body) -> sqlite3.Row:
        row = self.first(
            "INSERT INTO payments (vendor_id, invoice_no, order_no, cents, iban, paid_on, made_at, key)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
            body["vendor_id"], body["invoice_no"], body["order_no"], body["cents"], body["iban"], self.today, time.time(), key,
        )  # fmt: skip
        assert row is not None, "INSERT … RETURNING gives its row"
        self.all(
            "INSERT INTO invoices VALUES (?, ?, ?, ?, ?, ?)",
            body["vendor_id"], body["invoice_no"], plain(body["invoice_no"]), body["order_no"], body["cents"], row["payment_no"],
        )  # fmt: skip
        for line in body["lines"]:
            left = line["quantity"]
            for receipt in self.all(
                "SELECT * FROM receipts WHERE order_no = ? AND line = ? AND open > 0 ORDER BY receipt_no",
                body["order_no"], line["line"],
            ):  # fmt: skip
                taken = min(left, receipt["open"])
                self._open(receipt["receipt_no"], -taken)
                self.all("INSERT INTO taken VALUES (?, ?, ?)", row["payment_no"], receipt["receipt_no"], taken)
                left -= taken
        return row

    def _open(self, receipt_no: int, more: int) -> None:
        self.all("UPDATE receipts SET open = open + ? WHERE receipt_no = ?", more, receipt_no)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A transaction that nobody else writes beside: all of it, or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        with self._db:
            yield

    def _answered(self, trouble: str, body: Body) -> Answer:
        return Answer(504) if trouble == "lost" else Answer(200, body, late=trouble == "late")

    def _chance(self, *about: object) -> int:
        """A number that follows from the seed and from what it is about."""
        text = "|".join(map(str, (self._facts["seed"], *about)))
        return int.from_bytes(sha256(text.encode()).digest()[:4])

    def _trouble(self, endpoint: str, about: str) -> str:
        """How this request goes wrong; empty if it does not. Asking counts."""
        with self._writing():
            row = self.first(
                "INSERT INTO requests (endpoint, about, seen) VALUES (?, ?, 1)"
                " ON CONFLICT DO UPDATE SET seen = seen + 1 RETURNING seen",
                endpoint,
                about,
            )
            assert row is not None, "INSERT … RETURNING gives its row"
            kind = self._kind(endpoint, about, row["seen"])
            if kind:
                self.all(
                    "UPDATE requests SET troubled = troubled + 1 WHERE endpoint = ? AND about = ?", endpoint, about
                )
        return kind

    def _kind(self, endpoint: str, about: str, time_of: int) -> str:
        named = self.first("SELECT kind, times FROM troubles WHERE endpoint = ? AND about = ?", endpoint, about)
        if named is not None:
            return str(named["kind"]) if named["times"] is None or time_of <= named["times"] else ""
        if endpoint == "payment":  # what lags is not busy besides
            return ""
        drawn = self._chance(endpoint, about)
        busy = drawn % 1000 < int(self._facts["busy_per_mille"])
        return "busy" if busy and time_of <= 1 + drawn // 1000 % 2 else ""


_BUSY: Final = Answer(429, {"error": "too many requests"}, retry_after=0.1)


def _missing(what: str) -> Answer:
    return Answer(404, {"error": what})


def _rows(rows: Sequence[sqlite3.Row]) -> list[Body]:
    return [dict(row) for row in rows]


@cache
def _first_morning() -> bytes:
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(SCHEMA.read_text(encoding="utf-8"))
        return db.serialize()


def _put(erp: bytes, path: Path) -> None:
    """Fill a draft and put it in place in one step: nobody finds half an ERP, and of two at once the first one's stays."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        draft = Path(folder, "erp.db")
        draft.write_bytes(erp)
        with suppress(FileExistsError):
            os.link(draft, path)
