"""Shapes: what a value must look like, from a type or from a schema, behind one face."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from holdfast import codec
from holdfast.errors import ContractError
from holdfast.shape import DEEPEST, Misfit, SchemaShape, TypeShape, shape_of
from tests.core import strategies


class Line(BaseModel):
    cents: int
    on: date | None = None


class Order(BaseModel):
    number: str
    lines: list[Line] = []


@dataclass
class Point:
    x: int
    y: int


ORDER_SCHEMA = {
    "type": "object",
    "properties": {"number": {"type": "string"}, "lines": {"type": "array", "items": {"type": "object"}}},
    "required": ["number"],
}


def nested(depth):
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_a_type_and_a_mapping_are_both_shapes():
    assert isinstance(shape_of(Order), TypeShape)
    assert isinstance(shape_of(ORDER_SCHEMA), SchemaShape)
    assert shape_of(ORDER_SCHEMA).schema == ORDER_SCHEMA
    assert set(shape_of(Order).schema["properties"]) == {"number", "lines"}


@pytest.mark.parametrize(
    ("hint", "value", "checked"),
    [
        (str, "x", "x"), (int, 7, 7), (Order, {"number": "1"}, {"number": "1", "lines": []}),
        (Line, {"cents": 4, "on": "2026-01-02"}, {"cents": 4, "on": "2026-01-02"}), (Point, {"x": 1, "y": 2}, {"x": 1, "y": 2}),
        (Decimal, "1.50", "1.50"), (Literal["a", "b"], "a", "a"), (list[int], [], []), (type(None), None, None),
        (ORDER_SCHEMA, {"number": "1", "more": 2}, {"number": "1", "more": 2}), ({}, [1, None], [1, None]),
    ],
)  # fmt: skip
def test_a_value_of_the_shape_is_given_back_in_its_canonical_form(hint, value, checked):
    shape = shape_of(hint)
    assert shape.check(value) == checked
    assert shape.check(shape.check(value)) == checked


@pytest.mark.parametrize(
    ("hint", "value", "where"),
    [
        (str, 7, "value: "), (Order, {"lines": [{"cents": "x"}], "number": "1"}, "lines.0.cents: "), (Order, {}, "number: "),
        (Order, [], "value: "), (Point, {"x": 1}, "y: "), (Literal["a", "b"], "c", "value: "),
        (ORDER_SCHEMA, {"number": 7}, "number: "), (ORDER_SCHEMA, {"number": "1", "lines": [3]}, "lines.0: "),
        (ORDER_SCHEMA, {}, "value: "),
    ],
)  # fmt: skip
@pytest.mark.parametrize("verb", ["check", "python", "json"])
def test_a_misfit_says_where_and_why(hint, value, where, verb):
    with pytest.raises(Misfit) as caught:
        getattr(shape_of(hint), verb)(value)
    assert str(caught.value).startswith(where)
    assert len(str(caught.value)) > len(where)


@pytest.mark.parametrize("shape", [TypeShape(list[int]), SchemaShape({"type": "array", "items": {"type": "integer"}})])
def test_a_misfit_names_every_problem_up_to_eight(shape):
    with pytest.raises(Misfit) as caught:
        shape.check(["x"] * 3)
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == ["0", "1", "2"]
    with pytest.raises(Misfit) as caught:
        shape.check(["x"] * 50)
    assert len(str(caught.value).splitlines()) == 8


def test_python_code_gets_its_own_types_and_a_schema_leaves_json():
    assert TypeShape(Order).python({"number": "1", "lines": [{"cents": 2}]}) == Order(number="1", lines=[Line(cents=2)])
    assert TypeShape(date).python("2026-01-02") == date(2026, 1, 2)
    assert SchemaShape(ORDER_SCHEMA).python({"number": "1"}) == {"number": "1"}


@pytest.mark.parametrize(
    ("hint", "value", "json"),
    [
        (Order, Order(number="1", lines=[Line(cents=2, on=date(2026, 1, 2))]), {"number": "1", "lines": [{"cents": 2, "on": "2026-01-02"}]}),
        (Point, Point(1, 2), {"x": 1, "y": 2}), (Decimal, Decimal("1.50"), "1.50"), (Any, {"s": {1}, "t": (1, 2)}, {"s": [1], "t": [1, 2]}),
        (Any, float("nan"), None), (dict[str, Any], {"n": 2**70}, {"n": 2**70}), ({}, {"t": (1, 2)}, {"t": [1, 2]}),
    ],
)  # fmt: skip
def test_a_python_value_becomes_json(hint, value, json):
    assert shape_of(hint).json(value) == json


@pytest.mark.parametrize("hint", [Any, dict[str, Any], {}])
@pytest.mark.parametrize(
    "value",
    [{"o": object()}, {"s": "\ud800"}, {"b": [b"\xff", object]}],
    ids=["object", "text", "bytes"],
)
def test_what_cannot_be_written_as_json_is_a_misfit(hint, value):
    with pytest.raises(Misfit):
        shape_of(hint).json(value)


def test_a_value_without_end_is_a_misfit():
    loop: list[Any] = []
    loop.append(loop)
    for hint in (Any, {}):
        for endless in (loop, nested(5000)):
            with pytest.raises(Misfit):
                shape_of(hint).json(endless)


@settings(deadline=None)
@given(st.sampled_from([Any, {}]), strategies.json)
def test_what_json_gives_can_be_stored_and_fits_again(hint, value):
    shape = shape_of(hint)
    made = shape.json(value)
    assert codec.parse(codec.canonical(made)) == made
    assert shape.check(made) == made


def test_no_shape_lets_a_value_through_that_is_nested_without_end():
    assert SchemaShape({}).check(nested(DEEPEST)) == nested(DEEPEST)
    with pytest.raises(Misfit, match="deep"):
        SchemaShape({}).check(nested(DEEPEST + 1))
    with pytest.raises(Misfit):
        TypeShape(Any).check(nested(2 * DEEPEST + 1))


@pytest.mark.parametrize("hint", [object(), "Nowhere", Callable[[], int]], ids=["object", "name", "function"])
def test_what_is_no_type_is_an_error_of_the_contract(hint):
    with pytest.raises(ContractError) as caught:
        _ = TypeShape(hint).schema
    assert caught.value.hint


def test_what_is_no_schema_is_an_error_of_the_contract():
    with pytest.raises(ContractError, match="no JSON Schema"):
        SchemaShape({"type": "nonsense"}).check(1)


def test_a_shape_says_what_it_is_of():
    assert repr(TypeShape(Order)) == "TypeShape(Order)"
    assert repr(SchemaShape({"title": "Order"})) == "SchemaShape(Order)"
    assert repr(SchemaShape({})) == "SchemaShape(?)"
