"""An agent as a folder: what is read, and where a mistake is said to be."""

from __future__ import annotations

import sys
import textwrap

import pytest

from holdfast.agent import Agent
from holdfast.errors import ContractError, UsageError
from holdfast.shell.folder import load, read_yaml

CONTRACT = """
name: desk
task: Decide one refund.
takes: Request
gives: Decision
models: [script:x]
tools:
  get_order:
  refund:
    must:
      - {that: args.cents > 0, because: something}
      - {check: open_hours, because: in opening hours}
    at_most: 1
instructions: instructions.md
limits: {steps: 12, usd: "0.20"}
"""
TOOLS = """
from contextlib import asynccontextmanager
from pydantic import BaseModel
from holdfast import tool
from .shop import Shop

class Request(BaseModel):
    order: str

class Decision(BaseModel):
    cents: int

@tool.read()
def get_order(order: str, *, shop: Shop) -> dict[str, int]:
    '''Everything known of one order.'''
    return {}

@tool.write(timeout=5, name="refund")
def give_back(order: str, cents: int) -> int:
    '''Pay money back.'''
    return cents

def open_hours(names):
    return True

@asynccontextmanager
async def resources(settings):
    yield Shop()
"""


@pytest.fixture
def folder(tmp_path, request):
    """A folder of this test's own, with a name of its own, forgotten afterwards."""
    name = f"desk_{abs(hash(request.node.name)) % 10**8}"
    path = tmp_path / name
    path.mkdir()
    for file, text in (
        ("contract.yaml", CONTRACT), ("tools.py", TOOLS), ("shop.py", "class Shop: pass\n"), ("instructions.md", "Be kind.\n"),
    ):  # fmt: skip
        (path / file).write_text(text, encoding="utf-8")
    yield path
    for known in [module for module in sys.modules if module.split(".")[0].removeprefix("agent_").startswith(name)]:
        del sys.modules[known]


def change(folder, old, new, file="contract.yaml"):
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new), encoding="utf-8")


def test_a_folder_is_an_agent_with_its_tools_types_predicates_and_instructions(folder):
    found = load(str(folder))
    agent = found.agent
    assert (agent.name, found.path) == ("desk", folder)
    assert list(agent.tools) == ["get_order", "refund"]
    assert agent.contract.instructions == "Be kind.\n"
    assert agent.contract.tools["refund"].at_most == 1
    assert list(agent.contract.predicates) == ["open_hours"]
    assert agent.gives.python({"cents": 1}).cents == 1
    assert found.resources is not None
    assert found.standin is None


def test_a_folder_may_have_a_stand_in_and_need_not_have_tools(folder):
    (folder / "standin.py").write_text("standin = 'a stand-in'\n")
    assert load(str(folder)).standin == "a stand-in"
    (folder / "tools.py").unlink()
    (folder / "contract.yaml").write_text(
        "{name: a, task: t, takes: str, gives: {type: object}, models: [m], tools: []}"
    )
    for known in [module for module in sys.modules if module.startswith(folder.name)]:
        del sys.modules[known]
    bare = load(str(folder))
    assert bare.agent.tools == {}
    assert bare.resources is None


def test_the_same_contract_has_the_same_digest_however_it_is_loaded(folder):
    one = load(str(folder)).agent.contract.digest
    change(folder, "steps: 12,", "steps:   12,   # a dozen\n ")
    assert load(str(folder)).agent.contract.digest == one
    change(folder, "steps:   12,", "steps: 13,")
    assert load(str(folder)).agent.contract.digest != one


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("task: Decide one refund.", "", "`task` is missing"), ("models: [script:x]", "", "`models` is missing"),
        ("takes: Request", "takes: Reqest", "`takes` names the type Reqest"), ("gives: Decision", "gives: Desision", "`gives` names the type Desision"),
        ("  get_order:", "  get_ordr:", "there is no tool called get_ordr"), ("check: open_hours", "check: opening", "no predicate is called opening"),
        ("limits:", "limit:", "`limit` is no key of a contract"), ("args.cents > 0", "args.euros > 0", "refund has no argument euros"),
        ("at_most: 1", "at_most: 0", "at_most"), ("instructions.md", "instruction.md", "there is no"),
        ("tools:\n", "tools: 7\nrest:\n", "`tools` is a list of names"), ("at_most: 1", "agent: ../other", "there is no agent at"),
        ('usd: "0.20"', "usd: [1", "line"), ("name: desk", "name: desk\nname: desk", "line"), ("steps: 12", "12: steps", "the key 12 under limits"),
        ("name: desk", "name: [desk]", "`name`"),
    ],
)  # fmt: skip
def test_a_mistake_is_said_with_its_file(folder, old, new, said):
    change(folder, old, new)
    with pytest.raises(ContractError) as caught:
        load(str(folder))
    assert said in str(caught.value)
    assert folder.name in caught.value.what


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import nowhere_to_be_found", "ModuleNotFoundError"),
        ("1 / 0", "ZeroDivisionError"),
        ("def broken(:", "SyntaxError"),
    ],
)
def test_tools_that_cannot_be_imported_are_said_not_to_and_are_tried_again(folder, text, said):
    (folder / "tools.py").write_text(text)
    with pytest.raises(ContractError, match=said) as caught:
        load(str(folder))
    assert "tools.py cannot be imported" in caught.value.what
    (folder / "tools.py").write_text(TOOLS)
    assert isinstance(load(str(folder)).agent, Agent)


def test_an_error_of_a_contract_in_tools_is_that_error(folder):
    change(folder, '@tool.write(timeout=5, name="refund")', '@tool.write(name="refund")', "tools.py")
    with pytest.raises(ContractError, match="refund writes and has no timeout"):
        load(str(folder))


def test_two_folders_of_one_name_are_two_agents(folder, tmp_path):
    other = tmp_path / "elsewhere" / folder.name
    other.mkdir(parents=True)
    for file in folder.iterdir():
        if file.is_file():
            (other / file.name).write_text(file.read_text())
    change(other, "return cents", "return -cents", "tools.py")
    one, two = load(str(folder)).agent, load(str(other)).agent
    assert one.tools["refund"]("A", 3) == 3
    assert two.tools["refund"]("A", 3) == -3


# ------------------------------------------------------------------------------------------------------ other places


def test_an_agent_may_be_named_by_its_place_in_python(folder, monkeypatch):
    monkeypatch.syspath_prepend(str(folder.parent))
    name = f"{folder.name}_made"
    (folder.parent / f"{name}.py").write_text(textwrap.dedent("""
        from holdfast import Agent
        agent = Agent(name="made", task="t", takes=str, gives={"type": "object"}, tools=[], models=["script:x"])
        other = 7
    """))  # fmt: skip
    assert load(f"{name}:agent").agent.name == "made"
    for where, said in (
        (f"{name}:other", "is no Agent"),
        (f"{name}:gone", "agents in it: agent"),
        ("nowhere_at_all:agent", "no module nowhere_at_all"),
    ):
        with pytest.raises(UsageError) as caught:
            load(where)
        assert said in str(caught.value)


def test_a_place_that_is_none_is_said_not_to_be(tmp_path):
    with pytest.raises(UsageError, match="there is no agent at") as caught:
        load(str(tmp_path / "nowhere"))
    assert "contract.yaml" in caught.value.hint
    with pytest.raises(ContractError, match="there is no"):
        load(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "value"),
    [("on: yes\noff: no", {"on": "yes", "off": "no"}), ("a: 010", {"a": 10}), ("a: 0o10", {"a": 8}), ("a: 1.50\nb: '1.50'", {"a": 1.5, "b": "1.50"}),
     ("a: true", {"a": True}), ("a: null", {"a": None})],
)  # fmt: skip
def test_yaml_is_yaml_1_2(tmp_path, text, value):
    """`on` stays a text, and so does `no`."""
    (tmp_path / "c.yaml").write_text(text)
    assert read_yaml(tmp_path / "c.yaml") == value


@pytest.mark.parametrize("text", ["- a\n- b", "just text", "", "7"])
def test_a_contract_is_a_mapping(tmp_path, text):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ContractError, match="a contract is a mapping"):
        read_yaml(tmp_path / "c.yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: {1: 2}", "the key 1 under a"),
        ("a: [{true: 2}]", "the key True under a[0]"),
        ("null: 1", "the key None under the top"),
    ],
)
def test_keys_are_texts(tmp_path, text, said):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ContractError) as caught:
        read_yaml(tmp_path / "c.yaml")
    assert said in caught.value.what


def test_what_cannot_be_read_as_text_is_said_not_to(tmp_path):
    (tmp_path / "c.yaml").write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(ContractError, match="cannot be read"):
        read_yaml(tmp_path / "c.yaml")
    (tmp_path / "d.yaml").mkdir()
    with pytest.raises(ContractError, match="cannot be read"):
        read_yaml(tmp_path / "d.yaml")
    (tmp_path / "e.yaml").write_text("a: !!python/object:os.system x")
    with pytest.raises(ContractError):
        read_yaml(tmp_path / "e.yaml")
