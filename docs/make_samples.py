"""Write the outputs that docs/eval.md, docs/drill.md and docs/reviews.md show, from the refund desk as it is.

    python docs/make_samples.py            docs/eval.md
    python docs/make_samples.py drill      docs/drill.md: all 63 requests, which takes a minute or two
    python docs/make_samples.py reviews    docs/reviews.md

An output is the first `text` sample of its page. Names of runs and times differ from one making to the next; nothing else does.
"""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Final

from holdfast.cli import main

DOCS: Final = Path(__file__).resolve().parent
DESK: Final = DOCS.parent / "examples" / "refund_desk"
UNWANTED: Final = "mail:0021"
"""The run of the demo that nobody wanted: asked for too much, was refused, and paid 50.00 unseen."""


def eval_sample() -> str:
    """What `holdfast eval` says of the desk's cases and the one that the demo makes."""
    with _elsewhere() as place:
        paid_after_refusal(place)
        return _said("eval", DESK, "--cases", place / "cases", "--model", "standin", ends=1)


def paid_after_refusal(place: Path) -> None:
    """Lay the desk's cases into a folder `cases`, and the one that the demo makes of a run beside them."""
    (place / "cases").mkdir()
    for file in (DESK / "cases").iterdir():
        (place / "cases" / file.name).write_bytes(file.read_bytes())
    lines = (DESK / "requests.jsonl").read_text(encoding="utf-8").splitlines()
    (place / "mail.jsonl").write_text("\n".join(line for line in lines if f'"key": "{UNWANTED}"' in line) + "\n")
    _said("run", DESK, "--batch", place / "mail.jsonl", "--model", "standin", "--setting", f"shop={place}/shop.db")
    _said("note", UNWANTED, "bad", "--reason", "refused 80.00, then paid 50.00, and nobody had looked", "--as", "ann")
    wanted = [word for one in ("outcome=waiting", "effects={}") for word in ("--expect", one)]
    _said(
        "case", UNWANTED, "--name", "paid-after-refusal", *wanted, "--out", place / "cases" / "paid-after-refusal.yaml"
    )


def drill_sample() -> str:
    """What a standard drill says of the desk's requests."""
    with _elsewhere():
        return _said("drill", DESK, "--standard", "--inputs", DESK / "requests.jsonl", "--model", "standin")


REVIEWED: Final = "mail:0018"
"""A request of the desk that finance has to decide."""


def review_sample() -> str:
    """What `holdfast review show` says of a refund that finance has to decide."""
    with _elsewhere() as place:
        lines = (DESK / "requests.jsonl").read_text(encoding="utf-8").splitlines()
        (place / "mail.jsonl").write_text("\n".join(line for line in lines if f'"key": "{REVIEWED}"' in line) + "\n")
        _said(
            "run",
            DESK,
            "--batch",
            place / "mail.jsonl",
            "--model",
            "standin",
            "--setting",
            f"shop={place}/shop.db",
            ends=2,
        )
        return _said("review", "show", REVIEWED)


def shown(page: Path) -> str:
    """The output that a page shows."""
    return _FIRST.search(page.read_text(encoding="utf-8"))["body"]


def put(page: Path, text: str) -> None:
    """Put an output in the place of the one that a page shows."""
    told = page.read_text(encoding="utf-8")
    page.write_text(_FIRST.sub(lambda found: f"```text\n{text}```", told, count=1), encoding="utf-8")


_FIRST: Final = re.compile(r"(?ms)^```text\n(?P<body>.*?)^```")


@contextmanager
def _elsewhere() -> Iterator[Path]:
    """A folder of one's own to be in, with the width of a page and nobody's settings."""
    kept = {name: os.environ.pop(name, None) for name in ("HOLDFAST_JOURNAL", "COLUMNS")}
    with tempfile.TemporaryDirectory() as place, chdir(place):
        try:
            yield Path(place)
        finally:
            os.environ.update({name: value for name, value in kept.items() if value is not None})


def _said(*words: str | Path, ends: int = 0) -> str:
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        code = main([str(word) for word in words])
    if code != ends:
        sys.exit(f"holdfast {' '.join(map(str, words))} ended with {code}: {err.getvalue()}{out.getvalue()}")
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


if __name__ == "__main__":
    MADE: Final = {"drill": drill_sample, "reviews": review_sample, "eval": eval_sample}
    for name in sys.argv[1:] or ["eval"]:
        put(DOCS / f"{name}.md", MADE[name]())
