"""Run the installed peers, interleaved: `python -m bench.run_peers --env .venv-peers`.

Writes a list of JSON objects, one for each peer and mode, each the median of its rounds.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from bench import workload

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "bench" / "peers"
TIMEOUT_S = 600
RESUME_STEPS = 200

# Script, and the distributions it needs.
PEERS: dict[str, tuple[str, ...]] = {
    "langgraph_peer.py": ("langgraph", "langgraph-checkpoint-sqlite"),
    "dbos_peer.py": ("dbos",),
    "pydantic_ai_peer.py": ("pydantic-ai-slim",),
    "pydantic_ai_dbos_peer.py": ("pydantic-ai-slim", "dbos"),
    "openai_agents_peer.py": ("openai-agents",),
}
SOLO_RUNS = 20
"""Runs one after another that are enough to know what one alone costs."""

# Only these have a synchronous face to put on threads, and runs that a fresh process can take up.
BOTH_FACES = ("langgraph_peer.py", "dbos_peer.py")

Figures = dict[str, object]


def installed(python: Path) -> list[str]:
    """The scripts whose peers this interpreter has."""
    ask = (
        "import importlib.metadata, json; "
        "print(json.dumps([d.metadata['Name'].lower() for d in importlib.metadata.distributions()]))"
    )
    done = subprocess.run([str(python), "-c", ask], stdout=subprocess.PIPE, text=True, check=True)
    present = set(json.loads(done.stdout))
    return [script for script, needed in PEERS.items() if present.issuperset(needed)]


def run_script(python: Path, script: str, mode: str, runs: int, steps: int) -> Figures:
    """One measurement of one peer in a fresh process."""
    command = [str(python), str(SCRIPTS / script), "--mode", mode, "--runs", str(runs), "--steps", str(steps)]
    done = subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    if done.returncode != 0 or not done.stdout.strip():
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def cases_of(python: Path, modes: Sequence[str], runs: int, steps: int) -> dict[tuple[str, str], Callable[[], Figures]]:
    """Every installed peer in every mode it has; a resume has its own length, and is taken once a round."""
    cases: dict[tuple[str, str], Callable[[], Figures]] = {}
    for mode in modes:
        for script in installed(python):
            if mode in ("threads", "resume") and script not in BOTH_FACES:
                continue
            sizes = {"resume": (1, RESUME_STEPS), "solo": (min(runs, SOLO_RUNS), steps)}
            cases[script, mode] = partial(run_script, python, script, mode, *sizes.get(mode, (runs, steps)))
    return cases


def measure(python: Path, modes: Sequence[str], runs: int, steps: int, rounds: int) -> list[Figures]:
    """The median figures of every case, measured in interleaved rounds."""
    taken = workload.interleave(cases_of(python, modes, runs, steps), rounds)
    return [workload.median_of(figures) | {"rounds": rounds} for figures in taken.values()]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Run the installed peers over the shared workload.")
    parser.add_argument("--env", type=Path, required=True, help="the peers' environment (bench/peers/setup.py)")
    parser.add_argument("--modes", default="solo,concurrent,threads", help="of solo, concurrent, threads, resume")
    parser.add_argument("--runs", type=int, default=200, help="how many at once")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "peers.json")
    options = parser.parse_args()
    python = options.env / "bin" / "python"
    if not python.exists():
        sys.exit(f"{options.env} holds no environment: run `python bench/peers/setup.py {options.env}` first")
    rows = measure(python, options.modes.split(","), options.runs, options.steps, options.rounds)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(rows, indent=1) + "\n")
    for row in rows:
        print(json.dumps(row))


if __name__ == "__main__":
    main()
