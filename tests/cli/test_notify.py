"""`holdfast notify`, and `holdfast worker` with settings that say who is told: real processes, killed and raced."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.shell.hook import Hook

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def hook(monkeypatch):
    monkeypatch.setenv("NOTIFY_KEY", KEY)
    with Hook() as there:
        yield there


@pytest.fixture
def waits(holdfast, payer):
    """`waits(3)`: so many runs that wait for the boss."""

    def made(count):
        lines = [json.dumps({"input": {"bill": "5000"}, "key": f"big-{at}"}) for at in range(count)]
        Path("lines.jsonl").write_text("\n".join(lines))
        assert holdfast("run", payer, "--batch", "lines.jsonl").code == 2

    return made


def to(hook):
    return "--webhook", f"{hook.url}/in/s3cret", "--secret-env", "NOTIFY_KEY"


def process(*args):
    """A command line in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "holdfast", *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def program(place, text):
    """A program in the working folder."""
    file = place / "tell"
    file.write_text(f"#!{sys.executable}\n{text}")
    file.chmod(0o755)
    return file


# ------------------------------------------------------------------------------------------------------------------ once


def test_a_command_is_told_what_waits_and_once_only(holdfast, waiting, place):
    tell = program(place, "import sys; open('told.jsonl', 'a').write(sys.stdin.read() + '\\n')")
    found = holdfast("notify", "--command", f"{tell} --loud")
    assert (found.code, found.out) == (0, "told command tell 1 notice\n"), found.err
    assert holdfast("notify", "--command", tell).out == "nothing to tell\n"
    (sent,) = map(json.loads, Path("told.jsonl").read_text().splitlines())
    assert (sent["kind"], sent["run"], sent["role"], sent["tool"]) == ("asked", waiting, "boss", "pay")
    assert sent["id"] == f"{waiting}.{sent['seq']}.asked"
    assert sent["text"].startswith("boss is asked to decide about pay in payer")
    assert "big sums need a person" in sent["words"]


def test_a_webhook_is_told_signed(holdfast, waiting, hook):
    found = holdfast("notify", *to(hook), "--json")
    assert found.json == {"to": hook.url, "told": 1, "failed": 0, "given_up": 0, "left": 0}
    ((path, headers, body),) = hook.requests
    assert path == "/in/s3cret"
    assert headers["X-Holdfast-Signature"].startswith("t=")
    assert json.loads(body)["run"] == waiting


def test_what_is_not_taken_is_said_and_goes_on_later(holdfast, waiting, hook):
    hook.script = [500]
    found = holdfast("notify", *to(hook))
    assert (found.code, found.out) == (2, "told nothing\n")
    assert "it answered 500" in found.err
    assert "s3cret" not in found.err + found.out
    listed = holdfast("notify", "--list", "--json").json
    assert [one["sending"] for one in listed["notices"]] == [
        {"state": "failed", "attempts": 1, "why": "it answered 500"}
    ]
    assert "did not take it, 1 attempt: it answered 500" in holdfast("notify", "--list").out
    assert holdfast("notify", *to(hook)).code == 2, "it is not its time yet"
    assert len(hook.requests) == 1


def test_the_list_says_what_would_be_told_and_tells_nobody(holdfast, waiting):
    found = holdfast("notify", "--list")
    assert found.code == 0
    assert "boss is asked to decide about pay in payer" in " ".join(found.out.split())
    assert max(map(len, found.out.splitlines())) <= 100
    (one,) = holdfast("notify", "--list", "--json").json["notices"]
    assert (one["id"].split(".")[0], one["sending"]) == (waiting, {"state": "new"})
    assert holdfast("notify", "--list").out == found.out
    assert holdfast("notify", "--command", "true").out == "told command true 1 notice\n"
    assert holdfast("notify", "--list").out == "nobody is to be told anything\n"


def test_whoever_looks_at_the_list_is_recorded_where_that_is_asked_for(holdfast, waiting, place):
    (place / "holdfast.toml").write_text("[access]\nlog = true\n")
    assert holdfast("notify", "--list").code == 0
    (act,) = holdfast("access", "--json").json["acts"]
    assert (act["what"], act["runs"]) == ("notify --list", [waiting])


def test_nothing_of_it_stands_among_the_runs_and_all_of_it_verifies(holdfast, waiting):
    assert holdfast("notify", "--command", "true").code == 0
    assert "notify" not in holdfast("show").out
    assert holdfast("verify").code == 0
    assert holdfast("review").code == 0
    assert holdfast("export", "--to", "all.jsonl").code == 0
    found = holdfast("show", "notify")
    assert (found.code, "no run of an agent" in found.err) == (64, True)


def test_the_settings_say_who_is_told(holdfast, waiting, place):
    tell = program(place, "import sys; open('told', 'w').write(sys.stdin.read())")
    (place / "holdfast.toml").write_text(f"[notify]\ncommand = ['{tell}']\n")
    assert holdfast("notify").out == "told command tell 1 notice\n"
    assert json.loads((place / "told").read_text())["run"] == waiting


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        ((), 64, "nobody is named to be told"), (("--command", "nowhere-to-be-found"), 4, "no program nowhere-to-be-found"),
        (("--command", "'open"), 64, "no command"), (("--webhook", "https://x.example"), 64, "a webhook is signed"),
        (("--webhook", "ftp://x.example", "--secret-env", "NOTIFY_KEY"), 64, "https://"),
        (("--webhook", "http://x.example", "--secret-env", "NOTIFY_KEY"), 64, "not encrypted"),
        (("--webhook", "https://x.example", "--secret-env", "NOT_SET_ANYWHERE"), 4, "which is not set"),
        (("--command", "true", "--webhook", "https://x.example", "--secret-env", "A"), 64, "either"),
        (("--command", "true", "--lead", "soon"), 64, "no duration"),
        (("--command", "true", "--journal", "sqlite:///none.db"), 4, "no journal"),
    ],
)  # fmt: skip
def test_what_was_called_wrong(holdfast, waiting, hook, args, code, said):
    found = holdfast("notify", *args)
    assert (found.code, said in found.err) == (code, True), found.err


# ------------------------------------------------------------------------------------------------------- killed and raced


def test_one_that_is_killed_between_delivery_and_its_record_sends_again_and_loses_nothing(holdfast, waits, hook):
    waits(3)
    running = []

    def kill(number):
        if number == 2:
            os.kill(running[0].pid, signal.SIGKILL)
            running[0].wait(20)

    hook.on_request = kill
    running.append(process("notify", *to(hook)))
    running[0].communicate(timeout=60)
    assert running[0].returncode == -signal.SIGKILL
    assert len(hook.ids) == 2

    hook.on_request = lambda number: None
    found = holdfast("notify", *to(hook), "--json")
    assert (found.code, found.json["told"]) == (0, 2), "its death is known at once, so nobody waits for its claim"
    assert hook.ids[1] in hook.ids[2:], "what was delivered and not recorded comes a second time, under the same name"
    assert len(hook.ids) == 4
    assert len(set(hook.ids)) == 3
    assert holdfast("verify").code == 0


def test_one_that_is_killed_at_any_moment_loses_nothing(holdfast, waits, hook):
    waits(4)
    for number in range(1, 3):
        running = []
        began = len(hook.ids)
        hook.on_request = lambda at, began=began, running=running: (
            os.kill(running[0].pid, signal.SIGKILL) if at == began + 1 else None
        )
        running.append(process("notify", *to(hook)))
        running[0].communicate(timeout=60)
        assert running[0].returncode == -signal.SIGKILL, number
    hook.on_request = lambda number: None
    assert holdfast("notify", *to(hook)).code == 0
    assert holdfast("notify", "--list").out == "nobody is to be told anything\n"
    assert len(set(hook.ids)) == 4


def test_several_at_once_share_what_is_to_be_told(waits, hook):
    waits(8)
    every = [process("notify", *to(hook), "--json") for _ in range(2)]
    said = [one.communicate(timeout=60) for one in every]
    told = [json.loads(out)["told"] for out, _ in said]
    assert sum(told) == 8, said
    assert sorted(hook.ids) == sorted(set(hook.ids))


# -------------------------------------------------------------------------------------------------------- with a worker


def working_on(payer):
    """A worker that is at work."""
    worker = process("worker", payer)
    while "works for" not in (line := worker.stderr.readline()):
        assert line, "it ended"
    return worker


def settle(place, hook):
    (place / "holdfast.toml").write_text(f'[notify]\nwebhook = "{hook.url}/in"\nsecret = "NOTIFY_KEY"\n')


def test_a_worker_tells_what_comes_to_wait_while_it_drives(holdfast, payer, place, hook):
    settle(place, hook)
    for at in range(3):
        assert holdfast("run", payer, '{"bill": "5000"}', "--key", f"k-{at}").code == 2
    found = holdfast("worker", payer, "--once")
    assert found.code == 0, found.err
    assert f"tells {hook.url} what waits for people" in found.err
    assert len(hook.ids) == len(set(hook.ids)) == 3


def test_a_worker_goes_on_when_the_receiver_is_down_and_ends_when_it_is_told(holdfast, waits, payer, place, hook):
    settle(place, hook)
    waits(1)
    hook.script = ["hang"] * 9
    working = working_on(payer)
    try:
        hook.wait(lambda: hook.requests)
        began = time.monotonic()
        found = holdfast("run", payer, '{"bill": "70"}', "--key", "small", "--json")
        assert (found.code, found.json["outcome"]) == (0, "done")
        working.send_signal(signal.SIGTERM)
        _, err = working.communicate(timeout=30)
        assert time.monotonic() - began < 25
        (one,) = holdfast("notify", "--list", "--json").json["notices"]
        assert (one["sending"]["state"], one["sending"]["why"]) == ("failed", "nobody waited for it any longer")
    finally:
        working.kill()
    assert working.returncode == 0, err
    assert "Traceback" not in err


def test_two_workers_tell_each_notice_once(waits, payer, place, hook):
    settle(place, hook)
    both = [working_on(payer) for _ in range(2)]
    try:
        waits(6)
        hook.wait(lambda: len(set(hook.ids)) == 6)
        for one in both:
            one.send_signal(signal.SIGTERM)
        said = [one.communicate(timeout=30) for one in both]
    finally:
        for one in both:
            one.kill()
    assert [one.returncode for one in both] == [0, 0], said
    assert len(hook.ids) == 6


def test_settings_that_name_nobody_who_is_there_are_refused_before_anything_is_driven(holdfast, payer, waits, place):
    waits(1)
    (place / "holdfast.toml").write_text('[notify]\ncommand = ["nowhere-to-be-found"]\n')
    found = holdfast("worker", payer, "--once")
    assert (found.code, "no program nowhere-to-be-found" in found.err) == (4, True)
