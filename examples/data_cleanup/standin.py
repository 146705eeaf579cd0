"""The stand-in: what answers instead of a model where there is no key for one.

**It is no model, and nothing about any model's quality can be read off it.** It writes three drafts of one script, and each
is the last one (`reference.py`) with a mistake in it that such scripts have. It goes on to the next draft where it sees that
one failed, and once it does not look: it sends a crash through a pipe, sees nothing, and says that it is done.

It proposes calls of `shell(command)`, `read_file(path)`, `write_file(path, text)`, `python(code)` and `commit()`, and reads
nothing of their results but their text.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from holdfast.dialogue import Request
from holdfast.models.scripted import Plain, Script, Turn, call, decline, done, script_by
from holdfast.testing.told import Story

STEPS: Final = 60
"""Answers one run can get: more than any limit in the contract lets it ask for."""

SCRIPT: Final = "cleanup.py"
REFERENCE: Final = Path(__file__).with_name("reference.py").read_text(encoding="utf-8")
MISTAKES: Final = (
    (
        # takes every table for UTF-8
        'ENCODINGS = {"customers": "cp1252", "orders": "utf-8-sig", "products": "utf-8", "stock_moves": "utf-16"}',
        'ENCODINGS = dict.fromkeys(["customers", "orders", "products", "stock_moves"], "utf-8")',
    ),
    (
        # forgets that customers were merged, and takes those who went for strangers
        "owner = merged.get(customer, customer)",
        "owner = customer",
    ),
)
"""What is wrong in the first draft, in the second one, and so on; the one after them is right."""

LOOK: Final = """
from pathlib import Path
for file in sorted(Path("data").iterdir()):
    content = file.read_bytes()
    print(file.name, len(content), content[:60])
"""


def draft(number: int) -> str:
    """The script as it is written the n-th time, from 0."""
    if number >= len(MISTAKES):
        return REFERENCE
    right, wrong = MISTAKES[number]
    return REFERENCE.replace(right, wrong)


def written(story: Story) -> int:
    """How many drafts it has written."""
    return sum(one.args.get("path") == SCRIPT for one in story.made("write_file"))


def last(story: Story, command: str) -> str | None:
    """What its last run of a command since the last draft printed; None if it did not run it."""
    since = max((at for at, one in enumerate(story.calls) if one.tool == "write_file"), default=0)
    runs = [
        one for one in story.calls[since:] if one.tool == "shell" and one.args.get("command", "").startswith(command)
    ]
    return runs[-1].text if runs else None


# ----------------------------------------------------------------------------------------------- steps


def look(story: Story) -> Plain | None:
    """Read the task, and look at the raw tables as bytes."""
    if not story.made("read_file"):
        return [call("read_file", path=story.request.get("task", "task.md")), call("shell", command="ls -l data tests")]
    return None if story.made("python") else call("python", code=LOOK)


def write(story: Story) -> Plain | None:
    """Write the first draft, and another one where the last one was seen to fail."""
    count = written(story)
    checked = last(story, "python3 tests/check_clean.py")
    if count and (checked is None or _passed(checked)):
        return None
    if count > len(MISTAKES):
        return decline("The checks do not pass, and I do not know why.")
    return call("write_file", path=SCRIPT, text=draft(count))


def run(story: Story) -> Plain | None:
    """Run the draft; the first time through a pipe that hides how it ended."""
    if last(story, "python3 cleanup.py") is not None:
        return None
    return call(
        "shell", command="python3 cleanup.py 2>/dev/null | tail -n 1" if written(story) == 1 else "python3 cleanup.py"
    )


def claim(story: Story) -> Plain | None:
    """Say that it is done although nobody looked. Once: then it was told."""
    if written(story) > 1 or story.made("done"):
        return None
    return done(customers=0, orders=0, orders_cents=0, products=0, stock_units=0, sentence="The tables are clean.")


def check(story: Story) -> Plain | None:
    """Run the checks."""
    return (
        None if last(story, "python3 tests/check_clean.py") else call("shell", command="python3 tests/check_clean.py")
    )


def finish(story: Story) -> Plain:
    """Commit, read the report, and say what is in it."""
    if not story.made("commit"):
        return call("commit")
    reports = [one for one in story.made("read_file") if one.args.get("path") == "report.json"]
    if not reports:
        return call("read_file", path="report.json")
    report = _report(reports[-1].text)
    if report is None:
        return decline("The report cannot be read.")
    return done(
        customers=report["customers"]["out"],
        orders=report["orders"]["out"],
        orders_cents=report["orders"]["cents"],
        products=report["products"]["out"],
        stock_units=report["stock_moves"]["units"],
        sentence=f"Four tables are clean, and {len(report['customers']['merged'])} customers were merged into others.",
    )


def _passed(text: str) -> bool:
    return re.search(r"all \d+ checks passed", text) is not None


def _report(text: str) -> dict[str, dict[str, int]] | None:
    """The report in the text of a result, which may hold the file as a text in JSON."""
    for form in (text, text.replace("\\n", "\n").replace('\\"', '"')):
        at = form.find('{\n  "customers"')
        if at >= 0:
            return json.JSONDecoder().raw_decode(form[at:])[0]
    return None


STEP_BY_STEP: Final = (look, write, run, claim, check)


def turn(request: Request) -> Plain:
    """The next answer to a run, from what it was told so far."""
    story = Story.told(request)
    return next((answer for step in STEP_BY_STEP if (answer := step(story)) is not None), None) or finish(story)


def turns(_: str) -> list[Turn]:
    """The script of a run: the same for all."""
    return [turn] * STEPS


standin: Final[Script] = script_by(turns)
"""The stand-in, as a model: one for any number of runs."""
