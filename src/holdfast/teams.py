"""A team: peers who read each other's posts in closed rounds, and a writer who must cite them.

    memo = team(name="incident", task="Say what broke.", takes=Incident, gives=Memo, peers=[network, database], writer=author)

It is an agent like any other. Its tools are the peers and the writer, each of which answers in child runs of its own, and its
model is no model but the order of rounds (`models.team`). So posts are in the journal, every peer has its own contract and its
own part of the limits, a peer that dies is an answer like another, and what the writer cites is checked against what was posted.

A peer takes a `Round` and gives `Posts`; a writer takes a `Brief` and gives something that has `cites`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar, Unpack

from pydantic import BaseModel, Field

from holdfast.agent import Agent, Terms
from holdfast.contract import Team
from holdfast.errors import ContractError
from holdfast.events import Json
from holdfast.labels import Untrusted

In = TypeVar("In")
Out = TypeVar("Out")


class Post(BaseModel):
    """One thing a peer has to say."""

    kind: Literal["claim", "question", "answer", "retract"]
    about: str = Field(max_length=120)
    """What it is about, in a word or two: the same word for the same thing."""
    text: str = Field(max_length=400)
    cites: list[str] = Field(default=[], max_length=20)
    """Posts it rests on or answers, by their ids."""


class Posts(BaseModel):
    """What a peer gives in a round."""

    position: str = Field(default="", max_length=200)
    """Its answer to the task as it sees it now; the team agrees when all have the same."""
    posts: list[Post] = Field(max_length=20)


class Pinned(Post):
    """A post as others read it."""

    id: str
    """`2.network.1`: round, peer, which of its posts."""
    round: int
    peer: str
    repeats: str = ""
    """The post that said the same before."""


class Round(BaseModel):
    """What a peer gets in a round: nobody's posts of this round, everybody's of the rounds before."""

    task: Any
    round: int
    you: str
    board: Untrusted[list[Pinned]]


class Brief(BaseModel):
    """What the writer gets."""

    task: Any
    board: Untrusted[list[Pinned]]
    ended: str
    """Why there are no more rounds."""
    problem: str = ""
    """What was wrong with its first answer."""


def team(
    *,
    name: str,
    task: str,
    takes: type[In] | Mapping[str, Json],
    gives: type[Out] | Mapping[str, Json],
    peers: Sequence[Agent[Any, Any]] | Mapping[Agent[Any, Any], Mapping[str, Any]],
    writer: Agent[Any, Any],
    rounds: int = 3,
    writes: Mapping[str, Any] | None = None,
    **terms: Unpack[Terms],
) -> Agent[In, Out]:
    """An agent whose work is done by peers and written down by one more.

    peers: agents that take a `Round` and give `Posts`; as a mapping, each with its terms as a tool. writer: takes a `Brief`,
    gives what the team gives. rounds: at most so many. writes: the writer's terms; what its `limits.usd` names is kept for it.
    The optional keys of a contract may be given as further arguments.

    Raises ContractError with everything that is wrong with it.
    """
    granted = dict(peers.items()) if isinstance(peers, Mapping) else {peer: {} for peer in peers}
    wrong = [*(_lacks(one, Round, Posts) for one in granted), _lacks(writer, Brief, None)]
    for problem in filter(None, wrong):
        raise ContractError(f"team {name}: {problem}", hint="docs/teams.md says what peers and writers take and give")
    if len(granted) < 2:
        raise ContractError(f"team {name}: it has {len(granted)} peer", hint="a single agent does that")
    tools: dict[Any, Any] = {one.as_tool(): dict(given) for one, given in granted.items()}
    tools[writer.as_tool()] = dict(writes or {})
    order = Team.model_construct(peers=[one.name for one in granted], writer=writer.name, rounds=rounds)
    terms["team"] = order.model_dump()  # looked at with the rest of the contract
    return Agent(name=name, task=task, takes=takes, gives=gives, tools=tools, models=[order.model], **terms)


def _lacks(agent: Agent[Any, Any], takes: type[BaseModel], gives: type[BaseModel] | None) -> str:
    """What an agent does not take or give that its place in a team needs."""
    taken, given = agent.contract.takes.get("properties", {}), agent.contract.gives.get("properties", {})
    missing = [name for name in takes.model_fields if name not in taken]
    if missing:
        return f"{agent.name} does not take {missing[0]}: its input is a {takes.__name__}"
    wanted = list(gives.model_fields) if gives is not None else ["cites"]
    lacking = [name for name in wanted if name not in given]
    return f"{agent.name} does not give {lacking[0]}" if lacking else ""
