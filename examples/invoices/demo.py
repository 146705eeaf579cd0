"""A day in accounts payable, from end to end: `python -m examples.invoices.demo`. No key and no network are needed.

The inbox is delivered, mail by mail with its file; a scripted stand-in works through it and makes the mistakes that models
make. Then two people look at what is too large for one, forty small invoices arrive at once, and the books are compared.
"""

from __future__ import annotations

import asyncio
import shlex
import shutil
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import nullcontext, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

from rich.box import SIMPLE
from rich.table import Table

from holdfast.cli import agents, out
from holdfast.cli import main as holdfast
from holdfast.cli.run import tags
from holdfast.shell.runner import Runner

from .books import Check, Entry, checks, entries, weather
from .erp import Erp
from .inbox import FOLDER, Inbox
from .make_inbox import forty, money

HERE = Path(__file__).resolve().parent
WORK = Path("build/invoices")
JOURNAL = f"sqlite:///{WORK}/journal.db"
ERP = WORK / "erp.db"
AT_ONCE = 8
"""Mails that are worked on at the same time."""

T = TypeVar("T")


def title(text: str) -> None:
    """Say what comes next."""
    print(f"\n\033[1m── {text} {'─' * max(4, 96 - len(text))}\033[0m" if sys.stdout.isatty() else f"\n-- {text}")
    sys.stdout.flush()


def command(*words: str, expect: tuple[int, ...] = (0,), first: int = 0) -> None:
    """Run one command of the command line here, and print it. Ends the demo if it does not end as it should.

    first: so many lines of what it prints, the others left out.
    """
    cut = f" | head -{first}" if first else ""
    print(f"$ holdfast {shlex.join(words)}{cut}", flush=True)
    with redirect_stdout(StringIO()) if first else nullcontext(StringIO()) as told:
        code = holdfast([*words, "--journal", JOURNAL])
    if first:
        print("\n".join(told.getvalue().splitlines()[:first]))
    sys.stdout.flush()
    if code not in expect:
        sys.exit(f"the demo expected this to exit with {' or '.join(map(str, expect))}, and it exited with {code}")


# --------------------------------------------------------------------------------------------- the inbox


async def deliver(runner: Runner, loaded: agents.Loaded, inbox: Inbox, requests: Iterable[dict[str, Any]]) -> int:
    """Open a run for each mail, with the file that came with it as an attachment, and drive it; how many were delivered.

    The request key is the mail's own id: what is delivered twice is one run.
    """
    places = asyncio.Semaphore(AT_ONCE)

    async def take(line: dict[str, Any]) -> None:
        async with places:
            run = await runner.start(
                loaded.agent, line["input"], key=line["key"], by=line["by"], tags=tags(loaded),
                attachments=inbox.attached(line["key"]),
            )  # fmt: skip
            await runner.attend(run.name)

    lines = list(requests)
    async with asyncio.TaskGroup() as group:
        for line in lines:
            group.create_task(take(line))
    return len(lines)


def with_runner(work: Callable[[Runner, agents.Loaded], Awaitable[T]], inbox: Path = FOLDER) -> T:
    """What `work` gives, with a runner on the demo's journal, the ERP and an inbox."""

    async def whole() -> T:
        loaded = agents.load_agent(str(HERE), "standin")
        async with agents.opened(JOURNAL, [loaded], settings={"erp": str(ERP), "inbox": str(inbox)}) as runner:
            return await work(runner, loaded)

    return asyncio.run(whole())


def day(inbox: Path = FOLDER) -> tuple[int, list[Entry]]:
    """Deliver an inbox; (mails, what the journal says of each of all)."""

    async def work(runner: Runner, loaded: agents.Loaded) -> tuple[int, list[Entry]]:
        box = Inbox(inbox)
        return await deliver(runner, loaded, box, box.requests()), await entries(runner)

    return with_runner(work, inbox)


# --------------------------------------------------------------------------------------------- what is shown


def table(*heads: str, right: Sequence[str] = ()) -> Table:
    """An empty table for a hundred columns."""
    made = Table(box=SIMPLE, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for head in heads:
        made.add_column(head, justify="right" if head in right else "left", no_wrap=head in ("mail", *right))
    return made


def show_entries(found: Sequence[Entry]) -> None:
    """What was paid, what is held for whom and why, what was not paid and why."""
    paid = [one for one in found if one.paid]
    made = table("mail", "vendor", "amount", "payment", "what went wrong on the way", right=("amount",))
    for one in paid:
        way = (
            [f"{one.lost} answers lost, and found out about" if one.lost > 1 else "an answer lost"] if one.lost else []
        )
        way += [f"refused: {_reason(refused.reasons)}" for refused in one.refused]
        made.add_row(_mail(one), one.vendor_id, money(one.cents), one.paid[0].payment_no, "; ".join(way))
    out.show(f"paid: {len(paid)}", made)
    made = table("mail", "vendor", "amount", "waits for", "why", right=("amount",))
    for one in found:
        if one.end.startswith("waits"):
            tried = [f"[refused before: {_reason(refused.reasons)}]" for refused in one.refused[:1]]
            amount = money(one.cents) if one.cents else ""
            why = " ".join([_held(one), *tried])
            made.add_row(_mail(one), one.vendor_id, amount, one.end.removeprefix("waits: "), why)
    out.show("\nheld", made)
    made = table("mail", "vendor", "how it ended", "why")
    for one in found:
        if not one.paid and not one.end.startswith("waits"):
            tried = [f"[tried to pay: {_reason(refused.reasons)}]" for refused in one.refused]
            made.add_row(_mail(one), one.vendor_id, one.end.replace("_", " "), " ".join([one.why, *tried]))
    out.show("\nnot paid", made)


def _mail(one: Entry) -> str:
    return one.key.partition("@")[0]


def _held(one: Entry) -> str:
    """Why it waits: the reasons alone, without the call they are about."""
    return one.why.rpartition("): ")[2] if one.wants else one.why


def _reason(reasons: Sequence[str]) -> str:
    return "; ".join(reasons[:2])


def show_books(found: Sequence[Check], erp: Erp) -> None:
    """Each thing that has to hold, and whether it does."""
    for one in found:
        print(f"  {'yes' if one.holds else 'NO '}  {one.what}")
        for what in one.wrong:
            print(f"         {what}")
    seen = weather(erp)
    print(
        f"\nThe ERP was asked {seen['requests']} times. It was busy {seen.get('busy', 0)} times (429), gave half a list"
        f" {seen.get('cut', 0)} times,\nand broke off {seen.get('lost', 0)} times after it had paid."
    )


# ------------------------------------------------------------------------------------------------- the story


def main() -> None:
    """Show it all."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    began = time.perf_counter()
    settings = ("--setting", f"erp={ERP}")
    print(f"$ export HOLDFAST_JOURNAL={JOURNAL}")

    title("a day's mails, with their files; a scripted stand-in works through them, and errs as models do")
    delivered, found = day()
    print(f"{delivered} mails were delivered, and became {len(found)} runs: one of them came twice.\n")
    show_entries(found)

    title("the invoice of m10 names another account, and the agent took it. Why that was refused")
    command("why", "m10@meridian.example", "--tool", "pay_invoice", first=13)

    title("24,800.00 wait for two people of finance; one is not enough, and nobody counts twice")
    large = "m13@aster.example"
    command("review", "show", large, first=24)
    command("review", "approve", large, "--as", "ann", "--role", "finance")
    command("review", "approve", large, "--as", "ann", "--role", "finance", expect=(3,))
    command("review", "approve", large, "--as", "ben", "--role", "finance")
    command("resume", large, *settings)

    title("forty invoices of 9,999.00 from one vendor, each in order, and each below the limit")
    forty(WORK / "forty")
    _, found = day(WORK / "forty")
    show_forty([one for one in found if one.vendor_id == "V-112"])

    title("the ERP's own ledger beside the journal")
    agree = with_books(found)
    print(
        f"\nAll of this took {time.perf_counter() - began:.1f} s. Look around: export HOLDFAST_JOURNAL as above, then"
    )
    print("holdfast show, holdfast review, holdfast why m12@quill.example")
    if not agree:
        sys.exit("the books do not agree")


def show_forty(found: Sequence[Entry]) -> None:
    """How much of it went out, what holds the rest, and in which words."""
    paid = [one for one in found if one.paid]
    held = [one for one in found if one.end.startswith("waits")]
    print(f"{len(found)} invoices, {money(sum(one.cents for one in found))} in all.")
    print(f"{len(paid)} were paid, {money(sum(one.cents for one in paid))} together.")
    for (end, why), times in Counter((one.end, _held(one)) for one in held).items():
        print(textwrap.fill(f"{times} {end.replace('waits: ', 'wait for ')}: {why}", 98))


def with_books(found: Sequence[Entry]) -> bool:
    """Compare the books; whether they agree."""
    erp = Erp.open(ERP)
    try:
        results = list(checks(found, erp))
        show_books(results, erp)
    finally:
        erp.close()
    return all(one.holds for one in results)


if __name__ == "__main__":
    main()
