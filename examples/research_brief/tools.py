"""The researcher's tools: three that read the folder, and one write, a citation.

A citation is a write although it changes nothing outside: so the contract can judge each quote against the document it
names at the moment it is made, and the brief may rest on citations alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from holdfast import tool
from holdfast.tool import Absent, Call, CallKey, Found, Partial, Refused, Retry

from .library import DOCUMENTS, Library, Notebook, stems

HITS: Final = 20
"""Passages that a search shows."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Question(_Record):
    """What somebody wants to know."""

    question: Annotated[str, Field(min_length=1, max_length=500)]


class Source(_Record):
    """Words of a document."""

    document: str
    quote: Annotated[str, Field(min_length=1, max_length=600, description="Word for word, as it stands there")]


class Claim(Source):
    """Something the brief says, and the words it rests on."""

    text: Annotated[str, Field(min_length=1, max_length=600)]


class Contradiction(_Record):
    """Two documents that do not agree on something."""

    about: str
    one: Source
    other: Source


class Brief(_Record):
    """The answer to a question."""

    answer: Annotated[str, Field(min_length=1, max_length=4000)]
    claims: list[Claim]
    contradictions: list[Contradiction]


class DocumentLine(_Record):
    """One document, in a list."""

    document: str
    title: str
    words: int


class Hit(_Record):
    """A passage that was found."""

    document: str
    passage: str


class Page(_Record):
    """A page of a document."""

    document: str
    page: int
    of: int
    text: str


class Citation(Source):
    """A quote that was judged and kept."""

    number: str
    claim: str
    reference: Annotated[str, Field(description="The document and the quote, in one text")]


class Struck(_Record):
    """A citation taken out again."""

    number: str


@tool.read(timeout=5)
async def list_documents(*, library: Library) -> list[DocumentLine]:
    """List the documents of the folder with their first lines and lengths."""
    return [
        DocumentLine(document=name, title=text.strip().splitlines()[0].lstrip("# "), words=len(text.split()))
        for name, text in library.documents.items()
    ]


@tool.read(timeout=5)
async def search_documents(words: Annotated[str, Field(max_length=200)], *, library: Library) -> list[Hit]:
    """Find the 20 best passages that hold any of some words, the best first. Shows passages, not documents."""
    if not stems(words):
        raise Refused("give at least one word of three letters that says what is looked for")
    return [Hit(document=document, passage=passage) for document, passage in library.search(words)[:HITS]]


@tool.read(timeout=5, retry=Retry(times=2, wait=0.1))
async def read_document(document: str, *, library: Library, call: Call) -> Page | Partial[Page]:
    """Read one document, whole. It comes in pages; the machine fetches them all."""
    pages = library.pages(document)
    if not pages:
        raise Refused(f"there is no document {document}; list_documents names them all")
    at = int(call.cursor or 0)
    page = Page(document=document, page=at + 1, of=len(pages), text=pages[at])
    rest = len(pages) - at - 1
    return Partial(page, missing=f"{rest} more pages", cursor=str(at + 1)) if rest else page


async def find_citation(
    document: str, quote: str, claim: str, *, notebook: Notebook, key: CallKey
) -> Found[Citation] | Absent:
    """Whether the citation of this very call was kept."""
    held = notebook.find(key)
    return Absent() if held is None else Found(held["number"], Citation(**held))


async def strike_out(citation: Citation, *, notebook: Notebook) -> Struck:
    """Take a citation out of the notebook. Twice is once."""
    notebook.strike(citation.number)
    return Struck(number=citation.number)


@tool.write(timeout=5, retry=Retry(times=1, wait=0.1), undo=strike_out, lookup=find_citation, effect_id="number")
async def cite(
    document: str,
    quote: Annotated[str, Field(min_length=1, max_length=600, description="Word for word, as it stands there")],
    claim: Annotated[str, Field(min_length=1, max_length=600, description="What it is cited for")],
    *,
    notebook: Notebook,
    key: CallKey,
) -> Citation:
    """Put a quote into the notebook. The brief may rest on nothing else."""
    made = Citation(
        number=notebook.number(key), document=document, quote=quote, claim=claim, reference=f"{document}: {quote}"
    )
    return Citation(**notebook.keep(key, made.model_dump()))


@asynccontextmanager
async def resources(settings: Mapping[str, str]) -> AsyncIterator[tuple[Library, Notebook]]:
    """The folder and the notebook. Settings `documents` and `notebook`: other folders than the example's own."""
    folder = Path(settings.get("documents", str(DOCUMENTS)))
    yield Library.of(folder), Notebook(Path(settings.get("notebook", ".holdfast/notebook")))


TOOLS: Final = (list_documents, search_documents, read_document, cite)
