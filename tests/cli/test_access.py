"""Nothing that a viewer may not see stands in what any face prints; that they looked is recorded, or they are shown nothing."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from holdfast.codec import canonical
from tests.cli.aside import alone, say
from tests.cli.cards import CANARY, KINDS, write_cards
from tests.otel.far_side import FarSide, attributes

SETTINGS = """\
[people]
ben = ["desk"]
fay = ["finance"]
una = ["all"]

[roles.desk]
sees = ["plain"]

[roles.finance]
sees = ["contact", "unlabelled"]

[roles.all]
"""
LOG = "\n[access]\nlog = true\n"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder with a journal in which a hidden value stands wherever an agent, a tool or a person can put one; and its runs."""
    folder, runs = tmp_path_factory.mktemp("cards"), {}
    agent = write_cards(folder)
    with pytest.MonkeyPatch.context() as there:
        alone(there, folder)
        for kind in KINDS:
            found = say("run", agent, json.dumps({"kind": kind}), "--key", kind, "--by", "ana", "--json")
            runs[kind] = found.json["run"]
        whole = runs["whole"]
        say("review", "amend", runs["amended"], "--as", "bo", "--set", "cents=4000")
        say("review", "approve", whole, "--as", "di", "--role", "boss", "--text", f"yes, {CANARY} is hers")
        for kind in ("whole", "amended"):
            assert say("resume", runs[kind], "--json").json["outcome"] == "done"
        corrected = ("--correct", f"sentence=call {CANARY}")
        assert say("note", whole, "bad", f"it told {CANARY}", *corrected, "--as", "eva").code == 0
        for kind in ("asks", "ended"):
            say("cancel", runs[kind], "--because", f"{CANARY} is no number")
        assert say("resume", runs["ended"], "--json").json["outcome"] == "cancelled"
    return folder, runs


@pytest.fixture
def cards(written, place):
    """The runs of such a journal, in a folder of one's own with settings."""
    folder, runs = written
    shutil.copytree(folder, place, dirs_exist_ok=True)
    (place / "holdfast.toml").write_text(SETTINGS)
    return runs


def faces(runs, *, acting=True):
    """Every verb that prints what runs hold, as a command line; acting: those too that do something."""
    for run in runs.values():
        for face in (
            ("show", run), ("show", run, "--full"), ("show", run, "--json"), ("show", run, "--html", "-"),
            ("why", run), ("why", run, "--full"), ("why", run, "--json"), ("note", run), ("note", run, "--json"), ("cost", run),
            ("cost", run, "--json"),
        ):  # fmt: skip
            yield face
    for kind in ("waits", "asks", "doubt"):
        yield "review", "show", runs[kind]
        yield "review", "show", runs[kind], "--json"
    for kind in ("whole", "declined", "ended", "refused", "breaks"):
        yield "show", runs[kind], "--follow"
        yield "show", runs[kind], "--follow", "--json"
    for face in (
        ("show",), ("show", "--json"), ("show", "--text", CANARY), ("show", "--text", CANARY, "--json"), ("show", "--text", "number"),
        ("show", "--text", "number", "--json"), ("show", "--text", "reached"), ("review",), ("review", "list"),
        ("review", "--json"), ("failures",), ("failures", "--json"), ("failures", "--blame"), ("failures", "--blame", "--json"),
        ("cost",), ("cost", "--json"), ("verify",), ("verify", "--decisions"), ("verify", "--decisions", "--json"),
        ("diff", "cards", "stricter", "--backtest"), ("diff", "cards", "stricter", "--backtest", "--json"),
        ("access",), ("access", "--json"), ("export", "--to", "export.jsonl"), ("export", "--to", "export.parquet", "--parquet"),
    ):  # fmt: skip
        yield face
    if not acting:
        return
    yield "undo", runs["whole"]
    yield "undo", runs["whole"], "--json"
    yield "say", runs["waits"], "hello", "--json"
    yield "stop", runs["waits"], "--json"
    yield "resume", runs["waits"]
    yield "resume", runs["waits"], "--json"
    yield "run", "cards", '{"kind": "whole"}', "--key", "whole", "--by", "ana"
    yield "run", "cards", '{"kind": "declined"}', "--key", "declined", "--by", "ana", "--json"
    yield "run", "cards", "--batch", "lines.jsonl", "--by", "ana"
    yield "run", "cards", "--batch", "lines.jsonl", "--by", "ana", "--json"
    yield "fork", runs["whole"], "--at", "8"
    yield "fork", runs["whole"], "--at", "8", "--json"
    yield "cancel", runs["doubt"], "--json"


def stricter(place):
    """The same agent, which would have refused what was allowed."""
    folder = write_cards(place, "stricter")
    text = (folder / "contract.yaml").read_text().replace("name: stricter", "name: cards").replace("90000", "100")
    (folder / "contract.yaml").write_text(text)


def lines(place):
    made = [{"input": {"kind": kind}, "key": kind, "by": "ana"} for kind in KINDS]
    (place / "lines.jsonl").write_text("\n".join(json.dumps(line) for line in made))


def test_no_face_shows_what_its_viewer_does_not_see(holdfast, cards, place, monkeypatch):
    """As a person whose role sees nothing but what is plain; and as nobody in particular, who sees no more."""
    stricter(place)
    lines(place)
    shown = 0
    for name in ("ben", ""):
        monkeypatch.setenv("HOLDFAST_AS", name)
        for face in faces(cards, acting=name == ""):
            asked_for = CANARY in face
            found = holdfast(*face)
            said = found.out + found.err
            assert CANARY not in said.replace(f"'{CANARY}'", "") if asked_for else CANARY not in said, (name, face)
            assert found.code in (0, 1, 2, 3), (face, said)
            assert "Traceback" not in said
            shown += "⟨contact" in said
    assert shown > 40, "references stand where values stood"
    files = [path for path in place.rglob("*") if path.is_file() and path.suffix in (".jsonl", ".html", ".parquet")]
    assert not [path for path in files if CANARY.encode() in path.read_bytes()]


def test_each_of_these_faces_shows_it_to_who_sees_all(holdfast, cards, place, monkeypatch):
    """Otherwise the test above would say nothing."""
    stricter(place)
    monkeypatch.setenv("HOLDFAST_AS", "una")
    whole = cards["whole"]
    for face in (
        ("show", whole), ("show", whole, "--html", "-"), ("show", whole, "--follow"), ("why", whole), ("show", "--text", "number"),
        ("review",), ("review", "show", cards["waits"]), ("note", whole), ("undo", whole), ("show", "--json"), ("failures", "--json"),
        ("resume", cards["waits"]), ("run", "cards", '{"kind": "whole"}', "--key", "whole", "--by", "ana"), ("show", cards["breaks"]),
        ("fork", whole, "--at", "8"),
    ):  # fmt: skip
        found = holdfast(*face)
        assert CANARY in found.out, (face, found)
    assert holdfast("export", "--to", "export.jsonl").code == 0
    assert holdfast("prove", whole, "--out", "proof.jsonl").code != 3


def test_who_sees_the_class_sees_the_value_and_nothing_changes_without_settings(holdfast, cards, place):
    whole = cards["whole"]
    before = holdfast("show", whole, "--as", "fay").out
    assert CANARY in before
    assert "⟨" not in before
    assert holdfast("show", whole, "--as", "ben").err.startswith("not shown to ben (desk): contact")
    assert holdfast("show", whole).err.startswith("not shown to whoever has no role: contact")
    (place / "holdfast.toml").unlink()
    assert holdfast("show", whole).out == before
    assert holdfast("show", whole).err == ""


def test_what_the_viewer_was_shown_is_shown_wherever_it_stands(holdfast, cards):
    found = holdfast("show", cards["whole"], "--as", "ben", "--json").json
    calls = {call["tool"]: call for call in found["calls"].values()}
    assert found["input"]["value"] == {"kind": "whole"}
    assert calls["find"]["args"]["value"]["name"].startswith("⟨contact:"), "asked for after it was read"
    first = next(call for call in found["calls"].values() if call["tool"] == "find")
    assert first["args"]["value"] == {"name": "Ann"}, "asked for before"
    again = calls["change"]["args"]["value"]
    assert again["phone"] == calls["find"]["args"]["value"]["name"], "equal values have one reference"


def test_labels_stand_beside_every_body(holdfast, cards):
    contact = {"trusted": True, "classes": ["contact"]}
    run = cards["whole"]
    found = holdfast("show", run, "--as", "una", "--json").json
    assert found["input"]["label"] == {"trusted": True, "classes": []}
    assert found["end"]["output"]["label"]["classes"] == ["contact"]
    assert next(call for call in found["calls"].values() if call["tool"] == "find")["result"]["label"] == contact
    assert holdfast("why", run, "--as", "una", "--json").json["labels"]["7"] == contact
    hits = holdfast("show", "--text", "number", "--as", "una", "--json").json["hits"]
    assert all(
        place["label"]["classes"] == ["contact"] for hit in hits for place in hit["places"] if place["what"] != "cancel"
    )
    followed = [
        json.loads(line) for line in holdfast("show", run, "--follow", "--json", "--as", "una").out.splitlines()
    ]
    assert followed[6]["label"] == contact
    holdfast("export", "--to", "export.jsonl", "--as", "una")
    written = [json.loads(line) for line in Path("export.jsonl").read_text().splitlines()][1:]
    assert next(line for line in written if (line["run"], line["seq"]) == (run, 7))["label"] == contact
    assert all("label" in cluster for cluster in holdfast("failures", "--json", "--as", "una").json["clusters"])
    shown = holdfast("review", "show", cards["waits"], "--as", "una", "--json").json
    assert shown["calls"][0]["args"]["label"]["classes"] == ["contact"]


def test_a_collector_is_given_nothing_of_it(holdfast, cards):
    with FarSide() as far:
        found = holdfast("telemetry", "--to", far.url, "--once", "--content")
        assert found.code == 0, found.err
        assert far.spans
        leaks = [
            (span.name, key, said)
            for span in far.spans
            for key, said in attributes(span).items()
            if CANARY in str(said)
        ]
        assert leaks == []
        assert not [span.name for span in far.spans if CANARY in str(span)]


# -------------------------------------------------------------------------------------------------------- the log


@pytest.fixture
def logged(cards, place):
    (place / "holdfast.toml").write_text(SETTINGS + LOG)
    return cards


def acts(holdfast, *args):
    return holdfast("access", *args, "--json", "--limit", "1000").json["acts"]


def test_each_viewing_is_an_entry_and_each_decision_stands_where_it_is(holdfast, logged):
    whole = logged["whole"]
    holdfast("show", whole, "--as", "ben")
    holdfast("why", whole, "--as", "fay")
    holdfast("export", "--to", "export.jsonl", "--as", "una")
    found = [(act["by"], act["kind"], act["what"]) for act in acts(holdfast, whole)]
    assert found[-3:] == [("ben", "viewed", "show"), ("fay", "viewed", "why"), ("una", "exported", "export")]
    assert ("di", "decided", "approved question 18") in found
    assert ("eva", "decided", "noted: bad") in found
    assert [(act["by"], act["what"]) for act in acts(holdfast, logged["amended"])] == [
        ("bo", "amended call 16: cents"), ("una", "export"),
    ]  # fmt: skip
    assert [act["hidden"] for act in acts(holdfast, "--by", "ben")] == [["contact"]]
    assert holdfast("access", whole).out.count("ben (by assertion)") == 1
    assert acts(holdfast, "--since", "2099-01-01") == []


def test_every_face_that_shows_anything_says_so_first(holdfast, logged, place, monkeypatch):
    stricter(place)
    lines(place)
    monkeypatch.setenv("HOLDFAST_AS", "una")
    quiet = {
        ("show",), ("show", "--json"), ("verify",), ("verify", "--decisions"), ("verify", "--decisions", "--json"), ("access",),
        ("access", "--json"),
    }  # fmt: skip
    known = len(acts(holdfast, "--by", "una"))
    for face in faces(logged):
        if face[0] == "cost" or face in quiet or (face[:2] == ("show", "--text") and face[2] == "reached"):
            continue
        code = holdfast(*face).code
        assert code in (0, 1, 2) or face[0] == "resume", face
        before, known = known, len(acts(holdfast, "--by", "una"))
        assert known > before or code == 3, face  # what is closed goes on no more, and nothing of it is shown


def test_the_log_is_under_the_chain_and_in_no_list(holdfast, logged):
    run = logged["declined"]
    before = holdfast("show", "--json").json
    for _ in range(3):
        assert holdfast("show", run, "--as", "una").code == 0
    assert len(holdfast("show", "--json").json) == len(before)
    assert holdfast("verify").code == 0
    assert holdfast("verify", "access").code == 0
    assert holdfast("verify", "--decisions", "--as-nobody").code == 64
    assert holdfast("verify", "--decisions").code == 0
    assert holdfast("why", "access").code == 64
    assert "una (by assertion)" in holdfast("show", "access").out
    with sqlite3.connect(".holdfast/journal.db") as file:
        file.execute(
            "UPDATE entries SET data = CAST(replace(CAST(data AS TEXT), '\"una\"', '\"eve\"') AS BLOB)"
            " WHERE CAST(data AS TEXT) LIKE '%Viewed%' AND seq = 2"
        )
    assert holdfast("verify").code != 0


def test_what_cannot_be_recorded_is_not_shown(holdfast, logged, place):
    """The table that takes entries takes none: whatever keeps a journal from being written, nothing is shown."""
    with sqlite3.connect(".holdfast/journal.db") as file:
        file.execute("CREATE TRIGGER full BEFORE INSERT ON entries BEGIN SELECT RAISE(ABORT, 'no more'); END")
    for face in (("show", logged["declined"]), ("why", logged["declined"]), ("show", "--text", "number"), ("review",)):
        found = holdfast(*face, "--as", "una")
        assert found.code == 4, found
        assert found.out == ""
        assert "nothing is shown" in found.err
        assert CANARY not in found.err
    assert holdfast("export", "--to", "export.jsonl", "--as", "una").code == 4
    assert not (place / "export.jsonl").exists()


def test_an_export_is_refused_to_who_does_not_see_all_of_it(holdfast, cards, place):
    found = holdfast("export", "--to", "export.jsonl", "--as", "ben")
    assert (found.code, "does not see all of it: " in found.err) == (3, True)
    part = holdfast("export", "--to", "part.jsonl", "--where", f"run={cards['declined']}", "--as", "ben")
    assert (part.code, "does not see all of it: contact" in part.err) == (3, True)
    assert not [*place.glob("*.jsonl")]


def test_the_words_of_an_entry_never_reach_the_log(holdfast, logged, place):
    for face in (("show", logged["whole"]), ("show", "--text", CANARY), ("review", "show", logged["waits"])):
        holdfast(*face, "--as", "una")
    with sqlite3.connect(".holdfast/journal.db") as file:
        kept = b"".join(
            data for (data,) in file.execute("SELECT data FROM entries WHERE CAST(data AS TEXT) LIKE '%Viewed%'")
        )
    assert CANARY.encode() not in kept
    assert canonical("show --text") in kept


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[people]\nana = ['finanse']\n", "people.ana has the role finanse"),
        ("[acess]\nlog = true\n", "holdfast.toml: acess is no setting"),
        ("[roles.a]\nsee = []\n", "holdfast.toml: roles.a.see is no setting"),
        ("[access]\nlog = 'yes'\n", "holdfast.toml: access.log:"),
        ("[access\n", "is no TOML"),
        ("[env.prod.acess]\nlog = true\n", "holdfast.toml: env.prod.acess is no setting"),
    ],
)
def test_settings_that_cannot_be_kept_are_refused(holdfast, payer, place, text, said):
    holdfast("run", payer, '{"bill": "70"}')
    (place / "holdfast.toml").write_text(text)
    found = holdfast("show", "r_")
    assert (found.code, said in found.err) == (4, True), found
