"""`review --as NAME` on a real terminal: one question after another, decided in a few keys, and nothing decided unseen."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.cli.bills import CONTRACT, STANDIN, TOOLS, write_agent
from tests.cli.plans import write_pair
from tests.cli.terminal import Terminal

LAST = "x leave"
"""The end of a screen; the prompt follows."""


@pytest.fixture
def walk():
    """`walk("bo")`: the walk of somebody; whatever is left of it ends with the test."""
    with ExitStack() as terminals:
        yield lambda name, *more, columns=100: terminals.enter_context(
            Terminal("review", "--as", name, *more, columns=columns)
        )


def screen(terminal):
    """The next question, up to its prompt."""
    shown = terminal.reads(LAST)
    terminal.reads(" > ")
    return " ".join(shown.split())


def types(terminal, *lines):
    """Type lines, each after the prompt before it was shown."""
    for at, line in enumerate(lines):
        if at:
            terminal.reads("> ")
        terminal.types(line)


def voices(holdfast, run):
    return [
        (voice["by"], voice["verdict"])
        for one in holdfast("show", run, "--json").json["questions"].values()
        for voice in one.get("voices", ())
    ]


def test_a_question_is_approved_in_one_key_and_says_what_was_recorded_and_follows(holdfast, waiting, walk):
    terminal = walk("bo", "--role", "boss")
    shown = screen(terminal)
    for part in (
        "payer asks boss to decide",
        'Pay: 50.00 (5,000 cents), bill "5000"',
        "big sums need a person",
        "a approve",
        "d deny",
    ):
        assert part in shown, part
    seq = holdfast("show", waiting, "--json").json["seq"]
    types(terminal, "a")
    terminal.reads(f"recorded: {waiting}, entry {seq + 1}: approved by bo")
    terminal.reads("--as is an assertion, not an identity")
    terminal.reads("what follows: it is judged once more and done, exactly as shown")
    terminal.reads("1 decision recorded")
    assert terminal.ends() == 0
    assert voices(holdfast, waiting) == [("bo", "approve")]
    actor = next(iter(holdfast("show", waiting, "--json").json["questions"].values()))["voices"][0]["actor"]
    assert actor == "cli:bo"
    assert holdfast("resume", waiting, "--json").json["output"] == {"paid": 5000}


def test_what_is_typed_before_a_question_is_shown_decides_nothing(holdfast, payer, waiting, walk):
    other = holdfast("run", payer, '{"bill": "6000"}', "--json").json["run"]
    terminal = walk("bo")
    screen(terminal)
    terminal.types("a\na")
    terminal.reads("the last one for you")
    screen(terminal)
    types(terminal, "x")
    terminal.reads("1 decision recorded")
    assert terminal.ends() == 0
    assert sorted([*voices(holdfast, waiting), *voices(holdfast, other)]) == [("bo", "approve")]


def test_an_empty_line_decides_nothing_and_the_end_of_input_leaves(holdfast, waiting, walk):
    terminal = walk("bo")
    screen(terminal)
    types(terminal, "", "z")
    terminal.reads("z means nothing here")
    terminal.reads("> ")
    types(terminal, "\x04")
    terminal.reads("nothing was recorded")
    assert terminal.ends() == 0
    assert voices(holdfast, waiting) == []


def test_a_denial_needs_a_reason(holdfast, waiting, walk):
    terminal = walk("bo")
    screen(terminal)
    types(terminal, "d", "")
    terminal.reads("nothing was recorded")
    terminal.reads("> ")
    types(terminal, "d", "ask them again")
    terminal.reads("denied by bo")
    terminal.reads("the agent is told your reason")
    assert terminal.ends() == 0
    assert "bo (by assertion) denied: ask them again" in holdfast("show", waiting).out


def test_an_amendment_shows_its_effect_before_it_is_recorded(holdfast, waiting, walk):
    terminal = walk("bo")
    screen(terminal)
    types(terminal, "e")
    terminal.reads("cents is 50.00 (5,000 cents); a new value, or Enter to keep it; 40.00 means 4000 > ")
    types(terminal, "70.00")
    terminal.reads("cents: 50.00 (5,000 cents) → 70.00 (7,000 cents)")
    terminal.reads("it would be refused: never more than the bill says")
    types(terminal, "n")
    terminal.reads("nothing was recorded")
    terminal.reads("> ")
    types(terminal, "e", "")
    terminal.reads("nothing was recorded")
    terminal.reads("> ")
    types(terminal, "e", "much")
    terminal.reads("not recorded: the change does not fit")
    screen(terminal)
    types(terminal, "e", "40.00")
    terminal.reads("every rule of the contract holds for it")
    terminal.reads("your voice counts for it; nobody else has to")
    terminal.reads("y/n > ")
    types(terminal, "y")
    terminal.reads("changed cents by bo")
    assert terminal.ends() == 0
    assert holdfast("resume", waiting, "--json").json["output"] == {"paid": 4000}


def test_an_amendment_is_judged_from_the_journal_where_the_code_is_not_here(holdfast, waiting, payer, walk):
    payer.rename(payer.with_name("gone"))
    terminal = walk("bo")
    screen(terminal)
    types(terminal, "e", "7000")
    terminal.reads("it would be refused: never more than the bill says")
    types(terminal, "n", "x")
    assert terminal.ends() == 0


def test_a_proposal_that_changed_while_it_was_looked_at_is_refused_and_shown_again(holdfast, place, walk):
    two = write_agent(place, "two", contract=CONTRACT.replace("by: boss,", "by: boss, people: 2,"))
    run = holdfast("run", two, '{"bill": "5000"}', "--json").json["run"]
    terminal = walk("bo")
    assert "Two people of boss: nobody has yet" in screen(terminal)
    assert holdfast("review", "amend", run, "--as", "cy", "--set", "cents=4000").code == 0
    types(terminal, "a")
    terminal.reads("not recorded: the proposal has changed since this was shown")
    screen(terminal)
    assert holdfast("resume", run).code == 2
    types(terminal, "a")
    terminal.reads("not recorded: question")
    again = screen(terminal)
    assert "Pay: 40.00 (4,000 cents)" in again
    assert "cy (by assertion) changed it and stands for it" in again
    assert "cy changed cents: 50.00 (5,000 cents) → 40.00 (4,000 cents)" in again
    types(terminal, "a")
    terminal.reads("approved by bo")
    assert terminal.ends() == 0
    assert holdfast("resume", run, "--json").json["output"] == {"paid": 4000}


def test_what_the_requester_wrote_meanwhile_is_shown_and_nobody_approves_over_it(holdfast, waiting, walk):
    terminal = walk("bo")
    screen(terminal)
    assert holdfast("say", waiting, "leave it, they cancelled", "--by", "ana").code == 0
    types(terminal, "a")
    terminal.reads("not recorded: the requester has written since this was shown")
    again = screen(terminal)
    assert "leave it, they cancelled" in again
    assert "Nobody can say yes over it" in again
    types(terminal, "s")
    terminal.reads("nothing was recorded")
    assert terminal.ends() == 0
    assert voices(holdfast, waiting) == []


def test_somebody_else_was_faster(holdfast, waiting, walk):
    terminal = walk("bo")
    screen(terminal)
    assert holdfast("review", "deny", waiting, "--as", "cy", "--text", "no").code == 0
    types(terminal, "a")
    terminal.reads("is not open")
    terminal.reads("nothing was recorded")
    assert terminal.ends() == 0
    assert voices(holdfast, waiting) == [("cy", "deny")]


def test_a_plan_is_one_screen_decided_whole_or_by_number(holdfast, place, walk):
    pair = write_pair(place)
    first = holdfast("run", pair, '{"bill": "5000"}', "--json").json["run"]
    terminal = walk("bo")
    shown = screen(terminal)
    assert shown.count("One plan of 2 calls") == 1
    assert "1. Pay: 50.00" in shown
    assert "2. Pay: 60.00" in shown
    types(terminal, "e")
    terminal.reads("which one? e 1, with a number of the plan: 1 or 2")
    terminal.reads("> ")
    types(terminal, "c 2")
    terminal.reads("claimed by bo")
    terminal.reads("> ")
    types(terminal, "a")
    terminal.reads("number 1 approved by bo")
    terminal.reads("number 2 approved by bo")
    terminal.reads("2 decisions recorded")
    assert terminal.ends() == 0
    assert holdfast("resume", first, "--json").json["output"] == {"paid": 6000}

    second = holdfast("run", pair, '{"bill": "7000"}', "--json").json["run"]
    terminal = walk("bo")
    screen(terminal)
    types(terminal, "d 2", "not this one")
    terminal.reads("denied by bo")
    rest = screen(terminal)
    assert "Pay: 70.00" in rest
    types(terminal, "a")
    terminal.reads("approved by bo")
    assert terminal.ends() == 0
    assert sorted(voices(holdfast, second)) == [("bo", "approve"), ("bo", "deny")]


def test_what_is_not_for_them_is_left_out_and_said(holdfast, payer, waiting, walk):
    terminal = walk("ana")
    terminal.reads("nothing was recorded")
    terminal.reads(f"left out: {waiting} question")
    terminal.reads("opened it")
    assert terminal.ends() == 0
    terminal = walk("bo", "--role", "clerk")
    terminal.reads("nothing was recorded")
    assert terminal.ends() == 0
    assert holdfast("review", "claim", waiting, "--as", "cy").code == 0
    terminal = walk("bo")
    terminal.reads("cy is at it")
    assert terminal.ends() == 0


def test_claiming_asking_back_taking_over_and_help(holdfast, payer, waiting, walk):
    terminal = walk("bo")
    screen(terminal)
    types(terminal, "?")
    terminal.reads("A letter and Enter")
    terminal.reads("> ")
    types(terminal, "v")
    assert "view all" in screen(terminal)
    types(terminal, "c")
    terminal.reads("claimed by bo")
    terminal.reads("> ")
    types(terminal, "c")
    terminal.reads("left to whoever takes it by bo")
    terminal.reads("> ")
    types(terminal, "t", "n")
    terminal.reads("nothing was recorded")
    terminal.reads("> ")
    types(terminal, "q", "r", "which bill?")
    terminal.reads("asked the requester by bo")
    terminal.reads("what follows: it stays open")
    assert terminal.ends() == 0
    terminal = walk("bo")
    assert "bo (by assertion) asked back the requester: “which bill?”" in screen(terminal)
    types(terminal, "t", "y")
    terminal.reads("what follows: you see to the case yourself")
    assert terminal.ends() == 0
    assert holdfast("resume", waiting, "--json").json["outcome"] == "escalated"


SHAKY = TOOLS.replace(
    "    desk.paid[key] = cents\n    return Found(bill=bill, cents=cents)",
    "    raise RuntimeError('the line went dead')",
).replace(", key: CallKey) -> Found", ") -> Found")


def test_a_doubt_is_settled_with_what_was_found(holdfast, place, walk):
    run = holdfast("run", write_agent(place, "shaky", tools=SHAKY), '{"bill": "700"}', "--json").json["run"]
    terminal = walk("bo")
    shown = screen(terminal)
    assert "h it happened" in shown
    assert "The attempt is proven over" in shown
    types(terminal, "h", "{", "x")
    terminal.reads("not recorded: --result is no JSON")
    screen(terminal)
    types(terminal, "h", '{"bill": "700", "cents": 700}', "it is in the bank's list")
    terminal.reads("settled: it happened by bo")
    assert terminal.ends() == 0
    assert holdfast("resume", run, "--json").json["output"] == {"paid": 700}


def test_a_limit_is_raised_and_a_question_answered(holdfast, place, walk):
    asker = STANDIN.replace("    def finish", '    if bill == "7":\n        return [ask("which?", of="clerk"), done(paid=0)]\n\n    def finish').replace("import call,", "import ask, call,")  # fmt: skip
    short = write_agent(place, "short", contract=CONTRACT.replace("steps: 6", "steps: 1"))
    run = holdfast("run", short, '{"bill": "700"}', "--json").json["run"]
    terminal = walk("bo")
    assert "the limit of steps is reached" in screen(terminal)
    types(terminal, "m", "many")
    terminal.reads("not recorded:")
    screen(terminal)
    types(terminal, "m", "5")
    terminal.reads("granted 5 more of steps by bo")
    assert terminal.ends() == 0
    assert holdfast("resume", run, "--json").json["output"] == {"paid": 700}

    run = holdfast("run", write_agent(place, "asker", standin=asker), '{"bill": "7"}', "--json").json["run"]
    terminal = walk("bo")
    assert "It asks which?" in screen(terminal)
    types(terminal, "w", "the blue one")
    terminal.reads("answered by bo")
    assert terminal.ends() == 0
    assert "answered: the blue one" in holdfast("show", run).out


def test_it_is_readable_at_eighty_columns(holdfast, waiting, walk):
    terminal = walk("bo", columns=80)
    terminal.reads(LAST)
    assert max(len(line.rstrip()) for line in terminal.screen.splitlines()) <= 80
    terminal.reads("> ")
    types(terminal, "x")
    assert terminal.ends() == 0


def test_without_a_terminal_or_as_json_it_is_the_list(holdfast, waiting):
    found = holdfast("review", "--as", "bo")
    assert (found.code, "next: holdfast review show RUN" in found.out) == (0, True)
    assert holdfast("review", "--as", "bo", "--json").json[0]["run"] == waiting


def test_without_a_name_it_is_the_list_on_a_terminal_too(holdfast, waiting):
    with Terminal("review") as terminal:
        terminal.reads("next: holdfast review show RUN")
        assert terminal.ends() == 0


def test_what_was_left_in_doubt_by_a_run_that_is_over_is_said(holdfast, place, walk):
    run = holdfast("run", write_agent(place, "shaky", tools=SHAKY), '{"bill": "700"}', "--json").json["run"]
    holdfast("review", "settle", run, "--as", "cy", "--stop")
    holdfast("resume", run)
    terminal = walk("bo")
    terminal.reads("nobody knows whether this happened")
    assert terminal.ends() == 0


def test_the_most_urgent_comes_first(holdfast, place, walk):
    late = holdfast("run", write_agent(place, "late"), '{"bill": "5000"}', "--json").json["run"]
    timed = CONTRACT.replace("by: boss,", "by: boss, within: 1h, then: 'ask:chief',")
    early = holdfast("run", write_agent(place, "early", contract=timed), '{"bill": "5000"}', "--json").json["run"]
    terminal = walk("bo")
    first = screen(terminal)
    assert "2 questions for you" in first
    assert early in first
    assert "If nobody decides by then, chief is asked instead." in first
    types(terminal, "s")
    assert late in screen(terminal)
    types(terminal, "x")
    assert terminal.ends() == 0
