"""The options that verbs share, and how their values are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec
import typer

from holdfast import codec
from holdfast.errors import UsageError
from holdfast.events import Json, Mode
from holdfast.shell.runner import DEFAULT_JOURNAL

Work: TypeAlias = Callable[[], int]
"""What a verb is to do, once its arguments are understood; it gives the exit code."""

Journal = Annotated[
    str,
    typer.Option("--journal", metavar="URL", envvar="HOLDFAST_JOURNAL", help="Where runs are kept.", show_envvar=True),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run, or enough of its name's beginning.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--setting", metavar="KEY=VALUE", help="Given to the agent's resources; may be repeated."),
]
ModeName = Annotated[
    Mode, typer.Option("--mode", help="simulate: writes are not carried out; supervise: all reviewed.")
]
As = Annotated[
    str, typer.Option("--as", metavar="NAME", help="Who decides. An assertion, not an identity; recorded as such.")
]
Viewer = Annotated[
    str,
    typer.Option(
        "--as",
        metavar="NAME",
        envvar="HOLDFAST_AS",
        show_envvar=True,
        help="Who looks, where settings name roles. An assertion, not an identity.",
    ),
]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who you are; your user name where it is not given.")]
Attach = Annotated[
    list[Path] | None,
    typer.Option("--attach", metavar="FILE", help="A PDF, picture or text that goes with it; may be repeated."),
]
AgentPath = Annotated[
    str,
    typer.Option("--agent", metavar="AGENT", help="Its folder, or package.module:name; else where it was run from."),
]

DEFAULT: str = DEFAULT_JOURNAL


def pairs(given: Sequence[str] | None, option: str) -> dict[str, str]:
    """`key=value` options as a mapping. Raises UsageError."""
    found: dict[str, str] = {}
    for item in given or ():
        name, sign, value = item.partition("=")
        if not sign or not name:
            raise UsageError(f"{option} {item!r} is no key=value", hint=f"write it like {option} key=value")
        found[name.strip()] = value
    return found


def like(before: Json, text: str) -> Json:
    """A value as a person types it: a text where there was a text, else JSON."""
    if isinstance(before, str):
        return text
    try:
        return codec.parse(text)
    except msgspec.DecodeError:
        return text
