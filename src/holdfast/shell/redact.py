"""Redaction before writing: a secret that is registered never reaches the journal, nor a model.

Exact values only, with their base64 and URL-encoded forms; patterns are a matter of what is read, not of what is safe.
Whatever is written was redacted first, and state is folded from what was written: so a live run and a resumed one decide
alike. An argument that holds a marker is refused by the contract's own rules.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from holdfast.errors import SettingsError
from holdfast.events import AnyEvent, Body, CallReturned, Inline, Json, Wanted

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
            for form in {value, quote(value, safe=""), base64.b64encode(value.encode()).decode().rstrip("=")}:
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
            parts = {key: self.value(item) for key, item in value.items()}
            return {key: item for key, (item, _) in parts.items()}, sum(count for _, count in parts.values())
        if isinstance(value, list):
            items = [self.value(item) for item in value]
            return [item for item, _ in items], sum(count for _, count in items)
        return value, 0

    def event(self, event: AnyEvent) -> AnyEvent:
        """An event without secrets in its texts and bodies."""
        if self._pattern is None:
            return event
        changes: dict[str, Any] = {}
        removed = 0
        for field in event.__struct_fields__:
            before = getattr(event, field)
            after, count = self._field(before)
            if count:
                changes[field] = after
                removed += count
        if removed and isinstance(event, CallReturned):
            changes["redacted"] = removed
        return msgspec.structs.replace(event, **changes) if changes else event

    def _field(self, value: Any) -> tuple[Any, int]:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Inline):
            return self._body(value)
        if isinstance(value, Wanted):
            args, count = self.text(value.args)
            return Wanted(value.id, value.tool, args), count
        if isinstance(value, tuple) and value and isinstance(value[0], Inline | Wanted):
            parts = [self._field(item) for item in value]
            return tuple(item for item, _ in parts), sum(count for _, count in parts)
        return value, 0

    def _body(self, body: Inline) -> tuple[Body, int]:
        value, count = self.value(body.value)
        return Inline(value), count
