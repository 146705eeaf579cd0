"""Blame, as `failures --blame` shows it: of runs of several agents who, of others why nobody."""

from __future__ import annotations

import asyncio
import json

import msgspec
import pytest

from holdfast.cli.blame import show
from holdfast.cli.viewing import Viewer
from holdfast.codec import GENESIS, chain, encode, value_of
from holdfast.core.fold import fold_all
from holdfast.core.pending import outlook
from holdfast.errors import JournalError, UsageError
from holdfast.events import CallAsked, ChildOpened, Inline, Parent, RunOpened
from holdfast.journal.open import open_journal
from holdfast.journal.port import Append, Committed
from holdfast.shell import bodies
from holdfast.shell.book import row_of

URL = "sqlite:///.holdfast/journal.db"


@pytest.fixture
def cancelled(holdfast, waiting, payer):
    """A run of one agent that was cancelled."""
    assert holdfast("cancel", waiting, "--because", "a mistake").code == 0
    assert holdfast("resume", waiting).code != 4
    return waiting


def retold(entries, run, **opening):
    """A story once more, as another run."""
    for entry in entries:
        event = entry.event
        if isinstance(event, RunOpened):
            bodies_ = {"contract": Inline(value_of(event.contract)), "input": Inline(value_of(event.input))}
            event = msgspec.structs.replace(event, key="", **bodies_, **opening)
        yield msgspec.structs.replace(entry, run=run, event=event)


async def keep(journal, run, entries):
    prev, lines = GENESIS, []
    for entry in entries:
        data = encode(entry)
        lines.append((data, chain(prev, data)))
        prev = lines[-1][1]
    state = fold_all(entries)
    batch = Append(run=run, expected=0, lines=tuple(lines), row=row_of(state, outlook(state)), durable=True)
    assert isinstance(await journal.append(batch), Committed)


async def with_child(run):
    """Beside a run, one like it that had another agent do its first call."""
    journal = open_journal(URL)
    entries = await bodies.entries(journal, run, durable=True)
    call = next(entry.seq for entry in entries if isinstance(entry.event, CallAsked))
    *before, end = retold(entries, "r_lead")
    opened = msgspec.structs.replace(end, event=ChildOpened(call, "r_child"))
    last = msgspec.structs.replace(end, seq=end.seq + 1)
    await keep(journal, "r_lead", [*before, opened, last])
    await keep(journal, "r_child", list(retold(entries, "r_child", agent="helper", parent=Parent("r_lead", call))))
    await journal.close()


def test_a_run_of_one_agent_has_nobody_to_choose_from(cancelled, capsys):
    assert show(Viewer("failures --blame"), URL, [cancelled[:8]], as_json=False) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"{cancelled}  payer  cancelled\n")
    assert "one agent only: to name one of several, a run needs more than one" in text
    assert "exact finding" in text


def test_agent_and_step_of_a_run_tree_are_named(cancelled, capsys):
    asyncio.run(with_child(cancelled))
    assert show(Viewer("failures --blame"), URL, ["r_lead"], as_json=False) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "most suspect: helper at step " in text
    assert "[r_child " in text
    assert show(Viewer("failures --blame"), URL, [], as_json=True) == 0
    found = {one["run"]: one for one in json.loads(capsys.readouterr().out)}
    assert set(found) == {"r_lead", cancelled}, "a child is read with the run it answers"
    assert found["r_lead"]["agents"] == ["payer", "helper"]
    assert found["r_lead"]["suspects"][0]["agent"] == "helper"
    assert found[cancelled]["suspects"] == []


def test_lines_fit_a_hundred_columns(cancelled, capsys):
    asyncio.run(with_child(cancelled))
    show(Viewer("failures --blame"), URL, [], as_json=False)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 100


def test_no_failed_runs_are_said_to_be_none(holdfast, payer, capsys):
    assert holdfast("run", payer, '{"bill": "700"}').code == 0
    assert show(Viewer("failures --blame"), URL, [], as_json=False) == 0
    assert capsys.readouterr().out == "no failed runs\n"


def test_a_run_or_a_journal_that_is_not_there_is_an_error(holdfast, place, payer):
    with pytest.raises(JournalError):
        show(Viewer("failures --blame"), URL, [], as_json=False)
    assert holdfast("run", payer, '{"bill": "700"}').code == 0
    with pytest.raises(UsageError, match="no run"):
        show(Viewer("failures --blame"), URL, ["r_nowhere"], as_json=False)
