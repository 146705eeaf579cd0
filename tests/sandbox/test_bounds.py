"""Programs without end or measure: each is held to its limit, and nothing of it is left."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from holdfast.sandbox.blobs import MemoryBlobs
from holdfast.sandbox.port import MB, Spec
from holdfast.sandbox.probe import interpreter
from holdfast.units import SECOND
from tests.sandbox import attacks
from tests.sandbox.backends import SMALL, python
from tests.sandbox.host import Host, folder, gone
from tests.sandbox.test_escapes import attack


@pytest.fixture
def host():
    with folder() as place:
        made = Host(Path(place))
        yield made
        made.close()


MARKED = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)', T['mark']]{})"


def test_a_fork_bomb(sandbox, host):
    code = """
made = 0
try:
    while made < 500:
        if not os.fork():
            time.sleep(30); os._exit(0)
        made += 1
except OSError: pass
print(made)
"""
    record, _ = attack(sandbox, host, code)
    assert 0 < int(record.stdout.text) <= SMALL.processes


def test_a_fork_bomb_that_never_waits(sandbox, host):
    code = "\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True:\n  try: os.fork()\n  except OSError: pass\n"
    record, _ = attack(sandbox, host, code, wants_ok=False, limits=replace(SMALL, wall=2 * SECOND, cpu=SECOND))
    assert record.stop in ("cpu", "time", "memory")
    assert record.wall < 15 * SECOND


def test_threads_without_end(sandbox, host):
    code = """
made = 0
try:
    while made < 500:
        threading.Thread(target=time.sleep, args=(1,), daemon=True).start(); made += 1
except RuntimeError: pass
print(made)
"""
    record, _ = attack(sandbox, host, code)
    assert 0 < int(record.stdout.text) <= SMALL.processes


def test_children_that_end_at_once_and_are_never_waited_for(sandbox, host):
    code = "\nfor n in range(200):\n  try:\n    if not os.fork(): os._exit(0)\n  except OSError: break\nprint(n)"
    record, _ = attack(sandbox, host, code)
    assert int(record.stdout.text) <= SMALL.processes


def test_a_memory_bomb(sandbox, host):
    code = "\nheld = []\ntry:\n  while len(held) < 2000: held.append(b'x' * (1 << 20))\nexcept MemoryError: pass\nprint(len(held))"
    record, _ = attack(sandbox, host, code)
    assert 0 < int(record.stdout.text) <= SMALL.memory // MB
    assert record.memory <= SMALL.memory


def test_a_memory_bomb_of_many(sandbox, host):
    code = "\nfor _ in range(12):\n  if not os.fork():\n    held = b'x' * (100 << 20); time.sleep(20); os._exit(0)\ntime.sleep(20)"
    record, _ = attack(sandbox, host, code, wants_ok=False)
    assert record.stop == "memory"
    assert record.wall < 15 * SECOND


def test_shared_memory_is_not_taken_for_the_memory_of_each(sandbox, host):
    code = "\nheld = b'x' * (120 << 20)\nfor _ in range(6):\n  if not os.fork(): time.sleep(.5); os._exit(0)\nfor _ in range(6): os.wait()"
    record, _ = attack(sandbox, host, code)
    assert record.memory < SMALL.memory


@pytest.mark.parametrize(
    "code",
    [
        "attempt(call, 319, b'x', 0)",
        "attempt(call, 447, 0)",
        "attempt(call, 29, 0, 1 << 20, 0o1600)",
        "attempt(call, 68, 0, 0o1600)",
        "attempt(call, 240, b'/x', 0o102, 0o600, 0)",
    ],
    ids=["memory files", "secret memory", "shared memory", "messages", "message queues"],
)
def test_memory_that_nobody_counts(sandbox, host, code):
    record, _ = attack(sandbox, host, code.replace("/x", f"/{host.mark}"))
    assert "GOT" not in [line[:3] for line in record.stdout.text.splitlines()]


@pytest.mark.parametrize("place", [".", "/tmp", "/dev/shm", "/dev", "/", "/etc", "/run", "/proc", "/var/tmp"])
def test_disk_bombs_wherever_one_can_write(sandbox, host, place):
    code = f"""
room = 0
for n in range(60):
    try:
        with open({place!r} + f'/bomb{{n}}', 'wb') as file: file.write(b'x' * (1 << 20))
        room += 1
    except OSError: break
print(room)
"""
    record, _ = attack(sandbox, host, code, wants_ok=False)
    if record.stop != "disk":
        assert int(record.stdout.text) <= SMALL.disk // MB
    assert sum(one.post.size for one in record.plan.changes) <= 2 * SMALL.disk


def test_one_file_without_end(sandbox, host):
    code = "\nwith open('x', 'wb', buffering=0) as file:\n  while True: file.write(b'x' * (1 << 20))"
    record, _ = attack(sandbox, host, code, wants_ok=False)
    assert record.stop in ("disk", "signalled", "exited")
    assert record.code != 0
    assert max(one.post.size for one in record.plan.changes) <= SMALL.file_size


def test_a_file_that_says_it_is_huge(sandbox, host):
    code = (
        "\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nwith open('x', 'wb') as file: attempt(file.truncate, 1 << 40)"
    )
    record, _ = attack(sandbox, host, code)
    assert "GOT" not in [line[:3] for line in record.stdout.text.splitlines()]


def test_files_that_are_nothing_but_holes(sandbox, host):
    """Reading what they say they hold would take for ever."""
    code = "\nfor n in range(400):\n  with open(f'hole{n}', 'wb') as file: file.truncate(4 << 20)"
    record, _ = attack(sandbox, host, code)
    assert sum(one.post.size for one in record.plan.changes) <= SMALL.disk
    assert {one.why for one in record.plan.refused} == {"more than the folder may hold"}


def test_files_without_number(sandbox, host):
    code = "\nfor n in range(5000):\n  try: open(f'f{n}', 'w').close()\n  except OSError: break\ntime.sleep(1)"
    record, _ = attack(sandbox, host, code, wants_ok=False)
    made = len(record.plan.changes)
    assert 0 < made <= SMALL.files + 64 or record.stop == "disk"


def test_folders_in_folders_without_end(sandbox, host):
    code = "\nfor n in range(2000):\n  try: os.mkdir('d'); os.chdir('d')\n  except OSError: break\nprint(n)"
    record, _ = attack(sandbox, host, code, wants_ok=False)
    assert len(record.plan.changes) <= 101
    assert [one.why for one in record.plan.refused] == ["more than 100 folders in one another"]


def test_a_time_bomb(sandbox, host):
    record, _ = attack(sandbox, host, "time.sleep(100)", wants_ok=False, limits=replace(SMALL, wall=SECOND))
    assert (record.stop, record.code) == ("time", 137)
    assert SECOND <= record.wall < 6 * SECOND


def test_a_program_that_ignores_every_signal_it_can(sandbox, host):
    code = "\nfor n in range(1, 64):\n  try: signal.signal(n, signal.SIG_IGN)\n  except OSError: pass\ntime.sleep(100)"
    record, _ = attack(sandbox, host, code, wants_ok=False, limits=replace(SMALL, wall=SECOND))
    assert record.stop == "time"


def test_a_busy_loop(sandbox, host):
    record, _ = attack(sandbox, host, "\nwhile True: pass", wants_ok=False, limits=replace(SMALL, cpu=SECOND))
    assert record.stop == "cpu", record
    assert record.cpu < 3 * SECOND


def test_busy_loops_of_many(sandbox, host):
    code = "\nfor _ in range(4):\n  if not os.fork(): break\nwhile True: pass"
    record, _ = attack(sandbox, host, code, wants_ok=False, limits=replace(SMALL, cpu=SECOND))
    assert record.stop == "cpu"
    assert record.cpu < 3 * SECOND


@pytest.mark.parametrize("descriptor", [1, 2])
def test_huge_output(sandbox, host, descriptor):
    code = f"\nwhile True: os.write({descriptor}, b'x' * 65536)"
    record, _ = attack(sandbox, host, code, wants_ok=False)
    kept = record.stdout if descriptor == 1 else record.stderr
    assert record.stop == "output"
    assert len(kept.text) < SMALL.output + 100
    assert kept.cut == kept.size - SMALL.output
    assert f"[… {kept.cut} bytes are left out here …]" in kept.text


def test_closed_outputs(sandbox, host):
    code = "\nfor n in (0, 1, 2): os.close(n)\ntime.sleep(.2)\nopen('done', 'w').write('x')\nos._exit(3)"
    record, _ = attack(sandbox, host, code, wants_ok=False)
    assert (record.stop, record.code, record.stdout.text) == ("exited", 3, "")
    assert [one.path for one in record.plan.changes] == ["done"]


def test_deep_recursion(sandbox, host):
    code = "\nsys.setrecursionlimit(10**9)\ndef down(n): return down(n + 1) + 1\ndown(0)"
    record, _ = attack(sandbox, host, code, wants_ok=False)
    assert record.code != 0


@pytest.mark.parametrize("more", ["", ", start_new_session=True", ", stdout=-3, stderr=-3, start_new_session=True"])
def test_what_is_left_in_the_background_ends_with_it(sandbox, host, more):
    record, _ = attack(sandbox, host, MARKED.format(more))
    assert record.wall < 10 * SECOND
    assert gone(lambda: not host.left())


def test_a_demon_twice_removed_that_holds_the_outputs(sandbox, host):
    code = f"\nif not os.fork():\n  os.setsid()\n  if not os.fork(): {MARKED.format('').replace('Popen', 'run')}\n  os._exit(0)\ntime.sleep(.3)"
    record, _ = attack(sandbox, host, code)
    assert record.wall < 10 * SECOND


def test_it_cannot_take_the_death_of_its_parent_lightly(sandbox, host):
    code = f"\nLIBC.prctl(1, 0, 0, 0, 0)\n{MARKED.format(', start_new_session=True')}\ntime.sleep(60)"
    record, _ = attack(sandbox, host, code, wants_ok=False, limits=replace(SMALL, wall=SECOND))
    assert record.stop == "time"


def test_cancelling_ends_the_whole_tree(sandbox, host, scratch):
    program, reads = interpreter()
    code = attacks.HEAD + MARKED.format(", start_new_session=True") + "\ntime.sleep(60)"
    spec = Spec((program, "-s", "-P", "-", json.dumps(host.given())), stdin=code.encode(), reads=reads, limits=SMALL)

    async def cancelled():
        running = asyncio.ensure_future(sandbox.run(spec, MemoryBlobs()))
        until = time.monotonic() + 15
        while len(host.left()) < 2:  # the program's argument holds the mark too
            assert time.monotonic() < until
            await asyncio.sleep(0.02)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(cancelled())
    assert gone(lambda: not host.left())
    assert list(scratch.iterdir()) == []
    host.contained()


def test_it_ends_with_the_process_that_wanted_it(sandbox, host, scratch):
    """SIGKILL of holdfast itself: nobody is left to clean up, and the program ends all the same."""
    program, reads = interpreter()
    code = attacks.HEAD + MARKED.format(", start_new_session=True") + "\ntime.sleep(60)"
    pid = os.fork()
    if pid == 0:
        try:
            given = json.dumps(host.given())
            asyncio.run(
                sandbox.run(
                    Spec((program, "-s", "-P", "-", given), stdin=code.encode(), reads=reads, limits=SMALL),
                    MemoryBlobs(),
                )
            )
        finally:
            os._exit(0)
    assert gone(lambda: len(host.left()) > 1, 20)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    assert gone(lambda: not host.left())
    host.contained()
    from holdfast.sandbox.started import remove

    for one in scratch.iterdir():  # what its death left on the disk
        remove(one)


def test_programs_at_the_same_time_do_not_see_each_other(sandbox, host):
    program, reads = interpreter()
    first = "import time\ntry: open('/tmp/x', 'w').write('1')\nexcept OSError: pass\ntime.sleep(1)"
    second = (
        attacks.HEAD
        + """
time.sleep(.4)
try: others = [n for n in os.listdir('/proc') if n.isdigit() and n not in ('1', str(os.getpid()))]
except OSError: others = []
for n in others: attempt(os.kill, int(n), 9)
"""
    )

    async def both():
        given = json.dumps(host.given())
        specs = [
            Spec((program, "-s", "-P", "-", given), stdin=code.encode(), reads=reads, limits=SMALL)
            for code in (first, second)
        ]
        return await asyncio.gather(*(sandbox.run(spec, MemoryBlobs()) for spec in specs))

    one, other = asyncio.run(both())
    assert one.ok
    assert "GOT" not in [line[:3] for line in other.stdout.text.splitlines()]


def test_the_limits_of_each_are_its_own(sandbox, host):
    record = python(sandbox, "import resource as r; print(r.getrlimit(r.RLIMIT_CORE), r.getrlimit(r.RLIMIT_NOFILE))")
    assert record.stdout.text.strip() == "(0, 0) (256, 256)"
