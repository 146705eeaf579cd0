"""The research brief: its documents, its tools, its contract, its cases, and the stand-in."""

from __future__ import annotations

import asyncio
import importlib
import json
import re
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from holdfast import call as step
from holdfast import decline, done, lint, script
from holdfast.conditions import quotes
from holdfast.evals.trials.suite import suite_of
from holdfast.evals.trials.trial import playing
from holdfast.events import CallJudged
from holdfast.shell.folder import load
from holdfast.shell.run import Declined, Done, Stopped
from holdfast.shell.runner import Runner
from holdfast.testing import told
from holdfast.tool import Absent, Call, CallKey, Found, Partial, Refused

BRIEF = Path(__file__).parents[2] / "examples" / "research_brief"
FOLDER = load(str(BRIEF))
tools, standin, story, library = (
    importlib.import_module(f"research_brief.{name}") for name in ("tools", "standin", "story", "library")
)
PAPERS = library.Library.of(library.DOCUMENTS)
SUITE = suite_of(FOLDER)
ENDS = {
    name: alone
    for name, alone, _ in re.findall(
        r"^\| ([\w-]+) \| .+? \| (passes|fails) \| (passes|fails) \|$",
        (BRIEF / "README.md").read_text("utf-8"),
        re.MULTILINE,
    )
}
BROAD = [case for case in SUITE.cases if case.input["question"].count(";") > 2]


def call(cursor=""):
    return Call(run="r", seq=7, attempt=1, deadline=5.0, cursor=cursor)


def read(papers, *names):
    """A story in which these documents were read, whole."""
    pages = {name: tuple({"document": name, "text": page} for page in papers.pages(name)) for name in names}
    return tuple(told.Made("read_document", {"document": name}, False, found, "") for name, found in pages.items())


# ------------------------------------------------------------------------------------------ the folder


def test_folder_is_small_and_holds_what_the_readme_says():
    files = [file for file in BRIEF.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    assert sum(file.stat().st_size for file in files) < 300_000
    assert len(PAPERS.documents) == 15
    assert "a folder of fifteen documents" in (BRIEF / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", PAPERS.documents)
def test_pages_of_a_document_are_the_document(name):
    pages = PAPERS.pages(name)
    assert "\n\n".join(pages).split() == PAPERS.documents[name].split()
    assert all(any(quotes(passage, page) for page in pages) for passage in library.passages(PAPERS.documents[name]))


def test_reading_is_paged_to_the_end():
    async def whole(name):
        found, cursor = [], ""
        while True:
            part = await tools.read_document(name, library=PAPERS, call=call(cursor))
            if not isinstance(part, Partial):
                return [*found, part]
            found.append(part.value)
            cursor = part.cursor

    pages = asyncio.run(whole("energy_audit_2025.md"))
    assert [page.page for page in pages] == list(range(1, pages[0].of + 1))
    assert len(pages) > 1


def test_document_nobody_has_and_search_for_nothing_are_refused():
    with pytest.raises(Refused, match=r"no document secrets\.md"):
        asyncio.run(tools.read_document("secrets.md", library=PAPERS, call=call()))
    with pytest.raises(Refused, match="three letters"):
        asyncio.run(tools.search_documents("of it", library=PAPERS))


def test_search_gives_the_passages_with_the_most_words_first():
    hits = asyncio.run(tools.search_documents("warranty Northwind", library=PAPERS))
    assert len(hits) <= tools.HITS
    assert hits[0].document == "offer_northwind.md"
    assert "warranty of 5 years" in hits[0].passage
    shared = [len(library.stems(hit.passage) & library.stems("warranty Northwind")) for hit in hits]
    assert shared == sorted(shared, reverse=True)
    assert shared[-1] > 0


# ---------------------------------------------------------------------------------------- the notebook


@pytest.fixture(params=["memory", "folder"])
def notebook(request, tmp_path):
    return library.Notebook(tmp_path / "notes" if request.param == "folder" else None)


def cited(notebook, key="k1", quote="It snows."):
    return asyncio.run(tools.cite("a.md", quote, "weather", notebook=notebook, key=CallKey(key)))


def test_same_key_is_the_same_citation(notebook):
    first, again, other = cited(notebook), cited(notebook, quote="It rains."), cited(notebook, "k2")
    assert first == again
    assert first.reference == "a.md: It snows."
    assert other.number != first.number
    assert len(notebook.all()) == 2


def test_lookup_finds_its_own_citation_and_a_struck_one_is_gone(notebook):
    made = cited(notebook)
    cited(notebook, "k2")

    def look():
        return asyncio.run(tools.find_citation("a.md", "It snows.", "weather", notebook=notebook, key=CallKey("k1")))

    assert look() == Found(made.number, made)
    asyncio.run(tools.strike_out(made, notebook=notebook))
    asyncio.run(tools.strike_out(made, notebook=notebook))
    assert isinstance(look(), Absent)
    assert len(notebook.all()) == 1


def test_notebook_in_a_folder_is_read_again(tmp_path):
    made = cited(library.Notebook(tmp_path))
    assert cited(library.Notebook(tmp_path), quote="something else") == made
    assert [file.name for file in tmp_path.iterdir()] == [f"{made.number}.json"]


# ----------------------------------------------------------------------------------------- the contract


def test_contract_binds_and_lint_finds_no_errors():
    agent = FOLDER.agent
    found = lint.findings(agent.contract, agent.tools)
    assert {(one.where, one.level) for one in found} == {("tools.cite", "advice")}
    assert {tool.name for tool in tools.TOOLS} == set(agent.contract.tools)


def test_every_question_fits_what_the_contract_takes():
    lines = (BRIEF / "questions.jsonl").read_text("utf-8").splitlines()
    for line in map(json.loads, lines):
        tools.Question(**line["input"])
    assert {json.loads(line)["key"].removeprefix("question:") for line in lines} <= set(ENDS)


# ---------------------------------------------------------------------------------------- the stand-in


def test_stand_in_says_plainly_what_it_is():
    assert "**It is no model" in standin.__doc__
    assert "it is no model" in (BRIEF / "README.md").read_text("utf-8")


def test_stand_in_holds_none_of_the_answers():
    source = (BRIEF / "standin.py").read_text("utf-8")
    facts = {fact for case in SUITE.cases for that in case.expect.that for fact in re.findall(r'quotes\("(.+?)"', that)}
    assert len(facts) > 25
    assert [fact for fact in facts if fact in source] == []


def test_what_it_notices_with_more_before_it_it_notices_with_less():
    names = list(PAPERS.documents)
    few, many = (set(standin.noticed(story.Story({}, read(PAPERS, *some)))) for some in (names[:2], names))
    assert len(few) == sum(
        len(library.passages(PAPERS.documents[name])) for name in names[:2] if name != "energy_audit_2022.md"
    )
    lost = {one for one in few if one not in many}
    assert lost
    assert {one for one in many if one.document in names[:2]} < few


def test_it_loses_the_same_in_whatever_order_it_reads():
    names = list(PAPERS.documents)
    there, back = (standin.noticed(story.Story({}, read(PAPERS, *some))) for some in (names, names[::-1]))
    assert set(there) == set(back)


@pytest.mark.parametrize("case", BROAD, ids=lambda case: case.name)
def test_each_part_of_a_broad_question_is_answered_when_asked_alone(case):
    facts = {fact for that in case.expect.that for fact in re.findall(r'^quotes\("(.+?)", output\.claims', that)}
    said = []
    for part in standin.parts(case.input["question"]):
        hits = [document for document, _ in PAPERS.search(" ".join(library.stems(part)))][: tools.HITS]
        names = list(dict.fromkeys(hits))[: standin.DOCUMENTS]
        seen = standin.noticed(story.Story({}, read(PAPERS, *names)))
        found = standin.answers(part, seen)
        assert found, part
        said += [one.passage for one in found]
    assert [fact for fact in facts if not quotes(fact, said)] == []


# ------------------------------------------------------------------------------------------- the cases


@pytest.fixture(scope="module")
def trials():
    """Case → its trial with the stand-in."""

    async def play():
        async with playing("memory:", SUITE, model=FOLDER.standin) as player:
            return {trial.case: trial async for trial in player.play(1)}

    return asyncio.run(play())


def test_readme_tells_of_every_case():
    assert set(ENDS) == {case.name for case in SUITE.cases}


@pytest.mark.parametrize("name", ENDS)
def test_every_case_ends_as_the_readme_says(trials, name):
    assert ("passes" if trials[name].passed else "fails") == ENDS[name], trials[name].misses


def test_what_fails_misses_facts_and_breaks_no_rule(trials):
    missed = {miss.grader for trial in trials.values() for miss in trial.misses}
    assert missed == {"that"}


def test_injection_is_obeyed_and_refused_and_the_brief_is_right():
    question = next(case for case in SUITE.cases if case.name == "prices").input["question"]
    result, refused = told_by(FOLDER.standin, question)
    assert isinstance(result, Done)
    assert len(result.output.claims) == 3
    assert refused == ["tools.cite.needs.read_document"]
    assert not quotes("efficient enough", result.output.model_dump())


# ------------------------------------------------------------------------------- what the contract holds


def told_by(model, question="What does the Northwind plant cost?"):
    """(result, rules that refused a call) of a run that a script answers."""

    @asynccontextmanager
    async def resources(_):
        yield PAPERS, library.Notebook()

    async def ask():
        async with Runner.open("memory:", resources=resources, model=model) as runner:
            run = await runner.start(FOLDER.agent, {"question": question}, by="t")
            result = await run.result()
            judged = [entry.event for entry in await run.entries() if isinstance(entry.event, CallJudged)]
            return result, [rule.rule for event in judged if event.verdict == "refuse" for rule in event.rules]

    return asyncio.run(ask())


PRICE = {"document": "offer_northwind.md", "quote": "The Northwind plant costs 418,000 EUR without tax"}
READ = step("read_document", document="offer_northwind.md")
CITE = step("cite", claim="the price", **PRICE)


def brief(*claims, contradictions=()):
    return done(answer="See below.", claims=list(claims), contradictions=list(contradictions))


def test_claim_that_was_read_and_cited_stands():
    result, refused = told_by(script(READ, CITE, brief({**PRICE, "text": "418,000 EUR"})))
    assert isinstance(result, Done)
    assert refused == []


@pytest.mark.parametrize(
    ("calls", "rule"),
    [
        ((CITE,), "tools.cite.needs.read_document"),
        (([READ, CITE],), "tools.cite.needs.read_document"),
        ((READ, step("cite", claim="x", document="offer_northwind.md", quote="costs 318,000 EUR")), "tools.cite.must[0]"),
        ((READ, step("cite", claim="x", document="offer_halvorsen.txt", quote="costs 372,500 EUR")), "tools.cite.needs.read_document"),
    ],
    ids=["unread", "in one breath", "misquoted", "another document"],
)  # fmt: skip
def test_quote_that_was_not_read_or_does_not_stand_there_is_refused(calls, rule):
    result, refused = told_by(script(*calls, decline("I cannot cite it.")))
    assert isinstance(result, Declined)
    assert refused == [rule]


@pytest.mark.parametrize(
    "given",
    [
        brief(),
        brief({**PRICE, "text": "t"}, {**PRICE, "quote": "Gas detection", "text": "t"}),
        brief({**PRICE, "document": "offer_halvorsen.txt", "text": "t"}),
        brief({**PRICE, "text": "t"}, contradictions=[{"about": "price", "one": PRICE, "other": PRICE}]),
        brief({**PRICE, "text": "t"}, contradictions=[{"about": "price", "one": PRICE, "other": {**PRICE, "document": "b.md"}}]),
    ],
    ids=["no claim", "uncited claim", "wrong document", "one document against itself", "uncited side"],
)  # fmt: skip
def test_brief_that_says_what_was_not_cited_is_told_so_and_then_stopped(given):
    result, _ = told_by(script(READ, CITE, given, given))
    assert isinstance(result, Stopped)
