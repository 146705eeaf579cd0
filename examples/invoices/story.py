"""What the stand-in has been told, read out of a request's segments; and what it makes of an invoice's text."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Self

from holdfast.dialogue import Answered, Request
from holdfast.events import Json
from holdfast.testing import told

_LINE: Final = re.compile(r"^(\d)\s+(\S.*?)\s{2,}(\d+)\s+([\d,]+\.\d\d)\s+([\d,]+\.\d\d)\s*$", re.MULTILINE)


def cents(text: str) -> int:
    """`1,074.00` in cents."""
    return int(re.sub(r"\D", "", text))


@dataclass(frozen=True)
class Invoice:
    """An invoice, as its text has it."""

    text: str

    def _after(self, *words: str) -> str:
        found = re.search(rf"^\s*(?:{'|'.join(words)})\s+(\S.*?)\s*$", self.text, re.MULTILINE)
        return found[1] if found else ""

    @property
    def is_one(self) -> bool:
        return "INVOICE" in self.text or "RECHNUNG" in self.text

    @property
    def order_no(self) -> str:
        return self._after("Your order", "Ihre Bestellung")

    @property
    def dated(self) -> str:
        return self._after("Date", "Datum")

    @property
    def iban(self) -> str:
        """The account it wants money on, without blanks."""
        return self._after("Payable to", "Zahlbar an").replace(" ", "")

    @property
    def lines(self) -> list[dict[str, int]]:
        rows = _LINE.findall(self.text)
        return [{"line": int(at), "quantity": int(count), "unit_cents": cents(unit)} for at, _, count, unit, _ in rows]

    @property
    def freight(self) -> int:
        return cents(self._after("Freight", "Fracht") or "0")

    @property
    def total(self) -> int:
        return cents(self._after("Total", "Gesamt") or "0")


@dataclass(frozen=True)
class Story(told.Story):
    """A run, as far as it has been told."""

    turns: tuple[tuple[tuple[str, Json], ...], ...] = ()
    """What was called in each of its answers."""

    @classmethod
    def told(cls, request: Request) -> Self:
        """Everything that stands in the request's segments."""
        answers = (part for part in request.segments if isinstance(part, Answered))
        turns = tuple(tuple((one.tool, arguments(one.args)) for one in part.calls) for part in answers)
        return replace(super().told(request), turns=turns)

    def newest(self, tool: str) -> Json:
        """The newest result of a tool, None if there is none."""
        found = self.found(tool)
        return found[-1] if found else None

    @cached_property
    def invoice(self) -> Invoice | None:
        """The invoice, once it was read."""
        read = self.newest("read_invoice")
        return Invoice(read["text"]) if read else None

    @property
    def receipts(self) -> list[Json]:
        """The deliveries, as far as the last reading of them went."""
        made = [one for one in self.made("list_receipts") if not one.failed]
        return list(made[-1].found) if made else []

    @property
    def receipts_are_whole(self) -> bool:
        """Whether the last reading of the deliveries was complete."""
        made = self.made("list_receipts")
        return bool(made) and not made[-1].failed and "[this is not complete" not in made[-1].text

    @property
    def payment(self) -> Json:
        """The payment that was made, None if there is none."""
        return self.newest("pay_invoice")

    def was_refused(self, tool: str, args: Json) -> bool:
        """Whether just this was asked for since something was last read, and did not succeed."""
        read = max((at for at, one in enumerate(self.calls) if one.tool == "list_receipts"), default=0)
        return any(one.tool == tool and one.failed and one.args == args for one in self.calls[read:])

    def refusal(self, tool: str) -> str:
        """Why its last call of a tool came to nothing; empty if it did not."""
        made = self.made(tool)
        return made[-1].text if made and made[-1].failed else ""


def arguments(text: str) -> Json:
    """The arguments of a call."""
    try:
        return json.loads(text)
    except ValueError:
        return None
