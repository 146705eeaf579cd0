"""`dojo_obedient`, `dojo_approvals`, `dojo_recorded`, as `make real` makes them.

Each is made by `python -m real.dojo` in the environment that has agentdojo, and its figures are passed on as they come.
Where that environment is not there and cannot be made, the check is skipped, and says so.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

import msgspec

from real.dojo.catalog import SUITES
from real.dojo.environment import ROOT, NotHere, ready
from real.figures import Figure, Sheet
from real.packs import Pack

NAMES: Final = ("dojo_obedient", "dojo_approvals", "dojo_recorded")


def find_dojos(data: Path, pattern: str) -> list[Pack]:
    """The packs in a folder whose names fit, and that hold a suite of AgentDojo."""
    folders = sorted(data.glob(pattern))
    return [Pack(folder) for folder in folders if any((folder / suite / "tools.json").is_file() for suite in SUITES)]


def check_dojo(
    check: str, pack: Pack, suites: Sequence[str] = (), environment: Callable[[], Path] = ready
) -> Iterator[Figure]:
    """Make one of the checks on some suites, on all of them by default."""
    sheet = Sheet(check, pack, ", ".join(suites) or "all suites")
    if pack not in find_dojos(pack.folder.parent, pack.name):
        yield sheet.skipped("it holds no suite of AgentDojo")
        return
    try:
        python = environment()
    except NotHere as why:
        yield sheet.skipped(str(why))
        return
    command = [str(python), "-m", "real.dojo", check, "--pack", str(pack.folder.resolve())]
    with TemporaryFile("w+") as said:
        child = subprocess.Popen(  # noqa: S603 - our own words
            [*command, "--suites", ",".join(suites or SUITES)],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=said, text=True, start_new_session=True,
        )  # fmt: skip
        try:
            for line in child.stdout or ():
                yield msgspec.json.decode(line, type=Figure)
            child.wait()
        finally:
            if child.poll() is None:  # nobody wants its figures any more
                os.killpg(child.pid, signal.SIGTERM)  # a session of its own: it, and who works for it
            child.communicate()
        if child.returncode:
            said.seek(0)
            last = said.read().strip().splitlines()[-1:] or ["and says nothing"]
            note = f"it ended with {child.returncode}: {last[0]}"
            yield Figure(check, pack.name, ", ".join(suites) or "all suites", "broke off", ok=False, note=note)
