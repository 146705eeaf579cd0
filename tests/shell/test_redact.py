"""Redaction: a registered secret never reaches the journal, in whatever form and wherever it stands."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.codec import KINDS, encode
from holdfast.errors import SettingsError
from holdfast.events import CallReturned, Entry, Fired, Inline, ModelAnswered, Said, Wanted
from holdfast.shell.redact import Redactor
from tests.core import strategies

SECRET = 'pä"ss/w\\ör d+7'
MARK = "[redacted:bank]"


@pytest.fixture
def redactor():
    return Redactor({"bank": SECRET})


@pytest.mark.parametrize(
    "form",
    [
        SECRET, quote(SECRET, safe=""), base64.b64encode(SECRET.encode()).decode(), base64.b64encode(SECRET.encode()).decode().rstrip("="),
        json.dumps(SECRET)[1:-1], json.dumps(SECRET, ensure_ascii=False)[1:-1],
    ],
)  # fmt: skip
def test_every_form_of_a_secret_is_removed_and_counted(redactor, form):
    text, count = redactor.text(f"a {form} b {form}")
    assert count == 2
    assert text.replace("=", "") == f"a {MARK} b {MARK}"


def test_a_secret_is_removed_at_any_depth_and_in_keys(redactor):
    value, count = redactor.value({"a": [f"x{SECRET}", {SECRET: 1}], "n": 7, "none": None})
    assert value == {"a": [f"x{MARK}", {MARK: 1}], "n": 7, "none": None}
    assert count == 2


def test_the_longer_of_two_secrets_is_taken_whole():
    assert (
        Redactor({"short": "abcdef", "long": "abcdefghi"}).text("abcdefghi abcdef")[0]
        == "[redacted:long] [redacted:short]"
    )


def test_a_secret_that_stands_in_innocent_texts_is_refused():
    with pytest.raises(SettingsError, match="pin is shorter") as caught:
        Redactor({"pin": "12345"})
    assert caught.value.hint
    assert Redactor({"pin": "123456"}).text("123456")[1] == 1


def test_a_result_says_how_much_was_removed_from_it(redactor):
    made = redactor.event(CallReturned(7, 1, Inline({"a": SECRET, "b": [SECRET]})))
    assert made.redacted == 2
    assert made.result == Inline({"a": MARK, "b": [MARK]})


def test_what_the_model_wrote_is_redacted_in_its_raw_form_too(redactor):
    args = json.dumps({"password": SECRET})
    made = redactor.event(ModelAnswered(7, Inline(f"use {SECRET}"), (Wanted("c", "login", args),)))
    assert json.loads(made.calls[0].args) == {"password": MARK}
    assert made.text == Inline(f"use {MARK}")


def stuffed(value):
    """The same event with the secret in every text that is free to hold one."""
    if isinstance(value, msgspec.Struct):
        free = {
            field.name: stuffed(getattr(value, field.name)) for field in msgspec.structs.fields(value)
            if field.type is str or not isinstance(getattr(value, field.name), str)
        }  # fmt: skip
        if "verdict" in free and isinstance(value, Fired):
            free.pop("verdict")
        return msgspec.structs.replace(value, **free)
    if isinstance(value, str):
        return f"a{SECRET}b"
    if isinstance(value, dict):
        return {stuffed(key): stuffed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(stuffed(item) for item in value)
    return value


@pytest.mark.parametrize("name", sorted(KINDS))
def test_wherever_a_secret_stands_in_an_event_it_is_not_written(redactor, name):
    @settings(deadline=None, max_examples=15)
    @given(strategies.BY_KIND[name])
    def check(event):
        made = redactor.event(stuffed(event))
        data = encode(Entry("r", 1, 0, 0, "a", made)).decode()
        for form in (SECRET, json.dumps(SECRET)[1:-1], json.dumps(SECRET, ensure_ascii=False)[1:-1]):
            assert form not in data
        assert redactor.event(made) == made

    check()


@settings(deadline=None)
@given(strategies.events)
def test_an_event_without_a_secret_is_left_as_it_is(event):
    assert Redactor({"bank": "not to be found anywhere"}).event(event) is event
    assert Redactor().event(event) is event


@settings(deadline=None)
@given(st.text(max_size=20), st.text(max_size=20))
def test_a_text_keeps_everything_but_the_secret(before, after):
    text, count = Redactor({"bank": "s3cr3t-value"}).text(f"{before}s3cr3t-value{after}")
    assert (text, count) == (f"{before}{MARK}{after}", 1)


def test_without_secrets_nothing_is_looked_at():
    said = Said(Inline("hello"), "ann")
    assert Redactor().event(said) is said
    assert Redactor().value({"a": 1}) == ({"a": 1}, 0)
    assert Redactor().text("a") == ("a", 0)
