"""The waterfall: every bar is where its step was, and long waiting is cut out of the axis and named."""

from __future__ import annotations

import pytest

from holdfast import units
from holdfast.testing.sim import play
from holdfast.views.record import Turn
from holdfast.views.trace import trace
from holdfast.views.waterfall import waited, waterfall


def moved(entries, seq, by):
    """A story in which everything from entry `seq` on came later."""
    import msgspec

    return [msgspec.structs.replace(entry, at=entry.at + by) if entry.seq >= seq else entry for entry in entries]


@pytest.mark.parametrize("seed", range(5, 120, 23))
def test_bars_of_a_simulated_life_lie_on_the_axis_in_order(seed):
    for entries in play(seed, decisions=False).history.runs.values():
        for count in {len(entries) // 2 or 1, len(entries)}:
            seen = trace(entries[:count])
            fall = waterfall(seen)
            for span in (one for found in fall.spans.values() for one in found):
                (begin, before), (end, after) = fall.place(span.begin), fall.place(span.end)
                assert 0 <= begin <= end <= fall.length
                assert before <= after
                assert span.kind == "wait" or end - begin == span.end - span.begin, "work is never cut"
            assert fall.length + sum(gap.long for gap in fall.gaps) in (fall.end - fall.begin, 1)


def test_every_step_and_every_attempt_has_its_bar(desk):
    for entries in desk.values():
        seen = trace(entries)
        fall = waterfall(seen)
        asked = {one.seq for item in seen.items if isinstance(item, Turn) for one in item.asked}
        tried = {one.seq for call in seen.calls.values() for one in call.tried}
        assert {(seen.run, seq) for seq in asked | tried} <= set(fall.spans)


def test_three_days_for_a_person_leave_the_bars_as_they_were(desk):
    entries = desk["mail:0017"]
    seen = trace(entries)
    question = next(iter(seen.questions.values()))
    late = trace(moved(entries, question.voices[0].seq, 3 * units.DAY))
    fall = waterfall(late)
    assert [gap.why for gap in fall.gaps] == ["finance"]
    assert "3d" in fall.told()
    assert "waiting for finance" in fall.told()
    assert fall.length < 10 * units.SECOND
    assert waited(late, late.questions[question.seq]) >= 3 * units.DAY
    begin, cuts = fall.place(late.moments[-1])
    assert (begin <= fall.length, cuts) == (True, 1)


def test_a_moment_inside_a_cut_stands_where_the_cut_is(desk):
    seen = trace(moved(desk["mail:0017"], 17, units.DAY))
    fall = waterfall(seen)
    gap = fall.gaps[0]
    assert fall.place(gap.begin + gap.long // 2) == fall.place(gap.begin - 1 + 1)
    assert fall.place(gap.end)[0] == fall.place(gap.begin)[0]
    assert fall.place(gap.end)[1] == fall.place(gap.begin)[1] + 1


def test_a_day_without_a_worker_is_cut_and_said_to_be_nothing(desk):
    entries = desk["mail:0002"]
    answered = next(
        entry.seq for entry in entries if type(entry.event).__name__ == "ModelAsked" and entry.event.step == 2
    )
    fall = waterfall(trace(moved(entries, answered, units.DAY)))
    assert [gap.why for gap in fall.gaps] == ["nothing"]
    assert "in which nothing went on" in fall.told()


def test_short_waits_stay(desk):
    assert waterfall(trace(desk["mail:0002"])).gaps == ()
    assert waterfall(trace(desk["mail:0002"])).told() == ""
