"""The models of one process: given ones first, others opened by name, and what they cost."""

from __future__ import annotations

import asyncio

import pytest

from holdfast import done, script
from holdfast.errors import ContractError, SettingsError
from holdfast.events import Price
from holdfast.models.shelf import Shelf

FREE = Price(0, 0)


class Own:
    """A model that says what it is asked to say of itself."""

    def __init__(self, price=None, quote=None, wrong=None):
        self._price, self._quote, self._wrong, self.closed = price, quote, wrong, 0

    def price(self):
        return self._price

    def quote(self, run, step):
        return self._quote

    def check(self):
        if self._wrong:
            raise self._wrong

    async def close(self):
        self.closed += 1


def test_one_model_may_answer_in_the_place_of_all():
    only = Own()
    assert Shelf(only)("anthropic:claude-haiku-4-5-20251001") is only


def test_others_are_opened_by_name_once():
    own = Own()
    shelf = Shelf({"own:a": own})
    assert shelf("own:a") is own
    assert shelf("openai:gpt-5.1") is shelf("openai:gpt-5.1")
    with pytest.raises(SettingsError, match="is given, not opened"):
        shelf("script:x")


def test_a_price_given_goes_before_the_models_own_and_what_is_not_known_is_left_out():
    shelf = Shelf({"a": Own(FREE), "b": Own(Price(1, 2)), "c": Own()}, {"a": Price(7, 8)})
    assert shelf.prices(["a", "b", "c"]) == {"a": Price(7, 8), "b": Price(1, 2)}


def test_where_money_is_limited_every_model_has_a_price_or_says_what_it_costs():
    assert Shelf({"a": Own(quote=5)}).prices(["a"], needed="desk") == {}
    with pytest.raises(ContractError, match="desk has a limit in USD, and nobody knows the price of a"):
        Shelf({"a": Own()}).prices(["a"], needed="desk")
    assert Shelf(script(done("x"))).prices(["script:x"], needed="desk") == {"script:x": FREE}


def test_what_a_model_lacks_is_said_before_a_run_is_opened():
    with pytest.raises(SettingsError, match="no key"):
        Shelf({"a": Own(), "b": Own(wrong=SettingsError("no key"))}).checked(["a", "b"])


def test_connections_are_let_go_of():
    own = Own()
    asyncio.run(Shelf({"a": own, "b": script(done("x"))}).close())
    assert own.closed == 1
