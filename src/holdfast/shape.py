"""Shapes: what a value must look like, from a Python type or from JSON Schema, behind one face.

Validation itself is pydantic's and jsonschema-rs's; nothing here walks a schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol

from holdfast import codec
from holdfast.errors import ContractError
from holdfast.events import Json

if TYPE_CHECKING:
    from pydantic import TypeAdapter


DEEPEST: Final = 100
"""How deep lists and objects may stand in each other. pydantic has its own bound, at twice that."""


class Misfit(Exception):
    """A value does not have the shape; the text says where and why, one problem a line."""


class Shape(Protocol):
    """What a JSON value must look like."""

    @property
    def schema(self) -> dict[str, Json]:
        """As JSON Schema."""
        ...

    def check(self, value: Json) -> Json:
        """The value in its canonical JSON form. Raises Misfit."""
        ...

    def python(self, value: Json) -> Any:
        """The value as Python code wants it. Raises Misfit."""
        ...

    def json(self, value: Any) -> Json:
        """A Python value as JSON. Raises Misfit when it does not have the shape."""
        ...


class TypeShape:
    """The shape of a Python type that pydantic understands."""

    def __init__(self, hint: Any) -> None:
        self.hint = hint

    def __repr__(self) -> str:
        return f"TypeShape({getattr(self.hint, '__name__', self.hint)})"

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        from pydantic import TypeAdapter
        from pydantic.errors import PydanticSchemaGenerationError, PydanticUndefinedAnnotation

        try:
            return TypeAdapter(self.hint)
        except (PydanticSchemaGenerationError, PydanticUndefinedAnnotation, NameError, TypeError) as error:
            raise _no_type(self.hint, error) from error

    @cached_property
    def _refused(self) -> type[ValueError]:
        """What pydantic raises; asked for once, since it is imported as late as can be."""
        from pydantic import ValidationError

        return ValidationError

    @cached_property
    def schema(self) -> dict[str, Json]:
        """As JSON Schema."""
        from pydantic.errors import PydanticUserError

        try:
            return self._adapter.json_schema()
        except PydanticUserError as error:
            raise _no_type(self.hint, error) from error

    def check(self, value: Json) -> Json:
        """The value in its canonical JSON form. Raises Misfit."""
        return self._dump(self.python(value))

    def python(self, value: Json) -> Any:
        """The value as Python code wants it. Raises Misfit."""
        try:
            return self._adapter.validator.validate_json(codec.canonical(value))
        except self._refused as error:
            raise Misfit(_explain(error)) from None

    def json(self, value: Any) -> Json:
        """A Python value as JSON. Raises Misfit when it does not have the shape."""
        try:
            return codec.plain(self._dump(self._adapter.validator.validate_python(value)))
        except self._refused as error:
            raise Misfit(_explain(error)) from None
        except (ValueError, TypeError, RecursionError) as error:
            raise Misfit(f"it cannot be written as JSON: {error}") from None

    def _dump(self, value: Any) -> Json:
        return self._adapter.serializer.to_python(value, mode="json")


def _no_type(hint: Any, error: Exception) -> ContractError:
    return ContractError(
        f"{hint!r} is no type that can be validated: {error}",
        hint="use a pydantic model, a dataclass, a TypedDict or a plain type that can be written as JSON",
    )


class SchemaShape:
    """The shape that a JSON Schema describes. Values stay plain JSON in Python too."""

    def __init__(self, schema: Mapping[str, Json]) -> None:
        self.schema: dict[str, Json] = dict(schema)

    def __repr__(self) -> str:
        return f"SchemaShape({self.schema.get('title', self.schema.get('type', '?'))})"

    @cached_property
    def _validator(self) -> Any:
        import jsonschema_rs

        try:
            return jsonschema_rs.validator_for(self.schema)
        except (jsonschema_rs.ValidationError, ValueError, TypeError) as error:
            raise ContractError(f"this is no JSON Schema: {error}") from None

    def check(self, value: Json) -> Json:
        """The value itself. Raises Misfit."""
        if _deeper(value, DEEPEST):
            raise Misfit(f"value: lists and objects stand in each other more than {DEEPEST} deep")
        problems = [_schema_problem(error) for error in self._validator.iter_errors(value)]
        if problems:
            raise Misfit("\n".join(problems[:8]))
        return value

    def python(self, value: Json) -> Any:
        """The value itself. Raises Misfit."""
        return self.check(value)

    def json(self, value: Any) -> Json:
        """A Python value as JSON. Raises Misfit when it does not have the shape."""
        try:
            return self.check(codec.plain(value))
        except (ValueError, TypeError, RecursionError) as error:
            raise Misfit(f"it cannot be written as JSON: {error}") from None


def _deeper(value: Json, most: int) -> bool:
    level = [value]
    for _ in range(most + 1):
        level = [
            item for part in level if isinstance(part, dict | list)
            for item in (part.values() if isinstance(part, dict) else part)
        ]  # fmt: skip
    return bool(level)


def _schema_problem(error: Any) -> str:
    path = ".".join(str(part) for part in error.instance_path)
    return f"{path or 'value'}: {error.message}"


def _explain(error: Any) -> str:
    lines = []
    for item in error.errors(include_url=False, include_context=False)[:8]:
        where = ".".join(str(part) for part in item["loc"]) or "value"
        lines.append(f"{where}: {item['msg']}")
    return "\n".join(lines)


def shape_of(hint: Any) -> Shape:
    """The shape of a Python type, or of a JSON Schema given as a mapping."""
    if isinstance(hint, Mapping):
        return SchemaShape(hint)
    return TypeShape(hint)
