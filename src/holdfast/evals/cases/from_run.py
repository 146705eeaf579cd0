"""A case from a run: what it was asked, what its tools and people answered, and what should have come of it.

    made = drawn(entries)                made.case, and what has to be known of it
    case_of(entries)                     the case alone
    written(made)                        its file, with what a person has to fill in as comments

A function of the run's entries. What is about somebody is replaced by placeholders (`placeholders`), alike in the input, in
recorded answers and in what is expected, so that what matched still matches.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from holdfast import codec
from holdfast.core.provenance import leaves
from holdfast.errors import InputError
from holdfast.evals.cases.answers import answers, with_correction
from holdfast.evals.cases.case import Answered, Case, Expect, Person, dump, parse
from holdfast.evals.cases.expected import Said, expected
from holdfast.evals.cases.placeholders import Placeholders
from holdfast.events import BodiesErased, Entry, Json, LimitGranted
from holdfast.views import record, words
from holdfast.views.carried import PLAIN, UNLABELLED, labels
from holdfast.views.detectors import Finding
from holdfast.views.detectors.finding import leaf
from holdfast.views.failures import earliest, key_of, read
from holdfast.views.feedback import DONE, notes
from holdfast.views.record import Question, Trace
from holdfast.views.trace import trace

_NAMES: Final = re.compile(
    r"(?:full|first|last|given|family|sur|customer|caller|requester|contact|client|patient|user)_?name", re.IGNORECASE
)
"""Fields of an input that hold somebody's name; and `name` where it is one of the input itself."""


class Drawn(Struct, frozen=True):
    """A case that was made of a run, and what has to be known of it."""

    case: Case
    open: dict[str, str]
    """Key of `expect` → what only a person can say."""
    lacking: tuple[str, ...]
    """What would have to be recorded, and is not."""
    remarks: tuple[str, ...]
    replaced: int
    """How many different values were replaced by placeholders."""
    judged: bool
    """Whether anybody said what should have come of the run: where nobody did, the case judges next to nothing."""


def case_of(entries: Sequence[Entry], **more: Any) -> Case:
    """The case that a run makes; see `drawn`."""
    return drawn(entries, **more).case


def drawn(
    entries: Sequence[Entry], *, name: str = "", expect: Mapping[str, str] | None = None, as_is: bool = False, finding: str = "",
    keep_personal: bool = False,
) -> Drawn:  # fmt: skip
    """The case that a run makes. name: else by what was found in it. expect: dotted keys of `Expect` → what a person types.

    as_is: what came of the run is what is expected. finding: which one it stands for, if not the earliest exact one: its
    number, or all of its key. keep_personal: without placeholders.

    Raises InputError for a run that was erased or is no agent's, for an expectation there cannot be and a finding that the run
    has not; UsageError for `as_is` where somebody said otherwise.
    """
    seen = trace(entries)
    _usable(entries, seen)
    about = _finding(entries, finding)
    said = expected(entries, seen, as_is=as_is, finding=about)
    recorded = answers(seen)
    calls, lacking = _with_corrections(recorded.calls, said)
    hiding = Placeholders() if keep_personal else _hiding(entries, seen)
    people = _distinct(_people(seen))
    given = _expectations(said, expect or {}, seen, hiding)
    data = {
        "name": name or _name(seen, about),
        "about": hiding.text(_about(entries, seen, about)),
        "origin": _origin(entries, seen, about, hiding),
        "input": hiding.value(seen.input.value),
        "messages": [hiding.value(text) for text in _messages(seen)],
        "by": hiding.text(seen.by),
        "on_behalf_of": hiding.text(seen.on_behalf_of),
        "tenant": seen.tenant,
        "fixtures": {"calls": [_hidden(one, hiding) for one in calls]},
        "people": [_hidden(one, hiding) for one in people],
        "expect": given,
    }
    case = parse(data, f"the case of {seen.run}")
    typed = {_top(path) for path in expect or ()}
    open_ = {
        key: what for key, what in said.open.items() if key not in typed and not (key == "output" and _no_output(case))
    }
    remarks = [*recorded.remarks, *_remarks(entries, seen, people)]
    if not (said.judged and not said.open):
        remarks += [*recorded.lacking, *_unanswered(seen, calls)]
    judged = said.judged or bool(expect)
    lacking = [hiding.text(what) for what in lacking]
    return Drawn(case, open_, tuple(lacking), tuple(map(hiding.text, remarks)), hiding.replaced, judged)


def written(made: Drawn) -> str:
    """The file of a case: what has to be known of it stands in comments, what a person has to say where it belongs."""
    head = [f"# made of run {made.case.origin.run}" if made.case.origin is not None else "# made of a run"]
    if made.replaced:
        head.append(
            f"# {words.count(made.replaced, 'value')} about somebody replaced by placeholders; names in free text are not recognised"
        )
    head += [f"# {words.plain(one)}" for one in (*made.remarks, *made.lacking)]
    lines = []
    for line in dump(made.case).removesuffix("\n").split("\n"):
        lines.append(line)
        if line.startswith("expect:"):
            lines += [f"  # {key}: {words.plain(what)}" for key, what in made.open.items()]
    return "\n".join([*head, *lines]) + "\n"


def _usable(entries: Sequence[Entry], seen: Trace) -> None:
    erased = next((entry for entry in entries if isinstance(entry.event, BodiesErased)), None)
    if erased is not None and isinstance(erased.event, BodiesErased):
        why = (
            f"{erased.event.by} erased it ({erased.event.basis})"
            if erased.event.basis
            else f"{erased.event.by} erased it"
        )
        raise InputError(
            f"no case can be made of it: {why}, and what it was about is gone for good", run=seen.run, seq=erased.seq
        )
    if seen.input.erased or any(
        call.args.erased or (call.result is not None and call.result.erased) for call in seen.calls.values()
    ):
        raise InputError("no case can be made of it: a part of what it was about was erased", run=seen.run)
    if seen.undoes:
        raise InputError(
            f"no case can be made of it: it takes back run {seen.undoes}, and no model decided in it", run=seen.run
        )


def _finding(entries: Sequence[Entry], wanted: str) -> Finding | None:
    found = read(entries).findings
    if not wanted:
        return earliest(found) or next(iter(found), None)
    for one in found:
        if wanted in (str(one.number), key_of(one), one.name):
            return one
    known = ", ".join(dict.fromkeys(key_of(one) for one in found))
    raise InputError(
        f"nothing called {wanted} was found in it", run=entries[0].run, hint=f"found: {known or 'nothing'}"
    )


# ------------------------------------------------------------------------------------------------ what it is called


def _name(seen: Trace, about: Finding | None) -> str:
    outcome = seen.end.outcome if seen.end is not None else "waiting"
    what = about.name if about is not None else outcome
    slug = re.sub(r"[^a-z0-9]+", "-", what.lower()).strip("-")
    return f"{slug[:50] or 'run'}-{seen.run.removeprefix('r_')[:8]}"


def _about(entries: Sequence[Entry], seen: Trace, about: Finding | None) -> str:
    said = [note.text for note in notes(entries, seen) if note.kind == "bad" and note.text]
    if said:
        return words.shortened(said[-1], 200)
    if about is not None:
        return words.shortened(about.sentence, 200)
    return words.shortened(seen.end.reason, 200) if seen.end is not None and seen.end.outcome != "done" else ""


def _origin(entries: Sequence[Entry], seen: Trace, about: Finding | None, hiding: Placeholders) -> dict[str, Json]:
    noted = []
    for note in notes(entries, seen):
        if note.kind == "finding":
            continue
        whose = "the output" if note.tool == DONE else note.tool
        what = (
            f"denied {whose or 'it'}"
            if note.derived and note.kind == "bad"
            else ", ".join(filter(None, [note.kind, whose]))
        )
        changes = words.listed([f"{one.path} should be {words.value(one.should, 60)}" for one in note.changes])
        noted.append(hiding.text(": ".join(filter(None, [what, note.text, changes]))))
    found = key_of(about) if about is not None else ""
    return {"run": seen.run, "contract": seen.contract_digest, "noted": noted, "finding": hiding.text(found)}


# ------------------------------------------------------------------------------------------------- what people said


def _messages(seen: Trace) -> Iterator[Json]:
    """What the requester said, in order; that this was all is no message."""
    said = {
        item.seq: item.text.value
        for item in seen.items
        if isinstance(item, record.Said) and item.to_agent and item.text.value
    }
    for question in seen.questions.values():
        if question.role == "requester":
            said |= {voice.seq: voice.text for voice in question.voices if voice.verdict == "answer" and voice.text}
    for seq in sorted(said):
        yield said[seq]


def _people(seen: Trace) -> Iterator[Person]:
    """How people answered, in the order in which they were asked."""
    for question in seen.questions.values():
        if question.role == "requester" and question.about == "question":
            continue
        call = seen.calls.get(question.call)
        tool = call.tool if call is not None else ""
        at = {"about": question.about, "tool": tool, "role": question.role}
        if question.about == "doubt":
            rulings = call.rulings if call is not None else ()
            for ruling in rulings:
                yield Person.model_validate({**at, "verdict": ruling.verdict, "text": ruling.text})
            continue
        changed = _amended(seen, question)
        if changed:
            yield Person.model_validate({**at, "verdict": "approve", "amend": changed})
        elif question.end == "expired" and question.about == "review" and question.then == "deny":
            yield Person.model_validate({**at, "verdict": "deny", "text": "nobody answered in time"})
        else:
            for voice in question.voices:
                if voice.verdict != "grant":
                    yield Person.model_validate({**at, "verdict": voice.verdict, "text": voice.text})


def _distinct(people: Iterator[Person]) -> list[Person]:
    found: list[Person] = []
    for one in people:
        if one not in found:
            found.append(one)
    return found


def _amended(seen: Trace, question: Question) -> dict[str, Json]:
    """What a reviewer changed when this was asked."""
    call = seen.calls.get(question.call)
    later = [one.seq for one in seen.questions.values() if one.call == question.call and one.seq > question.seq]
    end = min(later, default=1 << 62)
    changes = [one for one in call.amended if question.seq < one.seq < end] if call is not None else []
    return {name: one.args.value[name] for one in changes for name in one.changed if isinstance(one.args.value, dict)}


def _remarks(entries: Sequence[Entry], seen: Trace, people: Sequence[Person]) -> Iterator[str]:
    places: dict[tuple[str, str, str], int] = {}
    for one in people:
        places[one.about, one.tool, one.role] = places.get((one.about, one.tool, one.role), 0) + 1
    for (about, tool, _), count in places.items():
        if count > 1:
            yield f"a {about} {f'of {tool} ' if tool else ''}was answered in {count} ways; in a case the first is given each time"
    if seen.attachments or any(isinstance(item, record.Said) and item.attachments for item in seen.items):
        yield "it came with files, and a case holds none"
    if any(isinstance(entry.event, LimitGranted) for entry in entries):
        yield "a person raised a limit, and in a case nobody does"
    if any(isinstance(item, record.Said) and item.to_agent and not _awaited(seen, item) for item in seen.items):
        yield "the requester spoke without being waited for; in a case only when the agent waits for it"


def _unanswered(seen: Trace, calls: Sequence[Answered]) -> Iterator[str]:
    """The contract's tools that it never called: a better run may."""
    tools = seen.contract.get("tools") if isinstance(seen.contract, dict) else None
    silent = [name for name in tools or () if name not in {one.tool for one in calls}]
    if silent:
        yield f"no answer of {words.listed(silent)} is recorded: a trial that calls one counts as one that could not be made"


def _awaited(seen: Trace, said: record.Said) -> bool:
    """Whether the agent waited for words of the requester."""
    before = [item for item in seen.items if item.seq < said.seq]
    replied = bool(before) and isinstance(before[-1], record.Said) and not before[-1].to_agent
    return (
        replied or said.ends or any(said.seq in {voice.seq for voice in one.voices} for one in seen.questions.values())
    )


# ---------------------------------------------------------------------------------------------------- what it expects


def _with_corrections(recorded: Sequence[Answered], said: Said) -> tuple[list[Answered], list[str]]:
    """The recorded answers with those that calls would have had as they should have been made, and what is still lacking."""
    found, lacking = list(recorded), []
    for call, args in said.corrected:
        answered = any(one.tool == call.tool and one.args in (None, args) for one in found)
        made = with_correction(found, call, args)
        if made is not None:
            found.append(made)
        elif not answered:
            lacking.append(f"what would have answered {words.plain(call.tool)}({words.value(args, 120)}) is not known")
    return found, lacking


def _expectations(said: Said, typed: Mapping[str, str], seen: Trace, hiding: Placeholders) -> dict[str, Json]:
    expect = dict(codec.plain(said.expect))
    if "output" in expect:
        expect["output"] = hiding.value(expect["output"])
    if "effects" in expect:
        expect["effects"] = {tool: hiding.value(effects) for tool, effects in expect["effects"].items()}
    output = seen.end.output.value if seen.end is not None and seen.end.output is not None else None
    if any(_top(path) == "effects" for path in typed):  # whoever says what was to be changed says it all
        expect.pop("approved", None)
        expect.pop("also", None)
    if {_top(path) for path in typed} & {
        "outcome",
        "effects",
    }:  # what it should have been is said: not that it must only not be so again
        expect.pop("findings", None)
    for path, text in typed.items():
        field = _top(path)
        if field not in Expect.model_fields:
            raise InputError(f"a case expects nothing called {field}", hint=f"one of {', '.join(Expect.model_fields)}")
        before = leaf(output, path.partition(".")[2]) if field == "output" and "." in path else None
        _put(expect, path.split("."), hiding.value(_typed(before, text)), path)
    return expect


def _no_output(case: Case) -> bool:
    """Whether a run that ends as it should has no output."""
    ends = case.expect.outcome
    known = {ends} if isinstance(ends, str) else set(ends or ())
    return bool(known) and "done" not in known


def _typed(before: Json, text: str) -> Json:
    """A value as a person types it: a text where there was a text, else JSON."""
    if isinstance(before, str):
        return text
    try:
        return codec.parse(text)
    except msgspec.DecodeError:
        return text


def _put(expect: dict[str, Json], parts: Sequence[str], value: Json, path: str) -> None:
    place: Any = expect
    for part in parts[:-1]:
        if not isinstance(place.get(part), dict):
            place[part] = {}
        place = place[part]
    if not all(parts):
        raise InputError(
            f"--expect {path} names nothing", hint="like outcome=done, output.verdict=refunded, effects={}"
        )
    place[parts[-1]] = value


def _top(path: str) -> str:
    return path.partition(".")[0]


# ------------------------------------------------------------------------------------------------- what is about somebody


def _hiding(entries: Sequence[Entry], seen: Trace) -> Placeholders:
    """Placeholders for whatever in a run is about somebody."""
    every = [seen.input.value, *(call.args.value for call in seen.calls.values())]
    every += [call.result.value for call in seen.calls.values() if call.result is not None]
    every += [item.text.value for item in seen.items if isinstance(item, record.Said)]
    every += [seen.end.output.value] if seen.end is not None and seen.end.output is not None else []
    every += [note.text for note in notes(entries, seen)]
    every += [tried.message for call in seen.calls.values() for tried in call.tried]
    every += [voice.text for question in seen.questions.values() for voice in question.voices]
    hiding = Placeholders(seen.contract, every)
    for name in (seen.on_behalf_of, seen.by, *_names(seen.input.value)):
        hiding.person(name)
    hiding.look_at(every)
    carried = labels(entries)
    for call in seen.calls.values():
        if call.result is None or call.effect == "builtin":
            continue
        classes = call.label.classes or (carried[call.answered - 1].classes if call.answered else ())
        hidden = [name for name in classes if name not in (PLAIN, UNLABELLED)]
        if hidden:
            hiding.classified(call.result.value, hidden[0])
    return hiding


def _names(given: Json) -> Iterator[str]:
    for path, value in leaves(given):
        field = path.split(".")[-1]
        if isinstance(value, str) and (path == "name" or _NAMES.fullmatch(field)):
            yield value


_WORDS: Final[tuple[str, ...]] = ("args", "gives", "partial", "refused", "not_done", "unknown", "text", "amend")


def _hidden(one: Answered | Person, hiding: Placeholders) -> dict[str, Json]:
    """A recorded answer, or a person's, with placeholders in what it says."""
    data = one.model_dump(exclude_defaults=True)
    return {name: hiding.value(value) if name in _WORDS else value for name, value in data.items()}
