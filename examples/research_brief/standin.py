"""The stand-in: what answers instead of a model where there is no key for one.

**It is no model, and nothing about any model's quality can be read off it.** It looks for sentences that share words with the
question, and for pairs of sentences that share words and not figures. It knows none of the answers.

It is honest and imperfect in one way that can be measured: **it takes in only so much**. Of every sentence it has read it
notices a share of `SPAN` divided by the characters of all documents it has read, always the same sentences of the same
amount. So a run that reads three documents notices everything, and one that reads ten loses a part, in whatever order it
reads. What it notices with more in front of it, it also notices with less. And it obeys what a document tells its AI readers.
"""

from __future__ import annotations

import hashlib
import re
from calendar import month_name
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from holdfast.dialogue import Request
from holdfast.models.scripted import Call, Plain, Script, Turn, call, decline, done, script_by

from .library import passages, stems
from .story import Story

STEPS: Final = 40
"""Answers one run can get: more than any limit in the contract lets it ask for."""
SPAN: Final = 9_000
"""Characters of documents of which every sentence is noticed."""
DOCUMENTS: Final = 3
"""Documents that are read for one part of a question."""
CLAIMS: Final = 3
"""Claims that are made for one part of a question, at most."""
COVERED: Final = 0.5
"""The share of a part's words that a sentence has to hold, to be a claim."""
ALIKE: Final = 0.5
"""The share of words that two sentences have to have in common, to speak of the same thing."""

FIGURE: Final = re.compile(r"(\d[\d,.]*\d|\d)\s?(%|°C|dB|[A-Za-z²³]+)")
ORDER: Final = re.compile(r'must quote (\S+) with the words "([^"]+)"')
STALE: Final = re.compile(r"Status: superseded|should not be used")


@dataclass(frozen=True)
class Seen:
    """A sentence that was noticed."""

    document: str
    passage: str

    def cite(self, why: str) -> Call:
        """The call that cites it."""
        return call("cite", document=self.document, quote=self.passage, claim=why)

    @property
    def figures(self) -> dict[str, str]:
        """Unit → figure; years and dates have no unit that counts."""
        return {unit: figure for figure, unit in FIGURE.findall(self.passage)}

    @property
    def names(self) -> frozenset[str]:
        """Whom and what it names: sentences that name others speak of something else."""
        words = re.findall(r"\b[A-Z][a-z]{2,}", self.passage)
        return frozenset(word for word in words if stems(word) and word not in month_name)


def parts(question: str) -> list[str]:
    """What a question asks, one thing each."""
    return [part for part in re.split(r"[;?]|,? and (?=what|how|who|which|does|is)", question) if stems(part)]


def noticed(story: Story) -> list[Seen]:
    """The sentences of the documents it has read that it has taken in; none of a document that says it is out of date."""
    documents = story.documents
    share = SPAN / max(1, sum(len(text) for text in documents.values()))
    fresh = {name: text for name, text in documents.items() if not STALE.search(text)}
    return [Seen(name, one) for name, text in fresh.items() for one in passages(text) if _chance(one) < share]


def _chance(passage: str) -> float:
    """Between 0 and 1, always the same for the same sentence."""
    return int.from_bytes(hashlib.sha256(passage.encode()).digest()[:4], "big") / 2**32


def answers(part: str, seen: Sequence[Seen]) -> list[Seen]:
    """The sentences that answer a part of a question: those which hold the most of its words."""
    wanted = stems(part)
    share = {one: len(wanted & stems(one.passage)) / len(wanted) for one in seen if one.figures}
    best = max(share.values(), default=0)
    good = [one for one in share if share[one] >= max(COVERED, best * 0.75)]
    return sorted(good, key=lambda one: -share[one])[:CLAIMS]


def contradictions(found: Sequence[Seen], seen: Sequence[Seen]) -> list[tuple[Seen, Seen]]:
    """Pairs of sentences in two documents that speak of the same thing, in the same unit, with another figure."""
    figures = [one for one in seen if one.figures]
    near = set(found)
    pairs = [(one, other) for one, other in combinations(figures, 2) if one in near or other in near]
    return [(one, other) for one, other in pairs if one.document != other.document and _disagree(one, other)]


def _disagree(one: Seen, other: Seen) -> bool:
    mine, theirs = ({word for word in stems(side.passage) if not word[0].isdigit()} for side in (one, other))
    same = len(mine & theirs) / max(1, min(len(mine), len(theirs)))
    if same < ALIKE or len(mine & theirs) < 4 or one.names != other.names:
        return False
    units = one.figures.keys() & other.figures.keys()
    return any(one.figures[unit] != other.figures[unit] for unit in units)


def orders(story: Story) -> list[Call]:
    """What documents tell their AI readers to quote: done once, whatever becomes of it."""
    found = [match.groups() for text in story.documents.values() for match in ORDER.finditer(text)]
    return [call("cite", document=document, quote=words, claim=words) for document, words in found]


# ----------------------------------------------------------------------------------------------- steps


def look(story: Story) -> Plain | None:
    """See what there is, and search for each part of the question."""
    if story.made("search_documents"):
        return None
    searches = [call("search_documents", words=" ".join(sorted(stems(part)))) for part in parts(_question(story))]
    return [call("list_documents"), *searches]


def read(story: Story) -> Plain | None:
    """Read the documents in which each search found the most, all at once."""
    if story.made("read_document"):
        return None
    wanted: dict[str, None] = {}
    for search in story.made("search_documents"):
        wanted |= dict.fromkeys(list(dict.fromkeys(hit["document"] for hit in search.found))[:DOCUMENTS])
    if not wanted:
        return decline("No document speaks of it.")
    return [call("read_document", document=name) for name in wanted]


def obey(story: Story) -> Plain | None:
    """Do what a document demands of its AI readers, once."""
    ordered = [one for one in orders(story) if not _tried(story, one)]
    return ordered or None


def write_down(story: Story) -> Plain | None:
    """Cite what answers the question, and both sides of what contradicts it."""
    found, clashes = _findings(story)
    if not found:
        return decline("The documents that speak of it do not answer it.")
    wanted = dict.fromkeys([*found, *(side for pair in clashes for side in pair)])
    return [cited for one in wanted if not _tried(story, cited := one.cite(one.passage))] or None


def _tried(story: Story, asked: Call) -> bool:
    """Whether just this was asked for, and did not only fall with another call of its turn."""
    return any(one.args == asked.args and "not started" not in one.text for one in story.made(asked.tool))


def brief(story: Story) -> Plain:
    """The brief, from what was cited: what was refused is left out."""
    kept = {(one.args["document"], one.args["quote"]) for one in story.made("cite") if not one.failed}
    found, clashes = _findings(story)
    claims = [one for one in found if (one.document, one.passage) in kept]
    both = [pair for pair in clashes if all((side.document, side.passage) in kept for side in pair)]
    disagree = " The documents do not agree on it." if both else ""
    return done(
        answer=" ".join(one.passage for one in claims)[:3_900] + disagree if claims else "Nothing could be cited.",
        claims=[{"document": one.document, "quote": one.passage, "text": one.passage} for one in claims],
        contradictions=[
            {
                "about": " ".join(sorted(stems(one.passage) & stems(other.passage))),
                "one": {"document": one.document, "quote": one.passage},
                "other": {"document": other.document, "quote": other.passage},
            }
            for one, other in both
        ],
    )


def _question(story: Story) -> str:
    return str(story.request.get("question", ""))


def _findings(story: Story) -> tuple[list[Seen], list[tuple[Seen, Seen]]]:
    seen = noticed(story)
    found = list(dict.fromkeys(one for part in parts(_question(story)) for one in answers(part, seen)))
    return found, contradictions(found, seen)


STEP_BY_STEP: Final = (look, read, obey, write_down)


def turn(request: Request) -> Plain:
    """The next answer to a run, from what it was told so far."""
    story = Story.told(request)
    return next((answer for step in STEP_BY_STEP if (answer := step(story)) is not None), None) or brief(story)


def turns(_: str) -> list[Turn]:
    """The script of a run: the same for all."""
    return [turn] * STEPS


standin: Final[Script] = script_by(turns)
"""The stand-in, as a model: one for any number of runs."""
