"""Every sample in README.md and docs/*.md does what the page says.

* `python`: the samples of a page are run in their order, as one program, in an empty folder and without a network. A
  sample whose first line is `# tools.py` is run too, and is the `tools.py` of the contracts on its page. A sample may
  use `await` outside a function.
* `yaml`: a sample with a `name` is a whole contract. One without is laid over the last whole contract before it on its
  page, or else over that of the page's agent: its keys, and the tools it names, replace those there. Both are loaded as
  an agent's folder is, with the types and tools of the page, so whatever is wrong with one is found. A page's agent is
  what `holdfast new` makes, if the page does that, and the refund desk of the examples on any other. A sample with `case`
  is a whole case of that agent, and one with keys of cases alone is laid over the last of them: both are read and checked.
  A sample whose first line is `# ../NAME/contract.yaml` is a whole contract too, and stands beside the agents of all pages
  under that name; for workspaces there is an empty folder `work`. A team is laid under nothing.
* `console`: what stands after `$ holdfast` is a verb, and its options are options of that verb. That the tutorial can
  be followed is shown by `test_tutorial`.

A sample is left out by `<!-- not run: reason -->` on the line before it; few are.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import shlex
import shutil
import sys
import types

import pytest
from ruamel.yaml import YAML

from holdfast.contract import Contract
from holdfast.evals.cases.case import Case, parse
from holdfast.evals.grading.graders import check_expectations
from holdfast.shell.folder import load
from tests.docs.pages import PAGES, ROOT, samples

DESK = ROOT / "examples" / "refund_desk"
TEMPLATE = ROOT / "src" / "holdfast" / "cli" / "template"
TOOLS = re.compile(r"\A# tools\.py\n")
BESIDE = re.compile(r"\A# \.\./([\w-]+)/contract\.yaml\n")
FEW = 6
"""Samples of all pages together that may be left out."""


def named(values):
    return pytest.mark.parametrize("page", values, ids=lambda page: str(page.relative_to(ROOT)))


# ------------------------------------------------------------------------------------------------- Python


def run(sample, module):
    """Run a sample in a module; what goes wrong in it points at the line of the page."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile("\n" * (sample.line - 1) + sample.text, str(sample.page), "exec", flags, dont_inherit=True)
    if code.co_flags & inspect.CO_COROUTINE:
        asyncio.run(eval(code, module.__dict__))
    else:
        exec(code, module.__dict__)


@named(PAGES)
def test_python_samples_run_in_the_order_of_their_page(page, elsewhere, monkeypatch):
    module = types.ModuleType(f"sample_{page.stem}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for sample in samples(page, "python"):
        if not sample.not_run:
            run(sample, module)


def test_samples_may_await_and_see_what_ran_before(elsewhere, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```python\nx = 1\n```\n\n```python\nimport asyncio\nawait asyncio.sleep(0)\nx += 1\n```\n")
    module = types.ModuleType("both")
    for sample in samples(page, "python"):
        run(sample, module)
    assert module.x == 2


# --------------------------------------------------------------------------------------------------- YAML


def agent_of(page):
    """The folder of the agent that a page is about."""
    begins = any(words[:1] == ["new"] for one in samples(page, "console") for words in commands(one.text))
    return TEMPLATE if begins else DESK


def tools_of(page):
    """The text of `tools.py` for the contracts of a page; None: its agent's."""
    made = [sample.text for sample in samples(page, "python") if TOOLS.match(sample.text)]
    return made[-1] if made else None


def folder_of(page, contract, where):
    """An agent's folder with this contract."""
    tools = tools_of(page)
    if tools is None:
        shutil.copytree(agent_of(page), where, ignore=shutil.ignore_patterns("__pycache__", ".holdfast"))
    else:
        where.mkdir()
        (where / "tools.py").write_text(tools, encoding="utf-8")
    (where / "instructions.md").write_text("Be brief.\n", encoding="utf-8")
    (where / "work").mkdir(exist_ok=True)
    with (where / "contract.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(contract, file)
    return where


def neighbours(where):
    """The agents that stand beside those of all pages, as folders."""
    for page in PAGES:
        for sample in samples(page, "yaml"):
            if found := BESIDE.match(sample.text):
                folder_of(page, YAML(typ="safe").load(sample.text), where / found[1])


def contracts(page):
    """(sample, whole contract) for each contract sample of a page, fragments laid over what they are parts of."""
    whole = YAML(typ="safe").load((agent_of(page) / "contract.yaml").read_text(encoding="utf-8"))
    for sample in samples(page, "yaml"):
        if sample.not_run:
            continue
        data = YAML(typ="safe").load(sample.text)
        if is_case(data):
            continue
        if BESIDE.match(sample.text) or "team" in data:
            yield sample, data
            continue
        if "name" in data and len(data) > 1:
            whole = data
        yield sample, laid_over(whole, data)


CASE_KEYS = Case.model_fields.keys() - Contract.model_fields.keys()


def is_case(data):
    """Whether a sample is a case, or a part of one, and no contract."""
    return "case" in data or data.keys() <= CASE_KEYS


def cases(page):
    """(sample, whole case) for each sample of a page that is a case, parts laid over what they are parts of."""
    whole = {}
    for sample in samples(page, "yaml"):
        data = YAML(typ="safe").load(sample.text)
        if sample.not_run or not is_case(data):
            continue
        whole = data if "case" in data else whole
        yield sample, {**whole, **data}


def laid_over(whole, part):
    """A contract with some of its keys replaced; of the tools, those that are named."""
    tools = part.get("tools", {})
    together = {**whole["tools"], **tools} if isinstance(tools, dict) and part is not whole else tools
    return {**whole, **part, "tools": together}


@named(PAGES)
def test_contract_samples_load(page, elsewhere):
    neighbours(elsewhere)
    for number, (sample, contract) in enumerate(contracts(page)):
        try:
            load(str(folder_of(page, contract, elsewhere / f"{page.stem}_{number}_agent")))
        except Exception as error:
            raise AssertionError(f"{sample.place}: {error}") from error


@named(PAGES)
def test_case_samples_are_cases(page):
    agent = load(str(agent_of(page))).agent
    for sample, data in cases(page):
        try:
            case = parse(data, sample.place)
            check_expectations(case, agent, case.expect.judges)
        except Exception as error:
            raise AssertionError(f"{sample.place}: {error}") from error


def test_a_wrong_contract_sample_is_found(elsewhere):
    page = ROOT / "docs" / "contract.md"
    sample, contract = next(contracts(page))
    contract["tools"]["issue_refund"]["must"][0]["that"] = "args.amout > 0"
    with pytest.raises(Exception, match="amout"):
        load(str(folder_of(page, contract, elsewhere / "wrong_agent")))
    assert sample.language == "yaml"


# ------------------------------------------------------------------------------------------------ console


def verbs():
    """Verb → its command; those of a group as `review approve`."""
    from typer.main import get_command

    from holdfast.cli.app import app

    found = {}
    for name, command in get_command(app()).commands.items():
        found[name] = command
        for inner, part in getattr(command, "commands", {}).items():
            found[f"{name} {inner}"] = part
    return found


def commands(text):
    """The command lines of a console sample, each as words: what stands after a `$`, with its continued lines."""
    joined = text.replace("\\\n", " ")
    for line in joined.splitlines():
        match = re.match(r"\s*\$ (?:\w+=\S+ )*holdfast\b(.*)", line)
        if match:
            yield shlex.split(match[1], comments=True)


def wrong_with(words, known):
    """What is wrong with a command line; empty where nothing is."""
    if not words or words[0] in ("--help", "--version", "-h", "-V", "help"):
        return ""
    verb = " ".join(words[:2]) if " ".join(words[:2]) in known else words[0]
    if verb not in known:
        return f"there is no verb {words[0]}"
    options = {option for part in known[verb].params for option in (*part.opts, *part.secondary_opts)}
    options |= {"--help", "-h", "--debug", "--json"}
    strange = [word for word in words[1:] if re.match(r"--?[A-Za-z]", word) and word.partition("=")[0] not in options]
    return f"{verb} has no option {strange[0]}" if strange else ""


@named(PAGES)
def test_console_samples_use_verbs_and_options_that_exist(page):
    known = verbs()
    shown = samples(page, "console")
    assert not samples(page, "bash", "sh", "shell"), "write console samples as ```console, each command after a $"
    wrong = [
        f"{one.place}: {problem}"
        for one in shown
        for words in commands(one.text)
        if (problem := wrong_with(words, known))
    ]
    assert not wrong, "\n".join(wrong)


@named(PAGES)
def test_verbs_named_in_the_text_exist(page):
    known = verbs()
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    wrong = []
    for shown in re.findall(r"`(?:\$ )?holdfast ([a-z][^`]*)`", text):
        problem = wrong_with(shlex.split(shown.replace("…", "")), known)
        wrong += [f"{page.name}: holdfast {shown}: {problem}"] if problem else []
    assert not wrong, "\n".join(wrong)


def test_a_wrong_command_is_found():
    known = verbs()
    assert "no verb" in wrong_with(["undoo", "r_1"], known)
    assert "no option" in wrong_with(["run", "desk", "--bach", "x"], known)
    assert list(commands("$ holdfast run a \\\n    --batch b\nDone\n$ ls\n")) == [["run", "a", "--batch", "b"]]


# --------------------------------------------------------------------------------------------------- both


def test_few_samples_are_left_out():
    left_out = [one.place for page in PAGES for one in samples(page, "python", "yaml", "console") if one.not_run]
    assert len(left_out) <= FEW, left_out


@named(PAGES)
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        if not path.exists():
            wrong.append(f"{target}: there is no {file}")
        elif anchor and anchor not in anchors(path):
            wrong.append(f"{target}: there is no such heading")
    assert not wrong, f"{page.name}: " + "; ".join(wrong)


def anchors(page):
    """The anchors that a page's headings have."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
