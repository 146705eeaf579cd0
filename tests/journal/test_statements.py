from __future__ import annotations

import sqlite3

import pytest

from holdfast.journal.statements import load

FIND = {
    "status": "waiting", "outcome": None, "agent": "a", "key": "", "waits_for": "w", "attention": None,
    "questions": None, "parent": "p", "opened": 9, "name": "r", "limit": 1, "run": "r", "after": 0, "now": 0,
    "ref": "b", "tree": "t", "but": "o",
}  # fmt: skip


@pytest.fixture
def db():
    db = sqlite3.connect(":memory:")
    for statement in load("schema").values():
        db.execute(statement)
    yield db
    db.close()


def plan(db: sqlite3.Connection, statement: str, given: object) -> list[str]:
    return [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}", given)]


def test_statements_come_by_name_without_their_comments():
    read = load("read")
    assert read["runs_agent"] == "agent = :agent"
    assert all("--" not in statement and statement for statement in read.values())


READS = [name for name in load("read") if name != "find" and not name.startswith("runs_")]


@pytest.mark.parametrize("name", READS)
def test_no_read_looks_through_a_whole_table(db: sqlite3.Connection, name: str):
    statement = load("read")[name].replace("{refs}", ":ref, :ref").replace("{names}", ":name, :run")
    steps = plan(db, statement, FIND)
    assert not [step for step in steps if step.startswith("SCAN") and "CONSTANT" not in step]


@pytest.mark.parametrize("index", [name for name in load("read") if name.startswith("runs_")])
def test_a_search_starts_from_its_index_and_sorts_no_more_than_ties(db: sqlite3.Connection, index: str):
    read = load("read")
    steps = plan(db, read["find"].format(index=index, lead=read[index]), FIND)
    assert steps[0].startswith(f"SEARCH runs USING INDEX {index} (")
    if index != "runs_key":
        assert steps[1:] in ([], ["USE TEMP B-TREE FOR RIGHT PART OF ORDER BY"])


WRITES = [name for name, text in load("write").items() if text.startswith(("SELECT", "UPDATE", "INSERT", "DELETE"))]


@pytest.mark.parametrize("name", WRITES)
def test_every_write_is_one_that_the_tables_take(db: sqlite3.Connection, name: str):
    statement = load("write")[name]
    steps = plan(db, statement, [1] * statement.count("?"))
    assert not [step for step in steps if step.startswith("SCAN") and "CONSTANT" not in step]
