"""holdfast: run AI agents in production as disciplined operators."""

from __future__ import annotations

from holdfast import tool
from holdfast.agent import Agent
from holdfast.models.scripted import ask, call, decline, done, fail, say, script
from holdfast.shell.attach import attach
from holdfast.shell.opening import run_agent, run_sync
from holdfast.shell.run import Cancelled, Declined, Done, Escalated, Failed, Run, Stopped, Waiting
from holdfast.shell.runner import Runner

__all__ = [
    "Agent",
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
    "run_agent",
    "run_sync",
    "say",
    "script",
    "tool",
]  # fmt: skip
