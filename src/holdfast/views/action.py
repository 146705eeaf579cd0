"""A call as one says it: `issue refund: 259.00 (25,900 cents), order id "O-1018"`.

Money is said in words where its name says the unit: `cents`, `paid_cents`, `amount_minor`. A value that is cut says by how much.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from holdfast.events import Effect, Json
from holdfast.views import words

_MINOR: Final = re.compile(r"^(?:(?P<what>.*)_)?(?P<unit>cents|cent|pence|minor|minor_units)$")
_WHOLE: Final = frozenset({"JPY", "KRW", "CLP", "ISK", "VND"})
"""Currencies without a smaller unit."""
_THOUSANDTHS: Final = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
_CURRENCY: Final = re.compile(r"[A-Za-z]{3}")
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

LONG: Final = 60
"""Characters of one value in a sentence."""


def money(name: str, value: Json, beside: Mapping[str, Json] | None = None) -> str:
    """`259.00` or `259.00 EUR` for an amount in minor units, where the name says that it is one; else empty.

    name: of the field, perhaps with its path. beside: the fields next to it, of which `currency` is looked at.
    """
    found = _MINOR.match(name.rpartition(".")[2].lower())
    if found is None or isinstance(value, bool) or not isinstance(value, int):
        return ""
    currency = (beside or {}).get("currency")
    known = currency.upper() if isinstance(currency, str) and _CURRENCY.fullmatch(currency) else ""
    places = 0 if known in _WHOLE else 3 if known in _THOUSANDTHS else 2
    sign, whole = "-" if value < 0 else "", abs(value)
    amount = f"{whole // 10**places:,}" + (f".{whole % 10**places:0{places}d}" if places else "")
    return f"{sign}{amount}{f' {known}' if known else ''}"


def spelled(name: str) -> str:
    """A name as words: `issue_refund`, `issueRefund` → `issue refund`."""
    return " ".join(_HUMP.sub(" ", words.plain(name)).replace("_", " ").replace("-", " ").split()).lower()


def amount(name: str, value: Json, beside: Mapping[str, Json] | None = None) -> str:
    """A sum with what it is counted in: `259.00 (25,900 cents)`; empty for what is no sum."""
    said = money(name, value, beside)
    found = _MINOR.match(name.rpartition(".")[2].lower())
    if not said or found is None:
        return ""
    unit = "minor units" if found["unit"].startswith("minor") else found["unit"]
    return f"{said} ({value:,} {unit})"


def _argument(name: str, value: Json, beside: Mapping[str, Json], limit: int) -> str:
    said = amount(name, value, beside)
    if not said:
        return f"{spelled(name)} {words.value(value, limit)}"
    found = _MINOR.match(name.lower())
    what = spelled(found["what"]) if found is not None and found["what"] else ""
    return f"{what} {said}".strip()


def in_words(tool: str, args: Json, effect: Effect = "write", limit: int = LONG) -> str:
    """What a call would do, in a sentence without its full stop. limit: characters of each value."""
    verb = {
        "done": "end with the output", "decline": "decline", "ask": "ask",
    }.get(tool, spelled(tool)) if effect == "builtin" else spelled(tool)  # fmt: skip
    if effect == "child":
        verb = f"have {verb} do"
    if not isinstance(args, dict):
        return f"{verb}: {words.words(args, limit)}" if args not in (None, "") else verb
    sums = [name for name, value in args.items() if money(name, value, args)]
    order = [*sums, *(name for name in args if name not in sums)]
    parts = [_argument(name, args[name], args, limit) for name in order if name != "currency" or not sums]
    return f"{verb}: {', '.join(parts)}" if parts else verb


def field(name: str, value: Json, beside: Mapping[str, Json] | None = None, limit: int = LONG) -> str:
    """A value with its money in words, as it stands beside its name."""
    return amount(name, value, beside) or words.value(value, limit)
