"""What tests of agents, and of journal stores, are made with.

* `script`, `call`, `done`, `say`, `ask`, `decline`, `fail`: a model that says what a test wants it to say.
* `holdfast.testing.journal_contract`: the conformance suite every journal store passes.
* `holdfast.testing.sim`: a deterministic simulator over the real core and shell, and its command line.
"""

from __future__ import annotations

from holdfast.models.scripted import ask, call, decline, done, fail, raw, say, script, script_by

__all__ = ["ask", "call", "decline", "done", "fail", "raw", "say", "script", "script_by"]
