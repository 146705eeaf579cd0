"""A file of inputs: every line once, whatever happens, and a summary that says what became of them."""

from __future__ import annotations

import json

import pytest

from holdfast.cli.lines import BadLine, Line, read
from holdfast.cli.progress import Board, quantile, watched
from tests.cli.bills import STANDIN, write_agent
from tests.cli.damage import flip


def lines(place, *rows, name="bills.jsonl"):
    path = place / name
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n")
    return path


def bill(number, **more):
    return {"input": {"bill": str(number)}, **more}


def test_batch_runs_every_line_and_sums_up(holdfast, payer, place):
    path = lines(place, bill(700), bill(0), bill(5000), {"bill": "800"})
    found = holdfast("run", payer, "--batch", path, "--concurrency", 2)
    assert found.code == 2
    rows = {line.split()[0]: line.split()[1] for line in found.out.splitlines() if len(line.split()) > 1}
    assert (rows["done"], rows["declined"], rows["waiting"], rows["all"]) == ("2", "1", "1", "4")
    assert "Waiting for: boss 1" in found.out
    assert "4 of 4: done 3 · waiting 1 · stopped 0 · 0.00 USD · p50" in found.err


def test_batch_run_again_repeats_nothing(holdfast, payer, place):
    path = lines(place, bill(700), bill(5000), bill(800))
    first = holdfast("run", payer, "--batch", path, "--json").json
    again = holdfast("run", payer, "--batch", path, "--json").json
    assert [run["run"] for run in again["runs"]] == [run["run"] for run in first["runs"]]
    assert [run["finished_before"] for run in again["runs"]] == [True, False, True]
    assert len(holdfast("show", "--json").json) == 3
    text = holdfast("run", payer, "--batch", path).out
    assert "2 runs had been finished before, and nothing of them was repeated." in text


def test_batch_goes_on_with_what_was_left_and_with_what_is_new(holdfast, payer, place):
    path = lines(place, bill(700))
    holdfast("run", payer, "--batch", path)
    lines(place, bill(600), bill(700), bill(800))
    again = holdfast("run", payer, "--batch", path, "--json").json
    assert {run["line"]: run["finished_before"] for run in again["runs"]} == {1: False, 2: True, 3: False}
    assert len(holdfast("show", "--json").json) == 3


def test_same_text_twice_is_two_requests_and_same_key_is_one(holdfast, payer, place):
    path = lines(place, bill(700), bill(700), bill(800, key="k"), bill(800, key="k"))
    found = holdfast("run", payer, "--batch", path)
    assert "1 line carries the key of another one: the same request is one run." in found.out
    assert len(holdfast("show", "--json").json) == 3


def test_bad_lines_are_named_and_the_others_run(holdfast, payer, place):
    path = lines(
        place,
        bill(700),
        "{not json",
        bill(800),
        {"input": {"bil": 1}},
        {"input": {"bill": "1"}, "on_behalf": "x"},
        bill(900, key="k"),
        bill(901, key="k"),
    )
    found = holdfast("run", payer, "--batch", path, "--concurrency", 1)
    assert found.code == 3
    assert "line 2: it is no JSON" in found.err
    assert "line 4: the input does not fit" in found.err
    assert "line 5: it has the key on_behalf" in found.err
    assert "line 7: the request key k came before" in found.err
    assert "4 lines could not be taken:" in found.out
    assert {run["outcome"] for run in holdfast("show", "--json").json} == {"done"}
    assert len(holdfast("show", "--json").json) == 3


def test_exit_code_says_the_worst(holdfast, payer, place):
    assert holdfast("run", payer, "--batch", lines(place, bill(1), bill(0))).code == 0
    assert holdfast("run", payer, "--batch", lines(place, bill(2), bill(5000))).code == 2
    lost = STANDIN.replace(
        "    def finish", "    if bill == '7':\n        return [call('look_up', bill='x')]\n\n    def finish"
    )
    poor = write_agent(place, "poor", standin=lost)
    assert holdfast("run", poor, "--batch", lines(place, bill(5001), bill(7))).code == 1


def test_summary_counts_refusals_by_rule(holdfast, place):
    greedy = write_agent(place, "greedy", standin=STANDIN.replace("cents=int(bill)", "cents=int(bill) + 1"))
    found = holdfast("run", greedy, "--batch", lines(place, bill(10), bill(20)), "--json").json
    assert found["reasons"] == [{"times": 2, "rule": "tools.pay.must[0]", "because": "never more than the bill says"}]
    again = holdfast("run", greedy, "--batch", lines(place, bill(10), bill(20)))
    assert "2 calls refused in 2 runs; the reasons, most frequent first:" in again.out


TALKER = STANDIN.replace(
    "def turns(first):", "def turns(first):\n    return [following] * 9\n\n\ndef old(first):"
).replace(
    "standin =",
    """
def following(request):
    heard = [part for part in request.segments if isinstance(part, Told) and part.source == "said"]
    calls = [part for part in request.segments if isinstance(part, Result)]
    if heard:
        return done(paid=0)
    return call("pay", bill="5000", cents=5000) if calls else call("look_up", bill="5000")


standin =""",
)


def test_message_is_said_once_when_the_run_waits_for_what_it_is_for(holdfast, place):
    talker = write_agent(place, "talker", standin=TALKER)
    path = lines(
        place,
        bill(5000, on_behalf_of="c:1", then=[{"say": "leave it", "when": "review"}]),
        bill(5000, then=[{"say": "never said", "when": "doubt"}]),
    )
    for _ in range(2):
        found = holdfast("run", talker, "--batch", path, "--json").json
        assert [run["outcome"] for run in found["runs"]] == ["done", ""]
    said = [
        item for item in holdfast("show", found["runs"][0]["run"], "--json").json["items"] if item["item"] == "said"
    ]
    assert [(item["by"], item["text"]["value"]) for item in said] == [("c:1", "leave it")]


def test_batch_wants_no_input_besides_its_file(holdfast, payer, place):
    path = lines(place, bill(1))
    assert holdfast("run", payer, "x", "--batch", path).code == 64
    assert holdfast("run", payer, "--batch", path, "--key", "k").code == 64
    assert holdfast("run", payer, "--batch", place / "nowhere.jsonl").code == 3


def test_damaged_run_does_not_keep_the_others_from_running(holdfast, payer, place):
    path = lines(place, bill(700, key="a"), bill(5000, key="b"))
    runs = holdfast("run", payer, "--batch", path, "--json").json["runs"]
    flip(place, runs[1]["run"], 3)
    lines(place, bill(700, key="a"), bill(5000, key="b"), bill(800, key="c"))
    found = holdfast("run", payer, "--batch", path, "--json")
    assert found.code == 4
    assert [run["key"] for run in found.json["runs"]] == ["a", "c"]
    assert "entry 3" in found.json["bad_lines"][0]["why"]


def test_journal_that_cannot_be_used_ends_the_batch(holdfast, payer, place):
    (place / "no.db").write_text("this is no journal at all")
    found = holdfast("run", payer, "--batch", lines(place, bill(1)), "--journal", "sqlite:///no.db")
    assert found.code == 4


# ----------------------------------------------------------------------------------------------------------- lines


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ('{"input": 1, "key": 7}', "its key is no text"),
        ('{"input": 1, "then": "x"}', "its then is no list"),
        ('{"input": 1, "then": [{"say": 1}]}', "its then is no list"),
        ('{"input": 1, "then": [{"say": "x", "when": "ever"}]}', "its then waits for 'ever'"),
        ("[" * 100_000, "it is no JSON"),
        ("\xff", "it is no JSON"),
    ],
)
def test_line_that_cannot_be_taken_says_why(tmp_path, row, why):
    path = tmp_path / "x.jsonl"
    path.write_bytes(row.encode("latin-1"))
    found = list(read(path))
    assert isinstance(found[0], BadLine)
    assert why in found[0].why


def test_line_that_is_too_long_is_bad(tmp_path, monkeypatch):
    monkeypatch.setattr("holdfast.cli.lines.MAX_LINE", 10)
    path = tmp_path / "x.jsonl"
    path.write_text('"12345678901"\n1\n')
    long, short = read(path)
    assert isinstance(long, BadLine)
    assert isinstance(short, Line)


def test_keys_are_stable_and_blank_lines_nothing(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('\n{"a": 1}\n\n{"a": 1}\n')
    first, second = read(path)
    assert (first.number, second.number) == (2, 4)
    assert second.key == f"{first.key}#2"
    assert [line.key for line in read(path)] == [first.key, second.key]
    other = tmp_path / "y.jsonl"
    other.write_text('{"a": 1}\n')
    assert next(iter(read(other))).key != first.key


# -------------------------------------------------------------------------------------------------------- progress


def test_quantiles_are_values_that_occurred():
    assert [quantile([1, 2, 3, 4], share) for share in (0.5, 0.95)] == [2, 4]
    assert quantile([7], 0.5) == 7


def test_board_is_live_on_a_terminal(on_terminal):
    def work():
        board = Board(total=2)
        with watched(board):
            board.ended("done", 5_000_000, 100, before=False)
            board.ended("failed", 0, 300, before=False)
            board.is_bad()

    shown = on_terminal(work)
    assert "done 1 · waiting 0 · stopped 1 · bad 1 · 0.005 USD" in " ".join(shown.split())
    assert "\x1b[" in shown


def test_board_tells_a_log_now_and_then_only(capsys):
    board = Board(total=1000)
    with watched(board):
        for _ in range(1000):
            board.ended("done", 0, 5, before=False)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 10
    assert told[-1].startswith("1000 of 1000: done 1000")


def test_contract_of_the_small_agent_is_sound(holdfast, payer):
    assert holdfast("check", payer).code == 0
