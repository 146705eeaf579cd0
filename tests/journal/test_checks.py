from __future__ import annotations

import pytest

from holdfast.errors import Bug, JournalFull
from holdfast.events import Hold
from holdfast.journal.checks import again, check, fits, live
from holdfast.journal.port import Where
from holdfast.testing.journal_contract import a_batch, a_row


def test_a_refused_batch_says_which():
    with pytest.raises(Bug, match=r"ends at entry 5 .* run r as of entry 4 \(run r, entry 5\)"):
        check(a_batch("r", 3, 2, row=a_row("r", 4)))


def test_an_error_made_again_is_another_object_that_says_the_same():
    error = JournalFull("no room", hint="make some")
    other = again(error, "r")
    assert other is not error
    assert isinstance(other, JournalFull)
    assert (other.what, other.hint, other.run) == ("no room", "make some", "r")


def test_a_row_before_the_cursor_is_older_or_of_a_lower_name():
    assert fits(a_row("b", 1, opened=3), Where(before=(3, "c")), {})
    assert not fits(a_row("c", 1, opened=3), Where(before=(3, "c")), {})
    assert not fits(a_row("a", 1, opened=4), Where(before=(3, "c")), {})


def test_what_counts_goes_by_name_and_end():
    holds = [Hold("n", 2), Hold("n", 3), Hold("n", 4, 11), Hold("n", 5, 10), Hold("m", 0, 12), Hold("m", 1, 12)]
    assert live(holds, 10) == {("n", 0): 5, ("n", 11): 4, ("m", 12): 1}
    assert live([], 10) == {}
