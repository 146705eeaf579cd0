"""Pydantic AI with DBOS: the agent inside a DBOS workflow, every model request and every tool call a step.

Pydantic AI's own durability makes steps of the model requests only; the tool is made one here, because the
other durable peers record their tools too.
"""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

from dbos import DBOS, SetWorkflowID
from pydantic_ai import Agent, Tool
from pydantic_ai.durable_exec.dbos import DBOSDurability
from pydantic_ai.usage import UsageLimits

from bench import workload
from bench.peers.dbos_peer import configuration, launch
from bench.peers.harness import main
from bench.peers.pydantic_ai_peer import PydanticAiPeer


class PydanticAiDbosPeer(PydanticAiPeer):
    """Pydantic AI, made durable by DBOS."""

    name = "pydantic-ai+dbos"
    distributions = ("pydantic-ai-slim", "dbos")
    modules = ("pydantic_ai", "pydantic_ai.durable_exec.dbos", "pydantic_ai.models.function")
    durable = True
    _flow: Callable[[str], Coroutine[None, None, str]]

    def _register(self) -> None:
        @DBOS.step(name="tool")
        async def recorded(query: str) -> str:
            return self.tool(query)

        async def lookup(query: str) -> str:
            """Look one item up."""
            return await recorded(query)

        agent = Agent(
            self.function_model(),
            name="bench",
            instructions=workload.SYSTEM,
            tools=[Tool(lookup, name=workload.TOOL_NAME)],
            capabilities=[DBOSDurability()],
        )

        @DBOS.workflow(name="agent")
        async def flow(user: str) -> str:
            limits = UsageLimits(request_limit=self.steps + 1)
            return (await agent.run(user, usage_limits=limits)).output

        self._flow = flow

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """The agent and the workflow around it, and DBOS launched."""
        DBOS(config=configuration(self.database))
        self._register()
        launch()
        try:
            yield
        finally:
            DBOS.destroy(destroy_registry=True)

    async def one(self, key: str) -> str:
        """One workflow under this id."""
        with SetWorkflowID(key):
            return await self._flow(workload.USER)


if __name__ == "__main__":
    main(PydanticAiDbosPeer)
