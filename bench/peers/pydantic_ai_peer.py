"""Pydantic AI alone: an Agent over a FunctionModel with one tool. Nothing is durable."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from pydantic_ai import Agent, Tool
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.usage import UsageLimits

from bench import workload
from bench.peers.harness import Peer, main


class PydanticAiPeer(Peer):
    """Pydantic AI, in memory."""

    name = "pydantic-ai"
    distributions: ClassVar[tuple[str, ...]] = ("pydantic-ai-slim",)
    modules: ClassVar[tuple[str, ...]] = ("pydantic_ai", "pydantic_ai.models.function")
    durable = False
    _agent: Agent[None, str]

    def function_model(self) -> FunctionModel:
        """The local model; the step follows from the length of the conversation."""

        async def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
            step = len(messages) // 2
            text = self.model(step)
            if text is None:
                return ModelResponse(parts=[TextPart(workload.FINAL)])
            arguments = {"query": workload.query(step)}
            call = ToolCallPart(workload.TOOL_NAME, arguments, tool_call_id=workload.call_id(step))
            return ModelResponse(parts=[TextPart(text), call])

        return FunctionModel(answer)

    async def lookup(self, query: str) -> str:
        """Look one item up."""
        return self.tool(query)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """The agent, made once for all runs."""
        tool = Tool(self.lookup, name=workload.TOOL_NAME)
        self._agent = Agent(self.function_model(), instructions=workload.SYSTEM, tools=[tool])
        yield

    async def one(self, key: str) -> str:
        """One run of the agent."""
        limits = UsageLimits(request_limit=self.steps + 1)
        return (await self._agent.run(workload.USER, usage_limits=limits)).output


if __name__ == "__main__":
    main(PydanticAiPeer)
