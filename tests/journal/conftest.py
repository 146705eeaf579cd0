from __future__ import annotations

import pytest

for part in ("appending", "durability", "keeping", "living"):
    pytest.register_assert_rewrite(f"holdfast.testing.journal_contract.{part}")
