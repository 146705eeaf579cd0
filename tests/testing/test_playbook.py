"""The course of a run as lines, and a playbook that prints the difference, or keeps what came."""

from __future__ import annotations

import asyncio
import importlib.util
from textwrap import dedent

import pytest

from holdfast.errors import UsageError
from holdfast.testing import TestRunner, ask, call, course, done, playbook, script
from tests.testing.desk import Bank, payer

EXPECTED = """
    tester: 5000
    look_up(bill="5000") → done
    pay(bill="5000", cents=5000)
      review for boss: big sums need a person
      alice: approve
      → done
    done: paid=5000
    """


def played(model, given, *acts):
    async def play():
        async with TestRunner(
            payer, model=model, resources=[Bank(refuses=1)] if "closed" in acts else [Bank()]
        ) as desk:
            run = await desk.run(given)
            for act in acts:
                if callable(act):
                    await act(desk, run)
            return run

    return asyncio.run(play())


@pytest.fixture
def reviewed():
    model = script(call("look_up", bill="5000"), call("pay", bill="5000", cents=5000), done(paid=5000))
    return played(model, "5000", lambda desk, run: desk.approve(run, by="alice"))


def test_a_course_that_was_expected_passes_and_another_prints_its_difference(reviewed):
    playbook(reviewed, EXPECTED)
    with pytest.raises(AssertionError) as caught:
        playbook(reviewed, EXPECTED.replace("alice", "bo").replace("paid=5000", "paid=1"))
    told = str(caught.value)
    assert "-  bo: approve\n+  alice: approve" in told
    assert "-done: paid=1\n+done: paid=5000" in told
    assert ' look_up(bill="5000") → done' in told
    assert "HOLDFAST_UPDATE=1" in told


def test_refusals_failures_questions_and_a_model_that_is_wrong_have_their_lines():
    model = script(
        [call("look_up", bill="7"), call("look_up", bill="8")], call("pay", bill="7", cents=9), call("pay", bill="8", cents=8),
        ask("Is that all?"), done(paid="much"), done(paid=8),
    )  # fmt: skip
    run = played(model, "7", "closed", lambda desk, run: desk.answer(run, "yes"))
    assert (
        course(run.entries)
        == dedent("""\
        tester: 7
        look_up(bill="7") → done
        look_up(bill="8") → done
        pay(bill="7", cents=9)
          refused: never more than the bill says (tools.pay.must[0])
          → refused
        pay(bill="8", cents=8)
          failed: not_done: the bank is closed
          → done
        ask(of="requester", question="Is that all?")
          question for requester: Is that all?
          tester: answer: yes
          → answered
        done(paid="much")
          not accepted: the output does not fit: paid: Input should be a valid integer, unable to parse string as an integer
          → not accepted
        done: paid=8
        """).splitlines()
    )


def test_a_run_that_waits_has_a_last_line_too():
    run = played(script(ask("Which?")), "7")
    assert course(run.entries)[-1] == "waiting: question for requester"
    declined = played(script(), "7")
    assert course(declined.entries)[-1].startswith("failed: ")


def test_what_came_is_kept_in_a_file(reviewed, tmp_path, monkeypatch):
    file = tmp_path / "paid.txt"
    with pytest.raises(AssertionError, match="expected"):
        playbook(reviewed, file)
    monkeypatch.setenv("HOLDFAST_UPDATE", "1")
    playbook(reviewed, file)
    monkeypatch.delenv("HOLDFAST_UPDATE")
    playbook(reviewed, file)
    assert file.read_text().splitlines()[1] == 'look_up(bill="5000") → done'


OWN = '''\
from holdfast.testing import playbook


def check(run):
    playbook(run, """
        something else
        """)


def twice(run):
    playbook(run, "nothing")
    playbook(run, """other""")
'''


def loaded(file):
    spec = importlib.util.spec_from_file_location("own_test", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_came_is_kept_in_the_text_of_the_test(reviewed, tmp_path, monkeypatch):
    file = tmp_path / "own_test.py"
    file.write_text(OWN)
    module = loaded(file)
    with pytest.raises(AssertionError, match="something else"):
        module.check(reviewed)
    monkeypatch.setenv("HOLDFAST_UPDATE", "1")
    module.check(reviewed)
    module.twice(reviewed)
    monkeypatch.delenv("HOLDFAST_UPDATE")
    again = loaded(file)
    again.check(reviewed)
    again.twice(reviewed)
    assert '        pay(bill="5000", cents=5000)\n          review for boss' in file.read_text()
    assert file.read_text().count("alice: approve") == 3


def test_an_expectation_that_stands_elsewhere_cannot_be_rewritten(reviewed, monkeypatch):
    monkeypatch.setenv("HOLDFAST_UPDATE", "1")
    with pytest.raises(UsageError, match="stands nowhere in"):
        playbook(reviewed, "a" + str(1))
