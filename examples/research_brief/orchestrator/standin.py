"""The orchestrator's stand-in: it takes a question apart, hands each part on, and puts together what comes back.

**It is no model**, as little as the researcher's is, whose rules it shares: what it takes in of the briefs it is given is
bounded by the same `SPAN`. Briefs are short, so it loses nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from holdfast.dialogue import Request
from holdfast.events import Json
from holdfast.models.scripted import Call, Plain, Script, Turn, call, decline, done, script_by

sys.path.append(str(Path(__file__).resolve().parents[2]))  # the package is there, if nobody has loaded it yet

from research_brief.standin import SPAN, STEPS, parts
from research_brief.story import Story


def briefs(story: Story) -> list[tuple[str, Json]]:
    """(part, the brief that came back) of each part that was answered, as far as they fit into what it takes in."""
    found = [(one.args["question"], one.found[0], len(one.text)) for one in story.made("research") if one.found]
    kept: list[tuple[str, Json]] = []
    left = SPAN
    for part, brief, length in found:
        left -= length
        if left >= 0:
            kept.append((part, brief))
    return kept


def hand_out(story: Story) -> Plain | None:
    """Give each part of the question to a researcher, all at once."""
    if story.made("research"):
        return None
    return [call("research", question=part.strip()) for part in parts(str(story.request.get("question", "")))]


def take_over(story: Story) -> Plain | None:
    """Cite again what the researchers cited, each for its part."""
    if not briefs(story):
        return decline("No researcher found an answer.")
    tried = [one.args for one in story.made("cite") if "not started" not in one.text]
    return [one for one in _wanted(story) if one.args not in tried] or None


def _wanted(story: Story) -> list[Call]:
    found: dict[tuple[str, str], Call] = {}
    for part, brief in briefs(story):
        sides = [side for clash in brief["contradictions"] for side in (clash["one"], clash["other"])]
        for one in (*brief["claims"], *sides):
            source = one["document"], one["quote"]
            found.setdefault(source, call("cite", document=source[0], quote=source[1], claim=part))
    return list(found.values())


def put_together(story: Story) -> Plain:
    """One brief of many: what was cited, each claim and each contradiction once."""
    kept = {(one.args["document"], one.args["quote"]) for one in story.made("cite") if not one.failed}
    claims = {_source(one): one for _, brief in briefs(story) for one in brief["claims"] if _source(one) in kept}
    clashes = {
        (_source(one["one"]), _source(one["other"])): one
        for _, brief in briefs(story)
        for one in brief["contradictions"]
    }
    both = [one for sides, one in clashes.items() if kept.issuperset(sides)]
    answer = " ".join(one["text"] for one in claims.values())[:3_900]
    return done(answer=answer or "Nothing could be cited.", claims=list(claims.values()), contradictions=both)


def _source(one: Json) -> tuple[str, str]:
    return one["document"], one["quote"]


STEP_BY_STEP: Final = (hand_out, take_over)


def turn(request: Request) -> Plain:
    """The next answer to a run, from what it was told so far."""
    story = Story.told(request)
    return next((answer for step in STEP_BY_STEP if (answer := step(story)) is not None), None) or put_together(story)


def turns(_: str) -> list[Turn]:
    """The script of a run: the same for all."""
    return [turn] * STEPS


standin: Final[Script] = script_by(turns)
"""The stand-in, as a model: one for any number of runs."""
