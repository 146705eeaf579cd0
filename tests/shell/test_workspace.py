"""Workspaces of runs: layers that outlive a process, commits that are judged, found again after a crash, and taken back bit for bit."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from holdfast import Agent, Done, Runner, Waiting, call, done, script, workspace
from holdfast.errors import ContractError, JournalError
from holdfast.events import CallReturned, PersonAsked
from holdfast.journal.open import open_journal
from tests.sandbox.backends import backend
from tests.shell.bench import story
from tests.shell.test_children import Mortal


class Answer(BaseModel):
    sentence: str


@pytest.fixture
def data(tmp_path) -> Path:
    """A folder; skips aloud where there is no sandbox."""
    backend("bubblewrap", None)
    place = tmp_path / "data"
    (place / "raw").mkdir(parents=True)
    (place / "raw" / "a.csv").write_text("1,2\n3,4\n")
    (place / "run.sh").write_text("#!/bin/sh\necho hi\n")
    (place / "run.sh").chmod(0o755)
    return place


def picture(folder: Path) -> dict[str, tuple[int, str]]:
    """Every file with its mode and content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(folder))] = (path.stat().st_mode, content)
    return found


def cleaner(data: Path, **given: Any) -> Agent[str, Answer]:
    return Agent(
        name="cleaner", task="Clean up.", takes=str, gives=Answer, models=["script:x"], tools=workspace(data, **given),
        limits={"usd": None},
    )  # fmt: skip


def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/journal.db"


def run_all(where: Any, agent: Any, *turns: Any, **options: Any) -> Any:
    async def whole() -> Any:
        async with Runner.open(where, model=script(*turns), **options) as runner:
            run = await runner.start(agent, "go", key="once")
            return await run.result(), [entry.event for entry in await run.entries()], await run.state()

    return story(whole)


def results(events: list[Any]) -> list[Any]:
    return [event.result.value for event in events if isinstance(event, CallReturned)]


SUM = "awk -F, '{s += $1 + $2} END {print s}' raw/a.csv > sum.txt; cat sum.txt"
OK = done(sentence="ok")


def test_commands_of_a_run_work_on_one_layer_and_the_folder_is_as_it_was(tmp_path, data):
    before = picture(data)
    turns = (
        call("shell", command=SUM), [call("write_file", path="deep/note.txt", text="hello\n"), call("shell", command="cat deep/note.txt")],
        call("python", code="import os; os.remove('raw/a.csv'); print(open('sum.txt').read())"), call("read_file", path="raw/a.csv"), OK,
    )  # fmt: skip
    found, events, _ = run_all(url(tmp_path), cleaner(data), *turns)
    assert isinstance(found, Done)
    ran = results(events)
    assert [one["exit"] for one in ran] == [0, 0, 0, 0, 1]
    assert ran[0]["stdout"] == "10\n"
    assert ran[2]["stdout"] == "hello\n", "calls of one turn are carried out in their order"
    assert ran[3]["changes"] == ["+ deep", "+ deep/note.txt", "- raw/a.csv", "+ sum.txt"]
    assert "No such file" in ran[4]["stderr"]
    assert picture(data) == before


def test_a_commit_takes_all_of_it_over_and_undoing_the_run_restores_the_folder_bit_for_bit(tmp_path, data):
    before = picture(data)
    turns = (call("shell", command=f"{SUM}; rm -r raw; chmod 600 run.sh; ln -s sum.txt link"), call("commit"), OK)
    agent = cleaner(data)
    found, events, _ = run_all(url(tmp_path), agent, *turns)
    assert isinstance(found, Done)
    assert (data / "sum.txt").read_text() == "10\n"
    assert not (data / "raw").exists()
    assert (data / "link").readlink() == Path("sum.txt")
    assert "+ sum.txt" in results(events)[1]["committed"]

    async def undo() -> Any:
        async with Runner.open(url(tmp_path), agents=[agent], model=script()) as runner:
            plan = await runner.plan_undo(found.run)
            return await (await runner.undo(plan, by="bob")).result()

    assert isinstance(story(undo), Done)
    assert picture(data) == before


def test_undo_leaves_alone_what_somebody_changed_since(tmp_path, data):
    agent = cleaner(data)
    found, _, _ = run_all(url(tmp_path), agent, call("shell", command=SUM), call("commit"), OK)
    (data / "sum.txt").write_text("mine\n")

    async def undo() -> Any:
        async with Runner.open(url(tmp_path), agents=[agent], model=script()) as runner:
            return await (await runner.undo(await runner.plan_undo(found.run), by="bob")).result()

    assert "somebody changed sum.txt" in story(undo).why
    assert (data / "sum.txt").read_text() == "mine\n"


def test_a_commit_waits_for_a_person_and_goes_on_in_another_process(tmp_path, data):
    agent = cleaner(data, commit={"review": [{"because": "people look first", "by": "ops"}]})
    turns = (call("shell", command=SUM), call("commit"), OK)
    found, events, _ = run_all(url(tmp_path), agent, *turns)
    assert isinstance(found, Waiting)
    assert any(isinstance(event, PersonAsked) for event in events)
    assert not (data / "sum.txt").exists()

    async def elsewhere() -> Any:
        async with Runner.open(url(tmp_path), agents=[agent], model=script(*turns), drives=False) as runner:
            run = runner.run(found.run, agent)
            await runner.answer(
                found.run, next(iter((await run.state()).questions)), "approve", by="bob", roles=["ops"]
            )
            return await run.result()

    assert isinstance(story(elsewhere), Done)
    assert (data / "sum.txt").read_text() == "10\n"


@pytest.mark.parametrize("keeps", [False, True], ids=["lost", "kept"])
def test_a_death_at_any_append_leaves_the_folder_before_or_after_and_the_run_ends(tmp_path, data, keeps):
    before = picture(data)
    turns = (call("shell", command=SUM), call("commit"), call("shell", command="cat sum.txt"), OK)
    at = 0
    while True:
        at += 1
        home = tmp_path / f"{at}"
        home.mkdir()
        journal = open_journal(f"sqlite:///{home}/journal.db")
        mortal: Any = Mortal(journal, at, keeps=keeps)  # type: ignore[arg-type]
        with contextlib.suppress(JournalError, TimeoutError):
            run_all(mortal, cleaner(data), *turns)
        if mortal.appends < at:
            break
        story(journal.close)
        halfway = picture(data)
        assert halfway == before or "sum.txt" in halfway
        second = open_journal(f"sqlite:///{home}/journal.db")
        found, events, _ = run_all(Mortal(second, 10**9, keeps=False), cleaner(data), *turns)  # type: ignore[arg-type]
        story(second.close)
        assert isinstance(found, Done), found
        assert (data / "sum.txt").read_text() == "10\n"
        assert sum("committed" in one for one in results(events)) <= 1
        last = results(events)[-1]
        assert (last["stdout"], last["changes"]) == ("10\n", []), (
            "after a commit the layer is empty, however it became known"
        )
        (data / "sum.txt").unlink()
    assert at > 6


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("true", "report.json is not made in this run"), ("touch report.json", "report.json is empty"),
        ("mkdir -p .github/workflows; echo x > .github/workflows/ci.yml; echo {} > report.json", "CI runs it"),
    ],
)  # fmt: skip
def test_what_may_not_be_committed_is_refused_with_its_reason(tmp_path, data, command, why):
    found, _, state = run_all(
        url(tmp_path), cleaner(data, makes=["report.json"]), call("shell", command=command), call("commit"), OK
    )
    assert isinstance(found, Done)
    assert any(why in getattr(one, "text", "") for one in state.transcript)
    assert not (data / ".github").exists()


def test_what_runs_by_itself_may_be_committed_where_people_see_every_commit(tmp_path, data):
    agent = cleaner(data, commit={"review": [{"because": "people look first"}]})
    turns = (call("shell", command="mkdir .vscode; echo {} > .vscode/tasks.json"), call("commit"), OK)
    found, _, _ = run_all(url(tmp_path), agent, *turns)

    async def approve() -> Any:
        async with Runner.open(url(tmp_path), agents=[agent], model=script(*turns), drives=False) as runner:
            run = runner.run(found.run, agent)
            await runner.answer(found.run, next(iter((await run.state()).questions)), "approve", by="bob")
            return await run.result()

    assert isinstance(story(approve), Done)
    assert (data / ".vscode" / "tasks.json").exists()


@pytest.mark.parametrize(
    ("turn", "exit_code", "said"),
    [
        (call("shell", command="false | cat; echo on"), 1, ""), (call("shell", command="echo ok", makes=["x.csv"]), 1, "x.csv: missing"),
        (call("python", code="1/0"), 1, "ZeroDivisionError"), (call("shell", command="cat /etc/shadow"), 1, ""),
    ],
)  # fmt: skip
def test_a_command_that_failed_is_not_told_as_one_that_went_well(tmp_path, data, turn, exit_code, said):
    _, events, _ = run_all(url(tmp_path), cleaner(data), turn, OK)
    ran = results(events)[0]
    assert ran["exit"] == exit_code
    assert said in str(ran)
    assert "on" not in ran["stdout"]


def test_what_is_discarded_is_gone_and_a_stale_name_of_a_layer_commits_nothing(tmp_path, data):
    turns = (
        call("shell", command=SUM),
        call("discard"),
        call("shell", command="ls"),
        call("commit", layer="0" * 64),
        OK,
    )
    _, events, state = run_all(url(tmp_path), cleaner(data), *turns)
    assert results(events)[2]["stdout"].split() == ["raw", "run.sh"]
    assert any("look at it first" in getattr(one, "text", "") for one in state.transcript)


def test_packages_are_those_that_are_named(tmp_path, data):
    code = "import msgspec; print(msgspec.__name__)"
    with_it = run_all(url(tmp_path), cleaner(data, packages=["msgspec"]), call("python", code=code), OK)
    assert results(with_it[1])[0]["stdout"] == "msgspec\n"
    (tmp_path / "other").mkdir()
    without = run_all(url(tmp_path / "other"), cleaner(data), call("python", code=code), OK)
    assert results(without[1])[0]["exit"] == 1
    with pytest.raises(ContractError, match="not installed"):
        workspace(data, packages=["nothing_of_this_name"])


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(ContractError, match="no folder"):
        workspace(tmp_path / "nowhere")
