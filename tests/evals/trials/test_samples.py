"""Values made of schemas fit them, whatever a schema is made of; and the makers make what they are for."""

from __future__ import annotations

import enum
from random import Random
from typing import Annotated, Any, Literal

import jsonschema_rs
import pytest
from pydantic import BaseModel, Field, TypeAdapter

from holdfast.evals.trials.samples import AnyOne, Permitting, Smallest, named, several


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Leaf(BaseModel):
    kind: Literal["leaf"]
    cents: Annotated[int, Field(gt=0, le=500, multiple_of=5)]


class Branch(BaseModel):
    kind: Literal["branch"]
    left: Tree
    right: Tree | None = None


class Tree(BaseModel):
    node: Annotated[Leaf | Branch, Field(discriminator="kind")]


class Wide(BaseModel):
    tags: Annotated[list[Colour], Field(min_length=2, max_length=3)]
    pair: tuple[int, str]
    share: Annotated[float, Field(gt=0, lt=1)]
    below: Annotated[int, Field(lt=-3)]
    code: Annotated[str, Field(pattern=r"^[A-Z]-\d+$")]
    mail: Annotated[str, Field(min_length=3, max_length=5)]
    maybe: str | None
    extra: dict[str, int] = {}


PLAIN = {"type": "object", "properties": {"a": {"type": ["string", "null"]}, "b": {"allOf": [{"$ref": "#/$defs/n"}], "maximum": 9}},
         "required": ["a", "b"], "$defs": {"n": {"type": "integer", "minimum": 7}}}  # fmt: skip
SCHEMAS = [
    TypeAdapter(kind).json_schema()
    for kind in (Tree, Wide, Colour, str, int, bool, list[Leaf], dict[str, int], Leaf | None)
]
SCHEMAS += [PLAIN, {"const": 3}, {"enum": ["no", "yes"]}, {"type": "null"}, {}, {"type": "string", "format": "date"}]


def fits(schema: Any, value: Any) -> bool:
    return jsonschema_rs.validator_for(schema).is_valid(value)


@pytest.mark.parametrize(
    "schema", SCHEMAS, ids=lambda schema: str(schema.get("title", schema.get("type", schema)))[:30]
)
def test_what_is_made_fits_its_schema(schema):
    assert fits(schema, Smallest(schema).value())
    assert fits(schema, Permitting(schema, {"cents": 50, "left": "x"}).value())
    for seed in range(40):
        value = AnyOne(schema, {"cents": 50, "a": "b"}, Random(seed)).value()
        assert fits(schema, value), value


def test_the_smallest_leaves_out_what_may_be_and_takes_a_null():
    schema = TypeAdapter(Wide).json_schema()
    value = Smallest(schema).value()
    assert "extra" not in value
    assert (value["maybe"], value["tags"], value["mail"], value["below"]) == (None, ["red", "red"], "xxx", -4)


def test_the_most_permitting_says_yes_and_takes_what_is_known():
    schema = {
        "type": "object",
        "required": ["verdict", "go", "refunded_cents", "order_id", "note"],
        "properties": {
            "verdict": {"enum": ["not_refunded", "denied", "refunded"]},
            "go": {"type": "boolean"},
            "refunded_cents": {"type": "integer", "minimum": 0},
            "order_id": {"anyOf": [{"type": "null"}, {"type": "string"}]},
            "note": {"type": "string", "maxLength": 3},
            "free": {"type": "string"},
        },
    }
    known = named({"ticket": {"order_id": "O-1"}, "cents": 700, "note": "too long", "free": "x"})
    assert Permitting(schema, known).value() == {
        "verdict": "refunded", "go": True, "refunded_cents": 700, "order_id": "O-1", "note": "", "free": "x",
    }  # fmt: skip


def test_a_name_is_known_at_any_depth_and_the_outer_one_counts():
    assert named({"a": 1, "b": [{"a": 2, "c": 3}]}) == {"a": 1, "b": [{"a": 2, "c": 3}], "c": 3}


def test_chance_is_the_seed_s():
    schema = TypeAdapter(Wide).json_schema()
    one, same = (AnyOne(schema, {}, Random(7)).value() for _ in range(2))
    assert one == same
    assert any(AnyOne(schema, {}, Random(seed)).value() != one for seed in range(5))


def test_further_values_differ_in_one_choice_then_in_two():
    schema = {
        "type": "object",
        "required": ["a", "b"],
        "properties": {"a": {"enum": [1, 2]}, "b": {"enum": [1, 2]}},
    }
    values = several(lambda other: Smallest(schema, {}, other), lambda value: value != {"a": 1, "b": 2}, 9)
    assert values == [{"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 2, "b": 2}]
    assert several(lambda other: Smallest(schema, {}, other), lambda value: True, 1) == values[:1]


def test_a_schema_that_never_ends_is_cut_off():
    endless = {
        "$ref": "#/$defs/a",
        "$defs": {"a": {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#/$defs/a"}}}},
    }
    assert Smallest(endless).value()["a"]
