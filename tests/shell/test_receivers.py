"""Receivers: what a command and a webhook are given, and that whatever goes wrong over there is an answer."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import sys
import time
from pathlib import Path

import pytest

from holdfast.errors import SettingsError
from holdfast.shell.place import Notify
from holdfast.shell.receivers import SIGNATURE, Command, Webhook, receiver, signature
from tests.docs.pages import ROOT, samples
from tests.shell.bench import story
from tests.shell.hook import Hook

BODY = b'{"id":"r_1.4.asked"}'
AT = 1_800_000_000_123_456
KEY = b"k" * 32


@pytest.fixture
def hook():
    with Hook() as there:
        yield there


def send(to, body=BODY, at=AT):
    async def work():
        try:
            return await to.send(body, at)
        finally:
            await to.close()

    return story(work)


# ------------------------------------------------------------------------------------------------------------ webhook


def test_a_webhook_is_sent_the_notice_signed(hook):
    assert send(Webhook(f"{hook.url}/in?token=abc", KEY)).ok
    ((path, headers, body),) = hook.requests
    assert (path, body, headers["Content-Type"]) == ("/in?token=abc", BODY, "application/json")
    parts = dict(part.split("=") for part in headers[SIGNATURE].split(","))
    assert parts["t"] == "1800000000"
    assert parts["v1"] == hmac.new(KEY, b"1800000000." + BODY, hashlib.sha256).hexdigest()


def test_a_signature_is_of_the_moment_and_of_the_body():
    made = signature(KEY, BODY, AT)
    others = {signature(KEY, BODY + b" ", AT), signature(KEY, BODY, AT + 1_000_000), signature(b"j" * 32, BODY, AT)}
    assert made not in others
    assert len(others) == 3


def test_the_snippet_of_the_manual_tells_what_is_ours(hook):
    (sample,) = samples(ROOT / "docs" / "notify.md", "python")
    names = {}
    exec(compile(sample.text, sample.place, "exec"), names)
    is_ours, now = names["is_ours"], round(time.time() * 1e6)
    assert send(Webhook(hook.url, KEY), at=now).ok
    ((_, headers, body),) = hook.requests
    header = headers[SIGNATURE]
    assert is_ours(KEY, header, body)
    assert not is_ours(b"j" * 32, header, body)
    assert not is_ours(KEY, header, body + b" ")
    assert not is_ours(KEY, signature(KEY, body, now - 600_000_000), body), "overheard, and sent again"
    assert not is_ours(KEY, header.replace("t=", "t=1"), body)
    for nonsense in ("", "t=1", "v1=2", "t=x,v1=é", header.replace("v1=", "v0=")):
        assert not is_ours(KEY, nonsense, body)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_what_is_taken_is_taken(hook, status):
    hook.script = [status]
    assert send(Webhook(hook.url, KEY)).ok


@pytest.mark.parametrize(
    ("does", "why"),
    [
        (500, "it answered 500"), (404, "it answered 404"), ((302, {"Location": "/elsewhere"}), "it answered 302, which is not followed"),
        ((307, {"Location": "/elsewhere"}), "it answered 307, which is not followed"),
    ],
)  # fmt: skip
def test_what_is_not_taken_says_why_and_nobody_is_followed(hook, does, why):
    hook.script = [does]
    answer = send(Webhook(hook.url, KEY))
    assert (answer.ok, answer.why) == (False, why)
    assert len(hook.requests) == 1


@pytest.mark.parametrize("does", ["hang", "drip"])
def test_one_that_hangs_is_not_waited_for(hook, does):
    hook.script = [does]
    began = time.monotonic()
    answer = send(Webhook(hook.url, KEY, timeout=0.3))
    assert (answer.ok, answer.why) == (False, "it did not answer within 0.3 s")
    assert time.monotonic() - began < 10


def test_the_body_of_an_answer_is_not_read(hook):
    hook.script = ["flood"]
    assert send(Webhook(hook.url, KEY, timeout=5)).ok


def test_nobody_there_is_said_without_the_address():
    with Hook() as gone:
        url = gone.url
    answer = send(Webhook(f"{url}/services/s3cret", KEY))
    assert (answer.ok, answer.why) == (False, "it cannot be reached")


def test_a_receiver_may_say_when_to_come_back(hook):
    hook.script = [(429, {"Retry-After": "120"}), (503, {"Retry-After": "9999999"}), (503, {"Retry-After": "soon"})]
    assert [send(Webhook(hook.url, KEY)).after for _ in range(3)] == [120.0, 3600.0, 0.0]


def test_its_name_holds_nothing_secret():
    assert (
        Webhook("https://hooks.example.com:8443/services/T0/s3cret?token=x", KEY).name
        == "https://hooks.example.com:8443"
    )
    assert Command(["/opt/tell", "--token", "s3cret"]).name == "command tell"


# ------------------------------------------------------------------------------------------------------------ command


def python(text, *args):
    return [sys.executable, "-c", text, *args]


def test_a_command_is_given_the_notice_on_its_stdin_and_no_shell_reads_its_arguments(tmp_path):
    kept = tmp_path / "kept"
    code = (
        "import sys, pathlib, json; pathlib.Path(sys.argv[1]).write_text(json.dumps([sys.stdin.read(), sys.argv[2]]))"
    )
    assert send(Command(python(code, str(kept), f"; touch {tmp_path}/owned $(id)"))).ok
    assert json.loads(kept.read_text()) == [BODY.decode(), f"; touch {tmp_path}/owned $(id)"]
    assert not (tmp_path / "owned").exists()


def test_an_exit_code_says_whether_it_was_delivered():
    assert send(Command(["true"])).ok
    answer = send(Command(python("import sys; print('no'); sys.exit(3)")))
    assert (answer.ok, answer.why) == (False, "it ended with exit code 3")


def test_one_that_does_not_read_has_it_all_the_same():
    assert send(Command(["true"]), b"x" * 1_000_000).ok


def test_one_that_prints_without_end_or_hangs_is_killed_with_what_it_started(tmp_path):
    told = tmp_path / "pid"
    code = (
        "import subprocess, sys, pathlib, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "part = pathlib.Path(sys.argv[1] + '.part'); part.write_text(str(child.pid)); part.rename(sys.argv[1])\n"
        "while True: print('x' * 10000)\n"
    )
    command = Command(python(code, str(told)), timeout=3)
    answer = send(command)
    assert (answer.ok, answer.why) == (False, "it did not end within 3 s")
    child = int(told.read_text())
    until = time.monotonic() + 10
    while time.monotonic() < until and _runs(child):
        time.sleep(0.01)
    assert not _runs(child)


def _runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_command_that_is_not_there_is_an_answer():
    answer = send(Command(["/nowhere/tell"]))
    assert not answer.ok
    assert answer.why == "it cannot be started: No such file or directory"


def test_whoever_gives_up_waiting_leaves_no_process_behind(tmp_path):
    async def work():
        told = tmp_path / "pid"
        code = "import os, sys, pathlib, time; p = pathlib.Path(sys.argv[1] + 'x'); p.write_text(str(os.getpid())); p.rename(sys.argv[1]); time.sleep(600)"
        sending = asyncio.create_task(Command(python(code, str(told))).send(BODY, AT))
        while not told.exists():
            await asyncio.sleep(0.01)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert not _runs(int(told.read_text()))

    story(work)


# ----------------------------------------------------------------------------------------------------------- settings


def test_the_settings_say_who_is_told(monkeypatch):
    monkeypatch.setenv("NOTIFY_KEY", "0" * 64)
    assert receiver(Notify(command=["true", "--x"])).name == "command true"
    assert (
        receiver(Notify(webhook="https://hooks.example.com/in", secret="NOTIFY_KEY")).name
        == "https://hooks.example.com"
    )


@pytest.mark.parametrize(("value", "said"), [(None, "is not set"), ("", "is not set"), ("short", "less than 16 bytes")])
def test_a_webhook_without_a_key_is_refused_before_anything_is_sent(monkeypatch, value, said):
    monkeypatch.delenv("NOTIFY_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("NOTIFY_KEY", value)
    with pytest.raises(SettingsError, match=said) as caught:
        receiver(Notify(webhook="https://hooks.example.com/in", secret="NOTIFY_KEY"))
    assert "openssl rand" in caught.value.hint


def test_a_program_that_is_not_there_is_said_at_once():
    with pytest.raises(SettingsError, match="no program nowhere-to-be-found"):
        receiver(Notify(command=["nowhere-to-be-found"]))
