"""`blame`: how often the turn and the agent named for a failed run of several agents are those a person labelled.

A turn is right if it is exactly the labelled one, and an agent if the name is. Runs are of two kinds, told by a hash of
their ids. The published ones are those that `holdfast.views.blame` was fitted to; of them it is said how well the fit does

* in sample, which flatters;
* left out: the whole fit made anew on all other runs, or on nine tenths of them, and asked for the runs it has not seen.

They are held to no floor, since somebody has read them. All others are unseen, and talks among them, in which agents take
turns at one table, are held to the floors and have to beat every baseline. Of led runs, where one agent asks others, it is
said whether the reading beats its baselines, and nothing is asked. Each figure has a Wilson interval of 95 % and stands
beside trivial baselines on the same runs:

* one constant step: the commonest label of the published runs (where they are left out: of those that are not);
* last speaker, most frequent speaker: who is not the machine that runs code, for the second of the two;
* random: every message, or every agent, is as likely; expected value, exact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from math import sqrt
from typing import Final

import msgspec

from holdfast.views.blame import blame
from real.blame_weights import Crossing
from real.figures import Figure, Sheet
from real.packs import Pack
from real.spoken import Heard, heard, sets

STEP: Final = 0.38
AGENT: Final = 0.57
"""Shares of unseen talks in which step and agent have to be right."""

TENTHS: Final = 10
REPEATS: Final = 5
"""Parts into which runs are dealt to be left out, one part at a time, and how often they are dealt anew."""

Z: Final = 1.959964
"""Of a two-sided interval of 95 %."""

_Guess = Callable[[Heard], bool]


class Rate(msgspec.Struct, frozen=True):
    """How many of some runs came out right, and the interval in which the share lies."""

    share: float
    right: int
    of: int
    low: float
    high: float


class Spread(msgspec.Struct, frozen=True):
    """A share that was found several times: its mean, and the least and the most it came to."""

    mean: float
    least: float
    most: float
    times: int


class Baselines(msgspec.Struct, frozen=True):
    """Guesses that read nothing, on the same runs."""

    constant_step: Rate
    last_speaker: Rate
    frequent_speaker: Rate
    random_step: float
    random_agent: float

    @property
    def step(self) -> float:
        """The best guess at the step."""
        return max(self.constant_step.share, self.random_step)

    @property
    def agent(self) -> float:
        """The best guess at the agent."""
        return max(self.last_speaker.share, self.frequent_speaker.share, self.random_agent)


def check_blame(pack: Pack) -> Iterator[Figure]:
    """Put the named turns beside the labelled ones, and beside the baselines."""
    for stem in sets(pack):
        runs = heard(pack, stem)
        yield from _against_the_pack(pack, stem, runs)
        unseen, published = [run for run in runs if not run.tuning], [run for run in runs if run.tuning]
        constant = commonest(published or runs)
        if unseen:
            yield from _part(pack, stem, "unseen", unseen, constant)
        else:
            yield Sheet("blame", pack, stem).skipped("no run here is unseen: no floor is applied")
        if published:
            yield from _left_out(pack, stem, published)
            yield from _part(pack, stem, "in sample", published, constant)


def _part(pack: Pack, stem: str, part: str, runs: Sequence[Heard], constant: int) -> Iterator[Figure]:
    place, sheet = ("blame", pack.name, stem), Sheet("blame", pack, stem)
    step, agent = rate(runs, named_step), rate(runs, named_agent)
    base = baselines(runs, constant)
    floors = part == "unseen" and _at_one_table(runs)
    for name, ours, floor, best in (("step", step, STEP, base.step), ("agent", agent, AGENT, base.agent)):
        figure = f"{name} right, {part}"
        if floors:
            yield Figure(*place, figure, ours, f"at least {floor}", ours.share >= floor)
        else:
            why = "no floor for led runs" if part == "unseen" else "fitted to these runs: no floor for it"
            yield sheet.without(figure, ours, why)
        beats = ours.share > best
        verdict = f"{name} better than every baseline, {part}"
        note = f"{ours.share:.1%} beside {best:.1%} of the best baseline{_surely(ours, best)}"
        yield Figure(*place, verdict, beats, True if floors else None, beats if floors else None, note)
    yield sheet.without(f"baseline: constant step {constant}, {part}", base.constant_step, "a baseline")
    yield sheet.without(f"baseline: last speaker, {part}", base.last_speaker, "a baseline")
    yield sheet.without(f"baseline: most frequent speaker, {part}", base.frequent_speaker, "a baseline")
    yield sheet.without(f"baseline: random step, {part}", base.random_step, "a baseline, exact")
    yield sheet.without(f"baseline: random agent, {part}", base.random_agent, "a baseline, exact")


def _at_one_table(runs: Sequence[Heard]) -> bool:
    return not any(turn.kind == "asks" for run in runs for turn in run.turns)


def _left_out(pack: Pack, stem: str, runs: Sequence[Heard]) -> Iterator[Figure]:
    """The fit, made without the runs it is asked for. Clues were chosen and worded by people who had read all of them."""
    sheet = Sheet("blame", pack, stem)
    if not _at_one_table(runs):
        yield sheet.without("left out", None, "nothing is fitted to led runs: what is in sample is all there is")
        return
    if len(runs) < 2:
        yield sheet.without("left out", None, "one run cannot be left out of itself")
        return
    crossing = Crossing(runs)
    one_out = [[number] for number in range(len(runs))]
    dealt = [crossing.folds(TENTHS, seed) for seed in range(REPEATS)]
    note = "the whole fit made on the other runs; somebody has read them all: no floor for it"
    step, agent = _crossed(crossing, one_out)
    yield sheet.without("step right, each run left out", step, note)
    yield sheet.without("agent right, each run left out", agent, note)
    yield sheet.without("baseline: constant step, each run left out", _constant(runs, one_out), "a baseline")
    rates = [_crossed(crossing, folds) for folds in dealt]
    yield sheet.without("step right, a tenth left out", spread([step for step, _ in rates]), note)
    yield sheet.without("agent right, a tenth left out", spread([agent for _, agent in rates]), note)
    constants = spread([_constant(runs, folds) for folds in dealt])
    yield sheet.without("baseline: constant step, a tenth left out", constants, "a baseline")


def _crossed(crossing: Crossing, folds: Sequence[Sequence[int]]) -> tuple[Rate, Rate]:
    """Steps and agents that are right where each part is left out in turn."""
    named = [one for fold in folds for one in crossing.named(fold)]
    steps = sum(step == run.truth.step for run, _, step in named)
    return _rate(steps, len(named)), _rate(sum(agent == run.truth.agent for run, agent, _ in named), len(named))


def _constant(runs: Sequence[Heard], folds: Sequence[Sequence[int]]) -> Rate:
    """The commonest step of the runs that stay, said of those left out."""
    right = 0
    for fold in folds:
        said = commonest([run for number, run in enumerate(runs) if number not in fold])
        right += sum(runs[number].truth.step == said for number in fold)
    return _rate(right, len(runs))


def _surely(ours: Rate, best: float) -> str:
    return "" if ours.low > best or ours.high < best else ", which lies within the interval"


def _against_the_pack(pack: Pack, stem: str, runs: Sequence[Heard]) -> Iterator[Figure]:
    """The baselines that the pack itself states of all its runs, in percent to two decimals."""
    sheet = Sheet("blame", pack, stem)
    file = pack.folder / "baselines.json"
    stated = msgspec.json.decode(file.read_bytes(), type=dict[str, _Stated]) if file.is_file() else {}
    theirs = stated.get(stem, _Stated())
    ours = baselines(runs, theirs.best_constant_step.step if theirs.best_constant_step else commonest(runs))
    constant = theirs.best_constant_step.acc if theirs.best_constant_step else None
    yield sheet.compare("runs", len(runs), theirs.n)
    yield sheet.compare("pack's baseline: constant step", _percent(ours.constant_step.share), constant)
    yield sheet.compare("pack's baseline: last speaker", _percent(ours.last_speaker.share), theirs.last_speaker)
    yield sheet.compare(
        "pack's baseline: most frequent speaker", _percent(ours.frequent_speaker.share), theirs.most_frequent_speaker
    )
    yield sheet.compare("pack's baseline: random step", _percent(ours.random_step), theirs.random_step)
    voices = sum(1 / run.voices for run in runs) / len(runs)
    note = "every role an agent speaks in counts as one more"
    yield sheet.compare("pack's baseline: random agent", _percent(voices), theirs.random_agent, note)


class _Constant(msgspec.Struct):
    step: int
    acc: float


class _Stated(msgspec.Struct):
    n: int | None = None
    random_step: float | None = None
    random_agent: float | None = None
    best_constant_step: _Constant | None = None
    most_frequent_speaker: float | None = None
    last_speaker: float | None = None


def _percent(share: float) -> float:
    return round(100 * share, 2)


# --------------------------------------------------------------------------------------------------------- guesses


def named_step(run: Heard) -> bool:
    """Whether the reading names the labelled step."""
    found = blame(run.turns)
    return bool(found) and found[0].step == run.truth.step


def named_agent(run: Heard) -> bool:
    """Whether the reading names the labelled agent."""
    found = blame(run.turns)
    return bool(found) and found[0].agent == run.truth.agent


def commonest(runs: Sequence[Heard]) -> int:
    """The step that most labels name; the earlier of two."""
    counts = Counter(run.truth.step for run in runs)
    return min(counts, key=lambda step: (-counts[step], step))


def baselines(runs: Sequence[Heard], constant: int) -> Baselines:
    """What guessing comes to on these runs."""
    return Baselines(
        constant_step=rate(runs, lambda run: run.truth.step == constant),
        last_speaker=rate(runs, lambda run: run.turns[-1].speaker == run.truth.agent),
        frequent_speaker=rate(runs, lambda run: _frequent(run) == run.truth.agent),
        random_step=round(sum(1 / len(run.turns) for run in runs) / len(runs), 4),
        random_agent=round(sum(_by_chance(run) for run in runs) / len(runs), 4),
    )


def _frequent(run: Heard) -> str:
    """Who speaks most often and is a model; the first to speak of those who speak equally often."""
    counts = Counter(turn.speaker for turn in run.turns if turn.kind not in ("output", "given"))
    return counts.most_common(1)[0][0] if counts else ""


def _by_chance(run: Heard) -> float:
    speakers = {turn.speaker for turn in run.turns}
    return (run.truth.agent in speakers) / len(speakers)


def rate(runs: Sequence[Heard], guess: _Guess) -> Rate:
    """How often a guess is right, with Wilson's interval."""
    return _rate(sum(guess(run) for run in runs), len(runs))


def _rate(right: int, of: int) -> Rate:
    low, high = wilson(right, of)
    return Rate(round(right / of, 4), right, of, round(low, 4), round(high, 4))


def spread(rates: Sequence[Rate]) -> Spread:
    """What several rates of the same runs come to."""
    shares = [rate.share for rate in rates]
    return Spread(round(sum(shares) / len(shares), 4), min(shares), max(shares), len(shares))


def wilson(right: int, of: int) -> tuple[float, float]:
    """The interval of 95 % in which a share lies, of which `right` in `of` were seen."""
    share, spread = right / of, Z * Z / of
    middle = (share + spread / 2) / (1 + spread)
    half = Z * sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return max(middle - half, 0.0), min(middle + half, 1.0)
