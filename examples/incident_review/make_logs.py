"""Make the files of an incident: `python -m examples.incident_review.make_logs FOLDER FAULT SEED`.

FAULT is leak, bad_deploy, clock_skew or none. Run without arguments it writes the samples in `logs/` again.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final, cast

from .program import Fault, Shop

LOGS: Final = Path(__file__).with_name("logs")
SAMPLES: Final[Mapping[str, tuple[Fault, int]]] = {
    "inc-101": ("leak", 11),
    "inc-102": ("bad_deploy", 12),
    "inc-103": ("clock_skew", 13),
}
"""Incident → the fault and the seed it is made of."""


@cache
def files(fault: Fault, seed: int) -> Mapping[str, str]:
    """Every file of an incident, by name."""
    shop = Shop(seed, fault)
    shop.run()
    logs = {f"{name}.log": "".join(f"{line}\n" for line in log.lines) for name, log in shop.logs.items()}
    return {**logs, "deploys.csv": _table(shop.deploys), "metrics.csv": _table(shop.metrics)}


def _table(rows: Sequence[Mapping[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write(folder: Path, fault: Fault, seed: int) -> None:
    """Put the files of an incident into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files(fault, seed).items():
        (folder / name).write_text(text, encoding="utf-8")


def main(argv: Sequence[str]) -> None:
    """One incident, or the samples."""
    if argv:
        folder, fault, seed = argv
        write(Path(folder), cast("Fault", fault), int(seed))
        return
    for name, (kind, number) in SAMPLES.items():
        write(LOGS / name, kind, number)


if __name__ == "__main__":
    main(sys.argv[1:])
