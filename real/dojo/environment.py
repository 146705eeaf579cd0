"""The environment that the checks run in: holdfast as it stands here, and agentdojo, which brings 350 MB along.

    python -m real.dojo.environment

Made once, on demand, at `.venv-dojo` beside the project; made again when holdfast needs something else. It carries a
.gitignore that keeps it out of every commit.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from hashlib import sha256
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PLACE: Final = ROOT / ".venv-dojo"
PACKAGE: Final = "agentdojo==0.1.35"
PATIENCE: Final = 600.0
"""Seconds that an installation may take; it takes about one minute."""


class NotHere(Exception):
    """The environment is not there and could not be made; the text says why."""


def interpreter(place: Path = PLACE) -> Path:
    """The environment's Python."""
    return place / "bin" / "python"


def wanted_mark(root: Path = ROOT) -> str:
    """What an up-to-date environment is marked with."""
    needed = tomllib.loads((root / "pyproject.toml").read_text())["project"]["dependencies"]
    digest = sha256("\n".join([PACKAGE, *sorted(needed)]).encode()).hexdigest()
    return f"{sys.version_info.major}.{sys.version_info.minor} {root} {digest}\n"


def is_ready(place: Path = PLACE) -> bool:
    """Whether it is there and up to date."""
    mark = place / "dojo.mark"
    return interpreter(place).exists() and mark.is_file() and mark.read_text() == wanted_mark()


def ready(place: Path = PLACE) -> Path:
    """The environment's Python; the environment is made if it has to be. Raises NotHere."""
    if is_ready(place):
        return interpreter(place)
    print(f"installing {PACKAGE} into {place}, once", file=sys.stderr)
    (place / "dojo.mark").unlink(missing_ok=True)
    _run([sys.executable, "-m", "venv", "--clear", str(place)])
    (place / ".gitignore").write_text("*\n")
    pip = [str(interpreter(place)), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    _run([*pip, "--editable", str(ROOT), PACKAGE])
    (place / "dojo.mark").write_text(wanted_mark())
    return interpreter(place)


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE)  # noqa: S603 - our own words
    except subprocess.TimeoutExpired:
        raise NotHere(f"{PACKAGE} was not installed within {PATIENCE:.0f} s") from None
    except subprocess.CalledProcessError as error:
        said = [line for line in (error.stderr or error.stdout or "").splitlines() if line.strip()]
        raise NotHere(f"{PACKAGE} cannot be installed: {said[-1] if said else f'exit {error.returncode}'}") from None


if __name__ == "__main__":
    try:
        print(ready())
    except NotHere as problem:
        sys.exit(str(problem))
