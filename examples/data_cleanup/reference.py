"""The clean-up: reads `data/`, writes `clean/` and `report.json`, both in the folder it is run in."""

import csv
import json
import re
from datetime import datetime
from pathlib import Path

UNKNOWN = {"", "n/a", "NULL", "-"}
CATEGORIES = {"garden", "kitchen", "lighting", "office"}
ENCODINGS = {"customers": "cp1252", "orders": "utf-8-sig", "products": "utf-8", "stock_moves": "utf-16"}


def lines(name):
    text = Path("data", f"{name}.csv").read_bytes().decode(ENCODINGS[name])
    return [line for line in text.replace("\r\n", "\n").split("\n")[1:] if line.strip()]


def known(text):
    return "" if text.strip() in UNKNOWN else text.strip()


def day(text):
    for form in ("%Y-%m-%d", "%d.%m.%Y", "%d %b %Y"):
        try:
            return datetime.strptime(text.strip(), form).date().isoformat()  # noqa: DTZ007 - a day has no time zone
        except ValueError:
            continue
    raise ValueError(f"this is no date: {text!r}")


def cents(text):
    digits = re.sub(r"[^\d.,]", "", text)
    whole, _, rest = digits.replace(",", ".").rpartition(".")
    return int(whole.replace(".", "")) * 100 + int(rest.ljust(2, "0"))


def units(text):
    digits = int(re.sub(r"\D", "", text))
    return -digits if re.search(r"[-(]", text) else digits


def write(name, header, rows):
    Path("clean").mkdir(exist_ok=True)
    with Path("clean", f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def customers(report):
    rows = sorted([known(field) for field in row] for row in csv.reader(lines("customers"), delimiter=";"))
    kept, merged = {}, {}
    for number, name, email, city, since in rows:
        key = email.lower() or number
        if key not in kept:
            kept[key] = [number, name, email.lower(), city, day(since)]
            continue
        first = kept[key]
        merged[number] = first[0]
        first[1], first[3] = first[1] or name, first[3] or city
        first[4] = min(first[4], day(since))
    write("customers", ["customer_id", "name", "email", "city", "since"], sorted(kept.values()))
    report["customers"] = {"in": len(rows), "out": len(kept), "merged": merged}
    return merged, {row[0] for row in kept.values()}


def orders(report, merged, people):
    rows = list(csv.reader(lines("orders")))
    once = sorted({tuple(row) for row in rows})
    clean, dropped = [], {}
    for number, customer, placed, amount, currency in once:
        owner = merged.get(customer, customer)
        if not known(amount):
            dropped[number] = "no amount"
        elif owner not in people:
            dropped[number] = "unknown customer"
        else:
            clean.append([number, owner, day(placed), cents(amount), currency.strip().upper()])
    write("orders", ["order_id", "customer_id", "placed_on", "cents", "currency"], clean)
    report["orders"] = {
        "in": len(rows),
        "out": len(clean),
        "repeated": len(rows) - len(once),
        "dropped": dropped,
        "cents": sum(row[3] for row in clean),
    }


def products(report):
    clean, repaired = [], 0
    for line in lines("products"):
        fields = line.split(",")
        shifted = fields[0] == ""
        fields = fields[1:] if shifted else fields
        at = max(index for index, field in enumerate(fields) if field in CATEGORIES)
        repaired += shifted or at > 2
        clean.append(
            [fields[0].upper(), ",".join(fields[1:at]), fields[at], cents(fields[at + 1]), known(fields[at + 2])]
        )
    write("products", ["sku", "name", "category", "price_cents", "stock"], sorted(clean))
    report["products"] = {"in": len(clean), "out": len(clean), "repaired": repaired}


def stock_moves(report):
    clean = []
    for line in lines("stock_moves"):
        sku, moved, quantity, note = line.split("\t")
        if sku != "Sum":
            clean.append([sku.strip().upper(), day(moved), units(quantity), known(note)])
    clean.sort(key=lambda row: (row[1], row[0], row[2]))
    write("stock_moves", ["sku", "moved_on", "quantity", "note"], clean)
    report["stock_moves"] = {"in": len(clean), "out": len(clean), "units": sum(row[2] for row in clean)}


def main():
    report = {}
    merged, people = customers(report)
    orders(report, merged, people)
    products(report)
    stock_moves(report)
    Path("report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"{sum(part['out'] for part in report.values())} rows in four clean tables")


if __name__ == "__main__":
    main()
