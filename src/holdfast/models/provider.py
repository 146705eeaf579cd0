"""Models of providers, by name: `anthropic:claude-haiku-4-5-20251001`, `openai:gpt-5.1`.

Only pydantic-ai's `Model.request` is used, with one HTTP request an answer: retrying is decided in the
journal. Neither pydantic-ai nor an SDK is imported before the first answer, nor the price list before the
first question for a price.

`openai:` speaks the Responses API, `openai-chat:` Chat Completions, as most compatible servers do.
"""

from __future__ import annotations

import asyncio
import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from holdfast import units
from holdfast.dialogue import Answer, Request
from holdfast.errors import SettingsError
from holdfast.events import Price
from holdfast.models.port import ModelError

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse

    from holdfast.models.clients import Opened
    from holdfast.models.messages import Conversation
    from holdfast.models.prices import PriceList


class _Access(NamedTuple):
    package: str
    key: str
    """The environment variable that holds the key."""
    base_url: str
    """The environment variable that may name another server."""


_OPENAI: Final = _Access("openai", "OPENAI_API_KEY", "OPENAI_BASE_URL")
_OURS: Final = {
    "anthropic": _Access("anthropic", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"),
    "openai": _OPENAI,
    "openai-chat": _OPENAI,
    "openai-responses": _OPENAI,
}
"""Providers whose client we open ourselves. All others are opened as pydantic-ai does."""


class Provider:
    """A model of a provider. Made by `provider`."""

    def __init__(self, name: str, *, base_url: str | None = None, key_from: str | None = None) -> None:
        self.name = name
        self._provider, _, self._model = name.partition(":")
        self._base_url = base_url
        self._key_from = key_from
        self._conversation: Conversation | None = None
        self._prices: PriceList | None = None
        self._priced = False
        # Connections belong to one event loop; a script that runs several after one another opens them again.
        self._open: dict[asyncio.AbstractEventLoop, Opened] = {}

    def __repr__(self) -> str:
        return f"<Provider {self.name}>"

    async def answer(self, request: Request) -> Answer:
        """Ask once.

        Raises ModelError, and SettingsError where a package or a key is missing (see `check`).
        """
        opened = self._opened()
        from holdfast.models import failures, messages

        if self._conversation is None:
            self._conversation = messages.Conversation(self._provider)
        sent = self._conversation.messages(request)
        parameters = self._conversation.parameters(request)
        seconds = request.timeout / units.SECOND
        try:
            async with asyncio.timeout(seconds):
                response = await opened.model.request(
                    sent,
                    {**opened.settings, "max_tokens": request.max_output, "timeout": seconds},
                    parameters,
                )
        except TimeoutError:
            waited = units.say_duration(request.timeout)
            raise ModelError("timeout", f"{self.name}: no answer within {waited}", fate="unknown") from None
        except failures.EXPECTED as error:
            raise failures.model_error(error, self.name) from error
        answer = messages.answer_of(response, self._provider)
        return msgspec.structs.replace(answer, cost=self._cost(answer, response))

    def price(self) -> Price | None:
        """At most what a token costs by today's price list; None where the list lacks the model."""
        listed = self._price_list()
        return listed.price if listed else None

    def quote(self, run: str, step: int) -> int | None:
        """None: tokens and price tell."""
        return None

    def check(self) -> None:
        """Whether the provider could be asked, found out without asking anybody.

        Raises SettingsError that names the extra to install or the variable to set. Of providers whose client
        is not ours only the first answer tells.
        """
        access = _OURS.get(self._provider)
        if access is None:
            if self._base_url or self._key_from:
                raise SettingsError(f"{self.name} takes no other server and no other key than pydantic-ai's")
            return
        if find_spec(access.package) is None:
            raise SettingsError(
                f"{self.name} needs the package {access.package}, which is not installed",
                hint=f'pip install "holdfast[{access.package}]"',
            )
        if not self._key():
            variable = self._key_from or access.key
            raise SettingsError(
                f"{self.name} needs a key, and the variable {variable} is not set",
                hint=f"export {variable}=…",
            )

    async def close(self) -> None:
        """Close the connections opened in the running event loop. Asking again opens new ones."""
        opened = self._open.pop(asyncio.get_running_loop(), None)
        if opened is not None:
            await opened.close()

    def _opened(self) -> Opened:
        loop = asyncio.get_running_loop()
        opened = self._open.get(loop)
        if opened is None:
            self.check()
            from holdfast.models import clients

            opened = clients.opened(self._provider, self._model, self._base_url, self._key())
            live = {other: kept for other, kept in self._open.items() if not other.is_closed()}
            self._open = live | {loop: opened}
        return opened

    def _key(self) -> str:
        access = _OURS.get(self._provider)
        if access is None:
            return ""
        key = os.environ.get(self._key_from or access.key, "")
        if not key and not self._key_from and (self._base_url or os.environ.get(access.base_url)):
            # A server of one's own may want none, and the client wants to send one.
            return "none"
        return key

    def _cost(self, answer: Answer, response: ModelResponse) -> int | None:
        if response.usage.cost is not None:
            return units.nusd(response.usage.cost)
        listed = self._price_list()
        return listed.cost(answer.usage, response.usage.cache_write_tokens) if listed else None

    def _price_list(self) -> PriceList | None:
        if not self._priced:
            from holdfast.models import prices

            access = _OURS.get(self._provider)
            self._prices = prices.price_list(access.package if access else self._provider, self._model)
            self._priced = True
        return self._prices


def provider(name: str, *, base_url: str | None = None, key_from: str | None = None) -> Provider:
    """A model of a provider, from `provider:model`.

    base_url: another server that speaks the provider's protocol. key_from: the environment variable that
    holds the key, where it is not the provider's usual one. Both are for `anthropic` and `openai` only.
    Nothing is imported or asked yet; `check` tells beforehand what the first answer would.

    Raises SettingsError for a name without a provider or a model.
    """
    maker, _, model = name.partition(":")
    if not maker or not model:
        raise SettingsError(
            f"{name!r} names no model", hint="write provider:model, like anthropic:claude-haiku-4-5-20251001"
        )
    return Provider(name, base_url=base_url, key_from=key_from)
