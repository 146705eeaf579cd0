"""Workspaces as tools: an agent works in a folder that it cannot hurt, and what it made is taken over as a whole, or not.

    agent = Agent(..., tools={**workspace("./data", makes=["report.json"]), get_order: {}})

Every command runs in a sandbox (`holdfast.sandbox`) on a layer over the folder. What the layer is after a command stands in that
command's result, by its hash, with the content kept beside the journal: so a run goes on in another process where it stopped, and
the folder itself is as it was until `commit`. That is a write like any other: judged, reviewed where the contract says so, looked
up after a crash, and undone bit for bit. Nothing in the loop of a run knows of workspaces.

The content of a layer is on this machine's disk: a run with a workspace goes on where that is.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from pydantic import BaseModel, ConfigDict

from holdfast import tool
from holdfast.codec import value_of
from holdfast.contract import Grant
from holdfast.errors import Conflict, ContractError, HoldfastError, InputError, SettingsError
from holdfast.events import CallAsked, CallLookedUp, CallReturned, CallReturnedLate, CallSettled
from holdfast.tool import Absent, Call, CallKey, CannotTell, Found, NotDone, Refused, Tool

if TYPE_CHECKING:
    from holdfast.sandbox.ladder import Chosen
    from holdfast.sandbox.plan import Plan
    from holdfast.sandbox.port import Capabilities, Isolation
    from holdfast.shell.runner import Runner

TIMEOUT: Final = 120.0
"""Seconds a command may take, its turn awaited included."""

WALL: Final = 90_000_000
"""µs of the program itself."""

SHOWN: Final = 200
"""Changed paths that a result names."""

NAMES: Final = ("shell", "python", "read_file", "write_file", "discard", "commit")


_GAVE: Final = (CallReturned, CallLookedUp, CallReturnedLate, CallSettled)
"""Entries in which the result of a call may stand."""


class Ran(BaseModel):
    """What became of a command."""

    model_config = ConfigDict(defer_build=True)  # built when the first agent with a workspace is

    exit: int
    """As shells say it; 0 only for one that ended well."""
    stdout: str
    stderr: str
    stopped: str = ""
    """The limit at which it was stopped."""
    lacking: list[str] = []
    """What it was to make and did not: missing, empty, or not written by it."""
    changes: list[str] = []
    """All that is otherwise than in the folder: `+ path`, `~ path`, `- path`."""
    layer: str
    """Names the state of the layer after it."""


class Committed(BaseModel):
    """What was taken over into the folder."""

    model_config = ConfigDict(defer_build=True)

    committed: list[str]
    folder: str
    plan: str
    layer: str = ""


class Box(msgspec.Struct, frozen=True):
    """One workspace, as it was declared."""

    folder: Path
    makes: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    isolation: Isolation = "kernel"
    reviewed: bool = False
    """Whether a person decides about every commit."""


def workspace(
    folder: str | Path,
    *,
    makes: Sequence[str] = (),
    packages: Sequence[str] = (),
    isolation: Isolation = "kernel",
    commit: Mapping[str, Any] | Grant | None = None,
) -> dict[Tool[..., Any], Mapping[str, Any] | Grant]:
    """The tools of a workspace over `folder`, with their terms: shell, python, read_file, write_file, discard, commit.

    makes: patterns of files that have to be made in a run, and not be empty, before anything is committed. packages: of those
    installed here, what Python programs in it may import. isolation: how far apart from everything else programs are at least; a
    run on a machine that does not reach it fails. commit: the terms of taking the result over, as of any tool.

    Raises ContractError for a folder that is none, and for packages that are not installed.
    """
    place = Path(folder).resolve()
    if not place.is_dir():
        raise ContractError(f"there is no folder {folder}", hint="a workspace lies over a folder that exists")
    for name in packages:
        if importlib.util.find_spec(name) is None:
            raise ContractError(f"the package {name} is not installed here", hint=f"pip install {name}")
    terms = commit if isinstance(commit, Grant) else Grant.model_validate(dict(commit or {}))
    reviewed = any(review.when == "true" for review in terms.review)
    made_for = Box(place, tuple(makes), tuple(packages), isolation, reviewed)
    made = _tools(made_for)
    for one in made:
        vars(one)["box"] = made_for
    return {one: terms if one.name == "commit" else {} for one in made}


def boxes(tools: Mapping[str, Tool[..., Any]]) -> list[Box]:
    """The workspaces that these tools are of."""
    return list({id(box): box for made in tools.values() if (box := vars(made).get("box")) is not None}.values())


async def held(box: Box) -> Capabilities:
    """What the sandbox of a workspace holds on this machine. Raises SettingsError where none reaches what it asks for."""
    return (await _chosen(box.isolation)).capabilities


async def _chosen(isolation: Isolation) -> Chosen:
    from holdfast.sandbox.ladder import choose

    cache = Path.home() / ".cache" / "holdfast"
    return await choose(isolation, cache if _usable(cache) else None)


def _tools(box: Box) -> tuple[Tool[..., Any], ...]:
    async def shell(command: str, makes: list[str] = [], *, desks: Desks, at: Call) -> Ran:  # noqa: B006 - a schema's default
        """Run bash in the workspace; it ends at the first command that fails, also in a pipeline. `makes`: files it has to write."""
        from holdfast.sandbox.port import shell as line

        return await desks.run(box, at, line(command), makes=makes)

    async def python(code: str, makes: list[str] = [], *, desks: Desks, at: Call) -> Ran:  # noqa: B006 - a schema's default
        """Run a Python program in the workspace. `makes`: files it has to write."""
        return await desks.run(box, at, (str(_python()), "-s", "-P", "-"), stdin=code.encode(), makes=makes)

    async def read_file(path: str, *, desks: Desks, at: Call) -> Ran:
        """Read a file of the workspace as text."""
        return await desks.run(box, at, ("/bin/cat", "--", path))

    async def write_file(path: str, text: str, *, desks: Desks, at: Call) -> Ran:
        """Write a file of the workspace, and the folders above it. A file of that name is replaced."""
        script = 'mkdir -p -- "$(dirname -- "$0")" && cat > "$0"'
        return await desks.run(box, at, ("/bin/bash", "-c", script, path), stdin=text.encode(), makes=[])

    async def discard(*, desks: Desks, at: Call) -> Ran:
        """Throw away everything that was changed in the workspace and not committed."""
        return await desks.discard(box, at)

    async def found(layer: str = "", *, desks: Desks, at: Call) -> Found[Committed] | Absent | CannotTell:
        return await desks.look(box, at)

    async def back(result: Committed, *, desks: Desks, key: CallKey) -> None:
        """Make the folder what it was before."""
        await desks.undo(result)

    async def commit(layer: str = "", *, desks: Desks, at: Call) -> Committed:
        """Take all that was changed over into the folder itself. `layer`: the state that is meant, as the last result names it."""
        return await desks.commit(box, at, layer)

    reads = [tool.read(timeout=TIMEOUT)(one) for one in (shell, python, read_file, write_file, discard)]
    undo = tool.write(timeout=TIMEOUT, name="uncommit")(back)
    return (*reads, tool.write(timeout=TIMEOUT, lookup=found, effect_id="plan", undo=undo)(commit))


class Desks:
    """How tools of workspaces reach the layers of runs. One of a worker; a resource of its tools."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._chosen: dict[str, Chosen] = {}
        self._choosing = asyncio.Lock()

    # ---- running

    async def run(
        self, box: Box, at: Call, argv: tuple[str, ...], *, stdin: bytes = b"", makes: Sequence[str] = ()
    ) -> Ran:
        """Run a program on the run's layer, after all that was asked for before it. Raises SettingsError, InputError."""
        from holdfast.sandbox.port import Limits, Spec

        layer = await self._layer(box, at)
        chosen = await self._sandbox(box.isolation)
        spec = Spec(
            argv, box.folder, layer, stdin=stdin, reads=_reads(box.packages), environment=_environment(box.packages),
            makes=tuple(makes), limits=Limits(wall=WALL), seed=at.seq,
        )  # fmt: skip
        record = await chosen.sandbox.run(spec, self._blobs(box))
        lacking = [f"{one.pattern}: {one.what}" for one in record.lacking]
        stopped = "" if record.stop in ("exited", "signalled") else record.stop
        return Ran(
            exit=record.code or (1 if lacking else 0), stdout=record.stdout.text, stderr=record.stderr.text, stopped=stopped,
            lacking=lacking, changes=_said(record.plan), layer=self._kept(box, record.plan),
        )  # fmt: skip

    async def discard(self, box: Box, at: Call) -> Ran:
        """An empty layer again."""
        from holdfast.sandbox.plan import Plan

        await self._layer(box, at)
        return Ran(exit=0, stdout="", stderr="", layer=self._kept(box, Plan()))

    # ---- committing

    async def commit(self, box: Box, at: Call, named: str) -> Committed:
        """Make the folder what the layer says. Raises Refused where it may not be, NotDone where somebody else is at it."""
        from holdfast.sandbox.artefacts import lacking
        from holdfast.sandbox.workspace import Changed

        plan = await self._layer(box, at)
        if named and named != _name(plan):
            raise Refused(f"the layer is {_name(plan)} by now, and not {named}: look at it first")
        files = {change.path: change.post.size for change in plan.changes if change.post.kind == "file"}
        if wrong := lacking(box.makes, files, set(files)):
            raise Refused(
                "; ".join(
                    f"{pattern} is {'not made in this run' if what == 'missing' else what}" for pattern, what in wrong
                )
            )
        shy = [change for change in plan.changes if change.sensitive]
        if shy and not box.reviewed:
            why = ", ".join(f"{change.path} ({change.sensitive})" for change in shy[:5])
            raise Refused(f"it changes {why}: a person has to see that, and this contract puts no commit before one")
        try:
            await asyncio.to_thread(self._workspace(box).commit, plan, self._blobs(box))
        except (Changed, InputError) as error:
            raise Refused(error.what) from None
        except Conflict as error:
            raise NotDone(error.what, retry_after=1.0) from None
        return self._committed(box, plan, at)

    async def look(self, box: Box, at: Call) -> Found[Committed] | Absent | CannotTell:
        """Whether the folder is what the layer says; a commit that was stopped is gone on with."""
        from holdfast.sandbox.images import NOTHING
        from holdfast.sandbox.workspace import tree_of

        plan = await self._layer(box, at)
        try:
            work = self._workspace(box)
            standing = work.standing()
            if standing is not None and standing.plan == plan and standing.way == "commit":
                await asyncio.to_thread(work.finish, self._blobs(box))
            elif standing is not None:
                return CannotTell("another commit of this folder is under way")
            tree = await asyncio.to_thread(tree_of, box.folder)
        except HoldfastError as error:
            return CannotTell(str(error))
        have = [tree.get(change.path, NOTHING) for change in plan.changes]
        if all(one == change.post.plain() for one, change in zip(have, plan.changes, strict=True)):
            return Found(_effect(plan, at), self._committed(box, plan, at))
        if all(one == change.pre.plain() for one, change in zip(have, plan.changes, strict=True)):
            return Absent()
        return CannotTell("the folder is neither as it was nor as it was to be")

    async def undo(self, done: Committed) -> None:
        """Make a folder what it was before a commit. Raises Refused where somebody changed it since."""
        from holdfast.sandbox import plan as plans
        from holdfast.sandbox.workspace import Changed

        box = Box(Path(done.folder))
        blobs = self._blobs(box)
        plan = plans.decode(blobs.get(done.plan.partition(":")[0]))
        try:
            await asyncio.to_thread(self._workspace(box).undo, plan, blobs)
        except (Changed, InputError) as error:
            raise Refused(error.what) from None

    def _committed(self, box: Box, plan: Plan, at: Call) -> Committed:
        from holdfast.sandbox.plan import Plan as Nothing

        return Committed(
            committed=_said(plan), folder=str(box.folder), plan=_effect(plan, at), layer=self._kept(box, Nothing())
        )

    # ---- the layer

    async def _layer(self, box: Box, at: Call) -> Plan:
        """The layer as the last command before this call left it; waits for those that are under way."""
        from holdfast.sandbox import plan as plans

        heard = asyncio.Event()
        deaf = self._runner.journal.listen(lambda run, _: heard.set() if run == at.run else None)
        try:
            while True:
                heard.clear()
                state = await self._runner.state(at.run)
                before = (call for call in state.calls.values() if call.tool in NAMES and call.seq < at.seq)
                if all(call.status in ("answered", "doubt") for call in before):
                    break
                await heard.wait()
        finally:
            deaf()
        asked: dict[int, str] = {}
        name = ""
        for entry in await self._runner.entries(at.run):
            event = entry.event
            if isinstance(event, CallAsked):
                asked[entry.seq] = event.tool
            elif isinstance(event, _GAVE) and asked.get(event.call) in NAMES and event.call != at.seq:
                value = value_of(event.result) if event.result is not None else None
                name = value.get("layer", name) if isinstance(value, dict) else name
        return plans.decode(self._blobs(box).get(name)) if name else plans.Plan()

    def _kept(self, box: Box, plan: Plan) -> str:
        from holdfast.sandbox import plan as plans

        return str(self._blobs(box).put(plans.encode(plan)))

    def _blobs(self, box: Box) -> Any:
        from holdfast.sandbox.blobs import FolderBlobs

        return FolderBlobs(self._state(box) / "content")

    def _workspace(self, box: Box) -> Any:
        from holdfast.sandbox.workspace import Workspace

        return Workspace(box.folder, self._state(box))

    def _state(self, box: Box) -> Path:
        """Where what belongs to a folder is kept: beside the journal."""
        url = self._runner.journal.url
        home = Path(url.removeprefix("sqlite:///")).parent if url.startswith("sqlite:///") else Path(".holdfast")
        return (home / "workspaces" / hashlib.sha256(str(box.folder).encode()).hexdigest()[:16]).absolute()

    async def _sandbox(self, isolation: Isolation) -> Chosen:
        async with self._choosing:
            if isolation not in self._chosen:
                self._chosen[isolation] = await _chosen(isolation)
            return self._chosen[isolation]


def _usable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return True


def _name(plan: Plan) -> str:
    from holdfast.sandbox import plan as plans

    return hashlib.sha256(plans.encode(plan)).hexdigest()


def _effect(plan: Plan, at: Call) -> str:
    """The name of one commit: the same changes may be committed twice, with something else in between."""
    return f"{_name(plan)}:{at.run}:{at.seq}"


def _said(plan: Plan) -> list[str]:
    """A plan as people and models read it."""
    sign = {True: "+", False: "~"}
    told = [
        f"{'-' if change.post.kind == 'nothing' else sign[change.pre.kind == 'nothing']} {change.path}"
        for change in plan.changes[:SHOWN]
    ]
    told += [f"! {one.path}: {one.why}" for one in plan.refused[:SHOWN]]
    rest = len(plan.changes) - SHOWN
    return [*told, f"and {rest} more"] if rest > 0 else told


def _python() -> Path:
    """Python as it is installed, and not in anybody's environment."""
    found = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    return found if found.exists() else Path("/usr/bin/python3")


def _reads(packages: Sequence[str]) -> tuple[Path, ...]:
    """Folders outside the system's that programs have to read."""
    found = [] if sys.base_prefix in ("/usr", "/usr/local") else [Path(sys.base_prefix)]
    return (*found, *_places(packages))


def _places(packages: Sequence[str]) -> tuple[Path, ...]:
    places = []
    for name in packages:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise SettingsError(f"the package {name} is not installed here", hint=f"pip install {name}")
        home = Path(spec.origin).parent
        places.append(home.parent if spec.submodule_search_locations else home)
    return tuple(dict.fromkeys(places))


def _environment(packages: Sequence[str]) -> tuple[tuple[str, str], ...]:
    places = _places(packages)
    return (("PYTHONPATH", ":".join(map(str, places))),) if places else ()
