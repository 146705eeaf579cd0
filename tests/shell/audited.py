"""A journal with checkpoints, told in a few words, and told again with one word changed by somebody who has the key."""

from __future__ import annotations

from holdfast.codec import GENESIS
from holdfast.journal.memory import MemoryJournal
from holdfast.shell.auditor import Auditor
from holdfast.shell.durable import pages, seals
from holdfast.testing.journal_contract import a_batch
from holdfast.views.note import Signer

DESK = Signer("example.com/desk", b"d" * 32)
KEYS = [DESK.key]

STORY = ("a2", "b3", "!", "c2", "a1", "!", "b1", "d2", "!", "a1")
"""Entries of runs, and checkpoints: the three cover 5, 9 and 13 entries, at positions 5, 9 and 13; 15 there are."""


async def tell(journal, story=STORY, *, auditor=None, lie=""):
    """Append what a story says. lie: what the first entry of the story says instead."""
    heads = {}
    auditor = auditor or Auditor(journal, DESK)
    for word in story:
        if word == "!":
            assert (await auditor.checkpoint()).taken is not None
            continue
        run, count = word[0], int(word[1:])
        seq, prev = heads.get(run, (0, GENESIS))
        text = lie if word == story[0] and not seq else ""
        batch = a_batch(run, seq, count, prev=prev, text=text, durable=True)
        await journal.append(batch)
        heads[run] = seq + count, batch.lines[-1][1]
    return journal


async def told(story=STORY, *, lie=""):
    """The lines of a story and what stands in its run `audit`."""
    journal = await tell(MemoryJournal(), story, lie=lie)
    lines = [line async for page in pages(journal, 0, journal.watermark()) for line in page]
    return lines, await seals(journal)
