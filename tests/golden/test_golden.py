"""Golden journals of every released version: they verify, fold, are read and are decided again alike, for ever.

A file of a released version is never changed and never made again. Where a later version reads one otherwise, that version is
wrong. Where it means to decide otherwise (another wording, a rule that was a mistake), `otherwise.json` says so for each run
and entry, with the reason; what is in it belongs into the changelog too, since runs that are open will go otherwise as well.
"""

from __future__ import annotations

import json

import pytest

from holdfast.codec import check_chain
from holdfast.core.fold import fold_all
from holdfast.journal.memory import MemoryJournal
from holdfast.version import VERSION
from holdfast.views.cost import cost_of
from holdfast.views.replay import Replay
from holdfast.views.trace import trace
from holdfast.views.why import why
from tests.golden import store
from tests.golden.store import Golden
from tests.shell.bench import LOOK, OK, Bank, Request, clerk, opened, story

OTHERWISE = json.loads((store.HERE / "otherwise.json").read_text())
"""`<version>/<file>` → run → {"seq": where it first goes otherwise now, "because": why that is meant}."""

FILES = {store.name(path): path for path in store.files()}
RUNS = [pytest.param(name, one, id=f"{name}-{one.run}") for name, path in FILES.items() for one in store.load(path)]
each = pytest.mark.parametrize(("file", "golden"), RUNS)


def test_released_files_are_all_here_and_are_the_bytes_that_were_released():
    released = json.loads(store.RELEASED.read_text())
    assert released == {name: store.digest(path) for name, path in FILES.items()}
    assert any(name.startswith(f"{VERSION}/") for name in released), "make them: python -m tests.golden.make"


@each
def test_chain_holds(file, golden):
    assert check_chain(golden.run, golden.lines) == golden.lines[-1][1]


@each
def test_run_folds_to_what_was_known_of_it(file, golden):
    state = fold_all(golden.entries)
    told = golden.told
    assert not state.strange
    assert (state.seq, state.closed.outcome if state.closed else None) == (told["entries"], told["closed"])
    assert (state.spent.steps, state.spent.charged) == (told["steps"], told["charged"])
    assert (list(state.unresolved), sum(map(len, state.effects.values()))) == (told["unresolved"], told["effects"])


@each
def test_run_is_traced_explained_and_costed(file, golden):
    seen = trace(golden.entries)
    assert (seen.seq, seen.end.outcome if seen.end else None) == (golden.told["entries"], golden.told["closed"])
    assert why(golden.entries).asked
    assert cost_of(golden.entries).money.total == golden.told["paid"]


@each
def test_run_would_be_decided_as_it_was(file, golden):
    found = Replay().of(golden.entries, golden.secret)
    meant = OTHERWISE.get(file, {}).get(golden.run)
    if meant is not None:
        assert found.divergence is not None, f"it goes as it did: take it out of otherwise.json ({meant['because']})"
        assert found.divergence.seq == meant["seq"], found.divergence
        return
    assert found.divergence is None, found.divergence
    assert (found.batches, found.undecided) == (golden.told["decided"], golden.told["undecided"])


def test_a_run_about_somebody_is_written_encrypted_and_read_as_it_was(tmp_path):
    async def work():
        journal, one = MemoryJournal(), clerk(Bank())
        async with opened(journal, LOOK, OK, agents=[one]) as runner:
            run = await runner.start(one, Request(order="Mallory-7"), by="ann", on_behalf_of="c:1")
            await run.result()
            golden = Golden(run.name, await journal.secret(run.name), {}, await journal.read(run.name))
            return golden, {ref: data for ref, data in journal._blobs.items() if data}, await run.entries()

    golden, blobs, entries = story(work)
    path = tmp_path / "0.0.0" / "one.jsonl"
    store.dump(path, [golden], blobs)
    assert b"Mallory" not in path.read_bytes()
    (again,) = store.load(path)
    assert again.entries == entries
    assert "Mallory" in str(entries)
