"""`holdfast new`: an agent folder that runs at once."""

from __future__ import annotations

import re
import shlex
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final

import typer

from holdfast.cli import out
from holdfast.cli.options import AsJson, Work
from holdfast.errors import UsageError

FILES: Final = ("contract.yaml", "instructions.md", "tools.py", "standin.py", "README.md")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def new(
        name: Annotated[str, typer.Argument(metavar="NAME", help="What the agent is called; its folder too.")],
        place: Annotated[Path, typer.Option("--in", metavar="DIR", help="Where the folder is made.")] = Path(),
        as_json: AsJson = False,
    ) -> Work:
        """Write an agent folder that runs at once, without a key."""
        return partial(write, name, place, as_json)


def write(name: str, place: Path, as_json: bool) -> int:
    """Write the files. Raises UsageError for a name that is none, or where something is in the way."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for an agent", hint="letters, digits, - and _; a letter first")
    folder = place / name
    if folder.exists():
        raise UsageError(f"{folder} exists already", hint="take another name, or another folder with --in")
    shown = shlex.quote(str(folder))
    try:
        folder.mkdir(parents=True)
        for file in FILES:
            text = files("holdfast.cli.template").joinpath(file).read_text(encoding="utf-8")
            if file in ("contract.yaml", "README.md"):
                text = text.replace("NAME", name, 1).replace("PLACE", shown)
            (folder / file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be written: {error.strerror}", hint="take another folder with --in"
        ) from None
    if as_json:
        out.give({"folder": str(folder), "files": list(FILES)})
        return 0
    print(f"{folder}: {', '.join(FILES)}")
    print(f'next: holdfast run {shown} "A room for 6 on Monday, please. Ana"')
    return 0
