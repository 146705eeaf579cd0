"""Which conventions the mapping follows, and how words of the journal are written in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from holdfast.codec import canonical
from holdfast.events import Finish, Json
from holdfast.otel.span import Attributes, Value

VERSION: Final = "1.41.0"
"""The semantic conventions whose names these are; those for GenAI were in development then."""

SCHEMA_URL: Final = f"https://opentelemetry.io/schemas/{VERSION}"

MAPPING: Final = "1"
"""Raised whenever the same entries give other spans."""

FINISHES: Final[dict[Finish, str]] = {
    "stop": "stop", "calls": "tool_call", "length": "length", "filter": "content_filter", "unknown": "error",
}  # fmt: skip

PROVIDERS: Final = {
    "google": "gcp.gemini", "google-gla": "gcp.gemini", "google-vertex": "gcp.vertex_ai", "bedrock": "aws.bedrock",
    "azure": "azure.ai.openai", "mistral": "mistral_ai", "grok": "x_ai", "xai": "x_ai",
}  # fmt: skip
"""Where the conventions have another name for a provider than we."""

STRANGE: Final = "(unknown)"
"""For a name that a model or a person made up: it may say anything."""

_A_NAME: Final = re.compile(r"[\w.:/-]{1,64}")


def provider(model: str) -> str:
    """Of `anthropic:claude-…`; `holdfast` where no provider is named."""
    name, colon, _ = model.partition(":")
    return PROVIDERS.get(name, name) if colon else "holdfast"


def model_name(model: str) -> str:
    """The model without its provider."""
    return model.partition(":")[2] or model


def kept(given: Mapping[str, Value | None]) -> Attributes:
    """Attributes without those that say nothing."""
    return {key: value for key, value in given.items() if value is not None and value not in ("", ())}


def snake(name: str) -> str:
    """`LimitReached` → `limit_reached`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def a_name(text: str) -> str:
    """A word as it is; what is no word may be a sentence about somebody."""
    return text if _A_NAME.fullmatch(text) else STRANGE


def part(contract: Json, name: str) -> Json:
    """A part of a contract; None where the contract is gone."""
    return contract.get(name) if isinstance(contract, dict) else None


def first_model(contract: Json) -> str:
    """The model that a contract names first."""
    models = part(contract, "models")
    return str(models[0]) if models else ""


def output_type(contract: Json) -> str | None:
    """`text` or `json`; None where nobody knows."""
    gives = part(contract, "gives")
    return None if gives is None else "text" if gives.get("type") == "string" else "json"


def instructions(contract: Json) -> str | None:
    """The instructions of a contract in the form of the conventions."""
    text = part(contract, "instructions")
    return canonical([{"type": "text", "content": text}]).decode() if text else None
