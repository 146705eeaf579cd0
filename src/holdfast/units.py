"""Units: time in whole microseconds, money in whole nano-dollars. Integers only, so that every machine folds alike.

at, until     µs since 1970-01-01T00:00Z           took, durations   µs
nusd          10⁻⁹ US dollars                       prices            10⁻¹² US dollars a token
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal, InvalidOperation

SECOND = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3_600 * SECOND, 86_400 * SECOND

_UNITS = {"ms": 1_000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_NANO = Decimal(1_000_000_000)


def duration(text: str | float) -> int:
    """Microseconds of a duration written `10m`, `1h30m`, `250ms`, or of a number of seconds.

    Raises ValueError for anything else, and for a negative one.
    """
    if isinstance(text, int | float):
        if not 0 <= text < 10**9:
            raise ValueError(f"{text!r} seconds is no duration; give a number from 0 to a thousand million")
        return round(text * SECOND)
    rest = text.strip()
    parts = _DURATION.findall(rest)
    if not parts or "".join(number + unit for number, unit in parts) != rest:
        raise ValueError(f"{text!r} is no duration; write it like 30s, 10m, 1h30m or 3d")
    return sum(round(Decimal(number) * _UNITS[unit]) for number, unit in parts)


def say_duration(us: int) -> str:
    """A duration as a person would write it: `850ms`, `12.3s`, `4m 10s`, `3d 4h`."""
    if us < SECOND:
        return f"{us / 1000:.0f}ms"
    if us < MINUTE:
        return f"{us / SECOND:.1f}s"
    for big, small in (("d", "h"), ("h", "m"), ("m", "s")):
        if us >= _UNITS[big]:
            whole, rest = divmod(us, _UNITS[big])
            rest //= _UNITS[small]
            return f"{whole}{big} {rest}{small}" if rest else f"{whole}{big}"
    raise AssertionError(us)


def nusd(text: str | float | Decimal) -> int:
    """Nano-dollars of an amount of US dollars, rounded up; `"0.20"` is 200,000,000.

    Raises ValueError when it is no amount, or a negative one.
    """
    try:
        amount = Decimal(str(text))
    except InvalidOperation:
        raise ValueError(f'{text!r} is no amount of US dollars; write it like "0.20"') from None
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"{text!r} is no amount of US dollars; it must be zero or more")
    return int((amount * _NANO).to_integral_value(ROUND_CEILING))


def say_usd(amount: int) -> str:
    """Nano-dollars as dollars, with as many decimals as mean something: `0.0042`, `1.50`, `0.00`."""
    dollars = Decimal(amount) / _NANO
    if amount and abs(dollars) < Decimal("0.01"):
        return f"{dollars:.2g}" if abs(dollars) >= Decimal("0.0001") else f"{dollars:.6f}"
    return f"{dollars:.4f}".rstrip("0").ljust(len(f"{dollars:.2f}"), "0")


def say_at(at: int) -> str:
    """A moment as people of all zones can compare it: `2026-11-22 13:05:07Z`."""
    return datetime.fromtimestamp(at / SECOND, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
