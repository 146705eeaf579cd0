"""What is not for somebody's eyes is on no screen of theirs: not in the queue, not in a question, not in what an amendment leads to."""

from __future__ import annotations

import pytest

from tests.cli.cards import CANARY, write_cards
from tests.cli.terminal import Terminal

SETTINGS = """\
[people]
cleo = ["boss"]
fay = ["finance", "boss"]
[roles.boss]
sees = ["plain"]
[roles.finance]
"""


@pytest.fixture
def hidden(holdfast, place):
    """A run that waits for the boss with a phone number in its arguments, in a place where the boss does not see any."""
    run = holdfast("run", write_cards(place), '{"kind": "waits"}', "--by", "ana", "--json").json["run"]
    (place / "holdfast.toml").write_text(SETTINGS)
    return run


@pytest.mark.parametrize(
    "args", [("show",), ("show", "--full"), ("show", "--json"), ("list",), ("list", "--json")], ids=" ".join
)
def test_the_canary_is_shown_only_to_who_sees_its_class(holdfast, hidden, args):
    verb, *more = args
    run = [hidden] if verb == "show" else []
    cleo = holdfast("review", verb, *run, *more, "--as", "cleo")
    assert (cleo.code, CANARY in cleo.out + cleo.err, "⟨contact:" in cleo.out) == (0, False, True)
    assert CANARY in holdfast("review", verb, *run, *more, "--as", "fay").out


def test_the_walk_shows_a_reference_and_judges_the_value(holdfast, hidden):
    with Terminal("review", "--as", "cleo") as terminal:
        terminal.reads("x leave")
        for line, after in (
            ("e", "a new value"),
            ("95000", "record this?"),
            ("n", "nothing was recorded"),
            ("v", "x leave"),
        ):
            terminal.reads(" > ")
            terminal.types(line)
            terminal.reads(after)
        terminal.reads(" > ")
        terminal.types("x")
        assert terminal.ends() == 0
    assert "⟨contact:" in terminal.screen
    assert "it would be refused: by the contract  tools.change.must[0]" in " ".join(terminal.screen.split("\n"))
    assert CANARY not in terminal.screen
