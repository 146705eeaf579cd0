"""The data clean-up: what is made, that the checks pass on what is right and fail on what is not, and the stand-in."""

from __future__ import annotations

import asyncio
import importlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast import Declined, Done, Runner, Waiting
from holdfast.events import CallReturned, OutputRejected
from holdfast.shell.folder import load
from tests.sandbox.backends import backend
from tests.shell.test_workspace import picture

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "examples" / "data_cleanup"
standin, tools, make_data = (
    importlib.import_module(f"examples.data_cleanup.{name}") for name in ("standin", "tools", "make_data")
)
checks = importlib.import_module("examples.data_cleanup.work.tests.check_clean")


def fill(folder):
    """A folder with what an agent is given."""
    for part in ("data", "tests"):
        shutil.copytree(PLACE / "work" / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PLACE / "work" / "task.md", folder)
    return folder


@pytest.fixture
def raw(tmp_path):
    return fill(tmp_path)


@pytest.fixture
def clean(raw):
    shutil.copytree(PLACE / "expected", raw, dirs_exist_ok=True)
    return raw


def python(folder, *args):
    return subprocess.run([sys.executable, *args], cwd=folder, capture_output=True, text=True, timeout=30, check=False)


def failed(folder):
    return {name.removeprefix("check_") for name, why in checks.failures(folder) if why}


# ------------------------------------------------------------------------------------------ what is made


def test_what_is_committed_is_what_the_maker_makes():
    made = make_data.Maker()
    files = {**{f"work/data/{name}": content for name, content in made.raw().items()}}
    files |= {f"expected/{name}": content for name, content in made.clean().items()}
    files |= {f"work/tests/{name}": content for name, content in make_data.control(made).items()}
    assert {name: (PLACE / name).read_bytes() for name in files} == files


def test_folder_is_small_and_has_the_rows_the_readme_says():
    files = [file for file in PLACE.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    assert sum(file.stat().st_size for file in files) < 300_000
    report = json.loads((PLACE / "expected" / "report.json").read_text("utf-8"))
    rows = sum(part["in"] for part in report.values())
    assert re.search(r"(\d+) rows in all", (PLACE / "README.md").read_text("utf-8"))[1] == str(rows)


@pytest.mark.parametrize("seed", range(5))
def test_maker_spoils_every_table_with_every_seed(seed):
    made = make_data.Maker(seed)
    raw = made.raw()
    assert len(made.merged) == 14
    assert set(made.dropped.values()) == {"no amount", "unknown customer"}
    assert made.repaired > 5
    for name, encoding in (("customers.csv", "cp1252"), ("stock_moves.csv", "utf-16")):
        raw[name].decode(encoding)
        with pytest.raises(UnicodeDecodeError):
            raw[name].decode("utf-8")


@pytest.mark.parametrize("seed", [make_data.SEED, *range(5)])
def test_reference_arrives_at_what_the_maker_began_with(tmp_path, seed):
    made = make_data.Maker(seed)
    (tmp_path / "data").mkdir()
    for name, content in made.raw().items():
        (tmp_path / "data" / name).write_bytes(content)
    assert python(tmp_path, str(PLACE / "reference.py")).returncode == 0
    assert {name: (tmp_path / name).read_bytes() for name in made.clean()} == made.clean()


# -------------------------------------------------------------------------------------------- the checks


def test_checks_pass_on_what_is_expected(clean):
    ran = python(clean, "tests/check_clean.py")
    assert (ran.returncode, ran.stdout.splitlines()[-1]) == (0, "all 13 checks passed")


def test_checks_fail_where_nothing_was_done_and_on_the_raw_tables(raw):
    ran = python(raw, "tests/check_clean.py")
    assert (ran.returncode, ran.stdout.splitlines()[-1]) == (1, "12 of 13 checks failed")
    shutil.copytree(raw / "data", raw / "clean")
    assert python(raw, "tests/check_clean.py").returncode == 1


def change(file, old, new):
    text = file.read_text("utf-8")
    assert re.search(old, text), old
    file.write_text(re.sub(old, new, text, count=1), encoding="utf-8")


SPOILED = {
    "a raw table changed": (
        lambda work: (work / "data" / "products.csv").write_bytes(b"sku"),
        {"raw_tables_are_untouched"},
    ),
    "a column of another name": (
        lambda work: change(work / "clean/customers.csv", "customer_id,name", "id,name"),
        {"every_table_is_utf8_with_its_header", "rows_are_sorted_and_numbers_unique", "every_order_belongs_to_a_customer", "report_says_what_was_done"},
    ),
    "a row with a column too many": (
        lambda work: change(work / "clean/customers.csv", r"\nC-002,", "\nC-002,,"),
        {"every_row_has_every_column", "dates_are_dates"},
    ),
    "an unknown word left in": (
        lambda work: change(work / "clean/stock_moves.csv", "delivery\n", "n/a\n"),
        {"what_is_not_known_is_empty_and_nothing_has_blanks_at_its_ends"},
    ),
    "a date as it was": (
        lambda work: change(work / "clean/orders.csv", r"(\d{4})-(\d\d)-(\d\d)", r"\3.\2.\1"),
        {"dates_are_dates"},
    ),
    "an amount as a fraction": (
        lambda work: change(work / "clean/products.csv", r",lighting,(\d+),", r",lighting,\1.0,"),
        {"numbers_are_whole_numbers"},
    ),
    "an amount that is another one": (
        lambda work: change(work / "clean/orders.csv", r",(\d+),EUR", r",\g<1>0,EUR"),
        {"orders_are_as_many_and_as_much_as_bookkeeping_knows"},
    ),
    "two rows changed places": (
        lambda work: change(work / "clean/products.csv", r"(P-001.*\n)(P-002.*\n)", r"\2\1"),
        {"rows_are_sorted_and_numbers_unique"},
    ),
    "a person twice": (
        lambda work: change(work / "clean/customers.csv", r"(\nC-080,(.*))$", r"\1\nC-081,\2"),
        {"nobody_is_a_customer_twice", "report_says_what_was_done"},
    ),
    "an order of somebody who was merged": (
        lambda work: change(work / "clean/orders.csv", r"O-0001,C-\d+", "O-0001,C-081"),
        {"every_order_belongs_to_a_customer"},
    ),
    "a product in the wrong column": (
        lambda work: change(work / "clean/products.csv", r",office,", ",A4,"),
        {"products_are_in_their_columns"},
    ),
    "a sign that was lost": (
        lambda work: change(work / "clean/stock_moves.csv", r",-(\d+),", r",\1,"),
        {"moves_are_of_products_and_add_up"},
    ),
    "a report that was not written again": (
        lambda work: change(work / "report.json", '"out": 80', '"out": 94'),
        {"report_says_what_was_done"},
    ),
    "a mark at the beginning": (
        lambda work: (work / "clean/stock_moves.csv").write_bytes(b"\xef\xbb\xbf" + (work / "clean/stock_moves.csv").read_bytes()),
        None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", SPOILED)
def test_each_thing_that_can_be_wrong_is_found_by_its_check(clean, what):
    spoil, names = SPOILED[what]
    spoil(clean)
    found = failed(clean)
    assert found
    if names is not None:
        assert names <= found
        assert len(found - names) <= 1


def test_every_check_fails_for_something():
    named = set().union(*(names for _, names in SPOILED.values() if names))
    assert named == {name.removeprefix("check_") for name in vars(checks) if name.startswith("check_")}


# ----------------------------------------------------------------------------------------- the stand-in


def test_stand_in_says_plainly_what_it_is():
    assert "**It is no model" in standin.__doc__
    assert "it is no model" in (PLACE / "README.md").read_text("utf-8")


def test_every_draft_but_the_last_has_its_mistake():
    drafts = [standin.draft(number) for number in range(len(standin.MISTAKES) + 1)]
    assert len(set(drafts)) == len(drafts)
    assert drafts[-1] == standin.REFERENCE


def test_first_draft_crashes_and_second_one_leaves_two_checks_to_say_why(raw):
    (raw / "cleanup.py").write_text(standin.draft(0), encoding="utf-8")
    ran = python(raw, "cleanup.py")
    assert ran.returncode == 1
    assert "UnicodeDecodeError" in ran.stderr
    (raw / "cleanup.py").write_text(standin.draft(1), encoding="utf-8")
    assert python(raw, "cleanup.py").returncode == 0
    assert failed(raw) == {
        "orders_are_as_many_and_as_much_as_bookkeeping_knows",
        "report_says_what_was_done",
    }  # fmt: skip


@pytest.fixture
def desk(tmp_path):
    """The agent's folder, to be worked in."""
    backend("bubblewrap", None)
    place = tmp_path / "data_cleanup"
    shutil.copytree(PLACE, place, ignore=shutil.ignore_patterns("__pycache__"))
    return place


def job(desk, approve=True):
    """The job of the day by the stand-in, in a real sandbox; ann owns the tables."""

    async def work():
        folder = load(str(desk))
        agent = folder.agent.answered_by(["script:data-cleanup"])
        url = f"sqlite:///{desk.parent}/journal.db"
        async with Runner.open(url, agents=[agent], model=standin.standin) as runner:
            run = await runner.start(agent, {"task": "task.md"}, by="t", key="job")
            result = await run.result()
            if approve and isinstance(result, Waiting):
                assert picture(desk / "work") == picture(PLACE / "work"), "nothing is touched before the commit"
                question = next(iter((await run.state()).questions))
                await runner.answer(run.name, question, "approve", by="ann", roles=["data-owner"])
                result = await run.result()
            return result, [entry.event for entry in await run.entries()], run.name

    return asyncio.run(work())


def undone(desk, run):
    """Take the run back; ann agrees."""

    async def work():
        agent = load(str(desk)).agent.answered_by(["script:data-cleanup"])
        async with Runner.open(f"sqlite:///{desk.parent}/journal.db", agents=[agent], model=standin.standin) as runner:
            back = await runner.undo(await runner.plan_undo(run), by="bob")
            await back.result()
            for question in (await back.state()).questions:
                await runner.answer(back.name, question, "approve", by="ann", roles=["data-owner"])
            return await back.result()

    return asyncio.run(work())


def test_stand_in_claims_too_early_is_told_does_the_work_and_it_can_be_taken_back(desk):
    result, events, run = job(desk)
    assert isinstance(result, Done), result
    assert sum(isinstance(event, OutputRejected) for event in events) == 1
    ran = [event.result.value for event in events if isinstance(event, CallReturned)]
    assert 1 in [one.get("exit") for one in ran], "a draft failed the checks"
    work = desk / "work"
    report = json.loads((work / "report.json").read_text("utf-8"))
    assert (result.output.orders_cents, result.output.customers) == (report["orders"]["cents"], 80)
    assert failed(work) == set()
    for name in tools.ARTEFACTS:
        assert (work / name).read_bytes() == (PLACE / "expected" / name).read_bytes()
    assert isinstance(undone(desk, run), Done)
    assert picture(work) == picture(PLACE / "work")


def test_stand_in_gives_up_where_the_checks_never_pass(desk):
    change(desk / "work" / "tests" / "control.json", '"customers": 80', '"customers": 81')
    before = picture(desk / "work")
    assert isinstance(job(desk)[0], Declined)
    assert picture(desk / "work") == before
