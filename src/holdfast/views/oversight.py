"""Many runs together: what came of them, what they cost, and what people had to do with them.

found = together(facts)      of those of production; the others are counted as what they are
found.oversight.approvals, found.oversight.median, found.cost.per_success
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Final

from msgspec import Struct

from holdfast import units
from holdfast.events import ContractPublished, Entry
from holdfast.views.claims import asks_back
from holdfast.views.cost import Total, total
from holdfast.views.readiness import Facts, Stop, Used, Voice, tools

QUICK: Final = 10 * units.SECOND
"""µs within which an approval came quickly."""

REVIEWS: Final = frozenset({"review", "output"})
"""What a person agrees to, or does not: a proposal or an output that is put before them."""


class Oversight(Struct, frozen=True, kw_only=True):
    """What people were asked, and what they did. Times are µs; None where nobody did such a thing."""

    asked: dict[str, int]
    """What it was about → how often people were asked."""
    roles: dict[str, int]
    answered: int
    asked_back: int
    """Times that somebody wanted to know more before they decided; these are no answers."""
    open: int
    expired: int
    """Nobody answered in time."""
    withdrawn: int
    """Needed no answer any more."""
    approvals: int
    denials: int
    reasoned: int
    """Denials that say why."""
    amendments: int
    settled: int
    """Writes in doubt that a person ruled on."""
    taken: int
    """Runs that a person took over."""
    granted: int
    adopted: int
    stops: int
    """Of single runs, and of many at once: one of many counts once."""
    published: int
    """Contracts that people accepted for new runs."""
    cancels: int
    started_after: int
    """What began after a stop or a cancel: calls, and requests to models."""
    to_close: int | None
    """From a cancel to the end of the run, in the median."""
    median: int | None
    p90: int | None
    """From a review being put to its approval."""
    quick: int
    """Approvals within `QUICK`."""
    heard: int | None
    """From anything being put before people to an answer, in the median."""
    asserted: int
    """Answers of people whose name nothing proves."""
    services: int
    """Answers that a service gave, and no person; they count in nothing else here."""

    @property
    def overrides(self) -> int:
        """How often people had it otherwise than the agent wanted."""
        return self.amendments + self.denials + self.taken + self.stops + self.cancels

    @property
    def agreement(self) -> float | None:
        """The share of reviewed proposals that stood as they were."""
        decided = self.approvals + self.denials + self.amendments
        return self.approvals / decided if decided else None

    @property
    def any(self) -> bool:
        """Whether people had anything to do with the runs."""
        return bool(self.asked or self.overrides or self.granted or self.adopted or self.published)


class Version(Struct, frozen=True):
    """A contract that runs were under."""

    digest: str
    runs: int
    first: int
    last: int
    """When the first and the last of them was opened."""


class Production(Struct, frozen=True, kw_only=True):
    """Runs of production together."""

    runs: int
    closed: int
    outcomes: dict[str, int]
    modes: dict[str, int]
    aside: dict[str, int]
    """Runs of the agent that are none of production, by what they are."""
    first: int
    last: int
    """When the first was opened, and of the last entry."""
    entries: int
    contracts: tuple[Version, ...]
    """In the order in which they came."""
    models: tuple[str, ...]
    """Those that their contracts name."""
    holdfast: dict[str, int]
    """Version of holdfast → runs that it opened."""
    won: int
    unattended: int
    """Runs that are over and with which no person had anything to do."""
    unattended_won: int
    cost: Total
    oversight: Oversight
    tools: tuple[Used, ...]
    classes: tuple[str, ...]
    untrusted: int
    """Runs whose model was shown what anyone may have written."""
    judged: dict[str, int]
    limits: dict[str, int]
    findings: dict[int, int]
    """Detector → runs in which it found something."""
    noted: dict[str, int]
    bad: tuple[str, ...]
    """Runs that a person noted to be bad."""
    doubts: int
    contradictions: int
    undone: int
    undos: int
    """Runs that take another one back."""
    undos_done: int
    model_failures: int
    fallbacks: int
    erased: int
    """Runs that something was erased of."""


def together(seen: Sequence[Facts], control: Iterable[Entry] = ()) -> Production:
    """Runs of one agent together. control: the entries of the run `control`, for what was accepted for new runs of it."""
    runs = sorted((one for one in seen if not one.aside), key=lambda one: (one.opened, one.run))
    over = [one for one in runs if one.outcome is not None]
    alone = [one for one in over if not one.attended]
    undos = [one for one in seen if one.aside == "an undo"]
    return Production(
        runs=len(runs), closed=len(over), outcomes=dict(Counter(one.outcome or "open" for one in runs).most_common()),
        modes=dict(Counter(one.mode for one in runs).most_common()),
        aside=dict(Counter(one.aside for one in seen if one.aside).most_common()),
        first=min((one.opened for one in runs), default=0), last=max((one.at for one in runs), default=0),
        entries=sum(one.entries for one in runs), contracts=_versions(runs),
        models=tuple(dict.fromkeys(name for one in runs for name in one.models)),
        holdfast=dict(Counter(one.holdfast or "unknown" for one in runs).most_common()), won=sum(one.won for one in over),
        unattended=len(alone), unattended_won=sum(one.won for one in alone), cost=total(one.cost for one in runs),
        oversight=oversight(runs, control), tools=tools(runs), classes=tuple(sorted({name for one in runs for name in one.classes})),
        untrusted=sum(one.untrusted for one in runs), judged=_sum(one.judged for one in runs),
        limits=_sum(one.limits for one in runs), findings=_runs(runs), noted=_sum(one.noted for one in runs),
        bad=tuple(one.run for one in runs if one.noted.get("bad")),
        doubts=sum(one.doubts for one in runs), contradictions=sum(one.contradictions for one in runs),
        undone=sum(one.undone for one in runs), undos=len(undos), undos_done=sum(one.outcome == "done" for one in undos),
        model_failures=sum(one.model_failures for one in runs), fallbacks=sum(one.fallbacks for one in runs),
        erased=sum(bool(one.erased) for one in seen),
    )  # fmt: skip


def _versions(runs: Sequence[Facts]) -> tuple[Version, ...]:
    by: dict[str, list[int]] = {}
    for one in runs:
        by.setdefault(one.contract, []).append(one.opened)
    return tuple(Version(digest, len(opened), opened[0], opened[-1]) for digest, opened in by.items())


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for one in counts:
        found.update(one)
    return dict(found.most_common())


def _runs(runs: Sequence[Facts]) -> dict[int, int]:
    return dict(sorted(Counter(number for one in runs for number in one.findings).items()))


def oversight(runs: Sequence[Facts], control: Iterable[Entry] = ()) -> Oversight:
    """What people had to do with these runs, of one agent or several. control: as for `together`."""
    puts = [put for one in runs for put in one.puts]
    spoken = [voice for one in runs for voice in one.voices]
    all_ = [voice for voice in spoken if not asks_back(voice.verdict)]
    agents = {one.agent for one in runs}
    accepted = [entry.event for entry in control if isinstance(entry.event, ContractPublished)]
    voices = [voice for voice in all_ if not voice.service]
    stops = [stop for one in runs for stop in one.stops]
    denied = [voice for voice in voices if voice.verdict == "deny"]
    approved = [voice for voice in voices if voice.verdict == "approve" and voice.about in REVIEWS]
    times = sorted(voice.took for voice in approved)
    return Oversight(
        asked=dict(Counter(put.about for put in puts).most_common()),
        roles=dict(Counter(put.role or "anybody" for put in puts).most_common()),
        answered=len(voices), asked_back=len(spoken) - len(all_),
        open=sum(not put.end for put in puts), expired=sum(put.end == "expired" for put in puts),
        withdrawn=sum(put.end in WITHDRAWN for put in puts), approvals=len(approved), denials=len(denied),
        reasoned=sum(voice.reasoned for voice in denied), amendments=sum(one.amended for one in runs),
        settled=_many(voices, "happened", "did_not", "stop", about="doubt"), taken=_many(voices, "take"),
        granted=sum(one.granted for one in runs), adopted=sum(one.adopted for one in runs),
        stops=sum(stop.kind == "stop" and not stop.control for stop in stops) + len({stop.control for stop in stops} - {0}),
        published=sum(one.agent in agents for one in accepted), cancels=sum(stop.kind == "cancel" for stop in stops),
        started_after=sum(stop.started for stop in stops), to_close=_median(_closed(stops)), median=_median(times),
        p90=times[-(-9 * len(times) // 10) - 1] if times else None, quick=sum(took <= QUICK for took in times),
        heard=_median([voice.took for voice in voices]), asserted=sum(voice.asserted for voice in voices),
        services=len(all_) - len(voices),
    )  # fmt: skip


WITHDRAWN: Final = frozenset({"overtaken", "void", "resolved", "closing", "decided"})


def _many(voices: Sequence[Voice], *verdicts: str, about: str = "") -> int:
    return sum(voice.verdict in verdicts and about in ("", voice.about) for voice in voices)


def _closed(stops: Sequence[Stop]) -> list[int]:
    return [stop.took for stop in stops if stop.kind == "cancel" and stop.took >= 0]


def _median(times: Sequence[int]) -> int | None:
    return round(median(times)) if times else None
