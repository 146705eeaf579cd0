"""What the stand-in has been told, read out of a request's segments."""

from __future__ import annotations

import re

from holdfast.events import Json
from holdfast.testing import told


class Story(told.Story):
    """A run, as far as it has been told."""

    @property
    def mail(self) -> str:
        """What the customer wrote, without the HTML, in small letters."""
        text = re.sub(r"<!--.*?-->|<[^>]*>|&\w+;", " ", str(self.request.get("message", "")), flags=re.DOTALL)
        return " ".join(text.lower().split())

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
        return any(one.failed and "no order" in one.text and number in one.wrote for one in self.made("get_order"))

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
        return sum((one.found[0] if one.found else one.args)["cents"] for one in paid)

    def was_refused(self, tool: str, args: Json) -> bool:
        """Whether just this was asked for since the order was last read, and did not succeed."""
        last = max((at for at, one in enumerate(self.calls) if one.tool == "get_order"), default=0)
        tried = [one for one in self.calls[last:] if one.tool == tool and one.failed and "not started" not in one.text]
        return any(one.args == args for one in tried)

    @property
    def withdrawn(self) -> bool:
        """Whether the customer took the request back."""
        return any(re.search(r"leave it|found the parcel|never mind", text.lower()) for text in self.said)


def _is_meant(line: Json, text: str) -> bool:
    names = re.findall(r"[a-z]{4,}", line["first_item"].lower())
    return line["order_id"].lower() in text or any(re.search(rf"\b{name}\b", text) for name in names)
