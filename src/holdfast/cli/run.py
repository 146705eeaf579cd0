"""`holdfast run`: check an agent, then run it on one input, or on a file of them."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer
from msgspec import Struct

from holdfast import codec
from holdfast.cli import agents, environment, out
from holdfast.cli.options import DEFAULT, AsJson, Attach, By, Journal, Settings, Work, pairs
from holdfast.cli.progress import watching
from holdfast.cli.standing import Standing, report, standing
from holdfast.cli.viewing import Viewer, beside
from holdfast.cli.viewing_runs import seen_standing
from holdfast.errors import InputError, UsageError
from holdfast.events import Json, Mode
from holdfast.journal.port import Where
from holdfast.shell.attach import attach


class Order(Struct, frozen=True, kw_only=True):
    """What is to be run, and how."""

    agent: str
    given: str = ""
    batch: Path | None = None
    concurrency: int = 8
    key: str = ""
    by: str = ""
    on_behalf_of: str = ""
    mode: Mode = "live"
    model: str = ""
    settings: Mapping[str, str] = {}
    attach: tuple[Path, ...] = ()
    journal: str = DEFAULT
    as_json: bool = False
    again: str = ""
    """The run whose input is given once more."""
    unmatched: Literal["error", "live"] = "error"
    """What becomes of a read that the record of that run does not answer."""
    looks: Viewer


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def run(  # noqa: PLR0917 - a command's arguments and options
        agent: Annotated[str, typer.Argument(metavar="AGENT", help="Its folder, or package.module:name.")],
        given: Annotated[
            str | None, typer.Argument(metavar="INPUT", help="JSON or plain text; @file; - for stdin.")
        ] = None,
        batch: Annotated[
            Path | None, typer.Option("--batch", metavar="FILE", help="JSON Lines, one input a line; can be run again.")
        ] = None,
        concurrency: Annotated[int, typer.Option(min=1, max=1000, help="Runs of a batch at a time.")] = 8,
        key: Annotated[str, typer.Option(help="A request key: the same key and input is the same run.")] = "",
        by: By = "",
        on_behalf_of: Annotated[str, typer.Option(help="Whom it is for.")] = "",
        mode: Annotated[
            Mode | None,
            typer.Option("--mode", help="simulate: writes are not carried out; supervise: all reviewed; else live."),
        ] = None,
        model: Annotated[
            str, typer.Option(help="Instead of the contract's models: provider:model, standin; with --again: recorded.")
        ] = "",
        again: Annotated[
            str,
            typer.Option(
                "--again", metavar="RUN", help="Its input once more; its record answers, writes are simulated."
            ),
        ] = "",
        unmatched: Annotated[
            Literal["error", "live"],
            typer.Option(help="Of --again: reads that RUN did not make: an error, or made now."),
        ] = "error",
        debug: Annotated[
            bool, typer.Option("--debug", help="Step by step, no timeouts, breakpoint() works; simulate unless --mode.")
        ] = False,
        files: Attach = None,
        setting: Settings = None,
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Check an agent, then run it to its end, or until it waits for somebody."""
        order = Order(
            agent=agent, given=given or "", batch=batch, concurrency=concurrency, key=key, by=by or out.me(),
            on_behalf_of=on_behalf_of, mode=mode or ("simulate" if debug or again else environment.mode()), model=model,
            settings=pairs(setting, "--setting"), journal=journal, attach=tuple(files or ()), as_json=as_json,
            again=again, unmatched=unmatched,
            looks=Viewer("run", beside(by), selection=f"a batch from {batch.name}" if batch is not None else ""),
        )  # fmt: skip
        if again:
            return partial(_again, order, given, debug)
        if debug:
            return partial(_debugged, order, given)
        if batch is not None:
            return partial(_batch, order, given)
        return partial(_one, order, given)


def _again(order: Order, given: str | None, debug: bool) -> int:
    from holdfast.cli import again

    beside_it = {
        "INPUT": given is not None, "--batch": order.batch is not None, "--key": order.key, "--debug": debug,
        "--attach": order.attach,
    }  # fmt: skip
    wrong = [name for name, there in beside_it.items() if there] + (["--mode"] if order.mode != "simulate" else [])
    if wrong:
        raise UsageError(
            f"--again and {wrong[0]} do not go together",
            hint="its input is that of the run, and nothing is carried out: holdfast run AGENT --again RUN",
        )
    return again.run(order)


def _debugged(order: Order, given: str | None) -> int:
    from holdfast.cli import debug

    if order.batch is not None:
        raise UsageError("--debug and --batch do not go together", hint="debug one input")
    loaded, value = _given(order, given)
    return debug.run(order, loaded, value)


def _batch(order: Order, given: str | None) -> int:
    from holdfast.cli import batch

    if given is not None or order.key or order.attach:
        raise UsageError("--batch takes its inputs and keys from the file", hint="leave out INPUT, --key and --attach")
    _say_where(order)
    return batch.run(order)


def _given(order: Order, given: str | None) -> tuple[agents.Loaded, Json]:
    """The agent, and what it is given; whoever watches is told what answers."""
    if given is None:
        raise UsageError(
            "there is no input", hint=f"holdfast run {order.agent} INPUT (JSON, plain text, @file, -), or --batch FILE"
        )
    text = read_input(given)
    loaded = agents.load_agent(order.agent, order.model)
    value = parse_input(text, loaded.agent.takes.schema, loaded.agent.name)
    if loaded.notice:
        out.note(loaded.notice)
    _say_where(order)
    return loaded, value


def _say_where(order: Order) -> None:
    """Tell whoever watches the environment and the mode, where there are settings."""
    if said := environment.told(order.journal, order.mode):
        out.note(said)


def _one(order: Order, given: str | None) -> int:
    loaded, value = _given(order, given)
    began = time.monotonic()
    found = asyncio.run(_run(order, loaded, value))
    return report(found, as_json=order.as_json, took=round((time.monotonic() - began) * 1e6))


async def _run(order: Order, loaded: agents.Loaded, value: Json) -> Standing:
    beside_it = [attach(path) for path in order.attach]
    async with agents.opened(order.journal, [loaded], settings=order.settings, mode=order.mode) as runner:
        if order.key and await runner.find(Where(key=order.key, limit=1)):
            out.note(f"the request key {order.key} came before: the same request is the same run")
        run = await runner.start(
            loaded.agent, value, key=order.key, by=order.by, on_behalf_of=order.on_behalf_of, tags=tags(loaded),
            attachments=beside_it,
        )  # fmt: skip
        async with watching(runner, run.name, order.looks):
            found = standing(*await runner.attend(run.name))
        return await seen_standing(found, runner, order.looks)


def tags(loaded: agents.Loaded) -> dict[str, str]:
    """What a later command needs to know to drive the run again."""
    return {"agent_path": loaded.where}


# ------------------------------------------------------------------------------------------------------- the input


def read_input(given: str) -> str:
    """The text of an input: itself, a file's, or what stands on stdin. Raises InputError."""
    if given != "-" and not given.startswith("@"):
        return given
    try:
        if given == "-":
            return sys.stdin.read()
        return Path(given[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{'stdin' if given == '-' else given[1:]} cannot be read: {error}") from None


def parse_input(text: str, schema: Json, agent: str) -> Json:
    """An input as JSON; a plain text where the agent takes one. Raises InputError."""
    wants_text = isinstance(schema, dict) and schema.get("type") == "string"
    if wants_text and not text.lstrip().startswith('"'):
        return text.rstrip("\n")
    try:
        return codec.parse(text)
    except (msgspec.DecodeError, RecursionError) as error:
        if wants_text:
            return text.rstrip("\n")
        if not text.lstrip().startswith(("{", "[", '"')):
            fields = ", ".join(schema.get("properties", {})) if isinstance(schema, dict) else ""
            raise InputError(
                f"{agent} takes more than a text" + (f": an object with {fields}" if fields else ""),
                hint="give JSON, @file with JSON, or - for JSON on stdin",
            ) from None
        raise InputError(f"the input is no JSON: {error}", hint="quote it for the shell, or give @file") from None
