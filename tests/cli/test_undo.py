"""undo: the plan first; then a run of its own, which people may have to allow."""

from __future__ import annotations

from tests.cli.bills import TOOLS, write_agent

BACK = TOOLS.replace(
    "@tool.write(timeout=5)\n",
    '''async def take_back(found: Found, *, desk: Desk, key: CallKey) -> Found:
    """Have a bill's money back."""
    return found


@tool.write(timeout=5, undo=take_back)
''',
)


def paid(holdfast, place, cents="700"):
    """A run that paid a bill."""
    agent = write_agent(place, tools=BACK)
    run = holdfast("run", agent, f'{{"bill": "{cents}"}}', "--json").json["run"]
    if int(cents) > 1000:
        holdfast("review", "approve", run, "--as", "bo")
        holdfast("resume", run)
    return run


def test_the_plan_is_shown_and_nothing_is_done(holdfast, place):
    run = paid(holdfast, place)
    said = holdfast("undo", run)
    assert said.code == 0
    assert "goes back  pay(" in said.out
    assert "by take_back, given what it gave back" in said.out
    assert "1 of 1 write would be taken back." in said.out
    assert f"to do it: holdfast undo {run} --yes" in said.out
    plan = holdfast("undo", run, "--json").json
    assert [(step["tool"], step["can"], step["undo"]) for step in plan["steps"]] == [("pay", "ready", "take_back")]
    assert len(holdfast("show", "--json").json) == 1, "a plan is no run"


def test_it_is_done_by_a_run_of_its_own_once(holdfast, place):
    run = paid(holdfast, place)
    done = holdfast("undo", run, "--yes", "--as", "cy", "--json")
    assert (done.code, done.json["agent"], done.json["outcome"]) == (0, "payer-undo", "done")
    assert done.json["output"] == {"run": run, "undone": 1, "simulated": 0}
    assert f"was undone by run {done.json['run']}" in holdfast("show", run).out
    again = holdfast("undo", run, "--yes")
    assert (again.code, "Nothing would be taken back." in again.out) == (0, True)
    other = holdfast("undo", done.json["run"])
    assert (other.code, f"it took back run {run}" in other.err) == (3, True)


def test_what_a_person_had_to_allow_a_person_takes_back(holdfast, place):
    run = paid(holdfast, place, "5000")
    said = holdfast("undo", run, "--yes", "--as", "cy")
    assert said.code == 2
    assert "takes 1 person of boss to agree that it goes back: big sums need a person." in " ".join(said.out.split())
    undo = holdfast("show", "--where", "agent=payer-undo", "--json").json[0]["run"]
    assert (holdfast("undo", run).code, f"run {undo} is undoing it" in holdfast("undo", run).err) == (3, True)
    assert holdfast("review", "deny", undo, "--as", "bo", "--text", "too late").code == 0
    end = holdfast("resume", undo)
    assert (end.code, "0 of 1 calls of run" in end.out, "too late" in end.out) == (0, True, True)


def test_an_open_run_is_cancelled_first(holdfast, waiting):
    found = holdfast("undo", waiting)
    assert (found.code, f"holdfast cancel {waiting}" in found.err) == (3, True)


def test_what_does_not_go_back_is_no_success(holdfast, place):
    agent = write_agent(place, tools=BACK.replace("    return found\n", "    raise Refused('it was spent')\n").replace(
        "import CallKey", "import CallKey, Refused"
    ))  # fmt: skip
    run = holdfast("run", agent, '{"bill": "700"}', "--json").json["run"]
    end = holdfast("undo", run, "--yes", "--json")
    assert (end.code, end.json["outcome"]) == (1, "declined")
    assert "it was spent" in end.json["why"]


def test_a_simulated_undo_takes_nothing_back(holdfast, place):
    run = paid(holdfast, place)
    end = holdfast("undo", run, "--yes", "--mode", "simulate", "--json")
    assert (end.code, end.json["output"]) == (0, {"run": run, "undone": 0, "simulated": 1})
    assert "goes back" in holdfast("undo", run).out
