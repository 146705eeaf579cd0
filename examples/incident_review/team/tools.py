"""What the team takes, gives and uses: the tools of the reviewer beside it, and a review that cites."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from pydantic import Field

from holdfast.teams import Brief, Posts, Round

sys.path.append(str(Path(__file__).resolve().parents[2]))  # the package is there, if nobody has loaded it yet

from incident_review.tools import (
    Incident,
    Review,
    deploys,
    grep_logs,
    list_logs,
    metric,
    pin,
    read_log,
    resources,
)

__all__ = [
    "Brief", "CitedReview", "Incident", "Posts", "Round", "deploys", "grep_logs", "list_logs", "metric", "pin", "read_log",
    "resources",
]  # fmt: skip


class CitedReview(Review):
    """What happened, and the posts that say so."""

    cites: Annotated[list[str], Field(description="Ids of the posts it rests on")]
