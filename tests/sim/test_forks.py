"""The checker knows a fork: what it inherited is not held against it, and what it does itself is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from holdfast.codec import GENESIS, chain, decode, encode
from holdfast.core.decide import decide
from holdfast.core.fold import fold, fold_all
from holdfast.core.fork import begun, fork
from holdfast.core.state import Moment
from holdfast.events import CallStarted, CancelAsked, Entry, ModelAsked, RunClosed
from holdfast.testing.sim.history import History, own_entries
from holdfast.testing.sim.play import check, play
from holdfast.testing.sim.world import Effect

replace = msgspec.structs.replace


def forked(history: History, run: str, at: int) -> tuple[History, list[Entry]]:
    """The history with one run more: a fork of one of its runs, cancelled at once; and the entries of it."""
    name, entries = f"{run}.fork{at}", history.runs[run][:at]
    tree = entries[0].event.tree or run
    secret = history.secrets[tree]
    made = list(fork(entries, name, by="fay", at=entries[-1].at + 60_000_000, secret=secret))
    state = fold_all(_loaded(made, entries))
    moment = Moment(at=state.at + 1, worker="w_fork", secret=secret, epoch=state.epoch)
    made.append(Entry(name, len(made) + 1, moment.at, 0, "rita", CancelAsked("rita")))
    state = fold(state, made[-1])
    head = state.seq
    for event in decide(history.agent.bound, state, moment):
        made.append(Entry(name, len(made) + 1, moment.at, head, "w_fork", event))
    lines, prev = [], GENESIS
    for entry in made:
        data = encode(entry)
        lines.append((data, chain(prev, data)))
        prev = lines[-1][1]
    stored = [decode(data, b"", digest) for data, digest in lines]
    whole = _loaded(stored, entries)
    return replace(
        history,
        runs={**history.runs, name: whole},
        lines={**history.lines, name: lines},
        rows={**history.rows, name: (len(whole), "closed")},
    ), whole


def _loaded(made: list[Entry], origin: list[Entry]) -> list[Entry]:
    """Entries with the bodies that those they were forked from have."""
    out = []
    for entry, was in zip(made, [*origin, *([None] * len(made))], strict=False):
        event = entry.event
        for name in event.__struct_fields__ if was is not None else ():
            if type(getattr(event, name)).__name__ == "Stored":
                event = replace(event, **{name: getattr(was.event, name)})
        out.append(replace(entry, event=event))
    return out


@pytest.fixture(scope="module")
def played() -> list[Any]:
    """A few schedules in which nothing went wrong."""
    outcomes = [play(seed) for seed in range(40, 48)]
    assert not [one for one in outcomes if one.violations]
    return outcomes


def places(outcome: Any) -> Any:
    """(run, entry) of every entry at which one of its runs can be forked."""
    for run, entries in outcome.history.runs.items():
        closed = next((one.seq for one in entries if isinstance(one.event, RunClosed)), len(entries) + 1)
        yield from ((run, at) for at in range(1, closed))


def test_a_fork_at_any_entry_of_any_run_is_no_violation(played):
    forks = 0
    for outcome in played:
        history = outcome.history
        for run, at in places(outcome):
            history, entries = forked(history, run, at)
            assert begun(entries) == len(entries) - len(own_entries(entries)) >= at + 1
            forks += 1
        assert not [one for one in check(history, {}) if ".fork" in one.run]
    assert forks > 100


def test_a_live_effect_of_a_fork_is_one_too_many(played):
    outcome = played[0]
    run, at = next(iter(places(outcome)))
    history, _ = forked(outcome.history, run, at)
    effect = next(one for each in played for one in each.history.ledger)
    fields = {"run": f"{run}.fork{at}", "id": "e_fork"}
    done: Effect = replace(effect, **fields)
    found = check(replace(history, ledger=[*history.ledger, done]), {}, decisions=False)
    assert {"twice", "lost"} <= {one.rule for one in found if ".fork" in one.run}


def test_what_a_fork_itself_does_wrong_is_found(played):
    outcome = played[0]
    run, at = next(iter(places(outcome)))
    asked = next(one.event for one in outcome.history.runs[run] if isinstance(one.event, ModelAsked))
    history, entries = forked(outcome.history, run, at)
    wrong = replace(asked, add=())
    last = entries[-1]
    assert isinstance(last.event, RunClosed)
    assert not any(isinstance(one.event, CallStarted) for one in own_entries(entries))
    start = Entry(last.run, last.seq, last.at, 0, "w_fork", wrong)
    broken = [*entries[:-1], start]
    found = check(replace(history, runs={**history.runs, last.run: broken}), {}, decisions=False)
    assert "start after stop" in {one.rule for one in found if one.run == last.run}
