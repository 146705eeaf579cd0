"""What went wrong in a workspace and was passed over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from holdfast.events import Json
from holdfast.views.detectors.finding import Case, Hit
from holdfast.views.record import Call

_NO_TESTS: Final = re.compile(
    r"\bno tests ran\b|\bcollected 0 items\b|\bRan 0 tests\b|\b0 passing\b|\bNo tests found\b"
)
"""What test runners print that found nothing to run: pytest, unittest, mocha, jest."""


def silent(case: Case) -> Iterator[Hit]:
    """18, E. A command in a workspace did not do what it was to, and the run ended as done without another that put it right.

    It did not write a declared artefact, was stopped at a limit, or ran no tests. Put right is: the same command again, well; for
    an artefact, a later command that was to make it and did; for anything, a commit, which looks at all that the contract
    declares. Origin: this project's brief. False positives: a command whose artefact stands as it was because a rebuild found
    nothing to do; one that writes the file again, also with the same content, is none.
    """
    if not case.done:
        return
    ran = [call for call in case.calls if _result(call) is not None]
    committed = max((call.answered for call in case.effects if call.tool == "commit"), default=0)
    for at, call in enumerate(ran):
        wrong = _wrong(_result(call) or {})
        if wrong and call.answered > committed and not any(_mends(later, call) for later in ran[at + 1 :]):
            yield Hit(
                (call.seq, call.answered, case.done), f"{call.tool} {wrong}, and nothing put it right", call.tool, wrong
            )


def _result(call: Call) -> dict[str, Json] | None:
    """What a command of a workspace gave."""
    value = call.result.value if call.ok and call.result is not None else None
    return value if isinstance(value, dict) and {"exit", "lacking", "layer"} <= set(value) else None


def _wrong(given: dict[str, Json]) -> str:
    if given["lacking"]:
        return f"left {', '.join(map(str, given['lacking']))}"
    if given.get("stopped"):
        return f"was stopped at its limit of {given['stopped']}"
    printed = f"{given.get('stdout', '')}\n{given.get('stderr', '')}"
    return "ran no tests" if given["exit"] == 0 and _NO_TESTS.search(printed) else ""


def _mends(later: Call, call: Call) -> bool:
    given = _result(later) or {}
    if given.get("exit") != 0 or _wrong(given):
        return False
    again = later.tool == call.tool and later.args.value == call.args.value
    wanted, made = _makes(call), _makes(later)
    return again or (bool(wanted) and wanted <= made)


def _makes(call: Call) -> set[str]:
    args = call.args.value
    return set(map(str, args.get("makes") or ())) if isinstance(args, dict) else set()
