"""Pages and pictures that are made from code are the ones that today's code makes."""

from __future__ import annotations

import importlib.util
import re
import sys
from xml.etree import ElementTree as ET

import pytest

from holdfast.core.state import MOVES, STATUSES
from tests.docs.pages import ROOT


def maker(name):
    """A script of docs/, as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


diagrams, commands = maker("make_diagrams"), maker("make_commands")


@pytest.mark.parametrize("path", [*diagrams.files()], ids=lambda path: path.name)
def test_the_life_of_a_call_is_drawn_from_the_table_of_moves(path):
    assert path.read_text(encoding="utf-8") == diagrams.files()[path], "run python docs/make_diagrams.py"


def test_the_page_of_commands_is_made_from_the_command_line():
    assert commands.PAGE.read_text(encoding="utf-8") == commands.page(), "run python docs/make_commands.py"


def words(picture):
    return [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text") if text.text]


def test_the_picture_shows_every_status_and_every_entry():
    picture = ET.fromstring(diagrams.svg())
    shown = words(picture)
    assert set(STATUSES) <= set(shown)
    said = " ".join(shown)
    for _, entry in MOVES:
        kind, _, word = entry.partition(" ")
        assert kind in said
        assert not word or re.search(rf"\b{word}\b", said)
    ways = [path for path in picture.iter("{http://www.w3.org/2000/svg}path") if path.get("class") == "way"]
    assert len(ways) == len(diagrams.pairs())


def test_every_word_of_the_picture_stands_inside_it():
    picture = ET.fromstring(diagrams.svg())
    for text in picture.iter("{http://www.w3.org/2000/svg}text"):
        if "words" not in text.get("class"):
            continue
        wide = 7.6 * len(text.text)
        left = float(text.get("x")) - (wide if text.get("text-anchor") == "end" else 0)
        assert left > 0, text.text
        assert left + wide < diagrams.EDGE, text.text


def test_a_way_that_nobody_laid_is_a_straight_line(monkeypatch):
    monkeypatch.delitem(diagrams.ROUTES, ("asked", "cleared"))
    assert len(diagrams.route(("asked", "cleared")).points) == 2
    ET.fromstring(diagrams.svg())


def test_a_status_without_a_place_is_an_error(monkeypatch):
    monkeypatch.delitem(diagrams.PLACES, "doubt")
    with pytest.raises(SystemExit, match="doubt"):
        diagrams.svg()


def test_a_verb_without_words_is_an_error(monkeypatch):
    monkeypatch.delitem(commands.VERBS, "verify")
    with pytest.raises(SystemExit, match="verify"):
        commands.page()
