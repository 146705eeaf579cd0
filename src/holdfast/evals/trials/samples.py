"""Values made of a JSON Schema, for agents that know nothing: the smallest ones, the most permitting ones, or any.

What is made is meant to be tried, not to be right: a schema says less than what is behind it, so whoever uses a value has it
checked by the shape it is for, and takes the next one where it does not fit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from math import inf
from random import Random
from typing import Any, Final

import jsonschema_rs

from holdfast.events import Json

DEEPEST: Final = 8
"""Schemas within schemas beyond which only what ends at once is chosen."""

MISSING: Final = object()

FORMATS: Final[Mapping[str, str]] = {
    "date": "2000-01-01", "date-time": "2000-01-01T00:00:00Z", "time": "00:00:00Z", "duration": "PT0S", "email": "a@example.com",
    "uri": "https://example.com/", "uuid": "00000000-0000-4000-8000-000000000000", "ipv4": "127.0.0.1",
}  # fmt: skip

TRIED: Final = ("", "0", "1", "a", "A", "x", "00", "AA", "0000", "A-1", "a-1", "A1", "x_1", "0.00", "USD", "en")
"""Texts that are tried where a pattern is asked for: nobody makes texts of patterns here."""

NO: Final = re.compile(
    r"(^|[_\W])(no|not|non|none|never|den|refus|reject|declin|fail|error|unknown|cancel|block|hold|invalid)|false",
    re.IGNORECASE,
)
"""What a choice is called that permits nothing."""


def named(value: Json, found: dict[str, Json] | None = None) -> dict[str, Json]:
    """Every field of a value by its name, at whatever depth; of two of one name the first."""
    found = {} if found is None else found
    if isinstance(value, dict):
        for name, item in value.items():
            found.setdefault(name, item)
        for item in value.values():
            named(item, found)
    elif isinstance(value, list):
        for item in value:
            named(item, found)
    return found


class Smallest:
    """Makes the smallest value: fields that must be there, the first of what may be chosen, 0, and as few letters as can be.

    known: values to take by name where they fit. other: (number of a choice, from 0) → which of its options instead.
    """

    def __init__(
        self, root: Json, known: Mapping[str, Json] | None = None, other: Mapping[int, int] | None = None
    ) -> None:
        self.root = root if isinstance(root, dict) else {}
        self.known = known or {}
        self.other = other or {}
        self.widths: list[int] = []
        """How many options there were at each choice."""

    def value(self) -> Json:
        """A value of the whole schema."""
        self.widths = []
        return self._make(self.root, "", 0)

    # ---- what another maker does otherwise

    def options(self, options: Sequence[Json]) -> Sequence[Json]:
        """What may be chosen, in the order in which it is taken."""
        return sorted(options, key=lambda one: not _is_null(one))

    def takes(self, name: str) -> bool:
        """Whether a field that may be left out is given."""
        return False

    def by_name(self, name: str, schema: Json) -> Json:
        """What is known of this name and fits; else MISSING. Asked of texts and numbers; here only texts are taken."""
        value = self.known.get(name, MISSING)
        return value if isinstance(value, str) and self._fits(value, schema) else MISSING

    def first(self, name: str, schema: Json) -> Json:
        """The same, asked before anything is chosen."""
        return MISSING

    def number(self, low: float, high: float, *, whole: bool) -> float:
        """A number between two bounds."""
        return min(max(0, low), high)

    def text(self, shortest: int, longest: int) -> str:
        """A text of a length between these."""
        return "x" * shortest

    def many(self, fewest: int, most: int) -> int:
        """How many items a list has."""
        return fewest

    # ---- how a value is made

    def _make(self, given: Json, name: str, depth: int) -> Json:
        schema = self._resolved(given)
        known = self.first(name, schema)
        if known is not MISSING:
            return known
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._chosen(schema["enum"])
        either = schema.get("anyOf") or schema.get("oneOf")
        if either:
            rest = {key: part for key, part in schema.items() if key not in ("anyOf", "oneOf")}
            picked = self._chosen(either if depth <= DEEPEST else [min(either, key=self._height)])
            return self._make({**rest, **self._resolved(picked)}, name, depth + 1)
        kind = schema.get("type", "object" if "properties" in schema else "null")
        if isinstance(kind, list):
            kind = self._chosen([{"type": one} for one in kind])["type"]
        return self._of(kind, schema, name, depth)

    def _of(self, kind: str, schema: dict[str, Any], name: str, depth: int) -> Json:
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._list(schema, name, depth)
            case "boolean":
                return self._chosen([False, True])
            case "string" | "integer" | "number":
                known = self.by_name(name, schema)
                if known is not MISSING:
                    return known
                return self._text(schema) if kind == "string" else self._number(schema, whole=kind == "integer")
            case _:
                return None

    def _object(self, schema: dict[str, Any], depth: int) -> Json:
        fields, must = schema.get("properties") or {}, schema.get("required") or ()
        if depth > 2 * DEEPEST:
            return {}
        return {
            name: self._make(part, name, depth + 1)
            for name, part in fields.items()
            if name in must or (depth <= DEEPEST and self.takes(name))
        }

    def _list(self, schema: dict[str, Any], name: str, depth: int) -> Json:
        fixed = schema.get("prefixItems") or []
        fewest = int(schema.get("minItems", len(fixed)))
        many = self.many(fewest, int(schema.get("maxItems", fewest + 2))) if depth <= DEEPEST else fewest
        parts = [*fixed, *[schema.get("items") or {}] * max(many - len(fixed), 0)][: max(many, fewest)]
        return [self._make(part, name, depth + 1) for part in parts]

    def _number(self, schema: dict[str, Any], *, whole: bool) -> float:
        step = schema.get("multipleOf") or (1 if whole else 0)
        nudge = step or 0.01
        low = schema.get("minimum", schema["exclusiveMinimum"] + nudge if "exclusiveMinimum" in schema else None)
        high = schema.get("maximum", schema["exclusiveMaximum"] - nudge if "exclusiveMaximum" in schema else None)
        low = min(0, high) if low is None and high is not None else 0 if low is None else low
        high = max(low, 100) if high is None else high
        found = self.number(low, high, whole=whole)
        if step:
            found = -(-found // step) * step
        return int(found) if whole else found

    def _text(self, schema: dict[str, Any]) -> str:
        if schema.get("format") in FORMATS:
            return FORMATS[schema["format"]]
        shortest = int(schema.get("minLength", 0))
        made = self.text(shortest, int(schema.get("maxLength", max(shortest, 12))))
        if "pattern" not in schema:
            return made
        return next((text for text in (made, *TRIED) if self._fits(text, schema)), made)

    def _chosen(self, options: Sequence[Json]) -> Any:
        number, ordered = len(self.widths), self.options(options)
        self.widths.append(len(ordered))
        return ordered[min(self.other.get(number, 0), len(ordered) - 1)]

    def _height(self, given: Json, above: frozenset[str] = frozenset()) -> float:
        """How deep the shallowest value of a schema is; inf where it has to hold itself."""
        ref = given.get("$ref", "") if isinstance(given, dict) else ""
        if ref in above:
            return inf
        schema, seen = self._resolved(given), above | {ref} if ref else above
        either = schema.get("anyOf") or schema.get("oneOf")
        if either:
            return min(self._height(one, seen) for one in either)
        fields = schema.get("properties") or {}
        parts = [fields[name] for name in schema.get("required") or () if name in fields]
        parts += [schema["items"]] if schema.get("minItems") and "items" in schema else []
        return 1 + max((self._height(part, seen) for part in parts), default=0)

    def _resolved(self, schema: Json) -> dict[str, Any]:
        """A schema with what it points to in it."""
        found: dict[str, Any] = dict(schema) if isinstance(schema, dict) else {}
        for _ in range(DEEPEST):
            parts = found.pop("allOf", [])
            if "$ref" in found:
                parts = [*parts, self._at(str(found.pop("$ref")))]
            if not parts:
                break
            for part in parts:
                found = {**(part if isinstance(part, dict) else {}), **found}
        return found

    def _at(self, pointer: str) -> Json:
        place: Any = self.root
        for key in pointer.removeprefix("#").strip("/").split("/"):
            place = place.get(key.replace("~1", "/").replace("~0", "~")) if isinstance(place, dict) and key else place
        return place

    def _fits(self, value: Json, schema: Json) -> bool:
        try:
            found = jsonschema_rs.validator_for({**schema, "$defs": self.root.get("$defs", {})}).is_valid(value)
        except (jsonschema_rs.ValidationError, ValueError, TypeError):
            return False
        return bool(found)


class Permitting(Smallest):
    """Makes the value that grants most: true rather than false, a yes rather than a no, what is known wherever it fits."""

    def options(self, options: Sequence[Json]) -> Sequence[Json]:
        """What sounds like a yes first."""
        return sorted(
            options, key=lambda one: (_is_null(one), one is False, bool(isinstance(one, str) and NO.search(one)))
        )

    def takes(self, name: str) -> bool:
        """Fields of which something is known."""
        return name in self.known

    def by_name(self, name: str, schema: Json) -> Json:
        """Also what is known of a name that ends alike: `cents` for `refunded_cents`."""
        like = [key for key in self.known if name.endswith(f"_{key}") or key.endswith(f"_{name}")]
        values = [self.known[key] for key in ([name] if name in self.known else []) + like]
        return next((value for value in values if self._fits(value, schema)), MISSING)

    def first(self, name: str, schema: Json) -> Json:
        """What is known of this name."""
        value = self.known.get(name, MISSING)
        return value if name and value is not MISSING and self._fits(value, schema) else MISSING


class AnyOne(Smallest):
    """Makes any value, from a seed; now and then out of what is known."""

    def __init__(self, root: Json, known: Mapping[str, Json], chance: Random) -> None:
        super().__init__(root, known)
        self.chance = chance

    def options(self, options: Sequence[Json]) -> Sequence[Json]:
        """In any order."""
        return self.chance.sample(list(options), len(options))

    def takes(self, name: str) -> bool:
        """One time in two."""
        return self.chance.random() < 0.5

    def by_name(self, name: str, schema: Json) -> Json:
        """Mostly what has the name, sometimes anything that fits, sometimes nothing that is known."""
        if self.chance.random() < 0.2:
            return MISSING
        exact = self.known.get(name, MISSING)
        if exact is not MISSING and self._fits(exact, schema) and self.chance.random() < 0.8:
            return exact
        fit = [
            value for value in self.known.values() if not isinstance(value, dict | list) and self._fits(value, schema)
        ]
        return self.chance.choice(fit) if fit else MISSING

    def number(self, low: float, high: float, *, whole: bool) -> float:
        """Any number between the bounds."""
        return self.chance.randint(int(low), int(max(low, high))) if whole else round(self.chance.uniform(low, high), 2)

    def text(self, shortest: int, longest: int) -> str:
        """Any letters."""
        low = max(shortest, min(1, longest))
        return "".join(
            self.chance.choices("abcdefghij", k=self.chance.randint(low, max(low, min(longest, shortest + 8))))
        )

    def many(self, fewest: int, most: int) -> int:
        """Any number of items, two more than there must be at most."""
        return self.chance.randint(fewest, max(fewest, min(most, fewest + 2)))


def several(make: Callable[[Mapping[int, int]], Smallest], fits: Callable[[Json], bool], most: int) -> list[Json]:
    """Up to `most` values that fit: the one a maker makes first, then those with one choice made otherwise, then with two."""
    found: list[Json] = []
    for other in _choices(make):
        value = make(other).value()
        if value not in found and fits(value):
            found.append(value)
            if len(found) == most:
                break
    return found


def _choices(make: Callable[[Mapping[int, int]], Smallest], tries: int = 400) -> Iterator[dict[int, int]]:
    yield {}
    first = make({})
    first.value()
    single = [(number, option) for number, width in enumerate(first.widths) for option in range(1, width)]
    for number, option in single[:tries]:
        yield {number: option}
    for one, other in list(combinations(single[:30], 2))[:tries]:
        if one[0] != other[0]:
            yield dict((one, other))


def _is_null(option: Json) -> bool:
    return option is None or (isinstance(option, dict) and option.get("type") == "null")
