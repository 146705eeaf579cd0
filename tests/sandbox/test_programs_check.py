"""What a type checker finds in a program before anything of it is executed."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.errors import ContractError
from holdfast.sandbox.programs import Limits, Offered, Program, Workers, check
from holdfast.sandbox.programs_prelude import ANY, stubs
from tests.sandbox.programs import TOOLS


@pytest.fixture(scope="module")
def find():
    with asyncio.Runner() as runner:
        workers = Workers()
        runner.run(workers.__aenter__())

        def find(code, tools=TOOLS, limits=None, **inputs):
            program = Program(code=code, tools=tools, inputs=inputs)
            return [(one.line, one.rule) for one in runner.run(check(program, limits or Limits(), workers=workers))]

        yield find
        runner.run(workers.__aexit__(None, None, None))


def test_a_right_program_has_no_problems(find):
    code = """\
import asyncio, json, math, random, re
total = 0
for name in names:
    total += get_order(name)['cents']
def half(n: int) -> float:
    return n / 2
answers = await asyncio.gather(ask(1), ask(2))
refund('a', 'note', cents=total)
refund('a', cents=answers[0])
print(json.dumps(anything(x=half(3))))
{'total': total}
"""
    assert find(code, names=["a"]) == []


@pytest.mark.parametrize(
    ("code", "line", "rule"),
    [
        ("x = 1\nrefund('a')", 2, "missing-argument"),
        ("refund(1, cents=2)", 1, "invalid-argument-type"),
        ("refund('a', cents='2')", 1, "invalid-argument-type"),
        ("refund('a', cents=2, to='me')", 1, "unknown-argument"),
        ("x = refnud('a', 2)", 1, "unresolved-reference"),
        ("get_order('a')['dollars']", 1, "invalid-key"),
        ("get_order('a')['cents'].upper()", 1, "unresolved-attribute"),
        ("\nask('one')", 2, "invalid-argument-type"),
        ("import numpy", 1, "unresolved-import"),
        ("x = 1 +", 1, "invalid-syntax"),
        ("if 1:\nx = 1", 2, "invalid-syntax"),
        ("'a' + 1", 1, "unsupported-operator"),
        ("class A: pass\nclass B(A): pass", 2, "syntax"),
        ("(" * 20_000, 0, "syntax"),
        ("#" * 100_000, 0, "syntax"),
    ],
)
def test_problems_are_found_with_their_line(find, code, line, rule):
    found = find(code)
    assert rule in [one for _, one in found], found
    assert line in (0, *[at for at, one in found if one == rule])


def test_no_more_than_fifty_are_told(find):
    assert len(find("\n".join(f"a{n}" for n in range(200)))) == 50


def test_nothing_is_executed(find):
    assert find("while True: pass") == []
    assert find("x = [0]\nwhile True: x += x") == []
    assert find("refund('a', cents=1)\nraise ValueError") == []


def test_a_program_that_uses_names_of_ours_is_told(find):
    assert ("unresolved-reference") in [rule for _, rule in find("holdfast_call('refund', '{}')")]


def test_a_tool_may_be_called_like_a_type(find):
    tools = (
        Offered(name="Any", parameters={"properties": {}}),
        Offered(name="Literal", parameters={"properties": {"x": {}}}),
    )
    assert find("Any()\nLiteral(x=1)", tools=tools) == []


def test_a_wrong_tool_is_refused_as_it_is_by_a_step():
    with pytest.raises(ContractError):
        asyncio.run(check(Program(code="1", tools=(Offered(name="print", parameters={}),))))


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "string"}, "str"),
        ({"type": ["integer", "null"]}, "int | None"),
        ({"anyOf": [{"type": "number"}, {"type": "string"}]}, "float | str"),
        ({"anyOf": [{"type": "number"}, {}]}, ANY),
        ({"enum": ["a", 'b"\n', 1, True, None]}, "holdfast_typing.Literal['a', 'b\"\\n', 1, True, None]"),
        ({"const": 1.5}, ANY),
        ({"type": "array", "items": {"type": "boolean"}}, "list[bool]"),
        ({"type": "array"}, f"list[{ANY}]"),
        ({"type": "object"}, f"dict[str, {ANY}]"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "dict[str, int]"),
        ({"$ref": "#/$defs/Money"}, "int"),
        ({"$ref": "#/$defs/Ring"}, ANY),
        ({"$ref": "https://elsewhere/x.json"}, ANY),
        (True, ANY),
        ({"type": "unheard-of"}, ANY),
    ],
)
def test_schemas_in_the_words_of_python(schema, kind):
    parameters = {
        "properties": {"x": schema},
        "$defs": {"Money": {"type": "integer"}, "Ring": {"$ref": "#/$defs/Ring"}},
    }
    assert f"def tool(x: {kind} = ...) -> {ANY}: ..." in stubs(
        Program(code="", tools=(Offered(name="tool", parameters=parameters),))
    )


def test_objects_become_typed_dictionaries():
    returns = {
        "type": "object", "required": ["id"],
        "properties": {"id": {"type": "string"}, "not-a-name": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}}},
    }  # fmt: skip
    text = stubs(Program(code="", tools=(Offered(name="tool", parameters={}, returns=returns),)))
    assert "Holdfast_1 = holdfast_typing.TypedDict('Holdfast_1', {'n': holdfast_typing.NotRequired[int]})" in text
    assert "{'id': str, 'not-a-name': holdfast_typing.NotRequired[list[Holdfast_1]]}" in text
    assert f"def tool() -> {'Holdfast_2'}: ..." in text
