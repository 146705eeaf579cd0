"""Cases for a drill from a file of inputs, for an agent that has no cases yet.

They expect nothing, so each is compared with what it comes to without a fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from holdfast import codec
from holdfast.errors import InputError
from holdfast.evals.cases.case import Case, parse

SAYS_YES: Final = ({"about": "review", "verdict": "approve"},)
"""The people of such a case: somebody approves what is put before people. Doubts and surprises wait."""


def cases_of(lines: Iterable[bytes], where: str) -> list[Case]:
    """A case for each line of JSON, an input itself or an object with `input` as in a batch. Raises InputError."""
    found: dict[str, Case] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            value = codec.parse(line)
        except msgspec.DecodeError as error:
            raise InputError(f"{where}, line {number}: it is no JSON: {error}") from None
        given: dict[str, Any] = value if isinstance(value, dict) and "input" in value else {"input": value}
        name = re.sub(r"[^\w.-]+", "-", str(given.get("key") or f"line-{number}")).strip("-.")[:70] or f"line-{number}"
        if name in found:
            name = f"{name}-{number}"
        said = [one["say"] for one in given.get("then", []) if isinstance(one, dict) and "say" in one]
        found[name] = parse(
            {
                "name": name, "input": given["input"], "by": given.get("by") or "svc:drill",
                "on_behalf_of": given.get("on_behalf_of", ""), "messages": said, "state": {}, "people": list(SAYS_YES), "expect": {},
            },
            f"{where}, line {number}",
        )  # fmt: skip
    if not found:
        raise InputError(f"{where}: there is no input in it")
    return list(found.values())
