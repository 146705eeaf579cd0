"""Blame: which turn of a run is named, by which clue, and which is not."""

from __future__ import annotations

import pytest

from holdfast.views.blame import MANY, Kind, Spoken, blame, clues, ranked
from holdfast.views.blame_turns import agents, turns
from holdfast.views.record import Call, Content, End, Said, Trace, Turn

TASK = Spoken("Ann", "Find how many wheels the museum has, and say so in one number.")
AGREES = "I agree with all of that, and with how it was done."
PLAN = "Let us go step by step, and look at the list of the museum first."


def talk(*said: tuple[str, str] | tuple[str, str, Kind]) -> list[Spoken]:
    return [TASK, *(Spoken(*turn) for turn in said)]


def named(*said: tuple[str, str] | tuple[str, str, Kind]) -> tuple[str, int]:
    first = blame(talk(*said))[0]
    return first.agent, first.step


PROGRAM = "Please run this program over the list of the museum.\n```python\ncount()\n```"


def test_who_first_states_names_and_numbers_is_named():
    said = [("Bob", PLAN), ("Cleo", "The museum of Utrecht has 112 wheels, says Jansen in 1987."), ("Bob", AGREES)]
    first = blame(talk(*said))[0]
    assert (first.agent, first.step) == ("Cleo", 2)
    assert first.because == "it is the first to state 4 names and numbers"
    assert 0.5 < first.share < 1


def test_what_a_tool_put_out_before_is_nobodys_invention():
    told = ("Cleo", "So the museum of Utrecht has 112 wheels, as the list of Jansen says.")
    shell: tuple[str, str, Kind] = ("shell", "Utrecht 112 Jansen", "output")
    assert [one.new for one in clues(talk(("Bob", PLAN), told))] == [0, 3]
    assert [one.new for one in clues(talk(("Bob", PLAN), shell, told))] == [0, 0]


def test_fewer_new_names_and_numbers_than_the_bound_are_no_claim():
    few, enough = clues(talk(("Bob", "It must be the museum of Utrecht, in any case."), ("Cleo", "It has 112 or " * 3)))
    assert (few.new, enough.new) == (1, 1)
    assert few.values(MANY) == enough.values(MANY) == (0, 0, 0, 0, 0, 0)
    assert few.values(1)[1] == 1


def test_a_list_is_a_clue_in_prose_and_none_in_code():
    listed = "There are three of them in the hall:\n- one by the door\n2. one by the stairs\n* one above"
    found = clues(talk(("Bob", listed), ("Cleo", f"It is all in here, as was said:\n```\n{listed}\n```")))
    assert [one.listed for one in found] == [3, 0]
    assert "it lists 3 points" in blame(talk(("Cleo", PLAN), ("Bob", listed)))[0].because


def test_what_was_run_and_who_opened_the_run_are_clues():
    ran: tuple[str, str, Kind] = ("shell", "112", "output")
    told: tuple[str, str, Kind] = ("shell", "nothing to run", "given")
    found = clues(talk(("Bob", PROGRAM), ran, ("Cleo", PLAN), told, ("Ann", PLAN)))
    assert [(one.ran, one.opener) for one in found] == [(True, False), (False, False), (False, True)]
    assert blame(talk(("Bob", PLAN), ("Ann", PLAN)))[0].because == "its speaker opened the run"


def test_the_opening_is_a_suspect_only_if_what_it_brought_was_run():
    ran = Spoken("shell", "112", "output")
    opening = Spoken("Ann", PROGRAM)
    found = blame([opening, ran, Spoken("Bob", AGREES)])
    assert (found[0].agent, found[0].step) == ("Ann", 0)
    assert found[0].because == "it opened the run with something that was run as it came"
    assert [one.step for one in blame([opening, Spoken("Bob", AGREES), ran])] == [1]
    assert [one.step for one in blame([opening, Spoken("Ann", "a page", "output"), Spoken("Bob", AGREES)])] == [2]


def test_first_failure_counts_only_in_a_run_that_broke_off():
    tries: list[tuple[str, str, Kind]] = [("Bob", PROGRAM, "says"), ("shell", "NameError: count", "output")]
    again: list[tuple[str, str, Kind]] = [("Cleo", PROGRAM, "says"), ("shell", "ValueError: 3", "output")]
    assert [one.failed for one in clues(talk(*tries, *again))] == [True, False]
    assert [one.failed for one in clues(talk(*tries, *again, ("Bob", AGREES)))] == [False, False, False]
    assert named(*tries, *again) == ("Bob", 1)
    assert blame(talk(*tries, *again))[0].because.startswith("the first failure of a tool came of it")


def test_turns_that_only_agree_or_sign_off_are_no_suspects():
    said = talk(("Bob", PLAN), ("Cleo", "I agree."), ("Ann", "TERMINATE " * 10))
    assert [one.step for one in clues(said)] == [1]


def test_the_most_suspect_turn_comes_first_and_the_earlier_of_two_alike():
    said = talk(
        ("Bob", PLAN),
        ("Cleo", "It is in Utrecht, they say at the museum of Pieters and Willems."),
        ("Bob", "It is in Leiden, they say, in the street of Huygens, at 112."),
    )
    found = blame(said)
    assert [(one.agent, one.step) for one in found] == [("Cleo", 2), ("Bob", 3), ("Bob", 1)]
    assert found[0].share == found[1].share > found[2].share
    assert sum(one.share for one in found) == pytest.approx(1, abs=0.01)


def test_where_no_turn_has_a_clue_the_earliest_is_named_and_that_is_said():
    first = blame(talk(("Bob", PLAN), ("Cleo", PLAN)))[0]
    assert (first.agent, first.because) == ("Bob", "nothing speaks for any other turn")


def test_other_weights_and_bounds_make_another_order():
    found = clues(talk(("Bob", PLAN), ("Cleo", "It has 112 wheels, as the people at the desk of it say.")))
    assert [one.step for _, one in ranked(found, (0, 1, 0, 0, 0, 0), 1)] == [2, 1]
    assert [one.step for _, one in ranked(found, (0, 1, 0, 0, 0, 0), 2)] == [1, 2]


@pytest.mark.parametrize("said", [[], [TASK], [TASK, Spoken("shell", "nothing to run", "given")]])
def test_where_nobody_said_anything_nobody_is_named(said: list[Spoken]):
    assert blame(said) == ()


# ------------------------------------------------------------------------------------------------------------- led


def led(*rounds: tuple[str, str]) -> list[Spoken]:
    found = [Spoken("person", "Find the bar.", "given")]
    for asked, came in rounds:
        found += [Spoken("Lead", "not there yet", "thinks"), Spoken("Lead", asked, "asks"), Spoken("Web", came)]
    return [*found, Spoken("Lead", "Done.", "thinks")]


def test_first_answer_that_was_asked_for_once_more_is_named():
    found = blame(
        led(
            ("Look for bars near the museum.", "a list"),
            ("Look for bars near the museum with a ramp in Leiden.", "a page"),
            ("Please look once more for bars near the museum with a ramp in Leiden.", "a page"),
            ("Say how far away the first bar is.", "far"),
        )
    )
    assert [(one.agent, one.step, one.share) for one in found] == [("Web", 6, 1.0)]
    assert "asked for once more" in found[0].because


def test_where_nothing_is_asked_twice_the_last_answer_is_named():
    found = blame(led(("Look for bars near the museum.", "a list"), ("How far is it to Leiden from there?", "far")))
    assert [(one.agent, one.step) for one in found] == [("Web", 6), ("Web", 3)]


def test_requests_that_nobody_answered_leave_nobody_to_name():
    assert blame([Spoken("Lead", "Look for bars.", "asks"), Spoken("Lead", "Look for bars.", "asks")]) == ()


# ------------------------------------------------------------------------------------------------------------ tree


def call(seq: int, tool: str, child: str = "", result: str | None = None, **args: str) -> Call:
    return Call(
        seq=seq, at=seq, ask=seq - 1, manifest=seq - 2, index=0, tool=tool, effect="read", args=Content(dict(args)),
        child=child, result=Content(result) if result is not None else None, answered=seq + 1,
    )  # fmt: skip


def run(name: str, agent: str, items: list[Turn | Said], calls: list[Call], output: str | None = None) -> Trace:
    return Trace(
        run=name, seq=20, agent=agent, mode="live", by="ann", opened=1, at=20, input=Content("Find the bar."),
        contract=None, contract_digest="", items=tuple(items), calls={one.seq: one for one in calls},
        end=End(20, 20, "done" if output else "failed", "no answer", Content(output) if output else None),
    )  # fmt: skip


def turn(seq: int, text: str, *calls: int) -> Turn:
    return Turn(seq=seq, at=seq, step=1, asked=(), answered=seq + 1, text=Content(text), calls=calls)


def test_a_run_tree_is_one_talk_in_order():
    child = run("r_c", "web", [turn(2, "I look.", 4)], [call(4, "search", result="a list")], output="a bar")
    lost = run("r_l", "map", [], [])
    calls = [call(5, "ask_web", child="r_c", want="bars"), call(8, "ask_map", child="r_l", want="how far")]
    lead = run("r_p", "lead", [turn(2, "First the bars.", 5, 8), Said(12, 12, "ann", Content("Hurry."))], calls, "x")
    found = turns(lead, {"r_c": child, "r_l": lost})
    assert [(one.speaker, one.text, one.kind, one.run, one.seq) for one in found] == [
        ("ann", "Find the bar.", "given", "r_p", 1),
        ("lead", "First the bars.", "thinks", "r_p", 3),
        ("lead", '{"want": "bars"}', "asks", "r_p", 5),
        ("web", "I look.", "says", "r_c", 3),
        ("search", "a list", "output", "r_c", 5),
        ("web", "a bar", "says", "r_c", 20),
        ("lead", '{"want": "how far"}', "asks", "r_p", 8),
        ("map", "failed: no answer", "says", "r_l", 20),
        ("ann", "Hurry.", "given", "r_p", 12),
    ]
    assert agents(found) == ["lead", "web", "map"]
    first = blame(found)[0]
    assert (first.agent, first.run, first.seq) == ("map", "r_l", 20)


def test_words_that_were_erased_and_children_that_are_not_here_are_left_out():
    lead = run("r_p", "lead", [turn(2, "", 5)], [call(5, "ask_web", child="r_c", want="bars")])
    erased = Trace(**{name: getattr(lead, name) for name in lead.__struct_fields__} | {"input": Content(erased=True)})
    assert [one.text for one in turns(erased, {})] == ["", '{"want": "bars"}']
