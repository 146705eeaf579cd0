"""An evaluation: null agents on a suite, then the agent itself, and the scorecard of it. What `holdfast eval` does.

    evaluation = Evaluation("sqlite:///eval.db", suite, planned(suite, 4, 0))
    card = await evaluation.run()

Nothing is kept but the runs in the journal, each with its verdict. So one that was killed goes on where it stopped, and one
that is made again is read off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from holdfast.evals.scores import gates
from holdfast.evals.scores.baseline import Baseline
from holdfast.evals.scores.gates import Required
from holdfast.evals.scores.scorecard import Plan, Scorecard, score
from holdfast.evals.trials.cache import Cache, Cached, Trialled
from holdfast.evals.trials.nulls import nulls, screened
from holdfast.evals.trials.trial import Player, Suite, Trial, playing
from holdfast.models import open_model
from holdfast.models.port import Model

Told = Callable[[Trial, str], None]
"""Told of each trial as it gets its verdict, and which null agent it is of; empty: the agent's own."""


class Evaluation:
    """One evaluation of a suite.

    models: those that are given and not opened, by name. nulls: whether null agents play. baseline: what to compare with.
    cache: where models' answers are kept. label: trials under another one are other trials.
    """

    def __init__(
        self, journal: str, suite: Suite, plan: Plan, *, models: Mapping[str, Model] | None = None, nulls: bool = True,
        baseline: Baseline | None = None, cache: Cache | None = None, label: str = "", concurrency: int = 16,
    ) -> None:  # fmt: skip
        self.journal, self.suite, self.plan, self.baseline = journal, suite, plan, baseline
        self.trials: list[Trial] = []
        """The agent's own, in the order in which they got their verdicts."""
        self.passed_by: dict[str, list[str]] = {}
        """Case → the null agents that pass it."""
        self._models, self._cache = dict(models or {}), cache
        self._nulls, self._label, self._concurrency = nulls, label, concurrency

    @property
    def total(self) -> int:
        """How many trials there are to be, null agents' included."""
        return len(self.suite.cases) * (self.plan.trials + (len(nulls(self.suite.agent)) if self._nulls else 0))

    async def run(self, told: Told = lambda trial, null: None) -> Scorecard:
        """Play what is not played yet; the scorecard. Raises what a runner raises where nothing can be played."""
        played = await self._screen(told) if self._nulls else {}
        required, plan = None, self.plan
        if plan.require is not None:
            order = gates.families(self.suite.cases, plan.trials, plan.seed, self.passed_by)
            required = Required(plan.require, order, plan.trials)
        await self._play(told, required)
        return score(
            plan, self.suite.cases, self.trials, passed_by=self.passed_by, nulls=tuple(played), required=required,
            baseline=self.baseline, cached=self._cache.hits if self._cache is not None else 0,
        )  # fmt: skip

    async def _screen(self, told: Told) -> dict[str, None]:
        played: dict[str, None] = {}
        async for null, trial in screened(self.journal, self.suite, label=self._label, concurrency=self._concurrency):
            played[null.name] = None
            told(trial, null.name)
            known = self.passed_by.get(trial.case, [])
            if trial.passed and null.name not in known:
                self.passed_by[trial.case] = [*known, null.name]
        return played

    async def _play(self, told: Told, required: Required | None) -> None:
        """Play the agent. A gate on a rate ends it early; a comparison does not, since its figures want every case."""
        whose: dict[str, Trialled] = {}
        player: Player | None = None

        async def of(run: str) -> Trialled:
            assert player is not None
            if run not in whose:
                opened = (await player.runner.state(run)).opened
                whose[run] = Trialled(opened.agent, opened.contract_digest, opened.tags.get("trial", ""))
            return whose[run]

        def enough() -> bool:
            return self.baseline is None and required is not None and required.verdict != "inconclusive"

        models: dict[str, Model] = self._models
        if self._cache is not None:
            names = self.suite.agent.contract.models
            models = {name: Cached(models.get(name) or open_model(name), self._cache, of) for name in names}
        async with playing(self.journal, self.suite, model=models) as opened:
            player = Player(opened.runner, self.suite, label=self._label, looks=True)
            async for trial in player.play(
                self.plan.trials,
                seed=self.plan.seed,
                concurrency=self._concurrency,
                stop=enough,
                whole=required is not None,
            ):
                self.trials.append(trial)
                told(trial, "")
                if required is not None:
                    required.take(trial)
