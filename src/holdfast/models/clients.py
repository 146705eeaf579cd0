"""Opening a provider: its client, with retries off, and the settings every request of ours has.

Imports pydantic-ai and, for the provider in question, its SDK; `provider` imports this at the first answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from pydantic_ai.exceptions import UserError
from pydantic_ai.models import Model, create_async_httpx2_client, infer_model
from pydantic_ai.settings import ModelSettings

from holdfast.errors import SettingsError


class Opened(NamedTuple):
    """A provider ready to be asked, in one event loop."""

    model: Model[Any]
    settings: ModelSettings
    close: Callable[[], Awaitable[None]]


def opened(provider: str, model: str, base_url: str | None, key: str) -> Opened:
    """A provider, opened.

    Raises SettingsError for a provider pydantic-ai does not know, and where a package or a key is missing.
    """
    try:
        if provider == "anthropic":
            return _anthropic(model, base_url, key)
        if provider in ("openai", "openai-chat", "openai-responses"):
            return _openai(provider, model, base_url, key)
        return _other(f"{provider}:{model}")
    except ImportError as error:
        raise SettingsError(
            f"{provider}:{model} needs a package that is not installed: {error}",
            hint=f'pip install "pydantic-ai-slim[{provider}]"',
        ) from error
    except UserError as error:
        raise SettingsError(f"{provider}:{model} cannot be opened: {error}") from error


def _anthropic(name: str, base_url: str | None, key: str) -> Opened:
    from anthropic import AsyncAnthropic
    from pydantic_ai.models.anthropic import AnthropicModel, AnthropicModelSettings
    from pydantic_ai.providers.anthropic import AnthropicProvider

    http = create_async_httpx2_client()
    client = AsyncAnthropic(api_key=key, base_url=base_url, max_retries=0, http_client=http)
    model = AnthropicModel(name, provider=AnthropicProvider(anthropic_client=client))
    settings = AnthropicModelSettings()
    if model.profile.get("anthropic_binds_thinking_blocks"):
        # These models refuse their own earlier thinking once the prompt before it changed, and pydantic-ai
        # would then ask a second time by itself. Asking beforehand that it be dropped keeps it at one.
        settings["anthropic_thinking"] = {
            "type": "adaptive",
            "block_binding": {"prefix_mismatch_behavior": "drop_block"},
        }
    return Opened(model, settings, client.close)


def _openai(provider: str, name: str, base_url: str | None, key: str) -> Opened:
    from openai import AsyncOpenAI
    from pydantic_ai.models.openai import (
        OpenAIChatModel,
        OpenAIResponsesModel,
        OpenAIResponsesModelSettings,
    )
    from pydantic_ai.providers.openai import OpenAIProvider

    http = create_async_httpx2_client()
    client = AsyncOpenAI(api_key=key, base_url=base_url, max_retries=0, http_client=http)
    access = OpenAIProvider(openai_client=client)
    if provider == "openai-chat":
        return Opened(OpenAIChatModel(name, provider=access), ModelSettings(), client.close)
    # Kept by nobody but us: what lies at the provider for 30 days cannot be erased by erasing it here.
    settings = OpenAIResponsesModelSettings(openai_store=False)
    return Opened(OpenAIResponsesModel(name, provider=access), settings, client.close)


def _other(name: str) -> Opened:
    # Not a client of ours, so its retries are turned off with every request.
    model = infer_model(name)

    async def close() -> None:
        async with model:
            """Leaving it closes the connections that pydantic-ai opened for it."""

    return Opened(model, ModelSettings(max_retries=0), close)
