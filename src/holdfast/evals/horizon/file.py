"""Rows of a reliability curve from a file: lines of JSON, or CSV with a head.

Fields are those of `horizon_rows.Row`. `messy` may be a mapping of factors to numbers, or to the numbers of several raters,
whose mean is taken; or a list of the factors a task has. In CSV it is `factor; factor=0.5`, and `-` for a task that was rated
and has none. An empty cell is a field that is not there.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from holdfast.errors import InputError
from holdfast.evals.horizon.rows import Row

_FIELDS: Final = Row.__struct_fields__


def read(place: str, agent: str = "") -> list[Row]:
    """The rows of a file, of one agent: `-` reads lines of JSON from standard input.

    Raises InputError for a file or a line that cannot be read, and where rows are of several agents and none is named.
    """
    if place == "-":
        rows = list(_json_lines("standard input", sys.stdin.read()))
    else:
        text = _text(Path(place))
        rows = list(_csv(place, text) if place.lower().endswith(".csv") else _json_lines(place, text))
    agents = sorted({row.agent for row in rows})
    if agent:
        chosen = [row for row in rows if row.agent == agent]
        if rows and not chosen:
            known = ", ".join(name or "(no name)" for name in agents)
            raise InputError(f"{place} has no rows of the agent {agent}", hint=f"it has rows of {known}")
        return chosen
    if len(agents) > 1:
        known = ", ".join(name or "(no name)" for name in agents)
        raise InputError(f"{place} has rows of several agents: {known}", hint="name one with --agent")
    return rows


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is no text in UTF-8", hint="lines of JSON, or CSV with a head") from None


def _json_lines(place: str, text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                fields = msgspec.json.decode(line, type=dict[str, object])
            except msgspec.DecodeError as error:
                raise InputError(
                    f"{place}, line {number}: no JSON object: {error}",
                    hint="one object a line; a CSV file's name ends in .csv",
                ) from None
            yield _row(f"{place}, line {number}", fields, strict=True)


def _csv(place: str, text: str) -> Iterator[Row]:
    lines = csv.DictReader(io.StringIO(text, newline=""))
    for found in lines:
        where = f"{place}, line {lines.line_num}"
        if None in found or None in found.values():
            raise InputError(f"{where}: as many cells as the head has are needed")
        yield _row(where, {name.strip(): cell.strip() for name, cell in found.items() if cell.strip()}, strict=False)


def _row(where: str, fields: dict[str, object], *, strict: bool) -> Row:
    if strange := sorted(set(fields) - set(_FIELDS)):
        raise InputError(f"{where}: there is no field {strange[0]}", hint=f"there are {', '.join(_FIELDS)}")
    if missing := [name for name in ("task", "human_minutes", "minutes_from", "score") if name not in fields]:
        says = "timed, ticket, estimate, words of your own, or unknown" if missing[0] == "minutes_from" else ""
        raise InputError(f"{where}: {missing[0]} is missing", hint=says)
    if "messy" in fields:
        fields = {**fields, "messy": _messy(where, fields["messy"])}
    if strict and isinstance(fields["score"], bool):
        fields = {**fields, "score": float(fields["score"])}
    try:
        return msgspec.convert(fields, Row, strict=strict)
    except msgspec.ValidationError as error:
        raise InputError(f"{where}: {error}") from None


def _messy(where: str, given: object) -> object:
    """Factor → number, however it is written."""
    if isinstance(given, str):
        parts = [part.strip() for part in given.split(";") if part.strip(" -")]
        pairs = [part.partition("=") for part in parts]
        return {name.strip(): _number(where, name, value.strip() or "1") for name, _, value in pairs}
    if isinstance(given, list):
        return dict.fromkeys(map(str, given), 1.0)
    if isinstance(given, dict):
        return {name: _number(where, name, value) for name, value in given.items()}
    return given


def _number(where: str, name: str, value: object) -> float:
    """A rater's number, or the mean of several raters'."""
    several: list[Any] = value if isinstance(value, list) and value else [value]
    try:
        numbers = [float(one) for one in several]
    except (TypeError, ValueError):
        raise InputError(f"{where}: {name} of messy is a number, or a list of several raters' numbers") from None
    return sum(numbers) / len(numbers)
