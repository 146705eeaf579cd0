"""What a person types, a line at a time: any terminal can do that, and so can a screen reader.

A letter and Enter decide, never a letter alone. What was typed before a question was shown decides nothing about it: it is thrown
away (`fresh`), so that a second Enter, or a paste, is no answer to what nobody has seen yet.
"""

from __future__ import annotations

import sys
import termios


class Keys:
    """Lines from the terminal at stdin."""

    def fresh(self) -> None:
        """Throw away what was typed before now."""
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)

    def ask(self, prompt: str) -> str | None:
        """One line, without blanks around it; None where nothing more will come."""
        sys.stdout.write(prompt)
        sys.stdout.flush()
        line = sys.stdin.buffer.readline()
        return line.decode(errors="replace").strip() if line else None

    def sure(self, question: str) -> bool:
        """Whether a person says y."""
        return (self.ask(f"{question} y/n > ") or "").lower() in ("y", "yes")
