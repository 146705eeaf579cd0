"""What would have been needed for a call that was not done."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.events import Fired
from holdfast.views.record import Call, Question, Trace
from holdfast.views.sentence import Sentence

_RULES = {
    "overtaken": "Deciding again, with what was said meanwhile read.",
    "order": "Success of the write that was asked for before it, in the same answer.",
    "unresolved": "Knowing whether the earlier call happened: somebody has to settle it.",
    "redacted": "The value itself from its source, not its redacted form.",
    "tools": "The code of the tool, with the signature that it had when the run began.",
    "expired": "A decision in time.",
    "closing": "Nothing: the run was ending, and starts no more calls.",
    "absent": "Asking for it again: it was looked up, and it had not happened.",
    "fresh": "A fresh reading: what it rests on had changed.",
    "limits.repeats": "Another call than this one, or a higher limit of repeats.",
    "surprises.exhausted": "An answer of the tool: it was tried as often as the contract allows.",
    "settled": "Asking for it again: a person found that it had not happened.",
    "fork": "Its run to be driven here: a fork does not take over what was under way.",
    "team": "What is kept for the writer, or an output that cites what was posted.",
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
            told = dict.fromkeys(_of(seen, call, fired) for fired in last.rules if fired.verdict == "refuse")
            for text in told:
                yield Sentence(text, (last.seq,))
        case "ended":
            where = f": holdfast why {call.child}" if call.child else ""
            yield Sentence(f"Another end of the run {call.child}{where}", (call.answered,))
        case "asked_back":
            yield Sentence("An answer to what was asked, and the call proposed again.", (call.answered,))
        case "told":
            yield Sentence("Success of the tool; a person said to go on without it.", (call.answered,))
    if call.stage == "held":
        question = next((seen.questions[seq] for seq in call.questions if not seen.questions[seq].end), None)
        if question is not None:
            yield Sentence(_awaited(seen, question), (question.seq,))
    if call.stage == "doubt":
        yield Sentence(f"Somebody's word whether it happened: holdfast review settle {seen.run}", (call.seq,))


def _awaited(seen: Trace, question: Question) -> str:
    if question.about == "question":
        if question.role == "requester":
            return f"The requester's answer: holdfast say {seen.run}"
        return f"The answer of {question.role or 'a person'}: holdfast review answer {seen.run} {question.seq}"
    people = f"{question.people} people" if question.people > 1 else "a person"
    role = f" with the role {question.role}" if question.role else ""
    return f"The decision of {people}{role}: holdfast review show {seen.run} {question.seq}"


def _of(seen: Trace, call: Call, fired: Fired) -> str:
    if fired.rule in _RULES:
        return _RULES[fired.rule]
    if call.problem:
        return f"Arguments that fit: {call.problem.rstrip('.')}."
    clause = fired.rule.rpartition(".")[2]
    if ".needs." in fired.rule:
        because = fired.because.rstrip(".")
        return f"To {because}." if because.startswith("read ") else f"The evidence, read first: {because}."
    if ".from." in fired.rule:
        permitted = " or ".join(_permitted(seen, call, clause))
        return (
            f"A value of {clause} out of {permitted}."
            if permitted
            else f"A value from a permitted source: {fired.because}."
        )
    if clause.startswith("must"):
        return f"That the condition holds: {fired.because}."
    if clause == "at_most":
        return f"Another run: {fired.because}."
    if clause == "across":
        return f"Room under what all runs together may do, or a smaller amount: {fired.because}."
    if clause == "accepts":
        return f"A run that had not read such data: {fired.because}."
    if clause.startswith("review"):
        return f"A condition that can be answered: {fired.because}."
    if call.ending == "given_up":
        return f"Success of {call.tool}: the machine does not repeat what failed like this."
    return f"That this were otherwise: {fired.because}."


def _permitted(seen: Trace, call: Call, argument: str) -> list[str]:
    tools = seen.contract.get("tools", {}) if isinstance(seen.contract, dict) else {}
    terms = tools.get(call.tool)
    found = terms.get("from", {}).get(argument, []) if isinstance(terms, dict) else []
    return [str(one) for one in found] if isinstance(found, list) else []
