"""The program that reads a PDF: its bytes on stdin; bounds as arguments; what was read on stdout, as JSON. See `paper`.

It imports nothing of holdfast. Bounds: pages, characters, seconds after which it stops by itself, seconds of the processor, bytes.
"""

from __future__ import annotations

import io
import json
import logging
import resource
import sys
import time
from collections.abc import Iterator
from typing import Any


def main(pages: int, characters: int, seconds: int, processor: int, memory: int) -> dict[str, Any]:
    """What was read: `text`, `pages`, `note`, `closed`."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (processor, processor))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    logging.disable()
    ends = time.monotonic() + seconds
    try:
        import pypdf

        paper = pypdf.PdfReader(io.BytesIO(sys.stdin.buffer.read()), strict=False)
        if paper.is_encrypted and not paper.decrypt(""):
            return {"note": "its text was not read: it is encrypted and takes a password", "closed": True}
        count = len(paper.pages)
    except MemoryError:
        return _closed("reading it took more memory than it is given")
    except Exception as error:  # noqa: BLE001 - a library that reads hostile bytes may raise anything
        return _closed(f"it is broken ({_said(error)})")
    return _read(paper, count, min(count, pages), characters, ends)


def _read(paper: Any, count: int, pages: int, characters: int, ends: float) -> dict[str, Any]:
    """The text of so many pages, as far as time and room allow."""
    text, read, notes, blank = "", 0, [], True
    for at, (part, problem) in enumerate(_parts(paper, pages), 1):
        text += (f"\n\n[page {at} of {count}]\n" if at > 1 else "") + part
        read, blank = at, blank and not part.strip()
        if problem:
            notes.append(f"page {at} could not be read ({problem})")
        if len(text) > characters or time.monotonic() > ends:
            break
    if blank and (notes or not count):
        return _closed("; ".join(notes[:3]) or "it has no pages")
    if len(text) > characters or read < count:
        what = (
            f"only its first {characters:,} characters"
            if len(text) > characters
            else f"only {read} of its {count} pages"
        )
        notes.append(f"{what} were read")
    elif blank:
        notes.append("no text was read: its pages are pictures")
    whole = read == count and len(text) <= characters and (blank or not notes)
    return {"text": "" if blank else text[:characters], "pages": count if whole else 0, "note": "; ".join(notes[:5])}


def _parts(paper: Any, count: int) -> Iterator[tuple[str, str]]:
    """(text, what is wrong with it) of each page."""
    for at in range(count):
        try:
            yield _whole(paper.pages[at].extract_text()).rstrip(), ""
        except MemoryError:
            yield "", "it took too much memory"
        except Exception as error:  # noqa: BLE001 - as above
            yield "", _said(error)


def _whole(text: str) -> str:
    """A text without halves of characters and without what no text has."""
    whole = text.encode("utf-8", errors="replace").decode()
    return "".join(char if char >= " " or char in "\n\t" else " " for char in whole)


def _closed(why: str) -> dict[str, Any]:
    return {"note": f"its text was not read: {why}", "closed": True}


def _said(error: Exception) -> str:
    words = " ".join(_whole(str(error)).split())
    return f"{type(error).__name__}: {words}"[:200]


if __name__ == "__main__":
    found = main(*map(int, sys.argv[1:6]))
    sys.stdout.buffer.write(json.dumps(found).encode())
