"""The cache: an answer is found again where all it depends on is the same, and is asked for otherwise."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from holdfast.dialogue import Answer, Answered, Offer, Request, Result, Told
from holdfast.errors import SettingsError
from holdfast.evals.trials.cache import Cache, Cached, Trialled, digest
from holdfast.events import Price, Usage, Wanted
from holdfast.models.port import ModelError

WHOSE = Trialled("desk", "c" * 64, "1")
REQUEST = Request(
    run="r_1", step=2, attempt=1, model="m", system="Do it.", offers=(Offer("look", "Look.", {"type": "object"}),),
    segments=[Told((1, 0), "input", "x"), Answered((4, 0), "", (Wanted("c1", "look", "{}"),)), Result((4, 1), "c1", "look", "50")],
    max_output=100, timeout=10,
)  # fmt: skip


class Counting:
    """A model that says how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def answer(self, request: Request) -> Answer:
        self.asked += 1
        if request.system == "fail":
            raise ModelError("server", "down")
        return Answer(f"{self.asked}", (Wanted("c", "look", '{"a": 1}'),), "calls", Usage(5, 6), 7, "m-1", {"raw": [1]})

    def price(self) -> Price:
        return Price(1, 2)

    def quote(self, run: str, step: int) -> None:
        return None


def cached(cache: Cache, model: Counting, whose: dict[str, Trialled] | None = None) -> Cached:
    async def of(run: str) -> Trialled:
        return (whose or {}).get(run, WHOSE)

    return Cached(model, cache, of)


def ask(model: Cached, request: Request = REQUEST) -> Answer:
    return asyncio.run(model.answer(request))


def test_an_answer_is_found_again_also_by_a_later_process(tmp_path):
    path, model = tmp_path / "deep" / "answers.jsonl", Counting()
    cache = Cache(path)
    first = ask(cached(cache, model))
    assert ask(cached(cache, model), msgspec.structs.replace(REQUEST, run="r_2", attempt=3, timeout=99)) == first
    cache.close()
    again = Cache(path)
    assert ask(cached(again, model)) == first
    assert (model.asked, cache.hits, again.hits) == (1, 1, 1)
    again.close()


def test_where_a_segment_stands_in_its_journal_changes_nothing():
    moved = [msgspec.structs.replace(one, ref=(one.ref[0] + 2, 0)) for one in REQUEST.segments]
    assert digest(msgspec.structs.replace(REQUEST, segments=moved), WHOSE) == digest(REQUEST, WHOSE)


@pytest.mark.parametrize("change", [
    {"model": "n"}, {"system": "Do that."}, {"offers": ()}, {"segments": REQUEST.segments[:2]}, {"step": 3}, {"max_output": 99},
    {"speaks": True}, {"segments": [*REQUEST.segments[:2], Result((4, 1), "c1", "look", "51")]},
], ids=str)  # fmt: skip
def test_whatever_a_model_could_see_is_another_request(change):
    assert digest(msgspec.structs.replace(REQUEST, **change), WHOSE) != digest(REQUEST, WHOSE)


@pytest.mark.parametrize("change", [{"agent": "other"}, {"contract": "d" * 64}, {"trial": "2"}], ids=str)
def test_another_agent_contract_or_trial_asks_anew(change, tmp_path):
    model, cache = Counting(), Cache(tmp_path / "a.jsonl")
    other = msgspec.structs.replace(WHOSE, **change)
    asking = cached(cache, model, {"r_2": other})
    assert ask(asking) != ask(asking, msgspec.structs.replace(REQUEST, run="r_2"))
    cache.close()


def test_a_failure_is_kept_nowhere(tmp_path):
    model, cache = Counting(), Cache(tmp_path / "a.jsonl")
    for _ in range(2):
        with pytest.raises(ModelError):
            ask(cached(cache, model), msgspec.structs.replace(REQUEST, system="fail"))
    assert model.asked == 2
    assert (tmp_path / "a.jsonl").read_bytes() == b""
    cache.close()


def test_a_line_that_was_cut_short_is_asked_for_again(tmp_path):
    path, model = tmp_path / "a.jsonl", Counting()
    cache = Cache(path)
    ask(cached(cache, model))
    other: Any = msgspec.structs.replace(REQUEST, step=9)
    ask(cached(cache, model), other)
    cache.close()
    path.write_bytes(path.read_bytes()[:-30])
    cut = Cache(path)
    ask(cached(cut, model))
    ask(cached(cut, model), other)
    cut.close()
    assert model.asked == 3
    whole = Cache(path)
    ask(cached(whole, model), other)
    assert (model.asked, whole.hits) == (3, 1)
    whole.close()


def test_what_a_model_costs_stays_its_own(tmp_path):
    cache = Cache(tmp_path / "a.jsonl")
    model = cached(cache, Counting())
    assert (model.price(), model.quote("r", 1)) == (Price(1, 2), None)
    assert ask(model).cost == ask(model).cost == 7
    cache.close()


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be"):
        Cache(tmp_path / "file" / "a.jsonl")
