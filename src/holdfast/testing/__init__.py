"""What tests of agents, and of journal stores, are made with.

* `script`, `call`, `done`, `say`, `ask`, `decline`, `fail`: a model that says what a test wants it to say.
* `TestRunner`: an agent over a journal in memory, with people and time played by the test; `playbook`: the course it expects.
* `load`: the agent in a folder, with its stand-in.
* `holdfast.testing.journal_contract`: the conformance suite every journal store passes.
* `holdfast.testing.sim`: a deterministic simulator over the real core and shell, and its command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.models.scripted import ask, call, decline, done, fail, raw, say, script, script_by

if TYPE_CHECKING:
    from holdfast.shell.folder import load
    from holdfast.testing.lines import course
    from holdfast.testing.plays import playbook
    from holdfast.testing.ran import Made, Ran
    from holdfast.testing.runner import TestRunner

_HOMES = {
    "load": "holdfast.shell.folder",
    "course": "holdfast.testing.lines",
    "playbook": "holdfast.testing.plays",
    "Made": "holdfast.testing.ran",
    "Ran": "holdfast.testing.ran",
    "TestRunner": "holdfast.testing.runner",
}
"""Name → the module it lives in: whoever wants a script only loads no runner."""

__all__ = [
    "Made",
    "Ran",
    "TestRunner",
    "ask",
    "call",
    "course",
    "decline",
    "done",
    "fail",
    "load",
    "playbook",
    "raw",
    "say",
    "script",
    "script_by",
]


def __getattr__(name: str) -> Any:
    """Import a name from where it lives."""
    if name not in _HOMES:
        raise AttributeError(f"module 'holdfast.testing' has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return found
