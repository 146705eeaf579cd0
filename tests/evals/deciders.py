"""Judges to try a bench with."""

from __future__ import annotations

import asyncio

from holdfast.evals.grading.judges import Question, Verdict

ASKED: list[Question] = []


async def polite(question: Question) -> Verdict:
    """Whether the last words to the requester thank them."""
    ASKED.append(question)
    await asyncio.sleep(0)
    thanks = "thank" in str(question.output)
    return Verdict(yes=thanks, because="it thanks" if thanks else "it\ndoes not thank")


class Strict:
    """A judge in a class, of a stated version."""

    version = "3"

    async def __call__(self, question: Question) -> Verdict:
        return Verdict(yes=False, because="nothing is good enough")


async def broken(question: Question) -> Verdict:
    """A judge whose model is away."""
    raise ConnectionError("no route")


async def vague(question: Question) -> object:
    """A judge that gives no verdict."""
    return "maybe"


async def slow(question: Question) -> Verdict:
    """A judge that never answers."""
    await asyncio.Event().wait()
    raise AssertionError


def blocking(question: Question) -> Verdict:
    """No judge: it cannot be awaited."""
    return Verdict(yes=True, because="")
