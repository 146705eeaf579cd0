"""The incident review: the program that fails, its logs, the tools over them, the cases, and the stand-in."""

from __future__ import annotations

import asyncio
import importlib
import json
import re
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from holdfast import call as step
from holdfast import decline, done, lint, script
from holdfast.evals.trials.suite import suite_of
from holdfast.evals.trials.trial import playing
from holdfast.events import CallJudged
from holdfast.shell.folder import load
from holdfast.shell.run import Done, Stopped
from holdfast.shell.runner import Runner
from holdfast.testing import told
from holdfast.tool import Absent, Call, CallKey, Found, Partial, Refused

PLACE = Path(__file__).parents[2] / "examples" / "incident_review"
FOLDER = load(str(PLACE))
tools, standin, archives = (
    importlib.import_module(f"incident_review.{name}") for name in ("tools", "standin", "archive")
)
program = importlib.import_module("incident_review.program")
make_logs = importlib.import_module("incident_review.make_logs")
SUITE = suite_of(FOLDER)
README = (PLACE / "README.md").read_text("utf-8")
ENDS = dict(re.findall(r"^\| ([\w-]+-\d+) \| (passes|fails) \|$", README, re.MULTILINE))
FAULTS = ("leak", "bad_deploy", "clock_skew", "none")
FILES = archives.Archive(PLACE / "logs")


def call(cursor=""):
    return Call(run="r", seq=7, attempt=1, deadline=5.0, cursor=cursor)


def morning(fault, seed):
    """(the shop after it ran, its logs by name)."""
    shop = program.Shop(seed, fault)
    shop.run()
    return shop, {name: log.lines for name, log in shop.logs.items()}


# ------------------------------------------------------------------------------------------ the program


@pytest.mark.parametrize("incident", make_logs.SAMPLES)
def test_committed_logs_are_what_the_program_writes(incident):
    fault, seed = make_logs.SAMPLES[incident]
    found = {file.name: file.read_text("utf-8") for file in (PLACE / "logs" / incident).iterdir()}
    assert found == make_logs.files(fault, seed)


def test_same_seed_is_the_same_morning_and_another_seed_another(tmp_path):
    make_logs.main([str(tmp_path / "a"), "leak", "7"])
    assert (tmp_path / "a" / "store.log").read_text("utf-8") == "".join(
        f"{line}\n" for line in morning("leak", 7)[1]["store"]
    )
    assert morning("leak", 7)[1] != morning("leak", 8)[1]


@pytest.mark.parametrize("fault", FAULTS)
def test_every_order_gets_one_answer_and_the_metrics_count_it(fault):
    shop, logs = morning(fault, 3)
    orders = [line.split()[3] for line in logs["gateway"] if " order " in line]
    assert len(orders) == len(set(orders)) > 200
    counted = sum(int(row["requests"]) for row in shop.metrics)
    assert len(orders) - 20 < counted <= len(orders)


@pytest.mark.parametrize("seed", range(20, 30))
def test_leak_takes_every_connection_and_only_with_the_change(seed):
    shop, logs = morning("leak", seed)
    assert shop.pool.in_use == program.CONNECTIONS
    assert any("no connection within" in line for line in logs["worker"])
    sound, quiet = morning("none", seed)
    assert sound.pool.in_use <= program.WORKERS
    assert not any(" ERROR " in line for lines in quiet.values() for line in lines)


@pytest.mark.parametrize("seed", range(20, 30))
def test_something_harmless_goes_out_between_a_leak_and_its_first_error_or_later(seed):
    shop, _ = morning("leak", seed)
    [guilty] = [row for row in shop.deploys if "retry_mode" in row["change"]]
    assert shop.deploys[-1] != guilty
    assert shop.deploys[-1]["at"] > guilty["at"]


def test_bad_deploy_breaks_at_once_and_by_a_real_error():
    shop, logs = morning("bad_deploy", 12)
    failed = [line for line in logs["store"] if "ValueError: could not convert string to float" in line]
    assert timedelta(0) < standin.time(failed[0]) - standin.time(program.stamp(shop.begins)) < timedelta(minutes=5)


def test_clock_of_the_store_runs_ahead_and_no_change_is_behind_it():
    shop, logs = morning("clock_skew", 13)
    mine, theirs = (
        {line.split()[3]: standin.time(line) for line in logs[name] if " r-" in line} for name in ("gateway", "store")
    )
    ahead = [(theirs[order] - mine[order]).total_seconds() for order in mine if order in theirs]
    assert max(ahead[:50]) < 1
    assert ahead[-1] > 60
    assert {row["change"] for row in shop.deploys} <= {row["change"] for row in morning("none", 13)[0].deploys}


# -------------------------------------------------------------------------------------------- the tools


def test_logs_are_listed_and_read_in_windows():
    listed = asyncio.run(tools.list_logs("inc-101", archive=FILES))
    assert [log.file for log in listed] == ["gateway.log", "store.log", "worker.log"]

    def read(cursor=""):
        return asyncio.run(tools.read_log("inc-101", "gateway.log", 51, 220, archive=FILES, call=call(cursor)))

    first = read()
    assert isinstance(first, Partial)
    assert (first.value.first, len(first.value.lines), first.missing) == (51, tools.WINDOW, "70 more lines")
    rest = read(first.cursor)
    assert (rest.first, len(rest.lines)) == (151, 70)
    assert [*first.value.lines, *rest.lines] == FILES.logs("inc-101")["gateway.log"][50:220]


def test_search_is_a_text_and_counts_lines_from_one():
    found = asyncio.run(tools.grep_logs("inc-101", "ORDER E3 503", "gateway.log", archive=FILES, call=call()))
    lines = FILES.logs("inc-101")["gateway.log"]
    assert all(lines[hit.line - 1] == hit.text and "order E3 503" in hit.text for hit in found)
    assert found
    assert asyncio.run(tools.grep_logs("inc-101", ".*", archive=FILES, call=call())) == []


def test_metric_and_deploys_are_those_of_the_incident():
    points = asyncio.run(tools.metric("inc-101", "errors", "2026-03-12T09:00", "2026-03-12T09:10", archive=FILES))
    assert [(point.at, point.value) for point in points] == [(f"2026-03-12T09:{at}", 0) for at in ("00", "05", "10")]
    assert asyncio.run(tools.deploys("inc-102", archive=FILES))[0].deploy == "d-1"


@pytest.mark.parametrize("incident", ["inc-999", "../logs/inc-101", "inc-101/../inc-102", ""])
def test_incident_nobody_knows_is_refused(incident):
    with pytest.raises(Refused, match="there is no incident"):
        asyncio.run(tools.list_logs(incident, archive=FILES))


def test_log_nobody_has_is_refused():
    with pytest.raises(Refused, match=r"no log mailer\.log"):
        asyncio.run(tools.read_log("inc-101", "mailer.log", archive=FILES, call=call()))


@pytest.fixture(params=["memory", "folder"])
def board(request, tmp_path):
    return archives.Board(tmp_path / "board" if request.param == "folder" else None)


def pinned(board, key="k1", line=3, text=None):
    there = FILES.logs("inc-101")["worker.log"][line - 1] if text is None else text
    return asyncio.run(tools.pin("inc-101", "worker.log", line, there, archive=FILES, board=board, key=CallKey(key)))


def test_pin_is_the_line_that_stands_there(board):
    with pytest.raises(Refused, match=r"line 3 of worker\.log is another one: 2026"):
        pinned(board, text="2026-03-12T09:00:00.000 ERROR worker it was the mailer")
    with pytest.raises(Refused, match="another one: nothing"):
        pinned(board, line=9_999, text="x")
    assert board.all() == []
    made = pinned(board)
    assert made.reference == f"worker.log:3: {made.text}"


def test_pin_is_made_once_found_by_its_key_and_taken_off(board):
    made, again, other = pinned(board), pinned(board), pinned(board, "k2")
    assert made == again
    assert other.number != made.number

    def look(key):
        return asyncio.run(tools.find_pin("inc-101", "worker.log", 3, made.text, board=board, key=CallKey(key)))

    assert look("k1") == Found(made.number, made)
    asyncio.run(tools.take_off(made, board=board))
    assert isinstance(look("k1"), Absent)
    assert isinstance(look("k2"), Found)


def test_board_in_a_folder_is_read_again(tmp_path):
    made = pinned(archives.Board(tmp_path))
    assert [pin["number"] for pin in archives.Board(tmp_path).all()] == [made.number]


# ----------------------------------------------------------------------------------------- the contract


def test_contract_binds_and_lint_finds_no_errors():
    contract = FOLDER.agent.contract
    assert {(one.where, one.level) for one in lint.findings(contract, FOLDER.agent.tools)} == {("tools.pin", "advice")}
    assert {tool.name for tool in tools.TOOLS} == set(contract.tools)


def test_folder_is_small_and_every_incident_fits():
    files = [file for file in PLACE.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    assert sum(file.stat().st_size for file in files) < 300_000
    for line in (PLACE / "incidents.jsonl").read_text("utf-8").splitlines():
        tools.Incident(**json.loads(line)["input"])


# ---------------------------------------------------------------------------------------- the stand-in


def test_stand_in_says_plainly_what_it_is():
    assert "**It is no model" in standin.__doc__
    assert "it is no model" in README


def read_whole(incident, *files):
    """A story in which these logs of an incident were read, whole."""
    logs = FILES.logs(incident)
    found = tuple({"file": file, "first": 1, "lines": logs[file]} for file in files)
    return told.Story({}, (told.Made("read_log", {}, False, found, ""),))


def test_what_it_notices_with_more_before_it_it_notices_with_less():
    few = set(standin.noticed(read_whole("inc-101", "worker.log")))
    many = {
        one
        for one in standin.noticed(read_whole("inc-101", "worker.log", "gateway.log", "store.log"))
        if one.file == "worker.log"
    }
    assert many < few


def test_whoever_reads_two_whole_logs_sees_when_the_clocks_parted(monkeypatch):
    monkeypatch.setattr(standin, "SPAN", 10_000)
    seen = standin.noticed(read_whole("inc-103", "gateway.log", "store.log"))
    name, lines = standin.cause(seen)
    parted = standin.began(name, None, seen, lines)
    begins = standin.time(program.stamp(program.Shop(13, "clock_skew").begins))
    assert name == "clock_skew"
    assert abs(parted - begins) < timedelta(minutes=3)


# ------------------------------------------------------------------------------------------- the cases


@pytest.fixture(scope="module")
def trials():
    """Case → its trial with the stand-in."""

    async def play():
        async with playing("memory:", SUITE, model=FOLDER.standin) as player:
            return {trial.case: trial async for trial in player.play(1)}

    return asyncio.run(play())


def test_readme_tells_of_every_case():
    assert set(ENDS) == {case.name for case in SUITE.cases}


@pytest.mark.parametrize("name", ENDS)
def test_every_case_ends_as_the_readme_says(trials, name):
    assert ("passes" if trials[name].passed else "fails") == ENDS[name], trials[name].misses


def test_what_fails_is_only_wrong_about_since_when(trials):
    whys = [miss.why for trial in trials.values() for miss in trial.misses]
    assert len(whys) == list(ENDS.values()).count("fails")
    assert all("output.since" in why for why in whys)


@pytest.mark.parametrize("case", SUITE.cases, ids=lambda case: case.name)
def test_case_expects_what_the_program_was_made_to_do(case):
    [(fault, seed)] = case.state.values()
    shop, _ = morning(fault, seed)
    guilty = [row["deploy"] for row in shop.deploys if "retry_mode" in row["change"] or "locale" in row["change"]]
    assert case.expect.output["change"] == (guilty[0] if guilty else None)
    assert case.expect.output["cause"] == {"leak": "connection_leak"}.get(fault, fault)
    if fault != "none":
        least, most = re.findall(r'"(.+?)"', case.expect.that[0])
        assert least <= program.stamp(shop.begins)[:16] <= most


# ------------------------------------------------------------------------------- what the contract holds


def told_by(model):
    """(result, rules that refused a call) of a run that a script answers."""

    @asynccontextmanager
    async def resources(_):
        yield FILES, archives.Board()

    async def ask():
        async with Runner.open("memory:", resources=resources, model=model) as runner:
            run = await runner.start(FOLDER.agent, {"incident": "inc-101", "report": "It fails."}, by="t")
            result = await run.result()
            judged = [entry.event for entry in await run.entries() if isinstance(entry.event, CallJudged)]
            return result, [rule.rule for event in judged if event.verdict == "refuse" for rule in event.rules]

    return asyncio.run(ask())


def line(number):
    return {"file": "worker.log", "line": number, "text": FILES.logs("inc-101")["worker.log"][number - 1]}


PINS = [step("pin", incident="inc-101", **line(number)) for number in (3, 4)]


def reviewed(*evidence, **other):
    fields = {"cause": "connection_leak", "since": "2026-03-12T09:03", "change": "d-3", "remedy": "Take it back."}
    return done(**{**fields, "evidence": list(evidence), **other})


def test_review_that_rests_on_pinned_lines_stands():
    result, refused = told_by(script(PINS, reviewed(line(3), line(4))))
    assert isinstance(result, Done)
    assert refused == []


@pytest.mark.parametrize(
    "given",
    [
        reviewed(line(3), line(5)),
        reviewed(line(3)),
        reviewed(line(3), {**line(4), "line": 3}),
        reviewed(line(3), {**line(4), "file": "store.log"}),
        reviewed(line(3), line(4), since=None),
        reviewed(cause="none", since=None),
    ],
    ids=["unpinned", "too few", "another line", "another log", "since never", "nothing wrong by a change"],
)
def test_review_that_rests_on_something_else_is_told_so_and_then_stopped(given):
    result, _ = told_by(script(PINS, given, given))
    assert isinstance(result, Stopped)


@pytest.mark.parametrize("tool", ["list_logs", "deploys", "metric", "grep_logs", "read_log", "pin"])
def test_files_of_another_incident_are_not_read(tool):
    args = {
        "metric": {"name": "errors"}, "grep_logs": {"text": "ERROR"}, "read_log": {"file": "worker.log"}, "pin": line(3),
    }.get(tool, {})  # fmt: skip
    _, refused = told_by(script(step(tool, incident="inc-102", **args), decline("I may not.")))
    assert refused == [f"tools.{tool}.must[0]"]
