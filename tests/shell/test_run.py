"""What a user holds of a run: how it ended, or on whom it waits."""

from __future__ import annotations

import pytest

from holdfast import Cancelled, Declined, Done, Escalated, Failed, Stopped, Waiting
from holdfast.core.pending import Outlook
from holdfast.errors import Bug
from holdfast.events import Inline, Price, RunClosed
from holdfast.models.scripted import call
from holdfast.shell.run import result_of
from tests.core.story import Story, desk, order, refund

CLOSED = Outlook("closed", None)


def ended(outcome, **fields) -> Story:
    run = Story(desk(order(), refund()), prices={"first": Price(0, 0)})
    run.asks_for(call("nonsense"), cost=4_200_000)
    run.append(RunClosed(outcome, "because", **fields))
    return run


def test_an_output_comes_in_the_agents_own_type_with_what_it_cost():
    run = ended("done", output=Inline({"status": "ok"}))
    assert result_of(run.agent, run.state, CLOSED) == Done({"status": "ok"}, "r_1", "0.0042")


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        ("declined", Declined),
        ("escalated", Escalated),
        ("stopped", Stopped),
        ("failed", Failed),
        ("cancelled", Cancelled),
    ],
)
def test_any_other_end_says_why_and_what_nobody_could_settle(outcome, kind):
    run = ended(outcome, unresolved=(7,))
    end = result_of(run.agent, run.state, CLOSED)
    assert type(end) is kind
    assert (end.why, end.run, end.usd, end.unresolved) == ("because", "r_1", "0.0042", (7,))


def test_what_was_settled_since_is_not_called_unresolved():
    run = ended("stopped", unresolved=(7,))
    run.settles("did_not", 7)
    assert result_of(run.agent, run.state, CLOSED).unresolved == ()


@pytest.mark.parametrize(
    ("stands", "on"), [(Outlook("waiting", 7, "finance"), "finance"), (Outlook("waiting", None), "time")]
)
def test_a_run_that_is_not_over_says_on_whom_it_waits_and_until_when(stands, on):
    run = Story(desk(order()))
    assert result_of(run.agent, run.state, stands) == Waiting(on, stands.due, "r_1")


def test_an_end_that_nobody_knows_is_our_fault():
    run = ended("done")
    strange = RunClosed("vanished", "because")  # type: ignore[arg-type]
    state = type(run.state)(
        **{name: getattr(run.state, name) for name in run.state.__struct_fields__} | {"closed": strange}
    )
    with pytest.raises(Bug, match="vanished"):
        result_of(run.agent, state, CLOSED)
