"""`classes`: the kind of failure of made-up runs, from their journals and their tasks alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from real.classes import Judge, check_classes
from real.packs import Pack
from real.tape import taped
from tests.real.conftest import MakePack, Message, calls, says, shop_state, tells, user

STOP = user("thanks ###STOP###")
PUT = calls(("1", "put", '{"at": "a"}'))
CANCEL = {"name": "cancel_pending_order", "kwargs": {"order_id": "#1", "reason": "no longer needed"}}


def put(at: str = "a", answer: str = "done") -> list[Message]:
    return [
        user("put"),
        calls(("1", "put", json.dumps({"at": at}))),
        tells("1", answer),
        says("It is 1,000 now."),
        STOP,
    ]


def set_up(pack: Pack, *tasks: dict[str, Any], classes: tuple[str, ...] = ()) -> Pack:
    """Give a pack's tasks, and what the labels say of its runs."""
    lines = [json.dumps({"task_id": at, "user_id": "u", "instruction": "", **task}) for at, task in enumerate(tasks)]
    (pack.folder / "tasks.jsonl").write_text("\n".join(lines))
    file = pack.folder / "labels_one.jsonl"
    labels = [json.loads(line) for line in file.read_text().splitlines()]
    for label, kind in zip(labels, classes, strict=False):
        label["failure_class"] = kind
    file.write_text("\n".join(json.dumps(label) for label in labels))
    return pack


def wants(*places: str, outputs: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"actions": [{"name": "put", "kwargs": {"at": place}} for place in places], "outputs": outputs}


CASES = {
    "success": (put(), wants("a", outputs=("1000",))),
    "output_missing": (put(), wants("a", outputs=("1001",))),
    "wrong_argument": (put("b"), wants("a")),
    "unintended_action": (put(), wants()),
    "missing_action": (put(answer="Error: full"), wants("a")),
    "not_finished": (put()[:-1], wants("a")),
}


def test_every_kind_comes_out(make_pack: MakePack) -> None:
    pack = make_pack(*(run for run, _ in CASES.values()))
    set_up(pack, *(task for _, task in CASES.values()), classes=tuple(CASES))
    figures = {figure.figure: figure for figure in check_classes(pack)}
    assert figures["classes equal to label"].value == len(CASES)
    assert figures["classes equal to label"].ok
    assert {name: figures[f"class {name}"].value for name in CASES} == dict.fromkeys(CASES, 1)


def test_a_label_that_says_otherwise_is_off_and_named(make_pack: MakePack) -> None:
    pack = set_up(make_pack(put(), put("b")), wants("a"), wants("a"), classes=("success", "success"))
    figure = next(one for one in check_classes(pack) if one.figure == "classes equal to label")
    assert (figure.value, figure.expected, figure.ok, figure.note) == (1, 2, False, "not in one-1")


def test_where_there_are_tools_of_our_own_the_states_decide(make_pack: MakePack) -> None:
    """Two gold writes of which the second cannot be done leave what the first one leaves."""
    run = [
        user("cancel #1"),
        calls(("1", "cancel_pending_order", json.dumps(CANCEL["kwargs"]))),
        tells("1", "done"),
        says("Done."),
        STOP,
    ]
    pack = make_pack(run, run, state=shop_state())
    other = {**CANCEL, "kwargs": {**CANCEL["kwargs"], "order_id": "#2"}}  # type: ignore[dict-item]
    set_up(pack, {"actions": [CANCEL, CANCEL]}, {"actions": [CANCEL, other]})
    judge, parts = Judge(pack), taped(pack, "one")
    assert [judge.verdict(part.entries, at).kind for at, part in enumerate(parts)] == ["success", "missing_action"]


def test_without_tasks_or_fixed_parts_it_is_skipped(make_pack: MakePack) -> None:
    (figure,) = check_classes(make_pack(put()))
    assert (figure.figure, figure.ok, figure.note) == ("skipped", None, "tau_toys has no tasks.jsonl")


def test_labels_are_not_asked(make_pack: MakePack) -> None:
    pack = set_up(make_pack(put("b")), wants("a"))
    (pack.folder / "labels_one.jsonl").unlink()
    figures = [*check_classes(pack)]
    assert figures[-1].note == "the set has no labels"
    assert ("class wrong_argument", 1) in [(one.figure, one.value) for one in figures]


def test_an_unknown_task_is_an_error(make_pack: MakePack) -> None:
    pack = set_up(make_pack(put()), wants("a"))
    with pytest.raises(KeyError):
        Judge(pack).verdict(taped(pack, "one")[0].entries, 99)
