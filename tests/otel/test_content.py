"""What leaves the journal: nothing that was said unless it is asked for, and some things never."""

from __future__ import annotations

import json
import re

import msgspec
import pytest

from holdfast.events import (
    CallAsked,
    CallFailed,
    CallJudged,
    CallReturned,
    CallStarted,
    CancelAsked,
    Erased,
    Fired,
    Inline,
    Label,
    Loaded,
    ModelAsked,
    Parent,
    PersonAnswered,
    PersonAsked,
    QuestionWithdrawn,
    Said,
)
from holdfast.otel.mapping import spans
from tests.otel.told import ANSWERED, ASKED, DONE, OPENED, RETURNED, STORY, run

replace = msgspec.structs.replace

EVENTFUL = (
    *STORY[:4],
    CallJudged(4, "review", (Fired("tools.pay.review[0]", "review", "PLANTED-because"),)),
    PersonAsked("review", "PLANTED-question", 4),
    PersonAnswered(6, "approve", "kim", "PLANTED-yes"),
    QuestionWithdrawn(6, "decided"),
    CallStarted(4, 1, "w_1", 0),
    CallFailed(4, 1, "not_done", "not_done", "PLANTED-error"),
    CallStarted(4, 2, "w_1", 0),
    replace(RETURNED, attempt=2),
    Said(Inline("PLANTED-said"), "ana"),
    ModelAsked(2, 1, "anthropic:claude-x", "w_1", 0, base=2, add=((3, 0), (12, 0), (13, 0))),
    replace(ANSWERED, ask=14, text=Inline("PLANTED-more"), calls=()),
    CancelAsked("ana", "PLANTED-cancel"),
    DONE,
)

PLANTED = (
    "instructions", "input", "text", "args", "result", "reason", "output", "because", "question", "yes", "error", "said", "more", "cancel",
)  # fmt: skip


def told(entries, *, content=True):
    return msgspec.json.encode(spans(entries, content=content)).decode()


def test_nothing_that_was_said_is_told_by_itself():
    assert "PLANTED" not in told(run(*EVENTFUL), content=False)


@pytest.mark.parametrize("word", PLANTED)
def test_all_of_it_is_told_where_it_was_asked_for(word):
    assert f"PLANTED-{word}" in told(run(*EVENTFUL))


def test_messages_have_the_form_of_the_conventions():
    found = {span.over: span.attributes for span in spans(run(*EVENTFUL), content=True) if span.name == "chat claude-x"}
    assert json.loads(found[3]["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "PLANTED-input"}]}
    ]
    assert json.loads(found[3]["gen_ai.output.messages"]) == [{
        "role": "assistant", "finish_reason": "tool_call", "parts": [
            {"type": "text", "content": "PLANTED-text"},
            {"type": "tool_call", "id": "call_1", "name": "pay", "arguments": '{"to": "PLANTED-args"}'},
        ],
    }]  # fmt: skip
    roles = [(one["role"], one["parts"][0]["type"]) for one in json.loads(found[15]["gen_ai.input.messages"])]
    assert roles == [("assistant", "text"), ("tool", "tool_call_response"), ("user", "text")]


def withheld(entries):
    return {span.attributes.get("holdfast.withheld") for span in spans(entries, content=True)}


@pytest.mark.parametrize(
    "about", [{"on_behalf_of": "c:551"}, {"parent": Parent("r_0", 4), "tree": "r_0"}, {"undoes": "r_0"}]
)
def test_a_run_about_somebody_says_nothing_whatever_was_asked_for(about):
    entries = run(replace(OPENED, **about), *EVENTFUL[1:])
    assert "PLANTED" not in told(entries)
    assert "personal" in withheld(entries)


def test_from_the_first_data_class_on_nothing_is_told():
    classed = replace(RETURNED, label=Label(classes=("contact",)))
    entries = run(
        *STORY[:6], classed, Said(Inline("LATER"), "ana"), replace(DONE, output=Inline("LATER"), reason="LATER")
    )
    text = told(entries)
    assert "PLANTED-input" in text
    assert "PLANTED-args" in text
    assert "PLANTED-result" not in text
    assert "LATER" not in text


def test_what_a_secret_was_taken_out_of_is_not_told():
    marked = CallReturned(4, 1, Inline({"iban": "[redacted:bank]", "name": "PLANTED-near"}), redacted=1)
    text = told(run(*STORY[:6], marked, DONE))
    assert "PLANTED-near" not in text
    assert "[redacted" not in text
    elsewhere = run(*STORY[:6], RETURNED, replace(DONE, reason="PLANTED-near [redacted:bank]"))
    assert "PLANTED-near" not in told(elsewhere)
    assert "redacted" in withheld(elsewhere)


def test_a_secret_reason_is_not_told():
    rules = (
        Fired("tools.pay.must[0]", "refuse", "PLANTED-plain"),
        Fired("tools.pay.must[1]", "refuse", "PLANTED-secret", secret=True),
    )
    ask = ModelAsked(2, 1, "anthropic:claude-x", "w_1", 0, base=2, add=((3, 0), (5, 0)))
    text = told(run(*STORY[:4], CallJudged(4, "refuse", rules), ask, replace(ANSWERED, ask=6, calls=()), DONE))
    assert "PLANTED-plain" in text
    assert "PLANTED-secret" not in text


def test_what_is_gone_is_said_to_be_gone():
    gone = replace(RETURNED, result=Erased("b1", 9))
    entries = run(*STORY[:6], RETURNED, DONE)
    entries[6] = replace(entries[6], event=gone)
    assert "erased" in withheld(entries)


def test_words_set_aside_are_not_told():
    entries = run(*EVENTFUL)
    entries[-1] = replace(entries[-1], aside="b2")
    assert "PLANTED-reason" not in told(entries)


def test_a_body_kept_beside_the_chain_is_told_like_one_within():
    entries = run(*STORY, DONE)
    entries[6] = replace(entries[6], event=replace(RETURNED, result=Loaded("b1", 9, {"id": "PLANTED-loaded"})))
    assert "PLANTED-loaded" in told(entries)


def test_by_default_only_names_numbers_and_marks_are_told(lives):
    """No value of any attribute, of any life, is longer than a name: words of people and models do not fit in unnoticed."""
    name = re.compile(r"[\w.:/()\[\]* -]{1,80}")
    for entries in lives.values():
        for span in spans(entries):
            for key, value in span.attributes.items():
                if key == "gen_ai.agent.description":
                    continue  # the contract's own task
                for text in value if isinstance(value, tuple) else (value,):
                    assert not isinstance(text, str) or name.fullmatch(text), (key, text)


def test_no_call_of_the_story_is_missing():
    assert isinstance(STORY[3], CallAsked)
    assert isinstance(ASKED, ModelAsked)
