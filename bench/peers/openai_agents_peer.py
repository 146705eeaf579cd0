"""OpenAI Agents: an Agent over a model class of our own with one function tool. Nothing is durable."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from agents import Agent, Model, ModelResponse, RunConfig, Runner, Usage, function_tool, set_tracing_disabled
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from bench import workload
from bench.peers.harness import Peer, main


def message(step: int, text: str) -> ResponseOutputMessage:
    """What the model says."""
    part = ResponseOutputText(text=text, type="output_text", annotations=[], logprobs=[])
    return ResponseOutputMessage(id=f"msg_{step}", type="message", role="assistant", status="completed", content=[part])


class LocalModel(Model):
    """The local model; the step follows from the length of the conversation."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def get_response(self, *_: Any, **request: Any) -> ModelResponse:
        """Answer: the user's item, then three items for every step before this one."""
        items = request["input"]
        step = 0 if isinstance(items, str) else (len(items) - 1) // 3
        text = self._peer.model(step)
        if text is None:
            return ModelResponse(output=[message(step, workload.FINAL)], usage=Usage(), response_id=None)
        call = ResponseFunctionToolCall(
            id=f"fc_{step}",
            call_id=workload.call_id(step),
            type="function_call",
            name=workload.TOOL_NAME,
            arguments=json.dumps({"query": workload.query(step)}),
        )
        return ModelResponse(output=[message(step, text), call], usage=Usage(), response_id=None)

    def stream_response(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        """No run here streams."""
        raise NotImplementedError


class OpenAiAgentsPeer(Peer):
    """OpenAI Agents, in memory, tracing off."""

    name = "openai-agents"
    distributions = ("openai-agents",)
    modules = ("agents",)
    durable = False
    _agent: Agent[None]

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """The agent, made once for all runs."""
        set_tracing_disabled(disabled=True)

        @function_tool(name_override=workload.TOOL_NAME)
        async def lookup(query: str) -> str:
            """Look one item up."""
            return self.tool(query)

        self._agent = Agent(name="bench", instructions=workload.SYSTEM, model=LocalModel(self), tools=[lookup])
        yield

    async def one(self, key: str) -> str:
        """One run of the agent."""
        config = RunConfig(tracing_disabled=True)
        end = await Runner.run(self._agent, workload.USER, max_turns=self.steps + 1, run_config=config)
        return str(end.final_output)


if __name__ == "__main__":
    main(OpenAiAgentsPeer)
