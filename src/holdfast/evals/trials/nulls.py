"""Null agents: four that know nothing of the task, played on every suite. A case that one of them passes says nothing.

    do-nothing      the smallest output that is valid, at once
    always-refuse   declines, or hands over
    always-approve  every write of the agent once, then the most permitting output
    random-tool     a few tools, picked and filled in by chance, then any output

They are models. What they answer follows from the request alone, so a trial of theirs that was cut short begins anew like any
other. They know the agent's types and the input, and nothing of its world: arguments come from the input, by name, or are made
of the schema. Where one answer is not enough to go through what a null agent could say, it plays more than once: its variants.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from random import Random
from typing import Any, Final

import msgspec
from msgspec import Struct

from holdfast import codec
from holdfast.agent import Agent
from holdfast.dialogue import Answered, Request, Told
from holdfast.evals.trials.samples import AnyOne, Permitting, Smallest, named, several
from holdfast.evals.trials.trial import Player, Suite, Trial, playing
from holdfast.events import Json
from holdfast.models.port import Model
from holdfast.models.scripted import Call, Plain, call, decline, done, say, script_by
from holdfast.shape import Misfit, Shape

NAMES: Final = ("do-nothing", "always-refuse", "always-approve", "random-tool")

OUTPUTS: Final = 8
"""Different outputs with which do-nothing plays a case, at most: each once, first of all; another one where it cannot stand."""

GRANTS: Final = 2
"""The same, of always-approve."""

WRITES: Final = 60
"""Writes of one answer, at most: the machine takes up 64."""

CALLS: Final = 5
"""Tools that random-tool calls, at most."""

RANDOM: Final = 2
"""How often random-tool plays a case."""

STEPS: Final = 200
"""Answers that a run may ask a null agent for."""


class Null(Struct, frozen=True):
    """A null agent, in one of its variants."""

    name: str
    variant: int
    model: Model

    @property
    def label(self) -> str:
        """What its trials go under in a journal."""
        return f"null:{self.name}:{self.variant}"

    @property
    def called(self) -> str:
        """The name of its model, which a journal shows."""
        return f"null:{self.name}"


def nulls(agent: Agent[Any, Any]) -> tuple[Null, ...]:
    """The null agents for an agent, each in its variants."""
    least, most = len(_outputs(agent, Smallest, {})), min(len(_outputs(agent, Permitting, {})), GRANTS)
    made = [Null("do-nothing", at, _model(_do_nothing(agent, at))) for at in range(least)]
    made += [Null("always-refuse", at, _model(_refuse(hand_over=bool(at)))) for at in range(2)]
    made += [Null("always-approve", at, _model(_approve(agent, at))) for at in range(most)]
    return (*made, *(Null("random-tool", at, _model(_random(agent, at))) for at in range(RANDOM)))


async def screened(
    journal: str, suite: Suite, *, label: str = "", concurrency: int = 32
) -> AsyncIterator[tuple[Null, Trial]]:
    """Play every null agent on a suite, each under a label of its own in the same journal."""
    for null in nulls(suite.agent):
        other = msgspec.structs.replace(suite, agent=suite.agent.answered_by([null.called]))
        async with playing(journal, other, model=null.model, live=False) as player:
            async for trial in Player(player.runner, other, label=f"{null.label}:{label}").play(
                1, concurrency=concurrency
            ):
                yield null, trial


# ------------------------------------------------------------------------------------------------------ what they say

Reaction = Callable[[Request], Plain]


def _model(reaction: Reaction) -> Model:
    return script_by(lambda _: [reaction] * STEPS)


def _do_nothing(agent: Agent[Any, Any], variant: int) -> Reaction:
    def react(request: Request) -> Plain:
        return _end(request, _outputs(agent, Smallest, named(_input(request))), variant)

    return react


def _refuse(*, hand_over: bool) -> Reaction:
    said = "I cannot help with this."
    return lambda _: call("decline", reason=said, hand_over=True) if hand_over else decline(said)


def _approve(agent: Agent[Any, Any], variant: int) -> Reaction:
    def react(request: Request) -> Plain:
        known = named(_input(request))
        writes = [_filled(one, known) for one in agent.tools.values() if one.effect == "write"][:WRITES]
        if writes and not _answers(request):
            return writes
        given = {name: value for one in writes for name, value in one.args.items()}
        return _end(request, _outputs(agent, Permitting, {**given, **known}), variant)

    return react


def _random(agent: Agent[Any, Any], variant: int) -> Reaction:
    def react(request: Request) -> Plain:
        known, at = named(_input(request)), len(_answers(request))
        seed = f"{variant}:{_first(request)}"
        most = min(CALLS, agent.contract.limits.steps - 1)
        tools, chance = list(agent.tools.values()), Random(f"{seed}:{at}")  # noqa: S311 - reproducible, and nobody's secret
        if tools and at < Random(seed).randint(1, max(most, 1)):  # noqa: S311 - the same
            made = chance.choice(tools)
            args = AnyOne(made.takes.schema, known, chance).value()
            return Call(made.name, args if isinstance(args, dict) else {})
        return _end(request, [AnyOne(agent.gives.schema, known, chance).value()], 0)

    return react


def _filled(tool: Any, known: Mapping[str, Json]) -> Call:
    """A call of a tool, with arguments that fit where some can be found."""
    found = several(lambda other: Permitting(tool.takes.schema, known, other), _fits(tool.takes), 1)
    args = found[0] if found else Permitting(tool.takes.schema, known).value()
    return Call(tool.name, args if isinstance(args, dict) else {})


def _end(request: Request, outputs: Sequence[Json], variant: int) -> Plain:
    """The output, or a word where a conversation has none; another output each time one could not stand."""
    if "done" not in {offer.name for offer in request.offers}:
        return say("All right.")
    tried = sum(any(one.tool == "done" for one in answer.calls) for answer in _answers(request))
    value = outputs[(variant + tried) % len(outputs)]
    return done(value)


def _outputs(agent: Agent[Any, Any], maker: type[Smallest], known: Mapping[str, Json]) -> list[Json]:
    schema = agent.gives.schema
    return several(lambda other: maker(schema, known, other), _fits(agent.gives), OUTPUTS) or [
        maker(schema, known).value()
    ]


def _fits(shape: Shape) -> Callable[[Json], bool]:
    def fits(value: Json) -> bool:
        try:
            shape.check(value)
        except Misfit:
            return False
        return True

    return fits


def _answers(request: Request) -> list[Answered]:
    return [segment for segment in request.segments if isinstance(segment, Answered)]


def _first(request: Request) -> str:
    return next((segment.text for segment in request.segments if isinstance(segment, Told)), "")


def _input(request: Request) -> Json:
    """The input as it was given, where it was no plain text."""
    text = _first(request)
    try:
        return codec.parse(text)
    except (msgspec.DecodeError, RecursionError):
        return text
