"""The world of the desk beside it: one shop for the orchestrator and all it calls."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))  # the package is there, if nobody has loaded it yet

from refund_desk.world import world

__all__ = ["world"]
