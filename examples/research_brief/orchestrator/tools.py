"""What the orchestrator takes, gives and writes is what the researcher beside it does; it reads nothing itself."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))  # the package is there, if nobody has loaded it yet

from research_brief.tools import Brief, Question, cite, resources

__all__ = ["Brief", "Question", "cite", "resources"]
