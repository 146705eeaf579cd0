"""The world of the reviewer beside it: the same incidents, and one board for all."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))  # the package is there, if nobody has loaded it yet

from incident_review.world import world

__all__ = ["world"]
