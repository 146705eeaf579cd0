"""Recorded conversations as ordinary runs: what their journals hold, and that playing again comes to the same."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.core.essence import same
from holdfast.events import CallAsked, CallJudged, Entry, Json, ModelAnswered, OutputRejected, RunClosed
from holdfast.tool import Call
from real.contracts import Fit, agent_of, effect_of
from real.conversation import Part, Stage, play
from real.packs import Pack
from real.scripts import ENDS, Script, Word, of_entries, of_run
from real.tape import check_import, check_tape, taped
from real.transcripts import calls_of, dropped, messages_of
from real.worlds import Tape
from tests.real.conftest import MakePack, calls, says, tells, user

PLAIN = [
    user("look at a, please"),
    calls(("1", "look", '{"at": "a"}')),
    tells("1", "saw a"),
    says("I saw a."),
    user("put it there"),
    calls(("1", "put", '{"at": "a"}'), text="I will."),
    tells("1", None),
    says("Done."),
    user("thanks"),
]
ODD = [
    user("all at once"),
    calls(("1", "look", '{"at": "a"}'), ("2", "look", '{"at": '), ("3", "look", '{"from": 1}'), ("4", "gaze", "{}")),
    tells("1", "Error: dark"),
    tells("2", "Error: no JSON"),
    tells("3", "Error: unexpected argument"),
    tells("4", "Unknown action gaze"),
    says("Hm."),
    user("go on"),
    calls(("1", "look", '{"at": "b"}'), ("2", "look", '{"at": "b"}')),
    tells("2", "second"),
    tells("1", "first"),
]


def played(pack: Pack) -> Part:
    (part,) = taped(pack, "one")
    return part


def ending(part: Part) -> tuple[str, str]:
    last = part.entries[-1].event
    assert isinstance(last, RunClosed)
    return last.outcome, last.reason


def test_a_conversation_becomes_a_run_that_is_done_when_the_requester_has_said_his_last(make_pack: MakePack) -> None:
    part = played(make_pack(PLAIN))
    assert ending(part)[0] == "done"
    assert [(call.tool, call.effect, call.result) for call in calls_of(part.entries)] == [
        ("look", "read", "saw a"),
        ("put", "write", ""),
    ]
    assert [message.role for message in messages_of(part.entries)] == [message["role"] for message in PLAIN]


def test_every_figure_of_plain_and_odd_runs_comes_out(make_pack: MakePack) -> None:
    pack = make_pack(PLAIN, ODD, malformed_arguments=1)
    figures = [*check_import(pack), *check_tape(pack)]
    assert {figure.figure: figure.value for figure in figures} == {
        "runs": 2,
        "messages": len(PLAIN) + len(ODD),
        "tool calls": 8,
        "parallel-call messages": 2,
        "malformed arguments": 1,
        "calls flagged and refused": 3,
        "error results": 1,
        "dropped": 0,
        "tool results as recorded": 5,
        "journals equal on second replay": 2,
    }
    assert [figure for figure in figures if not figure.ok] == []


def test_malformed_arguments_are_kept_flagged_and_answered(make_pack: MakePack) -> None:
    part = played(make_pack(ODD))
    answer = next(entry.event for entry in part.entries if isinstance(entry.event, ModelAnswered))
    assert [call.args for call in answer.calls] == ['{"at": "a"}', '{"at": ', '{"from": 1}', "{}"]
    asked = {entry.seq: entry.event for entry in part.entries if isinstance(entry.event, CallAsked)}
    refused = [e.event for e in part.entries if isinstance(e.event, CallJudged) and e.event.verdict == "refuse"]
    flags = [asked[judged.call].problem for judged in refused]
    assert [flag.partition(":")[0] for flag in flags] == [
        "the arguments are no JSON",
        "the arguments do not fit",
        "there is no tool called gaze; there are",
    ]
    assert part.shown[0] == "Error: dark"
    assert part.shown[1].startswith("refused: the arguments are no JSON")
    assert part.shown[4:] == ["first", "second"]


def test_after_a_refused_write_the_others_of_its_turn_are_not_started(make_pack: MakePack) -> None:
    turn = calls(("1", "put", "{"), ("2", "put", '{"at": "a"}'), ("3", "look", '{"at": "a"}'))
    pack = make_pack([user("put"), turn, tells("1", "Error: x"), tells("2", "put a"), tells("3", "saw a")])
    (run,) = pack.runs("one")
    assert Fit(pack).passing(run) == [False, False, True]
    assert [call.returned for call in calls_of(played(pack).entries)] == [False, False, True]
    figures = {figure.figure: figure for figure in check_tape(pack)}
    assert (figures["tool results as recorded"].value, figures["tool results as recorded"].ok) == (1, True)


@pytest.mark.parametrize(
    ("messages", "outcome", "words"),
    [
        ([user("a"), says("b"), user("c")], "done", (Word("c", ends=True),)),
        ([user("a"), says("b")], "cancelled", ()),
        ([user("a")], "cancelled", ()),
        ([user("a"), calls(("1", "look", '{"at": "a"}')), tells("1", "saw")], "cancelled", ()),
        ([user("a"), calls(("1", "look", '{"at": "a"}'))], "cancelled", ()),
        ([says("hello"), user("a"), says("b"), user("c")], "done", (Word("a"), Word("c", ends=True))),
        ([user("a"), says(None), user("b"), says(""), user("c")], "done", (Word("b"), Word("c", ends=True))),
        ([user("a"), calls(("1", "look", '{"at": "a"}'), text="")], "cancelled", ()),
        ([], "cancelled", ()),
    ],
)
def test_a_recording_may_end_anywhere(
    make_pack: MakePack, messages: list[dict[str, object]], outcome: str, words: tuple[Word, ...]
) -> None:
    pack = make_pack(messages)
    part = played(pack)
    assert part.script.words == words
    assert ending(part)[0] == outcome
    assert outcome == "done" or ending(part)[1].endswith(ENDS)
    assert not any(isinstance(entry.event, OutputRejected) for entry in part.entries)
    assert [figure for figure in (*check_import(pack), *check_tape(pack)) if not figure.ok] == []


@pytest.mark.parametrize(
    ("messages", "lost"),
    [
        ([user("a"), user("b"), says("c")], 2),
        ([user("a"), says("b"), says("c"), user("d")], 2),
        ([user("a"), {"role": "system", "content": "x"}, says("b")], 2),
        ([tells("1", "saw"), user("a")], 2),
        ([user("a"), says("b"), tells("1", "saw"), user("c")], 2),
    ],
)
def test_what_is_no_turn_of_a_conversation_is_counted_as_dropped(
    make_pack: MakePack, messages: list[dict[str, object]], lost: int
) -> None:
    pack = make_pack(messages)
    (run,) = pack.runs("one")
    assert dropped(run, messages_of(played(pack).entries)) == lost
    figures = {figure.figure: figure for figure in check_import(pack)}
    assert (figures["dropped"].value, figures["dropped"].ok) == (lost, False)


def test_a_message_that_came_out_otherwise_is_dropped(make_pack: MakePack) -> None:
    pack = make_pack(PLAIN)
    (run,) = pack.runs("one")
    kept = messages_of(played(pack).entries)
    assert dropped(run, kept) == 0
    assert dropped(run, [*kept[:1], *kept[2:]]) == len(kept) - 1
    assert dropped(run, kept[:-1]) == 1


def test_a_journal_tells_the_whole_script_again(make_pack: MakePack) -> None:
    pack = make_pack(PLAIN)
    (run,) = pack.runs("one")
    again = of_entries(played(pack).entries)
    script = of_run(run)
    assert (again.key, again.opening, again.words, again.tape) == (
        run.run_id,
        script.opening,
        script.words,
        script.tape,
    )
    assert [(a.text, a.calls) for a in again.answers] == [(a.text, a.calls) for a in script.answers]


def entries_of(script: Script, pack: Pack) -> list[Entry]:
    (part,) = asyncio.run(play(agent_of(pack), [script], Tape))
    return part.entries


def test_a_replay_with_another_answer_is_not_the_same(make_pack: MakePack) -> None:
    pack = make_pack(PLAIN)
    first = of_entries(played(pack).entries)
    assert same(entries_of(first, pack), played(pack).entries)
    told = Script(first.key, first.opening, first.answers, first.words, ("saw b", *first.tape[1:]))
    said = Script(first.key, first.opening, first.answers, (Word("never mind"), *first.words[1:]), first.tape)
    assert not same(entries_of(told, pack), played(pack).entries)
    assert not same(entries_of(said, pack), played(pack).entries)


def test_a_tool_that_answers_otherwise_is_found(make_pack: MakePack) -> None:
    class Wrong(Tape):
        async def answer(self, tool: str, args: dict[str, Json], call: Call, key: str = "") -> Json:
            return "saw nothing"

    from real.tape import results_equal

    pack = make_pack(PLAIN)
    (run,) = pack.runs("one")
    (part,) = asyncio.run(play(agent_of(pack), [of_run(run)], Wrong))
    assert results_equal(run, part, [True, True]) == 0
    assert results_equal(run, played(pack), [True, True]) == 2


def test_a_journal_that_holds_runs_already_is_gone_on_with(make_pack: MakePack) -> None:
    from holdfast.journal.open import open_journal

    pack = make_pack(PLAIN)
    scripts = [of_run(run) for run in pack.runs("one")]

    async def twice() -> tuple[Part, Part]:
        journal = open_journal("memory:")
        (first,) = await play(agent_of(pack), scripts, Tape, journal=journal)
        (again,) = await play(agent_of(pack), scripts, Tape, journal=journal)
        return first, again

    first, again = asyncio.run(twice())
    assert (first.run, first.entries) == (again.run, again.entries)


def test_the_place_of_a_call_is_read_from_the_journal_once(make_pack: MakePack) -> None:
    places: list[int] = []

    class Noting(Tape):
        def __init__(self, stage: Stage) -> None:
            super().__init__(stage)
            self.stage = stage

        async def answer(self, tool: str, args: dict[str, Json], call: Call, key: str = "") -> Json:
            places.append(await self.stage.place(call.run, call.seq))
            return await super().answer(tool, args, call, key)

    pack = make_pack(ODD)
    asyncio.run(play(agent_of(pack), [of_run(run) for run in pack.runs("one")], Noting))
    assert places == [0, 4, 5]


def test_effects_are_what_the_pack_says_and_a_write_where_it_says_nothing(make_pack: MakePack) -> None:
    effects = make_pack(PLAIN).effects() or {}
    assert [effect_of(effects, tool) for tool in ("look", "put", "other")] == ["read", "write", "write"]
    assert effect_of({}, "look") == "write"


@pytest.mark.parametrize("file", ["policy.md", "tools.json", "effects.json"])
def test_a_pack_that_lacks_a_fixed_part_is_skipped_with_a_reason(make_pack: MakePack, file: str) -> None:
    pack = make_pack(PLAIN, without=(file,))
    for check in (check_import, check_tape):
        (figure,) = check(pack)
        assert (figure.figure, figure.ok, figure.note) == ("skipped", None, f"tau_toys has no {file}")


def test_a_pack_without_expectations_gives_figures_that_are_neither_right_nor_wrong(make_pack: MakePack) -> None:
    figures = [*check_import(make_pack(PLAIN, without=("expected.json",)))]
    assert {figure.ok for figure in figures if figure.figure in {"runs", "messages"}} == {None}
    assert all(figure.note for figure in figures if figure.ok is None)
