"""`holdfast compare`: whether a more complex agent earns its complexity against a simpler one, on the same cases.

Every trial is a run in the journal, so each can be opened, and a comparison that was killed goes on where it stopped. With other
stakes or another margin it is read off, and nothing is played again.
"""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from msgspec import Struct

from holdfast import units
from holdfast.cli import agents, out
from holdfast.cli.options import AsJson, Work
from holdfast.cli.progress import Board, watched
from holdfast.errors import SettingsError, UsageError

if TYPE_CHECKING:
    from holdfast.evals.compare.comparison import Comparison
    from holdfast.evals.compare.figures import Compared
    from holdfast.evals.compare.measured import Measured
    from holdfast.evals.compare.sides import Side
    from holdfast.evals.drills.faults import Plan

JOURNAL: Final = "sqlite:///.holdfast/compare.db"
"""Apart from the journal of real runs."""


class Order(Struct, frozen=True, kw_only=True):
    """What is to be compared, and what is to be made of it."""

    agents: tuple[str, ...]
    suite: Path | None
    trials: int
    only: tuple[str, ...]
    faults: Path | None
    seed: int | None
    worth: str
    margin: float
    model: str
    concurrency: int
    label: str
    markdown: Path | None
    pictures: dict[str, Path]
    journal: str
    as_json: bool


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def compare(  # noqa: PLR0917 - a command's arguments and options
        simplest: Annotated[
            str, typer.Argument(metavar="A", help="The simpler agent: its folder, or package.module:name.")
        ],
        others: Annotated[list[str], typer.Argument(metavar="B…", help="One or more that are more complex.")],
        suite: Annotated[
            Path | None, typer.Option("--suite", metavar="PATH", help="A folder of cases, or an agent's; cases/ of A.")
        ] = None,
        trials: Annotated[int, typer.Option("--trials", "-k", min=1, max=1000, help="Of each case and agent.")] = 4,
        case: Annotated[
            list[str] | None, typer.Option("--case", metavar="NAME", help="Only this one; may be repeated.")
        ] = None,
        faults: Annotated[
            Path | None, typer.Option("--faults", metavar="FILE", help="What is to go wrong for all; a plan of drill.")
        ] = None,
        seed: Annotated[
            int | None, typer.Option("--seed", min=0, help="Of the order, and of faults; the plan's, or 0.")
        ] = None,
        worth: Annotated[
            str, typer.Option("--worth", metavar="KEY=USD,…", help="Instead of the contract's: success, failure, …")
        ] = "",
        margin: Annotated[
            float, typer.Option("--margin", min=0, metavar="USD", help="What a run must be worth more to be a reason.")
        ] = 0.0,
        model: Annotated[str, typer.Option(help="Instead of all contracts' models: provider:model, or standin.")] = "",
        concurrency: Annotated[int, typer.Option(min=1, max=1000, help="Trials at a time.")] = 16,
        label: Annotated[
            str, typer.Option("--label", metavar="NAME", help="Trials under another label are made anew.")
        ] = "",
        markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write Markdown.")] = None,
        svg: Annotated[Path | None, typer.Option("--svg", metavar="FILE", help="Draw quality against cost.")] = None,
        png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="The same as PNG.")] = None,
        journal: Annotated[str, typer.Option("--journal", metavar="URL", help="Where trials are kept.")] = JOURNAL,
        as_json: AsJson = False,
    ) -> Work:
        """Say whether a more complex agent earns its complexity, on the same cases: earns, does not, or not enough evidence."""
        order = Order(
            agents=(simplest, *others), suite=suite, trials=trials, only=tuple(case or ()), faults=faults, seed=seed, worth=worth,
            margin=margin, model=model, concurrency=concurrency, label=label, markdown=markdown,
            pictures={kind: path for kind, path in (("svg", svg), ("png", png)) if path is not None},
            journal=journal, as_json=as_json,
        )  # fmt: skip
        return partial(_compare, order)


def _compare(order: Order) -> int:
    from holdfast.evals.compare.verdict import EXIT_CODES

    sides, notices = _sides(order)
    comparison = _planned(order, sides)
    for line in dict.fromkeys(notices):
        out.note(line)
    board = _Trials(comparison)
    with watched(board):
        compared = asyncio.run(comparison.run(board.took))
    _write(order, compared)
    if order.as_json:
        out.give(compared)
    else:
        from holdfast.cli.compare_text import text

        out.show(*text(compared, order.journal))
    return EXIT_CODES[compared.verdict]


def _sides(order: Order) -> tuple[tuple[Side, ...], list[str]]:
    """The sides, and what whoever watches has to know about what answers."""
    from holdfast.evals.compare.sides import Entrant, sides_of

    loaded = [agents.load_agent(where, order.model) for where in order.agents]
    entrants = [Entrant(one.where, one.folder, one.agent, one.models) for one in loaded]
    return sides_of(entrants, order.suite, order.only), [one.notice for one in loaded if one.notice]


def _planned(order: Order, sides: tuple[Side, ...]) -> Comparison:
    """What is to be played, said before it is: also what it cannot show."""
    from holdfast.evals.compare import stakes, words
    from holdfast.evals.compare.comparison import Comparison, Wish

    found = stakes.stakes_of(sides[0].agent.contract, stakes.parse(order.worth))
    plan = _faults(order)
    seed = order.seed if order.seed is not None else plan.seed if plan is not None else 0
    wish = Wish(
        stakes=found, trials=order.trials, seed=seed, margin=order.margin, faults=plan, concurrency=order.concurrency, label=order.label
    )  # fmt: skip
    try:
        made = Comparison(order.journal, sides, wish)
    except ModuleNotFoundError as missing:
        raise _not_installed(missing) from None
    out.note(words.before(made.plan))
    return made


def _faults(order: Order) -> Plan | None:
    if order.faults is None:
        return None
    from holdfast.evals.drills import faults

    plan = faults.load(order.faults)
    return plan if order.seed is None else plan.model_copy(update={"seed": order.seed})


def _write(order: Order, compared: Compared) -> None:
    """The files that were asked for. Raises UsageError for one that cannot be written."""
    from holdfast.evals.compare.markdown import markdown

    path = order.markdown
    try:
        if path is not None:
            path.write_text(markdown(compared, order.journal), encoding="utf-8")
        for kind, path in order.pictures.items():
            _draw(compared, path, kind)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from None


def _draw(compared: Compared, path: Path, kind: str) -> None:
    try:
        from holdfast.evals.compare.chart import draw
    except ModuleNotFoundError as missing:
        raise _not_installed(missing) from None
    draw(compared, path, kind)
    out.note(f"quality against cost is drawn in {path}")


def _not_installed(missing: ModuleNotFoundError) -> Exception:
    return SettingsError(f"a comparison needs the package {missing.name}", hint='pip install "holdfast[evals]"')


class _Trials(Board):
    """The counts of trials, while they are made."""

    def __init__(self, comparison: Comparison) -> None:
        super().__init__(comparison.total)
        self.made = {side.letter: [0, 0, 0] for side in comparison.sides}
        """Letter → passed, failed, not made."""

    @property
    def finished(self) -> int:
        """Trials that have their verdict."""
        return sum(map(sum, self.made.values()))

    def took(self, trial: Measured) -> None:
        """One more has its verdict."""
        self.made[trial.side][{True: 0, False: 1, None: 2}[trial.passed]] += 1
        self.nusd += trial.nusd
        self.changed()

    def text(self) -> str:
        """The counts in one line."""
        each = [
            f"{letter} {passed} of {passed + failed + broken} passed"
            for letter, (passed, failed, broken) in self.made.items()
        ]
        return " · ".join([*each, f"{units.say_usd(self.nusd)} USD"])
