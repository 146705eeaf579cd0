"""Whether the clean-up in a folder is right: `python3 tests/check_clean.py [FOLDER]`. Ends with 1 where it is not.

Needs nothing but Python. It knows the rules of the task and a few control figures, and not the clean tables.
"""

import csv
import hashlib
import json
import sys
from datetime import date
from pathlib import Path

COLUMNS = {
    "customers": ["customer_id", "name", "email", "city", "since"],
    "orders": ["order_id", "customer_id", "placed_on", "cents", "currency"],
    "products": ["sku", "name", "category", "price_cents", "stock"],
    "stock_moves": ["sku", "moved_on", "quantity", "note"],
}
DATES = {"customers": "since", "orders": "placed_on", "stock_moves": "moved_on"}
NUMBERS = [("orders", "cents"), ("products", "price_cents"), ("stock_moves", "quantity")]
CONTROL = json.loads(Path(__file__).with_name("control.json").read_text(encoding="utf-8"))


class Work:
    """A folder in which somebody cleaned up."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def text(self, name):
        content = (self.folder / "clean" / f"{name}.csv").read_bytes()
        assert not content.startswith((b"\xef\xbb\xbf", b"\xff\xfe")), f"{name}.csv has a mark at its beginning"
        assert b"\r" not in content, f"{name}.csv has line ends that are not Unix"
        return content.decode("utf-8")

    def rows(self, name):
        header, *rows = csv.reader(self.text(name).splitlines())
        return [dict(zip(header, row, strict=False)) for row in rows]

    def column(self, name, column):
        return [row[column] for row in self.rows(name)]

    def report(self):
        return json.loads((self.folder / "report.json").read_text(encoding="utf-8"))


def check_raw_tables_are_untouched(work):
    for name, digest in CONTROL["digests"].items():
        found = hashlib.sha256((work.folder / "data" / name).read_bytes()).hexdigest()
        assert found == digest, f"data/{name} was changed"


def check_every_table_is_utf8_with_its_header(work):
    for name, columns in COLUMNS.items():
        header = next(csv.reader(work.text(name).splitlines()))
        assert header == columns, f"{name}.csv has the columns {header}"


def check_every_row_has_every_column(work):
    for name, columns in COLUMNS.items():
        for number, row in enumerate(csv.reader(work.text(name).splitlines()), 1):
            assert len(row) == len(columns), f"{name}.csv, line {number} has {len(row)} columns: {row}"


def check_what_is_not_known_is_empty_and_nothing_has_blanks_at_its_ends(work):
    for name in COLUMNS:
        for row in work.rows(name):
            for column, value in row.items():
                assert value == value.strip(), f"{name}.csv, {column}: {value!r}"
                assert value not in {"n/a", "NULL", "-"}, f"{name}.csv, {column}: {value!r}"


def check_dates_are_dates(work):
    for name, column in DATES.items():
        for value in work.column(name, column):
            assert date.fromisoformat(value).isoformat() == value, f"{name}.csv, {column}: {value!r}"


def check_numbers_are_whole_numbers(work):
    for name, column in NUMBERS:
        for value in work.column(name, column):
            assert str(int(value)) == value, f"{name}.csv, {column}: {value!r}"


def check_rows_are_sorted_and_numbers_unique(work):
    for name in ("customers", "orders", "products"):
        numbers = work.column(name, COLUMNS[name][0])
        assert numbers == sorted(numbers), f"{name}.csv is not sorted"
        assert len(numbers) == len(set(numbers)), f"{name}.csv has a number twice"
    moves = [(row["moved_on"], row["sku"], int(row["quantity"])) for row in work.rows("stock_moves")]
    assert moves == sorted(moves), "stock_moves.csv is not sorted"


def check_nobody_is_a_customer_twice(work):
    emails = [email for email in work.column("customers", "email") if email]
    assert emails == [email.lower() for email in emails], "an e-mail address has capitals"
    twice = sorted({email for email in emails if emails.count(email) > 1})
    assert not twice, f"two customers have the address {twice[0]}"
    assert len(work.rows("customers")) == CONTROL["customers"], f"{len(work.rows('customers'))} customers"


def check_every_order_belongs_to_a_customer(work):
    strangers = set(work.column("orders", "customer_id")) - set(work.column("customers", "customer_id"))
    assert not strangers, f"orders of customers who are not in customers.csv: {', '.join(sorted(strangers)[:5])}"


def check_orders_are_as_many_and_as_much_as_bookkeeping_knows(work):
    cents = [int(value) for value in work.column("orders", "cents")]
    assert len(cents) == CONTROL["orders"], f"{len(cents)} orders, and bookkeeping knows {CONTROL['orders']}"
    assert sum(cents) == CONTROL["orders_cents"], f"{sum(cents)} cents, and bookkeeping knows {CONTROL['orders_cents']}"


def check_products_are_in_their_columns(work):
    rows = work.rows("products")
    assert len(rows) == CONTROL["products"], f"{len(rows)} products"
    for row in rows:
        assert row["category"] in {"garden", "kitchen", "lighting", "office"}, (
            f"{row['sku']}: category {row['category']!r}"
        )
        assert row["sku"] == row["sku"].upper(), f"{row['sku']} is not in capitals"
        assert not row["stock"] or row["stock"].isdigit(), f"{row['sku']}: stock {row['stock']!r}"


def check_moves_are_of_products_and_add_up(work):
    strangers = set(work.column("stock_moves", "sku")) - set(work.column("products", "sku"))
    assert not strangers, f"moves of products that are not in products.csv: {', '.join(sorted(strangers)[:5])}"
    units = sum(int(value) for value in work.column("stock_moves", "quantity"))
    assert units == CONTROL["stock_units"], f"{units} units, and the stores know {CONTROL['stock_units']}"


def check_report_says_what_was_done(work):
    report = work.report()
    for name in COLUMNS:
        assert report[name]["out"] == len(work.rows(name)), f"report.json, {name}: out is {report[name]['out']}"
    customers, orders = report["customers"], report["orders"]
    assert customers["in"] == customers["out"] + len(customers["merged"]), "report.json: customers do not add up"
    assert orders["in"] == orders["out"] + orders["repeated"] + len(orders["dropped"]), (
        "report.json: orders do not add up"
    )
    assert orders["cents"] == CONTROL["orders_cents"], "report.json: orders.cents"
    assert report["stock_moves"]["units"] == CONTROL["stock_units"], "report.json: stock_moves.units"
    here = set(work.column("customers", "customer_id"))
    assert set(customers["merged"].values()) <= here, "report.json: somebody was merged into nobody"
    assert not set(customers["merged"]) & here, "report.json: somebody was merged and is still there"
    assert set(orders["dropped"].values()) <= {"no amount", "unknown customer"}, "report.json: another reason"


def failures(folder):
    """(name of a check, why it failed or nothing) of every check."""
    work = Work(folder)
    for name, check in list(globals().items()):
        if name.startswith("check_"):
            try:
                check(work)
            except FileNotFoundError as error:
                yield name, f"there is no {Path(error.filename).relative_to(work.folder)}"
            except (AssertionError, ValueError, KeyError, TypeError, StopIteration) as error:
                yield name, str(error) or type(error).__name__
            else:
                yield name, ""


def main():
    found = list(failures(sys.argv[1] if len(sys.argv) > 1 else "."))
    for name, why in found:
        print(
            f"{'FAILED' if why else 'ok    '} {name.removeprefix('check_').replace('_', ' ')}{f': {why}' if why else ''}"
        )
    failed = sum(1 for _, why in found if why)
    print(f"{failed} of {len(found)} checks failed" if failed else f"all {len(found)} checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
