"""`judges`: recorded verdicts of an LLM judge beside the truth, and which of the judges may gate anything.

A pack holds sets `<stem>.jsonl` of verdicts, each under one of several prompts, and what must come of them in
`<stem>_expected.json`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from holdfast.evals.stats.calibration import (
    Calibration,
    Confusion,
    Floors,
    Labelled,
    Override,
    WeakJudge,
    admit,
    calibrate,
    corrected,
)
from real.figures import Figure, Sheet
from real.packs import Pack

PASSES: Final = frozenset({"pass", "satisfied", "satisfactory", "compliant", "correct"})
"""Verdicts, in any case, by which a judge lets a run pass."""

FLOOR: Final = 0.3
"""The kappa that is set as the floor."""

DIGITS: Final = 4
_END: Final = "_expected.json"


class _Verdict(msgspec.Struct):
    judge_prompt: str
    verdict: str
    reward: float


class _Table(msgspec.Struct):
    n: int
    agreement: float
    cohen_kappa: float
    judge_pass_and_reward1: int
    judge_pass_but_reward0: int
    judge_fail_but_reward1: int
    judge_fail_and_reward0: int


class _Expected(msgspec.Struct):
    prompts: dict[str, _Table]


def find_judges(data: Path, pattern: str) -> list[Pack]:
    """The packs in a folder whose names fit, and that hold verdicts."""
    packs = [Pack(folder) for folder in sorted(data.glob(pattern)) if folder.is_dir()]
    return [pack for pack in packs if stems(pack)]


def stems(pack: Pack) -> list[str]:
    """The names of a pack's sets of verdicts: those with something to compare them with."""
    found = (file.name.removesuffix(_END) for file in pack.folder.glob(f"*{_END}"))
    return sorted(stem for stem in found if (pack.folder / f"{stem}.jsonl").is_file())


def verdicts(pack: Pack, stem: str) -> dict[str, list[Labelled]]:
    """Prompt → what the judge said under it, beside the truth."""
    found: dict[str, list[Labelled]] = {}
    for one in msgspec.json.Decoder(_Verdict).decode_lines((pack.folder / f"{stem}.jsonl").read_bytes()):
        label = Labelled(judge=one.verdict.strip().lower() in PASSES, truth=one.reward >= 1)
        found.setdefault(one.judge_prompt, []).append(label)
    return found


def check_judges(pack: Pack) -> Iterator[Figure]:
    """Calibrate each judge, and let it gate with and without an override."""
    for stem in stems(pack):
        sheet = Sheet("judges", pack, stem)
        expected = msgspec.json.decode((pack.folder / f"{stem}{_END}").read_bytes(), type=_Expected).prompts
        found = verdicts(pack, stem)
        yield sheet.compare("prompts", sorted(found), sorted(expected))
        for prompt in sorted(found.keys() & expected.keys()):
            yield from _figures(sheet, prompt, found[prompt], expected[prompt])


def _figures(sheet: Sheet, prompt: str, labels: Sequence[Labelled], table: _Table) -> Iterator[Figure]:
    found = calibrate(labels, sampling="random")  # every run of the set was labelled
    counts = found.counts
    kappa = None if found.kappa is None else round(found.kappa, DIGITS)
    yield sheet.compare(f"{prompt}: runs", counts.of, table.n)
    yield sheet.compare(f"{prompt}: agreement", round(found.agreement.point, DIGITS), table.agreement)
    yield sheet.compare(f"{prompt}: kappa", kappa, table.cohen_kappa, _beside(found))
    yield sheet.compare(f"{prompt}: passes given to failed runs", counts.judge_alone, table.judge_pass_but_reward0)
    yield from _gate(sheet, prompt, found, table)


def _beside(found: Calibration) -> str:
    """What a kappa is never shown without."""
    assert found.sensitivity is not None
    assert found.specificity is not None
    return (
        f"prevalence {found.prevalence:.3f}, sensitivity {found.sensitivity.point:.3f} "
        f"({found.sensitivity.low:.3f} to {found.sensitivity.high:.3f}), specificity {found.specificity.point:.3f} "
        f"({found.specificity.low:.3f} to {found.specificity.high:.3f})"
    )


def _gate(sheet: Sheet, prompt: str, found: Calibration, table: _Table) -> Iterator[Figure]:
    """Whether the judge may gate is said by the pack's own counts."""
    floors = Floors(kappa=FLOOR)
    right = table.judge_pass_and_reward1 + table.judge_fail_but_reward1
    wrong = table.judge_pass_but_reward0 + table.judge_fail_and_reward0
    both = table.judge_pass_and_reward1 / right + table.judge_fail_and_reward0 / wrong
    weak = table.cohen_kappa < FLOOR or both < floors.both
    try:
        admit(found, floors)
        refused, why = False, ""
    except WeakJudge as error:
        refused, why = True, error.what
    yield sheet.compare(f"{prompt}: refused as a gate at kappa {FLOOR}", refused, weak, why)
    if refused:
        word = Override("the check", "to see that it is recorded")
        kept = admit(found, floors, word)
        yield sheet.compare(
            f"{prompt}: overridden, and that is in the result",
            (kept.override == word, bool(kept.weaknesses)),
            (weak, weak),
        )
        return
    rate = corrected(found, _passed(found.counts), found.counts.of, floors=floors).rate
    true = round(right / table.n, DIGITS)
    note = f"uncorrected {found.judged:.3f}; {rate.low:.3f} to {rate.high:.3f}; of the runs it was calibrated on"
    yield sheet.compare(f"{prompt}: corrected share of right runs", round(rate.point, DIGITS), true, note)


def _passed(counts: Confusion) -> int:
    return counts.both_pass + counts.judge_alone
