"""What `holdfast` exports is what it says, and importing it costs next to nothing."""

from __future__ import annotations

import subprocess
import sys
import types

import holdfast


def test_every_public_name_is_there_and_none_else():
    assert sorted(holdfast._HOMES) == holdfast.__all__ == sorted(set(holdfast.__all__))
    for name in holdfast.__all__:
        assert getattr(holdfast, name) is not None
    assert isinstance(holdfast.tool, types.ModuleType)


def test_importing_it_loads_nothing_heavy_and_touches_neither_disk_nor_network():
    heavy = ("pydantic", "asyncio", "sqlite3", "pydantic_ai", "httpx", "typer", "rich", "cel", "ssl")
    code = f"import sys, holdfast; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_using_it_loads_no_provider_until_one_is_asked():
    code = (
        "import sys; from holdfast import Agent, Runner, run_sync, tool, script\n"
        "print([n for n in ('pydantic_ai', 'httpx', 'anthropic', 'openai', 'typer', 'rich', 'cel') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
