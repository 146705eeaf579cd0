"""Where a finding of `check` stands: the line of the contract's file, and the section of the documentation that explains it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from holdfast.contract import Contract, Grant
from holdfast.events import Json

CLAUSES: Final = frozenset(field.alias or name for name, field in Grant.model_fields.items())
KEYS: Final = frozenset(Contract.model_fields)

OTHERS: Final = {
    "resources": "tools.md#what-a-function-is-given",
    "workspace": "workspaces.md",
    "contract": "contract.md#the-keys",
}
"""Where a finding stands that is about no key of a contract → what explains it."""

SAID: Final = (
    ("is no name a condition knows", "contract.md#names"),
    ("is not under `needs`", "contract.md#toolstoolneeds"),
    ("there is no tool called", "contract.md#tools"),
    ("Started", "tools.md#long-work"),
)
"""Words of a finding → what explains it, whatever clause it stands in."""

_STEP: Final = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def docs(where: str, what: str) -> str:
    """The page and section below docs/ that explain a finding."""
    for words, page in SAID:
        if words in what:
            return page
    steps = [name or int(at) for name, at in _STEP.findall(where)]
    head = str(steps[0]) if steps else ""
    if head == "tools" and len(steps) > 2 and steps[2] in CLAUSES:
        return f"contract.md#toolstool{steps[2]}"
    if head == "tools" and len(steps) == 2:
        return "tools.md#declaring"
    return f"contract.md#{head}" if head in KEYS else OTHERS.get(head.split(" ")[0], OTHERS["contract"])


def line(file: Path, where: str) -> int:
    """The line of a contract's file, from 1, in which a clause begins, or the nearest one around it; 0 where none is known."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    at: Any
    try:
        at = YAML(typ="rt").load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError):
        return 0
    found = 0
    for name, number in _STEP.findall(where):
        key: Json = int(number) if number else name
        if isinstance(at, list) and not number:  # tools as a list of names
            key = next((place for place, one in enumerate(at) if one == name), -1)
        try:
            lines = at.lc  # ruamel's own, on its mappings and lists
            found = 1 + (lines.item(key) if number or key != name else lines.key(key))[0]
            at = at[key]
        except (AttributeError, KeyError, IndexError, TypeError):
            break
    return found
