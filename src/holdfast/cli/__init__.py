"""The command line: `holdfast` and its verbs.

One small file a verb. A verb parses its arguments and gives back the work to do; the work is done here, so that every
error comes out alike: what is wrong, where, what to do, and a number a script can rely on.

    0 ended as the contract foresees: done, declined, escalated     3 a contract or an input is wrong
    1 failed, stopped or cancelled                                  4 the journal or the environment
    2 waits for somebody                                            64 called the wrong way    70 a bug of holdfast
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Do what a command line says; the exit code."""
    args = list(sys.argv[1:] if argv is None else argv)
    as_json, debug = "--json" in args, "--debug" in args
    if args[:1] != ["run"]:  # there it means more, and the verb takes it itself
        args = [arg for arg in args if arg != "--debug"]
    _show_anything()
    try:
        code = _do(args)
        sys.stdout.flush()
    except BrokenPipeError:
        _close_quietly()
        return 0
    except KeyboardInterrupt:
        return _say_interrupted()
    except Exception as error:  # noqa: BLE001 - the outermost boundary: whatever it is, a person is told in words
        return _say(error, as_json=as_json, debug=debug)
    return code


def _do(args: list[str]) -> int:
    if args in (["--version"], ["-V"]):
        from holdfast.version import VERSION

        print(f"holdfast {VERSION}")
        return 0
    if not args or args in (["--help"], ["-h"], ["help"]):
        from holdfast.cli.front import front

        print(front())
        return 0
    from holdfast.cli.app import run
    from holdfast.errors import UsageError

    for arg in args:
        if arg.encode(errors="replace").decode() != arg:
            raise UsageError(f"the argument {arg!r} is no UTF-8")
    return run(args)


def _show_anything() -> None:
    """What a terminal cannot show is shown as an escape: that is no reason to fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _say(error: Exception, *, as_json: bool, debug: bool) -> int:
    from holdfast.cli.failure import told

    try:
        return told(error, as_json=as_json, debug=debug)
    except BrokenPipeError:
        _close_quietly()
        return 0


def _say_interrupted() -> int:
    print("interrupted; what was under way has been recorded, and the same command goes on with it", file=sys.stderr)
    return 130


def _close_quietly() -> None:
    """Nobody reads any more: let the interpreter's own flush at exit go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
