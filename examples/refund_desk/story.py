"""What the stand-in has been told, read out of a request's segments."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from holdfast.dialogue import Answered, Request, Result, Told
from holdfast.events import Json, Wanted


@dataclass(frozen=True)
class Made:
    """A call it made, and what it was told became of it."""

    tool: str
    args: str
    failed: bool
    found: tuple[Json, ...]
    text: str


@dataclass(frozen=True)
class Story:
    """A run, as far as it has been told."""

    request: Json
    said: tuple[str, ...]
    words: tuple[str, ...]
    """What it said without calling anything."""
    calls: tuple[Made, ...]

    @staticmethod
    def told(request: Request) -> Story:
        """Everything that stands in the request's segments."""
        results = {part.id: part for part in request.segments if isinstance(part, Result)}
        answers = [part for part in request.segments if isinstance(part, Answered)]
        told = [part for part in request.segments if isinstance(part, Told)]
        calls = tuple(_made(want, results[want.id]) for part in answers for want in part.calls if want.id in results)
        replies = [made.text for made in calls if made.tool == "ask" and not made.failed]
        return Story(
            request=next((value for part in told if part.source == "input" for value in values(part.text)), {}),
            said=(*replies, *(part.text for part in told if part.source == "said")),
            words=tuple(part.text for part in answers if not part.calls),
            calls=calls,
        )

    @property
    def mail(self) -> str:
        """What the customer wrote, without the HTML, in small letters."""
        text = re.sub(r"<!--.*?-->|<[^>]*>|&\w+;", " ", str(self.request.get("message", "")), flags=re.DOTALL)
        return " ".join(text.lower().split())

    def made(self, tool: str) -> list[Made]:
        """Its calls of one tool."""
        return [one for one in self.calls if one.tool == tool]

    def found(self, tool: str) -> list[Json]:
        """What its calls of one tool gave, oldest first."""
        return [value for one in self.made(tool) if not one.failed for value in one.found]

    @property
    def listed(self) -> list[Json]:
        """The customer's orders, as far as they were listed."""
        return [line for page in self.found("find_orders") for line in page["orders"]]

    @property
    def order_id(self) -> str | None:
        """The order this is about: the form's, or the one among those listed that is clearly meant."""
        number = self.request.get("order_id")
        if number and not self._missing(number):
            return str(number)
        pages = self.found("find_orders")
        whole = bool(pages) and len(self.listed) >= pages[0]["of"]
        meant = [line for line in self.listed if _is_meant(line, f"{self.mail} {' '.join(self.said).lower()}")]
        fits = meant or (self.listed if whole and len(self.listed) == 1 and not number else [])
        return fits[0]["order_id"] if len(fits) == 1 else None

    def _missing(self, number: str) -> bool:
        return any(one.failed and "no order" in one.text and number in one.args for one in self.made("get_order"))

    @property
    def order(self) -> Json:
        """The newest reading of the order, {} if there is none."""
        readings = [order for order in self.found("get_order") if order["order_id"] == self.order_id]
        return readings[-1] if readings else {}

    @property
    def has_read(self) -> bool:
        """Whether the order and the policy were read, the order completely."""
        return bool(self.found("get_policy")) and self.order.get("paid_cents") is not None

    @property
    def paid_back(self) -> int:
        """The cents that went back: what the answers say, or what was asked for where an answer holds nothing."""
        paid = [one for one in self.made("issue_refund") if not one.failed]
        return sum((one.found[0] if one.found else _arguments(one.args))["cents"] for one in paid)

    def was_refused(self, tool: str, args: Json) -> bool:
        """Whether just this was asked for since the order was last read, and did not succeed."""
        last = max((at for at, one in enumerate(self.calls) if one.tool == "get_order"), default=0)
        tried = [one for one in self.calls[last:] if one.tool == tool and one.failed and "not started" not in one.text]
        return any(_arguments(one.args) == args for one in tried)

    @property
    def withdrawn(self) -> bool:
        """Whether the customer took the request back."""
        return any(re.search(r"leave it|found the parcel|never mind", text.lower()) for text in self.said)


def _made(want: Wanted, result: Result) -> Made:
    return Made(want.tool, want.args, result.failed, tuple(values(result.text)), result.text)


def _arguments(text: str) -> Json:
    try:
        return json.loads(text)
    except ValueError:
        return None


def values(text: str) -> list[Json]:
    """The objects in the JSON that a text begins with, if it does; several pages come as a list."""
    try:
        value = json.JSONDecoder().raw_decode(text)[0]
    except ValueError:
        return []
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]


def _is_meant(line: Json, text: str) -> bool:
    names = re.findall(r"[a-z]{4,}", line["first_item"].lower())
    return line["order_id"].lower() in text or any(re.search(rf"\b{name}\b", text) for name in names)
