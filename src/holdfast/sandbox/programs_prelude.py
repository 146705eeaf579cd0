"""What stands before a program: its tools as functions, and what a type checker is told of them.

A tool is a function written in the program's own language. It takes positional and keyword arguments as the program gives
them, so a wrong call is a TypeError where it was made, and it turns them into JSON on that side of the wall, where a value that
is no JSON, or that grows without end, is the program's own trouble. Then it calls one of two functions that are ours.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator
from typing import Final

from holdfast.events import Json
from holdfast.sandbox.programs_terms import RESERVED, Offered, Program

CALL: Final = "holdfast_call"
CALL_AWAITED: Final = "holdfast_call_awaited"
OTHERS: Final = "holdfast_others"
"""Arguments whose names are no names of Python, or that no schema names."""
CHECKED: Final = "holdfast_checked"
"""What a program that is only checked calls first: when that call comes, nothing was found."""

_BEFORE: Final = """\
import json as holdfast_json
class Holdfast_Not_Given:
    pass
holdfast_not_given = Holdfast_Not_Given()
"""


def prelude(program: Program) -> str:
    """The functions that a program finds, in its own language."""
    return _BEFORE + "".join(line + "\n" for tool in program.tools for line in _function(tool))


def _function(tool: Offered) -> Iterator[str]:
    names, _ = parameters(tool)
    given = _signature(tool, dict.fromkeys(names, ""), "=holdfast_not_given", "")
    yield f"{'async ' if tool.awaited else ''}def {tool.name}({given}):"
    yield "    holdfast_given = {}"
    for name in names:
        yield f"    if {name} is not holdfast_not_given: holdfast_given[{name!r}] = {name}"
    if OTHERS in given:
        yield f"    holdfast_given.update({OTHERS})"
    call = (
        f"{CALL_AWAITED if tool.awaited else CALL}({tool.name!r}, holdfast_json.dumps(holdfast_given, allow_nan=False))"
    )
    yield f"    return {'await ' if tool.awaited else ''}{call}"


def _signature(tool: Offered, types: dict[str, str], default: str, other: str) -> str:
    """The parameters of a tool as a function declares them, each with what `types` puts after its name.

    One that is needed after one that may be left out is given by name, as Python has it.
    """
    names, others = parameters(tool)
    needed = tool.parameters.get("required", ())
    taken: list[str] = []
    loose = False
    for name in names:
        if name in needed and loose and "*" not in taken:
            taken.append("*")
        loose = loose or name not in needed
        taken.append(f"{name}{types[name]}{'' if name in needed else default}")
    return ", ".join([*taken, *([f"**{OTHERS}{other}"] if others else [])])


def parameters(tool: Offered) -> tuple[list[str], bool]:
    """The parameters a function can have by name, and whether it takes others as well."""
    names = [name for name in tool.parameters.get("properties", {}) if _usable(name)]
    odd = len(names) < len(tool.parameters.get("properties", {}))
    return names, odd or bool(tool.parameters.get("additionalProperties"))


def unknown(tool: Offered, args: dict[str, Json]) -> list[str]:
    """The arguments that a tool does not have."""
    if tool.parameters.get("additionalProperties"):
        return []
    return [name for name in args if name not in tool.parameters.get("properties", {})]


def _usable(name: str) -> bool:
    """Whether a parameter can have this name; others are given by `**`."""
    return (
        name.isidentifier() and name.isascii() and not keyword.iskeyword(name) and not name.startswith(("_", RESERVED))
    )


# --------------------------------------------------------------------------------------------- for a type checker


def stubs(program: Program) -> str:
    """Declarations of the tools and inputs of a program."""
    types = _Types()
    lines = [f"def {CHECKED}() -> None: ..."]
    for name, value in program.inputs.items():
        lines.append(f"{name}: {_NAMES.get(type(value), ANY)}")
    lines += [_declared(tool, types) for tool in program.tools]
    return "\n".join((f"import typing as {_TYPING}", *types.lines, *lines, ""))


_TYPING: Final = "holdfast_typing"
"""Under a name of ours, so that a tool may be called `Any`."""
ANY: Final = f"{_TYPING}.Any"
_NAMES: Final[dict[type, str]] = {
    str: "str", bool: "bool", int: "int", float: "float", list: f"list[{ANY}]", dict: f"dict[str, {ANY}]",
}  # fmt: skip
_SIMPLE: Final = {"string": "str", "boolean": "bool", "integer": "int", "number": "float", "null": "None"}
_DEEP: Final = 12


def _declared(tool: Offered, types: _Types) -> str:
    known = tool.parameters.get("properties", {})
    kinds = {name: f": {types.of(known[name], tool.parameters)}" for name in parameters(tool)[0]}
    given = _signature(tool, kinds, " = ...", f": {ANY}")
    return f"{'async ' if tool.awaited else ''}def {tool.name}({given}) -> {types.of(tool.returns, tool.returns)}: ..."


class _Types:
    """Python's words for JSON Schemas; what they cannot say is `Any`."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def of(self, schema: Json, root: Json, depth: int = 0) -> str:
        """The type of a schema, whose references are those of `root`."""
        if not isinstance(schema, dict) or depth > _DEEP:
            return ANY
        if "$ref" in schema:
            return self.of(_referred(schema["$ref"], root), root, depth + 1)
        if "const" in schema or "enum" in schema:
            return _literal(schema.get("enum", [schema.get("const")]))
        for either in ("anyOf", "oneOf"):
            if schema.get(either):
                return self._union([self.of(one, root, depth + 1) for one in schema[either]])
        kinds = schema.get("type")
        if isinstance(kinds, list):
            return self._union([self.of({**schema, "type": kind}, root, depth + 1) for kind in kinds])
        if kinds == "array":
            return f"list[{self.of(schema.get('items'), root, depth + 1)}]"
        if kinds == "object":
            return self._object(schema, root, depth)
        return _SIMPLE.get(kinds, ANY) if isinstance(kinds, str) else ANY

    @staticmethod
    def _union(parts: list[str]) -> str:
        return ANY if ANY in parts or not parts else " | ".join(dict.fromkeys(parts))

    def _object(self, schema: dict[str, Json], root: Json, depth: int) -> str:
        known = schema.get("properties")
        if not isinstance(known, dict) or not known or schema.get("additionalProperties"):
            extra = schema.get("additionalProperties") if not known else None
            return f"dict[str, {self.of(extra, root, depth + 1)}]"
        fields = []
        for name, one in known.items():
            kind = self.of(one, root, depth + 1)
            fields.append(
                f"{name!r}: {kind if name in schema.get('required', ()) else f'{_TYPING}.NotRequired[{kind}]'}"
            )
        made = f"Holdfast_{len(self.lines) + 1}"
        self.lines.append(f"{made} = {_TYPING}.TypedDict({made!r}, {{{', '.join(fields)}}})")
        return made


def _literal(values: list[Json]) -> str:
    """Texts, whole numbers and truth values can be told by name; others cannot."""
    if not values or not all(value is None or isinstance(value, str | bool | int) for value in values):
        return ANY
    return f"{_TYPING}.Literal[{', '.join(map(repr, values))}]"


def _referred(ref: Json, root: Json) -> Json:
    """What a reference within the same schema names; None for any other."""
    found = root
    for part in str(ref).removeprefix("#/").split("/"):
        found = found.get(part) if isinstance(found, dict) else None
    return found
