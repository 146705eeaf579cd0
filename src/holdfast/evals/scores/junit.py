"""A scorecard as JUnit's XML, which every CI reads: one testcase a case.

A case that failed is a failure, one that could not be made an error, one that says nothing is skipped, with the null agent
that passes it. A gate may pass although single trials failed; its verdict stands among the properties.
"""

from __future__ import annotations

import re
from typing import Final
from xml.etree import ElementTree as ET

from holdfast.evals.scores import card_words
from holdfast.evals.scores.scorecard import CaseScore, Scorecard

_FORBIDDEN: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no place for, not even escaped."""


def junit(card: Scorecard, journal: str) -> str:
    """The file's text. journal: where its trials can be opened."""
    root = ET.Element("testsuites")
    counts = [card_words.stands(case) for case in card.cases]
    suite = ET.SubElement(root, "testsuite", {
        "name": _text(card.plan.suite), "tests": str(len(card.cases)), "failures": str(counts.count("failed")),
        "errors": str(counts.count("not made")), "skipped": str(counts.count("uninformative") + counts.count("not played")),
        "time": f"{sum(case.seconds for case in card.cases):.3f}",
    })  # fmt: skip
    properties = ET.SubElement(suite, "properties")
    for name, value in (
        ("verdict", card.verdict), ("why", card_words.headline(card)), ("contract", card.plan.contract),
        ("models", ", ".join(card.plan.models)), ("trials", str(card.plan.trials)), ("seed", str(card.plan.seed)),
        ("journal", journal),
    ):  # fmt: skip
        ET.SubElement(properties, "property", {"name": name, "value": _text(value)})
    for case in card.cases:
        _case(suite, card, case, journal)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def _case(suite: ET.Element, card: Scorecard, case: CaseScore, journal: str) -> None:
    made = ET.SubElement(
        suite,
        "testcase",
        {"classname": _text(card.plan.suite), "name": _text(case.name), "time": f"{case.seconds:.3f}"},
    )
    match card_words.stands(case):
        case "failed":
            misses = [f"{one.grader}: {one.why} ({one.trials} of {case.trials} trials)" for one in case.misses]
            _said(made, "failure", misses, f"{case.failed} of {case.trials} trials failed", case.misses[0].run, journal)
        case "not made":
            troubles = [f"{one.why} ({one.trials} of {case.trials} trials)" for one in case.troubles]
            said = f"{case.broken} of {case.trials} trials could not be made"
            _said(made, "error", troubles, said, case.troubles[0].run, journal)
        case "uninformative":
            ET.SubElement(made, "skipped", {"message": _text(f"uninformative: {card_words.by_whom(case)}")})
        case "not played":
            ET.SubElement(made, "skipped", {"message": "not played: the gate had its verdict"})


def _said(made: ET.Element, kind: str, lines: list[str], message: str, run: str, journal: str) -> None:
    found = ET.SubElement(made, kind, {"message": _text(f"{message}: {lines[0]}"), "type": kind})
    found.text = _text("\n".join([*lines, card_words.opened(run, journal)]))


def _text(value: str) -> str:
    return _FORBIDDEN.sub("\ufffd", value)
