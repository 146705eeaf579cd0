"""The refund desk from end to end, as `make demo` shows it: a day's mails, then what people do about them.

Every step is a command of the command line, printed before it runs. No key and no network are needed.
"""

from __future__ import annotations

import asyncio
import re
import shlex
import shutil
import subprocess
import sys
import time
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from holdfast.cli import main as holdfast
from holdfast.journal.open import open_journal
from holdfast.journal.port import Row, Where

HERE = Path(__file__).resolve().parent
WORK = Path("build/demo")
JOURNAL = f"sqlite:///{WORK}/journal.db"
TRIALS = f"sqlite:///{WORK}/eval.db"
"""Trials of cases are runs too, and are kept apart from those of the day."""
WIDE = 96
"""Characters of a line."""


def title(text: str) -> None:
    """Say what comes next."""
    print(f"\n\033[1m── {text} {'─' * max(4, 96 - len(text))}\033[0m" if sys.stdout.isatty() else f"\n-- {text}")
    sys.stdout.flush()


def command(
    *words: str,
    expect: tuple[int, ...] = (0,),
    journal: str = JOURNAL,
    through: tuple[str, ...] = (),
    says: bool = False,
) -> None:
    """Run one command of the command line here, and print it. Ends the demo if it does not end as it should.

    through: another command that what it prints goes through, as in a shell. says: print its exit code.
    """
    named = ("--journal", journal)
    print(shown("holdfast", *words, *(named if journal != JOURNAL else ()), through=through), flush=True)
    if through:
        with redirect_stdout(StringIO()) as told:
            code = holdfast([*words, *named])
        subprocess.run(through, input=told.getvalue(), text=True, check=False)
    else:
        code = holdfast([*words, *named])
    if says:
        print(f"exit code {code}")
    sys.stdout.flush()
    if code not in expect:
        sys.exit(f"the demo expected this to exit with {' or '.join(map(str, expect))}, and it exited with {code}")


def shown(*words: str, through: tuple[str, ...] = ()) -> str:
    """A command as one types it, on as many lines as it takes."""
    text = shlex.join(words) + (f" | {shlex.join(through)}" if through else "")
    lines = ["$"]
    for part in re.split(r" (?=--|\| )", text):  # an option and its value stay together
        if len(lines[-1]) + len(part) > WIDE:
            lines.append("   ")
        lines[-1] += f" {part}"
    return " \\\n".join(lines)


async def _row(key: str) -> Row:
    journal = open_journal(JOURNAL, readonly=True)
    try:
        return (await journal.find(Where(key=key, limit=1)))[0]
    finally:
        await journal.close()


def run_of(key: str) -> str:
    """The run that a request became."""
    return asyncio.run(_row(key)).run


def copied() -> str:
    """A copy of this folder, for what the demo adds to it and changes in it: a case, then a line of the contract."""
    shutil.copytree(HERE, WORK / "desk", ignore=shutil.ignore_patterns("__pycache__"))
    return str(WORK / "desk")


def change(file: Path, old: str, new: str) -> None:
    """Change a text in a file, and print what would do so in a shell."""
    text = file.read_text(encoding="utf-8")
    if text.count(old) != 1:
        sys.exit(f"the demo expected {old!r} once in {file}")
    print(f"$ sed -i 's/{old}/{new}/' {file}", flush=True)
    file.write_text(text.replace(old, new), encoding="utf-8")


def into_a_case(agent: str, desk: str) -> None:
    """Show how a run that nobody wanted becomes a case, which fails until the contract is stricter."""
    title("one that nobody wanted: after a refusal, 50.00 went out. One command makes a case of it")
    unwanted = run_of("mail:0021")
    command("note", unwanted, "bad", "--reason", "refused 80.00, then paid 50.00, and nobody had looked", "--as", "ann")
    # That it asked for too much at first is refused anyway, and is not what this case is about: no finding is expected.
    waits = ("--expect", "outcome=waiting", "--expect", "effects={}")
    command("case", unwanted, "--name", "paid-after-refusal", *waits, "--agent", desk)

    title("so the desk's cases fail; and agents that know nothing show which case says nothing")
    suite = ("eval", desk, "--model", "standin", "--trials", "2")
    command(*suite, journal=TRIALS, through=("grep", "-v", "2/2  passed .*[0-9] *$"), expect=(1,), says=True)

    title("finance wants to see whatever is above 30.00: the same day, judged again under that contract")
    change(Path(desk, "contract.yaml"), "args.cents > 10000", "args.cents > 3000")
    command("diff", agent, desk, "--backtest")

    title("under it the cases pass; and of what went wrong, one kind more has a case")
    command(*suite, journal=TRIALS, through=("head", "-4"), says=True)
    command("failures", "--agent", desk, through=("grep", "-e", r"must\[2\]", "-e", "have no case"))


def main() -> None:
    """Show it all."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    agent = str(HERE.relative_to(Path.cwd()) if HERE.is_relative_to(Path.cwd()) else HERE)
    settings = ("--setting", f"shop={WORK}/shop.db")
    desk = copied()
    began = time.perf_counter()
    print(f"$ export HOLDFAST_JOURNAL={JOURNAL}")

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
    command("review", "settle", doubt, "--happened", "--as", "ben", "--text", "it is in their mailbox")
    command("resume", doubt, *settings)

    title("what the day cost, and what of it was for nothing")
    command("cost")

    title("what went wrong, by kind")
    command("failures")

    into_a_case(agent, desk)

    title("what could be taken back of the large refund, and who would have to agree")
    command("undo", large, *settings, through=("cat",))  # to a terminal it would ask whether it shall

    title("is every entry what was written, would today's code decide so again; then it is signed")
    command("verify")
    command("verify", "--decisions")
    command("checkpoint", "--make-key", f"{WORK}/audit.key")
    command("checkpoint", "--key", f"{WORK}/audit.key")
    command("verify", "--pub", f"{WORK}/audit.key.pub")

    print(
        f"\nAll of this took {time.perf_counter() - began:.1f} s. Look around: export HOLDFAST_JOURNAL as above, then holdfast show"
    )


if __name__ == "__main__":
    main()
