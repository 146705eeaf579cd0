"""Make the raw tables and the tables that should come of them: `python -m examples.data_cleanup.make_data`.

It makes the clean tables first and then spoils them, so what is expected does not rest on any clean-up script.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

HERE: Final = Path(__file__).parent
SEED: Final = 41

FIRST: Final = "Åsa Zoë José Håkan Chloé Márcia Björn Renée Søren Inês Lena Omar Priya Tom Yuki Nora".split()  # noqa: SIM905
LAST: Final = "Öberg Núñez Sørensen Müller D'Angelo Peña Okafor Lindqvist Brown Châtelet Kaya Weiß".split()  # noqa: SIM905
CITIES: Final = "Malmö København Köln Gent Liège Århus Zürich Bath Cádiz Porto".split()  # noqa: SIM905
THINGS: Final = {
    "garden": [
        "Spade",
        "Hose, 20 m",
        "Flower pot",
        "Rake",
        "Bird bath, stone",
        "Watering can",
        "Gloves",
        "Seed tray",
        "Trowel",
    ],
    "kitchen": [
        "Kettle",
        "Pan, cast iron",
        "Whisk",
        "Bread box",
        "Knife, 18 cm, steel",
        "Colander",
        "Scales",
        "Grater",
        "Jug",
    ],
    "lighting": [
        "Lamp, brass",
        "Desk lamp",
        "Bulb E27",
        "Lantern",
        "Fairy lights, 10 m",
        "Torch",
        "Candle",
        "Shade",
        "Dimmer",
    ],
    "office": ["Stapler", "Paper, A4", "Ink, black", "Folder", "Notebook", "Pencil", "Ruler", "Tape", "Lamp clip"],
}
NOTES: Final = ("delivery", "sale", "count", "returned", "broken", "")
UNKNOWN: Final = ("", "n/a", "NULL", "-")
MONTHS: Final = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # noqa: SIM905

Row = dict[str, Any]


class Maker:
    """The clean tables and, beside each, the raw one."""

    def __init__(self, seed: int = SEED) -> None:
        self.chance = Random(seed)
        self.merged: dict[str, str] = {}
        self.dropped: dict[str, str] = {}
        self.customers, self.raw_customers = self._customers()
        self.orders, self.raw_orders, self.repeated = self._orders()
        self.products, self.raw_products, self.repaired = self._products()
        self.moves, self.raw_moves = self._moves()

    # ---------------------------------------------------------------------------------------- customers

    def _customers(self) -> tuple[list[Row], list[list[str]]]:
        chance = self.chance
        people: list[Row] = []
        for number in range(1, 81):
            first, last = chance.choice(FIRST), chance.choice(LAST)
            people.append(
                {
                    "customer_id": f"C-{number:03}",
                    "name": f"{first} {last}",
                    "email": "" if number % 19 == 0 else f"{_ascii(first)}.{_ascii(last)}{number}@post.example",
                    "city": "" if chance.random() < 0.1 else chance.choice(CITIES),
                    "since": self._day(date(2019, 1, 1), 1500),
                }
            )
        raw = [self._raw_customer(one) for one in people]
        for number in range(81, 95):
            one = chance.choice(
                [one for one in people if one["email"] and one["customer_id"] not in self.merged.values()]
            )
            again = f"C-{number:03}"
            self.merged[again] = one["customer_id"]
            seen = {**one, "customer_id": again, "name": one["name"].upper() if chance.random() < 0.4 else one["name"]}
            seen["since"] = one["since"] + timedelta(days=chance.randrange(-300, 600))
            seen["city"] = one["city"] or chance.choice(CITIES)
            raw.append(self._raw_customer(seen))
            one["city"], one["since"] = seen["city"], min(one["since"], seen["since"])
        chance.shuffle(raw)
        return people, raw

    def _raw_customer(self, one: Row) -> list[str]:
        chance = self.chance
        email = one["email"] or chance.choice(UNKNOWN)
        if one["email"] and chance.random() < 0.3:
            email = f" {email.title()} " if chance.random() < 0.5 else email.upper()
        name = f"{one['name']} " if chance.random() < 0.2 else one["name"]
        return [one["customer_id"], name, email, one["city"] or chance.choice(UNKNOWN), self._date(one["since"])]

    # ------------------------------------------------------------------------------------------- orders

    def _orders(self) -> tuple[list[Row], list[list[str]], int]:
        chance = self.chance
        clean: list[Row] = []
        raw: list[list[str]] = []
        everybody = [one["customer_id"] for one in self.customers] + list(self.merged)
        for number in range(1, 151):
            order, written, cents = f"O-{number:04}", chance.choice(everybody), chance.randrange(500, 400_000)
            placed = self._day(date(2024, 1, 1), 500)
            amount = self._amount(cents)
            if number % 37 == 0:
                amount, self.dropped[order] = chance.choice(UNKNOWN), "no amount"
            elif number % 47 == 0:
                written, self.dropped[order] = "C-900", "unknown customer"
            raw.append([order, written, self._date(placed), amount, chance.choice(("EUR", "eur", "EUR "))])
            if order not in self.dropped:
                kept = self.merged.get(written, written)
                clean.append(
                    {"order_id": order, "customer_id": kept, "placed_on": placed, "cents": cents, "currency": "EUR"}
                )
        twice = chance.sample([row for row in raw if row[0] not in self.dropped], 6)
        raw = [*raw, *twice]
        chance.shuffle(raw)
        return clean, raw, len(twice)

    def _amount(self, cents: int) -> str:
        whole, rest = divmod(cents, 100)
        english = f"{whole:,}.{rest:02}"
        german = english.translate(str.maketrans(",.", ".,"))
        plain = f"{whole}.{rest:02}".rstrip("0").rstrip(".") if rest else f"{whole}.00"
        return self.chance.choice((english, german, plain, f"€ {german}", f" {english} "))

    # ----------------------------------------------------------------------------------------- products

    def _products(self) -> tuple[list[Row], list[str], int]:
        chance = self.chance
        clean: list[Row] = []
        raw: list[str] = []
        repaired = 0
        things = [(name, kind) for kind, names in THINGS.items() for name in names]
        chance.shuffle(things)
        for number, (name, category) in enumerate(things, 1):
            sku, cents = f"P-{number:03}", chance.randrange(150, 30_000)
            stock = "" if number % 11 == 0 else str(chance.randrange(0, 400))
            clean.append({"sku": sku, "name": name, "category": category, "price_cents": cents, "stock": stock})
            price = f"{cents / 100:.2f}"
            written = sku.lower() if chance.random() < 0.3 else sku
            parts = [written, name, category, chance.choice((price, f"{price} EUR", f"EUR {price}"))]
            shifted = chance.random() < 0.1
            repaired += shifted or "," in name
            raw.append(",".join([*([""] if shifted else []), *parts, stock or chance.choice(UNKNOWN)]))
        return clean, raw, repaired

    # -------------------------------------------------------------------------------------- stock moves

    def _moves(self) -> tuple[list[Row], list[list[str]]]:
        chance = self.chance
        clean: list[Row] = []
        raw: list[list[str]] = []
        for _ in range(90):
            sku = chance.choice(self.products)["sku"]
            quantity = chance.choice((-1, 1)) * chance.choice((chance.randrange(1, 90), chance.randrange(1000, 4000)))
            moved, note = self._day(date(2025, 1, 1), 120), chance.choice(NOTES)
            clean.append({"sku": sku, "moved_on": moved, "quantity": quantity, "note": note})
            text = f"{abs(quantity):,}".replace(",", chance.choice(("\u00a0", " ", "")))
            signed = (
                chance.choice((f"({text})", f"{text}-", f"-{text}"))
                if quantity < 0
                else chance.choice((text, f"+{text}"))
            )
            raw.append(
                [
                    chance.choice((sku, sku.lower(), f" {sku}")),
                    self._date(moved),
                    signed,
                    note or chance.choice(UNKNOWN),
                ]
            )
        clean.sort(key=lambda row: (row["moved_on"], row["sku"], row["quantity"]))
        return clean, raw

    # ------------------------------------------------------------------------------------------ writing

    def _day(self, first: date, days: int) -> date:
        return first + timedelta(days=self.chance.randrange(days))

    def _date(self, day: date) -> str:
        spoken = f"{day.day} {MONTHS[day.month - 1]} {day.year}"
        return self.chance.choice((day.isoformat(), f"{day:%d.%m.%Y}", spoken))

    def raw(self) -> dict[str, bytes]:
        """The raw tables, by name."""
        total = sum(row["quantity"] for row in self.moves)
        moves = [["sku", "moved_on", "quantity", "note"], *self.raw_moves]
        lines = ["\t".join(row) for row in moves]
        lines[40:40] = [""]
        customers = [["id", "name", "email", "city", "since"], *self.raw_customers]
        orders = [["order_id", "customer_id", "placed", "amount", "currency"], *self.raw_orders]
        return {
            "customers.csv": _csv(customers, delimiter=";").replace("\n", "\r\n").encode("cp1252"),
            "orders.csv": _csv(orders).encode("utf-8-sig"),
            "products.csv": "\n".join(["sku,name,category,price,stock", *self.raw_products, ""]).encode(),
            "stock_moves.csv": "\r\n".join([*lines, "", f"Sum\t\t{total}\t", ""]).encode("utf-16"),
        }

    def clean(self) -> dict[str, bytes]:
        """The tables that should come of it, and the report."""
        tables = {
            "customers": sorted(self.customers, key=lambda row: str(row["customer_id"])),
            "orders": self.orders,
            "products": self.products,
            "stock_moves": self.moves,
        }
        files = {
            f"clean/{name}.csv": _csv([list(rows[0]), *(row.values() for row in rows)]).encode()
            for name, rows in tables.items()
        }
        return {**files, "report.json": f"{json.dumps(self.report(), indent=2)}\n".encode()}

    def report(self) -> Mapping[str, Mapping[str, object]]:
        """What was done, in numbers."""
        return {
            "customers": {
                "in": len(self.raw_customers),
                "out": len(self.customers),
                "merged": dict(sorted(self.merged.items())),
            },
            "orders": {
                "in": len(self.raw_orders),
                "out": len(self.orders),
                "repeated": self.repeated,
                "dropped": self.dropped,
                "cents": sum(row["cents"] for row in self.orders),
            },
            "products": {"in": len(self.raw_products), "out": len(self.products), "repaired": self.repaired},
            "stock_moves": {
                "in": len(self.raw_moves),
                "out": len(self.moves),
                "units": sum(row["quantity"] for row in self.moves),
            },
        }


def _csv(rows: Sequence[Any], delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _ascii(name: str) -> str:
    plain = name.lower().translate(str.maketrans("åäáâãöóøüúéèêëíïñçß", "aaaaaooouueeeeiincs"))
    return "".join(char for char in plain if char.isascii() and char.isalpha())


def control(made: Maker) -> dict[str, bytes]:
    """What bookkeeping and the stores know without these tables: figures that a clean-up has to arrive at."""
    report = made.report()
    known = {
        "customers": report["customers"]["out"],
        "orders": report["orders"]["out"],
        "orders_cents": report["orders"]["cents"],
        "products": report["products"]["out"],
        "stock_units": report["stock_moves"]["units"],
        "digests": {name: hashlib.sha256(content).hexdigest() for name, content in made.raw().items()},
    }
    return {"control.json": f"{json.dumps(known, indent=2)}\n".encode()}


def main() -> None:
    """Write `data/`, `expected/` and the control figures again."""
    made = Maker()
    for place, files in (("work/data", made.raw()), ("expected", made.clean()), ("work/tests", control(made))):
        for name, content in files.items():
            file = HERE / place / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)


if __name__ == "__main__":
    main()
