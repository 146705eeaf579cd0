"""`holdfast eval`: an agent's cases, each played some times, and the verdict: pass, fail or inconclusive.

Null agents play first, for nothing; then the agent itself. Every trial is a run in the journal, so what failed can be opened,
and a suite that was killed goes on where it stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer
from msgspec import Struct

from holdfast import units
from holdfast.cli import agents, out
from holdfast.cli.options import AsJson, Settings, Work, pairs
from holdfast.cli.progress import Board, watched
from holdfast.errors import ContractError, SettingsError, UsageError

if TYPE_CHECKING:
    from holdfast.evals.scores.baseline import Baseline
    from holdfast.evals.scores.evaluation import Evaluation
    from holdfast.evals.scores.scorecard import Plan, Scorecard
    from holdfast.evals.trials.cache import Cache
    from holdfast.evals.trials.trial import Suite, Trial

JOURNAL: Final = "sqlite:///.holdfast/eval.db"


class Order(Struct, frozen=True, kw_only=True):
    """What is to be played, and what is to be made of it."""

    agent: str
    trials: int
    only: tuple[str, ...]
    cases: Path | None
    model: str
    seed: int
    concurrency: int
    require: float | None
    baseline: Path | None
    margin: float
    save: Path | None
    junit: Path | None
    markdown: Path | None
    cache: bool
    nulls: bool
    label: str
    settings: dict[str, str]
    journal: str
    as_json: bool


def register(app: typer.Typer) -> None:
    """Put the verb on the command line."""

    @app.command()
    def eval(  # noqa: A001, PLR0917 - the verb's own name; a command's arguments and options
        agent: Annotated[str, typer.Argument(metavar="AGENT", help="Its folder, or package.module:name.")],
        trials: Annotated[int, typer.Option("--trials", "-k", min=1, max=1000, help="Of each case.")] = 4,
        case: Annotated[
            list[str] | None, typer.Option("--case", metavar="NAME", help="Only this one; may be repeated.")
        ] = None,
        cases: Annotated[
            Path | None, typer.Option("--cases", metavar="PATH", help="Cases elsewhere: a folder, or one file.")
        ] = None,
        model: Annotated[str, typer.Option(help="Instead of the contract's models: provider:model, or standin.")] = "",
        seed: Annotated[int, typer.Option("--seed", min=0, help="Of the order in which trials are made.")] = 0,
        concurrency: Annotated[int, typer.Option(min=1, max=1000, help="Trials at a time.")] = 16,
        require: Annotated[
            float | None, typer.Option(metavar="RATE", help="Pass where the share of successes is shown to be above.")
        ] = None,
        baseline: Annotated[
            Path | None, typer.Option(metavar="FILE", help="Pass where it is shown to be no worse; see --save.")
        ] = None,
        margin: Annotated[
            float, typer.Option(min=0, max=0.99, help="By how much it may be worse: 0.1 is ten points.")
        ] = 0.1,
        save: Annotated[Path | None, typer.Option(metavar="FILE", help="Keep the trials as a baseline.")] = None,
        junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write JUnit's XML.")] = None,
        markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write Markdown.")] = None,
        cache: Annotated[
            bool, typer.Option("--cache", help="Keep models' answers beside the journal; ask none twice.")
        ] = False,
        no_nulls: Annotated[bool, typer.Option("--no-nulls", help="Leave out the agents that know nothing.")] = False,
        label: Annotated[
            str, typer.Option("--label", metavar="NAME", help="Trials under another label are made anew.")
        ] = "",
        setting: Settings = None,
        journal: Annotated[str, typer.Option("--journal", metavar="URL", help="Where trials are kept.")] = JOURNAL,
        as_json: AsJson = False,
    ) -> Work:
        """Play an agent's cases, and say whether it does them every time: pass, fail or inconclusive."""
        order = Order(
            agent=agent, trials=trials, only=tuple(case or ()), cases=cases, model=model, seed=seed, concurrency=concurrency,
            require=require, baseline=baseline, margin=margin, save=save, junit=junit, markdown=markdown, cache=cache,
            nulls=not no_nulls, label=label, settings=pairs(setting, "--setting"), journal=journal, as_json=as_json,
        )  # fmt: skip
        return partial(_eval, order)


def _eval(order: Order) -> int:
    from holdfast.evals.scores.evaluation import Evaluation
    from holdfast.evals.stats.gate import EXIT_CODES
    from holdfast.evals.trials.code_digest import code_digest
    from holdfast.evals.trials.suite import suite_of

    loaded = agents.load_agent(order.agent, order.model)
    suite = suite_of(loaded.folder, loaded.agent, cases=order.cases, only=order.only)
    suite = msgspec.structs.replace(suite, live=partial(_live, loaded, order.settings))
    match, cache = _baseline(order), _cache(order)
    plan = _planned(order, suite, match)
    if loaded.notice:
        out.note(loaded.notice)
    evaluation = Evaluation(
        order.journal, suite, plan, models=loaded.models, nulls=order.nulls, baseline=match, cache=cache,
        label=f"{order.label}:{code_digest(loaded.folder, loaded.agent)}", concurrency=order.concurrency,
    )  # fmt: skip
    board = _Trials(evaluation.total)
    try:
        with watched(board):
            card = asyncio.run(evaluation.run(board.took))
    finally:
        if cache is not None:
            cache.close()
    _write(order, evaluation, card)
    if order.as_json:
        out.give(card)
    else:
        from holdfast.cli.eval_text import text

        out.show(*text(card, order.journal))
    return EXIT_CODES[card.verdict]


@asynccontextmanager
async def _live(loaded: agents.Loaded, settings: dict[str, str]) -> AsyncIterator[tuple[object, ...]]:
    """The agent's real resources, for cases that read live. Raises SettingsError and ContractError where there are none."""
    async with agents.provided([loaded], settings) as resources:
        wants = [what for one in loaded.agent.family for what in agents.unprovided(one, resources)]
        if wants:
            said = "\n  ".join(["a case reads live, and tools want what nobody provides:", *wants])
            raise ContractError(said, hint=agents.PROVIDE)
        yield resources


def _baseline(order: Order) -> Baseline | None:
    from holdfast.evals.scores import baseline

    return baseline.read(order.baseline) if order.baseline is not None else None


def _cache(order: Order) -> Cache | None:
    if not order.cache:
        return None
    from holdfast.evals.trials.cache import Cache

    scheme, _, path = order.journal.partition(":///")
    if scheme != "sqlite" or not path:
        raise UsageError("answers are kept beside the journal, and this one is no file", hint=f"--journal {JOURNAL}")
    return Cache(Path(path).with_suffix(".answers.jsonl"))


def _planned(order: Order, suite: Suite, baseline: Baseline | None) -> Plan:
    """What is to be played, said before it is: also what it cannot show."""
    from holdfast.evals.scores.card_words import before
    from holdfast.evals.scores.gates import beforehand
    from holdfast.evals.scores.scorecard import planned

    try:
        plan = planned(suite, order.trials, order.seed, require=order.require, baseline=baseline, margin=order.margin)
        said = [before(plan)] + ([beforehand(order.require, plan.families)] if order.require is not None else [])
    except ModuleNotFoundError as missing:
        raise SettingsError(
            f"statistics need the package {missing.name}", hint='pip install "holdfast[evals]"'
        ) from None
    for line in said:
        out.note(line)
    return plan


def _write(order: Order, evaluation: Evaluation, card: Scorecard) -> None:
    """The files that were asked for. Raises UsageError for one that cannot be written."""
    from holdfast.evals.scores import baseline
    from holdfast.evals.scores.junit import junit
    from holdfast.evals.scores.markdown import markdown
    from holdfast.evals.scores.scorecard import as_baseline

    if order.save is not None:
        baseline.write(as_baseline(card, evaluation.suite.cases, evaluation.trials), order.save)
    pages: tuple[tuple[Path | None, Callable[[Scorecard, str], str]], ...] = (
        (order.junit, junit), (order.markdown, markdown),
    )  # fmt: skip
    for path, page in pages:
        if path is not None:
            try:
                path.write_text(page(card, order.journal), encoding="utf-8")
            except OSError as error:
                raise UsageError(f"{path} cannot be written: {error.strerror or error}") from None


class _Trials(Board):
    """The counts of trials, while they are made."""

    def __init__(self, total: int) -> None:
        super().__init__(total)
        self.passed = self.failed = self.broken = self.nulls = 0

    @property
    def finished(self) -> int:
        """Trials that have their verdict, those of null agents too."""
        return self.passed + self.failed + self.broken + self.nulls

    def took(self, trial: Trial, null: str) -> None:
        """One more has its verdict."""
        if null:
            self.nulls += 1
        elif trial.passed is None:
            self.broken += 1
        else:
            self.passed, self.failed = self.passed + trial.passed, self.failed + (not trial.passed)
        self.nusd += 0 if null else trial.nusd
        self.changed()

    def text(self) -> str:
        """The counts in one line."""
        if not self.passed + self.failed + self.broken:
            return "null agents"
        broken = f" · not made {self.broken}" if self.broken else ""
        return f"passed {self.passed} · failed {self.failed}{broken} · {units.say_usd(self.nusd)} USD"
