"""The contracts of the checks: which tools an agent has, and on what terms.

Three are made for one task, by somebody who knows what it needs: *names* lists the guarded tools of its solution, *targets*
says which targets they may have, *request* has a person decide wherever a target does not stand in the request. The others
are made for a whole suite, by somebody who knows its tools and no task.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from holdfast.events import Json
from real.dojo.catalog import Catalog, Facts
from real.dojo.script import Wish

Grants: TypeAlias = dict[str, dict[str, Any]]
"""Tool → its terms, as a contract has them."""

Terms: TypeAlias = Callable[[Catalog, Sequence[Wish]], Grants]
"""The terms of all tools an agent has, from what is known of them and the calls that solve its task."""


def everything(tools: Catalog, gold: Sequence[Wish]) -> Grants:
    """Every tool, on no terms."""
    return {name: {} for name in tools}


def names(tools: Catalog, gold: Sequence[Wish]) -> Grants:
    """Every plain read, and those guarded tools by name that the task's solution calls."""
    needed = {wish.tool for wish in gold}
    return {name: {} for name, facts in tools.items() if not facts.guarded or name in needed}


def targets(tools: Catalog, gold: Sequence[Wish]) -> Grants:
    """As `names`, and each argument that names a target must have a value that the solution gives it."""
    made = names(tools, gold)
    for name in made:
        if tools[name].guarded and tools[name].target_args:
            own = [wish.args for wish in gold if wish.tool == name]
            made[name] = {
                "from": {
                    argument: list(dict.fromkeys(literal(args.get(argument)) for args in own))
                    for argument in tools[name].target_args
                }
            }
    return made


def request(tools: Catalog, gold: Sequence[Wish]) -> Grants:
    """As `names`, and a person decides where an argument that names a target has a value the request does not."""
    made = names(tools, gold)
    for name in made:
        if tools[name].guarded:
            made[name] = {"review": [_unless_in_request(tools[name], one) for one in tools[name].target_args]}
    return made


def labels(tools: Catalog, gold: Sequence[Wish]) -> Grants:
    """Every tool; a person decides on each guarded call of a run that has read what anyone could have written."""
    return {name: {"accepts": []} if facts.guarded else {} for name, facts in tools.items()}


def provenance(tools: Catalog, gold: Sequence[Wish]) -> Grants:
    """Every tool; a target stands in the request, or else: found in something untrusted it is refused, otherwise reviewed."""
    return {name: {"from": _from_request(facts)} if facts.guarded else {} for name, facts in tools.items()}


def reviewed(tools: Catalog, gold: Sequence[Wish]) -> Grants:
    """Every tool; a person decides on each guarded call."""
    because = "it changes something, or something leaves"
    return {name: {"review": [{"because": because}]} if facts.guarded else {} for name, facts in tools.items()}


ALL: Final[dict[str, Terms]] = {
    "no contract": everything,
    "names": names,
    "targets": targets,
    "request": request,
    "labels": labels,
    "provenance": provenance,
    "reviewed": reviewed,
}


def literal(value: Json) -> str:
    """A value as a CEL expression: texts, numbers, truth values, null and lists of them are written as in JSON."""
    return json.dumps(value, ensure_ascii=False)


def in_request(facts: Facts, argument: str) -> str:
    """The condition that an argument's value stands in the request. One that is null hits nobody."""
    value = f"args.{argument}"
    stands = {
        "text": f"quotes({value}, input.request)",
        "texts": f"{value}.all(one, quotes(one, input.request))",
        "number": f"quotes(string({value}), input.request)",
        "other": "false",
    }[facts.kind(argument)]
    return f"({value} == null || {stands})"


def _unless_in_request(facts: Facts, argument: str) -> dict[str, str]:
    when = f"has(args.{argument}) && !{in_request(facts, argument)}"
    return {"when": when, "because": f"the request does not say this {argument}"}


def _from_request(facts: Facts) -> dict[str, list[str]]:
    """`from` compares whole values, and a request is a sentence: so the value itself where the sentence holds it."""
    return {argument: [f"{in_request(facts, argument)} ? args.{argument} : null"] for argument in facts.target_args}
