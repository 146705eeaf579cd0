"""`holdfast report`: the readiness page of an agent, made of journals alone, with "no evidence" wherever there is none."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from holdfast.cli import audited, out
from holdfast.cli.audited import Anchors, Pubs
from holdfast.cli.drill import JOURNAL as DRILLS
from holdfast.cli.eval import JOURNAL as EVALS
from holdfast.cli.options import DEFAULT, AsJson, Journal, Viewer, Work
from holdfast.cli.viewing import Viewer as Looks
from holdfast.errors import SettingsError

if TYPE_CHECKING:
    from holdfast.cli.report_gather import Wanted
    from holdfast.evals.readiness.report import Report
    from holdfast.evals.readiness.rows import Row


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def report(  # noqa: PLR0917 - a command's arguments and options
        agent: Annotated[str, typer.Argument(metavar="AGENT", help="Its name, its folder, or package.module:name.")],
        evals: Annotated[str, typer.Option("--eval", metavar="URL", help="Where trials are kept.")] = EVALS,
        drill: Annotated[str, typer.Option("--drill", metavar="URL", help="Where drills are kept.")] = DRILLS,
        html: Annotated[
            Path | None,
            typer.Option("--html", metavar="FILE", help="Write one page that needs nothing else; - prints."),
        ] = None,
        markdown: Annotated[
            Path | None, typer.Option("--markdown", metavar="FILE", help="Write Markdown; - prints.")
        ] = None,
        pub: Pubs = None,
        anchor: Anchors = None,
        name: Viewer = "",
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Say how ready an agent is, by what journals hold: contract, repeatability, drill, people, audit, evidence."""
        from holdfast.cli.report_gather import Wanted

        wanted = Wanted(
            agent=agent, journal=journal, evals=evals, drills=drill, pubs=tuple(pub or ()), anchors=tuple(anchor or ()),
            looks=Looks("report", name),
        )  # fmt: skip
        return partial(_report, wanted, html, markdown, as_json)


def _report(wanted: Wanted, html: Path | None, markdown: Path | None, as_json: bool) -> int:
    found, rows = _made(wanted)
    from holdfast.cli.report_words import document

    told = document(found, rows)
    if html is not None:
        from holdfast.cli.report_page import page

        out.page(html, page(told))
    if markdown is not None:
        from holdfast.cli.report_markdown import markdown as written

        out.page(markdown, written(told))
    if as_json:
        out.give(_json(found, rows))
    elif html is None and markdown is None:
        from holdfast.cli.report_text import text

        out.show(*text(told))
    return 0


def _made(wanted: Wanted) -> tuple[Report, tuple[Row, ...]]:
    """The report and its rows. Raises SettingsError where what statistics need is not installed."""
    try:
        from holdfast.cli.report_gather import gather
        from holdfast.evals.readiness.report import made
        from holdfast.evals.readiness.rows import rows

        audited.public_keys(wanted.pubs)  # a key that cannot be read is said before everything is read
        found = made(asyncio.run(gather(wanted)))
        return found, rows(found)
    except ModuleNotFoundError as missing:
        raise SettingsError(
            f"statistics need the package {missing.name}", hint='pip install "holdfast[evals]"'
        ) from None


def _json(found: Report, rows: tuple[Row, ...]) -> dict[str, Any]:
    """Amounts in nano-dollars, times in µs; null where there is nothing, or nobody knows."""
    given: dict[str, Any] = msgspec.to_builtins(found, str_keys=True)
    live = found.production
    if live is not None:
        given["production"]["cost"] |= {"per_success": live.cost.per_success, "per_run": live.cost.per_run}
        seen = live.oversight
        given["production"]["oversight"] |= {"overrides": seen.overrides, "agreement": seen.agreement}
    given["governance"] = [{**msgspec.to_builtins(row), "evidence": row.evidenced} for row in rows]
    return given
