"""erase: what was recorded about somebody, or long ago, is gone, and the chain still verifies."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from msgspec import structs

from holdfast import codec
from holdfast.units import DAY
from tests.cli.damage import JOURNAL, execute


def bills(holdfast, payer, *whom):
    """The names of runs that paid bills of 700, 800, … on behalf of these; empty: of nobody."""
    names = []
    for number, who in enumerate(whom, 7):
        said = ("--on-behalf-of", who) if who else ()
        found = holdfast("run", payer, f'{{"bill": "{number}00"}}', "--key", f"{number}00", *said, "--json")
        assert found.code == 0
        names.append(found.json["run"])
    return names


def long_ago(place, *runs):
    """These runs are 500 days old: the file is changed, and their chains hold all the same, since they are made anew."""
    with closing(sqlite3.connect(place / JOURNAL)) as db:
        for run in runs:
            head, found = codec.GENESIS, "run = (SELECT id FROM runs WHERE name = ?)"
            for seq, data in db.execute(f"SELECT seq, data FROM entries WHERE {found} ORDER BY seq", (run,)).fetchall():
                entry = codec.decode(data)
                aged = codec.encode(structs.replace(entry, at=entry.at - 500 * DAY))
                head = codec.chain(head, aged)
                db.execute(f"UPDATE entries SET data = ?, digest = ? WHERE {found} AND seq = ?", (aged, head, run, seq))
            db.execute("UPDATE runs SET opened = opened - ? WHERE name = ?", (500 * DAY, run))
        db.commit()


def stored(place):
    """The file, as one heap of bytes."""
    return b"".join(path.read_bytes() for path in (place / ".holdfast").glob("journal.db*") if path.is_file())


def test_runs_of_a_subject_are_gone_and_the_chain_holds(holdfast, payer, place):
    bills(holdfast, payer, "c:1", "c:2", "c:1")
    asked = holdfast("erase", "--subject", "c:1", "--because", "they asked")
    assert (asked.code, "nothing was erased" in asked.err) == (0, True)
    assert "Would be destroyed for good: " in asked.out
    assert "2 secrets of 2 run trees" in asked.out
    assert "To be recorded: they asked" in asked.out
    assert "[erased" not in holdfast("show", "700").out
    gone = holdfast("erase", "--subject", "c:1", "--because", "they asked", "--as", "dpo", "--yes")
    assert (gone.code, "of 2 runs destroyed, after 2 secrets of 2 run trees" in gone.out) == (0, True)
    assert "copies made before are not reached" in gone.out
    assert "[erased" in holdfast("show", "700").out
    assert '"bill": "800"' in holdfast("show", "800").out
    assert "cli:dpo" in holdfast("show", "900").out
    assert holdfast("verify").code == 0
    assert "There is nothing to erase." in holdfast("erase", "--subject", "c:1", "--because", "again", "--yes").out
    nobody = holdfast("erase", "--subject", "c:9", "--because", "x", "--yes", "--json").json
    assert (nobody["erased"], nobody["trees"], nobody["runs"]) == (False, 0, [])


def test_the_plan_and_what_was_done_are_one_object(holdfast, payer):
    (run,) = bills(holdfast, payer, "c:1")
    plan = holdfast("erase", "--subject", "c:1", "--because", "they asked", "--json").json
    assert (plan["erased"], plan["trees"], plan["basis"]) == (False, 1, "they asked")
    assert [(one["run"], one["about_somebody"]) for one in plan["runs"]] == [(run, True)]
    done = holdfast("erase", "--subject", "c:1", "--because", "they asked", "--json", "--yes").json
    assert done == plan | {"erased": True}
    assert done["bodies"] == plan["runs"][0]["bodies"] > 3
    assert done["entries"] + 1 == holdfast("show", "--json").json[0]["seq"]


def test_a_copy_made_before_still_holds_the_secret_until_the_same_is_erased_in_it(holdfast, payer, place):
    """docs/erase.md says so, and what to do."""
    bills(holdfast, payer, "c:1")
    with closing(sqlite3.connect(place / JOURNAL)) as db:
        db.execute("VACUUM INTO 'copy.db'")
    assert holdfast("erase", "--subject", "c:1", "--because", "they asked", "--yes").code == 0
    copy = ("--journal", "sqlite:///copy.db")
    assert '"bill": "700"' in holdfast("show", "700", *copy).out
    assert holdfast("erase", "--subject", "c:1", "--because", "they asked", "--yes", *copy).code == 0
    assert "[erased" in holdfast("show", "700", *copy).out


def test_nothing_is_erased_where_one_of_the_runs_is_open(holdfast, payer, waiting):
    assert holdfast("run", payer, '{"bill": "700"}', "--key", "small").code == 0
    said = holdfast("erase", "small", waiting, "--because", "x", "--yes")
    assert (said.code, f"1 run of them is open: {waiting}" in said.err) == (64, True)
    assert "erased" not in holdfast("show", "small").out


def test_what_ended_long_ago_is_gone_and_the_rest_stays(holdfast, payer, place, waiting):
    old, nobody, young = bills(holdfast, payer, "c:1", "", "c:1")
    long_ago(place, old, nobody, waiting)
    plan = holdfast("erase", "--older-than", "400d")
    assert (plan.code, "nothing was erased" in plan.err) == (0, True)
    assert old in plan.out
    assert young not in plan.out
    assert waiting not in plan.out
    assert "1 run of them is about nobody: its texts up to 2,048 bytes stand in the chain itself" in plan.out.replace(
        "\n", " "
    )
    only = holdfast("erase", "--older-than", "400d", "--agent", "another", "--yes", "--json").json
    assert only["runs"] == []
    done = holdfast("erase", "--older-than", "400d", "--as", "svc:retention", "--yes", "--json").json
    assert {one["run"] for one in done["runs"]} == {old, nobody}
    assert done["basis"] == "it ended more than 400d ago"
    assert "[erased" in holdfast("show", old).out
    assert '"bill": "800"' in holdfast("show", nobody).out, "what stands in the chain stays"
    assert '"bill": "900"' in holdfast("show", young).out
    assert holdfast("verify").code == 0
    again = holdfast("erase", "--older-than", "400d", "--yes", "--json").json
    assert (again["runs"], again["left"]) == ([], {"erased already": 2})


def test_less_than_180_days_takes_a_reason_that_is_recorded(holdfast, payer):
    (run,) = bills(holdfast, payer, "c:1")
    short = holdfast("erase", "--older-than", "0s", "--yes")
    assert (short.code, "kept for 180 days at least" in short.err) == (3, True)
    assert "[erased" not in holdfast("show", run).out
    done = holdfast("erase", "--older-than", "0s", "--shorter-because", "it was a test", "--yes", "--json").json
    assert done["basis"] == "it ended more than 0s ago; shorter than 180d because it was a test"
    assert "shorter than 180d because it was a test" in " ".join(holdfast("show", run).out.split())


def test_a_run_before_people_is_not_touched_however_old(holdfast, payer, place):
    (run,) = bills(holdfast, payer, "c:1")
    execute(
        place, "UPDATE runs SET row = json_set(row, '$.attention', json('true')), attention = 1 WHERE name = ?", run
    )
    left = holdfast("erase", "--older-than", "0s", "--shorter-because", "a test", "--yes")
    assert "still before people" in left.out
    assert "[erased" not in holdfast("show", run).out


def test_no_byte_of_what_was_said_is_in_the_file(holdfast, payer, place):
    """Encrypted while it is there, and gone with its secret after."""
    (run,) = bills(holdfast, payer, "c:1")
    with closing(sqlite3.connect(place / JOURNAL)) as db:
        (secret,) = db.execute("SELECT secret FROM secrets WHERE tree = ?", (run,)).fetchone()
        bodies = [data for (data,) in db.execute("SELECT data FROM blobs WHERE ref NOT LIKE 'contract_%'")]
    assert secret in stored(place)
    assert len(bodies) > 3
    assert not any(b'"cents"' in data or b'"bill"' in data for data in bodies)
    assert holdfast("erase", run, "--because", "they asked", "--yes").code == 0
    after = stored(place)
    assert secret not in after
    assert not any(data in after for data in bodies)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--because", "x"), "say which runs, or whose, or how old"),
        (("--subject", "c:1", "--older-than", "400d", "--because", "x"), "say which runs, or whose, or how old"),
        (("--subject", "c:1"), "on what basis"),
        (("--subject", "c:1", "--agent", "payer", "--because", "x"), "say something of --older-than"),
        (("--older-than", "soon"), "is no age"),
    ],
)
def test_it_has_to_be_said_of_what_and_why(holdfast, waiting, words, said):
    found = holdfast("erase", *words)
    assert (found.code, said in found.err) == (64, True)
