"""Answers of models, kept by what was asked, so that a suite can be played again without paying again.

An answer is found again where everything that could have changed it is the same: agent, contract, model, system text, tools,
the conversation up to there, and the number of the trial. So two trials of a case have answers of their own, as they should,
and one trial played twice has one. Whatever changed is asked anew, from where it changed.

It is a file of lines, one an answer, beside the journal; a line that was cut short by a kill is not there. What stands in it is
what models said, so it is as private as the journal, and erasing something there erases nothing here: delete the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from holdfast import codec
from holdfast.dialogue import Answer, Request
from holdfast.errors import SettingsError
from holdfast.events import Price
from holdfast.models.port import Model


class Trialled(Struct, frozen=True):
    """Whose request it is."""

    agent: str
    contract: str
    trial: str


Whose = Callable[[str], Awaitable[Trialled]]
"""Run → whose it is."""


class _Line(Struct, frozen=True):
    key: str
    answer: Answer


_LINE: Final = msgspec.json.Decoder(_Line)


class Cache:
    """The answers in a file. Raises SettingsError where it cannot be read or written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.hits = 0
        self.asked = 0
        self._known = _read(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab")
            if path.stat().st_size and not path.read_bytes().endswith(b"\n"):
                self._file.write(b"\n")  # after a line that was cut short
        except OSError as error:
            raise SettingsError(f"the cache {path} cannot be written: {error.strerror or error}") from None

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def get(self, key: str) -> Answer | None:
        """What was answered; None where it was not asked yet."""
        found = self._known.get(key)
        self.asked += 1
        self.hits += found is not None
        return found

    def put(self, key: str, answer: Answer) -> None:
        """Keep an answer, for now and for later."""
        self._known[key] = answer
        self._file.write(msgspec.json.encode(_Line(key, answer)) + b"\n")
        self._file.flush()


class Cached:
    """A model that is asked only what it was not asked before."""

    def __init__(self, model: Model, cache: Cache, whose: Whose) -> None:
        self._model = model
        self._cache = cache
        self._whose = whose

    async def answer(self, request: Request) -> Answer:
        """What was answered before, or is answered now. A failure is kept nowhere. Raises ModelError."""
        key = digest(request, await self._whose(request.run))
        known = self._cache.get(key)
        if known is not None:
            return known
        answer = await self._model.answer(request)
        self._cache.put(key, answer)
        return answer

    def price(self) -> Price | None:
        """That of the model: an answer out of the cache counts what it cost once."""
        return self._model.price()

    def quote(self, run: str, step: int) -> int | None:
        """That of the model."""
        return self._model.quote(run, step)

    async def close(self) -> None:
        """Let go of the model's connections."""
        if (end := getattr(self._model, "close", None)) is not None:
            await end()

    def check(self) -> None:
        """Whether the model could answer. Raises SettingsError."""
        if (check := getattr(self._model, "check", None)) is not None:
            check()


def digest(request: Request, whose: Trialled) -> str:
    """Of everything an answer depends on. Places of segments in their journal are no part of what a model sees."""
    segments = [msgspec.structs.replace(one, ref=(0, 0)) for one in request.segments]
    asked = [
        whose, request.model, request.step, request.system, request.offers, segments, request.max_output, request.speaks,
    ]  # fmt: skip
    return hashlib.sha256(codec.canonical(msgspec.to_builtins(asked))).hexdigest()


def _read(path: Path) -> dict[str, Answer]:
    try:
        lines = path.read_bytes().splitlines() if path.exists() else []
    except OSError as error:
        raise SettingsError(f"the cache {path} cannot be read: {error.strerror or error}") from None
    found: dict[str, Answer] = {}
    for line in lines:
        try:
            one = _LINE.decode(line)
        except msgspec.DecodeError:
            continue  # cut short: that answer is asked for again
        found[one.key] = one.answer
    return found
