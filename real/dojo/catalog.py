"""What is known of a suite's tools: what a call does, whether anything leaves, and which arguments say whom it hits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal["text", "texts", "number", "other"]

_KINDS: Final[Mapping[str, Kind]] = {"string": "text", "integer": "number", "number": "number"}


class Facts(msgspec.Struct, frozen=True):
    """One tool of a suite."""

    name: str
    effect: str
    """`read`, `write` or `irreversible`."""
    outbound: bool = False
    """Whether data, or a request, leaves the tenant."""
    target_args: tuple[str, ...] = ()
    """The arguments that decide who or what is hit."""
    parameters: dict[str, Any] = {}
    """The schema of its arguments, where the pack says it."""

    @property
    def guarded(self) -> bool:
        """Whether a contract has to say something about it: it changes something, or something leaves."""
        return self.effect != "read" or self.outbound

    def kind(self, argument: str) -> Kind:
        """What an argument is, apart from null."""
        schema = self.parameters.get("properties", {}).get(argument, {"type": "string"})
        kinds = [part for part in schema.get("anyOf", [schema]) if part.get("type") != "null"]
        kind = kinds[0].get("type") if len(kinds) == 1 else ""
        if kind == "array":
            return "texts" if kinds[0].get("items", {}).get("type") == "string" else "other"
        return _KINDS.get(str(kind), "other")


Catalog: TypeAlias = Mapping[str, Facts]
"""The tools of a suite, by name."""

SUITES: Final = ("workspace", "travel", "banking", "slack")

SLACK: Final = (
    Facts("get_channels", "read"),
    Facts("get_users_in_channel", "read"),
    Facts("read_channel_messages", "read"),
    Facts("read_inbox", "read"),
    # An address is itself a message: whoever keeps the page reads what it was asked for.
    Facts("get_webpage", "read", outbound=True, target_args=("url",)),
    Facts("add_user_to_channel", "write", outbound=True, target_args=("user", "channel")),
    Facts("invite_user_to_slack", "write", outbound=True, target_args=("user", "user_email")),
    Facts("post_webpage", "write", outbound=True, target_args=("url",)),
    Facts("remove_user_from_slack", "write", target_args=("user",)),
    Facts("send_channel_message", "irreversible", outbound=True, target_args=("channel",)),
    Facts("send_direct_message", "irreversible", outbound=True, target_args=("recipient",)),
)
"""The suite that the pack keeps back, written from what its tools do. Where the pack has it, the pack's word counts."""

TRUSTED: Final[Mapping[str, frozenset[str]]] = {
    "workspace": frozenset({"get_current_day"}),
    "travel": frozenset({"get_user_information"}),
    "banking": frozenset({"get_balance", "get_iban", "get_scheduled_transactions", "get_user_info"}),
    "slack": frozenset(),
}
"""Reads whose results nobody outside could have written: the clock, and what the user or the bank itself put down.

Mail, calendars, files, reviews, web pages and the list of past payments are none of them: whoever sends a mail, an invitation
or a cent writes into those.
"""


class _File(msgspec.Struct, frozen=True):
    tools: list[Facts]


def catalog(pack: Path, suite: str) -> Catalog | None:
    """The tools of a suite; None where nobody says what they do."""
    path = pack / suite / "tools.json"
    if path.is_file():
        return {one.name: one for one in msgspec.json.decode(path.read_bytes(), type=_File).tools}
    return {one.name: one for one in SLACK} if suite == "slack" else None
