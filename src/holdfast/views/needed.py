"""What would have been needed for a call that was not done."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.events import Fired
from holdfast.views.record import Call, Trace
from holdfast.views.sentence import Sentence

_RULES = {
    "overtaken": "Deciding again, with the requester's message read.",
    "order": "The write asked for before it, in the same answer, to succeed.",
    "unresolved": "Knowing whether the earlier call happened: somebody has to settle it.",
    "redacted": "The value itself from its source, not its redacted form.",
    "tools": "The code of the tool, and the same signature as when the run began.",
    "expired": "A decision in time.",
    "closing": "The run not to be ending.",
    "absent": "Another try, if the agent wants it: it was looked up, and it did not happen.",
    "fresh": "A fresh reading: what it rests on had changed.",
    "limits.repeats": "Another call, or a higher limit of repeats.",
    "surprises.exhausted": "The tool to answer: it was tried as often as the contract allows.",
    "mode": "A person's approval: every write is reviewed in this mode.",
    "epoch": "A person's approval: the journal was restored from a backup.",
}


def needed(seen: Trace, call: Call) -> Iterator[Sentence]:
    """What would have let a call through, or made it succeed."""
    match call.ending:
        case "denied":
            yield Sentence("A reviewer's approval.", (call.answered,))
        case "refused" | "given_up":
            last = call.judged[-1]
            told = dict.fromkeys(_of(call, fired) for fired in last.rules if fired.verdict == "refuse")
            for text in told:
                yield Sentence(text, (last.seq,))
        case "told":
            yield Sentence("The tool to succeed: a person said to go on without it.", (call.answered,))
    if call.stage == "held":
        question = next((seen.questions[seq] for seq in call.questions if not seen.questions[seq].end), None)
        if question is not None:
            people = f"{question.people} people" if question.people > 1 else "a person"
            role = f" with the role {question.role}" if question.role else ""
            yield Sentence(
                f"The decision of {people}{role}: holdfast review show {seen.run} {question.seq}", (question.seq,)
            )
    if call.stage == "doubt":
        yield Sentence(f"Somebody to say whether it happened: holdfast review settle {seen.run}", (call.seq,))


def _of(call: Call, fired: Fired) -> str:
    if fired.rule in _RULES:
        return _RULES[fired.rule]
    if call.problem:
        return f"Arguments that fit: {call.problem}"
    clause = fired.rule.rpartition(".")[2]
    if ".needs." in fired.rule:
        return f"The evidence first: {fired.because}."
    if ".from." in fired.rule:
        return f"A value from a permitted source: {fired.because}."
    if clause.startswith("must"):
        return f"The condition to hold: {fired.because}."
    if clause == "at_most":
        return f"Nothing more can be done in this run: {fired.because}."
    if clause == "accepts":
        return f"A run that had not read such data: {fired.because}."
    if clause.startswith("review"):
        return f"A condition that can be answered: {fired.because}."
    return f"Something else than: {fired.because}."
