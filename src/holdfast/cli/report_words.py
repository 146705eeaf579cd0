"""A report in words: its sections, the same for a terminal, a page and Markdown. What nobody knows is never 0."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from holdfast import units
from holdfast.cli.report_audit import audit, governance
from holdfast.cli.report_parts import (
    Block,
    Cell,
    Clauses,
    Document,
    Fact,
    Facts,
    Lacking,
    Para,
    Section,
    Table,
    Tone,
    cells,
)
from holdfast.cli.report_people import people
from holdfast.cli.report_proof import SCRIPTED, drill, reasons, repeatability
from holdfast.evals.drills.drill import LEAST
from holdfast.evals.readiness.drills import Drilled
from holdfast.evals.readiness.found import percent, span
from holdfast.evals.readiness.read import scripted
from holdfast.evals.readiness.report import Report
from holdfast.evals.readiness.rows import Row
from holdfast.views import words
from holdfast.views.cost import Total
from holdfast.views.spending import say

TONES: dict[str, Tone] = {"pass": "good", "fail": "bad", "RIGHT_REASON": "good", "WRONG_REASON": "bad"}

LEAD = (
    "Made from journals alone; nothing in it is typed in by anybody. It says what was recorded and what was not, and claims no "
    "compliance with anything: “no evidence” means that these journals hold none."
)


def document(found: Report, rows: Sequence[Row]) -> Document:
    """All of a report."""
    where = [
        (name, url) for name, url in (("production", found.journal), ("trials", found.evals), ("drills", found.drills))
    ]
    read = "; ".join(f"{name}: {url or 'no journal'}" for name, url in where)
    at = f" at {units.say_at(found.made)}" if found.made else ""
    return Document(
        title=found.agent, lead=LEAD, made=f"holdfast {found.holdfast}{at} · {read}", summary=tuple(_summary(found, rows)),
        sections=(
            Section("contract", "The contract", tuple(_contract(found))),
            Section("repeatability", "Does it succeed every time?", tuple(repeatability(found))),
            Section("drill", "Does it stay safe when things go wrong?", tuple(drill(found))),
            Section("reason", "Is it right for the right reason?", tuple(reasons(found))),
            Section("cost", "What does a success cost?", tuple(_cost(found))),
            Section("people", "Do people stay in charge?", tuple(people(found))),
            Section("audit", "Does the record hold?", tuple(audit(found))),
            Section("governance", "Governance evidence", tuple(governance(rows))),
        ),
    )  # fmt: skip


def _summary(found: Report, rows: Sequence[Row]) -> Iterator[Fact]:
    nothing = "no evidence"
    card = found.repeatability
    if card is None or not card.repeats:
        yield Fact("every time", nothing, "trials", "dim")
    else:
        last = card.repeats[-1]
        band = last.every.band
        yield Fact(
            f"every time (pass^{last.k})",
            percent(band.point if band else None),
            span(band),
            TONES.get(card.ruling.verdict, "warn"),
        )
    if found.drill is None or not found.drill.landed:
        yield Fact("harm under faults", nothing, "drill", "dim")
    else:
        harm, landed = found.drill.wrong, words.count(found.drill.landed, "fault")
        yield Fact("harm under faults", f"{harm:,}", f"of {landed} landed", _harm(found.drill))
    if not found.reasons:
        yield Fact("right reason", nothing, "counterfactuals", "dim")
    else:
        right = sum(one.verdict == "RIGHT_REASON" for one in found.reasons)
        wrong = any(one.verdict == "WRONG_REASON" for one in found.reasons)
        tone: Tone = "bad" if wrong else "good" if right == len(found.reasons) else "warn"
        yield Fact("right reason", f"{right} of {len(found.reasons)}", "decisions", tone)
    live = found.production
    if live is None:
        yield Fact("production", nothing, "runs", "dim")
    else:
        yield Fact(
            "production",
            percent(found.success.point if found.success else None),
            f"of {live.closed:,} runs that are over",
        )
        cost = live.cost.per_success
        yield Fact(
            "a success costs", f"{units.say_usd(cost)} USD" if cost is not None else "unknown", "models, production"
        )
    good = found.audit is not None and not found.audit.damaged and bool(found.audit.entries)
    if found.audit is None or not found.audit.entries:
        yield Fact("the record", nothing, "audit", "dim")
    else:
        yield Fact(
            "the record", "holds" if good else "damaged", f"{found.audit.entries:,} entries", "good" if good else "bad"
        )
    yield Fact("governance rows", f"{sum(row.evidenced for row in rows)} of {len(rows)}", "with evidence")


def _harm(seen: Drilled) -> Tone:
    if seen.wrong or any(tool.verdict == "not safe" for tool in seen.tools):
        return "bad"
    return "good" if seen.landed >= LEAST else "warn"


# -------------------------------------------------------------------------------------------------------- contract


def _contract(found: Report) -> Iterator[Block]:
    told = found.contract
    if told is None:
        yield Lacking("no contract stands in these journals, or it was erased", f"holdfast run {found.called}")
        return
    yield Para(told.task, "strong")
    yield Para(f"Contract {told.digest}, as of {_from(found.contract_from)}.{_opened(found)}", "dim")
    for place, digest in found.others:
        yield Para(
            f"Another contract is that of {_from(place)}: {digest[:12]}.", "warn" if "same but" not in place else "dim"
        )
    if found.production is not None and scripted(found.production.models):
        yield Para(f"In production too: {SCRIPTED[0].lower()}{SCRIPTED[1:]}", "warn")
    takes, gives = (value or "anything" for value in (told.takes, told.gives))
    instructions = words.count(told.instructions, "character") if told.instructions else "none"
    yield Clauses("agent", "who answers, and what", (
        ("models", ", ".join(told.models)), ("takes", takes), ("gives", gives), ("instructed", instructions),
        *([("turns", told.turn)] if told.turn else []),
    ))  # fmt: skip
    for tool in told.tools:
        lines = tuple((term.kind, term.text) for term in tool.terms) or (("rule", "none: whenever the agent wants"),)
        yield Clauses(tool.name, _effect(found, tool.name), lines)
    if told.done:
        yield Clauses("done", "what the output must prove", tuple((term.kind, term.text) for term in told.done))
    yield Facts(tuple(Fact(name, value) for name, value in told.limits), "Ceilings of one run", small=True)
    yield Facts(tuple(Fact(name, value) for name, value in told.surprises), "What follows a surprise", small=True)
    yield from _reach(found)


def _opened(found: Report) -> str:
    """Which versions of holdfast opened the runs of production."""
    live = found.production
    if live is None or not live.runs:
        return ""
    return (
        f" Runs were opened by holdfast {words.listed([f'{name} ({many:,})' for name, many in live.holdfast.items()])}."
    )


def _from(place: str) -> str:
    names = {"production": "the newest run of production", "trials": "the newest trial", "a drill": "the newest drill"}
    name, comma, rest = place.partition(",")
    return names.get(name, name) + comma + rest


def _effect(found: Report, name: str) -> str:
    used = next((one for one in found.production.tools if one.name == name), None) if found.production else None
    if used is None:
        return "never called in production"
    classes = f", data classes {', '.join(used.classes)}" if used.classes else ""
    trust = (
        ""
        if used.effect == "write"
        else ", from trusted sources"
        if used.trusted
        else ", which anyone may have written"
    )
    verb = "writes" if used.effect == "write" else "reads"
    return f"{verb}{trust}{classes} · {words.count(used.calls, 'call')}"


def _reach(found: Report) -> Iterator[Block]:
    live = found.production
    if live is None:
        yield Lacking("what it reads in production: no run", f"holdfast run {found.called}")
        return
    classes = f"Data classes that reached its model: {', '.join(live.classes)}." if live.classes else (
        "No result bore a data class beyond plain: either there is none, or no tool says so."
    )  # fmt: skip
    yield Para(classes)
    yield Para(
        f"Text that anyone may have written reached its model in {live.untrusted:,} of {words.count(live.runs, 'run')}."
    )


# ------------------------------------------------------------------------------------------------------------ cost


def _cost(found: Report) -> Iterator[Block]:
    live, card = found.production, found.repeatability
    if live is None:
        yield Lacking("production: there is no run", f"holdfast run {found.called}")
    else:
        yield from _paid(live.cost)
    if card is None:
        yield Lacking("trials: none was played", f"holdfast eval {found.called}")
        return
    band = card.cost_per_success
    if card.unpriced:
        said = f"unknown: {words.count(card.unpriced, 'answer')} came of models of which nobody knows the price"
    elif band is None or band.point is None:
        said = "there was no success" if card.trials else "no case counts"
    elif not card.nusd:
        said = "0.00 USD: what answers there costs nothing"
    else:
        high = f"{band.high:.4f}" if band.high is not None else "no bound above"
        said = f"{band.point:.4f} USD ({band.low or 0:.4f} to {high})"
    yield Para(f"A success in trials, failed ones counted: {said}.")


def _paid(cost: Total) -> Iterator[Block]:
    people = cost.per_success_with_people
    facts = [
        Fact("paid", say(cost.money), "USD, models"),
        Fact("for each success", _usd(cost.per_success) if cost.won else "no success", "USD, failures counted"),
        Fact("with people's time", _usd(people) if cost.won else "no success", _verdicts(cost)),
    ]
    yield Facts(tuple(facts))
    rows = [
        cells(name, f"{one.times:,}", Cell(say(one.money)), units.say_duration(one.took))
        for name, one in (
            ("runs that were no success", cost.lost), ("retries in the others", cost.retries), ("repeats in the others", cost.repeats)
        )
    ]  # fmt: skip
    yield Table(("for nothing", "times", "USD", "time"), tuple(rows), frozenset({0}), title="Waste")
    if cost.under_way.times:
        yield Para(f"{words.count(cost.under_way.times, 'run')} not over yet, not counted as waste.", "dim")


def _usd(amount: int | None) -> str:
    return units.say_usd(amount) if amount is not None else "unknown"


def _verdicts(cost: Total) -> str:
    many = words.count(cost.people.verdicts, "verdict")
    return many if cost.value is not None else f"{many}; no contract values a minute"
