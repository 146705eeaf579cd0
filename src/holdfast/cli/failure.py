"""An error as a person reads it on stderr, or as a script reads it on stdout; and the exit code it stands for."""

from __future__ import annotations

import json
import sys
import traceback

from holdfast.errors import Bug, HoldfastError, UsageError
from holdfast.views import words


def told(error: Exception, *, as_json: bool, debug: bool) -> int:
    """Say what is wrong; the exit code."""
    if debug:
        traceback.print_exception(error, file=sys.stderr)
    known = error if isinstance(error, HoldfastError) else _called_wrong(error) or _bug(error)
    if as_json:
        print(json.dumps({"error": _object(known)}, ensure_ascii=False))
        sys.stdout.flush()
    else:
        lines = [words.plain(line) for line in str(known).splitlines()]
        print("\n".join(["holdfast: " + lines[0], *lines[1:]]), file=sys.stderr)
    if known.exit_code == Bug.exit_code and not debug:
        print("please report this, with what --debug prints", file=sys.stderr)
    return known.exit_code


def _object(error: HoldfastError) -> dict[str, object]:
    return {
        "kind": type(error).__name__, "what": error.what, "run": error.run, "seq": error.seq, "hint": error.hint,
        "exit_code": error.exit_code,
    }  # fmt: skip


def _called_wrong(error: Exception) -> UsageError | None:
    """What the parser of the command line had to say, as an error of ours."""
    if "typer" not in sys.modules:
        return None
    import typer

    parser_error = typer.BadParameter.__mro__[2]  # the base of everything the parser raises
    if isinstance(error, typer.Abort):
        return UsageError("nothing was done")
    if not isinstance(error, parser_error):
        return None
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "holdfast"
    message = getattr(error, "format_message", lambda: str(error))()
    return UsageError(message.strip().rstrip("."), hint=f"{path} --help")


def _bug(error: Exception) -> Bug:
    return Bug(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
