"""Make the peers' environment: `python bench/peers/setup.py .venv-peers`. Ends at once if it is up to date.

The environment is marked with the digest of requirements.txt, carries a path file by which the scripts beside
this one find `bench`, and a .gitignore that keeps it out of every commit.
"""

import argparse
import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def interpreter(environment: Path) -> Path:
    """The environment's Python."""
    return environment / "bin" / "python"


def wanted_mark(requirements: Path = REQUIREMENTS) -> str:
    """What an up-to-date environment is marked with."""
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    return f"{sys.version_info.major}.{sys.version_info.minor} {ROOT} {digest}\n"


def make(environment: Path, requirements: Path = REQUIREMENTS) -> bool:
    """Make the environment or bring it up to date; whether anything had to be done."""
    mark = environment / "peers.mark"
    if interpreter(environment).exists() and mark.exists() and mark.read_text() == wanted_mark(requirements):
        return False
    mark.unlink(missing_ok=True)
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    (environment / ".gitignore").write_text("*\n")
    pip = [str(interpreter(environment)), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, "--requirement", str(requirements)], check=True)
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    done = subprocess.run([str(interpreter(environment)), "-c", ask], stdout=subprocess.PIPE, text=True, check=True)
    Path(done.stdout.strip(), "bench-root.pth").write_text(f"{ROOT}\n")
    mark.write_text(wanted_mark(requirements))
    return True


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Make the environment that the peers' scripts run in.")
    parser.add_argument("environment", type=Path, help="where, for example .venv-peers")
    parser.add_argument(
        "--requirements", type=Path, default=REQUIREMENTS, help="what to install; each its own environment"
    )
    options = parser.parse_args()
    print(f"{options.environment}: {'made' if make(options.environment, options.requirements) else 'up to date'}")


if __name__ == "__main__":
    main()
