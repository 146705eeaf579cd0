"""Shops: one pristine state, and as many shops of their own made from it as there are runs.

A state has a thousand records and a run touches a handful. So a shop shares the pristine records and copies one when it
is first got at by its key; and its digest writes anew only what was copied. A record reached by going through all of a
section is the shared one, and must not be changed: none of the tools does.
"""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any, TypeVar

from real.retail_state import Db, as_db

T = TypeVar("T")


class _Section(dict[str, T]):
    """Records by key; those got at by key are our own."""

    def __init__(self, pristine: dict[str, T]) -> None:
        super().__init__(pristine)
        self.own: set[str] = set()

    def __getitem__(self, key: str) -> T:
        if key not in self.own:
            super().__setitem__(key, copy.deepcopy(super().__getitem__(key)))
            self.own.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        return self[key] if key in self else default  # noqa: SIM401 - that would be this very method

    def __setitem__(self, key: str, value: T) -> None:
        super().__setitem__(key, value)
        self.own.add(key)


class Shops:
    """Makes shops from a pack's initial state, and digests them."""

    def __init__(self, state: dict[str, object]) -> None:
        self._pristine: dict[str, dict[str, Any]] = dict(as_db(state))  # type: ignore[arg-type]  # its sections
        self._texts = {
            section: {key: _text(record) for key, record in records.items()}
            for section, records in self._pristine.items()
        }

    def fresh(self, changed: dict[str, dict[str, Any]] | None = None) -> Db:
        """Make a shop in the initial state, or with some records other than there."""
        sections: dict[str, Any] = {name: _Section(records) for name, records in self._pristine.items()}
        for name, records in (changed or {}).items():
            for key, record in records.items():
                sections[name][key] = record
        return as_db(sections)

    def changed(self, shop: Db) -> dict[str, dict[str, Any]]:
        """Give the records of a shop made here that may be other than at first."""
        sections: dict[str, Any] = dict(shop)
        return {name: {key: section[key] for key in sorted(section.own)} for name, section in sections.items()}

    def digest(self, shop: Db) -> str:
        """Digest a shop made here, just as `state_digest` does."""
        sections: dict[str, Any] = dict(shop)
        written = ",".join(f"{_text(name)}:{self._section(name, sections[name])}" for name in sorted(sections))
        return hashlib.sha256(f"{{{written}}}".encode()).hexdigest()

    def _section(self, name: str, section: _Section[Any]) -> str:
        texts = self._texts[name]
        parts = (f"{_text(key)}:{_text(section[key]) if key in section.own else texts[key]}" for key in sorted(section))
        return f"{{{','.join(parts)}}}"


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
