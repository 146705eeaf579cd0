"""Opening a provider: names, keys, packages, event loops, and what is not imported."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from holdfast.errors import SettingsError
from holdfast.models import open_model
from holdfast.models.provider import provider

NAME = "anthropic:claude-haiku-4-5-20251001"
HEAVY = ("pydantic_ai", "httpx", "httpx2", "anthropic", "openai", "genai_prices")


def in_a_fresh_python(code: str) -> str:
    check = f"import sys\n{code}\nprint(sorted(set({HEAVY!r}) & set(sys.modules)))"
    return subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout.strip()


def test_nothing_heavy_is_imported_before_the_first_answer():
    stand_ins = "import holdfast.models.scripted, holdfast.models.recorded"
    opened = "import holdfast.models as m; m.open_model('anthropic:x'); m.open_model('openai:y')"
    assert in_a_fresh_python(f"{stand_ins}\n{opened}") == "[]"


def test_a_price_loads_the_price_list_and_no_sdk():
    code = f"import holdfast.models as m; assert m.open_model({NAME!r}).price().input == 1_000_000"
    assert in_a_fresh_python(code) == "['genai_prices', 'httpx2']"


@pytest.mark.parametrize("name", ["", "gpt-5.1", ":x", "openai:", "script:a", "recorded:b"])
def test_a_name_that_cannot_be_opened_is_refused_at_once(name):
    with pytest.raises(SettingsError):
        open_model(name)


@pytest.mark.parametrize(
    ("name", "variable"),
    [(NAME, "ANTHROPIC_API_KEY"), ("openai:x", "OPENAI_API_KEY"), ("openai-chat:x", "OPENAI_API_KEY")],
)
def test_a_missing_key_is_named(name, variable, monkeypatch, prompt):
    monkeypatch.delenv(variable)
    made = provider(name)
    with pytest.raises(SettingsError, match=f"{variable} is not set") as caught:
        made.check()
    assert caught.value.hint == f"export {variable}=…"
    with pytest.raises(SettingsError, match=variable):
        asyncio.run(made.answer(prompt()))


def test_a_key_may_come_from_another_variable(asking, loopback, wire, prompt, monkeypatch):
    monkeypatch.setenv("DESK_KEY", "sk-desk")
    monkeypatch.delenv("OPENAI_API_KEY")
    loopback.replies(wire.chat(content="x"))
    asking("openai-chat:gpt-5.1", key_from="DESK_KEY")(prompt())
    assert loopback.seen[0].headers["authorization"] == "Bearer sk-desk"
    monkeypatch.delenv("DESK_KEY")
    with pytest.raises(SettingsError, match="DESK_KEY"):
        provider("openai-chat:gpt-5.1", base_url="http://127.0.0.1:1", key_from="DESK_KEY").check()


def test_a_server_of_ones_own_needs_no_key(asking, loopback, wire, prompt, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    loopback.replies(wire.chat(content="x"))
    assert asking("openai-chat:llama")(prompt())[0].text == "x"


def test_the_variable_of_the_sdk_names_another_server_too(loopback, wire, prompt, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", loopback.url)
    loopback.replies(wire.anthropic({"type": "text", "text": "x"}))
    made = provider(NAME)

    async def ask():
        try:
            return await made.answer(prompt())
        finally:
            await made.close()

    assert asyncio.run(ask()).text == "x"


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setattr("holdfast.models.provider.find_spec", lambda _: None)
    with pytest.raises(SettingsError, match="package openai") as caught:
        provider("openai:gpt-5.1").check()
    assert caught.value.hint == 'pip install "holdfast[openai]"'


def test_other_providers_are_opened_as_pydantic_ai_does(prompt, monkeypatch):
    monkeypatch.delenv("DEEPSEEK_API_KEY", raising=False)
    with pytest.raises(SettingsError, match="DEEPSEEK_API_KEY"):
        asyncio.run(provider("deepseek:deepseek-chat").answer(prompt()))
    with pytest.raises(SettingsError, match="Unknown model"):
        asyncio.run(provider("nobody:nothing").answer(prompt()))
    with pytest.raises(SettingsError, match="mistral"):
        asyncio.run(provider("mistral:mistral-large").answer(prompt()))
    with pytest.raises(SettingsError, match="no other server"):
        provider("deepseek:deepseek-chat", base_url="http://127.0.0.1:1").check()


def test_a_provider_opened_by_pydantic_ai_is_asked_once_too(asking_of, loopback, wire, prompt, monkeypatch):
    monkeypatch.setenv("OLLAMA_BASE_URL", f"{loopback.url}/v1")
    made = asking_of(provider("ollama:llama"))
    loopback.replies(wire.chat(content="x"))
    assert made(prompt())[0].text == "x"
    loopback.replies({"error": {"message": "broken"}}, 500)
    assert made.fails(prompt(run="r_2")).error == "server"
    assert len(loopback.seen) == 2


def test_closing_what_was_never_opened_is_nothing():
    asyncio.run(provider(NAME).close())


def test_one_object_serves_several_event_loops(asking, loopback, wire, prompt):
    made = asking("openai-chat:gpt-5.1")
    for _ in range(3):
        loopback.replies(wire.chat(content="x"))
        assert made(prompt())[0].text == "x"
    assert made.made._open == {}
    assert repr(made.made) == "<Provider openai-chat:gpt-5.1>"


def test_one_object_serves_many_runs_at_once(asking, loopback, wire, prompt):
    made = asking("openai-chat:gpt-5.1").made
    for _ in range(20):
        loopback.replies(wire.chat(content="x"))

    async def ask():
        try:
            return await asyncio.gather(*(made.answer(prompt(run=f"r_{number}")) for number in range(20)))
        finally:
            await made.close()

    assert {answer.text for answer in asyncio.run(ask())} == {"x"}
    assert len(loopback.seen) == 20


def test_prices():
    assert open_model("openai:no-such-model").price() is None
    assert open_model("nobody:nothing").price() is None
    haiku = open_model(NAME)
    assert (haiku.price().input, haiku.price().output, haiku.price().cached) == (1_000_000, 5_000_000, 100_000)
    assert haiku.quote("r_1", 1) is None
    # Beyond the model's window no prompt can go, so that tier is no price.
    assert open_model("anthropic:claude-sonnet-4-5").price().input == 3_000_000
