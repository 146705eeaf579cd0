"""One check on one pack, in the environment that has agentdojo: `python -m real.dojo dojo_obedient --pack FOLDER`."""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path
from typing import Final

from real.dojo import approvals, obedient, recorded
from real.dojo.catalog import SUITES
from real.packs import Pack

CHECKS: Final = {
    "dojo_obedient": obedient.figures,
    "dojo_approvals": approvals.figures,
    "dojo_recorded": recorded.figures,
}


def main(given: list[str]) -> int:
    """Print the figures, a line of JSON each."""
    parser = argparse.ArgumentParser(prog="python -m real.dojo", description=(__doc__ or "").partition(":")[0])
    parser.add_argument("check", choices=list(CHECKS))
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--suites", default=",".join(SUITES), help="names with commas between; all by default")
    options = parser.parse_args(given)
    warnings.simplefilter("ignore")  # agentdojo's own, about pydantic's past
    for figure in CHECKS[options.check](Pack(options.pack), options.suites.split(",")):
        print(figure.line(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
