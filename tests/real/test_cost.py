"""`cost` and the import of traces: made-up recordings with what each answer cost."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast.events import LimitReached, RunClosed
from real.__main__ import main
from real.cost import check_cost
from real.figures import Check
from real.packs import Pack, data_folder
from real.traces import check_import_traces, find_traces, nusd, played, stems, traces

MakeTraces = Callable[..., Pack]


def answer(cost: float | None, *tools: str, tokens: int = 10) -> dict[str, Any]:
    calls = [{"id": f"c{at}", "name": tool, "arguments": {"n": at}} for at, tool in enumerate(tools)]
    usage = {"prompt_tokens": tokens, "completion_tokens": 1} if tokens else None
    return {
        "role": "assistant",
        "content": None if tools else "well",
        "cost": cost,
        "usage": usage,
        "tool_calls": calls or None,
    }


def said(text: str = "go on") -> dict[str, Any]:
    return {"role": "user", "content": text}


def told(at: int = 0, text: str = "seen", error: bool = False) -> dict[str, Any]:
    return {"role": "tool", "id": f"c{at}", "content": text, "error": error}


def conversation(*costs: float | None) -> list[dict[str, Any]]:
    messages = [answer(0, tokens=0)]
    for cost in costs:
        messages += [said(), answer(cost)]
    return [*messages, said("bye")]


@pytest.fixture
def make_traces(tmp_path: Path) -> MakeTraces:
    def make(
        *runs: list[dict[str, Any]], rewards: tuple[int, ...] = (), recorded: bool = True, **figures: object
    ) -> Pack:
        folder = tmp_path / "tau2_traces"
        folder.mkdir()
        lines = []
        for at, messages in enumerate(runs):
            costs = [message["cost"] for message in messages if message["role"] == "assistant"]
            total = None if None in costs or not recorded else sum(costs)
            reward = rewards[at] if rewards else 1
            lines.append(
                {
                    "run_id": f"one-{at}",
                    "task_id": str(at),
                    "reward": reward,
                    "agent_cost_usd": total,
                    "messages": messages,
                }
            )
        expected = {
            "runs": len(runs),
            "success": sum(line["reward"] for line in lines),
            "cost_recorded": recorded,
            **figures,
        }
        (folder / "one.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))
        (folder / "expected.json").write_text(json.dumps({"one": expected}))
        return Pack(folder)

    return make


def values(pack: Pack) -> dict[str, object]:
    figures = [*check_cost(pack)]
    assert [one for one in figures if one.ok is False] == []
    return {one.figure: one.value for one in figures}


def test_journals_add_up_to_what_was_recorded(make_traces: MakeTraces) -> None:
    pack = make_traces(conversation(0.05, 0.1), conversation(0.15), rewards=(1, 0), agent_cost_usd=0.3)
    found = values(pack)
    assert (found["agent USD"], found["USD per success"], found["USD wasted"]) == (0.3, 0.3, 0.15)
    assert found["runs that cost what was recorded"] == 2


def test_exactly_the_runs_that_pass_the_limit_are_stopped(make_traces: MakeTraces) -> None:
    """0.20 is not over 0.20; and of a run that passes it nothing is asked that would."""
    pack = make_traces(
        conversation(0.1, 0.1), conversation(0.1, 0.100001, 0.5), conversation(0.3), agent_cost_usd=1.200001
    )
    assert values(pack)["runs stopped at 0.20 USD"] == 2
    ends = []
    for part in played(pack, "one", "0.20"):
        end = part.entries[-1].event
        assert isinstance(end, RunClosed)
        ends.append((end.outcome, any(isinstance(entry.event, LimitReached) for entry in part.entries)))
    assert ends == [("done", False), ("stopped", True), ("stopped", True)]


def test_a_set_without_prices_says_unknown_and_not_zero(make_traces: MakeTraces) -> None:
    for runs in (conversation(0, 0), conversation(None)):
        pack = make_traces(runs, recorded=False, agent_cost_usd=None)
        found = values(pack)
        assert (found["agent USD"], found["USD per success"]) == ("unknown", "unknown")
        assert "runs stopped at 0.20 USD" not in found
        for file in pack.folder.iterdir():
            file.unlink()
        pack.folder.rmdir()
        traces.cache_clear()
        played.cache_clear()


def test_one_answer_without_a_price_makes_the_whole_unknown(make_traces: MakeTraces) -> None:
    pack = make_traces(conversation(0.1), conversation(0.1, None), agent_cost_usd=0.2)
    figure = next(one for one in check_cost(pack) if one.figure == "agent USD")
    assert (figure.value, figure.ok) == ("unknown", False)


def test_traces_are_imported_with_their_parallel_calls(make_traces: MakeTraces) -> None:
    run = [
        answer(0, tokens=0),
        said(),
        answer(0.1, "look", "put"),
        told(0),
        told(1, "Error: full", error=True),
        answer(0.1),
        said("bye"),
    ]
    pack = make_traces(
        run, tool_calls=2, parallel_tool_call_messages=1, tool_errors=1, prompt_tokens=20, completion_tokens=2
    )
    figures = [*check_import_traces(pack)]
    assert [one for one in figures if not one.ok] == []
    assert {one.figure: one.value for one in figures}["dropped"] == 0


def test_traces_are_found_beside_packs_and_checked_by_name(
    make_traces: MakeTraces, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = make_traces(conversation(0.1), agent_cost_usd=0.1)
    assert find_traces(tmp_path, "tau*") == [pack]
    assert stems(pack) == ["one"]
    assert main(["--data", str(tmp_path), "--checks", "import,cost"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["check"] for line in lines} == {"import", "cost"}


def test_recorded_sums_of_binary_fractions_come_to_whole_nano_dollars(make_traces: MakeTraces) -> None:
    pack = make_traces(conversation(0.04533399999999999), agent_cost_usd=0.045334)
    assert values(pack)["agent USD"] == 0.045334
    assert nusd(traces(pack, "one")[0].usd or 0) == 45_334_000  # type: ignore[arg-type]


@pytest.mark.parametrize("check", [check_import_traces, check_cost])
def test_the_recorded_traces_come_to_their_packs_figures(check: Check) -> None:
    data = data_folder()
    packs = find_traces(data, "tau2_traces") if data else []
    if not packs:
        pytest.skip("no recordings: set HOLDFAST_DATA to a folder of packs")
    figures = [figure for pack in packs for figure in check(pack)]
    assert [figure for figure in figures if figure.ok is False] == []
    assert any(figure.ok for figure in figures)
