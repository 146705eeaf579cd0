"""Settings: what is there is read strictly, and what is not there costs nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from holdfast.errors import SettingsError
from holdfast.shell.settings import load, parse


def test_there_are_none_where_there_is_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("HOLDFAST_SETTINGS", "HOLDFAST_ENV"):
        monkeypatch.delenv(name, raising=False)
    assert load() is None
    (tmp_path / "holdfast.toml").write_text("")
    assert load().sees([]) is None
    monkeypatch.setenv("HOLDFAST_SETTINGS", "elsewhere.toml")
    with pytest.raises(SettingsError, match="there are no settings at elsewhere"):
        load()
    monkeypatch.delenv("HOLDFAST_SETTINGS")
    monkeypatch.setenv("HOLDFAST_ENV", "prod")
    with pytest.raises(SettingsError, match="no environment prod"):
        load()


def test_an_environment_overrides_part_by_part():
    text = "[people]\na = ['x']\n[roles.x]\nsees = ['c']\n[access]\nlog = false\n[env.prod.access]\nlog = true\n"
    assert not parse(text).access.log
    found = parse(text, environment="prod")
    assert found.access.log
    assert found.roles_of("a") == ("x",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("env = 3", "env is no table"),
        ("[env.prod.acess]\nlog = true", "env.prod.acess is no setting"),
        ("[env.prod.people]\na = ['x']", "env.prod.people.a has the role x"),
        ("[people]\na = 'x'", "people.a:"),
        ("[roles.x]\nsees = 'all'", "roles.x.sees:"),
        ("[access]\nlog = 1", "access.log:"),
        ("nothing", "is no TOML"),
    ],
)
def test_what_is_wrong_is_named(text, said):
    with pytest.raises(SettingsError, match=said) as caught:
        parse(text, "desk.toml")
    assert "desk.toml" in caught.value.what


def test_the_library_and_the_parser_of_the_command_line_do_without():
    code = "import holdfast, sys, holdfast.cli.app as app; app.app(); print('tomllib' in sys.modules, 'holdfast.shell.settings' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["False", "False"]
