"""The verbs, put together."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import typer

from holdfast.cli import (
    accept,
    access,
    case,
    check,
    checkpoint,
    compare,
    cost,
    diff,
    drift,
    drill,
    environment,
    erase,
    export,
    failures,
    fork,
    front,
    horizon,
    new,
    note,
    notify,
    operate,
    prove,
    report,
    review,
    show,
    telemetry,
    undo,
    verify,
    why,
    worker,
)  # fmt: skip
from holdfast.cli import eval as eval_
from holdfast.cli import run as run_
from holdfast.errors import UsageError


def app() -> typer.Typer:
    """The parser of the command line. Its commands do nothing themselves: they give back what is to be done."""
    made = typer.Typer(
        name="holdfast",
        add_completion=True,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    for module in (
        new, run_, show, why, eval_, cost, failures, drift, note, case, operate, fork, drill, compare, horizon, undo, check, diff, accept,
        report, verify, checkpoint, prove, export, access, erase, worker, notify, telemetry,
    ):  # fmt: skip
        module.register(made)
    made.add_typer(review.app(), name="review")
    return environment.offered(made)


@cache
def command() -> Callable[..., Any]:
    """The parser, ready to be called: made once a process, since making it takes longer than most verbs do."""
    return typer.main.get_command(app())


def run(args: list[str]) -> int:
    """Parse and do; the exit code."""
    if args[0] == "help":
        return _help(args[1])
    with environment.kept():
        given = command()(args=args, prog_name="holdfast", standalone_mode=False)
        return given() if callable(given) else int(given or 0)


def _help(name: str) -> int:
    text = front.group(name)
    if text:
        print(text)
        return 0
    verbs = [
        usage.split()[0] for usage, _ in (*front.FIRST, *(verb for group in front.MORE.values() for verb in group))
    ]
    if name not in verbs:
        raise UsageError(
            f"there is no verb or group {name}", hint=f"groups: {', '.join(front.MORE)}; verbs: {', '.join(verbs)}"
        )
    return run([name, "--help"])
