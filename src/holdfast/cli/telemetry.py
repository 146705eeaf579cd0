"""`holdfast telemetry`: send what runs did to a collector of OpenTelemetry, as it becomes durable."""

from __future__ import annotations

import asyncio
import signal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from holdfast.cli import out, reading
from holdfast.cli.options import DEFAULT, AsJson, Journal, Viewer, Work, pairs
from holdfast.cli.viewing import Viewer as Looks
from holdfast.errors import SettingsError, UsageError
from holdfast.views import words

if TYPE_CHECKING:
    from holdfast.otel.sender import Sender, Sent

_SQLITE: Final = "sqlite:///"


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def telemetry(
        to: Annotated[
            str,
            typer.Option("--to", metavar="URL", help="The collector: http://localhost:4318, or a URL with its path."),
        ],
        content: Annotated[
            bool, typer.Option("--content", help="Also what was said, asked and returned, where it is about nobody.")
        ] = False,
        header: Annotated[
            list[str] | None,
            typer.Option("--header", metavar="KEY=VALUE", help="Sent along; may be repeated."),
        ] = None,
        once: Annotated[bool, typer.Option("--once", help="Send what is there, and end.")] = False,
        name: Viewer = "",
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Send what runs did to an OpenTelemetry collector, until SIGTERM or Ctrl-C; each span when it is over."""
        looks = Looks("telemetry --content" if content else "telemetry", name, selection=f"all runs, to {to}")
        return partial(_telemetry, looks, journal, to, content, pairs(header, "--header"), once, as_json)


def _telemetry(
    looks: Looks, url: str, to: str, content: bool, headers: dict[str, str], once: bool, as_json: bool
) -> int:
    if not url.startswith(_SQLITE):
        raise UsageError(f"{url} is no journal in a file", hint="give --journal sqlite:///folder/journal.db")
    looks.beyond(url)
    sent = asyncio.run(_send(looks, url, Path(url.removeprefix(_SQLITE)).absolute(), to, content, headers, once))
    if as_json:
        out.give(sent)
        return 0
    print(f"sent {words.count(sent.spans, 'span')}, up to position {sent.position:,} of the journal")
    if sent.left:
        out.note(f"{words.count(sent.left, 'entry', 'entries')} not sent yet; the same command goes on with them")
    return 0


async def _send(
    looks: Looks, url: str, file: Path, to: str, content: bool, headers: dict[str, str], once: bool
) -> Sent:
    try:
        from holdfast.otel.collector import Otlp
        from holdfast.otel.position import Position
        from holdfast.otel.sender import Sender
    except ImportError as error:
        raise SettingsError(
            f"telemetry needs packages that are not installed ({error.name})", hint='pip install "holdfast[otel]"'
        ) from None
    async with reading.looking(url) as store:
        collector = Otlp(to, headers)
        try:
            position = Position(file, collector.url, collector.name)
            sender = Sender(store, collector, position, content=content, tell=out.note, sees=looks.sees)
            return await _stoppable(sender, once)
        finally:
            collector.close()


async def _stoppable(sender: Sender, once: bool) -> Sent:
    """Send until it is told to stop: what is durable by then is sent first."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, sender.stop)
    try:
        return await (sender.once() if once else sender.follow())
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
