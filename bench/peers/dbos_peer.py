"""DBOS: one workflow per run, every model answer and every tool call a step, in SQLite.

DBOS opens SQLite with a rollback journal; the file is switched to WAL beforehand, which makes it faster and
changes no promise. The synchronous face and the concurrent one have steps and workflows of their own.
"""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

from dbos import DBOS, DBOSConfig, SetWorkflowID, WorkflowHandle

from bench import workload
from bench.peers.harness import Peer, main


def configuration(database: Path) -> DBOSConfig:
    """Everything local: no conductor, no export of traces, the same executor in every process."""
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    return {
        "name": "bench",
        "system_database_url": f"sqlite:///{database}",
        "application_version": "1",
        "executor_id": "bench",
        "enable_otlp": False,
        "log_level": "ERROR",
    }


def launch() -> None:
    """Start DBOS quietly; it takes up this executor's unfinished workflows by itself."""
    logging.getLogger("dbos").setLevel(logging.ERROR)
    DBOS.launch()
    logging.getLogger("dbos").setLevel(logging.ERROR)


def call_of(step: int) -> dict[str, str]:
    """The tool call of this step."""
    return {"id": workload.call_id(step), "name": workload.TOOL_NAME, "query": workload.query(step)}


class DbosPeer(Peer):
    """DBOS with its SQLite system database."""

    name = "dbos"
    distributions = ("dbos",)
    modules = ("dbos",)
    durable = True
    modes = ("solo", "concurrent", "threads", "resume")
    _blocking: Callable[[str], str]
    _concurrent: Callable[[str], Coroutine[None, None, str]]

    def _register(self) -> None:
        @DBOS.step(name="model")
        def ask(step: int) -> str | None:
            return self.model(step)

        @DBOS.step(name="tool")
        def look_up(call: dict[str, str]) -> str:
            return self.tool(call["query"])

        @DBOS.workflow(name="agent")
        def agent(user: str) -> str:
            messages: list[object] = [workload.SYSTEM, user]
            step = 0
            while (text := ask(step)) is not None:
                call = call_of(step)
                messages += [text, call, look_up(call)]
                step += 1
            return workload.FINAL

        self._blocking = agent

    def _register_async(self) -> None:
        @DBOS.step(name="model")
        async def ask(step: int) -> str | None:
            return self.model(step)

        @DBOS.step(name="tool")
        async def look_up(call: dict[str, str]) -> str:
            return self.tool(call["query"])

        @DBOS.workflow(name="agent")
        async def agent(user: str) -> str:
            messages: list[object] = [workload.SYSTEM, user]
            step = 0
            while (text := await ask(step)) is not None:
                call = call_of(step)
                messages += [text, call, await look_up(call)]
                step += 1
            return workload.FINAL

        self._concurrent = agent

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """DBOS launched over the database of this measurement."""
        DBOS(config=configuration(self.database))
        if self.mode == "concurrent":
            self._register_async()
        else:
            self._register()
        launch()
        try:
            yield
        finally:
            DBOS.destroy(destroy_registry=True)

    async def one(self, key: str) -> str:
        """One workflow under this id."""
        if self.mode != "concurrent":
            return await asyncio.to_thread(self.blocking, key)
        with SetWorkflowID(key):
            return await self._concurrent(workload.USER)

    def blocking(self, key: str) -> str:
        """The same through synchronous functions."""
        with SetWorkflowID(key):
            return self._blocking(workload.USER)

    async def resume(self, key: str) -> str:
        """The workflow that launching took up again."""
        handle: WorkflowHandle[str] = await asyncio.to_thread(DBOS.retrieve_workflow, key)
        return await asyncio.to_thread(handle.get_result)


if __name__ == "__main__":
    main(DbosPeer)
