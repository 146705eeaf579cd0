"""Writes of unknown outcome, for the tests of what follows."""

from __future__ import annotations

from holdfast.models.scripted import call
from tests.core.story import Story, desk, refund

PAY = call("refund", order="A-1", cents=4)
WRITE = ("CallAsked refund", "CallJudged allow", "CallStarted 1")
DOUBT = ("DoubtRaised", "PersonAsked doubt")


def started(*more, tools=(), **options) -> Story:
    terms = options.pop("terms", {})
    run = Story(desk(refund(**options), *tools, **terms))
    run.asks_for(PAY, *more)
    run.then(
        "CallAsked refund", *[f"CallAsked {one.tool}" for one in more], *WRITE[1:], *["CallJudged allow"] * len(more)
    )
    return run


def unknown(**options) -> Story:
    """After a timeout: the attempt is over, and nobody knows what it did."""
    ended = options.pop("ended", True)
    run = started(**options)
    run.breaks("timeout", "unknown", ended=ended)
    return run
