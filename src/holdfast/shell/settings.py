"""Settings of a place: `holdfast.toml` in the working folder, or the file that HOLDFAST_SETTINGS names.

    [people]
    alice = ["finance"]

    [roles.finance]
    sees = ["plain", "contact", "payment"]     # data classes; where nothing is said: all

    [access]
    log = true

    [env.prod.access]                          # with HOLDFAST_ENV=prod this overrides what stands above
    log = true

Without a file there are no settings, and nothing is read but the name of a file that is not there. A key that nothing here
knows is refused: a misspelt setting would be a promise that nobody keeps.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from holdfast.errors import SettingsError

FILE: Final = "holdfast.toml"
VARIABLE: Final = "HOLDFAST_SETTINGS"
ENVIRONMENT: Final = "HOLDFAST_ENV"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Role(_Part):
    """What a role is for."""

    sees: list[str] | None = None
    """Data classes whose values are shown to it, `plain` always among them; None: all."""


class Access(_Part):
    """What is kept of who looked."""

    log: bool = False
    """Whether each viewing is an entry of the run `access`. One that cannot be recorded is refused."""


class Settings(_Part):
    """What is set for a place. Nothing said, nothing changed."""

    people: dict[str, list[str]] = Field(default_factory=dict)
    """Person → their roles."""
    roles: dict[str, Role] = Field(default_factory=dict)
    access: Access = Access()

    def sees(self, roles: list[str]) -> frozenset[str] | None:
        """The classes that somebody in these roles sees; None: all. Where roles are named, who has none sees `plain` only."""
        if not self.roles:
            return None
        each = [self.roles[role].sees for role in roles]
        if any(one is None for one in each):
            return None
        return frozenset({"plain"}.union(*(one or () for one in each)))


def load(path: Path | None = None, environment: str | None = None) -> Settings | None:
    """The settings of this place; None where there is no file.

    path: instead of the one that HOLDFAST_SETTINGS or the working folder names. environment: instead of HOLDFAST_ENV.
    Raises SettingsError where the file cannot be read, or says what nothing here knows.
    """
    named = os.environ.get(VARIABLE, "")
    place = path or Path(named or FILE)
    environment = os.environ.get(ENVIRONMENT, "") if environment is None else environment
    try:
        text = place.read_text(encoding="utf-8")
    except FileNotFoundError:
        if path is not None or named:
            raise SettingsError(f"there are no settings at {place}", hint=f"{VARIABLE} names the file") from None
        if environment:
            raise SettingsError(
                f"there is no {FILE} here to have an environment {environment}", hint=f"see {ENVIRONMENT}"
            ) from None
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the settings {place} cannot be read: {error}") from None
    return parse(text, str(place), environment)


def parse(text: str, place: str = FILE, environment: str = "") -> Settings:
    """Settings from TOML. place: how they are called in errors. Raises SettingsError that names the place and the key."""
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{place} is no TOML: {error}") from None
    environments = given.pop("env", {})
    if not isinstance(environments, dict) or not all(isinstance(one, dict) for one in environments.values()):
        raise SettingsError(f"{place}: env is no table of environments", hint="write it like [env.prod.access]")
    if environment and environment not in environments:
        raise SettingsError(
            f"{place} has no environment {environment}", hint=f"it has {', '.join(environments) or 'none'}"
        )
    checked = {name: _checked(_over(given, one), place, f"env.{name}.") for name, one in environments.items()}
    own = _checked(given, place, "")  # checked first and always: a mistake is one in every environment
    return checked[environment] if environment else own


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two tables as one; where both say something, what stands above."""
    made = dict(below)
    for key, value in above.items():
        before = made.get(key)
        made[key] = _over(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return made


def _checked(given: Mapping[str, Any], place: str, within: str) -> Settings:
    try:
        made = Settings.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        key = within + ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise SettingsError(f"{place}: {key} is no setting", hint="see docs/access.md for what there is") from None
        raise SettingsError(f"{place}: {key}: {first['msg']}") from None
    for person, roles in made.people.items():
        unknown = [role for role in roles if role not in made.roles]
        if unknown:
            raise SettingsError(
                f"{place}: {within}people.{person} has the role {unknown[0]}, which is not among roles",
                hint=f"write [roles.{unknown[0]}], with sees = [...] or nothing in it",
            )
    return made
