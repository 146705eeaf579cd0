"""The models of one process: those it was given, and those that are opened by their names at first use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from holdfast.errors import ContractError
from holdfast.events import Price
from holdfast.models import open_model, team, undo
from holdfast.models.port import Model


class Shelf:
    """Models by name. given: one that answers in the place of all, or some by name. prices: of what no price list knows."""

    def __init__(
        self, given: Model | Mapping[str, Model] | None = None, prices: Mapping[str, Price] | None = None
    ) -> None:
        self._models: dict[str, Model] = dict(given) if isinstance(given, Mapping) else {}
        self._only = given if not isinstance(given, Mapping) else None
        self._prices = dict(prices or {})

    def __call__(self, name: str) -> Model:
        """The model of that name. Raises SettingsError for one that cannot be opened."""
        if self._only is not None and name != undo.NAME and not name.startswith(team.PREFIX):
            return self._only
        if name not in self._models:
            self._models[name] = open_model(name)
        return self._models[name]

    def checked(self, names: Sequence[str]) -> None:
        """Look whether these could answer, as far as that can be told without asking them. Raises SettingsError."""
        for name in names:
            if (check := getattr(self(name), "check", None)) is not None:
                check()

    def prices(self, names: Sequence[str], *, needed: str = "") -> dict[str, Price]:
        """What those cost of which it is known.

        needed: the agent that limits money, if one does; then a model that can neither be priced nor says itself what an
        answer costs raises ContractError.
        """
        found = {name: price for name in names if (price := self._prices.get(name) or self(name).price()) is not None}
        unknown = [name for name in names if name not in found and self(name).quote("", 1) is None]
        if unknown and needed:
            raise ContractError(
                f"{needed} has a limit in USD, and nobody knows the price of {unknown[0]}",
                hint="give Runner.open(prices=...), or set limits: {usd: null} to run it without a ceiling on money",
            )
        return found

    async def close(self) -> None:
        """Let go of connections."""
        for model in self._models.values():
            if (end := getattr(model, "close", None)) is not None:
                await end()
