"""The folder of documents, and the notebook where citations are kept."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

DOCUMENTS: Final = Path(__file__).with_name("documents")
PAGE: Final = 1_800
"""Characters of a page; a page ends where a paragraph does, and is longer only where one is."""


class Library:
    """Documents by name. They are read once and do not change while a worker lives."""

    def __init__(self, documents: Mapping[str, str]) -> None:
        self.documents = dict(sorted(documents.items()))

    @classmethod
    def of(cls, folder: Path, *, without: frozenset[str] = frozenset()) -> Library:
        """The Markdown and text files of a folder."""
        files = (file for file in folder.iterdir() if file.suffix in {".md", ".txt"} and file.name not in without)
        return cls({file.name: file.read_text(encoding="utf-8") for file in files})

    def pages(self, document: str) -> list[str]:
        """A document in pages; none where there is no such document."""
        if document not in self.documents:
            return []
        pages: list[str] = []
        for paragraph in re.split(r"\n\s*\n", self.documents[document].strip()):
            if pages and len(pages[-1]) + len(paragraph) <= PAGE:
                pages[-1] += "\n\n" + paragraph
            else:
                pages.append(paragraph)
        return pages

    def search(self, words: str) -> list[tuple[str, str]]:
        """(document, passage) that hold any of these words, those with the most of them first."""
        wanted = stems(words)
        found = [
            (len(wanted & stems(passage)), document, passage)
            for document, text in self.documents.items()
            for passage in passages(text)
        ]
        return [(document, passage) for count, document, passage in sorted(found, key=lambda hit: -hit[0]) if count]


class Notebook:
    """Citations by the key of the call that made them: the same key is the same citation. In a folder, or in memory."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._kept: dict[str, dict[str, str]] = {}
        for file in sorted(folder.glob("*.json")) if folder is not None and folder.is_dir() else ():
            self._kept[file.stem] = json.loads(file.read_text(encoding="utf-8"))

    def keep(self, key: str, citation: dict[str, str]) -> dict[str, str]:
        """Keep a citation under a key, unless there is one already; what is kept now."""
        held = self.find(key)
        if held is not None:
            return held
        self._kept[self.number(key)] = citation
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=self._folder, delete=False, encoding="utf-8") as draft:
                json.dump(citation, draft, ensure_ascii=False)
            Path(draft.name).replace(self._folder / f"{self.number(key)}.json")
        return citation

    def find(self, key: str) -> dict[str, str] | None:
        """What is kept under a key."""
        return self._kept.get(self.number(key))

    def strike(self, number: str) -> bool:
        """Take a citation out again; whether there was one."""
        if self._folder is not None:
            (self._folder / f"{number}.json").unlink(missing_ok=True)
        return self._kept.pop(number, None) is not None

    def all(self) -> list[dict[str, str]]:
        """What is kept, in the order it was."""
        return list(self._kept.values())

    @staticmethod
    def number(key: str) -> str:
        """What a citation is called in the notebook."""
        return f"q-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


@lru_cache(maxsize=256)
def passages(text: str) -> tuple[str, ...]:
    """The sentences of a text, and its lines where it has a list or a table; headings are left out."""
    found: list[str] = []
    for block in re.split(r"\n\s*\n|\n(?=[-|#] ?|\d{4}-\d\d-\d\d)|(?<=\.)\n", text):
        line = " ".join(block.split())
        if line and not line.startswith("#"):
            found += re.split(r"(?<=[.?!])\s+(?=[A-Z])", line)
    return tuple(found)


COMMON: Final = """
about after all also and any are before been but can did does each for from had has have how its many may more most much must
not one our than that the then there they this two was what when where which who will with would you your
"""
"""Words that say nothing of what a text is about."""


@lru_cache(maxsize=4096)
def stems(text: str) -> frozenset[str]:
    """The words of a text without their endings, common ones left out: what two texts have to share to be alike."""
    words = re.findall(r"[a-z]+(?:-\d+[a-z]*)?|\w*\d[\w.,]*\w|\d", text.lower())
    return frozenset(_stem(word) for word in words if len(word) > 2 and word not in _COMMON)


_COMMON: Final = frozenset(COMMON.split())


def _stem(word: str) -> str:
    return word if any(char.isdigit() for char in word) else word.removesuffix("s")[:6]
