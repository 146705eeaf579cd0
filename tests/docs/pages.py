"""The pages a reader gets, and the samples in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [path for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if path.exists()]

_FENCE = re.compile(r"(?ms)^(?P<indent> *)(?P<ticks>```+)(?P<language>[\w-]*)[^\n`]*\n(?P<body>.*?)^ *(?P=ticks) *$")
_NOT_RUN = re.compile(r"<!-- not run: (?P<why>[^>]+) -->\s*\Z")


@dataclass(frozen=True)
class Sample:
    """One fenced block of a page."""

    page: Path
    line: int
    """Of the page, where its first line stands, from 1."""
    language: str
    text: str
    not_run: str
    """Why it is not run; empty: it is."""

    @property
    def place(self):
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def samples(page, *languages):
    """The samples of a page in these languages, in the order of the page."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        why = _NOT_RUN.search(text[: match.start()])
        body = re.sub(rf"^ {{0,{len(match['indent'])}}}", "", match["body"], flags=re.MULTILINE)
        line = text.count("\n", 0, match.start("body")) + 1
        found.append(Sample(page, line, match["language"], body, why["why"] if why else ""))
    return [sample for sample in found if sample.language in languages]
