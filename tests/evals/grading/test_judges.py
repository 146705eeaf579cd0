"""Judges: refused until they are calibrated well enough, asked once for one content, and their rates corrected."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.errors import InputError, UsageError
from holdfast.evals.grading import judges
from holdfast.evals.grading.judges import Bench, Unheard, Verdict, judge_at, question, version_of
from holdfast.evals.stats.calibration import Floors, Override, WeakJudge
from holdfast.models.scripted import call, done
from tests.evals import deciders
from tests.evals.ended import LOOK, OK, agent, ended, pay, play, whys

POLITE = "tests.evals.deciders:polite"
STRICT = "tests.evals.deciders:Strict"
WORD = Override(by="lea", because="nothing else is at hand")


def labels(folder, name="polite", path=POLITE, cells=(45, 5, 5, 45), **more):
    """A file of labels: both pass, judge alone, human alone, both fail."""
    kinds = [(True, True), (False, True), (True, False), (False, False)]
    rows = [
        f"  - {{of: r_{cell}_{at}, human: {str(human).lower()}, judge: {str(judge).lower()}}}"
        for cell, (many, (human, judge)) in enumerate(zip(cells, kinds, strict=True))
        for at in range(many)
    ]
    head = {"judge": path, "version": f'"{version_of(judge_at(path))}"', "sampling": "random"} | more
    text = "\n".join([*(f"{key}: {value}" for key, value in head.items()), "labels:", *rows])
    (folder / f"{name}.yaml").write_text(text)


def finished(status="thank you", path=POLITE, name="polite", run="r_1"):
    told = play(agent(), LOOK, pay(), done(status=status), name=run)
    return ended(told, ("refund", {"order": "A-1"}), judges={name: path})


def bench(folder, *of, **more):
    return Bench.of([one.case for one in of or (finished(),)], folder, **more)


def heard(on, *runs):
    async def hear():
        await asyncio.gather(*[on.hear(run) for run in runs])

    asyncio.run(hear())


# -------------------------------------------------------------------------------------------------------- the gate


def test_a_judge_without_labels_may_not_gate(tmp_path):
    with pytest.raises(
        WeakJudge, match=r"the judge polite may not gate: it is not calibrated: there are no labels at .*polite"
    ):
        bench(tmp_path)


def test_a_weak_judge_may_not_gate_and_its_figures_are_named(tmp_path):
    labels(tmp_path, cells=(34, 34, 12, 34))
    with pytest.raises(WeakJudge) as caught:
        bench(tmp_path)
    assert "kappa is 0.22" in caught.value.what
    assert caught.value.what.endswith("(kappa 0.222, sensitivity 0.739, specificity 0.500, n = 114)")
    labels(tmp_path, cells=(30, 30, 20, 20))
    with pytest.raises(WeakJudge, match=r"sensitivity and specificity come to 1\.000, below 1\.2"):
        bench(tmp_path)


def test_floors_may_be_set_and_overridden_with_a_name(tmp_path):
    labels(tmp_path)
    with pytest.raises(WeakJudge, match=r"below the floor of 0\.9"):
        bench(tmp_path, floors=Floors(kappa=0.9))
    on = bench(tmp_path, floors=Floors(kappa=0.9), overrides={"polite": WORD})
    assert on.seats["polite"].admission.override == WORD
    assert bench(tmp_path).seats["polite"].admission.override is None
    assert bench(tmp_path, overrides={"polite": WORD}).seats["polite"].admission.override is None


def test_labels_of_another_wording_or_judge_say_nothing_of_this_one(tmp_path):
    labels(tmp_path, version='"0ld"')
    with pytest.raises(WeakJudge, match="are of its version 0ld, and it is"):
        bench(tmp_path)
    labels(tmp_path, judge=STRICT)
    with pytest.raises(WeakJudge, match=f"are of {STRICT}, and it is {POLITE}"):
        bench(tmp_path)


def test_a_judge_that_only_advises_needs_no_labels_and_fails_nothing(tmp_path):
    run = finished("no")
    on = bench(tmp_path, gates=False)
    heard(on, run)
    assert whys(on.grader, run) == []
    assert on.verdicts("r_1") == {"polite": Verdict(yes=False, because="it\ndoes not thank")}
    (rate,) = on.rates()
    assert (rate.passed, rate.of, rate.raw.point, rate.corrected) == (0, 1, 0.0, None)
    assert "it is not calibrated" in rate.why


# ------------------------------------------------------------------------------------------------------ which judge


def test_a_version_is_stated_or_that_of_the_file(tmp_path):
    assert version_of(judge_at(STRICT)) == "3"
    polite = version_of(judge_at(POLITE))
    assert len(polite) == 16
    assert polite == version_of(judge_at("tests.evals.deciders:slow"))
    loose = eval("lambda question: None", {"__name__": "nowhere"})
    with pytest.raises(InputError, match="which version"):
        version_of(loose)


@pytest.mark.parametrize(
    ("path", "why"),
    [("no.such.module:polite", "cannot be imported"), ("tests.evals.deciders:nobody", "is no judge"), ("tests.evals.deciders:blocking", "is no judge")],
)  # fmt: skip
def test_what_is_no_judge_is_said(path, why):
    with pytest.raises(InputError, match=why):
        judge_at(path)


def test_one_name_stands_for_one_judge(tmp_path):
    with pytest.raises(InputError, match=r"the judge polite is .*Strict here, and .*polite elsewhere"):
        bench(tmp_path, finished(), finished(path=STRICT))


# ------------------------------------------------------------------------------------------------------ the verdicts


def test_a_no_is_a_miss_in_one_line_and_a_yes_is_none(tmp_path):
    labels(tmp_path)
    on, good, bad = bench(tmp_path), finished(), finished("no", run="r_2")
    heard(on, good, bad)
    assert whys(on.grader, good) == []
    assert whys(on.grader, bad) == ["polite says no, because it does not thank"]


def test_a_case_without_judges_is_neither_heard_nor_graded(tmp_path):
    on, plain = Bench([]), ended(play(agent(), OK), outcome="done")
    heard(on, plain)
    assert whys(on.grader, plain) == []
    assert on.names == frozenset()


def test_what_was_not_heard_is_not_graded(tmp_path):
    labels(tmp_path)
    on = bench(tmp_path)
    with pytest.raises(UsageError, match="before its judges have heard it"):
        list(on.grader(finished()))
    with pytest.raises(UsageError, match="does not sit here"):
        heard(on, finished(path=STRICT, name="strict"))


def test_equal_content_is_judged_once_also_side_by_side_and_after_a_restart(tmp_path):
    labels(tmp_path)
    kept, runs = tmp_path / "kept" / "verdicts.jsonl", [finished(run=f"r_{at}") for at in range(5)]
    on = bench(tmp_path, kept=kept)
    deciders.ASKED.clear()
    heard(on, *runs, finished("thanks", run="r_9"))
    assert on.asked == len(deciders.ASKED) == 2
    with kept.open("ab") as file:
        file.write(b'\n{"key": "cut o')
    again = bench(tmp_path, kept=kept)
    heard(again, *runs, finished("no", run="r_10"))
    assert again.asked == 1
    assert b"r_" not in kept.read_bytes()
    third = bench(tmp_path, kept=kept)
    heard(third, finished("no", run="r_11"))
    assert third.asked == 0


def test_a_judge_of_another_version_is_asked_again(tmp_path, monkeypatch):
    kept = tmp_path / "verdicts.jsonl"
    labels(tmp_path, "strict", STRICT)
    run = finished(path=STRICT, name="strict")
    heard(bench(tmp_path, run, kept=kept), run)
    monkeypatch.setattr(deciders.Strict, "version", "4")
    labels(tmp_path, "strict", STRICT)
    on = bench(tmp_path, run, kept=kept)
    heard(on, run)
    assert on.asked == 1


def test_a_question_holds_what_a_run_shows_and_nothing_that_names_it():
    told = play(agent(), LOOK, call("refund", order=3), pay(), OK, name="r_x")
    shown = question(ended(told, ("refund", {"order": "A-1"}), judges={"polite": POLITE}))
    assert [(one.tool, one.became) for one in shown.calls][:3] == [
        ("get_order", "done"),
        ("refund", "refused"),
        ("refund", "done"),
    ]
    assert shown.calls[0].result == {"order": "A-1", "paid": 1290}
    assert (shown.outcome, shown.output, shown.input) == ("done", {"status": "ok"}, {"order": "A-1"})
    assert [one.tool for one in shown.effects] == ["refund"]
    other = play(agent(), LOOK, call("refund", order=3), pay(), OK, name="r_y", by="somebody")
    assert question(ended(other, ("refund", {"order": "A-1"}), judges={"polite": POLITE})) == shown
    assert "r_x" not in repr(shown)


@pytest.mark.parametrize(
    ("name", "why"), [("broken", "ConnectionError: no route"), ("vague", "gave str"), ("slow", "TimeoutError")]
)
def test_a_judge_that_gives_no_verdict_says_nothing_of_the_trial(tmp_path, monkeypatch, name, why):
    monkeypatch.setattr(judges, "PATIENCE", 0.01)
    run = finished(path=f"tests.evals.deciders:{name}", name=name)
    with pytest.raises(Unheard, match=why):
        heard(bench(tmp_path, run, gates=False), run)


# --------------------------------------------------------------------------------------------------------- the rates


def test_the_raw_rate_stands_beside_the_corrected_one(tmp_path):
    labels(tmp_path, cells=(90, 15, 10, 85))
    rate = bench(tmp_path).rate("polite", 80, 100)
    assert rate.raw.point == 0.8
    assert round(rate.corrected.rate.point, 3) == 0.867
    assert rate.corrected.rate.low < 0.8 < rate.corrected.rate.high


def test_the_rates_of_a_bench_are_of_what_it_heard(tmp_path):
    labels(tmp_path)
    on = bench(tmp_path)
    assert on.rates() == ()
    heard(on, *[finished("thanks" if at < 3 else "no", run=f"r_{at}") for at in range(4)])
    (rate,) = on.rates()
    assert (rate.judge, rate.passed, rate.of) == ("polite", 3, 4)


def test_a_weak_judge_that_was_overridden_is_corrected_as_far_as_that_can_be(tmp_path):
    labels(tmp_path, cells=(34, 34, 12, 34))
    with_word = bench(tmp_path, overrides={"polite": WORD})
    assert with_word.rate("polite", 5, 10).corrected.admission.override == WORD
    advising = bench(tmp_path, gates=False).rate("polite", 5, 10)
    assert advising.corrected is None
    assert "too weak" in advising.why
    assert "n = 114" in advising.why
