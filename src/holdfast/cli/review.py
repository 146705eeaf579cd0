"""`holdfast review`: decide what waits for a person."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

import msgspec
import typer
from msgspec import Struct

from holdfast import codec
from holdfast.cli import environment, out, reading
from holdfast.cli.acting import acting
from holdfast.cli.options import DEFAULT, AgentPath, As, AsJson, Journal, RunName, Viewer, Work, pairs
from holdfast.cli.queue import Waiting, waiting
from holdfast.cli.review_act import ANSWERS, Acting, Person
from holdfast.cli.review_plan import decide_plan
from holdfast.cli.viewing import Viewer as Looks
from holdfast.core.state import State
from holdfast.errors import InputError, UsageError
from holdfast.events import Json

T = TypeVar("T")

Number = Annotated[int | None, typer.Argument(metavar="[Q]", help="The question, where a run has several.")]
Role = Annotated[list[str] | None, typer.Option("--role", metavar="ROLE", help="What you act as; may be repeated.")]
Text = Annotated[str, typer.Option("--text", metavar="TEXT", help="Your words; they are recorded.")]
Whom: TypeAlias = Literal["agent", "requester"]

Plan = Annotated[
    bool, typer.Option("--plan", help="Every open review of the same answer of the model, each on its own.")
]
Full = Annotated[bool, typer.Option("--full", help="Cut no value, and show every rule and reading.")]

ASSERTED: Final = "{name} is taken at their word: --as is an assertion, not an identity, and is recorded as such"

PLAIN: Final = {
    "tell": "Let the agent go on without what could not be done.",
    "retry": "Have what could not be done tried again.",
    "take": "Take the case over from the agent; the run ends as escalated.",
    "stop": "Stop the run for good.",
    "answer": "Answer what the agent asks.",
}
"""Verdict → what it means."""

DONE: Final = {
    "approve": "approved",
    "deny": "denied",
    "tell": "the agent will go on without it",
    "retry": "it will be tried again",
    "take": "taken over: the run will end as escalated",
    "stop": "the run will stop",
    "answer": "answered",
}


class Decision(Struct, frozen=True, kw_only=True):
    """What a person decides, and where."""

    journal: str
    run: str
    question: int | None
    person: Person
    text: str = ""
    as_json: bool = False


def app() -> typer.Typer:
    """The verbs under `holdfast review`."""
    made = typer.Typer(rich_markup_mode=None, help="Decide what waits for a person.", invoke_without_command=True)

    @made.callback()
    def review(
        context: typer.Context,
        viewer: Viewer = "",
        role: Role = None,
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work | None:
        """Decide what waits for you, one question after another: --as NAME, in a terminal. Else: the list."""
        given = [
            name
            for name in ("viewer", "role", "journal", "as_json")
            if str(context.get_parameter_source(name)).endswith("COMMANDLINE")
        ]
        if context.invoked_subcommand is None:
            looks = Looks("review", viewer)
            if "viewer" in given and viewer and not as_json and sys.stdin.isatty() and sys.stdout.isatty():
                return partial(_walk, looks, journal, person(viewer, role))
            return partial(_list, looks, journal, as_json)
        if given:
            raise UsageError(
                "options stand after the verb", hint=f"holdfast review {context.invoked_subcommand} … --json"
            )
        return None

    @made.command("list")
    def list_(viewer: Viewer = "", journal: Journal = DEFAULT, as_json: AsJson = False) -> Work:
        """All that waits for a person, the most urgent first."""
        return partial(_list, Looks("review list", viewer), journal, as_json)

    @made.command()
    def show(
        run: RunName, question: Number = None, full: Full = False, viewer: Viewer = "", journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:  # fmt: skip
        """One question with everything it rests on, and what each answer leads to."""
        from holdfast.cli.review_show import show as shown

        return partial(shown, Looks("review show", viewer), journal, run, question, full=full, as_json=as_json)

    _approve_and_deny(made)
    for verdict, meaning in PLAIN.items():
        made.command(verdict, help=meaning)(_plain(verdict))
    _claim_and_ask(made)
    _amend_and_settle(made)
    return made


def person(name: str, role: Sequence[str] | None) -> Person:
    """Who decides, in which roles: those that the settings give them, or that they say by --role. Raises NotAllowed."""
    settings = environment.settings()
    names = settings.identities(name) if settings is not None else frozenset((name,))
    return Person(name, acting(settings, name, role), names)


def _plain(verdict: str) -> Callable[..., Work]:
    def command(
        run: RunName, name: As, question: Number = None, role: Role = None, text: Text = "", journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:  # fmt: skip
        decision = Decision(
            journal=journal, run=run, question=question, person=person(name, role), text=text, as_json=as_json
        )
        return partial(_answer, decision, verdict)

    return command


def _approve_and_deny(made: typer.Typer) -> None:
    def command(verdict: str) -> Callable[..., Work]:
        def decide(
            run: RunName, name: As, question: Number = None, role: Role = None, text: Text = "", plan: Plan = False,
            journal: Journal = DEFAULT, as_json: AsJson = False,
        ) -> Work:  # fmt: skip
            decision = Decision(
                journal=journal, run=run, question=question, person=person(name, role), text=text, as_json=as_json
            )
            return partial(_plan if plan else _answer, decision, verdict)

        return decide

    made.command("approve", help="Say yes to a proposal, exactly as it is shown.")(command("approve"))
    made.command("deny", help="Say no to a proposal; --text is what the agent is told.")(command("deny"))


def _claim_and_ask(made: typer.Typer) -> None:
    @made.command()
    def claim(
        run: RunName,
        name: As,
        question: Number = None,
        over: Annotated[bool, typer.Option("--over", help="Also where somebody else is at it.")] = False,
        role: Role = None,
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Say that you look into a question, so that the others leave it to you."""
        decision = Decision(journal=journal, run=run, question=question, person=person(name, role), as_json=as_json)
        return partial(_do_and_tell, decision, lambda acts: acts.claim(question, over=over), f"{name} is at it")

    @made.command()
    def release(
        run: RunName, name: As, question: Number = None, journal: Journal = DEFAULT, as_json: AsJson = False
    ) -> Work:
        """Leave a question that you claimed to whoever takes it."""
        decision = Decision(journal=journal, run=run, question=question, person=person(name, None), as_json=as_json)
        return partial(_do_and_tell, decision, lambda acts: acts.release(question), "nobody is at it")

    @made.command()
    def ask(
        run: RunName,
        name: As,
        question: Number = None,
        text: Text = "",
        to: Annotated[
            Whom, typer.Option("--to", help="agent: it may propose again; requester: they may write.")
        ] = "agent",
        role: Role = None,
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Ask back before you decide: the agent, or the requester."""
        decision = Decision(journal=journal, run=run, question=question, person=person(name, role), as_json=as_json)
        return partial(_do_and_tell, decision, lambda acts: acts.ask_back(question, text, to), f"asked the {to}")


def _amend_and_settle(made: typer.Typer) -> None:
    @made.command()
    def amend(
        run: RunName,
        name: As,
        changes: Annotated[list[str], typer.Option("--set", metavar="ARG=VALUE", help="A new value; may be repeated.")],
        question: Number = None,
        role: Role = None,
        agent: AgentPath = "",
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Say yes to something else: change what the contract lets a reviewer change. It is judged again."""
        decision = Decision(journal=journal, run=run, question=question, person=person(name, role), as_json=as_json)
        return partial(_amend, decision, pairs(changes, "--set"), agent)

    @made.command()
    def settle(  # noqa: PLR0917 - a command's arguments and options
        run: RunName,
        name: As,
        question: Number = None,
        happened: Annotated[bool, typer.Option("--happened", help="It happened.")] = False,
        did_not: Annotated[bool, typer.Option("--did-not", help="It did not happen.")] = False,
        stop: Annotated[bool, typer.Option("--stop", help="Nobody can tell; the run ends.")] = False,
        result: Annotated[str, typer.Option("--result", metavar="JSON", help="What it returned, if you know.")] = "",
        text: Text = "",
        agent: AgentPath = "",
        journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:
        """Say what became of a write in doubt."""
        said = [word for word, given in (("happened", happened), ("did_not", did_not), ("stop", stop)) if given]
        if len(said) != 1:
            raise UsageError("say one of --happened, --did-not, --stop")
        if result and not happened:
            raise UsageError("--result belongs to --happened")
        decision = Decision(
            journal=journal, run=run, question=question, person=person(name, None), text=text, as_json=as_json
        )
        return partial(_settle, decision, said[0], result, agent)


# -------------------------------------------------------------------------------------------------------- looking


def _list(looks: Looks, url: str, as_json: bool) -> int:
    found, now = asyncio.run(_waiting(looks, url))
    if as_json:
        out.give(found)
        return 0
    if not found:
        print("nothing waits for a person")
        return 0
    from holdfast.cli.review_table import table

    out.show(table(found, now))
    print("next: holdfast review show RUN; or decide one after another: holdfast review --as NAME")
    return 0


async def _waiting(looks: Looks, url: str) -> tuple[list[Waiting], int]:
    async with reading.looking(url) as journal:
        found, now = await waiting(journal, looks), journal.now()
    await looks.record(url)
    return found, now


def _walk(looks: Looks, url: str, who: Person) -> int:
    from holdfast.cli.review_walk import Walk

    return Walk(looks, url, who).go()


# ------------------------------------------------------------------------------------------------------- deciding


def _do(decision: Decision, act: Callable[[Acting], Coroutine[Any, Any, T]]) -> T:
    """What an act at the run of a decision gives."""

    async def do() -> T:
        async with reading.speaking(decision.journal) as runner:
            row = await reading.find_row(runner.journal, decision.run)
            return await act(Acting(runner, row, decision.person))

    return asyncio.run(do())


def _do_and_tell(decision: Decision, act: Callable[[Acting], Coroutine[Any, Any, State]], what: str) -> int:
    return _told(decision, _do(decision, act), what)


def _answer(decision: Decision, verdict: str) -> int:
    if verdict == "answer" and not decision.text:
        raise UsageError("there is no answer", hint='--text "…"')
    state = _do(decision, lambda acts: acts.answer(decision.question, verdict, decision.text))
    return _told(decision, state, DONE[verdict])


def _plan(decision: Decision, verdict: str) -> int:
    done = _do(decision, lambda acts: decide_plan(acts, decision.question, verdict, decision.text))
    if decision.as_json:
        out.give({**msgspec.to_builtins(done), "by": decision.person.name, "asserted": True})
    else:
        for one in done.recorded:
            print(f"{done.run}: {one.number}. {one.action}: {DONE[verdict]}, entry {one.entry}")
        for one in done.refused:
            print(f"{done.run}: {one.number}. {one.action}: not {DONE[verdict]}: {one.why}")
        out.note(ASSERTED.format(name=decision.person.name))
        print(f"next: holdfast resume {done.run}, where no worker drives it")
    return 1 if done.refused else 0


def _amend(decision: Decision, changes: Mapping[str, str], agent: str) -> int:
    async def amend(acts: Acting) -> State:
        return await acts.put(await acts.amendment(decision.question, changes, agent))

    return _told(decision, _do(decision, amend), "changed; it is judged again, and yours is one voice for it")


def _settle(decision: Decision, verdict: str, result: str, agent: str) -> int:
    given = parsed(result)
    state = _do(decision, lambda acts: acts.settle(decision.question, verdict, decision.text, given, agent))
    return _told(decision, state, "settled")


def parsed(result: str) -> Json:
    """What somebody says a call returned. Raises InputError."""
    try:
        return codec.parse(result) if result else None
    except msgspec.DecodeError as error:
        raise InputError(f"--result is no JSON: {error}") from None


def _told(decision: Decision, state: State, what: str) -> int:
    name = decision.person.name
    if decision.as_json:
        open_ = [question.seq for question in state.questions.values()]
        out.give({"run": state.run, "seq": state.seq, "by": name, "asserted": True, "open_questions": open_})
        return 0
    print(f"{state.run}: {what}, entry {state.seq}")
    out.note(ASSERTED.format(name=name))
    print(f"next: holdfast resume {state.run}, where no worker drives it")
    return 0


assert set(PLAIN) | {"approve", "deny"} == set(ANSWERS), "every verdict has a verb"
