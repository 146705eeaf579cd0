"""The processes that interpret programs: what they hold, what they are refused, and when they end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from holdfast.errors import SettingsError
from holdfast.sandbox import programs_worker
from holdfast.sandbox.programs import Broke, Finished, Limits, Program, Workers, step
from holdfast.sandbox.programs_launch import WALLS
from tests.sandbox.programs import TOOLS, children, play

WAIT = 20.0
"""Seconds until something that has to happen is given up."""
LOOP = Program(code="while True: pass")
LONG = Limits(stretch=60_000_000, wall=600_000_000)


def until(found, what):
    deadline = time.monotonic() + WAIT
    while not (value := found()):
        assert time.monotonic() < deadline, what
        time.sleep(0.01)
    return value


def walls():
    """Those that work on this machine."""

    async def works(wall):
        try:
            async with Workers(wall=wall):
                return True
        except SettingsError:
            return False

    return [wall for wall in WALLS if asyncio.run(works(wall))]


HERE = walls()


def at_a_worker(wall, look):
    async def use():
        async with Workers(wall=wall) as workers:
            return await workers.use(look, {}, {}, wall=WAIT)

    return asyncio.run(use())


@pytest.mark.skipif(sys.platform != "linux", reason="it looks at /proc")
@pytest.mark.parametrize("wall", HERE)
def test_a_worker_holds_nothing_of_ours(wall, tmp_path, monkeypatch):
    monkeypatch.setenv("HOLDFAST_SECRET", "swordfish")
    opened = (tmp_path / "journal.db").open("w")
    os.set_inheritable(opened.fileno(), True)

    def look(session, _handle):
        session.feed_run("1")
        pid = max(children(session.worker_pid), default=session.worker_pid)  # below bubblewrap
        here = Path("/proc") / str(pid)
        said = dict(line.split(":\t", 1) for line in (here / "status").read_text().splitlines())
        limits = {line[:26].strip(): line[26:].split()[:2] for line in (here / "limits").read_text().splitlines()}
        return (
                [str(one.readlink()) for one in (here / "fd").iterdir()], (here / "environ").read_bytes(),
                str((here / "cwd").readlink()), said, limits,
            )  # fmt: skip

    files, environment, folder, said, limits = at_a_worker(wall, look)
    opened.close()
    assert all(one.startswith(("pipe:", "/dev/null")) for one in files), files
    assert b"swordfish" not in environment
    assert environment in (b"", b"PWD=/\0")
    assert folder == "/"
    assert said["NoNewPrivs"] == "1"
    assert said["Seccomp"] == ("0" if wall == "process" else "2")
    assert said["CapEff"] == "0" * 16 or wall != "bubblewrap"
    assert limits["Max file size"] == ["0", "0"]
    assert limits["Max core file size"] == ["0", "0"]
    assert limits["Max cpu time"] == ["900", "900"]
    assert limits["Max open files"] == ["32", "32"]
    assert limits["Max address space"][0] == str(4 << 30)


@pytest.mark.skipif("bubblewrap" not in HERE, reason="there is no bubblewrap here")
def test_behind_bubblewrap_there_is_no_network_no_process_and_no_file(tmp_path):
    def look(session, _handle):
        session.feed_run("1")
        here = Path("/proc") / str(max(children(session.worker_pid)))
        mine = Path("/proc/self")
        shared = [
            one
            for one in ("net", "pid", "mnt", "user", "ipc")
            if (here / "ns" / one).readlink() == (mine / "ns" / one).readlink()
        ]
        mounts = [line.split()[4] for line in (here / "mountinfo").read_text().splitlines()]
        return shared, mounts

    shared, mounts = at_a_worker("bubblewrap", look)
    assert shared == []
    assert set(mounts) <= {"/", "/usr/lib", "/usr/lib64", "/lib", "/lib64", "/worker"}


@pytest.mark.parametrize("wall", HERE)
def test_behind_each_wall_programs_come_to_the_same(wall):
    async def outcomes():
        async with Workers(wall=wall) as workers:
            assert workers.wall == wall
            return await play(Program(code="print(get_order('a'))\nrefund('a', cents=1)", tools=TOOLS), workers)

    last, _, outcomes_ = asyncio.run(outcomes())
    assert isinstance(last, Finished)
    assert last.printed == "{'cents': 100}\n"
    assert len(outcomes_) == 3


def test_the_strongest_wall_is_taken():
    async def taken():
        async with Workers() as workers:
            return workers.wall

    assert asyncio.run(taken()) == HERE[0]


def test_a_wall_that_is_not_there_is_said(monkeypatch):
    monkeypatch.setattr(programs_worker, "_walls", lambda worker: iter([("process", b"", [str(worker)])]))
    with pytest.raises(SettingsError, match="no such wall"):
        asyncio.run(Workers(wall="bubblewrap").__aenter__())


def test_where_a_wall_does_not_hold_the_next_is_tried(monkeypatch):
    """bubblewrap is there and does not start, as on machines that refuse namespaces to ordinary accounts."""
    real = programs_worker._walls

    def broken(worker):
        for wall, data, words in real(worker):
            yield wall, data, ["/bin/false"] if wall == "bubblewrap" else words

    monkeypatch.setattr(programs_worker, "_walls", broken)

    async def taken():
        async with Workers() as workers:
            return workers.wall, await step(Program(code="1 + 1"), workers=workers)

    wall, outcome = asyncio.run(taken())
    assert wall == next(one for one in HERE if one != "bubblewrap")
    assert outcome == Finished(2, "")


def test_a_launcher_of_ones_own_is_used(tmp_path):
    told = tmp_path / "started"
    script = tmp_path / "launch.sh"
    script.write_text(f'#!/bin/sh\necho "$@" >> {told}\nexec "$@"\n')
    script.chmod(0o755)

    async def use():
        async with Workers(launcher=lambda worker: [str(script), str(worker)]) as workers:
            return workers.wall, await step(Program(code="1 + 1"), workers=workers)

    assert asyncio.run(use()) == ("launcher", Finished(2, ""))
    assert all(line.endswith("monty subprocess") for line in told.read_text().splitlines())


def test_a_launcher_that_fails_is_said():
    with pytest.raises(SettingsError, match="no worker of pydantic-monty starts"):
        asyncio.run(Workers(launcher=lambda worker: ["/bin/false"]).__aenter__())


def test_a_worker_that_does_not_start_later_is_said(tmp_path):
    """Its launcher worked when the context was entered."""
    script = tmp_path / "launch.sh"
    script.write_text('#!/bin/sh\nexec "$@"\n')
    script.chmod(0o755)

    async def use():
        async with Workers(launcher=lambda worker: [str(script), str(worker)]) as workers:
            script.unlink()
            await step(Program(code="1"), workers=workers)

    with pytest.raises(SettingsError, match="did not start"):
        asyncio.run(use())


def test_without_the_worker_it_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("MONTY_BIN", str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match="no worker") as caught:
        asyncio.run(step(Program(code="1")))
    assert 'pip install "holdfast[sandbox]"' in caught.value.hint


# --------------------------------------------------------------------------------------------------- their end


def ours():
    return [pid for pid, line in children(os.getpid()).items() if " subprocess" in line]


@pytest.mark.parametrize("wall", HERE)
def test_a_step_that_is_cancelled_leaves_no_worker(wall):
    async def cancelled():
        async with Workers(wall=wall) as workers:
            task = asyncio.create_task(step(LOOP, (), LONG, workers=workers))
            while not ours():
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            until(lambda: not ours(), "a worker is left")
            return await step(Program(code="1 + 1"), workers=workers)

    assert asyncio.run(cancelled()) == Finished(2, "")


@pytest.mark.skipif(sys.platform != "linux", reason="it looks at /proc")
@pytest.mark.parametrize("wall", HERE)
def test_workers_do_not_outlive_a_process_that_is_killed(wall):
    """It computes when its other side dies by SIGKILL: bubblewrap ends it at once, others at the end of its stretch."""
    code = f"""
        import asyncio
        from holdfast.sandbox.programs import Limits, Program, Workers, step
        async def main():
            async with Workers(wall={wall!r}) as workers:
                print("begun", flush=True)
                await step(Program(code="while True: pass"), (), Limits(stretch={60_000_000 if wall == "bubblewrap" else 2_000_000}), workers=workers)
        asyncio.run(main())
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"begun\n"
        busy = until(lambda: [pid for pid in children(process.pid) if running(pid)], "no worker computes")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    until(lambda: not any(alive(pid) for pid in busy), "a worker is left")


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def running(pid):
    """Whether a process has computed for a while, by its own clock."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return int(fields[11]) >= 30  # hundredths of a second, in which it was no kernel


def test_a_process_that_ran_programs_ends_well():
    """Right after its last step: no thread of the interpreter's may want something of Python then."""
    code = "import asyncio; from holdfast.sandbox.programs import Program, step; asyncio.run(step(Program(code='1')))"
    for _ in range(4):
        assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_many_steps_at_once_share_few_workers():
    async def many():
        async with Workers(at_once=2) as workers:
            steps = [step(Program(code=f"{n} + 1"), workers=workers) for n in range(8)]
            return await asyncio.gather(*steps)

    assert asyncio.run(many()) == [Finished(n + 1, "") for n in range(8)]


def test_one_program_that_is_ended_does_not_touch_another():
    async def both():
        async with Workers(at_once=2) as workers:
            bomb = Program(code="x = []\nwhile True: x.append('a' * 1000)")
            quiet = Program(code="sum(range(1000))")
            return await asyncio.gather(*(step(one, workers=workers) for one in (bomb, quiet, bomb, quiet)))

    outcomes = asyncio.run(both())
    assert [one.kind for one in outcomes[::2]] == ["memory", "memory"]
    assert outcomes[1::2] == [Finished(499500, "")] * 2


def test_a_worker_that_dies_is_a_program_that_broke(monkeypatch):
    """Somebody kills it while it computes."""

    async def killed():
        async with Workers() as workers:
            task = asyncio.create_task(step(LOOP, (), LONG, workers=workers))
            while not any(running(pid) for pid in ours()):
                await asyncio.sleep(0.01)
            for pid in ours():
                os.kill(pid, signal.SIGKILL)
            return await task

    assert asyncio.run(killed()) == Broke("crash", "its worker died", 0, "")
