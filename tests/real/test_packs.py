"""Packs: found by name, read as recorded, and content with what is missing."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from real.packs import INJECTED_FAULT, Exchange, Label, Message, Pack, ToolCall, data_folder, exchanges, find
from real.replay import replay


def call(call_id: str, arguments: str) -> dict[str, object]:
    return {"id": call_id, "type": "function", "function": {"name": "look", "arguments": arguments}}


def answer(call_id: str, text: str | None) -> dict[str, object]:
    return {"role": "tool", "tool_call_id": call_id, "name": "look", "content": text}


MESSAGES: list[dict[str, object]] = [
    {"role": "user", "content": "hello"},
    {"role": "assistant", "content": None, "tool_calls": [call("a", '{"at": "x"}'), call("b", '{"at": ')]},
    answer("b", "Error: malformed"),
    answer("a", "saw x"),
    {"role": "assistant", "content": "and again", "tool_calls": [call("a", '{"at": "y"}')]},
    answer("a", INJECTED_FAULT),
    {"role": "assistant", "content": "bye", "tool_calls": None},
    {"role": "assistant", "content": None, "tool_calls": [call("c", '{"at": "z"}')]},
]


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    folder = tmp_path / "tau_toys"
    folder.mkdir()
    run = {
        "run_id": "r1",
        "task_id": 3,
        "trial": 0,
        "model": "m",
        "reward": 1.0,
        "domain": "toys",
        "messages": MESSAGES,
    }
    (folder / "runs_one.jsonl.gz").write_bytes(gzip.compress(json.dumps(run).encode() + b"\n"))
    return Pack(folder)


def test_packs_are_found_by_name_if_they_hold_runs(pack: Pack, tmp_path: Path) -> None:
    (tmp_path / "tau_empty").mkdir()
    (tmp_path / "notes.md").write_text("no pack")
    assert find(tmp_path) == find(tmp_path, "tau_*") == [pack]
    assert find(tmp_path, "airline*") == []
    assert (pack.name, pack.sets()) == ("tau_toys", ["one"])


def test_a_run_is_read_with_parallel_malformed_and_missing_parts(pack: Pack) -> None:
    (run,) = pack.runs("one")
    assert (run.run_id, run.task_id, run.trial, run.model, run.reward) == ("r1", 3, 0, "m", 1.0)
    assert run.messages[0] == Message("user", "hello")
    assert run.messages[1].tool_calls == (
        ToolCall("a", "look", '{"at": "x"}'),
        ToolCall("b", "look", '{"at": '),
    )
    assert [made.parsed() for made in run.messages[1].tool_calls] == [{"at": "x"}, None]
    assert run.messages[6] == Message("assistant", "bye")
    assert ToolCall("a", "look", "[1]").parsed() is None


def test_an_answer_belongs_to_the_turn_of_its_call(pack: Pack) -> None:
    (run,) = pack.runs("one")
    assert list(exchanges(run)) == [
        Exchange(ToolCall("a", "look", '{"at": "x"}'), 1, "saw x"),
        Exchange(ToolCall("b", "look", '{"at": '), 1, "Error: malformed"),
        Exchange(ToolCall("a", "look", '{"at": "y"}'), 4, INJECTED_FAULT),
        Exchange(ToolCall("c", "look", '{"at": "z"}'), 7, None),
    ]


def test_a_replay_counts_what_it_compared_and_what_it_could_not(pack: Pack) -> None:
    (run,) = pack.runs("one")
    seen: list[object] = []

    def look(name: str, arguments: dict[str, object]) -> str:
        seen.append((name, arguments["at"]))
        return "saw nothing"

    done = replay(run, look)
    assert (done.compared, done.injected, done.malformed, done.unanswered) == (1, 1, 1, 1)
    assert seen == [("look", "x"), ("look", "z")]
    (difference,) = done.differences
    assert (difference.run_id, difference.index) == ("r1", 1)
    assert (difference.recorded, difference.ours) == ("saw x", "saw nothing")


def test_what_a_pack_lacks_is_none(pack: Pack) -> None:
    assert pack.labels("one") is None
    assert pack.expected("one") is None
    read = (pack.tools(), pack.effects(), pack.policy(), pack.tasks(), pack.db())
    assert read == (None, None, None, None, None)


def test_what_a_pack_has_is_read(pack: Pack) -> None:
    label = {"run_id": "r1", "task_id": 3, "trial": 0, "reward": 1.0, "failure_class": "success"}
    schema = {"name": "look", "description": "Look.", "parameters": {"type": "object"}}
    task = {"task_id": 3, "user_id": "u", "instruction": "i", "actions": [{"name": "look", "kwargs": {}}]}
    texts = {
        "labels_one.jsonl": json.dumps(label) + "\n",
        "expected.json": json.dumps({"one": {"runs": 1}, "initial_db_sha256": "0"}),
        "tools.json": json.dumps([{"type": "function", "function": schema}]),
        "effects.json": json.dumps({"look": {"effect": "read"}, "do": {"effect": "write", "target": ["at"]}}),
        "policy.md": "Be kind.",
        "tasks.jsonl": json.dumps(task) + "\n",
    }
    for file, text in texts.items():
        (pack.folder / file).write_text(text)
    (pack.folder / "db.json.gz").write_bytes(gzip.compress(b'{"toys": {}}'))
    assert pack.labels("one") == {"r1": Label("r1", 3, 0, 1.0, "success")}
    assert pack.expected("one") == {"runs": 1}
    assert pack.expected("two") is None
    assert [tool.name for tool in pack.tools() or []] == ["look"]
    effects = pack.effects() or {}
    assert (effects["look"].changes, effects["do"].changes, effects["do"].target) == (False, True, ("at",))
    assert pack.policy() == "Be kind."
    assert [task.actions[0].name for task in pack.tasks() or []] == ["look"]
    first, second = pack.db(), pack.db()
    assert first == second == {"toys": {}}
    assert first is not second


def test_the_data_folder_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOLDFAST_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    monkeypatch.setenv("HOLDFAST_DATA", str(tmp_path / "nowhere"))
    assert data_folder() is None


def test_every_pack_at_hand_reads_to_its_own_figures() -> None:
    data = data_folder()
    packs = find(data, "tau_*") if data else []
    if not packs:
        pytest.skip("no recordings: set HOLDFAST_DATA to a folder of packs")
    for pack in packs:
        for stem in pack.sets():
            runs, figures = pack.runs(stem), pack.expected(stem)
            assert figures is not None
            pairs = [pair for run in runs for pair in exchanges(run)]
            assert len(runs) == len(pack.labels(stem) or {}) == figures["runs"]
            assert sum(len(run.messages) for run in runs) == figures["messages"]
            assert len(pairs) == figures["tool_calls"]
            errors = sum((pair.answer or "").startswith("Error") for pair in pairs)
            assert errors == figures["tool_results_starting_Error"]
            assert sum(pair.call.parsed() is None for pair in pairs) == figures["malformed_arguments"]
            assert sum(pair.answer == INJECTED_FAULT for pair in pairs) == figures["injected_503"]
