"""The world of the researcher beside it: the same folder, and one notebook for all."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))  # the package is there, if nobody has loaded it yet

from research_brief.world import world

__all__ = ["world"]
