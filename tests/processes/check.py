"""The audit, asked of a journal through a console."""

from __future__ import annotations

from holdfast.journal.port import Where
from tests.processes.audit import audit, lacking
from tests.processes.people import ALL, Console


async def check(console: Console, *, over: bool, mistaken: frozenset[str] = frozenset()) -> None:
    """The audit finds nothing; with `over`, every run is over too, and nothing that was wanted is lacking."""
    runs = await console.runs()
    for row in await console.runner.find(Where(limit=ALL)):
        assert row.seq == len(runs[row.run])
    secrets = {run: await console.runner.journal.secret(run) for run in runs}
    acts = console.ledger.acts()
    wrong = audit(runs, acts, secrets, mistaken=mistaken) + (lacking(runs, acts) if over else [])
    assert not wrong, "\n".join(wrong[:20])
