"""Models: one port, and what stands behind it.

    provider   models of providers, over pydantic-ai
    scripted   stand-ins that answer what they were told to
    recorded   answers that were given once, given again
    undo       the plan of a run that undoes another one
    team       the order of rounds in a team

Nothing here imports pydantic-ai, an HTTP client or a provider's SDK before a provider is asked for its
first answer.
"""

from __future__ import annotations

from holdfast.errors import SettingsError
from holdfast.models import team, undo
from holdfast.models.port import Model
from holdfast.models.provider import provider as _provider

__all__ = ["open_model"]


def open_model(name: str) -> Model:
    """The model that a contract names: `anthropic:claude-haiku-4-5-20251001`, `openai:gpt-5.1`.

    Raises SettingsError for a name that is no `provider:model`, and for `script:…` and `recorded:…`, which
    name models that only their maker has.
    """
    if name == undo.NAME:
        return undo.undo_model()
    if name.startswith(team.PREFIX):
        return team.team_model(name)
    kind = name.partition(":")[0]
    if kind in ("script", "recorded"):
        raise SettingsError(
            f"{name} stands for a model that is given, not opened",
            hint=f"hand it to the runner: model={{{name!r}: …}}",
        )
    return _provider(name)
