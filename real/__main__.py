"""Check holdfast against what others recorded.

    python -m real --data FOLDER [--checks import,tape] [--suites banking]

Every check is made on every pack of FOLDER that it is for, and prints one line of JSON for each of its figures. A line
whose `ok` is null says in its note why there was nothing to compare. The program ends with 1 if a figure is off.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from real.blame import check_blame
from real.classes import check_classes
from real.cost import check_cost
from real.dojo.catalog import SUITES
from real.dojo.checks import NAMES, check_dojo, find_dojos
from real.faults import check_faults
from real.figures import Check, Figure
from real.horizon import check_horizon, find_curves
from real.judges import check_judges, find_judges
from real.kill import check_kill
from real.length import check_length, find_lengths
from real.live import check_live
from real.packs import Pack, find
from real.paired import check_paired
from real.pass_hat import check_pass_hat
from real.rules import check_rules
from real.spoken import check_import_talks
from real.tape import check_import, check_tape
from real.traces import check_import_traces, find_traces


def import_any(pack: Pack) -> Iterator[Figure]:
    """Import plain runs, traces with what each answer cost, or talks among several agents."""
    if (pack.folder / "baselines.json").exists():
        yield from check_import_talks(pack)
    else:
        yield from check_import(pack) if pack.sets() else check_import_traces(pack)


CHECKS: Final[dict[str, tuple[str, Check]]] = {
    "import": ("tau* whowhen*", import_any),
    "tape": ("tau_*", check_tape),
    "live": ("tau_*", check_live),
    "faults": ("tau_*", check_faults),
    "kill": ("tau_*", check_kill),
    "classes": ("tau_*", check_classes),
    "rules": ("tau_*", check_rules),
    "pass_hat": ("tau*", check_pass_hat),
    "cost": ("tau2_traces", check_cost),
    "paired": ("tau2_traces", check_paired),
    "judges": ("llm_judges*", check_judges),
    "blame": ("whowhen*", check_blame),
    "horizon": ("metr_*", check_horizon),
    "length": ("agentdojo*", check_length),
    **{name: ("agentdojo*", partial(check_dojo, name)) for name in NAMES},
}
"""Each check by its name: which packs it is for, and what makes it."""


FINDERS: Final = (find, find_traces, find_judges, find_curves, find_lengths, find_dojos)
"""What knows a pack by what is in it."""


def packs_for(data: Path, name: str) -> list[Pack]:
    """The packs in a folder that a check is for."""
    found = (pack for one in CHECKS[name][0].split() for finder in FINDERS for pack in finder(data, one))
    return list(dict.fromkeys(found))


def figures(data: Path, names: list[str], suites: Sequence[str] = ()) -> Iterator[Figure]:
    """Make checks on the packs in a folder; how long each took goes to standard error. suites: of AgentDojo, if not all."""
    for name in names:
        pattern, check = CHECKS[name]
        packs = packs_for(data, name)
        if not packs:
            yield Figure(name, pattern, "", "skipped", note=f"{data} holds no such pack")
        for pack in packs:
            began = time.monotonic()
            try:
                yield from check_dojo(name, pack, suites) if name in NAMES else check(pack)
            except Exception as error:  # noqa: BLE001 - one broken pack must not hide what the others come to
                traceback.print_exc()
                yield Figure(name, pack.name, "", "broke off", ok=False, note=f"{type(error).__name__}: {error}")
            print(f"{name} {pack.name}: {time.monotonic() - began:.1f} s", file=sys.stderr)


def main(given: list[str]) -> int:
    """Run the command line; gives its exit code."""
    parser = argparse.ArgumentParser(prog="python -m real", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of packs")
    parser.add_argument("--checks", default=",".join(CHECKS), help="names with commas between; all by default")
    parser.add_argument("--suites", default="", help="suites of AgentDojo, with commas between; all by default")
    options = parser.parse_args(given)
    names = [name.strip() for name in options.checks.split(",") if name.strip()] or list(CHECKS)
    if strange := [name for name in names if name not in CHECKS]:
        parser.error(f"there is no check called {strange[0]}; there are {', '.join(CHECKS)}")
    suites = [suite.strip() for suite in options.suites.split(",") if suite.strip()]
    if strange := [suite for suite in suites if suite not in SUITES]:
        parser.error(f"there is no suite called {strange[0]}; there are {', '.join(SUITES)}")
    if not options.data.is_dir():
        parser.error(f"{options.data} is no folder")
    off = False
    for figure in figures(options.data, names, suites):
        print(figure.line(), flush=True)
        off = off or figure.ok is False
    return 1 if off else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
