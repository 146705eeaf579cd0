"""`holdfast check`: what is wrong with an agent, what could be better, and every default it relies on.

0 nothing is wrong, 1 with `--strict` where something could be better, 3 something is wrong.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer
from msgspec import Struct
from msgspec.structs import replace
from pydantic import BaseModel

from holdfast import lint, units
from holdfast.cli import agents, check_place, out
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


STRICT: int = 1
"""There is advice, and it was to count."""


class Told(Struct, frozen=True):
    """One finding, with where it stands and what explains it."""

    level: Literal["error", "advice"]
    where: str
    what: str
    hint: str = ""
    docs: str = ""
    """`docs/tools.md#keys`."""
    place: str = ""
    """File and line of the contract; empty where that is not known."""


class Checked(Struct, frozen=True, kw_only=True):
    """What there is to say about an agent."""

    agent: str
    contract: str = ""
    errors: tuple[Told, ...] = ()
    advice: tuple[Told, ...] = ()
    defaults: dict[str, Json] = {}
    isolation: tuple[str, ...] = ()
    """Of an agent with a workspace: what its programs run in here, and what that does not hold."""


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def check(
        agent: Annotated[str, typer.Argument(metavar="AGENT", help="Its folder, or package.module:name.")],
        strict: Annotated[
            bool, typer.Option("--strict", help="Advice counts too: exit code 1 where there is any.")
        ] = False,
        setting: Settings = None,
        as_json: AsJson = False,
    ) -> Work:
        """Say what is wrong with an agent, what could be better, and what its contract leaves at its default."""
        return partial(_check, agent, pairs(setting, "--setting"), strict, as_json)


def _check(where: str, settings: dict[str, str], strict: bool, as_json: bool) -> int:
    found = _checked(where, settings)
    if as_json:
        out.give(found)
    else:
        out.show(*_text(found))
    if found.errors:
        return ContractError.exit_code
    return STRICT if strict and found.advice else DONE


def _checked(where: str, settings: dict[str, str]) -> Checked:
    try:
        folder = agents.load_folder(where)
    except ContractError as error:
        return Checked(agent=where, errors=tuple(_wrong(where, error)))
    contract, file = folder.agent.contract, _file(where)
    advice = [one for one in lint.findings(contract, folder.agent.tools) if one.level == "advice"]
    isolated, missing = asyncio.run(_isolation(folder))
    return Checked(
        agent=folder.agent.name,
        contract=contract.digest,
        errors=tuple(_told(one, file) for one in (*missing, *_resources(where, folder, settings))),
        advice=tuple(_told(one, file) for one in advice),
        defaults=dict(defaults(contract)),
        isolation=tuple(isolated),
    )


def _file(where: str) -> Path | None:
    """The file that an agent's contract stands in, as the caller would name it; None where it is written in Python."""
    path = Path(where)
    file = path / "contract.yaml" if path.is_dir() else path
    return file if file.suffix in (".yaml", ".yml") and file.is_file() else None


def _told(one: lint.Finding, file: Path | None) -> Told:
    line = check_place.line(file, one.where) if file is not None else 0
    page = one.docs or check_place.docs(one.where, one.what)
    return Told(one.level, one.where, one.what, one.hint, f"docs/{page}", f"{file}:{line}" if line else "")


_FILE: Final = re.compile(r"(?P<file>[^\n]+?\.ya?ml)(?:, line (?P<line>\d+))?: ?(?P<rest>[^\n]*)")
_AGENT: Final = re.compile(r"agent [\w-]+: ?")
_PATH: Final = re.compile(r"`?(?P<path>[A-Za-z][\w-]*(?:[.\[][\w\].\[-]*)?)`?(?P<sign>:| )")


def _wrong(where: str, error: ContractError) -> Iterator[Told]:
    """Each thing that is wrong with an agent that cannot be made, out of the text that says them all."""
    first, *others = error.what.split("\n  ")
    file, line = _file(where), ""
    if found := _FILE.match(first):
        named = Path(found["file"])
        file = file if file is not None and named == file.resolve() else named
        first, line = found["rest"], found["line"] or ""
    first = _AGENT.sub("", first, count=1)
    for number, text in enumerate(one for one in (first, *others) if one):
        path = _PATH.match(text)
        clause = path["path"].rstrip(".") if path is not None and (text[0] == "`" or _is_clause(path["path"])) else ""
        what = text[path.end() :].strip() if path is not None and clause and path["sign"] == ":" else text
        told = _told(lint.Finding("error", clause or "contract", what, error.hint if number == 0 else ""), file)
        yield (
            replace(told, where=clause or where, place=f"{file}:{line}")
            if line
            else replace(told, where=clause or where)
        )


def _is_clause(path: str) -> bool:
    return re.split(r"[.\[]", path)[0] in check_place.KEYS


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

    counts = f"{words.count(len(found.errors), 'error')}, {words.count(len(found.advice), 'piece', 'pieces')} of advice"
    head = Text.assemble((found.agent, "bold"), f"  contract {found.contract[:12] or 'not made'}: {counts}")
    parts: list[RenderableType] = [head]
    for title, findings, style in (("errors", found.errors, "bold red"), ("advice", found.advice, "yellow")):
        parts += [Text.assemble((f"\n{title}", style), f"  {len(findings)}")] if findings else []
        parts += [part for finding in findings for part in _finding(finding, style)]
    if found.isolation or found.defaults:
        parts.append(Text())
    parts += [Text.assemble(("isolation  ", "dim"), what) for what in found.isolation]
    if found.defaults:
        told = ", ".join(f"{key}: {_plain(value)}" for key, value in found.defaults.items())
        parts.append(Text.assemble(("defaults  ", "dim"), told))
    return parts


def _plain(value: Json) -> str:
    """A default as a contract writes it."""
    if isinstance(value, str) and value.removesuffix("ms").isdigit() and value.endswith("ms"):
        return units.say_duration(int(value.removesuffix("ms")) * 1000)
    return words.value(value)


def _finding(finding: Told, style: str) -> Iterator[RenderableType]:
    from rich.padding import Padding
    from rich.text import Text

    where = "" if finding.what.lstrip("`").startswith(finding.where) else f"{finding.where}: "
    yield Padding(Text.assemble((where, style), finding.what), (0, 0, 0, 2))
    below = [finding.hint, "  ".join(part for part in (finding.place, finding.docs) if part)]
    yield from (Padding(Text(line, style="dim"), (0, 0, 0, 6)) for line in below if line)
