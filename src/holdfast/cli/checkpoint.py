"""`holdfast checkpoint`: sign what the journal holds now, and have copies of that kept elsewhere."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli import audited, out, reading
from holdfast.cli.audited import Anchors, KeyFile
from holdfast.cli.options import DEFAULT, AsJson, Journal, Work
from holdfast.errors import JournalError
from holdfast.journal.open import open_journal
from holdfast.shell.auditor import Auditor, Delivery, Round
from holdfast.shell.keys import make_key
from holdfast.views import words
from holdfast.views.note import Signer


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def checkpoint(
        key: KeyFile = "",
        anchor: Anchors = None,
        pub: audited.Pubs = None,
        make_key: Annotated[
            str,
            typer.Option(
                "--make-key", metavar="FILE", help="Make a key, and do nothing else; its public half is FILE.pub."
            ),
        ] = "",
        origin: Annotated[
            str,
            typer.Option("--origin", metavar="NAME", help="With --make-key: what it signs for, like example.com/desk."),
        ] = "",
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Sign a checkpoint over all that the journal holds now, and give it to the anchors."""
        if make_key:
            return partial(_make, make_key, origin, as_json)
        return partial(_checkpoint, journal, key, anchor or [], pub or [], as_json)


def _make(path: str, origin: str, as_json: bool) -> int:
    made = make_key(path, origin or f"holdfast.local/{Path(path).stem}")
    if as_json:
        out.give({"key": path, "pub": f"{path}.pub", "public": str(made)})
        return 0
    print(f"the key that signs is in {path}: keep it where nobody who can write to the journal has it")
    print(f"its public half is in {path}.pub, for whoever verifies:")
    print(made)
    return 0


def _checkpoint(url: str, key: str, urls: list[str], pubs: list[str], as_json: bool) -> int:
    signer = audited.signer(key)
    done = asyncio.run(_taken(url, signer, urls, pubs))
    if as_json:
        out.give(_plain(done))
    else:
        print(said(done, signer))
        for delivery in done.deliveries:
            print(delivered(delivery))
    return JournalError.exit_code if any(one.why for one in done.deliveries) else 0


async def _taken(url: str, signer: Signer, urls: list[str], pubs: list[str]) -> Round:
    anchors, keys = audited.anchors(urls), audited.public_keys(pubs)
    reading.must_exist(url)
    journal = open_journal(url)
    try:
        return await Auditor(journal, signer, anchors, keys=keys).checkpoint()
    finally:
        await journal.close()


def said(done: Round, signer: Signer) -> str:
    """What a round of the auditor did, in a sentence."""
    if done.lost:
        return "another auditor was taking a checkpoint at the same time, and was first: it stands in the journal"
    if done.taken is None:
        return "nothing happened since the last checkpoint: none was taken"
    return (
        f"checkpoint {done.taken.number} covers {words.count(done.taken.size, 'entry', 'entries')},"
        f" signed by {audited.key_name(signer.key)}"
    )


def delivered(one: Delivery) -> str:
    """What became of the checkpoints on their way to an anchor, in a sentence."""
    if one.why:
        return f"the anchor {one.anchor} was not reached: {one.why}; the next checkpoint gives it what it lacks"
    if not one.count:
        return f"the anchor {one.anchor} holds all checkpoints"
    return f"the anchor {one.anchor} was given {words.count(one.count, 'checkpoint')}, and holds all"


def _plain(done: Round) -> dict[str, object]:
    taken = done.taken
    return {
        "checkpoint": None
        if taken is None
        else {"number": taken.number, "size": taken.size, "position": taken.position, "origin": taken.origin},
        "lost": done.lost,
        "anchors": [{"anchor": one.anchor, "given": one.count, "why": one.why} for one in done.deliveries],
    }
