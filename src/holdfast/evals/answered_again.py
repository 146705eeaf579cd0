"""The recorded answers of one run's model, given again where the requests are the same.

    model = recorded_model(entries, agent)

Step n is answered as it was then, for nothing, if what the model is told by then is the same. A result of a write is not
compared: then it was carried out, and now it is recorded only. From the first request on that is another one there is no
answer, and the error says what is otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from msgspec.structs import replace

from holdfast.agent import Agent, Bound
from holdfast.core import prompt
from holdfast.core.fold import fold
from holdfast.core.state import State
from holdfast.dialogue import Answer, Answered, Request, Result
from holdfast.errors import UsageError
from holdfast.events import ChildOpened, Entry, ModelAsked, Price
from holdfast.models.port import ModelError
from holdfast.models.recorded import answers_of
from holdfast.views import words

FREE: Final = Price(0, 0)


class Recorded:
    """A model that answers a run as another one's did. Made by `recorded_model`."""

    def __init__(self, bound: Bound, requests: dict[int, Request], answers: Sequence[Answer]) -> None:
        self._writes = frozenset(name for name, tool in bound.tools.items() if tool.effect == "write")
        self._then = {step: _essence(request, self._writes) for step, request in requests.items()}
        self._answers = answers

    async def answer(self, request: Request) -> Answer:
        """The recorded answer of this step. Raises ModelError `rejected` where none was recorded for this request."""
        if request.step > len(self._answers):
            raise _none(f"the recording ends after {words.count(len(self._answers), 'answer')}")
        now, then = _essence(request, self._writes), self._then[request.step]
        if now != then:
            what = next((name for name, value in now.items() if value != then.get(name)), "less of it")
            raise _none(f"at step {request.step} it is told something else than then: {what}")
        return replace(self._answers[request.step - 1], cost=0)

    def price(self) -> Price | None:
        """Nothing: it was paid for then."""
        return FREE

    def quote(self, run: str, step: int) -> int | None:
        """None: it is free."""
        return None


def recorded_model(entries: Sequence[Entry], agent: Agent[Any, Any]) -> Recorded:
    """The model of a recorded run. agent: today's, whose code tells what tools a model was told of.

    Raises UsageError for a run that opened others: whose answers are whose cannot be told.
    """
    opened = next((entry for entry in entries if isinstance(entry.event, ChildOpened)), None)
    if opened is not None:
        raise UsageError(
            "it opened other runs, and recorded answers are given again in one run only", run=opened.run,
            seq=opened.seq, hint="run it again with a model: leave out --model, or name one",
        )  # fmt: skip
    requests: dict[int, Request] = {}
    bound: Bound | None = None
    state: State | None = None
    for entry in entries:
        state = fold(state, entry)
        if isinstance(entry.event, ModelAsked):
            bound = agent.under(state.contract_digest, state.contract, state.run)
            requests[entry.event.step] = replace(prompt.request(bound, state), segments=tuple(state.transcript))
    answers = answers_of(entries).get(entries[0].run, ())
    return Recorded(bound or agent.bound, requests, answers)


def _none(why: str) -> ModelError:
    return ModelError("rejected", f"no recorded answer: {why}", fate="not_done")


def _essence(request: Request, writes: frozenset[str]) -> dict[str, object]:
    """What a model goes by, by name; without what names the run, its entries and its hour."""
    return {
        "the instructions": "\n".join(line for line in request.system.split("\n") if not line.startswith(_BEGAN)),
        "the tools": [(offer.name, offer.description, offer.schema) for offer in request.offers],
        **dict(_told(request, writes)),
    }


_BEGAN: Final = "the run began at "


def _told(request: Request, writes: frozenset[str]) -> Iterator[tuple[str, object]]:
    for at, part in enumerate(request.segments, 1):
        match part:
            case Result(tool=tool) if tool in writes and not part.failed:
                yield f"what {tool} gave", None
            case Result(tool=tool):
                yield f"what {tool} gave ({at})", (part.text, part.failed)
            case Answered():
                yield f"its own words ({at})", (part.text, part.calls)
            case _:
                yield f"what was said ({at})", (part.text, part.attached)
