"""`holdfast notify`: tell people outside that somebody is wanted, by a command or a signed webhook."""

from __future__ import annotations

import asyncio
import os
import secrets
import shlex
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any, Final

import typer
from msgspec import Struct

from holdfast import codec, units
from holdfast.cli import environment, out, reading
from holdfast.cli.options import DEFAULT, AsJson, Journal, Viewer, Work
from holdfast.cli.viewing import Viewer as Looks
from holdfast.errors import UsageError
from holdfast.journal.open import open_journal
from holdfast.journal.port import Journal as Store
from holdfast.shell.notify import Notifier, Round
from holdfast.shell.receivers import Receiver, receiver
from holdfast.shell.telling import Account, News
from holdfast.views import words
from holdfast.views.access import NOTIFY
from holdfast.views.notices import Notice, Standing, message, standings

HINT: Final = 'write [notify] command = ["…"] in holdfast.toml, or give --command, or --webhook with --secret-env'


class Listed(Struct, frozen=True):
    """A notice that is still to be told, and what came of it so far."""

    notice: Notice
    standing: Standing | None = None


class Asked(Struct, frozen=True, kw_only=True):
    """Who is to be told, as it was said on the command line; else the settings say it."""

    command: str = ""
    webhook: str = ""
    secret: str = ""
    lead: int | None = None


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def notify(
        command: Annotated[
            str, typer.Option("--command", metavar="COMMAND", help="Run for each notice, which is JSON on its stdin.")
        ] = "",
        webhook: Annotated[
            str, typer.Option("--webhook", metavar="URL", help="Sent each notice as a signed POST.")
        ] = "",
        secret: Annotated[
            str, typer.Option("--secret-env", metavar="NAME", help="The variable with the key that signs.")
        ] = "",
        show: Annotated[bool, typer.Option("--list", help="Say what would be told, and tell nobody.")] = False,
        lead: Annotated[
            str,
            typer.Option(
                metavar="DURATION", help="Before its end a question is told again: 30m. Else a quarter of its time."
            ),
        ] = "",
        name: Viewer = "",
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Tell what waits for people, and what ends soon or went wrong, to a command or a webhook; once, for cron."""
        asked = Asked(command=command, webhook=webhook, secret=secret, lead=_lead(lead))
        if show:
            return partial(_list, Looks("notify --list", name), journal, asked, as_json)
        return partial(_once, journal, asked, as_json)


def _lead(text: str) -> int | None:
    if not text:
        return None
    try:
        return units.duration(text)
    except ValueError as error:
        raise UsageError(f"--lead: {error}") from None


def _receiver(asked: Asked) -> Receiver | None:
    """Who is told; None where nobody says so. Raises UsageError, SettingsError."""
    if not (asked.command or asked.webhook or asked.secret):
        settings = environment.settings()
        return receiver(settings.notify) if settings is not None and settings.notify is not None else None
    from pydantic import ValidationError

    from holdfast.shell.place import Notify

    try:
        given = Notify(command=shlex.split(asked.command), webhook=asked.webhook, secret=asked.secret)
    except ValidationError as error:
        what = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError(f"--command, --webhook, --secret-env: {what}") from None
    except ValueError as error:
        raise UsageError(f"--command {asked.command!r} is no command: {error}") from None
    return receiver(given)


# -------------------------------------------------------------------------------------------------------------- telling


def _once(url: str, asked: Asked, as_json: bool) -> int:
    to = _receiver(asked)
    if to is None:
        raise UsageError("nobody is named to be told", hint=HINT)
    reading.must_exist(url)
    done = asyncio.run(_tell(url, to, asked.lead))
    if as_json:
        out.give(
            {"to": to.name, "told": done.told, "failed": done.failed, "given_up": done.given_up, "left": done.left}
        )
    else:
        print(
            f"told {to.name} {words.count(done.told, 'notice')}"
            if done.told
            else "nothing to tell"
            if not done.left
            else "told nothing"
        )
        if done.left:
            out.note(f"{words.count(done.left, 'notice')} still to be told; the same command goes on with them")
    return 1 if done.given_up else 2 if done.left else 0


async def _tell(url: str, to: Receiver, lead: int | None) -> Round:
    journal = open_journal(url)
    try:
        worker = f"n_{os.getpid()}_{secrets.token_hex(4)}"
        journal.enlist(worker)
        return await Notifier(journal, to, worker=worker, tell=out.note, lead=lead).once()
    finally:
        await to.close()
        await journal.close()


@asynccontextmanager
async def telling(journal: Store, worker: str, broken: Callable[[], None], *, finish: bool) -> AsyncIterator[str]:
    """Tell people meanwhile, where the settings say so; gives who is told, or nothing.

    worker: this process, as the journal knows it. broken: called where telling ends by a bug, which is raised at the end.
    finish: tell what there is at the end too, once.
    """
    to = _receiver(Asked())
    if to is None:
        yield ""
        return
    notifier = Notifier(journal, to, worker=worker, tell=out.note)
    keeping = asyncio.create_task(notifier.keep(), name="notices")
    keeping.add_done_callback(lambda task: broken())
    try:
        yield to.name
    finally:
        notifier.stop()
        try:
            await keeping
            if finish:
                await Notifier(journal, to, worker=worker, tell=out.note).once()
        finally:
            await to.close()


# -------------------------------------------------------------------------------------------------------------- listing


def _list(looks: Looks, url: str, asked: Asked, as_json: bool) -> int:
    found, given_up = asyncio.run(_listed(url, asked.lead))
    looks.runs |= dict.fromkeys(one.notice.run for one in found)
    looks.recorded(url)
    if as_json:
        out.give({"notices": [_plain(one) for one in found], "given_up": [one.said.id for one in given_up]})
        return 0
    from holdfast.cli.notify_text import table

    if found:
        out.show(table(found))
    else:
        print("nobody is to be told anything")
    for one in given_up:
        out.note(f"{one.said.to} was never told of {one.said.id}: {words.plain(one.said.why)}")
    return 0


def _plain(one: Listed) -> dict[str, Any]:
    said = one.standing.said if one.standing is not None else None
    stands = {"state": said.state, "attempts": said.attempt, "why": said.why} if said is not None else {"state": "new"}
    return {**message(one.notice), "sending": stands}


async def _listed(url: str, lead: int | None) -> tuple[list[Listed], list[Standing]]:
    """What is to be told, and what was given up in the last week."""
    async with reading.looking(url) as journal:
        account = Account(journal, "")
        news = News(journal, account, lead=lead, tell=out.note)
        now = journal.now()
        found = await news.waiting(now)
        lines = await journal.read(NOTIFY, durable=True)
        every = standings(codec.entries(NOTIFY, lines))
        lost = [one for one in every.values() if one.said.state == "given_up" and now - one.at < 7 * units.DAY]
        return [Listed(one, account.standings.get(one.id)) for one in found], lost
