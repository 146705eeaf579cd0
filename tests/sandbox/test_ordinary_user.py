"""The same for an account that is not root, where the tests are run by root: an overlay in place of a copy, and nothing to drop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import msgspec
import pytest

from tests.sandbox import attacks
from tests.sandbox.backends import KINDS, backend
from tests.sandbox.host import Host, folder

ROOT = Path(__file__).parents[2]
USER = 54321
PROGRAM = """
import asyncio, json, sys
from pathlib import Path
from holdfast.sandbox.blobs import MemoryBlobs
from holdfast.sandbox.bubblewrap import Bubblewrap
from holdfast.sandbox.landlock import Landlock
from holdfast.sandbox.ladder import falls_short
from holdfast.sandbox.port import Spec, shell
from holdfast.sandbox.workspace import Workspace, changes, materialise, tree_of
T = json.loads(sys.argv[1])
async def main():
    sandbox = {"bubblewrap": Bubblewrap, "landlock": Landlock}[T["backend"]](None, Path(T["scratch"]))
    blobs, base, found = MemoryBlobs(), Path(T["base"]), {}
    if T["what"] == "probe":
        found = {"short": falls_short(await sandbox.probe(), "kernel")}
    elif T["what"] == "edit":
        before = tree_of(base)
        first = await sandbox.run(Spec(shell(T["edit"]), base=base), blobs)
        folder = materialise(base, first.plan, blobs, Path(T["scratch"], "made"))
        second = await sandbox.run(Spec(shell("cat out/deep/x; rm -r out"), base=base, layer=first.plan), blobs)
        found = {"ok": first.ok and second.ok, "same": changes(base, folder, MemoryBlobs()) == first.plan,
                 "paths": [one.path for one in first.plan.changes], "second": [one.path for one in second.plan.changes],
                 "said": first.stdout.text + second.stdout.text, "whole": tree_of(base) == before, "err": first.stderr.text}
        workspace = Workspace(base, Path(T["scratch"], "state"))
        workspace.commit(first.plan, blobs)
        found["committed"] = tree_of(base) == tree_of(folder)
        workspace.undo(first.plan, blobs)
        found["undone"] = tree_of(base) == before
    else:
        program = (T["python"], "-s", "-P", "-", json.dumps(T["given"]))
        record = await sandbox.run(Spec(program, base=base, stdin=T["code"].encode()), blobs)
        found = {"stop": record.stop, "code": record.code, "out": record.stdout.text, "err": record.stderr.text,
                 "content": [blobs.get(sha).decode(errors="replace") for sha in record.plan.posts()]}
    print(json.dumps(found))
asyncio.run(main())
"""
PYTHON = "/usr/bin/python3"


def as_user(what, backend_name, scratch, host, **more):
    """What a process of that account comes to."""
    packages = Path(msgspec.__file__).parents[1]
    told = {
        "what": what,
        "backend": backend_name,
        "scratch": str(scratch),
        "base": str(host.base),
        "python": PYTHON,
        **more,
    }
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{ROOT}/src:{packages}", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [PYTHON, "-W", "error", "-c", PROGRAM, json.dumps(told)], user=USER, group=USER, extra_groups=[], cwd="/", env=environment,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(params=KINDS)
def name(request, scratch, measured):
    if os.geteuid() != 0:
        pytest.skip("the tests are run by an ordinary account: all the others show it")
    backend(request.param, scratch, measured)
    packages = Path(msgspec.__file__).parents[1]
    tried = subprocess.run(
        [PYTHON, "-c", "import msgspec, holdfast.sandbox.ladder"], user=USER, group=USER, extra_groups=[], cwd="/", capture_output=True,
        env={"PYTHONPATH": f"{ROOT}/src:{packages}"}, text=True, check=False,
    ) if Path(PYTHON).exists() else None  # fmt: skip
    if tried is None or tried.returncode:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.warn(
                "NOT TESTED as an ordinary account: the system's Python cannot read the packages", stacklevel=2
            )
        pytest.skip(f"an ordinary account cannot import holdfast with {PYTHON} (of {sys.version_info[:2]})")
    scratch.chmod(0o777)
    yield request.param
    for one in scratch.iterdir():
        subprocess.run(["rm", "-rf", str(one)], check=True)


@pytest.fixture
def host():
    with folder() as place:
        made = Host(Path(place))
        for path in (made.base, *made.base.rglob("*")):
            os.chown(path, USER, USER)
        made.victim.kill()
        made.victim.wait()
        made.victim = subprocess.Popen(
            ["/bin/sleep", "600"], user=USER, group=USER, extra_groups=[], env={"PROBE": made.secret}
        )
        os.chown(made.outside / "open", USER, USER)
        made.before = made._facts()
        yield made
        made.close()


def test_it_holds_what_a_floor_needs(name, scratch, host):
    assert as_user("probe", name, scratch, host) == {"short": ""}
    host.contained()


def test_it_works_and_leaves_the_base_alone(name, scratch, host):
    edit = "cat a.txt; echo more >> a.txt; rm -r sub; mkdir sub; echo 1 > sub/new; mkdir -p out/deep; echo new > out/deep/x; ln -s x out/deep/l"
    found = as_user("edit", name, scratch, host, edit=edit)
    expected = ["a.txt", "out", "out/deep", "out/deep/l", "out/deep/x", "sub/b.txt", "sub/new"]
    assert found == {
        "ok": True, "same": True, "paths": expected, "second": [path for path in expected if not path.startswith("out")],
        "said": "a\nnew\n", "whole": True, "err": "", "committed": True, "undone": True,
    }  # fmt: skip


HELD = (
    "read-a-secret", "read-by-the-root-of-a-process", "read-environments-of-others", "read-by-a-hard-link", "write-outside",
    "change-a-mode-outside", "change-a-time-outside", "change-an-attribute-outside", "rename-outside", "write-the-base-itself",
    "write-the-journal", "write-memory-of-others", "signal-others", "signal-the-parent", "signal-everybody", "signal-by-descriptor",
    "trace-others", "read-memory-by-call", "limit-others", "slow-others", "unshare-users", "socket-file-of-the-host",
    "abstract-socket-of-the-host", "vsock", "tcp", "raise-ones-limits",
)  # fmt: skip


@pytest.mark.parametrize("attack", HELD)
def test_files_and_processes_of_the_same_account_are_out_of_reach(name, scratch, host, attack):
    found = as_user("attack", name, scratch, host, given=host.given(), code=attacks.HEAD + attacks.ALL[attack])
    host.contained()
    assert [line for line in found["out"].splitlines() if line.startswith("GOT")] == []
    assert host.secret not in found["out"] + found["err"] + "".join(found["content"])
    if attack not in ("signal-the-parent", "signal-everybody"):
        assert (found["stop"], found["code"]) == ("exited", 0), found
