"""What tokens cost, by the price list that comes with genai-prices.

Loading the list takes a third of a second; `provider` imports this at the first question for a price.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from typing import Final

from genai_prices import Usage as ListedUsage
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelPrice, TieredPrices

from holdfast import units
from holdfast.events import Price, Usage

_PICO: Final = 1_000_000
"""From US dollars a million tokens to 10⁻¹² US dollars a token."""
_WRITES_WHEN_ASKED: Final = frozenset({"anthropic"})
"""Providers that write a prompt to their cache, and charge for it, only when asked to. We do not ask."""

_Listed = Decimal | TieredPrices | None


class PriceList:
    """The prices of one model.

    price: at most what a token costs. Where a token's price depends on the length of the prompt or on the
    provider's cache, this is the highest there is for a prompt that fits the model; `cost` then tells the
    true sum.
    """

    def __init__(self, listed: ModelPrice, window: int | None, *, cache_writes: bool) -> None:
        self._listed = listed
        written = _ceiling(listed.cache_write_mtok, window) if cache_writes else None
        read = _ceiling(listed.input_mtok, window) or 0
        cached = _ceiling(listed.cache_read_mtok, window)
        self.price = Price(max(read, written or 0), _ceiling(listed.output_mtok, window) or 0, cached)
        parts: list[_Listed] = [listed.input_mtok, listed.output_mtok, listed.cache_read_mtok]
        self._flat = written is None and not any(_tiers(part, window) for part in parts)

    def cost(self, usage: Usage, cache_write: int = 0) -> int | None:
        """The true cost in nusd where `price` is only a ceiling; None where it tells the cost exactly.

        cache_write: tokens of `usage.input` that the provider wrote to its cache.
        """
        if self._flat and not cache_write:
            return None
        listed = ListedUsage(
            input_tokens=usage.input,
            output_tokens=usage.output,
            cache_read_tokens=usage.cached,
            cache_write_tokens=cache_write,
        )
        return units.nusd(self._listed.calc_price(listed)["total_price"])


def price_list(provider: str, model: str) -> PriceList | None:
    """Today's prices of a provider's model; None where the list does not have it."""
    try:
        _, found = get_snapshot().find_provider_model(model, None, provider, None)
    except LookupError:
        return None
    listed = found.get_prices(datetime.now(UTC))
    if listed.input_mtok is None or listed.output_mtok is None:
        return None
    return PriceList(listed, found.context_window, cache_writes=provider not in _WRITES_WHEN_ASKED)


def _tiers(price: _Listed, window: int | None) -> list[Decimal]:
    """The higher prices that a prompt within the model's window can reach."""
    if not isinstance(price, TieredPrices):
        return []
    return [tier.price for tier in price.tiers if window is None or tier.start < window]


def _ceiling(price: _Listed, window: int | None) -> int | None:
    if price is None:
        return None
    base = price.base if isinstance(price, TieredPrices) else price
    highest = max([base, *_tiers(price, window)])
    return int((highest * _PICO).to_integral_value(ROUND_CEILING))
