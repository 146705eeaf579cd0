"""The legal moves of a call: the table is all there is, and all of it happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.codec import KINDS
from holdfast.core import desk as people
from holdfast.core.state import MOVES, QUIET, STATUSES, Status, move
from holdfast.errors import Bug
from holdfast.events import Inline, ProgramCalled
from holdfast.models.scripted import call
from holdfast.programs import program
from tests.core.story import Story, desk, order, refund
from tests.core.walk import Walk, observed

PAY = call("refund", order="A-1", cents=4)


def started(**options) -> Story:
    run = Story(desk(refund(**options)))
    run.asks_for(PAY)
    run.then("CallAsked refund", "CallJudged allow", "CallStarted 1")
    return run


def in_doubt(**options) -> Story:
    run = started(**options)
    run.breaks("unknown", "unknown", ended=False)
    while run.call("refund").status != "doubt":
        if "look up refund" in run.world():
            run.looked("cannot_tell")
        elif run.call("refund").status == "running":
            run.breaks("unknown", "unknown", ended=False)
        run.after("1m")
        run.settle_down()
    return run


def exhausted() -> Story:
    run = started()
    run.breaks("not_done")
    run.then("CallJudged review surprises.exhausted", "PersonAsked surprise")
    return run


def retried_by_a_person() -> None:
    run = exhausted()
    run.person("retry")
    run.then("CallStarted 2")


def told_by_a_person() -> None:
    exhausted().person("tell")


def settled_and_tried_under_the_same_key() -> None:
    run = in_doubt(keyed=True)
    run.settles("did_not")
    assert run.call("refund").status == "cleared"


def settled_in_every_way() -> None:
    for verdict in ("happened", "did_not", "stop"):
        in_doubt().settles(verdict)


def late_while_in_doubt() -> None:
    """Of several attempts, one that did nothing says nothing about the others; the only one says it all."""
    run = in_doubt(keyed=True)
    for error, fate in (("raised", "unknown"), ("raised", "not_done")):
        run.late(None, run.call("refund").seq, error=error, fate=fate)
        assert run.call("refund").status == "doubt"
    run.late({"id": "re"}, run.call("refund").seq)
    assert run.call("refund").ok
    run = in_doubt()
    run.late(None, run.call("refund").seq, error="raised", fate="not_done")
    assert run.call("refund").status == "answered"
    assert not run.call("refund").ok


def late_before_there_is_a_doubt() -> None:
    run = started(times=2)
    run.breaks("timeout", "unknown", ended=False)
    run.late(None, run.call("refund").seq, error="ended", fate="not_done")
    run.after("1m").then("CallStarted 2")
    run = started(keyed=True)
    run.breaks("timeout", "unknown", ended=False)
    run.after("1m").then("CallStarted 2")
    run.breaks("timeout", "unknown", ended=False)
    for fate in ("unknown", "not_done"):
        run.late(None, run.call("refund").seq, error="raised", fate=fate)
        assert run.call("refund").status == "unsure"


def looked_up_while_in_doubt() -> None:
    """Two workers may have asked the other system at once: the second answer comes when the first raised the doubt."""
    run = in_doubt(lookup=True)
    for answer in ("absent", "cannot_tell", "pending"):
        run.looked(answer)
        assert run.call("refund").status == "doubt"
    run.looked("found", {"id": "re"})
    assert run.call("refund").ok


def a_read_that_cannot_tell_is_put_before_a_person() -> None:
    run = Story(desk(order()))
    run.asks_for(call("get_order", order="A-1"))
    run.then("CallAsked get_order", "CallJudged allow", "CallStarted 1")
    for attempt in (2, 3):
        run.breaks("unknown", "unknown")
        run.after("1m").then(f"CallStarted {attempt}")
    run.breaks("unknown", "unknown")
    run.then("CallJudged review surprises.exhausted", "PersonAsked surprise")


def failed_before_a_restore() -> None:
    """The attempt after it may stand in what was lost."""
    run = started(times=2)
    run.breaks("not_done")
    assert run.call("refund").status == "failed"
    run.epoch = 2
    run.settle_down()
    assert run.call("refund").status == "doubt"


def answered_by_a_child_run() -> None:
    run = Story(desk(desk(order()).as_tool("helper")))
    run.asks_for(call("helper"))
    run.then("CallAsked helper", "CallJudged allow", "ChildOpened")
    run.closes({"status": "ok"})
    assert run.call("helper").ok


def called_by_a_program() -> None:
    run = Story(desk(order(), program()))
    run.asks_for(call("compute", code="get_order('A-1')"))
    run.then("CallAsked compute", "CallJudged allow", "CallStarted 1")
    run.fact(ProgramCalled(run.call("compute").seq, 1, 1, "get_order", Inline({"order": "A-1"}), "it 1"))
    run.then("CallAsked get_order", "CallJudged allow", "CallStarted 1")
    run.returns({}, "get_order")
    run.then("CallStarted 2")
    assert run.state.spent.retries == 0


def asked_back_by_a_reviewer() -> None:
    run = Story(desk((refund(), {"review": [{"because": "people decide"}]})))
    run.asks_for(PAY)
    run.settle_down()
    run.append(people.ask_back(run.state, run.question().seq, "why?", "rita", run.at, "agent"), actor="rita")
    assert run.call("refund").status == "answered"


RARE: list[Callable[[], None]] = [
    retried_by_a_person, told_by_a_person, settled_and_tried_under_the_same_key, settled_in_every_way, late_while_in_doubt, late_before_there_is_a_doubt,
    looked_up_while_in_doubt, failed_before_a_restore, a_read_that_cannot_tell_is_put_before_a_person,
    answered_by_a_child_run, called_by_a_program, asked_back_by_a_reviewer,
]  # fmt: skip


def test_every_line_of_the_table_happens(monkeypatch):
    """What random runs of every kind meet, and a few rare things told on purpose. A line nobody can reach is no rule."""
    moves: set[tuple[str, str]] = set()

    def play():
        for seed in range(200):
            Walk(seed).go(60)
        for story in RARE:
            story()

    observed(play, moves, monkeypatch)
    assert set(MOVES) - moves == set()


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2**32))
def test_whatever_happens_in_whatever_order_the_rules_hold(seed):
    """`Walk` says which: money, one write at a time, keys, counts, messages heard, nothing forgotten, nothing stuck."""
    Walk(seed).go(60)


# ------------------------------------------------------------------------------------------------------- the table


def test_every_status_is_explained_and_used():
    assert set(STATUSES) == set(get_args(Status))
    assert {status for status, _ in MOVES} | set(MOVES.values()) == set(STATUSES)


def test_a_call_that_is_answered_moves_no_more():
    assert not [pair for pair in MOVES if pair[0] == "answered"]


def test_every_call_can_be_answered_from_wherever_it_is():
    ends = {"answered"}
    for _ in STATUSES:
        ends |= {before for (before, _), after in MOVES.items() if after in ends}
    assert ends == set(STATUSES)


def test_a_write_of_unknown_outcome_has_no_way_back_to_surely_not_done():
    """SEMANTICS rule 21."""
    back = [pair for pair, after in MOVES.items() if pair[0] in ("unsure", "doubt") and after == "failed"]
    assert back in ([], [("unsure", "CallReturnedLate settled")]), "or the attempt itself said so in the end"
    assert not [pair for pair in MOVES if pair[0] == "doubt" and pair[1] in ("CallStarted", "CallJudged refuse")]


def test_only_what_a_person_may_let_go_starts():
    assert {before for (before, entry) in MOVES if entry == "CallStarted"} == {"cleared", "failed", "unsure"}


def test_the_words_of_the_table_are_words_of_the_vocabulary():
    meant = {
        "CallSettled retry": "a `did_not` about a call whose key the other system still honours",
        "CallReturnedLate settled": "a `not_done` that comes to the only attempt there was",
        "CallReturned started": "a `CallReturned` whose completeness is `started`",
    }
    for _, entry in MOVES:
        kind, _, word = entry.partition(" ")
        if word and entry not in meant:
            hints = (get_args(field.type) for field in msgspec.structs.fields(KINDS[kind]))
            words = {word for hint in hints for part in hint for word in (part, *get_args(part))}
            assert word in words, entry


@pytest.mark.parametrize("status", STATUSES)
def test_what_the_table_does_not_have_is_no_move(status):
    entries = {entry for _, entry in MOVES} | QUIET
    for entry in entries:
        if (status, entry) in MOVES:
            assert move("r", 7, status, entry) == MOVES[status, entry]
        elif entry in QUIET:
            assert move("r", 7, status, entry) == status
        else:
            with pytest.raises(Bug, match=rf"{status}.*{entry}.*run r, entry 7"):
                move("r", 7, status, entry)


def test_only_what_comes_from_outside_at_any_time_may_move_nothing():
    assert {entry.partition(" ")[0] for entry in QUIET} == {"CallReturnedLate", "CallLookedUp"}
