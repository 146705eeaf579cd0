"""`holdfast check`: what is wrong with an agent, what could be better, and every default it relies on."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec import Struct
from pydantic import BaseModel

from holdfast import lint, units
from holdfast.cli import agents, out
from holdfast.cli.options import AsJson, Settings, Work, pairs
from holdfast.contract import Contract
from holdfast.errors import ContractError, SettingsError
from holdfast.events import Json
from holdfast.shell.folder import Folder
from holdfast.shell.workspace import boxes, held
from holdfast.views import words

if TYPE_CHECKING:
    from rich.console import RenderableType

DONE: int = 0


class Checked(Struct, frozen=True, kw_only=True):
    """What there is to say about an agent."""

    agent: str
    contract: str = ""
    errors: tuple[lint.Finding, ...] = ()
    advice: tuple[lint.Finding, ...] = ()
    defaults: dict[str, Json] = {}
    isolation: tuple[str, ...] = ()
    """Of an agent with a workspace: what its programs run in here, and what that does not hold."""


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def check(
        agent: Annotated[str, typer.Argument(metavar="AGENT", help="Its folder, or package.module:name.")],
        setting: Settings = None,
        as_json: AsJson = False,
    ) -> Work:
        """Say what is wrong with an agent, what could be better, and what its contract leaves at its default."""
        return partial(_check, agent, pairs(setting, "--setting"), as_json)


def _check(where: str, settings: dict[str, str], as_json: bool) -> int:
    found = _checked(where, settings)
    if as_json:
        out.give(found)
    else:
        out.show(*_text(found))
    return ContractError.exit_code if found.errors else DONE


def _checked(where: str, settings: dict[str, str]) -> Checked:
    try:
        folder = agents.load_folder(where)
    except ContractError as error:
        return Checked(agent=where, errors=(lint.Finding("error", where, error.what, error.hint),))
    contract = folder.agent.contract
    advice = [one for one in lint.findings(contract, folder.agent.tools) if one.level == "advice"]
    isolated, missing = asyncio.run(_isolation(folder))
    return Checked(
        agent=folder.agent.name,
        contract=contract.digest,
        errors=(*missing, *_resources(where, folder, settings)),
        advice=tuple(advice),
        defaults=dict(defaults(contract)),
        isolation=tuple(isolated),
    )


async def _isolation(folder: Folder) -> tuple[list[str], list[lint.Finding]]:
    """(what programs run in here and what that does not hold, what is missing), by measuring it."""
    told: list[str] = []
    missing: list[lint.Finding] = []
    for box in (box for one in folder.agent.family for box in boxes(one.tools)):
        try:
            found = await held(box)
        except SettingsError as error:
            missing.append(lint.Finding("error", f"workspace {box.folder.name}", error.what, error.hint))
            continue
        told += [f"{box.folder.name}: {found.version or found.backend}, isolation `{found.isolation}`, measured here"]
        told += [f"not held: {what}" for what in found.not_covered]
    return told, missing


def _resources(where: str, folder: Folder, settings: dict[str, str]) -> list[lint.Finding]:
    """What the tools want and nobody provides; the resources are opened to see it."""
    loaded = agents.Loaded(where, folder, folder.agent)

    async def look() -> list[str]:
        async with agents.provided([loaded], settings) as resources:
            return agents.unprovided(folder.agent, resources)

    return [lint.Finding("error", "resources", what, agents.PROVIDE) for what in asyncio.run(look())]


def defaults(contract: Contract) -> dict[str, Json]:
    """Key → value, for every key that the contract does not set."""
    found: dict[str, Json] = {}
    _defaults(contract, contract.data, "", found)
    return found


_NOT_SHOWN = frozenset({"predicates", "tools", "done", "worth", "team"})


def _defaults(model: BaseModel, data: Any, path: str, found: dict[str, Json]) -> None:
    for name, field in type(model).model_fields.items():
        key = field.alias or name
        value = getattr(model, name)
        if isinstance(value, BaseModel) and name not in _NOT_SHOWN:
            _defaults(value, data[key], f"{path}{key}.", found)
        elif name not in model.model_fields_set and (path or name not in _NOT_SHOWN):
            found[f"{path}{key}"] = data.get(key, value)  # a later key is not in it while unused


def _text(found: Checked) -> list[RenderableType]:
    from rich.text import Text

    parts = [_finding(finding, "error", "bold red") for finding in found.errors]
    parts += [_finding(finding, "advice", "yellow") for finding in found.advice]
    if not found.contract:
        return parts
    parts += [Text.assemble(("isolation  ", "dim"), what) for what in found.isolation]
    if found.defaults:
        told = ", ".join(f"{key}: {_plain(value)}" for key, value in found.defaults.items())
        parts.append(Text.assemble(("defaults  ", "dim"), told))
    counts = f"{words.count(len(found.errors), 'error')}, {words.count(len(found.advice), 'piece', 'pieces')} of advice"
    head = Text.assemble((found.agent, "bold"), f"  contract {found.contract[:12]}: {counts}")
    return [head, *parts]


def _plain(value: Json) -> str:
    """A default as a contract writes it."""
    if isinstance(value, str) and value.removesuffix("ms").isdigit() and value.endswith("ms"):
        return units.say_duration(int(value.removesuffix("ms")) * 1000)
    return words.value(value)


def _finding(finding: lint.Finding, word: str, style: str) -> RenderableType:
    from rich.padding import Padding
    from rich.text import Text

    hint = f"\n{finding.hint}" if finding.hint else ""
    where = "" if finding.what.startswith(finding.where) else f"{finding.where}: "
    return Padding(Text.assemble((f"{word}  ", style), where, finding.what, (hint, "dim")), (0, 0, 0, 0))
