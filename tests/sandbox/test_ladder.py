"""The best sandbox that holds what was asked for, by measurement; and none rather than a weaker one."""

from __future__ import annotations

import asyncio
import json

import pytest
from msgspec.structs import replace

from holdfast.errors import SettingsError
from holdfast.sandbox import probe
from holdfast.sandbox.ladder import REQUIRED, choose, falls_short
from holdfast.sandbox.port import FIELDS, Capabilities

WHOLE = Capabilities("whole", "1", "kernel", available=True, **dict.fromkeys(FIELDS, "held"))


class Backend:
    """A backend that measures what it is told to."""

    def __init__(self, found):
        self.name = found.backend
        self.found = found

    async def probe(self):
        return self.found

    async def run(self, spec, blobs):
        raise AssertionError("nothing is run to choose")


def chosen(floor, *found):
    return asyncio.run(choose(floor, backends=[Backend(one) for one in found])).capabilities


def test_the_first_that_holds_is_taken():
    missing = replace(WHOLE, backend="missing", available=False, why_not="there is no such program: install it")
    second = replace(WHOLE, backend="second", names="open", memory_total="open", disk="watched")
    assert chosen("kernel", missing, second, WHOLE) == second
    assert chosen("language", WHOLE) == WHOLE


@pytest.mark.parametrize("name", REQUIRED)
def test_one_hole_is_enough_to_refuse_and_it_is_named(name):
    with pytest.raises(SettingsError) as caught:
        chosen("kernel", replace(WHOLE, **{name: "open"}))
    assert name in caught.value.hint


def test_nothing_weaker_is_taken_in_place_of_what_was_asked_for():
    with pytest.raises(SettingsError, match="reaches the isolation `strong`") as caught:
        chosen("strong", WHOLE)
    assert "virtual machine" in caught.value.hint
    missing = replace(WHOLE, available=False, why_not="there is no bubblewrap: install it: apt-get install bubblewrap")
    with pytest.raises(SettingsError) as caught:
        chosen("kernel", missing)
    assert "apt-get install bubblewrap" in caught.value.hint


def test_what_is_here_reaches_the_kernel_floor_by_measurement(sandbox, capabilities):
    assert falls_short(capabilities, "kernel") == ""
    assert capabilities.backend == sandbox.name
    assert all(words.endswith((".", "fails.")) for words in capabilities.not_covered)
    assert (capabilities.names == "open") == any("exists" in words for words in capabilities.not_covered)
    if sandbox.name == "bubblewrap":
        assert capabilities.gaps == ()
        assert capabilities.disk == "held"


def test_a_measurement_is_remembered_until_something_changes(sandbox, capabilities, measured, monkeypatch, tmp_path):
    async def never(*_):
        raise AssertionError("attacked again")

    monkeypatch.setattr(probe, "attacked", never)
    assert asyncio.run(sandbox.probe()) == capabilities
    (kept,) = [path for path in measured.iterdir() if sandbox.name in path.name]
    said = kept.read_text()
    for spoiled in (json.dumps({**json.loads(said), "key": "of another boot"}), "no json", ""):
        kept.write_text(spoiled)
        with pytest.raises(AssertionError, match="attacked again"):
            asyncio.run(sandbox.probe())
    kept.write_text(said)


def test_a_backend_that_cannot_be_set_up_is_not_available_and_says_how_it_could_be(sandbox, monkeypatch):
    async def refused(*_):
        raise SettingsError("bwrap: setting up uid map: Permission denied")

    monkeypatch.setattr(probe, "attacked", refused)
    found = asyncio.run(probe.measured(sandbox, None))
    assert not found.available
    assert "seccomp=unconfined" in found.why_not


def test_without_its_program_it_says_how_to_get_it(scratch, monkeypatch):
    from holdfast.sandbox.bubblewrap import Bubblewrap
    from holdfast.sandbox.port import Spec

    monkeypatch.setenv("PATH", str(scratch))
    sandbox = Bubblewrap(None, scratch)
    assert "apt-get install bubblewrap" in asyncio.run(sandbox.probe()).why_not
    with pytest.raises(SettingsError, match="apt-get install bubblewrap"):
        asyncio.run(sandbox.run(Spec(("true",)), None))


def test_an_attack_that_gets_through_is_found(scratch, measured, monkeypatch):
    """A sandbox without its filter of system calls is no sandbox: the probe has to notice."""
    from tests.sandbox.backends import backend

    sandbox = backend("bubblewrap", scratch)
    boot = "from holdfast.sandbox import seccomp as s, kernel as k; s.program = lambda *a, **m: bytes.fromhex('0600000000 00ff7f'.replace(' ', ''))"
    monkeypatch.setattr(
        "holdfast.sandbox.started._BOOT",
        f"import sys; sys.path.insert(0, sys.argv[1]); {boot}; from holdfast.sandbox.launch.main import main; main()",
    )
    found = asyncio.run(probe.measured(sandbox, None))
    assert found.available, found.why_not
    assert found.calls == found.sockets == "open"
    assert "calls" in falls_short(found, "kernel")
