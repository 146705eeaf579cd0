"""`holdfast horizon`: how the chance of success falls with how long a person needs for a task."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli import out
from holdfast.cli.options import AsJson, Work
from holdfast.errors import SettingsError, UsageError

if TYPE_CHECKING:
    from holdfast.evals.horizon.curve import Reliability
    from holdfast.evals.horizon.rows import Row


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def horizon(
        rows: Annotated[
            str, typer.Argument(metavar="ROWS", help="One row an attempt: .jsonl or .csv; - reads lines of JSON.")
        ],
        agent: Annotated[str, typer.Option("--agent", metavar="NAME", help="Only the rows of this agent.")] = "",
        draws: Annotated[
            int, typer.Option("--draws", min=1, max=100_000, help="How often to draw again for intervals.")
        ] = 1000,
        seed: Annotated[int, typer.Option("--seed", min=0, help="Of the draws: the same gives the same.")] = 0,
        svg: Annotated[Path | None, typer.Option("--svg", metavar="FILE", help="Draw the curve as SVG.")] = None,
        png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Draw the curve as PNG.")] = None,
        as_json: AsJson = False,
    ) -> Work:
        """Say how success falls with human time: the curve, its 50 % and 80 % horizons, and what was seen."""
        pictures = {kind: path for kind, path in (("svg", svg), ("png", png)) if path is not None}
        return partial(_horizon, rows, agent, draws, seed, pictures, as_json)


def _horizon(rows: str, agent: str, draws: int, seed: int, pictures: dict[str, Path], as_json: bool) -> int:
    from holdfast.evals.horizon.file import read

    found = _fitted(read(rows, agent), draws, seed)
    for kind, path in pictures.items():
        _draw(found, kind, path)
    if as_json:
        out.give(found)
        return 0
    from holdfast.cli.horizon_text import text

    out.show(*text(found))
    return 0


def _fitted(rows: list[Row], draws: int, seed: int) -> Reliability:
    try:
        from holdfast.evals.horizon.curve import reliability
    except ModuleNotFoundError as missing:
        raise _not_installed(missing) from None
    return reliability(rows, draws=draws, seed=seed)


def _draw(found: Reliability, kind: str, path: Path) -> None:
    """Draw a picture. Raises UsageError where its file cannot be written."""
    try:
        from holdfast.evals.horizon.plot import draw
    except ModuleNotFoundError as missing:
        raise _not_installed(missing) from None
    try:
        draw(found, path, kind)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from None
    out.note(f"the curve is drawn in {path}")


def _not_installed(missing: ModuleNotFoundError) -> Exception:
    return SettingsError(f"a curve needs the package {missing.name}", hint='pip install "holdfast[evals]"')
