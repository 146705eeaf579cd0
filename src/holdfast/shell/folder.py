"""An agent as a folder: `contract.yaml`, `instructions.md`, `tools.py`, loaded as a package under its own name."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from msgspec import Struct

from holdfast.agent import Agent, Predicate
from holdfast.contract import Contract
from holdfast.errors import ContractError, UsageError
from holdfast.events import Json
from holdfast.programs import program
from holdfast.shell.workspace import workspace
from holdfast.tool import Tool

_PLAIN: Final[dict[str, Any]] = {"str": str, "int": int, "float": float, "bool": bool, "dict": dict, "list": list}
_REQUIRED: Final = ("name", "task", "takes", "gives", "models", "tools")
_OF_A_TEAM: Final = ("models", "tools")
"""Keys that a team does not have: they follow from who is in it."""


class Folder(Struct, frozen=True):
    """What an agent's folder holds."""

    path: Path
    agent: Agent[Any, Any]
    resources: Callable[[Mapping[str, str]], Any] | None = None
    standin: Any = None
    """A scripted stand-in for a model, for running the example without a key; `standin.py` has one, or a mapping by agent."""
    children: tuple[Folder, ...] = ()
    """Of the agents it may call."""

    @property
    def family(self) -> tuple[Folder, ...]:
        """This one, those of the agents it may call, and of those that they may; each once."""
        found = {(self.path, self.agent.name): self}
        for child in self.children:
            found |= {(one.path, one.agent.name): one for one in child.family}
        return tuple(found.values())


def load(where: str) -> Folder:
    """The agent in a folder, the one a Python path `package.module:name` names, or a folder's under another contract in it.

    Raises UsageError where there is none, ContractError with everything that is wrong with it.
    """
    path = Path(where)
    if path.is_dir():
        return _from_folder(path.resolve())
    if path.suffix in (".yaml", ".yml") and path.is_file():
        return _from_folder(path.resolve().parent, path.name)
    if ":" in where:
        return _from_object(where)
    raise UsageError(
        f"there is no agent at {where}",
        hint="give a folder with a contract.yaml, or a Python path like package.module:agent",
    )


def _from_object(where: str) -> Folder:
    module_name, _, name = where.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise UsageError(f"there is no module {error.name}", hint="is it installed, or in this folder?") from None
    found = getattr(module, name, None)
    if not isinstance(found, Agent):
        raise UsageError(f"{where} is no Agent", hint=f"agents in it: {', '.join(_named(module, Agent)) or 'none'}")
    return Folder(
        Path(module.__file__ or "."), found, getattr(module, "resources", None), getattr(module, "standin", None)
    )


def _from_folder(folder: Path, contract: str = "contract.yaml", above: tuple[Path, ...] = ()) -> Folder:
    where = folder / contract
    data = read_yaml(where)
    missing = [key for key in _REQUIRED if key not in data and not ("team" in data and key in _OF_A_TEAM)]
    if missing:
        raise ContractError(
            f"{where}: `{missing[0]}` is missing",
            hint=f"six keys are required: {', '.join(_REQUIRED)}",
        )
    package = _package(folder)
    tools_file = folder / "tools.py"
    module = _module(f"{package}.tools", tools_file) if tools_file.exists() else ModuleType("tools")
    standin_file = folder / "standin.py"
    standin = _module(f"{package}.standin", standin_file) if standin_file.exists() else None
    members = _team(data, where) if "team" in data else {}
    grants = members or _grants(data["tools"], where)
    children = _children(grants, where, (*above, where))
    if members:
        agent = _as_team(where, dict(data), grants, module, children)
    else:
        made = _made(grants, module, children, where)
        agent = _agent(where, dict(data), made, module)
    answers = getattr(standin, "standin", None)
    return Folder(
        folder,
        agent,
        getattr(module, "resources", None),
        answers.get(agent.name) if isinstance(answers, Mapping) else answers,
        tuple(children.values()),
    )


def _made(
    grants: dict[str, Json], module: ModuleType, children: Mapping[str, Folder], where: Path
) -> dict[Tool[..., Any], Json]:
    """The tools that a contract names, with their terms: functions, agents, programs, workspaces."""
    tools = {name: found for name in dir(module) if isinstance(found := getattr(module, name), Tool)}
    by_name = {tool.name: tool for tool in tools.values()}
    by_name |= {name: child.agent.as_tool(name) for name, child in children.items()}
    made: dict[Tool[..., Any], Json] = {}
    for name, terms in grants.items():
        if "workspace" in terms:
            made |= _workspace(terms, where, name)
        elif "program" in terms:
            made[program(name, calls=(terms["program"] or {}).get("calls", ()))] = terms
        elif name in by_name:
            made[by_name[name]] = terms
        else:
            raise ContractError(
                f"{where}: there is no tool called {name}",
                hint=f"tools in tools.py: {', '.join(sorted(by_name)) or 'none'}",
            )
    return made


_OF_A_WORKSPACE: Final = ("makes", "packages", "isolation")


def _workspace(terms: dict[str, Json], where: Path, name: str) -> dict[Tool[..., Any], Any]:
    """The tools of a workspace; the terms beside what it is are those of committing."""
    given = {key: terms[key] for key in _OF_A_WORKSPACE if key in terms}
    commit = {key: value for key, value in terms.items() if key not in ("workspace", *_OF_A_WORKSPACE)}
    try:
        return dict(workspace(where.parent / str(terms["workspace"]), commit=commit, **given))
    except (ContractError, TypeError) as error:
        hint = error.hint if isinstance(error, ContractError) else ""
        raise ContractError(f"{where}: tools.{name}: {error}", hint=hint) from None


def _agent(where: Path, data: dict[str, Json], made: dict[Tool[..., Any], Json], module: ModuleType) -> Agent[Any, Any]:
    del data["tools"]
    instructions = _instructions(data, where)
    checks = _checks(data, {one.name: terms for one, terms in made.items()}, module, where)
    takes, gives = _type(data.pop("takes"), module, where, "takes"), _type(data.pop("gives"), module, where, "gives")
    unknown = [key for key in data if key not in Contract.model_fields or key == "predicates"]
    if unknown:
        raise ContractError(f"{where}: `{unknown[0]}` is no key of a contract", hint="docs/contract.md names them all")
    try:
        return Agent(
            takes=takes, gives=gives, tools=made, predicates=checks,
            instructions=instructions, **data,
        )  # fmt: skip
    except ContractError as error:
        raise ContractError(f"{where}: {error.what}", hint=error.hint) from None


def _instructions(data: dict[str, Json], where: Path) -> str:
    given = str(data.pop("instructions", "") or "")
    return _text(where.parent / given) if given.endswith((".md", ".txt")) and "\n" not in given else given


def _as_team(
    where: Path, data: dict[str, Json], grants: dict[str, Json], module: ModuleType, children: Mapping[str, Folder]
) -> Agent[Any, Any]:
    """A team's agent, made of the folders of its members; the writer's is the last."""
    from holdfast.teams import team  # most agents are none, and what its posts are made of takes a while to build

    order = data.pop("team")
    unfit = [key for key in data if key not in Contract.model_fields or key in ("predicates", *_OF_A_TEAM)]
    if unfit:
        raise ContractError(
            f"{where}: `{unfit[0]}` is no key of a team's contract", hint="docs/teams.md names them all"
        )
    *peers, writer = (
        (children[name].agent, {key: term for key, term in terms.items() if key != "agent"})
        for name, terms in grants.items()
    )
    takes, gives = _type(data.pop("takes"), module, where, "takes"), _type(data.pop("gives"), module, where, "gives")
    try:
        return team(
            takes=takes, gives=gives, peers=dict(peers), writer=writer[0], writes=writer[1], rounds=order.get("rounds", 3),
            instructions=_instructions(data, where), **data,
        )  # fmt: skip
    except ContractError as error:
        raise ContractError(f"{where}: {error.what}", hint=error.hint) from None


def _team(data: Json, where: Path) -> dict[str, Json]:
    """The members of a team as calls that other agents answer, by their paths, the writer last."""
    order = data["team"]
    wants = (
        "`team` has `peers` (paths of agents, or a mapping from paths to terms), `writer` (a path), and maybe `rounds`"
    )
    if not isinstance(order, dict) or not {"peers", "writer"} <= set(order) <= {"peers", "writer", "rounds", "writes"}:
        raise ContractError(f"{where}: {wants}", hint="docs/teams.md shows one")
    peers = order["peers"] if isinstance(order["peers"], dict) else dict.fromkeys(order["peers"] or ())
    if len(peers) < 2:
        raise ContractError(f"{where}: a team has two peers or more", hint="a single agent does what one does")
    if order["writer"] in peers:
        raise ContractError(f"{where}: the writer is one of the peers", hint="let somebody write who did not take part")
    found = {str(path): {**(terms or {}), "agent": str(path)} for path, terms in peers.items()}
    return {**found, str(order["writer"]): {**(order.get("writes") or {}), "agent": str(order["writer"])}}


def _grants(given: Json, where: Path) -> dict[str, Json]:
    """Tool → terms; a bare name has none."""
    if isinstance(given, list):
        given = dict.fromkeys(given)
    if not isinstance(given, Mapping):
        raise ContractError(f"{where}: `tools` is a list of names, or a mapping from names to terms")
    return {str(name): terms or {} for name, terms in given.items()}


def _children(grants: dict[str, Json], where: Path, above: tuple[Path, ...]) -> dict[str, Folder]:
    """The agents that this one may call, by the name of the tool. above: the contracts that lead here."""
    found: dict[str, Folder] = {}
    for name, terms in grants.items():
        if not isinstance(terms, Mapping) or "agent" not in terms:
            continue
        place = (where.parent / str(terms["agent"])).resolve()
        contract = place if place.suffix in (".yaml", ".yml") else place / "contract.yaml"
        if contract in above:
            raise ContractError(
                f"{where}: tools.{name} delegates to {terms['agent']}, which leads back here",
                hint="an agent cannot be its own tool, nor that of an agent it calls",
            )
        if not contract.is_file():
            raise ContractError(
                f"{where}: tools.{name}: there is no agent at {place}",
                hint="name a folder with a contract.yaml, or the contract of another agent in a folder",
            )
        found[name] = _from_folder(contract.parent, contract.name, above)
    return found


def _checks(data: Json, grants: dict[str, Json], module: ModuleType, where: Path) -> list[Predicate]:
    """The Python predicates that rules name."""
    rules = [rule for terms in grants.values() if isinstance(terms, Mapping) for rule in terms.get("must") or ()]
    rules += (data.get("done") or {}).get("must") or ()
    names = dict.fromkeys(str(rule["check"]) for rule in rules if isinstance(rule, Mapping) and rule.get("check"))
    found: list[Predicate] = []
    for name in names:
        check = getattr(module, name, None)
        if not callable(check):
            raise ContractError(
                f"{where}: no predicate is called {name}", hint=f"define def {name}(names): ... in tools.py"
            )
        found.append(check)
    return found


def _type(given: Json, module: ModuleType, where: Path, key: str) -> Any:
    if given is None or isinstance(given, Mapping):
        return given
    found = _PLAIN.get(str(given)) or getattr(module, str(given), None)
    if found is None:
        raise ContractError(
            f"{where}: `{key}` names the type {given}, and tools.py has none of that name",
            hint="define it there, or give a JSON Schema",
        )
    return found


def read_yaml(path: Path) -> dict[str, Json]:
    """A YAML 1.2 file that holds one mapping with text keys. Raises ContractError with file and line."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    text = _text(path)
    try:
        data = YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ContractError(f"{path}, line {line}: {error.problem or error}", hint="this is not YAML 1.2") from None
    except YAMLError as error:
        raise ContractError(f"{path}: {error}", hint="this is not YAML 1.2") from None
    if not isinstance(data, dict):
        raise ContractError(f"{path}: a contract is a mapping of keys", hint="begin with name: and task:")
    _keys(data, path, "")
    return data


def _keys(value: Json, path: Path, at: str) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ContractError(
                    f"{path}: the key {key!r} under {at or 'the top'} is no text", hint='put it in quotes: "…"'
                )
            _keys(item, path, f"{at}.{key}".lstrip("."))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _keys(item, path, f"{at}[{number}]")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ContractError(
            f"there is no {path}", hint="an agent's folder has contract.yaml, and beside it what it names"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ContractError(f"{path} cannot be read: {error}") from None


def beside(folder: Folder, name: str) -> ModuleType | None:
    """The module of this name in an agent's folder; None where there is none. Raises ContractError where it cannot be imported."""
    place = folder.path if folder.path.is_dir() else folder.path.parent
    file = place / f"{name}.py"
    return _module(f"{_package(place)}.{name}", file) if file.exists() else None


def _package(folder: Path) -> str:
    """The folder as a package under its own name, unless another one has that name already."""
    name = "".join(char if char.isalnum() else "_" for char in folder.name)
    known = sys.modules.get(name)
    if known is not None and [str(folder)] != list(getattr(known, "__path__", [])):
        name = f"agent_{name}_{abs(hash(str(folder))) % 10**8}"
    if name not in sys.modules:
        package = ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    return name


def _module(name: str, path: Path) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ContractError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except ContractError:
        del sys.modules[name]
        raise
    except Exception as error:
        del sys.modules[name]
        raise ContractError(
            f"{path} cannot be imported: {type(error).__name__}: {error}", hint="run it alone to see where"
        ) from error
    return module


def _named(module: ModuleType, kind: type) -> list[str]:
    return [name for name in dir(module) if isinstance(getattr(module, name), kind)]
