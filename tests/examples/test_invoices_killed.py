"""Accounts payable with a worker that is killed: real processes, SIGKILL in the middle of a payment, and the books afterwards."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from holdfast.events import CallStarted
from holdfast.shell.folder import load
from holdfast.shell.runner import Runner

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "examples" / "invoices"
FOLDER = load(str(PLACE))
books, erps, inboxes = (importlib.import_module(f"invoices.{name}") for name in ("books", "erp", "inbox"))
PATIENCE = 60.0
"""Seconds until a moment that does not come fails a test."""

MAILS = ("m01", "m02", "m03", "m04", "m07", "m10", "m18", "m24", "m26", "m27")
PAID = {"KT-2231", "BS-8812", "LE/26/0419", "PC-7104", "Q-1190", "R-40621", "KT-2240", "BS-8826", "PC-7127"}


class Place:
    """A folder with an ERP, a journal, and some of the day's mails."""

    def __init__(self, path):
        self.path, self.erp = path, path / "erp.db"
        lines = [line for line in inboxes.Inbox(PLACE / "inbox").requests() if line["key"][:3] in MAILS]
        self.mails = path / "mails.jsonl"
        self.mails.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
        with closing(erps.Erp.open(self.erp)):
            pass

    def start(self):
        """A process of its own that works through the mails, as the command line does."""
        words = ("run", str(PLACE), "--batch", str(self.mails), "--model", "standin", "--concurrency", "4")
        where = ("--journal", f"sqlite:///{self.path}/journal.db", "--setting", f"erp={self.erp}")
        with (self.path / "stderr").open("wb") as told:
            return subprocess.Popen(
                [sys.executable, "-m", "holdfast", *words, *where], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=told
            )

    def told(self):
        """What the last worker complained of."""
        return (self.path / "stderr").read_text(encoding="utf-8")

    def do(self, sql):
        with closing(sqlite3.connect(self.erp, timeout=10, isolation_level=None)) as db:
            return db.execute(sql).fetchall()

    def until(self, worker, moment):
        """Wait until the ERP says so. The worker has to be alive still."""
        end = time.monotonic() + PATIENCE
        while not moment():
            assert worker.poll() is None, self.told()
            assert time.monotonic() < end
            time.sleep(0.002)

    def finish(self):
        """Let a worker go through to the end; what the journal says of each mail."""
        worker = self.start()
        assert worker.wait(PATIENCE) == 0, self.told()

        async def read():
            async with Runner.open(f"sqlite:///{self.path}/journal.db", drives=False) as runner:
                rows = await runner.find()
                starts = [
                    entry.event.key
                    for row in rows
                    for entry in await runner.entries(row.run)
                    if isinstance(entry.event, CallStarted) and entry.event.key
                ]
                return await books.entries(runner), starts

        return asyncio.run(read())


def kill(worker):
    os.kill(worker.pid, signal.SIGKILL)
    assert worker.wait(PATIENCE) == -signal.SIGKILL


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def settled(place, found):
    """Whether everything was paid that is due, once each, and the ledger and the journal say the same."""
    paid = [number for (number,) in place.do("SELECT invoice_no FROM payments WHERE key IS NOT NULL")]
    assert sorted(paid) == sorted(PAID)
    with closing(erps.Erp.open(place.erp)) as erp:
        assert [one.what for one in books.checks(found, erp) if not one.holds] == []
    assert {one.key[:3]: one.end for one in found} == {**dict.fromkeys(MAILS, "paid"), "m18": "not_paid"}


def test_killed_in_the_middle_of_a_payment(place):
    """The bank has the money, and whoever sent it died before it heard so: the same key again, and no second payment."""
    place.do("INSERT INTO troubles VALUES ('pay', 'LE/26/0419', 'late', 1)")
    worker = place.start()
    place.until(worker, lambda: place.do("SELECT 1 FROM payments WHERE invoice_no = 'LE/26/0419'"))
    kill(worker)
    found, starts = place.finish()
    settled(place, found)
    [(key, asked)] = place.do(
        "SELECT key, seen FROM payments JOIN requests ON about = invoice_no AND endpoint = 'pay' WHERE invoice_no = 'LE/26/0419'"
    )
    assert asked >= 2
    assert starts.count(key) >= 2


@pytest.mark.parametrize("kills", [(2, 6), pytest.param(range(1, 9), marks=pytest.mark.long)])
def test_killed_again_and_again_while_payments_are_made(place, kills):
    for many in kills:
        worker = place.start()
        place.until(
            worker, lambda many=many: place.do("SELECT count(*) FROM payments WHERE key IS NOT NULL") >= [(many,)]
        )
        kill(worker)
    found, _ = place.finish()
    settled(place, found)
