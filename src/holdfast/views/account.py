"""The account of one call: by which clauses, on what evidence, from where, by whom, and how it went."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from holdfast import conditions, units
from holdfast.core.provenance import argument_of
from holdfast.events import Effect, Fired, Json, Verdict
from holdfast.views import course, words
from holdfast.views.claims import asks_back, claimed
from holdfast.views.contract_shared import amount
from holdfast.views.delegation import called
from holdfast.views.errand import errand
from holdfast.views.family import Family, fate
from holdfast.views.needed import needed
from holdfast.views.record import Call, Content, Question, Trace, Turn
from holdfast.views.sentence import Sentence


class Saw(Struct, frozen=True):
    """A name a condition reads, and the value it had."""

    name: str
    value: Json
    entries: tuple[int, ...] = ()


class Clause(Struct, frozen=True, kw_only=True):
    """A rule that had something to say about the call."""

    rule: str
    """Its path in the contract, or the word for a rule every contract has."""
    verdict: Verdict
    because: str
    secret: bool = False
    asks: str = ""
    """The condition itself."""
    saw: tuple[Saw, ...] = ()
    entries: tuple[int, ...] = ()


class Argument(Struct, frozen=True):
    """One argument, and where its value came from."""

    name: str
    value: Json
    origin: str
    text: str
    entries: tuple[int, ...] = ()


class Account(Struct, frozen=True, kw_only=True):
    """Why one call went as it did."""

    call: int
    tool: str
    effect: Effect
    title: str
    """The call as one writes it down."""
    fate: str
    ok: bool
    clauses: tuple[Clause, ...] = ()
    held: tuple[str, ...] = ()
    """What the contract asks of such a call and held, in its own words; for a call that was let through."""
    evidence: tuple[Sentence, ...] = ()
    arguments: tuple[Argument, ...] = ()
    course: tuple[Sentence, ...] = ()
    """People and attempts, in order."""
    needed: tuple[Sentence, ...] = ()
    """What would have been needed, where it was not done."""


def account(seen: Trace, call: Call, family: Family | None = None) -> Account:
    """Why a call went as it did. family: the run's, for what the run did that a call opened."""
    readings = evidence(seen, call)
    clauses = tuple(_clauses(seen, call, readings))
    return Account(
        call=call.seq,
        tool=call.tool,
        effect=call.effect,
        title=called(seen.contract, call),
        fate=fate(family, call) if family is not None else words.fate(call),
        ok=call.ok,
        clauses=clauses,
        held=tuple(_held(seen, call)),
        evidence=tuple(_rests_on(seen, call, readings)),
        arguments=tuple(_arguments(seen, call)),
        course=(*sorted(_course(seen, call), key=lambda one: min(one.entries, default=0)), *errand(call, family)),
        needed=() if call.ok else tuple(needed(seen, call)),
    )


# ------------------------------------------------------------------------------------------------------- the clauses


def grant(seen: Trace, tool: str) -> dict[str, Json]:
    """The contract's terms for a tool."""
    tools = seen.contract.get("tools", {}) if isinstance(seen.contract, dict) else {}
    found = tools.get(tool)
    return found if isinstance(found, dict) else {}


def evidence(seen: Trace, call: Call) -> dict[str, Call]:
    """The readings that the rules of a call could rest on, by tool."""
    found: dict[str, Call] = {}
    for tool, wanted in grant(seen, call.tool).get("needs", {}).items():
        expected = {name: _lookup(seen, call, expression, {}) for name, expression in wanted.items()}
        for other in seen.calls.values():
            if other.tool != tool:
                continue
            usable = other.result is not None and other.complete == "complete"
            shown = other.answered < call.manifest or other.serves == call.seq
            given = other.args.value if isinstance(other.args.value, dict) else {}
            fits = all(value is None or given.get(name) == value for name, value in expected.items())
            if usable and shown and fits and not (other.serves and other.cursor):
                found[tool] = other
    return found


def _lookup(seen: Trace, call: Call, expression: str, readings: dict[str, Call]) -> Json:
    """The value of a dotted name; None where it has none, or the expression is more than a name."""
    path = tuple(expression.split("."))
    if not all(part.isidentifier() for part in path):
        return None
    return _saw(seen, call, path, readings).value


def _saw(seen: Trace, call: Call, path: tuple[str, ...], readings: dict[str, Call]) -> Saw:
    head, rest = path[0], path[1:]
    name = ".".join(path)
    match head:
        case "args" | "output":
            return Saw(name, _reach(call.args.value, rest), (call.seq,))
        case "input":
            return Saw(name, _reach(seen.input.value, rest), (1,))
        case "seen" if rest and rest[0] in readings:
            reading = readings[rest[0]]
            return Saw(name, _reach(reading.result.value if reading.result else None, rest[1:]), (reading.answered,))
        case "effects" if rest:
            done = [one for one in seen.calls.values() if one.tool == rest[0] and one.ok and one.result is not None]
            before = [one for one in done if one.answered < (call.answered or 1 << 62)]
            values = [one.result.value for one in before if one.result is not None]
            return Saw(name, values, tuple(one.answered for one in before))
        case "caller":
            who = {"by": seen.by, "on_behalf_of": seen.on_behalf_of, "tenant": seen.tenant}
            return Saw(name, _reach(who, rest), (1,))
    return Saw(name, None)


def _reach(value: Json, path: tuple[str, ...]) -> Json:
    for part in path:
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def condition(seen: Trace, rule: str) -> str:
    """The condition that a clause of the contract holds; empty for a rule every contract has."""
    node: Json = seen.contract
    for part in rule.replace("[", ".[").split("."):
        if part.startswith("[") and isinstance(node, list) and part[1:-1].isdigit() and int(part[1:-1]) < len(node):
            node = node[int(part[1:-1])]
        elif isinstance(node, dict) and part in node:
            node = node[part]
        else:
            return ""
    if isinstance(node, dict) and rule.endswith(".across"):
        return amount(node)
    if isinstance(node, dict) and ({"that", "when", "check"} & set(node)):
        return str(node.get("that") or node.get("when") or f"the predicate {node.get('check')}")
    return ""


def _clauses(seen: Trace, call: Call, readings: dict[str, Call]) -> Iterator[Clause]:
    told: set[tuple[str, str]] = set()
    for judged in call.judged:
        for fired in judged.rules:
            if (fired.rule, fired.verdict) in told:
                continue
            told.add((fired.rule, fired.verdict))
            yield _clause(seen, call, fired, readings, judged.seq)


def _clause(seen: Trace, call: Call, fired: Fired, readings: dict[str, Call], seq: int) -> Clause:
    asks = condition(seen, fired.rule)
    call = msgspec.structs.replace(call, args=_args_at(call, seq))
    read = _expressions(seen, call, fired, asks)
    saw = tuple(_saw(seen, call, path, readings) for one in read for path in conditions.paths(one))
    return Clause(
        rule=fired.rule,
        verdict=fired.verdict,
        because=fired.because,
        secret=fired.secret,
        asks=asks,
        saw=tuple(one for one in saw if one.value is not None),
        entries=(seq,),
    )


def _expressions(seen: Trace, call: Call, fired: Fired, asks: str) -> list[str]:
    """What a clause computes with."""
    if not fired.rule.endswith(".across"):
        return [asks] if asks else []
    terms = grant(seen, call.tool).get("across")
    return [str(terms[name]) for name in ("sum", "per") if name in terms] if isinstance(terms, dict) else []


def _args_at(call: Call, seq: int) -> Content:
    """The arguments as they stood when entry `seq` was written."""
    return next((change.before for change in call.amended if change.seq > seq), call.args)


def _held(seen: Trace, call: Call) -> Iterator[str]:
    """Conditions of the contract that a call met: those of a call that was let through and that did not fire."""
    if not any(judged.verdict == "allow" for judged in call.judged):
        return
    for rule in grant(seen, call.tool).get("must", []):
        yield str(rule.get("because", ""))


# ------------------------------------------------------------------------------------------ evidence and arguments


def _rests_on(seen: Trace, call: Call, readings: dict[str, Call]) -> Iterator[Sentence]:
    """Each reading, with the fields that the contract's conditions for this call read of it."""
    fields = _fields_read(seen, call)
    for tool, reading in readings.items():
        again = " (read again by the machine)" if reading.serves else ""
        saws = [_saw(seen, call, path, readings) for path in fields if path[1] == tool and len(path) > 2]
        told = [f"{'.'.join(saw.name.split('.')[2:])} = {words.value(saw.value, 60)}" for saw in saws]
        shown = ", ".join(dict.fromkeys(told)) or words.said(reading.result, 200)
        yield Sentence(f"{words.called(reading)}{again}: {shown}", (reading.answered,))


def _fields_read(seen: Trace, call: Call) -> list[tuple[str, ...]]:
    terms = grant(seen, call.tool)
    asked = [str(rule.get("that", "")) for rule in terms.get("must", [])]
    asked += [str(rule.get("when", "")) for rule in terms.get("review", [])]
    paths = dict.fromkeys(path for expression in asked for path in conditions.paths(expression))
    return [path for path in paths if path[0] == "seen" and len(path) > 1]


def _arguments(seen: Trace, call: Call) -> Iterator[Argument]:
    for path, origin in call.sources.items():
        text, entries = words.origin(seen, origin)
        if origin.startswith("person:"):
            entries = tuple(change.seq for change in call.amended if argument_of(path) in change.changed)
        yield Argument(path, _leaf(call.args.value, path), origin, text, entries)


def _leaf(value: Json, path: str) -> Json:
    for part in path.replace("[", ".[").split("."):
        if part.startswith("[") and isinstance(value, list) and int(part[1:-1]) < len(value):
            value = value[int(part[1:-1])]
        elif isinstance(value, dict):
            value = value.get(part)
        elif part:
            return None
    return value


# ------------------------------------------------------------------------------------------------------ the course


def _course(seen: Trace, call: Call) -> Iterator[Sentence]:
    for seq in call.questions:
        yield from asked_people(seen.questions[seq])
    for change in call.amended:
        before = change.before.value if isinstance(change.before.value, dict) else {}
        after = change.args.value if isinstance(change.args.value, dict) else {}
        parts = [
            f"{name} from {words.value(before.get(name))} to {words.value(after.get(name))}" for name in change.changed
        ]
        yield Sentence(f"{spoken(change.by, change.actor)} changed {words.listed(parts)}.", (change.seq,))
    yield from course.sentences(call)
    for ruling in call.rulings:
        what = {"happened": "it happened", "did_not": "it did not happen", "stop": "nobody can tell: stop"}[
            ruling.verdict
        ]
        text = f" (“{ruling.text}”)" if ruling.text else ""
        yield Sentence(f"{spoken(ruling.by, ruling.actor)} settled it: {what}{text}.", (ruling.seq,))
    if call.undone_by:
        yield Sentence(f"It was undone by run {call.undone_by}.", (call.seq,))


_ENDS = {
    "expired": "Nobody decided in time.",
    "overtaken": "The requester wrote meanwhile, so the question was withdrawn.",
    "void": "What it asked about changed, so the question was withdrawn.",
    "closing": "The run ended, so the question was withdrawn.",
    "resolved": "It was resolved meanwhile.",
}


def asked_people(question: Question) -> Iterator[Sentence]:
    """What people were asked, and what they answered."""
    name = "the requester" if question.role == "requester" else question.role or "a person"
    who = f"{question.people} people ({question.role or 'anyone'})" if question.people > 1 else name
    until = f", with time until {units.say_at(question.until)}" if question.until else ""
    if question.about == "question":
        yield Sentence(f"It asked {who}: “{words.shortened(question.text, 300)}”", (question.seq,))
    else:
        yield Sentence(f"It was put before {who}{until}.", (question.seq,))
    for voice in question.voices:
        text = f": “{words.shortened(voice.text, 300)}”" if voice.text else ""
        after = f" after {units.say_duration(max(voice.at - question.at, 0))}"
        whom = asks_back(voice.verdict)
        verb = f"asked {whom} before deciding," if whom else _VERBS.get(voice.verdict, voice.verdict)
        yield Sentence(f"{spoken(voice.by, voice.actor)} {verb}{after}{text}.", (voice.seq,))
    if (looks := claimed(question)) is not None:
        yield Sentence(f"{spoken(looks.by, looks.actor)} looks into it since {units.say_at(looks.at)}.", (looks.seq,))
    if question.end in _ENDS:
        yield Sentence(_ENDS[question.end], (question.ended,))


_VERBS = {
    "approve": "approved it",
    "deny": "denied it",
    "answer": "answered",
    "retry": "said to try again",
    "tell": "said to go on without it",
    "take": "took the run over",
    "stop": "stopped the run",
    "grant": "granted more",
}


def spoken(by: str, actor: str) -> str:
    """Who spoke; a name that was only asserted on a command line is marked."""
    return f"{by} (by assertion)" if actor.startswith("cli:") else by


# ---------------------------------------------------------------------------------------------------- the output


def rejected_output(seen: Trace, turn: Turn) -> Sentence:
    """Why an answer of the model could not stand, with the condition it broke and what that saw."""
    text = f"The answer of step {turn.step} could not stand: {turn.rejected}."
    output = next((seen.calls[seq] for seq in turn.calls if seen.calls[seq].tool == "done"), None)
    rules = (seen.contract or {}).get("done", {}).get("must", []) if isinstance(seen.contract, dict) else []
    entries = [turn.answered, turn.rejected_at]
    for rule in rules:
        if output is None or str(rule.get("because", "")) not in turn.rejected or not rule.get("that"):
            continue
        saws = [_saw(seen, output, path, {}) for path in conditions.paths(rule["that"])]
        shown = ", ".join(f"{saw.name} was {words.value(saw.value, 60)}" for saw in saws)
        text += f" The contract asks for {rule['that']}; {shown}."
        entries += [seq for saw in saws for seq in saw.entries]
    return Sentence(text.replace("..", "."), tuple(dict.fromkeys(seq for seq in entries if seq)))
