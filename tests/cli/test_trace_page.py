"""The trace as a page: complete by itself, readable without its script, and safe whatever an agent wrote into it."""

from __future__ import annotations

import json
import re

import msgspec
import pytest

from holdfast.cli.trace_page import page
from holdfast.events import CallReturned, Inline, RunOpened
from holdfast.testing.sim import play
from holdfast.views.family import Family
from holdfast.views.trace import trace
from tests.cli.browser import Document, seen

HOSTILE = (
    "<script>document.title='broken'</script></style><img src=x onerror=alert(1)>\u2028</pre>\u202egnp.exe & \x1b[2J"
)


def page_of(entries):
    """A page about one run."""
    return page(Family(trace(entries)), {entries[0].run: entries})


def spoiled(entries):
    """A story in which every text from outside is hostile."""

    def bad(value):
        if isinstance(value, str):
            return value + HOSTILE
        if isinstance(value, dict):
            return {key + HOSTILE: bad(item) for key, item in value.items()} | {
                key: bad(item) for key, item in value.items()
            }
        return [bad(item) for item in value] if isinstance(value, list) else value

    found = []
    for entry in entries:
        event = entry.event
        if isinstance(event, RunOpened):
            event = msgspec.structs.replace(
                event, agent=HOSTILE, by=HOSTILE, key=HOSTILE, tags={HOSTILE: HOSTILE}, input=Inline(bad({"a": "b"}))
            )
        elif isinstance(event, CallReturned):
            event = msgspec.structs.replace(event, result=Inline(bad({"a": ["b"]})), effect_id=HOSTILE)
        found.append(msgspec.structs.replace(entry, event=event, actor=HOSTILE))
    return found


@pytest.fixture
def runs(holdfast, payer):
    """Two runs: paid, waiting."""
    return {
        number: holdfast("run", payer, json.dumps({"bill": number}), "--key", f"bill {number}", "--json").json["run"]
        for number in ("700", "5000")
    }


def test_page_is_written_where_it_is_wanted(holdfast, runs, place):
    found = holdfast("show", runs["700"], "--html", "trace.html")
    assert (found.code, found.out) == (0, "")
    assert "wrote trace.html" in found.err
    text = (place / "trace.html").read_text(encoding="utf-8")
    assert text == holdfast("show", runs["700"], "--html", "-").out
    assert holdfast("show", runs["700"], "--html", "no/such/folder.html").code == 3


def test_page_has_what_the_terminal_has(holdfast, runs):
    shown = Document(holdfast("show", runs["5000"], "--html", "-").out)
    text = " ".join("".join(part) for _, _, parts in shown.elements for part in parts)
    for part in ("step 1", 'look_up(bill="5000")', "waits for a person", "big sums need a person", "tools.pay.review[0]",
                 "review asked of boss", "args.cents > 1000", "args.cents = 5000", "the request", "tokens"):  # fmt: skip
        assert part in " ".join(text.split()), part


def test_every_link_leads_to_a_place_of_the_page_and_every_entry_has_one(holdfast, runs):
    shown = Document(holdfast("show", runs["700"], "--html", "-").out)
    ids = [attributes["id"] for _, attributes, _ in shown.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {attributes["href"][1:] for attributes, _ in shown.all("a")} <= set(ids)
    entries = holdfast("show", runs["700"], "--follow", "--json").out.splitlines()
    assert {f"e{json.loads(line)['seq']}" for line in entries} <= set(ids)


def test_page_asks_for_nothing_and_says_so(holdfast, runs):
    text = holdfast("show", runs["700"], "--html", "-").out
    policy = next(
        a["content"] for a, _ in Document(text).all("meta") if a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert (
        re.search(r"\b(src|srcset|action|style|on\w+)=", re.sub(r"<(style|script)>.*?</\1>", "", text, flags=re.DOTALL))
        is None
    )
    assert "url(" not in text
    assert "http://" not in text.replace("http://www.w3.org", "")


def test_hostile_texts_make_no_element():
    entries = next(iter(play(16, decisions=False).history.runs.values()))
    before, after = (Document(page_of(story)) for story in (entries, spoiled(entries)))
    assert [name for name, _, _ in after.elements if name in ("script", "style", "img")] == ["style", "script"]
    assert {name for name, _, _ in after.elements} <= {name for name, _, _ in before.elements} | {"b"}
    assert all(not name.startswith("on") for _, attributes, _ in after.elements for name in attributes)
    assert "⟨U+202E⟩" in page_of(spoiled(entries))
    assert not set("\u2028\u202e\x1b") & set(page_of(spoiled(entries)))


@pytest.mark.parametrize("seed", range(3, 60, 19))
def test_every_simulated_life_makes_a_page(seed):
    for entries in play(seed, decisions=False).history.runs.values():
        for count in {len(entries) // 2 or 1, len(entries)}:
            shown = Document(page_of(entries[:count]))
            ids = {attributes["id"] for _, attributes, _ in shown.elements if "id" in attributes}
            assert {attributes["href"][1:] for attributes, _ in shown.all("a")} <= ids


# ------------------------------------------------------------------------------------------------- in a real browser


def test_browser_runs_our_script_and_no_other(tmp_path):
    entries = spoiled(next(iter(play(16, decisions=False).history.runs.values())))
    (tmp_path / "page.html").write_text(page_of(entries), encoding="utf-8")
    dom, said = seen(tmp_path / "page.html", tmp_path, "#e3")
    shown = Document(dom)
    assert "hidden" not in shown.by_id("tools")[1], "our script ran"
    assert "<title>broken" not in dom
    assert re.search(r"Refused to|Content Security Policy|ERR_", said) is None, said
    opened = dom.split('id="e3"')[0].rsplit("<details", 1)[1].split(">", 1)[0]
    assert "open" in opened, "the entry that a link leads to is unfolded"


def test_browser_applies_the_style_and_lets_no_foreign_script_in(tmp_path):
    entries = next(iter(play(16, decisions=False).history.runs.values()))
    bad = page_of(entries).replace(
        "</main>", "<script>document.title='broken'</script><p style='color:red'>x</p></main>"
    )
    (tmp_path / "page.html").write_text(bad, encoding="utf-8")
    dom, said = seen(tmp_path / "page.html", tmp_path)
    assert "<title>broken" not in dom
    assert len(re.findall("Content Security Policy", said)) >= 2


def test_filter_hides_what_does_not_have_the_words(tmp_path):
    entries = next(iter(play(16, decisions=False).history.runs.values()))
    (tmp_path / "page.html").write_text(page_of(entries), encoding="utf-8")
    (tmp_path / "frame.html").write_text(
        """<!doctype html><iframe src="page.html"></iframe><p id="told"></p><script>
        const frame = document.querySelector("iframe");
        frame.addEventListener("load", () => {
          const inside = frame.contentDocument, words = inside.getElementById("words");
          const shown = () => inside.querySelectorAll(".entries .entry:not(.gone)").length;
          const before = shown();
          words.value = "RunOpened";
          words.dispatchEvent(new Event("input"));
          const after = shown();
          inside.getElementById("unfold").click();
          const open = inside.querySelectorAll(".tree details:not([open])").length;
          document.getElementById("told").textContent = JSON.stringify([before, after, open]);
        });
        </script>""",
        encoding="utf-8",
    )
    dom, _ = seen(tmp_path / "frame.html", tmp_path, "", "--allow-file-access-from-files")
    before, after, folded = json.loads(
        next(text for attributes, text in Document(dom).all("p") if attributes.get("id") == "told")
    )
    assert (before, after, folded) == (len(entries), 1, 0)


# ---------------------------------------------------------------------------------------------------------- children


def family_of(desk_entries, call):
    """A run whose call opened another: the same story under another name."""
    child = [msgspec.structs.replace(entry, run="r_child") for entry in desk_entries]
    parent = trace(desk_entries)
    calls = parent.calls | {call: msgspec.structs.replace(parent.calls[call], child="r_child")}
    parent = msgspec.structs.replace(parent, calls=calls)
    return Family(parent, {call: Family(trace(child))}), {parent.run: desk_entries, "r_child": child}


def test_child_stands_under_its_call_with_entries_of_its_own():
    entries = next(iter(play(16, decisions=False).history.runs.values()))
    call = next(iter(trace(entries).calls))
    family, all_ = family_of(entries, call)
    text = page(family, all_)
    shown = Document(text)
    ids = [attributes["id"] for _, attributes, _ in shown.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {"e1", "r_child-e1"} <= set(ids)
    assert text.index('id="s1"') < text.index('id="r_child-s1"') < text.index('id="e1"')
