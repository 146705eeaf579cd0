"""Made-up packs in the form of the recorded ones."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from real.packs import Pack

Message = dict[str, Any]
MakePack = Callable[..., Pack]

TEXT = {"type": "string"}


def schema(name: str, **properties: object) -> dict[str, object]:
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {"type": "function", "function": {"name": name, "description": f"To {name}.", "parameters": parameters}}


TOYS = {"look": (schema("look", at=TEXT), "read"), "put": (schema("put", at=TEXT), "irreversible")}
SHOP = {
    "get_user_details": (schema("get_user_details", user_id=TEXT), "read"),
    "think": (schema("think", thought=TEXT), "pure"),
    "cancel_pending_order": (schema("cancel_pending_order", order_id=TEXT, reason=TEXT), "irreversible"),
}


def shop_state() -> dict[str, Any]:
    """Ann has two pending orders, each paid with 10 from her gift card."""
    address = dict.fromkeys(("address1", "address2", "city", "state", "country", "zip"), "x")
    orders = {}
    for order_id in ("#1", "#2"):
        paid = {"transaction_type": "payment", "amount": 10.0, "payment_method_id": "gift"}
        orders[order_id] = {
            "order_id": order_id,
            "user_id": "ann",
            "address": address,
            "items": [],
            "fulfillments": [],
            "status": "pending",
            "payment_history": [paid],
        }
    gift = {"source": "gift_card", "balance": 5.5, "id": "gift"}
    ann = {
        "name": {"first_name": "Ann", "last_name": "Lée"}, "address": address, "email": "a@example.com",
        "payment_methods": {"gift": gift}, "orders": ["#1", "#2"],
    }  # fmt: skip
    users = {"ann": ann, "bob": {**ann, "orders": []}}
    state: dict[str, Any] = {"orders": orders, "products": {}, "users": users}
    apart: dict[str, Any] = json.loads(json.dumps(state))
    return apart


def digest_of(state: dict[str, Any]) -> str:
    text = json.dumps(state, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def user(text: str) -> Message:
    return {"role": "user", "content": text}


def says(text: str | None) -> Message:
    return {"role": "assistant", "content": text}


def calls(*made: tuple[str, str, str], text: str | None = None) -> Message:
    """(id, tool, raw arguments) of each call."""
    wire = [{"id": one, "type": "function", "function": {"name": tool, "arguments": args}} for one, tool, args in made]
    return {"role": "assistant", "content": text, "tool_calls": wire}


def tells(call_id: str, text: str | None) -> Message:
    return {"role": "tool", "tool_call_id": call_id, "name": "?", "content": text}


def counted(runs: list[list[Message]], **other: int) -> dict[str, int]:
    """What `expected.json` says of runs, but for what a test says itself."""
    messages = [message for run in runs for message in run]
    asked = [call for message in messages for call in message.get("tool_calls", ())]
    tools = [message["content"] or "" for message in messages if message["role"] == "tool"]
    return {
        "runs": len(runs),
        "messages": len(messages),
        "tool_calls": len(asked),
        "parallel_tool_call_messages": sum(len(message.get("tool_calls", ())) > 1 for message in messages),
        "malformed_arguments": 0,
        "tool_results_starting_Error": sum(text.startswith("Error") for text in tools),
        "injected_503": sum(text == "Error: 503 Service Unavailable" for text in tools),
        **other,
    }


def write_runs(folder: Path, stem: str, runs: list[list[Message]], digests: list[str] | None = None) -> None:
    lines, labels = [], []
    for at, messages in enumerate(runs):
        place = {"run_id": f"{stem}-{at}", "task_id": at, "trial": 0, "reward": 1.0}
        lines.append(json.dumps({**place, "model": "m", "messages": messages}))
        digest = digests[at] if digests else None
        labels.append(json.dumps({**place, "failure_class": "success", "final_db_sha256": digest}))
    (folder / f"runs_{stem}.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    (folder / f"labels_{stem}.jsonl").write_text("\n".join(labels))


@pytest.fixture
def make_pack(tmp_path: Path) -> MakePack:
    """Make a pack of toys, or of a shop if it is given a state; `without` names files it does not get."""

    def make(
        *runs: list[Message],
        name: str = "tau_toys",
        state: dict[str, Any] | None = None,
        digests: list[str] | None = None,
        without: tuple[str, ...] = (),
        **figures: int,
    ) -> Pack:
        folder = tmp_path / name
        folder.mkdir()
        tools = TOYS if state is None else SHOP
        write_runs(folder, "one", list(runs), digests)
        expected: dict[str, object] = {"one": counted(list(runs), **figures)}
        if state is not None:
            expected["initial_db_sha256"] = digest_of(state)
            (folder / "db.json.gz").write_bytes(gzip.compress(json.dumps(state).encode()))
        texts = {
            "policy.md": "Be kind.",
            "tools.json": json.dumps([wire for wire, _ in tools.values()]),
            "effects.json": json.dumps({tool: {"effect": effect} for tool, (_, effect) in tools.items()}),
            "expected.json": json.dumps(expected),
        }
        for file, text in texts.items():
            (folder / file).write_text(text)
        for file in without:
            (folder / file).unlink()
        return Pack(folder)

    return make
