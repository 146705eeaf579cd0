"""What a question that waits for a person is made of. Places are entries of its run; moments and spans are µs."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from holdfast.events import Json, LimitName, Mode
from holdfast.views.account import Clause, Saw
from holdfast.views.record import Content, Voice
from holdfast.views.sentence import Sentence

Trust: TypeAlias = Literal["requester", "trusted", "untrusted", "person", "model"]
"""Whose word an argument is: the requester's; that of a source that is trusted or not; a reviewer's; the model's own."""


class Given(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One part of what the run was asked for."""

    name: str
    value: Json
    checked: bool = True
    """False: marked as words that anyone may have written."""


class Argument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One value the call would be made with, and where it came from."""

    name: str
    """Its path in the arguments."""
    value: Json
    money: str = ""
    """The sum in words, where the name says the unit."""
    origin: str
    """`input`, `said:7`, `trusted:9`, `untrusted:12`, `person:ann`, `model`; empty: it was not traced."""
    source: str
    """The same in words."""
    trust: Trust
    entries: tuple[int, ...] = ()
    amendable: bool = False


class Field(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A field of a reading that a condition used."""

    name: str
    value: Json
    money: str = ""


class Reading(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Evidence that is shown beside the proposal."""

    tool: str
    args: Json
    entry: int
    at: int
    age: int
    """µs since it was read, or read again with the same result."""
    fresh: int = 0
    """µs the contract lets it age before it is read again; 0: no bound."""
    trusted: bool = False
    fields: tuple[Field, ...] = ()
    """Those that conditions bearing on this call used."""
    others: tuple[str, ...] = ()
    """Fields that only conditions about other cases read."""
    value: Content = Content()
    """All of it."""


class Held(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A condition of the contract that held."""

    rule: str
    because: str
    asks: str = ""
    saw: tuple[Saw, ...] = ()
    secret: bool = False
    bears: bool = True
    """False: it is about other cases, and holds whatever was read."""


class Change(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A field of a reading that is not what it was."""

    tool: str
    field: str
    before: Json
    after: Json
    entries: tuple[int, int]
    used: bool = False
    """Whether a condition bearing on this call reads it."""
    later: bool = False
    """Whether it was found since this question was put: then what is shown beside it is out of date."""


class Wrote(Struct, frozen=True, kw_only=True):
    """Words of the requester that the proposal does not know of."""

    seq: int
    at: int
    by: str
    text: Content


class Amendment(Struct, frozen=True, kw_only=True):
    """One argument that a person changed before."""

    name: str
    before: Json
    after: Json
    by: str
    seq: int


class Barred(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody who cannot decide, and why."""

    name: str
    why: str
    entries: tuple[int, ...] = ()
    run: str = ""
    """Where, if it is a run above this one."""


class Who(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who may decide."""

    role: str = ""
    """Empty: anyone who is not barred; `requester`: the requester."""
    stands_for: str = ""
    """The role that was asked first, and did not answer in time."""
    people: int = 1
    voices: tuple[Voice, ...] = ()
    """Who has said yes to exactly this; an amender's voice for what they changed it to is `amend`."""
    lacking: int = 1
    """How many more have to say yes."""
    barred: tuple[Barred, ...] = ()
    claimed: str = ""
    """Who is at it."""
    claimed_at: int = 0


class Ends(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Until when, and what follows if nobody decides."""

    until: int = 0
    """0: no end."""
    over: bool = False
    then: str = ""
    leads_to: str = ""


class Way(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One way to decide."""

    verdict: str
    leads_to: str
    command: str
    needs: str = ""
    """What has to be said with it: `text`, `changes`, `amount`."""


class Planned(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One call of the model's answer that holds the one in question."""

    number: int
    """In asked order, from 1."""
    call: int
    action: str
    stands: str
    question: int = 0
    """What is asked about it, if it waits for a review too."""


class Doubt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A write of which nobody here can tell whether it happened."""

    why: str
    ended: bool
    """Whether the attempt is proven over: if it is not, it may still happen."""
    attempts: tuple[Sentence, ...] = ()
    looked: tuple[Sentence, ...] = ()
    """What the other system said when it was asked; nothing where it cannot be."""


class Matter(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One open question with everything that it takes to decide it."""

    run: str
    question: int
    about: Literal["review", "question", "doubt", "limit", "surprise", "output"]
    agent: str
    task: str = ""
    mode: Mode = "live"
    at: int
    """When it was put."""
    text: str
    """What the journal says was asked."""
    action: str = ""
    """The call in words."""
    call: int = 0
    tool: str = ""
    limit: LimitName | None = None
    """Which one it has reached, if that is asked about."""
    version: int = 1
    by: str = ""
    on_behalf_of: str = ""
    opened: int = 0
    parent: str = ""
    parent_call: int = 0
    given: tuple[Given, ...] = ()
    attachments: tuple[str, ...] = ()
    heard: tuple[Wrote, ...] = ()
    """What the requester has said later, and the agent knows of."""
    clauses: tuple[Clause, ...] = ()
    """The rules that ask for a person."""
    who: Who = Who()
    ends: Ends = Ends()
    ways: tuple[Way, ...] = ()
    arguments: tuple[Argument, ...] = ()
    readings: tuple[Reading, ...] = ()
    held: tuple[Held, ...] = ()
    since: tuple[Wrote, ...] = ()
    """What the requester has written since it was put: nobody can say yes over it."""
    changes: tuple[Change, ...] = ()
    amended: tuple[Amendment, ...] = ()
    before: tuple[Sentence, ...] = ()
    """What people were asked about it earlier, and said."""
    doubt: Doubt | None = None
    plan: tuple[Planned, ...] = ()
    """The calls of the same answer, where several of them act."""
    number: int = 0
    """Which of them this is."""

    @property
    def waiting(self) -> tuple[Planned, ...]:
        """The calls of the plan that wait for a review, this one among them."""
        return tuple(one for one in self.plan if one.question)
