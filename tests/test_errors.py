"""Errors: whose fault, where, what to do; and the exit code each stands for."""

from __future__ import annotations

import copy
import inspect
import pickle
import re

import pytest

from holdfast import errors
from holdfast.errors import Bug, Conflict, HoldfastError, JournalDamaged, UserError

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, HoldfastError)]
CODES = {
    "ContractError": 3, "InputError": 3, "Conflict": 3, "NotAllowed": 3, "UsageError": 64, "JournalError": 4,
    "SettingsError": 4, "Bug": 70,
}  # fmt: skip


def test_the_tree_drawn_in_the_module_is_the_tree_there_is():
    drawn = []
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"^    ([│ ├└─]*)([A-Z]\w+)(?: {2,}|$)", line):
            drawn.append((len(found[1]) // 4, found[2]))
    above: list[str] = []
    tree = {}
    for depth, name in drawn:
        above[depth:] = [name]
        tree[name] = above[-2] if depth else "Exception"
    assert tree == {kind.__name__: kind.__bases__[0].__name__ for kind in KINDS}


@pytest.mark.parametrize(("name", "code"), CODES.items())
def test_exit_codes_are_those_the_drawing_promises(name, code):
    assert getattr(errors, name).exit_code == code
    row = next(line for line in (errors.__doc__ or "").splitlines() if f" {name} " in line)
    assert row.endswith(str(code))


def test_every_journal_error_ends_a_command_with_the_code_of_the_journal():
    assert {kind.exit_code for kind in KINDS if issubclass(kind, errors.JournalError)} == {4}


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_without_words_says_what_its_kind_means(kind):
    assert str(kind()) == (kind.__doc__ or "").strip() != ""


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ({}, "it broke"),
        ({"run": "r_1"}, "it broke (run r_1)"),
        ({"run": "r_1", "seq": 7}, "it broke (run r_1, entry 7)"),
        ({"hint": "mend it"}, "it broke\n  what to do: mend it"),
        ({"run": "r_1", "seq": 7, "hint": "mend it"}, "it broke (run r_1, entry 7)\n  what to do: mend it"),
    ],
)
def test_an_error_says_what_where_and_what_to_do(where, said):
    assert str(HoldfastError("it broke", **where)) == said


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_survives_being_sent_to_another_process(kind):
    error = kind("it broke", run="r_1", seq=7, hint="mend it")
    for back in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(back) is kind
        assert str(back) == str(error)
        assert (back.run, back.seq, back.hint) == ("r_1", 7, "mend it")


def test_what_is_yours_and_what_is_ours_can_be_told_apart():
    assert issubclass(Conflict, UserError)
    assert not issubclass(Bug, UserError)
    assert not issubclass(JournalDamaged, UserError)
