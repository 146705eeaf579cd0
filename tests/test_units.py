"""Units: what people write for time and money, and the whole numbers it means."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast import units
from holdfast.units import DAY, HOUR, MINUTE, SECOND

quick = settings(deadline=None)


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("250ms", 250_000), ("30s", 30 * SECOND), ("1.5s", 1_500_000), ("10m", 10 * MINUTE), ("1h30m", 90 * MINUTE),
        ("3d", 3 * DAY), (" 2h ", 2 * HOUR), ("0s", 0), (5, 5 * SECOND), (0.25, 250_000), (0, 0),
    ],
)  # fmt: skip
def test_a_duration_is_written_as_people_write_it(text, us):
    assert units.duration(text) == us


@pytest.mark.parametrize(
    "text", ["", " ", "10", "m", "-1s", "1 h", "1h 30m", "1x", "1e3s", ".5s", "1..5s", "s10", "10s!", -1, 1e9, float("nan")]
)  # fmt: skip
def test_anything_else_is_no_duration_and_the_error_shows_how_to_write_one(text):
    with pytest.raises(ValueError, match="is no duration; "):
        units.duration(text)


@quick
@given(st.lists(st.tuples(st.integers(0, 999), st.sampled_from(["ms", "s", "m", "h", "d"])), min_size=1, max_size=4))
def test_a_duration_is_the_sum_of_its_parts(parts):
    one = {"ms": 1000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
    assert units.duration("".join(f"{n}{u}" for n, u in parts)) == sum(n * one[u] for n, u in parts)


@quick
@given(st.text(max_size=12))
def test_a_text_is_a_duration_or_a_value_error_and_nothing_else(text):
    try:
        assert units.duration(text) >= 0
    except ValueError:
        pass


@pytest.mark.parametrize(
    ("us", "said"),
    [
        (0, "0ms"), (850_000, "850ms"), (SECOND, "1.0s"), (12_340_000, "12.3s"), (MINUTE, "1m"), (250 * SECOND, "4m 10s"),
        (HOUR, "1h"), (HOUR + 59 * SECOND, "1h"), (90 * MINUTE, "1h 30m"), (DAY, "1d"), (3 * DAY + 4 * HOUR, "3d 4h"),
    ],
)  # fmt: skip
def test_a_duration_is_said_with_its_two_largest_units(us, said):
    assert units.say_duration(us) == said


@pytest.mark.parametrize(
    ("amount", "nusd"),
    [
        ("0.20", 200_000_000), ("1", 10**9), (0, 0), (2, 2 * 10**9), (0.1, 10**8), (Decimal("1e-9"), 1),
        ("0.0000000001", 1), ("0.0000000011", 2), ("1_000", 10**12),
    ],
)  # fmt: skip
def test_an_amount_of_dollars_is_whole_nano_dollars_rounded_up(amount, nusd):
    assert units.nusd(amount) == nusd


@pytest.mark.parametrize(
    "amount", ["", "a lot", "$1", "-0.01", "NaN", "Infinity", float("inf"), float("nan"), -1, "1,50"]
)
def test_anything_else_is_no_amount(amount):
    with pytest.raises(ValueError, match="is no amount of US dollars"):
        units.nusd(amount)


@quick
@given(st.decimals(min_value=0, max_value=10**6, allow_nan=False, allow_infinity=False))
def test_rounding_never_gives_less_than_was_meant_nor_a_nano_dollar_more(amount):
    got = Decimal(units.nusd(amount)) / 10**9
    assert amount <= got < amount + Decimal("1e-9")


@quick
@given(st.text(max_size=12))
def test_a_text_is_an_amount_or_a_value_error_and_nothing_else(text):
    try:
        assert units.nusd(text) >= 0
    except ValueError:
        pass


@pytest.mark.parametrize(
    ("nusd", "said"),
    [
        (0, "0.00"), (1_500_000_000, "1.50"), (1_234_500_000, "1.2345"), (4_200_000, "0.0042"), (10**9, "1.00"),
        (12_340_000_000, "12.34"), (10_000_000, "0.01"), (1_000, "0.000001"), (50_000, "0.000050"),
    ],
)  # fmt: skip
def test_money_is_said_with_as_many_decimals_as_mean_something(nusd, said):
    assert units.say_usd(nusd) == said


@quick
@given(st.integers(0, 10**15))
def test_money_as_it_is_said_is_within_half_of_its_last_decimal(nusd):
    said = units.say_usd(nusd)
    step = Decimal(10) ** -len(said.partition(".")[2])
    assert abs(Decimal(said) * 10**9 - nusd) <= step * 10**9 / 2


def test_a_moment_is_said_in_utc():
    assert units.say_at(1_795_352_707 * SECOND) == "2026-11-22 13:05:07Z"
