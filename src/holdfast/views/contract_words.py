"""A contract in words: what an agent is for, what it may touch and on what terms, and where it stops.

told = in_words(contract)
told.tools[0].terms            sentences, each rule with its reason and its condition
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from holdfast import units
from holdfast.contract import Contract, Grant, Review, Rule
from holdfast.events import Json
from holdfast.views import words
from holdfast.views.contract_diff import said
from holdfast.views.contract_shared import of_all_runs, turn


class Term(Struct, frozen=True):
    """One thing a contract says."""

    kind: str
    """agent, agree, evidence, source, rule, review, amendable, at most, across, rate, at once, breaker, accepts."""
    text: str


class Terms(Struct, frozen=True):
    """On what terms one tool may be called; none: whenever the agent wants."""

    name: str
    terms: tuple[Term, ...]


class Told(Struct, frozen=True, kw_only=True):
    """A contract in words."""

    name: str
    digest: str
    task: str
    models: tuple[str, ...]
    takes: str
    gives: str
    tools: tuple[Terms, ...]
    done: tuple[Term, ...]
    limits: tuple[tuple[str, str], ...]
    """Ceiling → how high it is."""
    surprises: tuple[tuple[str, str], ...]
    instructions: int
    """Characters of them."""
    conversation: bool
    turn: str
    """Of which runs one goes on at a time; empty where all do."""
    worth: tuple[tuple[str, str], ...]


LIMITS: Final = {
    "steps": "answers of a model", "usd": "money", "work": "time of models and tools", "wall": "time in all",
    "retries": "attempts after a first", "repeats": "the same call with the same result", "output": "tokens of one answer",
    "context": "bytes of a prompt", "children": "runs of other agents it may open",
}  # fmt: skip

SURPRISES: Final = {
    "partial": "an answer that is not all", "exhausted": "attempts used up", "unknown": "a write of unknown outcome",
    "limit": "a ceiling reached", "contradiction": "two agents that contradict each other",
}  # fmt: skip


def in_words(contract: Contract) -> Told:
    """All of a contract that people have to know."""
    limits, surprises, worth = contract.limits, contract.surprises, contract.worth
    return Told(
        name=contract.name, digest=contract.digest, task=contract.task, models=tuple(contract.models),
        takes=_shape(contract.takes), gives=_shape(contract.gives),
        tools=tuple(Terms(name, tuple(_terms(grant))) for name, grant in contract.tools.items()),
        done=tuple(_done(contract)), limits=tuple((what, _limit(name, getattr(limits, name))) for name, what in LIMITS.items()),
        surprises=tuple((what, getattr(surprises, name)) for name, what in SURPRISES.items()),
        instructions=len(contract.instructions), conversation=contract.conversation,
        turn=turn(contract.one_at_a_time),
        worth=tuple((name, getattr(worth, name)) for name in type(worth).model_fields if getattr(worth, name) != "0"),
    )  # fmt: skip


def _limit(name: str, value: int | None) -> str:
    if value is None:
        return "none"
    if name == "usd":
        return f"{units.say_usd(value)} USD"
    return units.say_duration(value) if name in ("work", "wall") else f"{value:,}"


def _shape(schema: Mapping[str, Json]) -> str:
    """What a value has to look like, in a line: its fields, or its type."""
    fields = schema.get("properties")
    title = str(schema.get("title") or "")
    if isinstance(fields, dict) and fields:
        return f"{title}: {', '.join(fields)}" if title else ", ".join(fields)
    return title or words.value(schema.get("type", "any"), 60).strip('"')


def _terms(grant: Grant) -> Iterator[Term]:
    if grant.agent is not None:
        yield Term("agent", f"answered by the agent {grant.agent['name']} in a run of its own{_carved(grant)}")
    if grant.agree is not None:
        yield Term("agree", f"two answers about the same {grant.agree.about} must have the same {grant.agree.on}")
    fresh = f", no older than {units.say_duration(grant.fresh)}" if grant.fresh is not None else ""
    for tool, arguments in grant.needs.items():
        about = f" with {words.listed([f'{name} = {what}' for name, what in arguments.items()])}" if arguments else ""
        yield Term("evidence", f"only after {tool} was read in full{about}{fresh}")
    for name, sources in grant.from_.items():
        yield Term("source", f"{name} comes from {words.listed(sources, 'or') or 'nowhere'}, else a person is asked")
    for rule in grant.must:
        yield Term("rule", said(rule))
    for review in grant.review:
        yield Term("review", said(review))
    if grant.amendable:
        yield Term("amendable", f"a reviewer may change {words.listed(list(grant.amendable))}, and nothing else")
    if grant.at_most is not None:
        yield Term("at most", f"{words.count(grant.at_most, 'time')} in a run")
    for kind, told in of_all_runs(grant):
        yield Term(kind, told)
    if grant.accepts is not None:
        what = words.listed(list(grant.accepts)) or "plain and trusted data alone"
        yield Term("accepts", f"not once the model has been shown anything but {what}")


def _carved(grant: Grant) -> str:
    """What the child may use, in words."""
    if grant.limits is None:
        return ""
    given = {name: getattr(grant.limits, name) for name in type(grant.limits).model_fields}
    told = [
        f"{_limit(name, value)}{'' if name in ('usd', 'work') else f' {name}'}"
        for name, value in given.items()
        if value is not None
    ]
    return f", with at most {words.listed(told)}" if told else ""


def _done(contract: Contract) -> Iterator[Term]:
    clauses: list[Rule | Review] = [*contract.done.must, *([contract.done.review] if contract.done.review else [])]
    for clause in clauses:
        yield Term("review" if isinstance(clause, Review) else "rule", said(clause))
