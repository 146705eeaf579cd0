"""LangGraph: a StateGraph of a model node and a tool node, every step checkpointed to SQLite before the next.

`durability="sync"` is its strongest promise. The synchronous face is `SqliteSaver` and `invoke`, the other
is `AsyncSqliteSaver` and `ainvoke`; the nodes are asynchronous there, so that no call needs a thread.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, TypedDict

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.graph.state import CompiledStateGraph

from bench import workload
from bench.peers.harness import Peer, main


class State(TypedDict):
    """The conversation after the system prompt."""

    messages: Annotated[list[AnyMessage], add_messages]


Graph = CompiledStateGraph[State, None, State, State]


def after_model(state: State) -> str:
    """To the tool if one was called, else to the end."""
    last = state["messages"][-1]
    return "tool" if isinstance(last, AIMessage) and last.tool_calls else END


class LangGraphPeer(Peer):
    """LangGraph with its SQLite checkpointer."""

    name = "langgraph"
    distributions = ("langgraph",)
    modules = ("langgraph.graph", "langgraph.checkpoint.sqlite")
    durable = True
    modes = ("solo", "concurrent", "threads", "resume")
    _graph: Graph

    def answer(self, state: State) -> State:
        """The model node: the prompt is put together, and the local model answers."""
        prompt: list[AnyMessage] = [SystemMessage(workload.SYSTEM), *state["messages"]]
        step = len(prompt) // 2 - 1
        text = self.model(step)
        if text is None:
            return {"messages": [AIMessage(workload.FINAL)]}
        call = {
            "id": workload.call_id(step),
            "name": workload.TOOL_NAME,
            "args": {"query": workload.query(step)},
        }
        return {"messages": [AIMessage(text, tool_calls=[call])]}

    def look_up(self, state: State) -> State:
        """The tool node."""
        last = state["messages"][-1]
        assert isinstance(last, AIMessage)
        call = last.tool_calls[0]
        return {"messages": [ToolMessage(self.tool(call["args"]["query"]), tool_call_id=call["id"])]}

    async def async_answer(self, state: State) -> State:
        """The model node, without a thread."""
        return self.answer(state)

    async def async_look_up(self, state: State) -> State:
        """The tool node, without a thread."""
        return self.look_up(state)

    def build(self, saver: BaseCheckpointSaver[str]) -> Graph:
        """The graph over this saver."""
        builder = StateGraph(State)
        if self.mode == "concurrent":
            builder.add_node("model", self.async_answer)
            builder.add_node("tool", self.async_look_up)
        else:
            builder.add_node("model", self.answer)
            builder.add_node("tool", self.look_up)
        builder.add_edge(START, "model")
        builder.add_conditional_edges("model", after_model, ["tool", END])
        builder.add_edge("tool", "model")
        return builder.compile(checkpointer=saver)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """A saver on the database of this measurement."""
        if self.mode == "concurrent":
            async with AsyncSqliteSaver.from_conn_string(str(self.database)) as saver:
                await saver.setup()
                self._graph = self.build(saver)
                yield
        else:
            with SqliteSaver.from_conn_string(str(self.database)) as saver:
                saver.setup()
                self._graph = self.build(saver)
                yield

    def config(self, key: str) -> RunnableConfig:
        """The run's thread, and room for all its steps."""
        return {"configurable": {"thread_id": key}, "recursion_limit": 2 * self.steps + 10}

    async def one(self, key: str) -> str:
        """One thread of the graph, from the user's message on."""
        if self.mode != "concurrent":
            return self.blocking(key)
        state: State = {"messages": [HumanMessage(workload.USER)]}
        end = await self._graph.ainvoke(state, self.config(key), durability="sync")
        return str(end["messages"][-1].content)

    def blocking(self, key: str) -> str:
        """The same through the synchronous saver."""
        state: State = {"messages": [HumanMessage(workload.USER)]}
        end = self._graph.invoke(state, self.config(key), durability="sync")
        return str(end["messages"][-1].content)

    async def resume(self, key: str) -> str:
        """The same thread again, from its last checkpoint."""
        end = self._graph.invoke(None, self.config(key), durability="sync")
        return str(end["messages"][-1].content)


if __name__ == "__main__":
    main(LangGraphPeer)
