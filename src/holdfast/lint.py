"""What is wrong with a contract, and what a strict colleague would advise. Errors and advice apart.

Errors are things that could never work or would break a guarantee; an agent with one cannot be made. Advice is printed by
`holdfast check`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct

from holdfast import conditions
from holdfast.contract import Contract, Grant, Programs
from holdfast.errors import ContractError
from holdfast.events import Json
from holdfast.tool import Tool

BUILTIN = ("ask", "decline", "done", "more")
"""Calls every agent has; no tool may take their names."""


class Finding(Struct, frozen=True):
    """One thing found, where it stands, and what to do."""

    level: Literal["error", "advice"]
    where: str
    what: str
    hint: str = ""
    docs: str = ""
    """The page and section that explains it, below docs/; empty: that of the clause it stands in."""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def findings(contract: Contract, tools: Mapping[str, Tool[..., Any]]) -> list[Finding]:
    """Everything there is to say about a contract and its tools, errors first."""
    found = [*_structure(contract, tools), *_rules(contract, tools)]
    if not found:
        found = [*_long_work(contract, tools), *_advice(contract, tools)]
    return sorted(found, key=lambda one: one.level != "error")


def _long_work(contract: Contract, tools: Mapping[str, Tool[..., Any]]) -> Iterator[Finding]:
    """Work that is started needs somebody who can say what became of it."""
    for name in contract.tools:
        made = tools.get(name)
        if made is None or not made.starts:
            continue
        if made.effect != "write":
            hint = "let a write start it, and look it up"
            yield _error(f"tools.{name}", "only a write can return Started", hint)
        elif made.options.lookup is None:
            hint = "give it lookup=: nothing else can say what became of the work"
            yield _error(f"tools.{name}", "it returns Started and has no lookup", hint)


def _error(where: str, what: str, hint: str = "") -> Finding:
    return Finding("error", where, what, hint)


def _structure(contract: Contract, tools: Mapping[str, Tool[..., Any]]) -> Iterator[Finding]:
    for name, grant in contract.tools.items():
        where = f"tools.{name}"
        if name in BUILTIN:
            yield _error(where, f"{name} is a call every agent has already", "give the tool another name")
        if name not in tools:
            near = ", ".join(sorted(tools)) or "none"
            yield _error(where, f"there is no tool called {name}", f"tools that exist: {near}")
            continue
        try:
            fields = set(tools[name].takes.schema.get("properties", {}))
            _ = tools[name].gives.schema, tools[name].injects, tools[name].reversal
        except ContractError as error:
            yield _error(where, error.what, error.hint)
            continue
        yield from _delegation(where, grant, tools[name], contract)
        for clause, named in (("amendable", grant.amendable), ("from", grant.from_)):
            for argument in named:
                if argument not in fields:
                    yield _error(
                        f"{where}.{clause}",
                        f"{name} has no argument {argument}",
                        f"it has: {', '.join(sorted(fields))}",
                    )
        for needed in grant.needs:
            if needed not in contract.tools:
                yield _error(
                    f"{where}.needs",
                    f"{needed} is not among this contract's tools",
                    "list it under tools, or do not need it",
                )
            elif needed in tools and tools[needed].effect == "write":
                yield _error(f"{where}.needs", f"{needed} writes; evidence comes from reads")
    for title in {rule.check for rule in _every_rule(contract) if rule.check} - set(contract.predicates):
        yield _error("predicates", f"no predicate is called {title}", "give the function in Agent(predicates=[...])")


MAX_DEPTH = 5
"""Agents one below another, the first included. Deeper trees are hard to answer for, and no task was seen to need one."""


def _delegation(where: str, grant: Grant, made: Tool[..., Any], contract: Contract) -> Iterator[Finding]:
    """What is wrong with a call that another agent answers."""
    if made.effect == "program" and grant.program is not None:
        yield from _program(where, grant.program, contract)
    if made.effect != "child":
        for key in ("limits", "agree"):
            if getattr(grant, key) is not None:
                yield _error(
                    f"{where}.{key}",
                    "only a call that another agent answers has it",
                    "name the agent: `agent: ../other`",
                )
        return
    if grant.amendable:
        yield _error(f"{where}.amendable", "what another agent is asked is not amended", "review what that agent does")
    if (grant.agent or {}).get("conversation"):
        hint = "give that agent a contract without `conversation`"
        yield _error(where, "it is answered by an agent that talks with a requester, and here nobody would talk", hint)
    if (deep := 1 + _depth(grant.agent)) > MAX_DEPTH:
        yield _error(where, f"{deep} agents one below another", f"at most {MAX_DEPTH}: let one of them do more itself")
    for expression in (grant.agree.about, grant.agree.on) if grant.agree is not None else ():
        try:
            strangers = [name for name in conditions.asked_for(expression) if name not in ("args", "output")]
        except ContractError as error:
            yield _error(f"{where}.agree", error.what, error.hint)
            continue
        for stranger in strangers:
            yield _error(f"{where}.agree", f"`{stranger}` is not known there", "it knows args and output")


def _program(where: str, grant: Programs, contract: Contract) -> Iterator[Finding]:
    for name in grant.calls:
        if name not in contract.tools:
            yield _error(f"{where}.program", f"there is no tool called {name}", f"tools: {', '.join(contract.tools)}")
        if not name.isidentifier():
            yield _error(
                f"{where}.program",
                f"a program cannot call {name}: that is no name in Python",
                "use letters, digits and _",
            )


def _depth(contract: Mapping[str, Json] | None) -> int:
    """Agents one below another in a contract, itself included."""
    tools = (contract or {}).get("tools", {})
    return 1 + max((_depth(terms["agent"]) for terms in tools.values() if "agent" in terms), default=0)


def _every_rule(contract: Contract) -> Iterator[Any]:
    for grant in contract.tools.values():
        yield from grant.must
    yield from contract.done.must


def expressions(contract: Contract) -> Iterator[tuple[str, str, str, Grant | None]]:
    """(where, expression, tool, grant) of every condition."""
    for name, grant in contract.tools.items():
        for where, expression in _granted(grant):
            yield f"tools.{name}.{where}", expression, name, grant
    if contract.one_at_a_time:
        yield "one_at_a_time", contract.one_at_a_time, "", None
    for at, rule in enumerate(contract.done.must):
        if rule.that:
            yield f"done.must[{at}]", rule.that, "", None
    if contract.done.review is not None:
        yield "done.review", contract.done.review.when, "", None


def _granted(grant: Grant) -> Iterator[tuple[str, str]]:
    """(where, expression) of every condition on one tool."""
    for at, rule in enumerate(grant.must):
        if rule.that:
            yield f"must[{at}]", rule.that
    for at, review in enumerate(grant.review):
        yield f"review[{at}]", review.when
    for needed, wanted in grant.needs.items():
        for argument, expression in wanted.items():
            yield f"needs.{needed}.{argument}", expression
    for argument, sources in grant.from_.items():
        for expression in sources:
            yield f"from.{argument}", expression
    if grant.across is not None:
        yield "across.per", grant.across.per
        yield "across.sum", grant.across.sum


def _rules(contract: Contract, tools: Mapping[str, Tool[..., Any]]) -> Iterator[Finding]:
    for where, expression, name, grant in expressions(contract):
        try:
            conditions.compiled(expression)
            strangers = conditions.unknown_names(expression)
        except ContractError as error:
            yield _error(where, error.what, error.hint)
            continue
        for stranger in strangers:
            yield _error(
                where, f"`{stranger}` is no name a condition knows", f"it knows {', '.join(sorted(conditions.NAMES))}"
            )
        for path in conditions.paths(expression):
            yield from _path(where, path, name, grant, contract, tools)
    for name, grant in contract.tools.items():
        for needed, wanted in grant.needs.items():
            if needed in tools:
                fields = tools[needed].takes.schema.get("properties", {})
                for argument in wanted:
                    if argument not in fields:
                        yield _error(f"tools.{name}.needs.{needed}", f"{needed} has no argument {argument}")


def _path(
    where: str,
    path: tuple[str, ...],
    name: str,
    grant: Grant | None,
    contract: Contract,
    tools: Mapping[str, Tool[..., Any]],
) -> Iterator[Finding]:
    head, rest = path[0], path[1:]
    match head:
        case "args" | "output" if (head == "args") != bool(name):
            yield _error(where, f"`{head}` has no meaning here", "`args` belongs to a tool's rules, `output` to done")
        case "args" if name in tools:
            yield from _reaches(where, path, rest, tools[name].takes.schema, f"{name} has no argument")
        case "output":
            yield from _reaches(where, path, rest, contract.gives, "the output has no field")
        case "input":
            yield from _reaches(where, path, rest, contract.takes, "the input has no field")
        case "seen" if rest:
            if grant is None or rest[0] not in grant.needs:
                yield _error(
                    where,
                    f"seen.{rest[0]} is not under `needs` here",
                    "what a rule rests on must be needed: only then is it surely there",
                )
            elif rest[0] in tools:
                yield from _reaches(
                    where, path, rest[1:], tools[rest[0]].gives.schema, f"the result of {rest[0]} has no field"
                )
        case "run" if rest and rest[0] not in conditions.RUN:
            yield _error(where, f"`run` has no {rest[0]}", f"it has: {', '.join(sorted(conditions.RUN))}")
        case "effects" if rest:
            if rest[0] not in contract.tools:
                yield _error(where, f"there is no tool called {rest[0]}")
            elif rest[0] in tools and tools[rest[0]].effect != "write":
                yield _error(where, f"{rest[0]} only reads; `effects` holds what was written")


def _reaches(where: str, path: tuple[str, ...], rest: tuple[str, ...], schema: Json, what: str) -> Iterator[Finding]:
    if rest and not reachable(schema, rest):
        yield _error(where, f"{what} {'.'.join(rest)} (in `{'.'.join(path)}`)")


def reachable(schema: Json, path: tuple[str, ...]) -> bool:
    """Whether a value of this schema can have something at a path. Where a schema leaves it open, it can."""
    return not path or any(
        (
            path[0] in option.get("properties", {})
            and reachable({**option["properties"][path[0]], "$defs": schema.get("$defs", {})}, path[1:])
        )
        or (path[0] not in option.get("properties", {}) and _open(option))
        for option in _options(schema, schema.get("$defs", {}), 0)
    )


def _open(option: Json) -> bool:
    if option.get("type") not in (None, "object"):
        return False
    return option.get("additionalProperties", "properties" not in option) is not False


def _options(schema: Json, defs: Json, depth: int) -> Iterator[Json]:
    if depth > 8 or not isinstance(schema, dict):
        return
    if "$ref" in schema:
        yield from _options(defs.get(schema["$ref"].rsplit("/", 1)[-1], {}), defs, depth + 1)
        return
    branches = [*schema.get("anyOf", []), *schema.get("oneOf", []), *schema.get("allOf", [])]
    if branches:
        for branch in branches:
            yield from _options(branch, defs, depth + 1)
        return
    yield schema


_DATED = re.compile(r"\d{4}-?\d{2}-?\d{2}|\d+\.\d+")


def _advice(contract: Contract, tools: Mapping[str, Tool[..., Any]]) -> Iterator[Finding]:
    known = {name: tools[name] for name in contract.tools if name in tools}
    for name, made in known.items():
        where = f"tools.{name}"
        if len(made.description) < 20:
            yield Finding(
                "advice",
                where,
                "its description tells a model too little",
                "say what it does, of what, and when not to use it",
                "tools.md#declaring",
            )
        if made.effect == "write" and made.options.undo is None and not contract.tools[name].review:
            yield Finding(
                "advice",
                where,
                "it writes, cannot be undone, and nobody reviews it",
                "give it undo=, or a review rule",
                "undo.md",
            )
        if made.effect == "write" and not made.keyed and made.options.lookup is None:
            yield Finding(
                "advice", where, "after a crash nobody can tell whether it happened, so a person will be asked",
                "take a `key: CallKey`, or give it lookup=", "tools.md#keys",
            )  # fmt: skip
    for key, schema in (("gives", contract.gives),):
        if schema.get("type") == "string" or (schema.get("type") == "object" and "properties" not in schema):
            yield Finding("advice", key, "a free-form output proves nothing", "give it fields that `done` can check")
    for model in contract.models:
        if ":" in model and not model.startswith(("script:", "recorded:", "holdfast:")) and not _DATED.search(model):
            yield Finding("advice", "models", f"{model} is an alias that moves", "name a dated version")
    untrusted = any(not made.label.trusted for made in known.values() if made.effect == "read")
    writes = [name for name, made in known.items() if made.effect == "write"]
    open_writes = [name for name in writes if not contract.tools[name].review and not contract.tools[name].from_]
    if untrusted and open_writes:
        yield Finding(
            "advice", f"tools.{open_writes[0]}",
            "it changes something, anyone may have written what is read before it, and neither a review nor `from` stands between "
            "(the Rule of Two)",
            "pin its deciding arguments with `from`, or review it", "contract.md#toolstoolfrom",
        )  # fmt: skip
