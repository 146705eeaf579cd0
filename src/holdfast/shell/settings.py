"""Settings of a place: `holdfast.toml` in the working folder, or the file that HOLDFAST_SETTINGS names.

    journal = "sqlite:///desk.db"
    mode = "simulate"

    [people]
    alice = ["finance"]

    [roles.finance]
    sees = ["plain", "contact", "payment"]     # data classes; where nothing is said: all
    calendar = "office"

    [calendars.office]
    zone = "Europe/Berlin"
    days = ["mon", "tue", "wed", "thu", "fri"]
    hours = ["09:00-12:30", "13:00-17:00"]

    [env.prod]                                 # with --env prod, or HOLDFAST_ENV=prod, this overrides what stands above
    mode = "live"

Without a file there are no settings, and nothing is read but the name of a file that is not there. A key that nothing here
knows is refused: a misspelt setting would be a promise that nobody keeps. No credential stands in the file: it names the
environment variable that holds one. What each setting means is in `holdfast.shell.place`.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from holdfast.calendars import Calendar
from holdfast.errors import SettingsError
from holdfast.shell.place import Notify, Person, Place, Role, Variable

__all__ = ["ENVIRONMENT", "FILE", "VARIABLE", "Notify", "Person", "Role", "Settings", "Variable", "load", "parse"]

FILE: Final = "holdfast.toml"
VARIABLE: Final = "HOLDFAST_SETTINGS"
ENVIRONMENT: Final = "HOLDFAST_ENV"


class Settings(Place):
    """What is set for a place. Nothing said, nothing changed."""

    def sees(self, roles: list[str]) -> frozenset[str] | None:
        """The classes that somebody in these roles sees; None: all. Where roles are named, who has none sees `plain` only."""
        if not self.roles:
            return None
        each = [self.roles[role].sees for role in roles]
        if any(one is None for one in each):
            return None
        return frozenset({"plain"}.union(*(one or () for one in each)))

    def roles_of(self, person: str) -> tuple[str, ...]:
        """The roles of somebody; none for who is not among the people."""
        known = self.people.get(person)
        return tuple(known.roles) if known is not None else ()

    def identities(self, person: str) -> frozenset[str]:
        """Everything that somebody is or acts for, their name among it: for the separation of duties one and the same.

        Whoever says that they represent somebody is that person too, the other way round as well. Two who act for the same
        customer are two: each is excluded where the customer is, and neither where only the other one is.
        """
        known = self.people.get(person)
        others = (name for name, one in self.people.items() if person in one.represents)
        return frozenset({person, *(known.represents if known is not None else ()), *others})

    def calendars_of(self, roles: Iterable[str]) -> dict[str, Calendar]:
        """Role → the calendar by which its time runs; without those that have none, whose time always runs."""
        named = {role: self.roles[role].calendar for role in roles if role in self.roles}
        return {role: self.calendars[name].calendar() for role, name in named.items() if name}

    def given(self, variables: Mapping[str, str] = os.environ) -> dict[str, str]:
        """`[values]` as they are handed to an agent's resources, credentials looked up.

        Raises SettingsError that names every variable that is not set.
        """
        return {name: value for name, value in self.values.items() if isinstance(value, str)} | self.credentials(
            variables
        )

    def credentials(self, variables: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Those of `[values]` that stand in environment variables: never to be written anywhere. Raises as `given` does."""
        named = {name: value.variable for name, value in self.values.items() if isinstance(value, Variable)}
        missing = [f"{variable} (for values.{name})" for name, variable in named.items() if not variables.get(variable)]
        if missing:
            raise SettingsError(
                f"the settings name environment variables that are not set: {', '.join(missing)}",
                hint="set them where holdfast is started; the settings never hold a credential themselves",
            )
        return {name: variables[variable] for name, variable in named.items()}


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
                f"there is no {FILE} here to have an environment {environment}", hint=f"see --env and {ENVIRONMENT}"
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
    own = _checked(given, place, "")  # checked first and always: a mistake is one in every environment
    checked = {name: _checked(_over(given, one), place, f"env.{name}.") for name, one in environments.items()}
    return checked[environment] if environment else own


def _over(below: Mapping[str, Any], above: Mapping[str, Any], within: tuple[str, ...] = ()) -> dict[str, Any]:
    """Two tables as one; where both say something, what stands above."""
    made = dict(below)
    for key, value in above.items():
        before, path = made.get(key), (*within, key)
        if isinstance(before, dict) and isinstance(value, dict) and not _is_whole(path):
            made[key] = _over(before, value, path)
        else:
            made[key] = value
    return made


def _is_whole(path: tuple[str, ...]) -> bool:
    """Whether a table says one thing: an environment's takes the place of the one above, and is not mixed with it."""
    match path:
        case ("notify",) | ("values", _) | ("calendars", _, "hours"):
            return True
        case _:
            return False


def _checked(given: Mapping[str, Any], place: str, within: str) -> Settings:
    try:
        made = Settings.model_validate(dict(given))
    except ValidationError as error:
        misspelt = [
            one for one in error.errors() if one["type"] == "extra_forbidden"
        ]  # what is missing is that, misspelt
        first = (misspelt or error.errors())[0]
        key = within + ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise SettingsError(
                f"{place}: {key} is no setting", hint="see docs/settings.md for what there is"
            ) from None
        raise SettingsError(f"{place}: {key}: {first['msg'].removeprefix('Value error, ')}") from None
    for name, one in made.calendars.items():
        try:
            one.calendar()
        except SettingsError as error:
            raise SettingsError(f"{place}: {within}calendars.{name}: {error.what}", hint=error.hint) from None
    for role, terms in made.roles.items():
        if terms.calendar and terms.calendar not in made.calendars:
            raise SettingsError(
                f"{place}: {within}roles.{role} works by the calendar {terms.calendar}, which is not among calendars",
                hint=f"write [calendars.{terms.calendar}], with zone, days and hours",
            )
    for person, known in made.people.items():
        unknown = [role for role in known.roles if role not in made.roles]
        if unknown:
            raise SettingsError(
                f"{place}: {within}people.{person} has the role {unknown[0]}, which is not among roles",
                hint=f"write [roles.{unknown[0]}], with sees = [...] or nothing in it",
            )
    return made
