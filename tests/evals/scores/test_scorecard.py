"""The scorecard: what trials come to, by hand-made trials; and its faces, JUnit, Markdown and the baseline."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest

from holdfast import Agent
from holdfast.errors import InputError
from holdfast.evals.cases.case import parse
from holdfast.evals.grading.finished import Miss
from holdfast.evals.scores import baseline as files
from holdfast.evals.scores.junit import junit
from holdfast.evals.scores.markdown import markdown
from holdfast.evals.scores.scorecard import Scorecard, as_baseline, planned, score
from holdfast.evals.stats.paired import mcnemar
from holdfast.evals.trials.trial import Suite, Trial

AGENT: Agent[Any, Any] = Agent(name="desk", task="Do it.", takes=str, gives=str, tools=[], models=["m"])


def case(name: str, **more: Any) -> Any:
    return parse({"name": name, "input": "x", "state": {}, "expect": {}, **more}, name)


def trials(name: str, said: str, family: str = "", **more: Any) -> list[Trial]:
    """One letter a trial: p passed, f failed, b broken."""
    kinds = {"p": True, "f": False, "b": None}
    return [
        Trial(
            name, family or name, number, f"r_{name}_{number}", kinds[letter],
            misses=(Miss("effects", f"paid {name}"), Miss("output", "it said so")) if letter == "f" else (),
            trouble="the model was down" if letter == "b" else "", nusd=more.get("nusd", 0), seconds=0.5, unpriced=more.get("unpriced", 0),
        )
        for number, letter in enumerate(said, 1)
    ]  # fmt: skip


def card(said: dict[str, str], k: int = 4, **more: Any) -> Scorecard:
    cases = [case(name) for name in said]
    made = [one for name, letters in said.items() for one in trials(name, letters, nusd=1000)]
    plan = planned(Suite("desk", AGENT, tuple(cases), ()), k, 0, baseline=more.get("baseline"))
    return score(plan, cases, made, nulls=("do-nothing",), **more)


def test_pass_k_is_the_unbiased_one_and_both_conventions_are_given():
    found = card({"a": "pppf", "b": "pppp", "c": "ppbf"})
    by_k = {one.k: one for one in found.repeats}
    assert by_k[1].every.band.point == pytest.approx((0.75 + 1 + 0.5) / 3)
    assert by_k[2].every.band.point == pytest.approx((3 / 6 + 1 + 1 / 6) / 3)
    assert by_k[2].every_left_out.band.point == pytest.approx((3 / 6 + 1 + 1 / 3) / 3)
    assert by_k[4].every.band.point == pytest.approx(1 / 3)
    assert (by_k[4].every_left_out.cases, by_k[4].every_left_out.short) == (2, 1)
    assert by_k[2].some.band.point == pytest.approx((1 + 1 + 5 / 6) / 3)
    assert by_k[1].every.band.low < by_k[1].every.band.point < by_k[1].every.band.high


def test_what_null_agents_pass_counts_in_no_figure_and_no_verdict():
    found = card({"a": "pppp", "weak": "ffff"}, passed_by={"weak": ["do-nothing", "random-tool"]})
    assert found.verdict == "pass"
    assert [one.name for one in found.informative] == ["a"]
    assert found.repeats[0].every.band.point == 1
    assert (found.nusd, found.graders) == (4000, {})
    assert found.cases[1].uninformative == ("do-nothing", "random-tool")
    assert card({"weak": "pppp"}, passed_by={"weak": ["do-nothing"]}).verdict == "inconclusive"


def test_failures_are_counted_by_grader_and_alike_ones_told_once():
    found = card({"a": "pffp", "b": "ffff"})
    assert found.verdict == "fail"
    assert found.graders == {"effects": 6, "output": 6}
    first = found.cases[0].misses[0]
    assert (first.grader, first.why, first.trials, first.run) == ("effects", "paid a", 2, "r_a_2")
    assert card({"a": "ppbp"}).verdict == "inconclusive"
    assert card({"a": "ppbp"}).cases[0].troubles[0].why == "the model was down"


def test_a_success_costs_what_all_trials_cost():
    found = card({"a": "ppff", "b": "pppp"})
    assert found.cost_per_success.point == pytest.approx(8 * 1e-6 / 6)
    none = card({"a": "ffff", "b": "ffff"}).cost_per_success
    assert none.point is None
    assert none.low > 0
    cases = [case("a")]
    unknown = score(planned(Suite("desk", AGENT, tuple(cases), ()), 1, 0), cases, trials("a", "p", unpriced=1))
    assert (unknown.cost_per_success, unknown.unpriced) == (None, 1)
    assert json.loads(json.dumps(msgspec.to_builtins(card({"a": "ffff"}))))["cost_per_success"]["high"] is None


def test_what_can_be_seen_is_known_before_and_grows_with_cases_and_trials():
    few, many = (Suite("desk", AGENT, tuple(case(f"c{n}") for n in range(of)), ()) for of in (10, 100))
    assert planned(few, 4, 0).detectable > planned(few, 16, 0).detectable > planned(many, 16, 0).detectable
    kin = Suite("desk", AGENT, tuple(case(f"c{n}", family="one") for n in range(10)), ())
    assert planned(kin, 4, 0).families == 1


def test_a_baseline_is_compared_case_by_case(tmp_path):
    names = [f"c{number}" for number in range(20)]
    old = card({name: "p" if number < 15 else "f" for number, name in enumerate(names)}, 1)
    cases = [case(name) for name in names]
    kept = [one for number, name in enumerate(names) for one in trials(name, "p" if number < 15 else "f", nusd=2000)]
    files.write(as_baseline(old, cases, kept), tmp_path / "base.json")
    base = files.read(tmp_path / "base.json")
    assert base == as_baseline(old, cases, kept)
    new = card({name: "p" if number >= 7 else "f" for number, name in enumerate(names)}, 1, baseline=base)
    beside = new.beside
    assert beside.pairs == (8, 5, 7, 0)
    assert beside.mcnemar == pytest.approx(mcnemar(5, 7))
    assert beside.difference.point == pytest.approx(-0.1)
    assert (beside.better, beside.worse) == (tuple(names[15:]), tuple(names[:7]))
    assert beside.cost_per_success.point == pytest.approx(20 * 2e-6 / 15)
    assert [one.kind for one in new.rulings] == ["baseline"]
    assert new.verdict == "inconclusive"


def test_a_case_that_was_changed_or_says_nothing_is_not_compared():
    old = as_baseline(card({"a": "p", "b": "p", "c": "p"}, 1, passed_by={"c": ["do-nothing"]}),
                      [case("a"), case("b", about="otherwise"), case("c")], [*trials("a", "p"), *trials("b", "p"), *trials("c", "p")])  # fmt: skip
    found = card({"a": "f", "b": "f", "c": "f", "d": "f"}, 1, baseline=old).beside
    assert (found.cases, found.left_out, found.worse) == (1, ("b", "c", "d"), ("a",))
    assert card({"d": "f"}, 1, baseline=old).beside.difference is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"holdfast_eval": 1}'])
def test_what_is_no_baseline_is_refused(tmp_path, text):
    path = tmp_path / "base.json"
    path.write_text(text)
    with pytest.raises(InputError, match="no baseline"):
        files.read(path)
    with pytest.raises(InputError, match="cannot be read"):
        files.read(tmp_path / "none.json")


def test_a_baseline_of_another_version_is_refused(tmp_path):
    path = tmp_path / "base.json"
    made = as_baseline(card({"a": "p"}, 1), [case("a")], trials("a", "p"))
    files.write(msgspec.structs.replace(made, holdfast_eval=2), path)
    with pytest.raises(InputError, match="version 2"):
        files.read(path)


def test_junit_has_a_testcase_for_each_case():
    found = card({"good": "pppp", "bad": "pffp", "down": "bbbb", "weak": "pppp"}, passed_by={"weak": ["do-nothing"]})
    suite = ET.fromstring(junit(found, "sqlite:///x.db")).find("testsuite")
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "4", "failures": "1", "errors": "1", "skipped": "1",
    }  # fmt: skip
    by = {one.get("name"): one for one in suite.findall("testcase")}
    assert list(by["good"]) == []
    assert by["good"].get("time") == "2.000"
    assert by["bad"].find("failure").text.splitlines() == [
        "effects: paid bad (2 of 4 trials)", "output: it said so (2 of 4 trials)", "holdfast show r_bad_2 --journal sqlite:///x.db",
    ]  # fmt: skip
    assert "the model was down" in by["down"].find("error").get("message")
    assert "do-nothing passes it too" in by["weak"].find("skipped").get("message")
    assert {one.get("name"): one.get("value") for one in suite.iter("property")}["verdict"] == "fail"


def test_junit_holds_whatever_a_miss_says():
    cases = [case("a")]
    odd = [Trial("a", "a", 1, "r", passed=False, misses=(Miss("output", 'it said "\x00\x1b[31m<&]]>\ud800"'),))]
    found = score(planned(Suite("desk", AGENT, tuple(cases), ()), 1, 0), cases, odd)
    assert "<&]]>" in ET.fromstring(junit(found, "j")).find(".//failure").text


def test_markdown_says_the_verdict_first_and_takes_no_markup_of_others():
    cases = [case("a")]
    odd = [Trial("a", "a", 1, "r_1", passed=False, misses=(Miss("output", "`x` <img src=y> | [z](w)\n# h"),))]
    page = markdown(score(planned(Suite("desk", AGENT, tuple(cases), ()), 1, 0), cases, odd), "sqlite:///x.db")
    assert page.startswith("## ❌ desk: fail\n")
    assert "\\<img src=y\\>" in page
    assert "\n# h" not in page
    assert "$ holdfast show r_1 --journal sqlite:///x.db" in page
    assert markdown(card({"a": "pppp"}), "j").startswith("## ✅ desk: pass")


def looked(name: str, said: str, family: str = "") -> list[Trial]:
    """The same, and c: passed, with something against it; every success was looked at."""
    made = trials(name, said.replace("c", "p"), family)
    against = {"p": (), "c": ("wrong reason", "stale evidence")}
    return [
        msgspec.structs.replace(one, against=against.get(letter)) for one, letter in zip(made, said, strict=True)
    ]  # fmt: skip


def corrupt_card(said: dict[str, str], k: int = 4, **more: Any) -> Scorecard:
    cases = [case(name) for name in said]
    plan = planned(Suite("desk", AGENT, tuple(cases), ()), k, 0)
    return score(plan, cases, [one for name, letters in said.items() for one in looked(name, letters)], **more)


def test_a_corrupt_success_is_no_success_of_the_figure_beside_it_and_the_verdict_stays():
    found = corrupt_card({"a": "ppcp", "b": "pppp", "c": "ccfb"})
    made = found.corrupt
    assert (made.passes, made.corrupt, made.share.point) == (10, 3, 0.3)
    assert made.share.low < 0.3 < made.share.high
    assert made.against == {"wrong reason": 3, "stale evidence": 3}
    assert made.runs == ("r_a_3", "r_c_1", "r_c_2")
    assert [one.band.point for one in made.rightly] == pytest.approx(
        [(3 / 4 + 1 + 0) / 3, (3 / 6 + 1) / 3, (1 / 4 + 1) / 3, 1 / 3]
    )
    assert made.gap.point == 0.5  # of a and b: c has no four trials that could be made
    assert [one.corrupt for one in found.cases] == [1, 0, 2]
    assert corrupt_card({"a": "pppc"}).verdict == "pass"


def test_of_cases_that_say_nothing_no_success_is_corrupt_and_where_nobody_looked_nothing_is_said():
    found = corrupt_card({"a": "pppp", "weak": "cccc"}, passed_by={"weak": ["do-nothing"]})
    assert (found.corrupt.passes, found.corrupt.corrupt) == (4, 0)
    assert 0 == found.corrupt.share.low == found.corrupt.share.point < found.corrupt.share.high
    assert corrupt_card({"a": "ffff"}).corrupt is None
    assert card({"a": "pppp"}).corrupt is None
    assert "rightly" not in markdown(card({"a": "pppp"}), "x")


def test_markdown_has_both_figures_beside_each_other():
    text = markdown(corrupt_card({"a": "ppcp", "b": "pppp"}), "x")
    assert "| k | all of k trials pass (pass^k) | 95 % | rightly | 95 % | one of k passes (pass@k) | 95 % |" in text
    (row,) = [line for line in text.splitlines() if line.startswith("| 1 |")]
    assert [cell.strip() for cell in row.split("|")][2:5:2] == ["100.0 %", "87.5 %"]
    assert "Corrupt success: 1 of 8 passes, 12.5 %" in text
    assert "wrong reason 1 and stale evidence 1" in text
    assert "1 corrupt: wrong reason and stale evidence" in text
