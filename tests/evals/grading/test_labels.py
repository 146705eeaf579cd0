"""Files of labels: what they must say, and what they say of a judge of this name and version."""

from __future__ import annotations

import pytest

from holdfast.errors import InputError
from holdfast.evals.grading.labels import calibrated, read_labels

POLITE = "desk.judging:polite"
ROWS = "labels: [{of: a, human: true, judge: true}, {of: b, human: false, judge: true, weight: 2, note: a complaint}]"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("sampling: random\nlabels: []", "`labels`"), ("sampling: lucky\nlabels: [{of: a, human: true, judge: true}]", "`sampling`"),
        ("sampling: random\nlabels: [{of: a, human: 1, judge: true}]", "human"),
        ("sampling: random\nlabels: [{of: a, human: true}]", "judge` is missing"),
        ("sampling: random\nlabels: [{of: a, human: true, judge: true}, {of: a, human: true, judge: false}]", "a is labelled twice"),
        ("sampling: random\nlabel: 1\nlabels: [{of: a, human: true, judge: true}]", "`label`"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_say_what_it_must_is_refused(tmp_path, more, why):
    file = tmp_path / "polite.yaml"
    file.write_text(f'judge: {POLITE}\nversion: "1"\n{more}\n')
    with pytest.raises(InputError, match=why):
        read_labels(file)


def test_labels_count_for_the_judge_and_version_that_gave_them(tmp_path):
    file = tmp_path / "polite.yaml"
    assert calibrated(POLITE, "1", file) == (None, f"it is not calibrated: there are no labels at {file}")
    file.write_text(f'judge: {POLITE}\nversion: "1"\nsampling: weighted\n{ROWS}\n')
    found, why = calibrated(POLITE, "1", file)
    assert (found.counts.of, found.sampling, why) == (2, "weighted", "")
    assert round(found.prevalence, 3) == 0.333
    assert calibrated(POLITE, "2", file)[0] is None
    assert "of its version 1, and it is 2" in calibrated(POLITE, "2", file)[1]
    assert "and it is other:judge" in calibrated("other:judge", "1", file)[1]
