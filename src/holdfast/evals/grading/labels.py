"""Files of labels: what people say of runs that a judge has judged too. How far it can be believed follows from them.

    judge: desk.judges:Polite
    version: "3"
    sampling: random
    labels:
      - {of: r_79e976d14ef4fc76, human: true, judge: true}

The version is that of the judge which gave these verdicts: labels of another wording say nothing of this one.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from holdfast.contract import explain
from holdfast.errors import InputError
from holdfast.evals.stats.calibration import Calibration, Labelled, Sampling, calibrate


class _Label(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    of: str = Field(min_length=1)
    """What was judged: a run."""
    human: bool
    judge: bool
    weight: float = Field(default=1.0, gt=0, strict=False)
    note: str = ""


class Labels(BaseModel):
    """A file of labels: a person's verdict beside the judge's, run by run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    judge: str
    """`package.module:function`, as cases name it."""
    version: str
    """The `version_of` the judge that gave these verdicts."""
    sampling: Sampling
    labels: list[_Label] = Field(min_length=1)


def read_labels(path: Path) -> Labels:
    """A file of labels. Raises InputError that names every field in the wrong, and what was labelled twice."""
    from holdfast.shell.folder import read_yaml

    try:
        found = Labels.model_validate(read_yaml(path))
    except ValidationError as error:
        raise InputError(f"{path}: {explain(error)}", hint="docs/cases.md shows a file of labels") from None
    seen: set[str] = set()
    for one in found.labels:
        if one.of in seen:
            raise InputError(f"{path}: {one.of} is labelled twice", hint="a run counts once")
        seen.add(one.of)
    return found


def calibrated(path: str, version: str, file: Path) -> tuple[Calibration | None, str]:
    """(how good a judge is in this version, why nobody knows). Raises InputError for a file that is none."""
    if not file.exists():
        return None, f"it is not calibrated: there are no labels at {file}"
    known = read_labels(file)
    if known.judge != path:
        return None, f"it is not calibrated: the labels at {file} are of {known.judge}, and it is {path}"
    if known.version != version:
        return (
            None,
            f"it is not calibrated: the labels at {file} are of its version {known.version}, and it is {version}",
        )
    labels = [Labelled(one.judge, one.human, one.weight) for one in known.labels]
    return calibrate(labels, sampling=known.sampling), ""
