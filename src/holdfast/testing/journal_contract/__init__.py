"""What every journal store must do, as tests: inherit `JournalContract` and say how a store is opened.

    class TestMine(JournalContract):
        def open(self) -> Journal:
            return MyJournal(...)

`open` gives a new, empty journal. A store that several processes can use also gives, in `again`, a second journal on
the same store; what needs one is skipped elsewhere. Put `pytest.register_assert_rewrite` for this module into your
`conftest.py` to see what differed.
"""

from __future__ import annotations

from holdfast.testing.journal_contract.appending import Appending
from holdfast.testing.journal_contract.durability import Durability
from holdfast.testing.journal_contract.holding import Holding
from holdfast.testing.journal_contract.keeping import Keeping
from holdfast.testing.journal_contract.living import Living
from holdfast.testing.journal_contract.story import a_batch, a_row, until

__all__ = ["JournalContract", "a_batch", "a_row", "until"]


class JournalContract(Appending, Durability, Holding, Keeping, Living):
    """All of the tests."""
