"""Rows from files: both forms say the same, and what is wrong is told with its line."""

from __future__ import annotations

import io
import json

import pytest

from holdfast.errors import InputError
from holdfast.evals.horizon.file import read
from holdfast.evals.horizon.rows import Row

BASE = {"task": "t", "human_minutes": 5, "minutes_from": "timed", "score": 1}


@pytest.fixture
def lines(tmp_path):
    def write(*rows, name="rows.jsonl"):
        path = tmp_path / name
        path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n")
        return str(path)

    return write


def test_lines_and_csv_say_the_same(lines):
    jsonl = lines(
        {
            **BASE,
            "family": "f",
            "weight": 2,
            "messy": {"novel situation": 1, "irreversible mistakes": 0.5},
            "run": "r_1",
        },
        {**BASE, "task": "u, v", "family": "f", "weight": 1, "score": 0.25, "messy": {}},
        "",
    )
    csv = lines(
        "task,family,human_minutes,minutes_from,score,weight,messy,run,agent",
        "t,f,5,timed,1,2,novel situation; irreversible mistakes=0.5,r_1,",
        '"u, v",f,5,timed,0.25,1,-,,',
        name="rows.CSV",
    )
    assert read(jsonl) == read(csv)
    assert read(jsonl)[1] == Row(
        task="u, v", family="f", human_minutes=5, minutes_from="timed", score=0.25, weight=1, messy={}
    )


@pytest.mark.parametrize(
    ("messy", "read_as"),
    [
        (["novel situation"], {"novel situation": 1.0}),
        ({"novel situation": [1, 0, 1, 1]}, {"novel situation": 0.75}),
        ({"novel situation": True}, {"novel situation": 1.0}),
        ("novel situation", {"novel situation": 1.0}),
        ("real-life source; novel situation=0.5", {"real-life source": 1.0, "novel situation": 0.5}),
        (None, None),
    ],
)
def test_messiness_may_be_written_in_several_ways(lines, messy, read_as):
    assert read(lines({**BASE, "messy": messy}))[0].messy == read_as


def test_cells_and_texts_may_hold_ends_of_lines(lines, tmp_path):
    (tmp_path / "rows.csv").write_text('task,human_minutes,minutes_from,score\n"two\nlines",5,timed,1\n')
    assert read(str(tmp_path / "rows.csv"))[0].task == "two\nlines"
    assert read(lines(json.dumps({**BASE, "task": "a\u2028b"}, ensure_ascii=False)))[0].task == "a\u2028b"


def test_scores_may_be_true_and_false(lines):
    assert [row.score for row in read(lines({**BASE, "score": True}, {**BASE, "score": False}))] == [1.0, 0.0]


def test_a_file_may_hold_several_agents_of_which_one_is_meant(lines):
    path = lines({**BASE, "agent": "a"}, {**BASE, "agent": "b"}, {**BASE, "agent": "a"})
    assert len(read(path, "a")) == 2
    with pytest.raises(InputError, match="several agents: a, b"):
        read(path)
    with pytest.raises(InputError, match="no rows of the agent c"):
        read(path, "c")


def test_standard_input_is_lines_of_json(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(BASE) + "\n"))
    assert read("-")[0].task == "t"


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({**BASE, "minute": 1}, "line 2: there is no field minute"),
        ({"task": "t"}, "line 2: human_minutes is missing"),
        ({name: BASE[name] for name in BASE if name != "minutes_from"}, "line 2: minutes_from is missing"),
        ({**BASE, "score": "won"}, "line 2: .*`float`"),
        ({**BASE, "human_minutes": "5"}, "line 2: .*`float`"),
        ({**BASE, "messy": {"novel situation": "very"}}, "line 2: novel situation of messy is a number"),
        ({**BASE, "messy": 3}, "line 2: .*messy"),
        ("[1]", "line 2: no JSON object"),
        ("{", "line 2: no JSON object"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(lines, wrong, text):
    with pytest.raises(InputError, match=text):
        read(lines(BASE, wrong))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("task,human_minutes,minutes_from,score\nt,5,timed\n", "line 2: as many cells"),
        ("task,human_minutes,minutes_from,score\nt,5,timed,1,1\n", "line 2: as many cells"),
        ("task,human_minutes,minutes_from,score\nt,,timed,1\n", "line 2: human_minutes is missing"),
        ("task,human_minutes,minutes_from,score\nt,five,timed,1\n", "line 2: "),
        ("task,minutes\nt,5\n", "line 2: there is no field minutes"),
    ],
)
def test_what_is_wrong_in_csv_too(tmp_path, body, text):
    (tmp_path / "rows.csv").write_text(body)
    with pytest.raises(InputError, match=text):
        read(str(tmp_path / "rows.csv"))


def test_files_that_cannot_be_read_are_explained(tmp_path):
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read(str(tmp_path / "nowhere.jsonl"))
    (tmp_path / "rows.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8"):
        read(str(tmp_path / "rows.jsonl"))
