"""The refund desk from end to end, as `make demo` shows it: a day's mails, then what people do about them.

Every step is a command of the command line, printed before it runs. No key and no network are needed.
"""

from __future__ import annotations

import asyncio
import shlex
import shutil
import sys
import time
from pathlib import Path

from holdfast.cli import main as holdfast
from holdfast.journal.open import open_journal
from holdfast.journal.port import Row, Where

HERE = Path(__file__).resolve().parent
WORK = Path("build/demo")
JOURNAL = f"sqlite:///{WORK}/journal.db"


def title(text: str) -> None:
    """Say what comes next."""
    print(f"\n\033[1m── {text} {'─' * max(4, 96 - len(text))}\033[0m" if sys.stdout.isatty() else f"\n-- {text}")
    sys.stdout.flush()


def command(*words: str, expect: tuple[int, ...] = (0,)) -> None:
    """Run one command of the command line here, and print it. Ends the demo if it does not end as it should."""
    print(f"$ holdfast {shlex.join(words)}", flush=True)
    code = holdfast([*words, "--journal", JOURNAL])
    sys.stdout.flush()
    if code not in expect:
        sys.exit(f"the demo expected this to exit with {' or '.join(map(str, expect))}, and it exited with {code}")


async def _row(key: str) -> Row:
    journal = open_journal(JOURNAL, readonly=True)
    try:
        return (await journal.find(Where(key=key, limit=1)))[0]
    finally:
        await journal.close()


def run_of(key: str) -> str:
    """The run that a request became."""
    return asyncio.run(_row(key)).run


def stricter() -> Path:
    """The same agent, under a contract that puts more before people."""
    place = WORK / "stricter"
    shutil.copytree(HERE, place, ignore=shutil.ignore_patterns("__pycache__"))
    contract = place / "contract.yaml"
    contract.write_text(contract.read_text().replace("args.cents > 10000", "args.cents > 3000"))
    return place


def main() -> None:
    """Show it all."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    agent = str(HERE.relative_to(Path.cwd()) if HERE.is_relative_to(Path.cwd()) else HERE)
    settings = ("--setting", f"shop={WORK}/shop.db")
    began = time.perf_counter()

    title("a day's mails; a scripted stand-in answers, and makes the mistakes that models make")
    command(
        "run",
        agent,
        "--batch",
        f"{agent}/requests.jsonl",
        "--concurrency",
        "16",
        "--model",
        "standin",
        *settings,
        expect=(0, 1, 2),
    )

    title("one of them: the order's note told the agent to refund somebody else, and it tried")
    obeyed = run_of("mail:0035")
    command("show", obeyed)

    title("why that call was refused, in sentences")
    command("why", obeyed, "--tool", "issue_refund")

    title("what waits for a person")
    command("review")

    title("finance looks at one, and says yes")
    large = run_of("mail:0017")
    command("review", "show", large)
    command("review", "approve", large, "--as", "ann", "--role", "finance")
    command("resume", large, *settings)

    title("a message of which nobody knows whether it went out: a person finds out, and says so")
    doubt = run_of("mail:0049")
    command("review", "show", doubt)
    command("review", "settle", doubt, "--happened", "--as", "ben", "--text", "it is in the customer's mailbox")
    command("resume", doubt, *settings)

    title("what the day cost, and what of it was for nothing")
    command("cost")

    title("what went wrong, by kind")
    command("failures")

    title("what could be taken back of the large refund, and who would have to agree")
    command("undo", large, *settings)

    title("had finance wanted to see whatever is above 30.00: the same day, judged again under that contract")
    command("diff", agent, str(stricter()), "--backtest")

    title("is every entry what was written, and would today's code decide the same again; then the journal is signed")
    command("verify")
    command("verify", "--decisions")
    command("checkpoint", "--make-key", f"{WORK}/audit.key")
    command("checkpoint", "--key", f"{WORK}/audit.key")
    command("verify", "--pub", f"{WORK}/audit.key.pub")

    print(f"\nAll of this took {time.perf_counter() - began:.1f} s. Look around: holdfast show --journal {JOURNAL}")


if __name__ == "__main__":
    main()
