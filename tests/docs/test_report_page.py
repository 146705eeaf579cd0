"""Every command of docs/report.md, run in order in an empty folder; and its table says which sections there are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from holdfast.cli import main
from tests import pauses
from tests.docs.pages import ROOT, samples

PAGE = ROOT / "docs" / "report.md"


def test_every_command_of_the_page_does_what_the_page_says(elsewhere, monkeypatch, capsys):
    pauses.short(monkeypatch)
    run, said = "", []
    for line in (line[2:] for one in samples(PAGE, "console") for line in one.text.splitlines() if line[:2] == "$ "):
        code = main([run if word == "r_" else word for word in shlex.split(line)[1:]])
        caught = capsys.readouterr()
        assert code == 0, f"{line}\n{caught.out}\n{caught.err}"
        if named := re.search(r"r_[0-9a-f]{16}", caught.out):
            run = run or named.group()
        said.append((line, caught.out))
    first = next(out for line, out in said if line == "holdfast report rooms")
    page, md = (Path(name).read_text(encoding="utf-8") for name in ("report.html", "report.md"))
    assert first.count("no evidence") > page.count("no evidence</b>") > 0
    assert "PASS" in page
    assert "anchored elsewhere" in md
    assert page.startswith("<!doctype html>")


def test_the_table_names_the_sections(elsewhere, capsys):
    main(["new", "rooms"])
    capsys.readouterr()
    assert main(["report", "rooms", "--markdown", "-"]) == 0
    titles = [title.lower() for title in re.findall(r"(?m)^## (.*)$", capsys.readouterr().out)]
    table = re.findall(r"(?m)^\| ([a-z ]+\??) \|", PAGE.read_text(encoding="utf-8"))
    assert table[1:] == titles[:-1]
    assert titles[-1] == "governance evidence"
