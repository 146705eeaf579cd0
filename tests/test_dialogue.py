"""The dialogue: what tokens cost."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.dialogue import cost_of
from holdfast.events import Price, Usage

counts = st.integers(0, 10**9)
prices = st.integers(0, 10**9)


@pytest.mark.parametrize(
    ("usage", "price", "nusd"),
    [
        (Usage(), Price(1, 1), 0),
        (Usage(1000, 0), Price(3_000, 15_000), 3_000),
        (Usage(1000, 10), Price(3_000, 15_000), 3_150),
        (Usage(1, 0), Price(1, 0), 1),
        (Usage(1000, 0, cached=900), Price(3_000, 0, cached=300), 570),
        (Usage(1000, 0, cached=900), Price(3_000, 0), 3_000),
        (Usage(1000, 0, cached=900), Price(3_000, 0, cached=0), 300),
    ],
)
def test_tokens_cost_their_price_rounded_up_to_a_nano_dollar(usage, price, nusd):
    assert cost_of(usage, price) == nusd


@settings(deadline=None)
@given(counts, counts, counts, prices, prices, st.none() | prices)
def test_a_cost_is_never_negative_and_less_than_a_nano_dollar_too_high(new, kept, out, dear, made, cheap):
    usage, price = Usage(new + kept, out, kept), Price(dear, made, cheap)
    pico = new * dear + kept * (dear if cheap is None else cheap) + out * made
    assert pico <= cost_of(usage, price) * 1000 < pico + 1000
