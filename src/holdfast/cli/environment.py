"""The environment that a command works in: `--env NAME`, which every verb takes, or HOLDFAST_ENV.

There is one place for it. The option is put on every verb of the parser (`offered`), and says the same as the variable does, for
the length of one command (`kept`). What its settings say is what an option is without: the journal and the mode, where nobody
says them on the command line or, for the journal, by HOLDFAST_JOURNAL. A contract is the same in all environments.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from holdfast.cli.options import DEFAULT
from holdfast.events import Mode

if TYPE_CHECKING:
    from holdfast.shell.settings import Settings

VARIABLE: Final = "HOLDFAST_ENV"

MEANS: Final[dict[Mode, str]] = {
    "simulate": "writes are not carried out",
    "supervise": "every write is put before a person",
    "live": "writes are carried out as the contract says",
}


def name() -> str:
    """The environment that was chosen; empty: none."""
    return os.environ.get(VARIABLE, "")


def settings() -> Settings | None:
    """The settings of this place in this environment, at the cost of one look where there are none. Raises SettingsError."""
    from pathlib import Path

    if not (os.environ.get("HOLDFAST_SETTINGS") or name() or Path("holdfast.toml").exists()):
        return None
    from holdfast.shell import settings as found

    return found.load()


def mode(otherwise: Mode = "live") -> Mode:
    """The mode of runs that are opened here, where nobody says another one."""
    found = settings()
    return found.mode or otherwise if found is not None else otherwise


def given(said: Mapping[str, str]) -> dict[str, str]:
    """What an agent's resources are given: `[values]`, and over them what was said by --setting. Raises SettingsError."""
    found = settings()
    return {**(found.given() if found is not None else {}), **said}


def credentials() -> dict[str, str]:
    """Those of it that stand in environment variables: nothing that is written holds them. Raises SettingsError."""
    found = settings()
    return found.credentials() if found is not None else {}


def people() -> dict[str, Any]:
    """What a runner has to know of who decides: `calendars` and `identities` of `Runner.open`. Raises SettingsError."""
    found = settings()
    if found is None:
        return {}
    return {
        "calendars": found.calendars_of(found.roles),
        "identities": {person: found.identities(person) for person in found.people},
    }


def told(journal: str, mode: Mode | None = None) -> str:
    """Where and how something is about to run, for whoever watches; empty where there are no settings to say it.

    mode: of the runs that are opened; None: none are, and those that there are go on in theirs.
    """
    found = settings()
    if found is None:
        return ""
    how = f"mode {mode}, {MEANS[mode]}" if mode is not None else "each run goes on in its own mode"
    said = f"{f'environment {name()}' if name() else 'no environment'}: {how}; journal {journal}"
    own = [
        f"{what} {own}"
        for what, own, now in (("mode", found.mode, mode), ("journal", found.journal, journal))
        if own and now and own != now
    ]
    return f"{said} (the settings say {' and '.join(own)})" if own else said


# ------------------------------------------------------------------------------------------------------ on every verb


def offered(made: typer.Typer) -> typer.Typer:
    """A parser whose verbs, and those below them, all take `--env`."""
    for command in made.registered_commands:
        command.cls = _Verb
    for group in made.registered_groups:
        group.cls = _Group
        if group.typer_instance is not None:
            offered(group.typer_instance)
    return made


@contextmanager
def kept() -> Iterator[None]:
    """Let what a command says of the environment be so for that command only."""
    before = os.environ.get(VARIABLE)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = before


class _Verb(TyperCommand):
    """A verb that takes `--env`."""

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.params.append(_option())


class _Group(TyperGroup):
    """Verbs below a verb; it takes `--env` itself too."""

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.params.append(_option())


@cache
def _option() -> Any:
    """The option, as the parser's own library makes one."""
    parser = typer.Typer()

    @parser.command()
    def verb(env: Annotated[str, _ENV] = "") -> None:
        """Exist for its option."""

    return next(param for param in typer.main.get_command(parser).params if param.name == "env")


def _chosen(context: typer.Context, env: str) -> str:
    """Take up an environment before the other options are read: it says what those are that nobody gives."""
    if context.resilient_parsing:  # completion: nothing is done, so nothing is read
        return env
    named = env and env != name()
    if named:
        os.environ[VARIABLE] = env
    open_ = {
        param.name
        for param in context.command.params
        if (param.name, param.default) in (("journal", DEFAULT), ("mode", "live"))
    }
    if not (named or open_):
        return env
    found = settings()
    said = {"journal": found.journal, "mode": found.mode} if found is not None else {}
    context.default_map = {**(context.default_map or {}), **{key: said[key] for key in open_ if said.get(key)}}
    return env


_ENV: Final[Any] = typer.Option(
    "--env", metavar="NAME", envvar=VARIABLE, show_envvar=True, is_eager=True, expose_value=False, callback=_chosen,
    help="The environment of holdfast.toml: journal, mode, people, calendars.",
)  # fmt: skip
