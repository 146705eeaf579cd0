"""What is kept back of a run, kind by kind; and what stands in its place."""

from __future__ import annotations

from holdfast.codec import canonical
from holdfast.events import (
    CallAsked,
    CallFailed,
    CallJudged,
    CallReturned,
    Entry,
    Fired,
    Inline,
    Label,
    ModelAnswered,
    ModelAsked,
    PersonAnswered,
    PersonAsked,
    RunClosed,
    RunOpened,
    Unknown,
    Wanted,
)
from holdfast.views.carried import labels
from holdfast.views.visible import References, visible

PLAIN = frozenset({"plain"})
SECRET = "anna@example.com"
CONTRACT = {
    "tools": {"find": {}, "send": {}},
    "takes": {},
    "gives": {"properties": {"to": {}}},
    "because": "people first",
}


def run(*events, **opened):
    first = RunOpened("a", Inline(CONTRACT), "d", Inline({"who": "Ann Green", "order": "O-1017"}), "ana", **opened)
    return [Entry("r", seq, seq, 0, "w", event) for seq, event in enumerate((first, *events), 1)]


def story(args, *more, result=SECRET):
    """One reading of the class `contact`, and then a call with these arguments (entry 7)."""
    return run(
        ModelAsked(1, 1, "m", "w", 9), ModelAnswered(2), CallAsked(3, 0, "find", "i", Inline({"name": "Ann Green"}), "x"),
        CallReturned(4, 1, Inline({"mail": result}), label=Label(True, ("contact",))), ModelAsked(2, 1, "m", "w", 9),
        CallAsked(6, 0, "send", "i", Inline(args), "x", "write", sources=dict.fromkeys(args, "model")), *more,
    )  # fmt: skip


def seen(entries, seq, sees=PLAIN):
    return visible(entries, sees)[0][seq - 1].event


def test_who_sees_all_gets_the_entries_themselves():
    entries = story({"to": SECRET})
    assert visible(entries, None) == (entries, None)
    assert visible(entries, frozenset({"plain", "contact"}))[0] == entries


def test_a_value_stays_where_it_was_shown_and_equal_ones_have_one_reference():
    entries = story({"to": SECRET, "order": "O-1017", "copies": [SECRET, "Ann Green"], "again": "somebody else"})
    assert seen(entries, 4).args == Inline({"name": "Ann Green"}), "asked for before anything was read"
    assert seen(entries, 5).result == Inline("⟨contact:1⟩")
    assert seen(entries, 7).args.value == {
        "to": "⟨contact:2⟩", "order": "O-1017", "copies": ["⟨contact:2⟩", "Ann Green"], "again": "⟨contact:3⟩",
    }  # fmt: skip


def test_names_inside_a_value_are_values_too():
    entries = story({"to": {SECRET: 1017, "n": "O-1017"}})
    entries[6] = Entry(
        "r",
        7,
        7,
        0,
        "w",
        CallAsked(6, 0, "send", "i", entries[6].event.args, "x", "write", sources={f"to.{SECRET}": "model"}),
    )
    shown = seen(entries, 7)
    assert shown.args.value == {"to": "⟨contact:1⟩"} or shown.args.value["to"].startswith("⟨contact:")
    assert shown.sources == {"to": "model"}


def test_arguments_that_do_not_fit_are_hidden_as_a_whole_with_a_name_that_is_no_tool_s():
    bad = CallAsked(6, 1, SECRET, "i", Inline({SECRET: 1}), "x", problem=f"there is no tool called {SECRET}")
    answered = ModelAnswered(6, Inline(f"I ask {SECRET}"), (Wanted("i", SECRET, SECRET),))
    entries = story({}, bad, answered)
    assert SECRET.encode() not in canonical([seen(entries, 8), seen(entries, 9)])


def test_words_of_the_machine_keep_all_but_the_values():
    judged = CallJudged(7, "review", (
        Fired("tools.send.review[0]", "review", "people first"),
        Fired("tools.send.from.to", "review", f"to={SECRET!r} must come from input.who; it came from find (entry 5)"),
        Fired("tools.send.must[0]", "refuse", f"never (cannot be answered: no such key {SECRET})"),
    ))  # fmt: skip
    asked = PersonAsked("review", f"send(to={SECRET!r}, n=12): people first.", 7)
    entries = story({"to": SECRET, "n": 12}, judged, asked)
    assert [fired.because for fired in seen(entries, 8).rules] == [
        "people first", "to='⟨contact:2⟩' must come from input.who; it came from find (entry 5)",
        "never (cannot be answered: ⟨contact:4⟩)",
    ]  # fmt: skip
    assert seen(entries, 9).text == "send(to='⟨contact:2⟩', n=⟨contact:3⟩): people first."


def test_what_a_call_gave_is_hidden_with_its_arguments_whatever_its_own_label():
    entries = story({"to": SECRET}, CallReturned(7, 1, Inline(f"sent to {SECRET}"), effect_id=SECRET))
    shown = seen(entries, 8)
    assert SECRET.encode() not in canonical(shown)
    assert seen(story({"to": "Ann Green"}, CallReturned(7, 1, Inline("sent"))), 8).result == Inline("sent")


def test_people_s_words_have_the_label_of_all_there_was():
    answered = PersonAnswered(8, "approve", "bo", f"{SECRET} is hers")
    entries = run(
        ModelAsked(1, 1, "m", "w", 9), CallAsked(2, 0, "find", "i", Inline({}), "x"),
        CallReturned(3, 1, Inline(SECRET), label=Label(True, ("contact",))), answered,
    )  # fmt: skip
    assert seen(entries, 5).text == "⟨contact:2⟩", "a reviewer may have seen what the model has not"
    assert labels(entries)[4].classes == ("contact",)


def test_what_has_no_label_is_not_taken_for_plain():
    failed = CallFailed(3, 1, "raised", "not_done", f"no {SECRET}")
    refused = CallJudged(3, "refuse", (Fired("raised", "refuse", f"no {SECRET}"),))
    entries = run(ModelAsked(1, 1, "m", "w", 9), CallAsked(2, 0, "find", "i", Inline({}), "x"), failed, refused)
    assert seen(entries, 4).message == "⟨unlabelled:1⟩"
    assert seen(entries, 5).rules[0].because == "⟨unlabelled:1⟩"
    assert seen(entries, 4, frozenset({"unlabelled"})).message == f"no {SECRET}"
    assert seen(run(undoes="r_0"), 1).input == Inline("⟨unlabelled:1⟩")


def test_an_output_is_seen_field_by_field_where_the_contract_names_its_fields():
    closed = RunClosed("done", "it is done", Inline({"to": SECRET}))
    assert seen(story({}, closed), 8).output == Inline({"to": "⟨contact:2⟩"})
    strange = RunClosed("declined", f"nobody at {SECRET}", Inline({SECRET: "x"}))
    assert SECRET.encode() not in canonical(seen(story({}, strange), 8))


def test_an_entry_of_an_unknown_kind_says_its_kind():
    entries = [*story({}), Entry("r", 8, 8, 0, "w", Unknown("Later", canonical({"kind": "Later", "it": SECRET})))]
    shown = seen(entries, 8)
    assert shown.kind == "Later"
    assert SECRET.encode() not in shown.raw


def test_two_runs_that_are_compared_share_their_references():
    shared = References()
    one, _ = visible(story({"to": "x@y.example"}), PLAIN, shared)
    other, _ = visible(story({"to": SECRET}), PLAIN, shared)
    assert one[6].event.args != other[6].event.args
    assert one[4].event.result == other[4].event.result
