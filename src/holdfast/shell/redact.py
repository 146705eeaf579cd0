"""Redaction before writing: a secret that is registered never reaches the journal, nor a model.

Exact values only, with their base64, URL-encoded and JSON-escaped forms; patterns are a matter of what is read, not of what is safe.
Whatever is written was redacted first, and state is folded from what was written: so a live run and a resumed one decide
alike. An argument that holds a marker is refused by the contract's own rules.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from holdfast.errors import SettingsError
from holdfast.events import AnyEvent, CallReturned, Json

S = TypeVar("S", bound=msgspec.Struct)

SHORTEST = 6
"""Characters a secret must have: shorter ones stand in innocent texts."""


class Redactor:
    """Removes registered secrets from whatever is about to be written. `secrets`: name → value."""

    def __init__(self, secrets: Mapping[str, str] | None = None) -> None:
        self._names: dict[str, str] = {}
        for name, value in (secrets or {}).items():
            if len(value) < SHORTEST:
                raise SettingsError(
                    f"the secret {name} is shorter than {SHORTEST} characters",
                    hint="it would be found in innocent texts",
                )
            encoded = {quote(value, safe=""), base64.b64encode(value.encode()).decode().rstrip("=")}
            escaped = {json.dumps(value, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
            for form in {value, *encoded, *escaped}:
                self._names[form] = name
        longest_first = sorted(self._names, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def text(self, text: str) -> tuple[str, int]:
        """A text without secrets, and how many were removed."""
        if self._pattern is None:
            return text, 0
        return self._pattern.subn(lambda found: f"[redacted:{self._names[found.group()]}]", text)

    def value(self, value: Json) -> tuple[Json, int]:
        """A JSON value without secrets, and how many were removed."""
        if self._pattern is None:
            return value, 0
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            parts = [(self.text(key), self.value(item)) for key, item in value.items()]
            return {key: item for (key, _), (item, _) in parts}, sum(one + other for (_, one), (_, other) in parts)
        if isinstance(value, list):
            items = [self.value(item) for item in value]
            return [item for item, _ in items], sum(count for _, count in items)
        return value, 0

    def event(self, event: AnyEvent) -> AnyEvent:
        """An event without secrets in its texts and bodies."""
        if self._pattern is None:
            return event
        after, removed = self._struct(event)
        if removed and isinstance(after, CallReturned):
            return msgspec.structs.replace(after, redacted=removed)
        return after

    def _struct(self, struct: S) -> tuple[S, int]:
        parts = {name: self._field(getattr(struct, name)) for name in struct.__struct_fields__}
        changes = {name: value for name, (value, count) in parts.items() if count}
        return (msgspec.structs.replace(struct, **changes) if changes else struct), sum(n for _, n in parts.values())

    def _field(self, value: Any) -> tuple[Any, int]:
        if isinstance(value, msgspec.Struct):
            return self._struct(value)
        if isinstance(value, tuple):
            parts = [self._field(item) for item in value]
            return tuple(item for item, _ in parts), sum(count for _, count in parts)
        if isinstance(value, dict):
            pairs = [(self.text(str(key)), self._field(item)) for key, item in value.items()]
            removed = sum(one + other for (_, one), (_, other) in pairs)
            return ({key: item for (key, _), (item, _) in pairs} if removed else value), removed
        return self.value(value)
