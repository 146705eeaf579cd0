"""Files on the wire: what each provider is sent of them, beside words and beside results."""

from __future__ import annotations

import base64
import json

import pytest
from pydantic_ai.messages import BinaryContent

from holdfast.dialogue import Answered, Attached, Result, Told
from holdfast.events import Wanted
from holdfast.models import messages
from tests.models.test_provider_prompts import ANTHROPIC, CHAT, RESPONSES, plain
from tests.papers import PNG, pdf


def b64(data):
    return base64.b64encode(data).decode()


PICTURE = Attached("photo.png", "image/png", b64(PNG))
BILL = Attached("bill.pdf", "application/pdf", b64(pdf("Pay 17")), words="Pay 17", pages=1)
ROWS = Attached("rows.csv", "text/csv", b64(b"a;b\n1;2\n"))
LOCKED = Attached(
    "x.pdf",
    "application/pdf",
    b64(b"%PDF-x"),
    note="its text was not read: it is encrypted and takes a password",
    closed=True,
)
LONG = Attached(
    "long.pdf",
    "application/pdf",
    b64(pdf("x")),
    words="word " * 9_000,
    pages=300,
    shown="word word\n[characters 0 to 9 of 45000]",
)
WORDS = {
    "rows.csv": "File rows.csv (text/csv):\n\na;b\n1;2\n",
    "x.pdf": "File x.pdf (application/pdf) cannot be shown to you: its text was not read: it is encrypted and takes a password",
    "long.pdf": "File long.pdf (application/pdf):\n\nword word\n[characters 0 to 9 of 45000]",
}

ASKED = (Told((1, 0), "input", "Look."), Answered((3, 0), "", (Wanted("t1", "fetch", "{}"),), "m"))


def beside_result(*files):
    return (*ASKED, Result((6, 0), "t1", "fetch", '{"file":"d1"}', attached=files))


def sent(asking, loopback, wire, prompt, name, *segments):
    loopback.replies(plain(wire, name))
    asking(name)(prompt(*segments))
    return loopback.seen[-1].body


def test_anthropic_is_sent_pictures_and_pdfs_in_a_message(asking, loopback, wire, prompt):
    body = sent(
        asking, loopback, wire, prompt, ANTHROPIC, Told((1, 0), "input", "Look.", (PICTURE, BILL, ROWS, LOCKED, LONG))
    )
    (message,) = body["messages"]
    text, named, picture, bill_named, bill, *told = message["content"]
    assert text == {"type": "text", "text": "Look."}
    assert named["text"] == "File photo.png (image/png):"
    assert (picture["type"], picture["source"]["media_type"], picture["source"]["data"]) == (
        "image",
        "image/png",
        PICTURE.data,
    )
    assert bill_named["text"] == "File bill.pdf (application/pdf):"
    assert (bill["type"], bill["source"]["media_type"], bill["source"]["data"]) == (
        "document",
        "application/pdf",
        BILL.data,
    )
    assert [one["text"] for one in told] == list(WORDS.values())


def test_anthropic_is_sent_pictures_and_pdfs_in_a_result(asking, loopback, wire, prompt):
    body = sent(asking, loopback, wire, prompt, ANTHROPIC, *beside_result(PICTURE, BILL, ROWS))
    (result,) = body["messages"][2]["content"]
    assert (result["type"], result["tool_use_id"], result["is_error"]) == ("tool_result", "t1", False)
    text, picture, bill = result["content"]
    assert text["text"].startswith('{"file":"d1"}\n\nFile photo.png (image/png):')
    assert WORDS["rows.csv"] in text["text"]
    assert (picture["type"], picture["source"]["data"]) == ("image", PICTURE.data)
    assert (bill["type"], bill["source"]["data"]) == ("document", BILL.data)


def test_responses_are_sent_pictures_and_pdfs_in_a_message_and_in_a_result(asking, loopback, wire, prompt):
    body = sent(asking, loopback, wire, prompt, RESPONSES, Told((1, 0), "input", "Look.", (PICTURE, BILL, LONG)))
    parts = body["input"][0]["content"]
    assert [part["type"] for part in parts] == [
        "input_text",
        "input_text",
        "input_image",
        "input_text",
        "input_file",
        "input_text",
    ]
    assert parts[2]["image_url"] == f"data:image/png;base64,{PICTURE.data}"
    assert parts[4]["file_data"] == f"data:application/pdf;base64,{BILL.data}"
    assert parts[5]["text"] == WORDS["long.pdf"]
    body = sent(asking, loopback, wire, prompt, RESPONSES, *beside_result(PICTURE, BILL))
    output = next(item for item in body["input"] if item.get("type") == "function_call_output")["output"]
    assert [part["type"] for part in output] == ["input_text", "input_image", "input_file"]
    assert output[1]["image_url"].endswith(PICTURE.data)
    assert output[2]["file_data"].endswith(BILL.data)


def test_chat_completions_are_sent_files_of_a_result_right_behind_it(asking, loopback, wire, prompt):
    body = sent(asking, loopback, wire, prompt, CHAT, *beside_result(PICTURE, BILL, ROWS))
    result, beside = body["messages"][-2:]
    assert (result["role"], result["tool_call_id"]) == ("tool", "t1")
    assert result["content"].startswith('{"file":"d1"}\n\nFile photo.png (image/png):')
    assert WORDS["rows.csv"] in result["content"]
    assert beside["role"] == "user"
    assert beside["content"][0]["text"] == "What came with the result of fetch: photo.png, bill.pdf"
    whole = json.dumps(beside["content"])
    assert f"data:image/png;base64,{PICTURE.data}" in whole
    assert f"data:application/pdf;base64,{BILL.data}" in whole


@pytest.mark.parametrize("name", [ANTHROPIC, CHAT, RESPONSES])
def test_a_result_beside_texts_only_is_one_text(name, asking, loopback, wire, prompt):
    body = json.dumps(sent(asking, loopback, wire, prompt, name, *beside_result(ROWS, LOCKED)))
    assert "base64" not in body
    assert json.dumps('{"file":"d1"}\n\n' + WORDS["rows.csv"] + "\n\n" + WORDS["x.pdf"])[1:-1] in body


@pytest.mark.parametrize(
    ("provider", "takes"),
    [("groq", {PICTURE.name}), ("google", {PICTURE.name, BILL.name}), ("cohere", set()), ("huggingface", set())],
)
def test_who_takes_no_files_of_a_kind_gets_their_text_or_is_told(provider, takes, prompt):
    (message,) = messages.Conversation(provider).messages(prompt(Told((1, 0), "input", "", (PICTURE, BILL))))
    content = message.parts[0].content
    assert {part.identifier for part in content if isinstance(part, BinaryContent)} == takes
    if PICTURE.name not in takes:
        assert (
            content[0] == "File photo.png (image/png) cannot be shown to you: this model is sent no files of this kind"
        )
    if BILL.name not in takes:
        assert content[-1] == "File bill.pdf (application/pdf):\n\nPay 17"


def test_what_is_odd_about_a_file_is_told_with_it(prompt):
    odd = Attached(
        "bill.pdf", "image/png", PICTURE.data, note="its name says application/pdf, and its bytes are image/png"
    )
    (message,) = messages.Conversation("anthropic").messages(prompt(Told((1, 0), "input", "", (odd,))))
    assert (
        message.parts[0].content[0]
        == "File bill.pdf (image/png): its name says application/pdf, and its bytes are image/png"
    )


def test_a_pdf_that_was_not_read_here_is_sent_to_who_reads_it(prompt):
    unread = Attached("bill.pdf", "application/pdf", BILL.data, note="its text was not read: a package is missing")
    (message,) = messages.Conversation("anthropic").messages(prompt(Told((1, 0), "input", "", (unread,))))
    assert isinstance(message.parts[0].content[1], BinaryContent)
    (message,) = messages.Conversation("cohere").messages(prompt(Told((1, 0), "input", "", (unread,))))
    assert message.parts[0].content == [
        "File bill.pdf (application/pdf) cannot be shown to you: its text was not read: a package is missing"
    ]
