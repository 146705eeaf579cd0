"""What can be set for a place: the tables of `holdfast.toml`, read strictly. `settings` finds and joins them."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from holdfast.calendars import DAYS, Calendar, working
from holdfast.events import Mode


class Part(BaseModel):
    """A table of settings: what it does not know is refused, and nothing is turned into what was not written."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]{0,99}")


def _variable(name: str) -> str:
    """The name of an environment variable. Its value is not repeated in the error: it may be a credential."""
    if not _VARIABLE.fullmatch(name):
        raise ValueError(
            "this is the name of an environment variable, in capitals like ERP_TOKEN; a credential itself never stands here"
        )
    return name


VariableName = Annotated[str, AfterValidator(_variable)]


class Variable(Part):
    """A value that is no setting but stands in an environment variable, as credentials do."""

    variable: VariableName


class Role(Part):
    """What a role is for."""

    sees: list[str] | None = None
    """Data classes whose values are shown to it, `plain` always among them; None: all."""
    calendar: str = ""
    """By which the time that it has for a decision runs; empty: always."""


class Person(Part):
    """Somebody who decides."""

    roles: list[str] = []
    represents: list[str] = []
    """Customers, accounts and other names that this person is or acts for."""


def _person(given: Any) -> Any:
    """A person as a table; a list is what they are."""
    if isinstance(given, list):
        return {"roles": given}
    if not isinstance(given, dict | Person):
        raise ValueError("a person is a list of roles, or a table with roles and represents")
    return given


class Hours(Part):
    """A working calendar, as it is written."""

    zone: str
    hours: dict[str, list[str]]
    """Weekday → spans. Written as one list, they are those of all `days`."""
    holidays: list[date] = []

    @model_validator(mode="before")
    @classmethod
    def _of_days(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        rest = {key: value for key, value in given.items() if key != "days"}
        days, hours = given.get("days"), given.get("hours")
        if isinstance(hours, dict):
            if days is not None and (not isinstance(days, list) or sorted(map(str, days)) != sorted(hours)):
                raise ValueError("hours name each weekday already, and days says something else: leave it out")
            return rest
        if not isinstance(days, list) or not all(day in DAYS for day in days):
            raise ValueError(f"days says which weekdays the hours are for, as a list of {', '.join(DAYS)}")
        return {**rest, "hours": dict.fromkeys(days, hours)} if hours is not None else rest

    def calendar(self) -> Calendar:
        """The calendar. Raises SettingsError where it is never open, or its zone is not known here."""
        return working(self.zone, self.hours, self.holidays)


class Notify(Part):
    """Who is told that somebody has to decide: a command, or a webhook whose messages are signed."""

    command: list[str] = []
    """A program and its arguments."""
    webhook: str = ""
    secret: Annotated[str, AfterValidator(lambda name: _variable(name) if name else name)] = ""
    """The environment variable with which messages to the webhook are signed."""

    @model_validator(mode="after")
    def _one_of(self) -> Notify:
        if bool(self.command) == bool(self.webhook):
            raise ValueError('give either command = ["…"], or webhook = "https://…" with secret = "VARIABLE"')
        if bool(self.webhook) != bool(self.secret):
            raise ValueError("a webhook is signed: secret names the environment variable that holds the key")
        if any(not word for word in self.command[:1]):
            raise ValueError("the command has no name")
        if self.webhook:
            _url(self.webhook)
        return self


def _url(url: str) -> str:
    """A URL of a webhook: encrypted, or to this machine; without a credential in it."""
    try:
        parts = urlsplit(url)
        host, password = parts.hostname, parts.username or parts.password
    except ValueError:
        raise ValueError("the webhook is no URL") from None
    if parts.scheme not in ("https", "http") or not host:
        raise ValueError("the webhook is no URL that begins with https://")
    if parts.scheme == "http" and host not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError("the webhook is not encrypted: write https://")
    if password:
        raise ValueError("no credential stands in a URL here; messages are signed with the variable that secret names")
    return url


def _journal(url: str) -> str:
    if "://" not in url and not url.startswith("memory:"):
        raise ValueError("the journal is named by a URL, like sqlite:///desk.db")
    if url.startswith("memory:"):
        raise ValueError("a journal in memory is gone with each command: name a file, like sqlite:///desk.db")
    if urlsplit(url).password:
        raise ValueError("no password stands in a URL here: it would be shown wherever the journal is named")
    return url


_CREDENTIAL: Final = re.compile(
    r"(?i)(^|[_.-])(token|secret|password|passwd|passphrase|api_?key|private_?key|credentials?)$"
)


def _value(given: Any) -> Any:
    """A text, or the variable that a table names."""
    if isinstance(given, dict):
        return Variable.model_validate(given)
    if not isinstance(given, str | Variable):
        raise ValueError('a text in quotes, or {variable = "NAME"}')
    return given


def _values(given: Any) -> Any:
    """A table of values, in which a key that speaks of a credential takes a variable only."""
    if isinstance(given, dict):
        for key, value in given.items():
            if isinstance(value, str) and _CREDENTIAL.search(key):
                raise ValueError(
                    f'{key} looks like a credential: write {key} = {{variable = "NAME"}}, and set that variable'
                )
    return given


class Access(Part):
    """What is kept of who looked."""

    log: bool = False
    """Whether each viewing is an entry of the run `access`. One that cannot be recorded is refused."""


class Place(Part):
    """All that can be set."""

    journal: Annotated[str, AfterValidator(lambda url: _journal(url) if url else url)] = ""
    """Where runs are kept, where nobody says so by --journal or HOLDFAST_JOURNAL; empty: as without settings."""
    mode: Mode | None = None
    """That of runs opened here, where nobody says so by --mode; None: live."""
    people: dict[str, Annotated[Person, BeforeValidator(_person)]] = Field(default_factory=dict)
    """Who there is, by name."""
    roles: dict[str, Role] = Field(default_factory=dict)
    calendars: dict[str, Hours] = Field(default_factory=dict)
    notify: Notify | None = None
    values: Annotated[dict[str, Annotated[str | Variable, BeforeValidator(_value)]], BeforeValidator(_values)] = Field(
        default_factory=dict
    )
    """Handed to the function `resources` of an agent's tools."""
    access: Access = Access()
