"""A command in a terminal of its own, and somebody who reads before they type."""

from __future__ import annotations

import codecs
import os
import pty
import re
import select
import subprocess
import sys
import time
from contextlib import suppress

PATIENCE = 60.0
"""Seconds until something that was waited for counts as never coming."""

_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """`python -m holdfast …` on a pseudo-terminal."""

    def __init__(self, *args: object, columns: int = 100) -> None:
        master, slave = pty.openpty()
        self.screen = ""
        """All that was shown, without the codes for colours."""
        self._master, self._read = master, 0
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        env = {**os.environ, "TERM": "xterm", "COLUMNS": str(columns), "LINES": "50"}
        command = [sys.executable, "-m", "holdfast", *(str(arg) for arg in args)]
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True
        )
        os.close(slave)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        """Whatever became of it, it is over."""
        self.process.kill()
        self.process.wait()
        with suppress(OSError):  # it ended, and its terminal was closed
            os.close(self._master)

    def reads(self, text: str) -> str:
        """Wait until a text is shown after what was read so far; all that was shown up to it."""
        until = time.monotonic() + PATIENCE
        while (at := self.screen.find(text, self._read)) < 0:
            assert time.monotonic() < until, f"never shown: {text!r}\n{self.screen[self._read :]}"
            assert self._more(until), f"it ended without {text!r}\n{self.screen[self._read :]}"
        shown = self.screen[self._read : at + len(text)]
        self._read = at + len(text)
        return shown

    def types(self, text: str) -> None:
        """Type a line."""
        os.write(self._master, f"{text}\n".encode())

    def ends(self) -> int:
        """Wait for its end; the exit code."""
        until = time.monotonic() + PATIENCE
        while self._more(until):
            assert time.monotonic() < until, f"it does not end\n{self.screen[self._read :]}"
        return self.process.wait(PATIENCE)

    def _more(self, until: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(until - time.monotonic(), 0))
        data = b""
        with suppress(OSError):  # Linux says so when the other side is closed
            data = os.read(self._master, 65_536) if ready else b" "
        self.screen += _CODES.sub("", self._decoder.decode(data)).replace("\r", "")
        return bool(data)
