"""`holdfast review`: decide what waits for a person."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final

import msgspec
import typer
from msgspec import Struct

from holdfast import codec
from holdfast.agent import Bound
from holdfast.cli import agents, out, reading
from holdfast.cli.operate import actor
from holdfast.cli.options import DEFAULT, AgentPath, As, AsJson, Journal, RunName, Viewer, Work, like, pairs
from holdfast.cli.queue import Waiting, waiting
from holdfast.cli.viewing import Viewer as Looks
from holdfast.cli.viewing import by_entry, explicit
from holdfast.contract import Contract
from holdfast.core import desk
from holdfast.core.state import Question, State
from holdfast.errors import HoldfastError, InputError, UsageError
from holdfast.events import AnyEvent
from holdfast.journal.port import Row
from holdfast.shape import Misfit
from holdfast.shell.runner import Runner

Number = Annotated[int | None, typer.Argument(metavar="[Q]", help="The question, where a run has several.")]
Role = Annotated[list[str] | None, typer.Option("--role", metavar="ROLE", help="What you act as; may be repeated.")]
Text = Annotated[str, typer.Option("--text", metavar="TEXT", help="Your words; they are recorded.")]

ASSERTED: Final = "{name} is taken at their word: --as is an assertion, not an identity, and is recorded as such"

PLAIN: Final = {
    "approve": ("Say yes to a proposal, exactly as it is shown.", ("review", "output")),
    "deny": ("Say no to a proposal; --text is what the agent is told.", ("review", "output")),
    "tell": ("Let the agent go on without what could not be done.", ("surprise",)),
    "retry": ("Have what could not be done tried again.", ("surprise",)),
    "take": (
        "Take the case over from the agent; the run ends as escalated.",
        ("review", "output", "question", "surprise", "limit"),
    ),
    "stop": ("Stop the run for good.", ("review", "output", "question", "surprise", "limit")),
}
"""Verdict → what it means, and what kinds of question it answers."""


class Decision(Struct, frozen=True, kw_only=True):
    """What a person decides, and where."""

    journal: str
    run: str
    question: int | None
    name: str
    roles: tuple[str, ...] | None
    text: str = ""
    as_json: bool = False


def app() -> typer.Typer:
    """The verbs under `holdfast review`."""
    made = typer.Typer(rich_markup_mode=None, help="Decide what waits for a person.", invoke_without_command=True)

    @made.callback()
    def review(
        context: typer.Context, viewer: Viewer = "", journal: Journal = DEFAULT, as_json: AsJson = False
    ) -> Work | None:
        """Decide what waits for a person; alone: the list."""
        if context.invoked_subcommand is None:
            return partial(_list, Looks("review", viewer), journal, as_json)
        early = [
            name
            for name in ("viewer", "journal", "as_json")
            if str(context.get_parameter_source(name)).endswith("COMMANDLINE")
        ]
        if early:
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
        run: RunName, question: Number = None, viewer: Viewer = "", journal: Journal = DEFAULT, as_json: AsJson = False
    ) -> Work:
        """One question with everything it rests on."""
        return partial(_show, Looks("review show", viewer), journal, run, question, as_json)

    for verdict, (meaning, _) in PLAIN.items():
        made.command(verdict, help=meaning)(_plain(verdict))
    made.command("answer", help="Answer what the agent asks.")(_plain("answer"))
    _amend_and_settle(made)
    return made


def _plain(verdict: str) -> Callable[..., Work]:
    def command(
        run: RunName, name: As, question: Number = None, role: Role = None, text: Text = "", journal: Journal = DEFAULT,
        as_json: AsJson = False,
    ) -> Work:  # fmt: skip
        decision = Decision(
            journal=journal, run=run, question=question, name=name, roles=_roles(role), text=text, as_json=as_json
        )
        return partial(_answer, decision, verdict)

    return command


def _roles(given: Sequence[str] | None) -> tuple[str, ...] | None:
    return tuple(given) if given else None


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
        decision = Decision(journal=journal, run=run, question=question, name=name, roles=_roles(role), as_json=as_json)
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
            journal=journal, run=run, question=question, name=name, roles=None, text=text, as_json=as_json
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
    from holdfast.cli.review_text import table

    out.show(table(found, now))
    print("next: holdfast review show RUN")
    return 0


async def _waiting(looks: Looks, url: str) -> tuple[list[Waiting], int]:
    async with reading.looking(url) as journal:
        found, now = await waiting(journal, looks), journal.now()
    await looks.record(url)
    return found, now


def _show(looks: Looks, url: str, name: str, number: int | None, as_json: bool) -> int:
    from holdfast.views.carried import labels
    from holdfast.views.labelled import labelled
    from holdfast.views.trace import trace

    read = asyncio.run(looks.entries_of(url, name))
    seen = trace(read)
    open_ = {question.seq: question for question in seen.open_questions}
    if not open_ or (number is not None and number not in open_):
        raise UsageError(
            f"question {number} is not open" if number else "nothing waits here", run=seen.run, hint="holdfast review"
        )
    shown = [open_[number]] if number is not None else list(open_.values())
    if as_json:
        from holdfast.views.account import account

        carried = labelled(seen, labels(read)).calls
        calls = [seen.calls[question.call] for question in shown if question.call in seen.calls]
        found = {
            "questions": shown, "calls": [carried[call.seq] for call in calls],
            "accounts": [account(seen, call) for call in calls], "labels": by_entry(read),
        }  # fmt: skip
        out.give(explicit(found))
        return 0
    from holdfast.cli.review_text import question_text

    for question in shown:
        out.show(*question_text(seen, question))
    return 0


# ------------------------------------------------------------------------------------------------------- deciding


def _decide(decision: Decision, make: Callable[[Runner, State, Row], AnyEvent]) -> State:
    """Append what a person decides, made from the state it meets."""

    async def decide() -> State:
        async with reading.speaking(decision.journal) as runner:
            row = await reading.find_row(runner.journal, decision.run)
            return await runner.put(row.run, lambda state: make(runner, state, row), actor=actor(decision.name))

    return asyncio.run(decide())


def _question(state: State, number: int | None, kinds: Sequence[str]) -> Question:
    """The question that is meant. Raises UsageError where it is not clear which."""
    if number is not None:
        found = state.questions.get(number)
        if found is not None:
            return found
        raise UsageError(f"question {number} is not open", run=state.run, hint="holdfast review show lists what is")
    fitting = [question for question in state.questions.values() if question.asked.about in kinds]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        have = ", ".join(f"{one.seq} ({one.asked.about})" for one in state.questions.values()) or "none"
        raise UsageError(f"no open question can be answered so; open: {have}", run=state.run, hint="holdfast review")
    raise UsageError(
        "several questions are open", run=state.run, hint=f"say which: {', '.join(str(one.seq) for one in fitting)}"
    )


def _answer(decision: Decision, verdict: str) -> int:
    kinds = ("question",) if verdict == "answer" else PLAIN[verdict][1]
    if verdict == "answer" and not decision.text:
        raise UsageError("there is no answer", hint='--text "…"')

    def make(runner: Runner, state: State, row: Row) -> AnyEvent:
        seq = _question(state, decision.question, kinds).seq
        at = max(runner.journal.now(), state.at)
        return desk.answer(state, seq, verdict, decision.name, at, decision.text, decision.roles)

    return _told(decision, _decide(decision, make), _DONE[verdict])


_DONE: Final = {
    "approve": "approved",
    "deny": "denied",
    "tell": "the agent will go on without it",
    "retry": "it will be tried again",
    "take": "taken over: the run will end as escalated",
    "stop": "the run will stop",
    "answer": "answered",
}


def _amend(decision: Decision, changes: Mapping[str, str], agent: str) -> int:
    async def amend() -> State:
        async with reading.speaking(decision.journal) as runner:
            row = await reading.find_row(runner.journal, decision.run)
            state = await runner.state(row.run)
            secret = await runner.journal.secret(state.opened.tree or row.run) or b""
            bound = bound_of(agent or row.tags.get("agent_path", ""), state)

            def make(state: State) -> AnyEvent:
                seq = _question(state, decision.question, ("review", "output")).seq
                desk.question(state, seq, decision.name, max(runner.journal.now(), state.at), decision.roles)
                call = state.calls.get(state.questions[seq].asked.call)
                given = call.args if call is not None and isinstance(call.args, dict) else {}
                new = {name: like(given.get(name), text) for name, text in changes.items()}
                may = desk.amendable_of(state, call) if call is not None else []
                at = max(runner.journal.now(), state.at)
                return desk.amend(bound, state, seq, new, decision.name, at, secret, may)

            return await runner.put(row.run, make, actor=actor(decision.name))

    return _told(decision, asyncio.run(amend()), "changed; it is judged again, and yours is one voice for it")


def _settle(decision: Decision, verdict: Any, result: str, agent: str) -> int:
    try:
        given = codec.parse(result) if result else None
    except msgspec.DecodeError as error:
        raise InputError(f"--result is no JSON: {error}") from None

    def make(runner: Runner, state: State, row: Row) -> AnyEvent:
        call, value = _doubtful(state, decision.question), given
        bound = bound_of(agent or row.tags.get("agent_path", ""), state) if value is not None else None
        doubtful = state.calls.get(call)
        if bound is not None and doubtful is not None and doubtful.tool in bound.tools:
            try:
                value = bound.tools[doubtful.tool].gives.check(value)
            except Misfit as error:
                raise InputError(
                    f"{doubtful.tool} could not have returned that: {error}", run=state.run, seq=call
                ) from None
        return desk.settle(state, call, verdict, decision.name, decision.text, value, known=value is not None)

    return _told(decision, _decide(decision, make), "settled")


def _doubtful(state: State, number: int | None) -> int:
    """The write in doubt that is meant, by its question or its own number; of a closed run, one that was left so."""
    if state.closed is None:
        return _question(state, number, ("doubt",)).asked.call
    meant = state.questions[number].asked.call if number in state.questions else number
    left = [call for call in state.unresolved if meant in (None, call)]
    if not left:
        raise UsageError("nothing of this run is in doubt", run=state.run, hint="holdfast review")
    if len(left) > 1:
        raise UsageError("several writes are in doubt", run=state.run, hint=f"say which: {', '.join(map(str, left))}")
    return left[0]


def bound_of(where: str, state: State) -> Bound | None:
    """The run's contract with the agent's code, if that is at hand: it checks shapes, and nothing is driven."""
    try:
        return agents.load_folder(where).agent.bind(Contract.parse(state.contract)) if where else None
    except HoldfastError as error:
        out.note(f"the agent could not be loaded, so the shape of this is checked when the run goes on: {error.what}")
        return None


def _told(decision: Decision, state: State, what: str) -> int:
    if decision.as_json:
        open_ = [question.seq for question in state.questions.values()]
        out.give({"run": state.run, "seq": state.seq, "by": decision.name, "asserted": True, "open_questions": open_})
        return 0
    print(f"{state.run}: {what}")
    out.note(ASSERTED.format(name=decision.name))
    print(f"next: holdfast resume {state.run}, where no worker drives it")
    return 0
