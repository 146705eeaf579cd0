"""The inbox: a folder with one file for each mail, a PDF or a text, and the list of the mails in `requests.jsonl`.

What stands in these files was written by whoever sent them. Nothing here trusts any of it; it is only made readable.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from holdfast.dialogue import Attached

FOLDER: Final = Path(__file__).with_name("inbox")
MEDIA: Final = {".pdf": "application/pdf", ".txt": "text/plain"}

_SHOWN: Final = re.compile(rb"\(((?:[^()\\]|\\.)*)\)\s*Tj")
_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)
_MAIL: Final = re.compile(r"[a-z0-9-]+@[a-z0-9.-]+")


@dataclass(frozen=True)
class Inbox:
    """A folder of mails."""

    folder: Path

    def file(self, mail_id: str) -> Path | None:
        """The file that came with a mail; None where there is no such mail."""
        if not _MAIL.fullmatch(mail_id):  # nothing that could lead out of the folder
            return None
        name = mail_id.partition("@")[0]
        return next((file for kind in MEDIA if (file := self.folder / f"{name}{kind}").exists()), None)

    def attached(self, mail_id: str) -> tuple[Attached, ...]:
        """The file that came with a mail, as the attachment of a run's input."""
        file = self.file(mail_id)
        if file is None:
            return ()
        return (Attached(file.name, MEDIA[file.suffix], base64.b64encode(file.read_bytes()).decode()),)

    def requests(self) -> Iterator[dict[str, Any]]:
        """The mails as they were delivered, some of them twice."""
        for line in (self.folder / "requests.jsonl").read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def text_of(file: Path) -> str:
    """What stands in a file, the invisible included: a person who looks at the page may see less."""
    if file.suffix == ".txt":
        return file.read_text(encoding="utf-8")
    # The inbox's PDFs are plain: uncompressed pages, each line shown at once, in the Latin alphabet.
    shown = (_ESCAPED.sub(rb"\1", text) for text in _SHOWN.findall(file.read_bytes()))
    return "\n".join(text.decode("cp1252").rstrip() for text in shown)
