"""`holdfast prove`: that a run stands in the journal as it was signed, in a form that others can check."""

from __future__ import annotations

import asyncio
import base64
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli import out, reading
from holdfast.cli.options import DEFAULT, AsJson, Journal, RunName, Viewer, Work
from holdfast.cli.viewing import Viewer as Looks
from holdfast.errors import JournalError, UsageError
from holdfast.shell.export import PARQUET, export_part
from holdfast.shell.proofs import prove as prove_run
from holdfast.views import words
from holdfast.views.checkpoint import Checkpoint, Proof, read, text_of


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def prove(
        run: RunName,
        file: Annotated[
            str, typer.Option("--out", metavar="FILE", help="Write the run and its proof, for holdfast verify FILE.")
        ] = "",
        number: Annotated[
            int, typer.Option("--checkpoint", metavar="N", min=0, help="Under this checkpoint; else the last one.")
        ] = 0,
        name: Viewer = "",
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Prove that a run stands under a signed checkpoint, entry by entry as it was written."""
        return partial(_prove, Looks("prove", name), journal, run, file, number, as_json)


def _prove(looks: Looks, url: str, name: str, file: str, number: int, as_json: bool) -> int:
    if file.endswith(PARQUET):
        raise UsageError(f"a proof is a file of lines of JSON, and {file} is not", hint="--out proof.jsonl")
    if file and (Path(file).is_dir() or not Path(file).absolute().parent.is_dir()):
        raise JournalError(f"{file} is no file that can be written")
    proof = asyncio.run(_proven(looks, url, name, file, number))
    signed = read(text_of(proof.note))
    if as_json:
        out.give(_plain(proof, signed))
        return 0
    entries = "entry 1" if proof.seq == 1 else f"entries 1 to {proof.seq}"
    print(f"run {proof.run}: {entries} stand under checkpoint {signed.number} of {signed.origin},")
    print(f"as leaf {proof.index + 1:,} of {signed.size:,}, with {words.count(len(proof.path), 'hash', 'hashes')}")
    if file:
        print(f"the run and its proof are in {file}; holdfast verify {file} --pub FILE checks them")
    else:
        out.note("--out FILE writes the run with its proof, for whoever is to check it")
    return 0


async def _proven(looks: Looks, url: str, name: str, file: str, number: int) -> Proof:
    async with reading.looking(url) as journal:
        run = (await reading.find_row(journal, name)).run
        proof = await prove_run(journal, run, number)
        if file:
            await looks.whole(journal, [run], "a proof is byte for byte what was written")
            await looks.record(url)
            await export_part(journal, file, {run}, number)
        return proof


def _plain(proof: Proof, signed: Checkpoint) -> dict[str, object]:
    return {
        "run": proof.run, "seq": proof.seq, "digest": proof.digest.hex(), "checkpoint": signed.number,
        "origin": signed.origin, "size": signed.size, "index": proof.index,
        "path": [base64.b64encode(one).decode() for one in proof.path], "note": proof.note,
    }  # fmt: skip
