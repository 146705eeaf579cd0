"""`rules`: each cheap rule on a run it fires on and on one it does not, and the figures made of that."""

from __future__ import annotations

import json

import pytest

from real.packs import Pack
from real.rules import CHEAP, cheap, check_rules, precision, recall
from real.tape import taped
from tests.real.conftest import MakePack, Message, calls, says, tells, user

FAULT = "Error: 503 Service Unavailable"


def look(at: str = "a", answer: str = "saw", text: str | None = None) -> list[Message]:
    return [calls(("1", "look", json.dumps({"at": at})), text=text), tells("1", answer)]


def put(at: str = "a", answer: str = "done") -> list[Message]:
    return [calls(("1", "put", json.dumps({"at": at}))), tells("1", answer)]


def fired(pack: Pack) -> dict[str, set[str]]:
    return cheap(pack, pack.runs("one"), taped(pack, "one"))


def fires(make_pack: MakePack, name: str, *run: Message) -> bool:
    pack = make_pack([user("yes, put a"), *run, says("ok"), user("bye")])
    effects = json.loads((pack.folder / "effects.json").read_text())
    effects["put"]["target"] = ["at"]
    (pack.folder / "effects.json").write_text(json.dumps(effects))
    return bool(fired(pack)[name])


@pytest.mark.parametrize(
    ("name", "run", "expected"),
    [
        ("tool_error", look(answer="Error: dark"), True),
        ("tool_error", look(answer="no Error"), False),
        ("tool_error", [calls(("1", "look", "{")), tells("1", "Error: no JSON")], True),
        ("write_tool_error", put(answer="Error: full"), True),
        ("write_tool_error", look(answer="Error: dark"), False),
        ("no_write_at_all", look(), True),
        ("no_write_at_all", put(answer="Error: full"), False),
        ("text_and_tool_call", look(text="let me see"), True),
        ("text_and_tool_call", look(), False),
        ("repeated_identical_call", [*look(), *look()], True),
        ("repeated_identical_call", [*look(answer=FAULT), *look()], True),
        ("repeated_identical_call", [*look(), *look(answer=FAULT)], False),
        ("repeated_identical_call", [*look("a"), *look("b")], False),
        ("repeated_identical_call", [*look(), calls(("1", "look", '{ "at": "a"}')), tells("1", "saw")], False),
        ("write_without_confirmation", put(), False),
        ("write_without_confirmation", [says("which?"), user("the second"), *put()], True),
        ("write_without_confirmation", [says("sure?"), user("Go ahead."), *put()], False),
        ("write_without_confirmation", [says("sure?"), user("ensure it looks well"), *put()], True),
        ("write_without_read", put(), True),
        ("write_without_read", [*look("a"), *put("a")], False),
        ("write_without_read", [*look("b"), *put("a")], True),
        ("step_budget_30", [message for n in range(28) for message in look(str(n))], False),
        ("step_budget_30", [message for n in range(29) for message in look(str(n))], True),
        ("transfer", put(), False),
        ("read_before_auth", look(), False),
    ],
)
def test_a_rule_fires_on_what_it_is_for(make_pack: MakePack, name: str, run: list[Message], expected: bool) -> None:
    assert fires(make_pack, name, *run) is expected


def labelled(pack: Pack, *runs: tuple[float, list[str]]) -> Pack:
    """Say how each run ended, and what somebody counted in it."""
    import gzip

    file = pack.folder / "runs_one.jsonl.gz"
    recorded = [json.loads(line) for line in gzip.decompress(file.read_bytes()).decode().splitlines()]
    labels = []
    for run, (reward, rules) in zip(recorded, runs, strict=True):
        run["reward"] = reward
        labels.append(
            {key: run[key] for key in ("run_id", "task_id", "trial", "reward")}
            | {"failure_class": "x", "rules_fired": rules}
        )
    file.write_bytes(gzip.compress("\n".join(map(json.dumps, recorded)).encode()))
    (pack.folder / "labels_one.jsonl").write_text("\n".join(map(json.dumps, labels)))
    return pack


def runs() -> list[list[Message]]:
    bodies = (look(answer="Error: dark"), look(), look(answer="Error: x"))
    return [[user("yes"), *body, says("ok"), user("bye")] for body in bodies]


ALL = ["no_write_at_all"]


def test_precision_stands_beside_recall_and_the_packs_own_count(make_pack: MakePack) -> None:
    pack = labelled(make_pack(*runs()), (0.0, [*ALL, "tool_error"]), (0.0, ALL), (1.0, [*ALL, "tool_error"]))
    figures = {one.figure: one for one in check_rules(pack)}
    assert [one for one in figures.values() if one.ok is False] == []
    values = {name: figures[f"tool_error: {name}"].value for name in ("fired", "precision", "recall")}
    assert values == {"fired": 2, "precision": 0.5, "recall": 0.5}
    assert (figures["no_write_at_all: precision"].value, figures["no_write_at_all: recall"].value) == (0.666667, 1.0)
    assert "failed runs in which no detector found anything" in figures
    precise = {name.partition(":")[0] for name in figures if name.endswith("precision")}
    assert precise == {name.partition(":")[0] for name in figures if name.endswith("recall")}


def test_a_count_that_differs_is_off_and_so_is_a_rule_nobody_here_knows(make_pack: MakePack) -> None:
    pack = labelled(make_pack(*runs()), (0.0, ALL), (0.0, ALL), (1.0, [*ALL, "tool_error", "bad_luck"]))
    off = {one.figure: one.note for one in check_rules(pack) if one.ok is False}
    assert off["tool_error: fired"] == "differs in one-0"
    assert off["bad_luck: fired"] == "no such rule"


def test_without_labels_nothing_is_compared(make_pack: MakePack) -> None:
    pack = make_pack(*runs())
    (pack.folder / "labels_one.jsonl").unlink()
    figures = [*check_rules(pack)]
    assert {one.ok for one in figures} == {None}
    assert {one.figure for one in figures} >= {f"{name}: fired" for name in CHEAP}


def test_shares_of_nothing_are_unknown() -> None:
    assert (precision(set(), {"a"}), recall({"a"}, set())) == (None, None)
    assert (precision({"a", "b"}, {"a"}), recall({"a"}, {"a", "b", "c"})) == (0.5, 0.333333)
