"""Real processes of a parent and its children, killed with SIGKILL at every append: one outcome, and no effect twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys


def test_a_parent_or_a_child_killed_at_any_append_ends_once_and_pays_once(tmp_path):
    line = [sys.executable, "-m", "tests.processes.family", str(tmp_path)]
    ran = subprocess.run(line, capture_output=True, text=True, timeout=120, check=True)
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(found) > 20, ran.stderr
    for one in found:
        assert one["signal"] == signal.SIGKILL, one
        assert one["then"] == {
            "ends": "Done", "runs": ["boss", "payer", "payer"], "outcomes": ["done"], "paid": ["a", "b"],
        }, one  # fmt: skip
