"""What has to happen before any test module is imported."""

from __future__ import annotations

import pytest

# The conformance suite is shipped, and is a test all the same: its assertions should explain themselves.
for part in ("appending", "durability", "keeping", "living"):
    pytest.register_assert_rewrite(f"holdfast.testing.journal_contract.{part}")
