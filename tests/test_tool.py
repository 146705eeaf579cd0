"""Tools: what a declaration says, and what is read off a signature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import BaseModel

from holdfast import tool, units
from holdfast.errors import ContractError
from holdfast.events import Label
from holdfast.shape import Misfit
from holdfast.tool import (
    NEVER,
    Absent,
    Call,
    CallKey,
    CannotTell,
    Found,
    NotDone,
    Partial,
    Refused,
    Retry,
    Started,
    as_tool,
    from_schema,
)


class Shop:
    pass


class Order(BaseModel):
    cents: int


@tool.read(timeout=5, trust="trusted", classes=("payment", "contact"))
def get_order(number: str, lines: int = 3, *, shop: Shop, call: Call) -> Order | Partial[Order]:
    """One order, by its number."""
    return Order(cents=lines)


@tool.write(timeout=20, settle=30, key_life="7d", effect_id="id", lookup=lambda number: Absent())
async def pay(number: str, *, key: CallKey) -> dict[str, int] | Started:
    """Pay one order."""
    return {"cents": 1}


def by_schema(args: Mapping[str, Any], *, shop: Shop) -> dict[str, Any]:
    return dict(args)


SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"], "additionalProperties": False}


def test_a_tool_stays_the_function_it_was():
    assert get_order("1", 7, shop=Shop(), call=Call("r", 1, 1, 5.0)) == Order(cents=7)
    assert get_order.__doc__ == "One order, by its number."
    assert get_order.__name__ == get_order.name == "get_order"
    assert repr(pay) == "<write tool pay>"


def test_what_a_declaration_says_is_kept():
    assert (get_order.effect, get_order.timeout, get_order.is_async) == ("read", 5 * units.SECOND, False)
    assert get_order.label == Label(True, ("contact", "payment"))
    assert (pay.effect, pay.is_async, pay.key_life) == ("write", True, 7 * units.DAY)
    assert pay.label == Label(False, ())
    assert get_order.description == "One order, by its number."


def test_what_stands_before_the_star_comes_from_the_model():
    assert set(get_order.takes.schema["properties"]) == {"number", "lines"}
    assert get_order.takes.schema["required"] == ["number"]
    assert get_order.takes.check({"number": "1"}) == {"number": "1", "lines": 3}
    for wrong in ({}, {"number": 1}, {"number": "1", "shop": {}}, {"number": "1", "more": 1}):
        with pytest.raises(Misfit):
            get_order.takes.check(wrong)


def test_what_stands_after_the_star_comes_from_us_by_type():
    assert get_order.injects == {"shop": Shop, "call": Call}
    assert (get_order.keyed, pay.keyed) == (False, True)


@pytest.mark.parametrize(
    ("hint", "value", "json"),
    [
        (Order, Order(cents=1), {"cents": 1}),
        (Order | Partial[Order], Order(cents=1), {"cents": 1}),
        (Partial[list[int]], [1], [1]),
        (Found[Order] | Absent | CannotTell, Order(cents=1), {"cents": 1}),
        (dict[str, int] | Started, {"a": 1}, {"a": 1}),
        (str | None | Partial[str], None, None),
        (Started, "anything", "anything"),
    ],
)
def test_the_shape_of_a_result_leaves_out_the_words_for_outcomes(hint, value, json):
    def works() -> Any: ...

    works.__annotations__["return"] = hint
    assert tool.read()(works).gives.json(value) == json


def test_a_result_that_does_not_fit_is_a_misfit():
    with pytest.raises(Misfit):
        get_order.gives.json({"cents": "many"})


def test_a_read_is_tried_again_by_itself_and_a_write_is_not():
    assert get_order.retry.times == Retry().times > 0
    assert pay.retry == NEVER
    assert NEVER.times == 0
    assert tool.write(timeout=1, retry=Retry(times=3))(lambda: None).retry.times == 3


def test_the_wait_between_attempts_grows_and_has_no_chance_in_it():
    retry = Retry(times=5, wait=0.5, factor=2.0)
    assert [retry.pause(failed) for failed in (0, 1, 2, 3, 4)] == [500_000, 500_000, 10**6, 2 * 10**6, 4 * 10**6]


@pytest.mark.parametrize("timeout", [0, -1, 600.1, 1e9])
def test_a_timeout_is_a_lease_and_has_a_bound(timeout):
    with pytest.raises(ContractError, match="timeout"):
        tool.read(timeout=timeout)(lambda: None)
    with pytest.raises(ContractError, match="timeout"):
        tool.write(timeout=timeout)(lambda: None)
    assert tool.read(timeout=600)(lambda: None).timeout == tool.MAX_TIMEOUT


def test_a_write_must_have_a_timeout():
    with pytest.raises(ContractError, match="pay writes and has no timeout"):
        tool.write()(pay.function)


def test_a_look_up_must_be_able_to_name_the_effect():
    """SEMANTICS rule 22: otherwise one effect could answer for two calls."""
    with pytest.raises(ContractError, match="effect_id") as caught:
        tool.write(timeout=1, lookup=lambda: Absent())(lambda: None)
    assert "effect_id=" in caught.value.hint


def test_a_signature_that_no_model_could_be_told_is_refused():
    def many(*numbers: str) -> None: ...
    def named(**more: str) -> None: ...
    def bare(number) -> None: ...
    def nowhere(number: Nowhere) -> None: ...  # noqa: F821 - that is the point

    for function, said in (
        (many, r"\*numbers"),
        (named, r"\*more"),
        (bare, "number has no type"),
        (nowhere, "Nowhere"),
    ):
        with pytest.raises(ContractError, match=said) as caught:
            _ = tool.read()(function).takes
        assert function.__name__ in caught.value.what


def test_a_function_is_no_tool_until_its_effect_is_declared():
    assert as_tool(get_order) is get_order
    with pytest.raises(ContractError, match="by_schema is a function") as caught:
        as_tool(by_schema)
    assert "@tool.read()" in caught.value.hint


def test_a_tool_can_be_made_of_a_schema():
    made = from_schema(by_schema, name="find", description="Find it.", schema=SCHEMA, effect="write", timeout=3)
    assert (made.name, made.description, made.effect, made.timeout) == ("find", "Find it.", "write", 3 * units.SECOND)
    assert made.takes.schema == SCHEMA
    assert made.takes.python({"q": "x"}) == {"q": "x"}
    assert made.gives.json({"any": "thing"}) == {"any": "thing"}
    assert made.injects == {"shop": Shop}
    plain = from_schema(lambda args: args, name="find", description="", schema=SCHEMA, effect="read")
    assert plain.injects == {}
    with pytest.raises(Misfit):
        from_schema(
            by_schema, name="f", description="", schema=SCHEMA, effect="read", returns={"type": "string"}
        ).gives.json(1)


def test_the_digest_of_a_signature_changes_with_what_a_parked_run_relies_on():
    """What runs inside may change; what goes in, what comes out and what it does to the world may not."""

    def f(number: str) -> int: ...
    def g(number: str) -> int:
        return 2

    def more(number: str, lines: int = 1) -> int: ...
    def other(number: str) -> str: ...

    def digest(function, made=tool.read, **options):
        return made(name="f", **options)(function).digest

    assert digest(f) == digest(g) == digest(f, timeout=9)
    different = {
        digest(f),
        digest(more),
        digest(other),
        digest(f, tool.write, timeout=9),
        tool.read(name="h")(f).digest,
    }
    assert len(different) == 5


def test_what_a_tool_can_say_holds_what_it_says():
    assert NotDone("busy", retry_after=2.5).retry_after == 2.5
    assert NotDone("busy").retry_after == 0
    assert str(Refused("no")) == "no"
    assert Partial([1], "page 2", "c").cursor == "c"
    assert CallKey("k") == "k"
