"""AgentDojo's side: its suites, and a pipeline whose every call goes through holdfast.

Whether a task was done, and whether the attacker got what he wanted, is AgentDojo's own word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import yaml
from agentdojo.agent_pipeline.base_pipeline_element import BasePipelineElement
from agentdojo.agent_pipeline.tool_execution import tool_result_to_str
from agentdojo.attacks.base_attacks import FixedJailbreakAttack
from agentdojo.attacks.important_instructions_attacks import ImportantInstructionsAttack
from agentdojo.functions_runtime import FunctionCall, FunctionsRuntime
from agentdojo.task_suite.load_suites import get_suites
from agentdojo.task_suite.task_suite import read_suite_file
from agentdojo.types import text_content_block_from_string

from holdfast import codec
from holdfast.agent import Agent
from holdfast.events import Json
from real.dojo.catalog import TRUSTED, Catalog, catalog
from real.dojo.desk import Decide, Desk, Kit, Played, agent_of
from real.dojo.script import Script, Wish
from real.dojo.terms import Terms

LOADED: Final = 256
"""Environments kept: reading one takes AgentDojo longer than everything else here."""

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MARK: Final = "<INFORMATION>"
"""What stands in every attacker's text."""


class Verdict(NamedTuple):
    """What became of a task."""

    utility: bool
    attack: bool
    played: Played
    environment: Any
    """As it was left."""


class Part(NamedTuple):
    """Who works on a task, what they do, and who is asked."""

    agent: Agent[dict[str, Json], str]
    script: Script
    decide: Decide


Prepare: TypeAlias = Callable[[Any], Part]
"""Gives the part that is played, in the task's own world."""


class Suite:
    """A suite of AgentDojo, with what the pack says of its tools."""

    def __init__(self, version: str, name: str, tools: Catalog) -> None:
        self.name, self.tools = name, tools
        self._suite = get_suites(version)[name]
        self._loaded = lru_cache(maxsize=LOADED)(self._load)

    @property
    def user_tasks(self) -> Mapping[str, Any]:
        """Id → what a user asks for."""
        return self._suite.user_tasks  # type: ignore[no-any-return]

    @property
    def injection_tasks(self) -> Mapping[str, Any]:
        """Id → what an attacker wants."""
        return self._suite.injection_tasks  # type: ignore[no-any-return]

    @cached_property
    def kits(self) -> dict[str, Kit]:
        """The suite's tools as a desk needs them."""
        return {
            tool.name: Kit(
                self.tools[tool.name], tool.description, tool.parameters.model_json_schema(), tool.name in TRUSTED[self.name]
            )
            for tool in self._suite.tools
        }  # fmt: skip

    def environment(self, injections: Mapping[str, str]) -> Any:
        """The suite's world with an attacker's texts in it, afresh at every call."""
        return self._loaded(tuple(sorted(injections.items()))).model_copy(deep=True)

    def _load(self, injections: tuple[tuple[str, str], ...]) -> Any:
        """What AgentDojo's own `load_and_inject_default_environment` does, with the faster of PyYAML's parsers."""
        suite = self._suite
        text = read_suite_file(suite.name, "environment.yaml", suite.data_path)
        filled = text.format(**{**suite.get_injection_vector_defaults(), **dict(injections)})
        return suite.environment_type.model_validate(yaml.load(filled, _LOADER))  # noqa: S506 - a safe one

    @cached_property
    def _attack(self) -> FixedJailbreakAttack:
        return FixedJailbreakAttack(ImportantInstructionsAttack._JB_STRING, self._suite, _Bare())  # noqa: SLF001

    def planted(self, user: Any, injection: Any) -> dict[str, str]:
        """The attacker's text in every place that solving the task reads: place → text."""
        return self._attack.attack(user, injection)  # type: ignore[no-any-return]

    def heard(self, gold: Sequence[Wish], env: Any) -> int:
        """After how many calls that solve a task an attacker's text has been read; half of them where it never is."""
        world, runtime = env.model_copy(deep=True), FunctionsRuntime(self._suite.tools)
        for at, wish in enumerate(gold, 1):
            result, _ = runtime.run_function(world, wish.tool, wish.args)
            if MARK in tool_result_to_str(result):
                return at
        return len(gold) // 2

    def left_by_reading(self, user: Any) -> Any:
        """The world of a task after those of its calls were made that no contract guards."""
        world, runtime = user.init_environment(self.environment({})), FunctionsRuntime(self._suite.tools)
        for wish in wishes(user.ground_truth(world)):
            if not self.tools[wish.tool].guarded:
                runtime.run_function(world, wish.tool, wish.args)
        return world

    def run(
        self, desk: Desk, user: Any, injection: Any | None, injections: Mapping[str, str],
        prepare: Prepare,
    ) -> Verdict:  # fmt: skip
        """Let an agent work on a task, with an attacker's texts in its world."""
        pipeline = _Pipeline(desk, prepare)
        utility, attack = self._suite.run_task_with_pipeline(
            pipeline, user, injection, dict(injections), environment=self.environment(injections)
        )
        return Verdict(utility, attack, pipeline.played, pipeline.environment)


class Agents:
    """The agents of one task. A contract is made once, unless the world changes what solves the task."""

    def __init__(self, suite: Suite, task: str) -> None:
        self._suite, self._task = suite, task
        self._made: dict[tuple[str, bytes], Agent[dict[str, Json], str]] = {}

    def under(self, terms: Terms, gold: Sequence[Wish]) -> Agent[dict[str, Json], str]:
        """The agent that works on the task under these terms."""
        key = terms.__name__, codec.canonical([[wish.tool, wish.args] for wish in gold])
        if key not in self._made:
            name = f"{self._suite.name}-{self._task}-{terms.__name__}-{len(self._made)}"
            self._made[key] = agent_of(name, self._suite.kits, terms(self._suite.tools, gold))
        return self._made[key]


class _Bare(BasePipelineElement):
    """Stands where an attack wants to know whom it attacks; this one does not ask."""

    name = "holdfast"

    def query(self, *given: Any, **named: Any) -> Any:
        raise NotImplementedError


class _Pipeline(BasePipelineElement):
    """An agent under a contract, as AgentDojo runs agents."""

    name = "holdfast"

    def __init__(self, desk: Desk, prepare: Prepare) -> None:
        self._desk, self._prepare = desk, prepare
        self.played: Played
        self.environment: Any = None

    def query(
        self, query: str, runtime: Any, env: Any = None, messages: Sequence[Any] = (), extra_args: Any = None
    ) -> Any:
        """Play the script; tell AgentDojo of the calls that were carried out, and of no others."""

        def carry(wish: Wish) -> tuple[str, str]:
            result, error = runtime.run_function(env, wish.tool, wish.args)
            return tool_result_to_str(result), error or ""

        agent, script, decide = self._prepare(env)
        self.played, self.environment = self._desk.play(agent, query, script, carry, decide), env
        said = [message for one in self.played.carried for message in _told(one.wish, one.answer, one.error)]
        last = {"role": "assistant", "content": [text_content_block_from_string(script.answer)], "tool_calls": None}
        return query, runtime, env, [*messages, *said, last], extra_args or {}


def _told(wish: Wish, answer: str, error: str) -> Iterator[dict[str, Any]]:
    call = FunctionCall(function=wish.tool, args=wish.args)
    yield {"role": "assistant", "content": [text_content_block_from_string("")], "tool_calls": [call]}
    content = [text_content_block_from_string(answer)]
    yield {"role": "tool", "content": content, "tool_call": call, "tool_call_id": None, "error": error or None}


def wishes(calls: Sequence[Any]) -> list[Wish]:
    """AgentDojo's calls as ours."""
    return [Wish(call.function, dict(call.args)) for call in calls]


@lru_cache(maxsize=16)
def suite_of(pack: Path, version: str, name: str) -> Suite | None:
    """A suite; None where nobody says what its tools do."""
    tools = catalog(pack, name)
    return Suite(version, name, tools) if tools is not None else None
