"""holdfast: run AI agents in production as disciplined operators.

Each name is imported from its module when it is first used, so that `import holdfast` itself costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast import tool
    from holdfast.agent import Agent
    from holdfast.files import Attachment
    from holdfast.models.scripted import ask, call, decline, done, fail, say, script
    from holdfast.programs import program
    from holdfast.shell.attach import attach
    from holdfast.shell.opening import run_agent, run_sync
    from holdfast.shell.run import Cancelled, Declined, Done, Escalated, Failed, Run, Stopped, Waiting
    from holdfast.shell.runner import Runner
    from holdfast.shell.workspace import workspace
    from holdfast.teams import team

_HOMES = {
    "tool": "",
    "Agent": "agent",
    "Attachment": "files",
    **dict.fromkeys(("ask", "call", "decline", "done", "fail", "say", "script"), "models.scripted"),
    "attach": "shell.attach",
    **dict.fromkeys(("run_agent", "run_sync"), "shell.opening"),
    **dict.fromkeys(("Cancelled", "Declined", "Done", "Escalated", "Failed", "Run", "Stopped", "Waiting"), "shell.run"),
    "Runner": "shell.runner",
    "program": "programs",
    "workspace": "shell.workspace",
    "team": "teams",
}
"""Name → the module it lives in."""

__all__ = [
    "Agent",
    "Attachment",
    "Cancelled",
    "Declined",
    "Done",
    "Escalated",
    "Failed",
    "Run",
    "Runner",
    "Stopped",
    "Waiting",
    "ask",
    "attach",
    "call",
    "decline",
    "done",
    "fail",
    "program",
    "run_agent",
    "run_sync",
    "say",
    "script",
    "team",
    "tool",
    "workspace",
]


def __getattr__(name: str) -> Any:
    """Import a public name from where it lives."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'holdfast' has no attribute {name!r}")
    value = import_module(f"holdfast.{home}") if home else None
    found = import_module(f"holdfast.{name}") if value is None else getattr(value, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
