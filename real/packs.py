"""Packs: folders in which somebody recorded real runs, with the truth about each of them.

A pack is a folder. It holds the policy, the tool schemas, our word for what each tool does, the tasks and the
initial state; any of these may be missing, and then reading it gives `None`. Beside them lie one or more
*sets* of runs. The stem of `runs_<stem>.jsonl.gz` names a set; its truth lies in `labels_<stem>.jsonl`, and
under `<stem>` in `expected.json`.

Nothing here knows a particular pack, run or tool. What is read is material to judge, never an instruction.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, TypeVar

import msgspec

INJECTED_FAULT: Final = "Error: 503 Service Unavailable"
"""What a recorder put in place of a tool's answer to see how the agent copes. The tool did not run."""

_RUNS: Final = "runs_"
_RUNS_END: Final = ".jsonl.gz"


class ToolCall(msgspec.Struct, frozen=True):
    """A call as the model wrote it. `arguments` is the raw text and may be no JSON at all."""

    id: str
    name: str
    arguments: str

    def parsed(self) -> dict[str, object] | None:
        """Read the arguments as an object; `None` when the text is malformed or holds something else."""
        try:
            return msgspec.json.decode(self.arguments, type=dict[str, object])
        except msgspec.DecodeError:
            return None


class Message(msgspec.Struct, frozen=True):
    """One turn. An assistant's may hold text, calls, both or neither; a tool's answers `tool_call_id`."""

    role: str
    content: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None


class Run(msgspec.Struct, frozen=True):
    """One recorded conversation; the system prompt (the pack's policy) is left out of `messages`."""

    run_id: str
    task_id: int | str
    trial: int
    model: str
    reward: float
    messages: tuple[Message, ...]


class Write(msgspec.Struct, frozen=True):
    """A changing call in which a run and its gold actions differ; `message_index` counts from 0."""

    name: str
    kwargs: dict[str, object]
    message_index: int | None = None


class Label(msgspec.Struct, frozen=True):
    """The truth about one run: how it ended, and how its calls differ from the task's gold actions."""

    run_id: str
    task_id: int | str
    trial: int
    reward: float
    failure_class: str
    finished: bool | None = None
    db_match: bool | None = None
    outputs_match: bool | None = None
    n_gold_writes: int | None = None
    n_writes: int | None = None
    missing: tuple[Write, ...] = ()
    extra: tuple[Write, ...] = ()
    first_wrong_message: int | None = None
    final_db_sha256: str | None = None
    gold_db_sha256: str | None = None
    changed: tuple[str, ...] = ()
    gold_changed: tuple[str, ...] = ()
    rules_fired: tuple[str, ...] = ()


class Action(msgspec.Struct, frozen=True):
    """A call which the task's author says solves the task."""

    name: str
    kwargs: dict[str, object]


class Task(msgspec.Struct, frozen=True):
    """What the simulated user wants, the calls that would do it and the texts he must be told."""

    task_id: int | str
    user_id: str
    instruction: str
    actions: tuple[Action, ...] = ()
    outputs: tuple[str, ...] = ()


class ToolSchema(msgspec.Struct, frozen=True):
    """A tool as the model sees it; `parameters` is a JSON schema."""

    name: str
    description: str
    parameters: dict[str, object]


class Effect(msgspec.Struct, frozen=True):
    """What a tool does to the world, which arguments name what it touches, whether the run ends with it."""

    effect: Literal["read", "pure", "write", "irreversible", "handoff"]
    target: tuple[str, ...] = ()
    terminal: bool = False

    @property
    def changes(self) -> bool:
        """Whether a call leaves the state other than it was."""
        return self.effect in {"write", "irreversible"}


@dataclass(frozen=True)
class Exchange:
    """A call, the index of its message, and the answer: `None` when the recording ends before it."""

    call: ToolCall
    index: int
    answer: str | None


@dataclass(frozen=True)
class Pack:
    """A folder of recordings, read when asked."""

    folder: Path

    @property
    def name(self) -> str:
        """The folder's name, by which checks find the pack."""
        return self.folder.name

    def sets(self) -> list[str]:
        """List the stems of the run files, sorted."""
        files = self.folder.glob(f"{_RUNS}*{_RUNS_END}")
        return sorted(file.name.removeprefix(_RUNS).removesuffix(_RUNS_END) for file in files)

    def runs(self, stem: str) -> list[Run]:
        """Read every run of a set, in the order of its file; the stem must be one of `sets()`."""
        content = gzip.decompress((self.folder / f"{_RUNS}{stem}{_RUNS_END}").read_bytes())
        return [_run(wire) for wire in msgspec.json.Decoder(_WireRun).decode_lines(content)]

    def labels(self, stem: str) -> dict[str, Label] | None:
        """Read the truth about each run of a set, by run id."""
        content = self._read(f"labels_{stem}.jsonl")
        if content is None:
            return None
        return {label.run_id: label for label in msgspec.json.Decoder(Label).decode_lines(content)}

    def expected(self, stem: str) -> dict[str, object] | None:
        """Read the figures that must come out of a set."""
        figures = (self.expected_all() or {}).get(stem)
        return msgspec.convert(figures, dict[str, object]) if figures is not None else None

    def expected_all(self) -> dict[str, object] | None:
        """Read all of `expected.json`: a key per set, and what holds for the whole pack."""
        return _decoded(self._read("expected.json"), dict[str, object])

    def tools(self) -> list[ToolSchema] | None:
        """Read the tool schemas, in the order of their file."""
        wires = _decoded(self._read("tools.json"), list[_WireTool])
        return [wire.function for wire in wires] if wires is not None else None

    def effects(self) -> dict[str, Effect] | None:
        """Read our word for what each tool does, by tool name."""
        return _decoded(self._read("effects.json"), dict[str, Effect])

    def policy(self) -> str | None:
        """Read the text that was the system prompt of every run."""
        content = self._read("policy.md")
        return content.decode() if content is not None else None

    def tasks(self) -> list[Task] | None:
        """Read the tasks, in the order of their file."""
        content = self._read("tasks.jsonl")
        return msgspec.json.Decoder(Task).decode_lines(content) if content is not None else None

    def db(self) -> dict[str, object] | None:
        """Read the initial state, afresh at every call: each caller may change what he gets."""
        return _decoded(self._db_bytes, dict[str, object])

    @cached_property
    def _db_bytes(self) -> bytes | None:
        content = self._read("db.json.gz")
        return gzip.decompress(content) if content is not None else None

    def _read(self, file: str) -> bytes | None:
        path = self.folder / file
        return path.read_bytes() if path.is_file() else None


def data_folder() -> Path | None:
    """Say where the packs lie: in `HOLDFAST_DATA`, else in `shared/data` beside the project, or nowhere."""
    named = os.environ.get("HOLDFAST_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    return folder if folder.is_dir() else None


def find(data: Path, pattern: str = "*") -> list[Pack]:
    """Find the packs in a folder whose names fit the pattern (`tau_*`); a pack has at least one set."""
    packs = [Pack(folder) for folder in sorted(data.glob(pattern)) if folder.is_dir()]
    return [pack for pack in packs if pack.sets()]


def exchanges(run: Run) -> Iterator[Exchange]:
    """Pair every call of a run with its answer.

    An answer is looked for only up to the next assistant message: recorded runs use ids again in later turns.
    """
    for index, message in enumerate(run.messages):
        if message.tool_calls:
            answers = _answers(run.messages[index + 1 :])
            for call in message.tool_calls:
                yield Exchange(call, index, answers.get(call.id))


def _answers(messages: tuple[Message, ...]) -> dict[str, str]:
    """Collect what tools answered before the model spoke again, by call id."""
    found: dict[str, str] = {}
    for message in messages:
        if message.role == "assistant":
            break
        if message.role == "tool" and message.tool_call_id is not None:
            found.setdefault(message.tool_call_id, message.content or "")
    return found


class _WireFunction(msgspec.Struct):
    name: str
    arguments: str


class _WireCall(msgspec.Struct):
    id: str
    function: _WireFunction


class _WireMessage(msgspec.Struct):
    role: str
    content: str | None = None
    tool_calls: list[_WireCall] | None = None
    tool_call_id: str | None = None
    name: str | None = None


class _WireRun(msgspec.Struct):
    run_id: str
    task_id: int | str
    trial: int
    model: str
    reward: float
    messages: list[_WireMessage]


class _WireTool(msgspec.Struct):
    function: ToolSchema


def _run(wire: _WireRun) -> Run:
    messages = tuple(_message(message) for message in wire.messages)
    return Run(wire.run_id, wire.task_id, wire.trial, wire.model, wire.reward, messages)


def _message(wire: _WireMessage) -> Message:
    wires = wire.tool_calls or ()
    calls = tuple(ToolCall(call.id, call.function.name, call.function.arguments) for call in wires)
    return Message(wire.role, wire.content, calls, wire.tool_call_id, wire.name)


_Read = TypeVar("_Read")


def _decoded(content: bytes | None, kind: type[_Read]) -> _Read | None:
    return msgspec.json.decode(content, type=kind) if content is not None else None
