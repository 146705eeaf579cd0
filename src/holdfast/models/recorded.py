"""Recorded models: answers that a real model once gave, given again.

    recorded(entries)                      from a journal's entries, each run by its own name
    recorded({"r_7f3": [Answer(...), …]})  by run
    recorded([Answer(...), …])             the same for every run

Step n of a run is answered by the run's nth answer, at whatever attempt, with the recorded usage and cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from holdfast import codec
from holdfast.dialogue import Answer, Request
from holdfast.errors import JournalDamaged, UsageError
from holdfast.events import Entry, ModelAnswered, ModelAsked, Price
from holdfast.models.port import ModelError


class Recorded:
    """A model that gives recorded answers.

    answers: the answers of each run, or of every run. price: what a token costs, for answers without a cost
    of their own; where it is not given, nothing if every answer has its cost, and unknown otherwise.
    """

    def __init__(
        self, answers: Mapping[str, Sequence[Answer]] | Sequence[Answer], *, price: Price | None = None
    ) -> None:
        self._runs = answers if isinstance(answers, Mapping) else {}
        self._every = () if isinstance(answers, Mapping) else tuple(answers)
        every = [answer for run in self._runs.values() for answer in run] or list(self._every)
        costed = all(answer.cost is not None for answer in every)
        self._price = Price(0, 0) if price is None and costed else price

    async def answer(self, request: Request) -> Answer:
        """The recorded answer of this step.

        Raises ModelError `rejected` where nothing was recorded for it.
        """
        answers = self._runs.get(request.run, self._every)
        if request.step <= len(answers):
            return answers[request.step - 1]
        if not answers:
            known = ", ".join(sorted(self._runs)[:5]) or "nothing"
            nothing = f"nothing is recorded for run {request.run}; there is {known}"
            raise ModelError("rejected", nothing, fate="not_done")
        raise ModelError(
            "rejected",
            f"the recording ends here: run {request.run} has {len(answers)} recorded answers, "
            f"and answer {request.step} is wanted",
            fate="not_done",
        )

    def price(self) -> Price | None:
        """What a token costs, for answers that carry no cost of their own."""
        return self._price

    def quote(self, run: str, step: int) -> int | None:
        """The recorded cost of this step in nusd; None where none is recorded."""
        answers = self._runs.get(run, self._every)
        return answers[step - 1].cost if 1 <= step <= len(answers) else None


def recorded(
    source: Mapping[str, Sequence[Answer]] | Sequence[Answer] | Iterable[Entry], *, price: Price | None = None
) -> Recorded:
    """A model of recorded answers: by run, for every run, or from the entries of a journal.

    Raises what `answers_of` raises, and UsageError for a sequence of something else.
    """
    if isinstance(source, Mapping):
        return Recorded(source, price=price)
    items = list(source)
    answers = [item for item in items if isinstance(item, Answer)]
    entries = [item for item in items if isinstance(item, Entry)]
    if len(answers) == len(items):
        return Recorded(answers, price=price)
    if len(entries) == len(items):
        return Recorded(answers_of(entries), price=price)
    raise UsageError("a recording is made of answers or of entries", hint="give one kind of them")


def answers_of(entries: Iterable[Entry]) -> dict[str, list[Answer]]:
    """The answers of every run, read from its entries, in the order of its steps.

    Bodies must be loaded; a text that was erased is read as empty. Raises Bug for a body that is not
    loaded, and JournalDamaged where an answer is to no recorded question, or a step was skipped.
    """
    asked: dict[tuple[str, int], int] = {}
    found: dict[str, dict[int, Answer]] = {}
    for entry in entries:
        if isinstance(entry.event, ModelAsked):
            asked[entry.run, entry.seq] = entry.event.step
            found.setdefault(entry.run, {})
        elif isinstance(entry.event, ModelAnswered):
            step = asked.get((entry.run, entry.event.ask))
            if step is None:
                raise JournalDamaged("a model's answer is to no recorded question", run=entry.run, seq=entry.seq)
            found[entry.run][step] = _answer(entry.event)
    for run, steps in found.items():
        if sorted(steps) != list(range(1, len(steps) + 1)):
            raise JournalDamaged(f"of {max(steps)} steps only {len(steps)} have an answer", run=run)
    return {run: [steps[step] for step in sorted(steps)] for run, steps in found.items()}


def _answer(event: ModelAnswered) -> Answer:
    text = codec.value_of(event.text)
    payload = codec.value_of(event.payload)
    return Answer(text or "", event.calls, event.finish, event.usage, event.cost, event.model, payload)
