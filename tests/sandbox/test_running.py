"""Programs that do what they should: their answers, their folder, one run after another."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.errors import InputError, SettingsError
from holdfast.sandbox.blobs import FolderBlobs, MemoryBlobs
from holdfast.sandbox.plan import Plan, decode, encode
from holdfast.sandbox.port import Limits, Spec, shell
from holdfast.sandbox.workspace import Workspace, changes, materialise, tree_of
from holdfast.units import SECOND
from tests.sandbox.backends import SMALL, python, run


@pytest.fixture
def base(tmp_path):
    folder = tmp_path / "base"
    (folder / "data" / "old").mkdir(parents=True)
    (folder / "data" / "a.csv").write_text("a,1\n")
    (folder / "data" / "old" / "b.csv").write_text("b,2\n")
    (folder / "data" / "same.csv").write_text("same\n")
    (folder / "run.sh").write_text("#!/bin/sh\necho ran\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("data/a.csv")
    return folder


EDIT = """
cat data/a.csv; ./run.sh
echo more >> data/a.csv; rm -r data/old; mkdir -p out/deep; echo new > out/deep/x; ln -s deep/x out/l
echo same > data/same.csv; mv link moved; sed -i s/ran/run/ run.sh
"""
CHANGED = [
    "data/a.csv",
    "data/old",
    "data/old/b.csv",
    "link",
    "moved",
    "out",
    "out/deep",
    "out/deep/x",
    "out/l",
    "run.sh",
]


def test_what_it_writes_is_a_plan_and_the_base_is_as_it_was(sandbox, base):
    before, blobs = tree_of(base), MemoryBlobs()
    record = run(sandbox, *shell(EDIT), base=base, blobs=blobs)
    assert record.ok, record
    assert record.stdout.text == "a,1\nran\n"
    assert [one.path for one in record.plan.changes] == CHANGED
    assert record.plan.refused == ()
    assert tree_of(base) == before
    assert blobs.get(next(one.post.sha for one in record.plan.changes if one.path == "data/a.csv")) == b"a,1\nmore\n"
    assert set(record.written) >= {"data/a.csv", "data/same.csv", "out/deep/x", "run.sh"}


def test_both_backends_and_a_comparison_find_the_same_plan(sandbox, base, tmp_path):
    blobs = MemoryBlobs()
    record = run(sandbox, *shell(EDIT), base=base, blobs=blobs)
    folder = materialise(base, record.plan, blobs, tmp_path / "made")
    assert changes(base, folder, MemoryBlobs()) == record.plan
    assert decode(encode(record.plan)) == record.plan


def test_a_layer_goes_on_in_another_run_and_another_process(sandbox, base, tmp_path):
    kept = FolderBlobs(tmp_path / "kept")
    first = run(sandbox, *shell("echo 1 > new; rm data/a.csv"), base=base, blobs=kept)
    layer = decode(encode(first.plan))
    second = run(
        sandbox,
        *shell("cat new; test ! -e data/a.csv; echo 2 >> new; echo back > data/a.csv"),
        base=base,
        layer=layer,
        blobs=kept,
    )
    assert second.ok, second
    assert second.stdout.text == "1\n"
    assert [one.path for one in second.plan.changes] == ["data/a.csv", "new"]
    third = run(sandbox, *shell("rm new; printf 'a,1\\n' > data/a.csv"), base=base, layer=second.plan, blobs=kept)
    assert third.plan == Plan()


def test_a_layer_does_not_hide_that_somebody_changed_the_base(sandbox, base, tmp_path):
    blobs = MemoryBlobs()
    first = run(sandbox, *shell("echo mine > data/a.csv"), base=base, blobs=blobs)
    (base / "data" / "a.csv").write_text("theirs")
    with pytest.raises(InputError, match=r"data/a\.csv"):
        run(sandbox, *shell("true"), base=base, layer=first.plan, blobs=blobs)
    assert (base / "data" / "a.csv").read_text() == "theirs"


def test_a_base_that_is_changed_while_it_runs_is_a_conflict_when_it_is_committed(sandbox, base, tmp_path):
    async def both():
        spec = Spec(shell("cat data/a.csv >/dev/null; sleep 1.5; echo mine >> data/a.csv"), base=base, limits=SMALL)
        running = asyncio.ensure_future(sandbox.run(spec, blobs))
        await asyncio.sleep(0.9)
        (base / "data" / "a.csv").write_text("theirs")
        return await running

    blobs = MemoryBlobs()
    record = asyncio.run(both())
    from holdfast.sandbox.workspace import Changed

    with pytest.raises(Changed):
        Workspace(base, tmp_path / "state").commit(record.plan, blobs)
    assert (base / "data" / "a.csv").read_text() == "theirs"


def test_what_it_made_can_be_committed_and_undone(sandbox, base, tmp_path):
    before, blobs = tree_of(base), MemoryBlobs()
    record = run(sandbox, *shell(EDIT), base=base, blobs=blobs)
    workspace = Workspace(base, tmp_path / "state")
    workspace.commit(record.plan, blobs)
    assert (base / "out" / "l").read_text() == "new\n"
    assert (base / "run.sh").stat().st_mode & 0o777 == 0o755
    workspace.undo(record.plan, blobs)
    assert tree_of(base) == before


def test_without_a_base_it_has_an_empty_folder(sandbox):
    record = run(sandbox, *shell("ls -A; echo x > y"))
    assert record.stdout.text == ""
    assert [one.path for one in record.plan.changes] == ["y"]


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("exit 7", 7, ""),
        ("false | cat; echo hidden", 1, ""),
        ("(echo part; exit 3) | sort", 3, "part\n"),
        ("false; echo hidden", 1, ""),
        ("no-such-program", 127, ""),
        ("kill -SEGV $$", 139, ""),
    ],
)
def test_a_failing_member_of_a_pipeline_is_not_hidden(sandbox, command, code, said):
    record = run(sandbox, *shell(command))
    assert (record.code, record.stdout.text) == (code, said)
    assert not record.ok
    assert record.stop == ("signalled" if code == 139 else "exited")


def test_a_program_that_is_not_there_is_no_fault_of_the_sandbox(sandbox):
    record = run(sandbox, "/usr/bin/no-such-program")
    assert (record.stop, record.code) == ("exited", 127)


def test_it_finds_what_it_was_given_and_nothing_of_ours(sandbox, monkeypatch):
    monkeypatch.setenv("A_SECRET", "s")
    record = python(
        sandbox,
        "import os, json; print(json.dumps(dict(os.environ)))",
        environment=(("WANTED", "w"),),
        clock=5 * SECOND,
        seed=7,
    )
    assert '"WANTED": "w"' in record.stdout.text
    assert '"SOURCE_DATE_EPOCH": "5"' in record.stdout.text
    assert '"PYTHONHASHSEED": "7"' in record.stdout.text
    assert "A_SECRET" not in record.stdout.text


def test_it_is_given_its_input(sandbox):
    assert run(sandbox, "/bin/cat", stdin=b"x" * 200_000).stdout.size == 200_000


def test_what_is_too_long_has_its_beginning_and_its_end(sandbox):
    record = run(sandbox, *shell("echo first; head -c 200000 /dev/zero | tr '\\0' x; echo; echo last"))
    assert record.ok
    assert record.stdout.text.startswith("first\nx")
    assert record.stdout.text.endswith("x\nlast\n")
    assert f"[… {record.stdout.cut} bytes are left out here …]" in record.stdout.text
    assert record.stdout.size == 200_000 + 12


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("echo x > report.md; echo y > out.csv", []),
        ("echo x > report.md", [("*.csv", "missing")]),
        ("echo x > report.md; : > out.csv", [("*.csv", "empty")]),
        ("echo y > out.csv", [("report.md", "stale")]),
        ("cp report.md r; cat r > report.md; echo y > out.csv", []),  # written again, with the same content
    ],
)
def test_exit_0_without_the_declared_artefacts_is_a_failure(sandbox, base, command, wrong):
    (base / "report.md").write_text("of last year\n")
    record = run(sandbox, *shell(command), base=base, makes=("report.md", "*.csv"))
    assert record.code == 0
    assert [(one.pattern, one.what) for one in record.lacking] == wrong
    assert record.ok == (not wrong)


def test_folders_it_may_read_are_where_they_are_and_cannot_be_changed(sandbox, tmp_path):
    from tests.sandbox.host import folder

    with folder() as place:
        import pathlib

        packages = pathlib.Path(place)
        packages.chmod(0o755)
        (packages / "x.py").write_text("X = 1\n")
        record = run(sandbox, *shell(f"cat {place}/x.py; echo y >> {place}/x.py"), reads=(packages,))
        assert record.stdout.text == "X = 1\n"
        assert record.code != 0
        assert (packages / "x.py").read_text() == "X = 1\n"


@pytest.mark.parametrize(
    "spec",
    [
        Spec(()),
        Spec(("x\0",)),
        Spec(("x",), environment=(("A=B", "c"),)),
        Spec(("x",), limits=Limits(memory=0)),
    ],
)
def test_what_could_be_no_program_is_refused(sandbox, spec):
    with pytest.raises(InputError):
        asyncio.run(sandbox.run(spec, MemoryBlobs()))


def test_a_sandbox_that_cannot_be_set_up_says_so(sandbox, monkeypatch):
    monkeypatch.setattr("holdfast.sandbox.started._BOOT", "raise SystemExit('no')")
    with pytest.raises(SettingsError, match="could not be set up: no"):
        run(sandbox, "/bin/true")


def test_the_profile_names_the_rules_and_the_limits(sandbox):
    one = run(sandbox, "/bin/true")
    other = run(sandbox, "/bin/true", limits=Limits())
    assert one.profile == run(sandbox, "/bin/true").profile != other.profile
